"""MetaRegressor: heads by formula, exact gradients, the same loops in NumPy."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logit
from sklearn.metrics import mean_absolute_error

from sklearn_metarec import BiasRegressor, MetaRegressor, load, save
from sklearn_metarec.meta._episodes import Adam, Rows, batches, padded

GOLDEN = Path(__file__).parents[1] / "golden" / "meta_regressor.json"
INNER = ["ridge", "anil", "maml", "reptile"]


@pytest.fixture(scope="module")
def world():
    """60 users and 30 items whose features make the ratings."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(30, 3))
    group = np.arange(60) % 2
    taste = rng.normal(size=(60, 3)) + np.where(group, 1.5, -1.5)[:, None] * [1, 0, 0]
    X = np.argwhere(rng.random((60, 30)) < 0.4)
    y = 3 + features[X[:, 1], 1] + (taste[X[:, 0]] * features[X[:, 1]]).sum(axis=1)
    items = pd.DataFrame(features, columns=list("abc"))
    items.insert(0, "item_id", np.arange(30))
    users = pd.DataFrame({"user_id": np.arange(60), "group": group.astype(str)})
    return X, y + rng.normal(0, 0.3, len(y)), items, users


def make(inner="ridge", items=None, users=None, **settings):
    settings = {"embedding_dim": 3, "epochs": 4, "random_state": 0} | settings
    return MetaRegressor(inner, item_features=items, user_features=users, **settings)


def inputs(encoder, n_items=5, k=2, n_features=3, n_user_features=2, n_users=3):
    """Parameters and a batch of a tiny model, as float32."""
    rng = np.random.default_rng(0)
    d = k + (encoder != "sigmoid")
    parameters = {
        "W": rng.normal(size=(n_features, k)), "b": rng.normal(size=k),
        "mean": rng.normal(size=d), "coef": rng.normal(size=(n_user_features, d)),
        "log_precision": rng.normal(size=d), "log_rate": np.array(-1.5),
        "own": rng.normal(size=(n_items, k)),
    }  # fmt: skip
    batch = [rng.normal(size=(n_items, n_features)), rng.normal(size=(n_users, 2))]
    for n_rows in (4, 2):
        batch += [
            rng.integers(0, n_items, (n_users, n_rows)).astype(np.int32),
            rng.uniform(0, 1, (n_users, n_rows)),
            rng.integers(0, 3, (n_users, n_rows)).astype(float),
        ]
    batch.append(np.array(0.1))
    as_float = [np.float32(b) if b.dtype != np.int32 else b for b in batch]
    return {key: np.float32(value) for key, value in parameters.items()}, as_float


def compute(inner, encoder, parameters, batch, second_order=True):
    from sklearn_metarec.neural._tf import _meta

    step = _meta.loss_and_gradients(
        inner, encoder, encoder != "sigmoid", 2, second_order
    )
    loss, gradients = step(*parameters.values(), *batch)
    return float(loss), [gradient.numpy() for gradient in gradients]


@pytest.mark.parametrize("encoder", ["tanh", "sigmoid"])
@pytest.mark.parametrize("inner", ["ridge", "anil", "maml"])
def test_gradients_are_those_of_finite_differences(inner, encoder):
    parameters, batch = inputs(encoder)
    _, gradients = compute(inner, encoder, parameters, batch)
    h = 1e-2
    for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
        for place in list(np.ndindex(value.shape))[:4]:
            around = []
            for sign in (1, -1):
                moved = np.array(value)
                moved[place] += sign * h
                changed = parameters | {name: moved}
                around.append(compute(inner, encoder, changed, batch)[0])
            expected = (around[0] - around[1]) / (2 * h)
            assert_allclose(gradient[place], expected, rtol=0.02, atol=2e-3)


def test_first_order_leaves_out_a_part_of_the_gradient():
    parameters, batch = inputs("tanh")
    parameters["log_rate"] = np.float32(-4)
    exact, first = (
        compute("maml", "tanh", parameters, batch, second_order)
        for second_order in (True, False)
    )
    assert exact[0] == first[0]
    assert not np.allclose(exact[1][0], first[1][0], rtol=1e-3)
    cosine = np.sum(exact[1][0] * first[1][0])
    cosine /= np.linalg.norm(exact[1][0]) * np.linalg.norm(first[1][0])
    assert cosine > 0.9


