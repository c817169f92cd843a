import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklearn_metarec import BPR, IALS, WARP, FMRanker, PureSVD, _index, load, save
from sklearn_metarec.datasets import make_interactions

MODELS = [
    IALS(8, max_iter=5, random_state=0), PureSVD(8, random_state=0),
    BPR(8, max_iter=5, random_state=0), WARP(8, max_iter=5, random_state=0),
    FMRanker(8, max_iter=5, random_state=0),
]  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return make_interactions(200, 2000, 8000, return_X_y=True, random_state=0)[0]


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: type(model).__name__)
def pair(request, table):
    """The same model, exact and by a graph."""
    exact = clone(request.param).fit(table)
    return exact, clone(request.param).set_params(index="hnsw").fit(table)


def test_lists_are_the_exact_ones(pair):
    exact, graph = pair
    items, scores = exact.recommend(k=10)
    found, found_scores = graph.recommend(k=10)
    assert np.mean(items == found) > 0.98
    there = items == found
    assert_allclose(scores[there], found_scores[there], rtol=1e-4, atol=1e-6)
    assert (np.diff(found_scores, axis=1) <= 0).all()


def test_filters_hold_and_no_list_is_short(pair):
    exact, graph = pair
    best = exact.recommend(k=50)[0]
    banned = np.unique(best)[::2]
    users = graph.users_
    found, scores = graph.recommend(k=10, exclude=banned)
    assert np.isfinite(scores).all()
    assert not np.isin(found, banned).any()
    assert not graph.seen_pairs(np.repeat(users, 10), found.ravel()).any()
    mine = np.column_stack([np.repeat(users, 50), best.ravel()])
    found, scores = graph.recommend(k=10, exclude=mine)
    assert np.isfinite(scores).all()
    assert not [
        user for user in range(len(users)) if set(found[user]) & set(best[user])
    ]
    allowed = graph.items_[:30]
    for items in (allowed, np.column_stack([users, graph.items_[: len(users)]])):
        assert_array_equal(
            graph.recommend(k=5, items=items)[0], exact.recommend(k=5, items=items)[0]
        )


def test_as_many_items_as_there_are(pair):
    exact, graph = pair
    some = graph.users_[:2]
    wanted = exact.recommend(some, k=3000)
    found = graph.recommend(some, k=3000)
    assert_array_equal(np.isfinite(found[1]), np.isfinite(wanted[1]))


def test_cold_users_files_and_threads(pair, tmp_path):
    _, graph = pair
    users = [graph.users_[0], "nobody", graph.users_[1]]
    items, scores = graph.recommend(users, k=5)
    assert np.isfinite(scores).all()
    for copy in (pickle.loads(pickle.dumps(graph)), load(save(graph, tmp_path / "m"))):
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(copy.recommend, users, k=5) for _ in range(8)]
        for call in calls:
            assert_array_equal(call.result()[0], items)
            assert_array_equal(call.result()[1], scores)


def test_ties_are_in_the_order_of_items(table):
    model = IALS(4, max_iter=2, index="hnsw", random_state=0).fit(table)
    model.item_factors_ = np.repeat(model.item_factors_[::2], 2, axis=0)
    items, scores = model.recommend(k=9)
    ascending = np.diff(np.searchsorted(model.items_, items), axis=1) > 0
    assert ascending[np.diff(scores, axis=1) == 0].all()


def test_a_graph_lives_as_long_as_its_vectors(table):
    model = IALS(4, max_iter=1, index="hnsw", random_state=0).fit(table)
    before = len(_index._graphs)
    model.recommend(k=2)
    model.recommend(k=2)
    assert len(_index._graphs) == before + 1
    model.item_factors_ = None
    assert len(_index._graphs) == before


def test_without_the_library(table, monkeypatch):
    model = IALS(4, max_iter=1, index="hnsw", random_state=0).fit(table)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"pip install sklearn_metarec\[ann\]"):
        model.recommend(k=2)
