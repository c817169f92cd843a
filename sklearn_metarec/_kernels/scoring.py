"""Scores of users for items: sums of item rows, and single pairs."""

import numpy as np

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels.small import widen
from sklearn_metarec._kernels.topk import LOW, insert_in_order, rank_row


@jit(fastmath=True)
def sum_dense_rows(lo, hi, indptr, indices, weights, rows, out):
    """Write the weighted sum of dense `rows` for users lo to hi into `out[0:]`.

    Four rows at a time, so that the sum is read and written once for four.
    """
    n = rows.shape[1]
    for user in range(lo, hi):
        total = out[user - lo]
        total[:] = np.float32(0)
        start, stop = indptr[user], indptr[user + 1]
        last = stop - (stop - start) % 4
        for t in range(start, last, 4):
            a, b = rows[np.uint32(indices[t])], rows[np.uint32(indices[t + 1])]
            c, d = rows[np.uint32(indices[t + 2])], rows[np.uint32(indices[t + 3])]
            wa, wb, wc, wd = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
            for j in range(n):
                four = wa * widen(a[j]) + wb * widen(b[j])
                total[j] += four + wc * widen(c[j]) + wd * widen(d[j])
        for t in range(last, stop):
            a, wa = rows[np.uint32(indices[t])], weights[t]
            for j in range(n):
                total[j] += wa * widen(a[j])


@jit
def sum_sparse_rows(lo, hi, indptr, indices, weights, r_indptr, r_indices, r_data, out):
    """Write the weighted sum of compressed rows for users lo to hi into `out[0:]`."""
    for user in range(lo, hi):
        total = out[user - lo]
        total[:] = np.float32(0)
        for t in range(indptr[user], indptr[user + 1]):
            row = np.uint64(indices[t])
            weight = weights[t]
            for q in range(r_indptr[row], r_indptr[row + np.uint64(1)]):
                total[np.uint32(r_indices[q])] += weight * widen(r_data[q])


@jit
def sparse_pairs(
    lo, hi, users, cols, indptr, indices, weights, r_indptr, r_indices, r_data, out
):
    """Add the score of each (user, item) pair to `out`; an item of -1 scores 0.

    The rows' indices ascend, so the item is found in each by bisection. Terms are
    added in the order in which :func:`sum_sparse_rows` adds them.
    """
    for p in range(lo, hi):
        total = out[p]
        user, col = users[p], cols[p]
        if col >= 0:
            for t in range(indptr[user], indptr[user + 1]):
                row = np.uint64(indices[t])
                left, right = r_indptr[row], r_indptr[row + np.uint64(1)]
                end = right
                while left < right:
                    middle = (left + right) >> 1
                    if r_indices[middle] < col:
                        left = middle + 1
                    else:
                        right = middle
                if left < end and r_indices[left] == col:
                    total += weights[t] * widen(r_data[left])
        out[p] = total


@jit
def dense_pairs(lo, hi, users, cols, indptr, indices, weights, rows, out):
    """Write the score of each (user, item) pair from dense item rows."""
    for p in range(lo, hi):
        total = np.float32(0)
        user, col = users[p], cols[p]
        if col >= 0:
            for t in range(indptr[user], indptr[user + 1]):
                row = rows[np.uint32(indices[t])]
                total += weights[t] * widen(row[col])
        out[p] = total


@jit(fastmath=True)
def _inner_product(a, b):
    total = np.float32(0)
    for f in range(len(a)):
        total += a[f] * b[f]
    return total


@jit(fastmath=True)
def factor_pairs(lo, hi, users, cols, user_vectors, item_vectors, out):
    """Write the inner product of each pair's vectors; an item of -1 scores 0."""
    for p in range(lo, hi):
        total = np.float32(0)
        if cols[p] >= 0:
            total = _inner_product(user_vectors[users[p]], item_vectors[cols[p]])
        out[p] = total


@jit(fastmath=True)
def factor_rows(lo, hi, user_vectors, item_vectors, out):
    """Write all inner products of the vectors of users lo to hi into `out[0:]`."""
    for user in range(lo, hi):
        a, row = user_vectors[user], out[user - lo]
        for col in range(len(item_vectors)):
            row[col] = _inner_product(a, item_vectors[col])


@jit
def rank_by_length(
    lo, hi, user_vectors, item_vectors, order, lengths, row, keys, ranking
):
    """Rank users lo to hi by inner products, the longest item vectors first.

    `order` has the items by descending length. No inner product exceeds the product of
    the lengths: once that is below the k-th score, no later item can be in the list.
    `ranking` is what :func:`topk.rank_row` takes after `user`; where it allows few
    items, they may all be late ones, and all are scored, in `row`.
    """
    (
        deny_indptr, deny_indices, allowed, allow_indptr, allow_indices, kept, maxima,
        best, best_float, k, out_scores, out_indices,
    ) = ranking  # fmt: skip
    # The two lengths and the inner product are rounded: how far apart they may be.
    slack = np.float32(1 + 1e-6) + np.float32(1.2e-7) * np.float32(len(item_vectors[0]))
    for user in range(lo, hi):
        if len(allowed) or len(allow_indptr):
            factor_rows(user, user + 1, user_vectors, item_vectors, row)
            rank_row(
                row[0], keys[0], user, deny_indptr, deny_indices, allowed, allow_indptr,
                allow_indices, kept, maxima, best, best_float, k, out_scores,
                out_indices,
            )  # fmt: skip
            continue
        vector = user_vectors[user]
        most = np.sqrt(_inner_product(vector, vector)) * slack
        denied = deny_indices[deny_indptr[user] : deny_indptr[user + 1]]
        scores, cols = out_scores[user], out_indices[user]
        scores[:], cols[:] = LOW, -1
        for place in range(len(order)):
            if most * lengths[place] < scores[k - 1]:
                break
            col = order[place]
            score = _inner_product(vector, item_vectors[np.uint32(col)])
            if score >= scores[k - 1] and not _contains(denied, col):
                insert_in_order(score, col, k, scores, cols)


@jit
def _contains(ascending, col):
    left, right = 0, len(ascending)
    while left < right:
        middle = (left + right) >> 1
        if ascending[middle] < col:
            left = middle + 1
        else:
            right = middle
    return left < len(ascending) and ascending[left] == col


@jit
def hashed_uniform(lo, hi, users, cols, seed, out):
    """Write a uniform number in [0, 1) that depends on seed, user and item alone."""
    for p in range(lo, hi):
        # splitmix64 (Steele, Lea and Flood 2014) of a counter made of the pair.
        z = seed + np.uint64(users[p] + 1) * np.uint64(0x9E3779B97F4A7C15)
        z ^= np.uint64(cols[p] + 1) * np.uint64(0xD1B54A32D192ED03)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        out[p] = np.float32(z >> np.uint64(40)) * np.float32(2.0**-24)