def test_reptile_moves_to_where_users_end():
    """With one step the displacement is the rate times the gradient of their errors."""
    from sklearn_metarec.neural._tf import _meta

    parameters, batch = inputs("tanh")
    step = _meta.loss_and_gradients("reptile", "tanh", True, 1, True)
    found = step(*parameters.values(), *batch)[1]
    x, users, place, target, weight = batch[:5]
    rate, h = np.exp(parameters["log_rate"]), parameters["mean"]
    h = h + users @ parameters["coef"]
    e = np.tanh(x @ parameters["W"] + parameters["b"] + parameters["own"])
    z = np.concatenate([np.ones((*place.shape, 1)), e[place]], axis=-1)
    error = weight * (np.einsum("usd,ud->us", z, h) - target)
    error /= weight.sum(axis=1, keepdims=True)
    inside = error[..., None] * h[:, None, 1:] * (1 - e[place] ** 2)
    squares = np.square(np.einsum("usf,usk->ufk", x[place], inside)).sum((1, 2))
    squares += np.square(inside.sum(axis=1)).sum(axis=1)
    squares += np.square(np.einsum("usd,us->ud", z, error)).sum(axis=1)
    shrink = 1 / np.sqrt(np.maximum(squares, 1))[:, None]
    error, inside = error * shrink, inside * shrink[..., None]
    W = rate * np.einsum("usf,usk->ufk", x[place], inside).mean(axis=0)
    mean = rate * np.einsum("usd,us->ud", z, error).mean(axis=0)
    assert_allclose(found[0], W, rtol=1e-4, atol=1e-6)
    assert_allclose(found[2], mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n_rows", [2, 9])
def test_woodbury_and_the_normal_equations_give_one_head(n_rows):
    """Shorter than the head, by one equation a row; longer, by one an entry."""
    from sklearn_metarec.neural._tf import _meta

    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(4, n_rows, 5)), rng.normal(size=(4, n_rows))
    w, m = rng.integers(0, 3, (4, n_rows)), rng.normal(size=(4, 5))
    precision = rng.uniform(0.5, 3, 5)
    arguments = (np.float32(part) for part in (z, t, w, m, precision))
    found = _meta.ridge_heads(*arguments).numpy()
    for user in range(4):
        system = (z[user].T * w[user]) @ z[user] + np.diag(precision)
        side = z[user].T @ (w[user] * t[user]) + precision * m[user]
        assert_allclose(found[user], np.linalg.solve(system, side), rtol=1e-3)


def test_a_head_solves_the_normal_equations(world):
    X, y, items, users = world
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y))
    model = make("ridge", items, users).fit(X, y, weights)
    mean = np.average(y, weights=weights)
    std = np.sqrt(np.average((y - mean) ** 2, weights=weights))
    for user in (0, 31, 59):
        own = X[:, 0] == user
        Z, w = model.item_vectors_[X[own, 1]], weights[own]
        prior = model.mean_head_ + model._vectors["user"][user] @ model.head_coef_
        system = (Z.T * w) @ Z + np.diag(model.precision_)
        side = Z.T @ (w * (y[own] - mean) / std) + model.precision_ * prior
        head = np.linalg.solve(system, side)
        assert_allclose(model.user_heads_[user], head, rtol=1e-6)
        score = mean + std * model.item_vectors_[7] @ head
        assert_allclose(model.predict([[user, 7]]), [score], rtol=1e-5)


