"""UserKNN: what similar users have."""

import numpy as np

from sklearn_metarec._history import Profiles
from sklearn_metarec._neighborhood import CONSTRAINTS, Neighborhood
from sklearn_metarec._sparse_scoring import PRIOR, ListScorer, NeighborScorer
from sklearn_metarec._weighting import Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts, transpose_csr


class UserKNN(BaseRecommender):
    """User-based nearest neighbours: what users with a like history have.

    The score of an item for a user u is the sum of s(u, v) x_vi over the
    `n_neighbors` fitted users v most similar to u, without u. x is the weighted
    users x items matrix; the similarity of its rows is

    - cosine: dot(u, v) / (norm(u)^(1 - a) norm(v)^(1 + a) + shrinkage m), with the
      `asymmetry` a, and m the mean of the squared entries (1 for binary ones);
    - jaccard: the items of both users / (the items of either + shrinkage).

    One millionth of the share of users who have i is added: items that no neighbour has
    are in order of popularity.

    A fit only arranges the matrix. Neighbours are found when scores are asked for, from
    the histories as they are then: so new users need no fit, and rows passed as
    `history` count. This takes each user's items times the users of each; no users x
    users matrix is made. A new user gets the scores that they would have as a user of
    the fit, up to what is counted in a fit: popularity, and the frequencies of "tfidf"
    and "bm25".

    `explain` splits each similarity into what each item in common adds to it, the
    neighbours and the denominators held fixed; the parts add up to the score.

    `partial_fit` is exact. It merges the new rows and arranges the matrix again, as a
    fit does.

    Parameters
    ----------
    n_neighbors : int, default=200
        How many similar users are looked at.
    similarity : {"cosine", "jaccard"}, default="cosine"
        How users are compared. Jaccard looks only at which items they have.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="tfidf"
        How strengths become the entries of the matrix. "tfidf" by default: to have a
        popular item in common says little, and to be told of it is worth little.
    shrinkage : float, default=5.0
        Added to the denominator, in items: lowers the similarity of users with fewer
        items, whose similarity may be chance.
    asymmetry : float, default=0.5
        How much more of the neighbour's activity is divided out of a cosine than of the
        user's own, from 0 (the cosine) to 1.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
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
    ItemKNN : Items similar to those of the user; cheaper where users outnumber items.

    Notes
    -----
    The defaults are within 0.1% of the best mean nDCG@10, relative to the best of each
    data set, on validation parts of seven data sets (`benchmarks/defaults.py`).
    `similar_users` lists no more than `n_neighbors` users.

    References
    ----------
    J. Herlocker, J. Konstan, A. Borchers and J. Riedl (1999). An algorithmic framework
    for performing collaborative filtering. SIGIR.

    M. Ferrari Dacrema, P. Cremonesi and D. Jannach (2019). Are we really making much
    progress? RecSys. (The cosine with a shrink term.)

    F. Aiolli (2013). Efficient top-N recommendation for very large scale binary rated
    datasets. RecSys. (The asymmetric cosine.)

    Examples
    --------
    >>> from sklearn_metarec import UserKNN
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> items, scores = UserKNN(shrinkage=1.0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = CONSTRAINTS
    # A new user with the rows of a known one has that one as a neighbour.
    _history_exact = False

    def __init__(
        self, n_neighbors=200, *, similarity="cosine", weighting="tfidf",
        shrinkage=5.0, asymmetry=0.5, n_jobs=None,
    ):  # fmt: skip
        self.n_neighbors = n_neighbors
        self.similarity = similarity
        self.weighting = weighting
        self.shrinkage = shrinkage
        self.asymmetry = asymmetry
        self.n_jobs = n_jobs

    def _fit(self, history):
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        by_user = self._weighting.transform(history.matrix)
        self._neighborhood = Neighborhood(
            by_user, transpose_csr(by_user), self.n_neighbors,
            similarity=self.similarity, shrinkage=self.shrinkage,
            asymmetry=self.asymmetry,
        )  # fmt: skip
        self._prior = PRIOR * self._popularity()

    def _update(self, history, old, new):
        self._fit(history)

    def _neighbours(self, profiles):
        rows = self._weighting.transform(profiles.matrix)
        return self._neighborhood.nearest(rows, profiles.codes, self.n_jobs)

    def _make_scorer(self, profiles):
        rows = self._neighborhood.candidates
        return NeighborScorer(self._neighbours(profiles), rows, self._prior)

    def _contributions(self, profiles, col):
        own = self._weighting.transform(profiles.matrix)
        neighbours = self._neighbours(profiles)
        theirs = self._neighborhood.candidates[neighbours.indices]
        added = neighbours.data * theirs[:, [col]].toarray().ravel()
        _, cols, values = compressed_parts(own)
        common = theirs[:, cols].toarray().astype(np.float64)
        if self._neighborhood.jaccard:
            common, values = common != 0, np.ones(len(cols))
        # A similarity is a sum of products over common items, divided by something:
        # here each product becomes its share of the sum.
        products = common * values
        shares = products / products.sum(axis=1, keepdims=True)
        return self._prior[col], cols, added @ shares, True

    def _user_scorer(self, rows):
        return ListScorer(self._neighbours(Profiles(self._history(), rows)))
