"""Factors and biases of ratings by alternating least squares."""

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real

import numpy as np

from sklearn_metarec._iterating import epochs
from sklearn_metarec._kernels import als
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization._vectors import (
    FactorMixin,
    carry_over,
    known_rows,
)
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval

# A user or item with few ratings is penalized as if it had ten more; without that,
# those with one or two get factors that fit noise.
_EXTRA_RATINGS = 10
_UPDATE_SWEEPS = 3
_INITIAL_STD = 0.1
_ROWS_PER_TASK = 128


class MFRegressor(FactorMixin, BaseRatingRecommender):
    """Predict a rating as mean plus biases plus an inner product of factors.

    Minimizes the weighted sum over the ratings r of ::

        (r - mu - b_u - b_i - p_u . q_i)^2

    plus `bias_regularization` times the sum of all b^2 plus the sum over users and
    items of l |p_u|^2 and l |q_i|^2, where mu is the weighted mean rating, and
    l = s `regularization` (n + 10) ^ `scale_regularization` for a user or item with n
    ratings; s, the standard deviation of the ratings, makes the penalty independent
    of their unit. Bias and factors of a user, then of an item, are solved for
    together, exactly.

    The user factors are the exact solution given the items'. So new users are folded
    in exactly, with `history=` a known user is treated like a new one, and `explain`
    divides a rating exactly among the user's items. An unknown user is predicted as
    mu + b_i, an unknown item as mu + b_u.

    `partial_fit` is warm, not exact: it starts from the factors so far and does three
    sweeps over the stored and the new ratings, about a third of what a fit costs.

    Parameters
    ----------
    n_factors : int, default=10
        The length of the vectors; the time of a fit grows faster than in proportion,
        and accuracy hardly.
    regularization : float, default=1.2
        The penalty of the factors, see above.
    scale_regularization : float, default=0.5
        How the penalty grows with the number of ratings: 0 for the same penalty for
        all, 1 in proportion (ALS-WR). Half-way is best on all data sets tried.
    bias_regularization : float, default=2.0
        In ratings: a user with that many is drawn half-way to the mean.
    max_iter : int, default=10
        Sweeps over users and items.
    random_state : int, RandomState or None, default=None
        Draws the first factors.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    global_mean_ : float
        The weighted mean rating mu.
    user_biases_ : ndarray of shape (n_users,)
        The users' biases b_u.
    item_biases_ : ndarray of shape (n_items,)
        The items' biases b_i.
    user_factors_ : ndarray of shape (n_users, n_factors)
        The users' vectors p.
    item_factors_ : ndarray of shape (n_items, n_factors)
        The items' vectors q.
    n_iter_ : int
        Sweeps done: `max_iter`, unless a callback stopped them.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The mean ratings of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    BiasRegressor : The biases alone.
    IALS : Factors of implicit feedback.

    References
    ----------
    Y. Koren, R. Bell and C. Volinsky (2009). Matrix factorization techniques for
    recommender systems. IEEE Computer 42(8). Equation 5 is the objective, but for the
    scaling.

    Y. Zhou, D. Wilkinson, R. Schreiber and R. Pan (2008). Large-scale parallel
    collaborative filtering for the Netflix prize. AAIM. Section 3 has the penalty in
    proportion to the ratings.

    Examples
    --------
    >>> from sklearn_metarec import MFRegressor
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "tea"], ["bob", "rum"],
    ...      ["eva", "tea"]]
    >>> model = MFRegressor(1, regularization=0.01, random_state=0)
    >>> model.fit(X, [5, 1, 1, 5, 5]).predict([["eva", "rum"]]).round(1).tolist()
    [1.7]
    """

    _parameter_constraints = {
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "scale_regularization": [Interval(Real, 0, None, closed="left")],
        "bias_regularization": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, n_factors=10, *, regularization=1.2, scale_regularization=0.5,
        bias_regularization=2.0, max_iter=10, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.scale_regularization = scale_regularization
        self.bias_regularization = bias_regularization
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, history):
        users, items = self._start(history)
        self._learn(history, users, items, self.max_iter)

    def _update(self, history, old, new):
        users, items = self._start(history)
        carry_over(old.users, history.users, self._user_vectors(), users)
        carry_over(old.items, history.items, self._item_vectors(), items)
        self._learn(history, users, items, min(_UPDATE_SWEEPS, self.max_iter))

    def _start(self, history):
        std = _INITIAL_STD * np.sqrt(_scale(history))
        return [_join(0.0, side) for side in self._random_factors(history, std)]

    def _learn(self, history, users, items, n_sweeps):
        self.global_mean_, self._scale = _mean(history), _scale(history)
        by_user = self._side(history)
        by_item = by_user.transpose()

        def fitted():
            exact = users.copy()
            self._solve(exact, by_user, items)
            return {
                "user_biases_": exact[:, 0].copy(),
                "user_factors_": exact[:, 1:].copy(),
                "item_biases_": items[:, 0].copy(),
                "item_factors_": items[:, 1:].copy(),
            }

        for _ in epochs(self, n_sweeps, history, fitted):
            self._solve(users, by_user, items)
            self._solve(items, by_item, users)
        self.__dict__.update(fitted())

    def _side(self, history):
        indptr, cols, ratings = compressed_parts(history.matrix)
        above = ratings - self.global_mean_
        return _Ratings(indptr, cols, above, history.weights, history.matrix.shape)

    def _ridge(self, n_ratings):
        scaled = (n_ratings + _EXTRA_RATINGS) ** self.scale_regularization
        return self._scale * self.regularization * scaled

    def _penalties(self, n):
        """Return the penalty of a bias, as a system, and which entries are factors."""
        bias = np.zeros((n, n))
        bias[0, 0] = self.bias_regularization
        factors = np.ones(n)
        factors[0] = 0
        return bias, factors

    def _solve(self, moving, ratings, fixed):
        n = fixed.shape[1]
        bias, factors = self._penalties(n)
        offsets = np.ascontiguousarray(fixed[:, 0])
        targets = ratings.weights * (ratings.above - offsets[ratings.cols])
        map_ranges(
            als.solve_rows, len(moving), ratings.indptr, ratings.cols, ratings.weights,
            targets, _join(1.0, fixed[:, 1:]), bias, self._ridge(ratings.counts),
            factors, moving, n_jobs=self.n_jobs, chunk=_ROWS_PER_TASK,
            states=lambda: (np.empty((n, n)),),
        )  # fmt: skip

    def _user_vectors(self):
        return _join(self.user_biases_, self.user_factors_)

    def _item_vectors(self):
        return _join(self.item_biases_, self.item_factors_)

    def _make_scorer(self, profiles):
        users = known_rows(profiles, self._user_vectors())
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            folded = np.empty((len(changed), users.shape[1]))
            ratings = self._side(profiles.history.take(changed))
            self._solve(folded, ratings, self._item_vectors())
            users[changed] = folded
        return FactorScorer(
            users[:, 1:].astype(np.float32), self.item_factors_.astype(np.float32),
            self.global_mean_ + users[:, 0], self.item_biases_,
        )  # fmt: skip

    def _contributions(self, profiles, col):
        ratings = self._side(profiles.history)
        items = self._item_vectors()
        vectors = _join(1.0, items[ratings.cols, 1:])
        system, factors = self._penalties(items.shape[1])
        system += np.diag(self._ridge(ratings.counts) * factors)
        system += (vectors.T * ratings.weights) @ vectors
        effect = vectors @ np.linalg.solve(system, _join(1.0, items[[col], 1:])[0])
        above = ratings.above - items[ratings.cols, 0]
        baseline = self.global_mean_ + items[col, 0]
        return baseline, ratings.cols, ratings.weights * effect * above, True


@dataclass
class _Ratings:
    """Compressed rows of ratings above the mean, with their weights."""

    indptr: np.ndarray
    cols: np.ndarray
    above: np.ndarray
    weights: np.ndarray
    shape: tuple

    def transpose(self):
        """Return the ratings by column."""
        above, weights = (
            transpose_csr(make_csr(self.indptr, self.cols, data, self.shape))
            for data in (self.above, self.weights)
        )
        shape = self.shape[::-1]
        indptr, indices, data = compressed_parts(above)
        return _Ratings(indptr, indices, data, weights.data, shape)

    @cached_property
    def counts(self):
        """The sum of the weights of each row."""
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        return np.bincount(rows, weights=self.weights, minlength=self.shape[0])


def _join(biases, factors):
    """Return the matrix [biases | factors]."""
    joined = np.empty((factors.shape[0], factors.shape[1] + 1))
    joined[:, 0], joined[:, 1:] = biases, factors
    return joined


def _mean(history):
    return float(np.average(history.matrix.data, weights=history.weights))


def _scale(history):
    """Return the standard deviation of the ratings; 1 where they are all the same."""
    above = history.matrix.data - _mean(history)
    return float(np.sqrt(np.average(above**2, weights=history.weights))) or 1.0