@pytest.mark.parametrize("encoder", ["relu", "sigmoid"])
@pytest.mark.parametrize("inner", INNER)
def test_numpy_takes_the_steps_of_tensorflow(world, inner, encoder):
    """The loss that TensorFlow sees of a batch is that of the NumPy predictions."""
    X, y, items, users = world
    model = make(inner, items, users, encoder=encoder, inner_steps=3).fit(X, y)
    X_new = np.column_stack([np.full(8, 99), np.arange(8)])
    y_new = np.linspace(y.min(), y.max(), 8)
    history = (X_new[:5], y_new[:5])
    wanted = model.recommend([99], 30, history=history, exclude_seen=False)
    scores = dict(zip(wanted[0][0].tolist(), wanted[1][0].tolist(), strict=True))
    predicted = np.array([scores[item] for item in range(5, 8)]) - model._center
    outcomes = (y_new - model._center) / model._scale
    expected = np.mean((predicted / model._scale - outcomes[5:]) ** 2)
    targets = outcomes
    if encoder == "sigmoid":
        targets = logit(np.clip(outcomes, 1e-3, 1 - 1e-3))
    from sklearn_metarec.neural._tf import _meta

    step = _meta.loss_and_gradients(inner, encoder, encoder != "sigmoid", 3, True)
    own = model.item_factors_[:8]
    arrays = [
        model.weights_, model.intercept_, model.mean_head_, model.head_coef_,
        np.log(model.precision_), np.log(model.inner_rate_), own,
        model._vectors["item"][:8], np.zeros((1, model._vectors["user"].shape[1])),
    ]  # fmt: skip
    places = np.arange(8, dtype=np.int32)[None]
    ones = np.ones((1, 8), dtype=np.float32)
    loss, _ = step(
        *map(np.float32, arrays),
        places[:, :5], np.float32(targets[None, :5]), ones[:, :5],
        places[:, 5:], np.float32(outcomes[None, 5:]), ones[:, 5:], np.float32(0),
    )  # fmt: skip
    assert_allclose(loss, expected, rtol=1e-3)


@pytest.mark.parametrize("inner", INNER)
def test_every_inner_loop_learns(world, inner):
    """Users and items that are not in the fit, known by features and few rows."""
    X, y, items, users = world
    known = (X[:, 0] < 45) & (X[:, 1] < 25)
    settings = {"epochs": 25, "batch_size": 8, "inner_learning_rate": 0.2}
    if inner == "reptile":
        settings["learning_rate"] = 0.05
    model = make(inner, items, users, **settings).fit(X[known], y[known])
    bias = BiasRegressor().fit(X[known], y[known])
    support = (X[:, 0] >= 45) & (np.arange(len(X)) % 2 == 0)
    query = (X[:, 0] >= 45) & ~support
    for each in (model, bias):
        each.partial_fit(X[support & (X[:, 1] < 25)], y[support & (X[:, 1] < 25)])
    for part in (query & (X[:, 1] < 25), query & (X[:, 1] >= 25)):
        ours, plain = (
            mean_absolute_error(y[part], each.predict(X[part]))
            for each in (model, bias)
        )
        assert ours < 0.85 * plain


@pytest.mark.parametrize("inner", INNER)
def test_an_update_touches_only_users_of_the_new_rows(world, inner):
    X, y, items, users = world
    rows = X[:, 0] < 55
    model = make(inner, items, users, epochs=1).fit(X[rows], y[rows])
    heads, vectors = model.user_heads_, model.item_vectors_.copy()
    new = X[:, 0] == 57
    folded = model.recommend([57], 5, history=(X[new], y[new]))
    model.partial_fit(X[new], y[new])
    moved = np.flatnonzero((model.user_heads_ != heads).any(axis=1))
    assert moved.tolist() == [57]
    assert_array_equal(model.item_vectors_, vectors)
    known = model.recommend([57], 5)
    assert_array_equal(known[0], folded[0])
    assert_allclose(known[1], folded[1], rtol=1e-6)


@pytest.mark.parametrize("inner", INNER)
def test_many_users_at_once_are_as_one_at_a_time(world, inner):
    X, y, items, _ = world
    rows = X[:, 0] < 50
    model = make(inner, items, epochs=1).fit(X[rows], y[rows])
    history = pd.DataFrame(X[~rows], columns=["user_id", "item_id"])
    together = model.recommend(history=(history, y[~rows]), k=5)
    for place, user in enumerate(range(50, 60)):
        own = history["user_id"].to_numpy() == user
        alone = model.recommend(history=(history[own], y[~rows][own]), k=5)
        assert_array_equal(alone[0][0], together[0][place])
        assert_allclose(alone[1][0], together[1][place], rtol=1e-5)


def test_the_sigmoid_encoder_is_the_formula(world):
    X, y, items, _ = world
    model = make(items=items, encoder="sigmoid", item_ids=False).fit(X, y)
    P = items[list("abc")].to_numpy()
    P = (P - P.mean(axis=0)) / P.std(axis=0)
    low, high = y.min(), y.max()
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    r = expit(expit(P @ model.weights_) @ model.user_heads_[4])
    predicted = model.predict([[4, item] for item in range(30)])
    assert_allclose(predicted, low + (high - low) * r, rtol=1e-4)
    assert_array_equal(model.item_factors_, 0)


