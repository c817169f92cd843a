"""PrivateEASE: EASE of a Gram matrix with noise."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse.linalg import eigsh

from sklearn_metarec._weighting import Weighting
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.privacy._private_gram import PRIVACY_CONSTRAINTS, PrivateGramMixin
from sklearn_metarec.utils._sklearn import Interval

# Up to so many items all eigenvalues cost less than a search for one.
_FEW_ITEMS = 100
# How far the smallest eigenvalue may be from what the search says.
_TOLERANCE = 0.01


class PrivateEASE(PrivateGramMixin, EASE):
    """EASE under differential privacy: nobody can tell whether a user was in the fit.

    The only thing that a fit learns from users is the Gram matrix X'X, in which each
    user counts for no more than one with `max_items` items, plus Gaussian noise. All
    else is made of that matrix: entries below `threshold` standard deviations of the
    noise become 0, the others come closer to 0 by as much, and B is that of EASE, with
    a penalty that grows with the noise.

    The guarantee is (epsilon, delta)-differential privacy for adding or removing one
    user with all their rows, given the ids of the items. It is one of what `release`
    returns. The fitted model itself holds the users and their items.

    Memory and time are those of EASE, and twice the matrix. There is no `partial_fit`:
    each fit that a user takes part in adds to their epsilon.

    Parameters
    ----------
    epsilon : float, default=1.0
        The privacy loss: what is released is at most exp(epsilon) times as likely with
        a user as without, but for probability delta. 1 is strong, 8 weak; see
        docs/privacy.md for what each costs.
    delta : float, default=1e-6
        Well below one over the number of users.
    max_items : int, default=2
        A user counts in full up to so many items; the pairs of one with m count
        sqrt(max_items (max_items + 1) / (m (m + 1))) each. Noise grows in proportion.
    regularization : float, default=10.0
        The ridge penalty without noise, in users that count in full. What the spectrum
        of the noise reaches to, its standard deviation times twice the root of the
        number of items, is added to it.
    threshold : float, default=2.0
        In standard deviations of the noise.
    catalogue : array-like of shape (n_items,), default=None
        The items that there are, from a public source. Rows of others are left out. By
        default those of the table: whoever sees the model then learns that each of
        them was had by somebody.
    n_jobs : int, default=None
        Threads; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        None takes the noise from the operating system's cryptographic generator.
        Anything else can be repeated, and is for tests: who knows the seed can take the
        noise off, and `release` refuses.

    Attributes
    ----------
    item_weights_ : ndarray of shape (n_items, n_items), dtype=float32
        B: row i is what item i in a history adds to the score of each other item.
    item_popularity_ : ndarray of shape (n_items,), dtype=float32
        The noisy diagonal of the Gram matrix, as a share of its largest entry: what
        those get of whom nothing is known.
    noise_scale_ : float
        Standard deviation of the noise on each entry.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids. Not private.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit. Not private.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    PrivateItemKNN : Similarities of the same matrix.
    RandomizedResponse : Noise before anything is collected.

    Notes
    -----
    The defaults of `max_items`, `threshold` and the penalty are those that did well on
    training parts of msweb and movielens_1m, at epsilon 1 and 4
    (docs/benchmarks/privacy.md).

    References
    ----------
    C. Dwork, K. Talwar, A. Thakurta and L. Zhang (2014). Analyze Gauss: optimal bounds
    for privacy-preserving principal component analysis. STOC. Algorithm 1. (Noise on
    the Gram matrix; there of rows of norm 1.)

    B. Balle and Y.-X. Wang (2018). Improving the Gaussian mechanism for differential
    privacy. ICML. Algorithm 1.

    H. Steck (2019). Embarrassingly shallow autoencoders for sparse data. WWW.

    Examples
    --------
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.privacy import PrivateEASE
    >>> X, y = make_interactions(2000, 40, 20_000, random_state=0)
    >>> model = PrivateEASE(4.0, catalogue=range(40)).fit(X, y).release()
    >>> len(model.users_), model.recommend(history=[["me", 3], ["me", 5]], k=4)[0].shape
    (0, (1, 4))
    """

    n_neighbors = None
    _released = ("item_weights_", "_gram", "_weighting")
    _parameter_constraints = PRIVACY_CONSTRAINTS | {
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, epsilon=1.0, *, delta=1e-6, max_items=2, regularization=10.0,
        threshold=2.0, catalogue=None, n_jobs=None, random_state=None,
    ):  # fmt: skip
        self.epsilon = epsilon
        self.delta = delta
        self.max_items = max_items
        self.regularization = regularization
        self.threshold = threshold
        self.catalogue = catalogue
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, history):
        self._check_size(len(history.items))
        gram = self._private_gram(history)
        # The edge of the spectrum of pure noise (Wigner's semicircle). The threshold
        # makes no promise about eigenvalues, so the least one is looked at.
        ridge = 2 * self.noise_scale_ * np.sqrt(len(gram))
        ridge = max(ridge, -(1 + 10 * _TOLERANCE) * _least_eigenvalue(gram))
        gram[np.diag_indices_from(gram)] += np.float32(ridge)
        self._gram = None
        self._weighting = Weighting(self.weighting)
        self._solve(gram.copy)


def _least_eigenvalue(matrix):
    if len(matrix) <= _FEW_ITEMS:
        return float(np.linalg.eigvalsh(matrix.astype(np.float64))[0])
    start = np.ones(len(matrix), dtype=matrix.dtype)
    found = eigsh(
        matrix, k=1, which="SA", v0=start, tol=_TOLERANCE, return_eigenvectors=False
    )
    return float(found[0])
