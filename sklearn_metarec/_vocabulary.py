"""Ids and their codes: any hashable id to an int32 code in sorted order, and back."""

import bisect
import ctypes
import math
import numbers
from contextlib import suppress

import numpy as np

from sklearn_metarec._kernels import encode
from sklearn_metarec.utils._parallel import map_ranges

# A lookup table over the whole range of integer ids is worth its memory up to this
# many slots per row; ids spread wider than that are hashed.
_TABLE_SLOTS_PER_ROW = 4
_TABLE_SLOTS_MIN = 1 << 16
_TABLE_SLOTS_MAX = 1 << 28
_ROWS_PER_TASK = 1 << 18
# So many rows of a column of objects tell whether rows share theirs.
_SAMPLED_OBJECTS = 1 << 14
# So many new ids are put in their places one by one; more are sorted with all others.
_FEW_IDS = 1 << 12


class Vocabulary:
    """The sorted unique ids of one side (users or items), and their codes.

    Parameters
    ----------
    ids : ndarray of shape (n_ids,)
        Unique ids in sorted order: numbers before strings before other types, each
        by value. The code of an id is its position.
    """

    def __init__(self, ids):
        self.ids = ids
        self._index = None

    def __len__(self):
        return len(self.ids)

    def __getstate__(self):
        # One block of text instead of an object an id: files are small and quick.
        if self.ids.dtype == object and len(self.ids):
            ids = self.ids.tolist()
            if all(type(id_) is str and not id_.endswith("\0") for id_ in ids):
                return {"ids": np.array(ids, dtype=np.str_)}
        return {"ids": self.ids}

    def __setstate__(self, state):
        ids = state["ids"]
        self.ids = ids.astype(object) if ids.dtype.kind == "U" else ids
        self._index = None

    def lookup(self, values, name="id"):
        """Return the int32 codes of `values`, -1 where an id is unknown."""
        column = as_id_column(values, name)
        if self.ids.dtype == np.int64 and len(self.ids):
            if column.dtype == np.int64:
                return self._lookup_integers(column)
            if column.dtype.kind == "f":
                # 7.0 is the id 7: a float column is what a missing value leaves behind.
                whole = (column == np.floor(column)) & (np.abs(column) < 2**62)
                codes = self._lookup_integers(np.where(whole, column, 0).astype("i8"))
                return np.where(whole, codes, np.int32(-1))
        kinds = self.ids.dtype.kind, column.dtype.kind
        if len(self.ids) and kinds in (("f", "i"), ("f", "f"), ("M", "M")):
            return self._lookup_sorted(column)
        return self._lookup_objects(column)

    def decode(self, codes):
        """Return the ids of `codes`; the place of a code of -1 holds a padding."""
        there = codes >= 0
        if there.all():
            return self.ids[codes]
        out = padded(codes.shape, self.ids.dtype)
        out[there] = self.ids[codes[there]]
        return out

    def restrict(self, codes):
        """Return the vocabulary of the given ascending codes only."""
        return Vocabulary(self.ids[codes])

    def union(self, other):
        """Return the vocabulary of the ids of both; itself, if it has them all."""
        if not len(self):
            return other
        new = other.ids[self.lookup(other.ids) < 0]
        if not len(new):
            return self
        if new.dtype != self.ids.dtype:
            return encode_ids(np.concatenate([self.ids, new]))[0]
        if new.dtype != object:
            places = np.searchsorted(self.ids, new)
        elif len(new) < _FEW_IDS:
            places = [
                bisect.bisect_left(self.ids, _sort_key(id_, "id"), key=_sort_key)
                for id_ in new.tolist()
            ]
        else:
            return encode_ids(np.concatenate([self.ids, new]))[0]
        return Vocabulary(np.insert(self.ids, places, new))

    def _lookup_integers(self, column):
        low, high = int(self.ids[0]), int(self.ids[-1])
        if high - low >= _table_limit(len(self.ids)):
            return self._lookup_sorted(column)
        if self._index is None:
            table = np.full(high - low + 1, -1, dtype=np.int32)
            table[self.ids - low] = np.arange(len(self.ids), dtype=np.int32)
            self._index = table
        codes = np.empty(len(column), dtype=np.int32)
        _fan_out(encode.table_codes, column, low, self._index, codes)
        return codes

    def _lookup_sorted(self, column):
        position = np.minimum(np.searchsorted(self.ids, column), len(self.ids) - 1)
        return np.where(self.ids[position] == column, position, -1).astype(np.int32)

    def _lookup_objects(self, column):
        if self._index is None or not isinstance(self._index, dict):
            index = {id_: code for code, id_ in enumerate(self.ids.tolist())}
            if self.ids.dtype == object or self.ids.dtype.kind not in "if":
                self._index = index
        else:
            index = self._index
        get = index.get
        if len(column) < 1024:
            try:
                found = [get(id_, -1) for id_ in column.tolist()]
            except TypeError as error:
                raise _unhashable(column) from error
            return np.array(found, dtype=np.int32)
        unique, codes = _factorize(column)
        mapping = np.array([get(id_, -1) for id_ in unique.tolist()], dtype=np.int32)
        return mapping[codes]


