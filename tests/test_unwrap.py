"""Finding the recommender within pipelines and searches, and the ids as they were."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from sklearn_metarec import EASE, BiasRegressor, make_recommender_pipeline, recommend
from sklearn_metarec.preprocessing import IdEncoder


def encoded(model):
    return make_recommender_pipeline(IdEncoder(), model)


def assert_same_lists(first, second):
    assert_array_equal(first[0], second[0])
    assert_allclose(first[1], second[1], rtol=1e-6)


# --------------------------------------------------------- steps that lose the ids


def shifted(X):
    """A permutation of the ids among themselves."""
    return np.column_stack([(X[:, 0] + 1) % 4, X[:, 1]])


SQUARE = np.array([[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [3, 0], [3, 3], [2, 3]])


@pytest.mark.parametrize(
    ("step", "X", "side"),
    [
        (OrdinalEncoder(), [["ann", "tea"], ["bob", "milk"], ["ann", "milk"]], "user"),
        # The codes 0, 1, 2 are ids, most of them, but of others.
        (OrdinalEncoder(), np.array([[0, 7], [2, 8], [3, 7], [2, 9]]), "user"),
        (StandardScaler(), np.array([[1.0, 7], [2, 8], [3, 7], [4, 8]]), "user"),
        (
            ColumnTransformer(
                [("user", "passthrough", [0]), ("item", OrdinalEncoder(), [1])]
            ),
            np.array([[1, 7], [2, 8], [3, 7], [4, 9]]),
            "item",
        ),
        (FunctionTransformer(shifted), SQUARE, "user or item"),
        (FunctionTransformer(lambda X: X[:, ::-1]), np.add(SQUARE, [0, 1]), "user"),
    ],
)
def test_a_step_that_loses_the_ids_is_found_out(step, X, side):
    pipeline = make_recommender_pipeline(step, EASE(1.0)).fit(X)
    message = f"changes the {side} ids in a way that cannot be undone"
    for call in (
        lambda: pipeline.recommend(),
        lambda: pipeline.recommend([1], as_frame=True),
        lambda: recommend(pipeline, [1]),
        lambda: pipeline.similar_items([7]),
        lambda: pipeline.explain(1, 7),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(AttributeError, match=message):
        pipeline.users_  # noqa: B018
    # What needs no names works.
    assert np.isfinite(pipeline.predict(X)).all()


def test_a_step_that_leaves_the_ids_as_they_are_is_no_harm():
    identity = FunctionTransformer(lambda X: X + 0)
    pipeline = make_recommender_pipeline(identity, EASE(1.0)).fit(SQUARE)
    assert_same_lists(pipeline.recommend(k=2), EASE(1.0).fit(SQUARE).recommend(k=2))
    # The codes of these ids are the ids themselves.
    pipeline = make_recommender_pipeline(OrdinalEncoder(), EASE(1.0)).fit(SQUARE)
    assert_same_lists(pipeline.recommend(k=2), EASE(1.0).fit(SQUARE).recommend(k=2))


def test_rows_of_weight_zero_are_not_taken_for_lost(purchases):
    weight = np.ones(len(purchases))
    weight[(purchases["user_id"] == "eva") | (purchases["item_id"] == "sugar")] = 0
    pipeline = encoded(EASE(1.0)).fit(purchases, ease__sample_weight=weight)
    assert pipeline.users_.tolist() == ["ann", "bob", "joe", "kim"]
    assert pipeline.items_.tolist() == ["milk", "rum", "tea"]
    assert pipeline.recommend(["bob"], k=1)[0].tolist() == [["rum"]]


def test_a_search_says_so_too():
    pipeline = make_recommender_pipeline(OrdinalEncoder(), EASE(1.0))
    search = GridSearchCV(
        pipeline, {"ease__regularization": [1.0]}, cv=[(np.arange(8), np.arange(8))],
        scoring=lambda estimator, X: 1.0,
    ).fit(SQUARE + 5)  # fmt: skip
    with pytest.raises(ValueError, match="cannot be undone"):
        recommend(search, [5])


# ------------------------------------------------------------------ free recommend


def test_recommend_with_the_model_itself(purchases):
    bare = EASE(1.0).fit(purchases)
    assert_same_lists(recommend(bare, ["bob"], k=2), bare.recommend(["bob"], k=2))


def test_recommend_with_a_plain_pipeline(purchases):
    pipeline = make_pipeline(IdEncoder(), EASE(1.0)).fit(purchases)
    bare = EASE(1.0).fit(purchases)
    assert_same_lists(recommend(pipeline, k=2), bare.recommend(k=2))
    ours = recommend(pipeline, ["bob", "new"], k=2, as_frame=True)
    theirs = recommend(bare, ["bob", "new"], k=2, as_frame=True)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


def test_recommend_through_a_wrapper_of_regressors(purchases):
    y = np.arange(len(purchases)) % 5 + 1.0
    wrapper = TransformedTargetRegressor(encoded(BiasRegressor()), func=np.log,
                                         inverse_func=np.exp)  # fmt: skip
    wrapper.fit(purchases, y)
    bare = BiasRegressor().fit(purchases, np.log(y))
    assert_same_lists(recommend(wrapper, ["bob"], k=2), bare.recommend(["bob"], k=2))


class Foreign(TransformerMixin, BaseEstimator):
    """Another library's recommender: no users_, no history_, no options."""

    def fit(self, X, y=None):
        self.model_ = "fitted"
        return self

    def recommend(self, users, k):
        return np.tile(np.arange(k), (len(users), 1)), np.ones((len(users), k))


def test_recommend_with_another_librarys_recommender(purchases):
    pipeline = make_recommender_pipeline(IdEncoder(), Foreign()).fit(purchases)
    items, _ = pipeline.recommend(["bob"], k=2)
    assert items.tolist() == [["milk", "rum"]]
    with pytest.raises(NotFittedError):
        pipeline.recommend(k=2)  # whose list it has is not told


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), LinearRegression()),
        GridSearchCV(EASE(), {"regularization": [1.0]}),
    ],
)
def test_recommend_needs_a_recommender(estimator):
    with pytest.raises(TypeError, match="has no method recommend"):
        recommend(estimator, [1])


@pytest.mark.parametrize("users", [None, ["bob"]])
def test_recommend_needs_a_fit(users):
    for pipeline in (encoded(EASE(1.0)), make_pipeline(IdEncoder(), EASE())):
        with pytest.raises(NotFittedError):
            recommend(pipeline, users)
