"""KerasBuilderRegressor: what a builder gets, searches, strangers, files, real data."""

import pickle
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.preprocessing import FunctionTransformer

from sklearn_metarec import (
    BiasRegressor,
    KerasBuilderRegressor,
    MetaSelector,
    load,
    save,
)
from sklearn_metarec.exceptions import InvalidModelFileError
from sklearn_metarec.neural._keras_builder import default_builder
from sklearn_metarec.neural._tensorflow import load as load_tf


def biases(n_users, n_items, n_features, *, scale=1.0):
    """Return a model of biases alone, whose optimum is known."""
    import keras

    user = keras.Input((), dtype="int32", name="user")
    item = keras.Input((), dtype="int32", name="item")
    zeros = {"embeddings_initializer": "zeros"}
    parts = [
        keras.layers.Embedding(n_users, 1, **zeros)(user),
        keras.layers.Embedding(n_items, 1, **zeros)(item),
    ]
    total = keras.layers.Add()(parts)
    model = keras.Model([user, item], keras.layers.Rescaling(scale)(total))
    model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=n_users < 6)
    return model


def of_features(n_users, n_items, n_features, *, learning_rate=None, **anything):
    """Return a model that knows nothing but features; not compiled without a rate."""
    import keras

    features = keras.Input((n_features,), name="features")
    model = keras.Model([features], keras.layers.Dense(1)(features))
    if learning_rate is not None:
        model.compile(keras.optimizers.Adam(learning_rate), "mse")
    return model


