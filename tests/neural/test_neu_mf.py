"""NeuMF: its loss in NumPy, what it learns, strangers, real data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_metarec import EASE, NeuMF
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.neural._tensorflow import load
from sklearn_metarec.neural._training import csr_arrays

SMALL = {"embedding_dim": 4, "hidden_dim": 8, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    there = rng.random((40, 20)) < 0.3
    there[:, 0] = True
    return np.argwhere(there)


def network(w, user, item):
    """Equation 12 of He et al., for the vectors of one user and one item."""
    hidden = np.concatenate([user[4:], item[4:]])
    first = np.concatenate([w["into_user"], w["into_item"]])
    hidden = np.maximum(hidden @ first + w["biases"], 0)
    hidden = np.maximum(hidden @ w["1.weights"] + w["1.biases"], 0)
    return w["gmf"] @ (user[:4] * item[:4]) + w["mlp"] @ hidden


def test_the_loss_is_the_cross_entropy_of_pairs_and_of_drawn_items(table):
    model = NeuMF(epochs=3, dropout=0.0, id_dropout=0.0, **SMALL).fit(table)
    w = {name: part.astype(float) for name, part in model.weights_.items()}
    x = model.history_.toarray()
    counts = x.sum(axis=1)
    users = w["users"] + (x @ w["bag"]) / np.sqrt(counts)[:, None]
    logits = np.array(
        [[network(w, user, item) for item in w["items"]] for user in users]
    )
    rows, cols = np.nonzero(x)
    # A pair's own item is no part of the user.
    own = w["bag"][cols] / np.sqrt(counts[rows])[:, None]
    others = users[rows] - own
    positive = [
        network(w, user, item)
        for user, item in zip(others, w["items"][cols], strict=True)
    ]
    # Drawn are all items alike; those that the user has are left out.
    negative = (np.log1p(np.exp(logits)) * (x == 0)).mean(axis=1)[rows]
    n_negatives = 400
    expected = (np.log1p(np.exp(-np.array(positive))) + n_negatives * negative).mean()
    squares = sum((w[name] ** 2).sum() for name in ("users", "bag", "items"))
    found = load("neu_mf").loss(
        tuple(model.weights_.values()), csr_arrays(model.history_)[:2],
        np.arange(40, dtype=np.int32), np.float32([0, 0, n_negatives, 0.1]),
        np.int32([1, 2]),
    )  # fmt: skip
    assert_allclose(found, expected + 0.1 * squares, rtol=5e-3)
    # And the scores are these logits.
    pairs = np.argwhere(x >= 0)
    assert_allclose(model.predict(pairs), logits.ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_layers", [1, 3])
def test_checkerboard(checkerboard, n_layers):
    model = NeuMF(epochs=150, n_layers=n_layers, **SMALL).fit(checkerboard.X)
    items, _ = model.recommend(np.arange(20), k=1)
    assert_array_equal(items[:, 0], checkerboard.answers)


def test_a_history_tells_of_a_stranger(checkerboard):
    model = NeuMF(epochs=150, **SMALL).fit(checkerboard.X)
    history = [["new", 2], ["new", 4], ["new", 6]]
    found, _ = model.recommend(["new"], k=5, history=history)
    assert_array_equal(found % 2, 0)


def test_layers_are_halved(table):
    w = NeuMF(epochs=1, n_layers=3, **SMALL).fit(table).weights_
    assert w["into_user"].shape == w["into_item"].shape == (4, 8)
    assert w["1.weights"].shape == (8, 4)
    assert w["2.weights"].shape == (4, 2)
    assert w["mlp"].shape == (2,)


def test_an_update_starts_from_what_was_learned(table):
    model = NeuMF(epochs=3, learning_rate=1e-6, **SMALL).fit(table)
    before = model.weights_
    model.partial_fit([[99, 3], [99, 50]])
    assert model.n_iter_ == 1
    assert_allclose(model.weights_["items"][:-1], before["items"], atol=1e-5)
    assert_allclose(model.weights_["1.weights"], before["1.weights"], atol=1e-5)
    assert len(model.weights_["users"]) == len(model.users_)


def test_better_than_the_floor_on_real_data(load_table):
    X = load_table("movielens_100k")[["user_id", "item_id"]]
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    linear = EASE(500.0).fit(X.iloc[train]).score(X.iloc[test])
    model = NeuMF(epochs=20, random_state=0).fit(X.iloc[train])
    assert model.score(X.iloc[test]) > 0.85 * linear
