"""Made-up interactions: who takes what when, and how much they like it.

A user takes an item with probability proportional to popularity * exp(affinity), among
the items not taken yet. Every user draws from a random stream of their own, which is
a function of the seed and the user alone, so the number of threads changes nothing.

Draws are first tried by rejection: an item proposed by popularity is accepted with
probability exp(affinity - cap). Where that takes too many proposals (a user who has
most of the catalogue, a strong taste), the rest of the period is drawn from the weights
of all items. Both follow the same law, and completed draws are kept, so it does not
matter when the one gives way to the other.
"""

from typing import NamedTuple

import numpy as np

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels.splitmix import STEP, mix, stream, uniform

_NO_CAP = np.float32(np.inf)
# Two passes of this many bits sort times of up to 26 bits: a year has 25 bits of
# seconds. 8,192 write positions stay in the first-level cache.
_DIGIT_BITS = 13
_N_DIGITS = 1 << _DIGIT_BITS

# Lower bounds of log(u), u in (0, 1), by its first ten bits.
_LOGS = np.log(np.maximum(np.arange(1024), 1e-9) / 1024).astype(np.float32)


@jit
def _sorted_times(state, span, times):
    """Fill `times` with ascending uniform whole seconds below `span`.

    No sort is needed: the partial sums of n + 1 exponential gaps, divided by their
    total, are the order statistics of n uniform numbers.
    """
    sums = np.empty(len(times))
    total = 0.0
    for t in range(len(times)):
        state, u = uniform(state)
        total -= np.log(u)
        sums[t] = total
    state, u = uniform(state)
    scale = span / (total - np.log(u))
    for t in range(len(times)):
        times[t] = min(np.int64(sums[t] * scale), span - 1)
    return state


class Demand(NamedTuple):
    """How popular items are: `shares` of the popularity ranks, which sum up to 1.

    `keep` and `other` are the alias table of the shares; `rankings` (periods, items)
    has the items of each period, the most popular first.
    """

    shares: np.ndarray
    keep: np.ndarray
    other: np.ndarray
    rankings: np.ndarray


class Taste(NamedTuple):
    """What users like: unit vectors that turn from `start` to `end`, orthogonal to it.

    `angles` says how far in each period. An affinity is `strength` times the product
    with the item's factors.
    """

    start: np.ndarray
    end: np.ndarray
    angles: np.ndarray
    strength: float
    factors: np.ndarray


@jit
def _turn(taste, user, period, vector):
    """Fill `vector` with what a user likes in a period, times its strength."""
    along = np.float32(taste.strength * np.cos(taste.angles[period]))
    across = np.float32(taste.strength * np.sin(taste.angles[period]))
    start = taste.start[user]
    end = taste.end[user]
    for f in range(len(vector)):
        vector[f] = along * start[f] + across * end[f]


@jit
def _affinity(vector, factors, cap):
    total = np.float32(0.0)
    for f in range(len(vector)):
        total += vector[f] * factors[f]
    return min(total, cap)


@jit
def fill_alias(shares, keep, other):
    """Build the alias table of shares (Vose 1991), thresholds in units of 2**-32.

    Column j stands for rank j below its threshold and for rank `other[j]` above.
    """
    n = len(shares)
    height = shares * n
    queue = np.empty(n, np.int32)
    low = 0
    high = n
    for j in range(n):
        if height[j] < 1.0:
            queue[low] = j
            low += 1
        else:
            high -= 1
            queue[high] = j
    keep[:] = np.uint32(0xFFFFFFFF)
    for j in range(n):
        other[j] = j
    while low > 0 and high < n:
        low -= 1
        small = queue[low]
        large = queue[high]
        keep[small] = np.uint32(height[small] * 4294967295.0)
        other[small] = large
        height[large] -= 1.0 - height[small]
        if height[large] < 1.0:
            high += 1
            queue[low] = large
            low += 1


