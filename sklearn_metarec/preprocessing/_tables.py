"""What the transformers share: a table as columns, and columns as a table again."""

from contextlib import suppress

import numpy as np
from scipy import sparse
from sklearn import get_config

from sklearn_metarec.interactions import (
    _as_frame,
    check_is_table,
    find_roles,
    read_table,
)
from sklearn_metarec.utils._sklearn import check_array, validate_data

# Beyond it a float64 cannot tell neighbouring integers apart.
_EXACT = 2**53


class Columns:
    """A table as columns that can be replaced one by one.

    Parameters
    ----------
    X : array-like or dataframe of shape (n, >= 1)
        The table. A list of rows becomes one object array a column, so that `1`
        beside `"a"` stays an integer.

    Attributes
    ----------
    names : list of str or None
        The names of the columns of a dataframe.
    columns : list of array or series of shape (n,)
        The columns as they came.
    """

    def __init__(self, X):
        self._frame = _as_frame(X)
        self.names: list[str] | None = None
        self._is_list = _is_list_of_rows(X)
        if self._frame is not None:
            self.names = self._frame.columns
            _check_size(self._frame.shape)
            self.columns = [self._frame[name].to_native() for name in self.names]
        elif self._is_list:
            self.columns = [
                np.fromiter((row[j] for row in X), dtype=object, count=len(X))
                for j in range(len(X[0]))
            ]
        else:
            X = check_array(X, dtype=None, ensure_all_finite=False, input_name="X")
            self.columns = list(X.T)

    def __len__(self):
        return len(self.columns)

    def position(self, column):
        """Return the position of a column given by name or position."""
        if isinstance(column, str):
            if self.names is None:
                raise ValueError(
                    f"Column {column!r} was asked for by name, but X is no dataframe: "
                    "give its position."
                )
            if column not in self.names:
                raise ValueError(
                    f"X has no column {column!r}; its columns are {list(self.names)}."
                )
            return self.names.index(column)
        if not 0 <= column < len(self):
            raise ValueError(
                f"X has no column {column}; it has {len(self)}, counted from 0."
            )
        return int(column)

    def replace(self, new, *, as_frame, container="default"):
        """Return the table with other values in the columns at some positions.

        Parameters
        ----------
        new : dict of int to ndarray of shape (n,)
            The values by position.
        as_frame : bool
            Whether a dataframe is to remain one; an array otherwise.
        container : {"default", "pandas", "polars"}, default="default"
            With "pandas", a dataframe of another library becomes one of pandas:
            scikit-learn would make all of its columns floats.

        Returns
        -------
        X : dataframe or ndarray of shape (n, n_columns)
            A new table.
        """
        if not as_frame or self.names is None:
            columns = [new.get(j, as_array(c)) for j, c in enumerate(self.columns)]
            return _stack([_numbers(c) for c in columns] if self._is_list else columns)
        if container == "pandas" and not hasattr(self._frame.to_native(), "iloc"):
            import pandas as pd

            columns = [new.get(j, as_array(c)) for j, c in enumerate(self.columns)]
            return pd.DataFrame(dict(zip(self.names, columns, strict=True)))
        if not new:
            return self._frame.clone().to_native()
        import narwhals.stable.v2 as nw

        backend = self._frame.implementation
        series = [
            nw.new_series(self.names[j], _plain(values), backend=backend)
            for j, values in new.items()
        ]
        return self._frame.with_columns(series).to_native()


def check_same_columns(estimator, X):
    """Check that a table has the columns of the fit, before any of them is read."""
    check_is_table(X)
    validate_data(estimator, X, reset=False, skip_check_array=True)


def configured_output(estimator):
    """Return what a transformer is configured to return: default, pandas, polars."""
    config = getattr(estimator, "_sklearn_output_config", {})
    return config.get("transform", get_config()["transform_output"])


def check_sparse_output(estimator):
    """Check that nobody wants a dataframe of what a transformer returns sparse."""
    container = configured_output(estimator)
    if container != "default":
        raise ValueError(
            f"{container.capitalize()} output does not support sparse data. Set "
            "sparse_output=False (a RecommenderPipeline has dataframes between its "
            "steps), or the output to set_output(transform='default')."
        )


