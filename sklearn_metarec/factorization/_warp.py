"""x."""

from numbers import Real

import numpy as np

from sklearn_metarec._kernels import pairwise
from sklearn_metarec.factorization._pairwise import CONSTRAINTS, PairwiseRanker
from sklearn_metarec.utils._sklearn import Interval

# Most visits of a fitted model need more draws: to fetch those too would not pay.
_DRAWN_AHEAD = 2


class WARP(PairwiseRanker):
    """x."""

    _parameter_constraints = {
        **CONSTRAINTS,
        "margin": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self, n_factors=64, *, regularization=0.01, bias_regularization=0.05,
        learning_rate=0.05, optimizer="adagrad", margin=1.0, n_negatives=30,
        weighting="binary", max_iter=30, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.margin = margin
        self.n_negatives = n_negatives
        self.weighting = weighting
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _loss(self):
        ahead = min(_DRAWN_AHEAD, self.n_negatives)
        options = (self.n_negatives, np.float32(self.margin))
        return pairwise.warp_rows, ahead, options
