"""A user's own Keras model as a rating model."""

import inspect
from functools import partial
from numbers import Integral

import numpy as np

from sklearn_metarec._explanation import scores_of
from sklearn_metarec._features import FeatureMixin
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.neural._layers import run
from sklearn_metarec.neural._tensorflow import load
from sklearn_metarec.preprocessing import FeatureEncoder
from sklearn_metarec.utils._sklearn import HasMethods, Interval, check_random_state

# The share of the ratings that is shown again without the user, and without the item.
_UNKNOWN = 0.1
# They are to teach the answer for the unknown, and hardly to move what is known.
_UNKNOWN_WEIGHT = 0.1
# Ratings of zero error that a user of `history=` has beside their own.
_SHRINKAGE = 5.0
_PAIRS_AT_ONCE = 1 << 15
_PREFIX = "builder__"


class KerasBuilderRegressor(FeatureMixin, BaseRatingRecommender):
    """Predict ratings by a Keras model of your own.

    `builder(n_users, n_items, n_features, **builder_params)` returns a `keras.Model`
    whose inputs are named `user` and `item`, integer codes below `n_users` and
    `n_items`, and, where it wants them, `features`, `n_features` numbers: those of the
    user, then those of the item. The output is one number a pair. A model that is not
    compiled yet minimizes the squared error by Adam.

    Code 0 is whoever is unknown, as are users and items of a side table that have no
    rating. For the model to have an answer for these, a tenth of the ratings, drawn, is
    shown again with the user unknown, and another tenth with the item, all of these at
    a tenth of their weight. A user of
    `history=`, known or not, gets what the model says, plus how far these ratings are
    above it in the mean (drawn to zero as by five ratings without an error). There is
    no `partial_fit`, as nobody knows which of a model's weights are whose.

    The model is fitted through scikeras, and what is kept of it is NumPy arrays. One of
    the functional API with usual layers (Embedding, Dense, Dot, Concatenate, Add,
    Dropout, normalizations and the like) is computed by NumPy from then on, and so
    predicts where there is no TensorFlow; that it says what Keras says is tested in
    the fit. For any other the builder is called again, and Keras predicts. The
    estimator pickles, and loads, as the builder does: a function of an importable
    module. `sklearn_metarec.load` runs a builder of yours only if you name it in
    `trusted=`. Keras traces a graph for each model, half a second a fit, but where
    there are few steps.

    Parameters
    ----------
    builder : callable, default=None
        Makes the model. By default one with an embedding of either side
        (`embedding_dim=16`, penalized by `regularization=5e-5`), both and the features
        into a hidden layer (`units=32`), biases of both beside it, and Adam at
        `learning_rate=0.001`. On a training part of movielens_100k that gave an error
        of .941, where biases alone gave .947, and twice the rate .961.
    builder_params : dict, default=None
        What else it is called with. Each of its arguments is a parameter of the
        estimator too: `builder__units` is to be set and searched like any other.
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item.
    user_features : dataframe or list, default=None
        The same for users.
    feature_encoder : transformer, default=None
        Makes numbers of the features; by default `FeatureEncoder(normalize=True)`.
    standardize : bool, default=True
        Whether the model learns ratings in standard deviations from their mean. False
        passes them as they are, as a model wants that keeps to their range itself.
    batch_size : int, default=256
        Ratings a step.
    epochs : int, default=10
        How often all ratings are visited.
    random_state : int, RandomState or None, default=None
        Draws the first weights, and all else that is random.
    n_jobs : int, default=None
        Threads; TensorFlow keeps to the number of the first neural fit of a process.

    Attributes
    ----------
    weights_ : list of ndarray
        The weights of the model, as Keras lists them.
    needs_tensorflow_ : bool
        Whether the model has other than usual layers, and Keras predicts.
    mean_, scale_ : float
        What the ratings were standardized by; 0 and 1 without.
    losses_ : ndarray of shape (epochs,)
        The mean loss of each epoch.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids, those of the side table included.
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
    NeuralRegressor : A network that is there already, and predicts without TensorFlow.

    Examples
    --------
    >>> from sklearn_metarec import KerasBuilderRegressor
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "tea"], ["bob", "rum"]]
    >>> model = KerasBuilderRegressor(
    ...     builder_params={"learning_rate": 0.1}, epochs=30, random_state=0
    ... )
    >>> model.set_params(builder__units=8).fit(X, [5, 1, 5, 1])
    KerasBuilderRegressor(...)
    >>> model.predict([["ann", "tea"], ["ann", "rum"]]).argmax().item()
    0
    """

    # What is not the fit's moves the answer of a model that was learned without it.
    _history_exact = False
    _parameter_constraints = {
        "builder": [callable, None],
        "builder_params": [dict, None],
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "standardize": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self, builder=None, *, builder_params=None, item_features=None,
        user_features=None, feature_encoder=None, standardize=True,
        batch_size=256, epochs=10, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.builder = builder
        self.builder_params = builder_params
        self.item_features = item_features
        self.user_features = user_features
        self.feature_encoder = feature_encoder
        self.standardize = standardize
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state
        self.n_jobs = n_jobs

    def get_params(self, deep=True):
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return also the arguments of the builder, as `builder__NAME`.

        Returns
        -------
        params : dict
            From name to value.
        """
        params = super().get_params(deep=deep)
        if deep:
            known, _ = self._builder_arguments()
            params |= {f"{_PREFIX}{name}": value for name, value in known.items()}
        return params

    def set_params(self, **params):
        """Set parameters.

        Parameters
        ----------
        **params : dict
            From name to value; `builder__NAME` is an argument of the builder.

        Returns
        -------
        self : object
            The estimator.
        """
        own = {name: v for name, v in params.items() if not name.startswith(_PREFIX)}
        super().set_params(**own)
        given = {
            name.removeprefix(_PREFIX): params[name] for name in params.keys() - own
        }
        known, takes_any = self._builder_arguments()
        for name in given:
            if name not in known and not takes_any:
                raise ValueError(
                    f"Invalid parameter {_PREFIX}{name} for estimator {self}: the "
                    f"builder's arguments are {sorted(known)}."
                )
        if given:  # a new dict: the old one may be shared
            self.builder_params = {**(self.builder_params or {}), **given}
        return self

    def _builder_arguments(self):
        """Return (name and value of the builder's arguments, whether it takes any)."""
        builder = default_builder if self.builder is None else self.builder
        given = self.builder_params if isinstance(self.builder_params, dict) else {}
        try:
            arguments = list(inspect.signature(builder).parameters.values())[3:]
        except (TypeError, ValueError):  # no function at all, or one of C
            return dict(given), True
        kinds = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        defaults = {
            argument.name: None if argument.default is argument.empty
            else argument.default
            for argument in arguments if argument.kind in kinds
        }  # fmt: skip
        takes_any = any(a.kind is inspect.Parameter.VAR_KEYWORD for a in arguments)
        return {**defaults, **given}, takes_any

    def _default_encoder(self):
        return FeatureEncoder(normalize=True)

    def _fit(self, history):
        rng = np.random.default_rng(
            check_random_state(self.random_state).randint(2**31)
        )
        indptr, cols, ratings = compressed_parts(history.matrix)
        rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        self._rated = (
            np.diff(indptr) > 0,
            np.bincount(cols, minlength=len(history.items)) > 0,
        )
        self.mean_, self.scale_ = 0.0, 1.0
        if self.standardize:
            self.mean_ = float(np.average(ratings, weights=history.weights))
            above = np.average((ratings - self.mean_) ** 2, weights=history.weights)
            self.scale_ = float(np.sqrt(above)) or 1.0  # where all are the same
        targets = (ratings - self.mean_) / self.scale_
        features = self._features()
        self._n_features = sum(part.shape[1] for part in features)
        # A code and its place among the features are apart: the former may be hidden.
        pairs = np.column_stack([rows + 1, cols + 1, rows, cols])
        index = np.concatenate(
            [np.arange(len(rows)), *(self._shown_again(len(rows), rng) for _ in "ui")]
        )
        pairs = pairs[index]
        n_again = (len(index) - len(rows)) // 2
        pairs[len(rows) : len(rows) + n_again, 0] = 0
        pairs[len(rows) + n_again :, 1] = 0
        weights = history.weights[index] / history.weights.mean()
        weights[len(rows) :] *= _UNKNOWN_WEIGHT

        def inputs(pairs):
            user, item, row, col = pairs.astype(np.int64).T
            return named(user, item, row, col, features)

        self.weights_, self._steps, losses = load("keras_builder", self.n_jobs).fit(
            self._build(), inputs, pairs, targets[index], weights, self.batch_size,
            self.epochs, int(rng.integers(2**31)),
        )  # fmt: skip
        self.needs_tensorflow_ = self._steps is None
        self.losses_ = np.array(losses)

    def _shown_again(self, n, rng):
        return rng.choice(n, max(1, round(_UNKNOWN * n)), replace=False)

    def _build(self):
        builder = default_builder if self.builder is None else self.builder
        sizes = len(self._users) + 1, len(self._items) + 1, self._n_features
        return partial(builder, *sizes, **(self.builder_params or {}))

    def _features(self):
        """Return the features of users and of items, a row of zeros at their end."""
        parts = []
        for side, ids in (("user", self._users), ("item", self._items)):
            rows = self._feature_rows(side)
            width = 0 if rows is None else rows.shape[1]
            dense = np.zeros((len(ids) + 1, width), dtype=np.float32)
            if rows is not None:
                dense[:-1] = rows.toarray()
            parts.append(dense)
        return parts

    def _make_scorer(self, profiles):
        scorer = self._learned(profiles)
        if profiles.added is not None:
            scorer.add(profiles.added)
        return scorer

    def _contributions(self, profiles, col):
        # Rows of the fit are in what was learned; those of a call are terms of a sum.
        scorer = self._learned(profiles)
        baseline = scores_of(scorer, 1, col)[0]
        if profiles.added is None:
            return baseline, np.empty(0, dtype=np.int32), np.empty(0), True
        _, moves = scorer.moves(profiles.added)
        return baseline, profiles.added.matrix.indices, moves, True

    def _learned(self, profiles):
        """Return the scorer of what was learned, without rows of the call."""
        answer, features = self._model(), self._features()
        # The last place of each is for who is unknown: -1.
        codes = [
            np.append(np.where(there, np.arange(len(there)) + 1, 0), 0)
            for there in self._rated
        ]

        def predict(rows, cols):
            inputs = named(codes[0][rows], codes[1][cols], rows, cols, features)
            return self.mean_ + self.scale_ * answer(inputs)

        return _Scorer(profiles.codes, len(self._items), predict)

    def _model(self):
        """Return a function from the inputs to the model's answers."""
        if not self.needs_tensorflow_:
            return partial(run, self._steps, self.weights_)
        try:
            keras_builder = load("keras_builder", self.n_jobs)
        except ImportError as error:
            raise ImportError(
                "The builder's model has layers that are computed by Keras alone, "
                f"which needs TensorFlow and scikeras: {error}"
            ) from error
        return partial(keras_builder.predict, self, self._build())


class _Scorer:
    """What the model says of users and items, plus a number a user.

    Parameters
    ----------
    codes : ndarray of shape (n,), dtype=int32
        The users' codes; -1 for who was not in the fit.
    n_items : int
        How many items there are.
    predict : callable
        From codes of users and of items to the model's answers.
    """

    def __init__(self, codes, n_items, predict):
        self._codes = codes
        self._cols = np.arange(n_items)
        self._predict = predict
        self._above = np.zeros(len(codes), dtype=np.float32)

    def add(self, history):
        """Move users by how far their ratings are above what the model says."""
        rows, moves = self.moves(history)
        self._above = np.bincount(rows, moves, len(self._codes)).astype(np.float32)

    def moves(self, history):
        """Return (whose each rating is, by how much it moves that user)."""
        indptr, cols, ratings = compressed_parts(history.matrix)
        rows = np.repeat(np.arange(len(self._codes)), np.diff(indptr))
        above = history.weights * (ratings - self.pairs(rows, cols))
        weights = np.bincount(rows, history.weights, len(self._codes))
        return rows, above / (weights + _SHRINKAGE)[rows]

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        users = np.repeat(np.arange(lo, hi), len(self._cols))
        cols = np.tile(self._cols, hi - lo)
        out[: hi - lo] = self.pairs(users, cols).reshape(hi - lo, -1)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        scores = np.empty(len(cols), dtype=np.float32)
        for first in range(0, len(cols), _PAIRS_AT_ONCE):
            part = slice(first, first + _PAIRS_AT_ONCE)
            scores[part] = self._predict(self._codes[users[part]], cols[part])
        return scores + self._above[users]


def named(user, item, row, col, features):
    """Return the inputs of a model by name: codes, and the features of who they are."""
    of_users, of_items = features
    return {
        "user": user.astype(np.int32),
        "item": item.astype(np.int32),
        "features": np.concatenate([of_users[row], of_items[col]], axis=1),
    }


def default_builder(
    n_users, n_items, n_features, *, units=32, embedding_dim=16, regularization=5e-5,
    learning_rate=0.001,
):  # fmt: skip
    """Return the model that is built where no builder is given.

    Parameters
    ----------
    n_users, n_items, n_features : int
        Codes of users, codes of items, features.
    units : int, default=32
        The width of the hidden layer.
    embedding_dim : int, default=16
        The length of the embeddings.
    regularization : float, default=5e-5
        The penalty of their squares.
    learning_rate : float, default=0.001
        Of Adam.

    Returns
    -------
    model : keras.Model
        Compiled.
    """
    import keras

    layers, penalty = keras.layers, keras.regularizers.L2(regularization)
    user = keras.Input((), dtype="int32", name="user")
    item = keras.Input((), dtype="int32", name="item")
    features = keras.Input((n_features,), name="features")
    vectors = [
        layers.Embedding(n, embedding_dim, embeddings_regularizer=penalty)(code)
        for n, code in ((n_users, user), (n_items, item))
    ]
    hidden = layers.Concatenate()([*vectors, features] if n_features else vectors)
    hidden = layers.Dense(units, activation="relu")(hidden)
    biases = [
        layers.Embedding(n, 1, embeddings_initializer="zeros")(code)
        for n, code in ((n_users, user), (n_items, item))
    ]
    inputs = [user, item, features] if n_features else [user, item]
    model = keras.Model(inputs, layers.Add()([layers.Dense(1)(hidden), *biases]))
    model.compile(keras.optimizers.Adam(learning_rate), "mse", jit_compile=False)
    return model
