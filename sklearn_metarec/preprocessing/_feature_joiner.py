"""Columns of side tables beside the interactions."""

from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._side_tables import SharesSideTables, SideTable
from sklearn_metarec.interactions import read_table
from sklearn_metarec.preprocessing._tables import Columns, as_array, check_same_columns
from sklearn_metarec.utils._sklearn import fit_context, validate_data


class FeatureJoiner(SharesSideTables, TransformerMixin, BaseEstimator):
    """Join side tables of items and users to a table of interactions.

    Each row gets the columns of its item and of its user, for the steps of a pipeline
    that follow, or for any estimator of scikit-learn. An id that the side table does
    not have gets missing values. A column whose name is taken already gets the side as
    a prefix: `item_year` where the table has a `year`.

    A clone shares the side tables with its original.

    Parameters
    ----------
    item_features : dataframe, default=None
        One row an item, with a column `item_id`.
    user_features : dataframe, default=None
        One row a user, with a column `user_id`.

    Attributes
    ----------
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    FeatureEncoder : Makes numbers of the columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec.preprocessing import FeatureJoiner
    >>> X = pd.DataFrame({"user_id": ["ann", "bob"], "item_id": ["tea", "rum"]})
    >>> prices = pd.DataFrame({"item_id": ["rum", "tea"], "price": [9.0, 2.5]})
    >>> FeatureJoiner(prices).fit_transform(X)
      user_id item_id  price
    0     ann     tea    2.5
    1     bob     rum    9.0
    """

    _parameter_constraints = {
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
    }

    def __init__(self, item_features=None, *, user_features=None):
        self.item_features = item_features
        self.user_features = user_features

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Read the side tables.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            A table of interactions.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If an id has several rows in a side table.
        """
        read_table(X)
        tables = {
            side: SideTable.from_table(_as_pandas(table), side)
            for side in ("item", "user")
            if (table := getattr(self, f"{side}_features")) is not None
        }
        validate_data(self, X, skip_check_array=True)
        self._tables = {
            side: replace(table, features=table.features.reset_index(drop=True))
            for side, table in tables.items()
        }
        return self

    def transform(self, X):
        """Join the columns to each row.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            A table of the columns of the fit; unknown ids are welcome.

        Returns
        -------
        X_out : dataframe of shape (n, n_columns + n_features)
            Of the library of `X`, or of pandas; without side tables, `X` itself.
        """
        check_is_fitted(self)
        check_same_columns(self, X)
        if not self._tables:
            return Columns(X).replace({}, as_frame=True)
        table = read_table(X, warn=False)
        names = list(X.columns) if hasattr(X, "columns") else _names(table.n_columns)
        columns: dict[str, Any] = {}
        for side, known in self._tables.items():
            codes = known.vocabulary.lookup(getattr(table, side), f"{side}_id")
            for name, column in known.features.items():
                name = f"{side}_{name}" if name in {*names, *columns} else name
                # A code of -1 is none of the row labels 0, 1, ...
                columns[name] = column.reindex(codes)
        return _with_columns(X, names, columns)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True  # in other columns than the ids
        return tags


def _as_pandas(table):
    """Return a dataframe of another library as one of pandas."""
    if hasattr(table, "columns") and not hasattr(table, "iloc"):
        import narwhals.stable.v2 as nw

        return nw.from_native(table, eager_only=True).to_pandas()
    return table


def _names(n_columns):
    return ["user_id", "item_id", *(f"x{column}" for column in range(2, n_columns))]


def _with_columns(X, names, columns):
    """Return a dataframe, of the library of X or pandas, with further columns."""
    import pandas as pd

    if hasattr(X, "columns") and not hasattr(X, "iloc"):
        import narwhals.stable.v2 as nw

        frame = nw.from_native(X, eager_only=True)
        series = [
            nw.new_series(
                name, column.astype(object).where(column.notna(), None).tolist(),
                backend=frame.implementation,
            )
            for name, column in columns.items()
        ]  # fmt: skip
        return frame.with_columns(series).to_native()
    frame = X if hasattr(X, "columns") else pd.DataFrame(_by_column(X, names))
    return frame.assign(**{name: column.array for name, column in columns.items()})


def _by_column(X, names):
    """Return the columns of an array or a list of rows by name."""
    columns = Columns(X).columns
    return {name: as_array(c) for name, c in zip(names, columns, strict=True)}
