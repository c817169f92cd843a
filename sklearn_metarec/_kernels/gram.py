"""The Gram matrix of the columns of compressed rows, dense."""

import numpy as np

from sklearn_metarec._kernels._jit import jit


@jit(fastmath=True)
def add_gram_rows(
    lo, hi, by_item, users, values, by_user, items, user_values, sign, out
):
    """Add rows lo to hi of `sign * X.T @ X` to `out`.

    `by_item, users, values` are the compressed columns of X, `by_user, items,
    user_values` its compressed rows.
    """
    for item in range(lo, hi):
        row = out[item]
        for t in range(by_item[item], by_item[item + 1]):
            # Unsigned indices spare the wraparound test in the inner loop, which halves
            # its time.
            user = np.uint64(users[t])
            value = sign * values[t]
            for q in range(by_user[user], by_user[user + np.uint64(1)]):
                row[np.uint32(items[q])] += value * user_values[q]
