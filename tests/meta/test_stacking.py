"""StackedRegressor: least squares, honest predictions, members of any kind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from sklearn_metarec import (
    BiasRegressor,
    ContentRegressor,
    ItemKNNRegressor,
    MetaSelector,
    MFRegressor,
    PopularityRecommender,
    StackedRegressor,
    SVDppRegressor,
)
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.meta._stack_features import NAMES
from sklearn_metarec.meta._stack_weights import learn_weights

GOLDEN = Path(__file__).parents[1] / "golden" / "stacking.json"


@pytest.fixture(scope="module")
def table():
    """Ratings of 40 users and 25 items, each pair once."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((40, 25)) < 0.4)
    taste = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 25))
    return X, np.round(3 + taste[X[:, 0], X[:, 1]], 1)


def members():
    return [
        ("bias", BiasRegressor()),
        ("mf", MFRegressor(3)),
        ("knn", ItemKNNRegressor()),
    ]


class Memory(RegressorMixin, BaseEstimator):
    """Knows the rows of its fit by heart, and guesses at all others."""

    def fit(self, X, y, sample_weight=None):
        self.known_ = dict(zip(map(tuple, np.asarray(X).tolist()), y, strict=True))
        return self

    def predict(self, X):
        rows = map(tuple, np.asarray(X).tolist())
        return np.array([self.known_.get(row, hash(row) % 5) for row in rows])


class Column(RegressorMixin, BaseEstimator):
    """Predicts what a column of the table says."""

    def __init__(self, column=2):
        self.column = column

    def fit(self, X, y, sample_weight=None):
        self.n_rows_ = len(y)
        return self

    def predict(self, X):
        return np.asarray(X)[:, self.column].astype(float)


# ------------------------------------------------------------------------ the weights


def constructed(seed=0, n=600):
    """Predictions of three members, two meta-features, and known weights."""
    rng = np.random.default_rng(seed)
    F = 3 + rng.normal(size=(n, 3))
    G = np.column_stack([rng.normal(4, 2, n), rng.uniform(0, 1, n)])
    coef = np.array(
        [[0.6, 0.1, -0.3], [0.1, -0.05, 0.5], [0.2, 0, 0], [-0.4, 0.2, 0.1]]
    )
    design = np.column_stack([np.ones(n), G])
    y = ((design @ coef.T) * np.column_stack([F, np.ones(n)])).sum(axis=1)
    return F, G, y, coef, rng


def test_without_a_penalty_it_is_least_squares():
    F, G, y, _, rng = constructed()
    y = y + rng.normal(size=len(y))
    weight = rng.integers(1, 4, len(y)).astype(float)
    found = learn_weights(F, G, y, weight, np.arange(len(y)) % 5, penalty=0.0)
    members_, features = np.column_stack([F, np.ones(len(y))]), np.ones((len(y), 3))
    features[:, 1:] = G
    design = np.einsum("ni,nj->nij", members_, features).reshape(len(y), -1)
    root = np.sqrt(weight)
    expected = np.linalg.lstsq(design * root[:, None], y * root)[0]
    assert_allclose(found.coef.ravel(), expected, rtol=1e-6, atol=1e-8)


def test_weights_that_are_linear_in_meta_features_are_found():
    F, G, y, coef, _ = constructed()
    found = learn_weights(F, G, y, np.ones(len(y)), np.arange(len(y)) % 5, penalty=0.0)
    assert_allclose(found.coef, coef, atol=1e-7)
    # The weakest penalty of the grid is the best where there is no noise.
    chosen = learn_weights(F, G, y, np.ones(len(y)), np.arange(len(y)) % 5)
    assert chosen.penalties == (1.0, 1.0)
    assert_allclose(chosen.coef, coef, atol=0.1)


def test_the_penalty_draws_to_the_best_member():
    F, G, y, _, rng = constructed()
    y = F[:, 1] + rng.normal(size=len(y))
    groups = np.arange(len(y)) % 5
    found = learn_weights(F, G, y, np.ones(len(y)), groups, penalty=1e12)
    alone = np.zeros((4, 3))
    alone[1, 0] = 1
    assert found.best == 1
    assert_allclose(found.coef, alone, atol=1e-6)
    chosen = learn_weights(F, G, y, np.ones(len(y)), groups)
    assert chosen.penalties[1] == np.inf
    assert chosen.rmse <= chosen.member_rmse[1]


