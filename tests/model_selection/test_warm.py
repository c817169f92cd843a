import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_metarec.model_selection import PerUserShuffleSplit, WarmKFold

pair_lists = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 8)), min_size=2, max_size=60
)


def as_table(rows):
    return pd.DataFrame(rows, columns=["user_id", "item_id"])


def with_counts(counts):
    """A table in which user u has counts[u] items."""
    return as_table(
        [(user, item) for user, n in enumerate(counts) for item in range(n)]
    )


@pytest.mark.parametrize(
    ("test_size", "expected"),
    [
        (0.2, [0, 1, 1, 1, 1, 2, 3]),
        (0.5, [0, 1, 2, 2, 4, 5, 7]),
        (0.99, [0, 1, 3, 4, 8, 9, 14]),
        (1, [0, 1, 1, 1, 1, 1, 1]),
        (4, [0, 1, 3, 4, 4, 4, 4]),  # all but one of those who have no more
    ],
)
def test_the_share_of_each_user(test_size, expected):
    counts = [1, 2, 4, 5, 9, 10, 15]
    X = with_counts(counts)
    splitter = PerUserShuffleSplit(2, test_size=test_size, random_state=0)
    for _, test in splitter.split(X):
        n_test = np.bincount(X["user_id"].iloc[test], minlength=len(counts))
        np.testing.assert_array_equal(n_test, expected)


def test_the_share_is_one_of_items_and_not_of_rows():
    X = pd.concat([with_counts([10]), as_table([(0, 3)] * 20)], ignore_index=True)
    for _, test in PerUserShuffleSplit(10, random_state=0).split(X):
        assert X["item_id"].iloc[test].nunique() == 2
        held = X["item_id"].isin(X["item_id"].iloc[test])
        np.testing.assert_array_equal(test, np.flatnonzero(held))


def test_each_item_is_drawn_as_often():
    X = with_counts([5, 5])
    n_splits = 2000
    drawn = np.zeros(len(X))
    for _, test in PerUserShuffleSplit(n_splits, random_state=0).split(X):
        drawn[test] += 1
    # Binomial with p = 1/5: five standard deviations.
    bound = 5 * np.sqrt(n_splits * 0.2 * 0.8)
    np.testing.assert_allclose(drawn, n_splits / 5, atol=bound)


def test_the_draws_of_one_splitter_differ():
    splitter = PerUserShuffleSplit(4, random_state=0)
    tests = {tuple(test) for _, test in splitter.split(with_counts([20, 20]))}
    assert len(tests) == 4


def test_a_generator_goes_on_from_split_to_split():
    splitter = PerUserShuffleSplit(random_state=np.random.RandomState(0))
    first, second = (next(splitter.split(with_counts([50])))[1] for _ in range(2))
    assert first.tolist() != second.tolist()


def test_no_user_with_two_items_is_an_error():
    X = as_table([(1, 10), (1, 10), (2, 10)])
    with pytest.raises(ValueError, match="No user has two different items"):
        next(PerUserShuffleSplit().split(X))


def test_dense_users_are_dealt_as_in_a_latin_square():
    X = as_table([(user, item) for user in range(3) for item in range(3)])
    splits = list(WarmKFold(3).split(X))
    assert [test.tolist() for _, test in splits] == [[0, 5, 7], [1, 3, 8], [2, 4, 6]]


@pytest.mark.parametrize("shuffle", [False, True])
def test_folds_are_of_about_the_same_size(shuffle):
    X = with_counts([31, 17, 20, 45, 32, 36, 24, 43, 44, 33])
    seed = 0 if shuffle else None
    splitter = WarmKFold(5, shuffle=shuffle, random_state=seed)
    tested = [test for _, test in splitter.split(X)]
    n_tested = np.concatenate([np.bincount(X["user_id"].iloc[test]) for test in tested])
    sizes = n_tested.reshape(5, -1)
    # A user's pairs are dealt evenly, but for one that keeps an item warm.
    assert (sizes.max(axis=0) - sizes.min(axis=0)).max() <= 2


@pytest.mark.parametrize(
    "splitter", [WarmKFold(2), WarmKFold(3, shuffle=True, random_state=1)], ids=repr
)
@settings(deadline=None, max_examples=150)
@given(rows=pair_lists)
def test_test_users_and_items_are_in_training(splitter, rows):
    X = as_table(rows)
    try:
        splits = list(splitter.split(X))
    except ValueError:
        return
    n_tested = np.zeros(len(X), dtype=int)
    for train, test in splits:
        for column in ("user_id", "item_id"):
            assert set(X[column].iloc[test]) <= set(X[column].iloc[train])
        n_tested[test] += 1
    assert n_tested.max() == 1


def test_what_would_leave_a_user_or_item_cold_stays_in_training():
    # User 3 and item 30 have one pair; item 20's pairs fall into different folds.
    X = as_table([(1, 10), (1, 20), (2, 10), (2, 20), (2, 30), (3, 10)])
    splits = [(a.tolist(), b.tolist()) for a, b in WarmKFold(2).split(X)]
    assert splits == [([1, 2, 4, 5], [0, 3]), ([0, 3, 4, 5], [1, 2])]


def test_a_fold_that_holds_all_pairs_of_an_item_gives_one():
    # Ranks 0 and 1 of users 0 and 1 are dealt to the folds 0, 1 and 1, 0: both pairs
    # of item 20 fall into fold 1, both of 10 into fold 0 ...
    X = as_table([(0, 10), (0, 20), (1, 20), (1, 30), (2, 10), (2, 30)])
    folds = [test.tolist() for _, test in WarmKFold(2).split(X)]
    # ... and of each item's two pairs, the one of the first user stays in training.
    assert folds == [[3, 4], [2, 5]]


def test_too_few_pairs_for_the_folds_are_an_error():
    X = as_table([(1, 10), (1, 20), (2, 10), (2, 20)])
    with pytest.raises(ValueError, match="Fold 3 of 4 is empty: 4 distinct pairs"):
        list(WarmKFold(4).split(X))


def test_the_shuffle_changes_the_folds():
    X = with_counts([10, 10, 10])
    folds = [
        [test.tolist() for _, test in splitter.split(X)]
        for splitter in (
            WarmKFold(2),
            WarmKFold(2, shuffle=True, random_state=0),
            WarmKFold(2, shuffle=True, random_state=1),
        )
    ]
    assert folds[0] != folds[1] != folds[2]
