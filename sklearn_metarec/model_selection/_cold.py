"""Splitters that test what a model does with users or items it does not know."""

import numpy as np

from sklearn_metarec.model_selection._split import (
    InteractionSplitter,
    check_count,
    check_size,
    partition,
    rank_within,
    share_of,
)
from sklearn_metarec.utils._sklearn import check_random_state


class _ColdSplit(InteractionSplitter):
    """Hold out whole users, or whole items.

    A subclass names its `_side`, an attribute of `Pairs`, and the `_other`.
    """

    _side: str
    _other: str

    def __init__(self, n_splits=1, *, test_size=0.2, n_support=0, random_state=None):
        check_count("n_splits", n_splits, 1)
        check_size("test_size", test_size, self._side)
        check_count("n_support", n_support, 0)
        self.n_splits = n_splits
        self.test_size = test_size
        self.n_support = n_support
        self.random_state = random_state

    def _masks(self, pairs):
        codes = getattr(pairs, self._side)
        n_pairs = np.bincount(codes)
        eligible = np.flatnonzero(n_pairs > self.n_support)
        n_test = share_of(self.test_size, len(eligible))
        # Without support, one has to stay: there would be nothing in training.
        most = len(eligible) - (self.n_support == 0)
        if n_test > most:
            raise ValueError(
                f"test_size={self.test_size} asks for {n_test} of the {self._side}, "
                f"but no more than {most} of {len(n_pairs)} can be tested"
                + (
                    f": those with more than n_support={self.n_support} {self._other}. "
                    "Lower n_support or test_size."
                    if self.n_support
                    else ", as one has to stay in training. Lower test_size."
                )
            )
        testable = rank_within(codes, pairs.first_places()) >= self.n_support
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            cold = np.zeros(len(n_pairs), dtype=bool)
            cold[rng.permutation(eligible)[:n_test]] = True
            yield partition(pairs, testable & cold[codes])


class ColdUserSplit(_ColdSplit):
    """Test users who are not in training.

    It measures what a model does for newcomers: with its fallback or their features,
    or, with `n_support`, after their first interactions.

    Parameters
    ----------
    n_splits : int, default=1
        How many independent draws.
    test_size : float or int, default=0.2
        How many users to test: a share of those who can be, rounded down, but at
        least 1; or a number.
    n_support : int, default=0
        How many of a test user's items stay in training: the first in time, or by row
        where there is no time. Users with no more items than that are not tested.
    random_state : int, RandomState or None, default=None
        Seeds the draws. HalvingGridSearchCV requires an int.

    See Also
    --------
    ColdItemSplit : The same for items.
    PerUserShuffleSplit : Tests users whom training knows.

    Examples
    --------
    >>> from sklearn_metarec.model_selection import ColdUserSplit
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "rum"]]
    >>> train, test = next(ColdUserSplit(random_state=0).split(X))
    >>> train.tolist(), test.tolist()
    ([0, 1], [2, 3])
    """

    _side, _other = "users", "items"

    def __init__(self, n_splits=1, *, test_size=0.2, n_support=0, random_state=None):
        super().__init__(
            n_splits,
            test_size=test_size,
            n_support=n_support,
            random_state=random_state,
        )


class ColdItemSplit(_ColdSplit):
    """Test items that are not in training.

    It measures how a model recommends what is new: from the features of the items or,
    with `n_support`, after their first interactions. A user may be left without a row
    in training, too.

    Parameters
    ----------
    n_splits : int, default=1
        How many independent draws.
    test_size : float or int, default=0.2
        How many items to test: a share of those that can be, rounded down, but at
        least 1; or a number.
    n_support : int, default=0
        How many of a test item's users stay in training: the first in time, or by row
        where there is no time. Items with no more users than that are not tested.
    random_state : int, RandomState or None, default=None
        Seeds the draws. HalvingGridSearchCV requires an int.

    See Also
    --------
    ColdUserSplit : The same for users.

    Examples
    --------
    >>> from sklearn_metarec.model_selection import ColdItemSplit
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "rum"]]
    >>> train, test = next(ColdItemSplit(random_state=0).split(X))
    >>> train.tolist(), test.tolist()
    ([1, 3], [0, 2])
    """

    _side, _other = "items", "users"

    def __init__(self, n_splits=1, *, test_size=0.2, n_support=0, random_state=None):
        super().__init__(
            n_splits,
            test_size=test_size,
            n_support=n_support,
            random_state=random_state,
        )
