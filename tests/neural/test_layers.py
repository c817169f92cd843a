"""Layers in NumPy: each says what Keras says; what is not known is left to Keras."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_metarec import KerasBuilderRegressor
from sklearn_metarec.neural._layers import LAYERS, run, steps_of

ACTIVATIONS = ["linear", "relu", "elu", "gelu", "sigmoid", "silu", "softplus", "tanh"]
INPUTS = {
    "user": np.array([0, 3, 2], dtype=np.int32),
    "item": np.array([1, 1, 4], dtype=np.int32),
    "features": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
}
# From the layers of Keras and two tensors, vectors of a pair, to one that is of use.
USES = {
    "Activation": lambda L, p, q: L.Activation("tanh")(p),
    "ActivityRegularization": lambda L, p, q: L.ActivityRegularization(0.1)(p),
    "Add": lambda L, p, q: L.Add()([p, q, p]),
    "Average": lambda L, p, q: L.Average()([p, q, p]),
    "BatchNormalization": lambda L, p, q: L.BatchNormalization(epsilon=0.1)(p),
    "Concatenate": lambda L, p, q: L.Concatenate()([p, q]),
    "Dense": lambda L, p, q: L.Dense(5, use_bias=False)(p),
    "Dot": lambda L, p, q: L.Dot(axes=1)([p, q]),
    "Dropout": lambda L, p, q: L.Dropout(0.5)(p),
    "Embedding": lambda L, p, q: p,
    "Flatten": lambda L, p, q: L.Flatten()(L.Reshape((2, 2))(p)),
    "GaussianDropout": lambda L, p, q: L.GaussianDropout(0.5)(p),
    "GaussianNoise": lambda L, p, q: L.GaussianNoise(0.5)(p),
    "Identity": lambda L, p, q: L.Identity()(p),
    "InputLayer": lambda L, p, q: q,
    "LayerNormalization": lambda L, p, q: L.LayerNormalization(scale=False)(p),
    "LeakyReLU": lambda L, p, q: L.LeakyReLU(negative_slope=0.2)(p),
    "Maximum": lambda L, p, q: L.Maximum()([p, q]),
    "Minimum": lambda L, p, q: L.Minimum()([p, q]),
    "Multiply": lambda L, p, q: L.Multiply()([p, q]),
    "ReLU": lambda L, p, q: L.ReLU(max_value=0.5)(p),
    "Rescaling": lambda L, p, q: L.Rescaling(2.0, offset=1.0)(p),
    "Reshape": lambda L, p, q: L.Flatten()(L.Reshape((4, 1))(p)),
    "SpatialDropout1D": lambda L, p, q: L.Flatten()(
        L.SpatialDropout1D(0.5)(L.Reshape((2, 2))(p))
    ),
    "Subtract": lambda L, p, q: L.Subtract()([p, q]),
}
USES |= {
    name: lambda L, p, q, name=name: L.Dense(3, activation=name)(p)
    for name in ACTIVATIONS
}
USES["Dot, normalized"] = lambda L, p, q: L.Dot(axes=1, normalize=True)([p, q])


def model_of(use):
    """A model of an embedding of either side, the features, and one use of layers."""
    keras = pytest.importorskip("keras")
    layers = keras.layers
    user = keras.Input((), dtype="int32", name="user")
    item = keras.Input((), dtype="int32", name="item")
    features = keras.Input((4,), name="features")
    p = layers.Embedding(4, 4)(user)
    q = layers.Add()([layers.Embedding(5, 4)(item), features])
    output = layers.Dense(1)(use(layers, p, q))
    model = keras.Model([user, item, features], output)
    rng = np.random.default_rng(1)
    # Positive, as a variance has to be.
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("use", USES)
def test_each_layer_says_what_keras_says(use):
    model = model_of(USES[use])
    expected = np.ravel(model(INPUTS))
    found = run(steps_of(model), model.get_weights(), INPUTS)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_all_layers_are_tested():
    assert LAYERS.keys() | set(ACTIVATIONS) == USES.keys() - {"Dot, normalized"}


def test_a_layer_may_be_used_twice():
    def use(layers, p, q):
        shared = layers.Dense(3, activation="tanh")
        return layers.Subtract()([shared(q), shared(p)])

    model = model_of(use)
    found = run(steps_of(model), model.get_weights(), INPUTS)
    assert_allclose(found, np.ravel(model(INPUTS)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "use",
    [
        lambda layers, p, q: p + q,
        lambda layers, p, q: layers.Dense(2, activation="softmax")(p),
        lambda layers, p, q: layers.ReLU(negative_slope=0.1)(p),
        lambda layers, p, q: layers.Flatten()(
            layers.Dot(axes=2)([layers.Reshape((2, 2))(p), layers.Reshape((2, 2))(q)])
        ),
    ],
    ids=["operator", "activation", "slope", "matrices"],
)
def test_what_is_not_known_is_said(use):
    model = model_of(use)
    with pytest.raises(NotImplementedError):
        run(steps_of(model), model.get_weights(), INPUTS)


def test_what_differs_from_keras_is_left_to_keras(monkeypatch):
    X, y = [[1, 2], [1, 3], [2, 3]], [1.0, 2.0, 3.0]
    settings = {"epochs": 1, "random_state": 0}
    plain = KerasBuilderRegressor(**settings).fit(X, y)
    assert not plain.needs_tensorflow_
    expected = plain.predict(X)
    monkeypatch.setitem(LAYERS, "Dense", lambda options, weights, x: x[:, :1])
    model = KerasBuilderRegressor(**settings).fit(X, y)
    assert model.needs_tensorflow_
    assert_allclose(model.predict(X), expected, rtol=1e-5)
