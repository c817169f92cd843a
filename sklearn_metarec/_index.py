"""Lists from an index of the items' vectors, for catalogues of millions.

A score is at most the product of the lengths of two vectors, and in most models it is
the items in demand that have long ones. So an index has two parts: the items of the
longest vectors, of which all scores are computed, and a graph of the others. Users
whose list no shorter vector can enter are done after the first part, and their lists
are exact; the lists of the others are completed from the graph.

Either part only names candidates. Their scores are the scorer's, to the bit those of
`predict`, and the filters hold as in the exact ranking.
"""

import threading
import weakref
from contextlib import contextmanager

import numpy as np

from sklearn_metarec._scoring import FactorScorer, Filters, WithFallback, rank
from sklearn_metarec.utils._parallel import effective_threads

INDEXES = {"exact", "hnsw"}
# With fewer items, all scores of a user take less than 0.1 ms: nothing is to be gained.
_FEWEST_ITEMS = 10_000
# The share of the items that are in the first part.
_HEAD = 1 / 32
# Edges of an item in the graph, and how widely it is searched when an item is added and
# when it is asked.
_EDGES = 32
_BUILD_WIDTH = 100
_SEARCH_WIDTH = 96
# Beyond this share of the items, to score all is as fast as to search.
_MOST_FETCHED = 1 / 16
_WIDENING = 4
# Scores of either part are rounded: by how much, in shares of the largest possible one.
_ROUNDING = 1e-5
_indexes: dict = {}
_lock = threading.Lock()


def check_index(index):
    """Raise an ImportError now if what an index needs is not installed.

    Parameters
    ----------
    index : {"exact", "hnsw"}
        The parameter of a model.
    """
    if index != "exact":
        _import_faiss()


def find_best(scorer, n_users, n_items, k, filters, *, n_jobs=None):
    """Return what :func:`rank` returns, by an index where the scorer asks for one.

    Parameters
    ----------
    scorer : scorer
        Scores of `n_users` users for `n_items` items.
    n_users, n_items, k : int
        Sizes.
    filters : Filters
        What may not be recommended, and what alone may.
    n_jobs : int or None, default=None
        Threads.

    Returns
    -------
    cols : ndarray of shape (n_users, k), dtype=int32
        Item codes, best first, ties in ascending order; -1 where there is none.
    scores : ndarray of shape (n_users, k), dtype=float32
        Scores; -inf where there is no item.
    """
    by_index = _users_of_index(scorer, n_users, n_items, k, filters)
    if not len(by_index):
        return rank(scorer, n_users, n_items, k, filters, n_jobs=n_jobs)
    whole = len(by_index) == n_users
    factors = scorer.scorer if isinstance(scorer, WithFallback) else scorer
    part = factors if whole else factors.take(by_index)
    own = filters if whole else filters.take(by_index)
    cols, scores, complete = _search(part, k, own, n_jobs)
    if whole and complete.all():
        return cols, scores
    all_cols = np.empty((n_users, k), dtype=np.int32)
    all_scores = np.empty((n_users, k), dtype=np.float32)
    all_cols[by_index], all_scores[by_index] = cols, scores
    rest = np.setdiff1d(np.arange(n_users), by_index[complete], assume_unique=True)
    all_cols[rest], all_scores[rest] = rank(
        scorer.take(rest), len(rest), n_items, k, filters.take(rest), n_jobs=n_jobs
    )
    return all_cols, all_scores


def _users_of_index(scorer, n_users, n_items, k, filters):
    """Return for whom an index is worth its while."""
    nobody = np.empty(0, dtype=np.intp)
    factors = scorer.scorer if isinstance(scorer, WithFallback) else scorer
    if not isinstance(factors, FactorScorer) or factors.index == "exact":
        return nobody
    check_index(factors.index)
    few = n_items < _FEWEST_ITEMS or k > n_items * _MOST_FETCHED
    listed = len(filters.allow[0]) or (
        len(filters.allowed) and filters.allowed.mean() < 1 / 2
    )
    if few or listed:
        return nobody
    if factors is scorer:
        return np.arange(n_users)
    return np.flatnonzero(~scorer.cold)


