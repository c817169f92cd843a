"""Every recommender says what made a score, and means it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_metarec import BPR, ItemKNN, PopularityRecommender, RandomRecommender
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.utils import all_estimators
from tests.test_common import SETTINGS


def recommenders():
    kinds = [*all_estimators("ranker"), *all_estimators("rating")]
    return [
        cls(**settings)
        for name, cls in kinds
        if issubclass(cls, BaseRecommender)
        for settings in SETTINGS.get(name, [{}])
    ]


@pytest.fixture(scope="module")
def table():
    return make_interactions(30, 20, 300, feedback="explicit", random_state=0)


@pytest.mark.parametrize("model", recommenders(), ids=lambda m: type(m).__name__)
def test_parts_are_of_the_score(model, table):
    """Terms of a sum add up; what an item is worth is seen without it."""
    X, y = table
    if "random_state" in model.get_params():
        model = model.set_params(random_state=0)
    model.fit(X, y)
    own = X[X[:, 0] == X[0, 0]]
    ratings = y[X[:, 0] == X[0, 0]]
    _, first = np.unique(own[:, 1], return_index=True)
    items, ratings = own[first, 1], ratings[first]
    rows = np.column_stack([np.full(len(items), -1), items])
    for item in (model.items_[0], model.items_[-1]):
        reasons = model.explain(-1, item, history=(rows, ratings))
        assert reasons.note
        if reasons.exact:
            total = reasons.baseline + reasons.contributions.sum()
            scale = np.abs([reasons.baseline, *reasons.contributions, 1e-9]).max()
            assert_allclose(total, reasons.score, atol=2e-4 * scale)
            continue
        assert set(reasons.items) <= set(items)
        if hasattr(model, "estimators_") or hasattr(model, "estimators"):
            continue  # of its members, each by its own
        for removed, loss in zip(
            reasons.items[:2], reasons.contributions, strict=False
        ):
            kept = items != removed
            without = model.explain(-1, item, history=(rows[kept], ratings[kept]))
            assert_allclose(reasons.score - without.score, loss, rtol=1e-3, atol=1e-5)


def test_of_a_known_user_as_of_a_new_one(table):
    X, y = table
    model = BPR(4, random_state=0).fit(X, y)
    user = X[0, 0]
    own = X[:, 0] == user
    rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
    item = model.items_[3]
    known = model.explain(user, item)
    new = model.explain(-1, item, history=(rows, y[own]))
    assert known.items.tolist() == new.items.tolist()
    assert_allclose(known.contributions, new.contributions, rtol=1e-4, atol=1e-6)
    assert known.score == pytest.approx(model.predict([[user, item]])[0])


def test_says_where_there_is_nothing_to_explain(table):
    X, y = table
    model = ItemKNN().fit(X, y)
    assert "unknown" in model.explain(X[0, 0], -5).note
    assert "popularity" in model.explain(-5, X[0, 1]).note
    for model in (PopularityRecommender(), RandomRecommender(random_state=0)):
        reasons = model.fit(X, y).explain(X[0, 0], X[0, 1])
        assert "No item" in reasons.note
        assert (len(reasons.items), reasons.baseline) == (0, reasons.score)
        assert reasons.exact
