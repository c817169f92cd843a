"""The half-sweeps of alternating least squares: all rows of one side, the other fixed.

Each row x of one side solves a linear system of its own,

    (G + ridge I + sum_k w_k v_k v_k') x = sum_k t_k v_k,

over the pairs k of the row, where v_k is the vector of the pair's other side. In
implicit feedback (`improve_rows`) every unobserved pair counts too: G is V'V, shared by
all rows, and t_k = 1 + w_k (Hu et al. 2008, equations 4 and 5).
"""

import numpy as np

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels._simd import (
    LANES,
    add_four_outer,
    add_four_scaled,
    add_scaled,
    multiply,
    subtract_product,
)

# A row whose residual is at most this part of (G + ridge I) x has converged: beyond it
# single precision has nothing to add. Squared, as the residuals are.
_CONVERGED = np.float32(1e-6) ** 2
# So small a squared residual is zero: squares of what is smaller would underflow.
_NOTHING = np.float32(1e-30)
# Without a test for a division by zero, which `_NOTHING` keeps away, and with all of a
# row's work in sight of the compiler, conjugate gradients take a fifth less time.
_fast = jit(fastmath=True, error_model="numpy")
_inlined = jit(fastmath=True, error_model="numpy", inline="always")


def scratch(n_factors):
    """Return what :func:`improve_rows` works in, for one thread."""
    return tuple(np.empty(n_factors, dtype=np.float32) for _ in range(4))


@_inlined
def _add_rows(vectors, indices, weights, start, stop, one, sign, p, out):
    """Add the sum over pairs k of (one + w_k (one + sign v_k'p)) v_k to `out`.

    With (1, -1) that is t - (sum of w_k v_k v_k') p, the right-hand side less what p
    accounts for; with (0, 1) it is the product of the system's pairs with p.
    """
    n_factors = len(p)
    # Four pairs at a time: four independent sums hide the latency of the additions,
    # and `out` is read and written once for four.
    last = stop - (stop - start) % 4
    for k in range(start, last, 4):
        v0, v1 = vectors[np.uint32(indices[k])], vectors[np.uint32(indices[k + 1])]
        v2, v3 = vectors[np.uint32(indices[k + 2])], vectors[np.uint32(indices[k + 3])]
        d0 = d1 = d2 = d3 = np.float32(0)
        for f in range(n_factors):
            d0 += v0[f] * p[f]
            d1 += v1[f] * p[f]
            d2 += v2[f] * p[f]
            d3 += v3[f] * p[f]
        c0 = one + weights[k] * (one + sign * d0)
        c1 = one + weights[k + 1] * (one + sign * d1)
        c2 = one + weights[k + 2] * (one + sign * d2)
        c3 = one + weights[k + 3] * (one + sign * d3)
        for f in range(n_factors):
            out[f] += c0 * v0[f] + c1 * v1[f] + c2 * v2[f] + c3 * v3[f]
    for k in range(last, stop):
        v0 = vectors[np.uint32(indices[k])]
        d0 = np.float32(0)
        for f in range(n_factors):
            d0 += v0[f] * p[f]
        c0 = one + weights[k] * (one + sign * d0)
        for f in range(n_factors):
            out[f] += c0 * v0[f]


@_inlined
def _begin(vectors, indices, weights, start, stop, diagonal, x, r, p):
    """Write the residual of `x` and the first direction; return two squared norms.

    That of the residual, and that below which a residual counts as none.
    """
    one = np.float32(1)
    scale = square = np.float32(0)
    for f in range(len(x)):
        value = diagonal[f] * x[f]
        scale += value * x[f]
        r[f] = -value
    _add_rows(vectors, indices, weights, start, stop, one, -one, x, r)
    for f in range(len(x)):
        p[f] = r[f] / diagonal[f]
        square += r[f] * p[f]
    return square, max(_CONVERGED * max(scale, square), _NOTHING)


@_inlined
def _step(vectors, indices, weights, start, stop, diagonal, x, r, p, product, square):
    """Do one step of conjugate gradients; return the new squared norm of `r`."""
    one = np.float32(1)
    zero = curvature = after = np.float32(0)
    for f in range(len(x)):
        product[f] = diagonal[f] * p[f]
    _add_rows(vectors, indices, weights, start, stop, zero, one, p, product)
    for f in range(len(x)):
        curvature += p[f] * product[f]
    length = square / curvature
    for f in range(len(x)):
        x[f] += length * p[f]
        r[f] -= length * product[f]
        product[f] = r[f] / diagonal[f]
        after += r[f] * product[f]
    turn = after / square
    for f in range(len(x)):
        p[f] = product[f] + turn * p[f]
    return after


@_fast
def improve_rows(
    lo, hi, diagonal, r, p, product, indptr, indices, weights, gram, ridge, n_steps,
    vectors, out,
):  # fmt: skip
    """Bring rows lo to hi of `out` nearer to their solutions by conjugate gradients.

    At most `n_steps` steps from where they are, fewer where a row has converged. Rows
    without pairs become zero. The vectors have to be in the axes in which G is
    diagonal, and `gram` is that diagonal: G then costs nothing to multiply by, and
    `G + ridge I`, most of a row's system, is inverted at sight to precondition it.
    """
    for row in range(lo, hi):
        x = out[row]
        start, stop = indptr[row], indptr[row + 1]
        if start == stop:
            x[:] = 0
            continue
        for f in range(len(x)):
            diagonal[f] = gram[f] + ridge[row]
        square, limit = _begin(
            vectors, indices, weights, start, stop, diagonal, x, r, p
        )
        for _ in range(n_steps):
            if square <= limit:
                break
            square = _step(
                vectors, indices, weights, start, stop, diagonal, x, r, p, product,
                square,
            )  # fmt: skip


