import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_metarec import EASE, ContentRanker, Fallback, ItemKNN
from sklearn_metarec import PopularityRecommender as Popularity
from sklearn_metarec.datasets import make_interactions


@pytest.fixture(scope="module")
def table():
    X, _ = make_interactions(150, 60, 1500, random_state=0)
    return X


def test_the_length_of_the_history_says_who_serves(table):
    chain = [("ease", EASE()), ("knn", ItemKNN()), ("popular", Popularity())]
    model = Fallback(chain, min_history=[8, 4]).fit(table)
    ease, knn, popular = (member.fit(table) for _, member in chain)
    lengths = np.bincount(table[:, 0], minlength=150)
    for member, users in (
        (ease, np.flatnonzero(lengths >= 8)),
        (knn, np.flatnonzero((lengths >= 4) & (lengths < 8))),
        (popular, np.flatnonzero(lengths < 4)),
    ):
        assert len(users)
        found, scores = model.recommend(users, k=6)
        expected, expected_scores = member.recommend(users, k=6)
        assert_array_equal(found, expected)
        assert_allclose(scores, expected_scores, rtol=1e-5)


def test_rows_of_a_call_count(table):
    model = Fallback([("ease", EASE()), ("popular", Popularity())], min_history=3)
    model.fit(table)
    basket = [["new", item] for item in model.items_[:3]]
    by_ease = EASE().fit(table).recommend(history=basket, k=5)[0]
    by_popularity = Popularity().fit(table).recommend(history=basket[:2], k=5)[0]
    assert_array_equal(model.recommend(history=basket, k=5)[0], by_ease)
    assert_array_equal(model.recommend(history=basket[:2], k=5)[0], by_popularity)


def test_a_short_list_is_completed_below(table):
    features = pd.DataFrame({"item_id": np.arange(63), "kind": np.arange(63) % 3})
    content = ContentRanker(item_features=features)
    model = Fallback([("ease", EASE()), ("content", content)]).fit(table)
    items, scores = model.recommend([0], k=63, exclude_seen=False)
    assert set(items[0]) == set(range(63))
    assert set(items[0, 60:]) == {60, 61, 62}
    assert (np.diff(scores[0]) <= 0).all()
    alone = content.fit(table).recommend([0], k=3, items=[60, 61, 62])[0]
    assert_array_equal(items[0, 60:], alone[0])


def test_explains_by_the_member_that_serves(table):
    model = Fallback([("ease", EASE()), ("popular", Popularity())], min_history=9)
    model.fit(table)
    lengths = np.bincount(table[:, 0], minlength=150)
    much, little = np.argmax(lengths), np.argmin(lengths)
    item = model.recommend([much], k=1)[0][0, 0]
    explained = model.explain(much, item)
    assert explained.exact
    expected = EASE().fit(table).explain(much, item)
    assert_allclose(explained.contributions, expected.contributions, rtol=1e-5)
    assert len(model.explain(little, item).items) == 0


@pytest.mark.parametrize("demands", [[1, 2], [], [-1], [0.5]])
def test_demands_must_fit(table, demands):
    members = [("ease", EASE()), ("popular", Popularity())]
    with pytest.raises(ValueError, match="min_history must be"):
        Fallback(members, min_history=demands).fit(table)
