"""Data sets that are downloaded once, and kept as tables.

A data set `NAME` is kept in three files of one folder, compressed CSV with a header:
`NAME.csv.gz` has the interactions, one row each, with the columns `user_id`, `item_id`
and the others of the data set; `NAME.items.csv.gz` what is known of the items, and
`NAME.users.csv.gz` of the users, where anything is. Tables that were put there by hand
are as good as downloaded ones. Beside downloaded ones `NAME.sha256` has the checksums
of these files, in the format of `sha256sum`, and of the archive that they came from:
so it is known later whether they are still the same.
"""

import gzip
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from sklearn_metarec.datasets._archive import UNREADABLE, Archive, download
from sklearn_metarec.datasets._base import object_table, read_description
from sklearn_metarec.exceptions import DatasetError
from sklearn_metarec.utils._sklearn import Interval

_PARTS = ("", ".items", ".users")
# Of every `fetch_*`, for `validate_params`.
PARAMETERS = {
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "n_retries": [Interval(Integral, 1, None, closed="left")],
    "delay": [Interval(Real, 0, None, closed="left")],
    "return_X_y": ["boolean"],
    "as_frame": ["boolean"],
}


@dataclass(frozen=True)
class DataSet:
    """What there is to know of a data set.

    Attributes
    ----------
    name : str
        What its files are called.
    archive : Archive
        Where it comes from.
    parse : callable
        Makes the tables of the archive's file: `parse(path)` returns a dict of
        DataFrames by part: "", ".items" and ".users".
    columns : dict of str to list of str
        The columns that each part has at least.
    counts : dict of str to int
        How many rows, users and items the publisher says there are: what is checked
        of a download beside its checksum.
    target : str
        The column that is the target.
    text : frozenset of str
        The columns that are text, whatever they look like.
    dropped : frozenset of str
        Columns of the interactions that say nothing.
    """

    name: str
    archive: Archive
    parse: Callable[[Path], dict[str, Any]]
    columns: dict[str, list[str]]
    counts: dict[str, int]
    target: str = "rating"
    text: frozenset = field(default_factory=frozenset)
    dropped: frozenset = field(default_factory=frozenset)

    def path(self, folder, part=""):
        """Return the file of a part in a folder."""
        return folder / f"{self.name}{part}.csv.gz"


def fetch(
    dataset, description, *, data_home, download_if_missing, n_retries, delay,
    return_X_y, as_frame,
):  # fmt: skip
    """Return a data set, downloaded if it has to be, as a Bunch or as `(X, y)`.

    `description` is the file of its description; all else is as in `fetch_movielens`.
    """
    folder = Path(get_data_home(data_home))
    if not dataset.path(folder).exists():
        _obtain(dataset, folder, download_if_missing, n_retries, delay)
    tables = _read(dataset, folder)
    return _as_bunch(dataset, tables, description, return_X_y, as_frame)


# ---------------------------------------------------------------------- to the folder


def _obtain(dataset, folder, download_if_missing, n_retries, delay):
    """Fill the folder, or say how else to."""
    if not download_if_missing:
        raise DatasetError(
            f"Data not found and `download_if_missing` is False: {folder} has no "
            f"{dataset.path(folder).name}."
        )
    try:
        # In the folder itself, so that the files need no more than another name.
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as scratch:
            _download(dataset, folder, Path(scratch), n_retries, delay)
    except OSError as error:
        raise DatasetError(
            f"{folder} has no {dataset.path(folder).name}, and it could not be "
            f"downloaded from {dataset.archive.url}: {error}. Try again later, or, "
            f"where there is no network, put there {_wanted(dataset, folder)}; or pass "
            "the folder that has them as data_home."
        ) from error


def _wanted(dataset, folder):
    files = [
        f"{dataset.path(folder, part).name} (columns {', '.join(names)})"
        for part, names in dataset.columns.items()
    ]
    return " and ".join([", ".join(files[:-1]), files[-1]] if files[1:] else files)


def _download(dataset, folder, scratch, n_retries, delay):
    file = scratch / "archive"
    sums = {
        dataset.archive.filename: download(
            dataset.archive, file, n_retries=n_retries, delay=delay
        )
    }
    _check_archive(dataset, folder, sums)
    try:
        tables = dataset.parse(file)
    except UNREADABLE as error:
        raise OSError(
            f"the archive is damaged, or of another form than this version reads: "
            f"{type(error).__name__}: {error}"
        ) from error
    _check_counts(dataset, tables)
    names = {part: dataset.path(folder, part).name for part in tables}
    for part, name in names.items():
        content = gzip.compress(_as_csv(tables[part]), mtime=0)
        (scratch / name).write_bytes(content)
        sums[name] = hashlib.sha256(content).hexdigest()
    listed = "".join(f"{value}  {name}\n" for name, value in sums.items())
    record = _record(dataset, folder)
    (scratch / record.name).write_text(listed, encoding="utf-8")
    # The interactions last: where they are, all is there.
    for name in [record.name, *reversed(names.values())]:
        (scratch / name).replace(folder / name)


