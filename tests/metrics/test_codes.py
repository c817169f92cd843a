import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec._kernels.metrics import PADDING, UNKNOWN
from sklearn_metarec.metrics import _codes, ranking_scores, ranking_scores_from_codes

METRICS = [
    "ndcg@3", "map@3", "recall@2", "accuracy@3", "auc@3", "novelty@2", "diversity@3",
    "serendipity@3", "coverage@1", "gini@3", "tail_share@3", "average_popularity@3",
    "user_coverage@3",
]  # fmt: skip


def _random_case(seed):
    """A test matrix, lists and a training matrix whose codes are their ids."""
    rng = np.random.default_rng(seed)
    n_users, n_items = 9, 12
    true = sparse.random_array((n_users, n_items), density=0.3, rng=rng, format="csr")
    train = (rng.random((n_users, n_items)) < 0.4).astype(float)
    train[0] = 1  # every item is in training, so that ids and codes are the same
    train = sparse.csr_array(train)
    ranked = np.array([rng.permutation(n_items)[:4] for _ in range(n_users)], np.int32)
    return true, train, ranked


@pytest.mark.parametrize("gain", ["binary", "linear"])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_raw_ids(seed, gain):
    true, train, ranked = _random_case(seed)
    entries = true.tocoo()
    weight = np.arange(1.0, 10)
    row_weight = weight / np.maximum(np.diff(true.indptr), 1)
    expected = ranking_scores(
        np.column_stack(entries.coords), np.arange(9), ranked, y_true=entries.data,
        sample_weight=row_weight[entries.coords[0]], gain=gain, metrics=METRICS,
        X_train=np.column_stack(train.tocoo().coords),
    )  # fmt: skip
    weight[np.diff(true.indptr) == 0] = 0  # such users have no rows to weigh
    values = ranking_scores_from_codes(
        true.indptr, true.indices, None if gain == "binary" else true.data, ranked,
        metrics=METRICS, user_weight=weight, popularity=np.diff(train.tocsc().indptr),
        n_train_users=np.count_nonzero(np.diff(train.indptr)), item_vectors=train.T,
    )  # fmt: skip
    assert values == pytest.approx(expected)


def test_rows_pick_the_compressed_row_of_each_list():
    indptr, indices = np.array([0, 1, 3]), np.array([0, 1, 2])
    ranked = np.array([[1, 2], [1, 0], [0, 1]], dtype=np.int32)
    values = ranking_scores_from_codes(
        indptr, indices, None, ranked, rows=np.array([1, 0, -1], dtype=np.int32),
        metrics="recall@1", per_user=True,
    )  # fmt: skip
    np.testing.assert_array_equal(values["recall@1"], [1 / 2, 0, np.nan])


def test_relevant_item_without_a_code_is_a_miss():
    indptr, indices = np.array([0, 3]), np.array([-1, 4, -1])
    ranked = np.array([[4, UNKNOWN, 7]], dtype=np.int32)
    values = ranking_scores_from_codes(
        indptr, indices, None, ranked, metrics=["recall@3", "map@3"]
    )
    assert values == {"recall@3": 1 / 3, "map@3": 1 / 3}


def test_padding_and_unknown_items_differ_where_it_matters():
    indptr, indices = np.array([0, 1, 2]), np.array([1, 1])
    ranked = np.array([[1, PADDING], [1, UNKNOWN]], dtype=np.int32)
    values = ranking_scores_from_codes(
        indptr, indices, None, ranked, n_items=4, per_user=True,
        metrics=["accuracy@2", "precision@2"],
    )  # fmt: skip
    np.testing.assert_array_equal(values["accuracy@2"], [4 / 4, 3 / 4])
    np.testing.assert_array_equal(values["precision@2"], [1 / 2, 1 / 2])


def test_arguments_stay_as_they_are():
    indptr, indices = np.array([0, 2]), np.array([0, 1], dtype=np.int32)
    gains = np.array([1.0, 2.0])
    ranked = np.array([[0, 1, 2]], dtype=np.int32)
    for array in (indptr, indices, gains, ranked):
        array.flags.writeable = False
    values = ranking_scores_from_codes(indptr, indices, gains, ranked, metrics="ndcg")
    dcg, best = 1 + 2 / np.log2(3), 2 + 1 / np.log2(3)
    assert values["ndcg"] == pytest.approx(dcg / best)


def test_many_lists_are_the_same_as_few(monkeypatch):
    monkeypatch.setattr(_codes, "_SLOTS_PER_TASK", 10_000)
    # More lists than one task takes: several threads, each with its own scratch.
    rng = np.random.default_rng(0)
    indptr = np.arange(0, 60_003, 3)
    indices = rng.integers(0, 40, 60_000).astype(np.int32)
    ranked = rng.integers(0, 40, (20_000, 5)).astype(np.int32)
    values = ranking_scores_from_codes(
        indptr[:20_001], indices, None, ranked, metrics="ndcg@5", per_user=True
    )["ndcg@5"]
    for lo in (0, 9_000, 19_000):
        rows = np.arange(lo, lo + 1000, dtype=np.int32)
        few = ranking_scores_from_codes(
            indptr, indices, None, ranked[lo : lo + 1000], rows=rows, metrics="ndcg@5",
            per_user=True,
        )["ndcg@5"]  # fmt: skip
        np.testing.assert_array_equal(few, values[lo : lo + 1000])
