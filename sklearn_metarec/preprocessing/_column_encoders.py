"""One kind of feature column each: how its cells become columns of numbers."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.preprocessing._multi_hot import MultiHotEncoder, is_missing
from sklearn_metarec.preprocessing._tables import as_array, as_floats, is_numeric

# A text has words; what has fewer on average names something.
_MIN_WORDS = 3
# A separator that so many cells hold is one, and not a part of a name.
_LIST_SHARE = 0.05
# A number so far from what was learned says no more than that it is far, and the
# squares of larger ones leave what models compute with.
_MOST_DEVIATIONS = 1e6


def kind_of(column, sep):
    """Tell what a column holds, from its type and its cells.

    Parameters
    ----------
    column : array or series of shape (n,)
        The column.
    sep : str
        What stands between the categories of a list.

    Returns
    -------
    kind : {"number", "category", "list", "text", "vector"}
        What it seems to be.
    """
    if str(getattr(column, "dtype", "")).casefold().startswith("categor"):
        return "category"
    values = as_array(column)
    if values.dtype.kind in "bmM" or is_numeric(column):
        return "number"
    cells = [cell for cell in values.tolist() if not is_missing(cell)]
    if any(_is_sequence(cell) for cell in cells):
        numbers = all(_is_sequence(cell) and _all_numbers(cell) for cell in cells)
        return "vector" if numbers else "list"
    texts = [cell for cell in cells if isinstance(cell, str)]
    if not texts:
        return "category"
    if sum(sep in text for text in texts) > _LIST_SHARE * len(texts):
        return "list"
    words = np.mean([len(text.split()) for text in texts])
    return "text" if words >= _MIN_WORDS else "category"


def _is_sequence(cell):
    return isinstance(cell, list | tuple | set | frozenset | np.ndarray)


def _all_numbers(cell):
    return all(isinstance(part, int | float | np.number) for part in cell)


class NumberColumn:
    """Standardized numbers within bounds; a missing one is the mean."""

    def fit(self, column):
        """Learn mean and standard deviation."""
        values = _finite_or_nan(column)
        there = values[~np.isnan(values)]
        self.mean = float(there.mean()) if len(there) else 0.0
        self.std = float(there.std()) if len(there) else 0.0
        return self

    def transform(self, column):
        """Return one column; a constant one is all zeros."""
        values = (_finite_or_nan(column) - self.mean) / (self.std or np.inf)
        values = np.nan_to_num(values).clip(-_MOST_DEVIATIONS, _MOST_DEVIATIONS)
        return sparse.csr_array(values[:, None])

    def names(self, name):
        """Return the name of the one output column."""
        return [name]


class CategoryColumn:
    """One column a category, or a few bits, or a hash, by how many there are.

    Parameters
    ----------
    max_one_hot, max_binary : int
        Up to how many categories each way is taken.
    n_hashed : int
        Into how many columns more of them are hashed.
    """

    def __init__(self, max_one_hot, max_binary, n_hashed):
        self.max_one_hot = max_one_hot
        self.max_binary = max_binary
        self.n_hashed = n_hashed

    def fit(self, column):
        """Count the categories, and learn what their coding needs."""
        cells = as_array(column).astype(object)
        vocabulary, _ = encode_ids(cells[_present(cells)], "X")
        n_categories = len(vocabulary)
        self._one_hot: Any = None
        self._vocabulary: Any = None
        self._hasher: Any = None
        if n_categories <= self.max_one_hot:
            self._one_hot = MultiHotEncoder(sep=None).fit(_one_column(cells))
        elif n_categories <= self.max_binary:
            self._vocabulary = vocabulary
        else:
            self._hasher = FeatureHasher(self.n_hashed, input_type="string")
        return self

    def transform(self, column):
        """Return the coded cells; a missing or unknown one is all zeros."""
        cells = as_array(column).astype(object)
        if self._one_hot is not None:
            return sparse.csr_array(self._one_hot.transform(_one_column(cells)))
        if self._vocabulary is not None:
            # Counted from 1, so that no category is all zeros.
            there = _present(cells)
            codes = np.zeros(len(cells), dtype=np.int64)
            codes[there] = self._vocabulary.lookup(cells[there], "X") + 1
            bits = codes[:, None] >> np.arange(_n_bits(self._vocabulary)) & 1
            return sparse.csr_array(bits.astype(np.float64))
        words = [[] if is_missing(cell) else [str(cell)] for cell in cells.tolist()]
        return sparse.csr_array(self._hasher.transform(words))

    def names(self, name):
        """Return the names of the output columns."""
        if self._one_hot is not None:
            return list(self._one_hot.get_feature_names_out([name]))
        if self._vocabulary is not None:
            return [f"{name}_bit{bit}" for bit in range(_n_bits(self._vocabulary))]
        return [f"{name}_hash{slot}" for slot in range(self.n_hashed)]


class ListColumn:
    """Several categories in a cell, one column each.

    Parameters
    ----------
    sep : str
        What stands between them.
    max_categories : int
        The most frequent that are kept.
    """

    def __init__(self, sep, max_categories):
        self._encoder = MultiHotEncoder(sep=sep, max_categories=max_categories)

    def fit(self, column):
        """Learn the categories."""
        self._encoder.fit(_one_column(as_array(column).astype(object)))
        return self

    def transform(self, column):
        """Return ones where a cell has a category."""
        cells = _one_column(as_array(column).astype(object))
        return sparse.csr_array(self._encoder.transform(cells))

    def names(self, name):
        """Return the names of the output columns."""
        return list(self._encoder.get_feature_names_out([name]))


class TextColumn:
    """TF-IDF of the words of a text.

    Parameters
    ----------
    max_words : int
        The most frequent words that are kept.
    """

    def __init__(self, max_words):
        self._vectorizer = TfidfVectorizer(max_features=max_words, sublinear_tf=True)
        self._empty = False

    def fit(self, column):
        """Learn the words."""
        try:
            self._vectorizer.fit(_texts(column))
            self._empty = False
        except ValueError:  # not a single word
            self._empty = True
        return self

    def transform(self, column):
        """Return the weights of the words, of unit length a cell."""
        texts = _texts(column)
        if self._empty:
            return sparse.csr_array((len(texts), 0))
        return sparse.csr_array(self._vectorizer.transform(texts))

    def names(self, name):
        """Return the names of the output columns."""
        if self._empty:
            return []
        words = self._vectorizer.get_feature_names_out()
        return [f"{name}_{word}" for word in words]


class VectorColumn:
    """Vectors of one length, as they are; a missing one is all zeros."""

    def fit(self, column):
        """Learn the length."""
        lengths = {len(cell) for cell in _vectors(column) if cell is not None}
        if len(lengths) > 1:
            raise ValueError(
                "The vectors of a column must have one length, got lengths "
                f"{sorted(lengths)}."
            )
        self.length = lengths.pop() if lengths else 0
        return self

    def transform(self, column):
        """Return the vectors as rows."""
        cells = _vectors(column)
        out = np.zeros((len(cells), self.length))
        for row, cell in enumerate(cells):
            if cell is None:
                continue
            if len(cell) != self.length:
                raise ValueError(
                    f"Row {row} has a vector of length {len(cell)}, but those of the "
                    f"fit have {self.length}."
                )
            out[row] = cell
        if not np.isfinite(out).all():
            raise ValueError("Input X contains a vector with NaN or infinity.")
        return sparse.csr_array(out)

    def names(self, name):
        """Return the names of the output columns."""
        return [f"{name}_{position}" for position in range(self.length)]


def _present(cells):
    return np.array([not is_missing(cell) for cell in cells.tolist()], dtype=bool)


def _n_bits(vocabulary):
    return len(vocabulary).bit_length()


def _finite_or_nan(column):
    values = as_array(column)
    if values.dtype.kind in "mM":
        missing = np.isnat(values)
        return np.where(missing, np.nan, values.astype(np.int64).astype(np.float64))
    values = as_floats(column)
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise ValueError(f"Input X contains infinity at row {row}.")
    return values


def _one_column(cells):
    return cells.reshape(-1, 1)


def _texts(column):
    return [
        "" if is_missing(cell) else str(cell)
        for cell in as_array(column).astype(object).tolist()
    ]


def _vectors(column):
    cells = as_array(column).astype(object).tolist()
    return [
        None if not _is_sequence(cell) and is_missing(cell) else np.asarray(cell, float)
        for cell in cells
    ]
