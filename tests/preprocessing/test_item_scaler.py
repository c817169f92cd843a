import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec import EASE, make_recommender_pipeline
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.preprocessing import IdEncoder, ItemScaler

METHODS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
}


@pytest.fixture
def table():
    """Five rows of three items; the first is popular."""
    return pd.DataFrame(
        {
            "price": [2.0, 2.0, 2.0, 4.0, 10.0],
            "user_id": [1, 2, 3, 1, 1],
            "item_id": ["a", "a", "a", "b", "c"],
            "timestamp": [1, 2, 3, 4, 5],
            "year": [1990, 1990, 1990, 2000, 2020],
            "genre": ["x", "x", "x", "y", "z"],
        },
        index=[9, 9, 8, 7, 6],
    )


@parametrize_with_checks([ItemScaler(method) for method in METHODS])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", METHODS)
def test_the_statistics_are_those_of_the_distinct_items(method, table):
    out = ItemScaler(method).fit_transform(table)
    items = table.drop_duplicates("item_id")[["price", "year"]].to_numpy()
    expected = (
        METHODS[method]().fit(items).transform(table[["price", "year"]].to_numpy())
    )
    assert_array_equal(out[["price", "year"]].to_numpy(), expected)
    rest = ["user_id", "item_id", "timestamp", "genre"]
    pd.testing.assert_frame_equal(out[rest], table[rest])
    assert list(out.columns) == list(table.columns)


def test_minmax_by_hand(table):
    out = ItemScaler("minmax", columns=["price"]).fit_transform(table)
    assert out["price"].tolist() == [0, 0, 0, (4 - 2) / (10 - 2), 1]
    assert out["year"].tolist() == table["year"].tolist()


@pytest.mark.parametrize("method", METHODS)
def test_popularity_does_not_move_the_scale(method, table):
    popular = pd.concat([table, *[table.iloc[[3]]] * 50])
    fitted, moved = ItemScaler(method).fit(table), ItemScaler(method).fit(popular)
    assert_array_equal(
        fitted.transform(table)["price"], moved.transform(table)["price"]
    )
    assert (fitted.n_items_, moved.n_items_) == (3, 3)


def test_a_side_table_of_items_gives_the_same(table):
    side = table.drop_duplicates("item_id")[["item_id", "price", "year"]]
    scaler = ItemScaler().fit(side)
    assert_array_equal(scaler.scaler_.mean_, ItemScaler().fit(table).scaler_.mean_)
    assert scaler.transform(side)["item_id"].tolist() == ["a", "b", "c"]


def test_a_side_table_may_hold_a_rating_and_a_user_column_is_never_scaled():
    side = pd.DataFrame({"item_id": [1, 2], "rating": [1.0, 3.0]})
    assert ItemScaler().fit_transform(side)["rating"].tolist() == [-1, 1]
    with_user = side.assign(user_id=[5, 6])
    assert ItemScaler().fit_transform(with_user)["user_id"].tolist() == [5, 6]


def test_different_values_of_an_item_average():
    X = [["u", "a", 1.0], ["u", "a", 3.0], ["v", "b", 6.0]]
    scaler = ItemScaler("minmax").fit(X)
    assert scaler.scaler_.data_min_.tolist() == [(1 + 3) / 2]
    assert scaler.scaler_.data_max_.tolist() == [6]


def test_equal_values_average_to_themselves_to_the_last_bit():
    value = 0.1 + 0.2
    X = [["u", "a", value]] * 1000 + [["u", "b", 1.0]]
    assert ItemScaler("minmax").fit(X).scaler_.data_min_.tolist() == [value]


def test_missing_values_stay_missing_and_do_not_count():
    X = pd.DataFrame(
        {
            "item_id": [1, 1, 2, 3],
            "price": [np.nan, 2.0, 4.0, np.nan],
            "none": [np.nan] * 4,
        }
    )
    out = ItemScaler("minmax").fit_transform(X)
    assert_array_equal(out["price"], [np.nan, 0, 1, np.nan])
    assert_array_equal(out["none"], [np.nan] * 4)


def test_rows_without_an_item_do_not_count():
    X = [["u", "a", 1.0], ["u", None, 9.0], ["u", "b", 3.0]]
    assert ItemScaler("minmax").fit_transform(X)[:, 2].tolist() == [0, 4, 1]
    with pytest.raises(ValueError, match="No row of X has an item id"):
        ItemScaler().fit([["u", None, 1.0]])


