"""One sweep of the Gibbs sampler of a factorization machine in block structure.

Every data row points at one row of each block (its user's, its item's, its day's). Row
b of a block has a vector q = (w, v), and the prediction of a data row is a constant,
plus the w of its blocks, plus the inner products v . v' over pairs of blocks.

With the other blocks fixed and z = (1, sum of their v), the prediction is linear: it
changes by d . z when q changes by d. So all that a block needs to know of the data are
two moments of each of its rows (Rendle 2013, section 4),

    M = sum_r a_r z_r z_r'   and   R = sum_r a_r e_r z_r,

where e are the residuals and a the precisions of the data rows. `gather` collects them.
A block row's q is the sum of parameters of its own and of x_j times those of its
features j, all with normal priors. `integrate` takes the own ones out: what M and R are
if these are not known. Then `factorize` and `sweep` draw the features' one after the
other, each feature's w and v jointly.
"""

import numpy as np

from sklearn_metarec._kernels._jit import jit

_fast = jit(fastmath=True, error_model="numpy")
_inlined = jit(fastmath=True, error_model="numpy", inline="always")


@_inlined
def _add_others(vectors, partners, t, z):
    """Write (1, the sum of the partners' v) into z; return what they predict."""
    n = len(z)
    first = np.uint32(partners[t, 0])
    total = vectors[first, 0]
    for f in range(1, n):
        z[f] = vectors[first, f]
    for k in range(1, partners.shape[1]):
        other = np.uint32(partners[t, k])
        cross = vectors[other, 0]
        for f in range(1, n):
            cross += z[f] * vectors[other, f]
            z[f] += vectors[other, f]
        total += cross
    z[0] = 1
    return total


@_fast
def predict(lo, hi, z, codes, vectors, out):
    """Write the predictions of the data rows lo to hi, without the constant."""
    for t in range(lo, hi):
        out[t] = _add_others(vectors, codes, t, z)


@_fast
def gather(
    lo, hi, z, scaled, indptr, order, partners, target, weights, alpha, vectors,
    mine, M, R,
):  # fmt: skip
    """Collect M and R of the block rows lo to hi.

    `partners[t]` are the rows of the other blocks that meet in data row `order[t]`,
    whose precision is alpha times its weight; `vectors[mine + b]` is the vector of
    block row b. `z` and `scaled` (one row a data row) are scratch.
    """
    n = vectors.shape[1]
    size = len(scaled)
    for b in range(lo, hi):
        M[b, :, :] = 0
        R[b, :] = 0
        q = vectors[mine + b]
        stop = indptr[b + 1]
        for start in range(indptr[b], stop, size):
            count = min(size, stop - start)
            for t in range(count):
                row = np.uint32(order[start + t])
                e = target[row] - q[0] - _add_others(vectors, partners, start + t, z)
                root = np.sqrt(alpha * weights[row])
                scaled[t, 0] = root
                for f in range(1, n):
                    e -= q[f] * z[f]
                    scaled[t, f] = root * z[f]
                e *= root
                for f in range(n):
                    R[b, f] += e * scaled[t, f]
            some = scaled[:count]
            products = np.dot(some.T, some)
            # In loops: numba compiles seconds longer for sums of whole arrays, whose
            # shapes it would compare.
            for f in range(n):
                for g in range(n):
                    M[b, f, g] += products[f, g]


@_fast
def _cholesky(A):
    """Replace the lower triangle of A by its Cholesky factor, its diagonal inverted."""
    n = len(A)
    for j in range(n):
        aj = A[j]
        for i in range(j):
            ai = A[i]
            total = aj[i]
            for k in range(i):
                total -= aj[k] * ai[k]
            aj[i] = total * ai[i]
        total = aj[j]
        for k in range(j):
            total -= aj[k] * aj[k]
        aj[j] = 1 / np.sqrt(total)


@_inlined
def _solve_lower(A, x):
    for j in range(len(A)):
        total = x[j]
        for k in range(j):
            total -= A[j, k] * x[k]
        x[j] = total * A[j, j]


@_inlined
def _solve_upper(A, x):
    for j in range(len(A) - 1, -1, -1):
        total = x[j] * A[j, j]
        x[j] = total
        for k in range(j):
            x[k] -= A[j, k] * total


