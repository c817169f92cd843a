from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_metarec.model_selection import LeaveLastOut, TemporalSplit

rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 30)),
    min_size=2,
    max_size=40,
)


def as_table(rows):
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def parts(splitter, X):
    return [(train.tolist(), test.tolist()) for train, test in splitter.split(X)]


# ------------------------------------------------------------------ LeaveLastOut


def test_the_last_by_time():
    X = as_table([(1, 10, 5), (1, 20, 9), (1, 30, 7), (2, 10, 1), (2, 20, 0)])
    assert parts(LeaveLastOut(), X) == [([0, 2, 4], [1, 3])]


def test_equal_times_are_ordered_by_row():
    X = as_table([(1, 30, 5), (1, 20, 5), (1, 10, 5), (1, 40, 4)])
    assert parts(LeaveLastOut(), X) == [([0, 1, 3], [2])]


def test_without_time_the_last_row_is_the_last():
    X = [["b", 10], ["a", 20], ["b", 30], ["a", 10]]
    assert parts(LeaveLastOut(), X) == [([0, 1], [2, 3])]


def test_users_with_no_more_than_n_items_stay_in_training():
    X = as_table([(1, 10, 1), (1, 20, 2), (1, 30, 3), (2, 10, 1), (2, 20, 2)])
    assert parts(LeaveLastOut(2), X) == [([0, 3, 4], [1, 2])]


def test_a_pair_that_repeats_counts_at_its_last_row():
    X = as_table([(1, 10, 1), (1, 20, 2), (1, 10, 3)])
    assert parts(LeaveLastOut(), X) == [([1], [0, 2])]


def test_dates_and_text_are_times():
    X = as_table([(1, 10, "2020-02-01"), (1, 20, "2020-03-01"), (1, 30, "2019-12-31")])
    dates = X.assign(timestamp=pd.to_datetime(X["timestamp"]))
    assert parts(LeaveLastOut(), X) == parts(LeaveLastOut(), dates) == [([0, 2], [1])]


@settings(deadline=None)
@given(rows=rows, n=st.integers(1, 3))
def test_nothing_of_a_user_is_later_than_what_is_tested(rows, n):
    X = as_table(rows)
    n_items = X.groupby("user_id")["item_id"].nunique()
    if n_items.max() <= n:
        with pytest.raises(ValueError, match=f"more than n={n} different items"):
            next(LeaveLastOut(n).split(X))
        return
    [(train, test)] = LeaveLastOut(n).split(X)
    train, test = X.iloc[train], X.iloc[test]
    n_tested = test.groupby("user_id")["item_id"].nunique()
    expected = {user: n for user, count in n_items.items() if count > n}
    assert n_tested.to_dict() == expected
    last_tested = test.groupby(["user_id", "item_id"])["timestamp"].max()
    for user in expected:
        latest = train.loc[train["user_id"] == user, "timestamp"].max()
        assert latest <= last_tested[user].min()


# ----------------------------------------------------------------- TemporalSplit


def test_the_cut_is_one_of_time():
    X = as_table([(1, 10, 9), (1, 20, 3), (2, 10, 1), (2, 20, 7), (3, 10, 5)])
    assert parts(TemporalSplit(), X) == [([1, 2, 3, 4], [0])]
    assert parts(TemporalSplit(test_size=0.4), X) == [([1, 2, 4], [0, 3])]
    assert parts(TemporalSplit(test_size=3), X) == [([1, 2], [0, 3, 4])]


def test_without_time_the_rows_are_in_order():
    X = [[1, 10], [2, 10], [1, 20], [2, 20], [1, 30]]
    assert parts(TemporalSplit(test_size=2), X) == [([0, 1, 2], [3, 4])]


def test_the_windows_roll():
    X = [[user, 10] for user in range(7)]
    assert parts(TemporalSplit(3, test_size=2), X) == [
        ([0], [1, 2]),
        ([0, 1, 2], [3, 4]),
        ([0, 1, 2, 3, 4], [5, 6]),
    ]


