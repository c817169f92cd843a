"""EASE: the closed form, the Gram matrix kept up to date, and what made a score."""

import numpy as np
import pytest

from sklearn_metarec import EASE, ItemKNN
from sklearn_metarec.linear_model import _gram
from sklearn_metarec.model_selection import PerUserShuffleSplit


def _reference(dense, regularization):
    gram = dense.T @ dense + regularization * np.eye(dense.shape[1])
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.integers(0, [40, 25], (600, 2))
    return X, rng.integers(1, 5, 600).astype(float)


@pytest.mark.parametrize(
    ("weighting", "entry"),
    [("binary", lambda s: s > 0), ("log", np.log1p), (None, lambda s: s)],
)
def test_equals_the_closed_form(table, weighting, entry):
    X, y = table
    model = EASE(3.0, weighting=weighting).fit(X, y)
    dense = entry(model.history_.toarray().astype(float)).astype(float)
    expected = _reference(dense, 3.0)
    np.testing.assert_allclose(model.item_weights_, expected, atol=2e-5)
    _, scores = model.recommend(k=3, exclude_seen=False)
    best = -np.sort(-(dense @ expected), axis=1)[:, :3]
    np.testing.assert_allclose(scores, best, atol=1e-4)


def test_the_penalized_error_has_no_gradient_off_the_diagonal(table):
    X, _ = table
    model = EASE(5.0).fit(X)
    dense = (model.history_.toarray() > 0).astype(float)
    weights = model.item_weights_.astype(float)
    gradient = dense.T @ (dense @ weights - dense) + 5.0 * weights
    np.fill_diagonal(gradient, 0)
    assert np.abs(gradient).max() < 1e-3
    assert (np.diag(weights) == 0).all()


