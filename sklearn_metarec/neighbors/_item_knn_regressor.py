"""ItemKNNRegressor: how a user rated similar items."""

import numpy as np

from sklearn_metarec._biases import BiasMixin
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


class ItemKNNRegressor(BiasMixin, BaseRatingRecommender):
    """doc"""

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
