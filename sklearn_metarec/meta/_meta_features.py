"""What a table is like, in numbers: what a choice of model may be learned from."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.factorization import PureSVD
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.neighbors import ItemKNN, UserKNN
from sklearn_metarec.utils._sklearn import check_random_state, column_or_1d

# The head of the catalogue whose share of the rows is told.
_HEAD = 10
_LANDMARKS = {
    "popularity": PopularityRecommender(),
    "item_knn_1": ItemKNN(1),
    "item_knn_5": ItemKNN(5),
    "user_knn_1": UserKNN(1),
    "user_knn_5": UserKNN(5),
    "pure_svd_1": PureSVD(1, random_state=0),
    "pure_svd_5": PureSVD(5, random_state=0),
}
# The rows that landmarks are measured on, about: a tenth of a second's work.
_LANDMARK_ROWS = 20_000


def meta_features(X, y=None, *, landmarks=False, random_state=None):
    """Describe a table of interactions by numbers.

    The set is that of RecZilla (McElfresh et al. 2022): sizes and their ratios, and
    the distributions of all ratings and of their count, mean and sum by user and by
    item, with the share of the rows that the most popular items have.

    Parameters
    ----------
    X : array-like or dataframe of shape (n, >= 2), or Interactions
        One row an interaction.
    y : array-like of shape (n,), default=None
        Ratings or strengths; 1 each by default, which makes the features of ratings
        constant and those of sums equal to those of counts.
    landmarks : bool, default=False
        Whether to add the nDCG@10 of simple models on a sample of the users, of some
        20,000 rows: popularity, neighbours (1 and 5, of items and of users) and
        singular vectors (1 and 5). NaN where the sample cannot be divided.
    random_state : int, RandomState or None, default=None
        Draws the sample of the landmarks and its test part.

    Returns
    -------
    features : dict of str to float
        `n_users`, `n_items`, `n_interactions`, `density` (rows over possible pairs),
        `users_per_item`, `items_per_user`, `head_share` (of the ten most popular
        items); then, for each of `rating`, `user_count`, `user_mean`, `user_sum`,
        `item_count`, `item_mean` and `item_sum`, the statistics `mean`, `max`,
        `min`, `std`, `median`, `mode` (the least of the most frequent values),
        `entropy` (of the distinct values, in nats), `gini` (of the values less the
        least, where that is negative), `skew` and `kurtosis` (excess; both 0 for
        constant values), as in `user_count_gini`; and with `landmarks`,
        `landmark_popularity`, `landmark_item_knn_1` and so on.

    Raises
    ------
    ValueError
        If the table has no rows, or `y` another length.

    References
    ----------
    D. McElfresh et al. (2022). On the generalizability and predictability of
    recommender systems. NeurIPS 35, appendix C.

    Examples
    --------
    >>> from sklearn_metarec.meta import meta_features
    >>> X = [["ann", "tea"], ["ann", "jam"], ["bob", "tea"]]
    >>> features = meta_features(X, [5, 3, 4])
    >>> features["density"], features["user_count_mean"], features["item_mean_max"]
    (0.75, 1.5, 4.5)
    """
    table = encode_interactions(X)
    check_consistent_length(X, y)
    ratings = np.ones(len(table)) if y is None else column_or_1d(y, dtype=np.float64)
    n_users, n_items = len(table.users), len(table.items)
    by_user = _groups(table.rows, ratings, n_users)
    by_item = _groups(table.cols, ratings, n_items)
    popular = np.sort(by_item["count"])[::-1]
    features = {
        "n_users": n_users,
        "n_items": n_items,
        "n_interactions": len(table),
        "density": len(table) / (n_users * n_items),
        "users_per_item": n_users / n_items,
        "items_per_user": n_items / n_users,
        "head_share": popular[:_HEAD].sum() / len(table),
    }
    features |= _named("rating", ratings)
    for who, groups in (("user", by_user), ("item", by_item)):
        for what, values in groups.items():
            features |= _named(f"{who}_{what}", values)
    if landmarks:
        features |= _landmarks(table, check_random_state(random_state))
    return {name: float(value) for name, value in features.items()}


def _groups(codes, values, n):
    """Return count, mean and sum of the values of each code; all codes occur."""
    count = np.bincount(codes, minlength=n)
    total = np.bincount(codes, weights=values, minlength=n)
    return {"count": count, "mean": total / count, "sum": total}


def _named(prefix, values):
    return {f"{prefix}_{name}": value for name, value in describe(values).items()}


def describe(values):
    """Return the statistics of a distribution.

    Parameters
    ----------
    values : ndarray of shape (n,)
        At least one.

    Returns
    -------
    statistics : dict of str to float
        As :func:`meta_features` tells.
    """
    ordered = np.sort(values)
    n = len(ordered)
    # What follows is of the distinct values, of which long tables have few.
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    distinct = ordered[starts].astype(np.float64)
    ends = np.r_[starts[1:], n]
    shares = (ends - starts) / n
    mean = float(shares @ distinct)
    deviation = distinct - mean
    second, third, fourth = (float(shares @ deviation**p) for p in (2, 3, 4))
    # Rounding alone gives equal values a variance, of this order.
    constant = second <= (16 * np.finfo(float).eps * max(abs(mean), 1)) ** 2
    return {
        "mean": mean,
        "max": distinct[-1],
        "min": distinct[0],
        "std": np.sqrt(second),
        "median": (ordered[(n - 1) // 2] + ordered[n // 2]) / 2,
        "mode": distinct[np.argmax(shares)],
        "entropy": max(-float(shares @ np.log(shares)), 0.0),
        "gini": _gini(distinct, starts, ends),
        "skew": 0.0 if constant else third / second**1.5,
        "kurtosis": 0.0 if constant else fourth / second**2 - 3,
    }


def _gini(distinct, starts, ends):
    """Return how unequal values are: 0 for equal ones, near 1 for one of many."""
    distinct = distinct - min(distinct[0], 0.0)
    n, total = ends[-1], (ends - starts) @ distinct
    # Of n ascending values x_i, the sum of (2i - n - 1) x_i, a run at a time.
    ranks = (ends - starts) * (starts + ends - n)
    return float(ranks @ distinct / (n * total)) if total > 0 else 0.0


def _landmarks(table, rng):
    """Return the nDCG@10 of simple models on a sample of the users."""
    share = min(_LANDMARK_ROWS / len(table), 1.0)
    chosen = rng.permutation(len(table.users))
    chosen = chosen[: max(round(share * len(chosen)), 1)]
    mask = np.zeros(len(table.users), dtype=bool)
    mask[chosen] = True
    sample = table[mask[table.rows]].compact()
    seed = int(rng.randint(np.iinfo(np.int32).max))
    try:
        train, test = next(PerUserShuffleSplit(random_state=seed).split(sample))
    except ValueError:  # no user of the sample has two pairs
        return {f"landmark_{name}": np.nan for name in _LANDMARKS}
    fitted, held_out = sample[train], sample[test]
    return {
        f"landmark_{name}": clone(model).fit(fitted).score(held_out)
        for name, model in _LANDMARKS.items()
    }
