"""The draws of a factorization machine that predictions average over."""

import numpy as np
from scipy import sparse

from sklearn_metarec._kernels import fm, probit
from sklearn_metarec.factorization._gibbs import gather_scratch
from sklearn_metarec.factorization._probit import OrderedProbit
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.utils._parallel import map_ranges

_ROWS_PER_TASK = 64
# How often the expected latent variables of new ordered ratings, and the user's
# parameters given these, are found in turn.
_LATENT_ROUNDS = 8


class Draws:
    """Collects the draws of a chain whose first two blocks are users and items.

    Parameters
    ----------
    chain : Chain
        What draws.
    """

    def __init__(self, chain):
        self._chain = chain
        weights = chain.likelihood.weights
        self._sides = [_Side(block, weights) for block in chain.blocks[:2]]
        self._draws = []

    def take(self, *, replace=False):
        """Keep the chain's present state; with `replace`, in place of all before."""
        chain, likelihood = self._chain, self._chain.likelihood
        (users, mean_user), (items, mean_item) = (
            side.expected(chain, k) for k, side in enumerate(self._sides)
        )
        draw = self._others(mean_item)
        for name, vectors in (("_user", users), ("_mean_user", mean_user[None])):
            offsets, factors = relative(vectors, mean_item)
            draw[f"{name}_offsets"] = offsets + mean_item[0] + likelihood.constant
            draw[f"{name}_factors"] = factors
        draw["user_factors_"] = draw.pop("_user_factors")
        draw["item_factors_"] = items[:, 1:] - mean_item[1:]
        draw["_item_offsets"] = (items[:, 0] - mean_item[0])[:, None]
        draw = {name: value.astype(np.float32) for name, value in draw.items()}
        draw["_user_parameters"] = [
            theta.astype(np.float32) for theta in chain.parameters[0][1:]
        ]
        draw["_own_prior"] = np.stack([chain.means[0][0], chain.precisions[0][0]])
        draw["_mean_items"] = mean_item
        draw["_constants"] = likelihood.constant
        draw["_data_precisions"] = likelihood.precision
        if isinstance(likelihood, OrderedProbit):
            draw["cuts_"] = likelihood.cuts[1:-1].copy()
        if replace:
            self._draws.clear()
        self._draws.append(draw)

    def _others(self, mean_item):
        """Return offsets and factors of the blocks that are neither users nor items.

        Of periods, with the mean one last, and of the features of contexts.
        """
        chain = self._chain
        found: dict[str, np.ndarray] = {}
        for k, block in enumerate(chain.blocks[2:], start=2):
            theta = chain.parameters[k][0]
            if block.own:
                theta = np.vstack([theta, chain.means[k][0]])
            name = "_period" if block.own else "_context"
            offsets, factors = relative(theta, mean_item)
            found |= {f"{name}_offsets": offsets, f"{name}_factors": factors}
        return found

    def attributes(self):
        """Return the attributes of an estimator that predicts by these draws."""
        draws, likelihood = self._draws, self._chain.likelihood
        found: dict[str, object] = {}
        for name in draws[0]:
            values = [draw[name] for draw in draws]
            if name == "_user_parameters":
                found[name] = [np.stack(groups) for groups in zip(*values, strict=True)]
            elif name.endswith(("factors", "factors_", "offsets")):
                found[name] = np.concatenate(values, axis=-1)
            else:
                found[name] = np.array(values)
        # Where an update goes on from.
        found["_parameters"] = [
            [theta.copy() for theta in groups] for groups in self._chain.parameters
        ]
        if isinstance(likelihood, OrderedProbit):
            found["levels_"] = likelihood.levels
        else:
            found["_location"], found["_scale"] = likelihood.location, likelihood.scale
        return found


class _Side:
    """What is expected of a block's rows without data, and of one not in it.

    It is what a rating meets on average: of many items hardly anyone has an opinion,
    and they are not like those that the next rating will be about.
    """

    def __init__(self, block, weights):
        self.idle = np.flatnonzero(~block.busy)
        total = np.bincount(block.codes, weights=weights, minlength=block.n_rows)
        self.shares = total / total.sum()
        rows = [sparse.csr_array(matrix) for matrix in block.features]
        self.usual = [self.shares @ matrix for matrix in rows]
        self.features = [matrix[self.idle] for matrix in rows]
        # An empty set of an item that nobody could have had yet, or a row that the
        # side table does not have, says nothing: such rows count as usual ones.
        self.known = [np.diff(part.indptr)[:, None] > 0 for part in self.features]

    def expected(self, chain, k):
        """Return (the vectors of the rows, that of the mean row)."""
        start, stop = chain.starts[k : k + 2]
        vectors = chain.vectors[start:stop].copy()
        mean = self.shares @ vectors
        vectors[self.idle] = mean
        for usual, matrix, known, theta in zip(
            self.usual, self.features, self.known, chain.parameters[k][1:], strict=True
        ):
            vectors[self.idle] += matrix @ theta - known * (usual @ theta)
        return vectors, mean


