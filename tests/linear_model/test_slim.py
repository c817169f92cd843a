"""SLIM: its conditions of optimality, elastic nets, updates, reasons, real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from sklearn_metarec import EASE, SLIM
from sklearn_metarec._kernels import slim
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit

GOLDEN = Path(__file__).parent.parent / "golden" / "slim.json"
ENTRIES = {"binary": lambda s: s > 0, "log": np.log1p, None: lambda s: s}


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.integers(0, [40, 25], (600, 2))
    return X, rng.integers(1, 5, 600).astype(float)


def dense(model):
    """The matrix that the model regresses, without its code."""
    strengths = model.history_.toarray().astype(float)
    return ENTRIES[model.weighting](strengths).astype(float)


def largest_violation(model):
    """How far a derivative is off at most, as `tol` measures it."""
    X, W = dense(model), model.item_weights_.toarray().astype(float)
    ridge, l1 = model.regularization, model.l1_regularization
    slopes = X.T @ (X @ W - X) + ridge * W
    at_zero = np.maximum(-slopes - l1, 0 if model.positive else slopes - l1)
    off = np.where(W == 0, np.maximum(at_zero, 0), np.abs(slopes + l1 * np.sign(W)))
    np.fill_diagonal(off, 0)
    norms = np.linalg.norm(X, axis=0)
    return (off / np.outer(norms, norms)).max()


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("weighting", ["binary", "log", None])
@pytest.mark.parametrize(("regularization", "l1"), [(1.0, 1.0), (5.0, 0.2), (0.1, 2.0)])
def test_no_step_would_lower_the_objective(
    table, positive, weighting, regularization, l1
):
    model = SLIM(
        regularization, l1_regularization=l1, positive=positive, weighting=weighting,
        tol=1e-5,
    ).fit(*table)  # fmt: skip
    weights = model.item_weights_.toarray()
    assert largest_violation(model) < 1.1e-5
    assert (np.diag(weights) == 0).all()
    assert (weights > 0).any()
    assert (weights < 0).any() != positive


@pytest.mark.parametrize("positive", [True, False])
def test_the_weights_are_those_of_elastic_nets(table, positive):
    ridge, l1 = 3.0, 1.5
    model = SLIM(ridge, l1_regularization=l1, positive=positive, tol=1e-6).fit(*table)
    X, weights = dense(model), model.item_weights_.toarray()
    for item in (0, 7, 24):
        reference = ElasticNet(
            alpha=(ridge + l1) / len(X), l1_ratio=l1 / (ridge + l1), tol=1e-10,
            positive=positive, fit_intercept=False, max_iter=10_000,
        ).fit(np.delete(X, item, axis=1), X[:, item])  # fmt: skip
        expected = np.insert(reference.coef_, item, 0)
        np.testing.assert_allclose(weights[:, item], expected, atol=1e-5)


def test_without_its_own_penalty_and_sign_it_is_ease(table):
    X, _ = table
    model = SLIM(5.0, l1_regularization=0, positive=False, tol=1e-6).fit(X)
    expected = EASE(5.0).fit(X).item_weights_
    np.testing.assert_allclose(model.item_weights_.toarray(), expected, atol=1e-4)


def test_what_has_too_few_users_in_common_gets_no_weight(table):
    X, _ = table
    counts = [
        SLIM(1.0, l1_regularization=l1).fit(X).item_weights_.nnz for l1 in (0.1, 1, 4)
    ]
    assert counts[0] > counts[1] > counts[2] > 0
    model = SLIM(1.0, l1_regularization=4.0).fit(X)
    together = dense(model).T @ dense(model)
    assert (model.item_weights_.toarray()[together <= 4] == 0).all()
    assert SLIM(l1_regularization=40.0).fit(X).item_weights_.nnz == 0


@pytest.mark.parametrize("n_gathered", [0, 3, 400])
@pytest.mark.parametrize("positive", [True, False])
def test_the_room_to_gather_in_changes_nothing_but_the_time(
    monkeypatch, n_gathered, positive
):
    X, _ = make_interactions(300, 400, 6000, random_state=0)
    settings = {"l1_regularization": 0.5, "positive": positive, "tol": 1e-6}
    expected = SLIM(20.0, **settings).fit(X)
    monkeypatch.setattr(slim, "_MOST_GATHERED", n_gathered)
    monkeypatch.setattr(slim, "_GATHERED_SHARE", 0)
    model = SLIM(20.0, **settings).fit(X)
    assert expected.item_weights_.nnz > 10 * 400
    np.testing.assert_allclose(
        model.item_weights_.toarray(), expected.item_weights_.toarray(), atol=1e-5
    )


def test_too_few_sweeps_are_said(table):
    model = SLIM(0.01, l1_regularization=0.01, max_iter=2)
    with pytest.warns(ConvergenceWarning, match="of 25 items did not converge in 2"):
        model.fit(*table)
    assert model.n_iter_ == 2
    assert largest_violation(model) > 1e-4
    assert 2 < SLIM(1.0).fit(*table).n_iter_ < 1000


def test_threads_change_no_bit():
    X, y = make_interactions(300, 200, 6000, random_state=0)
    one, two = (SLIM(20.0, n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.item_weights_.indices, two.item_weights_.indices)
    np.testing.assert_array_equal(one.item_weights_.data, two.item_weights_.data)


@pytest.mark.parametrize("weighting", ["binary", "log", None, "tfidf", "bm25"])
def test_partial_fit_equals_a_fit_on_all_rows(table, weighting):
    X, y = table
    new_user = np.array([[99, 1], [99, 30], [3, 30]])
    parts = [(X[:200], y[:200]), (X[200:], y[200:]), (new_user, np.ones(3))]
    model = SLIM(3.0, weighting=weighting, tol=1e-6)
    for part in parts:
        model.partial_fit(*part)
    whole = SLIM(3.0, weighting=weighting, tol=1e-6)
    whole.fit(np.concatenate([X, new_user]), np.concatenate([y, np.ones(3)]))
    np.testing.assert_array_equal(model.items_, whole.items_)
    np.testing.assert_allclose(
        model.item_weights_.toarray(), whole.item_weights_.toarray(), atol=1e-5
    )


def test_reasons_add_up(table):
    X, y = table
    model = SLIM(3.0).fit(X, y)
    user, item = X[0, 0], model.recommend(X[:1, 0], k=1)[0][0, 0]
    reasons = model.explain(user, item)
    assert reasons.exact
    assert set(reasons.items) == set(X[X[:, 0] == user, 1])
    own = model.item_weights_.toarray()[:, item]
    np.testing.assert_array_equal(reasons.contributions, own[reasons.items])
    total = reasons.baseline + reasons.contributions.sum()
    np.testing.assert_allclose(total, reasons.score, rtol=1e-5)
    np.testing.assert_allclose(reasons.score, model.predict([[user, item]]), rtol=1e-6)


def test_the_rest_of_a_list_is_in_order_of_popularity():
    pairs = [[u, i] for u in range(6) for i in ("ab" if u % 2 else "cd")]
    X = [*pairs, [6, "x"], [7, "x"], [8, "y"]]
    model = SLIM(0.5, l1_regularization=0.5).fit(X)
    items, scores = model.recommend([1], k=4, exclude_seen=False)
    assert set(items[0, :2]) == {"a", "b"}
    assert items[0, 2:].tolist() == ["c", "d"]
    new, _ = model.recommend(["new"], k=6, history=[["new", "a"]])
    assert new[0].tolist() == ["b", "c", "d", "x", "y", None]
    assert (scores[0, 2:] < 1e-6).all()


def test_similar_items_are_those_with_weights(table):
    model = SLIM(3.0, l1_regularization=3.0).fit(*table)
    similar, scores = model.similar_items([4], k=25)
    own = model.item_weights_.toarray()[:, 4]
    there = np.flatnonzero(own)
    assert set(similar[0, : len(there)]) == set(there)
    np.testing.assert_array_equal(scores[0, : len(there)], np.sort(own[there])[::-1])
    assert (scores[0, len(there) :] == -np.inf).all()


def test_what_has_too_few_users_for_a_weight_takes_no_memory(table):
    X, _ = table
    rare = 1000 + np.arange(200_000)  # 160 GB
    both = np.concatenate([X, np.column_stack([np.zeros_like(rare), rare])])
    model = SLIM(1.0, tol=1e-6)
    found, expected = (model.fit(rows).item_weights_ for rows in (both, X))
    assert found.shape == (200_025, 200_025)
    assert found.nnz == found[:25, :25].nnz > 0
    np.testing.assert_allclose(found[:25, :25].toarray(), expected.toarray(), atol=1e-5)


@pytest.mark.parametrize(("weighting", "l1"), [("binary", 5), ("log", 5), (None, 20)])
def test_to_leave_those_out_changes_no_weight(weighting, l1):
    X, _ = make_interactions(100, 60, 2000, random_state=0)
    X[::100, 1] = 60 + np.arange(20) // 2  # ten items of two users each
    y = np.random.default_rng(0).integers(1, 4, len(X))
    model = SLIM(1.0, l1_regularization=l1, weighting=weighting, tol=1e-6)
    alone = model.fit(X, y).item_weights_.toarray()
    assert (dense(model).sum(axis=0) * dense(model).max() <= l1).any()
    # An update solves for all items.
    both = model.fit(X[:1000], y[:1000]).partial_fit(X[1000:], y[1000:]).item_weights_
    assert both.nnz > 0
    np.testing.assert_array_equal(alone, both.toarray())


def test_a_catalogue_that_memory_cannot_hold_is_an_error_with_advice():
    n_items = 300_000  # 360 GB; one user each would be too few for a weight
    X = np.column_stack([np.repeat([0, 1], n_items), np.tile(np.arange(n_items), 2)])
    with pytest.raises(MemoryError, match=r"SLIM on 300,000 items needs a matrix of"):
        SLIM().fit(X)


def test_checkerboard(checkerboard):
    items, _ = SLIM(1.0).fit(checkerboard.X).recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)


def golden():
    """What tests/golden/slim.json holds; to write it: `make_golden()`."""
    X, _ = make_interactions(200, 60, 3000, random_state=0)
    found = {}
    for name, positive in (("positive", True), ("signed", False)):
        model = SLIM(20.0, positive=positive, tol=1e-6).fit(X)
        weights = model.item_weights_.toarray().astype(float)
        items, scores = model.recommend(model.users_[:2], k=3)
        found[name] = {
            "sum": weights.sum(), "squares": (weights**2).sum(),
            "first": weights[:4, :4].round(6).tolist(),
            "items": items.tolist(), "scores": scores.astype(float).tolist(),
        }  # fmt: skip
    return found


def make_golden():
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")


def test_golden():
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for name, found in golden().items():
        assert found["items"] == expected[name]["items"]
        for key in ("sum", "squares", "first", "scores"):
            np.testing.assert_allclose(
                found[key], expected[name][key], rtol=1e-4, atol=1e-5
            )


# The second setting is the best of a small grid on parts of the training parts.
def test_it_is_not_behind_ease_on_movielens(load_table):
    table = load_table("movielens_100k")[["user_id", "item_id"]]
    models = [EASE(500), SLIM(), SLIM(200.0, l1_regularization=2.0)]
    scores = []
    for seed in range(2):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        train, test = table.iloc[train], table.iloc[test]
        scores.append([model.fit(train).score(test) for model in models])
    ease, *ours = np.mean(scores, axis=0)
    assert min(ours) >= ease - 0.001
