"""The sensitivity of the clipped Gram matrix, and what noise is put on it."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec.privacy._mechanism import gram_sensitivity, uniform_source
from sklearn_metarec.privacy._noisy_gram import UNIT, clip_weights, noisy_gram


def rows(dense):
    return sparse.csr_array(np.asarray(dense, dtype=np.float32))


def middle(shape):
    """The uniform number whose Gaussian noise is zero."""
    return np.full(shape, 0.5)


def exact(dense, max_items, n_jobs=None):
    return noisy_gram(rows(dense), max_items, 1.0, middle, n_jobs).astype(float)


def expected(dense, max_items):
    dense = np.asarray(dense, dtype=float)
    n = np.maximum(dense.sum(axis=1), 1)
    weights = np.minimum(np.sqrt(max_items * (max_items + 1) / (n * (n + 1))), 1)
    return (dense * weights[:, None]).T @ dense


def random_users(seed, n_users=30, n_items=12):
    rng = np.random.default_rng(seed)
    share = rng.random((n_users, 1))
    return (rng.random((n_users, n_items)) < share).astype(float)


@pytest.mark.parametrize("max_items", [1, 2, 5, 100])
def test_without_noise_it_is_the_weighted_gram_matrix(max_items):
    dense = random_users(0)
    gram = exact(dense, max_items)
    np.testing.assert_allclose(gram, expected(dense, max_items), atol=30 * UNIT)
    np.testing.assert_array_equal(gram, gram.T)
    if max_items > 12:
        np.testing.assert_array_equal(gram, dense.T @ dense)


@pytest.mark.parametrize("max_items", [1, 2, 3, 7])
def test_no_user_moves_it_by_more_than_the_sensitivity(max_items):
    bound = gram_sensitivity(max_items)
    moved = []
    for seed in range(60):
        dense = random_users(seed)
        change = exact(dense, max_items) - exact(dense[1:], max_items)
        moved.append(np.linalg.norm(np.triu(change)))
    assert max(moved) <= bound * (1 + 1e-12)
    assert max(moved) > 0.999 * bound  # clipped users reach it, but for the unit


@pytest.mark.parametrize("max_items", [1, 2, 3, 7])
def test_the_bound_is_attained(max_items):
    dense = random_users(1)
    user = np.zeros((1, 12))
    user[0, :max_items] = 1
    change = exact(np.vstack([dense, user]), max_items) - exact(dense, max_items)
    assert np.linalg.norm(np.triu(change)) == pytest.approx(
        gram_sensitivity(max_items), rel=1e-12
    )


def test_a_user_with_many_items_counts_for_as_much_as_one_with_few():
    for n in range(1, 200):
        weight = clip_weights(np.array([n]), 4)[0] * UNIT
        assert weight * gram_sensitivity(n) <= gram_sensitivity(4)
        assert weight == 1.0 or weight * gram_sensitivity(n) > 0.99 * gram_sensitivity(
            4
        )


def test_all_that_is_released_is_on_one_grid():
    """The last digits do not tell with whom a number was made."""
    draw = uniform_source(3)
    gram = noisy_gram(rows(random_users(2)), 3, 2.5, draw).astype(float)
    in_units = gram / UNIT
    np.testing.assert_array_equal(in_units, np.rint(in_units))


def test_the_noise_has_its_scale_and_is_symmetric():
    nobody = np.zeros((1, 400))
    gram = noisy_gram(rows(nobody), 1, 7.0, uniform_source(0)).astype(float)
    np.testing.assert_array_equal(gram, gram.T)
    entries = gram[np.triu_indices(400)]
    assert entries.std() == pytest.approx(7.0, rel=0.01)
    assert abs(entries.mean()) < 0.1
    assert np.diag(gram).std() == pytest.approx(7.0, rel=0.15)


def test_blocks_and_threads_change_nothing(monkeypatch):
    dense = random_users(4, 50, 40)
    whole = noisy_gram(rows(dense), 3, 1.0, uniform_source(0), 1)
    np.testing.assert_array_equal(
        noisy_gram(rows(dense), 3, 1.0, uniform_source(0), 2), whole
    )
    monkeypatch.setattr(
        "sklearn_metarec.privacy._noisy_gram._NUMBERS_PER_BLOCK", 7 * 40
    )
    np.testing.assert_allclose(exact(dense, 3), expected(dense, 3), atol=60 * UNIT)
    blocks = noisy_gram(rows(dense), 3, 1.0, uniform_source(0))
    np.testing.assert_array_equal(blocks, blocks.T)
