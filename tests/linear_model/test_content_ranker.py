"""ContentRanker: the ridge of each user, and what a decomposition leaves of it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from sklearn_metarec import ContentRanker
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.metrics import ranking_scores
from sklearn_metarec.model_selection import ColdItemSplit

GOLDEN = Path(__file__).parents[1] / "golden" / "content_ranker.json"


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    X = rng.integers(0, [20, 30], (200, 2))
    features = pd.DataFrame(rng.normal(size=(30, 6)), columns=list("abcdef"))
    features.insert(0, "item_id", np.arange(30))
    return X, features


@pytest.mark.parametrize("regularization", [0.1, 30.0])
def test_is_a_ridge_regression_of_each_user(world, regularization):
    X, features = world
    model = ContentRanker(features, regularization=regularization).fit(X)
    F = features.drop(columns="item_id").to_numpy()
    F = (F - F.mean(axis=0)) / F.std(axis=0)
    x = (model.history_.toarray() > 0).astype(float)
    ridge = Ridge(regularization, fit_intercept=False).fit(F, x.T)
    pairs = [[u, i] for u in range(20) for i in range(30)]
    expected = ridge.predict(F).T.ravel()
    assert_allclose(model.predict(pairs), expected, atol=1e-5)


def test_many_features_are_decomposed_at_random_but_seeded():
    rng = np.random.default_rng(1)
    n_items, n_words = 700, 600
    X = np.column_stack([rng.integers(0, 50, 3000), rng.integers(0, n_items, 3000)])
    low_rank = rng.normal(size=(n_items, 5)) @ rng.normal(size=(5, n_words))
    features = pd.DataFrame({"item_id": np.arange(n_items), "v": list(low_rank)})
    first, again = (
        ContentRanker(features, n_components=8, random_state=0).fit(X) for _ in range(2)
    )
    assert_allclose(first.item_factors_, again.item_factors_)
    assert first.item_factors_.shape[1] == 5  # the rest is rounding error
    F = low_rank / np.linalg.norm(low_rank, axis=1, keepdims=True)
    expected = F @ np.linalg.solve(F.T @ F + 100 * np.eye(n_words), F.T)
    assert_allclose(first.item_factors_ @ first.item_factors_.T, expected, atol=1e-4)


def test_contributions_add_up(world):
    X, features = world
    model = ContentRanker(features).fit(X)
    reasons = model.explain(3, 7)
    assert reasons.exact
    assert_allclose(reasons.baseline + reasons.contributions.sum(), reasons.score)


def test_cold_items_are_ranked_better_than_at_random():
    movies = load_movietweetings(as_frame=True)
    X = movies.data[["user_id", "item_id"]]
    train, test = next(ColdItemSplit(random_state=0).split(X))
    train, test = X.iloc[train], X.iloc[test]
    cold = np.setdiff1d(test["item_id"], train["item_id"])
    test = test[test["user_id"].isin(train["user_id"])]
    users = test["user_id"].unique()[:1500]
    test = test[test["user_id"].isin(users)]
    features = movies.item_features[["item_id", "year", "genres"]]
    model = ContentRanker(features).fit(train)
    items, scores = model.recommend(users, items=cold)
    found = ranking_scores(test, users, items, scores=scores, metrics=["ndcg@10"])
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.tile(cold, (len(users), 1)), axis=1)[:, :10]
    chance = ranking_scores(test, users, shuffled, metrics=["ndcg@10"])
    assert found["ndcg@10"] > 3 * chance["ndcg@10"]


def test_modalities_fuse():
    """Each kind of column tells one of four traits, and a taste is made of all."""
    rng = np.random.default_rng(0)
    traits = rng.integers(0, 2, (160, 4)).astype(bool)
    tastes = rng.integers(0, 2, (120, 4)).astype(bool)
    alike = (tastes[:, None] == traits).sum(axis=2)
    X = np.argwhere((alike == 4) & (rng.random(alike.shape) < 0.7))
    new = X[:, 1] >= 120
    cold = np.unique(X[new, 1])
    modalities = {
        "genre": np.where(traits[:, 0], "drama", "farce"),
        "tags": [f"old|{'sad' if trait else 'odd'}" for trait in traits[:, 1]],
        "plot": [f"a {'war' if trait else 'love'} in it" for trait in traits[:, 2]],
        "sound": [[1.0, 0.0] if trait else [0.0, 1.0] for trait in traits[:, 3]],
    }
    table = pd.DataFrame({"item_id": np.arange(160), **modalities})
    scores = {}
    for names in (tuple(modalities), *((name,) for name in modalities)):
        model = ContentRanker(table[["item_id", *names]]).fit(X[~new])
        users = model.users_[np.isin(model.users_, X[new, 0])]
        items, _ = model.recommend(users, items=cold)
        found = ranking_scores(X[new], users, items, metrics=["ndcg@10"])
        scores[names] = found["ndcg@10"]
    together = scores.pop(tuple(modalities))
    assert together > 0.9
    assert max(scores.values()) < 0.6


def golden():
    """Return what a change may not alter: make the file of the printed result."""
    rng = np.random.default_rng(3)
    X = rng.integers(0, [12, 20], (90, 2))
    features = pd.DataFrame(
        {
            "item_id": np.arange(22),
            "size": rng.random(22),
            "kinds": [f"{'abc'[i % 3]}|{'xyz'[i // 3 % 3]}" for i in range(22)],
        }
    )
    model = ContentRanker(features, regularization=5.0, n_components=4).fit(X)
    pairs = [[user, item] for user in (0, 5, 11) for item in (1, 8, 21)]
    return [round(score, 6) for score in model.predict(pairs)]


def test_golden():
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert_allclose(golden(), stored, rtol=1e-3, atol=1e-5)
