"""A shared encoder and personal heads, meta-learned to fit users with few rows."""

from numbers import Integral, Real

import numpy as np
from scipy.special import logit

from sklearn_metarec._iterating import as_table, epochs
from sklearn_metarec._scoring import cosine_scorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization import MFRegressor
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.meta._episodes import Adam, Rows, batches, padded
from sklearn_metarec.meta._feature_vectors import VectorsMixin
from sklearn_metarec.meta._inner_loops import Personalizer, RatingScorer
from sklearn_metarec.neural._tensorflow import load
from sklearn_metarec.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    check_random_state,
)

# Once an update leaves so many times the ratings of the last fit, all is learned anew.
_OUTGROWN = 1.25
# How far beyond the lowest and the highest rating a sigmoid ends, in their distance.
_MARGIN = 0.1
_INITIAL_PRECISION = 5.0
_INITIAL_STD = 0.1
# A rating at an end of a sigmoid's range is to the inner loop so near to it.
_NEAR_END = 1e-3


class MetaRegressor(CallbackSupportMixin, VectorsMixin, BaseRatingRecommender):
    """Predict a rating by a shared encoder of items and a head of the user's own.

    The encoder makes e_i = f(W'x_i + b + v_i) of the item's features x_i and, for
    items with ratings, a vector v_i of its own. The prediction is h_u . [1, e_i], of
    standardized ratings. An inner loop makes the head h_u of the user's ratings, their
    support; it starts from, or is drawn to, a head that depends linearly on the user's
    features. The encoder, that head and how strongly users are drawn to it are
    meta-learned: each epoch splits the rows of every user at random into support and
    query, and lowers the squared error of the queries after the inner loop.

    - `inner="ridge"`: the head in closed form, with a learned penalty an entry.
    - `inner="anil"`: steps of gradient descent on the head, with a learned rate.
    - `inner="maml"`: the same on encoder and head, so that users have an encoder of
      their own; `second_order` says whether the gradient goes through the steps.
    - `inner="reptile"`: the same, but what is shared moves to where users' steps end,
      without a split into support and query.

    A step of gradient descent is along the gradient, shortened to a length of one.

    With `encoder="sigmoid"` there is no constant and no b, and the prediction is
    r = s(sum_j h_uj s(sum_k W_kj x_ik + v_ij)), stretched to the range of the ratings;
    the inner loop sees logits.

    In each batch the own vectors of a share of the items are left out, so that the
    encoder learns to do without: items that nobody has rated are predicted by their
    features. The own vectors of a linear or tanh encoder begin as biases and factors of
    `MFRegressor`, which saves epochs; others begin at random.

    `history=` folds in exactly: a new user is treated like a known one of the same
    features. `partial_fit` gives users of the new rows a head and leaves all else as it
    is; once there are a quarter more ratings than in the last fit, all is learned anew.
    An unknown user has the shared head. TensorFlow computes the gradients of the fit;
    all else is NumPy.

    Parameters
    ----------
    inner : {"ridge", "anil", "maml", "reptile"}, default="ridge"
        The inner loop.
    encoder : {"linear", "relu", "tanh", "sigmoid"}, default="linear"
        The activation f.
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item.
    user_features : dataframe or list, default=None
        The same of users.
    item_ids : bool, default=True
        Whether items have vectors of their own.
    embedding_dim : int, default=16
        The length of e.
    regularization : float, default=0.05
        The penalty of the squared own vectors, a batch of users.
    hidden_items : float, default=0.2
        The share of the items of a batch whose own vectors are left out.
    inner_steps : int, default=5
        Steps of an inner loop by gradient descent.
    inner_learning_rate : float, default=0.1
        Their rate; where it is learned, to begin with.
    second_order : bool, default=True
        Whether "maml" is exact or to first order.
    epochs : int, default=10
        How often all users are seen.
    batch_size : int, default=32
        Users a step.
    learning_rate : float, default=0.005
        The rate of Adam, which falls to zero in a straight line.
    rating_range : tuple of (float, float), default=None
        Where the output of a sigmoid ends; by default a tenth beyond the ratings.
    feature_encoder : transformer, default=None
        Makes numbers of the features; `FeatureEncoder()` by default.
    random_state : int, RandomState or None, default=None
        Draws the start and the splits.
    n_jobs : int, default=None
        Threads of the ridge heads; the result does not depend on it.

    Attributes
    ----------
    weights_ : ndarray of shape (n_item_vector, embedding_dim)
        W.
    intercept_ : ndarray of shape (embedding_dim,)
        b.
    item_factors_ : ndarray of shape (n_items, embedding_dim)
        The own vectors v.
    item_vectors_ : ndarray of shape (n_items, n_head)
        What the shared encoder makes of the items: [1, e], or e.
    mean_head_ : ndarray of shape (n_head,)
        The shared head of users without features.
    head_coef_ : ndarray of shape (n_user_vector, n_head)
        What the features of a user add to it.
    precision_ : ndarray of shape (n_head,)
        The penalty of "ridge".
    inner_rate_ : float
        The rate of the others.
    user_heads_ : ndarray of shape (n_users, n_head)
        The heads.
    user_encoders_ : ndarray of shape (n_users, n_item_vector + 1, embedding_dim)
        W and, below it, b of each user, of "maml" and "reptile".
    n_iter_ : int
        Epochs done.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids, those of the side table included.
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
    MetaRidgeRegressor : The same without a network, and often better.

    References
    ----------
    L. Bertinetto, J. F. Henriques, P. Torr and A. Vedaldi (2019). Meta-learning with
    differentiable closed-form solvers. ICLR. Equations 4 to 6 are the ridge head.

    C. Finn, P. Abbeel and S. Levine (2017). Model-agnostic meta-learning for fast
    adaptation of deep networks. ICML. Algorithm 1 is "maml".

    A. Raghu, M. Raghu, S. Bengio and O. Vinyals (2020). Rapid learning or feature
    reuse? Towards understanding the effectiveness of MAML. ICLR. Section 4 is "anil".

    A. Nichol, J. Achiam and J. Schulman (2018). On first-order meta-learning
    algorithms. arXiv:1803.02999. Algorithm 2 is "reptile", in batches.

    Examples
    --------
    The prediction of a new user by the sigmoid encoder, and by its formula:

    >>> import numpy as np
    >>> from scipy.special import expit
    >>> from sklearn_metarec import MetaRegressor
    >>> P = [[.3, .4, .5], [.6, .1, .2], [.1, .5, .3], [.4, .2, .6], [.5, .3, .1]]
    >>> items = {"item_id": [1, 2, 3, 4, 5], "vector": P}
    >>> X = [["ann", 1], ["ann", 2], ["ann", 3], ["bob", 2], ["bob", 4], ["bob", 5]]
    >>> model = MetaRegressor(
    ...     encoder="sigmoid", item_features=items, item_ids=False, embedding_dim=4,
    ...     rating_range=(0, 1), epochs=2, random_state=0,
    ... ).fit(X, [0.8, 0.5, 0.9, 0.2, 0.6, 0.4])
    >>> standardized = (np.array(P) - np.mean(P, axis=0)) / np.std(P, axis=0)
    >>> theta, w = model.weights_, model.user_heads_[0]
    >>> r = expit(expit(standardized @ theta) @ w)
    >>> bool(np.allclose(r, model.predict([["ann", item] for item in model.items_])))
    True
    """

    _parameter_constraints = {
        "inner": [StrOptions({"ridge", "anil", "maml", "reptile"})],
        "encoder": [StrOptions({"linear", "relu", "tanh", "sigmoid"})],
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "item_ids": ["boolean"],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="left")],
        "hidden_items": [Interval(Real, 0, 1, closed="left")],
        "inner_steps": [Interval(Integral, 1, None, closed="left")],
        "inner_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "second_order": ["boolean"],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "rating_range": [tuple, None],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }
    item_factors_: np.ndarray
    item_vectors_: np.ndarray
    # An update leaves what users share as it is.
    _partial_fit_exact = False
    # Squares in single precision, or sums beside a prior, bear no more.
    _magnitudes = 1e-16, 1e16

    def __init__(
        self, inner="ridge", *, encoder="linear", item_features=None,
        user_features=None, item_ids=True, embedding_dim=16, regularization=0.05,
        hidden_items=0.2, inner_steps=5, inner_learning_rate=0.1, second_order=True,
        epochs=10, batch_size=32, learning_rate=0.005, rating_range=None,
        feature_encoder=None, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.inner = inner
        self.encoder = encoder
        self.item_features = item_features
        self.user_features = user_features
        self.item_ids = item_ids
        self.embedding_dim = embedding_dim
        self.regularization = regularization
        self.hidden_items = hidden_items
        self.inner_steps = inner_steps
        self.inner_learning_rate = inner_learning_rate
        self.second_order = second_order
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.rating_range = rating_range
        self.feature_encoder = feature_encoder
        self.random_state = random_state
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------ learning

    def _fit(self, history):
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        self._learn_vectors(rng)
        self._set_link(history)
        rows = self._rows(history)
        adam = Adam(self._start(history, rng))
        n_batches = -(-np.count_nonzero(np.diff(rows.indptr)) // self.batch_size)

        def fitted():
            return self._fitted(adam.parameters, rows)

        for _ in epochs(self, self.epochs, history, fitted):
            split = self.inner != "reptile"
            for batch in batches(rows, self.batch_size, rng, split=split):
                done = adam.n_steps / (self.epochs * n_batches)
                self._step(adam, self.learning_rate * (1 - done), batch, rows, rng)
        self.__dict__.update(fitted())
        self._n_learned = history.matrix.nnz

    def _update(self, history, old, new):
        if history.n_pairs > _OUTGROWN * self._n_learned:
            self._fit(history)
            return
        if "item" in self._update_vectors(old):
            own = np.zeros((len(history.items), self.embedding_dim))
            own[history.items.lookup(old.items.ids)] = self.item_factors_
            self.item_factors_ = own
            del self.item_vectors_
        shared = self._shared()
        self.item_vectors_ = shared.vectors
        place = history.users.lookup(old.users.ids)
        changed = history.users.lookup(new.users.ids)
        changed = changed[np.diff(new.matrix.indptr) > 0]
        found = shared.adapt(self._rows(history.take(changed)), self._means(changed))
        everybody = np.arange(len(history.users))
        for name, values, own in zip(
            ("user_heads_", "user_encoders_"), shared.start(self._means(everybody)),
            found, strict=True,
        ):  # fmt: skip
            if values is not None:
                values[place] = getattr(self, name)
                values[changed] = own
            setattr(self, name, values)

    def _set_link(self, history):
        ratings, weights = history.matrix.data, history.weights
        self.global_mean_ = float(np.average(ratings, weights=weights))
        square = np.average((ratings - self.global_mean_) ** 2, weights=weights)
        self._center, self._scale = self.global_mean_, float(np.sqrt(square)) or 1.0
        if self.encoder == "sigmoid":
            low, high = float(ratings.min()), float(ratings.max())
            margin = _MARGIN * (high - low) or 0.5
            low, high = self.rating_range or (low - margin, high + margin)
            self._center, self._scale = float(low), float(high - low)

    @property
    def _constant(self):
        return self.encoder != "sigmoid"

    def _start(self, history, rng):
        k, x, users = self.embedding_dim, self._vectors["item"], self._vectors["user"]
        d = k + self._constant
        there = np.zeros((len(x), 1))
        if self.item_ids:
            there[history.matrix.indices] = 1
        n_inputs = max(x.shape[1], 1)
        start = {
            "W": rng.normal(0, _INITIAL_STD / np.sqrt(n_inputs), (x.shape[1], k)),
            "b": np.zeros(k),
            "mean": np.zeros(d),
            "coef": np.zeros((users.shape[1], d)),
            "log_precision": np.full(d, np.log(_INITIAL_PRECISION)),
            "log_rate": np.array(np.log(self.inner_learning_rate)),
            "own": there * rng.normal(0, _INITIAL_STD, (len(x), k)),
        }
        if self._constant:
            # Along one direction heads agree: that of items which all like.
            start["mean"][1] = 1.0
        if self.item_ids and k > 1 and self.encoder in ("linear", "tanh"):
            start["own"] = self._factors(history, int(rng.integers(2**31)))
        return {name: value.astype(np.float32) for name, value in start.items()}

    def _factors(self, history, seed):
        """Return [bias | factors] of the items: the first entry is what heads agree on.

        The factors are scaled so that users' entries have a mean square of one.
        """
        model = MFRegressor(
            self.embedding_dim - 1, random_state=seed, n_jobs=self.n_jobs
        )
        model.fit(as_table(history), history.matrix.data, history.weights)
        taste = np.sqrt(np.square(model.user_factors_).mean(axis=0))
        own = np.zeros((len(history.items), self.embedding_dim))
        place = history.items.lookup(model.items_)
        own[place, 0] = model.item_biases_ / self._scale
        own[place, 1:] = model.item_factors_ * taste / self._scale
        return own

    def _rows(self, history):
        indptr, cols, ratings = compressed_parts(history.matrix)
        outcomes = (ratings - self._center) / self._scale
        targets = outcomes
        if self.encoder == "sigmoid":
            targets = logit(np.clip(outcomes, _NEAR_END, 1 - _NEAR_END))
        return Rows(indptr, cols, targets, outcomes, history.weights)

    def _step(self, adam, rate, batch, rows, rng):
        gradients = load("_meta", self.n_jobs)
        members, support, query = batch
        x, users = self._vectors["item"], self._vectors["user"]
        everything = np.concatenate(support + query)
        items = np.unique(rows.cols[everything])
        places = np.zeros(len(x), dtype=np.int32)
        places[items] = np.arange(len(items))
        places = places[rows.cols]
        parameters = dict(adam.parameters)
        shown = rng.random((len(items), 1)) >= self.hidden_items
        shown = shown & (self.item_ids or np.zeros_like(shown))
        parameters["own"] = parameters["own"][items] * shown
        compute = gradients.loss_and_gradients(
            self.inner, self.encoder, self._constant, self.inner_steps,
            self.second_order,
        )  # fmt: skip
        _, gradients = compute(
            *parameters.values(), x[items].astype(np.float32),
            users[members].astype(np.float32),
            *padded(support, places, rows.targets, rows.weights),
            *padded(query, places, rows.outcomes, rows.weights),
            np.float32(self.regularization),
        )  # fmt: skip
        gradients = {
            name: gradient.numpy()
            for name, gradient in zip(parameters, gradients, strict=True)
        }
        gradients["own"] = (gradients["own"] * shown)[shown[:, 0]]
        if not self._constant:
            del gradients["b"]
        adam.step(gradients, rate, items[shown[:, 0]])

    def _fitted(self, parameters, rows):
        """Return the attributes that the parameters make."""
        names = {
            "weights_": "W", "intercept_": "b", "mean_head_": "mean",
            "head_coef_": "coef", "item_factors_": "own",
        }  # fmt: skip
        found = {name: parameters[key].astype(float) for name, key in names.items()}
        found["precision_"] = np.exp(parameters["log_precision"].astype(float))
        found["inner_rate_"] = float(np.exp(parameters["log_rate"]))
        shared = self._shared(found)
        means = found["mean_head_"] + self._vectors["user"] @ found["head_coef_"]
        found["item_vectors_"] = shared.vectors
        found["user_heads_"], found["user_encoders_"] = shared.adapt(rows, means)
        return found

    # --------------------------------------------------------------------- heads

    def _shared(self, found=None):
        found = self.__dict__ if found is None else found
        return Personalizer(
            self.inner, self.encoder, self.inner_steps, self._vectors["item"],
            found["item_factors_"], found["weights_"], found["intercept_"],
            found["precision_"], found["inner_rate_"], self.n_jobs,
            found.get("item_vectors_"),
        )  # fmt: skip

    def _means(self, codes):
        means = self.mean_head_ + self._vectors["user"][codes] @ self.head_coef_
        means[codes < 0] = self.mean_head_
        return means

    # ------------------------------------------------------------------- scoring

    def _make_scorer(self, profiles):
        shared, codes = self._shared(), profiles.codes
        heads, encoders = shared.start(self._means(codes))
        known, changed = np.flatnonzero(codes >= 0), np.flatnonzero(profiles.changed)
        heads[known] = self.user_heads_[codes[known]]
        if encoders is not None:
            encoders[known] = self.user_encoders_[codes[known]]
        if len(changed):
            rows = self._rows(profiles.history.take(changed))
            found = shared.adapt(rows, self._means(codes[changed]))
            heads[changed] = found[0]
            if encoders is not None:
                encoders[changed] = found[1]
        scorer = shared.scorer(heads, encoders)
        sigmoid = self.encoder == "sigmoid"
        return RatingScorer(scorer, self._center, self._scale, sigmoid)

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_vectors_[:, -self.embedding_dim :], cols)
