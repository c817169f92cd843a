"""What the splitters share: pairs instead of rows, and checks that tell what to do."""

import warnings
from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import check_consistent_length

from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.utils._sklearn import InvalidParameterError


class Pairs:
    """The distinct (user, item) pairs of a table, by user and then by item.

    A pair's place does not depend on the order of the rows, so neither does a split
    that is drawn over pairs.

    Parameters
    ----------
    table : Interactions
        The table, without ids that no row has.

    Attributes
    ----------
    users, items : ndarray of shape (n_pairs,), dtype=int64
        The codes of each pair.
    of_row : ndarray of shape (n_rows,)
        The pair of each row.
    time : ndarray of shape (n_rows,)
        The time of each row; its position in a table that has no time.
    """

    def __init__(self, table):
        n_items = len(table.items)
        keys = table.rows.astype(np.int64) * n_items + table.cols
        distinct, self.of_row = np.unique(keys, return_inverse=True)
        self.users, self.items = np.divmod(distinct, n_items)
        self.time = np.arange(len(table)) if table.time is None else table.time

    def __len__(self):
        return len(self.users)

    def first_places(self):
        """Return the place in time of each pair's first row; equal times by row."""
        places = np.full(len(self), len(self.time))
        np.minimum.at(places, self.of_row, self._places_in_time())
        return places

    def last_places(self):
        """Return the place in time of each pair's last row; equal times by row."""
        places = np.zeros(len(self), dtype=np.int64)
        np.maximum.at(places, self.of_row, self._places_in_time())
        return places

    def _places_in_time(self):
        places = np.empty(len(self.time), dtype=np.int64)
        places[np.argsort(self.time, kind="stable")] = np.arange(len(places))
        return places


class InteractionSplitter(BaseCrossValidator):
    """Base class of the splitters of interaction tables.

    A subclass supplies `_masks(pairs)`, which yields the rows of the training and the
    test part of each split as masks, and an attribute `n_splits`.
    """

    n_splits: int

    @abstractmethod
    def _masks(self, pairs):
        """Yield the masks of training and test rows."""

    def split(self, X, y=None, groups=None):
        """Generate the rows of the training and the test part of each split.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            The table; users, items and time are found as in `fit`.
        y : array-like of shape (n,), default=None
            Ignored: every row counts, whatever its rating.
        groups : object, default=None
            Ignored: the users are read from `X`.

        Yields
        ------
        train : ndarray
            Training rows in ascending order.
        test : ndarray
            Test rows in ascending order.

        Raises
        ------
        ValueError
            If the table has too few rows, users or times for such a split.
        """
        if groups is not None:
            warnings.warn(
                f"The groups parameter is ignored by {type(self).__name__}: it reads "
                "the users and items from X.",
                UserWarning,
                stacklevel=2,
            )
        table = encode_interactions(X)
        check_consistent_length(table, y)
        for train, test in self._masks(Pairs(table.compact())):
            yield np.flatnonzero(train), np.flatnonzero(test)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            How many (train, test) pairs `split` yields.
        """
        return self.n_splits


def partition(pairs, in_test):
    """Return the masks of training and test rows, given which pairs are tested."""
    test = in_test[pairs.of_row]
    return ~test, test


def rank_within(groups, places):
    """Return the rank of each entry among those of its group.

    Parameters
    ----------
    groups : ndarray of shape (n,), dtype=int64
        The group of each entry, from 0 on.
    places : ndarray of shape (n,), dtype=int64
        What to rank by: distinct, from 0 on.

    Returns
    -------
    ranks : ndarray of shape (n,)
        0 for the entry of a group that has the lowest place.
    """
    order = np.argsort(groups * (places.max() + 1) + places)
    starts = np.concatenate(([0], np.cumsum(np.bincount(groups))))
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order)) - starts[groups[order]]
    return ranks


def share_of(size, counts):
    """Return how many a size stands for: a share rounded down, or the number it is.

    Parameters
    ----------
    size : float or int
        A share below 1, or a number.
    counts : int or ndarray of int
        What it is a share of.

    Returns
    -------
    n : int or ndarray of int
        At least 1.
    """
    if isinstance(size, Integral):
        return size
    # 0.29 * 100 is 28.999...: a share that is reached exactly counts as reached.
    n = np.floor(np.round(size * np.asarray(counts), 6)).astype(np.int64)
    return np.maximum(n, 1)


def check_size(name, value, unit):
    """Raise an error unless a value is a share between 0 and 1, or a number."""
    if isinstance(value, bool | np.bool_):
        valid = False
    elif isinstance(value, Integral):
        valid = int(value) >= 1
    else:
        valid = isinstance(value, Real) and 0 < float(value) < 1
    if not valid:
        raise InvalidParameterError(
            f"{name} must be a share between 0 and 1, such as 0.2, or a whole number "
            f"of {unit} from 1 on; got {value!r}."
        )


def check_count(name, value, minimum):
    """Raise an error unless a value is an integer of at least `minimum`."""
    integral = isinstance(value, Integral) and not isinstance(value, bool)
    if not integral or value < minimum:
        raise InvalidParameterError(
            f"{name} must be a whole number of at least {minimum}, got {value!r}."
        )
