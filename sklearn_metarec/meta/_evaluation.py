"""Evaluations of candidates: one task a candidate and fold, in joblib's workers."""

import signal
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec._side_tables import SIDE_TABLES
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import Interactions
from sklearn_metarec.meta._combination import can_be_member, shortlist
from sklearn_metarec.metrics import parse_metric
from sklearn_metarec.metrics._codes import TOGETHER

# How long after its limit a task that does not listen is killed with its worker.
_GRACE = 1.0
_REASON_LENGTH = 300
# How long a cluster may take to restart a worker.
_RESTART_SECONDS = 60.0
# Metrics that have a value for each user and read nothing of the fit.
_MEAN_OVER_USERS = {"f1", "hit_rate", "map", "mrr", "ndcg", "precision", "recall"}
# So few rows that fitting them costs nothing but the compiling of kernels.
_WARM_UP_ROWS = 50


@dataclass(frozen=True)
class Measure:
    """How a fitted candidate is scored; greater is better.

    Attributes
    ----------
    metric : str or None
        A ranking metric, `"rmse"`, or None where `scorer` says it all.
    scorer : callable or None
        A scikit-learn scorer.
    users : ndarray or None
        Codes of the users whose best items are kept, to see what combinations give.
    """

    metric: str | None = None
    scorer: Any = None
    users: np.ndarray | None = None

    def values(self, model, X, y, sample_weight):
        """Return (value of each user or row, their weights), or None and the score."""
        if self.scorer is not None:
            return None, float(self.scorer(model, X, y))
        if self.metric == "rmse":
            errors = (np.asarray(model.predict(X)) - y) ** 2
            return -errors, sample_weight
        together = parse_metric(self.metric)[0] in TOGETHER
        scores = evaluate_ranking(
            model, X, y, sample_weight, metrics=(self.metric,), per_user=not together
        )
        value = scores[self.metric]
        return (None, float(value)) if together else (value, None)

    def mean(self, values, weights):
        """Return the score of the values."""
        if values is None:
            return weights
        if not len(values):
            return np.nan
        mean = float(np.average(values, weights=weights))
        return -np.sqrt(-mean) if self.metric == "rmse" else mean

    @property
    def per_user(self):
        """Whether it is the mean of one value a user."""
        return (
            self.metric is not None
            and self.metric != "rmse"
            and (parse_metric(self.metric)[0] in _MEAN_OVER_USERS)
        )

    def shortlist(self, model, X):
        """Return the best items of the users that are to be kept, or None."""
        coded = isinstance(X, Interactions)
        if self.users is None or not coded or not can_be_member(model):
            return None
        return shortlist(model, self.users)


@dataclass(frozen=True)
class Data:
    """A table in both its forms: as it came, and in codes.

    Attributes
    ----------
    X : array-like or dataframe of shape (n, >= 2)
        What other people's estimators and pipelines get.
    coded : Interactions
        What this package's own recommenders get: integers in place of the ids, in the
        same order, so that the models are the same and nothing is encoded twice.
    y, sample_weight : ndarray of shape (n,) or None
        Targets and weights.
    complete : bool, default=False
        Whether the coded form has the caller's ids and the other columns too, so that
        all recommenders can be given it.
    """

    X: Any
    coded: Interactions
    y: np.ndarray | None
    sample_weight: np.ndarray | None
    complete: bool = False

    def form_for(self, estimator):
        """Return the form of the table that an estimator can be given."""
        if not isinstance(estimator, BaseRecommender):
            return self.X
        if self.complete:
            return self.coded
        # Its own side tables, and those of what it is made of.
        by_id = any(
            name.rsplit("__", 1)[-1] in SIDE_TABLES and value is not None
            for name, value in estimator.get_params().items()
        )
        return self.X if by_id or estimator._reads_context else self.coded


