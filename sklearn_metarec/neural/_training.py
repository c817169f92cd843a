"""What the neural models share: parameters, epochs and early stopping."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import is_regressor

from sklearn_metarec._history import Profiles, carry_over
from sklearn_metarec._iterating import epochs
from sklearn_metarec._scoring import Filters, rank
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.metrics import ranking_scores_from_codes
from sklearn_metarec.neural._tensorflow import load
from sklearn_metarec.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    check_random_state,
)

CONSTRAINTS = {
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "epochs": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
}
# Of the pairs of a user of the validation part, this share is held out.
_HELD_OUT = 0.2
_LIST_LENGTH = 10
# An update starts from what is known: one epoch in three is enough for what is new.
_UPDATE_DIVISOR = 3


class NeuralMixin(CallbackSupportMixin):
    """Training by epochs of stochastic gradient descent in TensorFlow.

    A subclass supplies

    - `_start(history, rng)`: a dict of float32 arrays, the parameters to start from;
    - `_problem(history)`: the module and name of a loss of `_tf` ("module" or
      "module.name"), its data (a tuple of arrays), and the number of rows that batches
      are made of;
    - `_settings(share)`: the numbers that the loss reads, when that share of the epochs
      is done;
    - `_fitted(weights)`: attributes for scoring, from the parameters; by default these
      themselves, `weights_`.
    """

    weights_: dict
    # The parameters that have one row a user, or an item.
    _of_users: tuple[str, ...] = ()
    _of_items: tuple[str, ...] = ()
    # An update starts from what was learned so far, which a fit does not have.
    _partial_fit_exact = False

    def _fit(self, history):
        seed = check_random_state(self.random_state).randint(2**31)
        start = self._start(history, np.random.default_rng(seed))
        self._learn(history, start, self.epochs, seed)

    def _update(self, history, old, new):
        seed = check_random_state(self.random_state).randint(2**31)
        start = self._start(history, np.random.default_rng(seed))
        for name, known in self.weights_.items():
            if name in self._of_users:
                carry_over(old.users, history.users, known, start[name])
            elif name in self._of_items:
                carry_over(old.items, history.items, known, start[name])
            else:
                start[name] = np.asarray(known)
        self._learn(history, start, -(-self.epochs // _UPDATE_DIVISOR), seed)

    def _learn(self, history, start, n_epochs, seed):
        """Improve the parameters `start` for some epochs, and keep what they become."""
        rng = np.random.default_rng((seed, 1))  # not the stream of the parameters
        watch = _Validation(self, history, rng) if self.early_stopping else None
        training = history if watch is None else watch.training
        which, data, n_rows = self._problem(training)
        module, _, name = which.partition(".")
        trainer = load("training", self.n_jobs).Trainer(
            getattr(load(module), name or "loss"), tuple(start.values()), data
        )

        def fitted():
            return self._fitted(dict(zip(start, trainer.params(), strict=True)))

        def enough():
            return watch is not None and watch.stops(fitted())

        for epoch in epochs(self, n_epochs, history, fitted, enough):
            share = (epoch - 1) / n_epochs
            trainer.run(
                self._order(n_rows, rng), self.batch_size,
                self.learning_rate * (1 - share), self._settings(share),
                rng.integers(2**30, size=2),
            )  # fmt: skip
        self.__dict__.update(fitted() if watch is None else watch.best)

    def _fitted(self, weights):
        return {"weights_": weights}

    def _order(self, n_rows, rng):
        """Return the rows in the order in which an epoch visits them."""
        return rng.permutation(n_rows)


class _Validation:
    """Pairs of some users that are held out, and how well they are predicted.

    Attributes
    ----------
    training : History
        All other pairs.
    best : dict
        The fitted attributes that did best so far.
    """

    def __init__(self, model, history, rng):
        self._model = model
        if not is_regressor(model):  # what is not liked is no pair to find again
            history = history.subset(history.matrix.data > 0)
        held = _hold_out(history.matrix, model.validation_fraction, rng)
        self.training = history.subset(~held)
        test = history.subset(held)
        self._codes = np.flatnonzero(np.diff(test.matrix.indptr)).astype(np.int32)
        self._test = test.take(self._codes)
        self._best_score = -np.inf
        self._since_best = 0
        self.best = {}

    def stops(self, fitted):
        """Take note of one more epoch; tell whether it is time to stop."""
        self._model.__dict__.update(fitted)
        score = self._score()
        if score > self._best_score or not self.best:
            self._best_score, self._since_best, self.best = score, 0, fitted
        else:
            self._since_best += 1
        return self._since_best >= self._model.n_iter_no_change

    def _score(self):
        if not len(self._codes):
            return 0.0
        profiles = Profiles(self.training, self._codes)
        scorer = self._model._make_scorer(profiles)
        indptr, cols, values = compressed_parts(self._test.matrix)
        if is_regressor(self._model):
            rows = np.repeat(np.arange(len(self._codes)), np.diff(indptr))
            error = scorer.pairs(rows, cols) - values
            return -float(np.average(error**2, weights=self._test.weights))
        n_items = self._test.matrix.shape[1]
        lists, _ = rank(
            scorer, len(profiles), n_items, _LIST_LENGTH,
            Filters(len(profiles), deny=profiles.matrix), n_jobs=self._model.n_jobs,
        )  # fmt: skip
        return ranking_scores_from_codes(indptr, cols, None, lists)["ndcg@10"]


def _hold_out(matrix, fraction, rng):
    """Return which pairs are held out: some of those of a fraction of the users."""
    counts = np.diff(matrix.indptr)
    chosen = (rng.random(len(counts)) < fraction) & (counts > 1)
    n_held = np.where(chosen, np.maximum(1, counts * _HELD_OUT), 0).astype(np.int64)
    rows = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((rng.random(len(rows)), rows))
    place = np.arange(len(rows)) - np.repeat(matrix.indptr[:-1], counts)
    held = np.zeros(len(rows), dtype=bool)
    held[order] = place < n_held[rows]
    return held


def csr_arrays(matrix):
    """Return (indptr, indices, data) of a matrix, always of the same types."""
    return (
        matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32),
        matrix.data.astype(np.float32),
    )  # fmt: skip


def feature_arrays(model, side):
    """Return (the encoded features as `csr_arrays`, how many there are), or nothing."""
    rows = model._feature_rows(side)
    if rows is None:
        n_ids = len(model._items if side == "item" else model._users)
        rows = sparse.csr_array((n_ids, 0), dtype=np.float32)
    return csr_arrays(rows), rows.shape[1]


def normal(rng, *shape, std=0.1):
    """Return random numbers of single precision around 0."""
    return rng.normal(0.0, std, shape).astype(np.float32)


def glorot(rng, n_in, n_out):
    """Return random weights of a layer (Glorot and Bengio 2010, equation 16)."""
    bound = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_in, n_out)).astype(np.float32)


def zeros(*shape):
    """Return zeros of single precision."""
    return np.zeros(shape, dtype=np.float32)
