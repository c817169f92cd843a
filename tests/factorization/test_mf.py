"""MFRegressor: ALS in dense NumPy, unknown sides, folding in, reasons, real data."""

import numpy as np
import pytest
from sklearn.model_selection import KFold

from sklearn_metarec import MFRegressor
from sklearn_metarec.datasets import make_interactions


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


class Dense:
    """The objective of the docstring, from the rows, without the model's code."""

    def __init__(self, model, X, y, weight):
        shape = (X[:, 0].max() + 1, X[:, 1].max() + 1)
        self.weights, totals = np.zeros(shape), np.zeros(shape)
        np.add.at(self.weights, (X[:, 0], X[:, 1]), weight)
        np.add.at(totals, (X[:, 0], X[:, 1]), weight * y)
        ratings = totals / np.maximum(self.weights, 1)
        self.mean = (self.weights * ratings).sum() / self.weights.sum()
        self.above = np.where(self.weights > 0, ratings - self.mean, 0)
        spread = np.sqrt((self.weights * self.above**2).sum() / self.weights.sum())
        # The penalty of each side's factors, after that of its bias.
        self.ridge = [
            spread * model.regularization * (n + 10) ** model.scale_regularization
            for n in (self.weights.sum(axis=1), self.weights.sum(axis=0))
        ]
        self.bias_ridge = model.bias_regularization

    def gradients(self, P, Q):
        """Return half the gradients at [bias | factors] of users and items."""
        predicted = P[:, :1] + Q[:, 0] + P[:, 1:] @ Q[:, 1:].T
        errors = self.weights * (predicted - self.above)
        return [
            np.column_stack(
                [e.sum(axis=1) + self.bias_ridge * mine[:, 0],
                 e @ other[:, 1:] + ridge[:, None] * mine[:, 1:]]
            )
            for e, mine, other, ridge in (
                (errors, P, Q, self.ridge[0]), (errors.T, Q, P, self.ridge[1])
            )
        ]  # fmt: skip

    def solve(self, side, other):
        """Return the exact [bias | factors] of all rows of one side, 0 or 1."""
        weights, above = (m.T if side else m for m in (self.weights, self.above))
        design = np.column_stack([np.ones(len(other)), other[:, 1:]])
        solved = []
        for w, a, ridge in zip(weights, above, self.ridge[side], strict=True):
            penalty = np.diag([self.bias_ridge, *np.full(other.shape[1] - 1, ridge)])
            left = (design.T * w) @ design + penalty
            solved.append(np.linalg.solve(left, design.T @ (w * (a - other[:, 0]))))
        return np.array(solved)


def vectors(model):
    """Return [bias | factors] of users and of items."""
    return (
        np.column_stack([model.user_biases_, model.user_factors_]),
        np.column_stack([model.item_biases_, model.item_factors_]),
    )


def scores_of(model, user, history=None):
    """Return a user's scores of all items, in the order of `items_`."""
    n_items = len(model.items_)
    items, scores = model.recommend(
        [user], k=n_items, history=history, exclude_seen=False
    )
    return scores[0, np.argsort(items[0])]


def rmse(model, X, y):
    return np.sqrt(np.mean((np.clip(model.predict(X), 1, 5) - y) ** 2))


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_no_step_would_lower_the_objective(table, scale):
    model = MFRegressor(
        3, regularization=0.1, scale_regularization=scale, max_iter=3000,
        random_state=0,
    ).fit(*table)  # fmt: skip
    of_users, of_items = Dense(model, *table).gradients(*vectors(model))
    # Not a model without factors, whose gradient is zero too.
    assert np.abs(model.item_factors_).max() > 0.1
    assert np.abs(of_users).max() < 1e-9
    assert np.abs(of_items).max() < 1e-5


