"""Keras models of usual layers, in NumPy: what is fitted answers without TensorFlow.

A model becomes steps in the order in which they are computed: each names a layer of
`LAYERS`, its options, the steps that it reads and its weights' places among all.
"""

import numpy as np
from scipy.special import expit, ndtr

_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * ndtr(x),
    "sigmoid": expit,
    "silu": lambda x: x * expit(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "tanh": np.tanh,
}


def steps_of(model):
    """Return the steps of a functional Keras model.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    steps : list of dict
        Of strings, numbers and lists alone.

    Raises
    ------
    NotImplementedError
        If a part of the model is not known here.
    """
    if type(model).__name__ != "Functional":
        raise NotImplementedError(type(model).__name__)
    config = model.get_config()
    layers = {layer["name"]: layer for layer in config["layers"]}
    places = {id(weight): place for place, weight in enumerate(model.weights)}
    steps: list[dict] = []
    done: dict[tuple, int] = {}

    def visit(name, node):
        """Append a use of a layer, after all that it reads; return its place."""
        if (name, node) in done:
            return done[name, node]
        layer = layers[name]
        kind = layer["class_name"]
        if layer["module"] != "keras.layers" or kind not in LAYERS:
            raise NotImplementedError(f"{layer['module']}.{kind}")
        use = layer["inbound_nodes"][node] if layer["inbound_nodes"] else {"args": []}
        if _tensors(use.get("kwargs")):
            raise NotImplementedError(f"{kind} with named inputs")
        options = layer["config"].items()
        step = {
            "layer": kind,
            "options": {key: v for key, v in options if not isinstance(v, dict)},
            "reads": [visit(*tensor) for tensor in _tensors(use["args"])],
            "weights": [places[id(weight)] for weight in model.get_layer(name).weights],
        }
        steps.append(step)
        done[name, node] = len(steps) - 1
        return done[name, node]

    output = config["output_layers"]
    visit(*(output if isinstance(output[0], str) else output[0])[:2])
    return steps


def _tensors(part):
    """Return the (layer, use) of all tensors in a part of a configuration."""
    if isinstance(part, dict):
        if part.get("class_name") == "__keras_tensor__":
            return [tuple(part["config"]["keras_history"][:2])]
        part = list(part.values())
    if isinstance(part, list | tuple):
        return [tensor for each in part for tensor in _tensors(each)]
    return []


def run(steps, weights, inputs):
    """Compute a model in double precision.

    Rounded to single precision, equal pairs get equal answers, wherever they are.

    Parameters
    ----------
    steps : list of dict
        Of `steps_of`.
    weights : list of ndarray
        All weights of the model.
    inputs : dict of {str: ndarray}
        The inputs by name.

    Returns
    -------
    answers : ndarray of shape (n,)
        One number a pair.
    """
    values: list[np.ndarray] = []
    for step in steps:
        options = step["options"]
        read = [values[place] for place in step["reads"]] or [inputs[options["name"]]]
        own = [weights[place] for place in step["weights"]]
        values.append(LAYERS[step["layer"]](options, own, *read))
    return values[-1].reshape(-1)


# ------------------------------------------------ layers: (options, weights, *inputs)


def _input(options, weights, x):
    return x.reshape(-1, *options["batch_shape"][1:]).astype(float)


def _embedding(options, weights, x):
    return weights[0][x.astype(np.int64)].astype(float)


def _dense(options, weights, x):
    x = x @ weights[0]
    return _activation(options, weights, x + weights[1] if options["use_bias"] else x)


def _activation(options, weights, x):
    name = options.get("activation")
    if name not in _ACTIVATIONS:
        raise NotImplementedError(name)
    return _ACTIVATIONS[name](x)


def _relu(options, weights, x):
    if options["negative_slope"] or options["threshold"]:
        raise NotImplementedError("ReLU with a slope or a threshold")
    return np.clip(x, 0, options["max_value"])


def _dot(options, weights, x, y):
    if x.ndim != 2 or y.ndim != 2:
        raise NotImplementedError("Dot of more than vectors")
    if options["normalize"]:
        x, y = (
            z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-6)
            for z in (x, y)
        )
    return (x * y).sum(axis=1, keepdims=True)


def _batch_normalization(options, weights, x):
    *_, mean, variance = weights
    return _scaled(options, weights, x, mean, variance)


def _layer_normalization(options, weights, x):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return _scaled(options, weights, x, mean, variance)


def _scaled(options, weights, x, mean, variance):
    x = (x - mean) / np.sqrt(variance + options["epsilon"])
    if options["scale"]:
        x = x * weights[0]
    return x + weights[int(options["scale"])] if options["center"] else x


def _same(options, weights, x):
    """Return what layers do that work in training alone."""
    return x


def _elementwise(function):
    def layer(options, weights, first, *others):
        for other in others:
            first = function(first, other)
        return first

    return layer


LAYERS = {
    "Activation": _activation,
    "ActivityRegularization": _same,
    "Add": _elementwise(np.add),
    "Average": lambda options, weights, *x: sum(x) / len(x),
    "BatchNormalization": _batch_normalization,
    "Concatenate": lambda options, weights, *x: np.concatenate(x, options["axis"]),
    "Dense": _dense,
    "Dot": _dot,
    "Dropout": _same,
    "Embedding": _embedding,
    "Flatten": lambda options, weights, x: x.reshape(len(x), -1),
    "GaussianDropout": _same,
    "GaussianNoise": _same,
    "Identity": _same,
    "InputLayer": _input,
    "LayerNormalization": _layer_normalization,
    "LeakyReLU": lambda options, weights, x: np.where(
        x > 0, x, x * options["negative_slope"]
    ),
    "Maximum": _elementwise(np.maximum),
    "Minimum": _elementwise(np.minimum),
    "Multiply": _elementwise(np.multiply),
    "ReLU": _relu,
    "Rescaling": lambda options, weights, x: x * options["scale"] + options["offset"],
    "Reshape": lambda options, weights, x: x.reshape(len(x), *options["target_shape"]),
    "SpatialDropout1D": _same,
    "Subtract": _elementwise(np.subtract),
}
