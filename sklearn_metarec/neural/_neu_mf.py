"""Matrix factorization beside a network of the same pair."""

from itertools import pairwise
from numbers import Integral, Real

import numpy as np

from sklearn_metarec._scoring import cosine_scorer
from sklearn_metarec._weighting import drop_zeros
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.neural._training import (
    CONSTRAINTS,
    NeuralMixin,
    csr_arrays,
    glorot,
    normal,
    zeros,
)
from sklearn_metarec.utils._sklearn import Interval

_PAIRS_AT_ONCE = 1 << 14


class NeuMF(NeuralMixin, BaseRecommender):
    """Rank items by an inner product and a network, both of a user and an item.

    A user has a vector p, the sum of one of their own and of the vectors of the n items
    that they have over the root of n; an item has a vector q. The first halves of both
    make a generalized inner product, a . (p * q); the second halves pass through layers
    of rectified units, each half as wide as the one before it, whose last is weighed by
    b. The score is the sum of the two, and its sigmoid is the probability that the user
    has the item. Training minimizes the cross-entropy of all pairs (label 1) and, for
    each of them, of `n_negatives` drawn items that the user does not have (label 0).

    A pair is predicted without its own item in the user's vector, as an item to be
    recommended is not in there either. The sum over items is what is added to the
    model of the paper, which has ids alone: so a user of `history=`, known or not, is
    recommended to by these items. Its pre-training of the two parts is left out.

    `partial_fit` is warm, not exact: it starts from what was learned so far (small
    random vectors for new users and items) and does a third of the epochs over the
    stored and the new pairs.

    Parameters
    ----------
    embedding_dim : int, default=32
        The length of either half of the vectors.
    hidden_dim : int, default=64
        The width of the first layer.
    n_layers : int, default=2
        The number of layers.
    n_negatives : int, default=4
        Drawn items a pair. More are slower, and a little better: 10 take twice the
        time.
    dropout : float, default=0.5
        The share of a user's items that is left out in a step.
    id_dropout : float, default=0.5
        The share of users whose own vector is left out in a step.
    regularization : float, default=0.0001
        The penalty of the squares of all vectors. This and the others were compared on
        a training part of movielens_100k alone.
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
    random_state : int, RandomState or None, default=None
        Draws the first weights, and all else that is random.
    n_jobs : int, default=None
        Threads; TensorFlow keeps to the number of the first neural fit of a process.

    Attributes
    ----------
    weights_ : dict of {str: ndarray}
        The parameters of the network, in single precision; `items` are the vectors q.
    n_iter_ : int
        Epochs done: `epochs`, unless stopped before.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    TwoTower : User and item meet in an inner product alone, and may have features.
    BPR : An inner product, learned by pairs.

    References
    ----------
    X. He, L. Liao, H. Zhang, L. Nie, X. Hu and T.-S. Chua (2017). Neural collaborative
    filtering. WWW. arXiv:1708.05031. Equation 12 is the network, 7 the cross-entropy.

    S. Kabbur, X. Ning and G. Karypis (2013). FISM: factored item similarity models for
    top-N recommender systems. KDD. Users as sums of items, the predicted one left out.

    Examples
    --------
    >>> from sklearn_metarec import NeuMF
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"], ["joe", "gin"]]
    >>> model = NeuMF(4, hidden_dim=4, epochs=100, random_state=0).fit(X)
    >>> items, scores = model.recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    # The vector of a user's own is there for known users only.
    _history_exact = False
    _of_users = ("users",)
    _of_items = ("bag", "items")
    _parameter_constraints = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "id_dropout": [Interval(Real, 0, 1, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="left")],
        **CONSTRAINTS,
    }

    def __init__(
        self, embedding_dim=32, *, hidden_dim=64, n_layers=2, n_negatives=4,
        dropout=0.5, id_dropout=0.5, regularization=1e-4, learning_rate=0.005,
        batch_size=64, epochs=30, early_stopping=False, validation_fraction=0.1,
        n_iter_no_change=5, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.embedding_dim = embedding_dim
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.n_negatives = n_negatives
        self.dropout = dropout
        self.id_dropout = id_dropout
        self.regularization = regularization
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _start(self, history, rng):
        n_users, n_items = history.matrix.shape
        dim, width = self.embedding_dim, self.hidden_dim
        # Each layer is half as wide as the one before it: He et al., section 3.3.
        widths = [max(1, width >> layer) for layer in range(self.n_layers)]
        start = {
            "users": normal(rng, n_users, 2 * dim),
            "bag": normal(rng, n_items, 2 * dim),
            "items": normal(rng, n_items, 2 * dim),
            "gmf": 1 + zeros(dim),
            "into_user": glorot(rng, dim, width),
            "into_item": glorot(rng, dim, width),
            "biases": zeros(width),
            "mlp": glorot(rng, widths[-1], 1)[:, 0],
        }
        for layer, (n_in, n_out) in enumerate(pairwise(widths), 1):
            start[f"{layer}.weights"] = glorot(rng, n_in, n_out)
            start[f"{layer}.biases"] = zeros(n_out)
        return start

    def _problem(self, history):
        rows = drop_zeros(history.matrix)
        indptr, cols, _ = csr_arrays(rows)
        self._active = (np.diff(indptr) > 0)[:, None]
        self._had = (np.bincount(cols, minlength=rows.shape[1]) > 0)[:, None]
        return "neu_mf", (indptr, cols), rows.shape[0]

    def _settings(self, share):
        return self.dropout, self.id_dropout, self.n_negatives, self.regularization

    def _fitted(self, weights):
        # Nothing was learned of users who have no items, nor for the history of items
        # that nobody has.
        weights["users"] *= self._active
        weights["bag"] *= self._had
        return {"weights_": weights}

    def _make_scorer(self, profiles):
        w = self.weights_
        rows = drop_zeros(profiles.matrix)
        indptr, _, data = compressed_parts(rows)
        binary = rows.copy()
        binary.data = np.ones_like(data)
        users = (binary @ w["bag"]).astype(float)
        users /= np.sqrt(np.maximum(np.diff(indptr), 1))[:, None]
        users += profiles.known_rows(w["users"])
        return _Scorer(users, {name: part.astype(float) for name, part in w.items()})

    def _item_scorer(self, cols):
        return cosine_scorer(self.weights_["items"], cols)


class _Scorer:
    """The network's logits of users and items, in double precision.

    Rounded to single precision in the end, they are the same for equal items, wherever
    in a block these are.

    Parameters
    ----------
    users : ndarray of shape (n, 2 * embedding_dim), dtype=float64
        The vectors of the users of a call.
    w : dict of {str: ndarray}
        The parameters of the network, in double precision.
    """

    def __init__(self, users, w):
        dim = len(w["gmf"])
        self._gmf = users[:, :dim] * w["gmf"]
        self._of_user = users[:, dim:] @ w["into_user"] + w["biases"]
        self._items = w["items"][:, :dim]
        self._of_item = w["items"][:, dim:] @ w["into_item"]
        self._top = w["mlp"]
        self._layers = [
            (part, w[f"{name.partition('.')[0]}.biases"])
            for name, part in w.items()
            if name.endswith(".weights")
        ]

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        for user in range(lo, hi):
            hidden = self._of_user[user] + self._of_item
            out[user - lo] = self._items @ self._gmf[user] + self._mlp(hidden)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        out = np.zeros(len(cols), dtype=np.float32)
        known = np.flatnonzero(cols >= 0)
        for first in range(0, len(known), _PAIRS_AT_ONCE):
            part = known[first : first + _PAIRS_AT_ONCE]
            user, col = users[part], cols[part]
            hidden = self._of_user[user] + self._of_item[col]
            products = (self._gmf[user] * self._items[col]).sum(axis=1)
            out[part] = products + self._mlp(hidden)
        return out

    def _mlp(self, hidden):
        hidden = np.maximum(hidden, 0)
        for weights, biases in self._layers:
            hidden = np.maximum(hidden @ weights + biases, 0)
        return hidden @ self._top