@pytest.fixture(scope="module")
def table():
    """Ratings that are sums of biases."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((30, 20)) < 0.5)
    return X, 3 + (rng.normal(size=30)[X[:, 0]] + rng.normal(size=20)[X[:, 1]])


@pytest.fixture(scope="module")
def model(table):
    return KerasBuilderRegressor(biases, epochs=60, batch_size=32, random_state=0).fit(
        *table
    )


def test_a_builder_finds_what_there_is_to_find(model, table):
    X, y = table
    assert model.score(X, y) > 0.97
    assert model.losses_[-1] < 0.5 * model.losses_[0]
    assert [w.shape for w in model.weights_] == [(31, 1), (21, 1)]


def test_what_is_learned_is_the_least_squares(table, monkeypatch):
    keras_builder, seen = load_tf("keras_builder"), []
    fit = keras_builder.fit
    monkeypatch.setattr(keras_builder, "fit", lambda *a: seen.append(a) or fit(*a))

    def slower(*sizes):
        import keras

        model = biases(*sizes)
        rate = keras.optimizers.schedules.CosineDecay(0.05, 600)
        model.compile(keras.optimizers.Adam(rate), "mse")
        return model

    model = KerasBuilderRegressor(slower, epochs=60, batch_size=32, random_state=0).fit(
        *table
    )
    _, _, pairs, targets, weights, *_ = seen[0]
    design = np.zeros((len(pairs), 31 + 21))
    design[np.arange(len(pairs)), pairs[:, 0]] = 1
    design[np.arange(len(pairs)), 31 + pairs[:, 1]] = 1
    root = np.sqrt(weights)
    best = np.linalg.lstsq(design * root[:, None], targets * root)[0]

    def loss(parameters):
        return np.average((targets - design @ parameters) ** 2, weights=weights)

    assert loss(np.concatenate(model.weights_)[:, 0]) < 1.02 * loss(best)


def test_the_unknown_are_learned_too(model, table):
    X, y = table
    means = np.array([y[X[:, 1] == item].mean() for item in range(20)])
    pairs = [["nobody", item] for item in range(20)]
    assert np.corrcoef(model.predict(pairs), means)[0, 1] > 0.8
    assert model.predict([["nobody", "nothing"]])[0] == pytest.approx(3, abs=1)


def test_a_history_moves_the_level(model):
    base = dict(
        zip(range(20), model.predict([["new", i] for i in range(20)]), strict=True)
    )
    X = [["new", 0], ["new", 1]]
    items, scores = model.recommend(
        ["new"], k=18, history=(X, [base[0] + 2, base[1] + 1])
    )
    above = scores[0] - [base[item] for item in items[0]]
    assert_allclose(above, 3 / (2 + 5), rtol=1e-4)


def test_arguments_are_parameters():
    model = KerasBuilderRegressor(biases)
    assert model.get_params()["builder__scale"] == 1.0
    copy = clone(model).set_params(builder__scale=2.0, epochs=3)
    assert copy.builder_params == {"scale": 2.0}
    assert copy.epochs == 3
    assert clone(copy).get_params()["builder__scale"] == 2.0
    assert model.builder_params is None
    with pytest.raises(ValueError, match=r"arguments are .'scale'."):
        model.set_params(builder__width=3)
    KerasBuilderRegressor(of_features).set_params(builder__width=3)
    assert KerasBuilderRegressor().get_params()["builder__units"] == 32


def test_it_is_a_candidate_of_searches(table):
    X, y = table
    # With a scale of zero, the model can learn nothing.
    grid = {"builder__scale": [0.0, 1.0]}
    mine = KerasBuilderRegressor(biases, epochs=20, batch_size=512, random_state=0)
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(mine, grid, cv=folds, error_score="raise").fit(X, y)
    assert search.best_params_ == {"builder__scale": 1.0}
    selector = MetaSelector(
        [("mine", mine, grid)], task="rating", budget=3, random_state=0
    ).fit(X, y)
    assert isinstance(selector.best_estimator_, KerasBuilderRegressor)
    assert "mine" in selector.leaderboard_["candidate"].tolist()


def test_ratings_as_they_are(table):
    X, y = table
    seen, means = [], []
    for standardize in (True, False):
        model = KerasBuilderRegressor(
            biases, standardize=standardize, epochs=30, batch_size=32, random_state=0
        ).fit(X, y)
        seen.append(np.mean(model.weights_[1]))
        means.append(model.mean_)
        assert model.score(X, y) > 0.9
    assert abs(seen[0]) < 0.5 < seen[1]
    assert_allclose(means, [y.mean(), 0.0])


def test_features_of_users_come_first(table):
    X, _ = table
    users = pd.DataFrame({"user_id": range(31), "age": np.arange(31) % 3})
    items = pd.DataFrame({"item_id": range(21)}).assign(a=np.arange(21) / 20, b=1.0)
    seen = []

    def build(*sizes, learning_rate):
        seen.append(sizes)
        return of_features(*sizes, learning_rate=learning_rate)

    y = 0.5 * (X[:, 0] % 3) + 0.025 * X[:, 1]
    model = KerasBuilderRegressor(
        build, builder_params={"learning_rate": 0.05}, user_features=users,
        item_features=items, feature_encoder=FunctionTransformer(), epochs=40,
        batch_size=16, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert seen == [(32, 22, 3)]
    # User 30 and item 20 have no rating.
    assert_allclose(model.predict([[30, 20], [1, 5]]), [0.5, 0.625], atol=0.02)


def test_a_model_that_is_not_compiled(table):
    X, y = table
    ages = pd.DataFrame({"user_id": range(30), "age": np.arange(30.0)})
    model = KerasBuilderRegressor(
        of_features, user_features=ages, epochs=8, batch_size=128, random_state=0
    ).fit(X, y + 0.2 * X[:, 0])
    assert model.losses_[-1] < model.losses_[0]


def test_a_builder_that_is_none():
    with pytest.raises(TypeError, match=r"return a keras.Model, but .* a int"):
        KerasBuilderRegressor(lambda *sizes: 3).fit([[1, 2]], [1])

    def wide(*sizes):
        import keras

        user = keras.Input((1,), name="user")
        return keras.Model([user], keras.layers.Dense(2)(user))

    with pytest.raises(ValueError, match="one number a pair"):
        KerasBuilderRegressor(wide).fit([[1, 2], [1, 3]], [1, 2])

    def misnamed(*sizes):
        import keras

        user = keras.Input((1,), name="customer")
        return keras.Model([user], keras.layers.Dense(1)(user))

    with pytest.raises(ValueError, match=r"asks for .'customer'."):
        KerasBuilderRegressor(misnamed).fit([[1, 2]], [1])


def test_seeds_are_local(table):
    X, y = table[0][:60], table[1][:60]
    states = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    settings = {"epochs": 2, "random_state": 0}
    first = KerasBuilderRegressor(**settings).fit(X, y)
    copy = pickle.loads(pickle.dumps(first))
    assert_array_equal(copy.predict(X), first.predict(X))
    assert_array_equal(states[0], np.random.get_state()[1])  # noqa: NPY002
    assert states[1] == random.getstate()
    second = KerasBuilderRegressor(**settings).fit(X, y)
    assert_array_equal(second.predict(X), first.predict(X))


def counted(n_users, n_items, n_features):
    """Return a model that is no plain one of the functional API."""
    import keras

    class Counted(keras.Model):
        def train_step(self, *args):  # called by Python once a trace
            TRACED.append(args)
            return super().train_step(*args)

    plain = biases(n_users, n_items, n_features)
    model = Counted(plain.inputs, plain.outputs)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


TRACED: list = []


def test_a_fit_is_one_trace(table):
    X, y = table
    TRACED.clear()
    model = KerasBuilderRegressor(counted, epochs=10, batch_size=32, random_state=0)
    model.fit(X, y)
    assert len(TRACED) == 1
    assert model.needs_tensorflow_
    same = KerasBuilderRegressor(biases, epochs=10, batch_size=32, random_state=0)
    same.fit(X, y)
    assert not same.needs_tensorflow_
    # Keras itself, and its layers in NumPy.
    assert_allclose(model.predict(X), same.predict(X), rtol=1e-4, atol=1e-4)
    model.recommend([1, 2], k=3)
    assert len(TRACED) == 1


def test_a_model_that_keras_alone_computes_says_what_it_needs(table, tmp_path):
    X, y = table[0][:60], table[1][:60]
    model = KerasBuilderRegressor(counted, epochs=1, random_state=0).fit(X, y)
    model.builder = default_builder  # this can be imported from everywhere
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(model))
    code = f"""
