"""Items whose features are like those of the user's items."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec._weighting import WEIGHTINGS, Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.linear_model._components import leading_components
from sklearn_metarec.preprocessing import FeatureEncoder
from sklearn_metarec.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
)


class ContentRanker(FeatureMixin, BaseRecommender):
    """Rank items by a ridge regression of a user's items on the items' features.

    For each user it minimizes the squared error of F w against their row x of the
    interactions plus `regularization` times the squared norm of w, where F has the
    items' features: the scores are F (F'F + regularization I)^-1 F' x. All users share
    one decomposition F = U S V', by which an item's vector is its row of
    U S (S^2 + regularization)^-1/2, and a user's the sum of their items' vectors. A
    large penalty leaves plain inner products of the features; a small one lets a rare
    feature count as much as a frequent one.

    It recommends items that nobody has had yet: every item of the side table is ranked
    by what it is. Users without an item that has features get what is popular.

    `partial_fit` keeps the encoding of the features and decomposes anew: exact where
    the features are a side table.

    Parameters
    ----------
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item. Without features, every user gets
        what is popular.
    regularization : float, default=100.0
        The ridge penalty, in items that have a feature. Users with few items ask for
        more: 100 was best or second on training parts of four data sets.
    n_components : int, default=256
        How many directions of the features are kept, those of most variance.
    feature_encoder : transformer, default=None
        Makes numbers of the features; by default
        `FeatureEncoder(normalize=True)`, under which each column counts the same.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its entry of x.
    random_state : int, RandomState or None, default=None
        Where the decomposition starts, if the features are many.

    Attributes
    ----------
    item_factors_ : ndarray of shape (n_items, n_kept), dtype=float32
        The items' vectors.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, those of the side table included.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    ContentRegressor : Predicts ratings from features.

    References
    ----------
    M. J. Pazzani, D. Billsus (2007). Content-based recommendation systems. The
    Adaptive Web, section 10.3 (a linear model of each user).

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec import ContentRanker
    >>> movies = pd.DataFrame({
    ...     "item_id": ["Alien", "Aliens", "Amelie", "Arrival"],
    ...     "genres": ["SciFi|Horror", "SciFi|Action", "Romance", "SciFi|Drama"],
    ... })
    >>> X = [["ann", "Alien"], ["bob", "Amelie"]]
    >>> model = ContentRanker(movies).fit(X)
    >>> items, scores = model.recommend(["ann"], k=2)
    >>> items.tolist()
    [['Aliens', 'Arrival']]
    """

    _parameter_constraints = {
        "item_features": ["array-like", dict, None],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self, item_features=None, *, regularization=100.0, n_components=256,
        feature_encoder=None, weighting="binary", random_state=None,
    ):  # fmt: skip
        self.item_features = item_features
        self.regularization = regularization
        self.n_components = n_components
        self.feature_encoder = feature_encoder
        self.weighting = weighting
        self.random_state = random_state

    def _default_encoder(self):
        return FeatureEncoder(normalize=True)

    def _fit(self, history):
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        self.item_factors_ = self._vectors(self._feature_rows("item"))

    def _update(self, history, old, new):
        self._fit(history)

    def _vectors(self, features):
        """Return the items' vectors, whose inner products are the ridge scores."""
        if features is None or not features.nnz:
            return np.zeros((len(self._items), 0), dtype=np.float32)
        u, s = leading_components(features, self.n_components, self.random_state)
        return (u * s / np.sqrt(s**2 + self.regularization)).astype(np.float32)

    def _make_scorer(self, profiles):
        users = self._weighting.transform(profiles.matrix) @ self.item_factors_
        return FactorScorer(users, self.item_factors_)

    def _cannot_tell(self, profiles):
        described = self.item_factors_.any(axis=1).astype(np.float32)
        return profiles.matrix @ described == 0

    def _contributions(self, profiles, col):
        _, cols, values = compressed_parts(self._weighting.transform(profiles.matrix))
        effect = self.item_factors_[cols] @ self.item_factors_[col]
        return 0.0, cols, values * effect, True

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_factors_, cols)
