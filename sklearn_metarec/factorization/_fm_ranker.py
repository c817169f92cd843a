"""A hybrid of factorization and content: vectors that are sums over features."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._history import carry_over
from sklearn_metarec._kernels import pairwise
from sklearn_metarec.factorization._pairwise import (
    CONSTRAINTS,
    INITIAL_STD,
    PairwiseRanker,
    bpr_loss,
    ones,
    warp_loss,
)
from sklearn_metarec.interactions import compressed_parts, make_csr, take_csr
from sklearn_metarec.preprocessing import FeatureEncoder
from sklearn_metarec.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    check_random_state,
)

_MARGIN = 1.0
# What the losses ask for.
_DEFAULTS = {
    "bpr": {"regularization": 0.03, "learning_rate": 0.2, "n_negatives": 5},
    "warp": {"regularization": 0.01, "learning_rate": 0.03, "n_negatives": 30},
}
_NOTHING = np.empty(0, dtype=np.float32)


class FMRanker(FeatureMixin, PairwiseRanker):
    """Vectors of users and items that are sums over their features, learned by pairs.

    The score of an item i for a user u is ::

        s_ui = x_u . y_i + b_i,

    where x_u sums the embeddings of what u is (the id, and each feature times its
    value), and y_i and b_i those of what i is. Embeddings and biases are learned as by
    :class:`BPR` or :class:`WARP`: items that a user has should score above what not. A
    bias of users would be the same for all their items, and is left out.

    Items and users that only a side table has are told by their features: all items of
    the table are ranked, and users without a row get lists of their own. Those items
    are never drawn as negatives, as nobody could have had them. Users with neither rows
    nor features get what is popular. Without features it is BPR or WARP.

    The descent is that of BPR; a fit takes longer in proportion to the number of
    features of an item. It is the same to the bit for the same `random_state`, whatever
    `n_jobs`. In the end what a user is beside the features is learned anew, from zero
    by ten epochs, with all else as it is. New histories are folded in the same way:
    `history=` is what a fit of that user gives.

    `partial_fit` is warm, not exact: it keeps the encoding of the features, and goes on
    from the embeddings and rates so far with a third of the epochs over the stored and
    the new pairs.

    Parameters
    ----------
    n_factors : int, default=64
        The length of the vectors; the time of a fit grows in proportion.
    item_features, user_features : dataframe or list, default=None
        Side tables with one row an item or user and a column `item_id` or `user_id`, or
        the names of those columns of X that are features.
    item_ids, user_ids : bool, default=True
        Whether ids have embeddings, beside the features. Without those of items, what
        is not in the features is not learned; without those of users, their rows say
        nothing of them in a request.
    feature_encoder : transformer, default=None
        Makes numbers of the features, for users and items each a clone; by default
        `FeatureEncoder(normalize=True)`, under which each column counts the same.
    loss : {"bpr", "warp"}, default="bpr"
        What a pair of items costs, as in the models of these names. On training parts
        of sparse data "bpr" was better by a quarter for new items and by less for known
        ones; on dense data "warp" was better by a twentieth for new items.
    regularization : float, default=None
        The penalty of the embeddings. None is 0.03 for "bpr" and 0.01 for "warp", as in
        these models.
    bias_regularization : float, default=0.05
        The penalty of the biases.
    learning_rate : float, default=None
        The rate of the first epoch. None is 0.2 for "bpr" and 0.03 for "warp".
    optimizer : {"adagrad", "sgd"}, default="adagrad"
        With "adagrad" the rate of an embedding, or a bias, is divided by the root of 1
        plus the sum of its mean squared gradients so far, so that rare ones move
        further. With "sgd" all have the same rate.
    n_negatives : int, default=None
        How many items are drawn for a pair: "bpr" takes the one of the highest score,
        "warp" stops at the first in the wrong place. None is 5 and 30.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its number of visits an epoch.
    max_iter : int, default=50
        Epochs.
    index : {"exact", "hnsw"}, default="exact"
        How `recommend` finds the best items. "exact" computes all scores. "hnsw" is for
        catalogues of millions: it computes few, and may miss an item in a hundred. It
        needs `pip install sklearn_metarec[ann]`; see :doc:`/howto/large_catalogue`.
    random_state : int, RandomState or None, default=None
        Draws the first embeddings, the order of users and the negatives.
    n_jobs : int, default=None
        Threads that fold in and rank; the result does not depend on it.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, n_factors), dtype=float32
        The users' vectors x.
    item_factors_ : ndarray of shape (n_items, n_factors), dtype=float32
        The items' vectors y.
    item_biases_ : ndarray of shape (n_items,), dtype=float32
        The items' biases b.
    user_embeddings_ : ndarray of shape (n_user_parts, n_factors), dtype=float32
        Of the ids, as the descent left them, if `user_ids`; then of the features.
    item_embeddings_ : ndarray of shape (n_item_parts, n_factors), dtype=float32
        Of the ids, if `item_ids`, then of the features.
    item_embedding_biases_ : ndarray of shape (n_item_parts,), dtype=float32
        Their biases.
    n_iter_ : int
        Epochs done: `max_iter`, unless a callback stopped them.
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
    ContentRanker : Features of items only, in closed form.
    BPR : Ids only.

    References
    ----------
    M. Kula (2015). Metadata embeddings for user and item cold-start recommendations.
    CBRecSys. Section 3 has the sums; here the losses rank, negatives are drawn
    uniformly, and users are learned anew in the end.

    S. Rendle (2010). Factorization machines. ICDM. The model, of which this has the
    products of users with items.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec import FMRanker
    >>> drinks = pd.DataFrame({
    ...     "item_id": ["tea", "cocoa", "milk", "rum", "gin", "ale"],
    ...     "kind": ["hot", "hot", "hot", "strong", "strong", "strong"],
    ... })
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "milk"],
    ...      ["joe", "rum"], ["joe", "gin"], ["kim", "rum"]]
    >>> model = FMRanker(2, item_features=drinks, random_state=0).fit(X)
    >>> items, scores = model.recommend(["ann", "joe"], k=1, items=["ale", "cocoa"])
    >>> items.tolist()  # neither has been had yet
    [['cocoa'], ['ale']]
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "item_ids": ["boolean"],
        "user_ids": ["boolean"],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "loss": [StrOptions({"bpr", "warp"})],
        "regularization": [Interval(Real, 0, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "n_negatives": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self, n_factors=64, *, item_features=None, user_features=None, item_ids=True,
        user_ids=True, feature_encoder=None, loss="bpr", regularization=None,
        bias_regularization=0.05, learning_rate=None, optimizer="adagrad",
        n_negatives=None, weighting="binary", max_iter=50, index="exact",
        random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.item_features = item_features
        self.user_features = user_features
        self.item_ids = item_ids
        self.user_ids = user_ids
        self.feature_encoder = feature_encoder
        self.loss = loss
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.n_negatives = n_negatives
        self.weighting = weighting
        self.max_iter = max_iter
        self.index = index
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _default_encoder(self):
        return FeatureEncoder(normalize=True)

    def _loss(self):
        n_negatives = self._setting("n_negatives")
        if self.loss == "bpr":
            return bpr_loss(n_negatives)
        return warp_loss(n_negatives, _MARGIN)

    def _setting(self, name):
        value = getattr(self, name)
        return _DEFAULTS[self.loss][name] if value is None else value

    # ------------------------------------------------------------------ learning

    def _start(self, history):
        """Return the sums, all zero yet, and small random parts of them."""
        of_users, of_items = self._random_factors(history, INITIAL_STD)
        n_users, n_items = history.matrix.shape
        there = np.zeros(n_items, dtype=bool)
        there[history.matrix.indices] = True
        # Nobody disliked what nobody has had: negatives are drawn among the others,
        # which come first in the kernel.
        order = np.argsort(~there, kind="stable")
        self._places = np.argsort(order).astype(np.int32)
        self._n_drawn = int(np.count_nonzero(there))
        of_users[np.diff(history.matrix.indptr) == 0] = 0
        of_items[~there] = 0
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng((seed, 2))  # neither that of ids nor of epochs
        users, items = (
            _zeros(n_users, self.n_factors), _zeros(n_items, self.n_factors)
        )  # fmt: skip
        user_parts = self._parts("user", of_users, np.arange(n_users), rng)
        item_parts = self._parts("item", of_items, order, rng)
        return (
            pairwise.Users(users, _NOTHING, user_parts),
            pairwise.Items(items, _zeros(n_items), _NOTHING, _NOTHING, item_parts),
        )

    def _parts(self, side, of_ids, order, rng):
        """Return embeddings of ids and features, and the rows of what they add up to.

        The embeddings of ids are in the order of codes, the rows in that of `order`.
        """
        features = self._feature_rows(side)
        n_ids = len(order)
        if features is None:
            features = sparse.csr_array((n_ids, 0), dtype=np.float32)
        size = INITIAL_STD / np.sqrt(self.n_factors)
        vectors = rng.normal(0, size, (features.shape[1], self.n_factors))
        rows = take_csr(features, order)[0]
        if getattr(self, f"{side}_ids"):
            vectors = np.concatenate([of_ids, vectors])
            rows = _with_own(rows, order)
        n_own = len(vectors) - features.shape[1]
        return _as_parts(rows, n_own, vectors.astype(np.float32))

    def _carry_over(self, old, history, users, items):
        for side, parts in (("user", users.parts), ("item", items.parts)):
            known, now = getattr(old, f"{side}s"), getattr(history, f"{side}s")
            n_known = len(known) if parts.n_own else 0
            for before, start in zip(self._so_far(side), parts[4:], strict=True):
                if parts.n_own:
                    carry_over(known, now, before[:n_known], start[: parts.n_own])
                start[parts.n_own :] = before[n_known:]

    def _so_far(self, side):
        """Return the last four fields of `Parts`."""
        if side == "user":
            n = len(self.user_embeddings_)
            return self.user_embeddings_, _zeros(n), self._user_squares, ones(n)
        return (
            self.item_embeddings_, self.item_embedding_biases_, self._item_squares,
            self._bias_squares,
        )  # fmt: skip

    def _pairs(self, strengths):
        pairs = super()._pairs(strengths)
        cols = self._places[pairs.cols].astype(np.uint32)
        return pairs._replace(cols=cols, n_drawn=np.int64(self._n_drawn))

    def _visit(self, seed, order, pairs, users, items, step):
        if step.moves_items:  # the sums of all candidates are those of the last epoch
            rows = _rows_of(items.parts)
            items.vectors[:] = rows @ items.parts.vectors
            items.biases[:] = rows @ items.parts.biases
        super()._visit(seed, order, pairs, users, items, step)

    def _learned(self, pairs, users, items):
        rows = _rows_of(items.parts)
        fixed = pairwise.Items(
            rows @ items.parts.vectors, rows @ items.parts.biases, _NOTHING, _NOTHING,
            None,
        )  # fmt: skip
        everyone = np.arange(len(users.vectors))
        user_factors = self._fold_in(pairs, self._newcomers(everyone, users), fixed)
        return {
            "user_factors_": user_factors,
            "item_factors_": fixed.vectors[self._places],
            "item_biases_": fixed.biases[self._places],
            "user_embeddings_": users.parts.vectors.copy(),
            "item_embeddings_": items.parts.vectors.copy(),
            "item_embedding_biases_": items.parts.biases.copy(),
            "_user_squares": users.parts.squares.copy(),
            "_item_squares": items.parts.squares.copy(),
            "_bias_squares": items.parts.bias_squares.copy(),
        }

    # ------------------------------------------------------------------- scoring

    def _users_so_far(self):
        n_own = len(self.user_factors_) if self.user_ids else 0
        rows = sparse.csr_array((0, len(self.user_embeddings_)), dtype=np.float32)
        parts = _as_parts(rows, n_own, self.user_embeddings_)
        return pairwise.Users(self.user_factors_, _NOTHING, parts)

    def _items_so_far(self):
        vectors, biases = self.item_factors_, self.item_biases_
        if self._n_drawn < len(biases):
            order = np.argsort(self._places)
            vectors, biases = vectors[order], biases[order]
        return pairwise.Items(vectors, biases, _NOTHING, _NOTHING, None)

    def _newcomers(self, codes, users):
        """Return users of whom the features are known, and nothing of their own."""
        n_users, shared = len(codes), users.parts.vectors[users.parts.n_own :]
        rows = self._feature_rows("user", codes)
        if rows is None:
            rows = sparse.csr_array((n_users, 0), dtype=np.float32)
        n_own = n_users if self.user_ids else 0
        if self.user_ids:
            rows = _with_own(rows, np.arange(n_users))
        own = _zeros(n_own, self.n_factors)
        parts = _as_parts(rows, n_own, np.concatenate([own, shared]))
        vectors = _rows_of(parts) @ parts.vectors
        return pairwise.Users(vectors, _NOTHING, parts)

    def _fold_in(self, pairs, users, items):
        # Users who are nothing but their features do not depend on what they have.
        return super()._fold_in(pairs, users, items) if self.user_ids else users.vectors

    def _cannot_tell(self, profiles):
        features = self._feature_rows("user", profiles.codes)
        unknown = profiles.cold if self.user_ids else np.ones(len(profiles), dtype=bool)
        if features is None:
            return unknown
        return unknown & (np.diff(features.indptr) == 0)


def _with_own(features, codes):
    """Return the rows with one entry of their own before the features, at `codes`."""
    n = len(codes)
    ones_there = make_csr(
        np.arange(n + 1, dtype=np.int32), codes.astype(np.int32), ones(n), (n, n)
    )
    return sparse.hstack([ones_there, features], format="csr")


def _as_parts(rows, n_own, vectors):
    indptr, cols, amounts = compressed_parts(rows)
    n = len(vectors)
    return pairwise.Parts(
        indptr, cols.astype(np.uint32), amounts.astype(np.float32), np.int64(n_own),
        vectors, _zeros(n), ones(n), ones(n),
    )  # fmt: skip


def _rows_of(parts):
    shape = (len(parts.indptr) - 1, len(parts.vectors))
    cols = parts.cols.view(np.int32)
    return sparse.csr_array((parts.amounts, cols, parts.indptr), shape=shape)


def _zeros(*shape):
    return np.zeros(shape, dtype=np.float32)