def test_sweeps_are_those_of_dense_least_squares(table):
    """From two sweeps' users on, so that the first factors need not be known."""
    settings = {"regularization": 0.2, "bias_regularization": 3.0, "random_state": 0}
    fits = [MFRegressor(3, max_iter=n, **settings).fit(*table) for n in (1, 2, 5)]
    dense = Dense(fits[0], *table)
    before, items = vectors(fits[0])
    np.testing.assert_allclose(before, dense.solve(0, items), rtol=1e-8, atol=1e-10)
    users, _ = vectors(fits[1])
    for _ in range(3):
        items = dense.solve(1, users + 0.8 * (users - before))
        before, users = users, dense.solve(0, items)
    assert fits[2].global_mean_ == pytest.approx(dense.mean)
    for found, expected in zip(vectors(fits[2]), (users, items), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    rows = table[0]
    predicted = dense.mean + users[:, :1] + items[:, 0] + users[:, 1:] @ items[:, 1:].T
    np.testing.assert_allclose(
        fits[2].predict(rows), predicted[rows[:, 0], rows[:, 1]], rtol=1e-6
    )


def test_weights_are_repetitions(table):
    X, y, weight = table
    times = weight.astype(int)
    weighted = MFRegressor(3, random_state=0).fit(X, y, weight)
    repeated = MFRegressor(3, random_state=0)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)
    plain = MFRegressor(3, random_state=0).fit(X, y)
    assert not np.allclose(plain.predict(X), weighted.predict(X), rtol=1e-3)


def test_the_unit_of_the_ratings_changes_nothing(table):
    X, y, _ = table
    stars = MFRegressor(3, regularization=0.1, random_state=0).fit(X, y)
    percent = MFRegressor(3, regularization=0.1, random_state=0).fit(X, 20 * y)
    np.testing.assert_allclose(percent.predict(X), 20 * stars.predict(X), rtol=1e-5)


def test_unknown_sides_keep_the_bias_of_the_other(table):
    X, y, _ = table
    model = MFRegressor(3, random_state=0).fit(X, y)
    nobody, new_item, neither = model.predict([[-1, X[0, 1]], [X[0, 0], -1], [-1, -1]])
    assert nobody == pytest.approx(model.global_mean_ + model.item_biases_[X[0, 1]])
    assert new_item == pytest.approx(model.global_mean_ + model.user_biases_[X[0, 0]])
    assert neither == pytest.approx(model.global_mean_)


def test_a_new_user_with_the_rows_of_a_known_one(table):
    X, y, _ = table
    model = MFRegressor(3, regularization=0.1, random_state=0).fit(X, y)
    for user in (0, 13):
        own = X[:, 0] == user
        rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
        np.testing.assert_allclose(
            scores_of(model, -1, (rows, y[own])), scores_of(model, user), rtol=1e-5
        )


def test_more_rows_of_a_known_user_equal_the_closed_form(table):
    X, y, _ = table
    model = MFRegressor(3, regularization=0.1, random_state=0).fit(X, y)
    more, ratings = np.array([[4, 2], [4, 9], [4, 9]]), [5.0, 1.0, 3.0]
    dense = Dense(
        model, np.concatenate([X, more]), np.r_[y, ratings], np.ones(len(y) + 3)
    )
    # The mean and the spread are still those of the fit.
    of_fit = Dense(model, X, y, np.ones(len(y)))
    n_ratings = dense.weights[4].sum()
    dense.ridge[0][4] = of_fit.ridge[0][4] * np.sqrt(
        (n_ratings + 10) / (of_fit.weights[4].sum() + 10)
    )
    dense.above += np.where(dense.weights > 0, dense.mean - of_fit.mean, 0)
    items = vectors(model)[1]
    user = dense.solve(0, items)[4]
    expected = of_fit.mean + user[0] + items[:, 0] + items[:, 1:] @ user[1:]
    found = scores_of(model, 4, (more, ratings))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(found - scores_of(model, 4)).max() > 0.01


def test_history_needs_ratings(table):
    X, y, _ = table
    with pytest.raises(ValueError, match=r"history=\(X, y\)"):
        MFRegressor(3).fit(X, y).recommend(history=X[:3])


def test_reasons_add_up(table):
    model = MFRegressor(3, regularization=0.1, random_state=0).fit(*table)
    for user, item in ((0, 3), (7, 11)):
        reason = model.explain(user, item)
        assert reason.exact
        expected = model.global_mean_ + model.item_biases_[item]
        assert reason.baseline == pytest.approx(expected)
        assert set(reason.items) == set(table[0][table[0][:, 0] == user, 1])
        total = reason.baseline + reason.contributions.sum()
        np.testing.assert_allclose(total, reason.score, rtol=1e-6)
        np.testing.assert_allclose(reason.score, model.predict([[user, item]]))


