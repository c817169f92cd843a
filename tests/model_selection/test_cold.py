import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_metarec.model_selection import ColdItemSplit, ColdUserSplit

SIDES = [
    (ColdUserSplit, "user_id", "item_id"),
    (ColdItemSplit, "item_id", "user_id"),
]
rows = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 5)),
    min_size=2,
    max_size=60,
)


def as_table(rows):
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


@pytest.mark.parametrize(("splitter", "side", "other"), SIDES)
@settings(deadline=None)
@given(rows=rows, n_support=st.integers(0, 2), test_size=st.sampled_from([0.2, 0.5, 1]))
def test_the_held_out_have_their_support_and_no_more(
    splitter, side, other, rows, n_support, test_size
):
    X = as_table(rows)
    n_others = X.groupby(side)[other].nunique()
    eligible = n_others[n_others > n_support]
    most = len(eligible) - (n_support == 0)
    n_test = 1 if test_size == 1 else max(int(test_size * len(eligible)), 1)
    split = splitter(test_size=test_size, n_support=n_support, random_state=0).split(X)
    if n_test > most:
        with pytest.raises(ValueError, match="Lower"):
            next(split)
        return
    train, test = (X.iloc[part] for part in next(split))
    held_out = set(test[side])
    assert len(held_out) == n_test
    assert held_out <= set(eligible.index)
    support = train[train[side].isin(held_out)]
    if n_support == 0:
        assert len(support) == 0
    else:
        expected = dict.fromkeys(held_out, n_support)
        assert support.groupby(side)[other].nunique().to_dict() == expected
        # The first pairs are the support: none of the test begins before them.
        begin = X.groupby([side, other])["timestamp"].min()
        for one in held_out:
            first = begin[one][support.loc[support[side] == one, other]].max()
            assert first <= begin[one][test.loc[test[side] == one, other]].min()


@pytest.mark.parametrize(("splitter", "side", "other"), SIDES)
def test_the_share_is_rounded_down(splitter, side, other):
    X = pd.DataFrame({side: np.repeat(np.arange(9), 3), other: np.tile([1, 2, 3], 9)})
    for test_size, expected in [(0.2, 1), (0.25, 2), (0.99, 8), (5, 5), (8, 8)]:
        _, test = next(splitter(test_size=test_size, random_state=0).split(X))
        assert X[side].iloc[test].nunique() == expected


def test_the_support_is_first_in_time():
    X = as_table([(1, 10, 5), (1, 20, 3), (1, 30, 4), (1, 20, 9), (2, 10, 1)])
    # User 2 has no more than one item, so only user 1 can be tested.
    train, test = next(ColdUserSplit(n_support=1, test_size=1).split(X))
    assert train.tolist() == [1, 3, 4]
    assert test.tolist() == [0, 2]
    train, test = next(ColdUserSplit(n_support=2, test_size=1).split(X))
    assert train.tolist() == [1, 2, 3, 4]
    assert test.tolist() == [0]


def test_without_time_the_support_are_the_first_rows():
    X = [[1, 30], [1, 20], [1, 10]]
    train, test = next(ColdUserSplit(n_support=1).split(X))
    assert train.tolist() == [0]
    assert test.tolist() == [1, 2]


def test_each_user_is_drawn_as_often():
    X = [[user, item] for user in range(6) for item in range(user + 1)]
    n_splits = 2000
    drawn = np.zeros(6)
    for _, test in ColdUserSplit(n_splits, test_size=2, random_state=0).split(X):
        drawn[np.unique([X[row][0] for row in test])] += 1
    # Binomial with p = 1/3: five standard deviations.
    bound = 5 * np.sqrt(n_splits * (1 / 3) * (2 / 3))
    np.testing.assert_allclose(drawn, n_splits / 3, atol=bound)


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (
            ColdUserSplit(test_size=3),
            "asks for 3 of the users, but no more than 2 of 3",
        ),
        (ColdUserSplit(n_support=2), "those with more than n_support=2 items"),
        (
            ColdItemSplit(test_size=2),
            "no more than 1 of 2 can be tested, as one has to",
        ),
        (ColdItemSplit(n_support=3), "no more than 0 of 2 can be tested: those with"),
    ],
    ids=repr,
)
def test_too_few_are_an_error(splitter, message):
    X = [[1, 10], [1, 20], [2, 10], [3, 10], [3, 20]]
    with pytest.raises(ValueError, match=message):
        next(splitter.split(X))


def test_a_single_user_is_an_error():
    with pytest.raises(ValueError, match="one has to stay in training"):
        next(ColdUserSplit().split([[1, 10], [1, 20]]))
