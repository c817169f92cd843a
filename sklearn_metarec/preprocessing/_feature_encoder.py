"""Mixed feature columns to one sparse matrix."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec.preprocessing._column_encoders import (
    CategoryColumn,
    ListColumn,
    NumberColumn,
    TextColumn,
    VectorColumn,
    kind_of,
)
from sklearn_metarec.preprocessing._tables import (
    Columns,
    as_configured,
    configured_output,
)
from sklearn_metarec.utils._sklearn import (
    Interval,
    check_feature_names_in,
    fit_context,
    validate_data,
)

_KINDS = ("number", "category", "list", "text", "vector", "drop")


class FeatureEncoder(TransformerMixin, BaseEstimator):
    """Encode mixed columns of features, each by what it holds, as one sparse matrix.

    - Numbers (and dates, and booleans) are standardized; a missing one is the mean,
      and none is more than a million standard deviations off.
    - Categories get one column each; where there are many, a few bits or a hash.
    - Lists such as "Action|Comedy", or sequences of categories, get one column a
      category.
    - Texts get the TF-IDF weights of their words.
    - Vectors, such as embeddings of images, of sound or of a language model, are taken
      as they are.

    A missing cell, or a category that was not in the fit, is all zeros. What a column
    holds is seen from its type and its cells; `kinds` says otherwise.

    Parameters
    ----------
    kinds : dict of str to str, default=None
        What some columns hold, by name (or position): "number", "category", "list",
        "text", "vector", or "drop". The rest is inferred: text that holds `sep` in
        more than 5% of the cells is a list, text of 3 words or more on average is a
        text, any other a category.
    sep : str, default="|"
        What stands between the categories of a list.
    max_one_hot : int, default=1000
        Up to how many categories of a column get one output column each.
    max_binary : int, default=1000
        Up to how many categories get the bits of a number, where they are too many
        for one column each. By default none do: two categories that share bits by
        chance are alike for any model of inner products.
    n_hashed : int, default=4096
        Into how many columns the categories are hashed where there are more.
    max_words : int, default=5000
        The words of a text column, and the categories of a list column, that are
        kept: the most frequent ones.
    weights : dict of str to float, default=None
        Multiplied into the output of some columns, by name (or position); 1 for the
        rest.
    normalize : bool, default=False
        Whether the output of each category, list, text or vector column has unit
        length a row, so that a long text counts as much as one genre.

    Attributes
    ----------
    kinds_ : list of str
        What each column was taken to hold.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    MultiHotEncoder : Lists only, with more choices.
    sklearn.compose.ColumnTransformer : A transformer of one's own for each column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec.preprocessing import FeatureEncoder
    >>> movies = pd.DataFrame({
    ...     "year": [1990, 2000, 2010],
    ...     "genres": ["Drama", "Comedy|Drama", "Comedy"],
    ... })
    >>> encoder = FeatureEncoder().fit(movies)
    >>> encoder.kinds_
    ['number', 'list']
    >>> encoder.transform(movies).toarray().round(2).tolist()
    [[-1.22, 0.0, 1.0], [0.0, 1.0, 1.0], [1.22, 1.0, 0.0]]
    """

    _parameter_constraints = {
        "kinds": [dict, None],
        "sep": [str],
        "max_one_hot": [Interval(Integral, 0, None, closed="left")],
        "max_binary": [Interval(Integral, 0, None, closed="left")],
        "n_hashed": [Interval(Integral, 1, None, closed="left")],
        "max_words": [Interval(Integral, 1, None, closed="left")],
        "weights": [dict, None],
        "normalize": ["boolean"],
    }

    def __init__(
        self, kinds=None, *, sep="|", max_one_hot=1000, max_binary=1000,
        n_hashed=4096, max_words=5000, weights=None, normalize=False,
    ):  # fmt: skip
        self.kinds = kinds
        self.sep = sep
        self.max_one_hot = max_one_hot
        self.max_binary = max_binary
        self.n_hashed = n_hashed
        self.max_words = max_words
        self.weights = weights
        self.normalize = normalize

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn what each column needs.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            The features, one row an item, a user or an interaction.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If `kinds` or `weights` names a column that is not there, or a kind that
            does not exist; if a number is infinite, or vectors differ in length.
        """
        if self.sep == "":
            raise ValueError("sep must not be empty.")
        table = Columns(X)
        kinds = self._by_position(table, "kinds")
        for kind in kinds.values():
            if kind not in _KINDS:
                raise ValueError(f"kinds must be among {_KINDS}, got {kind!r}.")
        found = [
            kinds.get(position) or kind_of(column, self.sep)
            for position, column in enumerate(table.columns)
        ]
        encoders = [
            self._encoder(kind).fit(column) if kind != "drop" else None
            for kind, column in zip(found, table.columns, strict=True)
        ]
        weights = self._by_position(table, "weights")
        validate_data(self, X, skip_check_array=True)
        self.kinds_ = found
        self._encoders = encoders
        self._weights = [float(weights.get(j, 1.0)) for j in range(len(found))]
        return self

    def _by_position(self, table, param):
        given = getattr(self, param) or {}
        return {table.position(column): value for column, value in given.items()}

    def _encoder(self, kind):
        if kind == "number":
            return NumberColumn()
        if kind == "category":
            return CategoryColumn(self.max_one_hot, self.max_binary, self.n_hashed)
        if kind == "list":
            return ListColumn(self.sep, self.max_words)
        return TextColumn(self.max_words) if kind == "text" else VectorColumn()

    def transform(self, X):
        """Encode the rows of a table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            A table of the columns of the fit.

        Returns
        -------
        X_out : sparse matrix of shape (n, n_outputs)
            Compressed rows of float64; a sparse array instead of a matrix where
            scikit-learn is configured so, a dense one where a dataframe is asked for.
        """
        check_is_fitted(self)
        table = Columns(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        blocks = [
            self._block(position, column)
            for position, column in enumerate(table.columns)
            if self._encoders[position] is not None
        ]
        if not blocks:
            blocks = [sparse.csr_array((len(table.columns[0]), 0))]
        out = sparse.hstack(blocks, format="csr", dtype=np.float64)
        if configured_output(self) != "default":
            return out.toarray()
        return as_configured(out)

    def _block(self, position, column):
        block = self._encoders[position].transform(column)
        if self.normalize and self.kinds_[position] != "number" and block.shape[1]:
            block = sparse.csr_array(normalize(block))
        return block * self._weights[position]

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_columns,), default=None
            Names of the input columns; by default those of the fit, or x0, x1, ...

        Returns
        -------
        feature_names_out : ndarray of shape (n_outputs,), dtype=object
            Column, or column and category, word or position, such as `genres_Drama`.
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        pairs = zip(names, self._encoders, strict=True)
        out = [new for name, encoder in pairs if encoder for new in encoder.names(name)]
        return np.array(out, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
