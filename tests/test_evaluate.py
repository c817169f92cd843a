from math import log2

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_metarec._evaluate import _sample_others, evaluate_ranking
from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.metrics import ranking_scores
from sklearn_metarec.pipeline import make_recommender_pipeline
from sklearn_metarec.preprocessing import IdEncoder

# a is the most popular, then b, then c and d. User 1 gets c, d; user 2 c, d;
# user 3 b, d; user 4 a, b, c.
FIT = [[1, "a"], [2, "a"], [3, "a"], [1, "b"], [2, "b"], [3, "c"], [4, "d"]]
# User 1: rank 2. User 2: an item that nobody has. User 3: rank 1, and an item that is
# seen. User 4: ranks 1 and 3. User 5 is unknown and gets a, b, c, d: rank 1.
TEST = [[1, "d"], [2, "z"], [3, "b"], [3, "c"], [4, "a"], [4, "c"]]


@pytest.fixture
def model():
    return PopularityRecommender().fit(FIT)


class Foreign:
    """Another library's recommender: the same list for everyone, and no more."""

    def recommend(self, users, k=10):
        items = np.array([["a", "b", "c", "d"][:k]] * len(users), dtype=object)
        return items, -np.ones(items.shape).cumsum(axis=1)


def test_the_means_are_over_users_with_a_new_relevant_row(model):
    scores = evaluate_ranking(
        model, TEST, metrics=["ndcg@2", "recall@2", "mrr@2", "hit_rate@1"]
    )
    third, half = 1 / log2(3), 1 / 2  # discounts of rank 2; reciprocal rank of rank 2
    assert scores == pytest.approx(
        {
            "ndcg@2": (third + 0 + 1 + 1 / (1 + third)) / 4,
            "recall@2": (1 + 0 + 1 + half) / 4,
            "mrr@2": (half + 0 + 1 + 1) / 4,
            "hit_rate@1": (0 + 0 + 1 + 1) / 4,
        }
    )


def test_the_order_of_names_is_kept_and_repeats_do_not_matter(model):
    names = ["coverage@2", "auc@4", "ndcg@2", "novelty@2"]
    assert list(evaluate_ranking(model, TEST, metrics=names)) == names
    repeated = evaluate_ranking(model, TEST + TEST, metrics=names)
    assert repeated == evaluate_ranking(model, TEST, metrics=names)


def test_y_says_what_is_relevant(model):
    y = [4.0, 1, 3, 5, 3.5, 5]
    # Above 3 are d of user 1 and both of user 4; c of user 3 is seen.
    scores = evaluate_ranking(
        model, TEST, y, metrics=["recall@2", "mrr@3"], min_relevance=3
    )
    assert scores == pytest.approx(
        {"recall@2": (1 + 1 / 2) / 2, "mrr@3": (1 / 2 + 1) / 2}
    )


def test_a_linear_gain(model):
    y = [4.0, 0, 0, 0, 2, 3]
    scores = evaluate_ranking(model, TEST, y, metrics=["ndcg@2"], gain="linear")
    user_1 = 1 / log2(3)  # its one item at rank 2
    user_4 = 2 / (3 + 2 / log2(3))  # gain 2 at rank 1, where 3 and 2 were possible
    assert scores["ndcg@2"] == pytest.approx((user_1 + user_4) / 2)


def test_a_user_weighs_the_sum_of_their_rows(model):
    weight = [2.0, 1, 0, 3, 1, 4]
    # User 3 has a row of weight zero, and a seen one.
    scores = evaluate_ranking(
        model, TEST, sample_weight=weight, metrics=["recall@2", "hit_rate@1"]
    )
    assert scores == pytest.approx(
        {
            "recall@2": (2 * 1 + 1 * 0 + 5 * 1 / 2) / 8,
            "hit_rate@1": (2 * 0 + 1 * 0 + 5 * 1) / 8,
        }
    )


def test_values_of_the_users(model):
    values = evaluate_ranking(model, TEST[::-1], metrics=["recall@2"], per_user=True)
    assert values["recall@2"].tolist() == [1, 0, 1, 1 / 2]


def test_seen_items_may_be_ranked(model):
    # Everyone gets a, b; user 3's c is relevant, though seen.
    scores = evaluate_ranking(model, TEST, metrics=["recall@2"], exclude_seen=False)
    assert scores["recall@2"] == pytest.approx((0 + 0 + 1 / 2 + 1 / 2) / 4)


