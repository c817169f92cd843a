"""Who is similar to whom: what models with neighbours share."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._kernels import neighbors
from sklearn_metarec._weighting import WEIGHTINGS
from sklearn_metarec.interactions import compressed_parts, make_csr
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval, StrOptions

CONSTRAINTS = {
    "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    "similarity": [StrOptions({"cosine", "jaccard"})],
    "weighting": [StrOptions(set(WEIGHTINGS)), None],
    "shrinkage": [Interval(Real, 0, None, closed="left")],
    "asymmetry": [Interval(Real, 0, 1, closed="both")],
    "n_jobs": [Integral, None],
}
# Rows differ in cost by their popularity, so threads take them in small portions.
_ROWS_PER_TASK = 64
_NO_DATA = np.empty(0, dtype=np.float32)


class Neighborhood:
    """The rows that may be neighbours, and how other rows are compared with them.

    The similarity of a row a to a candidate b is

    - cosine: dot(a, b) / (norm(a)^(1 - asymmetry) norm(b)^(1 + asymmetry)
      + shrinkage m), where m is the mean of the squared entries of all candidates: 1
      for a binary matrix;
    - jaccard: c / (|A| + |B| - c + shrinkage), where A and B are the places of entries
      and c the number that they share.

    Parameters
    ----------
    candidates : csr_array of shape (n_candidates, n_features), dtype=float32
        The rows that may be neighbours.
    by_feature : csr_array of shape (n_features, n_candidates), dtype=float32
        Its transpose.
    n_neighbors : int
        How many neighbours a row has at most.
    similarity : {"cosine", "jaccard"}, default="cosine"
        How rows are compared.
    shrinkage, asymmetry : float, default=0.0
        As above.
    """

    def __init__(
        self, candidates, by_feature, n_neighbors, *, similarity="cosine",
        shrinkage=0.0, asymmetry=0.0,
    ):  # fmt: skip
        self.candidates = candidates
        self.by_feature = by_feature
        self.n_neighbors = n_neighbors
        self.jaccard = similarity == "jaccard"
        self.asymmetry = asymmetry
        self.is_binary = self.jaccard or _is_binary(candidates)
        self.shrinkage = float(shrinkage)
        if not self.is_binary and candidates.nnz:
            self.shrinkage *= float(np.mean(np.square(candidates.data, dtype=float)))
        self.sizes = self._sizes(candidates, 1 + self.asymmetry)

    def _sizes(self, rows, exponent):
        lengths = np.diff(rows.indptr).astype(np.float64)
        if self.jaccard:
            return lengths.astype(np.float32)
        squares = lengths
        if not _is_binary(rows):
            indptr, indices, data = compressed_parts(rows)
            entries = np.square(data, dtype=np.float64)
            squares = make_csr(indptr, indices, entries, rows.shape).sum(axis=1)
        # What has no entry has no products: its size only must not be zero.
        squares = np.where(squares > 0, squares, 1)
        return (squares ** (exponent / 2)).astype(np.float32)

    def nearest(self, rows, itself, n_jobs):
        """Return the neighbours of some rows, with their similarities.

        Parameters
        ----------
        rows : csr_array of shape (n, n_features), dtype=float32
            What is to be compared.
        itself : ndarray of shape (n,), dtype=int32
            The candidate that each row is, which is no neighbour of it; -1 for none.
        n_jobs : int or None
            Threads.

        Returns
        -------
        neighbours : csr_array of shape (n, n_candidates), dtype=float32
            At most `n_neighbors` a row and with a similarity above 0, most similar
            first, ties in the order of the candidates.
        """
        n, n_candidates = rows.shape[0], self.candidates.shape[0]
        k = min(self.n_neighbors, n_candidates)
        # Where all entries are 1, products are numbers of common entries: narrow
        # integers, which cannot depend on the order of addition either.
        counted = self.is_binary and (self.jaccard or _is_binary(rows))
        dtype = _count_type(rows, self.candidates) if counted else np.float32
        left, right = (
            neighbors.Rows(indptr, indices, _NO_DATA if counted else data)
            for indptr, indices, data in map(compressed_parts, (rows, self.by_feature))
        )
        measure = neighbors.Measure(
            neighbors.JACCARD if self.jaccard else neighbors.COSINE,
            self._sizes(rows, 1 - self.asymmetry), self.sizes,
            np.float32(self.shrinkage),
        )  # fmt: skip
        return nearest_rows(
            neighbors.nearest_columns, (n, n_candidates), k, left, right, itself,
            measure, n_jobs=n_jobs,
            states=lambda: neighbors.make_scratch(n_candidates, dtype),
        )  # fmt: skip


def nearest_rows(kernel, shape, k, *args, n_jobs, states):
    """Collect what a kernel finds of each row: at most k columns, best first."""
    cols = np.empty((shape[0], k), dtype=np.int32)
    values = np.empty((shape[0], k), dtype=np.float32)
    map_ranges(
        kernel, shape[0], *args, cols, values, chunk=_ROWS_PER_TASK, n_jobs=n_jobs,
        states=states,
    )  # fmt: skip
    there = cols >= 0
    indptr = np.concatenate(([0], np.cumsum(np.count_nonzero(there, axis=1))))
    return make_csr(indptr, cols[there], values[there], shape)


def _is_binary(matrix):
    return not np.any(matrix.data != 1)


def _count_type(rows, candidates):
    """Return the narrowest type for numbers of common entries."""
    most = min(np.diff(matrix.indptr).max(initial=0) for matrix in (rows, candidates))
    return np.uint16 if most < 1 << 16 else np.uint32