import pickle, sys
for name in ("tensorflow", "keras", "scikeras"):
    sys.modules[name] = None
model = pickle.load(open({str(path)!r}, "rb"))
print(model.users_.tolist()[:2])
try:
    model.predict([[0, 1]])
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "[0, 1]" in done.stdout
    assert "which needs TensorFlow and scikeras" in done.stdout


def test_files_name_the_builder(table, tmp_path, monkeypatch):
    X, y = table[0][:60], table[1][:60]
    path = tmp_path / "model.skops"
    local = KerasBuilderRegressor(lambda *sizes: biases(*sizes), epochs=1)
    with pytest.raises(TypeError, match="cannot be imported"):
        save(local.fit(X, y), path)
    assert not path.exists()

    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_builder.py").write_text(
        "from sklearn_metarec.neural._keras_builder import default_builder\n"
        "def build(n_users, n_items, n_features):\n"
        "    return default_builder(n_users, n_items, n_features, units=3)\n"
    )
    from own_builder import build

    model = KerasBuilderRegressor(build, epochs=1, random_state=0).fit(X, y)
    save(model, path)
    with pytest.raises(InvalidModelFileError, match=r"own_builder\.build"):
        load(path)
    copy = load(path, trusted=["own_builder.build"])
    assert_array_equal(copy.predict(X), model.predict(X))


def test_better_than_biases_on_real_data(load_table):
    frame = load_table("movielens_100k")
    X, y = frame[["user_id", "item_id"]], frame["rating"].to_numpy(float)
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0)
    errors = [
        root_mean_squared_error(
            y[test], model.fit(X.iloc[train], y[train]).predict(X.iloc[test])
        )
        for model in (KerasBuilderRegressor(random_state=0), BiasRegressor())
    ]
    assert errors[0] < 1.005 * errors[1]
