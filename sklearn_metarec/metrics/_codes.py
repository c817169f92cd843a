"""Ranking metrics of lists that are coded already."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_metarec._kernels import metrics as kernel
from sklearn_metarec.metrics._exposure import TOGETHER, exposure_values
from sklearn_metarec.metrics._names import ACCURACY, ListStatistics, parse_metric
from sklearn_metarec.utils._parallel import map_ranges

# A task should be worth a thread: this many slots take some 5 ms.
_SLOTS_PER_TASK = 1 << 20


@dataclass(frozen=True)
class Relevant:
    """The relevant items of the lists' users, in codes.

    Attributes
    ----------
    rows : ndarray of shape (n,), dtype=int32
        The compressed row of each list; -1: its user has none.
    indptr, indices : ndarray
        Compressed rows of item codes.
    gains : ndarray or None
        The gains of the entries; None: 1 each.
    user_weight : ndarray of shape (n,) or None
        The weight of each list; None: 1 each.
    """

    rows: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    gains: np.ndarray | None = None
    user_weight: np.ndarray | None = None


@dataclass(frozen=True)
class Lists:
    """All that the metrics can be computed from; what is not known is None.

    Attributes
    ----------
    ranked : ndarray of shape (n, width), dtype=int32
        Codes of the lists, or PADDING, or UNKNOWN.
    relevant : Relevant or None
        The test table.
    n_items : int or None
        The size of the catalogue.
    popularity : ndarray of shape (n_codes,) or None
        Distinct training users of each item.
    n_train_users : int or None
        Distinct users in training.
    vectors : ndarray or sparse array of shape (n_codes, d) or None
        The vectors of the items.
    hit : ndarray of shape (n, width) or None
        Which slots are hits: filled in where a metric wants it.
    """

    ranked: np.ndarray
    relevant: Relevant | None = None
    n_items: int | None = None
    popularity: np.ndarray | None = None
    n_train_users: int | None = None
    vectors: Any = None
    hit: np.ndarray | None = None


# What a metric must have, and how to say that it is missing.
_NEEDS = {
    "relevant": (
        {*ACCURACY, "serendipity"},
        "the test table: pass X_true and users",
    ),
    "n_items": (
        {"accuracy", "auc", "coverage", "gini"},
        "the size of the catalogue: pass n_items, or the training table",
    ),
    "popularity": (
        {"average_popularity", "novelty", "serendipity", "tail_share"},
        "the training table: pass X_train (of codes, popularity)",
    ),
    "n_train_users": (
        {"novelty"},
        "the training table: pass X_train (of codes, n_train_users)",
    ),
    "vectors": (
        {"diversity"},
        "item vectors: pass item_vectors, or the training table X_train",
    ),
}


class Request:
    """The metrics that are asked for.

    Parameters
    ----------
    metrics : str or sequence of str
        Names, with cut-offs or without.

    Attributes
    ----------
    parsed : dict of str to (str, int)
        Metric and cut-off of each name.
    depth : int
        The deepest cut-off.
    """

    def __init__(self, metrics):
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        if not names:
            raise ValueError("metrics is empty: name at least one, such as 'ndcg@10'.")
        self.parsed = {name: parse_metric(name) for name in names}
        self.depth = max(k for _, k in self.parsed.values())

    @property
    def names(self):
        """The metrics without their cut-offs."""
        return {metric for metric, _ in self.parsed.values()}

    @property
    def beyond_accuracy(self):
        """Whether there is a metric that looks at more than the hits."""
        return not self.names <= ACCURACY.keys()

    def needs(self, what):
        """Tell whether a metric needs that attribute of `Lists`."""
        return not self.names.isdisjoint(_NEEDS[what][0])

    def check(self, lists, per_user):
        """Raise a ValueError if something that a metric needs is not known."""
        for attribute, (metrics, message) in _NEEDS.items():
            for name, (metric, _) in self.parsed.items():
                if metric in metrics and getattr(lists, attribute) is None:
                    raise ValueError(f"{name!r} needs {message}.")
        for name, (metric, _) in self.parsed.items():
            if per_user and metric in TOGETHER:
                raise ValueError(
                    f"{name!r} is a figure of all lists together: it has no value "
                    "per user. Ask for it with per_user=False."
                )


def ranking_scores_from_codes(
    indptr,
    indices,
    gains,
    ranked,
    *,
    rows=None,
    metrics=("ndcg@10",),
    user_weight=None,
    n_items=None,
    popularity=None,
    n_train_users=None,
    item_vectors=None,
    per_user=False,
):
    """Compute ranking metrics of recommended lists in codes.

    This is what :func:`ranking_scores` calls once it has encoded the ids; nothing is
    validated here.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,)
        Where each compressed row of relevant items starts.
    indices : ndarray of shape (n_relevant,), dtype=int32
        Codes of the relevant items; -1 for an item without a code: no list can hold
        it, but it counts as relevant. A code that its row repeats counts once.
    gains : ndarray of shape (n_relevant,) or None
        Their gains, positive; None: 1 each.
    ranked : ndarray of shape (n, width), dtype=int32
        Codes of the recommended items, best first; -1 for an item without a code, or
        a slot without an item. Where it makes a difference (accuracy, auc), the
        latter is -2.
    rows : ndarray of shape (n,), dtype=int32, default=None
        The compressed row of each list, -1 if its user has none; by default list i
        belongs to row i.
    metrics : str or sequence of str, default=("ndcg@10",)
        See :func:`ranking_scores`.
    user_weight : ndarray of shape (n,), default=None
        The weight of each list in the means; 1 by default.
    n_items : int, default=None
        The size of the catalogue; the length of `popularity` by default.
    popularity : ndarray of shape (n_codes,), default=None
        How many distinct users have each item in training.
    n_train_users : int, default=None
        How many distinct users there are in training, for novelty.
    item_vectors : ndarray or sparse array of shape (n_codes, d), default=None
        The vectors of the items, for diversity. The transposed training matrix makes
        it diversity by co-occurrence.
    per_user : bool, default=False
        Whether to return a value a list instead of the mean.

    Returns
    -------
    values : dict of str to float or ndarray of shape (n,)
        See :func:`ranking_scores`.

    Raises
    ------
    ValueError
        If a name is unknown or a metric lacks what it needs.

    Examples
    --------
    One user has items 0 and 2 and gets 0, 1, 2:

    >>> import numpy as np
    >>> from sklearn_metarec.metrics import ranking_scores_from_codes
    >>> ranked = np.array([[0, 1, 2]], dtype=np.int32)
    >>> ranking_scores_from_codes(
    ...     np.array([0, 2]), np.array([0, 2]), None, ranked, metrics="map@3"
    ... )
    {'map@3': 0.833...}
    """
    if rows is None:
        rows = np.arange(len(ranked), dtype=np.int32)
    if n_items is None and popularity is not None:
        n_items = len(popularity)
    relevant = Relevant(rows, indptr, indices, gains, user_weight)
    lists = Lists(ranked, relevant, n_items, popularity, n_train_users, item_vectors)
    return evaluate(Request(metrics), lists, per_user)


def evaluate(request, lists, per_user=False):
    """Compute the metrics of a request.

    Parameters
    ----------
    request : Request
        The metrics.
    lists : Lists
        The lists, and what is known of their users and items.
    per_user : bool, default=False
        Whether to return the values of the lists instead of their mean.

    Returns
    -------
    values : dict of str to float or ndarray of shape (n,)
        The value of each name.
    """
    request.check(lists, per_user)
    accuracy = {}
    if request.needs("relevant"):
        hit_wanted = "serendipity" in request.names
        accuracy, lists = _accuracy_values(request, lists, hit_wanted)
    values = {
        name: accuracy[name] if name in accuracy else exposure_values(metric, k, lists)
        for name, (metric, k) in request.parsed.items()
    }
    if per_user:
        return values
    weight = None if lists.relevant is None else lists.relevant.user_weight
    means = {name: _mean(value, weight) for name, value in values.items()}
    undefined = [name for name, mean in means.items() if np.isnan(mean)]
    if undefined:
        warnings.warn(
            f"{', '.join(undefined)}: undefined for every user, so the mean is NaN. "
            "Has any of the users a relevant item, and a recommendation?",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    return means


def _accuracy_values(request, lists, hit_wanted):
    """Return the values a list of the accuracy metrics, and the lists with hits."""
    cutoffs = np.unique([k for _, k in request.parsed.values()])
    statistics, n_relevant, hit = _statistics(
        lists.ranked, lists.relevant, cutoffs, hit_wanted
    )
    defined = n_relevant > 0
    everyone = defined.all()
    if not everyone:
        statistics, n_relevant = statistics[:, :, defined], n_relevant[defined]
    if not request.names.isdisjoint({"accuracy", "auc"}):
        _check_n_items(lists.n_items, statistics[:, -1], n_relevant)
    values = {}
    for name, (metric, k) in request.parsed.items():
        if metric in ACCURACY:
            at_k = statistics[:, np.searchsorted(cutoffs, k)]
            value = ACCURACY[metric](ListStatistics(k, n_relevant, at_k, lists.n_items))
            if not everyone:
                compact, value = value, np.full(len(defined), np.nan)
                value[defined] = compact
            values[name] = value
    if hit_wanted:
        lists = replace(lists, hit=np.where(defined[:, None], hit, np.nan))
    return values, lists


def _statistics(ranked, relevant, cutoffs, hit_wanted):
    """Run the kernel over all lists."""
    indptr = _plain(relevant.indptr, np.int64)
    indices, gains = relevant.indices, relevant.gains
    scratch_type = np.dtype(np.uint8 if gains is None else np.float64)
    if gains is None:
        gains = np.empty(0, dtype=np.float64)
    else:
        indices, gains = _descending(indptr, indices, gains)
    indices = _plain(indices, np.int32)
    rows = _plain(relevant.rows, np.int32)
    ranked = _plain(ranked[:, : cutoffs[-1]], np.int32)
    n, width = ranked.shape
    longest_row = np.diff(indptr).max(initial=0)
    # No rank beyond the lists and the relevant items has a use for its discount.
    depth = min(cutoffs[-1], max(width, longest_row))
    discount = 1 / np.log2(np.arange(2, depth + 2))
    n_codes = max(ranked.max(initial=-1), indices.max(initial=-1)) + 1
    statistics = np.empty((kernel.N_STATISTICS, len(cutoffs), n))
    n_relevant = np.empty(n, dtype=np.int64)
    hit = np.zeros((n, width) if hit_wanted else (0, 0), dtype=np.uint8)
    map_ranges(
        kernel.rank_statistics, n, rows, indptr, indices, gains, ranked, cutoffs,
        discount, statistics, n_relevant, hit,
        chunk=_SLOTS_PER_TASK // max(width, 1) + 1,
        states=lambda: (np.zeros(n_codes, scratch_type), np.empty(depth + 1)),
    )  # fmt: skip
    return statistics, n_relevant, hit


def _plain(array, dtype):
    """Return the array, or a copy, as the kernel is compiled for it."""
    # Another type, order or write protection (joblib's memory maps have it) would be
    # compiled all over again.
    return np.require(array, dtype, ["C", "W"])


def _descending(indptr, indices, gains):
    """Put the entries of each row in descending order of gain."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.lexsort((-gains, row))
    return indices[order], gains[order].astype(np.float64)


def _check_n_items(n_items, statistics, n_relevant):
    used = n_relevant + statistics[kernel.SLOTS] - statistics[kernel.HITS]
    if used.max(initial=0) > n_items:
        raise ValueError(
            f"n_items={n_items} is smaller than the {int(used.max())} distinct items "
            "that one user's list and relevant items hold. Pass the size of the "
            "catalogue, items that only the test table has included."
        )


def _mean(value, weight):
    """Return the weighted mean over the lists where the value is defined."""
    if np.ndim(value) == 0:
        return float(value)
    defined = ~np.isnan(value)
    if not defined.all():
        value = value[defined]
        weight = None if weight is None else weight[defined]
    if weight is None:
        return float(value.mean()) if len(value) else np.nan
    total = weight.sum()
    return float(weight @ value / total) if total > 0 else np.nan
