"""Ratings by a hidden layer that all users share and a head of each user's own."""

from numbers import Integral, Real

import numpy as np
from scipy.special import expit

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._kernels import als
from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec.base import BaseRatingRecommender
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
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import HasMethods, Interval

_ROWS_PER_TASK = 128


class NeuralRegressor(FeatureMixin, NeuralMixin, BaseRatingRecommender):
    """Predict a rating from hidden units of the item, weighed by the user.

    An item i has hidden units h_i = s(Theta p_i + Phi f_i + c), where s is the sigmoid,
    p_i a vector of the item's own, f_i its features; a user u has a head w_u. Ratings
    r, in standard deviations from the mean, are predicted as b_u + b_i + w_u . h_i.
    Back-propagation with Adam minimizes the weighted sum over the ratings of ::

        (r - b_u - b_i - w_u . h_i)^2

    plus `regularization` times the squared norms of all w, p, Theta and Phi, plus
    `bias_regularization` times all b^2, plus `l1_regularization` times the absolute
    values of Theta and Phi. Hidden units are left out at random meanwhile.

    Given the hidden units, the best head and bias of a user are those of a ridge
    regression. They are solved for when a user is asked for. So new users and
    `history=` give exactly what a known user with these ratings gets, `explain`
    divides a rating exactly among the user's items, and new items with features get
    the units that these make. An unknown item is predicted as mean + b_u.

    `partial_fit` is warm, not exact: it starts from what was learned so far (small
    random vectors for new users and items) and does a third of the epochs over the
    stored and the new ratings.

    Parameters
    ----------
    embedding_dim : int, default=16
        The length of the items' vectors p.
    hidden_dim : int, default=16
        The number of hidden units.
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item.
    feature_encoder : transformer, default=None
        Makes numbers of the features; by default `FeatureEncoder(normalize=True)`.
    regularization : float, default=6.0
        The penalty of squares, in ratings. On training parts of movielens_100k 6 was
        best of 2 to 50; on those of movielens_latest_small, with ten ratings an item,
        none was better than biases alone, which is what 12 and more leave of the model.
    l1_regularization : float, default=0.0
        The penalty of absolute values, in ratings.
    bias_regularization : float, default=3.0
        The penalty of the biases, in ratings.
    dropout : float, default=0.0
        The share of hidden units that is left out in a step.
    learning_rate : float, default=0.01
        Of Adam, in the first epoch; it falls in proportion to the epochs left.
    batch_size : int, default=1024
        Ratings a step.
    epochs : int, default=40
        How often all ratings are visited. Half as many were worse by 1%.
    early_stopping : bool, default=False
        Whether to hold out a fifth of the ratings of some users, and to keep what the
        epoch learned that predicts them best.
    validation_fraction : float, default=0.1
        The share of these users.
    n_iter_no_change : int, default=5
        Epochs without a better one after which training stops.
    random_state : int, RandomState or None, default=None
        Draws the first weights, and all else that is random.
    n_jobs : int, default=None
        Threads; TensorFlow keeps to the number of the first neural fit of a process.

    Attributes
    ----------
    global_mean_ : float
        The weighted mean rating.
    item_factors_ : ndarray of shape (n_items, hidden_dim), dtype=float64
        The items' hidden units h.
    item_biases_ : ndarray of shape (n_items,), dtype=float64
        The items' biases b, in standard deviations.
    weights_ : dict of {str: ndarray}
        The parameters of the network, in single precision.
    n_iter_ : int
        Epochs done: `epochs`, unless stopped before.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, those of the side table included.
    history_ : csr_array of shape (n_users, n_items)
        The mean ratings of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    MFRegressor : Without a hidden layer.
    ContentRegressor : A head on the features themselves.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams (1986). Learning representations
    by back-propagating errors. Nature 323.

    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov (2014).
    Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.

    Examples
    --------
    >>> from sklearn_metarec import NeuralRegressor
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "tea"], ["bob", "rum"],
    ...      ["eva", "tea"]]
    >>> model = NeuralRegressor(
    ...     2, regularization=0.01, learning_rate=0.1, epochs=200, random_state=0
    ... ).fit(X, [5, 1, 1, 5, 5])
    >>> model.predict([["ann", "rum"], ["bob", "rum"]]).round().tolist()
    [1.0, 5.0]
    """

    _of_users = ("heads", "user_biases")
    _of_items = ("items", "item_biases")
    _parameter_constraints = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "item_features": ["array-like", dict, None],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "l1_regularization": [Interval(Real, 0, None, closed="left")],
        "bias_regularization": [Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        **CONSTRAINTS,
    }

    # It computes in single precision, squares too.
    _magnitudes = 1e-16, 1e16

    def __init__(
        self, embedding_dim=16, *, hidden_dim=16, item_features=None,
        feature_encoder=None, regularization=6.0, l1_regularization=0.0,
        bias_regularization=3.0, dropout=0.0, learning_rate=0.01, batch_size=1024,
        epochs=40, early_stopping=False, validation_fraction=0.1, n_iter_no_change=5,
        random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.embedding_dim = embedding_dim
        self.hidden_dim = hidden_dim
        self.item_features = item_features
        self.feature_encoder = feature_encoder
        self.regularization = regularization
        self.l1_regularization = l1_regularization
        self.bias_regularization = bias_regularization
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _default_encoder(self):
        return FeatureEncoder(normalize=True)

    def _start(self, history, rng):
        n_users, n_items = history.matrix.shape
        n_features = feature_arrays(self, "item")[1]
        return {
            "items": normal(rng, n_items, self.embedding_dim),
            "theta": glorot(rng, self.embedding_dim, self.hidden_dim),
            "features": zeros(n_features, self.hidden_dim),
            "offsets": zeros(self.hidden_dim),
            "heads": normal(rng, n_users, self.hidden_dim),
            "user_biases": zeros(n_users),
            "item_biases": zeros(n_items),
        }

    def _problem(self, history):
        ratings, weights = history.matrix.data, history.weights
        self.global_mean_ = float(np.average(ratings, weights=weights))
        above = ratings - self.global_mean_
        # 1 where the ratings are all the same.
        self._scale = float(np.sqrt(np.average(above**2, weights=weights))) or 1.0
        indptr, cols, _ = csr_arrays(history.matrix)
        rows = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
        self._n_ratings = float(weights.sum())
        features, _ = feature_arrays(self, "item")
        above = (above / self._scale).astype(np.float32)
        data = (rows, cols, above, weights.astype(np.float32), *features)
        return "regressor", data, len(rows)

    def _settings(self, share):
        penalties = (
            self.regularization, self.l1_regularization, self.bias_regularization,
        )  # fmt: skip
        return self.dropout, *(penalty / self._n_ratings for penalty in penalties)

    def _fitted(self, weights):
        inner = weights["items"].astype(float) @ weights["theta"] + weights["offsets"]
        features = self._feature_rows("item")
        if features is not None:
            inner = inner + features @ weights["features"]
        return {
            "weights_": weights,
            "item_factors_": expit(inner),
            "item_biases_": weights["item_biases"].astype(float),
        }

    def _make_scorer(self, profiles):
        users = np.zeros((len(profiles), self.item_factors_.shape[1] + 1))
        indptr, cols, targets = self._targets(profiles.history)
        weights = profiles.history.weights
        bias, factors = self._penalties()
        ridge = np.full(len(users), float(self.regularization))
        map_ranges(
            als.solve_rows, len(users), indptr, cols, weights, weights * targets,
            self._vectors(), bias, ridge, factors, users, n_jobs=self.n_jobs,
            chunk=_ROWS_PER_TASK,
            states=lambda: als.scratch_systems(users.shape[1], np.float64),
        )  # fmt: skip
        users *= self._scale
        return FactorScorer(
            users[:, 1:].astype(np.float32), self.item_factors_.astype(np.float32),
            self.global_mean_ + users[:, 0], self._scale * self.item_biases_,
        )  # fmt: skip

    def _targets(self, history):
        """Return (indptr, cols, what ratings leave to the users' heads and biases)."""
        indptr, cols, ratings = compressed_parts(history.matrix)
        above = (ratings - self.global_mean_) / self._scale
        return indptr, cols, above - self.item_biases_[cols]

    def _vectors(self):
        return np.insert(self.item_factors_, 0, 1.0, axis=1)

    def _penalties(self):
        """Return the penalty of a bias, as a system, and which entries are a head."""
        factors = np.ones(self.item_factors_.shape[1] + 1)
        factors[0] = 0
        return np.diag((1 - factors) * self.bias_regularization), factors

    def _contributions(self, profiles, col):
        _, cols, targets = self._targets(profiles.history)
        weights, vectors = profiles.history.weights, self._vectors()
        system, factors = self._penalties()
        system = system + self.regularization * np.diag(factors)
        own = vectors[cols]
        system += (own.T * weights) @ own
        effects = own @ np.linalg.solve(system, vectors[col])
        baseline = self.global_mean_ + self._scale * self.item_biases_[col]
        return baseline, cols, self._scale * weights * effects * targets, True

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_factors_, cols)