def _as_csv(table):
    return table.to_csv(index=False, lineterminator="\n").encode("utf-8")


def _record(dataset, folder):
    return folder / f"{dataset.name}.sha256"


def _recorded(dataset, folder):
    """Return the checksums of an earlier download, by file."""
    record = _record(dataset, folder)
    if not record.exists():
        return {}
    lines = record.read_text(encoding="utf-8").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _check_archive(dataset, folder, sums):
    for name, value in sums.items():
        known = _recorded(dataset, folder).get(name, value)
        if known != value:
            raise OSError(
                f"the archive has the SHA-256 checksum {value}, but at the first "
                f"download it was {known}. Delete {_record(dataset, folder)} to take "
                "the new one"
            )


def _check_counts(dataset, tables):
    interactions = tables[""]
    found = {
        "rows": len(interactions),
        "users": interactions["user_id"].nunique(),
        "items": interactions["item_id"].nunique(),
    }
    for what, expected in dataset.counts.items():
        if found[what] != expected:
            raise OSError(
                f"the archive has {found[what]} {what}, where its publisher says "
                f"{expected}"
            )


# -------------------------------------------------------------------- from the folder


def _read(dataset, folder):
    sums = _recorded(dataset, folder)
    return {
        part: _read_table(dataset, dataset.path(folder, part), part, sums)
        for part in _PARTS
        if not part or dataset.path(folder, part).exists()
    }


def _read_table(dataset, path, part, sums):
    import pandas as pd

    packed = path.read_bytes()
    expected = sums.get(path.name)
    if expected is not None and hashlib.sha256(packed).hexdigest() != expected:
        raise DatasetError(
            f"{path} is not the file that was downloaded: its checksum differs from "
            f"that in {dataset.name}.sha256. Delete both, and it is downloaded again."
        )
    try:
        text = gzip.decompress(packed).decode("utf-8")
        table = _parse_csv(text, dataset.text)
    except (EOFError, OSError, ValueError, zlib.error, pd.errors.ParserError) as error:
        raise DatasetError(
            f"{path} is damaged: {type(error).__name__}: {error}. Delete it, and it is "
            "downloaded again."
        ) from error
    missing = [c for c in dataset.columns.get(part, ()) if c not in table.columns]
    if missing:
        raise DatasetError(
            f"{path} is another table: it has no column {', '.join(missing)}, but "
            f"{', '.join(table.columns)}."
        )
    return table


def _parse_csv(text, text_columns):
    import pandas as pd

    header = text.partition("\n")[0].rstrip("\r").split(",")
    # An artist may be called "None": text is missing nowhere, it may be empty.
    missing = {name: [""] for name in header if name not in text_columns}
    return pd.read_csv(
        io.StringIO(text), dtype={name: str for name in header if name in text_columns},
        keep_default_na=False, na_values=missing,
    )  # fmt: skip


def _as_bunch(dataset, tables, description, return_X_y, as_frame):
    frame = tables[""].drop(columns=list(dataset.dropped), errors="ignore")
    target = frame[dataset.target].astype(np.float64)
    frame = frame.drop(columns=dataset.target).assign(**{dataset.target: target})
    names = list(frame.columns[:-1])
    data = frame[names]
    if not as_frame:
        data, target = _as_array(data), target.to_numpy()
    if return_X_y:
        return data, target
    bunch = Bunch(
        data=data,
        target=target,
        frame=frame if as_frame else None,
        feature_names=names,
        target_names=[dataset.target],
        DESCR=read_description(description),
    )
    for part, side in ((".items", "item"), (".users", "user")):
        if part not in dataset.columns:
            continue
        table = tables.get(part)
        bunch[f"{side}_feature_names"] = None if table is None else list(table.columns)
        if table is not None and not as_frame:
            table = _as_array(table)
        bunch[f"{side}_features"] = table
    return bunch


def _as_array(frame):
    """Return the columns side by side, each value as it is."""
    if all(dtype.kind in "iu" for dtype in frame.dtypes):
        return frame.to_numpy(dtype=np.int64)
    return object_table([frame[name].to_list() for name in frame.columns])