def padded(shape, dtype):
    """Return an array of what stands where there is no id: -1, NaN, NaT or None."""
    padding = {"i": -1, "f": np.nan, "M": np.datetime64("NaT")}.get(dtype.kind)
    if dtype.kind == "u":
        padding = np.iinfo(dtype).max
    return np.full(shape, padding, dtype=dtype)


def encode_ids(values, name="id"):
    """Encode a column of ids once.

    Parameters
    ----------
    values : array-like or series of shape (n,)
        Ids: integers, floats, strings or any mix of hashable, sortable values.
    name : str, default="id"
        The column's name, for error messages.

    Returns
    -------
    vocabulary : Vocabulary
        The sorted unique ids.
    codes : ndarray of shape (n,), dtype=int32
        The position of each row's id in the vocabulary.

    Raises
    ------
    ValueError
        If an id is missing (NaN, None) or infinite.
    TypeError
        If an id is not hashable.
    """
    if _is_string_series(values):
        return _encode_strings(values, name)
    column = to_numpy(values)
    if column.dtype == object and column.ndim == 1 and _shares_objects(column):
        # Where an id is wrong, the whole column says in which row.
        with suppress(ValueError, TypeError):
            return _encode_shared(column, name)
    column = as_id_column(column, name)
    if len(column) == 0:
        return Vocabulary(column), np.empty(0, dtype=np.int32)
    if column.dtype == np.int64:
        ids, codes = _encode_integers(column)
        return Vocabulary(ids), codes
    if column.dtype != object:
        ids, codes = np.unique(column, return_inverse=True)
        return Vocabulary(ids), codes.astype(np.int32)
    unique, codes = _factorize(column)
    return _ranked(unique, codes, name)


def _is_string_series(values):
    """Tell whether pandas can factorize the series faster than its objects."""
    dtype = getattr(values, "dtype", None)
    return hasattr(values, "factorize") and str(dtype) in ("str", "string", "category")


def _encode_strings(series, name):
    codes, unique = series.factorize()
    if (codes < 0).any():
        _check_present(np.asarray(series.to_numpy(dtype=object)), name)
    codes = codes.astype(np.int32)
    if str(series.dtype) == "category":  # of ids of any type
        return _ranked(as_id_column(np.asarray(unique), name), codes, name)
    # Arrow sorts text by code points, as Python does, in half of the time.
    order = unique.argsort()
    return _in_order(np.asarray(unique, dtype=object), order, codes)


def _addresses(column):
    """Return where the objects of a contiguous column are, as a view of it."""
    pointer = ctypes.cast(column.ctypes.data, ctypes.POINTER(ctypes.c_int64))
    return np.ctypeslib.as_array(pointer, column.shape)


