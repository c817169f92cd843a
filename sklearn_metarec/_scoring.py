"""What a model hands to the base: the scores of some users, by block and by pair.

A scorer stands for `n` users of one call, by position. `block(lo, hi, out)` writes all
items' scores of users lo to hi into the float32 rows `out[:hi - lo]`;
`pairs(users, cols)` returns single ones, where an item of -1 is one that the model does
not know. A scorer with a true `one_by_one` also ranks users one by one, which is then
faster: `rank_each(lo, hi, row, ranking)`. All give the same numbers, whatever else is
asked in the same call.
"""

from contextlib import nullcontext
from typing import Any

import numpy as np

from sklearn_metarec._kernels import scoring, small, topk
from sklearn_metarec._small import IntegerItems, SmallMatrix, with_scales
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.utils._parallel import map_ranges, single_threaded_blas

_PAIRS_PER_TASK = 1 << 14
# Scores of a block of users should stay in the cache between scoring and ranking;
# under 16 users a matrix product is slow, above 64 nothing is gained.
_BLOCK_BYTES = 1 << 21
_MIN_BLOCK, _MAX_BLOCK = 16, 64


class FactorScorer:
    """Inner products of user and item vectors, plus a bias of either side.

    Parameters
    ----------
    user_vectors : ndarray of shape (n, n_factors), dtype=float32
        One row a user of this call.
    item_vectors : ndarray or SmallMatrix of shape (n_items, n_factors)
        One row an item, in float32 or a small type. Users are rounded as items are.
    user_bias : ndarray of shape (n,), default=None
        Added to all of a user's scores; its dtype is that of single scores.
    item_bias : ndarray of shape (n_items,), default=None
        Added to all of an item's scores.
    by_length : tuple of ndarray, default=None
        What :func:`by_length` returns of the item vectors: where there are no biases, a
        list for one user then takes no more than a look at the longest.
    index : {"exact", "hnsw"}, default="exact"
        How the best items should be found, see `_index.py`; small types are exact.
    """

    def __init__(
        self, user_vectors, item_vectors, user_bias=None, item_bias=None, *,
        by_length=None, index="exact",
    ):  # fmt: skip
        self.integers: Any = None
        if isinstance(item_vectors, SmallMatrix):
            by_length, index = None, "exact"
            user_vectors = np.asarray(user_vectors, dtype=np.float32)
            if item_vectors.scales is None:
                item_vectors = np.asarray(item_vectors)
            else:
                self.integers = IntegerItems(user_vectors, item_vectors)
        self.user_vectors = user_vectors
        self.item_vectors = item_vectors
        self.user_bias = user_bias
        self.item_bias = item_bias
        self.index = index
        self._items_by_column = None
        self._by_length = by_length
        few = len(user_vectors) <= _MIN_BLOCK
        self.one_by_one = few and by_length is not None

    def rank_each(self, lo, hi, row, ranking):
        """Rank users lo to hi one by one, with `row[0]` to work in."""
        scoring.rank_by_length(
            lo, hi, self.user_vectors, self.item_vectors, *self._by_length, row,
            row.view(np.int32), ranking,
        )  # fmt: skip

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out = out[: hi - lo]
        if self.integers is not None:
            self._integer_block(lo, hi, out)
        elif len(self.user_vectors) <= _MIN_BLOCK:
            # The items are read once a user, at the speed of the memory. BLAS does the
            # same at half of it, and a copy for its products would be most of the work.
            scoring.factor_rows(lo, hi, self.user_vectors, self.item_vectors, out)
        else:
            if self._items_by_column is None:
                self._items_by_column = np.ascontiguousarray(self.item_vectors.T)
            np.dot(self.user_vectors[lo:hi], self._items_by_column, out=out)
        if self.item_bias is not None:
            out += self.item_bias.astype(np.float32, copy=False)
        if self.user_bias is not None:
            out += self.user_bias[lo:hi, None].astype(np.float32)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        if self.integers is not None:
            scores = _pair_scores(small.dot_pairs, users, cols, *self._integer_args())
        else:
            scores = _pair_scores(
                scoring.factor_pairs, users, cols, self.user_vectors, self.item_vectors
            )
        if self.item_bias is not None:
            known = np.where(cols >= 0, self.item_bias[cols], 0)
            scores = scores + known
        if self.user_bias is not None:
            scores = scores + self.user_bias[users]
        return scores

    def _integer_block(self, lo, hi, out):
        n = self.integers
        if len(self.user_vectors) <= _MIN_BLOCK:
            small.dot_rows(lo, hi, *self._integer_args(), out)
            return
        if self._items_by_column is None:
            self._items_by_column = n.tiles()
        small.dot_tiles(
            lo, hi, n.users, n.user_scales, self._items_by_column, n.item_scales, out
        )

    def _integer_args(self):
        n = self.integers
        return n.users, n.user_scales, n.items, n.item_scales

    def take(self, users):
        """Return the scorer of some of the users."""
        bias = None if self.user_bias is None else self.user_bias[users]
        return FactorScorer(
            self.user_vectors[users], self.item_vectors, bias, self.item_bias,
            by_length=self._by_length, index=self.index,
        )  # fmt: skip


