"""Factors of implicit feedback by alternating least squares (iALS)."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._history import carry_over
from sklearn_metarec._index import INDEXES, check_index
from sklearn_metarec._iterating import epochs
from sklearn_metarec._kernels import als
from sklearn_metarec._scoring import FactorScorer, by_length
from sklearn_metarec._weighting import WEIGHTINGS, Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.factorization._vectors import FactorMixin
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._parallel import map_ranges, single_threaded_blas
from sklearn_metarec.utils._sklearn import Interval, StrOptions

# Within a sweep two steps of conjugate gradients do as well as exact solutions, since
# they start from the last sweep's and are preconditioned. At the end they go on until
# nothing is left to gain, some eight steps.
_STEPS = 2
_FINAL_STEPS = 100
# From where the sweeps of an update start, the last ones of a fit change little.
_UPDATE_SWEEPS = 3
# Small data sets are penalized as if their rows had that many more pairs on average.
_EXTRA_PAIRS = 50
# Sums of squares of larger ones would overflow in single precision.
_MAX_WEIGHT = 1e12
_INITIAL_STD = 0.1
_ROWS_PER_TASK = 128
_ROWS_PER_TURN = 1024


class IALS(FactorMixin, BaseRecommender):
    """Implicit-feedback matrix factorization by alternating least squares.

    Minimizes, over all pairs of a user u and an item i, observed or not, ::

        sum_ui c_ui (p_ui - x_u . y_i)^2 + sum_u l_u |x_u|^2 + sum_i l_i |y_i|^2,

    where p_ui is 1 for observed pairs and else 0, c_ui = 1 + `alpha` s_ui the
    confidence in that, s_ui the weighted strength of the pair (0 if not observed), and
    l = `regularization` (n + 50 n / m) ^ `scale_regularization` for a user or item with
    n pairs, m being the mean n of users or of items. A score is x_u . y_i.

    A sweep improves all user factors, then all item factors, by two steps of conjugate
    gradients each. It is done in axes in which what all rows have in common is
    diagonal; that makes for a good preconditioner, so that two steps are enough.

    In the end the user factors are the exact solution given the item factors. So new
    users are folded in exactly, with `history=` a known user is treated like a new one,
    and `explain` divides a score exactly among the user's items.

    `partial_fit` is warm, not exact: it starts from the factors so far (small random
    ones for new users and items) and does three sweeps over the stored and the new
    pairs, about a fifth of what a fit costs.

    Parameters
    ----------
    n_factors : int, default=64
        The length of the vectors. 128 and 256 were better on all of seven data sets, by
        2.5% and 3.3% of nDCG@10 in the mean, at two and five times the cost.
    regularization : float, default=5.5
        The penalty of the factors. What is best grows with `alpha`: 0.4 to 0.8 times
        `alpha` did well on all data sets tried. Too much of it, and all factors vanish.
    alpha : float, default=10.0
        What an observed pair of strength 1 weighs, beyond the 1 of any pair. More for
        short histories: 15 to 30 where most users have less than five items.
    scale_regularization : float, default=0.5
        How the penalty grows with the number of pairs. 0 is the same penalty for all,
        as in Hu et al. (`regularization` is then some ten times larger); 1 is in
        proportion. Half-way did best in the mean over seven data sets.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes s. Binary by default: summed counts let a
        few heavy pairs decide everything. None is the strength itself, as in Hu et al.
    max_iter : int, default=15
        Sweeps over users and items.
    index : {"exact", "hnsw"}, default="exact"
        How `recommend` finds the best items. "exact" computes all scores. "hnsw" is for
        catalogues of millions: it computes few, and may miss an item in a hundred. It
        needs `pip install sklearn_metarec[ann]`; see :doc:`/howto/large_catalogue`.
    random_state : int, RandomState or None, default=None
        Draws the first factors.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, n_factors), dtype=float32
        The users' vectors x.
    item_factors_ : ndarray of shape (n_items, n_factors), dtype=float32
        The items' vectors y; the columns are orthogonal, the one of the largest norm
        first.
    n_iter_ : int
        Sweeps done: `max_iter`, unless a callback stopped them.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    EASE : Often better on catalogues of some thousand items, too large beyond.
    MFRegressor : Factors of ratings.

    References
    ----------
    Y. Hu, Y. Koren and C. Volinsky (2008). Collaborative filtering for implicit
    feedback datasets. ICDM. Equation 3 is the objective, 4 and 5 its sweeps, 7 and
    the one after it the explanations.

    G. Takács, I. Pilászy and D. Tikk (2011). Applications of the conjugate gradient
    method for implicit feedback collaborative filtering. RecSys.

    S. Rendle, W. Krichene, L. Zhang and Y. Koren (2022). Revisiting the performance of
    iALS on item recommendation benchmarks. RecSys. `scale_regularization` is the
    exponent of its frequency-scaled regularization, here relative to the mean.

    Examples
    --------
    >>> from sklearn_metarec import IALS
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"], ["joe", "gin"]]
    >>> model = IALS(2, regularization=0.1, random_state=0).fit(X)
    >>> items, scores = model.recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "scale_regularization": [Interval(Real, 0, None, closed="left")],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "index": [StrOptions(INDEXES)],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, n_factors=64, *, regularization=5.5, alpha=10.0,
        scale_regularization=0.5, weighting="binary", max_iter=15, index="exact",
        random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.alpha = alpha
        self.scale_regularization = scale_regularization
        self.weighting = weighting
        self.max_iter = max_iter
        self.index = index
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, history):
        check_index(self.index)
        users, items = self._start(history)
        self._learn(history, users, items, self.max_iter)

    def _update(self, history, old, new):
        users, items = self._start(history)
        carry_over(old.users, history.users, self.user_factors_, users)
        carry_over(old.items, history.items, self.item_factors_, items)
        self._learn(history, users, items, min(_UPDATE_SWEEPS, self.max_iter))

    def _start(self, history):
        factors = self._random_factors(history, _INITIAL_STD)
        return [side.astype(np.float32) for side in factors]

    def _learn(self, history, users, items, n_sweeps):
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        by_user = self._weights(history.matrix)
        _check_range(by_user)
        by_item = transpose_csr(by_user)
        self._row_size = _row_size(by_user)
        user_ridge = self._ridge(by_user, self._row_size)
        item_ridge = self._ridge(by_item, _row_size(by_item))

        def fitted():
            # Copies, since the sweeps go on, and turn the axes.
            exact, fixed = users.copy(), items.copy()
            self._improve(exact, by_user, user_ridge, fixed, _FINAL_STEPS)
            gram = fixed.astype(np.float64)
            return {
                "user_factors_": exact, "item_factors_": fixed,
                "_item_gram": gram.T @ gram, "_by_length": by_length(fixed),
            }  # fmt: skip

        with single_threaded_blas():
            for _ in epochs(self, n_sweeps, history, fitted):
                self._improve(users, by_user, user_ridge, items, _STEPS)
                self._improve(items, by_item, item_ridge, users, _STEPS)
            self.__dict__.update(fitted())

    def _weights(self, strengths):
        """Return the matrix of alpha s, what a pair weighs beyond an unobserved one."""
        s = self._weighting.transform(strengths)
        return make_csr(s.indptr, s.indices, s.data * np.float32(self.alpha), s.shape)

    def _ridge(self, weights, size):
        pairs = np.diff(weights.indptr) * size
        return self.regularization * pairs**self.scale_regularization

    def _improve(self, moving, weights, ridge, fixed, n_steps):
        gram = _to_principal_axes(fixed, moving, self.n_jobs)
        map_ranges(
            als.improve_rows, len(moving), *compressed_parts(weights), gram,
            ridge.astype(np.float32), n_steps, fixed, moving, n_jobs=self.n_jobs,
            chunk=_ROWS_PER_TASK, states=lambda: als.scratch(self.n_factors),
        )  # fmt: skip

    def _make_scorer(self, profiles):
        users = profiles.known_rows(self.user_factors_)
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            users[changed] = self._fold_in(profiles.history.take(changed).matrix)
        return FactorScorer(
            users, self.item_factors_, by_length=self._by_length, index=self.index
        )

    def _fold_in(self, strengths):
        """Return the exact factors of users by their strengths."""
        weights = self._weights(strengths)
        indptr, cols, data = compressed_parts(weights)
        n_factors = self.item_factors_.shape[1]
        users = np.zeros((len(indptr) - 1, n_factors))
        map_ranges(
            als.solve_rows, len(users), indptr, cols, data, 1 + data,
            np.asarray(self.item_factors_), self._item_gram,
            self._ridge(weights, self._row_size),
            np.ones(n_factors), users, n_jobs=self.n_jobs, chunk=_ROWS_PER_TASK,
            states=lambda: als.scratch_systems(n_factors, np.float64),
        )  # fmt: skip
        return users

    def _contributions(self, profiles, col):
        weights = self._weights(profiles.matrix)
        _, cols, w = compressed_parts(weights)
        Y = self.item_factors_[cols].astype(np.float64)
        system = self._item_gram + (Y.T * w) @ Y
        system[np.diag_indices_from(system)] += self._ridge(weights, self._row_size)
        # Hu et al., after equation 7: what item j adds is c_uj y_i' W y_j, where W is
        # the inverse of the user's system.
        similar = Y @ np.linalg.solve(system, self.item_factors_[col])
        return 0.0, cols, (1 + w) * similar, True