def test_a_second_fit_traces_nothing(world):
    from sklearn_metarec.neural._tf import _meta

    X, y, items, users = world
    make("ridge", items, users, epochs=1).fit(X, y)
    before = _meta.n_traces
    make("ridge", items, users, epochs=1, embedding_dim=5, batch_size=7).fit(X, y)
    make("ridge", epochs=1, learning_rate=0.1).fit(X[:50], y[:50])
    assert _meta.n_traces == before


def test_the_seed_is_local_and_decides(world):
    X, y, items, _ = world
    first, second, third = (
        make(items=items, random_state=seed).fit(X, y).predict(X) for seed in (0, 0, 1)
    )
    assert_array_equal(first, second)
    assert not np.allclose(first, third)


@pytest.mark.parametrize("inner", ["ridge", "maml"])
def test_a_fitted_model_needs_no_tensorflow(world, inner, tmp_path):
    X, y, items, users = world
    items, users = (table.to_dict("list") for table in (items, users))
    model = make(inner, items, users, epochs=1).fit(X, y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "X.npy", X[:20])
    code = (
        "import pickle, sys, numpy as np\n"
        "sys.modules['tensorflow'] = None\n"
        "model = pickle.load(open(sys.argv[1] + '/model.pickle', 'rb'))\n"
        "X = np.load(sys.argv[1] + '/X.npy')\n"
        "X[:, 0] = 99\n"
        "model.recommend([99], 3, history=(X[:5], np.arange(5.0)))\n"
        "X = np.load(sys.argv[1] + '/X.npy')\n"
        "np.save(sys.argv[1] + '/out.npy', model.predict(X))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)]
    subprocess.run(command, check=True)
    found = np.load(tmp_path / "out.npy")
    assert_allclose(found, model.predict(X[:20]), rtol=1e-6)
    again = load(save(model, tmp_path / "model.skops"))
    assert_array_equal(again.predict(X), model.predict(X))


def test_episodes_split_all_rows_of_a_user():
    lengths = np.array([3, 0, 1, 6, 250])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    n = indptr[-1]
    rows = Rows(indptr, np.zeros(n, int), np.zeros(n), np.zeros(n), np.ones(n))
    seen = {}
    for users, support, query in batches(rows, 2, np.random.default_rng(0), split=True):
        for user, known, asked in zip(users, support, query, strict=True):
            assert len(asked) >= 1
            seen[user] = np.concatenate([known, asked])
    assert sorted(seen) == [0, 2, 3, 4]
    assert sorted(seen[3]) == list(range(4, 10))
    assert len(np.unique(seen[4])) == 100
    whole = next(iter(batches(rows, 9, np.random.default_rng(0), split=False)))
    assert [len(part) for part in whole[1]] == [len(part) for part in whole[2]]


def test_padding_has_no_weight():
    parts = [np.array([2, 0]), np.array([], dtype=int), np.array([1])]
    values = np.array([5.0, 6.0, 7.0])
    places, targets, weights = padded(parts, np.arange(3), values, np.ones(3))
    assert places.tolist() == [[2, 0], [0, 0], [1, 0]]
    assert targets.tolist() == [[7, 5], [0, 0], [6, 0]]
    assert weights.tolist() == [[1, 1], [0, 0], [1, 0]]


def test_adam_finds_the_minimum_and_leaves_other_rows():
    parameters = {"a": np.array([5.0, -3.0]), "own": np.ones((4, 2))}
    adam = Adam(parameters)
    for _ in range(2000):
        gradients = {"a": parameters["a"] - 1, "own": parameters["own"][[1, 3]]}
        adam.step(gradients, 0.01, np.array([1, 3]))
    assert_allclose(parameters["a"], 1, atol=1e-2)
    assert_allclose(parameters["own"][[1, 3]], 0, atol=1e-2)
    assert_array_equal(parameters["own"][[0, 2]], 1)


def test_golden(world):
    """Predictions of five rows: see `golden/meta_regressor.json`."""
    X, y, items, users = world
    model = make("ridge", items, users).fit(X, y)
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert_allclose(model.predict(X[:5]), expected["predictions"], rtol=1e-2)
