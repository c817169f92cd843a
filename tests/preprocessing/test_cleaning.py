import pickle
from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from sklearn_metarec import EASE, BiasRegressor
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.interactions import encode_interactions, time_values
from sklearn_metarec.preprocessing import clean_interactions

PAIRS = [["b", 1], ["a", 1], ["b", 1], ["a", 2]]


def rows_left(X, *args, **options):
    """The positions of the rows that a cleaning leaves."""
    dropped = clean_interactions(X, *args, **options).report.dropped
    return [row for row in range(len(X)) if row not in dropped.index]


# ---------------------------------------------------------------------- containers


@pytest.mark.parametrize(
    ("make_X", "make_y"),
    [
        (list, list),
        (tuple, tuple),
        (lambda rows: np.array(rows, object), np.array),
        (
            lambda rows: pd.DataFrame(
                rows, columns=["user", "item"], index=[3, 3, 4, 5]
            ),
            lambda y: pd.Series(y, name="stars", index=[3, 3, 4, 5]),
        ),
        (
            lambda rows: pl.DataFrame(rows, schema=["user", "item"], orient="row"),
            lambda y: pl.Series("stars", y),
        ),
        (lambda rows: pd.DataFrame(rows, index=[3, 3, 4, 5]), np.array),
    ],
)
@pytest.mark.parametrize(
    ("duplicates", "left", "y"),
    [
        ("keep_last", [1, 2, 3], [4, 3, 1]),
        ("keep_first", [0, 1, 3], [5, 4, 1]),
        ("keep", [0, 1, 2, 3], [5, 4, 3, 1]),
        ("sum", [1, 2, 3], [4, 5 + 3, 1]),
        ("mean", [1, 2, 3], [4, (5 + 3) / 2, 1]),
    ],
)
def test_every_container_comes_back(make_X, make_y, duplicates, left, y):
    X, target = make_X(PAIRS), make_y([5, 4, 3, 1])
    weight = make_y([1, 1, 1, 1])
    cleaned = clean_interactions(X, target, sample_weight=weight, duplicates=duplicates)
    assert type(cleaned.X) is type(X)
    assert type(cleaned.y) is type(target)
    assert type(cleaned.sample_weight) is type(weight)
    assert np.asarray(cleaned.X, dtype=object).tolist() == [PAIRS[row] for row in left]
    assert list(cleaned.y) == y
    assert list(cleaned.sample_weight) == [
        2 if duplicates == "mean" and row == 2 else 1 for row in left
    ]
    for came, went in ((X, cleaned.X), (target, cleaned.y)):
        if isinstance(came, pd.DataFrame | pd.Series):
            assert went.index.tolist() == came.index[left].tolist()
    if isinstance(target, pd.Series | pl.Series):
        assert cleaned.y.name == "stars"


def test_the_input_is_not_changed():
    X = pd.DataFrame({"user": [1, np.nan, 1], "item": ["a", "b", "a"]})
    y, weight = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])
    before = X.copy(deep=True), y.copy(), weight.copy()
    clean_interactions(X, y, sample_weight=weight, duplicates="sum")
    pd.testing.assert_frame_equal(X, before[0])
    assert_array_equal(y, before[1])
    assert_array_equal(weight, before[2])


def test_read_only_arrays():
    X, y = np.array([[1, 2], [1, 2]]), np.array([1.0, 2.0])
    X.flags.writeable = y.flags.writeable = False
    assert clean_interactions(X, y, duplicates="mean").y.tolist() == [1.5]


def test_interactions():
    interactions = encode_interactions(PAIRS)
    cleaned = clean_interactions(interactions, min_user=2).X
    assert cleaned.users.ids[cleaned.rows].tolist() == ["a", "a"]
    assert cleaned.items.ids[cleaned.cols].tolist() == [1, 2]
    assert cleaned.users.ids.tolist() == ["a"]


def test_without_y_and_weights():
    cleaned = clean_interactions(PAIRS)
    assert (cleaned.y, cleaned.sample_weight) == (None, None)
    assert clean_interactions(PAIRS, duplicates="sum").y.tolist() == [1, 2, 1]


def test_a_clean_table_stays_as_it_is():
    X = pd.DataFrame({"user_id": [2, 1], "item_id": ["a", "b"], "hour": [0.5, np.nan]})
    cleaned = clean_interactions(X)
    pd.testing.assert_frame_equal(cleaned.X, X)
    assert cleaned.report.counts == {}
    assert len(cleaned.report.dropped) == 0
    assert str(cleaned.report).endswith("nothing dropped")


def test_other_names_warn():
    with pytest.warns(ColumnsWarning, match="customer"):
        clean_interactions(pd.DataFrame({"customer": [1], "sku": [2]}))


# ------------------------------------------------------------------- incomplete rows


