"""MetaRidgeRegressor: head and prior by hand, updates, cold items, real data."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.metrics import mean_absolute_error

from sklearn_metarec import BiasRegressor, ContentRegressor, MetaRidgeRegressor
from sklearn_metarec.meta._feature_vectors import FeatureVectors
from sklearn_metarec.meta._head_prior import (
    HeadPrior,
    Moments,
    learn_prior,
    posterior,
    sample_users,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "meta_ridge.json"


@pytest.fixture(scope="module")
def world():
    """80 users and 40 items whose features make the ratings; the last 5 are cold."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 3))
    group = np.arange(80) % 2
    taste = rng.normal(size=(80, 3)) + np.where(group, 1.5, -1.5)[:, None] * [1, 0, 0]
    X = np.argwhere(rng.random((80, 40)) < 0.35)
    y = 3 + features[X[:, 1], 1] + (taste[X[:, 0]] * features[X[:, 1]]).sum(axis=1)
    y += rng.normal(0, 0.3, len(y))
    items = pd.DataFrame(features, columns=list("abc"))
    items.insert(0, "item_id", np.arange(40))
    users = pd.DataFrame({"user_id": np.arange(80), "group": group.astype(str)})
    return X, y, items, users


def make(items=None, users=None, **settings):
    settings = {"n_factors": 3, "max_iter": 5, "random_state": 0} | settings
    return MetaRidgeRegressor(item_features=items, user_features=users, **settings)


def warm(X):
    return X[:, 1] < 35


def normal_equations(model, items, ratings, mean, weights=1.0):
    """The head of one user, by the formula."""
    Z = model.item_vectors_[items]
    noise = model.noise_[Z[:, -1].astype(int)]
    precision = np.linalg.inv(model.prior_covariance_)
    weighted = Z * (weights / noise)[:, None]
    above = ratings - model.global_mean_ - model.item_biases_[items]
    side = precision @ mean + weighted.T @ above
    return np.linalg.solve(precision + weighted.T @ Z, side)


def test_a_head_solves_the_normal_equations(world):
    X, y, items, users = world
    rows = warm(X)
    weights = np.random.default_rng(1).uniform(0.5, 2, rows.sum())
    model = make(items, users).fit(X[rows], y[rows], weights)
    for user in (0, 33, 79):
        own = X[rows, 0] == user
        mean = (
            model.prior_coef_[0]
            + model._vectors["user"][user] @ (model.prior_coef_[1:])
        )
        expected = normal_equations(
            model, X[rows][own, 1], y[rows][own], mean, weights[own]
        )
        assert_allclose(model.user_heads_[user], expected, rtol=1e-6, atol=1e-9)
    score = model.predict([[33, 38]])[0]
    expected = model.global_mean_ + model.item_biases_[38]
    expected += model.item_vectors_[38] @ model.user_heads_[33]
    assert_allclose(score, expected, rtol=1e-5)


def test_each_step_makes_the_ratings_likelier():
    """The steps climb the density of the ratings, the heads integrated out."""
    rng = np.random.default_rng(0)
    n_users, d = 150, 3
    indptr = np.arange(n_users + 1) * 7
    Z = rng.normal(size=(7 * n_users, d))
    heads = rng.normal(size=(n_users, d)) * [1, 0.3, 0.1] + [1, 0, -1]
    t = (Z * np.repeat(heads, 7, axis=0)).sum(axis=1) + rng.normal(0, 0.5, len(Z))
    moments = [Moments.of(indptr, Z, t, np.ones(len(t)))]
    users = np.zeros((n_users, 0))

    def likelihood(prior):
        total = 0
        for user in range(n_users):
            own = slice(indptr[user], indptr[user + 1])
            covariance = Z[own] @ prior.covariance @ Z[own].T
            covariance += prior.noise[0] * np.eye(7)
            total += multivariate_normal.logpdf(
                t[own], Z[own] @ prior.coef[0], covariance
            )
        return total

    prior = HeadPrior(np.zeros((1, d)), np.eye(d), np.ones(1))
    reached = [likelihood(prior)]
    for _ in range(6):
        prior = learn_prior(prior, moments, users, 1)
        reached.append(likelihood(prior))
    assert (np.diff(reached) > 0).all()
    prior = learn_prior(prior, moments, users, 300)
    assert_allclose(prior.coef[0], heads.mean(axis=0), atol=0.15)
    assert_allclose(prior.noise, 0.25, rtol=0.2)
    means, _ = posterior(prior, moments, np.tile(prior.coef, (n_users, 1)))
    assert np.abs(means - heads).mean() < np.abs(heads - heads.mean(axis=0)).mean()


