"""Which columns of a sparse matrix are most similar to a row, and sums of rows.

Both neighbourhood models ask the same question. A row of `left` (an item's users, a
user's items) is compared with all columns of `right` (the other items, the other
users), whose rows are what the two have in common (users, items):

    products = left[row] @ right,   similarity = products / (sizes + shrinkage)

One row of products a thread is all that is ever dense. What such rows add up to is the
second half: a few of them (the hubs, neighbours of half the catalogue) are long, and
cause nearly all additions.
"""

from typing import NamedTuple

import numpy as np

from sklearn_metarec._kernels._jit import for_kernels, jit
from sklearn_metarec._kernels.small import widen
from sklearn_metarec._kernels.topk import rank_row

COSINE, JACCARD = 0, 1
# With this many times fewer products than columns, a row's products are listed: to
# look at every column would cost more than the products themselves.
_FEW = 8
_LAST = np.uint32(0xFFFFFFFF)
# Shell's method with the gaps of Ciura (2001) sorts a hundred neighbours in a
# microsecond, and compiles ten times faster than a call of np.sort.
_GAPS = (701, 301, 132, 57, 23, 10, 4, 1)


class Rows(NamedTuple):
    """Compressed rows; all entries are 1 where `data` is empty."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


class Measure(NamedTuple):
    """How products become similarities.

    The sizes are powers of norms for the cosine, and numbers of entries for Jaccard.
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
    neighbour. Ties go to the lower column. Columns of similarity 0 are no neighbours
    either: the places left hold column -1.
    """
    k = out_cols.shape[1]
    for row in range(lo, hi):
        if _n_products(row, left, right) <= len(products) // _FEW:
            n = _list_products(row, left, right, products, codes)
            n = _compare_listed(
                row, itself[row], n, products, measure, similarities, keys, codes
            )
        else:
            _add_products(row, left, right, products)
            if itself[row] >= 0:
                products[itself[row]] = 0
            _compare_all(row, products, measure, similarities)
            n = _list_best(keys, maxima, k, codes)
        n = _write_best(n, codes, out_cols[row])
        for p in range(n):
            out_similarities[row, p] = similarities[out_cols[row, p]]


@for_kernels
def best_columns(n, keys, codes, out_cols):
    """Write the best of the n columns in `codes`, best first; return their number.

    `keys` are the bits of the positive floats that order them. Places left hold -1.
    """
    for t in range(n):
        col = np.uint32(codes[t])
        codes[t] = _code(keys[col], col)
    return _write_best(n, codes, out_cols)


@jit
def _write_best(n, codes, out_cols):
    k = len(out_cols)
    if n > k:
        _move_largest(codes, n, k)
        n = k
    _sort(codes, n)
    for p in range(n):
        out_cols[p] = _LAST - np.uint32(codes[p])
    out_cols[n:] = -1
    return n


@jit
def _n_products(row, left, right):
    n = 0
    for t in range(left.indptr[row], left.indptr[row + 1]):
        shared = np.uint64(left.indices[t])
        n += right.indptr[shared + np.uint64(1)] - right.indptr[shared]
    return n


@jit
def _add_products(row, left, right, products):
    """Add a row of `left` times `right` to `products`."""
    # Unsigned indices spare a wraparound test of each, which halves the time. Counts
    # are narrow integers, so that the products of 10,000 columns stay in 20 KB.
    indices, data = right.indices, right.data
    for t in range(left.indptr[row], left.indptr[row + 1]):
        shared = np.uint64(left.indices[t])
        start = np.uint64(right.indptr[shared])
        stop = np.uint64(right.indptr[shared + np.uint64(1)])
        if len(data):
            value = left.data[t]
            for p in range(start, stop):
                products[np.uint32(indices[p])] += value * data[p]
        else:
            for p in range(start, stop):
                products[np.uint32(indices[p])] += 1


@jit
def _list_products(row, left, right, products, codes):
    """Do the same, and list the columns; return how many there are.

    A column whose first product underflows to 0 is listed twice. There is room for it,
    and `_compare_listed` finds a product of 0 the second time.
    """
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
    size, shrinkage = measure.row_sizes[row], measure.shrinkage
    sizes = measure.col_sizes
    if measure.kind == JACCARD:
        for j in range(len(products)):
            both = np.float32(products[j])
            similarities[j] = both / (size + sizes[j] - both + shrinkage)
    else:
        for j in range(len(products)):
            similarities[j] = np.float32(products[j]) / (size * sizes[j] + shrinkage)
    products[:] = 0


@jit(error_model="numpy")
def _compare_listed(
    row, itself, n_listed, products, measure, similarities, keys, codes
):
    """Do the same for the listed columns; list the codes of the similar ones."""
    size, shrinkage = measure.row_sizes[row], measure.shrinkage
    sizes = measure.col_sizes
    n = 0
    for t in range(n_listed):
        col = np.uint32(codes[t])
        product = np.float32(products[col])
        products[col] = 0
        norm = size * sizes[col]
        if measure.kind == JACCARD:
            norm = size + sizes[col] - product
        similarity = product / (norm + shrinkage)
        if similarity > 0 and col != itself:
            similarities[col] = similarity
            codes[n] = _code(keys[col], col)
            n += 1
    return n


@jit
def _code(key, col):
    """Return a number that is larger for a better column.

    `key` are the bits of its similarity: those of positive floats are in their order.
    Among equals the lower column is better.
    """
    return (np.uint64(key) << np.uint64(32)) | np.uint64(_LAST - col)


@jit
def _list_best(keys, maxima, k, codes):
    """List the codes of all columns that may be of the k best; return their number.

    Columns are dealt out to at least 8 k heaps, and these to a quarter as many larger
    ones. The k-th largest of the maxima of the latter is a lower bound of the k-th best
    column, and only heaps that reach it, not many more than k, are looked through.
    """
    n_layers = max(len(keys) // (8 * k), 1)
    n_heaps = len(keys) // n_layers
    bound = np.int32(1)
    maxima[:n_heaps] = bound
    if n_layers > 1:
        # Maxima of integers, one layer of heaps over the other: this vectorises.
        for layer in range(n_layers):
            _raise(maxima, keys[layer * n_heaps : (layer + 1) * n_heaps])
        n_large = n_heaps // 4
        large = maxima[n_heaps : n_heaps + n_large]
        large[:] = bound
        for layer in range(4):
            _raise(large, maxima[layer * n_large : (layer + 1) * n_large])
        for heap in range(n_large):
            codes[heap] = large[heap]
        _move_largest(codes, n_large, k)
        bound = np.int32(codes[k - 1])
    n = 0
    for heap in range(n_heaps):
        if maxima[heap] >= bound:
            for col in range(heap, n_layers * n_heaps, n_heaps):
                codes[n] = _code(keys[col], np.uint32(col))
                n += keys[col] >= bound
    for col in range(n_layers * n_heaps, len(keys)):
        codes[n] = _code(keys[col], np.uint32(col))
        n += keys[col] >= bound
    return n


@jit
def _raise(maxima, values):
    for j in range(len(values)):
        maxima[j] = max(maxima[j], values[j])


@jit
def _move_largest(codes, n, k):
    """Move the k largest of the first n codes to the front, the k-th to its place.

    This is Hoare's selection: in each round one part of a partition is left.
    """
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
    """Sort the first n codes, largest first."""
    for gap in _GAPS:
        for p in range(gap, n):
            code = codes[p]
            place = p
            while place >= gap and codes[place - gap] < code:
                codes[place] = codes[place - gap]
                place -= gap
            codes[place] = code


@jit
def put_hubs_first(lo, hi, indptr, indices, weights, hub, out_indices, out_weights):
    """Reorder each user's rows: those with a place in `hub` first, then the others."""
    for user in range(lo, hi):
        place = indptr[user]
        for wanted in (True, False):
            for t in range(indptr[user], indptr[user + 1]):
                if (hub[np.uint32(indices[t])] >= 0) == wanted:
                    out_indices[place] = indices[t]
                    out_weights[place] = weights[t]
                    place += 1


