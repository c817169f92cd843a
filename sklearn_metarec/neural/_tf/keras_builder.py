"""A user's own Keras model: built, fitted through scikeras, and called."""

import random
from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary

import keras
import numpy as np
from scikeras.wrappers import KerasRegressor
from sklearn import config_context
from sklearn.preprocessing import FunctionTransformer

from sklearn_metarec.neural._layers import run, steps_of

# To trace a graph takes half a second: so few steps are faster without one.
_FEW_STEPS = 40
# Pairs, about, by which Keras and NumPy are compared.
_COMPARED = 256
# The models of fitted estimators, which themselves keep NumPy arrays alone; each beside
# the weights that it has.
_lock = Lock()
_models: WeakKeyDictionary = WeakKeyDictionary()


class _Wrapper(KerasRegressor):
    """Scikeras' regressor with other inputs; it lives as long as a fit does.

    Of scikit-learn's interface no more is used of it than `fit`: its tags, that
    scikit-learn has known otherwise since 1.6, do not matter so.
    """

    inputs: partial

    @property
    def feature_encoder(self):
        return FunctionTransformer(
            lambda pairs: _wanted(self.model_, self.inputs(pairs))
        )

    def _ensure_compiled_model(self):
        super()._ensure_compiled_model()
        # Else the first step makes the moments, and the graph is traced once more.
        self.model_.optimizer.build(self.model_.trainable_variables)
        n_steps = self.epochs * -(-self.X_shape_[0] // self.batch_size)
        if n_steps <= _FEW_STEPS:
            self.model_.run_eagerly = True


def fit(build, inputs, pairs, y, weights, batch_size, epochs, seed):
    """Fit a new model.

    Parameters
    ----------
    build : functools.partial
        The builder and its arguments.
    inputs : callable
        Makes the inputs by name of rows of `pairs`.
    pairs : ndarray of shape (n, n_columns)
        What each pair is made of.
    y, weights : ndarray of shape (n,)
        Ratings and their weights.
    batch_size, epochs, seed : int
        As in Keras.

    Returns
    -------
    weights : list of ndarray
        The model's weights.
    steps : list of dict or None
        How NumPy computes it; None if it cannot.
    losses : list of float
        The loss of each epoch.
    """
    wrapper = _Wrapper(
        partial(_first, build, inputs(pairs[:2])), loss="mse", optimizer="adam",
        batch_size=batch_size, epochs=epochs, random_state=seed, verbose=0,
    )  # fmt: skip
    wrapper.inputs = inputs
    # Keras draws from the generators of the process; scikeras seeds them meanwhile.
    with _lock, config_context(transform_output="default"):
        wrapper.fit(pairs, y, sample_weight=weights)
    model = wrapper.model_
    some = inputs(pairs[:: max(1, len(pairs) // _COMPARED)])
    return model.get_weights(), _in_numpy(model, some), wrapper.history_["loss"]


def _in_numpy(model, inputs):
    """Return the steps in which NumPy says of some inputs what Keras says, or None."""
    expected = _answers(model, inputs)
    try:
        steps = steps_of(model)
        found = run(steps, model.get_weights(), inputs)
    except (NotImplementedError, ValueError):  # a layer that is not known, or a use
        return None
    same = found.shape == expected.shape and np.allclose(
        found, expected, rtol=1e-3, atol=1e-4, equal_nan=True
    )
    return steps if same else None


def _first(build, inputs):
    """Return a new model that has been asked for two pairs."""
    model = _checked(build)
    shape, n = tuple(model(_wanted(model, inputs)).shape), len(inputs["user"])
    if shape not in ((n,), (n, 1)):
        raise ValueError(
            "The builder's model has to give one number a pair, but its output for "
            f"{n} has shape {shape}."
        )
    return model


def predict(estimator, build, inputs):
    """Return what the model of a fitted estimator says of some inputs."""
    weights, model = _models.get(estimator, (None, None))
    if weights is not estimator.weights_:
        with _lock:
            state = random.getstate()  # Keras draws initial weights with it
            try:
                model = _checked(build)
                _set_weights(model, estimator.weights_, inputs)
            finally:
                random.setstate(state)
        _models[estimator] = estimator.weights_, model
    return _answers(model, inputs)


def _answers(model, inputs):
    # Not `model.predict`: it would trace a graph for each model.
    return np.asarray(model(_wanted(model, inputs), training=False)).reshape(-1)


def _set_weights(model, weights, inputs):
    model(_wanted(model, inputs))  # a subclass of Model makes its weights when called
    shapes = [weight.shape for weight in model.get_weights()]
    if shapes != [weight.shape for weight in weights]:
        raise ValueError(
            "The builder makes another model now than when it was fitted: its weights "
            f"have shapes {shapes}. Fit again."
        )
    model.set_weights(weights)


def _checked(build):
    model = build()
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"The builder has to return a keras.Model, but it returned a "
            f"{type(model).__name__}."
        )
    return model


def _wanted(model, inputs):
    """Return those of the inputs that a model asks for by name."""
    tensors = getattr(model, "inputs", None)
    if not tensors:  # a subclass of Model gets all
        return inputs
    unknown = [tensor.name for tensor in tensors if tensor.name not in inputs]
    if unknown:
        raise ValueError(
            f"The inputs of the builder's model are named {list(inputs)}; it asks for "
            f"{unknown}."
        )
    return {tensor.name: inputs[tensor.name] for tensor in tensors}
