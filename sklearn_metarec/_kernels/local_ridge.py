"""Ridge regressions of columns of a sparse matrix, each on a few other columns.

The Gram matrix of all columns is never made: only that of the columns of one
regression, from the rows that have an entry in one of them.
"""

import numpy as np

from sklearn_metarec._kernels._jit import jit


def scratch(n_rows, n_entries, n_columns):
    """Return what one thread works in.

    The regressions have at most `n_columns` columns, the target among them, and these
    have at most `n_entries` entries.
    """
    return (
        np.zeros(n_rows, dtype=np.int64),
        np.empty(n_rows + 1, dtype=np.int32),  # one is written beyond the last
        np.empty(n_entries, dtype=np.int32),
        np.empty(n_entries, dtype=np.float32),
        np.empty((n_columns, n_columns)),
    )


@jit(fastmath=True)
def regress_columns(
    lo, hi, ends, touched, places, entries, gram, indptr, rows, data, n_indptr, near,
    ridge, out,
):  # fmt: skip
    """Write the coefficients of columns lo to hi on those listed for each.

    `indptr, rows, data` are the compressed columns; `n_indptr, near` list on which
    ones each is regressed, and `out` has a place for each of these.
    """
    for column in range(lo, hi):
        start, n = n_indptr[column], n_indptr[column + 1] - n_indptr[column]
        wanted = np.empty(n + 1, dtype=np.int64)
        wanted[:n] = near[start : start + n]
        wanted[n] = column  # last: the right-hand side is a column like the others
        n_touched = _group_by_row(
            wanted, indptr, rows, data, ends, touched, places, entries
        )
        gram[: n + 1, : n + 1] = 0
        begin = 0
        for t in range(n_touched):
            row = np.uint32(touched[t])
            for p in range(begin, ends[row]):
                line, value = gram[np.uint32(places[p])], entries[p]
                for q in range(p, ends[row]):
                    line[np.uint32(places[q])] += value * entries[q]
            begin = ends[row]
            ends[row] = 0
        _solve(gram, n, ridge, out[start : start + n])


@jit
def _group_by_row(wanted, indptr, rows, data, ends, touched, places, entries):
    """Collect the entries of some columns row by row; return how many rows have some.

    Within a row the places, positions in `wanted`, ascend. `ends`, zero on entry, holds
    where the entries of each touched row end.
    """
    n_touched = 0
    for column in wanted:
        for t in range(indptr[column], indptr[column + 1]):
            row = np.uint32(rows[t])
            touched[n_touched] = row
            n_touched += ends[row] == 0
            ends[row] += 1
    total = 0
    for t in range(n_touched):
        row = np.uint32(touched[t])
        total, ends[row] = total + ends[row], total
    for place in range(len(wanted)):
        column = wanted[place]
        for t in range(indptr[column], indptr[column + 1]):
            row = np.uint32(rows[t])
            places[ends[row]] = place
            entries[ends[row]] = data[t]
            ends[row] += 1
    return n_touched


@jit(fastmath=True)
def _solve(gram, n, ridge, out):
    """Solve the first n rows, whose right-hand side is column n, by elimination.

    Only what is on and above the diagonal is read. No pivot of a positive semidefinite
    matrix plus `ridge` times the identity is below `ridge`, unless by rounding.
    """
    for k in range(n):
        gram[k, k] += ridge
    for k in range(n):
        pivots = gram[k, : n + 1]
        pivots[k] = max(pivots[k], ridge)
        inverse = 1 / pivots[k]
        for i in range(k + 1, n):
            factor = inverse * pivots[i]
            if factor != 0:
                line, tail = gram[i, i : n + 1], pivots[i:]
                for j in range(len(line)):
                    line[j] -= factor * tail[j]
    for k in range(n - 1, -1, -1):
        total = gram[k, n]
        for j in range(k + 1, n):
            total -= gram[k, j] * out[j]
        out[k] = total / gram[k, k]
