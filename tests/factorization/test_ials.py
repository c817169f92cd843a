"""IALS: its objective in dense NumPy, folding in, reasons, callbacks, real data."""

import numpy as np
import pytest

from sklearn_metarec import EASE, IALS
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit

STRENGTHS = {
    "binary": lambda s: (s > 0).astype(float),
    "log": np.log1p,
    None: lambda s: s,
}
SMALL = {"regularization": 0.3, "alpha": 2.0, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Pairs of 30 users and 18 items, some repeated, one in five of strength zero."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, [30, 18], (260, 2))
    return X, rng.integers(0, 5, 260).astype(float)


class Dense:
    """The objective of a fitted model, as documented, without its code."""

    def __init__(self, model):
        strengths = model.history_.toarray().astype(float)
        self.X = model.user_factors_.astype(float)
        self.Y = model.item_factors_.astype(float)
        self.p = (strengths > 0).astype(float)
        self.c = 1 + model.alpha * STRENGTHS[model.weighting](strengths)
        self.ridge = []
        for pairs in (self.p.sum(axis=1), self.p.sum(axis=0)):
            size = pairs + 50 * pairs / pairs.mean()
            self.ridge.append(model.regularization * size**model.scale_regularization)

    def loss(self):
        fit = (self.c * (self.p - self.X @ self.Y.T) ** 2).sum()
        of_users = self.ridge[0] @ (self.X**2).sum(axis=1)
        return fit + of_users + self.ridge[1] @ (self.Y**2).sum(axis=1)

    def gradients(self):
        """Return half the gradients, of users and of items."""
        errors = self.c * (self.X @ self.Y.T - self.p)
        of_users = errors @ self.Y + self.ridge[0][:, None] * self.X
        return of_users, errors.T @ self.X + self.ridge[1][:, None] * self.Y

    def system(self, user):
        weighted = self.Y.T * self.c[user] @ self.Y
        return weighted + self.ridge[0][user] * np.eye(self.Y.shape[1])


def scores_of(model, user, history=None):
    """Return a user's scores of all items, in the order of `items_`."""
    n_items = len(model.items_)
    items, scores = model.recommend(
        [user], k=n_items, history=history, exclude_seen=False
    )
    return scores[0, np.argsort(items[0])]


@pytest.mark.parametrize("weighting", ["binary", "log", None])
@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_no_step_would_lower_the_objective(table, weighting, scale):
    model = IALS(
        4, weighting=weighting, scale_regularization=scale, max_iter=400, **SMALL
    ).fit(*table)  # fmt: skip
    of_users, of_items = Dense(model).gradients()
    # Not a vanished model, whose gradient is zero too.
    assert np.abs(model.item_factors_).max() > 0.1
    assert np.abs(of_users).max() < 1e-4
    assert np.abs(of_items).max() < 1e-3


@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_users_are_exact_after_any_sweep(table, max_iter):
    model = IALS(6, weighting="log", max_iter=max_iter, **SMALL).fit(*table)
    of_users, of_items = Dense(model).gradients()
    assert np.abs(of_users).max() < 1e-4
    assert np.abs(of_items).max() > 1e-2  # which is not converged yet


def test_the_objective_goes_down_with_the_sweeps(table):
    losses = [
        Dense(IALS(4, weighting=None, max_iter=n, **SMALL).fit(*table)).loss()
        for n in (1, 2, 3, 5, 8, 13, 21)
    ]
    assert (np.diff(losses) < 0).all()
    assert losses[0] > 1.01 * losses[-1]


@pytest.mark.parametrize("weighting", ["binary", "log", "tfidf", "bm25", None])
def test_a_new_user_with_the_rows_of_a_known_one(table, weighting):
    X, y = table
    model = IALS(4, weighting=weighting, **SMALL).fit(X, y)
    before = model.user_factors_.copy()
    for user in (3, 11):
        own = X[:, 0] == user
        rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
        np.testing.assert_allclose(
            scores_of(model, -1, (rows, y[own])), scores_of(model, user),
            rtol=1e-3, atol=1e-5,
        )  # fmt: skip
    np.testing.assert_array_equal(model.user_factors_, before)


def test_more_rows_of_a_known_user_equal_the_closed_form(table):
    X, y = table
    model = IALS(4, weighting="log", **SMALL).fit(X, y)
    user, extra = 7, ([[7, 2], [7, 5], [7, 5]], [3.0, 1.0, 2.0])
    strengths = model.history_.toarray()[user].astype(float)
    strengths[[2, 5]] += 3.0
    Y = model.item_factors_.astype(float)
    confidence = 1 + 2.0 * np.log1p(strengths)
    mean_pairs = (model.history_.data > 0).sum() / len(model.users_)
    pairs = (strengths > 0).sum()
    ridge = 0.3 * np.sqrt(pairs + 50 * pairs / mean_pairs)
    vector = np.linalg.solve(
        (Y.T * confidence) @ Y + ridge * np.eye(4), Y.T @ (confidence * (strengths > 0))
    )
    found = scores_of(model, user, extra)
    np.testing.assert_allclose(found, Y @ vector, rtol=1e-4, atol=1e-6)
    assert np.abs(found - scores_of(model, user)).max() > 0.01


@pytest.mark.parametrize("weighting", ["binary", "log", None])
def test_reasons_are_those_of_hu_et_al(table, weighting):
    X, y = table
    model = IALS(4, weighting=weighting, **SMALL).fit(X, y)
    dense = Dense(model)
    for user in (0, 9):
        inverse = np.linalg.inv(dense.system(user))
        liked = np.flatnonzero(dense.p[user])
        for item in (1, 12):
            reason = model.explain(user, item)
            expected = dense.c[user] * (dense.Y @ inverse @ dense.Y[item])
            assert reason.exact
            assert reason.baseline == 0
            assert set(reason.items) == set(liked)
            np.testing.assert_allclose(
                reason.contributions, expected[reason.items], rtol=1e-4, atol=1e-6
            )
            assert (np.diff(reason.contributions) <= 0).all()
            total = reason.contributions.sum()
            np.testing.assert_allclose(total, reason.score, rtol=1e-3, atol=1e-5)
            assert reason.score == model.predict([[user, item]])


def test_reasons_of_a_history(table):
    model = IALS(4, **SMALL).fit(*table)
    reason = model.explain(-1, 3, history=[[-1, 2], [-1, 4]])
    assert set(reason.items) == {2, 4}
    np.testing.assert_allclose(reason.contributions.sum(), reason.score, rtol=1e-4)


def test_threads_change_no_bit():
    X, y = make_interactions(500, 200, 6000, random_state=0)
    one, two = (IALS(8, random_state=0, n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.user_factors_, two.user_factors_)
    np.testing.assert_array_equal(one.item_factors_, two.item_factors_)
    for first, second in zip(one.recommend(), two.recommend(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_seed_decides(table):
    X, y = table
    shuffled = np.random.default_rng(1).permutation(len(X))
    settings = {**SMALL, "max_iter": 2}
    first = IALS(4, **settings).fit(X, y).item_factors_
    again = IALS(4, **settings).fit(X[shuffled], y[shuffled]).item_factors_
    other = IALS(4, **{**settings, "random_state": 1}).fit(X, y).item_factors_
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=0.05)


@pytest.mark.parametrize("weighting", ["log", None, "binary"])
def test_weights_are_repetitions(table, weighting):
    X, y = table
    times = np.random.default_rng(2).integers(1, 4, len(X))
    weighted = IALS(4, weighting=weighting, **SMALL).fit(X, y, times)
    repeated = IALS(4, weighting=weighting, **SMALL)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-5)
    plain = IALS(4, weighting=weighting, **SMALL).fit(X, y).predict(X)
    assert np.allclose(plain, weighted.predict(X)) == (weighting == "binary")


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_the_answers_of_the_checkerboard(checkerboard, scale):
    model = IALS(4, scale_regularization=scale, **SMALL).fit(checkerboard.X)
    items, scores = model.recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)
    assert (scores > 0.3).all()  # at a scale of 1 the penalty is a large one here


def test_who_is_unknown_gets_what_is_popular():
    X = [["ann", "tea"], ["bob", "tea"], ["eva", "tea"], ["ann", "rum"], ["bob", "rum"],
         ["eva", "gin"]]  # fmt: skip
    model = IALS(2, **SMALL).fit(X)
    items, scores = model.recommend(["joe", "ann"], k=3)
    assert items[0].tolist() == ["tea", "rum", "gin"]
    np.testing.assert_allclose(scores[0], [1, 2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(model.predict([["joe", "rum"]]), 2 / 3, rtol=1e-6)


def test_seen_but_not_liked():
    likes = [[u, i] for u in range(6) for i in ("ab" if u % 2 else "cd")]
    plain = IALS(2, **SMALL).fit(likes)
    seen = IALS(2, **SMALL).fit([*likes, [0, "b"]], [*np.ones(len(likes)), 0])
    # The seen pair is no evidence, but it is not recommended either.
    np.testing.assert_array_equal(seen.user_factors_, plain.user_factors_)
    np.testing.assert_array_equal(seen.item_factors_, plain.item_factors_)
    assert set(plain.recommend([0], k=2)[0][0]) == {"a", "b"}
    assert seen.recommend([0], k=2)[0].tolist() == [["a", None]]
    assert set(seen.explain(0, "a").items) == {"c", "d"}


def test_who_likes_nothing_and_what_nobody_likes():
    X = [[0, "a"], [1, "a"], [1, "b"], [2, "e"], [2, "b"], [3, "b"], [9, "a"]]
    model = IALS(2, **SMALL).fit(X, [1, 1, 1, 0, 1, 1, 0])
    assert model.items_.tolist() == ["a", "b", "e"]
    np.testing.assert_array_equal(model.item_factors_[2], 0)
    np.testing.assert_array_equal(model.user_factors_[4], 0)
    # 9 has seen "a", and gets the most popular of the rest.
    items, scores = model.recommend([9], k=2)
    assert items[0].tolist() == ["b", "e"]
    np.testing.assert_allclose(scores[0], [3 / 5, 0], rtol=1e-6)


class Callback:
    """Note the epochs, and end the fit after some of them."""

    def __init__(self, stop_after=None, evaluate=None):
        self.stop_after = stop_after
        self.evaluate = evaluate
        self.begun = self.ended = 0
        self.seen = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.begun += context.task_name == "epoch"

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None,
        fitted_estimator=None,
    ):  # fmt: skip
        if context.task_name != "epoch":
            return False
        self.ended += 1
        self.seen.append(fitted_estimator.predict(self.evaluate))
        return self.ended == self.stop_after


def test_callbacks_count_the_sweeps(table):
    callback = Callback(evaluate=[[0, 1], [3, 4]])
    model = IALS(4, max_iter=7, **SMALL).set_callbacks(callback).fit(*table)
    assert callback.begun == callback.ended == model.n_iter_ == 7
    # What a callback sees is the model as if the fit had ended there.
    for n, seen in enumerate(callback.seen, start=1):
        ended = IALS(4, max_iter=n, **SMALL).fit(*table)
        np.testing.assert_array_equal(seen, ended.predict(callback.evaluate))


def test_a_callback_ends_the_fit(table):
    callback = Callback(stop_after=3, evaluate=[[0, 1]])
    model = IALS(4, max_iter=20, **SMALL).set_callbacks(callback).fit(*table)
    assert callback.ended == model.n_iter_ == 3
    three = IALS(4, max_iter=3, **SMALL).fit(*table)
    np.testing.assert_array_equal(model.item_factors_, three.item_factors_)
    np.testing.assert_array_equal(model.user_factors_, three.user_factors_)


def test_an_update_is_about_as_good_as_a_refit():
    X, _ = make_interactions(500, 200, 20_000, random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    train, test = X[train], X[test]
    new_user, new_item = train[:, 0] >= 400, train[:, 1] % 10 == 0
    later = new_user | new_item
    model = IALS(16, random_state=0).fit(train[~later]).partial_fit(train[later])
    whole = IALS(16, random_state=0).fit(train)
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.users_, whole.users_)
    np.testing.assert_array_equal(model.items_, whole.items_)
    of_new_users = test[test[:, 0] >= 400]
    for part in (test, of_new_users):
        assert model.score(part) > 0.95 * whole.score(part)
    # New items are scored as those of a refit, not as the noise they started from.
    of_new_items = test[test[:, 1] % 10 == 0]
    updated, refit = model.predict(of_new_items), whole.predict(of_new_items)
    assert np.corrcoef(updated, refit)[0, 1] > 0.9
    assert 0.9 < updated.mean() / refit.mean() < 1.1


def test_an_update_of_nothing_new_goes_on_with_the_fit(table):
    X, y = table
    settings = {**SMALL, "weighting": None, "max_iter": 3}
    model = IALS(4, **settings).fit(X[:200], y[:200])
    updated = model.partial_fit(X[200:], y[200:])
    assert Dense(updated).loss() < Dense(IALS(4, **settings).fit(X, y)).loss()


@pytest.mark.parametrize(
    ("ask", "factors"),
    [("similar_items", "item_factors_"), ("similar_users", "user_factors_")],
)
def test_similarities_are_cosines(table, ask, factors):
    model = IALS(4, **SMALL).fit(*table)
    vectors = getattr(model, factors).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similar, scores = getattr(model, ask)([5, -1], k=4)
    cosines = vectors @ vectors[5]
    cosines[5] = -np.inf
    np.testing.assert_array_equal(similar[0], np.argsort(-cosines)[:4])
    np.testing.assert_allclose(scores[0], -np.sort(-cosines)[:4], rtol=1e-5)
    assert (scores[1] == -np.inf).all()


def test_one_user_or_one_item():
    one_user = IALS(2, **SMALL).fit([["ann", "tea"], ["ann", "rum"]])
    assert (one_user.predict([["ann", "tea"], ["ann", "rum"]]) > 0).all()
    assert (one_user.recommend(["ann"], k=2)[1] == -np.inf).all()
    one_item = IALS(2, **SMALL).fit([["ann", "tea"], ["bob", "tea"]])
    ann, bob = one_item.predict([["ann", "tea"], ["bob", "tea"]])
    assert ann == bob > 0
    assert one_item.similar_items(["tea"], k=1)[1].tolist() == [[-np.inf]]
    one_pair = IALS(2, **SMALL).fit([["ann", "tea"]])
    assert np.isfinite(one_pair.predict([["ann", "tea"]])).all()


def test_the_axes_are_those_of_the_items(table):
    model = IALS(4, **SMALL).fit(*table)
    gram = model.item_factors_.astype(float).T @ model.item_factors_
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-5)
    assert (np.diff(np.diag(gram)) <= 0).all()


def test_strengths_beyond_single_precision(table):
    X, y = table
    with pytest.raises(ValueError, match="Lower alpha or y"):
        IALS(4, weighting=None, random_state=0).fit(X, 1e30 * y)
    large = IALS(4, weighting=None, random_state=0).fit(X, 1e9 * y)
    assert 0.9 < large.predict(X[y > 0]).mean() < 1.1
    assert np.isfinite(IALS(4, **SMALL).fit(X, 1e30 * y).predict(X)).all()


def test_too_much_regularization_leaves_nothing(table):
    model = IALS(4, regularization=1e6, random_state=0).fit(*table)
    assert np.abs(model.predict(table[0])).max() < 1e-3


# The second setting is the best of a grid on parts of the training parts.
@pytest.mark.parametrize("settings", [{}, {"alpha": 3.0, "regularization": 3.0}])
def test_it_is_not_behind_ease_on_movielens(load_table, settings):
    table = load_table("movielens_100k")[["user_id", "item_id"]]
    ours, ease = [], []
    for seed in range(5):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        train, test = table.iloc[train], table.iloc[test]
        ours.append(IALS(random_state=0, **settings).fit(train).score(test))
        ease.append(EASE(500).fit(train).score(test))
    assert np.mean(ours) >= np.mean(ease) - 0.006
