"""Tables to codes: columns, ids, time, and the matrix of pairs."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.interactions import (
    encode_interactions,
    find_roles,
    interactions_from_matrix,
    pair_matrix,
    read_table,
    time_values,
    transpose_csr,
)


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (["user_id", "item_id"], {"user": "user_id", "item": "item_id"}),
        (["itemId", "userId"], {"user": "userId", "item": "itemId"}),
        (["x", "ITEM", "User"], {"user": "User", "item": "ITEM"}),
        (
            ["num__timestamp", "ids__user_id", "ids__item_id"],
            {"user": "ids__user_id", "item": "ids__item_id", "time": "num__timestamp"},
        ),
        # The id goes before a name of the same thing.
        (["user", "user_id", "item"], {"user": "user_id", "item": "item"}),
        (["a", "Rating"], {"rating": "Rating"}),
    ],
)
def test_columns_are_found_by_name(names, roles):
    assert find_roles(names) == roles


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_named_columns_in_any_position(frame):
    X = frame({"time": [3, 1], "item": ["a", "b"], "extra": [0, 0], "user": [7, 5]})
    coded = encode_interactions(X)
    assert coded.users.ids.tolist() == [5, 7]
    assert coded.rows.tolist() == [1, 0]
    assert coded.items.ids.tolist() == ["a", "b"]
    assert coded.time.tolist() == [3, 1]
    assert coded.shape == (2, 4)


def test_other_names_take_the_first_two_columns_and_say_so():
    X = pd.DataFrame({"customer": [1, 2], "product": [3, 4], "price": [0.5, 0.7]})
    with pytest.warns(ColumnsWarning, match=r"'customer' as the user and 'product'"):
        coded = encode_interactions(X)
    assert coded.users.ids.tolist() == [1, 2]
    assert coded.items.ids.tolist() == [3, 4]


def test_frame_with_integer_labels_is_read_as_an_array():
    coded = encode_interactions(pd.DataFrame([[1, "b"], [2, "a"]]))
    assert coded.cols.tolist() == [1, 0]


def test_a_rating_column_in_X_is_refused():
    X = pd.DataFrame({"user_id": [1], "item_id": [2], "rating": [5]})
    with pytest.raises(ValueError, match=r"'rating'.*pass it as y"):
        read_table(X)


def test_sparse_input_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match="interactions_from_matrix"):
        read_table(csr_array([[1, 0], [0, 1]]))


def test_lists_keep_types_by_column():
    table = encode_interactions([[1, "a"], [2, "b"]])
    assert table.users.ids.dtype == np.int64
    assert table.items.ids.tolist() == ["a", "b"]


def test_ids_are_sorted_by_type_then_value():
    coded = encode_interactions([["b", 0], [10, 0], ["a", 0], [9, 0], [2.5, 0]])
    assert coded.users.ids.tolist() == [2.5, 9, 10, "a", "b"]


@pytest.mark.parametrize(
    "ids",
    [
        np.array([7, 3, 7, 10**15, -4]),  # hashed: the range is too wide for a table
        np.array([7, 3, 7, 5, -4]),
        np.array([7, 3, 7, 5, 4], dtype=np.uint64),
        np.array([0.5, 0.25, 0.5, 3.0, -1.0]),
        np.array(["b", "a", "b", "zz", ""]),
        pd.Series(["b", "a", "b", "zz", ""]),
        pd.Series(["b", "a", "b", "zz", ""], dtype="category"),
        pd.Series([7, 3, 7, 5, 4], dtype="Int64"),
        np.array(["2020-01-02", "2020-01-01"] * 2 + ["2021-01-01"], "datetime64[D]"),
        np.array([True, False, True, True, False]),
        np.array([(1, 2), (0, 5), (1, 2), (3, 3), "x"], dtype=object),
    ],
    ids=lambda ids: str(getattr(ids, "dtype", "")),
)
def test_codes_are_positions_among_the_sorted_ids(ids):
    X = pd.DataFrame({"user": ids, "item": np.arange(5)})
    coded = encode_interactions(X)
    values = list(ids)
    expected = sorted(set(values), key=lambda v: (not isinstance(v, str), v))
    assert list(coded.users.ids) == expected
    assert [expected[code] for code in coded.rows] == values
    assert coded.users.lookup(ids).tolist() == coded.rows.tolist()


def test_hashing_many_wide_integers_agrees_with_numpy():
    rng = np.random.default_rng(0)
    ids = rng.integers(-(2**62), 2**62, 100_000)[rng.integers(0, 100_000, 300_000)]
    coded = encode_interactions(np.column_stack([ids, ids]))
    unique, inverse = np.unique(ids, return_inverse=True)
    np.testing.assert_array_equal(coded.users.ids, unique)
    np.testing.assert_array_equal(coded.rows, inverse)


@pytest.mark.parametrize("kind", ["strings", "numbers", "mixed"])
def test_objects_that_rows_share_are_encoded_as_others(kind):
    ids = [*range(-50, 50)] if kind == "numbers" else [f"id{n}" for n in range(100)]
    if kind == "mixed":  # 1.0 and True are the id 1, and other objects
        ids += [1, 1.0, True, 2.5, "".join(["id", "7"]), 10**30]
    rng = np.random.default_rng(0)
    column = np.empty((70_000, 2), dtype=object)
    column[:, 0] = np.array(ids, dtype=object)[rng.integers(len(ids), size=70_000)]
    column[:, 1] = [f"item{n % 900}" for n in range(70_000)]  # each another object
    coded = encode_interactions(column)
    for vocabulary, codes, values in (
        (coded.users, coded.rows, column[:, 0]),
        (coded.items, coded.cols, column[:, 1]),
    ):
        few, few_codes = encode_ids(values[:9_000])
        assert few.ids.tolist() == vocabulary.ids.tolist()
        assert few.ids.dtype == vocabulary.ids.dtype
        np.testing.assert_array_equal(codes[:9_000], few_codes)
        assert vocabulary.ids[codes].tolist() == values.tolist()
    column[60_001, 0] = column[3, 1] = None
    with pytest.raises(ValueError, match=r"user_id contains NaN .* at row 60001"):
        encode_interactions(column)


def test_lookup_takes_equal_ids_of_other_types():
    users = encode_interactions([[1, 0], [5, 0]]).users
    assert users.lookup([5.0, 1.5, 1.0]).tolist() == [1, -1, 0]
    assert users.lookup(np.array([5.0, 7.0])).tolist() == [1, -1]
    assert users.lookup(["5", 5]).tolist() == [-1, 1]
    assert users.lookup([10**30, -3]).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([2, 1], [2, 1]),
        (np.array([2.5, 1.0]), [2.5, 1.0]),
        (np.array(["2020-01-01"], "datetime64[D]"), [1_577_836_800_000_000_000]),
        (["2020-01-01T00:00:00"], [1_577_836_800_000_000_000]),
        (["2020-01-01T01:00:00+01:00"], [1_577_836_800_000_000_000]),
    ],
)
def test_time_values(column, expected):
    assert time_values(column).tolist() == expected


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array([1.0, np.nan]), "missing at row 1"),
        (np.array(["2020-01-01", "NaT"], "datetime64[D]"), "missing at row 1"),
        (["yesterday"], "no time"),
    ],
)
def test_bad_times_are_errors(column, message):
    with pytest.raises(ValueError, match=message):
        time_values(column)


def test_interactions_from_matrix_keeps_entries_and_ids():
    matrix = csr_array([[0, 5], [3, 0]])
    X, y = interactions_from_matrix(matrix, ["ann", "bob"], [10, 20])
    assert X.tolist() == [["ann", 20], ["bob", 10]]
    assert y.tolist() == [5, 3]
    with pytest.raises(ValueError, match=r"user_ids has 1 ids.*2 rows"):
        interactions_from_matrix(matrix, ["ann"])


def test_pair_matrix_adds_up_and_sorts():
    rows = np.array([1, 0, 1, 1], dtype=np.int32)
    cols = np.array([2, 0, 0, 2], dtype=np.int32)
    matrix = pair_matrix(rows, cols, np.array([1.0, 0.0, 2.0, 4.0]), (3, 3))
    assert matrix.toarray().tolist() == [[0, 0, 0], [2, 0, 5], [0, 0, 0]]
    assert matrix.nnz == 3  # the zero stays: the pair was seen
    assert matrix.indices.tolist() == [0, 0, 2]


def test_transpose_csr():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 3, (20, 30)).astype(np.float32)
    transposed = transpose_csr(csr_array(dense))
    np.testing.assert_array_equal(transposed.toarray(), dense.T)
    assert transposed.has_sorted_indices


def test_compact_drops_ids_without_rows():
    coded = encode_interactions([["a", 1], ["b", 2], ["c", 3]])
    part = coded[np.array([0, 2])].compact()
    assert part.users.ids.tolist() == ["a", "c"]
    assert part.cols.tolist() == [0, 1]
