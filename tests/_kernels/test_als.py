"""The systems of alternating least squares against NumPy, however they are divided."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec._kernels import als


# Below, at and above eight columns at once, and a row of rests.
@pytest.mark.parametrize("n_factors", [1, 3, 7, 8, 9, 11, 16, 19])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_solved_exactly(n_factors, dtype):
    rng = np.random.default_rng(n_factors)
    n_rows, n_vectors = 21, 30
    # Rows of zero pairs, of one to three, which is less than are added at a time, ...
    lengths = np.r_[0, 1, 2, 3, 4, 5, 30, rng.integers(0, 31, n_rows - 7)]
    there = np.array([rng.permutation(n_vectors) < length for length in lengths])
    pairs = sparse.csr_array(there.astype(float))
    weights = rng.uniform(0.5, 2, pairs.nnz).astype(dtype)
    targets = rng.normal(size=pairs.nnz).astype(dtype)
    vectors = rng.normal(size=(n_vectors, n_factors)).astype(dtype)
    half = rng.normal(size=(n_factors, n_factors))
    gram, ridge = half @ half.T, rng.uniform(0.1, 2, n_rows)
    penalized = rng.integers(0, 2, n_factors).astype(float)
    beside = rng.normal(size=(n_rows, n_factors))
    found = beside.copy()
    indptr = pairs.indptr.astype(np.int64)
    scratch = als.scratch_systems(n_factors, np.float64)
    # In parts whose lengths eight does not divide.
    for lo, hi in ((0, 9), (9, 10), (10, n_rows)):
        als.solve_rows(
            lo, hi, *scratch, indptr, pairs.indices, weights, targets, vectors, gram,
            ridge, penalized, found,
        )  # fmt: skip
    for row in range(n_rows):
        own = slice(indptr[row], indptr[row + 1])
        V = vectors[pairs.indices[own]].astype(float)
        system = gram + np.diag(ridge[row] * penalized) + (V.T * weights[own]) @ V
        side = beside[row] + V.T @ targets[own].astype(float)
        expected = np.linalg.solve(system, side) if len(V) else np.zeros(n_factors)
        scale = np.linalg.cond(system) * np.finfo(dtype).eps
        np.testing.assert_allclose(
            found[row], expected, rtol=50 * scale, atol=50 * scale
        )


def test_targets_are_weighed():
    indptr, indices = np.array([0, 2, 2, 3]), np.array([1, 0, 1], dtype=np.int32)
    weights, values = np.array([2.0, 1.0, 3.0]), np.array([5.0, 4.0, 1.0])
    out = np.full(3, np.nan)
    als.weigh_targets(0, 3, indptr, indices, weights, values, np.array([1.0, 2.0]), out)
    np.testing.assert_array_equal(out, [2 * (5 - 2), 4 - 1, 3 * (1 - 2)])
