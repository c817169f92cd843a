"""Scores from numbers of eight or sixteen bits.

Products of int8 vectors are sums of integers: exact, so that a score is the same to the
bit by tile, by row and as a single pair.
"""

import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels._simd import intrinsic

# Items of a tile, and users that share the reading of it.
TILE = 16
USERS = 4
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


@intrinsic
def _dot_tile(_, out, users, items, n_pairs):
    """Write the products of four users with the sixteen items of a tile.

    The numbers of two factors stand side by side, which is the one form of integer
    products that LLVM turns into a single instruction (pmaddwd, with the addition
    vpdpwssd): twice the products of a float's. Its accumulators stay in registers.
    """
    return types.void(out, users, items, types.intp), _write_dot_tile


def _write_dot_tile(context, builder, signature, args):
    def pointer(n):
        make = context.make_array(signature.args[n])
        return make(context, builder, args[n]).data

    out, users, items, n_pairs = pointer(0), pointer(1), pointer(2), args[3]
    index = ir.IntType(32)
    narrow, wide = (ir.VectorType(ir.IntType(size), 2 * TILE) for size in (8, 32))
    total = ir.VectorType(ir.IntType(32), TILE)
    pair = ir.VectorType(ir.IntType(16), 2)

    def pick(vector, places):
        mask = ir.Constant(ir.VectorType(index, len(places)), places)
        return builder.shuffle_vector(vector, vector, mask)

    sums = [cgutils.alloca_once(builder, total) for _ in range(USERS)]
    for place in sums:
        builder.store(ir.Constant(total, None), place)
    with cgutils.for_range(builder, n_pairs) as loop:
        at = builder.mul(loop.index, ir.Constant(loop.index.type, 2 * TILE))
        source = builder.bitcast(builder.gep(items, [at]), narrow.as_pointer())
        item = builder.sext(builder.load(source, align=1), wide)
        for user, place in enumerate(sums):
            row = builder.mul(n_pairs, ir.Constant(n_pairs.type, user))
            at = builder.mul(
                builder.add(row, loop.index), ir.Constant(loop.index.type, 2)
            )
            source = builder.bitcast(builder.gep(users, [at]), pair.as_pointer())
            own = builder.load(source, align=2)
            own = builder.sext(pick(own, [0, 1] * TILE), wide)
            both = builder.mul(item, own, flags=("nsw",))
            first, second = (
                pick(both, list(range(half, 2 * TILE, 2))) for half in (0, 1)
            )
            products = builder.add(first, second)
            builder.store(builder.add(builder.load(place), products), place)
    for user, place in enumerate(sums):
        at = ir.Constant(index, user * TILE)
        target = builder.bitcast(builder.gep(out, [at]), total.as_pointer())
        builder.store(builder.load(place), target, align=4)
    return context.get_dummy_value()


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
            _dot_tile(sums, users[start], tiles[tile], n_pairs)
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