def by_length(vectors):
    """Return (the order of vectors from the longest to the shortest, their lengths)."""
    lengths = np.linalg.norm(vectors, axis=1).astype(np.float32)
    order = np.argsort(-lengths, kind="stable").astype(np.int32)
    return order, lengths[order]


def cosine_scorer(vectors, rows):
    """Return the scorer of the cosines of some rows of vectors with all rows.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors)
        The vectors; the cosine with one of zeros is 0.
    rows : ndarray of shape (n_rows,), dtype=int
        Which of them stand for users.

    Returns
    -------
    scorer : FactorScorer
        Cosines of `n_rows` vectors with `n`.
    """
    vectors = np.asarray(vectors)  # of a small type perhaps
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
    return FactorScorer(directions[rows], directions)


class RowSumScorer:
    """Weighted sums of item rows: `weights @ rows`, for similarity models.

    Parameters
    ----------
    weights : csr_array of shape (n, n_rows), dtype=float32
        What each user of this call gives to each row.
    rows : ndarray or csr_array of shape (n_rows, n_items), dtype=float32
        What each row adds to the items' scores; or the same in a small type.
    """

    def __init__(self, weights, rows):
        self.weights, self.rows = with_scales(compressed_parts(weights), rows)

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        dense = len(self.rows) == 1
        kernel = scoring.sum_dense_rows if dense else scoring.sum_sparse_rows
        kernel(lo, hi, *self.weights, *self.rows, out)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        return self._add_pairs(users, cols, np.zeros(len(cols), dtype=np.float32))

    def _add_pairs(self, users, cols, scores):
        dense = len(self.rows) == 1
        kernel = scoring.dense_pairs if dense else scoring.sparse_pairs
        return _pair_scores(kernel, users, cols, *self.weights, *self.rows, out=scores)


class FixedScorer:
    """The same scores for every user.

    Parameters
    ----------
    item_scores : ndarray of shape (n_items,), dtype=float32
        One score an item; an unknown item scores 0.
    """

    def __init__(self, item_scores):
        self.item_scores = item_scores

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out[: hi - lo] = self.item_scores

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        if not len(self.item_scores):
            return np.zeros(len(cols), dtype=np.float32)
        return np.where(cols >= 0, self.item_scores[cols], np.float32(0))

    def take(self, users):
        """Return the scorer of some of the users: all have the same scores."""
        return self


class TableScorer:
    """Scores that are there already.

    Parameters
    ----------
    scores : ndarray of shape (n, n_items), dtype=float32
        One row a user of this call.
    """

    def __init__(self, scores):
        self.scores = scores

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out[: hi - lo] = self.scores[lo:hi]

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        return np.where(cols >= 0, self.scores[users, cols], np.float32(0))


class RandomScorer:
    """A uniform random number for each pair of codes, the same at every call.

    Parameters
    ----------
    codes : ndarray of shape (n,), dtype=int32
        The users' codes; unknown users (-1) share one list.
    n_items : int
        How many items there are.
    seed : int
        What makes one list of numbers differ from another, below 2**64.
    """

    def __init__(self, codes, n_items, seed):
        self.codes = codes
        self.cols = np.arange(n_items, dtype=np.int32)
        self.seed = np.uint64(seed)

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        n_items = len(self.cols)
        for user in range(lo, hi):
            codes = np.full(n_items, self.codes[user], dtype=np.int32)
            scoring.hashed_uniform(
                0, n_items, codes, self.cols, self.seed, out[user - lo]
            )

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        codes = self.codes[users]
        return _pair_scores(scoring.hashed_uniform, codes, cols, self.seed)


class WithFallback:
    """A scorer whose cold users get another's scores.

    Parameters
    ----------
    scorer, fallback : scorer
        For the other users, and for the cold ones.
    cold : ndarray of shape (n,), dtype=bool
        Which users the model knows nothing of.
    """

    def __init__(self, scorer, fallback, cold):
        self.scorer = scorer
        self.fallback = fallback
        self.cold = cold

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        self.scorer.block(lo, hi, out)
        for user in np.flatnonzero(self.cold[lo:hi]):
            self.fallback.block(lo + user, lo + user + 1, out[user:])

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        scores = self.scorer.pairs(users, cols)
        cold = self.cold[users]
        scores[cold] = self.fallback.pairs(users[cold], cols[cold])
        return scores

    def take(self, users):
        """Return the scorer of some of the users."""
        parts = self.scorer.take(users), self.fallback.take(users)
        return WithFallback(*parts, self.cold[users])