@jit
def _propose(bits, demand):
    """Return the popularity rank for 64 random bits: column and threshold."""
    column = ((bits >> np.uint64(32)) * np.uint64(len(demand.keep))) >> np.uint64(32)
    own = np.uint32(bits) <= demand.keep[column]
    return np.uint64(column) if own else np.uint64(demand.other[column])


@jit
def _draw_by_rejection(
    state, taken, mark, distinct, demand, ranking, vector, factors, cap, out
):
    """Draw items into `out` until it is full or too many proposals were in vain.

    Returns the state of the stream and the number of items drawn.
    """
    drawn = 0
    # Drawing from all weights costs about as much as a proposal for each item.
    for _ in range(len(ranking) + len(out)):
        if drawn == len(out):
            break
        state += STEP
        item = ranking[_propose(mix(state), demand)]
        state, u = uniform(state)
        # Nearly all end at the first test, which spares them the exponential.
        excess = np.float64(_affinity(vector, factors[item], cap) - cap)
        if excess < _LOGS[np.uint64(u * len(_LOGS))] or u >= np.exp(excess):
            continue
        if distinct:
            if taken[item] == mark:
                continue
            taken[item] = mark
        out[drawn] = item
        drawn += 1
    return state, drawn


@jit
def _weigh(
    taken, mark, distinct, demand, ranking, vector, factors, cap, items, weights
):
    """List the items that can be drawn and their weights; return how many."""
    n = 0
    for rank in range(len(ranking)):
        item = ranking[rank]
        if not distinct or taken[item] != mark:
            items[n] = item
            # An underflow to zero would leave nothing to divide by.
            excess = np.float64(_affinity(vector, factors[item], cap) - cap)
            weights[n] = max(demand.shares[rank] * np.exp(excess), 1e-290)
            n += 1
    return n


@jit
def _sift_down(keys, items, root, n):
    """Restore the heap (smallest key first) below `root`."""
    key = keys[root]
    item = items[root]
    child = 2 * root + 1
    while child < n:
        if child + 1 < n and keys[child + 1] < keys[child]:
            child += 1
        if key <= keys[child]:
            break
        keys[root] = keys[child]
        items[root] = items[child]
        root = child
        child = 2 * root + 1
    keys[root] = key
    items[root] = item


