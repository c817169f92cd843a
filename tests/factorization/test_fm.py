"""FMRegressor: planted tastes, sets, folding in, updates, the seed, real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold

from sklearn_metarec import FMRegressor
from sklearn_metarec.datasets import make_interactions
from tests.callbacks import SilentCallback

GOLDEN = Path(__file__).parents[1] / "golden" / "fm.json"
LIKELIHOODS = ["gaussian", "ordered_probit"]


@pytest.fixture(scope="module")
def table():
    """Ratings of 25 users and 15 items, some pairs repeated, with weights."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, [25, 15], (220, 2))
    return X, rng.integers(1, 6, 220).astype(float), rng.integers(1, 4, 220) * 1.0


@pytest.fixture(scope="module")
def stars():
    """A larger table of ratings with taste in them."""
    return make_interactions(400, 150, 15_000, feedback="explicit", random_state=0)


@pytest.fixture(scope="module")
def planted():
    """Ratings by vectors of length 2 and biases, with noise of 0.3."""
    rng = np.random.default_rng(0)
    X = rng.permutation([[user, item] for user in range(80) for item in range(60)])
    P, Q = rng.normal(size=(80, 2)), rng.normal(size=(60, 2))
    biases = rng.normal(size=80)[X[:, 0]] + rng.normal(size=60)[X[:, 1]]
    truth = 3 + biases + (P[X[:, 0]] * Q[X[:, 1]]).sum(axis=1)
    return X, truth + rng.normal(0, 0.3, len(X)), truth, P, Q


def scores_of(model, user, history=None):
    """Return a user's scores of all items, in the order of `items_`."""
    n_items = len(model.items_)
    items, scores = model.recommend(
        [user], k=n_items, history=history, exclude_seen=False
    )
    return scores[0, np.argsort(items[0])]


def rmse(model, X, y):
    return np.sqrt(np.mean((np.clip(model.predict(X), 1, 5) - y) ** 2))


def jacobian(X, P, Q):
    """Return the derivatives of the planted ratings by biases and vectors."""
    users, items = np.eye(len(P))[X[:, 0]], np.eye(len(Q))[X[:, 1]]
    by_users = [users * Q[X[:, 1], k, None] for k in range(Q.shape[1])]
    by_items = [items * P[X[:, 0], k, None] for k in range(P.shape[1])]
    return np.hstack([users, items, *by_users, *by_items])


def test_planted_vectors_are_recovered(planted):
    X, y, truth, P, Q = planted
    seen = np.arange(len(y)) < 2400
    model = FMRegressor(2, implicit=None, max_iter=150, random_state=0)
    model.fit(X[seen], y[seen])
    error = np.sqrt(np.mean((model.predict(X[~seen]) - truth[~seen]) ** 2))
    # What least squares of the right model would leave, to first order.
    J = jacobian(X, P, Q)
    covariance = np.linalg.pinv(J[seen].T @ J[seen], hermitian=True)
    leverage = np.einsum("rj,jk,rk->r", J[~seen], covariance, J[~seen], optimize=True)
    assert error < 1.02 * 0.3 * np.sqrt(leverage.mean())
    precision = model._data_precisions.mean() / model._scale**2
    assert precision == pytest.approx(1 / 0.3**2, rel=0.05)


def test_planted_levels_are_recovered(planted):
    X, y, *_ = planted
    edges = np.quantile(y, [0.05, 0.15, 0.4, 0.9])
    levels = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[np.searchsorted(edges, y)]
    seen = np.arange(len(y)) < 2400
    errors = {}
    for likelihood in LIKELIHOODS:
        model = FMRegressor(4, likelihood=likelihood, max_iter=120, random_state=0)
        model.fit(X[seen], levels[seen])
        errors[likelihood] = rmse(model, X[~seen], levels[~seen])
    # The levels are unevenly wide, which one number a level does not say.
    assert errors["ordered_probit"] < 0.9 * errors["gaussian"]
    assert (np.diff(model.cuts_, axis=1) > 0).all()
    assert model.levels_.tolist() == [1, 2, 3, 4, 5]
    predicted = model.predict(X)
    assert predicted.min() >= 1
    assert predicted.max() <= 5


