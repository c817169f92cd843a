"""RP3beta: where a random walk of three steps from a user ends."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._kernels import neighbors
from sklearn_metarec._neighborhood import nearest_rows
from sklearn_metarec._sparse_scoring import PRIOR, ListScorer, NeighborScorer
from sklearn_metarec._weighting import Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._sklearn import Interval, StrOptions


class RP3beta(BaseRecommender):
    """Items that random walks of three steps reach, the popular ones held back.

    A walk goes from a user to one of the user's items i, from there to one of the users
    v of i, and on to one of the items j of v, along the entries x of the weighted users
    x items matrix. Each probability is raised to `exponent` a, and the sum over all
    walks is divided by the popularity of where they end, raised to `beta`. So the score
    of item j is the sum of x_ui^a s(i, j) over the user's items i, where ::

        s(i, j) = sum_v (x_vi / d_i)^a (x_vj / d_v)^a / d_j^beta

    and d are the sums of a row or column of x. Of each item j only the `n_neighbors`
    largest s(i, j) are kept. A millionth of the share of users who have j, times the
    largest s, is added: items that no walk reaches are in order of popularity.

    Scores are linear in what is known of a user, so new users need no fit, and
    `explain` is exact. A fit takes the time of `ItemKNN`, and makes no items x items
    matrix. `partial_fit` is exact. It merges the new rows and compares all items again,
    which costs what a fit costs.

    Parameters
    ----------
    n_neighbors : int, default=100
        How many items are kept of each, of those from which walks end there.
    exponent : float, default=0.5
        Of the probabilities, the alpha of the papers: 1 for those of the walk, less to
        make them more alike.
    beta : float, default=0.3
        How popularity is held back: not at all at 0; 1 divides by the number of users
        who have the item.
    weighting : {"binary", "log"} or None, default="binary"
        How strengths become the entries of the matrix, with None as they are.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    item_similarity_ : csr_array of shape (n_items, n_items), dtype=float32
        Row j holds the items i from which walks end at item j, and s(i, j).
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
    ItemKNN : Neighbours by cosine or Jaccard similarity.

    Notes
    -----
    The defaults have the best mean nDCG@10, relative to the best of each data set, on
    validation parts of seven data sets (`benchmarks/defaults.py`). Where users have
    long histories, a larger `exponent` is better: .8 on MovieLens-100k. To keep the
    items that are reached best from each item, not those that reach each best, was 3%
    worse in the mean over three of them.

    References
    ----------
    B. Paudel, F. Christoffel, C. Newell and A. Bernstein (2017). Updatable, accurate,
    diverse, and scalable recommendations for interactive applications. ACM TiiS 7(1).
    Sections 3.2 (the exponent) and 3.3 (beta).

    F. Christoffel, B. Paudel, C. Newell and A. Bernstein (2015). Blockbusters and
    wallflowers: accurate, diverse, and scalable recommendations with random walks.
    RecSys.

    Examples
    --------
    >>> from sklearn_metarec import RP3beta
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> items, scores = RP3beta().fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "exponent": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "weighting": [StrOptions({"binary", "log"}), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, n_neighbors=100, *, exponent=0.5, beta=0.3, weighting="binary",
        n_jobs=None,
    ):  # fmt: skip
        self.n_neighbors = n_neighbors
        self.exponent = exponent
        self.beta = beta
        self.weighting = weighting
        self.n_jobs = n_jobs

    def _fit(self, history):
        entries = Weighting(self.weighting).transform(history.matrix)
        weights = self._weights(history.matrix)
        by_item = transpose_csr(weights)
        n_items = by_item.shape[0]
        indptr, cols, data = compressed_parts(weights)
        leave = _powers(entries.sum(axis=1), -self.exponent)
        steps = data * np.repeat(leave, np.diff(indptr))
        # All that depends on i or on j alone divides the sum over v: the kernel takes
        # it as the sizes of a cosine's vectors.
        popularity = entries.sum(axis=0)
        measure = neighbors.Measure(
            neighbors.COSINE, _powers(popularity, self.beta),
            _powers(popularity, self.exponent), np.float32(0),
        )  # fmt: skip
        found = nearest_rows(
            neighbors.nearest_columns, (n_items, n_items),
            min(self.n_neighbors, n_items),
            neighbors.Rows(*compressed_parts(by_item)),
            neighbors.Rows(indptr, cols, steps), np.arange(n_items, dtype=np.int32),
            measure, n_jobs=self.n_jobs,
            states=lambda: neighbors.make_scratch(n_items, np.float32),
        )  # fmt: skip
        # Row i lists the items that have i as a neighbour: what i adds to scores.
        self._influence = transpose_csr(found)
        self.item_similarity_ = transpose_csr(self._influence)
        largest = self.item_similarity_.data.max(initial=0)
        self._prior = PRIOR * largest * self._popularity()

    def _weights(self, strengths):
        entries = Weighting(self.weighting).transform(strengths)
        if self.weighting == "binary":
            return entries
        data = entries.data ** np.float32(self.exponent)
        return make_csr(entries.indptr, entries.indices, data, entries.shape)

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        weights = self._weights(profiles.matrix)
        return NeighborScorer(weights, self._influence, self._prior)

    def _contributions(self, profiles, col):
        _, cols, values = compressed_parts(self._weights(profiles.matrix))
        to_col = self.item_similarity_[[col]].toarray()[0, cols]
        return self._prior[col], cols, values * to_col, True

    def _item_scorer(self, cols):
        return ListScorer(self.item_similarity_[cols])


def _powers(sums, exponent):
    """Return powers of the sums of rows or columns; empty ones do not count."""
    sums = np.asarray(sums, dtype=np.float64).ravel()
    return (np.where(sums > 0, sums, 1) ** exponent).astype(np.float32)
