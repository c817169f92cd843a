import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import check_scoring
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.linear_model import EASE, BiasRegressor
from sklearn_metarec.metrics._names import ACCURACY, BEYOND
from sklearn_metarec.model_selection import (
    PerUserShuffleSplit,
    WarmKFold,
    make_ranking_scorer,
)
from sklearn_metarec.pipeline import RecommenderPipeline

GRID = {"regularization": [0.1, 10.0, 1000.0]}


@pytest.fixture(name="X")
def two_tastes():
    """Users of two tastes, 30 each, with 8 of 20 items."""
    rng = np.random.default_rng(0)
    items = [rng.choice(20, 8, replace=False) + 20 * (user % 2) for user in range(60)]
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(60), 8),
            "item_id": np.concatenate(items),
            "price": rng.random(480),
        }
    )


@pytest.fixture
def split(X):
    return next(PerUserShuffleSplit(random_state=0).split(X))


def test_one_name_gives_a_float_and_several_a_dict(X, split):
    train, test = (X.iloc[part] for part in split)
    model = EASE(10.0).fit(train)
    one = make_ranking_scorer("ndcg@10")(model, test)
    assert isinstance(one, float)
    assert one == model.score(test)
    names = ["recall@20", "ndcg@10", "map"]
    several = make_ranking_scorer(names)(model, test)
    assert list(several) == names
    assert several["ndcg@10"] == one
    assert make_ranking_scorer(["ndcg@10"])(model, test) == {"ndcg@10": one}


def test_the_options_are_passed_on(X, split):
    train, test = (X.iloc[part] for part in split)
    y = np.arange(len(test)) % 5
    model = EASE(10.0).fit(train)
    options = {
        "exclude_seen": False, "min_relevance": 1, "gain": "linear", "n_negatives": 5,
        "random_state": 3,
    }  # fmt: skip
    scorer = make_ranking_scorer("ndcg@3", **options)
    expected = evaluate_ranking(model, test, y, metrics=["ndcg@3"], **options)
    assert scorer(model, test, y) == expected["ndcg@3"]
    assert scorer(model, test, y) == scorer(model, test, y)


def test_cross_validate_with_several_metrics(X):
    scorer = make_ranking_scorer(["ndcg@10", "recall@5", "coverage@5", "novelty@5"])
    scores = cross_validate(
        EASE(10.0), X, scoring=scorer, cv=WarmKFold(3), error_score="raise"
    )
    for name in scorer.metrics:
        assert scores[f"test_{name}"].shape == (3,)
        assert np.isfinite(scores[f"test_{name}"]).all()


def test_training_scores_rank_what_was_fitted(X):
    options = {"cv": WarmKFold(3), "return_train_score": True, "error_score": "raise"}
    names = ["ndcg@10", "recall@5"]
    scores, with_seen = (
        cross_validate(
            EASE(10.0),
            X,
            scoring=make_ranking_scorer(names, exclude_seen=exclude_seen),
            **options,
        )
        for exclude_seen in (True, False)
    )
    for name in names:
        assert scores[f"train_{name}"].tolist() == with_seen[f"train_{name}"].tolist()
        assert scores[f"test_{name}"].min() > with_seen[f"test_{name}"].max()
    assert (scores["train_ndcg@10"] > 0.8).all()


def test_a_part_of_the_fit_is_no_training_score(X):
    model = EASE(10.0).fit(X)
    scorer = make_ranking_scorer("ndcg@10")
    whole = scorer(model, X)
    assert whole > 0.8
    assert scorer(model, pd.concat([X, X[:9]]), np.ones(len(X) + 9)) == whole
    for part in (X[1:], X[1:].sample(len(X), replace=True, random_state=0)):
        with pytest.warns(UndefinedMetricWarning, match="was not in the fit"):
            assert np.isnan(scorer(model, part))
    # What `score` says has no other use than to measure a test table.
    with pytest.warns(UndefinedMetricWarning, match="was not in the fit"):
        assert np.isnan(model.score(X))


