import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import (
    EASE,
    SLIM,
    Blend,
    ContentRanker,
    ItemKNN,
    MFRegressor,
    PopularityRecommender,
)
from sklearn_metarec.datasets import load_movietweetings, make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer


@pytest.fixture(scope="module")
def table():
    X, _ = make_interactions(150, 60, 2500, random_state=0)
    return X


def all_scores(model, users, items):
    pairs = np.array([[user, item] for user in users for item in items])
    return model.predict(pairs).reshape(len(users), len(items))


def standardized(scores):
    return (scores - scores.mean(1, keepdims=True)) / scores.std(1, keepdims=True)


def test_scores_are_the_weighted_mean_of_standardized_ones(table):
    members = [("ease", EASE()), ("knn", ItemKNN())]
    blend = Blend(members, weights=[3, 1]).fit(table)
    users, items = blend.users_[:5], blend.items_
    ease, knn = (all_scores(m.fit(table), users, items) for _, m in members)
    expected = 0.75 * standardized(ease) + 0.25 * standardized(knn)
    assert_allclose(all_scores(blend, users, items), expected, rtol=1e-3, atol=1e-4)
    assert_allclose(blend.weights_, [0.75, 0.25])


def test_ranks_are_fused_reciprocally(table):
    members = [("ease", EASE()), ("knn", ItemKNN())]
    blend = Blend(members, method="rank", rank_constant=10).fit(table)
    users, items = blend.users_[:5], blend.items_
    expected = np.zeros((5, len(items)))
    for _, member in members:
        scores = all_scores(member.fit(table), users, items)
        ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1) + 1
        expected += 0.5 / (10 + ranks)
    assert_allclose(all_scores(blend, users, items), expected, rtol=1e-5)


def test_a_member_of_weight_zero_changes_nothing(table):
    alone = EASE().fit(table).recommend(k=8)[0]
    blend = Blend([("ease", EASE()), ("knn", ItemKNN())], weights=[1, 0]).fit(table)
    assert_array_equal(blend.recommend(k=8)[0], alone)


def test_a_member_without_an_opinion_changes_nothing(table):
    # Items that all are equally popular: the scores of popularity are constant.
    X = [[user, item] for user in range(4) for item in range(3)]
    X += [[4, 0], [4, 1], [5, 2], [5, 3], [6, 3], [7, 3], [8, 3], [9, 3]]
    alone = EASE(1.0).fit(X)
    flat = Blend([("ease", EASE(1.0)), ("same", _Constant())]).fit(X)
    assert_array_equal(flat.recommend(k=3)[0], alone.recommend(k=3)[0])


class _Constant(PopularityRecommender):
    def _popularity(self):
        return np.ones(len(self.items_), dtype=np.float32)


def test_an_item_that_one_member_knows_only(table):
    features = pd.DataFrame({"item_id": np.arange(62), "kind": np.arange(62) % 3})
    members = [("ease", EASE()), ("content", ContentRanker(item_features=features))]
    blend = Blend(members).fit(table)
    assert set(blend.items_) == set(range(62))
    items, scores = blend.recommend([0], k=3, items=[60, 61])
    assert set(items[0, :2]) == {60, 61}
    assert np.isfinite(scores[0, :2]).all()
    # The pairs of the members are those of the fit alone.
    assert blend.history_.nnz == EASE().fit(table).history_.nnz


def test_contributions_add_up(table):
    blend = Blend([("ease", EASE()), ("slim", SLIM(5.0))]).fit(table)
    user = blend.users_[3]
    item = blend.recommend([user], k=1)[0][0, 0]
    explained = blend.explain(user, item)
    assert explained.exact
    total = explained.baseline + explained.contributions.sum()
    assert total == pytest.approx(explained.score, rel=1e-5)
    assert len(explained.items) > 0
    # A member that does not look at the user is all baseline.
    popular = [("ease", EASE()), ("popular", PopularityRecommender())]
    mixed = Blend(popular).fit(table).explain(user, item)
    assert mixed.exact
    total = mixed.baseline + mixed.contributions.sum()
    assert total == pytest.approx(mixed.score, rel=1e-5)
    assert not Blend(popular, method="rank").fit(table).explain(user, item).exact


def test_partial_fit_is_that_of_the_members(table):
    half = len(table) // 2
    members = [("ease", EASE()), ("popular", PopularityRecommender())]
    grown = Blend(members).fit(table[:half]).partial_fit(table[half:])
    whole = Blend(members).fit(table)
    assert_array_equal(grown.recommend(k=5)[0], whole.recommend(k=5)[0])
    no_update = type("NoUpdate", (PopularityRecommender,), {"_update": property()})
    assert not hasattr(Blend([("a", no_update())]), "partial_fit")


def test_members_nest_and_are_searched(table):
    inner = Blend([("ease", EASE()), ("knn", ItemKNN())])
    blend = Blend([("inner", inner), ("popular", PopularityRecommender())])
    search = GridSearchCV(
        blend, {"inner__ease__regularization": [10.0, 1000.0], "popular": [SLIM()]},
        scoring=make_ranking_scorer("ndcg@10"), cv=PerUserShuffleSplit(random_state=0),
    ).fit(table)  # fmt: skip
    best = search.best_estimator_
    assert isinstance(best.named_estimators_["popular"], SLIM)
    found = best.named_estimators_["inner"].named_estimators_["ease"]
    assert found.regularization == search.best_params_["inner__ease__regularization"]


@pytest.mark.parametrize(
    ("estimators", "weights", "error", "match"),
    [
        ([], None, ValueError, "estimators is empty"),
        ([("a", EASE()), ("a", SLIM())], None, ValueError, "not unique"),
        ([("a", MFRegressor())], None, TypeError, "must be a ranker"),
        ([("a", 3)], None, TypeError, "must be a ranker"),
        ([("a", EASE())], [1, 2], ValueError, "1 numbers, one a member"),
        ([("a", EASE())], [-1], ValueError, "at least 0"),
        ([("a", EASE()), ("b", SLIM())], [0, 0], ValueError, "not all 0"),
    ],
)
def test_bad_members(table, estimators, weights, error, match):
    with pytest.raises(error, match=match):
        Blend(estimators, weights=weights).fit(table)


def test_together_they_are_better_than_alone():
    X, _ = load_movietweetings(return_X_y=True, as_frame=True)
    X = X[["user_id", "item_id"]]
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    members = [("ease", EASE()), ("knn", ItemKNN())]
    alone = [member.fit(X.iloc[train]).score(X.iloc[test]) for _, member in members]
    both = Blend(members).fit(X.iloc[train]).score(X.iloc[test])
    assert both > min(alone)
    assert both > 0.95 * max(alone)
