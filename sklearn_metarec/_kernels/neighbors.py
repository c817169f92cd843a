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
from sklearn_metarec._kernels.topk import LOW, scratch, top_k

COSINE, JACCARD = 0, 1
# A row whose products are this many times fewer than the columns is collected in a
# list, since looking at every column would cost more than the products themselves.
_FEW = 8


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


def make_scratch(n_cols, k, dtype):
    """Return what one thread works in: products of `dtype`, similarities, top k."""
    similarities = np.empty(n_cols, dtype=np.float32)
    return (
        np.zeros(n_cols, dtype=dtype),
        np.empty(n_cols // _FEW, dtype=np.int32),
        similarities,
        similarities.view(np.int32),
        *scratch(n_cols, k),
    )


@jit(error_model="numpy")
def nearest_columns(
    lo, hi, products, found, similarities, keys, maxima, best, best_float, left, right,
    itself, measure, out_cols, out_similarities,
):  # fmt: skip
    """Write the columns most similar to rows lo to hi, most similar first.

    `itself` is the column that stands for the same thing as a row, or -1; it is no
    neighbour. Ties go to the lower column; columns of similarity 0 are left out (-1).
    """
    k = out_cols.shape[1]
    for row in range(lo, hi):
        cols, values = out_cols[row], out_similarities[row]
        if _n_products(row, left, right) <= len(found):
            _nearest_of_few(
                row, products, found, left, right, itself[row], measure, cols, values
            )
            continue
        _add_products(row, left, right, products)
        if itself[row] >= 0:
            products[itself[row]] = 0
        _compare_all(row, products, measure, similarities)
        top_k(similarities, keys, maxima, best, best_float, k, values, cols)
        for p in range(k):
            if values[p] <= 0:
                cols[p] = -1


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
def _compare(product, row, col, measure):
    """Return the similarity of one row and column, as `_compare_all` would."""
    size, other = measure.row_sizes[row], measure.col_sizes[col]
    product = np.float32(product)
    if measure.kind == JACCARD:
        return product / (size + other - product + measure.shrinkage)
    return product / (size * other + measure.shrinkage)


@jit
def _nearest_of_few(row, products, found, left, right, itself, measure, cols, values):
    """Find the nearest columns of a row that has products with few."""
    for p in range(len(cols)):
        cols[p], values[p] = -1, LOW
    n_found = 0
    for t in range(left.indptr[row], left.indptr[row + 1]):
        shared = np.uint64(left.indices[t])
        for p in range(right.indptr[shared], right.indptr[shared + np.uint64(1)]):
            col = np.uint32(right.indices[p])
            # A column is noted twice if its first product underflows to 0: harmless,
            # as `found` has room for all, and the second time its product is 0.
            found[n_found] = col
            n_found += products[col] == 0
            products[col] += left.data[t] * right.data[p] if len(right.data) else 1
    last = len(cols) - 1
    for f in range(n_found):
        col = found[f]
        value = _compare(products[col], row, col, measure)
        products[col] = 0
        if value <= 0 or col == itself or not _before(
            value, col, values[last], cols[last]
        ):
            continue
        place = last
        while place > 0 and _before(value, col, values[place - 1], cols[place - 1]):
            values[place], cols[place] = values[place - 1], cols[place - 1]
            place -= 1
        values[place], cols[place] = value, col


@jit
def _before(value, col, other, other_col):
    return value > other or (value == other and col < other_col)