@dataclass(frozen=True)
class Outcome:
    """What an evaluation gave.

    Attributes
    ----------
    score : float
        NaN if it failed.
    values : ndarray or None
        One value a user or row, comparable between candidates.
    shortlist : tuple of ndarray or None
        Best items and their scores, of the users that the measure names.
    fit_time, score_time : float
        Seconds.
    error : str or None
        Why there is no score.
    given_up : bool
        Whether it was the time limit.
    """

    score: float = np.nan
    values: np.ndarray | None = None
    shortlist: tuple[np.ndarray, np.ndarray] | None = None
    fit_time: float = 0.0
    score_time: float = 0.0
    error: str | None = None
    given_up: bool = False


class _TimeIsUp(BaseException):
    """Raised in an evaluation at its limit; no `except Exception` holds it up."""


@contextmanager
def _time_limit(seconds):
    """Raise `_TimeIsUp` in the block after that many seconds, where that is possible.

    Signals reach the main thread only, which is where a worker process runs its tasks.
    """
    main = threading.current_thread() is threading.main_thread()
    if seconds is None or not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise _TimeIsUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def evaluate(estimator, table, y, sample_weight, train, test, measure, limit, left):
    """Fit an estimator on some rows and measure it on others; never raises.

    Parameters
    ----------
    estimator : estimator
        Not fitted; a clone is.
    table : table
        The form of the table that it takes.
    y, sample_weight : ndarray of shape (n,) or None
        Targets and weights.
    train, test : ndarray
        Row positions.
    measure : Measure
        What to measure.
    limit : float or None
        Seconds after which to give up.
    left : float or None
        Seconds that there are for this in all. Compiling, which happens once a
        machine, comes out of these and not out of the limit.

    Returns
    -------
    outcome : Outcome
        Score or error.
    """
    started = time.perf_counter()
    try:
        model = clone(estimator)
        if isinstance(table, Interactions):
            with _time_limit(limit):
                _warm_up(model, table, y, train)
            now = time.perf_counter()
            if limit is not None:
                limit = min(limit, left - (now - started))
            started = now
        with _time_limit(limit), warnings.catch_warnings():
            # What a candidate has to say of a sample concerns nobody; its errors do.
            warnings.simplefilter("ignore")
            fit_weighted(
                model, rows_of(table, train), take(y, train), take(sample_weight, train)
            )
            fitted = time.perf_counter()
            values, weights = measure.values(
                model, rows_of(table, test), take(y, test), take(sample_weight, test)
            )
            score = measure.mean(values, weights)
            kept = measure.shortlist(model, table)
    except _TimeIsUp:
        seconds = time.perf_counter() - started
        reason = f"given up after {seconds:.1f} s"
        return Outcome(fit_time=seconds, error=reason, given_up=True)
    except Exception as error:
        seconds = time.perf_counter() - started
        return Outcome(fit_time=seconds, error=f"{type(error).__name__}: {error}")
    ended = time.perf_counter()
    return Outcome(score, values, kept, fitted - started, ended - fitted)


def fit_weighted(model, X, y, sample_weight):
    """Fit with weights, if there are any, and if the model or its last step takes them.

    Parameters
    ----------
    model : estimator
        A recommender, or a pipeline with one at its end.
    X : table
        The rows.
    y, sample_weight : ndarray of shape (n,) or None
        Targets and weights.

    Returns
    -------
    model : estimator
        The fitted model.
    """
    options = {}
    if sample_weight is not None:
        prefix, inner = "", model
        while hasattr(inner, "steps"):
            name, inner = inner.steps[-1]
            prefix += f"{name}__"
        if has_fit_parameter(inner, "sample_weight"):
            options[f"{prefix}sample_weight"] = sample_weight
    return model.fit(X, y, **options)


def seeded(estimator, seed):
    """Give a seed to each `random_state` that has none, so that a fit repeats."""
    unset = [
        name
        for name, value in estimator.get_params().items()
        if value is None and name.rsplit("__", 1)[-1] == "random_state"
    ]
    return estimator.set_params(**dict.fromkeys(unset, seed))


