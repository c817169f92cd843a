"""Stored pairs in few bytes, without loss: for the files of compressed models."""

import numpy as np

from sklearn_metarec.interactions import make_csr

_NARROW = (np.uint8, np.uint16, np.uint32)


def pack_pairs(matrix):
    """Return the arrays of a CSR matrix of stored pairs, packed.

    Parameters
    ----------
    matrix : csr_array
        Strengths or ratings.

    Returns
    -------
    packed : dict of {str: ndarray or dict}
        For `unpack_pairs`.
    """
    return {
        "lengths": _narrow(np.diff(matrix.indptr)), "indices": _narrow(matrix.indices),
        "shape": np.array(matrix.shape), "data": pack_array(matrix.data),
    }  # fmt: skip


def unpack_pairs(packed):
    """Return the CSR matrix of `pack_pairs`."""
    indices = packed["indices"].astype(np.int32)
    indptr = np.concatenate(([0], np.cumsum(packed["lengths"], dtype=np.int64)))
    data = unpack_array(packed["data"], len(indices))
    return make_csr(indptr, indices, data, tuple(map(int, packed["shape"])))


def pack_array(values):
    """Return what `unpack_array` needs: one number for all, or a byte or more each."""
    if values is None:
        return None
    packed = values
    if len(values) and (values == values[0]).all():
        packed = values[:1].copy()
    elif _fits_a_byte(values):
        packed = values.astype(np.uint8)
    return {"values": packed, "dtype": np.zeros(0, values.dtype)}


def unpack_array(packed, n):
    """Return the array of `n` numbers of `pack_array`, or None of None."""
    if packed is None:
        return None
    values = packed["values"].astype(packed["dtype"].dtype)
    return values if len(values) == n else np.repeat(values, n)


def _narrow(codes):
    largest = int(codes.max(initial=0))
    for dtype in _NARROW:
        if largest <= np.iinfo(dtype).max:
            return codes.astype(dtype)
    return codes


def _fits_a_byte(values):
    if not len(values) or values.min() < 0 or values.max() > np.iinfo(np.uint8).max:
        return False
    return bool((values == np.rint(values)).all())
