"""Lists from an index of the item vectors."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from sklearn_metarec import (
    BPR,
    IALS,
    WARP,
    FMRanker,
    PureSVD,
    TwoTower,
    _index,
    load,
    save,
)
from sklearn_metarec._scoring import FactorScorer, Filters, rank
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.testing import check_recommender

MODELS = [
    IALS(8, max_iter=3, random_state=0),
    PureSVD(8, random_state=0),
    BPR(8, max_iter=3, random_state=0),
    WARP(8, max_iter=3, random_state=0),
    FMRanker(8, max_iter=3, random_state=0),
    TwoTower(4, hidden_dim=4, epochs=1, random_state=0),
]


def name_of(model):
    return type(model).__name__


@pytest.fixture(autouse=True)
def faiss():
    return pytest.importorskip("faiss")


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    """Catalogues of the tests get an index too."""
    monkeypatch.setattr(_index, "_FEWEST_ITEMS", 0)


@pytest.fixture
def searches(monkeypatch):
    """How many users were looked up in a graph, call by call."""
    calls, search = [], _index._Index.search

    def spy(self, scorer, queries, n, n_jobs):
        calls.append((len(queries), n))
        return search(self, scorer, queries, n, n_jobs)

    monkeypatch.setattr(_index._Index, "search", spy)
    return calls


@pytest.fixture(scope="module")
def table():
    return make_interactions(200, 2000, 8000, random_state=0)[0]


@pytest.fixture(scope="module", params=MODELS, ids=name_of)
def pair(request, table):
    """The same model, exact and by an index."""
    exact = clone(request.param).fit(table)
    return exact, clone(request.param).set_params(index="hnsw").fit(table)


def vectors(n, seed, n_factors=16):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_factors)).astype(np.float32)


def recall(found, wanted):
    pairs = zip(found, wanted, strict=True)
    return np.mean([len(np.intersect1d(a, b)) for a, b in pairs]) / wanted.shape[1]


# -------------------------------------------------------------------------- the models


def test_lists_are_the_exact_ones_but_for_one_item_in_a_hundred(pair, searches):
    exact, approximate = pair
    wanted, scores = exact.recommend(k=10)
    found, found_scores = approximate.recommend(k=10)
    assert recall(found, wanted) >= 0.99
    same = wanted == found
    assert_allclose(found_scores[same], scores[same], rtol=1e-4, atol=1e-6)
    assert (np.diff(found_scores, axis=1) <= 0).all()


def test_scores_are_those_of_predict(pair):
    approximate = pair[1]
    items, scores = approximate.recommend(k=10)
    rows = np.column_stack([np.repeat(approximate.users_, 10), items.ravel()])
    assert_allclose(approximate.predict(rows), scores.ravel(), rtol=1e-5, atol=1e-6)
    assert_array_equal(approximate.predict(rows), pair[0].predict(rows))


def test_filters_hold_and_no_list_is_short(pair):
    exact, approximate = pair
    users, best = approximate.users_, exact.recommend(k=50)[0]
    banned = np.unique(best)[::2]
    found, scores = approximate.recommend(k=10, exclude=banned)
    assert np.isfinite(scores).all()
    assert not np.isin(found, banned).any()
    assert not approximate.seen_pairs(np.repeat(users, 10), found.ravel()).any()
    mine = np.column_stack([np.repeat(users, 50), best.ravel()])
    found, scores = approximate.recommend(k=10, exclude=mine)
    assert np.isfinite(scores).all()
    assert recall(found, best) == 0
    for some in (approximate.items_[::3], mine):  # for all, and for each user
        wanted, wanted_scores = exact.recommend(k=20, items=some)
        found, scores = approximate.recommend(k=20, items=some)
        assert_array_equal(np.isfinite(scores), np.isfinite(wanted_scores))
        assert recall(found, wanted) >= 0.99


def test_unknown_users_get_what_is_popular(pair):
    exact, approximate = pair
    users = [-1, exact.users_[0], -2, exact.users_[1]]
    found, wanted = approximate.recommend(users), exact.recommend(users)
    for a, b in zip(found, wanted, strict=True):
        assert_array_equal(a[::2], b[::2])
    assert recall(found[0], wanted[0]) >= 0.9


def test_a_list_of_all_items_is_the_exact_one(pair):
    exact, approximate = pair
    found = approximate.recommend(exact.users_[:3], k=2000)
    for a, b in zip(found, exact.recommend(exact.users_[:3], k=2000), strict=True):
        assert_array_equal(a, b)


def test_new_users_and_new_rows(pair, searches):
    exact, approximate = pair
    basket = pd.DataFrame({"user": ["new"] * 4, "item": exact.items_[:4]})
    wanted, found = (model.recommend(history=basket)[0] for model in pair)
    assert recall(found, wanted) >= 0.9
    rows = [[user, 10_000 + item] for user in range(60) for item in range(3)]
    exact, approximate = pickle.loads(pickle.dumps(pair))
    wanted, found = (m.partial_fit(rows).recommend()[0] for m in (exact, approximate))
    new = [10_000, 10_001, 10_002]  # which only an index of the new vectors has
    wanted_new, found_new = (np.isin(lists, new).sum() for lists in (wanted, found))
    assert found_new == pytest.approx(wanted_new, rel=0.05)
    assert recall(found, wanted) >= 0.97


def test_copies_and_files_have_the_same_lists(pair, tmp_path):
    approximate = pair[1]
    wanted = approximate.recommend(k=10)
    save(approximate, tmp_path / "model.skops")
    copies = [pickle.loads(pickle.dumps(approximate)), load(tmp_path / "model.skops")]
    for copy in copies:
        assert copy.get_params() == approximate.get_params()
        found = copy.set_params(n_jobs=1) if "n_jobs" in copy.get_params() else copy
        assert recall(found.recommend(k=10)[0], wanted[0]) >= 0.99


def test_threads_share_one_index(table, monkeypatch):
    made, init = [], _index._Index.__init__

    def count(self, *args):
        made.append(args)
        init(self, *args)

    monkeypatch.setattr(_index._Index, "__init__", count)
    model = PureSVD(8, random_state=0, index="hnsw").fit(table)
    assert not made  # a fit alone costs what it cost
    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda _: model.recommend(k=5)[0], range(8)))
    assert len(made) == 1
    for found in lists:
        assert_array_equal(found, lists[0])
    model.fit(table)
    model.recommend(k=5)
    assert len(made) == 2


def test_an_index_dies_with_its_vectors(table):
    model = PureSVD(8, random_state=0, index="hnsw").fit(table)
    before = len(_index._indexes)
    model.recommend(k=5)
    assert len(_index._indexes) == before + 1
    del model
    assert len(_index._indexes) == before


# --------------------------------------------------------------------------- the parts


def ask(users, items, k=10, filters=None, bias=None):
    """Return (lists by the index, lists by all scores)."""
    scorers = [
        FactorScorer(users, items, None, bias, index=i) for i in ("hnsw", "exact")
    ]
    filters = filters or Filters(len(users))
    size = len(users), len(items)
    return [_index.find_best(s, *size, k, filters) for s in scorers]


def test_long_vectors_alone_decide_most_lists(searches):
    items = vectors(4000, 0)
    items[:100] *= 20
    (found, _), (wanted, _) = ask(vectors(50, 1), items)
    assert_array_equal(found, wanted)
    assert searches == []


def test_the_graph_is_searched_where_short_vectors_may_be_better(searches):
    items = vectors(4000, 0)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    (found, _), (wanted, _) = ask(vectors(50, 1), items)
    assert recall(found, wanted) >= 0.99
    assert sum(n for n, _ in searches) == 50


@pytest.mark.parametrize("scale", [0.1, 1])
@pytest.mark.parametrize("spread", [0.1, 1, 5, 20])
def test_biases_are_part_of_the_vectors(spread, scale):
    items, users = scale * vectors(4000, 0), scale * vectors(50, 1)
    bias = spread * scale**2 * vectors(4000, 2)[:, 0]
    (found, scores), (wanted, right) = ask(users, items, bias=bias)
    assert recall(found, wanted) >= 0.99
    assert_allclose(scores[found == wanted], right[found == wanted], rtol=1e-4)


def test_low_biases_do_not_hide_that_long_vectors_decide(searches):
    items, bias = vectors(4000, 0), np.zeros(4000, dtype=np.float32)
    items[:100] *= 20
    bias[3500:] = -1000
    (found, _), (wanted, _) = ask(vectors(50, 1), items, bias=bias)
    assert_array_equal(found, wanted)
    assert searches == []


def test_a_search_widens_until_the_list_is_full(searches):
    users, items = vectors(5, 1), vectors(4000, 0)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    best = np.argsort(-(users @ items.T), axis=1)
    deny = np.zeros((5, 4000), dtype=bool)
    deny[1, best[1, :60]] = True  # more than a first search brings
    deny[2, best[2, :2000]] = True  # more than any search brings
    filters = Filters(5, deny=sparse.csr_array(deny))
    (found, scores), (wanted, _) = ask(users, items, filters=filters)
    assert np.isfinite(scores).all()
    assert recall(found, wanted) >= 0.96
    assert_array_equal(found[2], wanted[2])
    widths = [n for _, n in searches]
    assert len(widths) > 1
    assert widths == sorted(widths)


def test_only_what_everyone_may_get_is_found():
    users, items = vectors(20, 1), vectors(4000, 0)
    allowed = np.random.default_rng(2).random(4000) < 0.7
    (found, _), (wanted, _) = ask(users, items, filters=Filters(20, allowed=allowed))
    assert allowed[found].all()
    assert recall(found, wanted) >= 0.99


def test_small_catalogues_are_ranked_exactly(monkeypatch, searches):
    monkeypatch.setattr(_index, "_FEWEST_ITEMS", 4001)
    (found, scores), (wanted, right) = ask(vectors(20, 1), vectors(4000, 0))
    assert_array_equal(found, wanted)
    assert_array_equal(scores, right)
    assert searches == []


def test_vectors_of_zeros_and_equal_ones():
    items = np.zeros((500, 4), dtype=np.float32)
    (found, scores), _ = ask(vectors(5, 1, 4), items)
    assert_array_equal(scores, 0)
    assert all(len(set(row)) == 10 for row in found.tolist())


def test_some_users_of_filters_and_scorers():
    rng = np.random.default_rng(0)
    deny = sparse.csr_array(rng.random((6, 300)) < 0.2)
    allow = sparse.csr_array(rng.random((6, 300)) < 0.3)
    some = np.array([4, 0, 5])
    scorer = FactorScorer(vectors(6, 1), vectors(300, 0), vectors(6, 3)[:, 0])
    for filters in (Filters(6), Filters(6, deny), Filters(6, deny, allow)):
        wanted = rank(scorer, 6, 300, 5, filters)
        found = rank(scorer.take(some), 3, 300, 5, filters.take(some))
        for a, b in zip(found, wanted, strict=True):
            assert_array_equal(a, b[some])
        none = rank(scorer.take(some[:0]), 0, 300, 5, filters.take(some[:0]))
        assert none[0].shape == (0, 5)


# ----------------------------------------------------------------------- what it needs


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_fit_says_what_to_install(model, table, monkeypatch):
    fitted = clone(MODELS[1]).set_params(index="hnsw").fit(table)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"pip install sklearn_metarec\[ann\]"):
        clone(model).set_params(index="hnsw").fit(table)
    with pytest.raises(ImportError, match=r"pip install sklearn_metarec\[ann\]"):
        fitted.recommend(k=3)
    assert np.isfinite(fitted.predict(table[:3])).all()  # which needs no index
    assert fitted.set_params(index="exact").recommend(k=3)[0].shape == (200, 3)


@pytest.mark.parametrize("model", MODELS[:5], ids=name_of)
def test_scikit_learn_and_our_checks_hold(model, monkeypatch):
    monkeypatch.setattr(_index, "_MOST_FETCHED", 1.0)
    model = clone(model).set_params(n_factors=3, index="hnsw")
    check_recommender(model)
    check_estimator(model, on_skip=None)