def test_held_out_error_is_that_of_a_fit_without_the_group():
    F, G, y, _, rng = constructed(n=100)
    y = y + rng.normal(size=len(y))
    groups, one = np.arange(100) % 5, np.ones(100)
    found = learn_weights(F, G, y, one, groups, penalty=0.0)
    members_, features = np.column_stack([F, one]), np.column_stack([one, G])
    design = np.einsum("ni,nj->nij", members_, features).reshape(100, -1)
    squares = 0.0
    for group in range(5):
        test = groups == group
        v = np.linalg.lstsq(design[~test], y[~test])[0]
        squares += ((design[test] @ v - y[test]) ** 2).sum()
    assert_allclose(found.rmse, np.sqrt(squares / 100), rtol=1e-6)


# ---------------------------------------------------------------------- out of fold


def test_it_is_least_squares_on_predictions_out_of_fold(table):
    X, y = table
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    model = StackedRegressor(
        members()[::2], cv=folds, meta_features=["user_count", "item_mean"],
        regularization=0, random_state=0,
    ).fit(X, y)  # fmt: skip
    rows, target = [], []
    for train, test in folds:
        fitted = [clone(each).fit(X[train], y[train]) for _, each in members()[::2]]
        F = np.column_stack([each.predict(X[test]) for each in fitted])
        F = np.column_stack([F, np.ones(len(test))])
        # Meta-features of the training part, from their definitions.
        count = np.bincount(X[train, 0], minlength=40)[X[test, 0]]
        n = np.bincount(X[train, 1], minlength=25)
        above = np.bincount(X[train, 1], y[train] - y[train].mean(), minlength=25)
        G = np.column_stack(
            [np.ones(len(test)), np.log1p(count), (above / (n + 5))[X[test, 1]]]
        )
        rows.append(np.einsum("ni,nj->nij", F, G).reshape(len(test), -1))
        target.append(y[test])
    expected = np.linalg.lstsq(np.vstack(rows), np.concatenate(target))[0]
    assert_allclose(model.coef_.ravel(), expected, rtol=1e-5, atol=1e-7)


def test_predictions_are_the_weighted_sum_of_the_members(table):
    X, y = table
    model = StackedRegressor(
        members(), meta_features=["user_std", "item_popularity"], random_state=0
    ).fit(X, y)
    F = np.column_stack([each.predict(X) for each in model.estimators_])
    user, item = X.T
    n, m = np.bincount(user)[user], np.bincount(item)[item]
    above = y - y.mean()
    mean = (np.bincount(user, above)[user]) / (n + 5)
    squares = np.bincount(user, above**2)[user] + 5 * y.var()
    std = np.sqrt(squares / (n + 5) - mean**2)
    usual = np.log1p(n).mean()  # over the ratings
    near = np.bincount(item, np.log1p(n) - usual)[item]
    G = np.column_stack([np.ones(len(y)), std, usual + near / (m + 5)])
    weights = G @ model.coef_.T
    expected = (weights[:, :-1] * F).sum(axis=1) + weights[:, -1]
    assert_allclose(model.predict(X), expected, rtol=1e-9)


def test_a_member_that_memorizes_gets_no_weight(table):
    X, y = table
    model = StackedRegressor(
        [("memory", Memory()), ("bias", BiasRegressor())], meta_features=None,
        random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model.named_estimators_.memory.score(X, y) == 1.0
    assert abs(model.coef_[0, 0]) < 0.1
    assert model.coef_[1, 0] > 0.5
    assert model.member_rmse_[0] > model.member_rmse_[1]


def test_rows_of_a_pair_stay_in_one_fold(table):
    X, y = table
    twice = np.vstack([X, X])
    model = StackedRegressor(
        [("memory", Memory()), ("bias", BiasRegressor())], random_state=0
    ).fit(twice, np.tile(y, 2))
    assert model.member_rmse_[0] > model.member_rmse_[1]


def test_it_finds_who_needs_which_member():
    """One member is right for users with many ratings, the other for the rest."""
    rng = np.random.default_rng(3)
    counts = np.repeat([4, 40], [300, 30])
    user = np.repeat(np.arange(330), counts)
    X = np.column_stack([user, rng.integers(0, 200, len(user))]).astype(float)
    y = rng.normal(3, 1, len(user))
    many = counts[user] > 10
    right, wrong = (y + rng.normal(0, sd, len(y)) for sd in (0.2, 1.5))
    X = np.column_stack([X, np.where(many, right, wrong), np.where(many, wrong, right)])
    estimators = [("third", Column(2)), ("fourth", Column(3))]
    folds = GroupKFold(5, shuffle=True, random_state=0)
    folds = list(folds.split(X, groups=X[:, 0] * 1000 + X[:, 1]))
    linear, plain = (
        StackedRegressor(estimators, cv=folds, meta_features=names).fit(X, y)
        for names in (["user_count"], None)
    )
    assert linear.rmse_ < 0.5 * plain.rmse_
    assert linear.coef_[0, 1] > 0.2 > -0.2 > linear.coef_[1, 1]


# ------------------------------------------------------------------- as an estimator


def test_threads_and_processes_change_nothing(table):
    X, y = table
    one, two = (
        StackedRegressor(members(), n_jobs=n_jobs, random_state=0).fit(X, y)
        for n_jobs in (1, 2)
    )
    assert_array_equal(one.coef_, two.coef_)
    assert_array_equal(one.predict(X), two.predict(X))


def test_weights_are_repetitions(table):
    X, y = table
    times = np.random.default_rng(1).integers(1, 4, len(y))
    weighted = StackedRegressor(members(), random_state=0).fit(X, y, times)
    repeated = StackedRegressor(members(), random_state=0)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


def test_rows_without_weight_are_not_there_and_folds_name_the_callers_rows(table):
    X, y = table
    weight = (np.arange(len(y)) % 4 > 0).astype(float)
    present = np.flatnonzero(weight)
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))
    weighted = StackedRegressor(members(), cv=folds, random_state=0).fit(X, y, weight)
    place = np.full(len(y), -1)
    place[present] = np.arange(len(present))
    left = [[place[part][place[part] >= 0] for part in fold] for fold in folds]
    without = StackedRegressor(members(), cv=left, random_state=0)
    without.fit(X[present], y[present])
    assert_allclose(weighted.predict(X), without.predict(X), rtol=1e-9)


