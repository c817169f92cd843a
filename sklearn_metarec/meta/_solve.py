"""Ridge systems with a full penalty, one a row of pairs."""

import numpy as np

from sklearn_metarec._kernels import als
from sklearn_metarec.utils._parallel import map_ranges

_ROWS_PER_TASK = 64


def solve_heads(indptr, cols, weights, targets, vectors, precision, means, n_jobs):
    """Return the heads that minimize each row's squared error, drawn to their means.

    Parameters
    ----------
    indptr, cols : ndarray
        Compressed rows of pairs.
    weights, targets : ndarray of shape (n_pairs,)
        The weight of each squared error, and the weight times what is to be predicted.
    vectors : ndarray of shape (n_cols, n_head)
        The vector of each column.
    precision : ndarray of shape (n_head, n_head)
        The matrix of the penalty.
    means : ndarray of shape (n_rows, n_head)
        Where the penalty is zero.
    n_jobs : int or None
        Threads; the result does not depend on it.

    Returns
    -------
    heads : ndarray of shape (n_rows, n_head)
        The solutions; the means where there are no pairs.
    """
    n = vectors.shape[1]
    heads = np.ascontiguousarray(means @ precision)
    map_ranges(
        als.solve_rows, len(heads), indptr, cols, weights, targets,
        np.ascontiguousarray(vectors), precision, np.zeros(len(heads)), np.zeros(n),
        heads, n_jobs=n_jobs, chunk=_ROWS_PER_TASK,
        states=lambda: als.scratch_systems(n, np.float64),
    )  # fmt: skip
    nothing = np.diff(indptr) == 0
    heads[nothing] = means[nothing]
    return heads
