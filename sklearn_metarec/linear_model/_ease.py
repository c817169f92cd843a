"""EASE: a linear autoencoder in closed form."""

from numbers import Integral, Real

import numpy as np
from scipy import linalg

from sklearn_metarec._scoring import TableScorer
from sklearn_metarec._weighting import WEIGHTINGS
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.linear_model._gram import GramRecommender, mirror
from sklearn_metarec.utils._sklearn import Interval, StrOptions

# Cholesky pivots smaller than this times the largest are mostly rounding error in
# single precision, whose unit is 1.2e-7.
_MIN_PIVOT = 1e-5


class EASE(GramRecommender):
    """Linear item-to-item model with a closed-form solution.

    Minimizes the squared error of X B plus `regularization` times the squared norm of
    B, with a diagonal of zeros: B = I - P diag(1 / diag P), where P is the inverse of
    X'X + regularization I. A user's scores are their row of X times B, so new users
    need no fit, and `explain` is exact.

    The fit needs one n_items x n_items matrix in float32 (1.6 GB at 20,000 items) and
    a time that grows as the cube of the items.

    `partial_fit` is exact. Its first call adds up the Gram matrix X'X, which is kept
    from then on (n_items^2 x 4 bytes); each reads the new rows' users only, unless the
    weighting is "tfidf" or "bm25", and then inverts, as a fit does.

    Parameters
    ----------
    regularization : float, default=200.0
        The ridge penalty, in users: larger for popular catalogues and long histories.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its entry of X. Binary by default: summed
        counts of repeated purchases let a few heavy pairs decide everything.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    item_weights_ : ndarray of shape (n_items, n_items), dtype=float32
        B: row i is what item i in a history adds to the score of each other item.
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
    ItemKNN : Similarities instead of a regression; grows with the catalogue.

    References
    ----------
    H. Steck (2019). Embarrassingly shallow autoencoders for sparse data. WWW.
    Equation 8.

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> items, scores = EASE(1.0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "n_jobs": [Integral, None],
    }

    def __init__(self, regularization=200.0, *, weighting="binary", n_jobs=None):
        self.regularization = regularization
        self.weighting = weighting
        self.n_jobs = n_jobs

    def _solve(self, make_gram):
        """Compute the item weights from a Gram matrix that may be overwritten."""
        inverse = _regularized_inverse(make_gram, self.regularization, self.n_jobs)
        # B = I - P diag(1 / diag P), equation 8, in place; its diagonal is zero.
        inverse /= -np.diag(inverse).copy()
        np.fill_diagonal(inverse, 0)
        self.item_weights_ = inverse

    def _contributions(self, profiles, col):
        _, cols, values = compressed_parts(self._weighting.transform(profiles.matrix))
        return 0.0, cols, values * self.item_weights_[cols, col], True

    def _item_scorer(self, cols):
        return TableScorer(self.item_weights_[:, cols].T)


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
