"""Scaling of item features over items, not over interactions."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.preprocessing._faults import id_faults
from sklearn_metarec.preprocessing._tables import (
    Columns,
    array_positions,
    as_array,
    as_floats,
    is_numeric,
    named_positions,
    output_of,
    table_positions,
)
from sklearn_metarec.utils._sklearn import (
    StrOptions,
    check_n_features,
    fit_context,
    validate_data,
)

_SCALERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
}


class ItemScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale numeric item features, each item counting once.

    In a table of interactions a popular item's price stands in a thousand rows: a mean
    over rows is that of the purchases, and moves with popularity. Here an item has one
    value a column, the mean of its rows' values where they differ, and the statistics
    are taken over the distinct items. Every row is then scaled by them.

    The table may be one of interactions or a side table of one row an item. All
    columns that are not scaled pass through; a dataframe stays a dataframe. Missing
    values stay missing and are left out of the statistics, as are rows without an item
    id; a constant column is divided by 1.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        To mean 0 and standard deviation 1, to the range from 0 to 1, or to median 0
        and interquartile range 1.
    columns : list of str or int, default=None
        The columns to scale by name or position. By default all numeric ones but
        user, item and time.
    item_column : str or int, default=None
        The column of item ids by name or position. By default found by its name; in
        a table without such a name, the second column.

    Attributes
    ----------
    scaler_ : StandardScaler, MinMaxScaler, RobustScaler or None
        The scaler fitted on the distinct items; None if there is nothing to scale.
    columns_ : ndarray of shape (n_scaled,)
        The positions of the scaled columns.
    n_items_ : int
        Distinct items in the table of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : Each row counts once.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec.preprocessing import ItemScaler
    >>> X = pd.DataFrame({
    ...     "user_id": [1, 2, 3, 1],
    ...     "item_id": ["tea", "tea", "tea", "cup"],
    ...     "price": [2.0, 2.0, 2.0, 6.0],
    ... })
    >>> ItemScaler().fit_transform(X)
       user_id item_id  price
    0        1     tea   -1.0
    1        2     tea   -1.0
    2        3     tea   -1.0
    3        1     cup    1.0
    """

    _parameter_constraints = {
        "method": [StrOptions(set(_SCALERS))],
        "columns": ["array-like", None],
        "item_column": [str, Integral, None],
    }

    def __init__(self, method="standard", *, columns=None, item_column=None):
        self.method = method
        self.columns = columns
        self.item_column = item_column

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the statistics of the distinct items.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            A table of interactions, or a side table of items.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted scaler.

        Raises
        ------
        ValueError
            If no row has an item id, a value is infinite or a column not numeric.
        """
        table = Columns(X)
        item, others = self._find_item(table)
        positions = self._find_scaled(table, {item, *others})
        ids, values = _with_item(
            as_array(table.columns[item]), _floats(table, positions)
        )
        vocabulary, codes = encode_ids(ids, "item_id")
        scaler = None
        if positions:
            values = _item_values(values, codes, len(vocabulary))
            # A column without a single value stays as it is, without a warning.
            values[:, np.isnan(values).all(axis=0)] = 0
            scaler = _SCALERS[self.method]().fit(values)
        validate_data(self, X, skip_check_array=True)
        self.scaler_ = scaler
        self.columns_ = np.array(positions, dtype=np.int64)
        self.n_items_ = len(vocabulary)
        return self

    def _find_item(self, table):
        """Return (the position of the item column, those of the other roles)."""
        roles = {} if table.names is None else named_positions(table.names)
        if self.item_column is not None:
            item = table.position(self.item_column)
        elif "item" in roles:
            item = roles["item"]
        else:
            roles = (
                array_positions(len(table))
                if table.names is None
                else table_positions(table.names)
            )
            item = roles["item"]
        return item, set(roles.values())

    def _find_scaled(self, table, taken):
        if self.columns is None:
            return [
                position
                for position, column in enumerate(table.columns)
                if position not in taken and is_numeric(column)
            ]
        return [table.position(column) for column in self.columns]

    def transform(self, X):
        """Scale the feature columns of every row.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            A table of the columns of the fit; its items may be unknown.

        Returns
        -------
        X_out : ndarray or dataframe of shape (n, n_columns)
            The table with scaled columns.
        """
        check_is_fitted(self)
        table = Columns(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return table.replace(self._scale(table, "transform"), **output_of(self))

    def inverse_transform(self, X):
        """Scale the feature columns back.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            A table that `transform` returned.

        Returns
        -------
        X_original : ndarray or dataframe of shape (n, n_columns)
            The table in the original units.
        """
        check_is_fitted(self)
        table = Columns(X)
        check_n_features(self, X, reset=False)
        return table.replace(self._scale(table, "inverse_transform"), as_frame=True)

    def _scale(self, table, method):
        """Return the scaled columns by position."""
        if self.scaler_ is None:
            return {}
        scaled = getattr(self.scaler_, method)(_floats(table, self.columns_))
        return dict(zip(self.columns_.tolist(), scaled.T, strict=True))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        return tags


def _floats(table, positions):
    """Return some columns as one float64 array, NaN where a value is missing."""
    out = np.empty((len(table.columns[0]), len(positions)))
    for j, position in enumerate(positions):
        try:
            out[:, j] = as_floats(table.columns[position])
        except (TypeError, ValueError) as error:
            name = position if table.names is None else repr(table.names[position])
            raise ValueError(
                f"Column {name} cannot be scaled, since it holds what is no number: "
                f"{error}. Name the columns to scale: columns=[...]."
            ) from error
    return out


def _with_item(ids, values):
    """Return the rows in which the item id is not missing."""
    missing, _ = id_faults(ids)
    if missing.all():
        raise ValueError("No row of X has an item id: there are no items to scale by.")
    return (ids[~missing], values[~missing]) if missing.any() else (ids, values)


def _item_values(values, codes, n_items):
    """Return each item's mean value a column, NaN where it has none."""
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values).any(axis=1)))
        raise ValueError(f"Input X contains infinity at row {row}: {values[row]}.")
    out = np.full((n_items, values.shape[1]), np.nan)
    for column, means in zip(values.T, out.T, strict=True):
        there = np.flatnonzero(~np.isnan(column))
        items = codes[there]
        # The mean as a deviation from the item's first value, so that it is that
        # value to the last bit where all are equal.
        means[items[::-1]] = column[there[::-1]]
        deviations = np.bincount(items, column[there] - means[items], n_items)
        means += deviations / np.maximum(np.bincount(items, minlength=n_items), 1)
    return out
