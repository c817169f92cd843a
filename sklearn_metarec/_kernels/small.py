"""Scores from numbers of eight or sixteen bits.

Products of int8 vectors are sums of integers: exact, so that a score is the same to the
bit by tile, by row and as a single pair.
"""

import numpy as np
from numba import extending, types

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels._simd import TILE, USERS, dot_tile

_SIGN = np.uint32(0x8000)
_REST = np.uint32(0x7FFF)
# A half shifted into a float's place has an exponent that is too small by 112. That
# product is right for subnormal halves too, and needs no instruction for halves.
_REBIAS = np.float32(2.0**112)


def widen(number):
    """Return an int8, the bits of a float16 or a float32 as float32; for kernels."""
    raise NotImplementedError("widen is for compiled code")


@extending.overload(widen, inline="always")
def _widen(number):
    if number == types.uint16:

        def convert(number):
            bits = np.uint32(number)
            sign = (bits & _SIGN) << np.uint32(16)
            moved = np.uint32(sign | ((bits & _REST) << np.uint32(13)))
            return moved.view(np.float32) * _REBIAS

    elif isinstance(number, types.Integer):

        def convert(number):
            return np.float32(number)

    else:

        def convert(number):
            return number

    return convert


@jit
def dot_tiles(lo, hi, users, user_scales, tiles, item_scales, out):
    """Write all items' scores of users lo to hi into `out[0:]`, by tiles of items.

    `users` (int16) and `tiles` (int8, `TILE` x 2 for each pair of factors) are padded
    by zeros to whole groups and pairs.
    """
    n_items, n_pairs = len(item_scales), tiles.shape[1] // (2 * TILE)
    sums = np.empty(USERS * TILE, dtype=np.int32)
    for tile in range(len(tiles)):
        first = tile * TILE
        n_here = min(TILE, n_items - first)
        scales = item_scales[first : first + n_here]
        for start in range(lo, hi, USERS):
            dot_tile(sums, users[start], tiles[tile], n_pairs)
            for user in range(start, min(start + USERS, hi)):
                own = sums[(user - start) * TILE : (user - start) * TILE + n_here]
                row = out[user - lo, first : first + n_here]
                scale = user_scales[user]
                for j in range(n_here):
                    row[j] = (np.float32(own[j]) * scale) * scales[j]


@jit
def dot_rows(lo, hi, users, user_scales, items, item_scales, out):
    """Write all items' scores of users lo to hi into `out[0:]`, for a few users."""
    for user in range(lo, hi):
        a, row, scale = users[user], out[user - lo], user_scales[user]
        for col in range(len(items)):
            b = items[col]
            total = np.int32(0)
            for f in range(len(b)):
                total += np.int32(a[f]) * np.int32(b[f])
            row[col] = (np.float32(total) * scale) * item_scales[col]


@jit
def dot_pairs(lo, hi, rows, cols, users, user_scales, items, item_scales, out):
    """Write the score of each (user, item) pair; an item of -1 scores 0."""
    for p in range(lo, hi):
        out[p] = np.float32(0)
        if cols[p] >= 0:
            a, b = users[rows[p]], items[cols[p]]
            total = np.int32(0)
            for f in range(len(b)):
                total += np.int32(a[f]) * np.int32(b[f])
            scale = user_scales[rows[p]]
            out[p] = (np.float32(total) * scale) * item_scales[cols[p]]
