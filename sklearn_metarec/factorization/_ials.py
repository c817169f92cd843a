"""iALS: factors of implicit feedback by alternating least squares."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._iterating import epochs
from sklearn_metarec._kernels import als
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec._weighting import WEIGHTINGS, Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts, transpose_csr
from sklearn_metarec.utils._parallel import map_ranges, single_threaded_blas
from sklearn_metarec.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    check_random_state,
)

_STEPS = 3
_FINAL_STEPS = 50
_INITIAL_STD = 0.1
_ROWS_PER_TASK = 128


class IALS(CallbackSupportMixin, BaseRecommender):
    _parameter_constraints = {
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "scale_regularization": [Interval(Real, 0, None, closed="left")],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, n_factors=64, *, regularization=30.0, alpha=5.0, scale_regularization=0.0,
        weighting="binary", max_iter=15, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.alpha = alpha
        self.scale_regularization = scale_regularization
        self.weighting = weighting
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, history):
        self._learn(history, *self._initial_factors(history), self.max_iter)

    def _initial_factors(self, history):
        rng = check_random_state(self.random_state)
        std = _INITIAL_STD / np.sqrt(self.n_factors)
        return [
            rng.normal(0, std, (n, self.n_factors)).astype(np.float32)
            for n in history.matrix.shape
        ]

    def _learn(self, history, users, items, n_sweeps):
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        by_user = self._confidences(history.matrix)
        by_item = transpose_csr(by_user)
        self._mean = self._total(by_user).mean()
        rows_user, rows_item = self._side(by_user), self._side(by_item)

        def fitted():
            X = users.copy()
            self._improve(rows_user, items, X, _FINAL_STEPS)
            return {"user_factors_": X, "item_factors_": items.copy(), "n_iter_": n_iter}
        with single_threaded_blas():
            for n_iter in epochs(self, n_sweeps, history, fitted):
                self._improve(rows_item, users, items, _STEPS)
                self._improve(rows_user, items, users, _STEPS)
            vars(self).update(fitted())

    def _confidences(self, m):
        m = self._weighting.transform(m)
        m.data *= np.float32(self.alpha)
        return m

    def _total(self, m):
        return np.asarray(m.sum(axis=1)).ravel() + m.shape[1]

    def _side(self, m, mean=None):
        total = self._total(m)
        ridge = self.regularization * (total / (mean or total.mean())) ** self.scale_regularization
        return (*compressed_parts(m), ridge.astype(np.float32))

    def _improve(self, side, fixed, moving, steps):
        indptr, indices, weights, ridge = side
        map_ranges(als.improve_rows, len(moving), indptr, indices, weights, fixed.T @ fixed, ridge, steps, fixed, moving,
                   chunk=_ROWS_PER_TASK, states=lambda: als.scratch(self.n_factors), n_jobs=self.n_jobs)

    def _make_scorer(self, profiles):
        return FactorScorer(self.user_factors_[profiles.codes], self.item_factors_)
