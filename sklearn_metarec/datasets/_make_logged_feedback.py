"""A seeded generator of logged feedback, whose truth is known."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch

from sklearn_metarec.utils._sklearn import (
    Interval,
    check_random_state,
    validate_params,
)

_COUNT = [Interval(Integral, 1, None, closed="left")]
# Log odds of a click: the level, and standard deviations of what moves it.
_LEVEL, _QUALITY, _TASTE = -1.0, 0.5, 1.0


@validate_params(
    {
        "n_users": _COUNT,
        "n_items": _COUNT,
        "n_rows": _COUNT,
        "greediness": [Interval(Real, None, None, closed="neither")],
        "n_factors": _COUNT,
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_logged_feedback(
    n_users=200, n_items=10, n_rows=10_000, *, greediness=0.0, n_factors=3,
    random_state=None,
):  # fmt: skip
    """Generate the log of a recommender that shows one item at a time.

    In each row a user, drawn at random, is shown an item, drawn by the logging policy,
    and clicks or not. The log odds of a click are a level, the quality of the item, and
    the product of a user's and an item's factors.

    Parameters
    ----------
    n_users : int, default=200
        Number of users.
    n_items : int, default=10
        Number of items that can be shown.
    n_rows : int, default=10_000
        Number of rows.
    greediness : float, default=0.0
        What the logging policy makes of the log odds of a click: the probability of an
        item is in proportion to exp(greediness * log odds). With 0 it shows items
        uniformly at random; below 0 it prefers the wrong ones.
    n_factors : int, default=3
        Number of factors of taste.
    random_state : int, RandomState or None, default=None
        Seed of all that is random. Users and items depend on it alone, so that a
        longer log, or one of another `greediness`, is of the same ones.

    Returns
    -------
    log : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : DataFrame of shape (n_rows, 3)
            `user_id`, `item_id`, which count from 0, and `propensity`.
        target : ndarray of shape (n_rows,)
            1 for a click.
        click_probability : ndarray of shape (n_users, n_items)
            The truth. A policy that shows item i to user u with probability p[u, i] is
            worth `(p * log.click_probability).sum(axis=1).mean()` a row.
        propensities : ndarray of shape (n_users, n_items)
            The logging policy.

    See Also
    --------
    make_interactions : Tables of what users chose themselves.

    Examples
    --------
    >>> from sklearn_metarec.datasets import make_logged_feedback
    >>> log = make_logged_feedback(random_state=0)
    >>> log.data.columns.tolist(), len(log.target)
    (['user_id', 'item_id', 'propensity'], 10000)
    """
    import pandas as pd

    rng = check_random_state(random_state)
    users = rng.standard_normal((n_users, n_factors))
    items = rng.standard_normal((n_items, n_factors))
    quality = rng.standard_normal(n_items)
    odds = _LEVEL + _QUALITY * quality + _TASTE * users @ items.T / np.sqrt(n_factors)
    clicks = 1 / (1 + np.exp(-odds))
    propensities = softmax(greediness * odds)
    user = rng.randint(n_users, size=n_rows)
    # The item at which the cumulated probabilities pass a uniform number.
    passed = propensities.cumsum(axis=1)[user] < rng.random_sample(n_rows)[:, None]
    item = np.minimum(passed.sum(axis=1), n_items - 1)
    target = (rng.random_sample(n_rows) < clicks[user, item]).astype(np.float64)
    data = pd.DataFrame(
        {"user_id": user, "item_id": item, "propensity": propensities[user, item]}
    )
    return Bunch(
        data=data, target=target, click_probability=clicks, propensities=propensities
    )


def softmax(scores):
    """Return exp(scores), each row in proportion to a sum of 1."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
