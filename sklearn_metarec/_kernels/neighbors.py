"""Which columns of a sparse matrix are most similar to a row, and what they add up to.

Both neighbourhood models ask the same question. A row of `left` (an item's users, a
user's items) is compared with all columns of `right` (the other items, the other
users), whose rows are what the two have in common (users, items):

    products = left[row] @ right,   similarity = products / (norms + shrinkage)

One row of products at a time is all that is ever dense.
"""

from typing import NamedTuple

import numpy as np

from sklearn_metarec._kernels._jit import jit

COSINE, JACCARD = 0, 1
# A row whose products are this many times fewer than the columns is collected in a
# list, since looking at every column would cost more than the products themselves.
_FEW = 8
_LAST = np.uint32(0xFFFFFFFF)
# Ciura's gaps (2001): few moves for the usual hundred neighbours, and no recursion.
_GAPS = (1750, 701, 301, 132, 57, 23, 10, 4, 1)


class Rows(NamedTuple):
    """Compressed rows; all entries are 1 where `data` is empty."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


class Measure(NamedTuple):
    """How products become similarities.

    The sizes are Euclidean norms for the cosine, and numbers of entries for Jaccard.
    """

    kind: int
    row_sizes: np.ndarray
    col_sizes: np.ndarray
    shrinkage: np.float32


def make_scratch(n_cols, dtype):
    """Return what one thread works in: products of `dtype`, similarities, ranking."""
    similarities = np.empty(n_cols, dtype=np.float32)
    return (
        np.zeros(n_cols, dtype=dtype),
        similarities,
        similarities.view(np.int32),
        np.empty(n_cols + n_cols // 4, dtype=np.int32),
        np.empty(n_cols, dtype=np.uint64),
    )


@jit
def nearest_columns(
    lo, hi, products, similarities, keys, maxima, codes, left, right, itself, measure,
    out_cols, out_similarities,
):  # fmt: skip
    """Write the columns most similar to rows lo to hi, most similar first.

    `itself` is the column that stands for the same thing as a row, or -1; it is no
    neighbour. Ties go to the lower column; columns of similarity 0 are left out (-1).
    """
    k = out_cols.shape[1]
    for row in range(lo, hi):
        if _n_products(row, left, right) <= len(products) // _FEW:
            n = _few_products(row, left, right, products, codes)
            n = _compare_few(row, products, measure, itself[row], n, keys, similarities, codes)
        else:
            _add_products(row, left, right, products)
            if itself[row] >= 0:
                products[itself[row]] = 0
            _compare_all(row, products, measure, similarities)
            n = _collect(keys, maxima, k, codes)
        if n > k:
            _move_largest(codes, n, k)
            n = k
        _sort(codes, n)
        for p in range(n):
            col = _LAST - np.uint32(codes[p])
            out_cols[row, p] = col
            out_similarities[row, p] = similarities[col]
        out_cols[row, n:] = -1


@jit
def _n_products(row, left, right):
    n = 0
    for t in range(left.indptr[row], left.indptr[row + 1]):
        shared = np.uint32(left.indices[t])
        n += right.indptr[shared + 1] - right.indptr[shared]
    return n


@jit
def _add_products(row, left, right, products):
    """Add a row of `left` times `right` to `products`."""
    # Unsigned indices spare the wraparound test of each, which halves the time.
    indices, data = right.indices, right.data
    for t in range(left.indptr[row], left.indptr[row + 1]):
        shared = np.uint64(left.indices[t])
        start = np.uint64(right.indptr[shared])
        stop = np.uint64(right.indptr[shared + np.uint64(1)])
        if len(data):
            weight = left.data[t]
            for p in range(start, stop):
                products[np.uint32(indices[p])] += weight * data[p]
        else:
            for p in range(start, stop):
                products[np.uint32(indices[p])] += 1


@jit
def _few_products(row, left, right, products, codes):
    """Do the same and list the columns; return how many there are."""
    n = 0
    for t in range(left.indptr[row], left.indptr[row + 1]):
        shared = np.uint64(left.indices[t])
        for p in range(right.indptr[shared], right.indptr[shared + np.uint64(1)]):
            col = np.uint32(right.indices[p])
            codes[n] = col
            n += products[col] == 0
            products[col] += left.data[t] * right.data[p] if len(right.data) else 1
    return n


@jit(error_model="numpy")
def _compare_all(row, products, measure, similarities):
    """Turn products into similarities; the products are zero again afterwards."""
    size, sizes, shrinkage = measure.row_sizes[row], measure.col_sizes, measure.shrinkage
    if measure.kind == JACCARD:
        for j in range(len(products)):
            both = np.float32(products[j])
            similarities[j] = both / (size + sizes[j] - both + shrinkage)
    else:
        for j in range(len(products)):
            similarities[j] = np.float32(products[j]) / (size * sizes[j] + shrinkage)
    products[:] = 0


@jit(error_model="numpy")
def _compare_few(row, products, measure, itself, n_found, keys, similarities, codes):
    """Do the same for the listed columns, and list the codes of the similar ones."""
    size, sizes, shrinkage = measure.row_sizes[row], measure.col_sizes, measure.shrinkage
    n = 0
    for f in range(n_found):
        col = np.uint32(codes[f])
        product = np.float32(products[col])
        products[col] = 0
        norm = size * sizes[col]
        if measure.kind == JACCARD:
            norm = size + sizes[col] - product
        similarities[col] = product / (norm + shrinkage)
        codes[n] = _code(keys[col], col)
        n += keys[col] > 0 and col != itself
    return n


@jit
def _code(key, col):
    """Return a number that is larger for a better column."""
    # The bits of positive floats are in their order, and among equals the lower
    # column is better: one integer comparison says it all.
    return (np.uint64(key) << np.uint64(32)) | np.uint64(_LAST - np.uint32(col))


@jit
def _collect(keys, maxima, k, codes):
    """List the codes of all columns that may be of the k best; return their number.

    Columns are dealt out to at least 8 k heaps, and heaps to at least 2 k larger ones.
    The k-th largest of the maxima of the latter bounds the k-th best column from below,
    and only the heaps that reach the bound, not much more than k, are looked through.
    """
    n_layers = max(len(keys) // (8 * k), 1)
    n_heaps = len(keys) // n_layers
    bound = np.int32(1)
    if n_layers > 1:
        # Maxima of integers, and layer over layer: this vectorises.
        maxima[:n_heaps] = keys[:n_heaps]
        for layer in range(1, n_layers):
            _raise(maxima, keys[layer * n_heaps : (layer + 1) * n_heaps])
        n_large = n_heaps // 4
        large = maxima[n_heaps : n_heaps + n_large]
        large[:] = maxima[:n_large]
        for layer in range(1, 4):
            _raise(large, maxima[layer * n_large : (layer + 1) * n_large])
        for heap in range(n_large):
            codes[heap] = large[heap]
        _move_largest(codes, n_large, k)
        bound = max(bound, np.int32(codes[k - 1]))
    else:
        maxima[:n_heaps] = bound
    n = 0
    for heap in range(n_heaps):
        if maxima[heap] >= bound:
            for col in range(heap, n_layers * n_heaps, n_heaps):
                codes[n] = _code(keys[col], col)
                n += keys[col] >= bound
    for col in range(n_layers * n_heaps, len(keys)):
        codes[n] = _code(keys[col], col)
        n += keys[col] >= bound
    return n


@jit
def _raise(maxima, values):
    for j in range(len(values)):
        maxima[j] = max(maxima[j], values[j])


@jit
def _move_largest(codes, n, k):
    """Move the k largest of the first n codes to the front, the k-th to its place."""
    first, last = 0, n - 1
    while first < last:
        pivot = codes[(first + last) >> 1]
        i, j = first, last
        while i <= j:
            while codes[i] > pivot:
                i += 1
            while codes[j] < pivot:
                j -= 1
            if i <= j:
                codes[i], codes[j] = codes[j], codes[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            last = j
        elif k - 1 >= i:
            first = i
        else:
            return


@jit
def _sort(codes, n):
    """Sort the first n codes, largest first, by Shell's method."""
    for gap in _GAPS:
        for p in range(gap, n):
            code = codes[p]
            place = p
            while place >= gap and codes[place - gap] < code:
                codes[place] = codes[place - gap]
                place -= gap
            codes[place] = code
