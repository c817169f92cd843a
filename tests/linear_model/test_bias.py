"""BiasRegressor: the normal equations, folding in, and what made a rating."""

import numpy as np
import pytest

from sklearn_metarec import BiasRegressor


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.integers(0, [30, 20], (400, 2))
    return X, rng.integers(1, 6, 400).astype(float), rng.integers(1, 4, 400) * 1.0


def test_solves_the_normal_equations(table):
    X, y, weight = table
    model = BiasRegressor(4.0, item_regularization=2.0, max_iter=1000, tol=1e-12)
    model.fit(X, y, weight)
    n_users, n_items = len(model.users_), len(model.items_)
    design = np.zeros((len(y), n_users + n_items))
    design[np.arange(len(y)), np.searchsorted(model.users_, X[:, 0])] = 1
    items = np.searchsorted(model.items_, X[:, 1])
    design[np.arange(len(y)), n_users + items] = 1
    penalty = np.diag(np.r_[np.full(n_users, 4.0), np.full(n_items, 2.0)])
    mean = np.average(y, weights=weight)
    left = design.T @ (weight[:, None] * design) + penalty
    biases = np.linalg.solve(left, design.T @ (weight * (y - mean)))
    np.testing.assert_allclose(model.global_mean_, mean)
    np.testing.assert_allclose(model.user_biases_, biases[:n_users], atol=1e-9)
    np.testing.assert_allclose(model.item_biases_, biases[n_users:], atol=1e-9)


def test_unknown_sides_have_no_bias(table):
    X, y, _ = table
    model = BiasRegressor().fit(X, y)
    nobody, new_item, neither = model.predict([[-1, X[0, 1]], [X[0, 0], -1], [-1, -1]])
    item = model.item_biases_[np.searchsorted(model.items_, X[0, 1])]
    user = model.user_biases_[np.searchsorted(model.users_, X[0, 0])]
    assert nobody == pytest.approx(model.global_mean_ + item)
    assert new_item == pytest.approx(model.global_mean_ + user)
    assert neither == pytest.approx(model.global_mean_)


def test_history_gives_the_bias_of_a_known_user_with_the_same_rows(table):
    X, y, _ = table
    model = BiasRegressor(max_iter=1000, tol=1e-12).fit(X, y)
    own = X[:, 0] == X[0, 0]
    rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
    _, known = model.recommend(X[:1, 0], k=5)
    _, folded = model.recommend([-1], k=5, history=(rows, y[own]))
    np.testing.assert_allclose(folded, known, rtol=1e-6)


def test_history_needs_ratings(table):
    X, y, _ = table
    with pytest.raises(ValueError, match=r"history=\(X, y\)"):
        BiasRegressor().fit(X, y).recommend(history=X[:3])


def test_reasons_add_up(table):
    X, y, _ = table
    model = BiasRegressor(max_iter=1000, tol=1e-12).fit(X, y)
    reasons = model.explain(X[0, 0], X[1, 1])
    assert reasons.exact
    total = reasons.baseline + reasons.contributions.sum()
    assert total == pytest.approx(reasons.score)


@pytest.mark.real_data
def test_ml100k_floor(load_table):
    frame = load_table("movielens_100k")
    X, y = frame[["user_id", "item_id"]].to_numpy(), frame["rating"].to_numpy()
    rng = np.random.default_rng(0)
    test = rng.random(len(y)) < 0.2
    predicted = BiasRegressor().fit(X[~test], y[~test]).predict(X[test])
    assert np.sqrt(np.mean((predicted - y[test]) ** 2)) < 0.945
