"""Meta-training: users split into support and query rows, and Adam's steps."""

from dataclasses import dataclass

import numpy as np

# A user with more rows shows so many of them in an epoch, drawn at random.
_MAX_ROWS = 100
_DECAY = 0.9, 0.999
_TINY = 1e-8


@dataclass(frozen=True)
class Rows:
    """Compressed rows of targets and weights.

    Attributes
    ----------
    indptr, cols : ndarray
        Where each user's rows are, and their items.
    targets : ndarray of shape (n_pairs,)
        The ratings, as the inner loop sees them.
    outcomes : ndarray of shape (n_pairs,)
        The ratings, as the loss sees them.
    weights : ndarray of shape (n_pairs,)
        The weights, of mean one.
    """

    indptr: np.ndarray
    cols: np.ndarray
    targets: np.ndarray
    outcomes: np.ndarray
    weights: np.ndarray


def batches(rows, batch_size, rng, *, split):
    """Yield (users, support, query) of an epoch, both parts as lists of row numbers.

    How many rows are support is drawn evenly from none to all but one, so that the
    start fits users of every length. Without `split` all rows are in both parts.
    """
    lengths = np.diff(rows.indptr)
    order = rng.permutation(np.flatnonzero(lengths))
    for start in range(0, len(order), batch_size):
        users = order[start : start + batch_size]
        support, query = [], []
        for user in users:
            own = rows.indptr[user] + rng.permutation(lengths[user])[:_MAX_ROWS]
            n_support = rng.integers(len(own)) if split else len(own)
            support.append(own[:n_support])
            query.append(own[n_support:] if split else own)
        yield users, support, query


def padded(parts, places, targets, weights):
    """Return (places, targets, weights) of lists of rows, padded to the longest."""
    lengths = np.array([len(part) for part in parts])
    there = np.arange(max(lengths.max(initial=0), 1)) < lengths[:, None]
    own = np.concatenate(parts)
    padded_arrays = []
    for values in (places.astype(np.int32), targets, weights):
        dtype = np.int32 if values.dtype == np.int32 else np.float32
        out = np.zeros(there.shape, dtype=dtype)
        out[there] = values[own]
        padded_arrays.append(out)
    return padded_arrays


class Adam:
    """Steps along averaged gradients, each entry scaled by its own gradients.

    Parameters
    ----------
    parameters : dict of ndarray
        What is changed, in place.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        self.moments = {
            name: (np.zeros_like(value), np.zeros_like(value))
            for name, value in parameters.items()
        }
        self.n_steps = 0

    def step(self, gradients, learning_rate, rows):
        """Do a step; of the parameter "own" with its rows `rows` only.

        Rows without a gradient stay where they are, which plain Adam would not grant.
        """
        self.n_steps += 1
        bias = [1 - decay**self.n_steps for decay in _DECAY]
        for name, gradient in gradients.items():
            where = rows if name == "own" else ...
            first, second = self.moments[name]
            mean = _DECAY[0] * first[where] + (1 - _DECAY[0]) * gradient
            square = _DECAY[1] * second[where] + (1 - _DECAY[1]) * gradient**2
            first[where], second[where] = mean, square
            change = mean / bias[0] / (np.sqrt(square / bias[1]) + _TINY)
            self.parameters[name][where] -= np.float32(learning_rate) * change
