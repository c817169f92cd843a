"""A seeded generator of interactions."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch

from sklearn_metarec._kernels import generate
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import (
    Interval,
    StrOptions,
    check_random_state,
    validate_params,
)

_FIRST_SECOND = 1_704_067_200  # 2024-01-01, UTC
_SPAN = 366 * 86_400  # that year, in seconds
# Popularity and taste move in steps: within a step the weights of the items stand
# still, which the exact draw without replacement needs.
_N_PERIODS = 16
# An affinity of more than this many standard deviations counts as this many. That
# concerns 2.3% of a user's items, and bounds what the rejection sampler wastes: with
# 2.5, it makes twice as many proposals.
_CAP = 2.0
# Ratings: stars, and what they are made of (standard deviations, in stars).
_LOWEST, _MIDDLE, _HIGHEST = 1, 3.0, 5
_LEVEL = 0.35
_TASTE = 0.5
# The share of a feature's variance that is taste; the rest is noise.
_SIGNAL = 0.8


@validate_params(
    {
        "n_users": [Interval(Integral, 1, 2**31 - 2, closed="both")],
        "n_items": [Interval(Integral, 1, 2**31 - 2, closed="both")],
        "n_interactions": [Interval(Integral, 1, 2**31 - 1, closed="both")],
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "taste_strength": [Interval(Real, 0, None, closed="left")],
        "popularity_skew": [Interval(Real, 0, 10, closed="both")],
        "activity_skew": [Interval(Real, 0, 10, closed="both")],
        "drift": [Interval(Real, 0, 1, closed="both")],
        "feedback": [StrOptions({"implicit", "explicit"})],
        "noise": [Interval(Real, 0, None, closed="left")],
        "repeats": ["boolean"],
        "n_item_features": [Interval(Integral, 0, None, closed="left")],
        "n_user_features": [Interval(Integral, 0, None, closed="left")],
        "timestamps": ["boolean"],
        "as_frame": ["boolean"],
        "return_X_y": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_interactions(
    n_users=1000,
    n_items=500,
    n_interactions=20_000,
    *,
    n_factors=8,
    taste_strength=2.0,
    popularity_skew=0.8,
    activity_skew=1.0,
    drift=0.0,
    feedback="implicit",
    noise=0.5,
    repeats=False,
    n_item_features=0,
    n_user_features=0,
    timestamps=False,
    as_frame=False,
    return_X_y=True,
    n_jobs=None,
    random_state=None,
):
    """Generate a table of interactions of users with a taste.

    A user takes an item with probability proportional to popularity times
    exp(affinity), one item after the other. Popularity follows Zipf's law, the number
    of items a user takes is lognormal, and an affinity is the product of a user's and
    an item's latent factors: low-rank, so that a recommender has something to learn.

    Parameters
    ----------
    n_users : int, default=1000
        Number of users; each has at least one row if there are as many rows.

    n_items : int, default=500
        Size of the catalogue. An unpopular item may end up in no row.

    n_interactions : int, default=20_000
        Number of rows.

    n_factors : int, default=8
        Number of latent factors of taste. The fewer, the more there is to learn from
        a row.

    taste_strength : float, default=2.0
        Standard deviation over items of a user's affinity, in log odds: with 2, an
        item one standard deviation above a user's average is taken 7.4 times as often
        as an average one of the same popularity. 0 makes all users alike. An affinity
        above two standard deviations counts as two.

    popularity_skew : float, default=0.8
        Exponent of Zipf's law: the item of rank r is in demand as `r ** -skew`. 0
        makes all items alike; catalogues are often near 0.8.

    activity_skew : float, default=1.0
        Standard deviation of the logarithm of a user's number of rows. 0 gives every
        user the same number; 1 is what rating sites show.

    drift : float, default=0.0
        How far taste and popularity move from the first row to the last, from 0 (not
        at all) to 1 (the last knows nothing of the first). The correlation of the
        beginning with the end is `cos(drift * pi / 2)`, of each user's affinities and
        of the normal scores that rank the items; they move in 16 steps.

    feedback : {"implicit", "explicit"}, default="implicit"
        With "implicit", y is 1 in every row. With "explicit", it is a rating in whole
        stars from 1 to 5: the levels of user and item, their affinity and noise. As in
        real tables users rate what they chose, so ratings lie above the middle.

    noise : float, default=0.5
        Standard deviation of the noise of ratings, in stars, as in
        :func:`sklearn.datasets.make_regression`. Implicit feedback has no such noise:
        its choices are random as they are.

    repeats : bool, default=False
        Whether a user can take an item again. Otherwise all pairs are distinct, and a
        user with many rows reaches far into the unpopular items.

    n_item_features, n_user_features : int, default=0
        Number of numeric features of items and users. Each is a random direction of
        the latent factors (80% of its variance) and noise (20%); those of users tell
        of their taste at the beginning. They need `return_X_y=False`.

    timestamps : bool, default=False
        Whether `X` has a third column: seconds since 1970, spread evenly over 2024.
        Rows are in order of time in any case.

    as_frame : bool, default=False
        Whether to return pandas objects, with named columns.

    return_X_y : bool, default=True
        Whether to return `(X, y)` instead of a Bunch of all there is.

    n_jobs : int or None, default=None
        Number of threads; the result is the same with any. None uses all cores, or
        what an enclosing `joblib.parallel_config` says.

    random_state : int, RandomState instance or None, default=None
        Seed of all that is random. The pairs do not depend on `feedback`, `noise`,
        `timestamps` or the features: those only add to the same table.

    Returns
    -------
    (X, y) : tuple if `return_X_y` is True
        The table, ndarray of shape (n_interactions, 2) or (n_interactions, 3) and dtype
        int64 or a DataFrame, and y, ndarray of shape (n_interactions,) and dtype
        float64 or a Series. Its columns are user, item and timestamp; the ids are
        `range(n_users)` and `range(n_items)`, in no relation to activity or popularity.

    data : :class:`~sklearn.utils.Bunch` if `return_X_y` is False
        Dictionary-like object, with the following attributes.

        X, y : as above
            The interactions.
        feature_names : list of str
            The columns of `X`.
        item_features : ndarray of shape (n_items, n_item_features) or None
            Features of item `i` in row `i`; a DataFrame with `as_frame=True`, whose
            first column is `item_id`. None without features.
        user_features : ndarray of shape (n_users, n_user_features) or None
            Likewise, with `user_id`.
        item_factors : ndarray of shape (n_items, n_factors)
            The latent factors of the items.
        user_factors, user_factors_end : ndarray of shape (n_users, n_factors)
            Those of the users at the beginning and at the end: unit vectors. An
            affinity is `taste_strength` times a product with `item_factors`.
        item_popularity, item_popularity_end : ndarray of shape (n_items,)
            Shares of the demand, at the beginning and at the end.
        parameters : dict
            The arguments of the call.
        DESCR : str
            This text.

    Raises
    ------
    ValueError
        If there are more rows than distinct pairs, or features are asked for which
        `(X, y)` has no place for.

    See Also
    --------
    load_movietweetings : A table of real ratings.

    Notes
    -----
    A user who takes no item twice takes the favourites first: the denser the table, the
    harder are its later rows to predict, without any drift.

    Items are proposed by popularity and accepted by affinity; a user who gets near the
    end of the catalogue draws from all weights by the smallest of exponential variables
    [1]_. Both follow the same law.

    References
    ----------
    .. [1] P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a
       reservoir", Information Processing Letters 97(5), 2006.

    Examples
    --------
    >>> from sklearn_metarec.datasets import make_interactions
    >>> X, y = make_interactions(n_users=50, n_items=20, n_interactions=300,
    ...                          feedback="explicit", random_state=0)
    >>> X.shape, y.shape
    ((300, 2), (300,))
    >>> bool(y.min() >= 1 and y.max() <= 5)
    True
    """
    parameters = dict(locals())
    if not repeats and n_interactions > n_users * n_items:
        raise ValueError(
            f"n_interactions={n_interactions} exceeds the {n_users * n_items} distinct "
            f"pairs of {n_users} users and {n_items} items. Ask for fewer rows, or for "
            "repeats=True."
        )
    if return_X_y and (n_item_features or n_user_features):
        raise ValueError(
            f"n_item_features={n_item_features} and n_user_features={n_user_features} "
            "ask for side tables, which (X, y) does not hold. Pass return_X_y=False to "
            "get a Bunch with item_features and user_features."
        )
    # A stream for each part, so that asking for one does not change another.
    root = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint32)
    seeds = np.random.SeedSequence(root.tolist()).spawn(7)
    angles = np.linspace(0, drift * np.pi / 2, _N_PERIODS if drift else 1)
    demand = _make_demand(_rng(seeds[0]), n_items, popularity_skew, angles)
    taste = _make_taste(
        _rng(seeds[1]), n_users, n_items, n_factors, angles, taste_strength
    )
    limit = n_interactions if repeats else n_items
    counts = _share_out(
        _rng(seeds[2]).lognormal(0.0, activity_skew, n_users), n_interactions, limit
    )
    indptr = np.concatenate([[0], np.cumsum(counts)])
    items, seconds = _draw(demand, taste, indptr, not repeats, seeds[3], n_jobs)
    order = np.empty(n_interactions, dtype=np.int32)
    generate.order_by_time(seconds, np.empty_like(order), order)
    if feedback == "explicit":
        ratings = _rate(taste, indptr, items, seconds, noise, seeds[4], n_jobs)
        y = ratings[order].astype(np.float64)
    else:
        y = np.ones(n_interactions)
    X = _table(indptr, items, seconds, order, timestamps, n_jobs)
    names = ["user_id", "item_id", "timestamp"][: X.shape[1]]
    if as_frame:
        X = _as_frame(X, names)
        y = _as_series(y, "rating" if feedback == "explicit" else "strength")
    if return_X_y:
        return X, y
    # Unit vectors: so scaled, they have unit variance, as those of items do.
    tastes = taste.start * np.sqrt(n_factors)
    return Bunch(
        X=X,
        y=y,
        feature_names=names,
        item_features=_features(
            _rng(seeds[5]), taste.factors, n_item_features, "item", as_frame
        ),
        user_features=_features(
            _rng(seeds[6]), tastes, n_user_features, "user", as_frame
        ),
        item_factors=taste.factors,
        user_factors=taste.start,
        user_factors_end=_turned(taste),
        item_popularity=_popularity(demand, 0),
        item_popularity_end=_popularity(demand, -1),
        parameters=parameters,
        DESCR=make_interactions.__doc__,
    )


_rng = np.random.default_rng


def _make_demand(rng, n_items, skew, angles):
    """Rank the items in each period; the ranks share the demand by Zipf's law."""
    start, end = rng.standard_normal((2, n_items))
    rankings = np.empty((len(angles), n_items), dtype=np.int32)
    for ranking, angle in zip(rankings, angles, strict=True):
        score = np.cos(angle) * start + np.sin(angle) * end
        ranking[:] = np.argsort(-score, kind="stable")
    shares = np.arange(1.0, n_items + 1) ** -skew
    shares /= shares.sum()
    keep = np.empty(n_items, dtype=np.uint32)
    other = np.empty(n_items, dtype=np.int32)
    generate.fill_alias(shares, keep, other)
    return generate.Demand(shares, keep, other, rankings)