def as_configured(rows):
    """Return a sparse array as the sparse container that scikit-learn is set to."""
    as_matrix = get_config()["sparse_interface"] == "spmatrix"
    return sparse.csr_matrix(rows) if as_matrix else rows


def output_of(estimator):
    """Return the options of `replace` for what a transformer returns."""
    # Without names of a fit on a dataframe, those of another one would be a guess.
    as_frame = hasattr(estimator, "feature_names_in_")
    return {"as_frame": as_frame, "container": configured_output(estimator)}


def _check_size(shape):
    for count, what in zip(shape, ("sample", "feature"), strict=True):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is "
                "required."
            )


def _is_list_of_rows(X):
    if not isinstance(X, list | tuple) or not X:
        return False
    if not all(isinstance(row, list | tuple) for row in X):
        return False
    return len({len(row) for row in X}) == 1 and len(X[0]) > 0


def _plain(values):
    # From a list, every dataframe library infers text as text.
    return values.tolist() if values.dtype == object else values


def as_array(column):
    """Return a column as an ndarray of its own dtype."""
    if hasattr(column, "to_numpy"):
        # Whatever type NumPy has no name for, such as integers of 128 bits.
        with suppress(Exception):
            return np.asarray(column.to_numpy())
        column = np.array([*column.to_list(), None], dtype=object)[:-1]
    return np.asarray(column)


def is_numeric(column):
    """Tell whether a column holds numbers, missing ones apart."""
    values = as_array(column)
    if values.dtype != object:
        return values.dtype.kind in "iuf"
    from pandas.api.types import infer_dtype

    kinds = ("integer", "floating", "mixed-integer-float")
    return infer_dtype(values, skipna=True) in kinds


def as_floats(column):
    """Return a column as float64, NaN where a value is missing."""
    values = as_array(column)
    if values.dtype != object:
        return values.astype(np.float64)
    import pandas as pd

    return np.where(pd.isna(values), np.nan, values).astype(np.float64)


def _numbers(column):
    """Give a column of Python numbers their number type; leave any other."""
    from pandas.api.types import infer_dtype

    kind = infer_dtype(column, skipna=False)
    if kind in ("floating", "mixed-integer-float"):
        return column.astype(np.float64)
    return np.array(column.tolist()) if kind == "integer" else column


def _stack(columns):
    """Return columns as one array that holds the value of each exactly."""
    out = np.empty((len(columns[0]), len(columns)), dtype=_common_dtype(columns))
    for j, column in enumerate(columns):
        # NumPy would turn dates in nanoseconds into integers.
        out[:, j] = list(column) if column.dtype.kind in "mM" else column
    return out


def _common_dtype(columns):
    dtypes = {column.dtype for column in columns}
    if len(dtypes) == 1:
        return dtypes.pop()
    if any(dtype.kind not in "biuf" for dtype in dtypes):
        return object
    dtype = np.result_type(*dtypes)
    exact = all(
        column.dtype.kind not in "iu" or _fits_float(column) for column in columns
    )
    return dtype if dtype.kind != "f" or exact else object


def _fits_float(column):
    return not len(column) or max(-int(column.min()), int(column.max())) <= _EXACT


def named_positions(names):
    """Return the positions of the user, item and time columns that names tell."""
    roles = find_roles(names)
    return {
        role: names.index(roles[role])
        for role in ("user", "item", "time")
        if role in roles
    }


def table_positions(names):
    """Return the positions of the roles in a dataframe, as `read_table` finds them."""
    import pandas as pd

    # One row that holds the positions themselves: what read_table takes as the user
    # is then the position of the user column.
    table = read_table(pd.DataFrame([range(len(names))], columns=names))
    roles = {"user": table.user, "item": table.item, "time": table.time}
    return {
        role: int(column.iloc[0])
        for role, column in roles.items()
        if column is not None
    }


def array_positions(n_columns):
    """Return the positions of user and item in what has no names."""
    if n_columns < 2:
        raise ValueError(
            f"Found array with {n_columns} feature(s) while a minimum of 2 is "
            "required: a user and an item column, in this order."
        )
    return {"user": 0, "item": 1}