def test_kinds_of_items_have_noise_of_their_own():
    rng = np.random.default_rng(0)
    indptr = np.arange(201) * 10
    Z = np.ones((2000, 1))
    heads = np.repeat(rng.normal(size=200), 10)
    moments = [
        Moments.of(indptr, Z, heads + rng.normal(0, std, 2000), np.ones(2000))
        for std in (0.2, 1.0)
    ]
    prior = HeadPrior(np.zeros((1, 1)), np.eye(1), np.ones(2))
    prior = learn_prior(prior, moments, np.zeros((200, 0)), 50)
    assert_allclose(prior.noise, [0.04, 1.0], rtol=0.1)


def test_the_prior_is_learned_from_a_sample_of_many_users():
    rng = np.random.default_rng(0)
    counts = np.ones(100_000, dtype=int)
    counts[::2] = 0
    rows = sample_users(counts, 64, rng)
    assert len(rows) == 1024
    assert (np.diff(rows) > 0).all()
    assert (rows % 2 == 1).all()
    assert_array_equal(sample_users(counts[:100], 64, rng), np.arange(1, 100, 2))


def test_an_update_touches_only_users_of_the_new_rows(world):
    X, y, items, users = world
    rows = warm(X) & (X[:, 0] < 75)
    model = make(items, users).fit(X[rows], y[rows])
    state = {
        name: np.copy(getattr(model, name))
        for name in ("user_heads_", "item_vectors_", "item_biases_", "prior_coef_",
                     "prior_covariance_", "noise_")
    }  # fmt: skip
    new = warm(X) & (X[:, 0] == 77)
    model.partial_fit(X[new], y[new])
    moved = np.flatnonzero((model.user_heads_ != state.pop("user_heads_")).any(axis=1))
    assert moved.tolist() == [77]
    for name, before in state.items():
        assert_array_equal(getattr(model, name), before, err_msg=name)
    mean = model._means(np.array([77]))[0]
    expected = normal_equations(model, X[new, 1], y[new], mean)
    assert_allclose(model.user_heads_[77], expected, rtol=1e-6, atol=1e-9)


def test_a_first_rating_makes_an_item_known(world):
    X, y, items, users = world
    rows = warm(X)
    model = make(items, users).fit(X[rows], y[rows])
    before = model.item_vectors_.copy()
    new = X[:, 1] == 36
    model.partial_fit(X[new], y[new])
    changed = (model.item_vectors_ != before).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [36]
    assert model.item_vectors_[36, -1] == 0
    error = np.abs(model.predict(X[new]) - y[new]).mean()
    assert error < 0.6


def test_many_ratings_make_all_learn_anew(world):
    X, y, _, _ = world
    half = X[:, 0] < 50
    model = make().fit(X[half], y[half]).partial_fit(X[~half], y[~half])
    assert_allclose(model.predict(X), make().fit(X, y).predict(X), rtol=1e-6)


