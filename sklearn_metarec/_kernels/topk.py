"""The best k of a row of scores, exactly, in two phases.

1. The maximum of every block of 64 scores. The k-th largest of these maxima cannot
   exceed the k-th largest score, so blocks below it hold none of the best k.
2. Only the remaining blocks are visited, in order, and a score enters only if it is
   strictly larger than the k-th best so far: ties go to the lower index.

The maxima are taken on the int32 view of the scores: integer `max` vectorises, float
`max` does not. Order-preserving keys for floats of both signs need the low 31 bits of
negative ones flipped.
"""

import numpy as np

from sklearn_metarec._kernels._jit import for_kernels, jit

# A finite "minus infinity": what is masked. Under fastmath real infinities are
# undefined.
LOW = np.float32(-3e38)
BLOCK = 64
_LOW_BITS = np.int32(0x7FFFFFFF)
_SMALLEST = np.int32(-2147483648)


def scratch(n_scores, k):
    """Return the block maxima and the k best of them, also as floats, to work in."""
    best = np.empty(k, dtype=np.int32)
    return np.empty(n_scores // BLOCK + 1, dtype=np.int32), best, best.view(np.float32)


@jit
def _order_key(bits):
    return bits ^ ((bits >> np.int32(31)) & _LOW_BITS)


@jit
def _block_maxima(keys, maxima):
    n_blocks = len(keys) // BLOCK
    for b in range(n_blocks):
        block = keys[b * BLOCK : (b + 1) * BLOCK]
        largest = _SMALLEST
        for j in range(len(block)):
            bits = block[j]
            largest = max(largest, bits ^ ((bits >> np.int32(31)) & _LOW_BITS))
        maxima[b] = largest
    return n_blocks


@jit
def _insert_key(key, k, best):
    position = k - 1
    while position > 0 and best[position - 1] < key:
        best[position] = best[position - 1]
        position -= 1
    best[position] = key
    return best[k - 1]


@jit
def _insert(score, index, k, scores, indices):
    position = k - 1
    while position > 0 and scores[position - 1] < score:
        scores[position] = scores[position - 1]
        indices[position] = indices[position - 1]
        position -= 1
    scores[position] = score
    indices[position] = index
    return scores[k - 1]


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


# Inlined, as `rank_row` is: else it would be compiled by itself first, and then as a part.
@jit(inline="always")
def top_k(row, keys, maxima, best, best_float, k, out_scores, out_indices):
    """Write the k best scores of a row and their indices, best first.

    `keys` is the int32 view of `row`. Places that no score above `LOW` takes hold
    score `LOW` and index -1.
    """
    n_blocks = _block_maxima(keys, maxima)
    bound, threshold = _start_threshold(maxima, n_blocks, k, best, best_float)
    for p in range(k):
        out_scores[p] = LOW
        out_indices[p] = -1
    for b in range(n_blocks):
        if maxima[b] >= bound:
            block = row[b * BLOCK : (b + 1) * BLOCK]
            for j in range(BLOCK):
                if block[j] > threshold:
                    kth = _insert(block[j], b * BLOCK + j, k, out_scores, out_indices)
                    threshold = max(threshold, kth)
    for j in range(n_blocks * BLOCK, len(row)):
        if row[j] > threshold:
            kth = _insert(row[j], j, k, out_scores, out_indices)
            threshold = max(threshold, kth)


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