@_fast
def integrate(lo, hi, A, C, x, theta, noise, mean, precision, M, R):
    """Turn M and R of the block rows lo to hi into those with `theta` integrated out.

    With L = diag(precision), and m and C the mean and covariance of a row's theta
    given the data, M becomes L - L C L and R becomes L (m - mean). `theta` is the
    row's current value, of which R is the residual; `noise`, standard normal, becomes
    a draw of N(0, C). Once the features are drawn, mean + R / precision + noise is a
    draw of theta.
    """
    n = len(mean)
    for b in range(lo, hi):
        m, r, own = M[b], R[b], theta[b]
        for f in range(n):
            total = r[f] + precision[f] * mean[f]
            for g in range(n):
                total += m[f, g] * own[g]
                A[f, g] = m[f, g]
            x[f] = total
            A[f, f] += precision[f]
        _cholesky(A)
        _solve_lower(A, x)
        _solve_upper(A, x)
        _solve_upper(A, noise[b])
        for f in range(n):
            r[f] = precision[f] * (x[f] - mean[f])
        # The rows of C are the inverse of A's factor; M = L - L C' C L.
        for f in range(n):
            cf = C[f]
            for g in range(n):
                cf[g] = 0
            cf[f] = 1
            for k in range(f):
                a = A[f, k]
                ck = C[k]
                for g in range(k + 1):
                    cf[g] -= a * ck[g]
            for g in range(f + 1):
                cf[g] *= A[f, f]
        for f in range(n):
            mf = m[f]
            for g in range(n):
                mf[g] = 0
            mf[f] = precision[f]
        for k in range(n):
            ck = C[k]
            for g in range(n):
                x[g] = precision[g] * ck[g]
            for f in range(n):
                mf, a = m[f], x[f]
                for g in range(n):
                    mf[g] -= a * x[g]


@_fast
def factorize(lo, hi, first, indptr, rows, values, precision, M, factors):
    """Write the Cholesky factors of the features' precisions, lo to hi after `first`.

    `indptr`, `rows` and `values` are the block's features, column by column.
    """
    n = len(precision)
    for j in range(lo, hi):
        A = factors[j]
        for f in range(n):
            for g in range(n):
                A[f, g] = 0
            A[f, f] = precision[f]
        _add_scaled(
            M, rows, values, indptr[first + j], indptr[first + j + 1], A.reshape(n * n)
        )
        _cholesky(A)


@_inlined
def _add_scaled(M, rows, values, start, stop, out):
    """Add the sum over start <= t < stop of values[t]^2 M[rows[t]] to `out`."""
    # Flat, and four at a time: `out` is read and written once for four.
    flat = M.reshape(len(M), len(out))
    last = stop - (stop - start) % 4
    for t in range(start, last, 4):
        m0, m1 = flat[np.uint32(rows[t])], flat[np.uint32(rows[t + 1])]
        m2, m3 = flat[np.uint32(rows[t + 2])], flat[np.uint32(rows[t + 3])]
        x0, x1 = values[t] * values[t], values[t + 1] * values[t + 1]
        x2, x3 = values[t + 2] * values[t + 2], values[t + 3] * values[t + 3]
        for f in range(len(out)):
            out[f] += x0 * m0[f] + x1 * m1[f] + x2 * m2[f] + x3 * m3[f]
    for t in range(last, stop):
        m0, x0 = flat[np.uint32(rows[t])], values[t] * values[t]
        for f in range(len(out)):
            out[f] += x0 * m0[f]


@_fast
def sweep(
    lo, hi, first, step, indptr, rows, values, theta, noise, mean, precision, factors,
    vectors, mine, M, R,
):  # fmt: skip
    """Draw the parameters of the features lo to hi after `first`, one after the other.

    `theta` are their current values, `noise` standard normal, `mean` and `precision`
    those of their prior. R and the block's `vectors` are kept up to date.
    """
    n = len(mean)
    for j in range(lo, hi):
        A, current = factors[j], theta[first + j]
        for f in range(n):
            step[f] = precision[f] * (mean[f] - current[f])
        start, stop = indptr[first + j], indptr[first + j + 1]
        for t in range(start, stop):
            r, x = R[np.uint32(rows[t])], values[t]
            for f in range(n):
                step[f] += x * r[f]
        _solve_lower(A, step)
        for f in range(n):
            step[f] += noise[first + j, f]
        _solve_upper(A, step)
        for f in range(n):
            current[f] += step[f]
        for t in range(start, stop):
            b, x = np.uint32(rows[t]), values[t]
            for f in range(n):
                vectors[mine + b, f] += x * step[f]
            _subtract_product(M, b, x, step, R)


@_inlined
def _subtract_product(M, b, x, step, R):
    """Subtract x M[b] step from R[b]."""
    # Four sums at a time hide the latency of the additions.
    n = len(step)
    last = n - n % 4
    for f in range(0, last, 4):
        s0 = s1 = s2 = s3 = 0.0
        for g in range(n):
            d = step[g]
            s0 += M[b, f, g] * d
            s1 += M[b, f + 1, g] * d
            s2 += M[b, f + 2, g] * d
            s3 += M[b, f + 3, g] * d
        R[b, f] -= x * s0
        R[b, f + 1] -= x * s1
        R[b, f + 2] -= x * s2
        R[b, f + 3] -= x * s3
    for f in range(last, n):
        s0 = 0.0
        for g in range(n):
            s0 += M[b, f, g] * step[g]
        R[b, f] -= x * s0
