"""MultVAE: its loss and its gradient in NumPy, what it learns, real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax

from sklearn_metarec import EASE, MultVAE
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.neural._tensorflow import load
from sklearn_metarec.neural._training import csr_arrays

GOLDEN = Path(__file__).parents[1] / "golden" / "mult_vae.json"
SMALL = {"embedding_dim": 4, "hidden_dim": 8, "random_state": 0}


def table():
    rng = np.random.default_rng(0)
    there = rng.random((40, 20)) < 0.3
    there[:, 0] = True
    return np.argwhere(there)


def test_the_loss_is_that_of_the_paper():
    """Without dropout and noise: by NumPy, from equation 5 of Liang et al."""
    model = MultVAE(epochs=3, **SMALL).fit(table())
    x = model.history_.toarray()
    w = model.weights_
    scaled = x / np.linalg.norm(x, axis=1, keepdims=True)
    hidden = np.tanh(scaled @ w["into_hidden"] + w["hidden_biases"])
    mean = hidden @ w["to_mean"] + w["mean_biases"]
    log_var = hidden @ w["to_log_variance"] + w["log_variance_biases"]
    hidden = np.tanh(mean @ w["out_of_latent"] + w["output_biases"])
    logits = hidden @ w["items"].T + w["item_biases"]
    likelihood = (x * log_softmax(logits, axis=1)).sum(axis=1)
    divergence = 0.5 * (np.exp(log_var) - log_var - 1 + mean**2).sum(axis=1)
    names = ["into_hidden", "to_mean", "out_of_latent", "items"]
    penalty = sum((w[name] ** 2).sum() for name in names)
    expected = (0.3 * divergence - likelihood).mean() + 0.01 * penalty
    found = load("mult_vae").loss(
        tuple(w.values()), csr_arrays(model.history_), np.arange(40, dtype=np.int32),
        np.float32([0.0, 0.3, 0.0, 0.01]), np.int32([0, 0]),
    )  # fmt: skip
    assert_allclose(found, expected, rtol=1e-5)
    # And the scores are these logits.
    _, items = np.indices(x.shape)
    pairs = np.column_stack([np.repeat(np.arange(40), 20), items.ravel()])
    assert_allclose(model.predict(pairs), logits.ravel(), rtol=1e-4, atol=1e-5)


def test_without_a_bottleneck_it_finds_the_frequencies():
    """One group of like users: the optimum is the distribution of the items."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((300, 5)) < [0.9, 0.7, 0.5, 0.3, 0.1])
    model = MultVAE(
        1, hidden_dim=1, variational=False, dropout=0.95, epochs=300,
        learning_rate=0.02, random_state=0,
    ).fit(X)  # fmt: skip
    scores = model.recommend(["new"], 5, history=[["new", 0]], exclude_seen=False)[1]
    found = np.exp(np.sort(scores[0])) / np.exp(scores[0]).sum()
    frequency = np.sort(np.bincount(X[:, 1]) / len(X))
    assert_allclose(found, frequency, atol=0.05)


@pytest.mark.parametrize("variational", [True, False])
def test_checkerboard(checkerboard, variational):
    model = MultVAE(
        8, hidden_dim=32, variational=variational, epochs=100, learning_rate=0.01,
        random_state=0,
    ).fit(checkerboard.X)  # fmt: skip
    items, _ = model.recommend(np.arange(20), k=1)
    assert_array_equal(items[:, 0], checkerboard.answers)


def test_a_denoising_autoencoder_has_no_use_for_a_variance():
    model = MultVAE(epochs=5, variational=False, beta=5.0, **SMALL).fit(table())
    assert not model.weights_["log_variance_biases"].any()
    other = MultVAE(epochs=5, variational=False, beta=0.0, **SMALL).fit(table())
    assert_array_equal(model.predict(table()), other.predict(table()))


def test_an_update_starts_from_what_was_learned():
    X = table()
    model = MultVAE(epochs=3, learning_rate=1e-6, **SMALL).fit(X)
    before = model.weights_
    model.partial_fit([[99, 3], [99, 50], [1, -1]])
    assert model.n_iter_ == 1
    old = np.isin(model.items_, np.unique(X[:, 1]))
    assert_allclose(model.weights_["items"][old], before["items"], atol=1e-5)
    assert_allclose(model.weights_["to_mean"], before["to_mean"], atol=1e-5)


def test_golden():
    """Written by this model: nothing else says that a change changed no number."""
    X = table()
    model = MultVAE(epochs=20, **SMALL).fit(X)
    expected = json.loads(GOLDEN.read_text())
    assert_allclose(model.predict(X[:5]), expected["predictions"], rtol=2e-3)
    found = np.linalg.norm(model.weights_["items"])
    assert found == pytest.approx(expected["norm_of_items"], rel=1e-3)


def test_better_than_the_floor_on_real_data(load_table):
    X = load_table("movielens_100k")[["user_id", "item_id"]]
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    linear = EASE(500.0).fit(X.iloc[train]).score(X.iloc[test])
    model = MultVAE(random_state=0).fit(X.iloc[train])
    assert model.score(X.iloc[test]) > 0.92 * linear