@_fast
def weigh_targets(lo, hi, indptr, indices, weights, values, offsets, out):
    """Write w (value - offset) of each pair of rows lo to hi, w being its weight."""
    for t in range(np.uint64(indptr[lo]), np.uint64(indptr[hi])):
        out[t] = weights[t] * (values[t] - offsets[np.uint32(indices[t])])


def scratch_systems(n_factors, dtype):
    """Return what :func:`solve_rows` works in, for one thread."""
    square = (n_factors, n_factors)
    return (
        np.empty(square, dtype=dtype),
        np.empty((*square, LANES), dtype=dtype),
        np.empty((n_factors, LANES), dtype=dtype),
    )


@_fast
def solve_rows(
    lo, hi, system, systems, sides, indptr, indices, weights, targets, vectors, gram,
    ridge, penalized, out,
):  # fmt: skip
    """Solve rows lo to hi exactly; rows without pairs become zero.

    On entry `out` is what the right-hand sides have beside the pairs. `gram` is what
    all rows' systems have in common; `ridge[row] * penalized[f]` is added to entry f of
    their diagonals.
    """
    n_factors = out.shape[1]
    # Eight rows are solved at a time, since one is a chain of divisions.
    for first in range(lo, hi, LANES):
        for lane in range(LANES):
            row = min(first + lane, hi - 1)
            if first + lane < hi:
                for i in range(n_factors):
                    for j in range(i + 1):
                        system[i, j] = gram[i, j]
                    system[i, i] += ridge[row] * penalized[i]
                _add_pairs(
                    vectors, indices, weights, targets, indptr[row], indptr[row + 1],
                    system, out[row],
                )  # fmt: skip
            for i in range(n_factors):
                sides[i, lane] = out[row, i]
                for j in range(i + 1):
                    systems[i, j, lane] = system[i, j]
        _solve(systems, sides)
        for row in range(first, min(first + LANES, hi)):
            for i in range(n_factors):
                there = indptr[row] < indptr[row + 1]
                out[row, i] = sides[i, row - first] if there else 0


@_inlined
def _add_pairs(vectors, indices, weights, targets, start, stop, system, x):
    """Add a row's pairs to the lower triangle of its system and to its target.

    Eight columns at a time, which also writes some entries above the diagonal, and the
    last columns, if fewer, one by one.
    """
    n_factors = len(x)
    whole = n_factors - n_factors % LANES
    last = stop - (stop - start) % 4  # four at a time, as in `_add_rows`
    for t in range(start, last, 4):
        v0, v1 = vectors[np.uint32(indices[t])], vectors[np.uint32(indices[t + 1])]
        v2, v3 = vectors[np.uint32(indices[t + 2])], vectors[np.uint32(indices[t + 3])]
        w0, w1, w2, w3 = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        t0, t1, t2, t3 = targets[t], targets[t + 1], targets[t + 2], targets[t + 3]
        for o in range(0, whole, LANES):
            add_four_scaled(x, o, t0, v0, t1, v1, t2, v2, t3, v3)
            for i in range(o, n_factors):
                add_four_outer(system[i], o, i, w0, v0, w1, v1, w2, v2, w3, v3)
        for i in range(whole, n_factors):
            x[i] += t0 * v0[i] + t1 * v1[i] + t2 * v2[i] + t3 * v3[i]
            a0, a1, a2, a3 = w0 * v0[i], w1 * v1[i], w2 * v2[i], w3 * v3[i]
            line = system[i]
            for j in range(whole, i + 1):
                line[j] += a0 * v0[j] + a1 * v1[j] + a2 * v2[j] + a3 * v3[j]
    for t in range(last, stop):
        v0 = vectors[np.uint32(indices[t])]
        for o in range(0, whole, LANES):
            add_scaled(x, o, targets[t], v0)
            for i in range(o, n_factors):
                add_scaled(system[i], o, weights[t] * v0[i], v0)
        for i in range(whole, n_factors):
            x[i] += targets[t] * v0[i]
            a0 = weights[t] * v0[i]
            line = system[i]
            for j in range(whole, i + 1):
                line[j] += a0 * v0[j]


@_inlined
def _solve(systems, sides):
    """Replace eight right-hand sides by the solutions; the systems are overwritten.

    By Gaussian elimination, which needs no pivoting, since the systems are positive
    definite. Only their lower triangles are read; the upper ones become the factors.
    """
    n_factors = len(sides)
    for k in range(n_factors):
        inverse = systems[k, k]
        for lane in range(LANES):
            inverse[lane] = 1 / inverse[lane]
        for i in range(k + 1, n_factors):
            multiply(systems[k, i], systems[i, k], inverse)
        for i in range(k + 1, n_factors):
            subtract_product(sides[i], systems[k, i], sides[k])
            # Along rows: a column would be read from the same few lines of the cache.
            for j in range(k + 1, i + 1):
                subtract_product(systems[i, j], systems[i, k], systems[k, j])
    for k in range(n_factors - 1, -1, -1):
        multiply(sides[k], sides[k], systems[k, k])
        for i in range(k + 1, n_factors):
            subtract_product(sides[k], systems[k, i], sides[i])