def test_a_contribution_is_what_the_rating_above_the_mean_made(table):
    X, y, _ = table
    model = MFRegressor(3, regularization=0.1, random_state=0).fit(X, y)
    basket = [[-1, 2], [-1, 7]]
    low, high = (model.explain(-1, 5, history=(basket, [r, 3.0])) for r in (2.0, 4.0))
    parts = [dict(zip(e.items.tolist(), e.contributions, strict=True))
             for e in (low, high)]  # fmt: skip
    # The system is the same, so that a score is linear in the ratings.
    assert parts[0][7] == pytest.approx(parts[1][7])
    above = np.array([2.0, 4.0]) - model.global_mean_ - model.item_biases_[2]
    np.testing.assert_allclose(parts[0][2] / above[0], parts[1][2] / above[1])
    difference = parts[1][2] - parts[0][2]
    assert high.score - low.score == pytest.approx(difference, rel=1e-4)


def test_threads_change_no_bit(stars):
    one, two = (MFRegressor(random_state=0, n_jobs=n).fit(*stars) for n in (1, 2))
    for first, second in zip(vectors(one), vectors(two), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(one.predict(stars[0]), two.predict(stars[0]))


def test_the_seed_decides(table):
    X, y, _ = table
    settings = {"regularization": 0.1, "max_iter": 2}
    first = MFRegressor(3, random_state=0, **settings).fit(X, y).item_factors_
    again = MFRegressor(3, random_state=0, **settings).fit(X, y).item_factors_
    other = MFRegressor(3, random_state=1, **settings).fit(X, y).item_factors_
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=0.05)


class Stop:
    """A callback that ends the fit after some epochs, if told so."""

    def __init__(self, after=None):
        self.after = after
        self.ended = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None):
        self.ended += context.task_name == "epoch"
        return self.ended == self.after


def test_callbacks_count_the_sweeps_and_end_them(table):
    counting, stopping = Stop(), Stop(3)
    model = MFRegressor(3, max_iter=6, random_state=0)
    assert model.set_callbacks(counting).fit(*table).n_iter_ == counting.ended == 6
    model.set_callbacks(stopping).fit(*table)
    assert model.n_iter_ == stopping.ended == 3
    three = MFRegressor(3, max_iter=3, random_state=0).fit(*table)
    for found, expected in zip(vectors(model), vectors(three), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_an_update_is_about_as_good_as_a_refit(stars):
    X, y = stars
    test = np.random.default_rng(0).random(len(y)) < 0.2
    later = ~test & ((X[:, 0] >= 350) | (X[:, 1] % 10 == 0))
    model = MFRegressor(random_state=0).fit(X[~test & ~later], y[~test & ~later])
    model.partial_fit(X[later], y[later])
    whole = MFRegressor(random_state=0).fit(X[~test], y[~test])
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.users_, whole.users_)
    np.testing.assert_array_equal(model.items_, whole.items_)
    assert model.global_mean_ == pytest.approx(whole.global_mean_)
    for part in (test, test & (X[:, 0] >= 350), test & (X[:, 1] % 10 == 0)):
        updated, refit = rmse(model, X[part], y[part]), rmse(whole, X[part], y[part])
        constant = np.sqrt(np.mean((y[part] - whole.global_mean_) ** 2))
        assert updated < 1.03 * refit
        assert updated < 0.9 * constant


def test_ratings_that_are_all_the_same(table):
    X, _, _ = table
    model = MFRegressor(3, random_state=0).fit(X, np.full(len(X), 4.0))
    np.testing.assert_allclose(model.predict(X), 4, atol=0.05)


def test_one_user_or_one_item():
    one_user = MFRegressor(2, random_state=0).fit([["ann", "tea"]], [4.0])
    np.testing.assert_allclose(one_user.predict([["ann", "tea"]]), 4)
    X = [["ann", "tea"], ["bob", "tea"], ["eva", "tea"]]
    one_item = MFRegressor(2, random_state=0).fit(X, [1.0, 3.0, 5.0])
    ann, bob, eva = one_item.predict(X)
    assert 1 < ann < bob < eva < 5
    assert bob == pytest.approx(3, abs=0.01)


def test_the_error_on_movielens(load_table):
    table = load_table("movielens_100k")
    X, y = table[["user_id", "item_id"]].to_numpy(), table["rating"].to_numpy()
    errors = [
        rmse(MFRegressor(random_state=0).fit(X[train], y[train]), X[test], y[test])
        for train, test in KFold(5, shuffle=True, random_state=0).split(X)
    ]
    assert np.mean(errors) <= 0.9183
