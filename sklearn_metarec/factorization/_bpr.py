"""x."""

from sklearn_metarec._kernels import pairwise
from sklearn_metarec.factorization._pairwise import CONSTRAINTS, PairwiseRanker
from sklearn_metarec.utils._sklearn import StrOptions


class BPR(PairwiseRanker):
    """x."""

    _parameter_constraints = {
        **CONSTRAINTS,
        "sampling": [StrOptions({"uniform", "adaptive"})],
    }

    def __init__(
        self, n_factors=64, *, regularization=0.02, bias_regularization=0.05,
        learning_rate=0.1, optimizer="adagrad", sampling="adaptive", n_negatives=5,
        weighting="binary", max_iter=50, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.sampling = sampling
        self.n_negatives = n_negatives
        self.weighting = weighting
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _loss(self):
        n_candidates = self.n_negatives if self.sampling == "adaptive" else 1
        return pairwise.bpr_rows, n_candidates, ()
