"""From a table of interactions to codes and compressed rows.

The only place that reads raw tables: which columns are user, item and time, which
ids there are, and the matrix of a table's strengths or ratings.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_metarec._kernels import csr
from sklearn_metarec._vocabulary import Vocabulary, encode_ids
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import check_array

__all__ = [
    "Interactions",
    "Table",
    "encode_interactions",
    "interactions_from_matrix",
    "read_table",
]

# The names of the columns, compared without case and underscores. The first of a
# role wins: `user` beside `user_id` is then usually the user's name.
_ROLES = {
    "user": ("userid", "user"),
    "item": ("itemid", "item"),
    "time": ("timestamp", "time"),
    "rating": ("rating",),
}
# So many columns without names are hardly those of a log.
_MANY_COLUMNS = 20


# From so many rows on, users and items are encoded at the same time: for fewer rows,
# to start a thread costs more than it saves.
_MANY_ROWS = 1 << 16


@dataclass(frozen=True)
class Table:
    """The columns of a table of interactions, as they came.

    Attributes
    ----------
    user, item : array or series of shape (n,)
        Raw ids.
    time : array or series of shape (n,) or None
        Raw time, where the table has a column of that name.
    n_columns : int
        How many columns the table has.
    context : dataframe or ndarray of shape (n, n_other), or None
        All other columns, where there are some.
    """

    user: Any
    item: Any
    time: Any = None
    n_columns: int = 2
    context: Any = None

    def __len__(self):
        return len(self.user)


@dataclass(frozen=True)
class Interactions:
    """A table of interactions in codes.

    Every recommender and splitter takes it in place of a raw table; subsets share the
    vocabularies, so that ids are encoded once however often a table is divided.

    Attributes
    ----------
    users, items : Vocabulary
        The sorted unique ids of each side.
    rows, cols : ndarray of shape (n,), dtype=int32
        The user code and the item code of each interaction.
    time : ndarray of shape (n,) or None
        Int64 or float64 time; None where the table has none: rows are in time order.
    n_columns : int, default=2
        The columns of the table that it came from.
    context : dataframe or ndarray of shape (n, n_other), or None
        The columns that are neither user, item nor time, where there are some.
    """

    users: Vocabulary
    items: Vocabulary
    rows: np.ndarray
    cols: np.ndarray
    time: np.ndarray | None = None
    n_columns: int = 2
    context: Any = None

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        time = None if self.time is None else self.time[index]
        return Interactions(
            self.users, self.items, self.rows[index], self.cols[index], time,
            self.n_columns, take_rows(self.context, index),
        )  # fmt: skip

    @property
    def shape(self):
        """Rows and columns of the table, as of an array."""
        return len(self.rows), self.n_columns

    def compact(self):
        """Drop the ids that no row has.

        Returns
        -------
        interactions : Interactions
            The same rows, in the codes of what is left.
        """
        users, rows = _restrict(self.users, self.rows)
        items, cols = _restrict(self.items, self.cols)
        return Interactions(
            users, items, rows, cols, self.time, self.n_columns, self.context
        )


def _restrict(vocabulary, codes):
    used = np.zeros(len(vocabulary), dtype=bool)
    used[codes] = True
    if used.all():
        return vocabulary, codes
    mapping = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return vocabulary.restrict(np.flatnonzero(used)), mapping[codes]


def encode_interactions(X, *, warn=True):
    """Encode a table.

    Parameters
    ----------
    X : array-like or dataframe of shape (n, >= 2), or Interactions
        See :func:`read_table`.
    warn : bool, default=True
        Whether to warn when the columns of a dataframe were taken by position.

    Returns
    -------
    interactions : Interactions
        The table in codes; an `Interactions` comes back as it is.
    """
    if isinstance(X, Interactions):
        return X
    table = read_table(X, warn=warn)
    (users, rows), (items, cols) = _encode_both(table)
    time = None if table.time is None else time_values(table.time)
    return Interactions(users, items, rows, cols, time, table.n_columns, table.context)


def _encode_both(table):
    columns = (table.user, "user_id"), (table.item, "item_id")
    encoded = [None, None]

    def encode(lo, hi):
        for side in range(lo, hi):
            encoded[side] = encode_ids(*columns[side])

    map_ranges(encode, 2, chunk=1 if len(table) >= _MANY_ROWS else 2)
    return encoded


def read_table(X, *, allow_empty=False, warn=True):
    """Find the user, item and time columns of a table.

    Parameters
    ----------
    X : array-like or dataframe of shape (n, >= 2), or Interactions
        In a dataframe, `user_id` or `user`, `item_id` or `item`, and `timestamp` or
        `time` are found by name, in any position, without regard to case and
        underscores, and behind a ColumnTransformer prefix (`ids__user_id`). Otherwise
        the first two columns are user and item.
    allow_empty : bool, default=False
        Whether a table without rows is valid.
    warn : bool, default=True
        Whether to warn when the columns of a dataframe were taken by position.

    Returns
    -------
    table : Table
        The columns.

    Raises
    ------
    ValueError
        If there are fewer than two columns, no rows, or a column named `rating`.
    TypeError
        If `X` is a sparse matrix.
    """
    if isinstance(X, Interactions):
        user, item = X.users.ids[X.rows], X.items.ids[X.cols]
        return Table(user, item, X.time, X.n_columns, X.context)
    if sparse.issparse(X):
        raise TypeError(
            "Sparse data was passed, but X is a table of interactions, one row each. "
            "Convert it: X, y = interactions_from_matrix(matrix)."
        )
    frame = _as_frame(X)
    if frame is not None:
        return _read_frame(frame, allow_empty, warn)
    table = _read_array(X, allow_empty)
    if warn and table.n_columns > _MANY_COLUMNS and _is_whole(table.user):
        warnings.warn(
            f"X has {table.n_columns} columns without names; the first two are taken "
            "as user and item. If it is a matrix of users x items, convert it: "
            "X, y = interactions_from_matrix(X).",
            ColumnsWarning,
            stacklevel=2,
        )
    return table


def _is_whole(column):
    """Tell whether a column has whole numbers alone, as a matrix of counts has."""
    column = np.asarray(column)
    with np.errstate(invalid="ignore"):
        return column.dtype.kind in "biuf" and not np.mod(column, 1).any()


def check_is_table(X):
    """Check that X has rows and columns at all."""
    # Some sparse matrices are dicts, too, of which reading says what to do.
    if isinstance(X, dict) and not sparse.issparse(X):
        raise TypeError("X is a dict: make a table of it, as by pandas.DataFrame(X).")
    if getattr(X, "ndim", 2) == 1 and hasattr(X, "to_frame"):
        raise ValueError(
            "X is one column: pass a table with a user and an item column, such as "
            "X[['user_id', 'item_id']]."
        )
    if getattr(X, "ndim", 2) != 2 or (isinstance(X, list | tuple) and not X):
        check_array(X, dtype=None)  # says what to do about it, and raises


def has_named_columns(X):
    """Tell whether both id columns of a table are found by name."""
    if isinstance(X, Interactions):
        return True
    frame = _as_frame(X)
    return frame is not None and {"user", "item"} <= find_roles(frame.columns).keys()


def _as_frame(X):
    """Return a narwhals frame, or None for what is to be read as an array."""
    if isinstance(X, np.ndarray | list | tuple) or not hasattr(X, "columns"):
        return None
    if not all(isinstance(name, str) for name in X.columns):
        return None  # integer labels: a frame in name only
    import narwhals.stable.v2 as nw

    return nw.from_native(X, eager_only=True)


def find_roles(names):
    """Return which column is user, item, time and rating, by name, where there is one.

    Parameters
    ----------
    names : list of str
        The columns of a table.

    Returns
    -------
    roles : dict
        From "user", "item", "time" and "rating" to a column's name.
    """
    plain: dict[str, str] = {}
    for name in names:
        key = name.rsplit("__", 1)[-1].replace("_", "").casefold()
        plain.setdefault(key, name)
    return {
        role: next(plain[key] for key in keys if key in plain)
        for role, keys in _ROLES.items()
        if any(key in plain for key in keys)
    }


def _read_frame(frame, allow_empty, warn):
    names = frame.columns
    roles = find_roles(names)
    if "rating" in roles:
        raise ValueError(
            f"X has a column named {roles['rating']!r}. Ratings are the target: drop "
            "the column from X and pass it as y."
        )
    named = {"user", "item"} <= roles.keys()
    if len(names) < 2:
        raise ValueError(
            f"Found array with {len(names)} feature(s) (shape={frame.shape}) while a "
            "minimum of 2 is required: a user and an item column."
        )
    if not named:
        rest = [name for name in names if name not in roles.values()]
        for role in ("user", "item"):
            if role not in roles:
                if not rest:
                    raise ValueError(
                        f"X has no {role} column; its columns are {names}. Name one "
                        f"{role}_id."
                    )
                roles[role] = rest.pop(0)
        if warn:
            warnings.warn(
                f"Taking column {roles['user']!r} as the user and {roles['item']!r} "
                f"as the item. Name the columns user_id and item_id to say so.",
                ColumnsWarning,
                stacklevel=2,
            )
    if not allow_empty and len(frame) == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 "
            "is required."
        )
    time = frame[roles["time"]].to_native() if "time" in roles else None
    user, item = (frame[roles[role]].to_native() for role in ("user", "item"))
    taken = {roles[role] for role in ("user", "item", "time") if role in roles}
    others = [name for name in names if name not in taken]
    context = frame.select(others).to_native() if others else None
    return Table(user, item, time, len(names), context)


def _read_array(X, allow_empty):
    """Take the first two columns; a list becomes one object array a column."""
    if hasattr(X, "iloc"):
        if X.shape[1] < 2 or not (len(X) or allow_empty):
            check_array(X, dtype=None, ensure_min_features=2)  # raises
        user, item, context = X.iloc[:, 0], X.iloc[:, 1], X.iloc[:, 2:]
        n_columns = X.shape[1]
        return Table(user, item, None, n_columns, context if n_columns > 2 else None)
    if isinstance(X, list | tuple) and X and all(_is_row(row) for row in X):
        widths = {len(row) for row in X}
        if len(widths) == 1 and min(widths) >= 2:
            user, item = ([row[side] for row in X] for side in (0, 1))
            n_columns = widths.pop()
            return Table(user, item, None, n_columns, _other_columns(X, n_columns))
    if allow_empty and isinstance(X, list | tuple) and not X:
        return Table([], [])
    X = check_array(
        X, dtype=None, ensure_all_finite=False, ensure_min_features=2,
        ensure_min_samples=0 if allow_empty else 1, input_name="X",
    )  # fmt: skip
    n_columns = X.shape[1]
    context = X[:, 2:] if n_columns > 2 else None
    return Table(X[:, 0], X[:, 1], None, n_columns, context)


def _other_columns(rows, n_columns):
    """Return what a list of rows holds beside user and item."""
    if n_columns == 2:
        return None
    context = np.empty((len(rows), n_columns - 2), dtype=object)
    for column in range(2, n_columns):
        context[:, column - 2] = np.fromiter(
            (row[column] for row in rows), dtype=object, count=len(rows)
        )
    return context


def take_rows(table, index):
    """Return some rows of an array or of a dataframe of any library, or None.

    Parameters
    ----------
    table : ndarray or dataframe of shape (n, n_columns), or None
        The table.
    index : ndarray or slice
        Positions, or a mask.

    Returns
    -------
    rows : ndarray or dataframe, or None
        Of the same kind.
    """
    if table is None or isinstance(table, np.ndarray):
        return None if table is None else table[index]
    if hasattr(table, "iloc"):
        return table.iloc[index]
    import narwhals.stable.v2 as nw

    positions = np.arange(len(table))[index]
    return nw.from_native(table, eager_only=True)[positions.tolist()].to_native()


def _is_row(row):
    return isinstance(row, list | tuple) or (
        isinstance(row, np.ndarray) and row.ndim == 1
    )


def time_values(column):
    """Return time as numbers: numbers as they are, dates in nanoseconds.

    Parameters
    ----------
    column : array-like or series of shape (n,)
        Numbers, datetime64, or ISO 8601 text, whose zone is converted to UTC.

    Returns
    -------
    values : ndarray of shape (n,), dtype=int64 or float64
        Ascending in time.

    Raises
    ------
    ValueError
        If a time is missing or cannot be read.
    """
    values = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
    if values.dtype.kind in "OU":
        values = _parse_times(values)
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        values = values.astype("datetime64[ns]").astype(np.int64)
    elif values.dtype.kind in "biu":
        return values.astype(np.int64)
    else:
        values = values.astype(np.float64)
        missing = ~np.isfinite(values)
    if missing.any():
        raise ValueError(
            f"timestamp is missing at row {int(np.argmax(missing))}. Drop such rows, "
            "for example with sklearn_metarec.preprocessing.clean_interactions."
        )
    return values


def _parse_times(values):
    import pandas as pd

    if all(isinstance(value, int | float | np.number) for value in values.tolist()):
        return values.astype(np.float64)
    try:
        times = pd.to_datetime(values, format="ISO8601", utc=True)
        return times.tz_localize(None).to_numpy()
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"timestamp holds a value that is no time: {error}. Use numbers, "
            "datetime64 or ISO 8601 text."
        ) from error


def interactions_from_matrix(matrix, user_ids=None, item_ids=None):
    """Turn a users x items matrix into a table and its target.

    Parameters
    ----------
    matrix : sparse matrix or array of shape (n_users, n_items)
        Ratings or strengths; entries that are not stored (in a dense array: zeros)
        are no interactions.
    user_ids : array-like of shape (n_users,), default=None
        The ids of the rows; their positions by default.
    item_ids : array-like of shape (n_items,), default=None
        The ids of the columns; their positions by default.

    Returns
    -------
    X : ndarray of shape (n, 2)
        User and item of each stored entry, row by row.
    y : ndarray of shape (n,)
        The entries.

    Raises
    ------
    ValueError
        If the number of ids is not that of the rows or columns.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from sklearn_metarec import interactions_from_matrix
    >>> X, y = interactions_from_matrix(csr_array([[0, 5], [3, 0]]))
    >>> X.tolist(), y.tolist()
    ([[0, 1], [1, 0]], [5, 3])
    """
    entries = sparse.csr_array(matrix).tocoo()
    columns = []
    for codes, ids, size, name in (
        (entries.row, user_ids, entries.shape[0], "user_ids"),
        (entries.col, item_ids, entries.shape[1], "item_ids"),
    ):
        if ids is None:
            columns.append(codes.astype(np.int64))
            continue
        ids = np.asarray(ids)
        if len(ids) != size:
            raise ValueError(
                f"{name} has {len(ids)} ids, but the matrix has {size} "
                f"{'rows' if name == 'user_ids' else 'columns'}."
            )
        columns.append(ids[codes])
    same_kind = columns[0].dtype.kind == columns[1].dtype.kind
    dtype = np.result_type(*columns) if same_kind else object
    X = np.empty((entries.nnz, 2), dtype=dtype)
    X[:, 0], X[:, 1] = columns
    return X, entries.data


def pair_matrix(rows, cols, values, shape):
    """Sum the values of each pair into a CSR matrix with sorted indices.

    Parameters
    ----------
    rows, cols : ndarray of shape (n,), dtype=int32
        Codes.
    values : ndarray of shape (n,)
        What to add up; its dtype is that of the matrix.
    shape : tuple of (n_users, n_items)
        The shape of the matrix.

    Returns
    -------
    matrix : csr_array
        Zero sums stay stored: the pair was seen.
    """
    n_users, n_items = shape
    # Two stable counting sorts, by item and then by user, leave each user's items in
    # ascending order without comparing a single pair.
    by_item = np.zeros(n_items + 1, dtype=np.int64)
    csr.count_codes(cols, by_item)
    users, sums = np.empty_like(rows), np.empty_like(values)
    csr.scatter(cols, rows, values, by_item, users, sums)
    indptr = np.zeros(n_users + 1, dtype=np.int64)
    csr.count_codes(rows, indptr)
    indices, data = np.empty_like(cols), np.empty_like(values)
    csr.transpose(by_item, users, sums, indptr, indices, data)
    n_pairs = csr.merge_duplicates(indptr, indices, data)
    return make_csr(indptr, indices[:n_pairs], data[:n_pairs], shape)


def make_csr(indptr, indices, data, shape):
    """Wrap sorted, distinct compressed rows as a csr_array without checking them."""
    matrix = sparse.csr_array((data, indices, indptr), shape=shape, copy=False)
    matrix.has_canonical_format = True
    return matrix


def compressed_parts(matrix):
    """Return (indptr as int64, indices, data) of compressed rows, for kernels."""
    return matrix.indptr.astype(np.int64), matrix.indices, matrix.data


def keep_entries(matrix, keep):
    """Return compressed rows without the entries for which a mask is false."""
    indptr, indices, data = compressed_parts(matrix)
    kept = np.flatnonzero(keep)
    indptr = np.searchsorted(kept, indptr)
    return make_csr(indptr, indices[kept], data[kept], matrix.shape)


def take_csr(matrix, codes):
    """Return some rows of a CSR matrix.

    Parameters
    ----------
    matrix : csr_array of shape (n_rows, n_cols)
        Compressed rows.
    codes : ndarray of shape (n,), dtype=int
        Which rows; -1 gives an empty one.

    Returns
    -------
    taken : csr_array of shape (n, n_cols)
        The rows.
    source : ndarray of shape (n_entries,), dtype=int64
        The position that each entry of `taken` has in `matrix`.
    """
    n_rows, n_cols = matrix.shape
    known = codes >= 0
    starts = np.zeros(len(codes), dtype=np.int64)
    taken = np.zeros(len(codes) + 1, dtype=np.int64)
    if n_rows:  # with no row, no code is known
        starts[known] = matrix.indptr[codes[known]]
        taken[1:][known] = matrix.indptr[codes[known] + 1]
    lengths = taken[1:] - starts
    np.cumsum(lengths, out=taken[1:])
    source = np.repeat(starts - taken[:-1], lengths) + np.arange(taken[-1])
    shape = (len(codes), n_cols)
    return make_csr(taken, matrix.indices[source], matrix.data[source], shape), source


def transpose_csr(matrix):
    """Return the transposed matrix as compressed rows."""
    n_rows, n_cols = matrix.shape
    indptr = np.zeros(n_cols + 1, dtype=np.int64)
    source = matrix.indptr.astype(np.int64)
    csr.count_codes(matrix.indices, indptr)
    indices, data = np.empty_like(matrix.indices), np.empty_like(matrix.data)
    csr.transpose(source, matrix.indices, matrix.data, indptr, indices, data)
    return make_csr(indptr, indices, data, (n_cols, n_rows))