def test_nothing_relevant_is_nan_with_a_warning(model):
    metrics = ["ndcg@10", "coverage@5"]
    with pytest.warns(UndefinedMetricWarning, match="exclude_seen=False"):
        scores = evaluate_ranking(model, FIT, metrics=metrics)
    np.testing.assert_equal(scores, {"ndcg@10": np.nan, "coverage@5": np.nan})
    with pytest.warns(UndefinedMetricWarning, match="No user has a relevant test row"):
        values = evaluate_ranking(model, TEST, [0] * len(TEST), per_user=True)
    assert values["ndcg@10"].tolist() == []


def test_most_users_unknown_is_a_warning(model):
    unknown = [[user, "a"] for user in (7, 8, 9)]
    with pytest.warns(ColdUsersWarning, match="60% of .* PerUserShuffleSplit"):
        evaluate_ranking(model, TEST[:2] + unknown)


def test_half_of_the_users_unknown_is_none(model):
    # All users get a; 1 and 2 are known.
    X = [[1, "d"], [2, "z"], [7, "a"], [8, "a"]]
    scores = evaluate_ranking(model, X, metrics=["recall@1"])
    assert scores["recall@1"] == (0 + 0 + 1 + 1) / 4


def test_all_users_unknown_is_one_warning(model, recwarn):
    scores = evaluate_ranking(model, [[7, "a"], [8, "d"]], metrics=["recall@1"])
    assert scores["recall@1"] == 1 / 2
    assert [warning.category for warning in recwarn] == [ColdUsersWarning]
    assert "100% of the test users" in str(recwarn[0].message)


@pytest.mark.parametrize(
    "names",
    [
        ["accuracy@2"],
        ["coverage@2", "gini@3"],
        ["novelty@2", "average_popularity@3", "tail_share@2", "serendipity@2"],
        ["diversity@3", "user_coverage@2", "ndcg@2"],
    ],
)
def test_what_a_metric_needs_comes_from_the_model(model, names):
    known = [row for row in TEST if row not in FIT and row[1] != "z"]
    scores = evaluate_ranking(model, known, metrics=names)
    users = [1, 3, 4]
    items, values = model.recommend(users, 3)
    expected = ranking_scores(
        known, users, items, scores=values, metrics=names, X_train=FIT
    )
    assert scores == pytest.approx(expected)


def test_items_of_the_test_table_alone_are_of_the_catalogue_of_auc(model):
    # User 2's list of 4 leaves out z; the 5 items are a to d and z.
    scores = evaluate_ranking(
        model, [[2, "z"]], metrics=["accuracy@2", "coverage@2"], exclude_seen=False
    )
    # Of 5 items, the 2 listed and z are on the wrong side; 2 of 4 are recommended.
    assert scores == pytest.approx({"accuracy@2": 1 - 3 / 5, "coverage@2": 2 / 4})


def test_a_foreign_recommender():
    scores = evaluate_ranking(Foreign(), TEST, metrics=["recall@2", "user_coverage@2"])
    # Users 1 to 4 have d; z; b and c; a and c.
    assert scores == {"recall@2": (0 + 0 + 1 / 2 + 1 / 2) / 4, "user_coverage@2": 1}
    with pytest.raises(
        ValueError, match="'coverage@2' needs the size of the catalogue"
    ):
        evaluate_ranking(Foreign(), TEST, metrics=["coverage@2"])
    with pytest.raises(ValueError, match=r"novelty needs the pairs .* no history_"):
        evaluate_ranking(Foreign(), TEST, metrics=["novelty@2"])
    with pytest.raises(ValueError, match=r"n_negatives needs the pairs .* Foreign"):
        evaluate_ranking(Foreign(), TEST, n_negatives=2)


def test_what_does_not_recommend_is_an_error():
    with pytest.raises(TypeError, match="list has no method recommend"):
        evaluate_ranking([], TEST)


