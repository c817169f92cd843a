"""Regularized biases of users and items, for the rating models that start from them."""

from numbers import Real

import numpy as np

from sklearn_metarec._kernels import bias
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.utils._sklearn import Interval

BIAS_CONSTRAINTS = {
    "user_regularization": [Interval(Real, 0, None, closed="left")],
    "item_regularization": [Interval(Real, 0, None, closed="left")],
}
_SMALL = 1e-4


class BiasMixin:
    """Baseline estimates: mean + user bias + item bias.

    Made from the parameters `user_regularization` and `item_regularization`, kept as
    `global_mean_`, `user_biases_` and `item_biases_`. The users' biases are the exact
    solution given the items', so that folding in the rows of a known user gives the
    bias that the user has.
    """

    user_regularization: float
    item_regularization: float

    def _fit_biases(self, history, max_iter=50, tol=None):
        """Alternate exact solutions for items and users; return how many were done.

        By default `tol` is a small part of the ratings' standard deviation.
        """
        indptr, cols, ratings = compressed_parts(history.matrix)
        weights = history.weights
        n_users, n_items = history.matrix.shape
        mean = float(np.average(ratings, weights=weights))
        tol = _SMALL * float(np.std(ratings)) if tol is None else tol
        user_bias, item_bias = np.zeros(n_users), np.zeros(n_items)
        pairs = (indptr, cols, ratings, weights, mean)
        reg_user, reg_item = self._regularization()
        n_iter, change = 0, np.inf
        while change > tol and n_iter < max_iter:
            n_iter += 1
            change = bias.solve_item_biases(*pairs, user_bias, reg_item, item_bias)
            moved = bias.solve_user_biases(*pairs, item_bias, reg_user, user_bias)
            change = max(change, moved)
        self.global_mean_ = mean
        self.user_biases_, self.item_biases_ = user_bias, item_bias
        return n_iter

    def _regularization(self):
        return float(self.user_regularization), float(self.item_regularization)

    def _profile_biases(self, profiles):
        """Return the users' biases: those of the fit, or of their new rows too."""
        known = profiles.known_rows(self.user_biases_)
        if not profiles.changed.any():
            return known
        indptr, cols, ratings = compressed_parts(profiles.matrix)
        folded = np.zeros(len(profiles))
        bias.solve_user_biases(
            indptr, cols, ratings, profiles.history.weights, self.global_mean_,
            self.item_biases_, self._regularization()[0], folded,
        )  # fmt: skip
        return np.where(profiles.changed, folded, known)

    def _bias_shares(self, weights):
        """Return what each rating of a user has of the user's bias.

        The bias is the sum over the ratings of share times (rating - mean - item bias).
        """
        norm = self._regularization()[0] + weights.sum()
        return weights / norm if norm > 0 else weights
