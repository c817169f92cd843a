"""Neighbours by the residuals of ratings, and weighted means of such residuals.

A row of `left` (an item's ratings, a user's) is compared with all columns of `right`
by the entries that they share. Each entry has three numbers, which the caller makes of
a residual e of weight w: x = sqrt(w) e, sqrt(w), and x e. Their products over shared
entries add up to all that a similarity needs:

    dot = sum x x',  support = sum sqrt(w w'),  squares of each side in what is shared.
"""

from typing import NamedTuple

import numpy as np

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels.neighbors import best_columns

COSINE, PEARSON = 0, 1


class Residuals(NamedTuple):
    """Compressed rows; `data` has x, sqrt(w) and x e of each entry."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


class Measure(NamedTuple):
    """How the sums become similarities; the norms are those of whole rows."""

    kind: int
    positive_only: bool
    row_norms: np.ndarray
    col_norms: np.ndarray
    shrinkage: np.float32


def make_scratch(n_cols):
    """Return what one thread works in: sums, similarities, their sizes, a list."""
    sizes = np.empty(n_cols, dtype=np.float32)
    return (
        np.zeros((n_cols, 4), dtype=np.float32),
        np.empty(n_cols, dtype=np.float32),
        sizes,
        sizes.view(np.int32),
        np.empty(n_cols + 1, dtype=np.uint64),
    )


@jit
def nearest_by_residuals(
    lo, hi, sums, similarities, sizes, keys, codes, left, right, itself, measure,
    out_cols, out_similarities,
):  # fmt: skip
    """Write the columns of the largest similarities, by size whatever their sign.

    For rows lo to hi, the largest first, ties to the lower column. `itself` is the
    column that stands for the same thing as a row, or -1; it is no neighbour, nor is a
    column of similarity 0, or below where only positive ones are wanted. The places
    left hold column -1.
    """
    for row in range(lo, hi):
        n_shared = _add_sums(row, left, right, sums, codes)
        n_similar = np.int64(0)  # a literal is a type of its own: all would be twice
        for t in range(n_shared):
            col = np.uint32(codes[t])
            similarity = _similarity(sums[col], row, col, measure)
            sums[col, :] = 0
            if similarity != 0 and col != itself[row]:
                similarities[col] = similarity
                sizes[col] = abs(similarity)
                codes[n_similar] = col
                n_similar += 1
        for p in range(best_columns(n_similar, keys, codes, out_cols[row])):
            out_similarities[row, p] = similarities[out_cols[row, p]]


@jit
def _add_sums(row, left, right, sums, codes):
    """Add up products over the shared entries; list the columns that have some.

    A column whose weights underflow to 0 may be listed twice. It has no similarity.
    """
    n = 0
    for t in range(left.indptr[row], left.indptr[row + 1]):
        x, root, square = left.data[t, 0], left.data[t, 1], left.data[t, 2]
        shared = np.uint64(left.indices[t])
        start, stop = right.indptr[shared], right.indptr[shared + np.uint64(1)]
        for p in range(np.uint64(start), np.uint64(stop)):
            col = np.uint32(right.indices[p])
            other = right.data[p]
            total = sums[col]
            codes[n] = col
            n += total[1] == 0
            total[0] += x * other[0]
            total[1] += root * other[1]
            total[2] += square * other[1]
            total[3] += root * other[2]
    return n


@jit(error_model="numpy")
def _similarity(total, row, col, measure):
    support = total[1]
    if measure.kind == PEARSON:
        norm = np.sqrt(total[2] * total[3])
        support -= np.float32(1)
    else:
        norm = measure.row_norms[row] * measure.col_norms[col]
    if support <= 0 or norm <= 0 or (measure.positive_only and total[0] < 0):
        return np.float32(0)
    return total[0] / norm * (support / (support + measure.shrinkage))


@jit
def weighted_means(
    lo, hi, indptr, indices, values, weights, r_indptr, r_indices, r_values, r_weights,
    damping, user_bias, item_bias, out,
):  # fmt: skip
    """Write baseline plus weighted mean for users lo to hi and all items.

    The mean is the sum of products of `values` over that of `weights` plus `damping`;
    rows `r_...` say what each entry of a user adds to which items.
    """
    norms = np.empty(out.shape[1], dtype=np.float32)
    for user in range(lo, hi):
        totals = out[user - lo]
        totals[:] = np.float32(0)
        norms[:] = np.float32(0)
        for t in range(indptr[user], indptr[user + 1]):
            row, value, weight = np.uint64(indices[t]), values[t], weights[t]
            start, stop = r_indptr[row], r_indptr[row + np.uint64(1)]
            for p in range(np.uint64(start), np.uint64(stop)):
                col = np.uint32(r_indices[p])
                totals[col] += value * r_values[p]
                norms[col] += weight * r_weights[p]
        for j in range(len(totals)):
            mean = _mean(totals[j], norms[j], damping)
            totals[j] = user_bias[user] + item_bias[j] + mean


@jit
def weighted_mean_pairs(
    lo, hi, users, cols, indptr, indices, values, weights, c_indptr, c_indices,
    c_values, c_weights, damping, user_bias, item_bias, out,
):  # fmt: skip
    """Write the same for single pairs, from the columns of the rows; -1 is no item.

    Both lists ascend, and their common entries are added in that order, which is the
    order of :func:`weighted_means`.
    """
    for pair in range(lo, hi):
        user, col = users[pair], cols[pair]
        out[pair] = user_bias[user]
        if col < 0:
            continue
        total, norm = np.float32(0), np.float32(0)
        t, stop = indptr[user], indptr[user + 1]
        p, end = c_indptr[col], c_indptr[col + 1]
        while t < stop and p < end:
            mine, theirs = indices[np.uint64(t)], c_indices[np.uint64(p)]
            if mine == theirs:
                total += values[t] * c_values[p]
                norm += weights[t] * c_weights[p]
            t += mine <= theirs
            p += theirs <= mine
        out[pair] += item_bias[col] + _mean(total, norm, damping)


@jit
def _mean(total, norm, damping):
    return total / (norm + damping) if norm > 0 else np.float32(0)
