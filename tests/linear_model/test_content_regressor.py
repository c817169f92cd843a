"""ContentRegressor: each user's ridge, the profiles, many features, exact updates."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_metarec import BiasRegressor, ContentRegressor
from sklearn_metarec.linear_model._components import leading_components

GOLDEN = Path(__file__).parents[1] / "golden" / "content_regressor.json"


@pytest.fixture
def world():
    """Ratings that features explain: 60 users, 40 items, 5 features, some noise."""
    rng = np.random.default_rng(0)
    F, taste = rng.normal(size=(40, 5)) * [1, 5, 0.1, 2, 1], rng.normal(size=(60, 5))
    X = np.argwhere(rng.random((60, 40)) < 0.5)
    standard = (F - F.mean(axis=0)) / F.std(axis=0)
    mean = rng.normal(3, 1, 60)[X[:, 0]]
    y = mean + (taste[X[:, 0]] * standard[X[:, 1]]).sum(axis=1)
    features = pd.DataFrame(F, columns=list("abcde"))
    features.insert(0, "item_id", np.arange(40))
    return X, y + rng.normal(0, 0.1, len(y)), features, standard


def test_ridge_is_that_of_scikit_learn(world):
    X, y, features, standard = world
    model = ContentRegressor(features, regularization=0.7, mean_regularization=3)
    model.fit(X, y)
    own = X[:, 0] == 7
    mean = (y[own].sum() + 3 * y.mean()) / (own.sum() + 3)
    penalty = 0.7 * np.square(standard).sum(axis=1).mean()
    ridge = Ridge(penalty, fit_intercept=False)
    ridge.fit(standard[X[own, 1]], y[own] - mean)
    expected = mean + ridge.predict(standard)
    assert_allclose(
        model.predict([[7, item] for item in range(40)]), expected, rtol=1e-5
    )
    assert_allclose(model.user_means_[7], mean)


@pytest.mark.parametrize("profile", ["sum", "mean"])
def test_sums_and_means_of_the_vectors(world, profile):
    X, y, features, standard = world
    model = ContentRegressor(features, profile=profile, mean_regularization=0)
    model.fit(X, y)
    own = X[:, 0] == 3
    total = y[own] @ standard[X[own, 1]]
    expected = total if profile == "sum" else total / own.sum()
    assert_allclose(model.user_factors_[3], expected, rtol=1e-5)
    assert_allclose(model.user_means_[3], y[own].mean())
    reasons = model.explain(3, 2)
    assert_allclose(reasons.baseline + reasons.contributions.sum(), reasons.score, 1e-5)


def test_predicts_items_that_nobody_rated(world):
    X, y, features, _ = world
    warm = X[:, 1] < 30
    model = ContentRegressor(features, regularization=0.1).fit(X[warm], y[warm])
    error = root_mean_squared_error(y[~warm], model.predict(X[~warm]))
    plain = BiasRegressor().fit(X[warm], y[warm]).predict(X[~warm])
    assert error < 0.5 * root_mean_squared_error(y[~warm], plain)


def test_more_features_than_components(world):
    X, y, features, _ = world
    full = ContentRegressor(features, n_components=5).fit(X, y)
    twice = pd.concat([features, features[["a", "b"]].add_suffix("2")], axis=1)
    rotated = ContentRegressor(twice, n_components=6).fit(X, y)
    assert rotated.item_factors_.shape == (40, 5)  # the rank; 7 features stand for it
    wide = ContentRegressor(twice, n_components=7).fit(X, y)
    assert_allclose(rotated.predict(X), wide.predict(X), rtol=1e-4)
    fewer = ContentRegressor(features, n_components=3).fit(X, y)
    assert fewer.item_factors_.shape == (40, 3)
    assert full.score(X, y) > fewer.score(X, y) > 0.3


@pytest.mark.parametrize("centered", [False, True])
def test_components_of_a_large_matrix(centered):
    from scipy.sparse import random_array

    matrix = random_array((700, 600), density=0.02, rng=0, format="csr")
    center = np.asarray(matrix.mean(axis=0)).ravel() if centered else None
    u, s = leading_components(matrix, 4, 0, center)
    dense = matrix.toarray() - (0 if center is None else center)
    expected_u, expected_s, _ = np.linalg.svd(dense)
    assert_allclose(s, expected_s[:4], rtol=1e-8)
    assert_allclose(np.abs(expected_u[:, :4].T @ u), np.eye(4), atol=1e-6)
    again, _ = leading_components(matrix, 4, 0, center)
    np.testing.assert_array_equal(again, u)


def test_a_new_user_folds_in_exactly(world):
    X, y, features, _ = world
    own = X[:, 0] == 5
    whole = ContentRegressor(features, mean_regularization=0).fit(X, y)
    others = ContentRegressor(features, mean_regularization=0).fit(X[~own], y[~own])
    items, scores = others.recommend([5], history=(X[own], y[own]))
    expected_items, expected_scores = whole.recommend([5])
    assert items.tolist() == expected_items.tolist()
    assert_allclose(scores, expected_scores, rtol=1e-5)
    others.partial_fit(X[own], y[own])
    assert_allclose(others.predict(X), whole.predict(X), rtol=1e-6)


def test_constant_features_and_none():
    X, y = [[1, 1], [1, 2], [2, 1]], [1.0, 3.0, 5.0]
    constant = {"item_id": [1, 2, 3], "a": [4, 4, 4], "b": ["x", "x", "x"]}
    for features in (None, constant, {"item_id": [1, 2]}):
        model = ContentRegressor(features, mean_regularization=0).fit(X, y)
        assert_allclose(model.predict([[1, 3], [2, 2], [9, 1]]), [2, 5, 3])


def test_features_of_films_say_more_than_the_users_mean(load_table):
    ratings = load_table("movielens_100k")
    films = load_table("movielens_100k.items")[["item_id", "year", "genres"]]
    X, y = ratings[["user_id", "item_id"]], ratings["rating"].to_numpy()
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0)
    errors = []
    for features in (films, None):
        model = ContentRegressor(features).fit(X.iloc[train], y[train])
        errors.append(root_mean_squared_error(y[test], model.predict(X.iloc[test])))
    assert errors[0] < errors[1] - 0.02


def golden():
    """Return what a change may not alter: make the file of the printed result."""
    rng = np.random.default_rng(3)
    X, y = rng.integers(0, [12, 20], (90, 2)), rng.integers(1, 6, 90)
    features = pd.DataFrame(rng.normal(size=(22, 5)), columns=list("abcde"))
    features.insert(0, "item_id", np.arange(22))
    pairs = [[user, item] for user in (0, 5, 99) for item in (1, 8, 21)]
    return {
        profile: ContentRegressor(features, profile=profile, n_components=4)
        .fit(X, y)
        .predict(pairs)
        .round(6)
        .tolist()
        for profile in ("ridge", "sum", "mean")
    }


def test_golden():
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for profile, predicted in golden().items():
        assert_allclose(predicted, stored[profile], rtol=1e-4)
