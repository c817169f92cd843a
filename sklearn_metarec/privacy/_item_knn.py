"""PrivateItemKNN: similarities of a Gram matrix with noise."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._sparse_scoring import PRIOR
from sklearn_metarec._weighting import Weighting
from sklearn_metarec.interactions import make_csr, transpose_csr
from sklearn_metarec.neighbors import ItemKNN
from sklearn_metarec.privacy._private_gram import PRIVACY_CONSTRAINTS, PrivateGramMixin
from sklearn_metarec.utils._sklearn import Interval

# In standard deviations of the noise: what a count is at least taken for, and what is
# added to the denominator of a similarity.
_FLOOR = 5
_SHRINKAGE = 10
_ROWS_PER_BLOCK = 512


class PrivateItemKNN(PrivateGramMixin, ItemKNN):
    """ItemKNN under differential privacy: nobody can tell whether a user was there.

    The only thing that a fit learns from users is the Gram matrix X'X, in which each
    user counts for no more than one with `max_items` items, plus Gaussian noise.
    Entries below `threshold` standard deviations of the noise become 0, the others come
    closer to 0 by as much; the similarity of two items is then the asymmetric cosine
    of :class:`ItemKNN`, with a shrinkage that grows with the noise.

    The guarantee is (epsilon, delta)-differential privacy for adding or removing one
    user with all their rows, given the ids of the items. It is one of what `release`
    returns. The fitted model itself holds the users and their items.

    Unlike ItemKNN, a fit needs an n_items x n_items matrix, since noise is everywhere.
    There is no `partial_fit`: each fit that a user takes part in adds to their epsilon.

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
    n_neighbors : int, default=50
        How many similar items are kept of each item.
    shrinkage : float, default=1.0
        Added to the denominator without noise, in users that count in full; ten
        standard deviations of the noise come on top.
    asymmetry : float, default=0.5
        How much more of the neighbour's popularity is divided out of a cosine than of
        the item's own, from 0 to 1.
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
    item_similarity_ : csr_array of shape (n_items, n_items), dtype=float32
        Row j holds the neighbours of item j, and how similar they are.
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
    PrivateEASE : The same matrix, inverted; better on most data.

    Notes
    -----
    The defaults are those that did well on training parts of msweb and movielens_1m, at
    epsilon 1 and 4 (docs/benchmarks/privacy.md).

    References
    ----------
    F. McSherry and I. Mironov (2009). Differentially private recommender systems. KDD.
    (A noisy matrix of how items vary together, with users weighted down; neighbours of
    it.)

    B. Balle and Y.-X. Wang (2018). Improving the Gaussian mechanism for differential
    privacy. ICML. Algorithm 1.

    Examples
    --------
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.privacy import PrivateItemKNN
    >>> X, y = make_interactions(2000, 40, 20_000, random_state=0)
    >>> model = PrivateItemKNN(4.0, catalogue=range(40)).fit(X, y).release()
    >>> len(model.users_), model.recommend(history=[["me", 3], ["me", 5]], k=4)[0].shape
    (0, (1, 4))
    """

    _released = (
        "item_similarity_", "_influence", "_history_weighting", "_prior",
    )  # fmt: skip
    _parameter_constraints = PRIVACY_CONSTRAINTS | {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "asymmetry": [Interval(Real, 0, 1, closed="both")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, epsilon=1.0, *, delta=1e-6, max_items=2, n_neighbors=50, shrinkage=1.0,
        asymmetry=0.5, threshold=2.0, catalogue=None, n_jobs=None, random_state=None,
    ):  # fmt: skip
        self.epsilon = epsilon
        self.delta = delta
        self.max_items = max_items
        self.n_neighbors = n_neighbors
        self.shrinkage = shrinkage
        self.asymmetry = asymmetry
        self.threshold = threshold
        self.catalogue = catalogue
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, history):
        gram = self._private_gram(history)
        neighbours = self._nearest(gram)
        self._influence = transpose_csr(neighbours)
        self.item_similarity_ = transpose_csr(self._influence)
        self._history_weighting = Weighting(self.weighting)
        self._prior = PRIOR * self._popularity()

    def _nearest(self, gram):
        """Return (row j: the items most similar to item j)."""
        squares = np.maximum(np.diag(gram), _FLOOR * self.noise_scale_)
        np.fill_diagonal(gram, 0)
        own, other = (
            (squares ** ((1 + sign * self.asymmetry) / 2)).astype(np.float32)
            for sign in (-1, 1)
        )
        shrinkage = np.float32(self.shrinkage + _SHRINKAGE * self.noise_scale_)
        n_items, k = len(gram), min(self.n_neighbors, len(gram))
        cols = np.empty((n_items, k), dtype=np.int32)
        values = np.empty((n_items, k), dtype=np.float32)
        for lo in range(0, n_items, _ROWS_PER_BLOCK):
            part = slice(lo, lo + _ROWS_PER_BLOCK)
            similar = gram[part] / (np.outer(own[part], other) + shrinkage)
            cols[part] = np.argsort(-similar, axis=1, kind="stable")[:, :k]
            values[part] = np.take_along_axis(similar, cols[part], axis=1)
        there = values > 0
        indptr = np.concatenate(([0], np.cumsum(np.count_nonzero(there, axis=1))))
        return make_csr(indptr, cols[there], values[there], gram.shape)
