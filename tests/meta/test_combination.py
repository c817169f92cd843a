"""Blends and fallbacks of a race's leaders: found where they help, and only there."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    Blend,
    Fallback,
    ItemKNN,
    MetaSelector,
    PopularityRecommender,
    RandomRecommender,
    StackedRegressor,
)
from sklearn_metarec._scoring import TableScorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.meta import _combination
from sklearn_metarec.meta._budget import Clock
from sklearn_metarec.meta._combination import DEPTH, shortlist
from sklearn_metarec.meta._evaluation import Data, Measure, Outcome
from sklearn_metarec.meta._selection import Record, Selection
from sklearn_metarec.model_selection import PerUserShuffleSplit


class Oracle(BaseRecommender):
    """Knows what items of its parity each user will take, and nothing of the others."""

    _parameter_constraints = {"parity": [int], "reach": [float]}

    def __init__(self, parity=0, *, reach=0.0):
        self.parity = parity
        self.reach = reach

    def _fit(self, history):
        pass

    def _make_scorer(self, profiles):
        # A user takes the items that are equal to the user, modulo 10.
        users = self.users_[np.maximum(profiles.codes, 0)]
        items = self.items_
        noise = np.random.default_rng(self.parity).random((len(users), len(items)))
        taken = users[:, None] % 10 == items[None, :] % 10
        told = (items // 10 % 2 == self.parity)[None, :]
        return TableScorer((noise + 3.0 * (taken & told)).astype(np.float32))


@pytest.fixture(scope="module")
def halves():
    """400 users, 100 items; each user takes 8 of the ten items that are alike."""
    rng = np.random.default_rng(0)
    return np.array(
        [
            (user, 10 * place + user % 10)
            for user in range(400)
            for place in rng.permutation(10)[:8]
        ]
    )


def test_a_blend_of_halves_is_found(halves):
    candidates = [("even", Oracle(0), {}), ("odd", Oracle(1), {})]
    selector = MetaSelector(candidates, random_state=0).fit(halves)
    assert isinstance(selector.best_estimator_, Blend)
    assert selector.best_name_ in ("Blend(even, odd)", "Blend(odd, even)")
    assert sum(selector.best_params_["weights"]) == pytest.approx(1)
    alone = MetaSelector(candidates, combine=None, random_state=0).fit(halves)
    assert isinstance(alone.best_estimator_, Oracle)
    assert selector.best_score_ > 1.1 * alone.best_score_
    board = selector.leaderboard_
    assert board["candidate"][0] == selector.best_name_
    assert board["rank"][0] == 1


def test_the_blends_score_is_what_it_gets(halves):
    cv = PerUserShuffleSplit(random_state=5)
    candidates = [("even", Oracle(0), {}), ("odd", Oracle(1), {})]
    selector = MetaSelector(candidates, cv=cv, random_state=0).fit(halves)
    train, test = next(cv.split(halves))
    blend = Blend(
        [(name[-1:] + "x", Oracle(["even", "odd"].index(name))) for name in
         selector.best_name_[len("Blend(") : -1].split(", ")],
        weights=selector.best_params_["weights"],
    )  # fmt: skip
    score = blend.fit(halves[train]).score(halves[test])
    assert selector.best_score_ == pytest.approx(score, abs=1e-6)


def test_noise_is_not_combined():
    X, y = make_interactions(400, 80, 6000, random_state=0)
    candidates = [("ease", EASE(), {}), ("random", RandomRecommender(), {})]
    for seed in range(4):
        selector = MetaSelector(candidates, random_state=seed).fit(X, y)
        assert selector.best_name_ == "ease"
        assert set(selector.leaderboard_["candidate"]) == {"ease", "random"}


def test_another_model_for_short_histories():
    # Users with a long history follow their taste; the others take what is popular.
    X, _ = make_interactions(
        300, 60, 6000, n_factors=2, taste_strength=3.0, activity_skew=0.0,
        random_state=0,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    short = [
        (1000 + user, item)
        for user in range(1500)
        for item in rng.choice(60, 2, replace=False, p=_skewed(60))
    ]
    table = np.concatenate([X, short])
    candidates = [
        ("ease", EASE(20.0), {}),
        ("popular", PopularityRecommender(), {}),
    ]
    selector = MetaSelector(candidates, random_state=0).fit(table)
    best = selector.best_estimator_
    assert isinstance(best, Fallback)
    alone = MetaSelector(candidates, combine=None, random_state=0).fit(table)
    assert selector.best_score_ > alone.best_score_
    served = best.recommend([1000], k=5)[0]
    assert_array_equal(
        served, best.named_estimators_["popular"].recommend([1000], k=5)[0]
    )


def _skewed(n):
    weights = 1 / np.arange(1, n + 1) ** 1.5
    return weights / weights.sum()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_same_for_any_number_of_workers(halves, n_jobs):
    candidates = [("ease", EASE(), {}), ("knn", ItemKNN(), {})]
    selector = MetaSelector(candidates, n_jobs=n_jobs, random_state=3).fit(halves)
    again = MetaSelector(candidates, random_state=3).fit(halves)
    assert selector.best_name_ == again.best_name_
    assert selector.best_params_ == again.best_params_


def test_metrics_that_are_no_mean_over_users_are_not_combined(halves):
    candidates = [("even", Oracle(0), {}), ("odd", Oracle(1), {})]
    selector = MetaSelector(candidates, scoring="coverage@10", random_state=0)
    selector.fit(halves)
    assert isinstance(selector.best_estimator_, Oracle)
    assert 0 < selector.best_score_ <= 1


def test_a_shortlist_is_the_standardized_top():
    X, _ = make_interactions(60, 150, 1500, random_state=0)
    table = encode_interactions(X)
    model = EASE().fit(table)
    users = model.users_[:7]
    items, scores = shortlist(model, users)
    assert items.shape == scores.shape == (7, DEPTH)
    assert_array_equal(items[:, :10], model.recommend(users, k=10)[0])
    pairs = np.array([[user, item] for user in users for item in model.items_])
    every = model.predict(pairs).reshape(7, -1)
    expected = (every - every.mean(1, keepdims=True)) / every.std(1, keepdims=True)
    place = np.searchsorted(model.items_, items)
    assert_allclose(
        scores, np.take_along_axis(expected, place, 1), rtol=1e-3, atol=1e-4
    )


def test_scores_of_what_is_not_listed_are_the_lowest_listed():
    items = np.array([[4, 2, -1], [1, 3, 5]])
    scores = np.array([[2.0, 1.0, -np.inf], [3.0, 2.0, 1.0]], dtype=np.float32)
    wanted = np.array([[-1, 2, 3, 4], [1, 2, 5, 9]])
    found = _combination._scores_of(wanted, items, scores)
    assert_array_equal(found, [[1, 1, 1, 2], [3, 1, 1, 1]])


def test_greedy_adds_what_helps_and_stops():
    # Two models that are right on different users; the third is never right.
    right = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=float)

    def values(counts):
        return ((counts / counts.sum()) @ right >= 0.3).astype(float)

    counts, found = _combination._greedy(np.eye(3), values, np.ones(5, dtype=bool))
    assert counts.tolist() == [1, 1, 0]
    assert_array_equal(found, 1)


class Half(BiasRegressor):
    """Knows the taste of users for items of one parity, by their ids."""

    _parameter_constraints = {**BiasRegressor._parameter_constraints, "parity": [int]}

    def __init__(self, parity=0, *, user_regularization=5.0, item_regularization=2.0,
                 tol=1e-4):  # fmt: skip
        super().__init__(
            user_regularization=user_regularization,
            item_regularization=item_regularization, tol=tol,
        )  # fmt: skip
        self.parity = parity

    def _make_scorer(self, profiles):
        users = self.users_[np.maximum(profiles.codes, 0)]
        told = self.items_ % 2 == self.parity
        return TableScorer(np.where(told, taste(users[:, None], self.items_), 3.0))


def taste(users, items):
    return 3.0 + np.sin(users * 12.9 + items * 78.2)


def test_rating_models_are_stacked_where_that_is_better():
    rng = np.random.default_rng(0)
    X = np.array([(user, item) for user in range(60) for item in range(40)])
    X = X[rng.random(len(X)) < 0.7]
    y = taste(X[:, 0], X[:, 1]) + rng.normal(0, 0.1, len(X))
    candidates = [("even", Half(0), {}), ("odd", Half(1), {})]
    selector = MetaSelector(candidates, task="rating", random_state=0).fit(X, y)
    assert isinstance(selector.best_estimator_, StackedRegressor)
    alone = MetaSelector(candidates, task="rating", combine=None, random_state=0)
    assert -selector.best_score_ < 0.8 * -alone.fit(X, y).best_score_


def test_a_stack_that_is_no_better_is_rejected():
    X, y = make_interactions(150, 50, 4000, feedback="explicit", random_state=0)
    noise = np.random.default_rng(0).normal(3, 1, len(y))
    candidates = [("a", BiasRegressor(), {}), ("b", BiasRegressor(tol=1e-3), {})]
    selector = MetaSelector(candidates, task="rating", random_state=0).fit(X, noise)
    assert isinstance(selector.best_estimator_, BiasRegressor)
    board = selector.leaderboard_
    [status] = board["status"][board["candidate"].str.startswith("Stacked")]
    assert status == "rejected"


@pytest.mark.parametrize(
    ("seconds", "tuned"), [(5.0, True), (79.0, False), (100.0, True)]
)
def test_tuning_leaves_the_time_for_a_stack(seconds, tuned):
    # Two models of four seconds a fit: a stack takes 24 s, and its refit 36 s.
    selection = under_way([4.0, 4.0], seconds, share=1.0)
    assert selection._keeps_from_stacking(20.0) != tuned


def under_way(fit_seconds, seconds, *, share):
    """Return a selection in which models have been measured, each later one better."""
    records = [
        Record(
            f"m{place}", BiasRegressor(), {}, place, "ran", None, share,
            {0: Outcome(0.1 * place - 0.9, np.full(9, -0.8), None, fit, 0.0)},
        )
        for place, fit in enumerate(fit_seconds)
    ]  # fmt: skip
    X, y = make_interactions(9, 5, 20, random_state=0)
    rows = np.arange(len(X))
    return Selection(
        records, Data(X, encode_interactions(X), y, None), [(rows, rows)],
        Measure("rmse"), Clock(seconds), None, np.random.RandomState(0), True, (),
        print, None,
    )  # fmt: skip


def test_a_sample_does_not_decide_what_all_users_may():
    # Of a third of the users four seconds: of all some seventeen.
    enough = under_way([4.0, 4.0], 100.0, share=1 / 3)
    assert enough._time_for_all(enough.records)
    scarce = under_way([4.0, 4.0], 60.0, share=1 / 3)
    assert not scarce._time_for_all(scarce.records)
    unlimited = under_way([4.0, 4.0], None, share=1 / 3)
    assert not unlimited._time_for_all(unlimited.records)


def test_when_the_time_is_over_no_dear_refit_is_begun(monkeypatch):
    selection = under_way([1.0, 2.0, 30.0], 100.0, share=1.0)
    assert selection.best().name == "m2"
    selection.clock.reserve = 3.0
    monkeypatch.setattr(Clock, "elapsed", 101.0)
    assert selection.best().name == "m1"
