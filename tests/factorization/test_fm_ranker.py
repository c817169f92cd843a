"""FMRanker: the step of a sum, cold items and users, ids or features alone, updates."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_metarec import BPR, WARP, FMRanker, PopularityRecommender
from sklearn_metarec._kernels import pairwise
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.metrics import ranking_scores
from sklearn_metarec.model_selection import ColdItemSplit

GOLDEN = Path(__file__).parents[1] / "golden" / "fm_ranker.json"
LOSSES = pytest.mark.parametrize("loss", ["bpr", "warp"])


@pytest.fixture(scope="module")
def world():
    """Two kinds of users and of items: each likes one kind. A fifth has no row."""
    rng = np.random.default_rng(0)
    users, items = np.arange(40), np.arange(30)
    X = np.array([(u, i) for u in users for i in items if u % 2 == i % 2])
    X = X[rng.random(len(X)) < 0.5]
    warm = (X[:, 0] < 32) & (X[:, 1] < 24)
    kinds = np.array(["even", "odd"])
    of_users = pd.DataFrame({"user_id": users, "kind": kinds[users % 2]})
    of_items = pd.DataFrame({"item_id": items, "kind": kinds[items % 2]})
    return X[warm], of_users, of_items


def sums(rng, n, n_shared, n_factors):
    """Return parts of n vectors: one of their own, and some of a few shared ones."""
    shared = rng.integers(0, 2, (n, n_shared)) * rng.normal(1, 0.3, (n, n_shared))
    rows = sparse.csr_array(np.hstack([np.eye(n), shared]).astype(np.float32))
    n_parts = n + n_shared
    vectors = rng.normal(0, 0.5, (n_parts, n_factors)).astype(np.float32)
    biases = rng.normal(0, 0.5, n_parts).astype(np.float32)
    ones = [np.ones(n_parts, dtype=np.float32) for _ in range(2)]
    parts = pairwise.Parts(
        rows.indptr.astype(np.int64), rows.indices.astype(np.uint32), rows.data,
        np.int64(n), vectors, biases, *ones,
    )  # fmt: skip
    return rows.toarray().astype(float), parts


def descend(user, F, W, b, loss, rate):
    """Return W and b after a step on `loss(scores)`, by numerical gradients."""
    flat = np.concatenate([W.ravel(), b])

    def value(flat):
        vectors, biases = flat[: W.size].reshape(W.shape), flat[W.size :]
        return loss(F @ vectors @ user + F @ biases)

    steps = 1e-6 * np.eye(len(flat))
    slopes = [(value(flat + h) - value(flat - h)) / 2e-6 for h in steps]
    moved = flat - rate * np.array(slopes)
    return moved[: W.size].reshape(W.shape), moved[W.size :]


def test_a_step_is_the_gradient_by_the_parts():
    rng = np.random.default_rng(3)
    of_users, user_parts = sums(rng, 1, 3, 4)
    of_items, item_parts = sums(rng, 3, 5, 4)
    W, b = item_parts.vectors.astype(float), item_parts.biases.astype(float)
    V = user_parts.vectors.astype(float)
    users = pairwise.Users(
        np.zeros((1, 4), np.float32), np.empty(0, np.float32), user_parts
    )
    items = pairwise.Items(
        np.zeros((3, 4), np.float32), np.zeros(3, np.float32),
        *[np.empty(0, np.float32)] * 2, item_parts,
    )  # fmt: skip
    pairs = pairwise.Pairs(
        np.array([0, 1]), np.array([1], np.uint32), np.ones(1, np.float32),
        np.zeros(1, np.uint64), np.int64(3),
    )  # fmt: skip
    step = pairwise.Step(*np.array([1e-3, 0, 0, 0], np.float32), np.uint8(1))
    scratch = pairwise.scratch(items, 1)
    order = np.zeros(1, dtype=np.uint32)
    pairwise.bpr_rows(
        0, 1, *scratch, np.uint64(7), order, pairs, users, items, step
    )  # fmt: skip
    j = scratch[2][0, 0]
    assert j != 1

    def loss(scores):
        return np.log1p(np.exp(scores[j] - scores[1]))

    x = of_users[0] @ V
    expected, biases = descend(x, of_items, W, b, loss, 1e-3)
    assert_allclose(item_parts.vectors, expected, atol=1e-6)
    assert_allclose(item_parts.biases, biases, atol=1e-6)
    d = of_items[1] - of_items[j]
    slope = 1 / (1 + np.exp(d @ W @ x + d @ b))
    expected = V + 1e-3 * slope * np.outer(of_users[0], d @ W)
    assert_allclose(user_parts.vectors, expected, atol=1e-6)
    # What is kept is the sum of the parts.
    assert_allclose(users.vectors[0], of_users[0] @ user_parts.vectors, rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "plain"),
    [
        ("bpr", BPR(5, max_iter=2, learning_rate=0.02, random_state=0)),
        ("warp", WARP(5, max_iter=2, random_state=0)),
    ],
)
def test_without_features_it_is_the_plain_model(world, loss, plain):
    X, *_ = world
    names = ["n_factors", "regularization", "learning_rate", "max_iter", "random_state"]
    model = FMRanker(loss=loss).set_params(**{n: getattr(plain, n) for n in names})
    model.fit(X)
    plain.fit(X)
    assert_allclose(model.item_factors_, plain.item_factors_, atol=1e-4)
    assert_allclose(model.item_biases_, plain.item_biases_, atol=1e-4)
    assert_allclose(model.predict(X), plain.predict(X), atol=1e-3)


@LOSSES
@pytest.mark.parametrize("ids", [True, False])
def test_new_users_and_items_are_told_by_their_features(world, loss, ids):
    X, of_users, of_items = world
    model = FMRanker(
        4, item_features=of_items, user_features=of_users, item_ids=ids, user_ids=ids,
        loss=loss, random_state=0,
    ).fit(X)  # fmt: skip
    users, items = np.arange(32, 40), np.arange(24, 30)
    found, _ = model.recommend(users, items=items, k=3)
    assert_array_equal(found % 2, np.repeat(users % 2, 3).reshape(-1, 3))
    found, _ = model.recommend(users, k=12)
    assert_array_equal(found % 2, np.repeat(users % 2, 12).reshape(-1, 12))


@LOSSES
def test_users_of_a_call_are_told_by_their_history(world, loss):
    X, _, of_items = world
    model = FMRanker(4, item_features=of_items, loss=loss, random_state=0).fit(X)
    # All that they have are items without a row in the fit.
    history = [["new", item] for item in (24, 26, 28)]
    history += [["other", item] for item in (25, 27, 29)]
    found, scores = model.recommend(history=history, k=30, exclude_seen=False)
    for own, kind in zip(found % 2, (0, 1), strict=True):
        assert scores[kind][own == kind].mean() > scores[kind][own != kind].mean() + 0.1


def test_what_nobody_has_had_is_no_negative(world):
    X, of_users, of_items = world
    settings = {"user_features": of_users, "random_state": 0}
    model = FMRanker(4, item_features=of_items, **settings).fit(X)
    fewer = FMRanker(4, item_features=of_items[:24], **settings).fit(X)
    assert len(model.items_) == 30
    assert (model.item_embeddings_[24:30] == 0).all()
    # It also draws nothing: the others are learned as if the table ended there.
    assert_array_equal(model.item_factors_[:24], fewer.item_factors_)
    assert_array_equal(model.user_factors_, fewer.user_factors_)


def test_vectors_are_sums_of_embeddings(world):
    X, of_users, of_items = world
    model = FMRanker(4, item_features=of_items, max_iter=3, random_state=0).fit(X)
    assert (model.item_embeddings_[:24] != 0).all()
    kind = np.arange(30) % 2
    for whole, parts in (
        (model.item_factors_, model.item_embeddings_),
        (model.item_biases_, model.item_embedding_biases_),
    ):
        assert_allclose(whole, parts[:30] + parts[30:][kind], atol=1e-6)
    alone = FMRanker(
        4, user_features=of_users, user_ids=False, max_iter=3, random_state=0
    ).fit(X)
    assert_allclose(alone.user_factors_, alone.user_embeddings_[np.arange(40) % 2])


def test_who_has_neither_rows_nor_features_gets_what_is_popular(world):
    X, of_users, _ = world
    model = FMRanker(4, user_features=of_users, max_iter=3, random_state=0).fit(X)
    popular = PopularityRecommender().fit(X)
    pairs = [["nobody", item] for item in range(24)]
    # The shares are of all 40 users, whom the other does not know.
    expected = popular.predict(pairs) * len(popular.users_) / 40
    assert_allclose(model.predict(pairs), expected, rtol=1e-6)
    pairs = [[39, item] for item in range(24)]
    assert not np.allclose(model.predict(pairs), popular.predict(pairs))


@LOSSES
def test_an_update_keeps_what_is_known(world, loss):
    X, of_users, of_items = world
    tables = {"item_features": of_items, "user_features": of_users}
    model = FMRanker(4, loss=loss, max_iter=6, random_state=0, **tables)
    late = (X[:, 0] >= 28) | (X[:, 1] >= 20)
    model.fit(X[~late])
    squares = model._item_squares[-2:].copy()
    model.partial_fit(X[late])
    assert model.n_iter_ == 2
    assert (model._item_squares[-2:] > squares).all()
    assert model.history_.nnz == len(X)
    found, _ = model.recommend(np.arange(32), k=3)
    assert (found % 2 == np.arange(32)[:, None] % 2).mean() > 0.9


@LOSSES
def test_the_seed_decides_and_threads_do_not(world, loss):
    X, of_users, of_items = world
    settings = {
        "item_features": of_items, "user_features": of_users, "loss": loss,
        "max_iter": 3,
    }  # fmt: skip
    first = FMRanker(4, n_jobs=1, random_state=0, **settings).fit(X)
    again = FMRanker(4, n_jobs=2, random_state=0, **settings).fit(X[::-1])
    other = FMRanker(4, random_state=1, **settings).fit(X)
    for name in ("user_factors_", "item_factors_", "item_biases_"):
        assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.allclose(getattr(first, name), getattr(other, name))


def golden_fit():
    """Return what is in the golden file: scores and parts of small seeded fits.

    It is written by `json.dump(golden_fit(), open("fm_ranker.json", "w"), indent=1)`.
    """
    rng = np.random.default_rng(0)
    X = rng.integers(0, [30, 20], (250, 2))
    of_items = pd.DataFrame(
        {
            "item_id": np.arange(22),
            "kind": list("abc" * 7 + "a"),
            "size": rng.random(22),
        }
    )
    of_users = pd.DataFrame({"user_id": np.arange(32), "age": rng.random(32)})
    pairs = [[u, i] for u in (0, 7, 31) for i in (1, 9, 21)]
    numbers = {}
    for loss in ("bpr", "warp"):
        model = FMRanker(
            4, item_features=of_items, user_features=of_users, loss=loss, max_iter=5,
            regularization=0.03, random_state=0,
        ).fit(X)  # fmt: skip
        numbers[f"{loss}: scores"] = model.predict(pairs).tolist()
        numbers[f"{loss}: features"] = model.item_embeddings_[22:].ravel().tolist()
    return numbers


def test_the_numbers_of_a_small_fit():
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for name, values in golden_fit().items():
        # The order of additions depends on the processor's vector width, and rounding
        # moves a step here and there.
        assert_allclose(values, expected[name], rtol=1e-2, atol=1e-3)


@LOSSES
def test_cold_items_are_ranked_better_than_at_random(loss):
    movies = load_movietweetings(as_frame=True)
    X = movies.data[["user_id", "item_id"]]
    X = X[X["user_id"].isin(X["user_id"].unique()[:3000])]
    train, test = next(ColdItemSplit(random_state=0).split(X))
    train, test = X.iloc[train], X.iloc[test]
    cold = np.setdiff1d(test["item_id"], train["item_id"])
    test = test[test["user_id"].isin(train["user_id"])]
    users = test["user_id"].unique()
    features = movies.item_features[["item_id", "year", "genres"]]
    model = FMRanker(
        16, item_features=features, loss=loss, max_iter=10, random_state=0
    ).fit(train)
    items, _ = model.recommend(users, items=cold)
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.tile(cold, (len(users), 1)), axis=1)[:, :10]
    found, chance = (
        ranking_scores(test, users, lists)["ndcg@10"] for lists in (items, shuffled)
    )
    assert found > 2.5 * chance