def test_a_constant_column_is_divided_by_one():
    X = [["u", "a", 5], ["v", "b", 5]]
    assert ItemScaler().fit(X).transform([["u", "c", 7]])[:, 2].tolist() == [2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_inverse_transform(method, make, table):
    table = make(table.to_dict("list"))
    scaler = ItemScaler(method).fit(table)
    back = scaler.inverse_transform(scaler.transform(table))
    assert type(back) is type(table)
    for name in ("price", "year"):
        assert_allclose(back[name].to_numpy(), table[name].to_numpy())
    assert back["genre"].to_list() == table["genre"].to_list()


@pytest.mark.parametrize("wanted", ["pandas", "polars"])
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_set_output(wanted, make, table):
    X = make(table.to_dict("list"))
    out = ItemScaler("minmax").set_output(transform=wanted).fit_transform(X)
    assert type(out).__module__.startswith(wanted)
    assert out["item_id"].to_list() == ["a", "a", "a", "b", "c"]
    assert out["price"].to_list() == [0, 0, 0, 2 / 8, 1]


def test_array_columns_are_user_item_and_features():
    X = np.array([[1, 10, 5.0], [2, 10, 5.0], [3, 20, 7.0]])
    assert_array_equal(
        ItemScaler().fit_transform(X), [[1, 10, -1], [2, 10, -1], [3, 20, 1]]
    )


def test_an_array_of_items_names_its_item_column():
    X = np.array([[5.0, 10], [7.0, 20]])
    assert_array_equal(ItemScaler(item_column=1).fit_transform(X), [[-1, 10], [1, 20]])


def test_ids_beyond_the_integers_of_float64_survive():
    large = 2**60 + 1
    X = np.array([[1, large, 3], [1, 2, 4]])
    out = ItemScaler().fit_transform(X)
    assert out.dtype == object
    assert out.tolist() == [[1, large, -1], [1, 2, 1]]


def test_object_columns_of_numbers_are_numeric():
    X = np.array(
        [["u", "a", 1, "x"], ["u", "b", None, "y"], ["u", "c", 3, "z"]], object
    )
    scaler = ItemScaler("minmax").fit(X)
    assert scaler.columns_.tolist() == [2]
    assert_array_equal(scaler.transform(X)[:, 2].astype(float), [0, np.nan, 1])


def test_a_frame_without_an_item_name_warns():
    X = pd.DataFrame({"customer": [1, 2], "sku": [3, 4], "price": [1.0, 3.0]})
    with pytest.warns(ColumnsWarning, match="'sku' as the item"):
        out = ItemScaler().fit_transform(X)
    assert out["price"].tolist() == [-1, 1]
    named = ItemScaler(item_column="sku").fit(X)
    assert named.columns_.tolist() == [0, 2]


def test_nothing_to_scale():
    scaler = ItemScaler().fit([[1, "a"], [2, "b"]])
    assert scaler.scaler_ is None
    assert scaler.transform([[3, "a"]]).tolist() == [[3, "a"]]
    X = pd.DataFrame({"item_id": [1], "title": ["x"]})
    assert ItemScaler().fit_transform(X) is not X


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"method": "log"}, [[1, 2, 3]], "method"),
        ({"columns": [3]}, [[1, 2, 3]], "no column 3"),
        ({"columns": [2]}, [[1, 2, "x"]], "Column 2 cannot be scaled"),
        ({"item_column": "sku"}, [[1, 2, 3]], "X is no dataframe"),
        ({}, [[1], [2]], r"1 feature\(s\)"),
        ({}, [[1, 2, np.inf]], "infinity at row 0"),
    ],
)
def test_errors(options, X, message):
    with pytest.raises(ValueError, match=message):
        ItemScaler(**options).fit(X)


def test_it_clones_and_pickles(table):
    scaler = ItemScaler("robust", columns=["price"], item_column="item_id")
    assert clone(scaler).get_params() == scaler.get_params()
    again = pickle.loads(pickle.dumps(scaler.fit(table)))
    pd.testing.assert_frame_equal(again.transform(table), scaler.transform(table))


def test_in_a_column_transformer(table):
    transformer = make_column_transformer(
        (IdEncoder(), ["user_id", "item_id"]), (ItemScaler(), ["item_id", "year"])
    ).set_output(transform="pandas")
    out = transformer.fit_transform(table)
    assert out["idencoder__item_id"].tolist() == [0, 0, 0, 1, 2]
    years = np.array([1990, 2000, 2020])
    expected = (years - years.mean()) / years.std()
    assert_allclose(out["itemscaler__year"].iloc[2:], expected)


def test_in_a_pipeline(table):
    pipeline = make_recommender_pipeline(ItemScaler(), EASE(1.0)).fit(table)
    items, _ = pipeline.recommend([2], k=2)
    assert items.tolist() == EASE(1.0).fit(table).recommend([2], k=2)[0].tolist()
