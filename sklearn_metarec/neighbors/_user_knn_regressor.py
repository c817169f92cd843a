"""UserKNNRegressor: how similar users rated an item."""

import numpy as np

from sklearn_metarec._biases import BiasMixin
from sklearn_metarec._history import Profiles
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


class UserKNNRegressor(BiasMixin, BaseRatingRecommender):
    """Predict a rating from those that similar users gave to the item.

    With e = r - mu - b_u - b_i, what mean and biases leave of a rating, the prediction
    for user u and item j is ::

        mu + b_u + b_j + sum_v w_vj t_uv e_vj / (damping + sum_v w_vj |t_uv|)

    over the neighbours v of u who have rated j; w is a rating's weight. t is the
    similarity s to the power `amplification`, with its sign. Over the n items of both
    users, s is

    - cosine: the sum of e_ui e_vi, divided by the norms of all residuals of u and of
      v, times n / (n + `shrinkage`);
    - pearson_baseline: the same sum, divided by the norms of the residuals of the items
      of both, times (n - 1) / (n - 1 + `shrinkage`).

    The biases are those of `BiasRegressor`. An unknown user is predicted as mu + b_j,
    an unknown item as mu + b_u.

    A fit solves for the biases and arranges the residuals. Neighbours are found when
    predictions are asked for, from the ratings that users have then, those passed as
    `history` included: no users x users matrix is made, and for one user this takes
    as long as to read the ratings of all users of the user's items. `explain` splits
    each similarity into what each item in common adds to it, neighbours and
    denominators held fixed; the parts add up to the score. `partial_fit` is exact, and
    costs what a fit costs.

    Parameters
    ----------
    n_neighbors : int, default=300
        How many similar users are looked at. Those of them who have rated an item
        count, which may be few: hence so many.
    similarity : {"cosine", "pearson_baseline"}, default="cosine"
        How users are compared. Cosines over all residuals are lower for users that
        share few ratings; Pearson's correlation is that of the shared ones alone.
    positive_only : bool, default=False
        Whether to leave out users of negative similarity. Who likes the opposite is
        as good a witness.
    shrinkage : float, default=30.0
        In items: how many of them both users have to have rated for half of the
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
    ItemKNNRegressor : The same from the user's ratings of similar items; more accurate
        as a rule.
    UserKNN : Ranks by similar users.
    BiasRegressor : Mean and biases alone.

    Notes
    -----
    On validation parts of five data sets, MovieLens-100k and latest-small,
    MovieTweetings, and samples of MovieLens-1M and Jester, the RMSE of the defaults is
    within 0.2% of the lowest, and in the mean within 0.1% of that of the best setting
    (`benchmarks/defaults.py`): these are the defaults of ItemKNNRegressor, but for
    `positive_only`. `similar_users` lists no more than `n_neighbors`
    users.

    References
    ----------
    Y. Koren (2010). Factor in the neighbors: scalable and accurate collaborative
    filtering. ACM TKDD 4(1). Section 2.1 has the biases; section 2.2 the weighted mean
    of residuals, and the similarity by shrunk correlation of residuals.

    J. Breese, D. Heckerman and C. Kadie (1998). Empirical analysis of predictive
    algorithms for collaborative filtering. UAI. (Case amplification.)

    J. Herlocker, J. Konstan, A. Borchers and J. Riedl (1999). An algorithmic framework
    for performing collaborative filtering. SIGIR. (Similar users.)

    Examples
    --------
    >>> from sklearn_metarec import UserKNNRegressor
    >>> X = [["ann", "tea"], ["ann", "ale"], ["bob", "tea"], ["bob", "ale"],
    ...      ["eva", "tea"]]
    >>> model = UserKNNRegressor().fit(X, [5, 1, 1, 5, 5])
    >>> model.predict([["eva", "ale"]]) < model.predict([["eva", "tea"]])
    array([ True])
    """

    _parameter_constraints = CONSTRAINTS
    # A new user with the rows of a known one has that one as a neighbour.
    _history_exact = False

    def __init__(
        self, n_neighbors=300, *, similarity="cosine", positive_only=False,
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
        self._neighborhood = RatingNeighborhood(by_user, by_user.transpose(), self)
        self._ratings = totals(by_user)
        self._ratings_by_item = self._ratings.transpose()

    def _update(self, history, old, new):
        self._fit(history)

    def _neighbours(self, profiles, biases):
        rows = residuals(self, profiles.history, biases)
        return self._neighborhood.nearest(rows, profiles.codes, self.n_jobs)

    def _make_scorer(self, profiles):
        biases = self._profile_biases(profiles)
        return WeightedMeanScorer(
            amplify(self._neighbours(profiles, biases), self), self._ratings,
            self._ratings_by_item, self.damping, self.global_mean_ + biases,
            self.item_biases_,
        )  # fmt: skip

    def _contributions(self, profiles, col):
        biases = self._profile_biases(profiles)
        own = residuals(self, profiles.history, biases)
        near = amplify(self._neighbours(profiles, biases), self)
        theirs = [part[near.values.indices] for part in vars(self._ratings).values()]
        values, weights = (part[:, [col]].toarray().ravel() for part in theirs)
        norm = weights @ near.weights.data
        added = near.values.data * values / (norm + self.damping if norm > 0 else 1)
        # A similarity is a sum of products over common items, divided by something:
        # here each product becomes its share of the sum.
        _, cols, left, own_weights = own.parts
        values, weights = (part[:, cols].toarray().astype(float) for part in theirs)
        roots = np.sqrt(np.where(weights > 0, weights, 1))
        products = values / roots * left * np.sqrt(own_weights)
        shares = products / products.sum(axis=1, keepdims=True)
        above = self._bias_shares(profiles.history.weights) * (left + biases[0])
        baseline = self.global_mean_ + self.item_biases_[col]
        return baseline, cols, added @ shares + above, True

    def _user_scorer(self, rows):
        profiles = Profiles(self._history(), rows)
        biases = self._profile_biases(profiles)
        return ListScorer(self._neighbours(profiles, biases))
