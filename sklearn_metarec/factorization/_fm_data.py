"""What a factorization machine learns from: its rows, and the blocks they point at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from sklearn_metarec._features import encoded_rows
from sklearn_metarec._side_tables import other_columns
from sklearn_metarec.factorization._gibbs import Block
from sklearn_metarec.interactions import (
    compressed_parts,
    make_csr,
    take_csr,
    take_rows,
    transpose_csr,
)

PERIODS = {"hour": 3_600, "day": 86_400, "week": 604_800}
# Times since 1970 up to the year 5138: in seconds they are below 1e11, in
# milliseconds below 1e14, and so on.
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (np.inf, 1_000_000_000))


@dataclass(frozen=True)
class RequestEncoder:
    """Makes numbers of when, and with what other columns, something was asked or rated.

    Attributes
    ----------
    period : int, float or None
        The length of a period in the unit of the timestamps; None leaves time out.
    encoder : transformer or None
        Encodes the other columns; None if there are none.
    elsewhere : list
        The columns that are features of users or items.
    named : bool
        Whether the columns have names.
    width : int
        How many columns the encoder makes.
    """

    period: Any
    encoder: Any
    elsewhere: list
    named: bool
    width: int

    @classmethod
    def fit(cls, table, time_step, encoder, elsewhere):
        """Learn from the rows of a fit.

        Parameters
        ----------
        table : Interactions
            The rows.
        time_step : str, number or None
            As of FMRegressor.
        encoder : transformer
            Encodes the other columns; it is cloned.
        elsewhere : list
            The columns that are features of users or items.

        Returns
        -------
        requests : RequestEncoder
            A fitted one.

        Raises
        ------
        ValueError
            If time is asked for, and the rows have none.
        """
        period = time_step
        if time_step is not None and table.time is None:
            raise ValueError(
                f"time_step={time_step!r} needs timestamps: X has no column named "
                "timestamp or time."
            )
        if isinstance(time_step, str):
            latest = np.abs(table.time).max()
            unit = next(unit for above, unit in _UNITS if latest < above)
            period = PERIODS[time_step] * unit
        columns = other_columns(table.context, elsewhere)
        if columns is None:
            return cls(period, None, elsewhere, False, 0)
        encoder = clone(encoder)
        encoded = encoded_rows(encoder.fit_transform, columns)
        # Means and counts of the encoder are over contexts, however often each occurs,
        # so that a weight is a repetition.
        distinct = take_rows(columns, np.sort(distinct_rows(encoded)[0]))
        width = encoded_rows(encoder.fit_transform, distinct).shape[1]
        return cls(period, encoder, elsewhere, hasattr(columns, "columns"), width)

    def ratings(self, source, history):
        """Return the rows of a fit or an update, or None if their pairs say it all.

        Parameters
        ----------
        source : Rows
            The rows.
        history : History
            Their pairs; what the codes refer to.

        Returns
        -------
        ratings : Ratings or None
            The rows, merged.
        """
        table, weights = source.table, source.sample_weight
        periods = self.periods(table.time)
        context = self.context(table.context, len(table))
        if self.period is not None and periods is None:
            raise ValueError("The rows of the fit had timestamps, these have none.")
        if periods is None and context is None:
            return None
        rows = history.users.lookup(table.users.ids)[table.rows]
        cols = history.items.lookup(table.items.ids)[table.cols]
        weights = np.ones(len(rows)) if weights is None else weights
        return Ratings(rows, cols, source.y, weights, periods, context).merged()

    def periods(self, time):
        """Return the number of each time's period, or None without time."""
        if self.period is None or time is None:
            return None
        return np.floor_divide(time, self.period).astype(np.int64)

    def context(self, columns, n):
        """Return the encoded other columns of n rows; zeros where they are missing."""
        if self.encoder is None:
            return None
        if columns is not None:
            columns = other_columns(columns, self.elsewhere)
        # Columns without names cannot be told apart from users, items and time.
        if columns is None or (self.named and not hasattr(columns, "columns")):
            return sparse.csr_array((n, self.width), dtype=np.float32)
        return encoded_rows(self.encoder.transform, columns)


def nearest(numbers, wanted):
    """Return the place of the nearest of some ascending numbers, the earlier of two."""
    last = len(numbers) - 1
    after = np.searchsorted(numbers, wanted).clip(0, last)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(numbers[after] - wanted) < np.abs(wanted - numbers[before])
    return np.where(nearer, after, before)


