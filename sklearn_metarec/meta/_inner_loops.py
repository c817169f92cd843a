"""What a user's rows make of the shared start, in NumPy: the inner loops.

The same steps as in `neural/_tf/_meta.py`, without derivatives: a fitted meta-learner
needs no TensorFlow.
"""

import numpy as np
from scipy.special import expit

from sklearn_metarec.meta._solve import solve_heads

ACTIVATIONS = {
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
}
_DERIVATIVES = {
    "linear": np.ones_like,
    "relu": lambda e: (e > 0).astype(float),
    "tanh": lambda e: 1 - e**2,
    "sigmoid": lambda e: e * (1 - e),
}


def with_one(e, constant):
    """Return [1, e], or e without a constant."""
    return np.column_stack([np.ones(len(e)), e]) if constant else e


def ridge_heads(indptr, cols, weights, targets, vectors, precision, means, n_jobs):
    """Return the ridge heads of compressed rows, drawn to `means`."""
    return solve_heads(
        indptr, cols, weights, weights * targets, vectors, np.diag(precision), means,
        n_jobs,
    )  # fmt: skip


def descended_heads(indptr, cols, weights, targets, vectors, rate, n_steps, means):
    """Return the heads after steps of gradient descent, the encoder being fixed."""
    heads = means.copy()
    for user in np.flatnonzero(np.diff(indptr)):
        own = slice(indptr[user], indptr[user + 1])
        z, w, t = vectors[cols[own]], weights[own], targets[own]
        w = w / max(w.sum(), 1e-6)
        h = heads[user]
        for _ in range(n_steps):
            h -= rate * (z.T @ (w * (z @ h - t)))
    return heads


def descended_users(
    indptr, cols, weights, targets, x, own_vectors, W, b, rate, n_steps, means,
    encoder, constant,
):  # fmt: skip
    """Return (encoders, heads) after steps of gradient descent on both.

    An encoder is its matrix W with b as a last row.
    """
    f, df = ACTIVATIONS[encoder], _DERIVATIVES[encoder]
    heads = means.copy()
    start = np.vstack([W, b])
    encoders = np.repeat(start[None], len(heads), axis=0)
    # A feature that is always one makes b a row of W.
    x = np.column_stack([x, np.ones(len(x))])
    for user in np.flatnonzero(np.diff(indptr)):
        own = slice(indptr[user], indptr[user + 1])
        items, w, t = cols[own], weights[own], targets[own]
        x_own, v_own, w = x[items], own_vectors[items], w / max(w.sum(), 1e-6)
        h, V = heads[user], encoders[user]
        for _ in range(n_steps):
            e = f(x_own @ V + v_own)
            z = with_one(e, constant)
            error = w * (z @ h - t)
            inside = error[:, None] * (h[1:] if constant else h) * df(e)
            V -= rate * (x_own.T @ inside)
            h -= rate * (z.T @ error)
    return encoders, heads


class AdaptedScorer:
    """The scores of users who have an encoder of their own.

    Parameters
    ----------
    encoders : ndarray of shape (n, n_features + 1, n_vector)
        W, with b as a last row.
    heads : ndarray of shape (n, n_head)
        The heads.
    x, own_vectors : ndarray of shape (n_items, ...)
        The items' features and own vectors.
    encoder : str
        The activation.
    constant : bool
        Whether the first entry of a head is added to every score.
    """

    def __init__(self, encoders, heads, x, own_vectors, encoder, constant):
        self.encoders, self.heads = encoders, heads
        # The last row is that of an unknown item, -1: average in all respects.
        x = np.vstack([x, np.zeros((1, x.shape[1]))])
        self.x = np.column_stack([x, np.ones(len(x))])
        self.own_vectors = np.vstack([own_vectors, np.zeros((1, own_vectors.shape[1]))])
        self.f, self.constant = ACTIVATIONS[encoder], constant

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
        z = with_one(self.f(inside + self.own_vectors[items]), self.constant)
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