@jit
def fill_rows(rows, indptr, indices, data, out):
    """Write compressed rows into the dense ones of `out`, which are zero."""
    for k in range(len(rows)):
        for p in range(indptr[rows[k]], indptr[rows[k] + 1]):
            out[k, np.uint32(indices[p])] = data[p]


# Inlined, since else it would be compiled by itself first, and then as a part.
@jit(inline="always")
def sum_rows(
    lo, hi, indptr, indices, weights, r_indptr, r_indices, r_data, hub, dense, prior,
    out,
):  # fmt: skip
    """Write weighted sums of compressed rows, for users lo to hi, into `out[0:]`.

    Row i is also `dense[hub[i]]` if that is not -1; such rows come first. They are
    added four at a time, in one pass over the sum, in the order in which one by one
    would add them: the result is the same to the bit. `prior` is what they start from.
    """
    for user in range(lo, hi):
        total = out[user - lo]
        for j in range(len(total)):
            total[j] = prior[j]
        t, stop = indptr[user], indptr[user + 1]
        while t + 4 <= stop and hub[np.uint32(indices[t + 3])] >= 0:
            a, wa = dense[hub[np.uint32(indices[t])]], weights[t]
            b, wb = dense[hub[np.uint32(indices[t + 1])]], weights[t + 1]
            c, wc = dense[hub[np.uint32(indices[t + 2])]], weights[t + 2]
            d, wd = dense[hub[np.uint32(indices[t + 3])]], weights[t + 3]
            for j in range(len(total)):
                two = total[j] + wa * widen(a[j]) + wb * widen(b[j])
                total[j] = two + wc * widen(c[j]) + wd * widen(d[j])
            t += 4
        while t < stop and hub[np.uint32(indices[t])] >= 0:
            a, wa = dense[hub[np.uint32(indices[t])]], weights[t]
            for j in range(len(total)):
                total[j] += wa * widen(a[j])
            t += 1
        for t_rest in range(t, stop):
            row, weight = np.uint64(indices[t_rest]), weights[t_rest]
            start, end = r_indptr[row], r_indptr[row + np.uint64(1)]
            for p in range(np.uint64(start), np.uint64(end)):
                total[np.uint32(r_indices[p])] += weight * widen(r_data[p])


@jit
def rank_sums(lo, hi, sums, row, keys, ranking):
    """Rank users lo to hi by sums of rows, each user as soon as summed.

    `sums` is what :func:`sum_rows` takes between its range and `out`, `ranking` what
    :func:`topk.rank_row` takes after `user`. The one `row` of scores, and `keys`,
    its bits, stay in the nearest cache: adding to it is a third faster than to one of
    many rows, as a block of users has them.
    """
    # Taken apart before the loop, since each time counts one more use of every array:
    # counters that all threads write, which made a user take a sixth longer.
    indptr, indices, weights, r_indptr, r_indices, r_data, hub, dense, prior = sums
    (
        deny_indptr, deny_indices, allowed, allow_indptr, allow_indices, kept, maxima,
        best, best_float, k, out_scores, out_indices,
    ) = ranking  # fmt: skip
    for user in range(lo, hi):
        sum_rows(
            user, user + 1, indptr, indices, weights, r_indptr, r_indices, r_data, hub,
            dense, prior, row,
        )  # fmt: skip
        rank_row(
            row[0], keys[0], user, deny_indptr, deny_indices, allowed, allow_indptr,
            allow_indices, kept, maxima, best, best_float, k, out_scores, out_indices,
        )  # fmt: skip