def _make_taste(rng, n_users, n_items, n_factors, angles, strength):
    """Draw the factors of items, and unit vectors for users to turn between."""
    factors = rng.standard_normal((n_items, n_factors), dtype=np.float32)
    start, end = rng.standard_normal((2, n_users, n_factors), dtype=np.float32)
    start /= _lengths(start)
    # Only against an orthogonal vector does turning keep the length. A single factor
    # has none: there, taste fades instead.
    end -= np.sum(start * end, axis=1, keepdims=True) * start
    end /= _lengths(end)
    if n_factors == 1:
        end[:] = 0
    return generate.Taste(start, end, angles, float(strength), factors)


def _lengths(vectors):
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.maximum(lengths, np.finfo(np.float32).tiny)


def _share_out(weights, total, limit):
    """Divide `total` rows by weight: whole numbers, at most `limit`, at least 1.

    The minimum is 0 where there are fewer rows than users.
    """
    least = int(total >= len(weights))
    left = total - least * len(weights)
    room = limit - least
    shares = np.full(len(weights), float(room))
    is_open = np.ones(len(weights), dtype=bool)
    # What those at the limit cannot take goes to the others, who may reach it then.
    while is_open.any():
        rest = left - room * np.count_nonzero(~is_open)
        shares[is_open] = weights[is_open] * (rest / weights[is_open].sum())
        over = is_open & (shares >= room)
        if not over.any():
            break
        shares[over] = room
        is_open &= ~over
    counts = shares.astype(np.int64)
    # The largest remainders are rounded up.
    missing = left - counts.sum()
    counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    return counts + least


