"""Ratings from what the user thought of items with such features."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._kernels import als
from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.interactions import compressed_parts, make_csr
from sklearn_metarec.linear_model._components import leading_components, unit_variance
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import HasMethods, Interval, StrOptions

_ROWS_PER_TASK = 64


class ContentRegressor(FeatureMixin, BaseRatingRecommender):
    """Predict a rating from the user's mean and their taste for the item's features.

    The model of a rating is ::

        r_ui = mu_u + q_u . p_i + e

    where mu_u is the user's mean rating, p_i the item's feature vector, each feature
    standardized over the items, and q_u what the user's ratings say of the features:

    - `profile="ridge"`: the q that minimizes the squared error of the user's ratings
      plus ``l |q|^2``, l being `regularization` times the mean of all ``|p|^2``. It is
      on the scale of the ratings.
    - `profile="sum"`: the sum of the vectors of the user's items, each times its
      rating; `"mean"`: that sum divided by the number of ratings. They tell which items
      are alike what the user likes, but not by how much the rating differs.

    A user needs no other user's ratings: new ones fold in exactly, `partial_fit`
    is exact where the features are a side table, and items that nobody has rated are
    predicted by their features. Unknown users get the mean of all ratings, as do the
    items of a user without a rating; items without features the user's mean.

    Parameters
    ----------
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item. Without features, the prediction
        is the user's mean.
    profile : {"ridge", "sum", "mean"}, default="ridge"
        How a user's vector is made.
    regularization : float, default=10.0
        The ridge penalty, in ratings: relative to the mean square of an item's vector,
        so that it means the same for 5 features and for 5,000. 10 was the best or
        within .001 of it on training parts of two data sets.
    mean_regularization : float, default=5.0
        So many ratings of the overall mean are added to those of a user in mu_u: the
        mean of a user with few ratings says little. With 0 it is the plain mean.
    n_components : int, default=64
        Where the features are more, so many of their principal components take their
        place.
    standardize : bool, default=True
        Whether each feature is brought to mean 0 and standard deviation 1 over the
        items. A feature of few items then counts much for them.
    feature_encoder : transformer, default=None
        Makes numbers of the features; `FeatureEncoder()` by default.
    random_state : int, RandomState or None, default=None
        Where the computation of the components starts.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    global_mean_ : float
        The weighted mean of all ratings.
    user_means_ : ndarray of shape (n_users,)
        mu_u.
    user_factors_ : ndarray of shape (n_users, n_vector)
        q_u.
    item_factors_ : ndarray of shape (n_items, n_vector)
        p_i, or its principal components.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, those of the side table included.
    history_ : csr_array of shape (n_users, n_items)
        The mean rating of each pair.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    ContentRanker : Ranks items from features.

    References
    ----------
    M. J. Pazzani, D. Billsus (2007). Content-based recommendation systems. The
    Adaptive Web, section 10.3 (a linear model of each user).

    Examples
    --------
    Five preferences of a user, and what they say of three features:

    >>> from sklearn_metarec import ContentRegressor
    >>> vectors = [(.3, .4, .5), (.6, .1, .2), (.1, .5, .3), (.4, .2, .6), (.5, .3, .1)]
    >>> items = {"item_id": [1, 2, 3, 4, 5], "vector": vectors}
    >>> model = ContentRegressor(
    ...     items, profile="sum", mean_regularization=0, standardize=False
    ... )
    >>> X = [["ann", 1], ["ann", 2], ["ann", 3], ["ann", 4], ["ann", 5]]
    >>> model.fit(X, [0.8, 0.5, 0.9, 0.2, 0.6]).user_means_.round(2).tolist()
    [0.6]
    >>> model.user_factors_.round(2).tolist()
    [[1.01, 1.04, 0.95]]
    """

    _parameter_constraints = {
        "item_features": ["array-like", dict, None],
        "profile": [StrOptions({"ridge", "sum", "mean"})],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "mean_regularization": [Interval(Real, 0, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "standardize": ["boolean"],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, item_features=None, *, profile="ridge", regularization=10.0,
        mean_regularization=5.0, n_components=64, standardize=True,
        feature_encoder=None, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.item_features = item_features
        self.profile = profile
        self.regularization = regularization
        self.mean_regularization = mean_regularization
        self.n_components = n_components
        self.standardize = standardize
        self.feature_encoder = feature_encoder
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, history):
        ratings = history.matrix.data
        self.global_mean_ = float(np.average(ratings, weights=history.weights))
        self.item_factors_ = self._item_vectors(self._feature_rows("item"))
        self.user_means_, self.user_factors_ = self._learn_users(history)

    def _update(self, history, old, new):
        self._fit(history)

    def _item_vectors(self, features):
        """Return p: the standardized features, or their principal components."""
        if features is None:
            return np.zeros((len(self._items), 0))
        center = None
        if self.standardize:
            features, center, _ = unit_variance(features)
        if features.shape[1] > self.n_components:
            u, s = leading_components(
                features, self.n_components, self.random_state, center
            )
            return u * s
        dense = features.toarray().astype(np.float64)
        return dense if center is None else dense - center

    def _learn_users(self, history):
        """Return (mu, q) of the users of a history."""
        indptr, cols, ratings = compressed_parts(history.matrix)
        weights = history.weights
        counts, means = self._means(history)
        rows = np.repeat(np.arange(len(means)), np.diff(indptr))
        vectors = np.zeros((len(means), self.item_factors_.shape[1]))
        if self.profile == "ridge":
            self._solve(indptr, cols, weights, ratings - means[rows], vectors)
            return means, vectors
        totals = make_csr(indptr, cols, weights * ratings, history.matrix.shape)
        vectors[:] = totals @ self.item_factors_
        if self.profile == "mean":
            vectors /= np.where(counts > 0, counts, 1)[:, None]
        return means, vectors

    def _means(self, history):
        """Return (the sum of weights, mu) of each user."""
        indptr, _, ratings = compressed_parts(history.matrix)
        n_users = len(indptr) - 1
        rows = np.repeat(np.arange(n_users), np.diff(indptr))
        counts, totals = (
            np.bincount(rows, weights=values, minlength=n_users)
            for values in (history.weights, history.weights * ratings)
        )
        norm, there = counts + self.mean_regularization, counts > 0
        prior = self.mean_regularization * self.global_mean_
        means = (totals + prior) / np.where(there, norm, 1)
        return counts, np.where(there, means, self.global_mean_)

    def _ridge(self):
        # By the mean square of a vector, the penalty means the same for 5 features
        # and for 5,000.
        squares = np.square(self.item_factors_).sum(axis=1)
        there = squares[squares > 0]
        return self.regularization * float(there.mean() if len(there) else 1.0)

    def _solve(self, indptr, cols, weights, above, out):
        n = out.shape[1]
        if not n:
            return
        map_ranges(
            als.solve_rows, len(out), indptr, cols, weights, weights * above,
            np.ascontiguousarray(self.item_factors_), np.zeros((n, n)),
            np.full(len(out), self._ridge()), np.ones(n), out,
            n_jobs=self.n_jobs, chunk=_ROWS_PER_TASK,
            states=lambda: als.scratch_systems(n, np.float64),
        )  # fmt: skip

    def _make_scorer(self, profiles):
        codes = profiles.codes
        means = np.where(codes >= 0, self.user_means_[codes], self.global_mean_)
        users = profiles.known_rows(self.user_factors_)
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            folded = self._learn_users(profiles.history.take(changed))
            means[changed], users[changed] = folded
        items = self.item_factors_.astype(np.float32)
        return FactorScorer(users.astype(np.float32), items, means)

    def _contributions(self, profiles, col):
        _, means = self._means(profiles.history)
        _, cols, ratings = compressed_parts(profiles.matrix)
        weights, vectors = profiles.history.weights, self.item_factors_
        if self.profile == "ridge":
            system = np.diag(np.full(vectors.shape[1], self._ridge()))
            system += (vectors[cols].T * weights) @ vectors[cols]
            effect = vectors[cols] @ np.linalg.solve(system, vectors[col])
            return means[0], cols, weights * effect * (ratings - means[0]), True
        norm = weights.sum() if self.profile == "mean" and len(cols) else 1.0
        effect = vectors[cols] @ vectors[col] / norm
        return means[0], cols, weights * effect * ratings, True

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_factors_, cols)
