"""IALS and MFRegressor against their objectives, by dense algebra."""

import numpy as np
import pytest
from sklearn.model_selection import KFold

from sklearn_metarec import EASE, IALS, BiasRegressor, MFRegressor
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    return rng.integers(0, [30, 18], (260, 2)), rng.integers(0, 4, 260).astype(float)


@pytest.fixture(scope="module")
def ratings():
    rng = np.random.default_rng(1)
    X = rng.integers(0, [25, 15], (220, 2))
    return X, rng.integers(1, 6, 220).astype(float), rng.integers(1, 4, 220) * 1.0


class StopAfter:
    """A callback that ends the epochs."""

    def __init__(self, n):
        self.n = n
        self.ended = 0

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **data):
        pass

    def on_fit_task_end(self, estimator, context, **data):
        self.ended += context.task_name == "epoch"
        return self.ended >= self.n

    def teardown(self, estimator, context):
        pass


def _ials_system(model, dense, side):
    """Return the gradients of the objective of the docstring for one side."""
    confidence = 1 + model.alpha * dense
    wanted = (dense > 0).astype(float)
    mine, others = model.user_factors_, model.item_factors_
    if side == "item":
        confidence, wanted, mine, others = confidence.T, wanted.T, others, mine
    mine, others = mine.astype(float), others.astype(float)
    n_pairs = (wanted > 0).sum(axis=1)
    size = n_pairs * (1 + 50 / n_pairs.mean())
    ridge = model.regularization * size**model.scale_regularization
    errors = confidence * (mine @ others.T - wanted)
    return errors @ others + ridge[:, None] * mine


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_ials_gradient_is_zero(counts, scale):
    X, y = counts
    model = IALS(
        4, regularization=0.3, alpha=2.0, scale_regularization=scale,
        weighting=None, max_iter=400, random_state=0,
    ).fit(X, y)  # fmt: skip
    dense = model.history_.toarray().astype(float)
    assert np.abs(_ials_system(model, dense, "user")).max() < 2e-3
    assert np.abs(_ials_system(model, dense, "item")).max() < 2e-2


def test_ials_users_are_exact_after_a_single_sweep(counts):
    X, y = counts
    model = IALS(4, regularization=0.3, alpha=2.0, max_iter=1, random_state=0).fit(X, y)
    dense = (model.history_.toarray() > 0).astype(float)
    assert np.abs(_ials_system(model, dense, "user")).max() < 2e-3


