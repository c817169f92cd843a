"""Lists from a graph of the items' vectors, for catalogues of millions.

The candidates come from the graph, their scores from the scorer: what is in a list has
the score that `predict` gives, and filters are those of the exact ranking.
"""

import threading
import weakref

import numpy as np

from sklearn_metarec._scoring import FactorScorer, Filters, WithFallback, rank

INDEXES = {"exact", "hnsw"}
# Edges of an item, and how widely a graph is searched when it is made and when it is
# asked.
_EDGES = 32
_BUILD_WIDTH = 300
_SEARCH_WIDTH = 256
# Beyond this share of the items, to score all is as fast.
_MOST_FETCHED = 1 / 16
_WIDENING = 4
_graphs: dict = {}
_lock = threading.Lock()


class IndexMixin:
    """Ranking by `index="hnsw"`, for models whose scorer is a :class:`FactorScorer`."""

    index = "exact"

    def _rank(self, scorer, n_users, n_items, k, filters):
        if self.index == "exact":
            return super()._rank(  # type: ignore[misc]
                scorer, n_users, n_items, k, filters
            )
        factors, cold = scorer, np.zeros(n_users, dtype=bool)
        if isinstance(scorer, WithFallback):
            factors, cold = scorer.scorer, scorer.cold
        few = len(filters.allowed) and filters.allowed.mean() < 1 / 2
        if few or len(filters.allow[0]) or not isinstance(factors, FactorScorer):
            return super()._rank(  # type: ignore[misc]
                scorer, n_users, n_items, k, filters
            )
        cols, scores, done = _search(factors, ~cold, n_items, k, filters)
        rest = np.flatnonzero(~done)
        if len(rest):
            cols[rest], scores[rest] = rank(
                _Chosen(scorer, rest), len(rest), n_items, k, _take(filters, rest),
                n_jobs=self.n_jobs,  # type: ignore[attr-defined]
            )  # fmt: skip
        return cols, scores


class _Chosen:
    """A scorer of some of the users of another.

    Parameters
    ----------
    scorer : scorer
        Of all users of a call.
    users : ndarray of shape (n,), dtype=int
        Which ones.
    """

    def __init__(self, scorer, users):
        self.scorer = scorer
        self.users = users

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        for place, user in enumerate(self.users[lo:hi]):
            self.scorer.block(user, user + 1, out[place : place + 1])


def _take(filters, users):
    """Return the filters of some users."""
    taken = Filters(len(users), allowed=filters.allowed)
    indptr, indices = filters.deny
    parts = [indices[indptr[user] : indptr[user + 1]] for user in users]
    lengths = [len(part) for part in parts]
    taken.deny = (
        np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
        np.concatenate(parts),
    )
    return taken


def _search(scorer, asked, n_items, k, filters):
    """Return (cols, scores, whose list is complete), the others' lists empty."""
    n_users = len(asked)
    cols = np.full((n_users, k), -1, dtype=np.int32)
    scores = np.full((n_users, k), -np.inf, dtype=np.float32)
    done = np.zeros(n_users, dtype=bool)
    pending = np.flatnonzero(asked)
    if not len(pending) or k > n_items * _MOST_FETCHED:
        return cols, scores, done
    graph, queries = _graph(scorer), _queries(scorer)
    n_denied = np.diff(filters.deny[0])
    fetch = k + int(np.median(n_denied[pending]))
    while len(pending) and fetch <= n_items * _MOST_FETCHED:
        found = graph.search(np.ascontiguousarray(queries[pending]), fetch)
        good = found >= 0
        if len(filters.allowed):
            good &= filters.allowed[found]
        good &= ~_denied(filters, pending, found, n_items)
        full = good.sum(axis=1) >= k
        users = pending[full]
        _fill(scorer, users, found[full], good[full], k, cols, scores)
        done[users] = True
        pending = pending[~full]
        fetch *= _WIDENING
    return cols, scores, done


def _denied(filters, users, found, n_items):
    """Tell which found items are not for their user."""
    indptr, indices = filters.deny
    denied = np.zeros(found.shape, dtype=bool)
    for place, user in enumerate(users):
        own = indices[indptr[user] : indptr[user + 1]]
        if len(own):
            denied[place] = np.isin(found[place], own)
    return denied


def _fill(scorer, users, found, good, k, cols, scores):
    """Write the k best of what was found, by exact scores, ties by item order."""
    if not len(users):
        return
    n, width = found.shape
    candidates = np.where(good, found, -1).astype(np.int32)
    exact = scorer.pairs(np.repeat(users, width), candidates.ravel())
    exact = np.where(good, exact.reshape(n, width), -np.inf).astype(np.float32)
    order = np.lexsort((candidates, -exact), axis=1)[:, :k]
    cols[users] = np.take_along_axis(candidates, order, axis=1)
    scores[users] = np.take_along_axis(exact, order, axis=1)


def _queries(scorer):
    # A user's bias changes no order; an item's is one more factor.
    vectors = np.asarray(scorer.user_vectors, dtype=np.float32)
    if scorer.item_bias is None:
        return vectors
    return np.hstack([vectors, np.ones((len(vectors), 1), dtype=np.float32)])


def _graph(scorer):
    """Return the graph of the items of a scorer: made once, as long as they live.

    It belongs to the arrays and is no part of a model: files and copies do without it,
    and what is fitted anew has other arrays.
    """
    vectors, bias = scorer.stored, scorer.item_bias
    key = id(vectors), id(bias)
    with _lock:
        known = _graphs.get(key)
        if known is None or known[0]() is not vectors:
            gone = weakref.ref(vectors, lambda _: _graphs.pop(key, None))
            known = _graphs[key] = (gone, _Graph(vectors, bias))
    return known[1]


class _Graph:
    """A navigable graph of vectors, by inner products.

    Parameters
    ----------
    vectors : ndarray of shape (n, n_factors)
        The items'.
    bias : ndarray of shape (n,) or None
        What is added to an item's products.
    """

    def __init__(self, vectors, bias):
        faiss = _import_faiss()
        vectors = np.asarray(vectors, dtype=np.float32)
        if bias is not None:
            column = np.asarray(bias, dtype=np.float32)[:, None]
            vectors = np.hstack([vectors, column])
        inner = faiss.METRIC_INNER_PRODUCT
        self._index = faiss.IndexHNSWFlat(vectors.shape[1], _EDGES, inner)
        self._index.hnsw.efConstruction = _BUILD_WIDTH
        self._index.add(np.ascontiguousarray(vectors))
        self._parameters = faiss.SearchParametersHNSW

    def search(self, queries, n):
        """Return the codes of about the n best of each query, -1 beyond."""
        width = self._parameters(efSearch=max(_SEARCH_WIDTH, 2 * n))
        return self._index.search(queries, n, params=width)[1]


def _import_faiss():
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            'index="hnsw" needs faiss: pip install sklearn_metarec[ann]'
        ) from error
    return faiss
