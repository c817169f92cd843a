"""Cleaning a table of interactions."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_consistent_length

from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.interactions import Interactions, _as_frame, read_table
from sklearn_metarec.preprocessing._faults import id_faults, read_numbers, read_time
from sklearn_metarec.preprocessing._report import REASONS, CleaningReport
from sklearn_metarec.preprocessing._tables import table_positions
from sklearn_metarec.utils._sklearn import (
    Interval,
    StrOptions,
    column_or_1d,
    validate_params,
)

_DUPLICATES = {"keep_last", "keep_first", "sum", "mean", "keep"}


class Cleaned(NamedTuple):
    """What :func:`clean_interactions` returns.

    Parameters
    ----------
    X : table
        The rows that are left, in the container that came and in their order.
    y : array-like or None
        Their ratings or strengths.
    sample_weight : array-like or None
        Their weights.
    report : CleaningReport
        What was dropped, and why.
    """

    X: Any
    y: Any
    sample_weight: Any
    report: CleaningReport


@validate_params(
    {
        "X": "no_validation",  # read_table says what is no table
        "y": ["array-like", None],
        "sample_weight": ["array-like", None],
        "min_user": [Interval(Integral, 1, None, closed="left")],
        "min_item": [Interval(Integral, 1, None, closed="left")],
        "duplicates": [StrOptions(_DUPLICATES)],
        "y_range": [tuple, list, None],
        "time_range": [tuple, list, None],
        "drop_incomplete": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def clean_interactions(
    X, y=None, *, sample_weight=None, min_user=1, min_item=1, duplicates="keep_last",
    y_range=None, time_range=None, drop_incomplete=True,
):  # fmt: skip
    """Drop incomplete, broken and duplicate rows, then rare users and items.

    The steps are taken in this order, and what is dropped is reported row by row. The
    input is never changed; rows keep their order, and a pandas object its index.

    Parameters
    ----------
    X : array-like or dataframe of shape (n, >= 2), or Interactions
        One row an interaction, see
        :func:`~sklearn_metarec.interactions.read_table`. A missing or empty id, or an
        infinite one, and a time that is missing or cannot be read cost the row.
    y : array-like of shape (n,), default=None
        Ratings or strengths. A missing or infinite one, or what is no number, costs
        the row.
    sample_weight : array-like of shape (n,), default=None
        A missing, infinite or negative weight costs the row; so does 0, since such a
        row counts as absent everywhere.
    min_user : int, default=1
        Drop users with fewer distinct items, again and again until every user and
        every item left has enough partners (the k-core).
    min_item : int, default=1
        Drop items with fewer distinct users, likewise.
    duplicates : {"keep_last", "keep_first", "sum", "mean", "keep"}, \
            default="keep_last"
        What to make of the rows of one user and item. Keep the last or first by time
        (without a time column, and among equal times, by row), or all of them; or keep
        the last with the sum or the weighted mean of `y`. The sum is that of
        y * sample_weight, as rankers take it; without `y` each row counts 1. Weights
        then become 1 for a sum and are added up for a mean.
    y_range : tuple of (low, high), default=None
        Drop rows with `y` outside; None leaves a side open. `(0, None)` drops the
        negative counts that are returned goods.
    time_range : tuple of (low, high), default=None
        Drop rows with a time outside, in the units of the column; dates may be given
        as text.
    drop_incomplete : bool, default=True
        Whether rows in which something is missing or cannot be read are dropped. They
        are an error otherwise.

    Returns
    -------
    cleaned : Cleaned
        A named tuple of `X`, `y`, `sample_weight` and `report`. In a pandas table, an
        id column that was float only for its missing ids holds integers again.

    Raises
    ------
    ValueError
        If no row is left, or a row is incomplete with `drop_incomplete=False`.

    Examples
    --------
    >>> from sklearn_metarec.preprocessing import clean_interactions
    >>> X = [["ann", "tea"], ["bob", "tea"], ["ann", "tea"], ["eva", ""]]
    >>> cleaned = clean_interactions(X, y=[3, 5, 4, 1])
    >>> cleaned.X, cleaned.y
    ([['bob', 'tea'], ['ann', 'tea']], [5, 4])
    >>> cleaned.report.counts
    {'missing_item': 1, 'duplicate': 1}
    """
    table = read_table(X)
    check_consistent_length(X, y, sample_weight)
    cleaner = _Cleaner(table, y, sample_weight)
    cleaner.drop_incomplete(drop_incomplete)
    cleaner.drop_outside(y_range, time_range)
    cleaner.merge_duplicates(duplicates)
    cleaner.drop_rare(min_user, min_item)
    report = cleaner.report()
    rows = cleaner.left()
    if not len(rows):
        raise ValueError(f"No row is left to learn from.\n{report}")
    return Cleaned(
        _take_table(X, rows, report),
        _take_values(y, cleaner.merged_y, rows),
        _take_values(sample_weight, cleaner.merged_weight, rows),
        report,
    )


class _Cleaner:
    """The rows of a table, which of them are left, and why the others are not."""

    def __init__(self, table, y, sample_weight):
        n = len(table)
        self._fate = np.full(n, -1, dtype=np.int8)
        self._user, self._item = table.user, table.item
        self._time = None if table.time is None else read_time(table.time)
        self._y = None if y is None else read_numbers(column_or_1d(y, warn=True))
        self._weight = None
        if sample_weight is not None:
            self._weight = read_numbers(column_or_1d(sample_weight, warn=True))
        # What duplicates were merged into, by row; None where values stay as they are.
        self.merged_y = self.merged_weight = None

    def left(self):
        """Return the positions of the rows left."""
        return np.flatnonzero(self._fate < 0)

    def _drop(self, mask, reason):
        self._fate[mask & (self._fate < 0)] = REASONS.index(reason)

    def drop_incomplete(self, drop):
        """Drop rows in which something is missing or no value of its kind."""
        users, infinite_user = id_faults(self._user)
        items, infinite_item = id_faults(self._item)
        self._drop(users, "missing_user")
        self._drop(items, "missing_item")
        self._drop(infinite_user, "infinite_user")
        self._drop(infinite_item, "infinite_item")
        if self._y is not None:
            _, missing, broken = self._y
            self._drop(missing, "missing_y")
            self._drop(broken, "broken_y")
        if self._time is not None:
            _, missing, unreadable = self._time
            self._drop(missing, "missing_time")
            self._drop(unreadable, "unreadable_time")
        if self._weight is not None:
            weight, missing, broken = self._weight
            self._drop(missing | broken | (weight < 0), "broken_weight")
        if not drop:
            self._raise_if_dropped()
        if self._weight is not None:
            self._drop(weight == 0, "zero_weight")
        self._rows, self._n_users = _encode(
            self._user, ~(users | infinite_user), "user_id"
        )
        self._cols, self._n_items = _encode(
            self._item, ~(items | infinite_item), "item_id"
        )

    def _raise_if_dropped(self):
        dropped = np.flatnonzero(self._fate >= 0)
        if len(dropped):
            reason = REASONS[self._fate[dropped[0]]].replace("_", " ")
            raise ValueError(
                f"{len(dropped)} of {len(self._fate)} rows are incomplete, first row "
                f"{dropped[0]}: {reason}. drop_incomplete=True drops them."
            )

    def drop_outside(self, y_range, time_range):
        """Drop rows with a value outside its range."""
        for values, limits, name in (
            (self._y, y_range, "y"),
            (self._time, time_range, "time"),
        ):
            if limits is None:
                continue
            if values is None:
                raise ValueError(f"{name}_range was given, but there is no {name}.")
            values = values[0]
            low, high = _check_range(limits, f"{name}_range", values.dtype.kind == "M")
            outside = np.zeros(len(values), dtype=bool)
            if low is not None:
                outside |= values < low
            if high is not None:
                outside |= values > high
            self._drop(outside, f"{name}_out_of_range")

    def merge_duplicates(self, how):
        """Leave one row of each user and item, unless all are to be kept."""
        rows = self.left()
        if how == "mean" and self._y is None:
            raise ValueError("duplicates='mean' is that of y: pass y.")
        if how == "keep" or not len(rows):
            return
        pairs, pair_of = self._pairs(rows)
        order = np.arange(len(rows))
        if self._time is not None:
            order = np.argsort(self._time[0][rows], kind="stable")
        if how == "keep_first":
            order = order[::-1]
        # Of several rows written to the same place, the last one stays.
        kept = np.empty(len(pairs), dtype=np.int64)
        kept[pair_of[order]] = rows[order]
        lost = np.ones(len(self._fate), dtype=bool)
        lost[kept] = False
        self._drop(lost, "duplicate")
        if how in ("sum", "mean"):
            self._merge_values(how, rows, pair_of, kept)

    def _merge_values(self, how, rows, pair_of, kept):
        ones = np.ones(len(rows))
        y = ones if self._y is None else self._y[0][rows]
        weight = ones if self._weight is None else self._weight[0][rows]
        sums = np.bincount(pair_of, y * weight)
        totals = np.bincount(pair_of, weight)
        self.merged_y, self.merged_weight = np.ones((2, len(self._fate)))
        self.merged_y[kept] = sums if how == "sum" else sums / totals
        if how == "mean":
            self.merged_weight[kept] = totals
        if self._weight is None:
            self.merged_weight = None

    def _pairs(self, rows):
        """Return (the distinct pairs, each row's position among them)."""
        keys = self._rows[rows].astype(np.int64) * self._n_items + self._cols[rows]
        pairs, pair_of = encode_ids(keys)
        return pairs.ids, pair_of

    def drop_rare(self, min_user, min_item):
        """Drop rows until every user and item left has enough partners."""
        rows = self.left()
        if (min_user <= 1 and min_item <= 1) or not len(rows):
            return
        pairs, pair_of = self._pairs(rows)
        users, items = np.divmod(pairs, self._n_items)
        self._fate[rows] = _core(users, items, min_user, min_item)[pair_of]

    def report(self):
        """Return the report."""
        left = self.left()
        dropped = np.flatnonzero(self._fate >= 0)
        return CleaningReport(
            n_rows_in=len(self._fate),
            n_rows_out=len(left),
            n_users_in=self._n_users,
            n_users_out=len(np.unique(self._rows[left])),
            n_items_in=self._n_items,
            n_items_out=len(np.unique(self._cols[left])),
            rows=dropped,
            codes=self._fate[dropped],
        )


def _encode(column, there, name):
    """Return (the code of each row's id, -1 where there is none; how many ids)."""
    codes = np.full(len(there), -1, dtype=np.int32)
    present = column if there.all() else _take(column, np.flatnonzero(there))
    vocabulary, codes[there] = encode_ids(present, name)
    return codes, len(vocabulary)


def _core(users, items, min_user, min_item):
    """Return the reason for which each distinct pair drops out, -1 for the core."""
    fate = np.full(len(users), -1, dtype=np.int8)
    left = np.arange(len(users))
    while True:
        user, item = users[left], items[left]
        few_items = np.bincount(user)[user] < min_user
        few_users = np.bincount(item)[item] < min_item
        out = few_items | few_users
        if not out.any():
            return fate
        fate[left[few_users]] = REASONS.index("rare_item")
        fate[left[few_items]] = REASONS.index("rare_user")
        left = left[~out]


def _check_range(limits, name, are_dates):
    if len(limits) != 2:
        raise ValueError(f"{name} must be (low, high), got {limits!r}.")
    read = _as_date if are_dates else _as_number
    low, high = (None if limit is None else read(limit, name) for limit in limits)
    if low is not None and high is not None and low > high:
        raise ValueError(f"{name} is empty: {limits[0]!r} is above {limits[1]!r}.")
    return low, high


def _as_number(limit, name):
    if not isinstance(limit, Real):
        raise ValueError(f"{name} must be numbers, as its column is; got {limit!r}.")
    return limit


def _as_date(limit, name):
    import pandas as pd

    try:
        limit = pd.to_datetime(limit, utc=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds what is no date: {limit!r}.") from error
    return limit.tz_localize(None).to_datetime64()


def _take_table(X, rows, report):
    """Return some rows of a table in its own container."""
    if isinstance(X, Interactions):
        return X[rows].compact()
    frame = _as_frame(X)
    if frame is None:
        return _take(X, rows)
    import narwhals.stable.v2 as nw

    frame = frame[rows]
    positions = table_positions(frame.columns)
    names = {side: frame.columns[positions[side]] for side in ("user", "item")}
    # In pandas, one missing id turns integers into floats.
    whole = [
        nw.col(name).cast(nw.Int64)
        for side, name in names.items()
        if f"missing_{side}" in report.counts and _is_whole(frame[name].to_numpy())
    ]
    return frame.with_columns(whole).to_native()


def _is_whole(ids):
    return ids.dtype.kind == "f" and (ids == np.floor(ids)).all()


def _take(values, rows):
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if isinstance(values, list | tuple):
        return type(values)(values[row] for row in rows.tolist())
    return values[rows] if hasattr(values, "to_numpy") else np.asarray(values)[rows]


def _take_values(values, merged, rows):
    """Return some of the values, or what they were merged into, in their container."""
    if merged is None:
        return None if values is None else _take(values, rows)
    merged = merged[rows]
    if hasattr(values, "iloc"):
        taken = values.iloc[rows]
        return type(values)(
            merged, index=taken.index, name=getattr(taken, "name", None)
        )
    if isinstance(values, list | tuple):
        return type(values)(merged.tolist())
    if hasattr(values, "to_numpy"):
        return type(values)(values.name, merged)
    return merged