def _check_range(weights):
    largest = weights.data.max(initial=0)
    if largest > _MAX_WEIGHT:
        raise ValueError(
            f"alpha times the largest strength is {largest:.1e}, which is too much for "
            "single precision. Lower alpha or y, or use weighting='log' or 'binary'."
        )


def _row_size(weights):
    """Return by what the pairs of a row count more, for its penalty."""
    n_rows = weights.shape[0]
    return 1 + _EXTRA_PAIRS * n_rows / max(weights.nnz, 1)


def _to_principal_axes(fixed, moving, n_jobs):
    """Turn both sides, in place, to the axes that make columns of `fixed` orthogonal.

    No inner product of a user and an item changes by that, nor any norm, and so neither
    does the objective. Returns the diagonal of the Gram matrix that is left, largest
    entry first.
    """
    n_factors = fixed.shape[1]
    # Single precision is enough for a block, but not for the sum of a long column.
    grams = np.empty((-(-len(fixed) // _ROWS_PER_TURN), n_factors, n_factors))

    def add(lo, hi):
        grams[lo // _ROWS_PER_TURN] = fixed[lo:hi].T @ fixed[lo:hi]

    map_ranges(add, len(fixed), chunk=_ROWS_PER_TURN, n_jobs=n_jobs)
    squares, axes = np.linalg.eigh(grams.sum(axis=0))
    axes = np.ascontiguousarray(axes[:, ::-1], dtype=np.float32)

    def turn(lo, hi, side):
        side[lo:hi] = side[lo:hi] @ axes

    for side in (fixed, moving):
        map_ranges(turn, len(side), side, chunk=_ROWS_PER_TURN, n_jobs=n_jobs)
    return np.maximum(squares[::-1], 0).astype(np.float32)
