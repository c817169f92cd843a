"""Read the files that come with the package."""

import csv
import gzip
from importlib import resources

import numpy as np

DATA_MODULE = "sklearn_metarec.datasets.data"
_DESCR_MODULE = "sklearn_metarec.datasets.descr"


def read_columns(filename):
    """Return the columns of a bundled, compressed CSV file as tuples of str, by name."""
    with (
        (resources.files(DATA_MODULE) / filename).open("rb") as packed,
        gzip.open(packed, "rt", encoding="utf-8", newline="") as text,
    ):
        header, *rows = csv.reader(text)
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def read_description(filename):
    """Return the text of a bundled description."""
    return (resources.files(_DESCR_MODULE) / filename).read_text(encoding="utf-8")


def object_table(columns):
    """Put columns side by side in one object array, each value as it is."""
    table = np.empty((len(columns[0]), len(columns)), dtype=object)
    for position, column in enumerate(columns):
        table[:, position] = column
    return table