@jit
def _draw_distinct(state, items, weights, n, out):
    """Draw from weighted items one after the other, without replacement.

    The item with the smallest exponential variable of rate `weight` comes first, the
    next smallest second: the same law as drawing and removing.
    """
    for j in range(n):
        state, u = uniform(state)
        weights[j] = -np.log(u) / weights[j]
    for root in range(n // 2 - 1, -1, -1):
        _sift_down(weights, items, root, n)
    for drawn in range(len(out)):
        out[drawn] = items[0]
        n -= 1
        weights[0] = weights[n]
        items[0] = items[n]
        if n > 0:
            _sift_down(weights, items, 0, n)
    return state


@jit
def _draw_repeated(state, items, weights, n, out):
    """Draw from weighted items with replacement, by bisection of their sums."""
    for j in range(1, n):
        weights[j] += weights[j - 1]
    for drawn in range(len(out)):
        state, u = uniform(state)
        target = u * weights[n - 1]
        low = 0
        high = n - 1
        while low < high:
            middle = (low + high) // 2
            if weights[middle] < target:
                low = middle + 1
            else:
                high = middle
        out[drawn] = items[low]
    return state


@jit
def _period(second, span, n_periods):
    return np.int64(second) * n_periods // span


@jit
def _draw_period(
    state, taken, items, weights, mark, distinct, demand, ranking, vector, factors,
    cap, out,
):  # fmt: skip
    """Fill `out` with draws by one popularity and one taste."""
    state, drawn = _draw_by_rejection(
        state, taken, mark, distinct, demand, ranking, vector, factors, cap, out
    )
    rest = out[drawn:]
    if len(rest) == 0:
        return state
    n = _weigh(
        taken, mark, distinct, demand, ranking, vector, factors, cap, items, weights
    )
    if not distinct:
        return _draw_repeated(state, items, weights, n, rest)
    state = _draw_distinct(state, items, weights, n, rest)
    for item in rest:
        taken[item] = mark
    return state


@jit
def draw(
    lo, hi, taken, items, weights, seed, indptr, distinct, demand, taste, cap, span,
    out_items, out_times,
):  # fmt: skip
    """Draw the items and times of users lo to hi, each user's in order of time.

    `taken` (int32 zeros at first), `items` and `weights` are scratch, one entry an
    item; `taken` marks with the user's number, so that it need not be cleared. Times
    are whole seconds below `span`.
    """
    n_periods = len(demand.rankings)
    vector = np.empty(taste.factors.shape[1], np.float32)
    for user in range(lo, hi):
        stop = indptr[user + 1]
        state = _sorted_times(stream(seed, user), span, out_times[indptr[user] : stop])
        start = indptr[user]
        while start < stop:
            period = _period(out_times[start], span, n_periods)
            end = start + 1
            while end < stop and _period(out_times[end], span, n_periods) == period:
                end += 1
            _turn(taste, user, period, vector)
            state = _draw_period(
                state, taken, items, weights, np.int32(user + 1), distinct, demand,
                demand.rankings[period], vector, taste.factors, cap,
                out_items[start:end],
            )  # fmt: skip
            start = end


@jit
def rate(
    lo, hi, seed, indptr, items, times, span, taste, user_level, item_level, noise,
    lowest, highest, ratings,
):  # fmt: skip
    """Rate the interactions of users lo to hi in whole stars.

    A rating is the level of the user, of the item, their affinity and normal noise,
    rounded and clipped.
    """
    vector = np.empty(taste.factors.shape[1], np.float32)
    for user in range(lo, hi):
        state = stream(seed, user)
        turned = -1
        for t in range(indptr[user], indptr[user + 1]):
            period = _period(times[t], span, len(taste.angles))
            if period != turned:
                _turn(taste, user, period, vector)
                turned = period
            # Box-Muller: one of its two normal numbers is enough.
            state, u = uniform(state)
            state, v = uniform(state)
            stars = noise * np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
            stars += _affinity(vector, taste.factors[items[t]], _NO_CAP)
            stars += user_level[user] + item_level[items[t]]
            ratings[t] = min(max(np.rint(stars), lowest), highest)


@jit
def _digit_starts(times, shift, starts):
    starts[:] = 0
    for t in range(len(times)):
        starts[(times[t] >> shift) & (_N_DIGITS - 1)] += 1
    total = 0
    for digit in range(_N_DIGITS):
        count = starts[digit]
        starts[digit] = total
        total += count


@jit
def order_by_time(times, scratch, order):
    """Fill `order` with the stable ascending order of times of up to 26 bits.

    A radix sort of two digits: seven times as fast as a stable `numpy.argsort`.
    """
    starts = np.empty(_N_DIGITS, np.int64)
    _digit_starts(times, 0, starts)
    for t in range(len(times)):
        digit = times[t] & (_N_DIGITS - 1)
        scratch[starts[digit]] = t
        starts[digit] += 1
    _digit_starts(times, _DIGIT_BITS, starts)
    for t in scratch:
        digit = times[t] >> _DIGIT_BITS
        order[starts[digit]] = t
        starts[digit] += 1


@jit
def collect(lo, hi, order, users, items, times, first, table):
    """Write rows lo to hi of the table: user, item and, if it has a column, time."""
    with_time = table.shape[1] > 2
    for row in range(lo, hi):
        t = order[row]
        table[row, 0] = users[t]
        table[row, 1] = items[t]
        if with_time:
            table[row, 2] = first + times[t]
