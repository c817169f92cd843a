"""The tables of the benchmarks, made or read, and split once for all contestants.

Imports this package inside functions only: the environments of peers that do not
install beside us read such a table from a file.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

# Users, items and rows. 20m is the shape of MovieLens-20M.
SIZES = {
    "1k": (100, 60, 1_000),
    "10k": (400, 200, 10_000),
    "100k": (943, 1_682, 100_000),
    "1m": (20_000, 10_000, 1_000_000),
    "10m": (138_000, 26_700, 10_000_000),
    "20m": (138_493, 26_744, 20_000_000),
}
REAL = {"ml-100k": "movielens_100k", "ml-1m": "movielens_1m"}
_TEST_SHARE = 0.2
# Quality is measured on the lists of this many users: enough for three digits, and
# little work for brute force.
_SAMPLE = 2_000


@dataclass
class Table:
    """A training part in raw ids and in codes, and the test part in raw ids.

    Attributes
    ----------
    X, y : ndarray of shape (n, 2), ndarray of shape (n,)
        Raw integer ids, and ratings (1 for what is made as implicit feedback).
    users, items : ndarray
        Sorted unique ids of X.
    rows, cols : ndarray of shape (n,), dtype=int32
        Their places.
    X_test, y_test : ndarray
        The rest of the table: of users that X has, but perhaps of other items.
    """

    X: np.ndarray
    y: np.ndarray
    users: np.ndarray
    items: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    @property
    def shape(self):
        """(n_users, n_items)."""
        return len(self.users), len(self.items)

    def matrix(self):
        """Return the users x items matrix of ones that most peers ask for."""
        ones = np.ones(len(self.rows), dtype=np.float32)
        matrix = sparse.csr_matrix((ones, (self.rows, self.cols)), shape=self.shape)
        matrix.data[:] = 1
        matrix.sort_indices()
        return matrix

    def sample(self):
        """Return the codes of the users by whose lists quality is measured."""
        tested = np.flatnonzero(np.isin(self.users, self.X_test[:, 0]))
        rng = np.random.default_rng(0)
        return np.sort(rng.permutation(tested)[:_SAMPLE])

    def save(self, path):
        """Write the table for a process of another environment."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path):
        """Read a saved table."""
        with np.load(path) as arrays:
            return cls(**arrays)


def make_table(size, *, ratings=False, shape=None):
    """Return a `Table` whose training part has about `size` rows.

    Parameters
    ----------
    size : str
        A key of SIZES or REAL. Real tables are read from $SKLEARN_METAREC_DATA.
    ratings : bool
        Whether what is made has ratings.
    shape : tuple of (n_users, n_items, n_rows), default=None
        Instead of that of `size`, for made tables.
    """
    if size in REAL:
        return _split(*_read(REAL[size]))
    from sklearn_metarec.datasets import make_interactions

    n_users, n_items, n_rows = shape or SIZES[size]
    codes, y = make_interactions(
        n_users, n_items, round(n_rows / (1 - _TEST_SHARE)),
        feedback="explicit" if ratings else "implicit", random_state=0,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    X = np.empty_like(codes)
    # Ids as they come from a database: with an offset and with gaps.
    for column, n in enumerate((n_users, n_items)):
        ids = 1_000_000 + np.sort(rng.choice(3 * n, n, replace=False))
        X[:, column] = ids[codes[:, column]]
    return _split(X, y)


def _read(name):
    import pandas as pd

    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    table = pd.read_csv(Path(folder) / f"{name}.csv.gz")
    X = table[["user_id", "item_id"]].to_numpy(dtype=np.int64)
    order = np.random.default_rng(0).permutation(len(X))  # ml-1m is sorted by user
    return X[order], table["rating"].to_numpy(dtype=np.float64)[order]


def _split(X, y):
    """Return a table with a fifth of each user's pairs, at random, as its test part."""
    from sklearn_metarec.model_selection import PerUserShuffleSplit

    split = PerUserShuffleSplit(test_size=_TEST_SHARE, random_state=0)
    train, test = next(split.split(X))
    return as_table(X[train], y[train], X[test], y[test])


def as_table(X, y, X_test, y_test):
    """Return the parts of a split as a `Table`."""
    users, rows = np.unique(X[:, 0], return_inverse=True)
    items, cols = np.unique(X[:, 1], return_inverse=True)
    rows, cols = rows.astype(np.int32), cols.astype(np.int32)
    return Table(X, y, users, items, rows, cols, X_test, y_test)