def _draw(demand, taste, indptr, distinct, seed, n_jobs):
    """Return the item and the second of each row, user by user."""
    n_items = len(demand.shares)
    items = np.empty(indptr[-1], dtype=np.int32)
    seconds = np.empty(indptr[-1], dtype=np.int32)

    def scratch():
        return (
            np.zeros(n_items, dtype=np.int32),
            np.empty(n_items, dtype=np.int32),
            np.empty(n_items),
        )

    cap = np.float32(_CAP * taste.strength)
    map_ranges(
        generate.draw, len(indptr) - 1, seed.generate_state(1, np.uint64)[0], indptr,
        distinct, demand, taste, cap, _SPAN, items, seconds,
        n_jobs=n_jobs, chunk=128, states=scratch,
    )  # fmt: skip
    return items, seconds


def _rate(taste, indptr, items, seconds, noise, seed, n_jobs):
    """Return the rating of each row, user by user, in whole stars."""
    level_seed, noise_seed = seed.spawn(2)
    rng = _rng(level_seed)
    user_level = _MIDDLE + _LEVEL * rng.standard_normal(len(indptr) - 1)
    item_level = _LEVEL * rng.standard_normal(len(taste.factors))
    ratings = np.empty(len(items), dtype=np.int8)
    map_ranges(
        generate.rate, len(indptr) - 1, noise_seed.generate_state(1, np.uint64)[0],
        indptr, items, seconds, _SPAN, taste._replace(strength=_TASTE), user_level,
        item_level, float(noise), _LOWEST, _HIGHEST, ratings,
        n_jobs=n_jobs, chunk=128,
    )  # fmt: skip
    return ratings


