import pickle
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec import EASE, make_recommender_pipeline, recommend
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.preprocessing import IdEncoder

MIXED = [["b", 10], [7, "x"], ["a", 2], [7, 10]]


@pytest.fixture
def table():
    """A frame whose id columns are neither first nor in order."""
    return pd.DataFrame(
        {
            "price": [1.5, 2.5, 3.5, 1.5],
            "item_id": ["tea", "cup", "jam", "tea"],
            "user_id": ["007", "08", "007", "9"],
        },
        index=[5, 5, 6, 7],
    )


@parametrize_with_checks(
    [IdEncoder(), IdEncoder(unknown_value=-1), IdEncoder(columns={"item": 0})]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_codes_follow_the_sorted_order_of_the_ids(table):
    out = IdEncoder().fit_transform(table)
    assert out["item_id"].tolist() == [2, 0, 1, 2]
    assert out["user_id"].tolist() == [0, 1, 0, 2]
    assert out["price"].tolist() == table["price"].tolist()
    assert out.index.tolist() == [5, 5, 6, 7]
    assert out["user_id"].dtype == np.int64


def test_the_input_is_not_changed(table):
    before = table.copy(deep=True)
    encoder = IdEncoder().fit(table)
    encoder.inverse_transform(encoder.transform(table))
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    "container",
    [
        list,
        lambda rows: np.array(rows, dtype=object),
        lambda rows: pd.DataFrame(rows, columns=["user_id", "item_id"]),
    ],
)
def test_mixed_ids_in_any_container(container):
    X = container(MIXED)
    encoder = IdEncoder().fit(X)
    assert encoder.users_.tolist() == [7, "a", "b"]
    assert encoder.items_.tolist() == [2, 10, "x"]
    out = np.asarray(encoder.transform(X))
    assert out.tolist() == [[2, 1], [0, 2], [1, 0], [0, 1]]
    assert np.asarray(encoder.inverse_transform(out)).tolist() == MIXED


def test_zero_padded_strings_are_ids_of_their_own():
    encoder = IdEncoder().fit([["007", "1"], ["7", "01"]])
    assert encoder.users_.tolist() == ["007", "7"]
    assert encoder.items_.tolist() == ["01", "1"]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_frame_stays_a_frame_and_comes_back(make, table):
    table = make(table.to_dict("list"))
    encoder = IdEncoder().fit(table)
    out = encoder.transform(table)
    assert type(out) is type(table)
    assert list(out.columns) == list(encoder.get_feature_names_out())
    assert encoder.inverse_transform(out).equals(table)


@pytest.mark.parametrize("source", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("wanted", "container"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)]
)
def test_set_output_keeps_the_types_of_the_columns(source, wanted, container):
    X = source(
        {
            "user_id": ["b", "a"],
            "item_id": [20, 10],
            "timestamp": [datetime(2020, 1, 1), datetime(2021, 1, 1)],
        }
    )
    out = IdEncoder().set_output(transform=wanted).fit_transform(X)
    assert type(out) is container
    assert list(out.columns) == ["user_id", "item_id", "timestamp"]
    assert out["user_id"].to_numpy().dtype == np.int64
    assert out["timestamp"].to_numpy().dtype.kind == "M"


def test_an_array_stays_an_array():
    X = np.array([[3, 30, 0.5], [1, 20, 1.5]])
    out = IdEncoder().fit_transform(X)
    assert_array_equal(out, [[1, 1, 0.5], [0, 0, 1.5]])
    assert IdEncoder().fit_transform(X[:, :2]).dtype == np.int64


def test_text_beside_codes_makes_an_object_array():
    out = IdEncoder().fit_transform(np.array([["b", "x", "red"], ["a", "y", "blue"]]))
    assert out.tolist() == [[1, 0, "red"], [0, 1, "blue"]]


