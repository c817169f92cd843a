"""What the factor models of ratings have in common: their sweeps and their users."""

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real

import numpy as np

from sklearn_metarec._history import carry_over
from sklearn_metarec._iterating import epochs
from sklearn_metarec._kernels import als, csr
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.factorization._vectors import FactorMixin
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval

# A user or item with few ratings is penalized as if it had ten more; without that,
# those with one or two get factors that fit noise.
_EXTRA_RATINGS = 10
# By how much of its last step a user's vector goes on before the items are solved for.
# Alternations creep along valleys; this way seven sweeps do what ten do without.
_MOMENTUM = 0.8
_UPDATE_SWEEPS = 3
_INITIAL_STD = 0.1
# What a thread is given at least: with less to do it would take longer to start.
_ROWS_PER_TASK = 128
_PRODUCTS_PER_TASK = 12_000_000

CONSTRAINTS = {
    "n_factors": [Interval(Integral, 1, None, closed="left")],
    "regularization": [Interval(Real, 0, None, closed="neither")],
    "scale_regularization": [Interval(Real, 0, None, closed="left")],
    "bias_regularization": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
}


class RatingFactorMixin(FactorMixin):
    """Ratings as mean plus biases plus p_u . q_i, by alternating least squares.

    A sweep solves for all items, [b_i | q_i] together, then for all users. A model may
    have a say in where user factors are drawn to, see `_drawn_to`; if not, to zero.
    """

    def _fit(self, history):
        users, items = self._start(history)
        self._learn(history, users, items, self.max_iter)

    def _update(self, history, old, new):
        users, items = self._start(history)
        carry_over(old.users, history.users, self._user_vectors(), users)
        carry_over(old.items, history.items, self._item_vectors(), items)
        self._learn(history, users, items, min(_UPDATE_SWEEPS, self.max_iter))

    def _start(self, history):
        self.global_mean_ = float(_mean(history.matrix.data, history))
        above = history.matrix.data - self.global_mean_
        # 1 where the ratings are all the same.
        self._scale = float(np.sqrt(_mean(above**2, history))) or 1.0
        std = _INITIAL_STD * np.sqrt(self._scale)
        return [join(0.0, side) for side in self._random_factors(history, std)]

    def _learn(self, history, users, items, n_sweeps):
        by_user = self._side(history)
        by_item = by_user.transpose()

        def fitted():
            return {
                "user_biases_": users[:, 0].copy(),
                "user_factors_": users[:, 1:].copy(),
                "item_biases_": items[:, 0].copy(),
                "item_factors_": items[:, 1:].copy(),
            } | self._fitted_beside()

        before = users
        for _ in epochs(self, n_sweeps, history, fitted):
            ahead = users + _MOMENTUM * (users - before)
            before = users.copy()
            self._solve(items, by_item, ahead)
            self._learn_beside(by_user, by_item, ahead)
            self._solve(users, by_user, items, self._drawn_to(by_user))
        self.__dict__.update(fitted())

    def _learn_beside(self, by_user, by_item, users):
        """Learn what a model has beside vectors and biases, within a sweep."""

    def _fitted_beside(self):
        """Return copies of that, by the names of the attributes."""
        return {}

    def _drawn_to(self, ratings):
        """Return the factors to which the penalty draws users of these ratings."""
        return 0.0

    def _side(self, history):
        indptr, cols, ratings = compressed_parts(history.matrix)
        above = ratings - self.global_mean_
        return Ratings(indptr, cols, above, history.weights, history.matrix.shape)

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

    def _solve(self, moving, ratings, fixed, drawn_to=0.0):
        """Replace [bias | factors] of one side by their optimum given the other's."""
        n = fixed.shape[1]
        bias, factors = self._penalties(n)
        ridge = self._ridge(ratings.counts)
        # What the right-hand sides have beside the ratings.
        moving[:, 0] = 0
        moving[:, 1:] = ridge[:, None] * drawn_to
        chunk = _rows_per_task(len(moving), len(ratings.cols) * n * n)
        targets = np.empty_like(ratings.above)
        pairs = (ratings.indptr, ratings.cols, ratings.weights)
        map_ranges(
            als.weigh_targets, len(moving), *pairs, ratings.above,
            np.ascontiguousarray(fixed[:, 0]), targets, n_jobs=self.n_jobs,
            chunk=chunk,
        )  # fmt: skip
        map_ranges(
            als.solve_rows, len(moving), *pairs, targets, join(1.0, fixed[:, 1:]), bias,
            ridge, factors, moving, n_jobs=self.n_jobs, chunk=chunk,
            states=lambda: als.scratch_systems(n, np.float64),
        )  # fmt: skip

    def _user_vectors(self):
        return join(self.user_biases_, self.user_factors_)

    def _item_vectors(self):
        return join(self.item_biases_, self.item_factors_)

    def _make_scorer(self, profiles):
        users = profiles.known_rows(self._user_vectors())
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            folded = np.empty((len(changed), users.shape[1]))
            ratings = self._side(profiles.history.take(changed))
            drawn_to = self._drawn_to(ratings)
            self._solve(folded, ratings, self._item_vectors(), drawn_to)
            users[changed] = folded
        return FactorScorer(
            users[:, 1:].astype(np.float32), self.item_factors_.astype(np.float32),
            self.global_mean_ + users[:, 0], self.item_biases_,
        )  # fmt: skip

    def _contributions(self, profiles, col):
        ratings = self._side(profiles.history)
        effects = self._effects(ratings, col)
        vectors = join(1.0, self.item_factors_[ratings.cols])
        above = ratings.above - self.item_biases_[ratings.cols]
        baseline = self.global_mean_ + self.item_biases_[col]
        return (
            baseline,
            ratings.cols,
            ratings.weights * (vectors @ effects) * above,
            True,
        )

    def _effects(self, ratings, col):
        """Return what a unit of each entry of one user's right-hand side adds."""
        vectors = join(1.0, self.item_factors_[ratings.cols])
        system, factors = self._penalties(vectors.shape[1])
        system += np.diag(self._ridge(ratings.counts) * factors)
        system += (vectors.T * ratings.weights) @ vectors
        return np.linalg.solve(system, join(1.0, self.item_factors_[[col]])[0])


@dataclass
class Ratings:
    """Compressed rows of ratings above the mean, with their weights."""

    indptr: np.ndarray
    cols: np.ndarray
    above: np.ndarray
    weights: np.ndarray
    shape: tuple

    def transpose(self):
        """Return the ratings by column."""
        indptr, indices, above = compressed_parts(self._transposed(self.above))
        weights = self.weights
        if (weights != weights[0]).any():
            weights = self._transposed(weights).data
        return Ratings(indptr, indices, above, weights, self.shape[::-1])

    def _transposed(self, data):
        return transpose_csr(make_csr(self.indptr, self.cols, data, self.shape))

    @cached_property
    def counts(self):
        """The sum of the weights of each row."""
        counts = np.empty(self.shape[0])
        csr.sum_rows(self.indptr, self.weights, counts)
        return counts


def join(biases, factors):
    """Return the matrix [biases | factors]."""
    joined = np.empty((factors.shape[0], factors.shape[1] + 1))
    joined[:, 0], joined[:, 1:] = biases, factors
    return joined


def _rows_per_task(n_rows, n_products):
    share = min(1.0, _PRODUCTS_PER_TASK / max(n_products, 1))
    return max(_ROWS_PER_TASK, int(np.ceil(share * n_rows)))


def _mean(values, history):
    # Not by BLAS: waking its threads takes longer than the sum.
    return (values * history.weights).sum() / history.weights.sum()
