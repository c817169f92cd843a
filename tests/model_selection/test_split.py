"""What holds for every splitter."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.model_selection import (
    ColdItemSplit,
    ColdUserSplit,
    LeaveLastOut,
    PerUserShuffleSplit,
    TemporalSplit,
    WarmKFold,
    make_ranking_scorer,
)
from sklearn_metarec.model_selection._split import rank_within, share_of

SPLITTERS = [
    ColdItemSplit(2, random_state=0),
    ColdItemSplit(test_size=1, n_support=1, random_state=0),
    ColdUserSplit(2, random_state=0),
    ColdUserSplit(test_size=0.5, n_support=1, random_state=0),
    LeaveLastOut(),
    LeaveLastOut(2),
    PerUserShuffleSplit(3, test_size=0.4, random_state=0),
    PerUserShuffleSplit(test_size=2, random_state=0),
    TemporalSplit(2, test_size=0.3),
    TemporalSplit(test_size=3, gap=1),
    WarmKFold(2),
    WarmKFold(3, shuffle=True, random_state=0),
]
# What their splits do not depend on.
WITHOUT_ORDER = [
    splitter
    for splitter in SPLITTERS
    if isinstance(splitter, PerUserShuffleSplit | WarmKFold)
]
CONTAINERS = {
    "polars": pl.DataFrame,
    "array": lambda X: X[["user_id", "item_id"]].to_numpy(),
    "list": lambda X: X[["user_id", "item_id"]].to_numpy().tolist(),
    "coded": encode_interactions,
    "categories": lambda X: X.astype({"user_id": "category", "item_id": "category"}),
    "other order": lambda X: X[["timestamp", "item_id", "user_id"]],
}


def name_of(splitter):
    return repr(splitter).replace("random_state=0, ", "").replace("n_splits=", "")


rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


def as_table(rows):
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def pair_sets(X, splitter):
    """The pairs of training and test of each split."""
    pairs = list(zip(X["user_id"], X["item_id"], strict=True))
    return [
        tuple({pairs[row] for row in part} for part in split)
        for split in splitter.split(X)
    ]


def splits_or_none(splitter, X):
    """The splits, or None where the table is too small for the splitter."""
    try:
        return list(splitter.split(X))
    except ValueError:
        return None


@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
@settings(deadline=None, max_examples=60)
@given(rows=rows)
def test_parts_are_ascending_and_share_no_pair(splitter, rows):
    X = as_table(rows)
    splits = splits_or_none(splitter, X)
    if splits is None:
        return
    assert len(splits) == splitter.get_n_splits(X)
    pair = X["user_id"].to_numpy() * 100 + X["item_id"].to_numpy()
    for train, test in splits:
        assert len(train) > 0
        assert len(test) > 0
        for part in (train, test):
            assert (np.diff(part) > 0).all()
        assert not set(pair[train]) & set(pair[test])
        if not isinstance(splitter, TemporalSplit):
            assert len(train) + len(test) == len(X)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
def test_the_rows_are_those_of_the_same_seed(splitter, toy):
    first, again = (list(splitter.split(toy)) for _ in range(2))
    for split, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(split[0], same[0])
        np.testing.assert_array_equal(split[1], same[1])


@pytest.mark.parametrize("splitter", WITHOUT_ORDER, ids=name_of)
@settings(deadline=None, max_examples=30)
@given(rows=rows, data=st.data())
def test_the_order_of_the_rows_does_not_matter(splitter, rows, data):
    X = as_table(rows)
    if splits_or_none(splitter, X) is None:
        return
    other = as_table(data.draw(st.permutations(rows)))
    assert pair_sets(X, splitter) == pair_sets(other, splitter)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_split(splitter, container, toy):
    # Without a time column the rows are in order of time, so that they may lose it.
    X = toy.sort_values("timestamp", kind="stable").assign(timestamp=range(len(toy)))
    expected = list(splitter.split(X))
    actual = list(splitter.split(CONTAINERS[container](X)))
    assert len(actual) == len(expected)
    for split, other in zip(expected, actual, strict=True):
        np.testing.assert_array_equal(split[0], other[0])
        np.testing.assert_array_equal(split[1], other[1])


@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
def test_a_part_of_a_coded_table_is_split_as_a_table_of_its_own(splitter, toy):
    part = np.arange(1, len(toy))
    coded = list(splitter.split(encode_interactions(toy)[part]))
    alone = list(splitter.split(toy.iloc[part]))
    for split, other in zip(coded, alone, strict=True):
        np.testing.assert_array_equal(split[0], other[0])
        np.testing.assert_array_equal(split[1], other[1])


@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
def test_strings_are_split_as_integers(splitter, toy):
    text = toy.astype({"user_id": "str", "item_id": "str"})
    for split, other in zip(splitter.split(toy), splitter.split(text), strict=True):
        np.testing.assert_array_equal(split[0], other[0])
        np.testing.assert_array_equal(split[1], other[1])


@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
def test_they_print_and_pickle(splitter, toy):
    again = pickle.loads(pickle.dumps(splitter))
    assert repr(again) == repr(splitter)
    assert repr(splitter).startswith(type(splitter).__name__ + "(")
    assert pair_sets(toy, again) == pair_sets(toy, splitter)


@pytest.mark.filterwarnings("ignore::sklearn_metarec.exceptions.ColdUsersWarning")
@pytest.mark.parametrize("splitter", SPLITTERS, ids=name_of)
@pytest.mark.parametrize("form", [pd.DataFrame, encode_interactions])
def test_they_work_in_a_search(splitter, form, toy):
    search = GridSearchCV(
        EASE(),
        {"regularization": [1.0, 10.0]},
        cv=splitter,
        scoring=make_ranking_scorer("recall@3"),
        error_score="raise",
    )
    search.fit(form(toy))
    assert search.n_splits_ == splitter.get_n_splits()
    assert 0 <= search.best_score_ <= 1


def test_groups_are_ignored_with_a_warning(toy):
    with pytest.warns(UserWarning, match="groups parameter is ignored by LeaveLastOut"):
        next(LeaveLastOut().split(toy, groups=toy["user_id"]))


def test_y_has_to_have_an_entry_a_row(toy):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[12, 3\]"):
        next(LeaveLastOut().split(toy, [1, 2, 3]))


def test_a_split_follows_the_rows_of_y_and_weights(toy, toy_ratings):
    scores = cross_validate(
        EASE(1.0),
        toy,
        toy_ratings,
        cv=WarmKFold(2),
        params={"sample_weight": toy_ratings},
        scoring=make_ranking_scorer("recall@3", min_relevance=2.5),
        error_score="raise",
    )
    assert np.isfinite(scores["test_score"]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PerUserShuffleSplit(0), "n_splits must be a whole number of at least"),
        (lambda: PerUserShuffleSplit(2.0), "got 2.0"),
        (lambda: PerUserShuffleSplit(True), "got True"),
        (lambda: PerUserShuffleSplit(test_size=0), "number of items a user from 1 on"),
        (lambda: PerUserShuffleSplit(test_size=1.0), "a share between 0 and 1"),
        (lambda: PerUserShuffleSplit(test_size="0.2"), "got '0.2'"),
        (lambda: PerUserShuffleSplit(test_size=True), "got True"),
        (lambda: WarmKFold(1), "n_splits must be a whole number of at least 2, got 1"),
        (lambda: WarmKFold(random_state=0), "no effect without shuffle=True"),
        (lambda: LeaveLastOut(0), "n must be a whole number of at least 1, got 0"),
        (lambda: TemporalSplit(test_size=-0.2), "test_size must be a share"),
        (lambda: TemporalSplit(gap=-1), "gap must be a number or a timedelta"),
        (lambda: TemporalSplit(gap="7D"), "got '7D'"),
        (lambda: TemporalSplit(gap=np.nan), "got nan"),
        (lambda: ColdUserSplit(test_size=1.5), "whole number of users from 1 on"),
        (lambda: ColdUserSplit(n_support=-1), "n_support must be a whole number"),
        (lambda: ColdItemSplit(test_size=1.5), "whole number of items from 1 on"),
    ],
)
def test_wrong_parameters_are_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numpy_numbers_are_numbers(toy):
    splitter = PerUserShuffleSplit(
        np.int64(2), test_size=np.float32(0.5), random_state=0
    )
    assert len(list(splitter.split(toy))) == 2


@pytest.mark.parametrize(
    ("size", "counts", "expected"),
    [
        (0.2, [1, 2, 4, 5, 9, 10, 15], [1, 1, 1, 1, 1, 2, 3]),
        (0.29, [100], [29]),  # 0.29 * 100 is 28.999...
        (0.7, [10], [7]),
        (3, [1, 10], [3]),
    ],
)
def test_a_share_is_rounded_down_to_at_least_one(size, counts, expected):
    np.testing.assert_array_equal(share_of(size, np.array(counts)), expected)


def test_ranks_within_groups():
    groups, places = np.array([1, 0, 1, 1, 0]), np.array([4, 3, 0, 2, 1])
    np.testing.assert_array_equal(rank_within(groups, places), [2, 1, 0, 1, 0])