def _shares_objects(column):
    """Tell whether most rows hold the very object of another, as read from a file."""
    n_rows, n_sampled = len(column), _SAMPLED_OBJECTS
    if n_rows < n_sampled:
        return False
    sample = column[:: n_rows // n_sampled].copy()
    repeated = len(sample) - len(np.unique(_addresses(sample)))
    # Where d objects are equally frequent, a sample of s rows repeats s^2 / 2d of them.
    # To look for the distinct ones pays if there are less than half as many as rows.
    return repeated * n_rows >= len(sample) ** 2


def _encode_shared(column, name):
    """Encode a column of objects by way of the distinct ones, told by their address.

    To hash a number is quicker than to look up the object, and takes no GIL.
    """
    column = np.ascontiguousarray(column)
    _, codes = _hash_integers(_addresses(column))
    first = np.empty(codes.max() + 1, dtype=np.int64)
    encode.first_rows(codes, first)
    vocabulary, code_of_object = encode_ids(column[first], name)
    _fan_out(encode.take_codes, codes, code_of_object, codes)
    return vocabulary, codes


def _ranked(unique, codes, name):
    """Renumber codes of order of appearance by the sorted order of the ids."""
    return _in_order(unique, _sorted_order(unique, name), codes)


def _in_order(unique, order, codes):
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    _fan_out(encode.take_codes, codes, rank, codes)
    return Vocabulary(unique[order]), codes


def as_id_column(values, name="id"):
    """Return the ids as int64, float, datetime or object array; check each is there."""
    column = to_numpy(values)
    if column.ndim != 1:
        raise ValueError(f"{name} must be one column, got shape {column.shape}.")
    if column.dtype.kind == "O":
        column = _infer_objects(column)
    kind = column.dtype.kind
    if kind == "u" and (len(column) == 0 or column.max() < 2**63):
        kind = "i"
    if kind in "bi":
        return np.array(column, dtype=np.int64)  # writable: one compiled kernel
    if kind == "f":
        _check_finite(column, name)
    elif kind == "c":
        raise ValueError(f"Complex data not supported: {name} holds complex numbers.")
    elif kind in "US":
        column = column.astype(object)
    if kind in "OM":
        _check_present(column, name)
    return column.astype("datetime64[ns]") if kind == "M" else column


def to_numpy(values):
    """Return a column as an array; of objects, where NumPy has no type for it."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "to_numpy"):  # pandas and polars series
        # Integers of 128 bits, for one, are an error of polars here.
        with suppress(Exception):
            return np.asarray(values.to_numpy())
    values = list(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values  # np.array would turn [1, "a"] into strings
    return column


def _infer_objects(column):
    """Give a column of Python ints or floats its number type; leave the rest."""
    from pandas.api.types import infer_dtype

    kind = infer_dtype(column, skipna=False)
    if kind in ("integer", "boolean"):
        try:
            return column.astype(np.int64)
        except OverflowError:
            return column
    if kind in ("floating", "mixed-integer-float"):
        return column.astype(np.float64)
    return column


def _check_finite(column, name):
    finite = np.isfinite(column)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(
            f"{name} contains NaN or inf: {column[row]} at row {row}. Drop such rows, "
            "for example with sklearn_metarec.preprocessing.clean_interactions."
        )


def _check_present(column, name):
    import pandas as pd

    missing = pd.isna(column)
    if not missing.any():
        return
    row = int(np.argmax(missing))
    raise ValueError(
        f"{name} contains NaN (a missing id: {column[row]!r}) at row {row}. Drop such "
        "rows, for example with sklearn_metarec.preprocessing.clean_interactions."
    )


def _factorize(column):
    """Return (unique ids in order of appearance, codes) of an object column."""
    import pandas as pd

    try:
        codes, unique = pd.factorize(column)
    except TypeError as error:
        raise _unhashable(column) from error
    return unique, codes.astype(np.int32)


def _unhashable(column):
    bad = next((v for v in column.tolist() if not _is_hashable(v)), None)
    return TypeError(
        "An id argument must be a string or a number (any hashable value); "
        f"got {bad!r} of type {type(bad).__name__}."
    )


def _is_hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _sorted_order(unique, name):
    ids = unique.tolist()
    if set(map(type, ids)) == {str}:
        return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.intp)
    keys = [_sort_key(id_, name) for id_ in ids]
    try:
        return np.array(sorted(range(len(ids)), key=keys.__getitem__), dtype=np.intp)
    except TypeError as error:
        raise TypeError(
            f"{name} holds values that cannot be sorted ({error}). Use integers, "
            "strings, or a mix of the two."
        ) from error


def _sort_key(id_, name="id"):
    if isinstance(id_, numbers.Real):
        # Python integers have no bounds, and NumPy knows only those of 64 bits.
        if not isinstance(id_, numbers.Integral) and not math.isfinite(id_):
            raise ValueError(f"{name} contains NaN or inf: {id_!r}.")
        return (0, "", id_)
    if isinstance(id_, str):
        return (1, "", id_)
    return (2, type(id_).__name__, id_)


def _table_limit(n_rows):
    limit = max(_TABLE_SLOTS_PER_ROW * n_rows, _TABLE_SLOTS_MIN)
    return min(limit, _TABLE_SLOTS_MAX)


def _encode_integers(column):
    low, high = encode.min_max(column)
    low, high = int(low), int(high)
    if high - low >= _table_limit(len(column)):
        return _encode_by_hash(column)
    table = np.zeros(high - low + 1, dtype=np.int32)
    encode.mark(column, low, table)
    ids = np.empty(np.count_nonzero(table), dtype=np.int64)
    encode.rank_marked(table, low, ids)
    codes = np.empty(len(column), dtype=np.int32)
    _fan_out(encode.table_codes, column, low, table, codes)
    return ids, codes


def _encode_by_hash(column):
    ids, codes = _hash_integers(column)
    order = np.argsort(ids)
    rank = np.empty(len(ids), dtype=np.int32)
    rank[order] = np.arange(len(ids), dtype=np.int32)
    _fan_out(encode.take_codes, codes, rank, codes)
    return ids[order], codes


def _hash_integers(column):
    """Return (unique integers in order of appearance, codes)."""
    codes = np.empty(len(column), dtype=np.int32)
    ids = np.empty(0, dtype=np.int64)
    row, n_ids, bits = 0, 0, 16
    while row < len(column):
        slots = np.zeros((1 << bits, 2), dtype=np.int64)
        ids = np.concatenate([ids[:n_ids], np.empty((1 << bits) - n_ids, np.int64)])
        shift = np.uint64(64 - bits)
        encode.hash_reinsert(slots, ids, n_ids, shift)
        row, n_ids = encode.hash_codes(column, codes, slots, ids, shift, row, n_ids)
        bits += 2
    return ids[:n_ids], codes


def _fan_out(kernel, column, *args):
    map_ranges(kernel, len(column), column, *args, chunk=_ROWS_PER_TASK)
