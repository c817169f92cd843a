"""SVDppRegressor: optimal users, what rating at all tells, new users, real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, train_test_split

from sklearn_metarec import MFRegressor, SVDppRegressor

GOLDEN = Path(__file__).parents[1] / "golden" / "svdpp.json"


@pytest.fixture(scope="module")
def table():
    """Ratings of 40 users and 25 items, each pair once."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((40, 25)) < 0.4)
    taste = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 25))
    return X, np.round(3 + taste[X[:, 0], X[:, 1]], 1)


def test_each_user_is_optimal_given_all_else(table):
    X, y = table
    model = SVDppRegressor(3, regularization=0.7, max_iter=4, random_state=0).fit(X, y)
    Q, b_i = model.item_factors_, model.item_biases_
    for user in range(0, 40, 7):
        own = X[:, 0] == user
        items = X[own, 1]
        drawn_to = model.implicit_factors_[items].sum(axis=0) / np.sqrt(len(items))
        ridge = y.std() * 0.7 * np.sqrt(len(items) + 10)
        bias, factors = model.user_biases_[user], model.user_factors_[user]
        error = model.global_mean_ + bias + b_i[items] + Q[items] @ factors - y[own]
        assert_allclose(error.sum() + model.bias_regularization * bias, 0, atol=1e-8)
        gradient = error @ Q[items] + ridge * (factors - drawn_to)
        assert_allclose(gradient, 0, atol=1e-8)


def test_no_step_would_lower_the_objective(table):
    """The gradient at items, and at what their being rated tells, is zero too."""
    X, y = table
    settings = {"regularization": 0.2, "implicit_regularization": 3.0}
    model = SVDppRegressor(2, max_iter=3000, random_state=0, **settings).fit(X, y)
    R, seen = np.zeros((40, 25)), np.zeros((40, 25))
    R[X[:, 0], X[:, 1]], seen[X[:, 0], X[:, 1]] = y, 1
    share = seen / np.sqrt(seen.sum(axis=1, keepdims=True))
    P, Q, Y = model.user_factors_, model.item_factors_, model.implicit_factors_
    biases = model.user_biases_[:, None] + model.item_biases_
    errors = seen * (model.global_mean_ + biases + P @ Q.T - R)
    of_users, of_items = (
        y.std() * 0.2 * np.sqrt(seen.sum(axis=axis) + 10) for axis in (1, 0)
    )
    at_items = errors.T @ P + of_items[:, None] * Q
    # Users are p_u + s_u: what holds p_u near zero pulls at y.
    at_implicit = y.std() * 3 * Y - share.T @ (of_users[:, None] * (P - share @ Y))
    assert np.abs(Y).max() > 0.05
    assert_allclose(at_items, 0, atol=1e-5)
    assert_allclose(at_implicit, 0, atol=1e-5)


def test_weights_are_repetitions_and_threads_change_no_bit(table):
    X, y = table
    times = np.random.default_rng(2).integers(1, 4, len(y))
    weighted, repeated, threads = (
        SVDppRegressor(3, random_state=0, n_jobs=n) for n in (1, 1, 2)
    )
    weighted.fit(X, y, times).predict(X)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9)
    predicted = threads.fit(X, y, times).predict(X)
    np.testing.assert_array_equal(predicted, weighted.predict(X))


def test_an_update_keeps_what_was_learned_of_items(table):
    X, y = table
    model = SVDppRegressor(3, implicit_regularization=5.0, random_state=0).fit(X, y)
    before, items = model.implicit_factors_, model.items_
    model.partial_fit([[99, 4], [99, 30]], [4.0, 2.0])
    assert model.n_iter_ == 3
    known = model.implicit_factors_[np.isin(model.items_, items)]
    assert np.corrcoef(known.ravel(), before.ravel())[0, 1] > 0.95


def test_a_large_penalty_leaves_plain_factors(table):
    X, y = table
    options = {"n_factors": 3, "max_iter": 60, "random_state": 0}
    plain = MFRegressor(**options).fit(X, y)
    model = SVDppRegressor(implicit_regularization=1e9, **options).fit(X, y)
    assert_allclose(model.implicit_factors_, 0, atol=1e-6)
    assert_allclose(model.predict(X), plain.predict(X), atol=1e-3)


def test_which_items_somebody_rated_tells_of_their_taste():
    # Users rate what is of their kind, and like one half of it: the first rating
    # says little of the taste, the choice of items all.
    rng = np.random.default_rng(1)
    n_users, n_items = 300, 60
    kind = rng.integers(0, 2, n_users)
    there = rng.random((n_users, n_items)) < np.where(
        kind[:, None] == np.arange(n_items) % 2, 0.25, 0.03
    )
    X = np.argwhere(there)
    liked = np.where(kind[X[:, 0]] == 0, 1, -1) * np.where(X[:, 1] < 30, 1, -1)
    y = 3 + liked + rng.normal(0, 1.0, len(X))
    errors = []
    for model in (SVDppRegressor(4, implicit_regularization=5.0), MFRegressor(4)):
        folds = KFold(3, shuffle=True, random_state=0).split(X)
        for train, test in folds:
            model.set_params(random_state=0).fit(X[train], y[train])
            errors.append(root_mean_squared_error(y[test], model.predict(X[test])))
    assert np.mean(errors[:3]) < np.mean(errors[3:]) - 0.02


def test_a_new_user_is_folded_in_by_what_they_rated(table):
    X, y = table
    model = SVDppRegressor(3, random_state=0).fit(X, y)
    own = X[:, 0] == 11
    history = (np.column_stack([np.full(own.sum(), 99), X[own, 1]]), y[own])
    new = model.recommend([99], 25, history=history, exclude_seen=False)
    known = model.recommend([11], 25, exclude_seen=False)
    np.testing.assert_array_equal(new[0], known[0])
    assert_allclose(new[1], known[1], rtol=1e-5)


def test_reasons_add_up(table):
    X, y = table
    model = SVDppRegressor(3, random_state=0).fit(X, y)
    for user, item in ((3, 4), (11, 20)):
        reasons = model.explain(user, item)
        assert reasons.exact
        total = reasons.baseline + reasons.contributions.sum()
        assert_allclose(total, reasons.score, rtol=1e-6)


def test_golden(table):
    """Predictions of the first ten rows: see `golden/svdpp.json`."""
    X, y = table
    model = SVDppRegressor(2, max_iter=3, random_state=0).fit(X, y)
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert_allclose(model.predict(X[:10]), expected["predictions"], rtol=1e-6)


@pytest.mark.real_data
def test_accuracy_on_films(load_table):
    ratings = load_table("movielens_100k")
    X, y = ratings[["user_id", "item_id"]], ratings["rating"].to_numpy()
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0)
    model = SVDppRegressor(random_state=0).fit(X.iloc[train], y[train])
    predicted = np.clip(model.predict(X.iloc[test]), 1, 5)
    assert root_mean_squared_error(y[test], predicted) < 0.912