def test_the_set_of_a_user_tells_the_taste():
    """Of half of the users only neutral items are known, which all rate alike.

    Which of them they have says what they will think of the others.
    """
    rng = np.random.default_rng(0)
    user, item = np.nonzero(rng.random((200, 40)) < 0.6)
    same, neutral = user % 2 == item % 2, item < 20
    there = same | ~neutral
    user, item, same, neutral = (part[there] for part in (user, item, same, neutral))
    X = np.column_stack([user, item])
    y = np.where(neutral, 3.0, np.where(same, 4.0, 2.0))
    train = neutral | (user < 100)
    errors = {}
    for implicit in ("both", "user", None):
        model = FMRegressor(4, implicit=implicit, max_iter=60, random_state=0)
        errors[implicit] = rmse(model.fit(X[train], y[train]), X[~train], y[~train])
    assert max(errors["both"], errors["user"]) < 0.7 * errors[None]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_weights_are_repetitions(table, likelihood):
    X, y, weight = table
    settings = {"likelihood": likelihood, "max_iter": 15, "burn_in": 5}
    times = weight.astype(int)
    weighted = FMRegressor(3, random_state=0, **settings).fit(X, y, weight)
    repeated = FMRegressor(3, random_state=0, **settings)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-4)
    plain = FMRegressor(3, random_state=0, **settings).fit(X, y)
    assert not np.allclose(plain.predict(X), weighted.predict(X), rtol=1e-3)


def test_the_unit_of_the_ratings_changes_nothing(table):
    X, y, _ = table
    stars = FMRegressor(3, max_iter=15, random_state=0).fit(X, y)
    percent = FMRegressor(3, max_iter=15, random_state=0).fit(X, 20 * y)
    np.testing.assert_allclose(percent.predict(X), 20 * stars.predict(X), rtol=1e-4)


def test_predictions_are_the_mean_over_the_draws(table):
    """Of a chain with the same seed, whose last ten states are averaged by hand."""
    X, y, _ = table
    model = FMRegressor(3, max_iter=14, burn_in=4, random_state=0).fit(X, y)
    assert model.user_factors_.shape == (len(model.users_), 10 * 3)
    chain = model._chain(model._history())
    rows, cols = model.history_.nonzero()
    total = np.zeros(len(rows))
    for step in range(14):
        chain.step()
        if step >= 4:
            total += chain.predictions() + chain.likelihood.constant
    expected = chain.likelihood.location + chain.likelihood.scale * total / 10
    pairs = np.column_stack([model.users_[rows], model.items_[cols]])
    np.testing.assert_allclose(model.predict(pairs), expected, rtol=1e-5)


def test_draws_are_spaced_evenly(table):
    X, y, _ = table
    few = FMRegressor(3, max_iter=50, burn_in=10, n_draws=4, random_state=0).fit(X, y)
    assert few.user_factors_.shape[1] == 4 * 3
    every = FMRegressor(3, max_iter=50, burn_in=10, random_state=0).fit(X, y)
    kept = every.user_factors_.reshape(len(every.users_), 40, 3)[:, [9, 19, 29, 39]]
    np.testing.assert_array_equal(few.user_factors_, kept.reshape(-1, 12))
    burnt = FMRegressor(3, max_iter=5, burn_in=10, random_state=0).fit(X, y)
    assert burnt.user_factors_.shape[1] == 3


def test_unknown_sides_are_the_mean_of_their_kind(table):
    X, y, _ = table
    model = FMRegressor(3, implicit=None, max_iter=200, random_state=0).fit(X, y)
    nobody, neither = model.predict([[-1, X[0, 1]], [-1, -1]])
    of_item = model.predict([[user, X[0, 1]] for user in model.users_]).mean()
    assert nobody == pytest.approx(of_item, abs=0.1)
    new_item = model.predict([[X[0, 0], -1]])[0]
    of_user = model.predict([[X[0, 0], item] for item in model.items_]).mean()
    assert new_item == pytest.approx(of_user, abs=0.1)
    assert neither == pytest.approx(y.mean(), abs=0.15)


