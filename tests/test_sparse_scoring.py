"""The scorers of sparse matrices: long rows added densely give the same sums."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec._kernels.topk import LOW
from sklearn_metarec._scoring import Filters, RowSumScorer, rank
from sklearn_metarec._sparse_scoring import ListScorer, NeighborScorer


@pytest.fixture
def skewed():
    """The weights of 300 users, rows of which a few are long, and a prior."""
    rng = np.random.default_rng(0)
    share = np.where(np.arange(90) % 10 == 3, 0.5, 0.01)[:, None]
    rows = rng.random((90, 200), dtype=np.float32) * (rng.random((90, 200)) < share)
    weights = rng.random((300, 90), dtype=np.float32) * (rng.random((300, 90)) < 0.2)
    prior = rng.random(200, dtype=np.float32)
    return sparse.csr_array(weights), sparse.csr_array(rows), prior


def scores_of(scorer, n, n_items):
    out = np.full((n, n_items), np.nan, dtype=np.float32)
    for lo in range(0, n, 7):
        scorer.block(lo, min(lo + 7, n), out[lo:])
    return out


def test_the_sums(skewed):
    weights, rows, prior = skewed
    found = scores_of(NeighborScorer(weights, rows, prior), 300, 200)
    np.testing.assert_allclose(found, (weights @ rows).toarray() + prior, rtol=1e-5)


def test_the_same_for_one_user_for_all_and_as_pairs(skewed):
    weights, rows, prior = skewed
    n, n_items = 300, 200
    scorer = NeighborScorer(weights, rows, prior)
    assert len(scorer._dense) == 9  # so the dense way is what is tested
    everyone = scores_of(scorer, n, n_items)
    users = np.repeat(np.arange(n, dtype=np.int32), n_items)
    cols = np.tile(np.arange(n_items, dtype=np.int32), n)
    np.testing.assert_array_equal(scorer.pairs(users, cols), everyone.ravel())
    for user in range(0, n, 50):
        alone = NeighborScorer(weights[[user]], rows, prior)
        assert len(alone._dense) == 0
        np.testing.assert_array_equal(scores_of(alone, 1, n_items)[0], everyone[user])


def test_ranked_one_by_one_or_as_a_block(skewed):
    weights, rows, prior = skewed
    scorer = NeighborScorer(weights, rows, prior)
    allowed = np.arange(200) % 5 > 0
    few = Filters(300, deny=weights, allow=weights[::-1], allowed=allowed)
    blocks = SimpleNamespace(block=scorer.block)
    for filters in (few, Filters(300, deny=weights)):
        one_by_one, blockwise = (
            rank(way, 300, 200, 12, filters) for way in (scorer, blocks)
        )
        np.testing.assert_array_equal(one_by_one[0], blockwise[0])
        np.testing.assert_array_equal(one_by_one[1], blockwise[1])


def test_unknown_items_score_nothing(skewed):
    scorer = NeighborScorer(*skewed)
    users, cols = np.zeros(2, dtype=np.int32), np.full(2, -1, dtype=np.int32)
    np.testing.assert_array_equal(scorer.pairs(users, cols), [0, 0])


def test_without_long_rows_it_is_a_row_sum_scorer(skewed):
    weights, rows, prior = skewed
    short = np.diff(rows.indptr) < 12
    weights, rows = weights[:, short], rows[short]
    expected = scores_of(RowSumScorer(weights, rows), 300, 200)
    found = scores_of(NeighborScorer(weights, rows, 0 * prior), 300, 200)
    np.testing.assert_array_equal(found, expected)


def test_a_list_holds_its_entries_only():
    rows = sparse.csr_array(np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], np.float32))
    out = np.zeros((4, 3), dtype=np.float32)
    ListScorer(rows).block(1, 3, out)
    np.testing.assert_array_equal(out, [[LOW] * 3, [1, LOW, 3], [0] * 3, [0] * 3])
