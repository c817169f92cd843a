from math import log2

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_metarec import metrics
from sklearn_metarec.metrics import ranking_scores

# 4 users; a: 4 of them (one pair twice), b: 2, c: 1, d: 1. Of 8 pairs, a and b make 6;
# c is needed to reach 80%, 6.4 pairs, so the tail is d (and what is not in training).
X_TRAIN = [
    [1, "a"], [1, "a"], [2, "a"], [3, "a"], [4, "a"], [1, "b"], [2, "b"], [3, "c"],
    [4, "d"],
]  # fmt: skip
ITEMS = [["a", "d", "z"], ["b", "c", "a"], ["a", "a", "a"]]
SCORES = [[3, 2, 1], [3, -np.inf, -np.inf], [-np.inf] * 3]


# Values of the three lists at cut-offs 2 and 3; the third list is empty.
PER_LIST = {
    "average_popularity@2": [(4 + 1) / 2, 2 / 1],
    "average_popularity@3": [(4 + 1 + 0) / 3, 2 / 1],
    "novelty@2": [(log2(4 / 4) + log2(4 / 1)) / 2, log2(4 / 2)],
    "novelty@3": [(log2(4 / 4) + log2(4 / 1) + log2(4 / 1)) / 3, log2(4 / 2)],
    "tail_share@2": [1 / 2, 0 / 1],
    "tail_share@3": [2 / 3, 0 / 1],
}


@pytest.mark.parametrize("name", PER_LIST)
def test_per_list_values(name):
    metric, _, k = name.partition("@")
    function = getattr(metrics, f"{metric}_at_k")
    options = {"X_train": X_TRAIN, "scores": SCORES}
    values = function(ITEMS, int(k), per_user=True, **options)
    np.testing.assert_allclose(values, [*PER_LIST[name], np.nan])
    assert function(ITEMS, int(k), **options) == pytest.approx(sum(PER_LIST[name]) / 2)


def test_user_coverage():
    assert metrics.user_coverage_at_k(ITEMS, scores=SCORES) == pytest.approx(2 / 3)
    of_lists = metrics.user_coverage_at_k(ITEMS, scores=SCORES, per_user=True)
    np.testing.assert_array_equal(of_lists, [1, 1, 0])
    assert metrics.user_coverage_at_k(ITEMS) == 1


def test_coverage():
    # a, d, b of a, b, c, d; with z five items are to be had
    assert metrics.coverage_at_k(ITEMS, 2, scores=SCORES, X_train=X_TRAIN) == 3 / 4
    assert metrics.coverage_at_k(ITEMS, 3, scores=SCORES, n_items=5) == 4 / 5


@pytest.mark.parametrize(
    ("shown", "n_items", "gini"),
    [
        ([1, 1, 1], 3, 0),
        ([5], 3, 1),
        ([5], 1, 0),
        # sum of (2 j - n - 1) x_j / ((n - 1) sum of x), x ascending
        ([1, 2], 2, (-1 * 1 + 1 * 2) / (1 * 3)),
        ([3, 1], 4, (-3 * 0 - 1 * 0 + 1 * 1 + 3 * 3) / (3 * 4)),
        ([2, 4, 1, 1], 4, (-3 * 1 - 1 * 1 + 1 * 2 + 3 * 4) / (3 * 8)),
    ],
)
def test_gini(shown, n_items, gini):
    items = np.repeat(np.arange(len(shown)), shown)[:, None]
    assert metrics.gini_at_k(items, 1, n_items=n_items) == pytest.approx(gini)


def test_serendipity():
    X_true = [[1, "d"], [1, "a"], [1, "z"], [2, "b"], [3, "a"]]
    values = metrics.serendipity_at_k(
        X_true, [1, 2, 4], ITEMS, 2, X_train=X_TRAIN, per_user=True
    )
    # a and b are what popularity shows in two slots.
    np.testing.assert_array_equal(values, [1 / 2, 0, np.nan])
    of_one = metrics.serendipity_at_k(X_true, [1], ITEMS[:1], 3, X_train=X_TRAIN)
    assert of_one == pytest.approx(2 / 3)  # c is expected, not d
    assert metrics.serendipity_at_k(X_true, [2], ITEMS[1:2], 1, X_train=X_TRAIN) == 1


def test_by_name_with_accuracy_in_one_call():
    values = ranking_scores(
        [[1, "d"], [2, "q"]], [1, 2, 3], ITEMS, scores=SCORES, X_train=X_TRAIN,
        n_items=6, metrics=["recall@2", "coverage@2", "novelty@2", "user_coverage@2"],
    )  # fmt: skip
    assert values == pytest.approx(
        {
            "recall@2": 1 / 2,
            "coverage@2": 3 / 6,
            "novelty@2": (1 + 1) / 2,
            "user_coverage@2": 2 / 3,
        }
    )


def test_items_that_no_table_has_count_once_each():
    assert metrics.coverage_at_k([["x", "y"], ["y", "x"]], n_items=4) == 2 / 4
    coverage = metrics.coverage_at_k([["x", "y", "a"]], n_items=8, X_train=X_TRAIN)
    assert coverage == 3 / 8


def test_more_items_shown_than_there_are():
    with pytest.raises(ValueError, match="n_items=4, but the lists hold 5 distinct"):
        metrics.coverage_at_k([["a", "b", "c", "d", "z"]], X_train=X_TRAIN)


@pytest.mark.parametrize("metric", ["novelty", "tail_share", "gini"])
def test_only_empty_lists(metric):
    function = getattr(metrics, f"{metric}_at_k")
    with pytest.warns(UndefinedMetricWarning, match=f"{metric}@10: undefined"):
        value = function([["a"]], scores=[[-np.inf]], X_train=X_TRAIN)
    assert np.isnan(value)
