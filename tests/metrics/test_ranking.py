from math import log2

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.metrics import ranking_scores

# User 1 has a, c, e and gets a, b, c, d; user 2 has b and gets c, b, a and padding;
# user 3 has d and gets nothing of it; user 4 has no test row; user 5 has no list.
X_TRUE = pd.DataFrame(
    {
        "user_id": [1, 2, 1, 3, 1, 5],
        "item_id": ["a", "b", "c", "d", "e", "a"],
    }
)
USERS = [1, 2, 3, 4]
ITEMS = [list("abcd"), list("cbaa"), list("abce"), list("abcd")]
SCORES = [[4, 3, 2, 1], [4, 3, 2, -np.inf], [4, 3, 2, 1], [4, 3, 2, 1]]
CATALOGUE = 6  # a to f

# metric: the values of users 1, 2 and 3
EXPECTED = {
    "hit_rate@1": [1, 0, 0],
    "hit_rate@4": [1, 1, 0],
    "precision@1": [1 / 1, 0, 0],
    "precision@3": [2 / 3, 1 / 3, 0],
    "precision@4": [2 / 4, 1 / 4, 0],
    "precision@10": [2 / 10, 1 / 10, 0],
    "recall@1": [1 / 3, 0, 0],
    "recall@3": [2 / 3, 1 / 1, 0],
    # 2 P R / (P + R)
    "f1@1": [2 * (1 * 1 / 3) / (1 + 1 / 3), 0, 0],
    "f1@4": [2 * (1 / 2 * 2 / 3) / (1 / 2 + 2 / 3), 2 * (1 / 4 * 1) / (1 / 4 + 1), 0],
    "mrr@1": [1 / 1, 0, 0],
    "mrr@4": [1 / 1, 1 / 2, 0],
    # (precision at each hit, summed) / min(k, relevant)
    "map@1": [1 / 1 / 1, 0, 0],
    "map@2": [1 / 1 / 2, 1 / 2 / 1, 0],
    "map@4": [(1 / 1 + 2 / 3) / 3, 1 / 2 / 1, 0],
    "ndcg@1": [1 / 1, 0, 0],
    "ndcg@2": [
        (1 / log2(2)) / (1 / log2(2) + 1 / log2(3)),
        (1 / log2(3)) / (1 / log2(2)),
        0,
    ],
    "ndcg@4": [
        (1 / log2(2) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3) + 1 / log2(4)),
        (1 / log2(3)) / (1 / log2(2)),
        0,
    ],
    # Of 6 items, those that are listed and relevant, or neither.
    "accuracy@2": [(1 + 2) / 6, (1 + 4) / 6, (0 + 3) / 6],
    "accuracy@4": [(2 + 1) / 6, (1 + 3) / 6, (0 + 1) / 6],
    # Pairs in the right order. User 1 has 3 x 3: a before b, d, f; c before d, f; e
    # after b, d and tied with f. User 2 has 1 x 5: b before a and the tied d, e, f.
    # User 3 has 1 x 5: d after a, b, c, e and tied with f.
    "auc@4": [(3 + 2 + 1 / 2) / 9, 4 / 5, (1 / 2) / 5],
    # At 1, user 1: a before all; c and e tied with b, d, f. User 2: b after c, tied
    # with a, d, e, f. User 3: d after a, tied with b, c, e, f.
    "auc@1": [(3 + 3 / 2 + 3 / 2) / 9, (4 / 2) / 5, (4 / 2) / 5],
}


@pytest.mark.parametrize("metric", EXPECTED)
def test_values_per_user(metric):
    values = ranking_scores(
        X_TRUE, USERS, ITEMS, scores=SCORES, metrics=metric, n_items=CATALOGUE,
        per_user=True,
    )[metric]  # fmt: skip
    np.testing.assert_allclose(values, [*EXPECTED[metric], np.nan], rtol=1e-12)


