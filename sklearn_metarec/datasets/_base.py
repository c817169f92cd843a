"""Read the files that come with the package."""

import csv
import gzip
import io
from importlib import resources
from itertools import chain

import numpy as np

DATA_MODULE = "sklearn_metarec.datasets.data"
_DESCR_MODULE = "sklearn_metarec.datasets.descr"


def read_columns(filename):
    """Return the columns of a bundled, compressed CSV file as lists of strings."""
    packed = (resources.files(DATA_MODULE) / filename).read_bytes()
    text = gzip.decompress(packed).decode("utf-8")
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader)
    # One flat list, since 100,000 rows kept as lists set off the garbage collector.
    values = list(chain.from_iterable(reader))
    return {name: values[c :: len(header)] for c, name in enumerate(header)}


def read_description(filename):
    """Return the text of a bundled description."""
    return (resources.files(_DESCR_MODULE) / filename).read_text(encoding="utf-8")


def object_table(columns):
    """Put columns side by side in one object array, each value as it is."""
    table = np.empty((len(columns[0]), len(columns)), dtype=object)
    for position, column in enumerate(columns):
        table[:, position] = column
    return table
