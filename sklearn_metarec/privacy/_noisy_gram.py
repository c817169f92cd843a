"""The Gram matrix of private models: clipped, exact, and with noise."""

import numpy as np

from sklearn_metarec._kernels.gram import count_weighted_pairs
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.privacy._mechanism import gaussian_noise, gram_sensitivity
from sklearn_metarec.utils._parallel import map_ranges

# All numbers that are released are multiples of this, with and without a user, so that
# their last digits tell nothing.
UNIT = 2.0**-16
_NUMBERS_PER_BLOCK = 1 << 22
_ROWS_PER_TASK = 16


def clip_weights(n_items_of_user, max_items):
    """Return each user's weight, in units.

    With it, none moves the matrix by more than a user with `max_items` items does.
    """
    most = gram_sensitivity(max_items)
    own = gram_sensitivity(np.maximum(n_items_of_user, 1).astype(np.float64))
    return np.floor(np.minimum(most / own, 1.0) / UNIT).astype(np.int64)


def noisy_gram(X, max_items, sigma, draw, n_jobs=None):
    """Return the noisy Gram matrix of clipped users, with both its triangles.

    Parameters
    ----------
    X : csr_array of shape (n_users, n_items)
        Whose stored entries are a user's items.
    max_items : int
        The most items that count in full.
    sigma : float
        Standard deviation of the noise.
    draw : callable
        What :func:`uniform_source` gives.
    n_jobs : int or None, default=None
        Threads.

    Returns
    -------
    gram : ndarray of shape (n_items, n_items), dtype=float32
        Symmetric.
    """
    n_items = X.shape[1]
    weights = clip_weights(np.diff(X.indptr), max_items)
    places = np.arange(X.nnz, dtype=np.int64)
    by_item = transpose_csr(make_csr(X.indptr, X.indices, places, X.shape))
    indptr, indices, _ = compressed_parts(X)
    out = np.empty((n_items, n_items), dtype=np.float32)
    n_rows = max(_NUMBERS_PER_BLOCK // max(n_items, 1), 1)
    for start in range(0, n_items, n_rows):
        stop = min(start + n_rows, n_items)
        counts = np.zeros((stop - start, n_items), dtype=np.int64)
        map_ranges(
            _count_from, stop - start, start, *compressed_parts(by_item), indptr,
            indices, weights, counts, chunk=_ROWS_PER_TASK, n_jobs=n_jobs,
        )  # fmt: skip
        block = counts[:, start:] * UNIT
        block += gaussian_noise(draw, block.shape, sigma)
        # Data are multiples of the unit: rounding the sum is rounding the noise, and
        # what comes of exact Gaussian noise by rounding is as private.
        block = np.rint(block / UNIT) * UNIT
        out[start:stop, start:] = block
        out[start:, start:stop] = block.T
        corner = np.triu(block[:, : stop - start])
        corner += np.triu(corner, 1).T
        out[start:stop, start:stop] = corner
    return out


def _count_from(lo, hi, start, *args):
    count_weighted_pairs(start + lo, start + hi, start, *args)
