"""The bias model of ratings."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._biases import BIAS_CONSTRAINTS, BiasMixin
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.utils._sklearn import Interval


class BiasRegressor(BiasMixin, BaseRatingRecommender):
    """Predict a rating as mean plus user bias plus item bias.

    Minimizes the weighted sum of (r - mu - b_u - b_i)^2 plus `user_regularization`
    times the sum of b_u^2 plus `item_regularization` times the sum of b_i^2, mu being
    the weighted mean rating, by alternating exact solutions for the users and the
    items. `partial_fit` is exact: it adds the new rows to the stored pairs and
    solves again. An unknown user or item has bias 0.

    Parameters
    ----------
    user_regularization : float, default=5.0
        In ratings: a user with that many is drawn half-way to the mean.
    item_regularization : float, default=2.0
        The same for items.
    max_iter : int, default=50
        Alternations at most; some ten are enough.
    tol : float, default=1e-4
        Stop when no bias changes by more, in units of the rating.

    Attributes
    ----------
    global_mean_ : float
        The weighted mean rating mu.
    user_biases_ : ndarray of shape (n_users,)
        The users' biases.
    item_biases_ : ndarray of shape (n_items,)
        The items' biases.
    n_iter_ : int
        Alternations done.
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
    MFRegressor : Adds an interaction of user and item.

    References
    ----------
    Y. Koren (2010). Factor in the neighbors. ACM TKDD 4(1). Section 2.1, "baseline
    estimates", equation 1.

    Examples
    --------
    >>> from sklearn_metarec import BiasRegressor
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"]]
    >>> model = BiasRegressor(0, item_regularization=0).fit(X, [5, 3, 4, 2])
    >>> model.predict([["ann", "tea"], ["new", "tea"]]).tolist()
    [5.0, 4.5]
    """

    _parameter_constraints = BIAS_CONSTRAINTS | {
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self, user_regularization=5.0, *, item_regularization=2.0, max_iter=50, tol=1e-4
    ):
        self.user_regularization = user_regularization
        self.item_regularization = item_regularization
        self.max_iter = max_iter
        self.tol = tol

    def _fit(self, history):
        self.n_iter_ = self._fit_biases(history, self.max_iter, self.tol)

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        biases = self.global_mean_ + self._profile_biases(profiles)
        no_users = np.empty((len(profiles), 0), dtype=np.float32)
        no_items = np.empty((len(self.items_), 0), dtype=np.float32)
        return FactorScorer(no_users, no_items, biases, self.item_biases_)

    def _contributions(self, profiles, col):
        _, cols, ratings = compressed_parts(profiles.matrix)
        above = ratings - self.global_mean_ - self.item_biases_[cols]
        shares = self._bias_shares(profiles.history.weights)
        return self.global_mean_ + self.item_biases_[col], cols, shares * above, True
