"""The Gram matrix: above the diagonal by the kernel, below it by mirroring."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec._kernels import gram
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr


@pytest.mark.parametrize("n_items", [1, 50, 150])
def test_it_is_the_product(n_items):
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 3, (70, n_items)).astype(np.float32)
    X = sparse.csr_array(dense)
    places = np.arange(X.nnz, dtype=np.int64)
    by_item = transpose_csr(make_csr(X.indptr, X.indices, places, X.shape))
    out = np.ones((n_items, n_items), dtype=np.float32)
    for lo in range(0, n_items, 40):
        hi = min(lo + 40, n_items)
        gram.add_gram_rows(
            lo, hi, *compressed_parts(by_item), *compressed_parts(X),
            np.float32(-2), out,
        )  # fmt: skip
    expected = 1 - 2 * dense.T @ dense
    np.testing.assert_array_equal(np.triu(out), np.triu(expected))
    np.testing.assert_array_equal(np.tril(out, -1), np.tril(np.ones_like(out), -1))
    for lo in range(0, n_items, 40):
        gram.mirror_rows(lo, min(lo + 40, n_items), out)
    np.testing.assert_array_equal(out, expected)
