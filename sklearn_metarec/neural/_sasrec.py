"""A transformer of users' items in their order."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.neural._sequences import OrderedHistory
from sklearn_metarec.neural._training import (
    CONSTRAINTS,
    NeuralMixin,
    glorot,
    normal,
    zeros,
)
from sklearn_metarec.utils._sklearn import Interval

_EPSILON = 1e-6
_USERS_PER_BLOCK = 256
_BLOCK = (
    "query", "key", "value", "scale", "shift", "inner", "inner_biases", "outer",
    "outer_biases", "norms",
)  # fmt: skip


class SASRec(NeuralMixin, BaseRecommender):
    """Rank items by what comes next after a user's items, in their order.

    The last `max_length` items of a user, each as its vector plus one of its place,
    pass through blocks of self-attention, in which an item sees those before it, and
    of two layers on each place. What comes out at a place is compared with the
    vectors of all items. Training minimizes the mean cross-entropy of the next item at
    each place, over all items or over `n_negatives` drawn ones, whose weight in the
    sum is raised to stand for all.

    Time comes from a column `timestamp` or `time`; without it, rows are in the order
    of time. A pair counts at its last time, and by being there, whatever its strength.

    A user is nothing but their items: new users and `history=` cost one pass through
    the network and give exactly the scores that a known user with these rows gets. The
    rows of `history=` come after those of the fit, and so do those of `partial_fit`.
    That is warm, not exact: it starts from what was learned so far (small random
    vectors for new items) and does a third of the epochs over all rows.

    Parameters
    ----------
    embedding_dim : int, default=64
        The length of all vectors; a multiple of `n_heads`.
    n_blocks : int, default=2
        The number of blocks.
    n_heads : int, default=1
        The heads of attention of a block.
    max_length : int, default=50
        How many of a user's last items count.
    n_negatives : int or None, default=512
        Items that are drawn in a step, for all places together; None is all items.
    dropout : float, default=0.5
        The share of numbers that is left out in a step.
    regularization : float, default=0.0
        The penalty of the squares of the items' vectors.
    learning_rate : float, default=0.002
        Of Adam, in the first epoch; it falls in proportion to the epochs left.
    batch_size : int, default=128
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
        The parameters of the network, in single precision; `items` are the vectors.
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
    MultVAE : Without order.

    References
    ----------
    W.-C. Kang and J. McAuley (2018). Self-attentive sequential recommendation. ICDM.
    arXiv:1808.09781. Section 3 is the network.

    A. Klenitskiy and A. Vasilev (2023). Turning dross into gold loss: is BERT4Rec
    really better than SASRec? RecSys. Cross-entropy instead of one negative.

    Examples
    --------
    >>> from sklearn_metarec import SASRec
    >>> X = [["ann", "tea"], ["ann", "milk"], ["ann", "cake"], ["bob", "tea"],
    ...      ["bob", "milk"], ["eva", "tea"], ["eva", "milk"], ["eva", "cake"]]
    >>> model = SASRec(8, learning_rate=0.01, random_state=0).fit(X)
    >>> items, scores = model.recommend(["bob"], k=1)
    >>> items.tolist()
    [['cake']]
    """

    _reads_time = True
    _history_class = OrderedHistory
    _of_items = ("items",)
    _parameter_constraints = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "n_blocks": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "max_length": [Interval(Integral, 1, None, closed="left")],
        "n_negatives": [Interval(Integral, 1, None, closed="left"), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="left")],
        **CONSTRAINTS,
    }

    def __init__(
        self, embedding_dim=64, *, n_blocks=2, n_heads=1, max_length=50,
        n_negatives=512, dropout=0.5, regularization=0.0, learning_rate=0.002,
        batch_size=128, epochs=30, early_stopping=False, validation_fraction=0.1,
        n_iter_no_change=5, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.embedding_dim = embedding_dim
        self.n_blocks = n_blocks
        self.n_heads = n_heads
        self.max_length = max_length
        self.n_negatives = n_negatives
        self.dropout = dropout
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
        width = self.embedding_dim
        if width % self.n_heads:
            raise ValueError(
                f"embedding_dim={width} is no multiple of n_heads={self.n_heads}."
            )
        start = {
            "items": normal(rng, len(history.items), width, std=width**-0.5),
            "positions": normal(rng, self.max_length, width),
            "scale": 1 + zeros(width),
            "shift": zeros(width),
        }
        for block in range(self.n_blocks):
            start |= {
                f"{block}.{name}": value for name, value in _block(rng, width).items()
            }
        return start

    def _problem(self, history):
        # The last item is no place to predict from, so one more of them is read.
        sequences = history.sequences(self.max_length + 1)
        self._lengths = (sequences >= 0).sum(axis=1)
        loss = "full_loss" if self.n_negatives is None else "loss"
        return f"sasrec.{loss}", (sequences,), len(sequences)

    def _settings(self, share):
        n_negatives = 0 if self.n_negatives is None else self.n_negatives
        return self.dropout, self.n_heads, n_negatives, self.regularization

    def _order(self, n_rows, rng):
        # Users of a step have about as many items: shorter ones are not filled up.
        order = np.lexsort((rng.random(n_rows), self._lengths))
        steps = np.array_split(order, max(1, n_rows // self.batch_size))
        return np.concatenate([steps[step] for step in rng.permutation(len(steps))])

    def _make_scorer(self, profiles):
        sequences = profiles.history.sequences(self.max_length)
        lengths = (sequences >= 0).sum(axis=1)
        width = self.weights_["items"].shape[1]
        users = np.zeros((len(sequences), width), dtype=np.float32)
        order = np.argsort(lengths, kind="stable")
        weights = {name: value.astype(float) for name, value in self.weights_.items()}
        for first in range(0, len(order), _USERS_PER_BLOCK):
            block = order[first : first + _USERS_PER_BLOCK]
            longest = int(lengths[block].max())
            if longest:
                shown = sequences[block, self.max_length - longest :]
                users[block] = self._states(shown, weights)
        return FactorScorer(users, self.weights_["items"])

    def _states(self, items, w):
        """Return what is known after the last item: as in training, by NumPy."""
        length, width = items.shape[1], w["items"].shape[1]
        there = items >= 0
        x = w["items"][np.maximum(items, 0)] * np.sqrt(width)
        x = (x + w["positions"][:length][::-1]) * there[:, :, None]
        visible = np.tri(length, dtype=bool) & there[:, None, :]
        for block in range(self.n_blocks):
            own = {name: w[f"{block}.{name}"] for name in _BLOCK}
            x = _pass(x, own, visible[:, None], self.n_heads)
        return _normalized(x[:, -1], w["scale"], w["shift"])

    def _item_scorer(self, cols):
        return cosine_scorer(self.weights_["items"], cols)


def _block(rng, width):
    """Return the first weights of a block, in the order in which training has them."""
    return {
        "query": glorot(rng, width, width),
        "key": glorot(rng, width, width),
        "value": glorot(rng, width, width),
        "scale": 1 + zeros(width),
        "shift": zeros(width),
        "inner": glorot(rng, width, width),
        "inner_biases": zeros(width),
        "outer": glorot(rng, width, width),
        "outer_biases": zeros(width),
        "norms": np.stack([1 + zeros(width), zeros(width)]),
    }


def _pass(x, w, visible, n_heads):
    """Return what a block makes of (users, places, width)."""
    shape = (*x.shape[:2], n_heads, -1)
    y = _normalized(x, w["scale"], w["shift"])
    q, k, v = (
        (part @ w[name]).reshape(shape).transpose(0, 2, 1, 3)
        for part, name in ((y, "query"), (x, "key"), (x, "value"))
    )
    logits = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1])
    logits = np.where(visible, logits, -np.inf)
    # A place before the first item sees nothing, and nobody looks at it.
    logits = np.where(visible.any(axis=-1, keepdims=True), logits, 0.0)
    attention = np.exp(logits - logits.max(axis=-1, keepdims=True))
    attention /= attention.sum(axis=-1, keepdims=True)
    x = y + (attention @ v).transpose(0, 2, 1, 3).reshape(x.shape)
    y = _normalized(x, *w["norms"])
    hidden = np.maximum(y @ w["inner"] + w["inner_biases"], 0)
    return x + hidden @ w["outer"] + w["outer_biases"]


def _normalized(x, scale, shift):
    above = x - x.mean(axis=-1, keepdims=True)
    variance = (above * above).mean(axis=-1, keepdims=True)
    return above / np.sqrt(variance + _EPSILON) * scale + shift
