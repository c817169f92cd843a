"""Metrics beyond accuracy, on codes: which items are shown, and to how many."""

import numpy as np

from sklearn_metarec.metrics._diversity import mean_dissimilarity

# The head are the most popular items that together make this share of the training
# interactions: Pareto's 80%.
HEAD_SHARE = 0.8
# Figures of all lists together.
TOGETHER = ("coverage", "gini")


def exposure_values(metric, k, lists):
    """Compute a metric beyond accuracy.

    Parameters
    ----------
    metric : str
        Its name without the cut-off.
    k : int
        The cut-off.
    lists : Lists
        The lists and what is known of the items.

    Returns
    -------
    values : float or ndarray of shape (n,)
        One figure, or one a list: NaN where a list is too short for it.
    """
    return _METRICS[metric](np.ascontiguousarray(lists.ranked[:, :k]), k, lists)


def _user_coverage(codes, k, lists):
    return (codes >= 0).any(axis=1).astype(np.float64)


def _coverage(codes, k, lists):
    return len(_exposures(codes, lists.n_items)) / lists.n_items


def _gini(codes, k, lists):
    # Shani and Gunawardana 2011, section 8.3.3: 0 when all items are shown equally
    # often, 1 when one item is shown alone.
    shown = _exposures(codes, lists.n_items)
    n = lists.n_items
    if len(shown) == 0:
        return np.nan
    if n == 1:
        return 0.0
    # Items that are never shown come first and add nothing.
    rank = np.arange(n - len(shown) + 1, n + 1)
    return ((2 * rank - n - 1) @ shown) / ((n - 1) * shown.sum())


def _exposures(codes, n_items):
    """Return how often each item that is shown at all is shown, ascending."""
    counts = np.bincount(codes[codes >= 0])
    counts = np.sort(counts[counts > 0])
    if len(counts) > n_items:
        raise ValueError(
            f"n_items={n_items}, but the lists hold {len(counts)} distinct items. Pass "
            "the number of items that can be recommended."
        )
    return counts


def _average_popularity(codes, k, lists):
    return _slot_means(codes, lists.popularity)


def _novelty(codes, k, lists):
    # An item that nobody has in training would be infinitely novel: it counts as one
    # that a single user has.
    users = np.maximum(lists.popularity, 1)
    return _slot_means(codes, np.log2(lists.n_train_users / users))


def _tail_share(codes, k, lists):
    return _slot_means(codes, ~head_items(lists.popularity))


def head_items(popularity, share=HEAD_SHARE):
    """Return a mask of the smallest set of items with that share of interactions.

    Parameters
    ----------
    popularity : ndarray of shape (n_items,)
        Training interactions of each item.
    share : float, default=0.8
        The share of the interactions.

    Returns
    -------
    head : ndarray of shape (n_items,)
        True for items of the head; ties go to the lower index.
    """
    order = np.argsort(-popularity, kind="stable")
    before = np.cumsum(popularity[order]) - popularity[order]
    head = np.zeros(len(popularity), dtype=bool)
    # An item belongs to the head if those before it do not make up the share yet. The
    # product is rounded: a share that is reached exactly must count as reached.
    head[order] = before < np.round(share * popularity.sum(), 6)
    return head & (popularity > 0)


def _slot_means(codes, value_of):
    """Return the mean value of each list's items."""
    listed = codes >= 0
    total = np.where(listed, value_of[codes], 0).sum(axis=1, dtype=np.float64)
    return _divide(total, listed.sum(axis=1))


def _divide(numerator, denominator):
    out = np.full(len(numerator), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def _diversity(codes, k, lists):
    return mean_dissimilarity(codes, lists.vectors)


def _serendipity(codes, k, lists):
    # Ge et al. 2010, with the k most popular items as the list of the
    # "primitive" model: what it recommends is expected.
    expected = np.zeros(len(lists.popularity), dtype=bool)
    expected[np.argsort(-lists.popularity, kind="stable")[:k]] = True
    unexpected = (codes >= 0) & ~expected[codes]
    # Where the user has no relevant item, hit is NaN.
    return np.where(unexpected, lists.hit[:, :k], lists.hit[:, :k] * 0).sum(axis=1) / k


_METRICS = {
    "average_popularity": _average_popularity,
    "coverage": _coverage,
    "diversity": _diversity,
    "gini": _gini,
    "novelty": _novelty,
    "serendipity": _serendipity,
    "tail_share": _tail_share,
    "user_coverage": _user_coverage,
}
