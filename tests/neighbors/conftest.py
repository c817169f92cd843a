"""A table, and both models in dense NumPy, with nothing shared with the package."""

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture
def table():
    """Pairs of 40 users and 30 items, some repeated, with strengths."""
    rng = np.random.default_rng(3)
    n = 420
    users = rng.integers(0, 40, n)
    items = (30 * rng.random(n) ** 1.7).astype(int)
    return np.column_stack([users, items]), rng.integers(1, 6, n).astype(float)


@pytest.fixture(scope="session")
def reference():
    """`weighted` rows, their `similarities`, and the `strongest` of each."""
    return SimpleNamespace(
        weighted=_weighted, similarities=_similarities, strongest=_strongest
    )


def _weighted(strengths, kind):
    """Weight the rows of a dense matrix: documents, whose columns are terms."""
    if kind is None:
        return strengths.copy()
    if kind == "binary":
        return (strengths > 0).astype(float)
    if kind == "log":
        return np.log1p(strengths)
    idf = np.log((1 + len(strengths)) / (1 + (strengths > 0).sum(axis=0))) + 1
    if kind == "tfidf":
        return np.sqrt(strengths) * idf
    length = strengths.sum(axis=1, keepdims=True)
    saturation = 1.2 * (0.25 + 0.75 * length / length.mean())
    return strengths * 2.2 / (strengths + saturation) * idf


def _similarities(rows, kind, shrinkage, asymmetry):
    """Compare all rows with each other; 0 with itself."""
    if kind == "jaccard":
        rows = (rows > 0).astype(float)
    both = rows @ rows.T
    squares = np.diag(both)
    if kind == "jaccard":
        below = squares[:, None] + squares - both + shrinkage
    else:
        below = np.outer(
            squares ** (0.5 - asymmetry / 2), squares ** (0.5 + asymmetry / 2)
        )
        below += shrinkage * (rows[rows > 0] ** 2).mean()
    result = np.divide(both, below, out=np.zeros_like(both), where=both > 0)
    np.fill_diagonal(result, 0)
    return result


def _strongest(similarities, k):
    """Keep the k largest of each row, ties in order."""
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    kept = np.zeros_like(similarities)
    values = np.take_along_axis(similarities, order, axis=1)
    np.put_along_axis(kept, order, values, axis=1)
    return kept
