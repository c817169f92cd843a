"""Splitters that leave every test user something to learn from."""

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

_NO_SECOND_PAIR = (
    "No user has two different items, so none can be in training and test at once. "
    "Check that the user and item columns are the right ones."
)


class PerUserShuffleSplit(InteractionSplitter):
    """Test a random share of each user's items.

    With its defaults and the seeds 0 to 4 it is the reference split of this package's
    benchmarks. A user with one item stays in training. All rows of a pair are on the
    same side, and which side that is does not depend on the order of the rows.

    Parameters
    ----------
    n_splits : int, default=1
        How many independent draws. One is enough to hold data out; several show how
        far a figure depends on the draw: for 100,000 rows by a percent or two.
    test_size : float or int, default=0.2
        The share of each user's distinct items, rounded down, but at least 1 of 2 or
        more; or how many items, at most all but one.
    random_state : int, RandomState or None, default=None
        Seeds the draws. HalvingGridSearchCV requires an int.

    See Also
    --------
    WarmKFold : Tests each row once.
    LeaveLastOut : Tests each user's last items.

    Notes
    -----
    An item all of whose rows are drawn is unknown in training, and so a miss for every
    model that knows items by their users only. :class:`WarmKFold` avoids this.

    Examples
    --------
    >>> from sklearn_metarec.model_selection import PerUserShuffleSplit
    >>> X = [["ann", item] for item in "abcde"] + [["bob", "a"]]
    >>> train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    >>> train.tolist(), test.tolist()
    ([0, 1, 2, 3, 5], [4])
    """

    def __init__(self, n_splits=1, *, test_size=0.2, random_state=None):
        check_count("n_splits", n_splits, 1)
        check_size("test_size", test_size, "items a user")
        self.n_splits = n_splits
        self.test_size = test_size
        self.random_state = random_state

    def _masks(self, pairs):
        n_pairs = np.bincount(pairs.users)
        n_test = np.minimum(share_of(self.test_size, n_pairs), n_pairs - 1)
        if not n_test.any():
            raise ValueError(_NO_SECOND_PAIR)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            ranks = rank_within(pairs.users, rng.permutation(len(pairs)))
            yield partition(pairs, ranks < n_test[pairs.users])


class WarmKFold(InteractionSplitter):
    """Divide the pairs into folds so that every test user and item is also in training.

    Each user's pairs are dealt to the folds in turn, the first to another fold from
    user to user. A fold that holds all pairs of a user or of an item gives one of
    them to the training part; such a pair, and the only pair of a user or an item, is
    tested in no split.

    Parameters
    ----------
    n_splits : int, default=5
        How many folds.
    shuffle : bool, default=False
        Whether to deal each user's pairs in random order; else in the order of the
        items' ids. Either way the folds do not depend on the order of the rows.
    random_state : int, RandomState or None, default=None
        Seeds the shuffle.

    See Also
    --------
    PerUserShuffleSplit : Random draws, of any size; the items may be new.

    Examples
    --------
    >>> from sklearn_metarec.model_selection import WarmKFold
    >>> X = [[user, item] for user in (1, 2) for item in (10, 20)]
    >>> for train, test in WarmKFold(2).split(X):
    ...     print(train, test)
    [1 2] [0 3]
    [0 3] [1 2]
    """

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        check_count("n_splits", n_splits, 2)
        if random_state is not None and not shuffle:
            raise ValueError(
                f"random_state={random_state!r} has no effect without shuffle=True."
            )
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _masks(self, pairs):
        places = np.arange(len(pairs))
        if self.shuffle:
            places = check_random_state(self.random_state).permutation(len(pairs))
        # Where users have the same items, a deal that began at the same fold for all
        # of them would put all pairs of an item into one fold.
        ranks = rank_within(pairs.users, places)
        folds = (ranks + pairs.users) % self.n_splits
        sides = (
            (pairs.users, ranks == 0),
            (pairs.items, rank_within(pairs.items, places) == 0),
        )
        for fold in range(self.n_splits):
            in_test = folds == fold
            for side, first in sides:
                # Where the test holds all pairs of a user, or an item, it gives one.
                held = np.bincount(side[in_test], minlength=side.max() + 1)
                in_test &= ~(first & (held == np.bincount(side))[side])
            if not in_test.any():
                raise ValueError(
                    f"Fold {fold} of {self.n_splits} is empty: {len(pairs)} distinct "
                    "pairs are too few to test some of them and leave each of their "
                    "users and items a pair for training. Lower n_splits."
                )
            yield partition(pairs, in_test)
