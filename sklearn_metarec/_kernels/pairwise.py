"""Stochastic gradient descent on pairs of items, one that a user has and one not.

An epoch visits the users in a random order, and of each user all pairs, once on average
or in proportion to their weights. So the user's vector and the mark of what the user
has stay in the cache, and the random access is to items alone. Those are drawn some
visits ahead and fetched meanwhile.

The step is the same for all losses: with a difference of scores
d = x . (p - q) + b_i - b_j and the slope z of the loss there, x moves along z (p - q),
p along z x, q against it, and the biases along z. A loss says which negative item it
takes, and what z is. Every user draws from a stream of their own.

Vectors may be sums of embeddings, of an id and of features: then the step goes to the
embeddings, by the chain rule. The sums of an item are made anew when it is compared;
those of candidates are as they were last.
"""

import math
from typing import NamedTuple

import numpy as np

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels._prefetch import prefetch
from sklearn_metarec._kernels.splitmix import below, stream, uniform

# Visits that are drawn ahead.
BATCH = 32
_LINE = 16  # float32 in a cache line
# Where a user has most of the catalogue, a negative may not be found in so many draws:
# then the visit is left out.
_TRIES = 16
_NONE = np.uint32(0xFFFFFFFF)
# No loss of a pair counts more than ten times that of a pair in its place.
_MAX_WEIGHT = np.float32(10)

_fast = jit(fastmath=True, error_model="numpy")
_inlined = jit(fastmath=True, error_model="numpy", inline="always")


class Pairs(NamedTuple):
    """Compressed rows of what each user has, and how often to visit it (1 on average).

    `streams` is the number of each row's random stream. Items from `n_drawn` on are
    never drawn as negatives.
    """

    indptr: np.ndarray
    cols: np.ndarray
    visits: np.ndarray
    streams: np.ndarray
    n_drawn: np.int64


class Parts(NamedTuple):
    """Compressed rows of the embeddings whose weighted sums are vectors and biases.

    Each embedding has a sum of mean squared gradients, as a plain vector has. The
    first `n_own` belong to one row each, the others are shared.
    """

    indptr: np.ndarray
    cols: np.ndarray
    amounts: np.ndarray
    n_own: np.int64
    vectors: np.ndarray
    biases: np.ndarray
    squares: np.ndarray
    bias_squares: np.ndarray


class Users(NamedTuple):
    """Vectors, and for each the sum of mean squared gradients so far.

    With `parts` the vectors are sums, and the squares are those of the parts.
    """

    vectors: np.ndarray
    squares: np.ndarray
    parts: Parts | None


class Items(NamedTuple):
    """The same for items, with biases."""

    vectors: np.ndarray
    biases: np.ndarray
    squares: np.ndarray
    bias_squares: np.ndarray
    parts: Parts | None


class Step(NamedTuple):
    """How far to go: `rate`, over the root of the squares, which grow by `adapt` g^2.

    All numbers are float32. With `adapt` 0 the squares stay 1, and the rates are plain.
    With `moves_items` 0 only users move, and of the parts of a sum only their own.
    """

    rate: np.float32
    adapt: np.float32
    regularization: np.float32
    bias_regularization: np.float32
    moves_items: np.uint8


def scratch(items, n_candidates):
    """Return what an epoch works in: marks of items, draws, a difference."""
    n_items, n_factors = items.vectors.shape
    return (
        np.zeros(n_items, dtype=np.uint8),
        np.empty(BATCH, dtype=np.uint32),
        np.empty((BATCH, n_candidates), dtype=np.uint32),
        np.empty(n_factors, dtype=np.float32),
    )


@_fast
def bpr_rows(lo, hi, has, cols, drawn, apart, seed, order, pairs, users, items, step):
    """Visit users order[lo:hi] with BPR's loss, log(1 + exp(-d)).

    The negative is the candidate of the highest score among those drawn uniformly, as
    many as `drawn` has columns. One candidate is BPR (Rendle et al. 2009); several are
    dynamic negative sampling (Zhang et al. 2013).
    """
    for place in range(lo, hi):
        row = np.uint64(order[place])
        state = stream(seed, pairs.streams[row])
        _mark(has, pairs, row, 1)
        _sum_row(users.parts, row, users.vectors)
        k, left = pairs.indptr[row], np.int64(0)
        while True:
            n, k, left, state = _fill(
                has, cols, drawn, pairs, row, k, left, state, items
            )
            if n == 0:
                break
            for t in range(n):
                i, j = cols[t], _hardest(users.vectors[row], drawn[t], items)
                if j != _NONE:
                    _sum_item(items.parts, i, items)
                    _sum_item(items.parts, j, items)
                    x, p, q = users.vectors[row], items.vectors[i], items.vectors[j]
                    d, of_user, of_items = _compare(x, p, q)
                    d += items.biases[i] - items.biases[j]
                    z = np.float32(1) / (np.float32(1) + np.float32(math.exp(d)))
                    _move(row, i, j, z, of_user, of_items, apart, users, items, step)
        _mark(has, pairs, row, 0)