def test_training_scores_of_a_search_do_not_disturb_it(X):
    search = GridSearchCV(
        EASE(), GRID, scoring=make_ranking_scorer("ndcg@10"), cv=WarmKFold(3),
        return_train_score=True, error_score="raise",
    )  # fmt: skip
    search.fit(X)
    # The less penalty, the closer to the training rows.
    assert (np.diff(search.cv_results_["mean_train_score"]) <= 0).all()
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_a_grid_search_over_several_metrics(X):
    scorer = make_ranking_scorer(["ndcg@10", "recall@5"])
    cv = PerUserShuffleSplit(2, random_state=0)
    search = GridSearchCV(EASE(), GRID, scoring=scorer, refit="ndcg@10", cv=cv)
    search.fit(X)
    by_hand = [
        np.mean(
            [
                scorer(EASE(penalty).fit(X.iloc[train]), X.iloc[test])["ndcg@10"]
                for train, test in cv.split(X)
            ]
        )
        for penalty in GRID["regularization"]
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_ndcg@10"], by_hand)
    assert search.best_index_ == np.argmax(by_hand)
    assert np.isfinite(search.cv_results_["mean_test_recall@5"]).all()
    # The search itself can be scored: on rows it was not fitted on.
    assert search.score(X.assign(user_id=X["user_id"] + 1)) > 0


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_search_gives_the_same_with_two_workers(X, backend):
    from joblib import parallel_config

    searches = []
    for n_jobs in (1, 2):
        search = GridSearchCV(
            EASE(), GRID, scoring=make_ranking_scorer("ndcg@10"),
            cv=PerUserShuffleSplit(2, random_state=0), n_jobs=n_jobs,
        )  # fmt: skip
        with parallel_config(backend):
            searches.append(search.fit(X))
    one, two = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(one, two)


def test_halving(X):
    search = HalvingGridSearchCV(
        EASE(), GRID, scoring=make_ranking_scorer("ndcg@10"), min_resources=240,
        cv=PerUserShuffleSplit(2, random_state=0), random_state=0, factor=2,
        error_score="raise",
    )  # fmt: skip
    search.fit(X)
    assert search.n_iterations_ == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", [Pipeline, RecommenderPipeline])
def test_a_pipeline_behind_a_column_transformer(X, split, kind):
    columns = ColumnTransformer(
        [("price", StandardScaler(), ["price"])], remainder="passthrough"
    ).set_output(transform="pandas")
    scorer = make_ranking_scorer("ndcg@10")
    pipeline = kind([("columns", columns), ("model", EASE())])
    grid = {f"model__{name}": values for name, values in GRID.items()}
    search = GridSearchCV(
        pipeline, grid, scoring=scorer, cv=[split], error_score="raise"
    ).fit(X)
    train, test = (X.iloc[part] for part in split)
    bare = EASE(**{
        name.removeprefix("model__"): value
        for name, value in search.best_params_.items()
    })  # fmt: skip
    assert search.best_score_ == scorer(bare.fit(train), test)


def test_a_rating_model_is_ranked_too(X, split):
    train, test = (X.iloc[part] for part in split)
    model = BiasRegressor().fit(train, np.arange(len(train)) % 5)
    assert 0 <= make_ranking_scorer("ndcg@10")(model, test) <= 1


class Foreign(BaseEstimator):
    def __init__(self, first=0):
        self.first = first

    def fit(self, X, y=None):
        self.items = np.unique(X["item_id"])
        return self

    def recommend(self, users, k=10):
        items = np.roll(self.items, -self.first)[:k]
        return np.tile(items, (len(users), 1)), np.tile(-np.arange(k), (len(users), 1))


def test_a_foreign_estimator_can_be_searched(X):
    search = GridSearchCV(
        Foreign(), {"first": [0, 20]}, scoring=make_ranking_scorer("recall@20"),
        cv=WarmKFold(2), error_score="raise",
    )  # fmt: skip
    # The first 20 items are those of one half of the users, the others of the other.
    np.testing.assert_allclose(
        search.fit(X).cv_results_["mean_test_score"], [0.5, 0.5], atol=0.02
    )


def test_weights_are_routed_to_fit_and_score(X):
    weight = np.where(X["user_id"] % 2, 5.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_ranking_scorer("recall@3").set_score_request(sample_weight=True)
        search = GridSearchCV(
            EASE().set_fit_request(sample_weight=False), {"regularization": [10.0]},
            scoring=scorer, cv=WarmKFold(2), refit=False, error_score="raise",
        )  # fmt: skip
        search.fit(X, sample_weight=weight)
        scores = cross_validate(
            EASE(10.0).set_fit_request(sample_weight=False), X, scoring=scorer,
            cv=WarmKFold(2), params={"sample_weight": weight}, error_score="raise",
        )  # fmt: skip
    by_hand = [
        evaluate_ranking(
            EASE(10.0).fit(X.iloc[train]), X.iloc[test], sample_weight=weight[test],
            metrics=["recall@3"],
        )["recall@3"]
        for train, test in WarmKFold(2).split(X)
    ]  # fmt: skip
    assert scores["test_score"].tolist() == by_hand
    assert search.cv_results_["mean_test_score"] == pytest.approx([np.mean(by_hand)])
    plain = cross_val_score(
        EASE(10.0), X, scoring=make_ranking_scorer("recall@3"), cv=WarmKFold(2)
    )
    assert plain.tolist() != by_hand


def test_only_weights_can_be_requested():
    scorer = make_ranking_scorer("ndcg@10")
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(TypeError, match="estimator"):
            scorer.set_score_request(estimator=True)
        scorer.set_score_request(sample_weight="weight")
        assert clone(scorer).get_metadata_routing().score.requests == {
            "sample_weight": "weight"
        }


def test_a_split_that_holds_out_users_is_warned_of(X):
    with pytest.warns(ColdUsersWarning, match="PerUserShuffleSplit, WarmKFold"):
        scores = cross_val_score(
            EASE(10.0), X, scoring=make_ranking_scorer("ndcg@10"), cv=KFold(5)
        )
    assert np.isfinite(scores).all()


def test_it_prints_pickles_and_clones():
    scorer = make_ranking_scorer("ndcg@10", n_negatives=99)
    assert repr(scorer) == "RankingScorer(metrics='ndcg@10', n_negatives=99)"
    for copy in (clone(scorer), pickle.loads(pickle.dumps(scorer))):
        assert repr(copy) == repr(scorer)
        assert check_scoring(EASE(), scoring=copy) is copy


@pytest.mark.parametrize(
    ("metrics", "options", "message"),
    [
        ("ndgc@10", {}, "Unknown metric 'ndgc@10'"),
        (["ndcg@10", "recall@0"], {}, "cut-off of 'recall@0' must be a positive"),
        ([], {}, "metrics is empty"),
        (10, {}, "'metrics' parameter of make_ranking_scorer must be"),
        ("ndcg", {"gain": "log"}, "'gain' parameter of make_ranking_scorer must be"),
        ("ndcg", {"n_negatives": 0}, "'n_negatives' parameter"),
        ("ndcg", {"random_state": "a"}, "'random_state' parameter"),
    ],
)
def test_wrong_parameters_are_errors(metrics, options, message):
    with pytest.raises(ValueError, match=message):
        make_ranking_scorer(metrics, **options)


def test_every_metric_can_be_scored(X, split):
    train, test = (X.iloc[part] for part in split)
    names = [*ACCURACY, *BEYOND]
    scores = make_ranking_scorer(names)(EASE(10.0).fit(train), test)
    assert list(scores) == names
    assert np.isfinite(list(scores.values())).all()
