"""Neighbours of rating models: which ratings deviate alike, and what that predicts."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy import sparse

from sklearn_metarec._biases import BIAS_CONSTRAINTS
from sklearn_metarec._kernels import rating_neighbors
from sklearn_metarec._kernels.rating_neighbors import COSINE, PEARSON
from sklearn_metarec._neighborhood import nearest_rows
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval, StrOptions

CONSTRAINTS = {
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "similarity": [StrOptions({"cosine", "pearson_baseline"})],
    "positive_only": ["boolean"],
    "shrinkage": [Interval(Real, 0, None, closed="left")],
    "amplification": [Interval(Real, 0, None, closed="left")],
    "damping": [Interval(Real, 0, None, closed="left")],
    **BIAS_CONSTRAINTS,
    "n_jobs": [Integral, None],
}
# The products of two roots of weights, in single precision, must not be 0.
_SMALLEST_ROOT = 1e-15
_PAIRS_PER_TASK = 1 << 12


@dataclass
class Weighted:
    """Compressed rows of values, each with a weight: the same places in both."""

    values: sparse.csr_array
    weights: sparse.csr_array

    def transpose(self):
        """Return the compressed columns."""
        return Weighted(transpose_csr(self.values), transpose_csr(self.weights))

    @property
    def parts(self):
        """Indptr, indices, values and weights, for kernels."""
        return (*compressed_parts(self.values), self.weights.data)


def residuals(model, history, user_biases):
    """Return what the biases leave of the ratings of some users, with weights."""
    indptr, cols, ratings = compressed_parts(history.matrix)
    left = ratings - model.global_mean_ - model.item_biases_[cols]
    left -= np.repeat(user_biases, np.diff(indptr))
    return Weighted(*(_like(history.matrix, data) for data in (left, history.weights)))


def totals(ratings):
    """Return the same with values times weights, as they enter weighted means."""
    data = ratings.values.data * ratings.weights.data
    return Weighted(_like(ratings.values, data), ratings.weights)


def amplify(similarities, model):
    """Return the values and the weights that similarities have in weighted means."""
    weights = np.abs(similarities.data) ** np.float32(model.amplification)
    values = np.copysign(weights, similarities.data)
    return Weighted(*(_like(similarities, data) for data in (values, weights)))


def _like(matrix, data):
    data = data.astype(np.float32, copy=False)
    return make_csr(matrix.indptr, matrix.indices, data, matrix.shape)


class RatingNeighborhood:
    """The rows that may be neighbours, and how other rows are compared with them.

    With residuals e, over the n entries that two rows share, the similarity is

    - cosine: n / (n + shrinkage) times the sum of products, divided by the norms of
      both rows;
    - pearson_baseline: (n - 1) / (n - 1 + shrinkage) times the sum of products, divided
      by the norms of what is shared.

    An entry of weight w enters with sqrt(w) e, and n is the sum of sqrt(w w').

    Parameters
    ----------
    candidates : Weighted
        The rows that may be neighbours, of residuals.
    by_feature : Weighted
        Their transpose.
    model : ItemKNNRegressor or UserKNNRegressor
        Whose parameters hold.
    """

    def __init__(self, candidates, by_feature, model):
        self.n_candidates = candidates.values.shape[0]
        self.n_neighbors = min(model.n_neighbors, self.n_candidates)
        self.kind = PEARSON if model.similarity == "pearson_baseline" else COSINE
        self.positive_only = bool(model.positive_only)
        self.shrinkage = float(model.shrinkage)
        # Similarities do not depend on the unit of the ratings: their squares should
        # not leave the range of single precision because of it.
        self.unit = float(np.abs(candidates.values.data).max(initial=0)) or 1.0
        self.norms = self._norms(candidates)
        self.by_feature = by_feature

    def _entries(self, rows):
        indptr, indices, values, weights = rows.parts
        values = values / np.float32(self.unit)
        roots = np.maximum(np.sqrt(weights), np.float32(_SMALLEST_ROOT))
        data = np.column_stack([roots * values, roots, roots * values**2])
        return rating_neighbors.Residuals(indptr, indices, data)

    def _norms(self, rows):
        squares = np.square(rows.values.data / self.unit, dtype=np.float64)
        squares = _like(rows.values, squares * rows.weights.data)
        return np.sqrt(squares.sum(axis=1)).astype(np.float32)

    def nearest(self, rows, itself, n_jobs):
        """Return the neighbours of some rows, with their similarities.

        Parameters
        ----------
        rows : Weighted
            What is to be compared.
        itself : ndarray of shape (n,), dtype=int32
            The candidate that each row is, which is no neighbour of it; -1 for none.
        n_jobs : int or None
            Threads.

        Returns
        -------
        neighbours : csr_array of shape (n, n_candidates), dtype=float32
            Those of the largest similarities, by size; columns ascend in a row.
        """
        measure = rating_neighbors.Measure(
            self.kind, self.positive_only, self._norms(rows), self.norms,
            np.float32(self.shrinkage),
        )  # fmt: skip
        shape = rows.values.shape[0], self.n_candidates
        found = nearest_rows(
            rating_neighbors.nearest_by_residuals, shape, self.n_neighbors,
            self._entries(rows), self._entries(self.by_feature), itself, measure,
            n_jobs=n_jobs,
            states=lambda: rating_neighbors.make_scratch(self.n_candidates),
        )  # fmt: skip
        return transpose_csr(transpose_csr(found))  # sorts the rows


class WeightedMeanScorer:
    """Baseline plus a damped weighted mean, for rating models.

    Parameters
    ----------
    rows : Weighted of shape (n, n_middle)
        What each user of this call gives to what they have.
    by_middle : Weighted of shape (n_middle, n_items)
        What that gives to items.
    by_item : Weighted of shape (n_items, n_middle)
        Its transpose.
    damping : float
        Added to the sum of weights.
    user_bias : ndarray of shape (n,)
        A user's prediction without items.
    item_bias : ndarray of shape (n_items,)
        Added to it.
    """

    def __init__(self, rows, by_middle, by_item, damping, user_bias, item_bias):
        self.rows, self.by_middle, self.by_item = rows.parts, by_middle, by_item
        self.rest = np.float32(damping), user_bias, item_bias

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        rating_neighbors.weighted_means(
            lo, hi, *self.rows, *self.by_middle.parts, *self.rest, out
        )

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        out = np.empty(len(cols))
        map_ranges(
            rating_neighbors.weighted_mean_pairs, len(cols), users, cols, *self.rows,
            *self.by_item.parts, *self.rest, out, chunk=_PAIRS_PER_TASK,
        )  # fmt: skip
        return out