def test_equal_times_are_not_divided():
    X = as_table([(user, 10, time) for user, time in enumerate([1, 2, 2, 2, 3])])
    assert parts(TemporalSplit(test_size=2), X) == [([0], [1, 2, 3, 4])]


def test_a_pair_that_training_has_is_no_discovery():
    # (1, 10) comes again after the cut: that row is in neither part.
    X = as_table([(1, 10, 1), (2, 20, 2), (1, 10, 3), (1, 20, 4), (1, 20, 5)])
    assert parts(TemporalSplit(test_size=3), X) == [([0, 1], [3, 4])]


def test_a_pair_of_one_window_is_training_for_the_next():
    X = [[1, 10], [1, 20], [1, 30], [1, 20], [1, 40]]
    assert parts(TemporalSplit(2, test_size=2), X) == [
        ([0], [1, 2]),
        ([0, 1, 2], [4]),
    ]


@pytest.mark.parametrize(
    ("gap", "n_train"), [(0, 5), (1, 4), (2.5, 3), (4, 1), (np.int64(2), 3)]
)
def test_the_gap_is_in_units_of_time(gap, n_train):
    X = as_table([(user, 10, user) for user in range(6)])
    [(train, test)] = TemporalSplit(test_size=1, gap=gap).split(X)
    assert train.tolist() == list(range(n_train))
    assert test.tolist() == [5]


@pytest.mark.parametrize(
    "gap", [timedelta(days=2), np.timedelta64(48, "h"), pd.Timedelta("2D")], ids=repr
)
def test_the_gap_between_dates_is_a_timedelta(gap):
    X = as_table([(user, 10, user) for user in range(6)])
    X["timestamp"] = pd.Timestamp("2020-02-27") + pd.to_timedelta(X["timestamp"], "D")
    [(train, _)] = TemporalSplit(test_size=1, gap=gap).split(X)
    assert train.tolist() == [0, 1, 2]


def test_the_gap_without_time_is_one_of_rows():
    X = [[user, 10] for user in range(6)]
    assert parts(TemporalSplit(test_size=1, gap=2), X) == [([0, 1, 2], [5])]


@pytest.mark.parametrize(
    ("splitter", "times", "message"),
    [
        (TemporalSplit(5), range(10), "n_splits=5 windows of test_size=0.2 leave"),
        (
            TemporalSplit(test_size=4),
            range(4),
            r"nothing of the 4 row\(s\) to train on",
        ),
        (TemporalSplit(), [7] * 10, "No row is before the cut at 7, so there is"),
        (TemporalSplit(gap=100), range(10), "by more than the gap of 100"),
        (TemporalSplit(2, test_size=1), [1, 2, 2], "its times are those of the next"),
    ],
)
def test_impossible_splits_are_errors(splitter, times, message):
    X = as_table([(user, 10, time) for user, time in enumerate(times)])
    with pytest.raises(ValueError, match=message):
        list(splitter.split(X))


def test_a_window_of_repeats_is_an_error():
    X = [[1, 10], [1, 20], [1, 10], [1, 20]]
    with pytest.raises(ValueError, match="holds no pair that is not in training"):
        list(TemporalSplit(test_size=2).split(X))


@settings(deadline=None)
@given(rows=rows, n_splits=st.integers(1, 3))
def test_training_is_before_the_test_and_all_of_it(rows, n_splits):
    X = as_table(rows)
    try:
        splits = list(TemporalSplit(n_splits, test_size=0.2).split(X))
    except ValueError:
        return
    pairs = list(zip(X["user_id"], X["item_id"], strict=True))
    time = X["timestamp"].to_numpy()
    end = np.inf
    for train, test in reversed(splits):
        assert time[train].max() < time[test].min()
        known = {pairs[row] for row in train}
        window = np.flatnonzero((time > time[train].max()) & (time < end))
        assert test.tolist() == [row for row in window if pairs[row] not in known]
        end = time[time > time[train].max()].min()
