"""Coded pairs to compressed sparse rows by counting sort, linear in the rows."""

import numpy as np

from sklearn_metarec._kernels._jit import jit


@jit
def count_codes(codes, indptr):
    """Turn the zeroed `indptr` (n + 1) into the row pointer of the codes."""
    for t in range(len(codes)):
        indptr[np.uint32(codes[t]) + 1] += 1
    for row in range(len(indptr) - 1):
        indptr[row + 1] += indptr[row]


@jit
def scatter(keys, others, values, indptr, out_others, out_values):
    """Move each entry to its key's row, keeping the order within a row.

    `indptr` serves as the write cursor and is restored at the end.
    """
    for t in range(len(keys)):
        key = np.uint32(keys[t])
        position = np.uint64(indptr[key])
        out_others[position] = others[t]
        out_values[position] = values[t]
        indptr[key] += 1
    _rewind(indptr)


@jit
def transpose(indptr, indices, values, out_indptr, out_indices, out_values):
    """Transpose compressed rows; `out_indptr` is the pointer of the result.

    Rows are visited in order, so the result's indices ascend within a row.
    """
    for row in range(len(indptr) - 1):
        for t in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            col = np.uint32(indices[t])
            position = np.uint64(out_indptr[col])
            out_indices[position] = row
            out_values[position] = values[t]
            out_indptr[col] += 1
    _rewind(out_indptr)


@jit
def copy_rows(rows, indptr, values, out_indptr, out):
    """Copy some compressed rows, each to the same position of other compressed rows.

    A row of -1 is not there: its place is left as it is.
    """
    for position in range(len(rows)):
        row = rows[position]
        if row >= 0:
            to = np.uint64(out_indptr[position])
            for t in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
                out[to] = values[t]
                to += np.uint64(1)


@jit
def sum_rows(indptr, values, out):
    """Write the sum of each row's values."""
    for row in range(len(out)):
        total = 0.0
        for t in range(np.uint64(indptr[row]), np.uint64(indptr[row + 1])):
            total += values[t]
        out[row] = total


@jit
def merge_duplicates(indptr, indices, values):
    """Add up neighbouring equal indices of a row in place; return the entries left."""
    written = 0
    start = indptr[0]
    for row in range(len(indptr) - 1):
        stop = indptr[row + 1]
        t = start
        while t < stop:
            col = indices[t]
            total = np.float64(values[t])
            t += 1
            while t < stop and indices[t] == col:
                total += values[t]
                t += 1
            indices[written] = col
            values[written] = total
            written += 1
        start = stop
        indptr[row + 1] = written
    return written


@jit
def _rewind(indptr):
    for row in range(len(indptr) - 1, 0, -1):
        indptr[row] = indptr[row - 1]
    indptr[0] = 0