def test_too_little_regularization_for_single_precision(table):
    X, _ = table
    X = np.column_stack([X[:, 0], X[:, 1] // 2 * 2])
    twice = np.concatenate([X, X + np.array([0, 1])])  # two items that all have or none
    model = EASE(1e-7).fit(twice)
    assert np.isfinite(model.item_weights_).all()


@pytest.mark.parametrize("weighting", ["binary", "log", None, "tfidf", "bm25"])
def test_with_all_items_as_neighbours_it_is_the_full_model(table, weighting):
    X, y = table
    full = EASE(3.0, weighting=weighting).fit(X, y)
    local = EASE(3.0, n_neighbors=24, weighting=weighting).fit(X, y)
    weights = local.item_weights_.toarray()
    np.testing.assert_allclose(weights, full.item_weights_, atol=2e-5)
    ids, scores = local.recommend()
    full_ids, full_scores = full.recommend()
    np.testing.assert_allclose(scores, full_scores, atol=1e-4)
    assert (ids == full_ids).mean() > 0.95  # but for near ties


@pytest.mark.parametrize("weighting", ["binary", None])
def test_the_penalized_error_has_no_gradient_at_the_neighbours(table, weighting):
    X, y = table
    model = EASE(5.0, n_neighbors=6, weighting=weighting).fit(X, y)
    dense = model.history_.toarray().astype(float)
    dense = (dense > 0).astype(float) if weighting else dense
    weights = model.item_weights_.toarray().astype(float)
    gradient = dense.T @ (dense @ weights - dense) + 5.0 * weights
    assert np.abs(gradient[weights != 0]).max() < 2e-5 * np.abs(gradient).max()
    # The neighbours of an item are those of highest cosine.
    gram = dense.T @ dense
    norms = np.sqrt(np.diag(gram))
    cosines = gram / np.outer(norms, norms)
    np.fill_diagonal(cosines, -1)
    for item in range(gram.shape[0]):
        nearest = np.argsort(-cosines[:, item], kind="stable")[:6]
        assert set(np.flatnonzero(weights[:, item])) == set(nearest)


def test_neighbours_and_too_little_regularization_for_single_precision(table):
    X, _ = table
    X = np.column_stack([X[:, 0], X[:, 1] // 2 * 2])
    twice = np.concatenate([X, X + np.array([0, 1])])
    model = EASE(1e-7, n_neighbors=10).fit(twice)
    assert np.abs(model.item_weights_.data).max() < 10


@pytest.mark.parametrize("weighting", ["binary", "log", None, "tfidf", "bm25"])
@pytest.mark.parametrize(("before", "after"), [(7, 7), (7, None), (None, 7)])
def test_partial_fit_with_neighbours_equals_a_fit(table, weighting, before, after):
    X, y = table
    model = EASE(3.0, n_neighbors=before, weighting=weighting)
    model.partial_fit(X[:200], y[:200])
    model.set_params(n_neighbors=after).partial_fit(X[200:], y[200:])
    whole = EASE(3.0, n_neighbors=after, weighting=weighting).fit(X, y)
    scores = (m.recommend(k=25, exclude_seen=False)[1] for m in (model, whole))
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_neighbours_on_a_sparse_catalogue(load_table):
    X = load_table("online_retail")[["user_id", "item_id"]].to_numpy()
    train, test = next(PerUserShuffleSplit(test_size=0.2, random_state=0).split(X))
    model = EASE(20.0, n_neighbors=100).fit(X[train])
    score = model.score(X[test])
    assert score > 0.30  # measured: .310; ItemKNN .229
    assert score > ItemKNN().fit(X[train]).score(X[test])
    assert model.item_weights_.nnz <= 100 * len(model.items_)


@pytest.mark.parametrize("weighting", ["binary", "log", None, "tfidf", "bm25"])
def test_partial_fit_equals_a_fit_on_all_rows(table, weighting):
    X, y = table
    new_user = np.array([[99, 1], [99, 30], [3, 30]])
    parts = [(X[:200], y[:200]), (X[200:], y[200:]), (new_user, np.ones(3))]
    model = EASE(3.0, weighting=weighting)
    for part in parts:
        model.partial_fit(*part)
    whole = EASE(3.0, weighting=weighting)
    whole.fit(np.concatenate([X, new_user]), np.concatenate([y, np.ones(3)]))
    np.testing.assert_array_equal(model.items_, whole.items_)
    np.testing.assert_allclose(model.item_weights_, whole.item_weights_, atol=1e-5)


def test_a_catalogue_that_memory_cannot_hold_is_an_error_with_advice():
    n_items = 300_000  # 360 GB
    X = np.column_stack([np.zeros(n_items, dtype=int), np.arange(n_items)])
    model = EASE()
    with pytest.raises(MemoryError, match=r"of 360 GB, .* pass n_neighbors=100"):
        model.fit(X)
    assert not hasattr(model, "history_")


def test_a_large_catalogue_is_a_warning_with_advice(table, monkeypatch):
    monkeypatch.setattr(_gram, "_MANY_ITEMS", 20)
    with pytest.warns(UserWarning, match=r"EASE on 25 items .* pass n_neighbors=100"):
        EASE().fit(table[0])
    EASE(n_neighbors=5).fit(table[0])  # a warning would be an error here


@pytest.mark.parametrize("n_neighbors", [None, 7])
def test_reasons_add_up(table, n_neighbors):
    X, y = table
    model = EASE(3.0, n_neighbors=n_neighbors).fit(X, y)
    user, item = X[0, 0], model.recommend(X[:1, 0], k=1)[0][0, 0]
    reasons = model.explain(user, item)
    assert reasons.exact
    assert set(reasons.items) == set(X[X[:, 0] == user, 1])
    total = reasons.baseline + reasons.contributions.sum()
    np.testing.assert_allclose(total, reasons.score, rtol=1e-5)
    np.testing.assert_allclose(reasons.score, model.predict([[user, item]]), rtol=1e-6)


@pytest.mark.parametrize("n_neighbors", [None, 5])
def test_checkerboard(checkerboard, n_neighbors):
    items, _ = EASE(1.0, n_neighbors=n_neighbors).fit(checkerboard.X).recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)