def test_columns_are_given_by_name_or_position():
    X = pd.DataFrame({"n": [1, 2], "sku": ["b", "a"], "customer": [9, 8]})
    for columns in ({"user": "customer", "item": "sku"}, {"item": 1, "user": 2}):
        encoder = IdEncoder(columns=columns).fit(X)
        assert encoder.columns_ == {"user": 2, "item": 1}
        assert encoder.transform(X).to_numpy().tolist() == [[1, 1, 1], [2, 0, 0]]


def test_one_side_only():
    X = pd.DataFrame({"item_id": ["b", "a"], "price": [1.0, 2.0]})
    encoder = IdEncoder(columns={"item": "item_id"}).fit(X)
    assert (encoder.recodes("item"), encoder.recodes("user")) == (True, False)
    assert not hasattr(encoder, "users_")
    assert encoder.transform(X)["price"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="no codes for side='user'"):
        encoder.encode_ids([1], "user")


def test_a_single_column_has_the_name_of_its_side():
    encoder = IdEncoder().fit(pd.DataFrame({"itemId": ["b", "a"]}))
    assert encoder.columns_ == {"item": 0}
    with pytest.raises(ValueError, match="neither named user_id nor item_id"):
        IdEncoder().fit(pd.DataFrame({"sku": ["b", "a"]}))


def test_fit_again_on_other_columns_forgets_the_first():
    encoder = IdEncoder().fit([["a", "b"]])
    encoder.fit(pd.DataFrame({"item_id": ["b", "a"]}))
    assert not hasattr(encoder, "users_")
    assert not encoder.recodes("user")


def test_other_names_are_taken_by_position_with_a_warning():
    X = pd.DataFrame({"customer": ["b", "a"], "sku": [1, 2]})
    with pytest.warns(ColumnsWarning, match="customer"):
        encoder = IdEncoder().fit(X)
    assert encoder.columns_ == {"user": 0, "item": 1}


@pytest.mark.parametrize(
    ("X", "columns", "message"),
    [
        ([["a"], ["b"]], None, r"1 feature\(s\)"),
        ([["a", "b"]], {}, "columns must give"),
        ([["a", "b"]], {"product": 0}, "columns must give"),
        ([["a", "b"]], {"user": 0, "item": 0}, "as both user and item"),
        ([["a", "b"]], {"user": 2}, "no column 2"),
        ([["a", "b"]], {"user": "user_id"}, "X is no dataframe"),
        ([["a", "b"], ["a", None]], None, "item_id contains NaN"),
        (pd.DataFrame({"a": [1]}), {"user": "b"}, "no column 'b'"),
        (pd.DataFrame({"user": [], "item": []}), None, r"0 sample\(s\)"),
        (
            pd.DataFrame({"user": [1], "item": [1], "rating": [1]}),
            None,
            "pass it as y",
        ),
    ],
)
def test_what_cannot_be_fitted(X, columns, message):
    with pytest.raises(ValueError, match=message):
        IdEncoder(columns=columns).fit(X)


def test_an_unknown_value_cannot_be_a_code():
    with pytest.raises(ValueError, match="unknown_value"):
        IdEncoder(unknown_value=0).fit([["a", "b"]])


def test_unknown_ids_get_one_code_if_asked():
    encoder = IdEncoder(unknown_value=-1).fit([["a", 1], ["b", 2]])
    assert encoder.transform([["c", 3], ["d", 1]]).tolist() == [[-1, -1], [-1, 0]]


def test_unknown_ids_are_an_error_if_asked():
    encoder = IdEncoder(handle_unknown="error").fit([["a", 1], ["b", 2]])
    with pytest.raises(ValueError, match="unknown user ids, such as 'c'"):
        encoder.transform([["c", 1]])


