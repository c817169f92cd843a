"""MMRReranker: the greedy choice against its definition, and what it does to lists."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import (
    EASE,
    Blend,
    MFRegressor,
    MMRReranker,
    PopularityRecommender,
    PureSVD,
)
from sklearn_metarec.datasets import load_movietweetings, make_interactions
from sklearn_metarec.metrics import diversity_at_k
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer

GOLDEN = Path(__file__).parent.parent / "golden" / "mmr.json"


@pytest.fixture(scope="module")
def table():
    return make_interactions(150, 60, 1500, random_state=0)[0]


def by_definition(scores, vectors, diversity, length):
    """Return (items, worth), candidates being all that have a finite score."""
    left = [int(item) for item in np.flatnonzero(np.isfinite(scores))]
    low, high = scores[left].min(), scores[left].max()
    relevance = (scores - low) / (high - low)
    chosen, worth = [], []
    while left and len(chosen) < length:
        close = [max([0.0, *(vectors[chosen] @ vectors[item])]) for item in left]
        values = (1 - diversity) * relevance[left] - diversity * np.array(close)
        best = int(np.argmax(values))
        worth.append(values[best])
        chosen.append(left.pop(best))
    return chosen, worth


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.8, 1.0])
def test_choices_are_those_of_the_definition(table, diversity):
    model = MMRReranker(EASE(), diversity=diversity, n_candidates=60).fit(table)
    items, scores = model.recommend(k=10)
    names, all_scores = EASE().fit(table).recommend(k=60)
    full = np.flatnonzero(np.bincount(table[:, 0], minlength=150) <= 30)
    for row in full[::7]:
        of_item = np.full(60, -np.inf)
        of_item[names[row][np.isfinite(all_scores[row])]] = all_scores[row][
            np.isfinite(all_scores[row])
        ]
        vectors = model.item_vectors_
        chosen, worth = by_definition(of_item, vectors, diversity, 10)
        assert_allclose(scores[row], worth, rtol=1e-4, atol=1e-5)
        assert items[row].tolist() == model.items_[chosen].tolist()


def test_without_weight_the_lists_are_the_estimators(table):
    model = MMRReranker(EASE(), diversity=0.0).fit(table)
    expected = EASE().fit(table).recommend(k=40)[0]
    assert_array_equal(model.recommend(k=40)[0], expected)


def test_behind_the_chosen_ones_the_order_is_the_estimators(table):
    model = MMRReranker(EASE(), diversity=0.9, list_length=4, n_candidates=15)
    items = model.fit(table).recommend(k=30)[0]
    before = EASE().fit(table).recommend(k=30)[0]
    for row in range(20):
        head = set(items[row, :4].tolist())
        assert head <= set(before[row, :15].tolist())
        rest = [item for item in before[row].tolist() if item not in head]
        assert items[row, 4:].tolist() == rest[:26]


def test_of_which_vectors_the_cosine_is(table):
    kinds = {"item_id": np.arange(60), "kind": [f"k{i % 4}" for i in range(60)]}
    features = MMRReranker(PureSVD(4, random_state=0), item_features=kinds).fit(table)
    alike = features.item_vectors_ @ features.item_vectors_.T
    assert_allclose(alike, np.arange(60)[:, None] % 4 == np.arange(60) % 4, atol=1e-6)
    factors = MMRReranker(PureSVD(4, random_state=0)).fit(table)
    own = factors.estimator_.item_factors_
    own = own / np.linalg.norm(own, axis=1, keepdims=True)
    assert_allclose(factors.item_vectors_, own, rtol=1e-5)
    users = MMRReranker(PureSVD(4, random_state=0), similarity="history").fit(table)
    matrix = (users.history_ > 0).astype(float).toarray()
    matrix /= np.linalg.norm(matrix, axis=0)
    # 60 items have at most 60 directions, so that nothing is lost.
    assert_allclose(
        users.item_vectors_ @ users.item_vectors_.T, matrix.T @ matrix, atol=1e-5
    )
    similar, cosines = features.similar_items([0], k=14)
    assert set(similar[0].tolist()) == set(range(4, 60, 4))
    assert_allclose(cosines, 1, rtol=1e-6)


def test_a_trace_names_what_was_in_the_way(table):
    kinds = {"item_id": np.arange(60), "kind": [f"k{i % 3}" for i in range(60)]}
    model = MMRReranker(
        EASE(), diversity=0.9, list_length=3, n_candidates=20, item_features=kinds
    ).fit(table)
    user = model.users_[3]
    chosen = model.recommend([user], k=3)[0][0].tolist()
    assert {item % 3 for item in chosen} == {0, 1, 2}
    first, last = model.explain(user, chosen[0]).trace
    assert (first.stage, last.stage, last.rank) == ("EASE", "MMRReranker", 1)
    assert last.what == "chose it, like nothing chosen before it"
    listed = EASE().fit(table).recommend([user], k=30)[0][0].tolist()
    dropped = next(item for item in listed[:20] if item not in chosen)
    first, last = model.explain(user, dropped).trace
    assert first.rank == listed.index(dropped) + 1
    assert last.what == "dropped it, at a cosine of 1.00 with"
    assert last.other == next(item for item in chosen if item % 3 == dropped % 3)
    assert repr(last.other) in str(last)
    last = model.explain(user, listed[25]).trace[-1]
    assert last.what == "dropped it: none of the 20 candidates"
    had = table[table[:, 0] == user, 1][0]
    steps = model.explain(user, had).trace
    assert all(step.what == "left it out, as the user has had it" for step in steps)


def test_reasons_are_those_of_the_estimator(table):
    model = MMRReranker(EASE()).fit(table)
    user = model.users_[3]
    item = model.recommend([user], k=2)[0][0, 1]
    ours, theirs = model.explain(user, item), EASE().fit(table).explain(user, item)
    assert_array_equal(ours.items, theirs.items)
    assert_allclose(ours.contributions, theirs.contributions, rtol=1e-5)
    assert not ours.exact


def test_nests_and_is_searched(table):
    inner = MMRReranker(Blend([("ease", EASE()), ("svd", PureSVD(4, random_state=0))]))
    outer = Blend([("mmr", inner), ("popular", PopularityRecommender())])
    search = GridSearchCV(
        outer, {"mmr__estimator__ease__regularization": [10.0, 300.0],
                "mmr__diversity": [0.1, 0.5]},
        scoring=make_ranking_scorer("ndcg@10"), cv=PerUserShuffleSplit(random_state=0),
    ).fit(table)  # fmt: skip
    found = search.best_estimator_.estimators_[0]
    assert found.diversity == search.best_params_["mmr__diversity"]
    stages = [step.stage for step in search.best_estimator_.explain(0, 3).trace]
    assert stages == [
        "mmr/Blend/ease", "mmr/Blend/svd", "mmr/Blend", "mmr", "popular", "Blend",
    ]  # fmt: skip


def test_partial_fit_is_that_of_the_estimator(table):
    half = len(table) // 2
    grown = MMRReranker(EASE()).fit(table[:half]).partial_fit(table[half:])
    whole = MMRReranker(EASE()).fit(table)
    assert_array_equal(grown.recommend(k=8)[0], whole.recommend(k=8)[0])
    assert not hasattr(MMRReranker(PureSVD()), "partial_fit") or hasattr(
        PureSVD(), "partial_fit"
    )


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"similarity": "features"}, ValueError, "item_features is None"),
        ({"similarity": "estimator"}, ValueError, "no item_factors_"),
        ({"estimator": MFRegressor()}, TypeError, "must be a ranker"),
        ({"diversity": 1.5}, ValueError, "diversity"),
    ],
)
def test_bad_settings(table, settings, error, match):
    with pytest.raises(error, match=match):
        MMRReranker(**settings).fit(table)


def test_golden():
    """Lists and scores of a small seeded fit, written once by these lines."""
    X, _ = make_interactions(40, 30, 500, random_state=1)
    model = MMRReranker(EASE(10.0), diversity=0.4, list_length=5).fit(X)
    items, scores = model.recommend([0, 1, 2], k=5)
    golden = json.loads(GOLDEN.read_text())
    assert items.tolist() == golden["items"]
    assert_allclose(scores, golden["scores"], rtol=1e-3, atol=1e-4)


def test_more_diversity_for_a_little_accuracy():
    X, _ = load_movietweetings(return_X_y=True, as_frame=True)
    X = X[["user_id", "item_id"]]
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    train, test = X.iloc[train], X.iloc[test]
    model = MMRReranker(PureSVD(32, random_state=0), similarity="history").fit(train)
    vectors = model.items_, model.item_vectors_
    lists = model.recommend(k=10)[0], model.estimator_.recommend(k=10)[0]
    ours, theirs = (diversity_at_k(part, item_vectors=vectors) for part in lists)
    assert ours > theirs + 0.02
    assert model.score(test) > 0.9 * model.estimator_.score(test)
