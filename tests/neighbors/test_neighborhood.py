"""The neighbours of rows: the best, in order, whichever way they are found."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec._neighborhood import Neighborhood
from sklearn_metarec.interactions import transpose_csr


def neighborhood(candidates, **parameters):
    parameters = {"n_neighbors": 5} | parameters
    return Neighborhood(candidates, transpose_csr(candidates), **parameters)


def random_rows(n, n_features, density, seed=0, *, binary=True):
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n_features)) < density).astype(np.float32)
    if not binary:
        dense *= rng.random(dense.shape, dtype=np.float32) + np.float32(0.5)
    return sparse.csr_array(dense)


def nearest(candidates, rows=None, n_jobs=1, **parameters):
    itself = np.full(candidates.shape[0] if rows is None else rows.shape[0], -1, "i4")
    if rows is None:
        rows, itself = candidates, np.arange(len(itself), dtype=np.int32)
    return neighborhood(candidates, **parameters).nearest(rows, itself, n_jobs)


@pytest.mark.parametrize(("similarity", "asymmetry"), [("cosine", 0.4), ("jaccard", 0)])
@pytest.mark.parametrize("n_neighbors", [1, 3, 20, 150, 400])
@pytest.mark.parametrize("density", [0.002, 0.02, 0.2])  # few products, some, many
def test_binary_rows_to_the_bit(similarity, asymmetry, n_neighbors, density):
    # Whole numbers of common entries, so the same float32 arithmetic has to agree to
    # the bit, and with it the order of the many ties.
    rows = random_rows(300, 70, density, seed=n_neighbors)
    found = nearest(
        rows, n_neighbors=n_neighbors, similarity=similarity, asymmetry=asymmetry,
        shrinkage=2.5,
    )  # fmt: skip
    both = (rows @ rows.T).toarray()
    np.fill_diagonal(both, 0)
    counts = np.diff(rows.indptr).astype(float)
    if similarity == "jaccard":
        size = counts.astype(np.float32)
        below = size[:, None] + size - both
    else:
        below = ((counts ** ((1 - asymmetry) / 2)).astype(np.float32)[:, None]
                 * (counts ** ((1 + asymmetry) / 2)).astype(np.float32))  # fmt: skip
    expected = both / (below + np.float32(2.5))
    order = np.argsort(-expected, axis=1, kind="stable")[:, :n_neighbors]
    values = np.take_along_axis(expected, order, axis=1)
    there = values > 0
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.indices, order[there])
    np.testing.assert_array_equal(found.data, values[there])
    np.testing.assert_array_equal(np.diff(found.indptr), there.sum(axis=1))


@pytest.mark.parametrize("n_neighbors", [1, 10, 60])
@pytest.mark.parametrize("density", [0.01, 0.3])
def test_weighted_rows(reference, n_neighbors, density):
    rows = random_rows(200, 50, density, binary=False)
    found = nearest(rows, n_neighbors=n_neighbors, shrinkage=1.5, asymmetry=0.3)
    expected = reference.similarities(rows.toarray().astype(float), "cosine", 1.5, 0.3)
    best = -np.sort(-expected, axis=1)[:, :n_neighbors]
    for row in range(200):
        part = slice(found.indptr[row], found.indptr[row + 1])
        cols, values = found.indices[part], found.data[part]
        np.testing.assert_allclose(values, best[row][best[row] > 0], rtol=1e-5)
        np.testing.assert_allclose(values, expected[row, cols], rtol=1e-5)
        assert len(set(cols)) == len(cols)


def test_equal_weighted_rows_are_in_order():
    one = np.random.default_rng(0).random(6, dtype=np.float32)
    rows = sparse.csr_array(np.vstack([one, one[::-1], one, one, one[::-1], one]))
    found = nearest(rows, n_neighbors=2)
    np.testing.assert_array_equal(
        found.indices.reshape(6, 2), [[2, 3], [4, 0], [0, 3], [0, 2], [1, 0], [0, 2]]
    )


def test_nothing_in_common_is_no_neighbour():
    rows = sparse.csr_array(np.eye(4, dtype=np.float32)[[0, 0, 1, 2]])
    found = nearest(rows, n_neighbors=3)
    np.testing.assert_array_equal(found.indptr, [0, 1, 2, 2, 2])
    np.testing.assert_array_equal(found.indices, [1, 0])


def test_rows_of_others_may_be_their_own_neighbours():
    candidates = random_rows(30, 12, 0.4)
    found = nearest(candidates, rows=candidates, n_neighbors=1)
    np.testing.assert_allclose(found.data, 1, rtol=1e-6)


def test_shrinkage_has_the_unit_of_an_average_entry():
    candidates = random_rows(30, 12, 0.4)
    thrice = candidates * np.float32(3)
    few, many = (nearest(c, shrinkage=4.0) for c in (candidates, thrice))
    np.testing.assert_allclose(few.toarray(), many.toarray(), rtol=1e-5)


def test_common_entries_beyond_sixteen_bits():
    n = (1 << 16) + 10
    rows = sparse.csr_array(np.ones((3, n), dtype=np.float32))
    rows.data[-1] = 1  # all alike
    found = nearest(rows, similarity="jaccard")
    np.testing.assert_array_equal(found.data, np.ones(6))


def test_profiles_with_strengths_among_binary_candidates():
    candidates = random_rows(50, 20, 0.3)
    strong = random_rows(4, 20, 0.4, seed=1, binary=False)
    both = sparse.csr_array(sparse.vstack([strong, candidates]))
    found = nearest(candidates, rows=both)
    binary = nearest(candidates, rows=candidates)
    # Counted in integers there, added in floats here: small whole numbers either way.
    np.testing.assert_array_equal(found.toarray()[4:], binary.toarray())
    ours, theirs = strong.toarray(), candidates.toarray()
    below = np.outer(np.linalg.norm(ours, axis=1), np.linalg.norm(theirs, axis=1))
    expected = ours @ theirs.T / np.maximum(below, 1e-9)
    best, values = (
        -np.sort(-rows, axis=1)[:, :5] for rows in (expected, found.toarray()[:4])
    )
    np.testing.assert_allclose(values, best, rtol=1e-5)


def test_threads_change_nothing():
    rows = random_rows(500, 80, 0.1, binary=False)
    one, two = (nearest(rows, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.data, two.data)


def test_an_underflow_lists_a_column_twice_and_does_no_harm():
    rows = np.zeros((100, 3), dtype=np.float32)
    rows[:3] = 1e-30  # whose square is 0 in single precision
    rows[1:3, 2] = 1
    found = nearest(sparse.csr_array(rows))
    np.testing.assert_array_equal(found.indices, [1, 2, 2, 0, 1, 0])
    one = 1 / np.sqrt(3)
    np.testing.assert_allclose(found.data, [one, one, 1, one, 1, one], rtol=1e-6)