def test_many_users_at_once_are_as_one_at_a_time(world):
    X, y, items, users = world
    rows = warm(X) & (X[:, 0] < 60)
    model = make(items, users).fit(X[rows], y[rows])
    new = X[:, 0] >= 60
    history = pd.DataFrame(X[new], columns=["user_id", "item_id"])
    together = model.recommend(history=(history, y[new]), k=5)
    for place, user in enumerate(range(60, 80)):
        own = history["user_id"].to_numpy() == user
        alone = model.recommend(history=(history[own], y[new][own]), k=5)
        assert_array_equal(alone[0][0], together[0][place])
        assert_allclose(alone[1][0], together[1][place], rtol=1e-6)


def test_features_tell_of_users_and_items_without_ratings(world):
    X, y, items, users = world
    rows = warm(X) & (X[:, 0] < 60)
    cold_items = ~warm(X) & (X[:, 0] < 60)
    cold_users = warm(X) & (X[:, 0] >= 60)
    model = make(items, users).fit(X[rows], y[rows])
    content = ContentRegressor(items).fit(X[rows], y[rows])
    bias = BiasRegressor().fit(X[rows], y[rows])
    of_items, of_content = (
        mean_absolute_error(y[cold_items], each.predict(X[cold_items]))
        for each in (model, content)
    )
    assert of_items < of_content
    of_users, of_biases = (
        mean_absolute_error(y[cold_users], each.predict(X[cold_users]))
        for each in (model, bias)
    )
    assert of_users < 0.9 * of_biases


def test_reasons_add_up_also_where_an_item_is_cold(world):
    X, y, items, users = world
    rows = warm(X)
    model = make(items, users).fit(X[rows], y[rows])
    for user, item in ((3, 4), (11, 37), (999, 2)):
        reasons = model.explain(user, item)
        total = reasons.baseline + reasons.contributions.sum()
        assert_allclose(total, reasons.score, rtol=1e-5)
    assert reasons.contributions.size == 0


def test_threads_change_no_bit(world):
    X, y, items, users = world
    one, two = (make(items, users, n_jobs=n).fit(X, y) for n in (1, 2))
    assert_array_equal(one.predict(X), two.predict(X))


def test_vectors_of_features_are_those_of_the_fit():
    from scipy import sparse

    rng = np.random.default_rng(0)
    dense = rng.normal(size=(300, 80)) @ rng.normal(size=(80, 80))
    features = sparse.csr_array(dense)
    vectors = FeatureVectors.fit(features, 0)
    found = vectors.transform(features, 300)
    assert found.shape == (300, 64)
    standard = (dense - dense.mean(axis=0)) / dense.std(axis=0)
    u, s, _ = np.linalg.svd(standard, full_matrices=False)
    assert_allclose(np.abs(found), np.abs(u * s)[:, :64], rtol=1e-3, atol=1e-3)
    assert_allclose(vectors.transform(features[:3], 3), found[:3], atol=1e-9)
    assert FeatureVectors.fit(None, 0).transform(None, 4).shape == (4, 0)


def test_golden(world):
    """Predictions of five rows: see `golden/meta_ridge.json`."""
    X, y, items, users = world
    rows = warm(X)
    model = make(items, users).fit(X[rows], y[rows])
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert_allclose(model.predict(X[:5]), expected["predictions"], rtol=1e-4)


@pytest.mark.real_data
def test_accuracy_for_new_users(load_table):
    ratings = load_table("movielens_100k")
    films = load_table("movielens_100k.items")[["item_id", "year", "genres"]]
    new = (ratings["user_id"] % 5 == 0).to_numpy()
    X, y = ratings[["user_id", "item_id"]], ratings["rating"].to_numpy(float)
    model = MetaRidgeRegressor(item_features=films, random_state=0).fit(
        X[~new], y[~new]
    )
    support = np.random.default_rng(0).random(len(y)) < 0.5
    model.partial_fit(X[new & support], y[new & support])
    query = new & ~support
    error = mean_absolute_error(y[query], model.predict(X[query]).clip(1, 5))
    assert error < 0.735
