"""The Gibbs sampler of a factorization machine in block structure."""

import numpy as np

from sklearn_metarec._kernels import fm
from sklearn_metarec.utils._parallel import map_ranges

_INITIAL_STD = 0.1
_BLOCK_ROWS_PER_TASK = 64
_DATA_ROWS_PER_TASK = 8192
_FEATURES_PER_TASK = 32
_DATA_ROWS_AT_ONCE = 128
# Their Cholesky factors are in memory together.
_FEATURES_AT_ONCE = 4096


class Block:
    """Rows with features that many rows of the data share, such as its users.

    Parameters
    ----------
    codes : ndarray of shape (n,), dtype=int32
        The row of the block that each row of the data points at.
    n_rows : int
        Rows of the block.
    features : sequence of csc_array of shape (n_rows, n_features), default=()
        Groups of features; the parameters of a group have a common prior.
    own : bool, default=True
        Whether each row has parameters of its own too: a one-hot column.
    """

    def __init__(self, codes, n_rows, features=(), *, own=True):
        self.codes = codes
        self.n_rows = n_rows
        self.own = own
        counts = np.bincount(codes, minlength=n_rows)
        self.indptr = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        self.order = np.argsort(codes, kind="stable").astype(np.int32)
        self.features = [matrix.tocsc().astype(np.float64) for matrix in features]

    @property
    def sizes(self):
        """How many parameters each group has, the rows' own, if any, first."""
        own = [self.n_rows] if self.own else []
        return [*own, *(matrix.shape[1] for matrix in self.features)]

    @property
    def busy(self):
        """Which rows some row of the data points at."""
        return np.diff(self.indptr) > 0

    def sums(self, parameters):
        """Return what the parameters of all groups come to, a vector a row."""
        pairs = zip(self.features, parameters[int(self.own) :], strict=True)
        of_features = sum(matrix @ theta for matrix, theta in pairs)
        return parameters[0] + of_features if self.own else of_features


class Chain:
    """The state of the sampler: parameters, hyperparameters, predictions.

    The prediction of a data row is a constant, plus the weights of its features, plus
    the inner products of the summed vectors of each two of its blocks. Features of
    the same block do not interact: what came of it would be a constant of the block's
    row, which its own weight is already.

    Parameters
    ----------
    blocks : list of Block
        At least two.
    likelihood : Gaussian or OrderedProbit
        The distribution of the data given the predictions.
    n_factors : int
        The length of the vectors v.
    rng : Generator
        Draws everything; in an order that does not depend on threads.
    n_jobs : int or None
        Threads.

    Attributes
    ----------
    parameters : list of list of ndarray of shape (n_features, 1 + n_factors)
        Block by block and group by group, weight and vector (w, v) of each feature.
    means, precisions : list of list of ndarray of shape (1 + n_factors,)
        The normal priors of the groups.
    vectors : ndarray of shape (n_block_rows, 1 + n_factors)
        The sums of the parameters of each block row, block after block.
    """

    def __init__(self, blocks, likelihood, n_factors, rng, n_jobs):
        self.blocks = blocks
        self.likelihood = likelihood
        self.rng = rng
        self.n_jobs = n_jobs
        self._n = n = 1 + n_factors
        self.parameters = [[self._small(k) for k in b.sizes] for b in blocks]
        self.means = [[np.zeros(n) for _ in b.sizes] for b in blocks]
        self.precisions = [[np.ones(n) for _ in b.sizes] for b in blocks]
        self.starts = np.cumsum([0, *(block.n_rows for block in blocks)])
        codes = [b.codes + first for b, first in zip(blocks, self.starts, strict=False)]
        self._codes = np.column_stack(codes).astype(np.int32)
        self._partners = [
            np.delete(self._codes, k, axis=1)[block.order]
            for k, block in enumerate(blocks)
        ]
        # Kept, since new memory has to be mapped at every step.
        self._moments = [
            (np.empty((block.n_rows, n, n)), np.empty((block.n_rows, n)))
            for block in blocks
        ]
        self.refresh()

    def _small(self, n_features):
        theta = self.rng.normal(0.0, _INITIAL_STD, (n_features, self._n))
        theta[:, 0] = 0
        return theta

    def refresh(self):
        """Compute the vectors from the parameters."""
        pairs = zip(self.blocks, self.parameters, strict=True)
        self.vectors = np.concatenate([block.sums(theta) for block, theta in pairs])

    def predictions(self, codes=None):
        """Return the predictions, without the constant; by default of the data."""
        codes = self._codes if codes is None else codes
        out = np.empty(len(codes))
        map_ranges(
            fm.predict, len(codes), codes, self.vectors, out,
            chunk=_DATA_ROWS_PER_TASK, states=self._scratch(self._n),
            n_jobs=self.n_jobs,
        )  # fmt: skip
        return out

    def step(self):
        """Draw everything once, each given all the rest."""
        self.likelihood.draw(self.predictions(), self.rng, self.n_jobs)
        for k in range(len(self.blocks)):
            self._draw_block(k)

    def _draw_block(self, k):
        block, parameters = self.blocks[k], self.parameters[k]
        n, first = self._n, self.starts[k]
        noise = [self.rng.standard_normal(theta.shape) for theta in parameters]
        priors = [draw_prior(theta, self.rng) for theta in parameters]
        self.means[k], self.precisions[k] = map(list, zip(*priors, strict=True))
        M, R = self._moments[k]
        map_ranges(
            fm.gather, block.n_rows, block.indptr, block.order, self._partners[k],
            self.likelihood.target, self.likelihood.weights, self.likelihood.precision,
            self.vectors, first, M, R, chunk=_BLOCK_ROWS_PER_TASK,
            states=gather_scratch(n), n_jobs=self.n_jobs,
        )  # fmt: skip
        if block.own:
            # The rows' own parameters and the features' explain the same data. Drawn
            # by turns, they would hardly move, so the features are drawn with the own
            # ones integrated out: both together are then one joint draw.
            mean, precision = priors[0]
            map_ranges(
                fm.integrate, block.n_rows, parameters[0], noise[0], mean, precision,
                M, R, chunk=_BLOCK_ROWS_PER_TASK,
                states=self._scratch((n, n), (n, n), n), n_jobs=self.n_jobs,
            )  # fmt: skip
        for group, matrix in enumerate(block.features, start=int(block.own)):
            columns = matrix.indptr.astype(np.int64), matrix.indices, matrix.data
            group_mean, group_precision = priors[group]
            self._draw_features(
                columns, parameters[group], noise[group], group_mean, group_precision,
                first, M, R,
            )  # fmt: skip
        if block.own:
            own = mean + R / precision + noise[0]
            self.vectors[first : first + block.n_rows] += own - parameters[0]
            parameters[0] = own

    def _draw_features(self, columns, theta, noise, mean, precision, first, M, R):
        n = self._n
        factors = np.empty((min(len(theta), _FEATURES_AT_ONCE), n, n))
        for start in range(0, len(theta), _FEATURES_AT_ONCE):
            count = min(len(theta) - start, _FEATURES_AT_ONCE)
            map_ranges(
                fm.factorize, count, start, *columns, precision, M, factors,
                chunk=_FEATURES_PER_TASK, n_jobs=self.n_jobs,
            )  # fmt: skip
            fm.sweep(
                0, count, start, np.empty(n), *columns, theta, noise, mean, precision,
                factors, self.vectors, first, M, R,
            )  # fmt: skip

    @staticmethod
    def _scratch(*shapes):
        return lambda: tuple(np.empty(shape) for shape in shapes)


