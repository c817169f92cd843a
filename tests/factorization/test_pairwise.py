"""BPR and WARP: their steps in plain NumPy, folding in, seeds, strengths, real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sklearn_metarec import BPR, EASE, WARP, PopularityRecommender
from sklearn_metarec._kernels import pairwise
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit
from tests.callbacks import SilentCallback

GOLDEN = Path(__file__).parents[1] / "golden"
BOTH = pytest.mark.parametrize("model", [BPR, WARP])
SETTINGS = [
    BPR(6, random_state=0),
    BPR(6, sampling="uniform", optimizer="sgd", weighting=None, random_state=0),
    WARP(6, random_state=0),
    WARP(6, optimizer="sgd", weighting="log", random_state=0),
]
EACH = pytest.mark.parametrize("model", SETTINGS, ids=str)


def as_float32(*values):
    return [np.asarray(value, dtype=np.float32) for value in values]


@pytest.fixture(scope="module")
def table():
    """Pairs of 30 users and 18 items, some repeated, one in five of strength zero."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, [30, 18], (260, 2))
    return X, rng.integers(0, 5, 260).astype(float)


class State:
    """Vectors of three users and some items, of whom user u has the items `had[u]`."""

    def __init__(self, had, n_items, visits=None):
        rng = np.random.default_rng(1)
        n_users, n_factors = len(had), 5
        X = rng.normal(0, 0.5, (n_users, n_factors))
        Y, b = rng.normal(0, 0.5, (n_items, n_factors)), rng.normal(0, 0.5, n_items)
        ones = np.ones(n_users), np.ones(n_items), np.ones(n_items)
        X, Y, b, *ones = as_float32(X, Y, b, *ones)
        self.users = pairwise.Users(X, ones[0], None)
        self.items = pairwise.Items(Y, b, *ones[1:], None)
        cols = np.concatenate(had).astype(np.uint32)
        visits = np.ones(len(cols)) if visits is None else visits
        self.pairs = pairwise.Pairs(
            np.cumsum([0, *map(len, had)]), cols, *as_float32(visits),
            np.arange(n_users, dtype=np.uint64), np.int64(n_items),
        )  # fmt: skip

    def visit(self, kernel, step, *options, n_candidates=1, seed=7):
        """Visit all users; return the items visited and drawn for the last of them."""
        n_users = len(self.users.vectors)
        scratch = pairwise.scratch(self.items, n_candidates)
        kernel(
            0, n_users, *scratch, np.uint64(seed), np.arange(n_users, dtype=np.uint32),
            self.pairs, self.users, self.items, step, *options,
        )  # fmt: skip
        assert not scratch[0].any()  # as the next call expects
        return scratch[1], scratch[2]


def step_of(adapt=0.0, moves_items=1):
    return pairwise.Step(*as_float32(0.1, adapt, 0.3, 0.7), np.uint8(moves_items))


def stepped(state, slope, adapt, i, j):
    """Return users, items and biases after gradient steps from `state`, in float64."""
    x, y, b = (
        part.astype(float)
        for part in (state.users.vectors[0], state.items.vectors, state.items.biases)
    )
    p, q = y[i].copy(), y[j].copy()
    z = slope(x @ (p - q) + b[i] - b[j])
    of_user = 0.1 / np.sqrt(1 + adapt * np.mean((z * (p - q)) ** 2))
    of_items = 0.1 / np.sqrt(1 + adapt * np.mean((z * x) ** 2))
    of_biases = 0.1 / np.sqrt(1 + adapt * z**2)
    y[i] += of_items * (z * x - 0.3 * p)
    y[j] += of_items * (-z * x - 0.3 * q)
    b[i] += of_biases * (z - 0.7 * b[i])
    b[j] += of_biases * (-z - 0.7 * b[j])
    return x + of_user * (z * (p - q) - 0.3 * x), y, b


@pytest.mark.parametrize("adapt", [0.0, 1.0])
@pytest.mark.parametrize(
    ("kernel", "options", "slope"),
    [
        (pairwise.bpr_rows, (), lambda d: 1 / (1 + np.exp(d))),
        # Two items that the user has not, and the first is in the wrong place: log(2).
        (pairwise.warp_rows, (9, np.float32(50)), lambda d: np.log(2)),
    ],
)
def test_a_step_is_the_gradient_of_the_loss(kernel, options, slope, adapt):
    state, moved = State([[1]], 3), State([[1]], 3)
    cols, drawn = moved.visit(kernel, step_of(adapt), *options)
    assert cols[0] == 1
    assert drawn[0, 0] in {0, 2}
    x, y, b = stepped(state, slope, adapt, 1, drawn[0, 0])
    np.testing.assert_allclose(moved.users.vectors[0], x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved.items.vectors, y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved.items.biases, b, rtol=1e-5, atol=1e-6)


