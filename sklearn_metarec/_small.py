"""Matrices of eight or sixteen bits a number, which models use as they use others.

Indexing, products and `np.asarray` give single precision; scorers read the small
numbers themselves.
"""

import numpy as np
from scipy import sparse

from sklearn_metarec._kernels._simd import TILE, USERS
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr

_LARGEST = 127


class SmallMatrix:
    """A dense matrix in a small type.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns), dtype=int8 or float16
        The numbers.
    scales : ndarray of shape (n_rows,), dtype=float32, or None
        By what those of a row are multiplied, for int8.
    """

    ndim = 2
    dtype = np.dtype(np.float32)
    # A product with an array is for `__rmatmul__`.
    __array_ufunc__ = None

    def __init__(self, values, scales=None):
        self.values = values
        self.scales = scales

    @property
    def shape(self):
        """Rows and columns."""
        return self.values.shape

    @property
    def nbytes(self):
        """Bytes of what is stored."""
        return self.values.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or np.float32, copy=False)

    def __getitem__(self, key):
        part = self.values[key].astype(np.float32)
        if self.scales is None:
            return part
        own = self.scales[key[0] if isinstance(key, tuple) else key]
        # One number a row: what axes there are beside are of columns.
        return part * own.reshape(own.shape + (1,) * (part.ndim - own.ndim))

    def __matmul__(self, other):
        return np.asarray(self) @ other

    def __rmatmul__(self, other):
        return other @ np.asarray(self)

    def astype(self, dtype):
        """Return an array of another type; in single precision, itself."""
        return self if dtype == self.dtype else np.asarray(self, dtype)

    def any(self, axis=None):
        """Tell whether there are numbers that are not zero."""
        return self.values.any(axis=axis)


class SmallRows:
    """A compressed sparse matrix in small types.

    Parameters
    ----------
    indptr, columns : ndarray
        As of a CSR matrix; the columns in the smallest type that fits.
    values : ndarray of shape (n_entries,), dtype=int8 or float16
        The numbers.
    scales : ndarray of shape (n_rows,), dtype=float32, or None
        By what those of a row are multiplied, for int8.
    shape : tuple of int
        Rows and columns.
    """

    def __init__(self, indptr, columns, values, scales, shape):
        self.indptr = indptr
        self.columns = columns
        self.values = values
        self.scales = scales
        self.shape = shape

    @property
    def nbytes(self):
        """Bytes of what is stored."""
        parts = (self.indptr, self.columns, self.values, self.scales)
        return sum(part.nbytes for part in parts if part is not None)

    def tocsr(self):
        """Return the matrix in single precision."""
        data = self.values.astype(np.float32)
        if self.scales is not None:
            data *= np.repeat(self.scales, np.diff(self.indptr))
        return make_csr(self.indptr, self.columns.astype(np.int32), data, self.shape)

    def __getitem__(self, key):
        return self.tocsr()[key]


class TransposedRows:
    """The transpose of compressed rows, made when it is asked for.

    Parameters
    ----------
    rows : SmallRows
        What is stored, once for both.
    """

    def __init__(self, rows):
        self.rows = rows

    @property
    def shape(self):
        """Rows and columns."""
        return self.rows.shape[::-1]

    def tocsr(self):
        """Return the matrix in single precision."""
        return transpose_csr(self.rows.tocsr())

    def __getitem__(self, key):
        return self.tocsr()[key]


def is_sparse(matrix):
    """Tell whether a matrix is one of compressed rows, small or not."""
    return sparse.issparse(matrix) or isinstance(matrix, SmallRows)


def widened(matrix):
    """Return an array or a CSR matrix, of a small one or of what is one already."""
    if is_sparse(matrix):
        return matrix.tocsr()
    return np.asarray(matrix)


def shrink(matrix, dtype):
    """Return an array or a CSR matrix in a small type."""
    if not sparse.issparse(matrix):
        return SmallMatrix(*_encode(matrix, dtype))
    indptr, indices, data = compressed_parts(matrix)
    narrow = np.uint16 if matrix.shape[1] <= 1 << 16 else np.int32
    values, scales = data, None
    if dtype == "float16":
        values = _halves(data)
    else:
        lengths = np.diff(indptr)
        largest = np.zeros(len(lengths), dtype=np.float32)
        filled = lengths > 0
        if filled.any():
            starts = indptr[:-1][filled]
            largest[filled] = np.maximum.reduceat(np.abs(data), starts)
        scales = largest / np.float32(_LARGEST)
        values = _rounded(data, np.repeat(scales, lengths))
    return SmallRows(
        indptr.astype(np.int32 if len(data) < 1 << 31 else np.int64),
        indices.astype(narrow), values, scales, matrix.shape,
    )  # fmt: skip


def _encode(dense, dtype):
    if dtype == "float16":
        return _halves(dense), None
    largest = np.abs(dense).max(axis=1, initial=0).astype(np.float32)
    scales = largest / np.float32(_LARGEST)
    return _rounded(dense, scales[:, None]), scales


def _rounded(numbers, scales):
    steps = numbers / np.where(scales > 0, scales, 1)
    return np.clip(np.rint(steps), -_LARGEST, _LARGEST).astype(np.int8)


def _halves(numbers):
    largest = np.finfo(np.float16).max
    return np.clip(numbers, -largest, largest).astype(np.float16)


def with_scales(weights, rows):
    """Return (weights, rows) as parts for kernels; rows' scales are in the weights.

    Parameters
    ----------
    weights : tuple of (indptr, indices, data)
        What each user gives to each row.
    rows : ndarray, csr_array, SmallMatrix or SmallRows
        The rows.

    Returns
    -------
    weights, rows : tuple
        Arrays; halves as their bits.
    """
    if isinstance(rows, np.ndarray):
        return weights, (rows,)
    if sparse.issparse(rows):
        return weights, compressed_parts(rows)
    values = rows.values
    if values.dtype == np.float16:
        values = values.view(np.uint16)
    if rows.scales is not None:
        indptr, indices, data = weights
        weights = (indptr, indices, data * rows.scales[indices])
    if isinstance(rows, SmallMatrix):
        return weights, (values,)
    return weights, (rows.indptr.astype(np.int64), rows.columns, values)


class IntegerItems:
    """Vectors of users and items in eight bits, ready for the kernels.

    Parameters
    ----------
    user_vectors : ndarray of shape (n, n_factors), dtype=float32
        One row a user of a call, rounded here.
    items : SmallMatrix of shape (n_items, n_factors), dtype=int8
        One row an item.
    """

    def __init__(self, user_vectors, items):
        values, self.user_scales = _encode(np.asarray(user_vectors), "int8")
        self.items, self.item_scales = items.values, items.scales
        n, width = values.shape
        # Whole groups of users and pairs of factors: what is added is zero.
        self.users = np.zeros(
            (-(-n // USERS) * USERS + USERS, width + width % 2), dtype=np.int16
        )
        self.users[:n, :width] = values

    def tiles(self):
        """Return the items in the order in which the kernel for many users reads."""
        n, width = self.items.shape
        n_tiles, n_pairs = -(-n // TILE), -(-width // 2)
        padded = np.zeros((n_tiles * TILE, 2 * n_pairs), dtype=np.int8)
        padded[:n, :width] = self.items
        by_pair = padded.reshape(n_tiles, TILE, n_pairs, 2).transpose(0, 2, 1, 3)
        return np.ascontiguousarray(by_pair).reshape(n_tiles, -1)
