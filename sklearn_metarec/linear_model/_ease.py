"""EASE: a linear autoencoder in closed form."""

from numbers import Integral, Real

import numpy as np
from scipy import linalg, sparse

from sklearn_metarec._kernels import local_ridge
from sklearn_metarec._neighborhood import Neighborhood
from sklearn_metarec._scoring import TableScorer
from sklearn_metarec._small import is_sparse
from sklearn_metarec._sparse_scoring import PRIOR, ListScorer, NeighborScorer
from sklearn_metarec._weighting import WEIGHTINGS
from sklearn_metarec.interactions import compressed_parts, transpose_csr
from sklearn_metarec.linear_model._gram import GramRecommender, mirror
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval, StrOptions

# Cholesky pivots smaller than this times the largest are mostly rounding error in
# single precision, whose unit is 1.2e-7.
_MIN_PIVOT = 1e-5
_ITEMS_PER_TASK = 32


class EASE(GramRecommender):
    """Linear item-to-item model with a closed-form solution.

    Minimizes the squared error of X B plus `regularization` times the squared norm of
    B, with a diagonal of zeros: B = I - P diag(1 / diag P), where P is the inverse of
    X'X + regularization I. A user's scores are their row of X times B, so new users
    need no fit, and `explain` is exact.

    The fit needs one n_items x n_items matrix in float32 (1.6 GB at 20,000 items) and
    a time that grows as the cube of the items. With `n_neighbors` each item is
    regressed on that many other items alone, those of highest cosine: column c of B
    minimizes the same objective, with zeros wherever an item is no neighbour of c.
    This is for large catalogues: no matrix of items x items is made, memory grows
    with the number of neighbours kept, and time as a comparison of all items that have
    a user in common plus, for each item, the cube of `n_neighbors`. What no neighbour
    decides, popularity does, as in :class:`ItemKNN`. With n_items - 1 neighbours the
    weights are those of the full model.

    `partial_fit` is exact. Its first call adds up the Gram matrix X'X, which is kept
    from then on (n_items^2 x 4 bytes); each reads the new rows' users only, unless the
    weighting is "tfidf" or "bm25", and then inverts, as a fit does. With `n_neighbors`
    it merges the new rows and costs what a fit costs.

    Parameters
    ----------
    regularization : float, default=200.0
        The ridge penalty, in users: larger for popular catalogues and long histories.
    n_neighbors : int, default=None
        How many other items each item is regressed on; all of them by default. For
        more than 20,000 items 100 are a good start, with a `regularization` of 10 to
        50, since large catalogues are sparse.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its entry of X. Binary by default: summed
        counts of repeated purchases let a few heavy pairs decide everything.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    item_weights_ : ndarray or csr_array of shape (n_items, n_items), dtype=float32
        B: row i is what item i in a history adds to the score of each other item. A
        sparse matrix with `n_neighbors`.
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
        In `fit` without `n_neighbors`, if the machine's memory cannot hold the matrix.

    Warns
    -----
    UserWarning
        In `fit` without `n_neighbors`, for more than 20,000 items.

    See Also
    --------
    ItemKNN : Similarities instead of a regression; grows with the catalogue.

    References
    ----------
    H. Steck (2019). Embarrassingly shallow autoencoders for sparse data. WWW.
    Equation 8.

    H. Steck (2019). Markov random fields for collaborative filtering. NeurIPS. (Weights
    on a sparse pattern, that of high correlations, solved for in small systems: there
    one for a set of items, here one for each.)

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> items, scores = EASE(1.0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _on_large_catalogues = (
        "pass n_neighbors=100, which regresses each item on the items most similar to "
        "it alone"
    )
    _parameter_constraints = {
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, regularization=200.0, *, n_neighbors=None, weighting="binary",
        n_jobs=None,
    ):  # fmt: skip
        self.regularization = regularization
        self.n_neighbors = n_neighbors
        self.weighting = weighting
        self.n_jobs = n_jobs

    def _fit(self, history):
        if self.n_neighbors is None:
            super()._fit(history)
            return
        regressions = _regress_on_neighbors(
            self._start(history), self.n_neighbors, self.regularization, self.n_jobs
        )
        self.item_weights_ = transpose_csr(regressions)
        self._prior = PRIOR * self._popularity()

    def _update(self, history, old, new):
        if self.n_neighbors is None:
            super()._update(history, old, new)
        else:
            self._fit(history)

    def _solve(self, make_gram):
        """Compute the item weights from a Gram matrix that may be overwritten."""
        inverse = _regularized_inverse(make_gram, self.regularization, self.n_jobs)
        # B = I - P diag(1 / diag P), equation 8, in place; its diagonal is zero.
        inverse /= -np.diag(inverse).copy()
        np.fill_diagonal(inverse, 0)
        self.item_weights_ = inverse

    def _make_scorer(self, profiles):
        if not is_sparse(self.item_weights_):
            return super()._make_scorer(profiles)
        weights = self._weighting.transform(profiles.matrix)
        return NeighborScorer(weights, self.item_weights_, self._prior)

    def _contributions(self, profiles, col):
        _, cols, values = compressed_parts(self._weighting.transform(profiles.matrix))
        if not is_sparse(self.item_weights_):
            return 0.0, cols, values * self.item_weights_[cols, col], True
        weights = self.item_weights_[cols][:, [col]].toarray().ravel()
        return self._prior[col], cols, values * weights, True

    def _item_scorer(self, cols):
        weights = self.item_weights_[:, cols].T
        if sparse.issparse(weights):
            return ListScorer(weights.tocsr())
        return TableScorer(weights)


def _regularized_inverse(make_gram, regularization, n_jobs):
    """Return the inverse of `make_gram() + regularization I`, in one matrix' memory."""
    gram = make_gram()
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += np.float32(regularization)
    # Cholesky in float32 takes a quarter of the time of a general float32 inverse.
    # LAPACK is column-major: the lower triangle of the transposed view is the upper
    # one of the C-ordered array.
    factor, info = linalg.lapack.spotrf(gram.T, lower=1, clean=0, overwrite_a=1)
    pivots = factor[diagonal] ** 2
    if info == 0 and pivots.min() > _MIN_PIVOT * pivots.max():
        inverse, info = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
        return mirror(inverse.T, n_jobs)
    # Too little regularization for single precision.
    gram = mirror(make_gram(), n_jobs).astype(np.float64)
    gram[diagonal] += regularization
    return linalg.inv(gram).astype(np.float32)


def _regress_on_neighbors(X, n_neighbors, regularization, n_jobs):
    """Return (row c: the weights of the neighbours of item c that predict it)."""
    by_item = transpose_csr(X)
    n_items, n_users = by_item.shape
    itself = np.arange(n_items, dtype=np.int32)
    near = Neighborhood(by_item, X, n_neighbors).nearest(by_item, itself, n_jobs)
    n_columns = int(np.diff(near.indptr).max(initial=0)) + 1
    n_entries = int(np.sort(np.diff(by_item.indptr))[-n_columns:].sum())
    map_ranges(
        local_ridge.regress_columns, n_items, *compressed_parts(by_item),
        *compressed_parts(near)[:2], float(regularization), near.data,
        chunk=_ITEMS_PER_TASK, n_jobs=n_jobs,
        states=lambda: local_ridge.scratch(n_users, n_entries, n_columns),
    )  # fmt: skip
    return near
