"""What is missing or broken in the columns of a raw table."""

import numbers

import numpy as np

from sklearn_metarec._vocabulary import _factorize, _is_string_series
from sklearn_metarec.preprocessing._tables import as_array


def id_faults(column):
    """Tell which ids are missing and which are infinite.

    Parameters
    ----------
    column : array-like or series of shape (n,)
        Raw ids.

    Returns
    -------
    missing : ndarray of shape (n,), dtype=bool
        None, NaN, NaT, an empty text or one of blanks.
    infinite : ndarray of shape (n,), dtype=bool
        Numbers that are infinite.
    """
    # Few distinct ids stand in many rows: look at each once.
    if _is_string_series(column):
        codes, distinct = column.factorize()
    else:
        values = _as_column(column)
        if values.dtype.kind in "biufM":
            return np.isnan(values), np.isinf(values)
        distinct, codes = _factorize(values.astype(object))
    distinct = np.asarray(distinct).tolist()
    # The code of a missing value, -1, takes the last place.
    blank = [isinstance(id_, str) and not id_.strip() for id_ in distinct] + [True]
    infinite = [_is_number(id_) and abs(id_) == np.inf for id_ in distinct] + [False]
    return np.array(blank)[codes], np.array(infinite)[codes]


def read_numbers(column):
    """Read numbers, as of ratings or weights.

    Parameters
    ----------
    column : array-like of shape (n,)
        Numbers or their texts.

    Returns
    -------
    values : ndarray of shape (n,), dtype=float64
        The numbers; NaN where there is none.
    missing : ndarray of shape (n,), dtype=bool
        Where there is nothing.
    broken : ndarray of shape (n,), dtype=bool
        Where there is something that is no finite number.
    """
    values = _as_column(column)
    if values.dtype.kind in "biuf":
        values = values.astype(np.float64)
        return values, np.isnan(values), np.isinf(values)
    import pandas as pd

    values = values.astype(object)
    found = np.asarray(pd.to_numeric(values, errors="coerce"), dtype=np.float64)
    bad = ~np.isfinite(found)
    return found, *_missing_or_broken(values, bad)


def read_time(column):
    """Read a time column as far as it can be read.

    Parameters
    ----------
    column : array-like or series of shape (n,)
        Numbers, dates or ISO 8601 text.

    Returns
    -------
    values : ndarray of shape (n,)
        Numbers, or dates as datetime64[ns]; NaN or NaT where there is none.
    missing : ndarray of shape (n,), dtype=bool
        Where there is nothing.
    unreadable : ndarray of shape (n,), dtype=bool
        Where there is something that is no time, or a date before 1678 or after
        2261, which nanoseconds in 64 bits do not reach.
    """
    values = as_array(column)
    if values.dtype.kind == "M":
        dates = values
    elif values.dtype.kind in "biu":
        # As they are: float64 would not keep every nanosecond of an int64.
        none = np.zeros(len(values), dtype=bool)
        return values, none, none
    elif values.dtype.kind == "f" or _are_numbers(values):
        return read_numbers(values)
    else:
        dates = _parse_dates(values)
    years = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    bad = np.isnat(dates) | (years < 1678) | (years > 2261)
    times = np.where(bad, np.datetime64("NaT"), dates).astype("datetime64[ns]")
    return times, *_missing_or_broken(values, bad)


def _missing_or_broken(values, bad):
    """Tell of the values that cannot be used whether there is one at all."""
    missing = np.zeros(len(values), dtype=bool)
    missing[bad] = [_is_absent(value) for value in values[bad].tolist()]
    return missing, bad & ~missing


def _are_numbers(values):
    from pandas.api.types import infer_dtype

    kind = infer_dtype(values, skipna=True)
    return kind in ("integer", "floating", "mixed-integer-float", "empty")


def _parse_dates(values):
    import pandas as pd
    from pandas.api.types import infer_dtype

    if infer_dtype(values, skipna=True).startswith("mixed"):
        # A number among texts is no time, while pandas would count it from 1970.
        values = [None if _is_number(value) else value for value in values.tolist()]
    dates = pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce")
    return dates.tz_localize(None).to_numpy()


def _as_column(values):
    if hasattr(values, "to_numpy") or isinstance(values, np.ndarray):
        return as_array(values)
    return np.fromiter(values, dtype=object, count=len(values))


def _is_absent(value):
    import pandas as pd

    return not value.strip() if isinstance(value, str) else bool(pd.isna(value))


def _is_number(value):
    return isinstance(value, numbers.Real)
