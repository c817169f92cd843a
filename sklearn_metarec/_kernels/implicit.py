"""Sums of vectors over the pairs of a row: which items a user rated, as a vector."""

import numpy as np

from sklearn_metarec._kernels._jit import jit


@jit(fastmath=True)
def sum_vectors(lo, hi, indptr, indices, scale, vectors, out):
    """Write `scale[row]` times the sum of a row's vectors, for rows lo to hi."""
    for row in range(lo, hi):
        x = out[row]
        x[:] = 0
        for t in range(indptr[row], indptr[row + 1]):
            v = vectors[np.uint32(indices[t])]
            for f in range(len(x)):
                x[f] += v[f]
        for f in range(len(x)):
            x[f] *= scale[row]
