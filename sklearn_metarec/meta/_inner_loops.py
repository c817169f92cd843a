"""What a user's rows make of the shared start, in NumPy: the inner loops.

The same steps as in `neural/_tf/_meta.py`, without derivatives: a fitted meta-learner
needs no TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.meta._solve import solve_heads

ACTIVATIONS: dict[str, Callable] = {
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
}
_DERIVATIVES: dict[str, Callable] = {
    "linear": np.ones_like,
    "relu": lambda e: (e > 0).astype(float),
    "tanh": lambda e: 1 - e**2,
    "sigmoid": lambda e: e * (1 - e),
}
_TINY = 1e-6


@dataclass(frozen=True)
class Personalizer:
    """What users share, and how their own rows change it.

    Attributes
    ----------
    inner, encoder : str
        The inner loop and the activation; after "sigmoid" there is no constant.
    n_steps : int
        Steps of gradient descent.
    x, own : ndarray of shape (n_items, ...)
        The items' features and own vectors.
    W, b : ndarray
        The encoder.
    precision : ndarray of shape (n_head,)
        The penalty of a ridge head.
    rate : float
        The rate of gradient descent.
    n_jobs : int or None
        Threads of the ridge heads.
    known_vectors : ndarray of shape (n_items, n_head) or None
        What the shared encoder makes of the items, where that is known.
    """

    inner: str
    encoder: str
    n_steps: int
    x: np.ndarray
    own: np.ndarray
    W: np.ndarray
    b: np.ndarray
    precision: np.ndarray
    rate: float
    n_jobs: int | None = None
    known_vectors: np.ndarray | None = None

    @cached_property
    def vectors(self):
        """What the shared encoder makes of the items."""
        if self.known_vectors is not None:
            return self.known_vectors
        f = ACTIVATIONS[self.encoder]
        return with_one(f(self.x @ self.W + self.b + self.own), self.encoder)

    def start(self, means):
        """Return (heads, encoders) of users without rows; encoders may be None."""
        if self.inner in ("ridge", "anil"):
            return means.copy(), None
        # An encoder is its matrix W with b as a last row.
        shared = np.vstack([self.W, self.b])
        return means.copy(), np.repeat(shared[None], len(means), axis=0)

    def adapt(self, rows, means):
        """Return (heads, encoders) of the users of some rows."""
        if self.inner == "ridge":
            heads = solve_heads(
                rows.indptr, rows.cols, rows.weights, rows.weights * rows.targets,
                self.vectors, np.diag(self.precision), means, self.n_jobs,
            )  # fmt: skip
            return heads, None
        heads, encoders = self.start(means)
        descend = self._descend_head if encoders is None else self._descend_all
        for user in np.flatnonzero(np.diff(rows.indptr)):
            own = slice(rows.indptr[user], rows.indptr[user + 1])
            items, t, w = rows.cols[own], rows.targets[own], rows.weights[own]
            places = () if encoders is None else (encoders[user],)
            descend(items, t, w / max(w.sum(), _TINY), heads[user], *places)
        return heads, encoders

    def _descend_head(self, items, t, w, h):
        z = self.vectors[items]
        for _ in range(self.n_steps):
            gradient = z.T @ (w * (z @ h - t))
            h -= self.rate * _at_most_one(gradient) * gradient

    def _descend_all(self, items, t, w, h, V):
        f, df = ACTIVATIONS[self.encoder], _DERIVATIVES[self.encoder]
        # A feature that is always one makes b a row of W.
        x = np.column_stack([self.x[items], np.ones(len(items))])
        for _ in range(self.n_steps):
            e = f(x @ V + self.own[items])
            z = with_one(e, self.encoder)
            error = w * (z @ h - t)
            inside = error[:, None] * h[-e.shape[1] :] * df(e)
            gradients = x.T @ inside, z.T @ error
            rate = self.rate * _at_most_one(*gradients)
            V -= rate * gradients[0]
            h -= rate * gradients[1]

    def scorer(self, heads, encoders):
        """Return the scorer of users with these heads and encoders."""
        if encoders is not None:
            return AdaptedScorer(heads, encoders, self.x, self.own, self.encoder)
        heads, vectors = heads.astype(np.float32), self.vectors.astype(np.float32)
        if self.encoder == "sigmoid":
            return FactorScorer(heads, vectors)
        return FactorScorer(heads[:, 1:], vectors[:, 1:], heads[:, 0])


def _at_most_one(*gradients):
    """Return what makes the length of a gradient at most one."""
    return 1 / np.sqrt(max(sum(np.sum(part**2) for part in gradients), 1.0))


def with_one(e, encoder):
    """Return [1, e], or e where the encoder is a sigmoid."""
    return e if encoder == "sigmoid" else np.column_stack([np.ones(len(e)), e])


class AdaptedScorer:
    """The scores of users who have an encoder of their own.

    Parameters
    ----------
    heads : ndarray of shape (n, n_head)
        The heads.
    encoders : ndarray of shape (n, n_features + 1, n_vector)
        W, with b as a last row.
    x, own : ndarray of shape (n_items, ...)
        The items' features and own vectors.
    encoder : str
        The activation.
    """

    def __init__(self, heads, encoders, x, own, encoder):
        self.heads, self.encoders, self.encoder = heads, encoders, encoder
        # The last row is that of an unknown item, -1: average in all respects.
        x, self.own = (np.vstack([part, 0 * part[:1]]) for part in (x, own))
        self.x = np.column_stack([x, np.ones(len(x))])

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        everything = np.arange(len(self.x) - 1)
        for user in range(lo, hi):
            out[user - lo] = self._scores(user, everything)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        scores = np.empty(len(cols), dtype=np.float32)
        order = np.argsort(users, kind="stable")
        bounds = np.flatnonzero(np.diff(users[order])) + 1
        for rows in np.split(order, bounds) if len(order) else ():
            scores[rows] = self._scores(users[rows[0]], cols[rows])
        return scores

    def _scores(self, user, items):
        # Not by BLAS, whose sums depend on how many rows there are.
        inside = np.einsum("if,fk->ik", self.x[items], self.encoders[user])
        e = ACTIVATIONS[self.encoder](inside + self.own[items])
        z = with_one(e, self.encoder)
        return np.einsum("id,d->i", z, self.heads[user])


class RatingScorer:
    """A scorer whose scores become ratings by a straight line, or a sigmoid.

    Parameters
    ----------
    scorer : scorer
        Of unbounded scores.
    center, scale : float
        Where a score of zero is, and what one more adds; of a sigmoid, the rating of
        minus infinity and the range from there.
    sigmoid : bool
        Which of both.
    """

    def __init__(self, scorer, center, scale, sigmoid):
        self.scorer, self.center, self.scale = scorer, center, scale
        self.link = expit if sigmoid else ACTIVATIONS["linear"]

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        self.scorer.block(lo, hi, out)
        out[: hi - lo] = self._ratings(out[: hi - lo])

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        return self._ratings(self.scorer.pairs(users, cols))

    def _ratings(self, scores):
        return self.center + self.scale * self.link(scores)
