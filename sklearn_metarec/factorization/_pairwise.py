"""What the models share that learn which of two items a user prefers."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._history import carry_over
from sklearn_metarec._index import INDEXES, check_index
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
    "index": [StrOptions(INDEXES)],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
}
INITIAL_STD = 0.1
# An update starts from what is known: one epoch in three is enough for what is new.
_UPDATE_DIVISOR = 3
# As good as twenty on all data sets tried, and better than five on sparse ones.
_FOLD_IN_EPOCHS = 10
# Later draws of WARP are rare at first, and too late to be fetched in time afterwards.
_DRAWN_AHEAD = 2
_ROWS_PER_TASK = 16


class PairwiseRanker(FactorMixin, BaseRecommender):
    """Vectors and item biases by stochastic gradient descent on pairs of items.

    A subclass supplies `_loss()`: the kernel of an epoch, how many candidates that
    draws ahead, and what it takes beside the common arguments.
    """

    def _fit(self, history):
        check_index(self.index)
        users, items = self._start(history)
        self._learn(history, users, items, self.max_iter)

    def _update(self, history, old, new):
        users, items = self._start(history)
        self._carry_over(old, history, users, items)
        self._learn(history, users, items, -(-self.max_iter // _UPDATE_DIVISOR))

    def _start(self, history):
        factors = self._random_factors(history, INITIAL_STD)
        users, items = (side.astype(np.float32) for side in factors)
        n_users, n_items = history.matrix.shape
        biases = np.zeros(n_items, dtype=np.float32)
        return (
            pairwise.Users(users, ones(n_users), None),
            pairwise.Items(items, biases, ones(n_items), ones(n_items), None),
        )

    def _carry_over(self, old, history, users, items):
        for known, start in zip(self._users_so_far()[:-1], users[:-1], strict=True):
            carry_over(old.users, history.users, known, start)
        for known, start in zip(self._items_so_far()[:-1], items[:-1], strict=True):
            carry_over(old.items, history.items, known, start)

    def _users_so_far(self):
        return pairwise.Users(self.user_factors_, self._user_squares, None)

    def _items_so_far(self):
        return pairwise.Items(
            self.item_factors_, self.item_biases_, self._item_squares,
            self._bias_squares, None,
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
            return self._learned(pairs, users, items)

        for epoch in epochs(self, n_epochs, history, fitted):
            step = self._step(1 - (epoch - 1) / n_epochs, moves_items=True)
            order = rng.permutation(n_users).astype(np.uint32)
            self._visit(rng.integers(2**63), order, pairs, users, items, step)
        self.__dict__.update(fitted())

    def _learned(self, pairs, users, items):
        """Return the attributes of what was learned so far, in arrays of their own."""
        *fields, _ = items
        fixed = pairwise.Items._make([*(field.copy() for field in fields), None])
        newcomers = self._newcomers(np.arange(len(users.vectors)), users)
        return {
            "user_factors_": self._fold_in(pairs, newcomers, fixed),
            "_user_squares": users.squares.copy(),
            "item_factors_": fixed.vectors, "item_biases_": fixed.biases,
            "_item_squares": fixed.squares, "_bias_squares": fixed.bias_squares,
        }  # fmt: skip

    def _pairs(self, strengths):
        matrix = self._weighting.transform(strengths)
        indptr, cols, data = compressed_parts(matrix)
        visits = data / np.float32(self._mean_weight)
        streams = np.arange(len(indptr) - 1, dtype=np.uint64)
        n_items = np.int64(matrix.shape[1])
        return pairwise.Pairs(indptr, cols.astype(np.uint32), visits, streams, n_items)

    def _step(self, share, *, moves_items):
        """Return the step of an epoch, whose rate is that share of the first one's."""
        return pairwise.Step(
            np.float32(share * self._setting("learning_rate")),
            np.float32(self.optimizer == "adagrad"),
            np.float32(self._setting("regularization")),
            np.float32(self.bias_regularization),
            np.uint8(moves_items),
        )  # fmt: skip

    def _setting(self, name):
        """Return a parameter; a subclass says what its None stands for."""
        return getattr(self, name)

    def _visit(self, seed, order, pairs, users, items, step):
        kernel, n_candidates, options = self._loss()
        n_users = len(order)
        # Users who move items depend on each other: that is for one thread.
        map_ranges(
            kernel, n_users, np.uint64(seed), order, pairs, users, items, step,
            *options, chunk=n_users if step.moves_items else _ROWS_PER_TASK,
            n_jobs=self.n_jobs,
            states=lambda: pairwise.scratch(items, n_candidates),
        )  # fmt: skip

    def _make_scorer(self, profiles):
        users = profiles.known_rows(self.user_factors_)
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            pairs = self._pairs(profiles.history.take(changed).matrix)
            newcomers = self._newcomers(profiles.codes[changed], self._users_so_far())
            # The kernel moves no item here, but its type would allow it.
            *fields, _ = self._items_so_far()
            fields = [np.require(field, requirements="W") for field in fields]
            items = pairwise.Items._make([*fields, None])
            users[changed] = self._fold_in(pairs, newcomers, items)
        return FactorScorer(
            users, self.item_factors_, None, self.item_biases_, index=self.index
        )

    def _newcomers(self, codes, users):
        """Return users who start from zero; `users` is what is known of all."""
        vectors = np.zeros((len(codes), self.n_factors), dtype=np.float32)
        return pairwise.Users(vectors, ones(len(codes)), users.parts)

    def _fold_in(self, pairs, users, items):
        """Return vectors of users, learned from zero, the items staying as they are."""
        n_users = len(users.vectors)
        # One stream for all: a user's draws depend on nobody else in the call.
        pairs = pairs._replace(streams=np.zeros(n_users, dtype=np.uint64))
        order = np.arange(n_users, dtype=np.uint32)
        for epoch in range(_FOLD_IN_EPOCHS):
            step = self._step(1 - epoch / _FOLD_IN_EPOCHS, moves_items=False)
            self._visit(epoch, order, pairs, users, items, step)
        return users.vectors


def bpr_loss(n_candidates):
    """Return what `_loss` returns: the hardest of some candidates, BPR's loss."""
    return pairwise.bpr_rows, n_candidates, ()


def warp_loss(n_negatives, margin):
    """Return what `_loss` returns: up to so many draws, WARP's loss."""
    options = (n_negatives, np.float32(margin))
    return pairwise.warp_rows, min(_DRAWN_AHEAD, n_negatives), options


def ones(n):
    """Return n ones in single precision."""
    return np.ones(n, dtype=np.float32)
