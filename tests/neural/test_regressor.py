"""NeuralRegressor: optimal heads, gradients, penalties, features, real data."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from sklearn_metarec import BiasRegressor, NeuralRegressor
from sklearn_metarec.neural._tensorflow import load

SMALL = {"embedding_dim": 4, "hidden_dim": 3, "batch_size": 32, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Ratings of 40 users and 25 items of two tastes, each pair once."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((40, 25)) < 0.5)
    taste = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 25))
    return X, np.round(3 + taste[X[:, 0], X[:, 1]], 1)


def test_heads_are_those_of_a_ridge_regression(table):
    X, y = table
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y))
    model = NeuralRegressor(regularization=0.7, epochs=5, **SMALL).fit(X, y, weights)
    H = np.column_stack([np.ones(25), model.item_factors_])
    penalty = np.diag([model.bias_regularization, 0.7, 0.7, 0.7])
    mean = np.average(y, weights=weights)
    scale = np.sqrt(np.average((y - mean) ** 2, weights=weights))
    for user in (0, 7, 23):
        own = X[:, 0] == user
        cols = X[own, 1]
        target = (y[own] - mean) / scale - model.item_biases_[cols]
        own_H, w = H[cols], weights[own]
        head = np.linalg.solve((own_H.T * w) @ own_H + penalty, own_H.T @ (w * target))
        expected = mean + scale * (model.item_biases_ + H @ head)
        pairs = np.column_stack([np.full(25, user), np.arange(25)])
        assert_allclose(model.predict(pairs), expected, rtol=1e-5)


def test_the_loss_is_the_objective(table):
    X, y = table
    model = NeuralRegressor(epochs=3, **SMALL).fit(X, y)
    w = {name: value.astype(float) for name, value in model.weights_.items()}
    H = expit(w["items"] @ w["theta"] + w["offsets"])
    assert_allclose(H, model.item_factors_, rtol=1e-5)
    user, item = X.T
    predicted = (w["heads"][user] * H[item]).sum(axis=1)
    predicted += w["user_biases"][user] + w["item_biases"][item]
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y))
    error = np.average(((y - 3) - predicted) ** 2, weights=weights)
    squares = sum((w[name] ** 2).sum() for name in ("items", "theta", "heads"))
    biases = (w["user_biases"] ** 2).sum() + (w["item_biases"] ** 2).sum()
    expected = error + 0.1 * squares + 0.2 * np.abs(w["theta"]).sum() + 0.3 * biases
    nothing = (np.zeros(26, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    columns = (user.astype(np.int32), item.astype(np.int32))
    data = (*columns, np.float32(y - 3), np.float32(weights), *nothing)
    found = load("regressor").loss(
        tuple(model.weights_.values()), data, np.arange(len(y), dtype=np.int32),
        np.float32([0, 0.1, 0.2, 0.3]), np.int32([0, 0]),
    )  # fmt: skip
    assert_allclose(found, expected, rtol=1e-5)


def test_it_learns_what_biases_cannot(table):
    X, y = table
    train, test = train_test_split(np.arange(len(y)), random_state=0)
    model = NeuralRegressor(
        8, hidden_dim=8, regularization=0.3, epochs=60, batch_size=32, random_state=0
    ).fit(X[train], y[train])
    plain = BiasRegressor().fit(X[train], y[train])
    errors = [
        root_mean_squared_error(y[test], m.predict(X[test])) for m in (model, plain)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_absolute_penalties_leave_little_of_theta(table):
    plain, penalized = (
        NeuralRegressor(
            regularization=0.1, l1_regularization=l1, epochs=30, **SMALL
        ).fit(*table)
        for l1 in (0.0, 100.0)
    )
    sizes = [np.abs(m.weights_["theta"]).mean() for m in (plain, penalized)]
    assert sizes[1] < 0.1 * sizes[0]


def test_a_new_item_is_told_by_its_features():
    rng = np.random.default_rng(0)
    kind = np.arange(30) % 2
    X = np.argwhere(rng.random((40, 28)) < 0.6)
    y = 3 + np.where(X[:, 0] % 2 == kind[X[:, 1]], 1.0, -1.0)
    items = pd.DataFrame({"item_id": np.arange(30), "kind": kind.astype(str)})
    model = NeuralRegressor(
        item_features=items, regularization=0.1, epochs=60, **SMALL
    ).fit(X, y)
    found = model.predict([[0, 28], [0, 29], [1, 28], [1, 29]])
    assert_allclose(found, [4, 2, 2, 4], atol=0.8)


def test_reasons_add_up(table):
    X, y = table
    model = NeuralRegressor(epochs=5, **SMALL).fit(X, y)
    why = model.explain(3, 4)
    assert why.exact
    assert why.baseline + why.contributions.sum() == pytest.approx(why.score, rel=1e-5)


def test_better_than_biases_on_real_data(load_table):
    frame = load_table("movielens_100k")
    X, y = frame[["user_id", "item_id"]], frame["rating"].to_numpy(float)
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0)
    model = NeuralRegressor(random_state=0).fit(X.iloc[train], y[train])
    error = root_mean_squared_error(y[test], model.predict(X.iloc[test]))
    assert error < 0.925
