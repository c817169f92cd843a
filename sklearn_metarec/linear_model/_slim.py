"""SLIM: a sparse linear model of all items on all others."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_metarec._kernels import slim
from sklearn_metarec._sparse_scoring import PRIOR, ListScorer, NeighborScorer
from sklearn_metarec._weighting import WEIGHTINGS
from sklearn_metarec.interactions import (
    compressed_parts,
    keep_entries,
    make_csr,
    transpose_csr,
)
from sklearn_metarec.linear_model._gram import GramRecommender, mirror
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval, StrOptions

_ITEMS_PER_TASK = 32
# Infinite in single precision, but without the rules for what is infinite.
_FORBIDDEN = np.float32(1e30)


class SLIM(GramRecommender):
    """Sparse linear item-to-item model, an elastic net for each item.

    Predicts the column of each item by those of the others: minimizes, for each item
    j, ::

        |x_j - X w|^2 / 2 + regularization |w|^2 / 2 + l1_regularization |w|_1,

    where x_j is the column of item j in the weighted users x items matrix X, and w_j is
    0; w is not negative either, unless `positive=False`. Without the last term and the
    sign it is the objective of EASE; with them most weights are zero.

    A user's scores are their row of X times the weights, plus one millionth of the
    share of users who have the item: what no item of a user speaks for is in order of
    popularity. Scores are linear in a user's history, so new users need no fit, and
    `explain` is exact.

    The weights are found by coordinate descent on the Gram matrix X'X, one item
    independent of the others, until no derivative of the objective is off by more than
    `tol`. A fit needs one n_items x n_items matrix in float32 (1.6 GB at 20,000 items),
    and more time the smaller the penalties are. Items with no more users than
    `l1_regularization` cannot have weights that are not negative, and take no part.

    `partial_fit` is exact up to `tol`. Its first call adds up the Gram matrix, which is
    kept from then on (n_items^2 x 4 bytes); each reads the new rows' users only, unless
    the weighting is "tfidf" or "bm25", and then solves for all items, as a fit does.

    Parameters
    ----------
    regularization : float, default=100.0
        The ridge penalty, in users, as of EASE: the larger, the more the weight is
        spread over items that are alike.
    l1_regularization : float, default=1.0
        The penalty of the sum of weights, in users: what has no more users than that
        in common with an item gets no weight for it. Larger is sparser, faster and in
        the end worse; below 1 almost all items that have a user in common get a weight,
        and the fit may take very long.
    positive : bool, default=True
        Whether weights may not be negative, as in the paper.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its entry of X.
    max_iter : int, default=1000
        Most sweeps over the weights of an item; some 50 are usual.
    tol : float, default=1e-4
        How far a derivative may be off, relative to the product of the norms of the two
        items' columns, which it cannot exceed without penalties. Below 1e-6 single
        precision has nothing to add.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    item_weights_ : csr_array of shape (n_items, n_items), dtype=float32
        Row i is what item i in a history adds to the score of each other item.
    n_iter_ : int
        The most sweeps that the weights of an item took.
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

    Raises
    ------
    MemoryError
        In `fit`, if the machine's memory cannot hold the matrix.

    See Also
    --------
    EASE : The same in closed form, without sparsity.
    ItemKNN : Similarities instead of a regression; grows with the catalogue.

    Notes
    -----
    On validation parts of eight data sets the defaults reached 99% of the best nDCG@10
    of each, in the mean; half the ridge penalty did as well, and better with short
    histories. Penalties of 200 and 2 are better on MovieLens 100K, and 500 and 5 with
    `positive=False`, at ten times the cost, on MovieLens 1M.

    References
    ----------
    X. Ning and G. Karypis (2011). SLIM: Sparse linear methods for top-N recommender
    systems. ICDM. Equation 4.

    J. Friedman, T. Hastie and R. Tibshirani (2010). Regularization paths for
    generalized linear models via coordinate descent. Journal of Statistical Software
    33(1). Section 2.2, the updates by the Gram matrix.

    Examples
    --------
    >>> from sklearn_metarec import SLIM
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> items, scores = SLIM(1.0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "l1_regularization": [Interval(Real, 0, None, closed="left")],
        "positive": ["boolean"],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, regularization=100.0, *, l1_regularization=1.0, positive=True,
        weighting="binary", max_iter=1000, tol=1e-4, n_jobs=None,
    ):  # fmt: skip
        self.regularization = regularization
        self.l1_regularization = l1_regularization
        self.positive = positive
        self.weighting = weighting
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def _fit(self, history):
        X = self._start(history)
        cols = np.arange(X.shape[1])
        if self.positive:
            # No entry of X'X exceeds the sum of a column times the largest entry of
            # X. Where that is no more than the penalty, so is what any weights that
            # are not negative leave of the entry: the item neither has weights nor is
            # one of another's.
            largest = np.bincount(X.indices, X.data, len(cols)) * X.data.max(initial=0)
            cols = np.flatnonzero(largest > self.l1_regularization)
            X = _take_columns(X, cols)
        self._regress(self._add_gram(X), cols)

    def _solve(self, make_gram):
        self._regress(make_gram(), np.arange(len(self._items)))

    def _regress(self, gram, cols):
        """Learn the weights of some items on each other from their Gram matrix."""
        gram = mirror(gram, self.n_jobs)
        above = np.float32(self.l1_regularization)
        below = _FORBIDDEN if self.positive else above
        n_weights, places, values, n_iter = _regress(
            len(self._items), gram, np.sqrt(np.diag(gram)), above, below,
            np.float32(self.regularization), np.float32(self.tol), self.max_iter,
            n_jobs=self.n_jobs,
        )  # fmt: skip
        self._regressions = _spread(n_weights, places, values, cols, len(self._items))
        self._prior = PRIOR * self._popularity()
        self.item_weights_ = transpose_csr(self._regressions)
        self.n_iter_ = min(int(n_iter.max(initial=1)), self.max_iter)
        n_unfinished = int((n_iter > self.max_iter).sum())
        if n_unfinished:
            warnings.warn(
                f"The weights of {n_unfinished} of {len(self._items)} items did not "
                f"converge in {self.max_iter} sweeps: raise max_iter, tol or a "
                "penalty.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _make_scorer(self, profiles):
        weights = self._weighting.transform(profiles.matrix)
        return NeighborScorer(weights, self.item_weights_, self._prior)

    def _contributions(self, profiles, col):
        _, cols, values = compressed_parts(self._weighting.transform(profiles.matrix))
        own = self._regressions[[col]].toarray()[0]
        return self._prior[col], cols, values * own[cols], True

    def _item_scorer(self, cols):
        return ListScorer(self._regressions[cols])


def _take_columns(X, cols):
    """Return compressed rows of some columns, in ascending order."""
    place = np.full(X.shape[1], -1, dtype=np.int32)
    place[cols] = np.arange(len(cols), dtype=np.int32)
    if len(cols) == len(place):
        return X
    kept = keep_entries(X, (place >= 0)[X.indices])
    shape = (X.shape[0], len(cols))
    return make_csr(kept.indptr, place[kept.indices], kept.data, shape)


def _spread(n_weights, places, values, cols, n_items):
    """Return the compressed rows of all items, of which `cols` have what is given."""
    counts = np.zeros(n_items + 1, dtype=np.int64)
    counts[1 + cols] = n_weights
    indices = cols.astype(np.int32)[places]
    return make_csr(np.cumsum(counts), indices, values, (n_items, n_items))


def _regress(n_all, gram, *settings, n_jobs):
    """Return (how many weights predict each item, whose, and which; the sweeps)."""
    n_items = len(gram)
    n_weights = np.empty(n_items, dtype=np.int64)
    n_iter = np.empty(n_items, dtype=np.int64)
    nothing = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    found = [nothing] * max(-(-n_items // _ITEMS_PER_TASK), 1)

    def states():
        size = min(_ITEMS_PER_TASK, n_items) * n_items
        room = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.float32)
        return (*room, *slim.scratch(n_items, n_all))

    def work(lo, hi, cols, values, *scratch):
        slim.regress_items(
            lo, hi, cols, values, *scratch, gram, *settings, n_weights, n_iter
        )
        n = n_weights[lo:hi].sum()
        found[lo // _ITEMS_PER_TASK] = cols[:n].copy(), values[:n].copy()

    map_ranges(work, n_items, chunk=_ITEMS_PER_TASK, states=states, n_jobs=n_jobs)
    cols, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return n_weights, cols, values, n_iter
