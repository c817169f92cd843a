"""Splitters that test what came later."""

from itertools import pairwise

import numpy as np

from sklearn_metarec.model_selection._split import (
    InteractionSplitter,
    check_count,
    check_size,
    partition,
    rank_within,
    share_of,
)
from sklearn_metarec.utils._sklearn import InvalidParameterError


class LeaveLastOut(InteractionSplitter):
    """Test each user's last items.

    Equal times are ordered by row; without a time column, all are. A user with no
    more than `n` distinct items stays in training.

    All rows of a pair are on the same side. A pair that repeats counts at its last
    row, so that nothing of a user's training part is later than what is tested.

    Parameters
    ----------
    n : int, default=1
        How many distinct items of each user are tested.

    See Also
    --------
    TemporalSplit : One cut for all users, so that nothing at all is later.

    Notes
    -----
    The users' last items lie at different times: what others did after a user's last
    interaction is in training, as in most papers on sequences.

    Examples
    --------
    >>> from sklearn_metarec.model_selection import LeaveLastOut
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["ann", "rum"]]
    >>> train, test = next(LeaveLastOut().split(X))
    >>> train.tolist(), test.tolist()
    ([0, 1, 2], [3])
    """

    n_splits = 1

    def __init__(self, n=1):
        check_count("n", n, 1)
        self.n = n

    def _masks(self, pairs):
        n_pairs = np.bincount(pairs.users)
        if n_pairs.max() <= self.n:
            raise ValueError(
                f"No user has more than n={self.n} different items, so that testing "
                "these would leave nothing of the user in training. Lower n, or check "
                "that the user and item columns are the right ones."
            )
        ranks = rank_within(pairs.users, pairs.last_places())
        n_kept = np.where(n_pairs > self.n, n_pairs - self.n, n_pairs)
        yield partition(pairs, ranks >= n_kept[pairs.users])


class TemporalSplit(InteractionSplitter):
    """Train on what was before a point in time, test what came next.

    The last windows of the time line are the test parts, one a split, and all rows
    before a window train for it. Without a time column, the order of the rows is
    their order in time. Rows of equal time are never divided: a window begins with all
    rows of its first time, and so may be longer than asked for.

    A pair that the training part holds is no discovery any more: its later rows are
    in neither part. So no pair is on both sides, and no training row is later than
    the cut.

    Parameters
    ----------
    n_splits : int, default=1
        How many windows, one after the other up to the end.
    test_size : float or int, default=0.2
        The size of a window: a share of all rows, rounded down, or a number of rows.
    gap : int, float or timedelta, default=0
        How long before a window training ends: in the unit of the time column, a
        timedelta where that holds dates, or rows where there is none.

    See Also
    --------
    LeaveLastOut : A cut of its own for each user.
    sklearn.model_selection.TimeSeriesSplit : The same for rows without users.

    Notes
    -----
    Users and items whose first row is after the cut are in the test part as they are
    in life: unknown.

    Examples
    --------
    >>> from sklearn_metarec.model_selection import TemporalSplit
    >>> X = [["ann", "tea"], ["bob", "tea"], ["ann", "milk"], ["bob", "tea"],
    ...      ["bob", "milk"]]
    >>> train, test = next(TemporalSplit(test_size=0.4).split(X))
    >>> train.tolist(), test.tolist()
    ([0, 1, 2], [4])
    """

    def __init__(self, n_splits=1, *, test_size=0.2, gap=0):
        check_count("n_splits", n_splits, 1)
        check_size("test_size", test_size, "rows")
        _gap_in_units_of_time(gap)
        self.n_splits = n_splits
        self.test_size = test_size
        self.gap = gap

    def _masks(self, pairs):
        time, gap = pairs.time, _gap_in_units_of_time(self.gap)
        cuts = self._cuts(np.sort(time))
        for cut, stop in pairwise(cuts):
            train = time < cut - gap
            if not train.any():
                raise ValueError(
                    f"No row is before the cut at {cut}"
                    + (f" by more than the gap of {self.gap!r}" if gap else "")
                    + ", so there is nothing to train on. Lower n_splits, test_size "
                    "or gap, or check that the times differ."
                )
            known = np.zeros(len(pairs), dtype=bool)
            known[pairs.of_row[train]] = True
            test = (time >= cut) & ~known[pairs.of_row]
            if stop is not None:
                test &= time < stop
            if not test.any():
                raise ValueError(
                    f"The window from {cut} on holds no pair that is not in training: "
                    "its times are those of the next window, or its pairs repeat "
                    "earlier ones. Raise test_size, or lower n_splits."
                )
            yield train, test

    def _cuts(self, ordered):
        """Return the first time of each window, and None for the end."""
        n_rows = len(ordered)
        n_test = int(share_of(self.test_size, n_rows))
        first = n_rows - self.n_splits * n_test
        if first < 1:
            raise ValueError(
                f"n_splits={self.n_splits} windows of test_size={self.test_size} leave "
                f"nothing of the {n_rows} row(s) to train on. Lower either."
            )
        return [*ordered[first::n_test].tolist(), None]


def _gap_in_units_of_time(gap):
    """Return a gap as a number; that of dates are nanoseconds."""
    try:
        if hasattr(gap, "total_seconds"):
            gap = np.timedelta64(gap)
        if isinstance(gap, np.timedelta64):
            gap = int(gap / np.timedelta64(1, "ns"))
        if gap >= 0:
            return gap
    except TypeError:
        pass
    raise InvalidParameterError(
        f"gap must be a number or a timedelta of at least 0, got {gap!r}."
    )
