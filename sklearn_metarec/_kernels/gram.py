"""The Gram matrix of the columns of compressed rows, dense."""

import numpy as np

from sklearn_metarec._kernels._jit import jit

_TILE = 64


@jit(fastmath=True)
def add_gram_rows(lo, hi, by_item, users, places, by_user, items, values, sign, out):
    """Add rows lo to hi of `sign * X.T @ X`, on and above its diagonal, to `out`.

    `by_user, items, values` are the compressed rows of X, whose items ascend;
    `by_item, users, places` its compressed columns, with the place of each entry in
    `values` instead of its value.
    """
    for item in range(lo, hi):
        row = out[item]
        for t in range(by_item[item], by_item[item + 1]):
            # Unsigned indices spare the wraparound test in the inner loop, which halves
            # its time.
            stop = by_user[np.uint64(users[t]) + np.uint64(1)]
            value = sign * values[places[t]]
            for q in range(places[t], stop):
                row[np.uint32(items[q])] += value * values[q]


@jit
def mirror_rows(lo, hi, matrix):
    """Copy what is above the diagonal to below it, in rows lo to hi.

    Tile by tile, since down a column each number is in a cache line of its own.
    """
    for start in range(0, hi, _TILE):
        for row in range(lo, hi):
            for col in range(start, min(start + _TILE, row)):
                matrix[row, col] = matrix[col, row]


@jit
def count_weighted_pairs(lo, hi, start, by_item, users, places, by_user, items,
                         weights, out):  # fmt: skip
    """Add rows lo to hi of `X.T @ diag(weights) @ X` from the diagonal on.

    X is binary and the weights are integers, so that the sums are exact. `out` has the
    rows from `start` on.
    """
    for item in range(lo, hi):
        row = out[item - start]
        for t in range(by_item[item], by_item[item + 1]):
            user = np.uint64(users[t])
            weight = weights[user]
            for q in range(places[t], by_user[user + np.uint64(1)]):
                row[np.uint32(items[q])] += weight
