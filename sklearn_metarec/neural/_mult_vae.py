"""An autoencoder of users' histories."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec._weighting import WEIGHTINGS, Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.neural._training import (
    CONSTRAINTS,
    NeuralMixin,
    csr_arrays,
    glorot,
    zeros,
)
from sklearn_metarec.utils._sklearn import Interval, StrOptions

# The part of the epochs in which the weight of the prior grows to `beta`.
_ANNEALING = 0.5


class MultVAE(NeuralMixin, BaseRecommender):
    """Rank items by a variational autoencoder with multinomial likelihood.

    A user's row x of the interactions, scaled to length 1, becomes a hidden layer
    h = tanh(W x + b), this the mean and the variance of a normal vector z, and this by
    a second hidden layer the logits of a distribution over all items. Training
    maximizes the mean over the users of ::

        sum_i x_i log p_i(z) - beta KL(q(z | x) || N(0, I))

    less `regularization` times the sum of the squared weights. Entries of x are left
    out at random on the way in (not in the sum), so that the model learns to predict
    items from the others. Scores are the logits at the mean of z.

    A user is nothing but their row: new users and `history=` cost one pass through
    the network and give exactly the scores that a known user with these rows gets.

    `partial_fit` is warm, not exact: it starts from the weights so far (random ones for
    new items) and does a third of the epochs over the stored and the new pairs.

    Parameters
    ----------
    embedding_dim : int, default=64
        The length of z.
    hidden_dim : int, default=256
        The width of both hidden layers.
    variational : bool, default=True
        False is the denoising autoencoder Mult-DAE: z is the mean itself, and there is
        no prior.
    beta : float, default=0.5
        The weight of the prior, reached when half of the epochs are done.
    dropout : float, default=0.6
        The share of the entries of x that is left out in a step.
    regularization : float, default=0.0
        The penalty of the weights.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its entry of x.
    learning_rate : float, default=0.005
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
        The weights of the network, in single precision; `items` and `item_biases` make
        the logits.
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
    EASE : A linear autoencoder, in closed form.

    References
    ----------
    D. Liang, R. G. Krishnan, M. D. Hoffman and T. Jebara (2018). Variational
    autoencoders for collaborative filtering. WWW. arXiv:1802.05814. Equation 2 is the
    likelihood, 5 the objective, 9 Mult-DAE.

    Examples
    --------
    >>> from sklearn_metarec import MultVAE
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"], ["joe", "gin"]]
    >>> model = MultVAE(2, hidden_dim=8, epochs=100, random_state=0).fit(X)
    >>> items, scores = model.recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _of_items = ("into_hidden", "items", "item_biases")
    _parameter_constraints = {
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "variational": ["boolean"],
        "beta": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "regularization": [Interval(Real, 0, None, closed="left")],
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        **CONSTRAINTS,
    }

    def __init__(
        self, embedding_dim=64, *, hidden_dim=256, variational=True, beta=0.5,
        dropout=0.6, regularization=0.0, weighting="binary", learning_rate=0.005,
        batch_size=128, epochs=30, early_stopping=False, validation_fraction=0.1,
        n_iter_no_change=5, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.embedding_dim = embedding_dim
        self.hidden_dim = hidden_dim
        self.variational = variational
        self.beta = beta
        self.dropout = dropout
        self.regularization = regularization
        self.weighting = weighting
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _start(self, history, rng):
        n_items, hidden, z = len(history.items), self.hidden_dim, self.embedding_dim
        return {
            "into_hidden": glorot(rng, n_items, hidden),
            "hidden_biases": zeros(hidden),
            "to_mean": glorot(rng, hidden, z),
            "mean_biases": zeros(z),
            "to_log_variance": glorot(rng, hidden, z),
            "log_variance_biases": zeros(z),
            "out_of_latent": glorot(rng, z, hidden),
            "output_biases": zeros(hidden),
            "items": glorot(rng, n_items, hidden),
            "item_biases": zeros(n_items),
        }

    def _problem(self, history):
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        rows = self._weighting.transform(history.matrix)
        return "mult_vae", csr_arrays(rows), rows.shape[0]

    def _settings(self, share):
        beta = self.beta * min(1.0, share / _ANNEALING) if self.variational else 0.0
        return self.dropout, beta, float(self.variational), self.regularization

    def _make_scorer(self, profiles):
        w = self.weights_
        rows = self._weighting.transform(profiles.matrix)
        lengths = np.sqrt(rows.multiply(rows).sum(axis=1))[:, None]
        sums = (rows @ w["into_hidden"]) / np.maximum(lengths, 1e-6)
        hidden = np.tanh(sums + w["hidden_biases"])
        latent = hidden @ w["to_mean"] + w["mean_biases"]
        users = np.tanh(latent @ w["out_of_latent"] + w["output_biases"])
        return FactorScorer(
            users.astype(np.float32), w["items"], None, w["item_biases"]
        )

    def _item_scorer(self, cols):
        return cosine_scorer(self.weights_["items"], cols)