def test_unknown_ids_have_negative_codes_of_their_own_everywhere():
    encoder = IdEncoder().fit([["a", 1], ["b", 2]])
    ids = ["new", 7, 7.5, "7", ("a", 1)]
    codes = encoder.encode_ids(ids, "user")
    assert len(set(codes.tolist())) == len(ids)
    assert (codes < 0).all()
    # The same alone, in another container, and as a float of the same value.
    singly = [encoder.encode_ids([id_], "user")[0] for id_ in ids[:4]]
    assert singly == codes[:4].tolist()
    assert encoder.encode_ids(np.array([7.0]), "user")[0] == codes[1]
    # No array of floats can make two of them one.
    assert_array_equal(codes.astype(np.float64).astype(np.int64), codes)


def test_the_codes_of_unknown_ids_are_those_of_any_process():
    encoder = IdEncoder().fit([["a", 1]])
    assert encoder.encode_ids(["zoe"], "user").tolist() == [-2999723910521983]


def test_decoding_says_none_where_there_is_no_id():
    encoder = IdEncoder().fit([["a", 1], ["b", 2]])
    assert encoder.decode_ids([1.0, -1, 2, np.nan, 0.5], "user").tolist() == [
        "b", None, None, None, None,
    ]  # fmt: skip
    assert encoder.decode_ids(np.array([0, 1]), "item").dtype == np.int64
    assert encoder.inverse_transform([[0, -1]]).tolist() == [["a", None]]


def test_other_columns_at_transform_are_an_error(table):
    encoder = IdEncoder().fit(table)
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(table.rename(columns={"price": "cost"}))
    with pytest.raises(ValueError, match="expecting 3 features"):
        encoder.inverse_transform([[0, 1]])


def test_not_fitted():
    with pytest.raises(NotFittedError):
        IdEncoder().recodes("user")


def test_it_clones_and_pickles(table):
    encoder = IdEncoder(columns={"user": "user_id"}, unknown_value=-2)
    assert clone(encoder).get_params() == encoder.get_params()
    again = pickle.loads(pickle.dumps(encoder.fit(table)))
    pd.testing.assert_frame_equal(again.transform(table), encoder.transform(table))


@pytest.mark.parametrize(
    "encoders",
    [
        [(IdEncoder(), ["user_id", "item_id"])],
        [(IdEncoder(), ["user_id"]), (IdEncoder(), ["item_id"])],
    ],
)
def test_a_pipeline_speaks_the_callers_ids(encoders, table):
    table = table.sort_values("price")[["item_id", "user_id", "price"]]
    pipeline = make_pipeline(
        make_column_transformer(*encoders, remainder="passthrough"), EASE(1.0)
    ).fit(table)
    bare = EASE(1.0).fit(table)
    for users in (["007", "9"], None):
        items, scores = recommend(pipeline, users, k=2)
        expected, expected_scores = bare.recommend(users, k=2)
        assert items.tolist() == expected.tolist()
        assert_array_equal(scores, expected_scores)
    assert_array_equal(pipeline.predict(table), bare.predict(table))


def test_an_unknown_user_of_a_pipeline_gets_the_fallback(table):
    pipeline = make_recommender_pipeline(IdEncoder(), EASE(1.0)).fit(table)
    items, scores = pipeline.recommend(["007", "nobody"], k=2)
    expected, expected_scores = EASE(1.0).fit(table).recommend(["007", "nobody"], k=2)
    assert items.tolist() == expected.tolist()
    assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_the_baskets_of_two_new_users_stay_two(make, table):
    table = make(table.to_dict("list"))
    rows = make({"price": [0.0, 0.0], "item_id": ["tea", "cup"], "user_id": ["x", "y"]})
    pipeline = make_recommender_pipeline(IdEncoder(), EASE(1.0)).fit(table)
    bare = EASE(1.0).fit(table)
    items, scores = pipeline.recommend(["y", "x"], k=2, history=rows)
    expected, expected_scores = bare.recommend(["y", "x"], k=2, history=rows)
    assert items.tolist() == expected.tolist()
    assert_array_equal(scores, expected_scores)
