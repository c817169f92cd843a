"""UserKNNRegressor: how similar users rated an item."""

import numpy as np

from sklearn_metarec._biases import BiasMixin
from sklearn_metarec._history import Profiles
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.neighbors._rating_neighborhood import (
    CONSTRAINTS,
    RatingNeighborhood,
    WeightedMeanScorer,
    amplify,
    residuals,
    totals,
)
from sklearn_metarec.neighbors._scorers import ListScorer


class UserKNNRegressor(BiasMixin, BaseRatingRecommender):
    """doc"""

    _parameter_constraints = CONSTRAINTS
    # A new user with the rows of a known one has that one as a neighbour.
    _history_exact = False

    def __init__(
        self, n_neighbors=300, *, similarity="cosine", positive_only=False,
        shrinkage=30.0, amplification=1.0, damping=0.1, user_regularization=5.0,
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
