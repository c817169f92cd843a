"""Epochs of stochastic gradient descent that are traced once a process.

A fit passes all it has as arguments: parameters, moments, data and settings. Shapes are
open and nothing is a closure, so the graph of a loss serves every fit of the process,
whatever its sizes. A whole epoch is one call.
"""

from functools import cache

import numpy as np
import tensorflow as tf

# The constants of Adam (Kingma and Ba 2015, algorithm 1).
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class Trainer:
    """Minimizes one loss by Adam.

    Parameters
    ----------
    loss : callable
        A module-level function `loss(params, data, batch, settings, seed)` that returns
        a scalar: `batch` are the rows of a step, `settings` a vector of numbers that
        may change between epochs, `seed` two integers for stateless random numbers.
    params : tuple of ndarray, dtype=float32
        Where to start.
    data : tuple of ndarray
        What all steps read.
    """

    def __init__(self, loss, params, data):
        zeros = tuple(np.zeros_like(param) for param in params)
        self._state = (np.float32(0), tuple(params), zeros, zeros)
        self._data = tuple(tf.constant(array) for array in data)
        self._epoch = compiled_epoch(loss, _kinds(params), _kinds(data))

    def run(self, order, batch_size, learning_rate, settings, seed):
        """Do one epoch over the rows of `order`; return the mean loss of its steps."""
        self._state, loss = self._epoch(
            self._state, self._data, np.asarray(order, dtype=np.int32),
            np.int32(batch_size), np.float32(learning_rate),
            np.asarray(settings, dtype=np.float32), np.asarray(seed, dtype=np.int32),
        )  # fmt: skip
        return float(loss)

    def params(self):
        """Return copies of the parameters as they are now."""
        return tuple(np.array(param) for param in self._state[1])


@cache
def compiled_epoch(loss, param_kinds, data_kinds):
    """Return the graph of an epoch, for parameters and data of these (rank, dtype)."""
    params = tuple(_spec(*kind) for kind in param_kinds)
    signature = (
        (_spec(0, "float32"), params, params, params),
        tuple(_spec(*kind) for kind in data_kinds),
        _spec(1, "int32"), _spec(0, "int32"), _spec(0, "float32"),
        _spec(1, "float32"), _spec(1, "int32"),
    )  # fmt: skip

    @tf.function(input_signature=signature, autograph=False)
    def epoch(state, data, order, batch_size, learning_rate, settings, seed):
        n_steps = -(-tf.size(order) // batch_size)

        def step(number, state, total):
            batch = order[number * batch_size : (number + 1) * batch_size]
            params = state[1]
            with tf.GradientTape() as tape:
                tape.watch(params)
                # Each step has random numbers of its own.
                value = loss(params, data, batch, settings, shifted(seed, number))
            gradients = tape.gradient(
                value, params, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            return number + 1, adam(state, gradients, learning_rate), total + value

        _, state, total = tf.while_loop(
            lambda number, state, total: number < n_steps, step,
            (tf.constant(0), state, tf.constant(0.0)), maximum_iterations=n_steps,
        )  # fmt: skip
        return state, total / tf.cast(tf.maximum(n_steps, 1), tf.float32)

    return epoch


def adam(state, gradients, learning_rate):
    """Return the state after one step: (steps done, parameters, two moments)."""
    step, params, means, squares = state
    step += 1
    rate = learning_rate * tf.sqrt(1 - _BETA2**step) / (1 - _BETA1**step)
    updated = []
    for param, gradient, mean, square in zip(
        params, gradients, means, squares, strict=True
    ):
        gradient = tf.convert_to_tensor(gradient)  # of a lookup, it is sparse
        mean += (1 - _BETA1) * (gradient - mean)
        square += (1 - _BETA2) * (gradient * gradient - square)
        param -= rate * mean / (tf.sqrt(square) + _EPSILON)
        updated.append((param, mean, square))
    return step, *zip(*updated, strict=True)


def shifted(seed, by):
    """Return another seed for stateless random numbers."""
    return seed + tf.stack([0, by])


def dropout(values, rate, seed):
    """Return values of which a share is zero, the others larger in turn."""
    kept = tf.random.stateless_uniform(tf.shape(values), seed) >= rate
    return tf.where(kept, values / (1 - rate), 0.0)


def take_rows(indptr, rows):
    """Return (which of `rows`, which entry) of all entries of compressed rows."""
    starts, stops = tf.gather(indptr, rows), tf.gather(indptr, rows + 1)
    entries = tf.ragged.range(starts, stops)
    return tf.cast(entries.value_rowids(), tf.int32), entries.values


def sum_of_squares(params):
    """Return the sum of the squares of several tensors."""
    return tf.add_n([tf.reduce_sum(param * param) for param in params])


def _spec(rank, dtype):
    return tf.TensorSpec([None] * rank, dtype)


def _kinds(arrays):
    return tuple((array.ndim, array.dtype.name) for array in arrays)