def _pair_scores(kernel, users, cols, *args, out=None):
    if out is None:
        out = np.empty(len(cols), dtype=np.float32)
    map_ranges(kernel, len(cols), users, cols, *args, out, chunk=_PAIRS_PER_TASK)
    return out


def rank(scorer, n_users, n_items, k, filters, *, n_jobs=None):
    """Return the k best items of each user of a scorer.

    Parameters
    ----------
    scorer : scorer
        Scores of `n_users` users for `n_items` items.
    n_users, n_items, k : int
        Sizes.
    filters : Filters
        What may not be recommended, and what alone may.
    n_jobs : int or None, default=None
        Threads; the result does not depend on it.

    Returns
    -------
    cols : ndarray of shape (n_users, k), dtype=int32
        Item codes, best first, ties in ascending order; -1 where there is none.
    scores : ndarray of shape (n_users, k), dtype=float32
        Scores; -inf where there is no item.
    """
    cols = np.full((n_users, k), -1, dtype=np.int32)
    scores = np.full((n_users, k), topk.LOW, dtype=np.float32)
    k_there = min(k, n_items)
    one_by_one = getattr(scorer, "one_by_one", False)
    if n_users and k_there:
        size = _BLOCK_BYTES // (4 * n_items)
        size = min(max(size, _MIN_BLOCK), _MAX_BLOCK)
        n_rows = 1 if one_by_one else min(size, n_users)

        def states():
            buffer = np.empty((n_rows, n_items), dtype=np.float32)
            kept = np.empty(filters.most_allowed, dtype=np.float32)
            return (buffer, kept, *topk.scratch(n_items, k_there))

        def work(lo, hi, buffer, kept, *scratch):
            ranking = (
                *filters.deny, filters.allowed, *filters.allow, kept, *scratch,
                k_there, scores, cols,
            )  # fmt: skip
            if one_by_one:
                scorer.rank_each(lo, hi, buffer, ranking)
                return
            scorer.block(lo, hi, buffer)
            block = buffer[: hi - lo]
            topk.rank_block(block, block.view(np.int32), lo, *ranking)

        # For a few users there are no threads of ours to keep BLAS away from, and to
        # limit it takes a tenth of the time of one user's call.
        many = n_users > _MIN_BLOCK
        with single_threaded_blas() if many else nullcontext():
            map_ranges(work, n_users, chunk=size, states=states, n_jobs=n_jobs)
    scores[cols < 0] = -np.inf
    return cols, scores


class Filters:
    """What a call's users may be recommended.

    Parameters
    ----------
    n_users : int
        The users of the call.
    deny : csr_array of shape (n_users, n_items) or None, default=None
        Items that are not for a user: the stored entries.
    allow : csr_array of shape (n_users, n_items) or None, default=None
        The only items for a user.
    allowed : ndarray of shape (n_items,), dtype=bool, or None, default=None
        The only items for anyone.
    """

    def __init__(self, n_users, deny=None, allow=None, allowed=None):
        nothing = np.empty(0, dtype=np.int32)
        self.deny = (np.zeros(n_users + 1, dtype=np.int64), nothing)
        if deny is not None:
            self.deny = compressed_parts(deny)[:2]
        self.allow = (np.empty(0, dtype=np.int64), nothing)
        if allow is not None:
            self.allow = compressed_parts(allow)[:2]
        self.allowed = np.empty(0, dtype=bool) if allowed is None else allowed
        per_user = np.diff(self.allow[0])
        self.most_allowed = int(per_user.max()) if len(per_user) else 0

    def take(self, users):
        """Return the filters of some of the users."""
        taken = Filters(len(users), allowed=self.allowed)
        taken.deny = _take(*self.deny, users)
        if len(self.allow[0]):
            taken.allow = _take(*self.allow, users)
            taken.most_allowed = int(np.diff(taken.allow[0]).max(initial=0))
        return taken


def _take(indptr, indices, rows):
    """Return (indptr, indices) of some rows."""
    sizes = np.diff(indptr)[rows]
    ends = np.cumsum(sizes, dtype=np.int64)
    starts = np.repeat(indptr[rows] - (ends - sizes), sizes)
    places = np.arange(ends[-1] if len(ends) else 0) + starts
    return np.concatenate(([0], ends)), indices[places]
