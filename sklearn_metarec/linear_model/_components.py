"""The leading directions of a matrix of features."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, svds
from sklearn.utils.extmath import svd_flip

from sklearn_metarec.utils._sklearn import check_random_state

# Up to this many rows or columns a complete decomposition takes no time.
_EXACT = 512


def leading_components(features, n_components, random_state, center=None):
    """Return the first left singular vectors of a matrix, and the singular values.

    Parameters
    ----------
    features : csr_array of shape (n, n_features)
        The matrix.
    n_components : int
        How many, at most.
    random_state : int, RandomState or None
        Where an iterative decomposition starts.
    center : ndarray of shape (n_features,), default=None
        Subtracted from every row, without making the matrix dense.

    Returns
    -------
    u : ndarray of shape (n, n_kept)
        Orthonormal columns; those of singular values that are rounding error are
        left out.
    s : ndarray of shape (n_kept,)
        The singular values, descending.
    """
    if min(features.shape) <= max(_EXACT, n_components):
        dense = features.toarray().astype(np.float64)
        dense = dense if center is None else dense - center
        u, s, vt = np.linalg.svd(dense, full_matrices=False)
    else:
        start = check_random_state(random_state).uniform(-1, 1, min(features.shape))
        operator = features.astype(np.float64)
        operator = operator if center is None else _centered(operator, center)
        u, s, vt = svds(operator, n_components, v0=start)
        u, s, vt = u[:, ::-1], s[::-1], vt[::-1]
    u = svd_flip(u, vt)[0]
    kept = s > np.finfo(np.float32).eps * max(s[0], 1e-30) * max(features.shape)
    kept[n_components:] = False
    return u[:, kept], s[kept]


def _centered(features, center):
    """Return the product of `features - center` with vectors and matrices."""
    ones = np.ones(features.shape[0])
    return LinearOperator(
        features.shape,
        matvec=lambda x: features @ x.ravel() - (center @ x.ravel()) * ones,
        rmatvec=lambda x: features.T @ x.ravel() - center * x.sum(),
        dtype=np.float64,
    )


def unit_variance(features):
    """Return the features with a variance of 1, constant ones zero.

    Parameters
    ----------
    features : csr_array of shape (n, n_features)
        The matrix.

    Returns
    -------
    scaled : csr_array of shape (n, n_features)
        The features divided by their standard deviations.
    center : ndarray of shape (n_features,)
        Their means after that.
    scale : ndarray of shape (n_features,)
        What they were multiplied by.
    """
    n = max(features.shape[0], 1)
    mean = np.asarray(features.sum(axis=0)).ravel() / n
    square = np.asarray(features.multiply(features).sum(axis=0)).ravel() / n
    std = np.sqrt(np.maximum(square - mean**2, 0))
    constant = std <= 1e-6 * np.maximum(np.abs(mean), 1e-12)
    scale = np.where(constant, 0, 1 / np.where(constant, 1, std))
    scaled = features.copy()
    scaled.data = scaled.data * scale[scaled.indices]
    return scaled, mean * scale, scale