def _table(indptr, items, seconds, order, timestamps, n_jobs):
    """Return the rows in order of time."""
    users = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    X = np.empty((len(order), 3 if timestamps else 2), dtype=np.int64)
    map_ranges(
        generate.collect, len(order), order, users, items, seconds, _FIRST_SECOND, X,
        n_jobs=n_jobs, chunk=1 << 17,
    )  # fmt: skip
    return X


def _features(rng, factors, n_features, role, as_frame):
    """Return noisy random directions of the factors, or None for none."""
    if n_features == 0:
        return None
    directions = rng.standard_normal((factors.shape[1], n_features))
    directions /= np.linalg.norm(directions, axis=0)
    noise = rng.standard_normal((len(factors), n_features))
    features = np.sqrt(_SIGNAL) * (factors @ directions) + np.sqrt(1 - _SIGNAL) * noise
    if not as_frame:
        return features
    frame = _as_frame(features, [f"{role}_feature_{f}" for f in range(n_features)])
    frame.insert(0, f"{role}_id", np.arange(len(features)))
    return frame


def _turned(taste):
    """Return the vectors of the users in the last period."""
    angle = np.float32(taste.angles[-1])
    return np.cos(angle) * taste.start + np.sin(angle) * taste.end


def _popularity(demand, period):
    """Return the share of each item in the demand of a period."""
    popularity = np.empty_like(demand.shares)
    popularity[demand.rankings[period]] = demand.shares
    return popularity


def _as_frame(values, names):
    import pandas as pd

    return pd.DataFrame(values, columns=names)


def _as_series(values, name):
    import pandas as pd

    return pd.Series(values, name=name)
