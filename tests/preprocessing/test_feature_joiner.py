import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec import ContentRanker, make_recommender_pipeline
from sklearn_metarec.preprocessing import FeatureEncoder, FeatureJoiner

X = pd.DataFrame({"user_id": [1, 2, 1], "item_id": ["tea", "rum", "gin"]})
ITEMS = pd.DataFrame({"item_id": ["rum", "tea"], "price": [9, 2], "kind": ["b", "a"]})
USERS = pd.DataFrame({"user_id": [2, 1], "price": [20, 10]})


@parametrize_with_checks([FeatureJoiner()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_columns_of_both_sides():
    out = FeatureJoiner(ITEMS, user_features=USERS).fit_transform(X)
    assert out.columns.tolist() == ["user_id", "item_id", "price", "kind", "user_price"]
    assert_array_equal(out["price"], [2, 9, np.nan])
    assert out["kind"].isna().tolist() == [False, False, True]
    assert_array_equal(out["user_price"], [10, 20, 10])
    assert X.columns.tolist() == ["user_id", "item_id"]


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame])
def test_the_library_of_the_table_stays(make):
    table = make(X.to_dict("list"))
    out = FeatureJoiner(pl.DataFrame(ITEMS.to_dict("list"))).fit_transform(table)
    assert type(out) is type(table)
    assert list(out["kind"])[:2] == ["a", "b"]


@pytest.mark.parametrize("make", [np.array, list])
def test_an_array_becomes_a_dataframe(make):
    rows = make([[1, 2], [3, 4]])
    table = pd.DataFrame({"item_id": [4, 2], "price": [0.5, 1.5]})
    out = FeatureJoiner(table).fit_transform(rows)
    assert out.columns.tolist() == ["user_id", "item_id", "price"]
    assert out["price"].tolist() == [1.5, 0.5]


def test_any_index_of_the_table():
    ours = X.set_axis([7, 7, 9], axis=0)
    out = FeatureJoiner(ITEMS.set_axis([5, 6], axis=0)).fit_transform(ours)
    assert_array_equal(out["price"], [2, 9, np.nan])


def test_in_pipelines():
    joiner = FeatureJoiner(ITEMS)
    ranker = make_recommender_pipeline(joiner, ContentRanker(["price", "kind"]))
    items, _ = ranker.fit(X).recommend([2], k=1)
    assert items.tolist() == [["tea"]] or items.tolist() == [["gin"]]
    encoder = FeatureEncoder({"user_id": "category", "item_id": "category"})
    ridge = make_pipeline(joiner, encoder, Ridge(1e-6)).fit(X, [1, 2, 3])
    np.testing.assert_allclose(ridge.predict(X), [1, 2, 3], atol=1e-3)


def test_clones_share_the_tables():
    assert clone(FeatureJoiner(ITEMS)).item_features is ITEMS


def test_an_item_with_two_rows():
    with pytest.raises(ValueError, match="several rows of item 'tea'"):
        FeatureJoiner({"item_id": ["tea", "tea"], "price": [1, 2]}).fit(X)
