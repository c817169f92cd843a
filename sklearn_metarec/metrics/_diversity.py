"""Intra-list similarity, from the vectors of the items."""

import numpy as np
from scipy import sparse

from sklearn_metarec._kernels import metrics as kernel
from sklearn_metarec.utils._parallel import map_ranges

_LISTS_PER_BLOCK = 4096
_ITEMS_PER_BLOCK = 256


def mean_dissimilarity(codes, vectors):
    """Return one minus the mean cosine of a list's pairs of items.

    Parameters
    ----------
    codes : ndarray of shape (n, k), dtype=int32
        Items of the lists; negative: none.
    vectors : ndarray or sparse array of shape (n_codes, d)
        One vector an item. A zero vector is at right angles to all others.

    Returns
    -------
    dissimilarity : ndarray of shape (n,)
        NaN for a list of fewer than two items.
    """
    if sparse.issparse(vectors):
        vectors = sparse.csr_array(vectors)  # the form that has rows to take
    listed, codes = _compact(codes, vectors.shape[0])
    n_listed = (codes >= 0).sum(axis=1)
    unit = _unit_rows(vectors[listed])
    similarity = _similarity_method(codes, unit)(codes, unit)
    pairs = n_listed * (n_listed - 1) / 2
    mean = np.full(len(codes), np.nan)
    np.divide(similarity, pairs, out=mean, where=pairs > 0)
    return 1 - mean


def _compact(codes, n_codes):
    """Renumber the items that are listed, from 0 on."""
    listed = np.zeros(n_codes, dtype=bool)
    listed[codes[codes >= 0]] = True
    number = np.append(np.cumsum(listed, dtype=np.int32) - np.int32(1), np.int32(-1))
    return listed, number[np.maximum(codes, -1)]


def _unit_rows(vectors):
    if sparse.issparse(vectors):
        vectors = vectors.astype(np.float64)
        norm = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        scale = np.divide(1, norm, out=np.zeros_like(norm), where=norm > 0)
        return sparse.diags_array(scale) @ vectors
    vectors = np.asarray(vectors, dtype=np.float64)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)


def _similarity_method(codes, unit):
    """Choose by the number of multiplications."""
    if not sparse.issparse(unit):
        return _by_sums_of_vectors
    # Popular items have long vectors of users and stand in many lists: then it is
    # cheaper to meet each pair of items once than each vector in each list.
    entries = np.diff(unit.indptr)
    sums = entries[codes[codes >= 0]].sum(dtype=np.float64)
    products = (np.bincount(unit.indices).astype(np.float64) ** 2).sum()
    return _by_sums_of_vectors if sums <= products else _by_products_of_items


def _by_sums_of_vectors(codes, unit):
    """Sum the cosines of a list's pairs: (|sum of v|^2 - sum of |v|^2) / 2."""
    squares = unit.multiply(unit) if sparse.issparse(unit) else unit * unit
    own = np.asarray(squares.sum(axis=1)).ravel()
    total = np.empty(len(codes))
    for start in range(0, len(codes), _LISTS_PER_BLOCK):
        block = codes[start : start + _LISTS_PER_BLOCK]
        listed = block >= 0
        indptr = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
        members = sparse.csr_array(
            (np.ones(indptr[-1]), block[listed], indptr), shape=(len(block), len(own))
        )
        sums = members @ unit
        sums = sums.multiply(sums) if sparse.issparse(sums) else sums * sums
        squared_norm = np.asarray(sums.sum(axis=1)).ravel()
        total[start : start + len(block)] = (squared_norm - members @ own) / 2
    return total


def _by_products_of_items(codes, unit):
    """Sum the cosines of a list's pairs, from blocks of the items' cosine matrix."""
    total = np.zeros(len(codes))
    transposed = unit.T.tocsr()
    for low in range(0, unit.shape[0], _ITEMS_PER_BLOCK):
        cosine = (unit[low : low + _ITEMS_PER_BLOCK] @ transposed).toarray()
        map_ranges(
            kernel.add_similarities, len(codes), codes, low, cosine, total,
            chunk=_LISTS_PER_BLOCK,
        )  # fmt: skip
    return total / 2