def test_parameters_of_members_are_set_by_name(table):
    X, y = table
    model = StackedRegressor(members(), random_state=0)
    model.set_params(mf__n_factors=2, knn="drop").fit(X, y)
    assert model.get_params()["mf__n_factors"] == 2
    assert list(model.named_estimators_) == ["bias", "mf"]
    assert model.named_estimators_.mf.item_factors_.shape == (25, 2)
    assert model.coef_.shape == (3, 1 + len(NAMES))
    model.set_params(mf=SVDppRegressor(2), knn=ItemKNNRegressor())
    assert isinstance(model.fit(X, y).estimators_[1], SVDppRegressor)


def test_a_clone_shares_the_side_tables_of_members():
    side = pd.DataFrame({"item_id": [1, 2], "genre": ["a", "b"]})
    model = StackedRegressor([("content", ContentRegressor(item_features=side))])
    copy = clone(model)
    assert copy.estimators[0][1] is not model.estimators[0][1]
    assert copy.estimators[0][1].item_features is side


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimators": []}, "non-empty list"),
        ({"estimators": [("a", PopularityRecommender())]}, "should be a regressor"),
        ({"estimators": [("a", "drop")]}, "All estimators are dropped"),
        ({"meta_features": ["user_age"]}, "meta_features has .'user_age'."),
        ({"cv": 1}, "int in the range"),
    ],
)
def test_wrong_settings_are_named(table, settings, message):
    model = StackedRegressor(members()).set_params(**settings)
    with pytest.raises(ValueError, match=message):
        model.fit(*table)


# ------------------------------------------------------------------ members of any kind


def films(n=60, seed=0):
    """Users and films with text for ids, a context column and time."""
    rng = np.random.default_rng(seed)
    X = np.argwhere(rng.random((n, 20)) < 0.4)
    frame = pd.DataFrame(
        {
            "item_id": [f"film {i:02d}" for i in X[:, 1]],
            "user_id": [f"user {u:02d}" for u in X[:, 0]],
            "evening": rng.integers(0, 2, len(X)),
        }
    )
    y = 3 + (X[:, 0] % 2 == X[:, 1] % 2) + frame["evening"].to_numpy()
    return frame, y + rng.normal(0, 0.2, len(X))


def tree():
    """A regressor that is none of ours, on the columns of the table as they are."""
    numbers = FunctionTransformer(lambda X: X[["evening"]])
    return make_pipeline(numbers, DecisionTreeRegressor(max_depth=2))


def test_other_regressors_get_the_table_as_it_is():
    X, y = films()
    model = StackedRegressor(
        [("mf", MFRegressor(2)), ("tree", tree())], random_state=0
    ).fit(X, y)
    assert model.rmse_ < model.member_rmse_.min() - 0.05
    assert_array_equal(model.estimators_[0].users_, model.users_)
    asked = pd.DataFrame({"evening": [0, 1, 1]})
    users = ["user 03", "user 04", "somebody"]
    items, scores = model.recommend(users, k=20, exclude_seen=False, context=asked)
    for user, evening, names, found in zip(
        users, asked["evening"], items, scores, strict=True
    ):
        rows = pd.DataFrame({"user_id": user, "item_id": names, "evening": evening})
        assert_allclose(found, model.predict(rows), rtol=1e-5)
    with pytest.raises(ValueError, match="history= cannot be folded in: Pipeline"):
        model.recommend(context=asked[:1], history=(X[:1], y[:1]))


