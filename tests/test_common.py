"""What holds for every estimator, found by `all_estimators`, not listed here."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_regressor
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    ItemKNN,
    ItemKNNRegressor,
    MFRegressor,
    PopularityRecommender,
    PureSVD,
    RecommenderPipeline,
    make_recommender_pipeline,
    model_selection,
    recommend,
)
from sklearn_metarec.model_selection import make_ranking_scorer
from sklearn_metarec.preprocessing import IdEncoder
from sklearn_metarec.testing import parametrize_with_recommender_checks
from sklearn_metarec.utils import all_estimators

# Settings to check beside the defaults, and what a class cannot be made without. One
# that is not named here is checked with its defaults.
SETTINGS = {
    "BPR": [
        {"n_factors": 4},
        {"n_factors": 3, "sampling": "uniform", "optimizer": "sgd", "weighting": None},
    ],
    "BiasRegressor": [{}, {"user_regularization": 0.5, "tol": 0.0}],
    "Blend": [
        {"estimators": [("ease", EASE()), ("popular", PopularityRecommender())]},
        {
            "estimators": [("ease", EASE(5.0)), ("knn", ItemKNN())],
            "weights": [1.0, 3.0],
            "method": "rank",
        },
    ],
    "CalibratedReranker": [
        {"estimator": EASE(5.0), "list_length": 4},
        {"estimator": ItemKNN(), "calibration": 0.9, "n_groups": 3, "n_candidates": 6},
    ],
    "EASE": [
        {},
        {"regularization": 5.0, "weighting": "bm25"},
        {"weighting": None},
        {"regularization": 5.0, "n_neighbors": 3},
        {"regularization": 5.0, "n_neighbors": 4, "weighting": "tfidf"},
    ],
    "FMRanker": [
        {"n_factors": 4},
        {"n_factors": 3, "loss": "warp", "optimizer": "sgd", "weighting": None},
    ],
    "FMRegressor": [
        {"n_factors": 3, "max_iter": 30, "burn_in": 10},
        {"n_factors": 2, "max_iter": 20, "implicit": None, "n_draws": 5},
        {"n_factors": 2, "max_iter": 15, "burn_in": 5, "likelihood": "ordered_probit"},
    ],
    "Fallback": [
        {},
        {
            "estimators": [("ease", EASE(5.0)), ("knn", ItemKNN())],
            "min_history": [3],
        },
    ],
    "IALS": [
        {"n_factors": 4},
        {"n_factors": 3, "scale_regularization": 1.0, "weighting": None},
    ],
    "ItemKNN": [
        {},
        {"n_neighbors": 3, "similarity": "jaccard", "weighting": None},
        {"n_neighbors": 3, "weighting": "bm25", "shrinkage": 0},
    ],
    "KerasBuilderRegressor": [
        {"builder_params": {"units": 4, "learning_rate": 0.01}, "epochs": 4}
    ],
    "MMRReranker": [
        {"estimator": EASE(5.0), "list_length": 4},
        {"estimator": PureSVD(4, random_state=0), "diversity": 0.7, "n_candidates": 6},
    ],
    "MFRegressor": [{"n_factors": 4}, {"n_factors": 2, "scale_regularization": 0.0}],
    "MetaRegressor": [
        {"embedding_dim": 3, "epochs": 4},
        {"inner": "maml", "encoder": "sigmoid", "embedding_dim": 2, "epochs": 2},
    ],
    "MetaRidgeRegressor": [
        {"n_factors": 4, "max_iter": 5},
        {"n_factors": 2, "max_iter": 3, "hidden_items": 0.0},
    ],
    "MetaSelector": [
        {
            "candidates": [
                ("ease", EASE(), {}),
                ("popular", PopularityRecommender(), {"weighted": [False, True]}),
            ],
            "budget": 4,
        },
        {"candidates": [("bias", BiasRegressor(), {})], "task": "rating", "budget": 2},
    ],
    "MultVAE": [
        {"embedding_dim": 4, "hidden_dim": 8, "batch_size": 8, "epochs": 20},
        {
            "embedding_dim": 3,
            "hidden_dim": 6,
            "variational": False,
            "epochs": 10,
            "weighting": "log",
            "early_stopping": True,
            "validation_fraction": 0.3,
        },
    ],
    "NeuMF": [{"embedding_dim": 3, "hidden_dim": 4, "epochs": 20, "batch_size": 8}],
    "NeuralRegressor": [
        {"embedding_dim": 4, "hidden_dim": 4, "epochs": 5, "batch_size": 64},
        {
            "embedding_dim": 3,
            "hidden_dim": 3,
            "epochs": 6,
            "dropout": 0.2,
            "l1_regularization": 0.5,
            "early_stopping": True,
        },
    ],
    "PopularityRecommender": [{}, {"weighted": True}],
    "PrivateEASE": [
        {},
        {"epsilon": 1000.0, "max_items": 14, "threshold": 0.0},
    ],
    "PrivateItemKNN": [
        {},
        {"epsilon": 1000.0, "max_items": 14, "n_neighbors": 3, "shrinkage": 0.0},
    ],
    "PureSVD": [{"n_factors": 4}, {"n_factors": 3, "weighting": "bm25"}],
    "RecommenderPipeline": [
        {"steps": [("ids", IdEncoder()), ("ease", EASE())]},
        {"steps": [("bias", BiasRegressor())]},
    ],
    "SASRec": [{"embedding_dim": 4, "max_length": 6, "batch_size": 8, "epochs": 10}],
    "SLIM": [
        {},
        {"regularization": 5.0, "l1_regularization": 0.1, "weighting": "bm25"},
        {"regularization": 5.0, "positive": False, "weighting": None},
    ],
    "SVDppRegressor": [
        {"n_factors": 4},
        {"n_factors": 2, "scale_regularization": 0.0, "implicit_regularization": 2.0},
    ],
    "Slots": [
        {},
        {
            "estimators": [("ease", EASE(5.0)), ("knn", ItemKNN())],
            "slots": [("knn", 2), ("ease", 1)],
        },
    ],
    "TwoStageRecommender": [
        {"ranker": HistGradientBoostingClassifier(max_iter=5), "n_folds": 3},
        {
            "sources": [("knn", ItemKNN()), ("popular", PopularityRecommender())],
            "ranker": LogisticRegression(),
            "n_candidates": 5,
            "n_folds": 2,
        },
    ],
    "TwoTower": [{"embedding_dim": 4, "hidden_dim": 4, "epochs": 20, "batch_size": 8}],
    "WARP": [{"n_factors": 4}, {"n_factors": 3, "weighting": "log", "max_iter": 20}],
    "StackedRegressor": [
        {"estimators": [("bias", BiasRegressor()), ("knn", ItemKNNRegressor())]},
        {
            "estimators": [("bias", BiasRegressor()), ("mf", MFRegressor(2))],
            "meta_features": ["user_count"],
            "cv": 3,
            "regularization": 5.0,
        },
    ],
    "UserKNN": [{}, {"n_neighbors": 3, "similarity": "jaccard"}],
}

# Checks that may fail, and why.
EXPECTED_FAILURES = {
    # As of scikit-learn's Pipeline, in its own tests.
    "RecommenderPipeline": {
        "check_dont_overwrite_parameters": "A Pipeline fits its steps in place.",
        "check_estimators_overwrite_params": "A Pipeline fits its steps in place.",
        "check_failed_fit": "A Pipeline fits its steps in place.",
    },
}
# The second pipeline leaves the ids as they are.
OF_AN_ENCODER = {
    "check_partial_fit_equals_fit": "The encoder has no codes for the new ids.",
}


def instances(kind=None):
    """Every estimator of a kind, in every setting."""
    return [
        cls(**settings)
        for name, cls in all_estimators(kind)
        for settings in SETTINGS.get(name, [{}])
    ]


def one_each(kind):
    """Every estimator of a kind, in its first setting."""
    return [cls(**SETTINGS.get(name, [{}])[0]) for name, cls in all_estimators(kind)]


def each(kind, name="estimator"):
    estimators = one_each(kind)
    ids = [type(estimator).__name__ for estimator in estimators]
    return pytest.mark.parametrize(name, estimators, ids=ids)


RECOMMENDERS = ["ranker", "rating"]


def reasons(estimator):
    expected = EXPECTED_FAILURES.get(type(estimator).__name__, {})
    steps = [step for _, step in getattr(estimator, "steps", ())]
    encodes = any(isinstance(step, IdEncoder) for step in steps)
    return expected | (OF_AN_ENCODER if encodes else {})


# scikit-learn's tables give every row a user of its own, and MetaSelector says what
# that means for a comparison.
@pytest.mark.filterwarnings("ignore:The table cannot be divided:UserWarning")
@pytest.mark.filterwarnings("ignore:No candidate's score is a number:UserWarning")
@parametrize_with_checks(instances(), expected_failed_checks=reasons)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@parametrize_with_recommender_checks(
    [estimator for estimator in instances() if hasattr(estimator, "recommend")],
    expected_failures=reasons,
)
def test_our_checks(estimator, check):
    check(estimator)


# ------------------------------------------------------------ within scikit-learn


@cache
def table():
    """40 users, 24 items, two tastes, in time order; and ratings from 1 to 5."""
    rng = np.random.default_rng(0)
    user, item = np.indices((40, 24))
    alike = user % 2 == item % 2
    there = (rng.random(alike.shape) < np.where(alike, 0.6, 0.15)) | (user % 24 == item)
    user, item = np.nonzero(there)
    order = rng.permutation(len(user))
    user, item = user[order], item[order]
    X = pd.DataFrame(
        {
            "user_id": user,
            "item_id": [f"item {number:02d}" for number in item],
            "timestamp": np.arange(len(user)),
            "price": 1.0 + item % 5,
        }
    )
    taste = (user % 2 == item % 2).astype(float)
    rating = 2 + user % 3 / 2 + item % 4 / 2 + taste + rng.normal(0, 0.3, len(user))
    return X, np.clip(np.round(rating), 1, 5)


def ids():
    X, y = table()
    return X[["user_id", "item_id"]], y


def splitters():
    """Every splitter of the package; cold users get a few rows back."""
    classes = [getattr(model_selection, name) for name in model_selection.__all__]
    found = [cls for cls in classes if hasattr(cls, "split")]
    settings = {
        "ColdItemSplit": {"n_support": 2},
        "ColdUserSplit": {"n_support": 2},
        "WarmKFold": {"n_splits": 3},
    }
    return [cls(**settings.get(cls.__name__, {})) for cls in found]


def small_grid(estimator):
    """Two values of the first parameter that is a number or a switch."""
    for name in estimator._parameter_constraints:
        value = getattr(estimator, name)
        if isinstance(value, bool):
            return {name: [False, True]}
        if isinstance(value, int | float):
            return {name: [value, 2 * value]}
    if "random_state" in estimator._parameter_constraints:
        return {"random_state": [0, 1]}
    # What has members only: all that a search needs is a name.
    name = next(iter(estimator._parameter_constraints))
    return {name: [getattr(estimator, name)] * 2}


@pytest.mark.parametrize("splitter", splitters(), ids=lambda cv: type(cv).__name__)
@each(RECOMMENDERS)
def test_grid_search_with_each_splitter(estimator, splitter):
    X, y = table()
    search = GridSearchCV(
        estimator, small_grid(estimator), scoring=make_ranking_scorer("ndcg@10"),
        cv=splitter, error_score="raise",
    ).fit(X, y)  # fmt: skip
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (2,)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert search.best_score_ == scores.max()
    items, found = recommend(search, X["user_id"][:2], k=3)
    assert_array_equal(
        items, search.best_estimator_.recommend(X["user_id"][:2], k=3)[0]
    )
    assert np.isfinite(found).all()


@each(RECOMMENDERS)
def test_grid_search_for_several_metrics(estimator):
    X, y = ids()
    search = GridSearchCV(
        estimator, small_grid(estimator),
        scoring=make_ranking_scorer(["ndcg@10", "recall@5"]), refit="ndcg@10",
        cv=model_selection.PerUserShuffleSplit(random_state=0), error_score="raise",
    ).fit(X, y)  # fmt: skip
    assert search.best_score_ == search.cv_results_["mean_test_ndcg@10"].max()
    assert np.isfinite(search.cv_results_["mean_test_recall@5"]).all()


@each(RECOMMENDERS)
def test_cross_validate_for_several_metrics_and_train_scores(estimator):
    X, y = ids()
    names = ["ndcg@10", "recall@5", "mrr@10", "coverage@10"]
    scores = cross_validate(
        estimator, X, y, scoring=make_ranking_scorer(names),
        cv=model_selection.WarmKFold(3), return_train_score=True, error_score="raise",
    )  # fmt: skip
    for name in names:
        for part in ("test", "train"):
            values = scores[f"{part}_{name}"]
            assert values.shape == (3,)
            assert ((values >= 0) & (values <= 1)).all()


@each(RECOMMENDERS)
def test_behind_a_column_transformer(estimator):
    X, y = table()
    columns = ColumnTransformer(
        [
            ("scaled", StandardScaler(), ["price"]),
            ("ids", "passthrough", ["item_id", "user_id", "timestamp"]),
        ]
    )
    bare = seeded(estimator).fit(X, y)
    pipeline = make_recommender_pipeline(columns, seeded(estimator)).fit(X, y)
    users = [3, 5, 3]
    assert_array_equal(pipeline.recommend(users, k=4)[0], bare.recommend(users, k=4)[0])
    assert_allclose(pipeline.predict(X), bare.predict(X), rtol=1e-5)
    frame = pipeline.recommend(users, k=4, as_frame=True)
    assert frame["user_id"].tolist() == np.repeat(users, 4).tolist()
    if is_regressor(estimator):
        assert_allclose(pipeline.score(X, y), bare.score(X, y))


@each(RECOMMENDERS)
def test_a_pipeline_in_a_grid_search(estimator):
    X, y = table()
    columns = ColumnTransformer([("ids", "passthrough", ["user_id", "item_id"])])
    pipeline = RecommenderPipeline(
        [("columns", columns), ("codes", IdEncoder()), ("model", estimator)]
    )
    grid = {f"model__{name}": values for name, values in small_grid(estimator).items()}
    search = GridSearchCV(
        pipeline, grid, scoring=make_ranking_scorer("ndcg@10"), error_score="raise",
        cv=model_selection.PerUserShuffleSplit(random_state=0),
    ).fit(X, y)  # fmt: skip
    assert 0 <= search.best_score_ <= 1
    items, _ = recommend(search, [3], k=4)
    assert set(items[0]) <= set(X["item_id"])
    assert_array_equal(items, search.best_estimator_.recommend([3], k=4)[0])


def seeded(estimator):
    params = {"random_state": 0} if "random_state" in estimator.get_params() else {}
    return type(estimator)(**estimator.get_params(deep=False)).set_params(**params)


@each("rating")
def test_a_rating_model_in_an_ensemble(estimator):
    X, y = ids()
    members = [("model", estimator), ("bias", BiasRegressor())]
    folds = KFold(3, shuffle=True, random_state=0)
    for ensemble in (
        VotingRegressor(members),
        StackingRegressor(members, final_estimator=Ridge(), cv=folds),
        TransformedTargetRegressor(estimator, func=np.log, inverse_func=np.exp),
    ):
        ensemble.fit(X, y)
        assert ensemble.predict(X).shape == y.shape
        scores = cross_val_score(ensemble, X, y, cv=folds, error_score="raise")
        # Better than the mean: the tastes are there to be found.
        assert scores.mean() > 0


@each("rating")
def test_a_rating_model_has_a_learning_curve(estimator):
    X, y = ids()
    folds = KFold(3, shuffle=True, random_state=0)
    sizes, train, test = learning_curve(
        estimator, X, y, cv=folds, train_sizes=[0.3, 1.0], error_score="raise",
        shuffle=True, random_state=0,
    )  # fmt: skip
    assert train.shape == test.shape == (2, 3)
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()
    assert sizes[0] < sizes[1]


def test_there_is_something_to_check():
    assert {"EASE", "PopularityRecommender"} <= dict(all_estimators("ranker")).keys()
    assert "BiasRegressor" in dict(all_estimators("rating"))
    assert "IdEncoder" in dict(all_estimators("transformer"))
    assert set(SETTINGS) | set(EXPECTED_FAILURES) <= dict(all_estimators()).keys()
