"""What is known of items or users beside the interactions: tables of features."""

import warnings
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_metarec._stored_frames import with_stored_frames, without_stored_frames
from sklearn_metarec._vocabulary import Vocabulary, encode_ids
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.interactions import find_roles, take_rows

# Parameters that hold a user's side table.
SIDE_TABLES = ("item_features", "user_features")


class SharesSideTables:
    """A mixin, left of BaseEstimator, whose clones share its side tables.

    A search clones its estimator once a fit: the tables are passed by reference. A file
    of :func:`sklearn_metarec.save` has them as arrays.
    """

    def __getstate__(self):
        return with_stored_frames(super().__getstate__())

    def __setstate__(self, state):
        # BaseEstimator's, which is right of this class.
        super().__setstate__(without_stored_frames(state))  # type: ignore[misc]

    def __sklearn_clone__(self):
        shared = {
            name: value
            for name in SIDE_TABLES
            if (value := getattr(self, name, None)) is not None
        }
        bare = copy(self)
        for name in shared:
            setattr(bare, name, None)
        return BaseEstimator.__sklearn_clone__(bare).set_params(**shared)


@dataclass(frozen=True)
class SideTable:
    """The features of some ids, one row each.

    Attributes
    ----------
    vocabulary : Vocabulary
        The ids.
    features : dataframe or ndarray of shape (n_ids, n_columns)
        Their features, in the order of the vocabulary.
    """

    vocabulary: Vocabulary
    features: Any

    def __getstate__(self):
        return with_stored_frames(vars(self))

    def __setstate__(self, state):
        vars(self).update(without_stored_frames(state))

    @classmethod
    def from_table(cls, table, side):
        """Read a table that has an id column.

        Parameters
        ----------
        table : dataframe, dict of columns or array-like of shape (n, n_columns)
            One row an id. The ids are the column named `item_id` or `item` (`user_id`
            or `user`), or the index of that name, else the first column.
        side : {"item", "user"}
            Whose features they are.

        Returns
        -------
        side_table : SideTable
            The table.

        Raises
        ------
        ValueError
            If an id is missing or has several rows.
        """
        frame, key = _find_key(_as_native_frame(table), side)
        vocabulary, codes = encode_ids(frame[key].to_native(), f"{side}_id")
        if len(vocabulary) < len(codes):
            twice = int(np.argmax(np.bincount(codes)))
            raise ValueError(
                f"{side}_features has several rows of {side} "
                f"{vocabulary.ids.tolist()[twice]!r}: pass one row an {side}."
            )
        features = frame.drop(key).to_native()
        return cls(vocabulary, take_rows(features, np.argsort(codes)))

    @classmethod
    def from_columns(cls, columns, interactions, side):
        """Take the features from columns of the interactions.

        Parameters
        ----------
        columns : list of str or int
            Columns of the table: names, or positions in one without names.
        interactions : Interactions
            The table; an id has the values of its last row.
        side : {"item", "user"}
            Whose features they are.

        Returns
        -------
        side_table : SideTable
            The table.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        items = side == "item"
        codes = interactions.cols if items else interactions.rows
        vocabulary = interactions.items if items else interactions.users
        last = np.zeros(len(vocabulary), dtype=np.int64)
        last[codes] = np.arange(len(codes))
        features = select_columns(interactions.context, columns, f"{side}_features")
        return cls(vocabulary, take_rows(features, last))


def are_columns(value):
    """Tell whether a parameter names columns, rather than being a table."""
    return isinstance(value, list | tuple) and all(
        isinstance(name, str | int) for name in value
    )


def select_columns(context, columns, param):
    """Return some of the columns that a table has beside user, item and time.

    Parameters
    ----------
    context : dataframe or ndarray of shape (n, n_other), or None
        Those columns.
    columns : list of str or int
        Names, with or without the prefix of a ColumnTransformer; in an array positions
        in the whole table, which begins with user and item.
    param : str
        The parameter that asks for them, for the error.

    Returns
    -------
    selected : dataframe or ndarray of shape (n, len(columns))
        The columns.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    there = _names_of(context)
    for column in columns:
        if column not in there:
            raise ValueError(
                f"{param} names the column {column!r}, but beside user, item and time "
                f"X has {list(there) or 'none'}."
            )
    return _select(context, [there[column] for column in columns])


def other_columns(context, columns):
    """Return the columns beside user, item and time that are not among the named.

    Parameters
    ----------
    context : dataframe or ndarray of shape (n, n_other), or None
        All those columns.
    columns : list of str or int
        The names, as of :func:`select_columns`; they need not be there.

    Returns
    -------
    others : dataframe or ndarray of shape (n, n_left), or None
        The columns, None if none are left.
    """
    there = _names_of(context)
    named = {there[column] for column in columns if column in there}
    left = [name for name in dict.fromkeys(there.values()) if name not in named]
    return _select(context, left) if left else None


def _names_of(context):
    """Return the column of each name by which it may be called."""
    if isinstance(context, np.ndarray):
        there: dict[Any, Any] = {2 + j: j for j in range(context.shape[1])}
        return there
    names = [] if context is None else list(context.columns)
    there = {str(name).rsplit("__", 1)[-1]: name for name in names}
    return there | dict(zip(names, names, strict=True))


def _select(context, names):
    if isinstance(context, np.ndarray):
        return context[:, names]
    if hasattr(context, "iloc"):  # its names need not be text
        return context[names]
    import narwhals.stable.v2 as nw

    return nw.from_native(context, eager_only=True).select(names).to_native()


def _as_native_frame(table):
    """Return a dataframe, made with pandas of what is none."""
    if hasattr(table, "columns"):
        return table
    import pandas as pd

    frame = pd.DataFrame(table)
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _find_key(native, side):
    """Return (the table as a narwhals frame, the name of its id column)."""
    import narwhals.stable.v2 as nw

    index = getattr(getattr(native, "index", None), "name", None)
    in_index = isinstance(index, str) and side in find_roles([index])
    if side not in find_roles(map(str, native.columns)) and in_index:
        native = native.reset_index()
    frame = nw.from_native(native, eager_only=True)
    roles = find_roles(frame.columns)
    if side not in roles:
        warnings.warn(
            f"Taking column {frame.columns[0]!r} of {side}_features as the {side} "
            f"ids. Name the column {side}_id to say so.",
            ColumnsWarning,
            stacklevel=2,
        )
        return frame, frame.columns[0]
    return frame, roles[side]
