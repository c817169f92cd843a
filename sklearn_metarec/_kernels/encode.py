"""Integer ids to codes without sorting the rows."""

import numpy as np

from sklearn_metarec._kernels._jit import jit

# Fibonacci hashing: the multiplier is 2**64 / golden ratio, so that consecutive ids
# land far apart and the high bits, which pick the slot, depend on all input bits.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@jit
def min_max(values):
    """Return the smallest and the largest value."""
    low = values[0]
    high = values[0]
    for value in values:
        low = min(low, value)
        high = max(high, value)
    return low, high


@jit
def mark(values, low, table):
    """Set `table[value - low]` to 1 for every value."""
    for t in range(len(values)):
        # Unsigned indices spare the wraparound test of a negative index.
        table[np.uint64(values[t] - low)] = 1


@jit
def rank_marked(table, low, ids):
    """Replace the marks by ranks in ascending order, and list the marked ids."""
    code = 0
    for v in range(len(table)):
        if table[v]:
            ids[code] = v + low
            table[v] = code
            code += 1
        else:
            table[v] = -1


@jit
def table_codes(start, stop, values, low, table, codes):
    """Read the codes of rows start to stop; values outside the table get -1."""
    size = np.uint64(len(table))
    for t in range(start, stop):
        slot = np.uint64(values[t] - low)
        codes[t] = table[slot] if slot < size else -1


@jit
def hash_codes(values, codes, slots, ids, shift, start, n_ids):
    """Give each new value the next code, from row `start` on.

    Stops when the table is half full and returns (row reached, codes given).
    """
    mask = np.uint64(slots.shape[0] - 1)
    limit = slots.shape[0] >> 1
    for t in range(start, len(values)):
        value = values[t]
        slot = (np.uint64(value) * _GOLDEN) >> shift
        while slots[slot, 1] != 0 and slots[slot, 0] != value:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot, 1] == 0:
            if n_ids == limit:
                return t, n_ids
            slots[slot, 0] = value
            slots[slot, 1] = n_ids + 1
            ids[n_ids] = value
            n_ids += 1
        codes[t] = slots[slot, 1] - 1
    return len(values), n_ids


@jit
def hash_reinsert(slots, ids, n_ids, shift):
    """Enter the ids found so far into a larger, empty table."""
    mask = np.uint64(slots.shape[0] - 1)
    for code in range(n_ids):
        slot = (np.uint64(ids[code]) * _GOLDEN) >> shift
        while slots[slot, 1] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot, 0] = ids[code]
        slots[slot, 1] = code + 1


@jit
def take_codes(start, stop, codes, mapping, out):
    """Write `mapping[codes]` for rows start to stop; a negative code stays -1."""
    for t in range(start, stop):
        code = codes[t]
        out[t] = mapping[np.uint32(code)] if code >= 0 else -1


@jit
def first_rows(codes, first):
    """Write the first row of each code."""
    for t in range(len(codes) - 1, -1, -1):
        first[np.uint32(codes[t])] = t
