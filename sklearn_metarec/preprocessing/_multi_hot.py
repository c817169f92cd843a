"""Several categories in a cell to one column each."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.preprocessing._tables import (
    Columns,
    as_array,
    as_configured,
    check_sparse_output,
)
from sklearn_metarec.utils._sklearn import (
    Interval,
    StrOptions,
    check_feature_names_in,
    fit_context,
    validate_data,
)


class MultiHotEncoder(TransformerMixin, BaseEstimator):
    """Encode cells of several categories, such as "Action|Comedy", as zeros and ones.

    Each column of the input becomes one column a category, in sorted order. A cell is a
    text of categories with a separator, or a list, tuple, set or array of categories;
    any other value is itself the one category. A missing or empty cell has none, which
    makes all zeros.

    Parameters
    ----------
    sep : str or None, default="|"
        What stands between the categories of a text; blanks around a category do not
        count. None takes a text as one category.
    min_frequency : int or float, default=None
        Leave out the categories in fewer rows than that, or in a smaller share of the
        rows.
    max_categories : int, default=None
        Keep only that many categories a column: those in most rows, ties in sorted
        order.
    handle_unknown : {"ignore", "error"}, default="ignore"
        What `transform` does about a category that was not in the fit. One that was
        left out as rare is not unknown.
    sparse_output : bool, default=True
        Whether to return compressed sparse rows; there are few ones among many
        zeros. A dataframe as output needs a dense array.
    dtype : number type, default=float64
        Of the output.

    Attributes
    ----------
    categories_ : list of ndarray
        The sorted categories of each input column that have an output column.
    infrequent_categories_ : list of ndarray
        Those that were left out as rare.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    sklearn.preprocessing.OneHotEncoder : One category a cell.
    sklearn.preprocessing.MultiLabelBinarizer : The same for a target.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_metarec.preprocessing import MultiHotEncoder
    >>> movies = pd.DataFrame({"genres": ["Drama", "Comedy|Drama", None]})
    >>> encoder = MultiHotEncoder(sparse_output=False).fit(movies)
    >>> encoder.get_feature_names_out().tolist()
    ['genres_Comedy', 'genres_Drama']
    >>> encoder.transform(movies).tolist()
    [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    """

    _parameter_constraints = {
        "sep": [str, None],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
        "handle_unknown": [StrOptions({"ignore", "error"})],
        "sparse_output": ["boolean"],
        "dtype": "no_validation",  # NumPy says what is no dtype
    }

    def __init__(
        self, sep="|", *, min_frequency=None, max_categories=None,
        handle_unknown="ignore", sparse_output=True, dtype=np.float64,
    ):  # fmt: skip
        self.sep = sep
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.sparse_output = sparse_output
        self.dtype = dtype

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the categories of each column.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            The table; all of its columns are encoded.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        if self.sep == "":
            raise ValueError("sep must not be empty; None takes a text as it is.")
        table = Columns(X)
        learned = [self._learn(column) for column in table.columns]
        validate_data(self, X, skip_check_array=True)
        self._vocabularies = [vocabulary for vocabulary, _ in learned]
        self._kept = [kept for _, kept in learned]
        pairs = list(zip(self._vocabularies, self._kept, strict=True))
        self.categories_ = [vocabulary.ids[kept] for vocabulary, kept in pairs]
        self.infrequent_categories_ = [
            vocabulary.ids[~kept] for vocabulary, kept in pairs
        ]
        return self

    def _learn(self, column):
        """Return (all categories of a column, which of them are kept)."""
        cells = _Cells(column, self.sep)
        vocabulary, codes = encode_ids(cells.categories, "X")
        counts = np.bincount(
            codes, cells.rows_of_each(), minlength=len(vocabulary)
        ).astype(np.int64)
        kept = np.ones(len(vocabulary), dtype=bool)
        if isinstance(self.min_frequency, Integral):
            kept &= counts >= self.min_frequency
        elif self.min_frequency is not None:
            kept &= counts >= self.min_frequency * len(cells)
        if self.max_categories is not None:
            order = np.argsort(np.where(kept, -counts, 1), kind="stable")
            kept[order[self.max_categories :]] = False
        return vocabulary, kept

    def transform(self, X):
        """Encode the cells of a table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, n_columns)
            A table of the columns of the fit.

        Returns
        -------
        X_out : sparse matrix or ndarray of shape (n, n_categories)
            1 where a row has a category; a sparse array instead of a matrix where
            scikit-learn is configured so.
        """
        check_is_fitted(self)
        if self.sparse_output:
            check_sparse_output(self)
        table = Columns(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        blocks = [
            self._encode(column, position, table)
            for position, column in enumerate(table.columns)
        ]
        out = sparse.hstack(blocks, format="csr", dtype=self.dtype)
        return as_configured(out) if self.sparse_output else out.toarray()

    def _encode(self, column, position, table):
        cells = _Cells(column, self.sep)
        vocabulary, kept = self._vocabularies[position], self._kept[position]
        codes = vocabulary.lookup(cells.categories, "X")
        if self.handle_unknown == "error" and (codes < 0).any():
            name = position if table.names is None else repr(table.names[position])
            unknown = cells.categories[int(np.argmax(codes < 0))]
            raise ValueError(
                f"Found unknown category {unknown!r} in column {name} during "
                "transform. handle_unknown='ignore' leaves it out."
            )
        wanted = codes >= 0
        wanted[wanted] = kept[codes[wanted]]
        outputs = np.cumsum(kept) - 1
        return cells.spread(wanted, outputs[codes[wanted]], int(kept.sum()), self.dtype)

    def inverse_transform(self, X):
        """Return cells that have the categories of each row.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n, n_categories)
            What `transform` returned; anything but 0 is a category that is there.

        Returns
        -------
        X_original : ndarray of shape (n, n_columns), dtype=object
            Texts of the sorted categories, joined by `sep`, or lists where it is None.
            None in place of a cell without categories.
        """
        check_is_fitted(self)
        X = sparse.csr_array(X)
        sizes = [len(categories) for categories in self.categories_]
        if X.shape[1] != sum(sizes):
            raise ValueError(
                f"X has {X.shape[1]} columns, but there are {sum(sizes)} categories."
            )
        out = np.full((X.shape[0], len(sizes)), None, dtype=object)
        stops = np.cumsum(sizes)
        for j, categories in enumerate(self.categories_):
            block = X[:, stops[j] - sizes[j] : stops[j]].tocsr()
            block.eliminate_zeros()
            block.sort_indices()
            labels = categories.tolist()
            rows = np.split(block.indices, block.indptr[1:-1])
            for row in np.flatnonzero(np.diff(block.indptr)):
                found = [labels[code] for code in rows[row]]
                out[row, j] = (
                    found if self.sep is None else self.sep.join(map(str, found))
                )
        return out

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_columns,), default=None
            Names of the input columns; by default those of the fit, or x0, x1, ...

        Returns
        -------
        feature_names_out : ndarray of shape (n_categories,), dtype=object
            Column and category, such as `genres_Drama`.
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        pairs = zip(names, self.categories_, strict=True)
        return np.array(
            [f"{name}_{category}" for name, ids in pairs for category in ids.tolist()],
            dtype=object,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class _Cells:
    """The categories of the cells of a column; equal texts are read once.

    Attributes
    ----------
    categories : ndarray of shape (n_found,), dtype=object
        The categories of the distinct cells, one after the other.
    """

    def __init__(self, column, sep):
        self._codes, distinct = _distinct(as_array(column).astype(object))
        found = [_split(cell, sep) for cell in distinct]
        self._counts = np.array([len(cell) for cell in found], dtype=np.int64)
        flat = (category for cell in found for category in cell)
        self.categories = np.fromiter(flat, dtype=object, count=self._counts.sum())

    def __len__(self):
        return len(self._codes)

    def rows_of_each(self):
        """Return in how many rows each of the categories stands."""
        there = self._codes[self._codes >= 0]
        rows = np.bincount(there, minlength=len(self._counts))
        return np.repeat(rows, self._counts)

    def spread(self, wanted, outputs, n_outputs, dtype):
        """Return the rows as a matrix with ones in the outputs of the wanted."""
        cell = np.repeat(np.arange(len(self._counts)), self._counts)[wanted]
        # One row more than there are cells: the empty one that the code -1 takes.
        shape = (len(self._counts) + 1, n_outputs)
        ones = np.ones(len(cell), dtype=dtype)
        return sparse.csr_array((ones, (cell, outputs)), shape=shape)[self._codes]


def _distinct(cells):
    """Return (the code of each cell, -1 if it is missing; the distinct cells)."""
    import pandas as pd

    try:
        return pd.factorize(cells)
    except TypeError:  # lists and sets cannot be hashed
        return np.arange(len(cells)), cells


def _split(cell, sep):
    """Return the distinct categories of a cell."""
    if isinstance(cell, str):
        texts = [cell] if sep is None else cell.split(sep)
        return list(dict.fromkeys(text for text in map(str.strip, texts) if text))
    if isinstance(cell, list | tuple | set | frozenset | np.ndarray):
        parts = cell.tolist() if isinstance(cell, np.ndarray) else cell
        return list(dict.fromkeys(part for part in parts if not is_missing(part)))
    return [] if is_missing(cell) else [cell]


def is_missing(value):
    """Tell whether a cell is None, NaN, NA or an empty text."""
    import pandas as pd

    if isinstance(value, np.ndarray):
        return False
    return value is None or value is pd.NA or value == "" or value != value