def test_the_slope_of_bpr_is_the_derivative_of_its_loss():
    d, h = 0.4, 1e-6
    numerically = (np.log1p(np.exp(-d - h)) - np.log1p(np.exp(-d + h))) / (2 * h)
    assert -1 / (1 + np.exp(d)) == pytest.approx(numerically, rel=1e-6)


def test_warp_leaves_alone_what_is_in_its_place():
    state, moved = State([[1]], 3), State([[1]], 3)
    moved.visit(pairwise.warp_rows, step_of(), 9, np.float32(-50))
    np.testing.assert_array_equal(moved.users.vectors, state.users.vectors)
    np.testing.assert_array_equal(moved.items.vectors, state.items.vectors)


def test_the_hardest_candidate_is_taken():
    state, moved = State([[1]], 40), State([[1]], 40)
    _, drawn = moved.visit(pairwise.bpr_rows, step_of(), n_candidates=6)
    scores = state.items.vectors @ state.users.vectors[0] + state.items.biases
    hardest = drawn[0, np.argmax(scores[drawn[0]])]
    changed = np.flatnonzero(moved.items.biases != state.items.biases)
    assert set(changed) == {1, hardest}


@pytest.mark.parametrize("options", [(), (5, np.float32(1))])
def test_items_stay_where_only_users_move(options):
    had = [[0, 3, 4], [1], [2, 5]]
    state, moved = State(had, 12), State(had, 12)
    kernel = pairwise.warp_rows if options else pairwise.bpr_rows
    moved.visit(kernel, step_of(1.0, moves_items=0), *options)
    for before, after in zip(state.items[:-1], moved.items[:-1], strict=True):
        np.testing.assert_array_equal(before, after)
    assert (state.users.vectors != moved.users.vectors).any(axis=1).all()


def test_negatives_are_uniform_over_what_a_user_has_not():
    state = State([[0, 3, 4]], 13)
    still = pairwise.Step(*as_float32(0, 0, 0, 0), np.uint8(1))
    counts = np.zeros(13)
    for seed in range(2000):
        _, drawn = state.visit(pairwise.bpr_rows, still, seed=seed)
        counts += np.bincount(drawn[:3, 0], minlength=13)
    assert (counts[[0, 3, 4]] == 0).all()
    others = np.delete(counts, [0, 3, 4])
    # 6,000 draws of ten items: the standard deviation is 23.
    assert np.abs(others - 600).max() < 5 * 23


def test_visits_are_in_proportion_to_the_weights():
    weights = np.array([0.25, 2.5, 0.0, 1.25])
    state = State([[0, 3, 4, 7]], 13, visits=weights)
    state.items.biases[:] = state.items.vectors[:] = 0
    # So small a rate that each step is half of it.
    tiny = pairwise.Step(*as_float32(1e-6, 0, 0, 0), np.uint8(1))
    for seed in range(4000):
        state.visit(pairwise.bpr_rows, tiny, seed=seed)
    visits = state.items.biases[[0, 3, 4, 7]] / 0.5e-6 / 4000
    np.testing.assert_allclose(visits, weights, atol=0.05)


def test_who_has_everything_is_left_alone():
    state, moved = State([[0, 1, 2]], 3), State([[0, 1, 2]], 3)
    moved.visit(pairwise.bpr_rows, step_of(), n_candidates=2)
    moved.visit(pairwise.warp_rows, step_of(), 5, np.float32(1))
    np.testing.assert_array_equal(moved.users.vectors, state.users.vectors)


@EACH
def test_the_answers_of_the_checkerboard(checkerboard, model):
    items, _ = model.fit(checkerboard.X).recommend(k=1)
    # Item u is the one that all like-minded users have and u has not: the only one
    # of u's parity.
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)


@EACH
def test_what_a_user_has_scores_above_what_not(model):
    X, _ = make_interactions(300, 150, 9000, random_state=0)
    model.fit(X)
    there = model.history_.toarray() > 0
    scores = model.user_factors_ @ model.item_factors_.T + model.item_biases_
    popular = np.tile(there.sum(axis=0), (len(there), 1))
    some = ~there.all(axis=1)  # who has everything has nothing to rank
    ours, base = (
        roc_auc_score(there[some].T, rows[some].T, average="macro")
        for rows in (scores, popular)
    )
    assert 1 - ours < 0.8 * (1 - base)


