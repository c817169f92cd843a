"""The best k of a row of scores, exactly, in two phases.

1. Scores are dealt out to heaps of 16, and these, four at a time, to large ones. The
   k-th largest maximum of a large heap cannot exceed the k-th largest score, so heaps
   whose maximum is below it hold none of the best k.
2. Only the remaining heaps are visited. Ties go to the lower index.

The maxima are taken on the int32 view of the scores: integer `max` vectorises, float
`max` does not. Order-preserving keys for floats of both signs need the low 31 bits of
negative ones flipped. A heap has one score of each of 16 stretches of the row, so that
neighbouring scores are of neighbouring heaps: no maximum is taken within a vector.
"""

import numpy as np

from sklearn_metarec._kernels._jit import for_kernels, jit

# A finite "minus infinity": what is masked. Under fastmath real infinities are
# undefined.
LOW = np.float32(-3e38)
_LAYERS, _PER_LARGE = 16, 4
_LOW_BITS = np.int32(0x7FFFFFFF)
_SMALLEST = np.int32(-2147483648)


def scratch(n_scores, k):
    """Return the heaps' maxima and the k best of them, also as floats, to work in."""
    best = np.empty(k, dtype=np.int32)
    n_large = n_scores // (_LAYERS * _PER_LARGE)
    maxima = np.empty(n_large * (_PER_LARGE + 1), dtype=np.int32)
    return maxima, best, best.view(np.float32)


@jit
def _order_key(bits):
    # NumPy's integers of 32 bits become 64 here, half as many to a vector.
    return np.int32(bits ^ ((bits >> np.int32(31)) & _LOW_BITS))


@jit
def _write_maxima(keys, heaps, large):
    """Write the largest order key of each heap, and of each large one."""
    n, n_large = len(heaps), len(large)
    heaps[:] = _SMALLEST
    for layer in range(0, _LAYERS, 4):  # four in one pass over the heaps
        start = layer * n
        a, b = keys[start : start + n], keys[start + n : start + 2 * n]
        c, d = keys[start + 2 * n : start + 3 * n], keys[start + 3 * n : start + 4 * n]
        for j in range(n):
            first = max(_order_key(a[j]), _order_key(b[j]))
            second = max(_order_key(c[j]), _order_key(d[j]))
            heaps[j] = max(heaps[j], max(first, second))
    large[:] = _SMALLEST
    for share in range(_PER_LARGE):
        part = heaps[share * n_large : (share + 1) * n_large]
        for j in range(n_large):
            large[j] = max(large[j], part[j])


@jit
def _insert_key(key, k, best):
    # Through all places, without a branch that would be mispredicted each time.
    for place in range(k):
        held = best[place]
        best[place] = max(held, key)
        key = min(held, key)
    return best[k - 1]


@for_kernels
def insert_in_order(score, index, k, scores, indices):
    """Enter a score, from any place of the row, if it is one of the k best so far."""
    position = k
    while position > 0 and (
        scores[position - 1] < score
        or (scores[position - 1] == score and indices[position - 1] > index)
    ):
        position -= 1
        if position + 1 < k:
            scores[position + 1] = scores[position]
            indices[position + 1] = indices[position]
    if position < k:
        scores[position] = score
        indices[position] = index


@jit
def _start_threshold(maxima, n_blocks, k, best, best_float):
    """Return (bound on the block maxima, score just below that bound)."""
    for p in range(k):
        best[p] = _SMALLEST
    bound = _SMALLEST
    for b in range(n_blocks):
        if maxima[b] > bound:
            bound = _insert_key(maxima[b], k, best)
    threshold = LOW
    if bound > 0:
        best[0] = bound - np.int32(1)
        threshold = max(best_float[0], LOW)
    elif bound >= -1:
        # The bound is a zero; what lies just below it is a denormal, which the
        # processor may flush to zero: stay clear of those. Both zeros are one score.
        bound = np.int32(-1)
        threshold = np.float32(-1e-30)
    elif bound > _SMALLEST:
        best[0] = _order_key(np.int32(bound - np.int32(1)))
        threshold = max(best_float[0], LOW)
    return bound, threshold


# Inlined, as `rank_row` is: else it would be compiled by itself first, then as a part.
@jit(inline="always")
def top_k(row, keys, maxima, best, best_float, k, out_scores, out_indices):
    """Write the k best scores of a row and their indices, best first.

    `keys` is the int32 view of `row`. Places that no score above `LOW` takes hold
    score `LOW` and index -1.
    """
    n_large = len(row) // (_LAYERS * _PER_LARGE)
    n_heaps = n_large * _PER_LARGE
    heaps, large = maxima[:n_heaps], maxima[n_heaps : n_heaps + n_large]
    _write_maxima(keys, heaps, large)
    bound, threshold = _start_threshold(large, n_large, k, best, best_float)
    for p in range(k):
        out_scores[p] = LOW
        out_indices[p] = -1
    n_dealt = n_heaps * _LAYERS
    for place in range(n_large):
        if large[place] >= bound:
            for heap in range(place, n_heaps, n_large):
                if heaps[heap] >= bound:
                    for j in range(heap, n_dealt, n_heaps):
                        if row[j] > threshold and row[j] >= out_scores[k - 1]:
                            insert_in_order(row[j], j, k, out_scores, out_indices)
    for j in range(n_dealt, len(row)):
        if row[j] > threshold and row[j] >= out_scores[k - 1]:
            insert_in_order(row[j], j, k, out_scores, out_indices)


@jit
def rank_block(
    scores, keys, first, deny_indptr, deny_indices, allowed, allow_indptr,
    allow_indices, kept, maxima, best, best_float, k, out_scores, out_indices,
):  # fmt: skip
    """Rank a block of users, whose first is user `first`, into the rows of `out_*`.

    Masks the denied items of each user, items outside `allowed` (empty: all are) and,
    where `allow_indptr` is not empty, items outside the user's own allowed ones.
    """
    for b in range(len(scores)):
        rank_row(
            scores[b], keys[b], first + b, deny_indptr, deny_indices, allowed,
            allow_indptr, allow_indices, kept, maxima, best, best_float, k, out_scores,
            out_indices,
        )  # fmt: skip


@jit(inline="always")
def rank_row(
    row, keys, user, deny_indptr, deny_indices, allowed, allow_indptr, allow_indices,
    kept, maxima, best, best_float, k, out_scores, out_indices,
):  # fmt: skip
    """Do the same for one user."""
    for t in range(deny_indptr[user], deny_indptr[user + 1]):
        row[np.uint32(deny_indices[t])] = LOW
    if len(allowed):
        for j in range(len(row)):
            row[j] = row[j] if allowed[j] else LOW
    if len(allow_indptr):
        start, stop = allow_indptr[user], allow_indptr[user + 1]
        for t in range(start, stop):
            kept[t - start] = row[np.uint32(allow_indices[t])]
        row[:] = LOW
        for t in range(start, stop):
            row[np.uint32(allow_indices[t])] = kept[t - start]
    top_k(row, keys, maxima, best, best_float, k, out_scores[user], out_indices[user])
