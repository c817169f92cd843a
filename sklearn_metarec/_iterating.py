"""The epochs of a fit, shown to scikit-learn's callbacks."""

import numpy as np

from sklearn_metarec.interactions import Interactions


def epochs(estimator, n_epochs, history, fitted, enough=None):
    """Count the epochs of a fit, from 1, until all are done or a callback stops it.

    Parameters
    ----------
    estimator : estimator with scikit-learn's CallbackSupportMixin
        What is fitted; its `n_iter_` counts along. Its `fit` runs under `fit_context`,
        which ends the callbacks.
    n_epochs : int
        How many epochs there are at most.
    history : History
        What it learns from; the callbacks see it as X and y.
    fitted : callable
        Returns a dict of the attributes with which the estimator could predict now.
        It is called for the callbacks that ask for a fitted estimator only, and what
        it returns must not change afterwards.
    enough : callable, default=None
        Called after each epoch; the fit ends where it returns true.

    Yields
    ------
    epoch : int
        The number of the epoch that is to be done.
    """
    seen = {
        "estimator": estimator,
        "X": lambda: as_table(history),
        "y": lambda: history.matrix.data,
        "metadata": _metadata(history),
    }
    fit = estimator._init_callback_context(max_subtasks=n_epochs)
    fit.call_on_fit_task_begin(**seen)
    for estimator.n_iter_ in range(1, n_epochs + 1):
        task = fit.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(**seen)
        yield estimator.n_iter_
        stop = task.call_on_fit_task_end(**seen, reconstruction_attributes=fitted)
        if stop or (enough is not None and enough()):
            break
    fit.call_on_fit_task_end(**seen, reconstruction_attributes=fitted)


def as_table(history):
    """Return the pairs of a history as a table in codes."""
    rows = np.repeat(
        np.arange(len(history.users), dtype=np.int32), np.diff(history.matrix.indptr)
    )
    return Interactions(history.users, history.items, rows, history.matrix.indices)


def _metadata(history):
    # A scorer need not know weights: it gets them where they say something.
    if history.weights is None or (history.weights == 1).all():
        return None
    return {"sample_weight": history.weights}
