"""Slots: whose place is whose, by hand and against the members' own lists."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import EASE, ItemKNN, PopularityRecommender, Slots
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer


@pytest.fixture(scope="module")
def table():
    return make_interactions(150, 60, 1500, random_state=0)[0]


def dealt(orders, pattern, k):
    """The definition, item by item."""
    found = []
    while len(found) < k:
        order = orders[pattern[len(found) % len(pattern)]]
        found.append(next(item for item in order if item not in found))
    return found


@pytest.mark.parametrize(
    ("slots", "pattern"),
    [
        (None, [0, 1]),
        ([("popular", 2), ("ease", 3)], [0, 0, 1, 1, 1]),
        ([("ease", 1), ("popular", 1), ("ease", 2)], [1, 0, 1, 1]),
    ],
)
def test_places_are_dealt_as_by_hand(table, slots, pattern):
    members = [("popular", PopularityRecommender()), ("ease", EASE())]
    model = Slots(members, slots=slots).fit(table)
    items, scores = model.recommend(k=9)
    orders = [member.fit(table).recommend(k=30)[0].tolist() for _, member in members]
    full = np.flatnonzero(np.bincount(table[:, 0], minlength=150) <= 30)
    assert len(full) > 50
    for row in full:
        expected = dealt([order[row] for order in orders], pattern, 9)
        assert items[row].tolist() == expected
    expected = np.tile(1 / np.arange(1, 10), (len(full), 1))
    assert_allclose(scores[full], expected, rtol=1e-6)


def test_a_member_with_nothing_to_say_is_replaced():
    # Nothing is a neighbour of what joe has, so all places are popularity's.
    X = [["ann", 1], ["ann", 2], ["bob", 1], ["bob", 2], ["eva", 2], ["eva", 3]]
    X += [["joe", 4], ["kim", 3], ["kim", 2]]
    members = [("knn", ItemKNN()), ("popular", PopularityRecommender())]
    model = Slots(members, slots=[("knn", 3), ("popular", 1)]).fit(X)
    assert model.recommend(["joe"], k=3)[0].tolist() == [[2, 1, 3]]
    assert [step.stage for step in model.explain("joe", 1).trace] == [
        "knn", "popular", "Slots",
    ]  # fmt: skip
    assert "place of 'popular'" in str(model.explain("joe", 1).trace)


def test_what_is_had_comes_last(table):
    model = Slots().fit(table)
    user = model.users_[0]
    had = set(table[table[:, 0] == user, 1].tolist())
    items = model.recommend([user], k=60, exclude_seen=False)[0][0]
    assert set(items[-len(had) :].tolist()) == had


def test_slots_are_searched(table):
    members = [("popular", PopularityRecommender()), ("ease", EASE())]
    search = GridSearchCV(
        Slots(members),
        {"ease__regularization": [10.0, 300.0], "slots": [None, [("ease", 1)]]},
        scoring=make_ranking_scorer("ndcg@10"), cv=PerUserShuffleSplit(random_state=0),
    ).fit(table)  # fmt: skip
    chosen = search.best_estimator_.named_estimators_["ease"]
    assert chosen.regularization == search.best_params_["ease__regularization"]
    alone = EASE().fit(table).recommend(k=5)[0]
    only = Slots(members, slots=[("ease", 1)]).fit(table)
    assert_array_equal(only.recommend(k=5)[0], alone)


@pytest.mark.parametrize(
    "slots", [[], [("nobody", 1)], [("ease", 0)], [("ease", 1.5)], [("ease",)]]
)
def test_bad_slots(table, slots):
    with pytest.raises(ValueError, match="slots"):
        Slots([("ease", EASE())], slots=slots).fit(table)