def test_a_history_is_bayesian_ridge_on_each_draw(table):
    X, y, _ = table
    model = FMRegressor(3, max_iter=30, n_draws=5, random_state=0).fit(X, y)
    cols, ratings = np.array([2, 7, 11]), np.array([5.0, 1.0, 4.0])
    found = scores_of(model, -1, ([[-1, model.items_[c]] for c in cols], ratings))
    total = np.zeros(len(model.items_))
    for s in range(5):
        draw = slice(3 * s, 3 * s + 3)
        mean_item = model._mean_items[s]
        w = model._item_offsets[:, s] + mean_item[0]
        V = model.item_factors_[:, draw] + mean_item[1:]
        of_set = model._user_parameters[0][s][cols].sum(axis=0) / np.sqrt(3)
        mean, precision = model._own_prior[s]
        alpha = model._data_precisions[s]
        Z = np.column_stack([np.ones(3), V[cols]])
        above = (ratings - model._location) / model._scale - model._constants[s]
        above -= w[cols] + Z @ of_set
        system = alpha * Z.T @ Z + np.diag(precision)
        own = np.linalg.solve(system, alpha * Z.T @ above + precision * mean)
        user = own + of_set
        total += model._constants[s] + user[0] + w + V @ user[1:]
    expected = model._location + model._scale * total / 5
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_new_user_with_the_rows_of_a_known_one_is_much_like_it(planted, likelihood):
    X, y, *_ = planted
    y = np.clip(np.round(y), 1, 5)
    model = FMRegressor(3, likelihood=likelihood, max_iter=80, random_state=0)
    model.fit(X[:3000], y[:3000])
    for user in (3, 40):
        own = X[:3000, 0] == user
        rows = np.column_stack([np.full(own.sum(), -1), X[:3000][own, 1]])
        folded = scores_of(model, -1, (rows, y[:3000][own]))
        known = scores_of(model, user)
        assert np.abs(folded - known).mean() < 0.15
        assert np.corrcoef(folded, known)[0, 1] > 0.98


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_threads_change_no_bit(stars, likelihood):
    X, y = stars
    settings = {"max_iter": 6, "burn_in": 2, "likelihood": likelihood}
    one, two = (
        FMRegressor(random_state=0, n_jobs=n, **settings).fit(X, y) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.user_factors_, two.user_factors_)
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_the_seed_decides(table):
    X, y, _ = table
    first, again, other = (
        FMRegressor(3, max_iter=5, random_state=seed).fit(X, y).item_factors_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=0.05)


class Stop(SilentCallback):
    """A callback that ends the fit after some steps, and notes what it could do."""

    def __init__(self, after):
        self.after = after
        self.ended = 0
        self.shapes = []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.ended += 1
            self.shapes.append(fitted_estimator.user_factors_.shape[1])
        return self.ended == self.after


def test_a_callback_sees_the_draws_so_far_and_ends_the_fit(table):
    X, y, _ = table
    stop = Stop(7)
    model = FMRegressor(3, max_iter=20, burn_in=4, random_state=0)
    model.set_callbacks(stop).fit(X, y)
    assert model.n_iter_ == 7
    assert stop.shapes == [3, 3, 3, 3, 3, 6, 9]
    assert model.user_factors_.shape[1] == 9


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_an_update_is_about_as_good_as_a_refit(stars, likelihood):
    X, y = stars
    test = np.random.default_rng(0).random(len(y)) < 0.2
    later = ~test & ((X[:, 0] >= 350) | (X[:, 1] % 10 == 0))
    settings = {"max_iter": 90, "likelihood": likelihood, "random_state": 0}
    model = FMRegressor(**settings).fit(X[~test & ~later], y[~test & ~later])
    model.partial_fit(X[later], y[later])
    whole = FMRegressor(**settings).fit(X[~test], y[~test])
    assert model.n_iter_ == 30
    np.testing.assert_array_equal(model.users_, whole.users_)
    for part in (test, test & (X[:, 0] >= 350), test & (X[:, 1] % 10 == 0)):
        updated, refit = rmse(model, X[part], y[part]), rmse(whole, X[part], y[part])
        assert updated < 1.03 * refit
        assert updated < 0.9 * y[part].std()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_ratings_that_are_all_the_same(table, likelihood):
    X, _, _ = table
    model = FMRegressor(3, likelihood=likelihood, max_iter=30, random_state=0)
    model.fit(X, np.full(len(X), 4.0))
    # The prior of the precision, not knowing better, allows for some noise.
    np.testing.assert_allclose(model.predict(X), 4, atol=0.15)


def golden_fit(likelihood):
    """Return some predictions of a small fit, rounded: what the golden file has."""
    X, y = make_interactions(60, 40, 900, feedback="explicit", random_state=5)
    model = FMRegressor(3, likelihood=likelihood, max_iter=20, random_state=0)
    return model.fit(X, y).predict(X[::60]).round(5).tolist()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_golden_numbers(likelihood):
    """To make the file: json.dump of {likelihood: golden_fit(likelihood), ...}."""
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[likelihood]
    np.testing.assert_allclose(golden_fit(likelihood), expected, atol=2e-3)


@pytest.mark.parametrize(
    ("likelihood", "worst"), [("gaussian", 0.886), ("ordered_probit", 0.884)]
)
def test_the_error_on_movielens(load_table, likelihood, worst):
    """One fold and few steps; the whole is in benchmarks/fm.py."""
    table = load_table("movielens_100k")
    X, y = table[["user_id", "item_id"]].to_numpy(), table["rating"].to_numpy(float)
    train, test = next(KFold(5, shuffle=True, random_state=0).split(X))
    model = FMRegressor(likelihood=likelihood, max_iter=80, random_state=0)
    assert rmse(model.fit(X[train], y[train]), X[test], y[test]) <= worst
