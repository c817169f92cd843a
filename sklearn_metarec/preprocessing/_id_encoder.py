"""Ids to integer codes, as a transformer."""

import numbers
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._vocabulary import as_id_column, encode_ids
from sklearn_metarec.preprocessing._tables import (
    Columns,
    array_positions,
    named_positions,
    output_of,
    table_positions,
)
from sklearn_metarec.utils._sklearn import (
    Interval,
    StrOptions,
    check_n_features,
    fit_context,
    validate_data,
)

_SIDES = ("user", "item")


class IdEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Encode the user and item ids of a table as integers.

    The code of an id is its position among the sorted ids of its side: numbers before
    strings, each by value. All other columns pass through. Recommenders encode ids
    themselves; this is for what comes between, such as another library's estimator or
    a table to be stored. :class:`~sklearn_metarec.RecommenderPipeline` and
    :func:`~sklearn_metarec.recommend` look through it and speak the original ids.

    A dataframe stays a dataframe, since its names say which column holds what; use
    `set_output` for another container.

    Parameters
    ----------
    columns : dict, default=None
        The id columns by name or position, such as
        `{"user": "customer", "item": "sku"}`; one of the two may be left out. By
        default they are found as in
        :func:`~sklearn_metarec.interactions.read_table`: by name, or else the first
        two. A dataframe of a single column needs to have the name of a side.
    handle_unknown : {"use_encoded_value", "error"}, default="use_encoded_value"
        What `transform` does about an id that was not in the fit.
    unknown_value : int, default=None
        The code of all unknown ids, at most -1. By default, each unknown id has a
        negative code of its own, the same in every call: a recommender behind does
        not know it either, but keeps the `history=` of several new users apart.

    Attributes
    ----------
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids, where there is a user column.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, where there is an item column.
    columns_ : dict
        The position of the user and the item column.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    sklearn.preprocessing.OrdinalEncoder : The same for columns without a role.

    Examples
    --------
    >>> from sklearn_metarec.preprocessing import IdEncoder
    >>> encoder = IdEncoder()
    >>> encoder.fit_transform([["bob", 20], ["ann", 10], ["bob", 10]]).tolist()
    [[1, 1], [0, 0], [1, 0]]
    >>> encoder.inverse_transform([[0, 1]]).tolist()
    [['ann', 20]]
    """

    _parameter_constraints = {
        "columns": [dict, None],
        "handle_unknown": [StrOptions({"use_encoded_value", "error"})],
        "unknown_value": [Interval(Integral, None, -1, closed="right"), None],
    }

    def __init__(
        self, columns=None, *, handle_unknown="use_encoded_value", unknown_value=None
    ):
        self.columns = columns
        self.handle_unknown = handle_unknown
        self.unknown_value = unknown_value

    def __getstate__(self):
        state = super().__getstate__()
        if "_vocabularies" in state:  # they hold the ids
            state = {k: v for k, v in state.items() if k not in ("users_", "items_")}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        for side, vocabulary in self.__dict__.get("_vocabularies", {}).items():
            setattr(self, f"{side}s_", vocabulary.ids)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the ids of a table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            The table.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If an id is missing, or there are no id columns.
        """
        table = Columns(X)
        positions = self._find_columns(table)
        vocabularies = {
            side: encode_ids(table.columns[position], f"{side}_id")[0]
            for side, position in positions.items()
        }
        validate_data(self, X, skip_check_array=True)
        self.columns_ = positions
        self._vocabularies = vocabularies
        for side in _SIDES:
            self.__dict__.pop(f"{side}s_", None)  # of a fit on other columns
        for side, vocabulary in vocabularies.items():
            setattr(self, f"{side}s_", vocabulary.ids)
        return self

    def _find_columns(self, table):
        if self.columns is not None:
            return self._given_columns(table)
        if table.names is None:
            return array_positions(len(table))
        if len(table) == 1:
            positions = named_positions(table.names)
        else:
            positions = table_positions(table.names)
        positions = {side: positions[side] for side in _SIDES if side in positions}
        if not positions:
            raise ValueError(
                f"The one column of X, {table.names[0]!r}, is neither named user_id "
                f"nor item_id. Say which it is: columns={{'user': {table.names[0]!r}}}."
            )
        return positions

    def _given_columns(self, table):
        wrong = [side for side in self.columns if side not in _SIDES]
        if wrong or not self.columns:
            raise ValueError(
                "columns must give the column of 'user', of 'item', or of both; got "
                f"{self.columns!r}."
            )
        positions = {side: table.position(col) for side, col in self.columns.items()}
        if len(set(positions.values())) < len(positions):
            raise ValueError(
                f"columns={self.columns!r} takes one column as both user and item."
            )
        return {side: positions[side] for side in _SIDES if side in positions}

    def transform(self, X):
        """Replace the ids of a table by their codes.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            The table.

        Returns
        -------
        X_out : ndarray or dataframe of shape (n, n_columns)
            The table with codes: int64 columns in a dataframe; in an array as integers
            or floats as the other columns require.

        Raises
        ------
        ValueError
            If an id is missing, or unknown with `handle_unknown="error"`.
        """
        check_is_fitted(self)
        table = Columns(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        codes = {
            position: self.encode_ids(table.columns[position], side)
            for side, position in self.columns_.items()
        }
        return table.replace(codes, **output_of(self))

    def inverse_transform(self, X):
        """Replace the codes of a table by their ids.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            A table that `transform` returned.

        Returns
        -------
        X_original : ndarray or dataframe of shape (n, n_columns)
            The table with ids; None in place of a code that no id has.
        """
        check_is_fitted(self)
        table = Columns(X)
        check_n_features(self, X, reset=False)
        ids = {
            position: self.decode_ids(table.columns[position], side)
            for side, position in self.columns_.items()
        }
        return table.replace(ids, as_frame=True)

    def recodes(self, side):
        """Tell whether the ids of a side are encoded.

        Parameters
        ----------
        side : {"user", "item"}
            The side.

        Returns
        -------
        recodes : bool
            Whether the table of the fit had a column of the side.
        """
        check_is_fitted(self)
        return side in self._vocabularies

    def encode_ids(self, ids, side):
        """Return the codes of ids.

        Parameters
        ----------
        ids : array-like of shape (n,)
            Ids, known or not.
        side : {"user", "item"}
            Whose ids they are.

        Returns
        -------
        codes : ndarray of shape (n,), dtype=int64
            Their codes; negative where an id is unknown.
        """
        column = as_id_column(ids, f"{side}_id")
        codes = self._vocabulary(side).lookup(column, f"{side}_id").astype(np.int64)
        unknown = codes < 0
        if not unknown.any():
            return codes
        if self.handle_unknown == "error":
            examples = ", ".join(repr(id_) for id_ in column[unknown][:3].tolist())
            raise ValueError(
                f"Found unknown {side} ids, such as {examples}. They were not in the "
                "table of the fit; handle_unknown='use_encoded_value' gives them a "
                "negative code."
            )
        value = self.unknown_value
        codes[unknown] = _own_codes(column[unknown]) if value is None else value
        return codes

    def decode_ids(self, codes, side):
        """Return the ids of codes.

        Parameters
        ----------
        codes : array-like of shape (n,)
            Codes, as integers or floats.
        side : {"user", "item"}
            Whose codes they are.

        Returns
        -------
        ids : ndarray of shape (n,)
            Their ids; an object array with None where a code has no id.
        """
        ids = self._vocabulary(side).ids
        codes = np.asarray(codes, dtype=np.float64)
        known = (codes >= 0) & (codes < len(ids)) & (codes == np.floor(codes))
        if known.all():
            return ids[codes.astype(np.int64)]
        out = np.full(len(codes), None, dtype=object)
        out[known] = ids[codes[known].astype(np.int64)]
        return out

    def _vocabulary(self, side):
        check_is_fitted(self)
        if side not in self._vocabularies:
            raise ValueError(
                f"There are no codes for side={side!r}: the fit encoded the columns of "
                f"{list(self._vocabularies)}."
            )
        return self._vocabularies[side]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _own_codes(column):
    """Return a negative code for each id: the same in every call and process."""
    from pandas.util import hash_array

    keys = np.array([_key(id_) for id_ in column.tolist()], dtype=object)
    # 52 bits are exact in float64 too, in case the codes end up in an array of floats.
    return -1 - (hash_array(keys, categorize=False) >> np.uint64(12)).astype(np.int64)


def _key(id_):
    """Return a text that only equal ids share: 7 and 7.0 are, 7 and "7" are not."""
    if isinstance(id_, str):
        return f"text {id_}"
    if isinstance(id_, numbers.Real):
        whole = id_ == id_ // 1
        return f"number {int(id_) if whole else float(id_)}"  # type: ignore[call-overload]
    return f"{type(id_).__name__} {id_!r}"