def test_mean_over_users_with_relevant_items_in_one_pass():
    means = ranking_scores(
        X_TRUE, USERS, ITEMS, scores=SCORES, metrics=list(EXPECTED), n_items=CATALOGUE
    )
    assert list(means) == list(EXPECTED)
    assert all(type(mean) is float for mean in means.values())
    for name, values in EXPECTED.items():
        assert means[name] == pytest.approx(sum(values) / 3)


def test_user_weight_is_the_sum_of_row_weights():
    # User 1: 1 + 2 + 1 = 4, user 2: 3, user 3: 1. User 5 is not asked for.
    weight = [1, 3, 2, 1, 1, 100]
    mean = ranking_scores(
        X_TRUE, USERS, ITEMS, sample_weight=weight, metrics="recall@3"
    )["recall@3"]
    assert mean == pytest.approx((4 * 2 / 3 + 3 * 1 + 1 * 0) / 8)


def test_irrelevant_rows_weigh_too():
    # Of user 1 only the row of weight 1 is relevant.
    y = [5, 5, 1, 5, 1, 5]
    mean = ranking_scores(
        X_TRUE, USERS, ITEMS, y_true=y, min_relevance=3, metrics="recall@3",
        sample_weight=[1, 3, 2, 1, 1, 1],
    )["recall@3"]  # fmt: skip
    assert mean == pytest.approx((4 * 1 + 3 * 1 + 1 * 0) / 8)


def test_rows_of_weight_zero_are_absent():
    weight = [1, 1, 0, 0, 0, 1]  # leaves (1, a) and (2, b)
    values = ranking_scores(
        X_TRUE, USERS, ITEMS, sample_weight=weight, metrics="recall@1", per_user=True
    )["recall@1"]
    np.testing.assert_array_equal(values, [1, 0, np.nan, np.nan])


