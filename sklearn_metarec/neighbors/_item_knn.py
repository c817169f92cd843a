"""ItemKNN: items similar to those that a user has."""

import numpy as np

from sklearn_metarec._neighborhood import CONSTRAINTS, Neighborhood
from sklearn_metarec._sparse_scoring import PRIOR, ListScorer, NeighborScorer
from sklearn_metarec._weighting import Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts, transpose_csr

# These weight a pair without regard to others: they weight a user's history too.
_ROWWISE = ("binary", "log", None)


class ItemKNN(BaseRecommender):
    """Item-based nearest neighbours: items like those that a user has.

    The score of item j for a user is the sum of s(j, i) w(i) over the user's items i
    that are among the `n_neighbors` items most similar to j. The similarity of the
    columns of the weighted users x items matrix is

    - cosine: dot(j, i) / (norm(j)^(1 - a) norm(i)^(1 + a) + shrinkage m), with the
      `asymmetry` a, and m the mean of the squared entries (1 for binary ones);
    - jaccard: the users of both items / (the users of either + shrinkage).

    The weight w(i) is 1 with `weighting="binary"`, the strength of the pair with None,
    and log(1 + strength) otherwise. One millionth of the share of users who have j is
    added: items that are like none of a user's are in order of popularity. Scores are
    linear in a user's history, so new users need no fit, and `explain` is exact.

    A fit compares all items that have a user in common: its time grows with the
    squared lengths of the histories, its memory with the number of neighbours kept. No
    items x items matrix is made.

    `partial_fit` is exact. It merges the new rows and compares all items again, which
    costs what a fit costs.

    Parameters
    ----------
    n_neighbors : int, default=50
        How many similar items are kept of each item.
    similarity : {"cosine", "jaccard"}, default="cosine"
        How items are compared. Jaccard looks only at who has the items.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How strengths become the entries of the matrix. Items are the documents and
        users the terms, so that "tfidf" and "bm25" discount users who have much.
        Binary by default: counts of repeated purchases let a few pairs decide.
    shrinkage : float, default=20.0
        Added to the denominator, in users: lowers the similarity of items with fewer
        users, whose similarity may be chance.
    asymmetry : float, default=0.5
        How much more of the neighbour's popularity is divided out of a cosine than of
        the item's own, from 0 (the cosine) to 1 (the share of the neighbour's users
        who have the item).
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    item_similarity_ : csr_array of shape (n_items, n_items), dtype=float32
        Row j holds the neighbours of item j, and how similar they are.
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
    UserKNN : What similar users have.
    EASE : Weights that take account of each other; for catalogues that fit in memory.

    Notes
    -----
    The defaults have the best mean nDCG@10, relative to the best of each data set, of
    all settings with binary weighting, on validation parts of seven data sets
    (`benchmarks/defaults.py`). `weighting="tfidf"` with 100 neighbours and a shrinkage
    of 10 is 1.5% better in that mean and takes longer to fit. `similar_items` lists no
    more than `n_neighbors` items.

    References
    ----------
    B. Sarwar, G. Karypis, J. Konstan and J. Riedl (2001). Item-based collaborative
    filtering recommendation algorithms. WWW.

    M. Ferrari Dacrema, P. Cremonesi and D. Jannach (2019). Are we really making much
    progress? RecSys. (The cosine with a shrink term.)

    F. Aiolli (2013). Efficient top-N recommendation for very large scale binary rated
    datasets. RecSys. (The asymmetric cosine.)

    Examples
    --------
    >>> from sklearn_metarec import ItemKNN
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> items, scores = ItemKNN(shrinkage=1.0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = CONSTRAINTS

    def __init__(
        self, n_neighbors=50, *, similarity="cosine", weighting="binary",
        shrinkage=20.0, asymmetry=0.5, n_jobs=None,
    ):  # fmt: skip
        self.n_neighbors = n_neighbors
        self.similarity = similarity
        self.weighting = weighting
        self.shrinkage = shrinkage
        self.asymmetry = asymmetry
        self.n_jobs = n_jobs

    def _fit(self, history):
        weighting = Weighting(self.weighting)
        if self.weighting in _ROWWISE:
            by_user = weighting.transform(history.matrix)
            by_item = transpose_csr(by_user)
        else:
            by_item = transpose_csr(history.matrix)
            by_item = weighting.fit(by_item).transform(by_item)
            by_user = transpose_csr(by_item)
        neighborhood = Neighborhood(
            by_item, by_user, self.n_neighbors, similarity=self.similarity,
            shrinkage=self.shrinkage, asymmetry=self.asymmetry,
        )  # fmt: skip
        itself = np.arange(by_item.shape[0], dtype=np.int32)
        neighbours = neighborhood.nearest(by_item, itself, self.n_jobs)
        # Row i lists the items that have i as a neighbour: what i adds to scores.
        self._influence = transpose_csr(neighbours)
        self.item_similarity_ = transpose_csr(self._influence)
        kind = self.weighting if self.weighting in _ROWWISE else "log"
        self._history_weighting = Weighting(kind)
        self._prior = PRIOR * self._popularity()

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        weights = self._history_weighting.transform(profiles.matrix)
        return NeighborScorer(weights, self._influence, self._prior)

    def _contributions(self, profiles, col):
        weights = self._history_weighting.transform(profiles.matrix)
        _, cols, values = compressed_parts(weights)
        to_col = self.item_similarity_[[col]].toarray()[0, cols]
        return self._prior[col], cols, values * to_col, True

    def _item_scorer(self, cols):
        return ListScorer(self.item_similarity_[cols])