@pytest.mark.parametrize(
    ("ids", "reasons"),
    [
        ([1, None, "a", "", "  ", np.nan, pd.NA], [None, *"m", None, *"mmmm"]),
        (np.array([1.5, np.nan, np.inf, -np.inf]), [None, "m", "i", "i"]),
        ([float("inf"), 3, True], ["i", None, None]),
        (np.array(["a", "", " "]), [None, "m", "m"]),
        (pd.Series([1, None, 3], dtype="Int64"), [None, "m", None]),
        (pd.Series(["a", None, ""], dtype="string"), [None, "m", "m"]),
        (pd.Series(["a", None, ""], dtype="category"), [None, "m", "m"]),
        (pd.Series(["a", None, ""]), [None, "m", "m"]),
        (np.array(["2020", "NaT"], dtype="M8[s]"), [None, "m"]),
    ],
)
@pytest.mark.parametrize("side", ["user", "item"])
def test_missing_and_infinite_ids(ids, reasons, side):
    other = {"user": "item", "item": "user"}[side]
    X = pd.DataFrame({side: ids, other: range(len(ids))})
    report = clean_interactions(X).report
    names = {"m": f"missing_{side}", "i": f"infinite_{side}"}
    expected = {row: names[r] for row, r in enumerate(reasons) if r}
    assert report.dropped.to_dict() == expected


def test_missing_ids_of_polars_keep_the_digits_of_the_others():
    X = pl.DataFrame({"user_id": [2**60, None, 2**60 + 1], "item_id": ["a", "a", None]})
    cleaned = clean_interactions(X)
    assert cleaned.X["user_id"].to_list() == [2**60]
    assert (cleaned.report.n_users_in, cleaned.report.n_items_in) == (2, 1)
    assert cleaned.report.counts == {"missing_user": 1, "missing_item": 1}


def test_floats_made_by_a_missing_id_become_integers_again():
    X = pd.DataFrame({"user_id": [7, None, 8], "item_id": [1.0, 2.0, 3.0]})
    cleaned = clean_interactions(X).X
    assert cleaned["user_id"].tolist() == [7, 8]
    assert cleaned["user_id"].dtype == np.int64
    assert cleaned["item_id"].dtype == np.float64
    halves = pd.DataFrame({"user_id": [7.5, None], "item_id": [1, 2]})
    assert clean_interactions(halves).X["user_id"].tolist() == [7.5]


@pytest.mark.parametrize(
    ("y", "reasons"),
    [
        ([1, None, "x", "2", np.inf, " "], [None, "m", "b", None, "b", "m"]),
        (np.array([1, np.nan, -np.inf]), [None, "m", "b"]),
        (pd.Series([1, None], dtype="Int64"), [None, "m"]),
        (pl.Series([1, None]), [None, "m"]),
        (np.array([True, False]), [None, None]),
    ],
)
def test_missing_and_broken_targets(y, reasons):
    X = [["u", item] for item in range(len(y))]
    report = clean_interactions(X, y).report
    names = {"m": "missing_y", "b": "broken_y"}
    expected = {row: names[r] for row, r in enumerate(reasons) if r}
    assert report.dropped.to_dict() == expected


def test_weights_that_are_none():
    weight = [1, None, -1, np.inf, 0, 2]
    cleaned = clean_interactions([["u", i] for i in range(6)], sample_weight=weight)
    assert cleaned.sample_weight == [1, 2]
    assert cleaned.report.counts == {"broken_weight": 3, "zero_weight": 1}


@pytest.mark.parametrize(
    ("time", "reasons"),
    [
        ([1, 2.5, None, np.nan], [None, None, "m", "m"]),
        (np.array([1.0, np.inf]), [None, "u"]),
        (["2020-01-01", "2020-01-01T10:00:00+02:00", "soon", "", None],
         [None, None, "u", "m", "m"]),
        (["2020-01-01", 5, "0001-01-01"], [None, "u", "u"]),
        ([date(2020, 1, 1), None], [None, "m"]),
        ([datetime(2020, 1, 1), pd.NaT, "x"], [None, "m", "u"]),
        (pd.to_datetime(["2020-01-01", None]).tz_localize("UTC"), [None, "m"]),
        (np.array(["2020", "NaT", "1500"], dtype="M8[s]"), [None, "m", "u"]),
        (pd.Series([1, None], dtype="Int64"), [None, "m"]),
    ],
)  # fmt: skip
def test_missing_and_unreadable_times(time, reasons):
    if isinstance(time, list):
        time = np.array(time, dtype=object)
    X = pd.DataFrame({"user": 1, "item": range(len(time)), "time": time})
    cleaned = clean_interactions(X)
    names = {"m": "missing_time", "u": "unreadable_time"}
    expected = {row: names[r] for row, r in enumerate(reasons) if r}
    assert cleaned.report.dropped.to_dict() == expected
    assert len(time_values(cleaned.X["time"])) == len(time) - len(expected)


