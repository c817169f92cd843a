"""Regressions on a few columns against NumPy, in arrays that are filled to the end."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec._kernels import local_ridge
from sklearn_metarec.interactions import compressed_parts


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_equals_numpy_and_leaves_its_scratch_alone(density):
    rng = np.random.default_rng(0)
    X = sparse.random_array((30, 12), density=density, rng=rng, dtype=np.float32)
    by_column = sparse.csr_array(X.T)
    near = np.array(
        [rng.permutation(np.delete(np.arange(12), c))[:5] for c in range(9)]
    )
    n_indptr = np.arange(10) * 5
    out = np.empty(45, dtype=np.float32)
    dense = X.toarray().astype(float)
    longest = np.sort((dense != 0).sum(axis=0))[-6:].sum()
    # Whoever writes beyond an array writes into these margins.
    scratch = local_ridge.scratch(30, longest, 6)
    whole = [np.pad(a, [(0, 3), (0, 0)][: a.ndim]) for a in scratch]
    margins = [array.copy() for array in whole]
    scratch = [array[:-3] for array in whole]
    local_ridge.regress_columns(
        0, 9, *scratch, *compressed_parts(by_column), n_indptr, near.ravel(), 0.5, out
    )
    for column in range(9):
        A = dense[:, near[column]]
        expected = np.linalg.solve(A.T @ A + 0.5 * np.eye(5), A.T @ dense[:, column])
        np.testing.assert_allclose(out[5 * column :][:5], expected, atol=1e-6)
    assert (scratch[0] == 0).all()
    for array, margin in zip(whole, margins, strict=True):
        np.testing.assert_array_equal(array[-3:], margin[-3:])