def _search(scorer, k, filters, n_jobs):
    """Return (cols, scores, whose list is complete) of users whom the model knows."""
    index = _index_of(scorer)
    queries = _queries(scorer, index.weight)
    n_users = len(queries)
    found, head_scores = index.head.best(queries, k, filters, n_jobs)
    possible = np.linalg.norm(queries, axis=1)
    slack = _ROUNDING * possible * index.longest
    # Better than anything that a vector of the second part can give.
    decided = head_scores[:, -1] > possible * index.longest_of_rest + slack
    undecided = np.flatnonzero(~decided)
    cols, scores = _sorted(scorer, np.arange(n_users), found, k)
    if not len(undecided):
        return cols, scores, decided
    own = index.rest.filters(filters)
    fetch = k + int(np.median(np.diff(own.deny[0])[undecided]))
    most = max(int(index.rest.n_items * _MOST_FETCHED), k)
    while len(undecided) and fetch <= most:
        others = index.search(scorer, queries[undecided], fetch, n_jobs)
        others = np.where(_permitted(own, undecided, others), others, -1)
        enough = (others >= 0).sum(axis=1) >= k
        users = undecided[enough]
        named = np.hstack([found[users], index.rest.codes(others[enough])])
        cols[users], scores[users] = _sorted(scorer, users, named, k)
        decided[users] = True
        undecided = undecided[~enough]
        fetch *= _WIDENING
    return cols, scores, decided


def _permitted(filters, users, found):
    """Tell which of the found items their users may be recommended."""
    permitted = found >= 0
    if len(filters.allowed):
        permitted &= filters.allowed[found]
    indptr, indices = filters.deny
    for user, row, good in zip(users, found, permitted, strict=True):
        own = indices[indptr[user] : indptr[user + 1]]
        if len(own):
            good &= ~np.isin(row, own)
    return permitted


def _sorted(scorer, users, candidates, k):
    """Return (cols, scores) of the k best candidates, ties by item order."""
    n, width = candidates.shape
    scores = scorer.pairs(np.repeat(users, width), candidates.ravel())
    there = candidates >= 0
    scores = np.where(there, scores.reshape(n, width), -np.inf).astype(np.float32)
    order = np.lexsort((candidates, -scores), axis=1)[:, :k]
    cols = np.take_along_axis(candidates, order, axis=1)
    return cols, np.take_along_axis(scores, order, axis=1)


def _index_of(scorer):
    """Return the index of a scorer's items: made once, and for as long as they live.

    It belongs to the arrays and is no part of a model. So files and copies do without
    it, and what is fitted anew has another.
    """
    vectors, bias = scorer.item_vectors, scorer.item_bias
    key = id(vectors)
    with _lock:
        known = _indexes.get(key)
        if known is None or known[0]() is not vectors or known[1]() is not bias:
            gone = weakref.ref(vectors, lambda _: _indexes.pop(key, None))
            its_bias = (lambda: None) if bias is None else weakref.ref(bias)
            known = _indexes[key] = gone, its_bias, _Index(scorer)
    return known[-1]


class _Part:
    """Some items of a catalogue, in ascending order.

    Parameters
    ----------
    cols : ndarray of shape (n,), dtype=int
        Their codes.
    n_all : int
        The size of the catalogue.
    """

    def __init__(self, cols, n_all):
        self.cols = cols.astype(np.int32)
        self.n_items = len(cols)
        self._places = np.full(n_all, -1, dtype=np.int32)
        self._places[cols] = np.arange(len(cols), dtype=np.int32)

    def codes(self, places):
        """Return the codes of items of the part; -1 stays."""
        return np.where(places >= 0, self.cols[places], np.int32(-1))

    def filters(self, filters):
        """Return the filters of a call, as they concern the part."""
        indptr, indices = filters.deny
        places = self._places[indices]
        here = places >= 0
        allowed = filters.allowed[self.cols] if len(filters.allowed) else None
        own = Filters(len(indptr) - 1, allowed=allowed)
        own.deny = np.concatenate(([0], np.cumsum(here)))[indptr], places[here]
        return own