def test_times_of_polars():
    X = pl.DataFrame(
        {"user": [1, 1], "item": [1, 2], "time": [datetime(2020, 1, 1), None]}
    )
    assert clean_interactions(X).report.counts == {"missing_time": 1}


def test_incomplete_rows_are_an_error_if_asked():
    X = [["u", 1], ["u", None], ["", 2]]
    with pytest.raises(ValueError, match="2 of 3 rows are incomplete, first row 1: "):
        clean_interactions(X, drop_incomplete=False)
    assert len(clean_interactions(X[:1], drop_incomplete=False).X) == 1


def test_a_row_is_counted_under_its_first_reason():
    X = [[None, None], ["u", "i"]]
    assert clean_interactions(X, [None, 1]).report.counts == {"missing_user": 1}


# ---------------------------------------------------------------------------- ranges


def test_ranges_of_y():
    X = [["u", i] for i in range(5)]
    y = [-1, 0, 3, 5, 6]
    assert clean_interactions(X, y, y_range=(0, 5)).y == [0, 3, 5]
    assert clean_interactions(X, y, y_range=(0, None)).y == [0, 3, 5, 6]
    report = clean_interactions(X, y, y_range=(None, 4)).report
    assert report.dropped.to_dict() == {3: "y_out_of_range", 4: "y_out_of_range"}


@pytest.mark.parametrize(
    ("time", "limits"),
    [
        ([0, 10, 20, 99], (10, 20)),
        (["1970-01-01", "2020-01-01", "2021-01-01", "2100-01-01"], ("2000", "2021")),
        (
            pd.to_datetime(["1970", "2020", "2021", "2100"]),
            (pd.Timestamp("2020", tz="UTC"), datetime(2022, 1, 1)),
        ),
    ],
)
def test_ranges_of_time(time, limits):
    X = pd.DataFrame({"user": 1, "item": range(4), "time": time})
    cleaned = clean_interactions(X, time_range=limits)
    assert cleaned.X["item"].tolist() == [1, 2]
    assert cleaned.report.counts == {"time_out_of_range": 2}


