"""Tables in files: CSV and Parquet in, recommendations out."""

from contextlib import contextmanager

import numpy as np

from sklearn_metarec.interactions import find_roles

_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_ROLES = ("user", "item", "rating", "time")
_COLUMN = {"user": "user_id", "item": "item_id", "time": "timestamp"}


def read(path):
    """Read a table; ids in a CSV file keep their leading zeros.

    Parameters
    ----------
    path : str or path
        A `.csv`, `.csv.gz`, `.tsv`, `.tsv.gz` or `.parquet` file.

    Returns
    -------
    table : DataFrame
        All of its columns; those of a CSV file as text.

    Raises
    ------
    ValueError
        If the file is of another kind, or empty.
    """
    import pandas as pd

    name = str(path)
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    if not name.endswith(_CSV):
        raise ValueError(
            f"{name}: cannot tell its format. Use one of {', '.join(_CSV)}, .parquet."
        )
    separator = "\t" if ".tsv" in name else ","
    try:
        return pd.read_csv(path, dtype=str, sep=separator)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{name} is empty.") from error


def columns(table, options):
    """Return (X with columns of the usual names, ratings or None).

    Parameters
    ----------
    table : DataFrame
        As of :func:`read`.
    options : Namespace
        `user`, `item`, `rating` and `time`: names of columns, or None.

    Returns
    -------
    X : DataFrame
        The columns user_id, item_id and, where there is one, timestamp.
    rating : Series or None
        The ratings.

    Raises
    ------
    ValueError
        If a column is not there.
    """
    import pandas as pd

    found = _find(table, options)
    missing = [role for role in ("user", "item") if found[role] is None]
    if missing:
        raise ValueError(
            f"no {' and no '.join(missing)} column found. The columns are "
            f"{list(table.columns)}; name them with "
            f"{' '.join(f'--{role} COL' for role in missing)}."
        )
    X = pd.DataFrame({_COLUMN[role]: table[found[role]] for role in ("user", "item")})
    for name in X.columns:
        X[name] = _plain_ids(X[name])
    if found["time"]:
        X["timestamp"] = _numbers(table[found["time"]], errors="ignore")
    rating = found["rating"]
    return X, None if rating is None else _numbers(table[rating], errors="coerce")


def titles(table, options, model):
    """Return what items are called, by the ids that a model knows.

    Parameters
    ----------
    table : DataFrame
        As of :func:`read`: an item column, and one named title or name.
    options : Namespace
        As of :func:`columns`.
    model : estimator
        Fitted.

    Returns
    -------
    names : dict
        From item id to title.

    Raises
    ------
    ValueError
        If one of the two is missing.
    """
    item = _find(table, options)["item"]
    title = next((c for c in table.columns if c.lower() in ("title", "name")), None)
    if item is None or title is None:
        raise ValueError(
            "titles need an item column and one named title or name. The columns are "
            f"{list(table.columns)}."
        )
    ids = as_known(_plain_ids(table[item]), model.items_)
    return dict(zip(ids, table[title], strict=True))


def _find(table, options):
    names = [str(name) for name in table.columns]
    found = dict.fromkeys(_ROLES) | find_roles(names)
    for role in _ROLES:
        name = getattr(options, role)
        if name is not None and name not in names:
            raise ValueError(f"no column {name!r} (--{role}). The columns are {names}.")
        found[role] = name or found[role]
    return found


def _plain_ids(ids):
    """Turn text that is the usual form of an integer into integers, if all of it is."""
    if ids.dtype.kind in "iuf":
        return ids
    text = ids.dropna().astype(str)
    canonical = text.str.fullmatch(r"0|-?[1-9]\d{0,17}")
    if len(text) == len(ids) and canonical.all():
        return ids.astype(np.int64)
    return ids


def _numbers(column, *, errors):
    import pandas as pd

    if column.dtype.kind in "iufM":
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    if errors == "ignore" and numbers.isna().sum() > column.isna().sum():
        return column  # ISO text
    return numbers


def like_model(X, model):
    """Return X with ids of the type that the model knows."""
    return X.assign(
        user_id=as_known(X["user_id"], model.users_),
        item_id=as_known(X["item_id"], model.items_),
    )


def as_known(ids, known):
    """Return ids as integers or as text, whichever the known ones are."""
    if known.dtype.kind == "i":
        try:
            return np.asarray(ids).astype(np.int64)
        except ValueError:
            return np.asarray(ids, dtype=object)
    if known.dtype == object:
        return np.array([str(id_) for id_ in ids], dtype=object)
    return np.asarray(ids)


@contextmanager
def writer(path):
    """Open a file for frames that are written one after the other.

    Parameters
    ----------
    path : str or path
        A `.csv`, `.csv.gz`, `.tsv`, `.tsv.gz` or `.parquet` file, replaced if there.

    Yields
    ------
    write : callable
        Takes a DataFrame.
    """
    name = str(path)
    if name.endswith(".parquet"):
        yield from _parquet_writer(name)
        return
    if not name.endswith(_CSV):
        raise ValueError(
            f"{name}: cannot tell the format to write. Use one of "
            f"{', '.join(_CSV)}, .parquet."
        )
    yield from _csv_writer(name)


def _csv_writer(name):
    import gzip

    separator = "\t" if ".tsv" in name else ","
    opener = gzip.open if name.endswith(".gz") else open
    with opener(name, "wt", encoding="utf-8", newline="") as file:
        first = True

        def write(frame):
            nonlocal first
            frame.to_csv(file, index=False, header=first, sep=separator)
            first = False

        yield write


def _parquet_writer(name):
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            "Parquet files need pyarrow: pip install pyarrow, or write a .csv."
        ) from error

    opened: list[pq.ParquetWriter] = []

    def write(frame):
        part = pa.Table.from_pandas(frame, preserve_index=False)
        if not opened:
            opened.append(pq.ParquetWriter(name, part.schema))
        opened[0].write_table(part.cast(opened[0].schema))

    try:
        yield write
    finally:
        for file in opened:
            file.close()
