"""Metric names, and what each of them says about one user's list."""

from dataclasses import dataclass

import numpy as np

from sklearn_metarec._kernels import metrics as kernel

DEFAULT_K = 10


@dataclass(frozen=True)
class ListStatistics:
    """What the accuracy metrics of one cut-off are made of, an entry a user.

    Attributes
    ----------
    k : int
        The cut-off.
    n_relevant : ndarray of shape (n,)
        Relevant items of each user, in the list or not; at least 1.
    values : ndarray of shape (N_STATISTICS, n)
        The kernel's statistics at the cut-off.
    n_items : int or None
        The size of the catalogue.
    """

    k: int
    n_relevant: np.ndarray
    values: np.ndarray
    n_items: int | None


def _ndcg(s):
    return s.values[kernel.DCG] / s.values[kernel.IDEAL_DCG]


def _precision(s):
    return s.values[kernel.HITS] / s.k


def _recall(s):
    return s.values[kernel.HITS] / s.n_relevant


def _f1(s):
    # 2 P R / (P + R) with P = hits / k and R = hits / n: the hits cancel once, and
    # with them the division by zero of a list without hits.
    return 2 * s.values[kernel.HITS] / (s.k + s.n_relevant)


def _hit_rate(s):
    return (s.values[kernel.HITS] > 0).astype(np.float64)


def _average_precision(s):
    return s.values[kernel.PRECISION_SUM] / np.minimum(s.k, s.n_relevant)


def _reciprocal_rank(s):
    return s.values[kernel.RECIPROCAL_RANK]


def _accuracy(s):
    hits = s.values[kernel.HITS]
    false_positives = s.values[kernel.SLOTS] - hits
    false_negatives = s.n_relevant - hits
    return 1 - (false_positives + false_negatives) / s.n_items


def _auc(s):
    hits = s.values[kernel.HITS]
    negatives = s.n_items - s.n_relevant
    listed = s.values[kernel.SLOTS] - hits
    # A relevant item that is not listed has all listed negatives above it, and ties
    # with those that are not listed either.
    each_missed = listed + (negatives - listed) / 2
    above = s.values[kernel.NEGATIVES_ABOVE] + (s.n_relevant - hits) * each_missed
    pairs = s.n_relevant * negatives
    # Without a negative there is nothing to rank above: undefined.
    return 1 - np.divide(above, pairs, out=np.full(len(hits), np.nan), where=pairs > 0)


# Of the user's list and relevant items alone.
ACCURACY = {
    "accuracy": _accuracy,
    "auc": _auc,
    "f1": _f1,
    "hit_rate": _hit_rate,
    "map": _average_precision,
    "mrr": _reciprocal_rank,
    "ndcg": _ndcg,
    "precision": _precision,
    "recall": _recall,
}
# Beyond accuracy: see _beyond.py.
BEYOND = (
    "average_popularity", "coverage", "diversity", "gini", "novelty", "serendipity",
    "tail_share", "user_coverage",
)  # fmt: skip
NEEDS_N_ITEMS = ("accuracy", "auc", "coverage", "gini")


def parse_metric(name):
    """Split a metric's name into the metric and its cut-off.

    Parameters
    ----------
    name : str
        A metric, with or without a cut-off: `"ndcg@10"`, `"map"`.

    Returns
    -------
    metric : str
        The metric without the cut-off.
    k : int
        The cut-off; 10 if the name has none, the usual length of a shown list.

    Raises
    ------
    ValueError
        If there is no such metric, or the cut-off is not a positive integer.

    Examples
    --------
    >>> from sklearn_metarec.metrics import parse_metric
    >>> parse_metric("recall@20"), parse_metric("ndcg")
    (('recall', 20), ('ndcg', 10))
    """
    metric, at, cutoff = str(name).partition("@")
    known = sorted({*ACCURACY, *BEYOND})
    if metric not in known:
        raise ValueError(
            f"Unknown metric {name!r}. Known: {', '.join(known)}; each may have a "
            "cut-off, as in 'ndcg@10'."
        )
    if not at:
        return metric, DEFAULT_K
    if not (cutoff.isascii() and cutoff.isdigit() and int(cutoff) > 0):
        raise ValueError(
            f"The cut-off of {name!r} must be a positive integer, as in '{metric}@10'; "
            f"got {cutoff!r}."
        )
    return metric, int(cutoff)
