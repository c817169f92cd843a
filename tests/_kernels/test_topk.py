"""The exact top k of a row, against a sort."""

import numpy as np
import pytest

from sklearn_metarec._kernels import topk


def _row(kind, n, rng):
    row = {
        "normal": lambda: rng.normal(size=n),
        "negative with ties": lambda: -rng.integers(0, 4, n) * 0.5,
        "ties": lambda: rng.integers(0, 3, n) * 1.0,
        "sparse": lambda: rng.random(n) * (rng.random(n) < 0.02),
        "masked": lambda: np.where(rng.random(n) < 0.9, topk.LOW, rng.normal(size=n)),
    }[kind]()
    return row.astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["normal", "negative with ties", "ties", "sparse", "masked"]
)
def test_equals_a_stable_sort(kind):
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(1, 1500))
        k = int(rng.integers(1, min(n, 30) + 1))
        row = _row(kind, n, rng)
        scores, indices = np.empty(k, np.float32), np.empty(k, np.int32)
        topk.top_k(row, row.view(np.int32), *topk.scratch(n, k), k, scores, indices)
        expected = np.lexsort((np.arange(n), -row.astype(np.float64)))[:k]
        there = row[expected] > topk.LOW
        np.testing.assert_array_equal(indices[there], expected[there])
        np.testing.assert_array_equal(scores[there], row[expected][there])
        assert (indices[~there] == -1).all()
