"""The tables that the checks send, and how an estimator is fitted to them.

scikit-learn's own checks send continuous columns, in which every row is a user and an
item of its own. Here users, items and pairs repeat, as they do in life.
"""

import inspect
import sys
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.exceptions import ConvergenceWarning

from sklearn_metarec.base import BaseRecommender

_N_USERS, _N_ITEMS = 18, 14


class Rows(NamedTuple):
    """A table of integer ids and its target."""

    X: np.ndarray
    y: np.ndarray

    def take(self, index):
        """Return the rows of an index or a mask."""
        return Rows(self.X[index], self.y[index])


class Capabilities:
    """What can be asked of a recommender, seen from outside.

    Parameters
    ----------
    estimator : estimator
        A recommender, not fitted.

    Attributes
    ----------
    rating : bool
        Whether it predicts ratings.
    weighted : bool
        Whether `fit` takes `sample_weight`.
    params : set of str
        Its parameters.
    takes_codes : bool
        Whether it takes an `Interactions`, as what builds on our base does.
    falls_back : bool
        Whether its unknown users get what most like.
    importable : bool
        Whether its class is found by its name, as unpickling does.
    partial_fit_exact, history_exact, reads_time : bool
        What its class says of itself: see :func:`check_recommender`.
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self.rating = is_regressor(estimator)
        self.weighted = "sample_weight" in inspect.signature(estimator.fit).parameters
        self.params = set(estimator.get_params(deep=False))
        accepted = inspect.signature(estimator.recommend).parameters
        self._options = set(accepted)
        self._any_option = any(
            option.kind is inspect.Parameter.VAR_KEYWORD for option in accepted.values()
        )
        inner = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        cls = type(estimator)
        module = sys.modules.get(cls.__module__)
        self.importable = getattr(module, cls.__qualname__, None) is cls
        self.takes_codes = isinstance(estimator, BaseRecommender)
        # A ranker may say otherwise, as the one that recommends at random.
        fallback = BaseRecommender._complete_scorer
        own = getattr(type(inner), "_complete_scorer", None)
        self.falls_back = own is fallback and not self.rating
        self.partial_fit_exact = getattr(inner, "_partial_fit_exact", True)
        self.history_exact = getattr(inner, "_history_exact", True)
        self.reads_time = getattr(inner, "_reads_time", False)

    def has(self, method):
        """Tell whether there is such a method."""
        return hasattr(self._estimator, method)

    def takes(self, option):
        """Tell whether `recommend` accepts a keyword."""
        return self._any_option or option in self._options


def fitted(estimator, X, y=None, sample_weight=None, **params):
    """Fit a clone with fixed seeds, so that two fits can be compared."""
    model = seeded(estimator).set_params(**params)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    with warnings.catch_warnings():
        # Few iterations are what makes a check quick.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **weights)


def seeded(estimator):
    """Return a clone whose seeds are fixed."""
    model = clone(estimator)
    names = [
        name
        for name in model.get_params()
        if name == "random_state" or name.endswith("__random_state")
    ]
    return model.set_params(**dict.fromkeys(names, 0))


def make_rows(estimator, *, distinct=False, n_users=_N_USERS, n_items=_N_ITEMS):
    """Make rows with two tastes; with `distinct`, sorted and each pair once.

    Users and items of the same parity go together. Ratings are 1 to 5, strengths 1 to
    3: small integers, so that sums of them are exact in any order.
    """
    rng = np.random.default_rng(7)
    user, item = np.indices((n_users, n_items))
    alike = user % 2 == item % 2
    there = rng.random(alike.shape) < np.where(alike, 0.7, 0.2)
    there |= item == user % n_items  # every user and item has a row
    users, items = np.nonzero(there)
    if not distinct:
        again = rng.random(len(users)) < 0.3
        users = np.concatenate([users, users[again]])
        items = np.concatenate([items, items[again]])
        order = rng.permutation(len(users))
        users, items = users[order], items[order]
    # Of two and three digits: sorted as text they would be in another order.
    X = np.column_stack([7 * users + 65, 3 * items + 79])
    if not is_regressor(estimator):
        return Rows(X, rng.integers(1, 4, len(X)).astype(float))
    alike = users % 2 == items % 2
    rating = 2.5 + alike + items % 3 / 2 + rng.integers(-1, 2, len(X))
    return Rows(X, np.clip(np.round(rating), 1, 5))


def rows_of(rows, user):
    """Return the rows of one user."""
    return rows.take(rows.X[:, 0] == user)


def some_users(rows, n=5):
    """Return a few users, spread over all."""
    users = np.unique(rows.X[:, 0])
    return users[:: max(len(users) // n, 1)][:n]


def unseen_rows(rows):
    """Return the pairs of known users and items that no row holds."""
    users, items = np.unique(rows.X[:, 0]), np.unique(rows.X[:, 1])
    seen = set(map(tuple, rows.X.tolist()))
    pairs = [(u, i) for u in users.tolist() for i in items.tolist()]
    return np.array([pair for pair in pairs if pair not in seen])