@_fast
def warp_rows(
    lo, hi, has, cols, drawn, apart, seed, order, pairs, users, items, step, most,
    margin,
):  # fmt: skip
    """Visit users order[lo:hi] with WARP's loss, L(rank) max(0, margin - d).

    Negatives are drawn until one violates the margin, at most `most`: if it is the nth,
    the rank is about the number of negatives over n (Weston et al. 2011), and L its
    logarithm.
    """
    n_items = pairs.n_drawn
    for place in range(lo, hi):
        row = np.uint64(order[place])
        state = stream(seed, pairs.streams[row])
        _mark(has, pairs, row, 1)
        _sum_row(users.parts, row, users.vectors)
        k, left = pairs.indptr[row], np.int64(0)
        n_negatives = n_items - (pairs.indptr[row + np.uint64(1)] - pairs.indptr[row])
        while True:
            n, k, left, state = _fill(
                has, cols, drawn, pairs, row, k, left, state, items
            )
            if n == 0:
                break
            for t in range(n):
                i, x = cols[t], users.vectors[row]
                _sum_item(items.parts, i, items)
                bound = _dot(x, items.vectors[i]) + items.biases[i] - margin
                for trial in range(most):
                    if trial < drawn.shape[1]:
                        j = drawn[t, trial]
                    else:
                        state, j = _draw(state, has, n_items)
                    if j == _NONE:
                        break
                    if _dot(x, items.vectors[j]) + items.biases[j] > bound:
                        rank = max(n_negatives // (trial + 1), 1)
                        z = min(np.float32(math.log(rank)), _MAX_WEIGHT)
                        _sum_item(items.parts, j, items)
                        p, q = items.vectors[i], items.vectors[j]
                        _, of_user, of_items = _compare(x, p, q)
                        _move(
                            row, i, j, z, of_user, of_items, apart, users, items, step
                        )
                        break
        _mark(has, pairs, row, 0)


@_inlined
def _mark(has, pairs, row, value):
    for k in range(pairs.indptr[row], pairs.indptr[row + np.uint64(1)]):
        has[pairs.cols[k]] = value


@_inlined
def _fill(has, cols, drawn, pairs, row, k, left, state, items):
    """Plan the next visits of a row, and fetch the items.

    `k` is the next pair, `left` how often the one before it is still to be visited.
    Returns the number of visits, 0 at the end of the row, and where to go on.
    """
    stop = pairs.indptr[row + np.uint64(1)]
    n_items, n_factors = pairs.n_drawn, items.vectors.shape[1]
    n = 0
    while n < BATCH:
        if left == 0:
            if k == stop:
                break
            # Rounded at random, so that it is right on average.
            left = np.int64(pairs.visits[k])
            rest = pairs.visits[k] - left
            if rest > 0:
                state, u = uniform(state)
                left += np.int64(u < rest)
            k += 1
            continue
        i = pairs.cols[k - 1]
        cols[n] = i
        for f in range(0, n_factors, _LINE):
            prefetch(items.vectors, i, np.uint64(f))
        for c in range(drawn.shape[1]):
            state, j = _draw(state, has, n_items)
            drawn[n, c] = j
            if j != _NONE:
                for f in range(0, n_factors, _LINE):
                    prefetch(items.vectors, j, np.uint64(f))
        left -= 1
        n += 1
    return n, k, left, state


@_inlined
def _draw(state, has, n_items):
    """Draw an item that the user has not, or _NONE."""
    found = _NONE
    for _ in range(_TRIES):
        state, j = below(state, n_items)
        if not has[j]:
            found = np.uint32(j)
            break
    return state, found


@_inlined
def _hardest(x, candidates, items):
    """Return the candidate of the highest score."""
    best = candidates[0]
    if len(candidates) > 1:
        highest = np.float32(-3e38)
        for c in range(len(candidates)):
            j = candidates[c]
            if j != _NONE:
                score = _dot(x, items.vectors[j]) + items.biases[j]
                if score > highest:
                    best, highest = j, score
    return best


@_inlined
def _dot(x, y):
    total = np.float32(0)
    for f in range(len(x)):
        total += x[f] * y[f]
    return total


@_inlined
def _compare(x, p, q):
    """Return x . (p - q), and the mean squares of p - q and of x."""
    d = of_user = of_items = np.float32(0)
    for f in range(len(x)):
        apart = p[f] - q[f]
        d += x[f] * apart
        of_user += apart * apart
        of_items += x[f] * x[f]
    n = np.float32(len(x))
    return d, of_user / n, of_items / n


@_inlined
def _move(row, i, j, z, of_user, of_items, apart, users, items, step):
    """Take a step of slope `z` from a user's row and the items i and j."""
    slopes = z, of_user, of_items
    if _move_parts(
        users.parts, items.parts, row, i, j, slopes, apart, users, items, step
    ):
        return
    one = np.float32(1)
    square = step.adapt * z * z
    users.squares[row] += square * of_user
    rate = step.rate / np.float32(math.sqrt(users.squares[row]))
    keep = one - rate * step.regularization
    rate *= z
    x, p, q = users.vectors[row], items.vectors[i], items.vectors[j]
    if not step.moves_items:
        for f in range(len(x)):
            x[f] = keep * x[f] + rate * (p[f] - q[f])
        return
    items.squares[i] += square * of_items
    items.squares[j] += square * of_items
    rate_i = step.rate / np.float32(math.sqrt(items.squares[i]))
    rate_j = step.rate / np.float32(math.sqrt(items.squares[j]))
    keep_i = one - rate_i * step.regularization
    keep_j = one - rate_j * step.regularization
    rate_i *= z
    rate_j *= z
    for f in range(len(x)):
        xf, pf, qf = x[f], p[f], q[f]
        x[f] = keep * xf + rate * (pf - qf)
        p[f] = keep_i * pf + rate_i * xf
        q[f] = keep_j * qf - rate_j * xf
    _move_bias(i, z, square, items, step)
    _move_bias(j, -z, square, items, step)


@_inlined
def _move_bias(i, z, square, items, step):
    items.bias_squares[i] += square
    rate = step.rate / np.float32(math.sqrt(items.bias_squares[i]))
    bias = items.biases[i]
    items.biases[i] = bias + rate * (z - step.bias_regularization * bias)


# Whether `parts` is None is known when these are compiled, and what is not done is left
# out: plain vectors pay nothing. It has to be an argument, not a field of one.


@_fast
def _sum_row(parts, row, vectors):
    """Make the vector of a row anew from its parts, if it has some."""
    if parts is not None:
        _sum(parts, row, vectors[row])


@_fast
def _sum_item(parts, i, items):
    """Make the vector and the bias of an item anew from its parts, if it has some."""
    if parts is not None:
        row, total = np.uint64(i), np.float32(0)
        for e in range(parts.indptr[row], parts.indptr[row + np.uint64(1)]):
            total += parts.amounts[e] * parts.biases[parts.cols[e]]
        items.biases[row] = total
        _sum(parts, row, items.vectors[row])


@_inlined
def _sum(parts, row, out):
    out[:] = 0
    for e in range(parts.indptr[row], parts.indptr[row + np.uint64(1)]):
        amount, vector = parts.amounts[e], parts.vectors[parts.cols[e]]
        for f in range(len(out)):
            out[f] += amount * vector[f]


@_fast
def _move_parts(of_users, of_items, row, i, j, slopes, apart, users, items, step):
    """Take the step of `_move` by the parts of the vectors; tell whether it was."""
    if of_users is None:
        return False
    z, user_square, item_square = slopes
    x, p, q = users.vectors[row], items.vectors[i], items.vectors[j]
    for f in range(len(x)):
        apart[f] = p[f] - q[f]
    if of_items is not None:
        _move_sum(of_items, np.uint64(i), p, z, x, item_square, step, True)
        _move_sum(of_items, np.uint64(j), q, -z, x, item_square, step, True)
        _move_bias_sum(of_items, np.uint64(i), items.biases, z, step)
        _move_bias_sum(of_items, np.uint64(j), items.biases, -z, step)
    _move_sum(of_users, row, x, z, apart, user_square, step, step.moves_items)
    return True


@_inlined
def _move_sum(parts, row, total, z, along, square, step, moves_shared):
    """Move the parts of a row by slope `z` along a vector of that mean square."""
    for e in range(parts.indptr[row], parts.indptr[row + np.uint64(1)]):
        part, amount = parts.cols[e], parts.amounts[e]
        if moves_shared or part < parts.n_own:
            slope = amount * z
            parts.squares[part] += step.adapt * slope * slope * square
            rate = step.rate / np.float32(math.sqrt(parts.squares[part]))
            vector = parts.vectors[part]
            for f in range(len(total)):
                change = rate * (slope * along[f] - step.regularization * vector[f])
                vector[f] += change
                total[f] += amount * change


@_inlined
def _move_bias_sum(parts, row, totals, z, step):
    for e in range(parts.indptr[row], parts.indptr[row + np.uint64(1)]):
        part, amount = parts.cols[e], parts.amounts[e]
        slope = amount * z
        parts.bias_squares[part] += step.adapt * slope * slope
        rate = step.rate / np.float32(math.sqrt(parts.bias_squares[part]))
        change = rate * (slope - step.bias_regularization * parts.biases[part])
        parts.biases[part] += change
        totals[row] += amount * change