@pytest.mark.parametrize("make", [IALS, MFRegressor])
def test_a_history_is_scored_as_that_of_a_known_user(counts, ratings, make):
    X, y = counts if make is IALS else ratings[:2]
    model = make(4, random_state=0).fit(X, y)
    own = X[:, 0] == X[0, 0]
    rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
    _, known = model.recommend(X[:1, 0], k=5, exclude_seen=False)
    _, folded = model.recommend([-1], k=5, history=(rows, y[own]), exclude_seen=False)
    np.testing.assert_allclose(folded, known, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("make", [IALS, MFRegressor])
def test_reasons_add_up(counts, ratings, make):
    X, y = counts if make is IALS else ratings[:2]
    model = make(4, random_state=0).fit(X, y)
    reasons = model.explain(X[0, 0], X[1, 1])
    assert reasons.exact
    total = reasons.baseline + reasons.contributions.sum()
    assert total == pytest.approx(reasons.score, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("make", [IALS, MFRegressor])
def test_threads_and_seeds(counts, make):
    X, y = counts
    one, two = (make(4, random_state=0, n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.user_factors_, two.user_factors_)
    np.testing.assert_array_equal(one.item_factors_, two.item_factors_)
    other = make(4, random_state=1).fit(X, y)
    assert not np.allclose(one.item_factors_, other.item_factors_)


@pytest.mark.parametrize("make", [IALS, MFRegressor])
def test_callbacks_see_epochs_and_stop_them(counts, make):
    X, y = counts
    callback = StopAfter(3)
    model = make(4, max_iter=9, random_state=0).set_callbacks(callback).fit(X, y)
    assert callback.ended == 3
    assert model.n_iter_ == 3
    assert make(4, max_iter=9, random_state=0).fit(X, y).n_iter_ == 9


def test_ials_checkerboard(checkerboard):
    model = IALS(4, regularization=0.1, random_state=0).fit(checkerboard.X)
    items, _ = model.recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)


def test_ials_similarities_are_cosines(counts):
    X, y = counts
    model = IALS(4, regularization=0.3, random_state=0).fit(X, y)
    similar, scores = model.similar_items(model.items_[:1], k=1)
    place = np.searchsorted(model.items_, similar[0, 0])
    a, b = model.item_factors_[0], model.item_factors_[place]
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert scores[0, 0] == pytest.approx(cosine, rel=1e-4)


def test_ials_update_is_about_as_good_as_a_refit():
    X, _ = make_interactions(400, 150, 15_000, random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    half = len(train) // 2
    warm = IALS(random_state=0).fit(X[train[:half]])
    before = warm.score(X[test])
    warm.partial_fit(X[train[half:]])
    whole = IALS(random_state=0).fit(X[train])
    assert warm.score(X[test]) > max(before, 0.95 * whole.score(X[test]))


def _mf_gradients(model, y_matrix, weights):
    P = np.column_stack([model.user_biases_, model.user_factors_])
    Q = np.column_stack([model.item_biases_, model.item_factors_])
    predicted = model.global_mean_ + P[:, :1] + Q[:, 0] + P[:, 1:] @ Q[:, 1:].T
    errors = weights * (predicted - y_matrix)
    rated = y_matrix[weights > 0]
    mean = np.average(rated, weights=weights[weights > 0])
    spread = np.sqrt(np.average((rated - mean) ** 2, weights=weights[weights > 0]))
    gradients = []
    for mine, other, error in ((P, Q, errors), (Q, P, errors.T)):
        n = (weights if mine is P else weights.T).sum(axis=1)
        ridge = spread * model.regularization * (n + 10) ** model.scale_regularization
        gradients.append(error.sum(axis=1) + model.bias_regularization * mine[:, 0])
        gradients.append(error @ other[:, 1:] + ridge[:, None] * mine[:, 1:])
    return gradients


def test_mf_gradient_is_zero(ratings):
    X, y, weight = ratings
    model = MFRegressor(3, regularization=0.1, max_iter=3000, random_state=0)
    model.fit(X, y, weight)
    dense_weights = np.zeros(model.history_.shape)
    rows = np.searchsorted(model.users_, X[:, 0])
    cols = np.searchsorted(model.items_, X[:, 1])
    np.add.at(dense_weights, (rows, cols), weight)
    for gradient in _mf_gradients(model, model.history_.toarray(), dense_weights):
        assert np.abs(gradient).max() < 1e-4


def test_mf_weights_are_repetitions(ratings):
    X, y, weight = ratings
    times = weight.astype(int)
    weighted = MFRegressor(3, random_state=0).fit(X, y, weight)
    repeated = MFRegressor(3, random_state=0)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


def test_mf_unknown_sides_keep_the_other_bias(ratings):
    X, y, _ = ratings
    model = MFRegressor(3, random_state=0).fit(X, y)
    nobody, new_item, neither = model.predict([[-1, X[0, 1]], [X[0, 0], -1], [-1, -1]])
    item = model.item_biases_[np.searchsorted(model.items_, X[0, 1])]
    user = model.user_biases_[np.searchsorted(model.users_, X[0, 0])]
    assert nobody == pytest.approx(model.global_mean_ + item)
    assert new_item == pytest.approx(model.global_mean_ + user)
    assert neither == pytest.approx(model.global_mean_)


def test_mf_partial_fit_knows_new_users_and_items(ratings):
    X, y, _ = ratings
    model = MFRegressor(3, random_state=0).fit(X, y)
    model.partial_fit([[900, X[0, 1]], [900, 800]], [5.0, 1.0])
    assert {900} <= set(model.users_)
    assert {800} <= set(model.items_)
    high, low = model.predict([[900, X[0, 1]], [900, 800]])
    assert high > low


@pytest.mark.real_data
def test_ials_on_ml100k_is_as_good_as_ease(load_table):
    X = load_table("movielens_100k")[["user_id", "item_id"]].to_numpy()
    # Found on a validation part of the training part of seed 0.
    ials = IALS(regularization=4.0, alpha=5.0, random_state=0)
    ours, theirs = [], []
    for seed in range(5):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(X))
        ours.append(ials.fit(X[train]).score(X[test]))
        theirs.append(EASE(500.0).fit(X[train]).score(X[test]))
    assert np.mean(ours) >= np.mean(theirs) - 0.006


@pytest.mark.real_data
def test_mf_on_ml100k(load_table):
    table = load_table("movielens_100k")
    X, y = table[["user_id", "item_id"]].to_numpy(), table["rating"].to_numpy(float)
    errors = {"mf": [], "bias": []}
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        for name, model in (
            ("mf", MFRegressor(random_state=0)),
            ("bias", BiasRegressor()),
        ):
            predicted = np.clip(model.fit(X[train], y[train]).predict(X[test]), 1, 5)
            errors[name].append(np.sqrt(np.mean((predicted - y[test]) ** 2)))
    assert np.mean(errors["mf"]) <= 0.9183
    assert np.mean(errors["mf"]) < np.mean(errors["bias"]) - 0.01