def relative(vectors, mean_item):
    """Return (offsets, factors) for scores relative to those of the mean item."""
    factors = vectors[:, 1:]
    return (vectors[:, 0] + factors @ mean_item[1:])[:, None], factors


def fold_in(model, history, groups):
    """Fold new users in.

    Their own parameters are the mean given their ratings and a draw of all the rest;
    the ratings are taken to be of the mean period.

    Parameters
    ----------
    model : FMRegressor
        A fitted one.
    history : History
        Their ratings, one row a user.
    groups : list of csr_array
        Their sets of items and their features, as far as the model has them.

    Returns
    -------
    offsets : ndarray of shape (n_users, n_draws), dtype=float32
        What is added to all their scores, relative to the mean item.
    factors : ndarray of shape (n_users, n_draws * n_factors), dtype=float32
        Their vectors, draw after draw.
    """
    indptr, cols, ratings = compressed_parts(history.matrix)
    used, codes = np.unique(cols, return_inverse=True)
    n_users, n_draws = len(indptr) - 1, len(model._constants)
    n_factors = model.item_factors_.shape[1] // n_draws
    item_factors = model.item_factors_[used].reshape(len(used), n_draws, n_factors)
    n = 1 + n_factors
    timed = model._period_numbers is not None
    vectors = np.zeros((n_users + len(used) + timed, n))
    partners = (n_users + codes).astype(np.int32)[:, None]
    if timed:
        last = np.full_like(partners, len(vectors) - 1)
        partners = np.hstack([partners, last])
        mean_period = model._period_factors[-1].reshape(n_draws, -1)
    level = None
    if model.likelihood == "ordered_probit":
        middle = (model.levels_[1:] + model.levels_[:-1]) / 2
        level = np.searchsorted(middle, ratings).astype(np.int32)
    offsets = np.empty((n_users, n_draws), dtype=np.float32)
    factors = np.empty((n_users, n_draws, n - 1), dtype=np.float32)
    for s in range(n_draws):
        mean_item, (mean, precision) = model._mean_items[s], model._own_prior[s]
        items = vectors[n_users : n_users + len(used)]
        items[:, 0] = model._item_offsets[used, s] + mean_item[0]
        items[:, 1:] = item_factors[:, s] + mean_item[1:]
        if timed:
            vectors[-1, 1:] = mean_period[s]
            shift = mean_period[s] @ mean_item[1:]
            vectors[-1, 0] = model._period_offsets[-1, s] - shift
        pairs = zip(groups, model._user_parameters, strict=True)
        vectors[:n_users] = mean + sum(matrix @ theta[s] for matrix, theta in pairs)
        own = np.tile(mean, (n_users, 1))
        data = _Ratings(indptr, partners, history.weights, model._data_precisions[s])
        if level is None:
            above = (ratings - model._location) / model._scale - model._constants[s]
            data.solve(above, vectors, own, mean, precision)
        else:
            cuts = np.concatenate(([-np.inf], model.cuts_[s], [np.inf]))
            for _ in range(_LATENT_ROUNDS):
                data.solve(data.latent(level, cuts, vectors), vectors, own, mean,
                           precision)  # fmt: skip
        offset, factors[:, s] = relative(vectors[:n_users], mean_item)
        offsets[:, s] = offset[:, 0] + mean_item[0] + model._constants[s]
    return offsets, factors.reshape(n_users, -1)


class _Ratings:
    """Ratings of users by compressed rows, with the items as partners."""

    def __init__(self, indptr, partners, weights, precision):
        self.indptr, self.partners = indptr, partners
        self.weights, self.precision = weights, precision
        self.order = np.arange(len(partners), dtype=np.int32)

    def solve(self, target, vectors, own, mean, precision):
        """Move the users' own parameters to their mean given the target, in place."""
        n_users, n = own.shape
        M, R = np.empty((n_users, n, n)), np.empty((n_users, n))
        map_ranges(
            fm.gather, n_users, self.indptr, self.order, self.partners, target,
            self.weights, self.precision, vectors, 0, M, R, chunk=_ROWS_PER_TASK,
            states=gather_scratch(n),
        )  # fmt: skip
        map_ranges(
            fm.integrate, n_users, own, np.zeros((n_users, n)), mean, precision, M, R,
            chunk=_ROWS_PER_TASK,
            states=lambda: (np.empty((n, n)), np.empty((n, n)), np.empty(n)),
        )  # fmt: skip
        found = mean + R / precision
        vectors[:n_users] += found - own
        own[:] = found

    def latent(self, level, cuts, vectors):
        """Return the expected latent variables."""
        n_users, n = len(self.indptr) - 1, vectors.shape[1]
        users = np.repeat(np.arange(n_users), np.diff(self.indptr))
        codes = np.column_stack([users, self.partners]).astype(np.int32)
        predicted, found = np.empty(len(codes)), np.empty(len(codes))
        fm.predict(0, len(codes), np.empty(n), codes, vectors, predicted)
        probit.expect_latent(0, len(codes), predicted, level, cuts, found)
        return found
