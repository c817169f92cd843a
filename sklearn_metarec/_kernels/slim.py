"""Elastic-net regressions of each item on all others, from the Gram matrix G = X'X.

Item c has the weights w that minimize, with w[c] = 0,

    |x_c - X w|^2 / 2 + ridge |w|^2 / 2 + sum_j penalty(w_j),

where the penalty is `above` w_j of a positive weight and `below` |w_j| of a negative
one. Beyond a constant the first term is w'Gw / 2 - G[c]'w, so X itself is not needed.
The slope s = G w - G[c] is its gradient.

Coordinate descent goes through the active weights, those that are not zero and those
that should not be. Their part of G is gathered and swept by itself until nothing moves
there; then the slopes of all items tell what else is active. Where many are, as at the
start of most regressions, one sweep with the slopes of all items comes first, which
leaves most of them at zero.
"""

import numpy as np

from sklearn_metarec._kernels._jit import jit

# What one thread gathers is at most a sixteenth of G, or 4 MB.
_MOST_GATHERED, _GATHERED_SHARE = 1024, 0.25
# So many active ones, as a share of all items, are few.
_FEW = 0.1
# Among the gathered the sweeps go on until they are that much more exact than asked
# for, so that what is left there does not make another round.
_INNER_SHARE = np.float32(0.3)
# The share of the way to its best value that a weight goes at once. Items have users in
# common, so that what all of them move is too much: going all the way takes a half to
# twice more sweeps. To zero a weight goes at once.
_STEP = np.float32(0.6)
_inlined = jit(fastmath=True, error_model="numpy", inline="always")


def scratch(n_items, n_all):
    """Return what :func:`regress_items` works in, for one thread.

    Its sweeps, and so the last bits of the weights, depend on `n_all`, how many items
    there are, and not on how many of them take part.
    """
    n_gathered = max(min(n_all, _MOST_GATHERED), int(_GATHERED_SHARE * n_all))
    n_gathered = min(n_gathered, n_items)
    return (
        np.zeros(n_items, dtype=np.float32),
        np.empty(n_items, dtype=np.float32),
        np.empty(n_all, dtype=np.int32),
        np.empty((n_gathered, n_gathered), dtype=np.float32),
        np.empty((3, n_gathered), dtype=np.float32),
    )


@_inlined
def _best(weight, slope, square, above, below, ridge):
    """Return the weight that minimizes the objective, all others fixed."""
    free = square * weight - slope
    zero = np.float32(0)
    return (max(free - above, zero) + min(free + below, zero)) / (square + ridge)


@_inlined
def _violation(weight, slope, above, below, ridge):
    """Return how far zero is from the objective's subgradients."""
    zero = np.float32(0)
    slope += ridge * weight
    if weight > zero:
        return abs(slope + above)
    if weight < zero:
        return abs(slope - below)
    return max(-slope - above, slope - below, zero)


@jit(fastmath=True, error_model="numpy")
def regress_items(
    lo, hi, cols, values, w, slopes, active, gathered, small, gram, norms, above,
    below, ridge, tol, max_iter, n_weights, n_iter,
):  # fmt: skip
    """Write the weights of items lo to hi that are not zero, one item after the other.

    `cols` and `values` get the places and the weights, `n_weights[item]` how many they
    are, and `n_iter[item]` the sweeps: more than `max_iter` where that is not enough.
    `norms` are the roots of the diagonal of `gram`. In the end no slope is further
    from where it should be than `tol` times the product of the two items' norms, which
    is what a slope is at most.
    """
    n_few = min(np.int64(_FEW * len(active)), len(gathered))
    written = 0
    for item in range(lo, hi):
        target = gram[item]
        n_weights[item] = 0
        n_iter[item] = 1
        if not _any_above(above, target, item):
            continue
        for j in range(len(slopes)):
            slopes[j] = -target[j]
        limit = tol * norms[item]
        sweeps = 0
        while True:
            sweeps += 1
            n_active = _find_active(
                item, w, slopes, norms, above, below, ridge, limit, active
            )
            if n_active == 0 or sweeps > max_iter:
                break
            if n_active > n_few:
                _sweep(active[:n_active], w, slopes, gram, above, below, ridge)
                n_active = _keep_support(active[:n_active], w)
            if n_active <= len(gathered):
                sweeps += _solve_gathered(
                    active[:n_active], w, slopes, gram, norms, gathered, small, above,
                    below, ridge, limit, max_iter - sweeps,
                )  # fmt: skip
        n_iter[item] = sweeps
        start = written
        for j in range(len(w)):
            if w[j] != 0:
                cols[written] = j
                values[written] = w[j]
                written += 1
                w[j] = 0
        n_weights[item] = written - start


@_inlined
def _any_above(limit, target, item):
    """Whether any weight should not be zero, as no entry of G is negative."""
    n_above = 0
    for j in range(len(target)):
        n_above += target[j] > limit
    return n_above > (target[item] > limit)


@_inlined
def _find_active(item, w, slopes, norms, above, below, ridge, limit, active):
    """List the support and what should be in it; 0 if there is nothing to improve."""
    n_active = 0
    n_wrong = 0
    for j in range(len(w)):
        off = _violation(w[j], slopes[j], above, below, ridge)
        wrong = (off > limit * norms[j]) & (j != item)
        active[n_active] = j
        n_active += wrong | (w[j] != 0)
        n_wrong += wrong
    return n_active if n_wrong else 0


@_inlined
def _sweep(active, w, slopes, gram, above, below, ridge):
    for a in range(len(active)):
        j = np.uint32(active[a])
        row = gram[j]
        step = _best(w[j], slopes[j], row[j], above, below, ridge) - w[j]
        if step != 0:
            w[j] += step
            for t in range(len(slopes)):
                slopes[t] += step * row[t]


@_inlined
def _keep_support(active, w):
    n_support = 0
    for a in range(len(active)):
        j = active[a]
        active[n_support] = j
        n_support += w[np.uint32(j)] != 0
    return n_support


@_inlined
def _solve_gathered(
    active, w, slopes, gram, norms, gathered, small, above, below, ridge, limit,
    max_iter,
):  # fmt: skip
    """Sweep the active by themselves until they are solved; return the sweeps."""
    n = len(active)
    sub_w, sub_slopes, sub_limits = small[0], small[1], small[2]
    for a in range(n):
        j = np.uint32(active[a])
        row, sub_row = gram[j], gathered[a]
        for b in range(n):
            sub_row[b] = row[np.uint32(active[b])]
        sub_w[a] = w[j]
        sub_slopes[a] = slopes[j]
        sub_limits[a] = _INNER_SHARE * limit * norms[j]
    sweeps = 0
    moves = True
    while moves and sweeps < max_iter:
        sweeps += 1
        moves = False
        for a in range(n):
            sub_row = gathered[a]
            square = sub_row[a]
            best = _best(sub_w[a], sub_slopes[a], square, above, below, ridge)
            step = best - sub_w[a]
            if step != 0:
                # By so much was the slope off.
                moves |= abs(step) * (square + ridge) > sub_limits[a]
                if best != 0:
                    step *= _STEP
                sub_w[a] += step
                for b in range(n):
                    sub_slopes[b] += step * sub_row[b]
    for a in range(n):
        j = np.uint32(active[a])
        step = sub_w[a] - w[j]
        if step != 0:
            w[j] = sub_w[a]
            row = gram[j]
            for t in range(len(slopes)):
                slopes[t] += step * row[t]
    return sweeps