def _warm_up(model, table, y, train):
    """Have the model's kernels compiled: its times should not be the compiler's."""
    few = train[:_WARM_UP_ROWS]
    with suppress(Exception), warnings.catch_warnings():
        # The fit that follows will say better what is wrong.
        warnings.simplefilter("ignore")
        clone(model).fit(table[few], take(y, few)).recommend(k=1)


def take(values, rows):
    """Return some of the values, or None of None."""
    return None if values is None else values[rows]


def rows_of(table, rows):
    """Return some rows of a table in either form."""
    if isinstance(table, Interactions):
        return table[rows]
    return _safe_indexing(table, rows)


def run_tasks(keys, make_task, *, n_jobs, seconds):
    """Run tasks and yield (key, outcome) as they end.

    A worker that dies takes the pool with it: what was running then is tried once
    more, each alone, so that only the task that kills its worker is lost.

    Parameters
    ----------
    keys : list
        One a task, in the order in which they should start.
    make_task : callable
        From key to the arguments of :func:`evaluate`, or None to leave the task out.
        Called when there is a free worker.
    n_jobs : int or None
        As in joblib, whose `parallel_config` decides on which machines.
    seconds : callable
        Returns the seconds that all tasks together may take from now on.
    """
    pending = list(keys)
    n_workers = effective_n_jobs(n_jobs)
    while pending:
        started: list[Any] = []
        try:
            for key, outcome in _parallel(
                pending, make_task, started, n_jobs, seconds()
            ):
                pending.remove(key)
                yield key, outcome
            return
        except Exception:
            # A task catches its own errors, so this one is of the pool.
            if n_workers < 2:
                raise
            suspects = [key for key in started if key in pending]
            pending = [key for key in pending if key not in suspects]
        for key in suspects:
            _await_workers(n_jobs)
            try:
                yield from _parallel([key], make_task, [], n_jobs, seconds())
            except Exception as error:
                reason = " ".join(str(error).split())[:_REASON_LENGTH]
                yield key, Outcome(error=f"{type(error).__name__}: {reason}")
        _await_workers(n_jobs)


def _parallel(keys, make_task, started, n_jobs, seconds):
    def tasks():
        for key in list(keys):
            task = make_task(key)
            if task is not None:
                started.append(key)
                yield delayed(_keyed)(key, task)

    n_workers = effective_n_jobs(n_jobs)
    limited = n_workers > 1 and np.isfinite(seconds)
    timeout = max(seconds, 0) + _GRACE if limited else None
    workers = Parallel(
        n_jobs=n_jobs, batch_size=1, pre_dispatch=n_workers,
        return_as="generator_unordered", timeout=timeout,
    )  # fmt: skip
    _report_lost_tasks(workers._backend)
    yield from workers(tasks())


def _await_workers(n_jobs):
    """Wait, for a while, until there is more than one worker again.

    With one, joblib would run the task here, and it may be one that kills its process.
    """
    deadline = time.monotonic() + _RESTART_SECONDS
    while effective_n_jobs(n_jobs) < 2:
        if time.monotonic() > deadline:
            raise RuntimeError(
                "A worker died and did not come back. Start more workers, or leave "
                "out the candidate that kills them."
            )
        time.sleep(0.1)


def _report_lost_tasks(backend):
    """Have joblib's dask backend tell of tasks whose worker died.

    Up to joblib 1.5 it tells of results only, and waits for such a task for ever.
    """
    if type(backend).__name__ != "DaskDistributedBackend" or "submit" in vars(backend):
        return
    submit = backend.submit

    def submit_and_tell(func, callback=None):
        def tell(future):
            error = future.exception()
            if error is not None and callback is not None:
                callback(error)

        future = submit(func, callback=callback)
        future.add_done_callback(tell)
        return future

    backend.submit = submit_and_tell


def _keyed(key, task):
    return key, evaluate(*task)