@dataclass(frozen=True)
class Ratings:
    """Ratings in codes: those of a pair in the same period and context are one.

    Attributes
    ----------
    rows, cols : ndarray of shape (n,), dtype=int32
        The codes of users and items.
    values, weights : ndarray of shape (n,), dtype=float64
        Mean ratings, and the sums of their weights.
    periods : ndarray of shape (n,), dtype=int64, or None, default=None
        The numbers of the periods.
    context : csr_array of shape (n, n_features) or None, default=None
        The encoded other columns.
    """

    rows: np.ndarray
    cols: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    periods: np.ndarray | None = None
    context: sparse.csr_array | None = None

    @classmethod
    def of_pairs(cls, history):
        """Return the pairs of a history, which know neither period nor context."""
        indptr, cols, values = compressed_parts(history.matrix)
        rows = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
        return cls(rows, cols, values, history.weights)

    def merged(self):
        """Return these ratings in a fixed order, the same situations averaged."""
        keys = [self.cols, self.rows]
        if self.periods is not None:
            keys.insert(0, self.periods)
        if self.context is not None:
            keys.insert(0, distinct_rows(self.context)[1])
        order = np.lexsort(keys)
        new = np.zeros(len(order), dtype=bool)
        new[:1] = True
        for key in keys:
            new[1:] |= np.diff(key[order]) != 0
        first = np.flatnonzero(new)
        weights = np.add.reduceat(self.weights[order], first)
        totals = np.add.reduceat((self.values * self.weights)[order], first)
        there = order[first]
        return Ratings(
            self.rows[there], self.cols[there], totals / weights, weights,
            None if self.periods is None else self.periods[there],
            None if self.context is None else take_csr(self.context, there)[0],
        )  # fmt: skip

    def recode(self, old, new):
        """Return these ratings in the codes of another history's ids."""
        return Ratings(
            new.users.lookup(old.users.ids)[self.rows],
            new.items.lookup(old.items.ids)[self.cols],
            self.values, self.weights, self.periods, self.context,
        )  # fmt: skip

    def add(self, other):
        """Return these ratings and others, in the same codes."""
        arrays = [
            np.concatenate([getattr(part, name) for part in (self, other)])
            for name in ("rows", "cols", "values", "weights")
        ]
        periods = context = None
        if self.periods is not None:
            periods = np.concatenate([self.periods, other.periods])
        if self.context is not None:
            context = sparse.vstack([self.context, other.context], format="csr")
        rows, cols, values, weights = arrays
        return Ratings(rows, cols, values, weights, periods, context).merged()


def distinct_rows(matrix):
    """Return (the first place of each distinct row, which of them each row is)."""
    # Two numbers of 53 bits at random tell rows apart; equal rows have equal ones.
    directions = np.random.default_rng(0).normal(size=(matrix.shape[1], 2))
    keys = matrix.astype(np.float64) @ directions
    _, first, codes = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, codes.reshape(-1).astype(np.int32)


def make_blocks(history, ratings, implicit, features):
    """Return the blocks of a machine: users, items, then periods and contexts.

    Parameters
    ----------
    history : History
        The pairs: what the sets are made of.
    ratings : Ratings
        The data rows.
    implicit : {"user", "item", "both"} or None
        Whose sets are features.
    features : dict of str to list of csr_array
        The features of each "user" and each "item".

    Returns
    -------
    blocks : list of Block
        Those of periods and contexts where there are some.
    """
    blocks = []
    for side, codes, matrix in (
        ("user", ratings.rows, history.matrix),
        ("item", ratings.cols, transpose_csr(history.matrix)),
    ):
        sets = [normalized_sets(matrix)] if implicit in (side, "both") else []
        blocks.append(Block(codes, matrix.shape[0], [*sets, *features[side]]))
    if ratings.periods is not None:
        numbers, codes = np.unique(ratings.periods, return_inverse=True)
        blocks.append(Block(codes.astype(np.int32), len(numbers)))
    if ratings.context is not None:
        first, codes = distinct_rows(ratings.context)
        contexts = take_csr(ratings.context, first)[0]
        # A context may be met once only: parameters of its own would be noise.
        blocks.append(Block(codes, len(first), [contexts], own=False))
    return blocks


def group_labels(history, ratings, implicit, features):
    """Return what the features of each block and group are.

    Parameters
    ----------
    history : History
        The pairs.
    ratings : Ratings
        The data rows.
    implicit : {"user", "item", "both"} or None
        Whose sets are features.
    features : dict of str to list of csr_array
        The features of each "user" and each "item".

    Returns
    -------
    labels : list of list of (Vocabulary, ndarray or None)
        Ids, numbers of periods, or None for columns that are always the same.
    """
    labels = []
    for side, ids, members in (
        ("user", history.users, history.items),
        ("item", history.items, history.users),
    ):
        sets = [members] if implicit in (side, "both") else []
        labels.append([ids, *sets, *(None for _ in features[side])])
    if ratings.periods is not None:
        labels.append([np.unique(ratings.periods)])
    if ratings.context is not None:
        labels.append([None])
    return labels


def carry_parameters(known, old, start, new):
    """Write known parameters over those that a chain starts from.

    Parameters
    ----------
    known : list of list of ndarray
        Parameters by block and group.
    old : list of list
        Their labels (see :func:`group_labels`).
    start : list of list of ndarray
        Those of the chain; changed in place.
    new : list of list
        Their labels.
    """
    for groups in zip(known, old, start, new, strict=True):
        for theta, ids, target, ids_now in zip(*groups, strict=True):
            if ids is None:
                target[:] = theta
            elif isinstance(ids, np.ndarray):
                target[np.searchsorted(ids_now, ids)] = theta
            else:
                target[ids_now.lookup(ids.ids)] = theta


def normalized_sets(matrix):
    """Return the pattern of compressed rows; a row of n has the values 1 / sqrt(n)."""
    indptr, indices, _ = compressed_parts(matrix)
    counts = np.diff(indptr)
    values = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
    return make_csr(indptr, indices, values, matrix.shape)
