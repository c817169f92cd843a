"""What the models share that learn which of two items a user prefers."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._history import carry_over
from sklearn_metarec._iterating import epochs
from sklearn_metarec._kernels import pairwise
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec._weighting import WEIGHTINGS, Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.factorization._vectors import FactorMixin
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval, StrOptions, check_random_state

CONSTRAINTS = {
    "n_factors": [Interval(Integral, 1, None, closed="left")],
    "regularization": [Interval(Real, 0, None, closed="left")],
    "bias_regularization": [Interval(Real, 0, None, closed="left")],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "optimizer": [StrOptions({"adagrad", "sgd"})],
    "n_negatives": [Interval(Integral, 1, None, closed="left")],
    "weighting": [StrOptions(set(WEIGHTINGS)), None],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
}
_INITIAL_STD = 0.1
# An update starts from what is known: one epoch in three is enough for what is new.
_UPDATE_DIVISOR = 3
# As good as twenty on all data sets tried, and better than five on sparse ones.
_FOLD_IN_EPOCHS = 10
_ROWS_PER_TASK = 16


class PairwiseRanker(FactorMixin, BaseRecommender):
    """Vectors and item biases by stochastic gradient descent on pairs of items.

    A subclass supplies `_loss()`: the kernel of an epoch, how many candidates that
    draws ahead, and what it takes beside the common arguments.
    """

    def _fit(self, history):
        users, items = self._start(history)
        self._learn(history, users, items, self.max_iter)

    def _update(self, history, old, new):
        users, items = self._start(history)
        for known, start in zip(self._users_so_far(), users, strict=True):
            carry_over(old.users, history.users, known, start)
        for known, start in zip(self._items_so_far(), items, strict=True):
            carry_over(old.items, history.items, known, start)
        self._learn(history, users, items, -(-self.max_iter // _UPDATE_DIVISOR))

    def _start(self, history):
        factors = self._random_factors(history, _INITIAL_STD)
        users, items = (side.astype(np.float32) for side in factors)
        n_users, n_items = history.matrix.shape
        return (
            pairwise.Users(users, _ones(n_users)),
            pairwise.Items(items, 0 * _ones(n_items), _ones(n_items), _ones(n_items)),
        )

    def _users_so_far(self):
        return pairwise.Users(self.user_factors_, self._user_squares)

    def _items_so_far(self):
        return pairwise.Items(
            self.item_factors_, self.item_biases_, self._item_squares,
            self._bias_squares,
        )  # fmt: skip

    def _learn(self, history, users, items, n_epochs):
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        weights = self._weighting.transform(history.matrix).data
        self._mean_weight = float(weights.mean(dtype=float)) if len(weights) else 1.0
        n_users = len(users.vectors)
        pairs = self._pairs(history.matrix)
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng((seed, 1))  # not the stream of the first factors

        def fitted():
            fixed = pairwise.Items(*(field.copy() for field in items))
            return {
                "user_factors_": self._fold_in(pairs, fixed),
                "_user_squares": users.squares.copy(),
                "item_factors_": fixed.vectors, "item_biases_": fixed.biases,
                "_item_squares": fixed.squares, "_bias_squares": fixed.bias_squares,
            }  # fmt: skip

        for epoch in epochs(self, n_epochs, history, fitted):
            step = self._step(1 - (epoch - 1) / n_epochs, moves_items=True)
            order = rng.permutation(n_users).astype(np.uint32)
            self._visit(rng.integers(2**63), order, pairs, users, items, step)
        self.__dict__.update(fitted())

    def _pairs(self, strengths):
        matrix = self._weighting.transform(strengths)
        indptr, cols, data = compressed_parts(matrix)
        visits = data / np.float32(self._mean_weight)
        streams = np.arange(len(indptr) - 1, dtype=np.uint64)
        return pairwise.Pairs(indptr, cols.astype(np.uint32), visits, streams)

    def _step(self, share, *, moves_items):
        """Return the step of an epoch, whose rate is that share of the first one's."""
        return pairwise.Step(
            np.float32(share * self.learning_rate),
            np.float32(self.optimizer == "adagrad"),
            np.float32(self.regularization), np.float32(self.bias_regularization),
            np.uint8(moves_items),
        )  # fmt: skip

    def _visit(self, seed, order, pairs, users, items, step):
        kernel, n_candidates, options = self._loss()
        n_users = len(order)
        # Users who move items depend on each other: that is for one thread.
        map_ranges(
            kernel, n_users, np.uint64(seed), order, pairs, users, items, step,
            *options, chunk=n_users if step.moves_items else _ROWS_PER_TASK,
            n_jobs=self.n_jobs,
            states=lambda: pairwise.scratch(len(items.biases), n_candidates),
        )  # fmt: skip

    def _make_scorer(self, profiles):
        users = profiles.known_rows(self.user_factors_)
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            strengths = profiles.history.take(changed).matrix
            # The kernel moves no item here, but its type would allow it.
            items = (
                np.require(field, requirements="W") for field in self._items_so_far()
            )
            pairs = self._pairs(strengths)
            users[changed] = self._fold_in(pairs, pairwise.Items(*items))
        return FactorScorer(users, self.item_factors_, None, self.item_biases_)

    def _fold_in(self, pairs, items):
        """Return vectors of users, learned from zero, the items staying as they are."""
        n_users = len(pairs.indptr) - 1
        # One stream for all: a user's draws depend on nobody else in the call.
        pairs = pairs._replace(streams=np.zeros(n_users, dtype=np.uint64))
        vectors = np.zeros((n_users, items.vectors.shape[1]), dtype=np.float32)
        users = pairwise.Users(vectors, _ones(n_users))
        order = np.arange(n_users, dtype=np.uint32)
        for epoch in range(_FOLD_IN_EPOCHS):
            step = self._step(1 - epoch / _FOLD_IN_EPOCHS, moves_items=False)
            self._visit(epoch, order, pairs, users, items, step)
        return vectors


def _ones(n):
    return np.ones(n, dtype=np.float32)