def gather_scratch(n):
    """Return what makes the scratch arrays of :func:`fm.gather` in a thread."""
    return lambda: (np.empty(n), np.empty((_DATA_ROWS_AT_ONCE, n)))


def draw_prior(theta, rng):
    """Draw the mean and the precision of the prior of a group, a coordinate each.

    From their normal-gamma posterior given the group's parameters: the precision is
    Gamma(1/2, 1/2) beforehand, and the mean normal around 0 with the variance of one
    parameter (the weak defaults of Rendle 2012, section 3.3).
    """
    n_features, n = theta.shape
    average = theta.mean(axis=0)
    spread = ((theta - average) ** 2).sum(axis=0)
    shrink = n_features / (n_features + 1)
    rate = (1 + spread + shrink * average**2) / 2
    precision = rng.gamma((1 + n_features) / 2, size=n) / rate
    std = 1 / np.sqrt((n_features + 1) * precision)
    return rng.normal(shrink * average, std), precision


class Gaussian:
    """Data that are normal around the predictions.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The data.
    weights : ndarray of shape (n,)
        The precision of each, in units of the common one.

    Attributes
    ----------
    target : ndarray of shape (n,)
        The data, standardized, less the constant of the model.
    precision : float
        That of the standardized data.
    """

    def __init__(self, y, weights):
        self.weights = weights
        self.location = float(np.average(y, weights=weights))
        spread = np.sqrt(np.average((y - self.location) ** 2, weights=weights))
        # So that the priors suit any unit. Equal data have no spread but rounding.
        negligible = 1e-10 * abs(self.location)
        self.scale = float(spread) if spread > negligible else 1.0
        self._standardized = (y - self.location) / self.scale
        self.target, self.precision, self.constant = self._standardized, 1.0, 0.0

    def draw(self, predicted, rng, n_jobs):
        """Draw the constant (its prior is flat) and the precision (Gamma(1/2, 1/2))."""
        total = self.weights.sum()
        residuals = self._standardized - predicted
        mean = self.weights @ residuals / total
        self.constant = rng.normal(mean, 1 / np.sqrt(self.precision * total))
        residuals -= self.constant
        rate = (1 + self.weights @ residuals**2) / 2
        self.precision = rng.gamma((1 + len(residuals)) / 2) / rate
        self.target = self._standardized - self.constant