def test_a_range_of_time_that_is_none():
    X = pd.DataFrame({"user": [1], "item": [1], "time": ["2020-01-01"]})
    with pytest.raises(ValueError, match="holds what is no date: 'soon'"):
        clean_interactions(X, time_range=("soon", None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y_range": (0, 1)}, "y_range was given, but there is no y"),
        ({"time_range": (0, 1)}, "time_range was given, but there is no time"),
        ({"y": [1] * 4, "y_range": (2, 1)}, "y_range is empty: 2 is above 1"),
        ({"y": [1] * 4, "y_range": (2,)}, r"must be \(low, high\)"),
        ({"y": [1] * 4, "y_range": ("a", 2)}, "y_range must be numbers"),
        ({"duplicates": "mean"}, "pass y"),
        ({"duplicates": "drop"}, "duplicates"),
        ({"min_user": 0}, "min_user"),
        ({"min_user": 9}, "No row is left to learn from.\n4 rows in, 0 out"),
        ({"y": [1, 2]}, "inconsistent numbers of samples"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        clean_interactions(PAIRS, **options)


def test_tables_that_are_none():
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        clean_interactions(pd.DataFrame({"user_id": [], "item_id": []}))
    with pytest.raises(ValueError, match="pass it as y"):
        clean_interactions(pd.DataFrame({"user": [1], "item": [1], "rating": [1]}))
    with pytest.raises(TypeError, match="any hashable value"):
        clean_interactions([[[1], 2]])


# ------------------------------------------------------------------------ duplicates


def test_the_last_and_the_first_are_those_by_time():
    X = pd.DataFrame(
        {
            "user": ["a"] * 4 + ["b"],
            "item": 1,
            "time": [
                "2020-01-02",
                "2020-01-03",
                "2020-01-03",
                "2020-01-01",
                "2020-01-01",
            ],
        }
    )
    assert rows_left(X) == [2, 4]  # among equal times, the later row
    assert rows_left(X, duplicates="keep_first") == [3, 4]


def test_every_nanosecond_of_an_integer_time_counts():
    X = pd.DataFrame({"user": 1, "item": 1, "time": [2**60 + 2, 2**60 + 1]})
    assert rows_left(X) == [0]


def test_merging_leaves_models_what_they_make_of_the_rows():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 8, size=(200, 2))
    y, weight = rng.integers(0, 6, 200).astype(float), rng.integers(1, 4, 200)
    mean = clean_interactions(X, y, sample_weight=weight, duplicates="mean")
    whole = BiasRegressor().fit(X, y, weight)
    merged = BiasRegressor().fit(mean.X, mean.y, mean.sample_weight)
    np.testing.assert_allclose(merged.predict(X), whole.predict(X))
    total = clean_interactions(X, y, sample_weight=weight, duplicates="sum")
    whole = EASE(5.0, weighting=None).fit(X, y, weight)
    merged = EASE(5.0, weighting=None).fit(total.X, total.y, total.sample_weight)
    np.testing.assert_allclose(merged.predict(X), whole.predict(X), rtol=1e-5)


# ------------------------------------------------------------------------ the k-core


def core_by_hand(pairs, min_user, min_item):
    """The k-core by the plainest loop there is."""
    pairs = set(pairs)
    while True:
        keep = {
            (user, item)
            for user, item in pairs
            if len({i for u, i in pairs if u == user}) >= min_user
            and len({u for u, i in pairs if i == item}) >= min_item
        }
        if keep == pairs:
            return pairs
        pairs = keep


def test_a_chain_unravels():
    # Each user holds the next item: to drop the end drops them all, but for a block.
    chain = [(f"u{n}", n + d) for n in range(10) for d in (0, 1)]
    block = [(user, item) for user in ("x", "y") for item in ("p", "q")]
    X = [list(pair) for pair in chain + block]
    cleaned = clean_interactions(X, min_user=2, min_item=2)
    assert sorted(map(tuple, cleaned.X)) == sorted(block)
    assert cleaned.report.counts == {"rare_user": 10, "rare_item": 10}


@pytest.mark.parametrize(("min_user", "min_item"), [(1, 3), (3, 1), (2, 3), (3, 4)])
def test_the_core_is_the_one_by_hand(min_user, min_item):
    X = np.random.default_rng(1).integers(0, 15, size=(80, 2))
    expected = core_by_hand(map(tuple, X.tolist()), min_user, min_item)
    assert expected
    cleaned = clean_interactions(X, min_user=min_user, min_item=min_item)
    assert set(map(tuple, cleaned.X.tolist())) == expected
    assert (cleaned.report.n_users_out, cleaned.report.n_items_out) == tuple(
        len(set(side)) for side in zip(*expected, strict=True)
    )


def test_partners_are_distinct():
    X = [["a", 1], ["a", 1], ["b", 1], ["b", 2]]
    assert rows_left(X, duplicates="keep", min_user=2) == [2, 3]


def test_cleaning_twice_changes_nothing():
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.integers(0, 30, size=(300, 2)), columns=["user_id", "item_id"])
    X.loc[::17, "user_id"] = np.nan
    y = pd.Series(rng.integers(1, 6, 300))
    options = {"min_user": 3, "min_item": 3, "duplicates": "mean"}
    first = clean_interactions(X, y, **options)
    second = clean_interactions(first.X, first.y, **options)
    assert second.report.counts == {}
    pd.testing.assert_frame_equal(second.X, first.X)
    pd.testing.assert_series_equal(second.y, first.y)


# ------------------------------------------------------------------------ the report


@pytest.fixture
def report():
    X = [["a", 1], ["a", 1], [None, 1], ["a", 2], ["b", 3], ["a", 9]]
    y = [1, 2, 3, np.inf, 5, 6]
    return clean_interactions(X, y, min_user=2).report


def test_no_row_is_lost(report):
    assert report.dropped.to_dict() == {
        0: "duplicate", 2: "missing_user", 3: "broken_y", 4: "rare_user",
    }  # fmt: skip
    assert report.n_rows_in - report.n_rows_out == len(report.dropped)
    assert report.counts == {
        "missing_user": 1, "broken_y": 1, "duplicate": 1, "rare_user": 1,
    }  # fmt: skip


def test_the_text(report):
    assert str(report).splitlines() == [
        "6 rows in, 2 out (33.3%)",
        "2 users in, 1 out",
        "4 items in, 2 out",
        "dropped as",
        "  missing user  1",
        "  broken y      1",
        "  duplicate     1",
        "  rare user     1",
    ]


def test_the_table(report):
    frame = report.to_frame()
    assert frame["rows"].to_dict() == report.counts
    assert frame["share"].tolist() == [1 / 6] * 4
    assert frame.index.name == "reason"


def test_the_report_pickles(report):
    assert str(pickle.loads(pickle.dumps(report))) == str(report)


@pytest.mark.real_data
def test_real_data(load_table):
    table = load_table("movielens_latest_small")
    cleaned = clean_interactions(
        table[["user_id", "item_id", "timestamp"]], table["rating"],
        min_user=5, min_item=5, y_range=(0.5, 5),
    )  # fmt: skip
    assert cleaned.report.n_rows_in == len(table) == 100_836
    assert cleaned.X.groupby("user_id")["item_id"].nunique().min() >= 5
    assert cleaned.X.groupby("item_id")["user_id"].nunique().min() >= 5
    assert set(cleaned.report.counts) == {"rare_item"}
