"""ItemKNNRegressor: how a user rated similar items."""

import numpy as np

from sklearn_metarec._biases import BiasMixin
from sklearn_metarec._sparse_scoring import ListScorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.neighbors._rating_neighborhood import (
    CONSTRAINTS,
    RatingNeighborhood,
    WeightedMeanScorer,
    amplify,
    residuals,
    totals,
)


class ItemKNNRegressor(BiasMixin, BaseRatingRecommender):
    """Predict a rating from those that the user gave to similar items.

    With e = r - mu - b_u - b_i, what mean and biases leave of a rating, the prediction
    for user u and item j is ::

        mu + b_u + b_j + sum_i w_ui t_ij e_ui / (damping + sum_i w_ui |t_ij|)

    over the user's items i that are neighbours of j; w is a rating's weight. t is the
    similarity s to the power `amplification`, with its sign. Over the n users of both
    items, s is

    - cosine: the sum of e_ui e_uj, divided by the norms of all residuals of i and of
      j, times n / (n + `shrinkage`);
    - pearson_baseline: the same sum, divided by the norms of the residuals of the users
      of both, times (n - 1) / (n - 1 + `shrinkage`).

    The biases are those of `BiasRegressor`. An unknown user is predicted as mu + b_j,
    an unknown item as mu + b_u.

    New users are folded in exactly: similarities stay as they are, and the bias is
    solved for. Predictions are linear in the ratings of a user, so `explain` is exact.
    `partial_fit` is exact: it merges the new rows and compares all items again, which
    costs what a fit costs, the sum of the squared lengths of histories.

    Parameters
    ----------
    n_neighbors : int, default=300
        How many similar items are kept of each item. All of them that a user has rated
        count, which may be few: hence so many.
    similarity : {"cosine", "pearson_baseline"}, default="cosine"
        How items are compared. Cosines over all residuals are lower for items that
        share few ratings; Pearson's correlation is that of the shared ones alone.
    positive_only : bool, default=True
        Whether to leave out items of negative similarity. As a rule they predict
        nothing: few users have strong opinions to the contrary.
    shrinkage : float, default=30.0
        In users: how many of them have to have rated both items for half of the
        similarity to be believed.
    amplification : float, default=1.5
        The power of similarities: above 1 gives the nearest neighbours more weight.
    damping : float, default=0.03
        Added to the sum of weights: draws predictions of few and dissimilar neighbours
        to the biases.
    user_regularization : float, default=5.0
        In ratings: the bias of a user with that many is drawn half-way to zero.
    item_regularization : float, default=2.0
        The same for items.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    item_similarity_ : csr_array of shape (n_items, n_items), dtype=float32
        Row j holds the neighbours of item j, and how similar they are.
    global_mean_ : float
        The weighted mean rating mu.
    user_biases_ : ndarray of shape (n_users,)
        The users' biases b_u.
    item_biases_ : ndarray of shape (n_items,)
        The items' biases b_i.
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
    UserKNNRegressor : The same from the ratings of similar users.
    ItemKNN : Ranks by similar items.
    BiasRegressor : Mean and biases alone.

    Notes
    -----
    The defaults have the best mean RMSE, relative to the best of each data set and to
    four digits, on validation parts of five data sets: MovieLens-100k and latest-small,
    MovieTweetings, and samples of MovieLens-1M and Jester (`benchmarks/defaults.py`).
    `similar_items` lists no more than `n_neighbors` items.

    References
    ----------
    Y. Koren (2010). Factor in the neighbors: scalable and accurate collaborative
    filtering. ACM TKDD 4(1). Section 2.1 has the biases; section 2.2 the weighted mean
    of residuals, and the similarity by shrunk correlation of residuals.

    J. Breese, D. Heckerman and C. Kadie (1998). Empirical analysis of predictive
    algorithms for collaborative filtering. UAI. (Case amplification.)

    Examples
    --------
    >>> from sklearn_metarec import ItemKNNRegressor
    >>> X = [["ann", "tea"], ["ann", "ale"], ["bob", "tea"], ["bob", "ale"],
    ...      ["eva", "tea"]]
    >>> model = ItemKNNRegressor(positive_only=False).fit(X, [5, 1, 1, 5, 5])
    >>> model.predict([["eva", "ale"]]) < model.predict([["eva", "tea"]])
    array([ True])
    """

    _parameter_constraints = CONSTRAINTS

    def __init__(
        self, n_neighbors=300, *, similarity="cosine", positive_only=True,
        shrinkage=30.0, amplification=1.5, damping=0.03, user_regularization=5.0,
        item_regularization=2.0, n_jobs=None,
    ):  # fmt: skip
        self.n_neighbors = n_neighbors
        self.similarity = similarity
        self.positive_only = positive_only
        self.shrinkage = shrinkage
        self.amplification = amplification
        self.damping = damping
        self.user_regularization = user_regularization
        self.item_regularization = item_regularization
        self.n_jobs = n_jobs

    def _fit(self, history):
        self._fit_biases(history)
        by_user = residuals(self, history, self.user_biases_)
        by_item = by_user.transpose()
        neighborhood = RatingNeighborhood(by_item, by_user, self)
        itself = np.arange(len(self.items_), dtype=np.int32)
        self.item_similarity_ = neighborhood.nearest(by_item, itself, self.n_jobs)
        self._neighbours = amplify(self.item_similarity_, self)
        # Row i lists the items that have i as a neighbour: what i adds to ratings.
        self._influence = self._neighbours.transpose()

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        biases = self._profile_biases(profiles)
        return WeightedMeanScorer(
            totals(residuals(self, profiles.history, biases)), self._influence,
            self._neighbours, self.damping, self.global_mean_ + biases,
            self.item_biases_,
        )  # fmt: skip

    def _contributions(self, profiles, col):
        biases = self._profile_biases(profiles)
        _, cols, values, weights = residuals(self, profiles.history, biases).parts
        indptr, neighbours, similar, sizes = self._neighbours.parts
        there = slice(indptr[col], indptr[col + 1])
        similarities = np.zeros((2, len(self.items_)), dtype=np.float32)
        similarities[:, neighbours[there]] = similar[there], sizes[there]
        numerators, denominators = weights * similarities[:, cols]
        norm = denominators.sum()
        # Each rating acts through the mean, and through the user's bias, of which the
        # mean takes out a part again: the score is linear in the ratings.
        effects = numerators / (norm + self.damping) if norm > 0 else numerators
        shares = self._bias_shares(profiles.history.weights)
        effects = effects + (1 - effects.sum()) * shares
        baseline = self.global_mean_ + self.item_biases_[col]
        return baseline, cols, effects * (values + biases[0]), True

    def _item_scorer(self, cols):
        return ListScorer(self.item_similarity_[cols])
