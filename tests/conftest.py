import os
from collections import namedtuple
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

Checkerboard = namedtuple("Checkerboard", ["matrix", "X", "answers"])


@pytest.fixture(scope="session")
def data_dir():
    """The folder of the real data sets; a test that asks for it is marked real_data."""
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        pytest.skip("SKLEARN_METAREC_DATA is not set: no real data sets here.")
    return Path(folder)


@pytest.fixture(scope="session")
def load_table(data_dir):
    """Read NAME.csv.gz of the real data, once a session: `load_table(name)`."""

    @cache
    def read(name):
        path = data_dir / f"{name}.csv.gz"
        if not path.exists():
            pytest.skip(f"{path} does not exist.")
        table = pd.read_csv(path, dtype={"user_id": "str", "item_id": "str"})
        for column in table.columns.intersection(["user_id", "item_id"]):
            table[column] = _as_integers(table[column])
        return table

    # Copy on write: a test that changes its table leaves the cached one as it is.
    return lambda name: read(name).copy(deep=False)


def _as_integers(ids):
    """Return ids as integers, unless some would not come back ("007")."""
    numbers = pd.to_numeric(ids, errors="coerce")
    if numbers.isna().any() or (numbers != numbers.round()).any():
        return ids
    numbers = numbers.astype("int64")
    return numbers if (numbers.astype("str") == ids).all() else ids


@pytest.fixture
def purchases():
    """The columns neither in order nor all of them ids; users and items are text."""
    rows = [
        ("ann", "tea"), ("ann", "milk"), ("ann", "rum"), ("bob", "tea"),
        ("bob", "milk"), ("eva", "rum"), ("eva", "sugar"), ("joe", "tea"),
        ("joe", "sugar"), ("kim", "milk"), ("kim", "sugar"), ("kim", "tea"),
    ]  # fmt: skip
    users, items = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "price": np.linspace(1, 2, len(rows)),
            "item_id": items,
            "user_id": users,
        }
    )


@pytest.fixture
def toy():
    """Twelve interactions; users, items and one pair, (2, 30), repeat."""
    return pd.DataFrame(
        {
            "user_id": [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5],
            "item_id": [10, 20, 30, 20, 30, 30, 10, 40, 20, 40, 50, 10],
            "timestamp": [1, 2, 3, 2, 4, 9, 1, 5, 3, 6, 7, 8],
        }
    )


@pytest.fixture
def toy_ratings():
    """One rating a row of `toy`."""
    return np.array([5.0, 3.0, 4.0, 2.0, 4.0, 5.0, 1.0, 3.0, 4.0, 2.0, 5.0, 3.0])


@pytest.fixture
def checkerboard():
    """Users who like the items of their own parity, each but one: the answer.

    User u has every item of u's parity but item u itself, which every other user of
    that parity has. So item u is what a recommender has to put first.
    """
    n = 20
    users, items = np.nonzero(
        (np.add.outer(np.arange(n), np.arange(n)) % 2 == 0) & ~np.eye(n, dtype=bool)
    )
    matrix = sparse.csr_array((np.ones(len(users)), (users, items)), shape=(n, n))
    return Checkerboard(matrix, np.column_stack([users, items]), np.arange(n))


def pytest_collection_modifyitems(items):
    for item in items:
        if "data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")


def pytest_terminal_summary(terminalreporter):
    """Say how many tests read real data: a skipped one shows nothing."""
    outcomes = {
        outcome: sum(
            "real_data" in report.keywords
            for report in terminalreporter.stats.get(outcome, [])
            if hasattr(report, "keywords")
        )
        for outcome in ("passed", "failed", "error", "xfailed", "skipped")
    }
    skipped = outcomes.pop("skipped")
    terminalreporter.write_line(
        f"real-data tests run: {sum(outcomes.values())}, skipped: {skipped}"
    )
