"""Empirical Bayes of ridge heads: the prior of all users' heads, and the noise.

The ratings of a user above a known offset are t = Z h + e, where the head h is normal
with mean B'x, x being the user's features after a one, and covariance S, and e normal
with a variance for each kind of item. B, S and the variances are learned by
expectation-maximization: as those under which the ratings are likeliest once the heads
are integrated out (B is penalized a little).
"""

from dataclasses import dataclass

import numpy as np

# The systems of the users from which the prior is learned have at most so many entries:
# beyond some thousand users, more do not change a prior.
_MAX_ENTRIES = 1 << 22
# A feature of users counts as if ten more had it who are average.
_USER_FEATURE_PENALTY = 10.0
_FLOOR = 1e-6


@dataclass(frozen=True)
class HeadPrior:
    """What is believed of a head before the user has rated.

    Attributes
    ----------
    coef : ndarray of shape (1 + n_user_features, n_head)
        The mean head, and what each feature of a user adds to it.
    covariance : ndarray of shape (n_head, n_head)
        The covariance of heads around that.
    noise : ndarray of shape (n_kinds,)
        The variance of a rating around its prediction, for each kind of item.
    """

    coef: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray

    def means(self, users):
        """Return the prior means of users with these feature vectors."""
        return self.coef[0] + users @ self.coef[1:]


@dataclass(frozen=True)
class Moments:
    """What the ratings of some users say, of one kind of item.

    Attributes
    ----------
    gram : ndarray of shape (n_users, n_head, n_head)
        The weighted sums of z z'.
    moment : ndarray of shape (n_users, n_head)
        The weighted sums of t z.
    square, weight : float
        The weighted sum of all t^2, and of all weights.
    """

    gram: np.ndarray
    moment: np.ndarray
    square: float
    weight: float

    @classmethod
    def of(cls, indptr, vectors, targets, weights):
        """Collect the compressed rows of some users."""
        n, d = len(indptr) - 1, vectors.shape[1]
        gram, moment = np.empty((n, d, d)), np.empty((n, d))
        for user in range(n):
            own = slice(indptr[user], indptr[user + 1])
            weighted = vectors[own] * weights[own, None]
            gram[user] = weighted.T @ vectors[own]
            moment[user] = targets[own] @ weighted
        return cls(gram, moment, float(weights @ targets**2), float(weights.sum()))


def sample_users(counts, n_head, rng):
    """Return the rows of the users from whom a prior is learned, ascending."""
    there = np.flatnonzero(counts)
    n_users = max(1, _MAX_ENTRIES // n_head**2)
    if len(there) <= n_users:
        return there
    return np.sort(rng.choice(there, n_users, replace=False))


def learn_prior(prior, moments, users, n_steps):
    """Improve a prior by steps of expectation-maximization.

    Parameters
    ----------
    prior : HeadPrior
        Where to start.
    moments : list of Moments
        One for each kind of item, of the same users.
    users : ndarray of shape (n_users, n_user_features)
        The users' feature vectors.
    n_steps : int
        How many steps.

    Returns
    -------
    prior : HeadPrior
        The improved one.
    """
    x = np.column_stack([np.ones(len(users)), users])
    penalty = np.full(x.shape[1], _USER_FEATURE_PENALTY)
    penalty[0] = 0
    regression = np.linalg.solve(x.T @ x + np.diag(penalty), x.T)
    for _ in range(n_steps):
        heads, spread = posterior(prior, moments, x @ prior.coef)
        coef = regression @ heads
        off = heads - x @ coef
        covariance = spread.mean(axis=0) + off.T @ off / len(heads)
        floor = _FLOOR * np.trace(covariance) / len(covariance)
        noise = [
            max(_expected_error(kind, heads, spread), floor) if kind.weight else old
            for kind, old in zip(moments, prior.noise, strict=True)
        ]
        covariance[np.diag_indices_from(covariance)] += floor
        prior = HeadPrior(coef, covariance, np.array(noise))
    return prior


def posterior(prior, moments, means):
    """Return the mean heads of the users, and their covariances."""
    precision = np.linalg.inv(prior.covariance)
    systems, sides = precision[None], means @ precision
    for kind, noise in zip(moments, prior.noise, strict=True):
        systems = systems + kind.gram / noise
        sides = sides + kind.moment / noise
    spread = np.linalg.inv(systems)
    return (spread @ sides[..., None])[..., 0], spread


def _expected_error(kind, heads, spread):
    """Return the mean squared error of the ratings, the heads being uncertain."""
    fitted = 2 * (kind.moment * heads).sum()
    squares = ((kind.gram @ heads[..., None])[..., 0] * heads).sum()
    return (kind.square - fitted + squares + (kind.gram * spread).sum()) / kind.weight