def test_other_regressors_get_rows_of_a_table_in_codes():
    X, y = films()
    ids = X[["user_id", "item_id"]]
    one_hot = make_pipeline(
        OneHotEncoder(handle_unknown="ignore"), BiasFree(), verbose=False
    )
    estimators = [("one_hot", one_hot), ("bias", BiasRegressor())]
    raw = StackedRegressor(estimators, random_state=0).fit(ids.to_numpy(), y)
    coded = StackedRegressor(estimators, random_state=0)
    coded.fit(encode_interactions(ids.to_numpy()), y)
    assert_allclose(coded.coef_, raw.coef_, rtol=1e-6, atol=1e-8)
    items, scores = raw.recommend(["user 07"], k=20, exclude_seen=False)
    rows = [["user 07", item] for item in items[0]]
    assert_allclose(scores[0], raw.predict(rows), rtol=1e-5)


class BiasFree(RegressorMixin, BaseEstimator):
    """Ridge regression in closed form, without an intercept."""

    def fit(self, X, y):
        X = X.toarray()
        self.coef_ = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)
        return self

    def predict(self, X):
        return X @ self.coef_


def test_items_of_a_side_table_can_be_recommended():
    X, y = films()
    names = [f"film {i:02d}" for i in range(24)]  # the last four have no rating
    side = pd.DataFrame({"item_id": names, "kind": ["ab"[i % 2] for i in range(24)]})
    model = StackedRegressor(
        [("content", ContentRegressor(item_features=side)), ("mf", MFRegressor(2))],
        random_state=0,
    ).fit(X, y)
    assert_array_equal(model.items_, names)
    items, scores = model.recommend(["user 04"], k=24, exclude_seen=False)
    assert set(names) == set(items[0])
    rows = pd.DataFrame({"user_id": "user 04", "item_id": items[0], "evening": 0})
    assert_allclose(scores[0], model.predict(rows), rtol=1e-5)


def test_a_stack_in_a_stack_and_in_a_selection(table):
    X, y = table
    inner = StackedRegressor(members()[:2], cv=3)
    model = StackedRegressor(
        [("inner", inner), ("knn", ItemKNNRegressor())], cv=3, random_state=0
    ).fit(X, y)
    items, scores = model.recommend([7], k=25, exclude_seen=False)
    assert_allclose(scores[0], model.predict([[7, i] for i in items[0]]), rtol=1e-5)
    candidates = [("stack", inner, {}), ("bias", BiasRegressor(), {})]
    selector = MetaSelector(candidates, task="rating", cv=2, random_state=0).fit(X, y)
    assert np.isfinite(selector.cv_results_["mean_test_score"]).all()


def test_ratings_that_are_all_the_same_are_predicted(table):
    X, _ = table
    model = StackedRegressor(members(), random_state=0).fit(X, np.full(len(X), 2.0))
    assert_allclose(model.predict(X), 2.0, rtol=1e-6)


def test_a_table_of_one_pair_gets_the_mean_of_the_members():
    X, y = [[1, 2], [1, 2]], [3, 4]
    model = StackedRegressor(members()).fit(X, y)
    alone = np.mean([clone(each).fit(X, y).predict(X) for _, each in members()], axis=0)
    assert_allclose(model.predict(X), alone)
    assert model.n_splits_ == 0


def test_golden(table):
    """Predictions of the first ten rows: see `golden/stacking.json`."""
    X, y = table
    model = StackedRegressor(members(), random_state=0).fit(X, y)
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert_allclose(model.predict(X[:10]), expected["predictions"], rtol=1e-5)


def test_it_beats_its_members_on_films():
    X, y = load_movietweetings(return_X_y=True)
    train, test = next(KFold(5, shuffle=True, random_state=0).split(X))
    estimators = [
        ("bias", BiasRegressor()),
        ("svdpp", SVDppRegressor()),
        ("knn", ItemKNNRegressor()),
    ]
    model = StackedRegressor(estimators, cv=3, random_state=0)
    model.fit(X[train], y[train])
    error, *others = (
        root_mean_squared_error(y[test], each.predict(X[test]))
        for each in (model, *model.estimators_)
    )
    assert error < min(others) - 0.005
