"""RP3beta: the walk in dense NumPy, baskets folded in, what each item added."""

import json
from pathlib import Path

import numpy as np
import pytest

from sklearn_metarec import PopularityRecommender, RP3beta
from sklearn_metarec.model_selection import PerUserShuffleSplit

GOLDEN = Path(__file__).parent.parent / "golden" / "rp3beta.json"


def dense(model):
    """The similarities of the docstring: row j holds s(i, j)."""
    strengths = model.history_.toarray().astype(float)
    x = {"binary": (strengths > 0) * 1.0, "log": np.log1p(strengths), None: strengths}
    x = x[model.weighting]
    by_user, by_item = x.sum(axis=1, keepdims=True), x.sum(axis=0)
    a = model.exponent
    leave_item = np.where(x > 0, x / by_item, 0) ** a * (x > 0)
    leave_user = np.where(x > 0, x / by_user, 0) ** a * (x > 0)
    s = (leave_item.T @ leave_user / by_item**model.beta).T
    np.fill_diagonal(s, 0)
    return s, x**a * (x > 0)


def all_scores(model, users=None, **options):
    users = model.users_ if users is None else users
    n_items = len(model.items_)
    items, scores = model.recommend(users, k=n_items, exclude_seen=False, **options)
    return np.take_along_axis(scores, np.argsort(items, axis=1), axis=1)


@pytest.mark.parametrize("n_neighbors", [5, 100])
@pytest.mark.parametrize(("exponent", "beta"), [(1.0, 0.0), (0.7, 0.4), (1.3, 1.0)])
@pytest.mark.parametrize("weighting", ["binary", "log", None])
def test_equals_the_walk(table, weighting, exponent, beta, n_neighbors):
    X, y = table
    y = y + np.random.default_rng(0).random(len(y))  # few ties
    model = RP3beta(n_neighbors, exponent=exponent, beta=beta, weighting=weighting)
    expected, x = dense(model.fit(X, y))
    found = model.item_similarity_.toarray()
    # Ties at the last place are equally right.
    strongest = -np.sort(-expected, axis=1)[:, :n_neighbors]
    np.testing.assert_allclose(
        -np.sort(-found, axis=1)[:, :n_neighbors], strongest, rtol=1e-5
    )
    np.testing.assert_allclose(found[found > 0], expected[found > 0], rtol=1e-5)
    prior = 1e-6 * found.max() * (x > 0).mean(axis=0)
    np.testing.assert_allclose(all_scores(model), x @ found.T + prior, rtol=1e-5)


def test_steps_are_probabilities_without_exponents(table):
    """All walks from an item end somewhere, at itself among others."""
    model = RP3beta(100, exponent=1.0, beta=0.0, weighting=None).fit(*table)
    x = model.history_.toarray()
    stay = (x / x.sum(axis=0) * x / x.sum(axis=1, keepdims=True)).sum(axis=0)
    leave = model.item_similarity_.sum(axis=0)
    np.testing.assert_allclose(stay + leave, 1, rtol=1e-5)


def test_the_answers_of_the_checkerboard(checkerboard):
    items, _ = RP3beta().fit(checkerboard.X).recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)


def test_beta_holds_popular_items_back(table):
    X, _ = table
    shown = []
    for beta in (0.0, 0.5, 1.0):
        model = RP3beta(beta=beta).fit(X)
        items, _ = model.recommend(k=5)
        counts = np.bincount(X[:, 1], minlength=30)
        shown.append(counts[items.astype(int)].mean())
    assert shown[0] > shown[1] > shown[2]


@pytest.mark.parametrize("weighting", ["binary", "log", None])
def test_what_the_items_of_a_user_added(table, weighting):
    model = RP3beta(6, weighting=weighting).fit(*table)
    for user, item in ((3, 0), (11, 20)):
        reason = model.explain(user, item)
        assert reason.exact
        total = reason.baseline + reason.contributions.sum()
        np.testing.assert_allclose(total, reason.score, rtol=1e-5)


def test_partial_fit_equals_a_fit_on_all_rows(table):
    X, y = table
    model = RP3beta(5).fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    np.testing.assert_array_equal(all_scores(model), all_scores(RP3beta(5).fit(X, y)))


def test_results_do_not_depend_on_threads(table):
    one, two = (all_scores(RP3beta(n_jobs=n).fit(*table)) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def golden():
    """Return what a change may not alter: make the file of the printed result."""
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.integers(0, 30, 250), 20 * rng.random(250) ** 1.7]).astype(
        int
    )
    return RP3beta(6, exponent=0.8, beta=0.4).fit(X).predict(X[:8]).tolist()


def test_golden():
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))
    np.testing.assert_allclose(golden(), stored, rtol=1e-4)


@pytest.mark.real_data
def test_ml100k_floor(load_table):
    X = load_table("movielens_100k")[["user_id", "item_id"]].to_numpy()
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    ours, theirs = (
        model.fit(X[train]).score(X[test])
        for model in (RP3beta(), PopularityRecommender())
    )
    # .90 of what EASE(500) has in the mean over seeds.
    assert ours > 0.396
    assert ours > 1.5 * theirs
