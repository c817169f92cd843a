"""SASRec: NumPy against TensorFlow, causality, order, the losses, time."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax

from sklearn_metarec import SASRec
from sklearn_metarec.neural._sequences import OrderedHistory
from sklearn_metarec.neural._tensorflow import load

SMALL = {
    "embedding_dim": 8, "max_length": 6, "batch_size": 8, "dropout": 0.1,
    "random_state": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    """Users who go around a circle of 12 items, from anywhere, up to ten steps."""
    rng = np.random.default_rng(0)
    return np.array(
        [
            [user, (first + step) % 12]
            for user, first in enumerate(rng.integers(0, 12, 60))
            for step in range(rng.integers(2, 11))
        ]
    )


@pytest.fixture(scope="module", params=[1, 2])
def model(request, rows):
    """With one head, and with two."""
    return SASRec(n_heads=request.param, epochs=40, learning_rate=0.01, **SMALL).fit(
        rows
    )


def test_what_comes_next(model):
    for first in range(12):
        steps = [(first + step) % 12 for step in range(4)]
        history = [["new", item] for item in steps]
        items, _ = model.recommend(["new"], k=1, history=history)
        assert items.tolist() == [[(first + 4) % 12]]


def test_numpy_has_the_states_of_training(model):
    sequences = model._history().sequences(6)
    tf_states = load("sasrec")._states(
        tuple(model.weights_.values()), sequences, 0.0, model.n_heads, np.int32([0, 0])
    )
    weights = {name: value.astype(float) for name, value in model.weights_.items()}
    found = model._states(sequences, weights)
    assert_allclose(found, np.asarray(tf_states)[:, -1], rtol=1e-3, atol=1e-4)


def test_a_place_sees_nothing_after_it(model):
    params = tuple(model.weights_.values())
    sequences = np.array([[0, 1, 2, 3, 4, 5], [0, 1, 2, 9, 8, 7]], dtype=np.int32)
    states = np.asarray(
        load("sasrec")._states(params, sequences, 0.0, model.n_heads, np.int32([0, 0]))
    )
    assert_allclose(states[0, :3], states[1, :3], rtol=1e-5, atol=1e-6)
    assert np.abs(states[0, 3] - states[1, 3]).max() > 1e-2


def test_both_losses_are_cross_entropies(model):
    sasrec = load("sasrec")
    params = tuple(model.weights_.values())
    sequences = model._history().sequences(7)
    args = (params, (sequences,), np.arange(60, dtype=np.int32))
    settings = np.float32([0, model.n_heads, 20_000, 0])
    states = np.asarray(
        sasrec._states(params, sequences[:, :-1], 0.0, model.n_heads, np.int32([0, 0]))
    )
    there = sequences[:, :-1] >= 0
    logits = log_softmax(states[there] @ model.weights_["items"].T, axis=1)
    expected = -logits[np.arange(there.sum()), sequences[:, 1:][there]].mean()
    full = sasrec.full_loss(*args, settings, np.int32([1, 2]))
    assert_allclose(full, expected, rtol=1e-4)
    sampled = sasrec.loss(*args, settings, np.int32([1, 2]))
    assert_allclose(sampled, expected, rtol=0.03, atol=0.003)


def test_time_counts_not_the_order_of_rows(rows):
    frame = pd.DataFrame(rows, columns=["user_id", "item_id"])
    frame["timestamp"] = np.arange(len(frame))
    shuffled = frame.sample(frac=1, random_state=0)
    first, second = (
        SASRec(epochs=2, **SMALL).fit(table).predict(frame)
        for table in (frame, shuffled)
    )
    assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    untimed = SASRec(epochs=2, **SMALL).fit(shuffled[["user_id", "item_id"]])
    assert np.abs(untimed.predict(frame) - first).max() > 1e-3


def test_a_history_has_times_too(model):
    frame = pd.DataFrame(
        {"user_id": "new", "item_id": [4, 3, 2], "timestamp": [3, 2, 1]}
    )
    in_order = [["new", 2], ["new", 3], ["new", 4]]
    expected, _ = model.recommend(["new"], k=3, history=in_order)
    found, _ = model.recommend(["new"], k=3, history=frame)
    assert_array_equal(found, expected)
    assert found[0, 0] == 5
    backward, _ = model.recommend(
        ["new"], k=3, history=in_order[::-1], exclude_seen=False
    )
    assert backward[0, 0] != 5


def test_the_sequences_of_a_history():
    model = SASRec(epochs=1, **SMALL)
    X = [["a", 1], ["b", 2], ["a", 3], ["a", 2], ["a", 1], ["b", 9], ["b", 3]]
    y = [1, 1, 1, 1, 1, 0, 1]
    history = model.fit(X, y)._history()
    assert isinstance(history, OrderedHistory)
    items = model.items_
    expected = [[-1, 3, 2, 1], [-1, -1, 2, 3]]  # a pair counts at its last time
    found = history.sequences(4)
    assert_array_equal(np.where(found < 0, -1, items[found]), expected)
    assert_array_equal(history.sequences(2), found[:, 2:])
    model.partial_fit([["b", 0], ["a", 3]])
    found = model._history().sequences(4)
    expected = [[-1, 2, 1, 3], [-1, 2, 3, 0]]
    assert_array_equal(np.where(found < 0, -1, model.items_[found]), expected)


@pytest.mark.parametrize("length", [2, 3, 4, 7, 20])
def test_windows_have_each_pair_of_neighbours_once(rows, length):
    model = SASRec(epochs=1, **SMALL).fit(rows)
    history = model._history()
    windows, whole = history.windows(length), history.sequences(20)
    assert windows.shape[1] == length

    def neighbours(table):
        there = (table[:, :-1] >= 0) & (table[:, 1:] >= 0)
        pairs = np.column_stack([table[:, :-1][there], table[:, 1:][there]])
        return sorted(pairs.tolist())

    assert neighbours(windows) == neighbours(whole)
    filled = (windows >= 0).astype(int)
    assert (np.diff(filled, axis=1) >= 0).all()  # filled up in front alone


def test_windows_of_rows_of_any_length():
    X = [["a", item] for item in range(7)] + [["b", 3]]
    model = SASRec(epochs=1, max_length=3, random_state=0).fit(X)
    expected = [[3, 4, 5, 6], [0, 1, 2, 3], [-1, -1, -1, 3]]
    assert_array_equal(model._history().windows(4), expected)


def test_heads_divide_the_width(rows):
    with pytest.raises(ValueError, match="no multiple of n_heads=3"):
        SASRec(8, n_heads=3).fit(rows)


def test_all_items_in_the_loss(rows):
    model = SASRec(n_negatives=None, epochs=40, learning_rate=0.01, **SMALL).fit(rows)
    items, _ = model.recommend(["new"], k=1, history=[["new", 4], ["new", 5]])
    assert items.tolist() == [[6]]
