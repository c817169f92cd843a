"""TwoTower: its loss in NumPy, cold items and users, real data."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from sklearn_metarec import EASE, ContentRanker, TwoTower
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.neural._tensorflow import load
from sklearn_metarec.neural._training import csr_arrays

SMALL = {"embedding_dim": 8, "hidden_dim": 8, "random_state": 0}


@pytest.fixture
def tastes():
    """Users of two groups and items of two kinds, each user with most of their kind."""
    rng = np.random.default_rng(0)
    kind = np.arange(24) % 2
    there = (np.arange(40)[:, None] % 2 == kind) & (rng.random((40, 24)) < 0.6)
    there[:, 20:] = False  # nobody has the last four
    X = np.argwhere(there)
    items = pd.DataFrame(
        {"item_id": np.arange(24), "kind": np.where(kind, "odd", "even")}
    )
    users = pd.DataFrame(
        {"user_id": np.arange(44), "group": np.where(np.arange(44) % 2, "a", "b")}
    )
    return X, items, users


def test_the_loss_is_a_softmax_over_the_others_of_the_batch(tastes):
    X, _, _ = tastes
    model = TwoTower(epochs=2, dropout=0.0, id_dropout=0.0, **SMALL).fit(X)
    x = model.history_.toarray()
    scores = model._make_scorer(_all_users(model)).user_vectors @ model.item_factors_.T
    log_shares = np.log(x.sum(axis=0) / x.sum())
    rows, cols = np.nonzero(x)
    logits = scores - log_shares
    values = []
    for row, col in zip(rows, cols, strict=True):
        others = [c for c in cols if not x[row, c]]  # as often as they are drawn
        own = logits[row, col]
        values.append(logsumexp([own, *logits[row, others]]) - own)
    nothing = csr_arrays(model.history_[:, :0])
    of_items = csr_arrays(model.history_.T[:, :0].tocsr())
    data = (*csr_arrays(model.history_)[:2], log_shares.astype(np.float32))
    found = load("two_tower").loss(
        tuple(model.weights_.values()), (*data, *nothing, *of_items),
        np.arange(len(x), dtype=np.int32), np.float32([0, 0, 0]), np.int32([1, 2]),
    )  # fmt: skip
    assert len(rows) < 2048
    assert_allclose(found, np.mean(values), rtol=1e-4)


def _all_users(model):
    from sklearn_metarec._history import Profiles

    return Profiles(model._history(), np.arange(len(model.users_), dtype=np.int32))


def test_items_that_nobody_has_are_found_by_their_features(tastes):
    X, items, _ = tastes
    model = TwoTower(item_features=items, epochs=60, **SMALL).fit(X)
    found, _ = model.recommend(np.arange(40), k=2, items=np.arange(20, 24))
    assert_array_equal(found % 2, np.repeat(np.arange(40) % 2, 2).reshape(40, 2))


def test_users_without_a_row_are_told_by_their_features(tastes):
    X, items, users = tastes
    model = TwoTower(
        item_features=items, user_features=users, epochs=60, dropout=0.8, **SMALL
    ).fit(X)
    assert 43 in model.users_
    found, _ = model.recommend([40, 41, 42, 43], k=5)
    assert_array_equal(found % 2, np.repeat([0, 1, 0, 1], 5).reshape(4, 5))


def test_a_history_tells_of_a_stranger(tastes):
    X, items, _ = tastes
    model = TwoTower(item_features=items, epochs=60, **SMALL).fit(X)
    found, _ = model.recommend(["new"], k=5, history=[["new", 2], ["new", 4]])
    assert_array_equal(found % 2, 0)


def test_checkerboard(checkerboard):
    model = TwoTower(epochs=100, **SMALL).fit(checkerboard.X)
    items, _ = model.recommend(np.arange(20), k=1)
    assert_array_equal(items[:, 0], checkerboard.answers)


def test_an_update_starts_from_what_was_learned(tastes):
    X, _, _ = tastes
    model = TwoTower(epochs=3, learning_rate=1e-6, **SMALL).fit(X)
    before = model.weights_["bag"]
    model.partial_fit([[99, 3], [99, 50]])
    assert model.n_iter_ == 1
    assert_allclose(model.weights_["bag"][:-1], before, atol=1e-5)
    assert len(model.weights_["users"]) == len(model.users_)


def test_better_than_the_floor_on_real_data(load_table):
    X = load_table("movielens_100k")[["user_id", "item_id"]]
    items = load_table("movielens_100k.items")[["item_id", "genres"]]
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    linear = EASE(500.0).fit(X.iloc[train]).score(X.iloc[test])
    model = TwoTower(item_features=items, epochs=20, random_state=0)
    assert model.fit(X.iloc[train]).score(X.iloc[test]) > 0.87 * linear


def test_better_than_content_on_cold_items(load_table):
    X = load_table("movielens_100k")[["user_id", "item_id"]]
    items = load_table("movielens_100k.items")[["item_id", "year", "genres"]]
    cold = np.random.default_rng(0).permutation(np.unique(X["item_id"]))[:300]
    is_cold = X["item_id"].isin(cold).to_numpy()
    train, test = X[~is_cold], X[is_cold]
    scores = []
    for model in (
        TwoTower(item_features=items, epochs=20, random_state=0),
        ContentRanker(items),
    ):
        model.fit(train)
        users = np.intersect1d(test["user_id"], model.users_)
        lists, _ = model.recommend(users, k=10, items=cold)
        pairs = set(zip(test["user_id"], test["item_id"], strict=True))
        hits = [
            [(u, i) in pairs for i in row] for u, row in zip(users, lists, strict=True)
        ]
        scores.append(np.mean(hits))
    assert scores[0] > scores[1]
