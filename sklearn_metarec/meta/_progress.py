"""A selection under way, as scikit-learn's callbacks see it."""

from contextlib import contextmanager

from sklearn.base import clone


class Progress:
    """The tasks of a selection: rounds, the evaluations of each, the refit.

    Evaluations run in workers with limits of time, so that callbacks see that they
    ended, and not what goes on in them; the refit passes the callbacks on.

    Parameters
    ----------
    selector : estimator with scikit-learn's CallbackSupportMixin
        Whose fit this is.
    X, y : table and array-like or None
        What it is fitted on.

    Attributes
    ----------
    stopped : bool
        Whether a callback asked to stop: no further round begins.
    """

    def __init__(self, selector, X, y):
        self._seen = {"estimator": selector, "X": X, "y": y}
        # How many rounds a race has is seen when it is decided.
        self._fit = selector._init_callback_context(max_subtasks=None)
        self._fit.call_on_fit_task_begin(**self._seen)
        self._round = None
        self.stopped = False

    @contextmanager
    def round(self, name, n_evaluations):
        """Begin a round of so many evaluations, and end it."""
        self._round = self._fit.subcontext(task_name=name, max_subtasks=n_evaluations)
        self._round.call_on_fit_task_begin(**self._seen)
        yield
        if self._round.call_on_fit_task_end(**self._seen):
            self.stopped = True
        self._round = None

    def evaluated(self, name):
        """Tell that an evaluation of a candidate has ended."""
        assert self._round is not None  # evaluations are those of a round
        task = self._round.subcontext(task_name=name)
        task.call_on_fit_task_begin(**self._seen)
        if task.call_on_fit_task_end(**self._seen):
            self.stopped = True

    @contextmanager
    def refit(self, record):
        """Give the chosen estimator to fit, with the callbacks that it can have."""
        task = self._fit.subcontext(task_name=f"refit of {record.name}")
        model = clone(record.estimator)
        if hasattr(model, "set_callbacks"):
            with task.propagate_callback_context(model):
                task.call_on_fit_task_begin(**self._seen)
                yield model
        else:
            task.call_on_fit_task_begin(**self._seen)
            yield model
        task.call_on_fit_task_end(**self._seen)

    def end(self):
        """End the fit."""
        self._fit.call_on_fit_task_end(**self._seen)