@EACH
def test_a_user_is_a_function_of_the_items_and_the_rows(table, model):
    X, y = table
    model.fit(X, y)
    for user in (3, 11):
        own = X[:, 0] == user
        rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
        options = {"k": 18, "exclude_seen": False}
        known = model.recommend([user], **options)
        new = model.recommend([-1], history=(rows, y[own]), **options)
        for ours, theirs in zip(known, new, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@EACH
def test_the_seed_decides_and_threads_do_not(model):
    X, y = make_interactions(300, 100, 4000, random_state=0)
    shuffled = np.random.default_rng(1).permutation(len(X))
    params = model.get_params() | {"max_iter": 3}
    first = type(model)(**params | {"n_jobs": 1}).fit(X, y)
    again = type(model)(**params | {"n_jobs": 2}).fit(X[shuffled], y[shuffled])
    other = type(model)(**params | {"random_state": 1}).fit(X, y)
    for name in ("user_factors_", "item_factors_", "item_biases_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.allclose(getattr(first, name), getattr(other, name))


@BOTH
def test_weights_are_repetitions(table, model):
    X, y = table
    times = np.random.default_rng(2).integers(1, 4, len(X))
    settings = {"weighting": None, "random_state": 0}
    weighted = model(4, **settings).fit(X, y, times)
    rows = np.repeat(np.arange(len(X)), times)
    repeated = model(4, **settings).fit(X[rows], y[rows])
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))
    assert not np.allclose(weighted.predict(X), model(4, **settings).fit(X).predict(X))


@BOTH
def test_an_update_is_about_as_good_as_a_refit(model):
    X, _ = make_interactions(400, 150, 16_000, random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    train, test = X[train], X[test]
    later = (train[:, 0] >= 320) | (train[:, 1] % 10 == 0)
    updated = model(16, random_state=0).fit(train[~later]).partial_fit(train[later])
    whole = model(16, random_state=0).fit(train)
    assert updated.n_iter_ == 17  # a third
    for part in (test, test[test[:, 0] >= 320]):
        assert updated.score(part) > 0.9 * whole.score(part)


@BOTH
def test_an_update_goes_on_from_the_rates_so_far(table, model):
    X, y = table
    fitted = model(4, random_state=0).fit(X, y)
    before = fitted._item_squares.copy()
    fitted.partial_fit(X[:5], y[:5])
    assert (fitted._item_squares >= before).all()
    assert (before > 1).all()


class Stop(SilentCallback):
    """End the fit after an epoch, and note what could be predicted then."""

    def __init__(self, epoch):
        self.epoch = epoch
        self.seen = None

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "epoch" or estimator.n_iter_ < self.epoch:
            return False
        self.seen = fitted_estimator.predict([[0, 1], [3, 4]])
        return True


@BOTH
def test_a_callback_ends_the_fit(table, model):
    callback = Stop(3)
    fitted = model(4, max_iter=9, random_state=0).set_callbacks(callback).fit(*table)
    assert fitted.n_iter_ == 3
    np.testing.assert_array_equal(callback.seen, fitted.predict([[0, 1], [3, 4]]))


def golden_fit(model):
    """Return what is in the golden files: the scores of a small seeded fit.

    They are written by `json.dump(golden_fit(BPR), open("bpr.json", "w"))`.
    """
    X, y = make_interactions(60, 25, 500, random_state=3)
    fitted = model(4, max_iter=5, random_state=0).fit(X, y)
    return {
        "scores": fitted.predict([[u, i] for u in (0, 7, 31) for i in (1, 9)]).tolist(),
        "biases": fitted.item_biases_[:6].tolist(),
    }


@pytest.mark.parametrize("model", [BPR, WARP])
def test_the_numbers_of_a_small_fit(model):
    path = GOLDEN / f"{model.__name__.lower()}.json"
    expected = json.loads(path.read_text(encoding="utf-8"))
    for name, values in golden_fit(model).items():
        # The order of additions depends on the processor's vector width, and rounding
        # moves a step here and there.
        np.testing.assert_allclose(values, expected[name], rtol=1e-2, atol=1e-3)


# Shares of EASE(500)'s nDCG@10; the defaults were chosen on training parts.
@pytest.mark.parametrize(("model", "share"), [(BPR, 0.92), (WARP, 0.90)])
def test_the_share_of_ease_on_movielens(load_table, model, share):
    table = load_table("movielens_100k")[["user_id", "item_id"]]
    ours, ease, popular = [], [], []
    for seed in range(2):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        train, test = table.iloc[train], table.iloc[test]
        ours.append(model(random_state=0).fit(train).score(test))
        ease.append(EASE(500).fit(train).score(test))
        popular.append(PopularityRecommender().fit(train).score(test))
    assert np.mean(ours) >= share * np.mean(ease) > 1.5 * np.mean(popular)