def test_relevance_is_above_the_threshold():
    y = [3, 0, 4, 0, 2, 0]
    metrics = ["recall@1"]
    values = ranking_scores(
        X_TRUE, USERS, ITEMS, y_true=y, metrics=metrics, per_user=True
    )["recall@1"]
    np.testing.assert_allclose(values, [1 / 3, np.nan, np.nan, np.nan])
    values = ranking_scores(
        X_TRUE, USERS, ITEMS, y_true=y, min_relevance=3, metrics=metrics, per_user=True
    )["recall@1"]
    np.testing.assert_array_equal(values, [0, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("gain", "gain_of"), [("linear", lambda y: y), ("exponential", lambda y: 2**y - 1)]
)
def test_graded_gains(gain, gain_of):
    # The list shows the items of y = 3 and 2 at ranks 1 and 3; best is 5, 3, 2.
    a, c, e = gain_of(3), gain_of(2), gain_of(5)
    dcg = a / log2(2) + c / log2(4)
    best = e / log2(2) + a / log2(3) + c / log2(4)
    best_of_two = e / log2(2) + a / log2(3)
    values = ranking_scores(
        X_TRUE, [1], ITEMS[:1], y_true=[3, 1, 2, 1, 5, 1], gain=gain,
        metrics=["ndcg@4", "ndcg@2", "recall@4"],
    )  # fmt: skip
    expected = {
        "ndcg@4": dcg / best,
        "ndcg@2": a / log2(2) / best_of_two,
        "recall@4": 2 / 3,
    }
    assert values == pytest.approx(expected)


@pytest.mark.parametrize("gain", ["binary", "linear", "exponential"])
def test_repeated_pair_counts_once_with_its_largest_gain(gain):
    metrics = ["ndcg@2", "map@2", "recall@2", "accuracy@2", "auc@2"]
    options = {"gain": gain, "metrics": metrics, "n_items": 5}
    items = [["a", "b"]]
    once = ranking_scores(
        [[1, "a"], [1, "c"]], [1], items, y_true=[2, 4], **options
    )  # fmt: skip
    X = [[1, "a"], [1, "c"], [1, "a"], [1, "c"], [1, "a"]]
    again = ranking_scores(X, [1], items, y_true=[1, 4, 2, 3, 2], **options)
    assert again == once


def test_item_that_a_list_repeats_is_one_hit():
    values = ranking_scores(
        [[1, "a"], [1, "b"]], [1], [["a", "a", "b"]], metrics=["recall@2", "map@3"]
    )
    assert values == {"recall@2": 1 / 2, "map@3": pytest.approx((1 / 1 + 2 / 3) / 2)}


def test_list_of_everything_gives_the_exact_auc():
    # Relevant at ranks 1 and 4 of 5: 3 + 1 of the 6 pairs are in the right order.
    values = ranking_scores(
        [[1, 0], [1, 3]], [1], [[0, 1, 2, 3, 4]], metrics="auc@5", n_items=5
    )
    assert values == {"auc@5": pytest.approx(4 / 6)}


def test_auc_without_a_negative_is_undefined():
    with pytest.warns(UndefinedMetricWarning, match="auc@2: undefined"):
        values = ranking_scores(
            [[1, 0], [1, 1]], [1], [[0, 1]], metrics="auc@2", n_items=2
        )
    assert np.isnan(values["auc@2"])


def test_unknown_item_is_no_padding():
    # Item z is in no test row: a wrong item. The padded slot is none at all.
    values = ranking_scores(
        [[1, "a"]], [1], [["z", "a", "y"]], scores=[[3, 2, -np.inf]], n_items=4,
        metrics=["accuracy@3", "auc@3"],
    )  # fmt: skip
    assert values == {"accuracy@3": 3 / 4, "auc@3": pytest.approx(2 / 3)}


def test_user_may_be_asked_for_twice():
    values = ranking_scores(
        [[1, "a"]], [1, 1], [["a"], ["b"]], metrics="recall@1", per_user=True
    )
    np.testing.assert_array_equal(values["recall@1"], [1, 0])


def _reference(X_true, y, users, items, scores, k, min_relevance, gain, n_items):
    """All accuracy metrics at k of each user, written for reading."""
    out = {name.partition("@")[0]: [] for name in EXPECTED}
    for user, listed, user_scores in zip(users, items, scores, strict=True):
        gains = {}
        for (u, item), value in zip(X_true, y, strict=True):
            if u == user and value > min_relevance:
                of_row = {"binary": 1, "linear": value, "exponential": 2**value - 1}
                gains[item] = max(gains.get(item, 0), of_row[gain])
        top = [
            item if score > -np.inf else None
            for item, score in zip(listed, user_scores, strict=True)
        ][:k]
        hit = [item in gains for item in top]
        n, h = len(gains), sum(hit)
        if n == 0:
            for values in out.values():
                values.append(np.nan)
            continue
        wrong = sum(item is not None and item not in gains for item in top)
        dcg = sum(gains[i] / log2(r + 2) for r, i in enumerate(top) if hit[r])
        best = sorted(gains.values(), reverse=True)[:k]
        precisions = [sum(hit[: r + 1]) / (r + 1) for r in range(len(top)) if hit[r]]
        place = {item: rank for rank, item in enumerate(top) if item is not None}
        other = [i for i in range(n_items) if i not in gains]
        last = len(top)  # the rank that all items share that are not listed
        order = [
            np.sign(place.get(j, last) - place.get(i, last))
            for i in gains
            for j in other
        ]
        out["hit_rate"].append(float(h > 0))
        out["precision"].append(h / k)
        out["recall"].append(h / n)
        out["f1"].append(2 * (h / k) * (h / n) / (h / k + h / n) if h else 0.0)
        out["mrr"].append(1 / (1 + hit.index(True)) if h else 0.0)
        out["map"].append(sum(precisions) / min(k, n))
        out["ndcg"].append(dcg / sum(g / log2(r + 2) for r, g in enumerate(best)))
        out["accuracy"].append((n_items - wrong - (n - h)) / n_items)
        out["auc"].append((1 + np.mean(order)) / 2 if other else np.nan)
    return out


@pytest.mark.parametrize("gain", ["binary", "linear", "exponential"])
@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_the_plain_reference(seed, gain):
    rng = np.random.default_rng(seed)
    n_users, n_items, width = rng.integers(1, 12), rng.integers(4, 16), 4
    n_rows = rng.integers(1, 60)  # with repeated pairs, and ties in y
    X_true = np.column_stack(
        [rng.integers(0, 2 * n_users, n_rows), rng.integers(0, n_items, n_rows)]
    )
    y = rng.integers(0, 4, n_rows).astype(float)
    users = rng.permutation(2 * n_users)[:n_users]
    items = np.array([rng.permutation(n_items)[:width] for _ in users])
    scores = -np.sort(-rng.integers(0, 3, items.shape).astype(float))
    scores[rng.random(items.shape) < 0.2] = -np.inf
    min_relevance = rng.integers(0, 2)
    cutoffs = (1, 2, 4, 6)
    values = ranking_scores(
        X_true, users, items, scores=scores, y_true=y, min_relevance=min_relevance,
        gain=gain, n_items=n_items, per_user=True,
        metrics=[f"{name.partition('@')[0]}@{k}" for k in cutoffs for name in EXPECTED],
    )  # fmt: skip
    for k in cutoffs:
        expected = _reference(
            X_true.tolist(), y, users.tolist(), items.tolist(), scores, k,
            min_relevance, gain, n_items,
        )  # fmt: skip
        for name, of_users in expected.items():
            np.testing.assert_allclose(
                values[f"{name}@{k}"], of_users, rtol=1e-12, atol=1e-12, err_msg=name
            )


METRICS = ["ndcg@4", "map@3", "auc@4", "coverage@2", "novelty@4", "diversity@3"]


def _evaluate_shop(convert, ids=lambda values: values):
    """Evaluate lists over tables in one container, with ids of one type."""
    train = pd.DataFrame(
        {"user_id": [1, 1, 2, 3, 3, 4], "item_id": [10, 20, 10, 30, 40, 10]}
    )
    test = pd.DataFrame({"user_id": [1, 2, 3], "item_id": [40, 30, 50]})
    for table in (train, test):
        for column in table:
            table[column] = ids(table[column])
    lists = np.array([[40, 50, 10, 20], [20, 30, 40, 60], [10, 50, 60, 20]])
    items = np.array(ids(pd.Series(lists.ravel()))).reshape(lists.shape)
    users = ids(pd.Series([1, 2, 3]))
    return ranking_scores(
        convert(test), users, items, metrics=METRICS, n_items=6, X_train=convert(train)
    )


@pytest.mark.parametrize(
    "convert",
    [
        lambda table: table.to_numpy(),
        lambda table: table.to_numpy().tolist(),
        pl.from_pandas,
        encode_interactions,
        lambda table: table[["item_id", "user_id"]],
    ],
    ids=["numpy", "list", "polars", "Interactions", "swapped columns"],
)
def test_containers_agree(convert):
    assert _evaluate_shop(convert) == _evaluate_shop(lambda table: table)


@pytest.mark.parametrize(
    "ids",
    [
        lambda values: values.map("{:03d}".format),
        lambda values: values.map("{:03d}".format).astype(object),
        lambda values: values.astype(float),
        lambda values: values.map(lambda v: v if v < 30 else str(v)).astype(object),
        lambda values: values * 10**12,
    ],
    ids=["str", "object", "float", "mixed", "wide integers"],
)
def test_id_types_agree(ids):
    expected = _evaluate_shop(lambda table: table)
    assert _evaluate_shop(lambda table: table, ids) == pytest.approx(expected)


def test_row_order_does_not_matter():
    metrics = list(EXPECTED)
    y = np.array([3, 1, 2, 1, 5, 1])
    order = [5, 2, 0, 4, 3, 1]
    options = {"metrics": metrics, "n_items": CATALOGUE, "gain": "linear"}
    assert ranking_scores(
        X_TRUE.iloc[order], USERS, ITEMS, y_true=y[order], **options
    ) == ranking_scores(X_TRUE, USERS, ITEMS, y_true=y, **options)


@pytest.mark.parametrize("users", [[7, 8], []], ids=["unknown", "none"])
def test_no_user_with_relevant_items_warns(users):
    items = np.zeros((len(users), 3), dtype=int)
    with pytest.warns(UndefinedMetricWarning, match=r"ndcg@10, recall@5: undefined"):
        values = ranking_scores(
            [[1, 10]], users, items, metrics=["ndcg@10", "recall@5"]
        )
    assert np.isnan(list(values.values())).all()


def test_empty_test_table():
    X = np.empty((0, 2), dtype=int)
    with pytest.warns(UndefinedMetricWarning, match="undefined for every user"):
        values = ranking_scores(X, [1], [[10]])
    assert np.isnan(values["ndcg@10"])


def test_cutoff_far_beyond_the_list_costs_nothing():
    values = ranking_scores([[1, 10]], [1], [[20, 10]], metrics="map@1000000000")
    assert values == {"map@1000000000": 1 / 2}


def test_read_only_and_strided_arrays():
    X = np.array([[1, 10], [1, 30], [2, 20]])
    items = np.array([[10, 20, 30], [10, 30, 20]])
    expected = ranking_scores(X, [1, 2], items)
    wide = np.repeat(items, 2, axis=1)
    X.flags.writeable = items.flags.writeable = False
    assert ranking_scores(X, [1, 2], items) == expected
    assert ranking_scores(X, [1, 2], wide[:, ::2]) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": "ndgc@10"}, "Unknown metric 'ndgc@10'. Known: accuracy, auc,"),
        ({"metrics": []}, "metrics is empty"),
        ({"metrics": "accuracy@5"}, "'accuracy@5' needs the size of the catalogue"),
        ({"metrics": "auc"}, "'auc' needs the size of the catalogue: pass n_items"),
        (
            {"metrics": "auc@4", "n_items": 4},
            "n_items=4 is smaller than the 5",
        ),
        ({"n_items": 0}, "n_items=0 must be at least 1"),
        ({"metrics": "novelty"}, "'novelty' needs the training table: pass X_train"),
        ({"metrics": "serendipity"}, "'serendipity' needs the training table"),
        ({"metrics": "diversity"}, "'diversity' needs item vectors: pass item_vectors"),
        (
            {"metrics": "gini", "n_items": 9, "per_user": True},
            "'gini' is a figure of",
        ),
        ({"metrics": "coverage", "n_items": 3}, "n_items=3, but the lists hold 5"),
        ({"users": [1, 2]}, "users has 2 ids, but items has 4 rows"),
        ({"users": None}, "users is None"),
        ({"X_true": None}, "'ndcg@10' needs the test table: pass X_true and users"),
        ({"items": [[1], [2, 3], [4], [5]]}, "items has rows of 1 to 2 items. Pad"),
        (
            {"items": np.zeros(4)},
            r"must have a row of items .*got shape \(4,\)",
        ),
        ({"scores": np.zeros((4, 3))}, r"scores has shape \(4, 3\), but items has"),
        ({"scores": np.full((4, 4), np.nan)}, "scores contains NaN"),
        ({"y_true": [1, 2]}, "y_true has 2 entries, but X_true has 6 rows"),
        (
            {"y_true": [1, 2, np.nan, 4, 5, 6]},
            "contains NaN or inf: nan at row 2",
        ),
        ({"y_true": np.ones((6, 1))}, "y_true must be one column"),
        ({"sample_weight": [1, 1]}, "sample_weight has 2 entries, but X_true has 6"),
        ({"sample_weight": [1, 1, 1, 1, -2, 1]}, "negative: -2.0 at row 4"),
        ({"gain": "log"}, "gain='log' must be one of binary, linear, exponential"),
        (
            {"gain": "linear", "y_true": np.zeros(6), "min_relevance": -1},
            "gain='linear' needs min_relevance >= 0",
        ),
        ({"gain": "exponential", "y_true": np.full(6, 2000)}, "overflows at y=2000.0"),
    ],
)
def test_errors_say_what_to_do(options, message):
    arguments = {"X_true": X_TRUE, "users": USERS, "items": ITEMS} | options
    with pytest.raises(ValueError, match=message):
        ranking_scores(**arguments)
