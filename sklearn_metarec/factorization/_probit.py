"""Ordered levels as a likelihood of the sampler, and their expectation as a scorer."""

from copy import copy

import numpy as np
from scipy.special import ndtr, ndtri

from sklearn_metarec._kernels import probit
from sklearn_metarec.utils._parallel import map_ranges

_ROWS_PER_TASK = 4096
_PAIRS_PER_TASK = 1024
_POINTS = 1024
# Beyond the outer cut points, in standard deviations, the rating is certain.
_MARGIN = 5.0


class OrderedProbit:
    """Data that are the interval in which a latent normal variable lies.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The data; their distinct values are the levels.
    weights : ndarray of shape (n,)
        How many latent variables each stands for.

    Attributes
    ----------
    levels : ndarray of shape (n_levels,)
        The distinct values, ascending.
    cuts : ndarray of shape (n_levels + 1,)
        Where the intervals end: minus infinity first, infinity last.
    target : ndarray of shape (n,)
        The latent variables.
    """

    precision, constant = 1.0, 0.0

    def __init__(self, y, weights):
        self.levels, level = np.unique(y, return_inverse=True)
        self.level = level.astype(np.int32)
        self.weights = weights
        share = np.bincount(level, weights=weights) / weights.sum()
        inner = ndtri(np.cumsum(share)[:-1])
        self.cuts = np.concatenate(([-np.inf], inner, [np.inf]))
        self.target = np.zeros(len(y))

    def draw(self, predicted, rng, n_jobs):
        """Draw the cut points and the latent variables."""
        self._draw_cuts(predicted, rng, n_jobs)
        uniform = rng.random(len(predicted))
        map_ranges(
            probit.draw_latent, len(predicted), predicted, self.level, self.weights,
            self.cuts, uniform, self.target, chunk=_ROWS_PER_TASK, n_jobs=n_jobs,
        )  # fmt: skip

    def _draw_cuts(self, predicted, rng, n_jobs):
        # Given the latent variables a cut point could hardly move between the two
        # next to it, so they are integrated out. What is left is log-concave and
        # nearly normal: a Newton step with the noise of its curvature is nearly a
        # draw, and a Metropolis-Hastings test makes up for the rest.
        noise, chance = rng.standard_normal(len(self.levels) - 1), rng.random()
        if not len(noise):
            return
        old = self.cuts[1:-1]
        here, mean, root = self._normal_at(old, predicted, n_jobs)
        new = mean + np.linalg.solve(root.T, noise)
        if not (np.diff(new) > 0).all():
            return
        there, back, other_root = self._normal_at(new, predicted, n_jobs)
        gain = there + _log_density(old, back, other_root)
        if np.log(chance) < gain - here - _log_density(new, mean, root):
            self.cuts[1:-1] = new

    def _normal_at(self, inner, predicted, n_jobs):
        """Return (log-likelihood, mean, root of precision) of the normal at `inner`."""
        n, m = len(predicted), len(inner) + 2
        cuts = np.concatenate(([-np.inf], inner, [np.inf]))
        n_chunks = -(-n // _ROWS_PER_TASK)
        totals = np.zeros(n_chunks)
        slopes, curvatures = np.zeros((n_chunks, m)), np.zeros((n_chunks, 2, m))

        def work(lo, hi):
            for start in range(lo, hi, _ROWS_PER_TASK):
                probit.log_likelihood(
                    start, min(start + _ROWS_PER_TASK, hi), _ROWS_PER_TASK, predicted,
                    self.level, self.weights, cuts, totals, slopes, curvatures,
                )  # fmt: skip

        map_ranges(work, n, chunk=_ROWS_PER_TASK, n_jobs=n_jobs)
        diagonal, beside = curvatures.sum(axis=0)
        system = np.diag(diagonal[1:-1])
        system += np.diag(beside[1:-2], 1) + np.diag(beside[1:-2], -1)
        root = np.linalg.cholesky(system)
        mean = inner + np.linalg.solve(system, slopes.sum(axis=0)[1:-1])
        return totals.sum(), mean, root

    def nearest(self, y):
        """Return the level next to each of some values."""
        middle = (self.levels[1:] + self.levels[:-1]) / 2
        return np.searchsorted(middle, y).astype(np.int32)


def _log_density(x, mean, root):
    z = root.T @ (x - mean)
    return np.log(np.diag(root)).sum() - z @ z / 2


class LevelScorer:
    """The mean over draws of the expected level, for the pairs of users.

    Parameters
    ----------
    item_offsets : ndarray of shape (n_items, n_draws), dtype=float32
        What is added to all of an item's latent scores.
    item_factors : ndarray of shape (n_items, n_draws * n_factors), dtype=float32
        The items' vectors, draw after draw.
    levels : ndarray of shape (n_levels,)
        The ratings.
    cuts : ndarray of shape (n_draws, n_levels - 1)
        The cut points between them.
    """

    def __init__(self, item_offsets, item_factors, levels, cuts):
        self._items = item_offsets, item_factors
        self.arrays = item_offsets[:0], item_factors[:0], *self._items
        low = cuts.min(initial=0) - _MARGIN
        high = cuts.max(initial=0) + _MARGIN
        points = np.linspace(low, high, _POINTS)
        self.grid = np.array([low, (_POINTS - 1) / (high - low)], dtype=np.float32)
        steps = np.diff(levels)
        tables = [levels[0] + ndtr(points[:, None] - inner) @ steps for inner in cuts]
        self.tables = np.array(tables, dtype=np.float32)

    def of_users(self, offsets, factors):
        """Return the scorer of some users, whose arrays are as those of the items."""
        scorer = copy(self)
        scorer.arrays = offsets, factors, *self._items
        return scorer

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        n_items = out.shape[1]
        cols = np.arange(n_items, dtype=np.int32)
        for user in range(lo, hi):
            users = np.full(n_items, user, dtype=np.int32)
            probit.expected_levels(
                0, n_items, users, cols, *self.arrays, self.grid, self.tables,
                out[user - lo],
            )  # fmt: skip

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        out = np.empty(len(cols), dtype=np.float32)
        map_ranges(
            probit.expected_levels, len(cols), users, cols, *self.arrays, self.grid,
            self.tables, out, chunk=_PAIRS_PER_TASK,
        )  # fmt: skip
        return out
