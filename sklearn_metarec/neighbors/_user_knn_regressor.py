"""UserKNNRegressor: how similar users rated an item."""

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
        self, n_neighbors=300, *, similarity="cosine", shrinkage=30.0,
        amplification=1.0, damping=0.1, user_regularization=5.0,
        item_regularization=2.0, n_jobs=None,
    ):  # fmt: skip
        self.n_neighbors = n_neighbors
        self.similarity = similarity
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

    def _user_scorer(self, rows):
        profiles = Profiles(self._history(), rows)
        biases = self._profile_biases(profiles)
        return ListScorer(self._neighbours(profiles, biases))
