"""A tower of the user and a tower of the item, whose tops are compared."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._index import INDEXES, check_index
from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec._weighting import drop_zeros
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.neural._training import (
    CONSTRAINTS,
    NeuralMixin,
    csr_arrays,
    feature_arrays,
    glorot,
    normal,
    zeros,
)
from sklearn_metarec.preprocessing import FeatureEncoder
from sklearn_metarec.utils._sklearn import HasMethods, Interval, StrOptions


class TwoTower(FeatureMixin, NeuralMixin, BaseRecommender):
    """Rank items by inner products of what two networks make of users and items.

    At the bottom of the user's tower is the sum of a vector of the user's own, of the
    vectors of the n items that they have over the root of n, and of the vectors of
    their features; at the bottom of the item's tower the sum of a vector of its own
    and of those of its features. Either tower adds to its bottom x a hidden layer,
    V relu(W x). Scores are inner products of the tops.

    Training draws users, and pairs of them with their items. In the cross-entropy, the
    other items are those of all pairs drawn, but for the user's own; the logarithm of
    an item's share of all pairs is taken from its score meanwhile, as popular items
    are drawn more often. Items of the user, and ids of either side, are left out at
    random, so that the features learn to do without.

    Items without a pair are ranked by their features. A user of `history=`, known or
    not, is recommended to by these items; users without any by their features, where
    there are some.

    `partial_fit` is warm, not exact: it starts from what was learned so far (small
    random vectors for new users and items) and does a third of the epochs over the
    stored and the new pairs.

    Parameters
    ----------
    embedding_dim : int, default=64
        The length of all vectors.
    hidden_dim : int, default=64
        The width of the hidden layers.
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item.
    user_features : dataframe or list, default=None
        The same for users.
    feature_encoder : transformer, default=None
        Makes numbers of the features; by default `FeatureEncoder(normalize=True)`.
    dropout : float, default=0.5
        The share of a user's items that is left out in a step.
    id_dropout : float, default=0.5
        The share of users, and of items, whose own vector is left out in a step.
    regularization : float, default=0.0001
        The penalty of the squares of all vectors.
    learning_rate : float, default=0.005
        Of Adam, in the first epoch; it falls in proportion to the epochs left.
    batch_size : int, default=64
        Users a step.
    epochs : int, default=30
        How often all users are visited.
    early_stopping : bool, default=False
        Whether to hold out a fifth of the pairs of some users, and to keep the weights
        of the epoch that ranks them best (nDCG@10).
    validation_fraction : float, default=0.1
        The share of these users.
    n_iter_no_change : int, default=5
        Epochs without a better one after which training stops.
    index : {"exact", "hnsw"}, default="exact"
        How `recommend` finds the best items. "exact" computes all scores. "hnsw" is for
        catalogues of millions: it computes few, and may miss an item in a hundred. It
        needs `pip install sklearn_metarec[ann]`; see :doc:`/howto/large_catalogue`.
    random_state : int, RandomState or None, default=None
        Draws the first weights, and all else that is random.
    n_jobs : int, default=None
        Threads; TensorFlow keeps to the number of the first neural fit of a process.

    Attributes
    ----------
    item_factors_ : ndarray of shape (n_items, embedding_dim), dtype=float32
        The tops of the items' towers.
    weights_ : dict of {str: ndarray}
        The parameters of the network, in single precision.
    n_iter_ : int
        Epochs done: `epochs`, unless stopped before.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids, those of the side table included.
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
    ContentRanker : By the features alone, in closed form.

    References
    ----------
    X. Yi, J. Yang, L. Hong, D. Z. Cheng, L. Heldt, A. Kumthekar, Z. Zhao, L. Wei and
    E. Chi (2019). Sampling-bias-corrected neural modeling for large corpus item
    recommendations. RecSys. Equation 3 is the correction.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec import TwoTower
    >>> movies = pd.DataFrame({
    ...     "item_id": ["Alien", "Aliens", "Amelie", "Arrival", "Emma"],
    ...     "genre": ["SciFi", "SciFi", "Romance", "SciFi", "Romance"],
    ... })
    >>> X = [["ann", "Alien"], ["ann", "Aliens"], ["eva", "Alien"],
    ...      ["bob", "Amelie"], ["joe", "Amelie"]]
    >>> model = TwoTower(4, item_features=movies, random_state=0).fit(X)
    >>> items, scores = model.recommend(["ann"], k=1)
    >>> items.tolist()
    [['Arrival']]
    """

    # The vector of a user's own is there for known users only.
    _history_exact = False
    _of_users = ("users",)
    _of_items = ("bag", "items")
    _parameter_constraints = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "id_dropout": [Interval(Real, 0, 1, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="left")],
        "index": [StrOptions(INDEXES)],
        **CONSTRAINTS,
    }

    def __init__(
        self, embedding_dim=64, *, hidden_dim=64, item_features=None,
        user_features=None, feature_encoder=None, dropout=0.5, id_dropout=0.5,
        regularization=1e-4, learning_rate=0.005, batch_size=64, epochs=30,
        early_stopping=False, validation_fraction=0.1, n_iter_no_change=5,
        index="exact", random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.embedding_dim = embedding_dim
        self.hidden_dim = hidden_dim
        self.item_features = item_features
        self.user_features = user_features
        self.feature_encoder = feature_encoder
        self.dropout = dropout
        self.id_dropout = id_dropout
        self.regularization = regularization
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.index = index
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _default_encoder(self):
        return FeatureEncoder(normalize=True)

    def _start(self, history, rng):
        check_index(self.index)
        n_users, n_items = history.matrix.shape
        width, hidden = self.embedding_dim, self.hidden_dim
        n_user_features, n_item_features = (
            feature_arrays(self, side)[1] for side in ("user", "item")
        )
        return {
            "users": normal(rng, n_users, width),
            "bag": normal(rng, n_items, width),
            "user_features": normal(rng, n_user_features, width),
            "into_user": glorot(rng, width, hidden),
            "out_of_user": zeros(hidden, width),
            "items": normal(rng, n_items, width),
            "item_features": normal(rng, n_item_features, width),
            "into_item": glorot(rng, width, hidden),
            "out_of_item": zeros(hidden, width),
        }

    def _problem(self, history):
        rows = drop_zeros(history.matrix)
        indptr, cols, _ = csr_arrays(rows)
        self._counts = np.bincount(cols, minlength=rows.shape[1])
        shares = np.maximum(self._counts, 1) / max(len(cols), 1)
        self._active = (np.diff(indptr) > 0)[:, None]
        features = [feature_arrays(self, side)[0] for side in ("user", "item")]
        log_shares = np.log(shares).astype(np.float32)
        data = (indptr, cols, log_shares, *features[0], *features[1])
        return "two_tower", data, rows.shape[0]

    def _settings(self, share):
        return self.dropout, self.id_dropout, self.regularization

    def _fitted(self, weights):
        # Nothing was learned of items that nobody has, and of users who have none.
        weights["users"] *= self._active
        inputs = weights["items"] * (self._counts > 0)[:, None]
        features = self._feature_rows("item")
        if features is not None:
            inputs = inputs + features @ weights["item_features"]
        tops = _tower(inputs, weights["into_item"], weights["out_of_item"])
        return {"weights_": weights, "item_factors_": tops.astype(np.float32)}

    def _make_scorer(self, profiles):
        w = self.weights_
        rows = drop_zeros(profiles.matrix)
        indptr, _, data = compressed_parts(rows)
        counts = np.diff(indptr)
        binary = rows.copy()
        binary.data = np.ones_like(data)
        inputs = (binary @ w["bag"]).astype(float)
        inputs /= np.sqrt(np.maximum(counts, 1))[:, None]
        inputs += profiles.known_rows(w["users"])
        features = self._feature_rows("user")
        if features is not None:
            inputs += profiles.known_rows(features @ w["user_features"])
        tops = _tower(inputs, w["into_user"], w["out_of_user"])
        tops = tops.astype(np.float32)
        return FactorScorer(tops, self.item_factors_, index=self.index)

    def _cannot_tell(self, profiles):
        features = self._feature_rows("user")
        if features is None:
            return profiles.cold
        described = profiles.known_rows(np.diff(features.indptr) > 0)
        return profiles.cold & ~described

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_factors_, cols)


def _tower(inputs, inner, outer):
    """Return the top of a tower."""
    return inputs + np.maximum(inputs @ inner, 0) @ outer