class _Head(_Part):
    """The items of the longest vectors, of which all scores are computed.

    Parameters
    ----------
    cols, n_all
        As of a part.
    vectors : ndarray of shape (n, n_factors), dtype=float32
        Their vectors.
    """

    def __init__(self, cols, n_all, vectors):
        super().__init__(cols, n_all)
        self._vectors = vectors

    def best(self, queries, k, filters, n_jobs):
        """Return (codes, scores) of the k best items here; the codes end with -1."""
        scorer = FactorScorer(queries, self._vectors)
        found, scores = rank(
            scorer, len(queries), self.n_items, k, self.filters(filters), n_jobs=n_jobs
        )
        return self.codes(found), scores


class _Index:
    """The items of the longest vectors, and a navigable graph of the others.

    The graph is made when the first user needs it: often there is none.

    Parameters
    ----------
    scorer : FactorScorer
        Of any users.
    """

    def __init__(self, scorer):
        self.weight = _weight_of_bias(scorer)
        vectors = _with_bias(scorer, self.weight)
        lengths = np.linalg.norm(_without_low_bias(scorer, vectors), axis=1)
        n_items = len(vectors)
        n_rest = n_items - max(int(n_items * _HEAD), 1)
        order = np.argpartition(lengths, n_rest)
        rest, head = np.sort(order[:n_rest]), np.sort(order[n_rest:])
        self.longest = lengths[head].max()
        self.longest_of_rest = lengths[rest].max()
        self.head = _Head(head, n_items, vectors[head])
        self.rest = _Part(rest, n_items)
        self._graph = None
        self._making = threading.Lock()

    def search(self, scorer, queries, n, n_jobs):
        """Return the places, in the second part, of about the n best of each query."""
        faiss = _import_faiss()
        width = faiss.SearchParametersHNSW(efSearch=max(_SEARCH_WIDTH, 2 * n))
        with _threads(faiss, n_jobs):
            with self._making:
                if self._graph is None:
                    # Without a reference to all vectors, which would keep them alive.
                    vectors = _with_bias(scorer, self.weight)[self.rest.cols]
                    self._graph = _make_graph(faiss, vectors)
            return self._graph.search(queries, n, params=width)[1]


def _queries(scorer, weight):
    # A user's own bias changes no order.
    vectors = np.asarray(scorer.user_vectors, dtype=np.float32)
    if scorer.item_bias is None:
        return vectors
    return np.hstack([vectors, np.full((len(vectors), 1), weight, dtype=np.float32)])


def _with_bias(scorer, weight):
    # An item's bias is one more factor, which all users have as much of; less the
    # median one, which changes no order.
    vectors = np.asarray(scorer.item_vectors, dtype=np.float32)
    if scorer.item_bias is None:
        return vectors
    bias = scorer.item_bias - np.median(scorer.item_bias)
    last = (bias / weight).astype(np.float32)
    return np.hstack([vectors, last[:, None]])


def _weight_of_bias(scorer):
    # The edges of a graph are those of items that ask for items, and among them wide
    # biases would outweigh all factors. So some of the weight is the users' part of
    # the product.
    if scorer.item_bias is None:
        return 1.0
    factor = np.sqrt(np.square(scorer.item_vectors, dtype=np.float32).mean())
    low, high = np.quantile(scorer.item_bias, [0.25, 0.75])
    return max(factor, (high - low) / max(3 * factor, 1e-6), 1e-6)


def _without_low_bias(scorer, vectors):
    # A low bias makes a vector long, but nobody's score high: without it, the length
    # is still a bound of the score.
    if scorer.item_bias is None:
        return vectors
    return np.hstack([vectors[:, :-1], np.maximum(vectors[:, -1:], 0)])


def _make_graph(faiss, vectors):
    # By products. They have been called unfit for graphs, since edges lead to long
    # vectors only; but those are in the first part. The reduction to distances
    # (Bachrach et al. 2014) puts all users far from all items, and the search of a
    # graph by distances ends in the wrong region: docs/benchmarks/ann.md.
    product = faiss.METRIC_INNER_PRODUCT
    graph = faiss.IndexHNSWFlat(vectors.shape[1], _EDGES, product)
    graph.hnsw.efConstruction = _BUILD_WIDTH
    graph.add(vectors)
    return graph


@contextmanager
def _threads(faiss, n_jobs):
    """Give faiss so many threads for calls from this thread."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(effective_threads(n_jobs))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _import_faiss():
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            'index="hnsw" needs faiss: pip install sklearn_metarec[ann]'
        ) from error
    return faiss
