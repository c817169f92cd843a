"""Histories that know in which order a user had the items."""

from dataclasses import dataclass, field

import numpy as np

from sklearn_metarec._history import History
from sklearn_metarec.interactions import compressed_parts, take_csr


@dataclass(frozen=True)
class OrderedHistory(History):
    """Pairs with the place of each in time.

    Attributes
    ----------
    when : ndarray of shape (n_pairs,), dtype=int64
        The larger, the later; of rows that repeat a pair, the last counts. What is
        added to a history is later than all that it has, whatever its time.
    """

    when: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def from_rows(cls, source, *, rating):
        """Collect rows; those without a time are in the order of time."""
        pairs = History.from_rows(source, rating=rating)
        table = source.table
        place = np.arange(len(table.rows))
        if table.time is not None:
            order = np.lexsort((place, table.time))
            place[order] = np.arange(len(order))
        return cls._of(pairs, table.rows, table.cols, place)

    @classmethod
    def _of(cls, pairs, rows, cols, place):
        matrix = pairs.matrix
        n_items = np.int64(matrix.shape[1])
        keys = _rows(matrix) * n_items + matrix.indices
        when = np.zeros(len(keys), dtype=np.int64)
        np.maximum.at(when, np.searchsorted(keys, rows * n_items + cols), place)
        return cls(pairs.users, pairs.items, matrix, pairs.weights, when)

    def merge(self, other):
        """Return the union with a later history, with vocabularies of its own."""
        users, items = self.users.union(other.users), self.items.union(other.items)
        return self.recode(users, items).add(other.recode(users, items))

    def state(self):
        """Return what a model's file holds of it, beside the vocabularies."""
        return super().state() | {"_when": self.when}

    @classmethod
    def from_state(cls, users, items, state):
        """Return what :meth:`state` told, and take it out of a model's state."""
        names = ("history_", "_pair_weights", "_when")
        return cls(users, items, *(state.pop(name) for name in names))

    def take(self, codes):
        """Return the rows of the given user codes; -1 gives an empty row."""
        pairs = super().take(codes)
        if pairs is self:
            return self
        source = take_csr(self.matrix, codes)[1]
        return OrderedHistory(
            None, self.items, pairs.matrix, pairs.weights, self.when[source]
        )

    def subset(self, keep):
        """Return the pairs of a mask, in the same codes."""
        return self._with(super().subset(keep), self.when[keep])

    def recode(self, users, items):
        """Return the same pairs in the codes of larger vocabularies."""
        return self._with(super().recode(users, items), self.when)

    def add(self, other):
        """Return the union with a later history over the same users and items."""
        parts = [self.matrix, other.matrix]
        rows = np.concatenate([_rows(part) for part in parts])
        cols = np.concatenate([part.indices for part in parts])
        later = other.when + self.when.max(initial=-1) + 1
        place = np.concatenate([self.when, later])
        return self._of(super().add(other), rows, cols, place)

    def sequences(self, length):
        """Return each row's last items with a positive strength, in order.

        Parameters
        ----------
        length : int
            How many; shorter rows are filled up in front with -1.

        Returns
        -------
        sequences : ndarray of shape (n_users, length), dtype=int32
            Item codes.
        """
        indptr, indices, data = compressed_parts(self.matrix)
        liked = data > 0
        rows, cols, when = _rows(self.matrix)[liked], indices[liked], self.when[liked]
        order = np.lexsort((when, rows))
        rows, cols = rows[order], cols[order]
        ends = np.cumsum(np.bincount(rows, minlength=len(indptr) - 1))
        from_end = ends[rows] - np.arange(len(rows))
        kept = from_end <= length
        sequences = np.full((len(indptr) - 1, length), -1, dtype=np.int32)
        sequences[rows[kept], length - from_end[kept]] = cols[kept]
        return sequences

    def _with(self, pairs, when):
        return OrderedHistory(
            pairs.users, pairs.items, pairs.matrix, pairs.weights, when
        )


def _rows(matrix):
    counts = np.diff(matrix.indptr)
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)