def test_wrong_rows_are_errors(model):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[6, 2\]"):
        evaluate_ranking(model, TEST, [1, 2])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        evaluate_ranking(model, TEST, [1, np.nan, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="sample_weight is negative"):
        evaluate_ranking(model, TEST, sample_weight=[1, -1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="Unknown metric 'ndgc@10'"):
        evaluate_ranking(model, TEST, metrics=["ndgc@10"])


@pytest.mark.parametrize(
    "form",
    [
        encode_interactions,
        lambda X: pd.DataFrame(X, columns=["user_id", "item_id"]),
        lambda X: np.array(X, dtype=object),
    ],
)
def test_the_form_of_the_table_does_not_matter(model, form):
    for options in ({}, {"n_negatives": 1, "random_state": 0}):
        expected = evaluate_ranking(model, TEST, metrics=["ndcg@3"], **options)
        actual = evaluate_ranking(model, form(TEST), metrics=["ndcg@3"], **options)
        assert actual == expected


def test_a_pipeline_that_recodes_ids(model):
    pipeline = make_recommender_pipeline(IdEncoder(), PopularityRecommender()).fit(FIT)
    metrics = ["ndcg@3", "novelty@2", "coverage@2", "auc@4"]
    for options in ({}, {"n_negatives": 1, "random_state": 0}):
        expected = evaluate_ranking(model, TEST, metrics=metrics, **options)
        assert evaluate_ranking(pipeline, TEST, metrics=metrics, **options) == (
            pytest.approx(expected)
        )


# ------------------------------------------------------------- sampled negatives


def test_the_relevant_are_ranked_among_negatives():
    # Popularity: item 0 has 9 users, item 1 has 8, ... user 100 has item 0 and the
    # test item 8, which all but item 9 precede.
    fit = [[user, item] for item in range(10) for user in range(9 - item)]
    model = PopularityRecommender().fit([*fit, [100, 0], [101, 9]])
    metrics = ["mrr@10", "recall@3"]
    # All eight others of user 100, of which item 9 only is less popular.
    everything = evaluate_ranking(model, [[100, 8]], metrics=metrics, n_negatives=8)
    assert everything == {"mrr@10": 1 / 8, "recall@3": 0}
    assert everything == evaluate_ranking(model, [[100, 8]], metrics=metrics)
    # Two of the eight: the rank is 3 where item 9 is not among them, which has a
    # chance of 3/4, and else 2.
    ranks = [
        1 / evaluate_ranking(
            model, [[100, 8]], metrics=["mrr@10"], n_negatives=2, random_state=seed
        )["mrr@10"]
        for seed in range(200)
    ]  # fmt: skip
    assert sorted(set(np.round(ranks))) == [2, 3]
    assert np.mean(np.round(ranks) == 3) == pytest.approx(3 / 4, abs=0.1)


def test_negatives_are_no_test_rows_and_not_seen(model):
    # Of user 4, d is seen, and a and c are test rows: c, which is not relevant, is no
    # negative. b is the only one, and less popular than a.
    X, y = [[4, "a"], [4, "c"]], [1, 0]
    scores = evaluate_ranking(model, X, y, metrics=["precision@3"], n_negatives=3)
    assert scores["precision@3"] == 1 / 3
    scores = evaluate_ranking(model, X, y, metrics=["coverage@4"], n_negatives=3)
    assert scores["coverage@4"] == 2 / 4  # a and b


def test_an_unknown_item_is_a_miss_among_negatives_too(model):
    scores = evaluate_ranking(
        model, [[2, "z"], [2, "d"]], metrics=["recall@5"], n_negatives=3
    )
    assert scores["recall@5"] == 1 / 2


@settings(deadline=None)
@given(
    taken=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1),
    n=st.integers(1, 9),
    seed=st.integers(0, 100),
)
def test_negatives_are_distinct_and_free(taken, n, seed):
    taken = np.array(taken)
    matrix = sparse.csr_array(taken.astype(np.float32))
    rows, cols = _sample_others(matrix, n, np.random.RandomState(seed))
    free = (~taken).sum(axis=1)
    np.testing.assert_array_equal(
        np.bincount(rows, minlength=len(taken)), np.minimum(n, free)
    )
    assert not taken[rows, cols].any()
    assert len(set(zip(rows.tolist(), cols.tolist(), strict=True))) == len(rows)
    assert (np.diff(rows) >= 0).all()


def test_each_set_of_negatives_is_as_likely():
    n_users = 6000
    taken = np.zeros((n_users, 6), dtype=np.float32)
    taken[:, [1, 4]] = 1
    _, cols = _sample_others(sparse.csr_array(taken), 2, np.random.RandomState(0))
    pairs = np.sort(cols.reshape(-1, 2), axis=1)
    sets, counts = np.unique(pairs, axis=0, return_counts=True)
    assert sets.tolist() == [[0, 2], [0, 3], [0, 5], [2, 3], [2, 5], [3, 5]]
    # Binomial with p = 1/6: five standard deviations.
    bound = 5 * np.sqrt(n_users * (1 / 6) * (5 / 6))
    np.testing.assert_allclose(counts, n_users / 6, atol=bound)
