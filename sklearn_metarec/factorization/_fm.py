"""The Bayesian factorization machine, by Gibbs sampling."""

from numbers import Integral

import numpy as np

from sklearn_metarec._history import carry_over
from sklearn_metarec._iterating import epochs
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization._draws import Draws, fold_in
from sklearn_metarec.factorization._gibbs import Block, Chain, Gaussian
from sklearn_metarec.factorization._probit import LevelScorer, OrderedProbit
from sklearn_metarec.factorization._vectors import FactorMixin
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._parallel import single_threaded_blas
from sklearn_metarec.utils._sklearn import Interval, StrOptions, check_random_state

# The chain of an update starts from where it was: it needs a third of the steps.
_UPDATE_SHARE = 3


class FMRegressor(FactorMixin, BaseRatingRecommender):
    """Predict a rating by a Bayesian factorization machine.

    Every feature j of a user or an item has a weight w_j and a vector v_j. With those
    of a user's and an item's features, times their values, summed to (w_u, v_u) and
    (w_i, v_i), a rating is normal around ::

        w + w_u + w_i + v_u . v_i

    The features are the ids and, with `implicit`, the user's set of items: each of n
    items has the value 1 / sqrt(n), as in SVD++, whatever its rating. Likewise the
    item's set of users. Weights and vectors of a group of features (ids of users, of
    items, members of the sets) have a common normal prior, a mean and a precision per
    coordinate, which themselves are unknown, as is the precision of the ratings. All
    are drawn in turn from their distributions given the rest (Gibbs sampling), and a
    prediction is the mean over the draws: there is no penalty to tune.

    Features of the same user do not interact with each other, as they would in a
    factorization machine without blocks: what came of it would be a constant of the
    user, which w_u is already. Weight and vector of a feature are drawn together, and
    those of a set with the ids' integrated out, so that fewer steps are needed.

    A step costs (n_factors + 1)^2 operations per rating, and as many again per
    member of a set: a set's features are never multiplied out to the ratings.

    A user's `history=` is folded in by the mean of the user's own parameters given
    each draw of the items', so not exactly: the items do not learn from it. Ratings
    of an unknown user are those of the mean user without items, of an unknown item
    those of the mean item.

    `partial_fit` is warm, not exact: the chain goes on from its last draw, over the
    stored and the new ratings, for a third of the steps of a fit.

    Parameters
    ----------
    n_factors : int, default=10
        The length of the vectors. More make each step slower, and hardly help.
    implicit : {"user", "item", "both"} or None, default="both"
        Whose sets are features: the user's set of items, the item's of users, both
        or neither.
    likelihood : {"gaussian", "ordered_probit"}, default="gaussian"
        "ordered_probit" takes the distinct ratings for ordered levels, between cut
        points of a latent normal variable; a prediction is the expected rating. It
        suits few levels that are unevenly far apart. Duplicates of a pair are one
        latent variable, and their mean rating is a level.
    max_iter : int, default=300
        Steps of the chain.
    burn_in : int, default=20
        Steps before the first draw that is used.
    n_draws : int, default=200
        At most how many draws are kept, evenly spaced; their vectors side by side are
        what a user or item takes in memory, `n_draws` * `n_factors` float32.
    random_state : int, RandomState or None, default=None
        Draws everything.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, n_draws * n_factors), dtype=float32
        The users' vectors v_u, draw after draw.
    item_factors_ : ndarray of shape (n_items, n_draws * n_factors), dtype=float32
        The items' vectors v_i, less those of the mean item.
    n_iter_ : int
        Steps done: `max_iter`, unless a callback stopped them.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The mean ratings of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    MFRegressor : Faster, less accurate: one solution instead of a mean over draws.

    References
    ----------
    S. Rendle (2012). Factorization machines with libFM. ACM TIST 3(3). Section 3.3 is
    the sampler, one coordinate at a time, and its hyperpriors.

    S. Rendle (2013). Scaling factorization machines to relational data. VLDB 6(5).
    Section 4 is the use of blocks.

    R. Salakhutdinov and A. Mnih (2008). Bayesian probabilistic matrix factorization
    using Markov chain Monte Carlo. ICML. Equation 11 draws a whole vector.

    J. Albert and S. Chib (1993). Bayesian analysis of binary and polychotomous
    response data. JASA 88(422). Section 4 is the ordered probit.

    Examples
    --------
    >>> from sklearn_metarec import FMRegressor
    >>> X = [[user, item] for user in range(20) for item in range(20)]
    >>> y = [5 if user % 2 == item % 2 else 1 for user, item in X]
    >>> model = FMRegressor(2, max_iter=50, random_state=0).fit(X[1:], y[1:])
    >>> bool(model.predict(X[:1]) > 4.5)
    True
    """

    _parameter_constraints = {
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "implicit": [StrOptions({"user", "item", "both"}), None],
        "likelihood": [StrOptions({"gaussian", "ordered_probit"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "burn_in": [Interval(Integral, 0, None, closed="left")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    # The chain saw the user's ratings, the parameters of a history did not make it.
    _history_exact = False

    def __init__(
        self, n_factors=10, *, implicit="both", likelihood="gaussian", max_iter=300,
        burn_in=20, n_draws=200, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.implicit = implicit
        self.likelihood = likelihood
        self.max_iter = max_iter
        self.burn_in = burn_in
        self.n_draws = n_draws
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, history):
        self._learn(history, self._chain(history), self.max_iter, self.burn_in)

    def _update(self, history, old, new):
        chain = self._chain(history)
        sides = (old.users, history.users), (old.items, history.items)
        # In the order of the groups: ids, then the set, whose members are the other
        # side's; an update cannot change `implicit`.
        for k, known in enumerate(self._parameters):
            for theta, start, side in zip(
                known, chain.parameters[k], (sides[k], sides[1 - k]), strict=False
            ):
                carry_over(*side, theta, start)
        chain.refresh()
        n_steps = -(-self.max_iter // _UPDATE_SHARE)
        self._learn(history, chain, n_steps, self.burn_in // _UPDATE_SHARE)

    def _chain(self, history):
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        kind = OrderedProbit if self.likelihood == "ordered_probit" else Gaussian
        likelihood = kind(history.matrix.data, history.weights)
        blocks = self._blocks(history)
        return Chain(blocks, likelihood, self.n_factors, rng, self.n_jobs)

    def _blocks(self, history):
        """Return the users and the items, with their features, as blocks."""
        indptr, cols, _ = compressed_parts(history.matrix)
        n_users, n_items = history.matrix.shape
        rows = np.repeat(np.arange(n_users, dtype=np.int32), np.diff(indptr))
        of_users = self._set_features(history.matrix, "user")
        of_items = self._set_features(transpose_csr(history.matrix), "item")
        return [Block(rows, n_users, of_users), Block(cols, n_items, of_items)]

    def _set_features(self, matrix, side):
        return [normalized_sets(matrix)] if self.implicit in (side, "both") else []

    def _learn(self, history, chain, n_steps, burn_in):
        draws = Draws(chain)
        burn_in = min(burn_in, n_steps - 1)
        wanted = _evenly(burn_in, n_steps, self.n_draws)
        first = min(wanted)
        # A thread of BLAS that waits for more to do would take a core from ours.
        with single_threaded_blas():
            for step in epochs(self, n_steps, history, draws.attributes):
                chain.step()
                if step in wanted or step < first:
                    # Until the first wanted draw, the last one serves the callbacks.
                    draws.take(replace=step <= first)
        self.__dict__.update(draws.attributes())

    def _make_scorer(self, profiles):
        codes = profiles.codes
        known = (codes >= 0)[:, None]
        factors = np.where(known, self.user_factors_[codes], self._mean_user_factors)
        offsets = np.where(known, self._user_offsets[codes], self._mean_user_offsets)
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            added = profiles.history.take(changed.astype(np.int32))
            sets = self._set_features(added.matrix, "user")
            with single_threaded_blas():
                offsets[changed], factors[changed] = fold_in(self, added, sets)
        return self._scorer(offsets, factors)

    def _scorer(self, offsets, factors):
        items = self._item_offsets, self.item_factors_
        if self.likelihood == "ordered_probit":
            return LevelScorer(offsets, factors, *items, self.levels_, self.cuts_)
        # The mean over draws of inner products is one of the vectors side by side.
        each = np.float32(self._scale / offsets.shape[1])
        return FactorScorer(
            factors * each, self.item_factors_,
            self._location + self._scale * offsets.mean(axis=1, dtype=np.float64),
            self._scale * self._item_offsets.mean(axis=1, dtype=np.float64),
        )  # fmt: skip


def normalized_sets(matrix):
    """Return the pattern of compressed rows; a row of n has the values 1 / sqrt(n)."""
    indptr, indices, _ = compressed_parts(matrix)
    counts = np.diff(indptr)
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
    return make_csr(indptr, indices, values, matrix.shape)


def _evenly(start, stop, n):
    """Return at most n numbers above `start`, evenly spaced, up to `stop`."""
    n = min(n, stop - start)
    return set((start + np.arange(1, n + 1) * (stop - start) // n).tolist())
