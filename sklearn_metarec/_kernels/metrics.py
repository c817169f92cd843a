"""What the ranking metrics need to know of each user's list, in one pass."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sklearn_metarec._kernels._jit import jit

# The rows of `statistics`, one entry a cut-off and user.
HITS = 0
DCG = 1
IDEAL_DCG = 2
PRECISION_SUM = 3  # of the precisions at the hits
RECIPROCAL_RANK = 4  # of the first hit
SLOTS = 5  # that hold an item
NEGATIVES_ABOVE = 6  # summed over the hits
N_STATISTICS = 7

# Slots with a negative code are no hits; padding is not even an item.
UNKNOWN = -1
PADDING = -2


@jit
def rank_statistics(
    start: int,
    stop: int,
    gain_of: ndarray,
    ideal: ndarray,
    rows: ndarray,
    indptr: ndarray,
    indices: ndarray,
    gains: ndarray,
    ranked: ndarray,
    cutoffs: ndarray,
    discount: ndarray,
    statistics: ndarray,
    n_relevant: ndarray,
    hit: ndarray,
) -> None:
    """Compare the lists start to stop with their users' relevant items.

    Parameters
    ----------
    gain_of : float64 or uint8 array (n_codes,)
        Scratch: zero on entry and on return. Bytes will do for gains of 1, and stay
        in the first cache.
    ideal : float64 array (deepest cut-off + 1,)
        Scratch.
    rows : int32 array (n,)
        The compressed row of each list's relevant items; negative: none.
    indptr, indices : integer arrays
        Codes of the relevant items; a negative one is relevant, but matches no slot.
        A code that a row holds again is passed over.
    gains : float64 array
        Positive gains of the entries, descending within a row; empty: 1 each.
    ranked : int32 array (n, width)
        Codes of the lists, best first.
    cutoffs : int64 array (n_cutoffs,)
        Ascending.
    discount : float64 array (deepest cut-off,)
        The discount of each rank.
    statistics : float64 array (N_STATISTICS, n_cutoffs, n)
        Result.
    n_relevant : int64 array (n,)
        Result: distinct relevant items.
    hit : uint8 array (n, width) or (0, 0)
        Result, if it has rows: 1 where a slot is a hit.
    """
    for i in range(start, stop):
        row = rows[i]
        n_relevant[i] = _set_gains(
            row, indptr, indices, gains, discount, gain_of, ideal
        )
        _scan_list(
            i, gain_of, ideal, n_relevant[i], ranked, cutoffs, discount, statistics, hit
        )
        _reset_gains(row, indptr, indices, gain_of)


@jit
def _set_gains(
    row: int,
    indptr: ndarray,
    indices: ndarray,
    gains: ndarray,
    discount: ndarray,
    gain_of: ndarray,
    ideal: ndarray,
) -> int:
    """Enter the gains of a user, and sum up the best DCG of each length."""
    n_relevant = 0
    best = 0.0
    ideal[0] = best
    if row < 0:
        return n_relevant
    for entry in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
        code = indices[entry]
        gain = gains[entry] if len(gains) else 1.0
        if code >= 0:
            # Gains descend, so the first entry of a repeated pair is its largest.
            if gain_of[np.uint32(code)] != 0:
                continue
            gain_of[np.uint32(code)] = gain
        if n_relevant < len(discount):
            best += gain * discount[n_relevant]
            ideal[n_relevant + 1] = best
        n_relevant += 1
    return n_relevant


@jit
def _reset_gains(row: int, indptr: ndarray, indices: ndarray, gain_of: ndarray) -> None:
    """Leave the scratch as it was found."""
    if row < 0:
        return
    for entry in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
        if indices[entry] >= 0:
            gain_of[np.uint32(indices[entry])] = 0


@jit
def _scan_list(
    i: int,
    gain_of: ndarray,
    ideal: ndarray,
    n_relevant: int,
    ranked: ndarray,
    cutoffs: ndarray,
    discount: ndarray,
    statistics: ndarray,
    hit: ndarray,
) -> None:
    """Walk down one list and note the statistics at every cut-off."""
    hits = 0
    slots = 0
    negatives_above = 0
    dcg = 0.0
    precision_sum = 0.0
    reciprocal_rank = 0.0
    rank = 0
    for c in range(len(cutoffs)):
        while rank < min(cutoffs[c], ranked.shape[1]):
            code = ranked[i, rank]
            if code != PADDING:
                slots += 1
            if code >= 0 and gain_of[np.uint32(code)] != 0:
                hits += 1
                dcg += gain_of[np.uint32(code)] * discount[rank]
                precision_sum += hits / (rank + 1)
                negatives_above += slots - hits
                if hits == 1:
                    reciprocal_rank = 1.0 / (rank + 1)
                gain_of[np.uint32(code)] = (
                    0  # an item that is listed again is no second hit
                )
                if len(hit):
                    hit[i, rank] = 1
            rank += 1
        statistics[HITS, c, i] = hits
        statistics[DCG, c, i] = dcg
        statistics[IDEAL_DCG, c, i] = ideal[min(cutoffs[c], n_relevant)]
        statistics[PRECISION_SUM, c, i] = precision_sum
        statistics[RECIPROCAL_RANK, c, i] = reciprocal_rank
        statistics[SLOTS, c, i] = slots
        statistics[NEGATIVES_ABOVE, c, i] = negatives_above


@jit
def add_similarities(
    start: int,
    stop: int,
    codes: ndarray,
    low: int,
    similarity: ndarray,
    total: ndarray,
) -> None:
    """Add up, list by list, the similarities of its items to those of one block.

    Parameters
    ----------
    start, stop : int
        The lists.
    codes : int32 array (n, width)
        Items of the lists; negative: none.
    low : int
        The block holds the items from this code on.
    similarity : float array (block, n_codes)
        Similarities of the block's items to all items.
    total : float64 array (n,)
        Result: added to.
    """
    for i in range(start, stop):
        for p in range(codes.shape[1]):
            row = codes[i, p] - low
            if row < 0 or row >= similarity.shape[0]:
                continue
            for q in range(codes.shape[1]):
                if q != p and codes[i, q] >= 0:
                    total[i] += similarity[row, codes[i, q]]
