"""Histories that know in which order a user had the items."""

from dataclasses import dataclass, field, replace

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
        when = state.pop("_when")
        return replace(super().from_state(users, items, state), when=when)

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
        rows, cols, from_end = self._ordered()
        kept = from_end < length
        sequences = np.full((self.matrix.shape[0], length), -1, dtype=np.int32)
        sequences[rows[kept], length - 1 - from_end[kept]] = cols[kept]
        return sequences

    def windows(self, length):
        """Return all items with a positive strength, in order, in pieces.

        A piece begins with the last item of the piece before it, so that every item of
        a row but the first has its predecessor beside it, once.

        Parameters
        ----------
        length : int
            Of a piece, at least 2; shorter ones are filled up in front with -1.

        Returns
        -------
        windows : ndarray of shape (n_windows, length), dtype=int32
            Item codes; of each row at least one window, the last ones first.
        """
        rows, cols, from_end = self._ordered()
        step = length - 1
        counts = np.bincount(rows, minlength=self.matrix.shape[0])
        n_windows = np.maximum(-(-(counts - 1) // step), 1)
        first = np.cumsum(n_windows) - n_windows
        windows = np.full((n_windows.sum(), length), -1, dtype=np.int32)
        number, place = from_end // step, from_end % step
        kept = number < n_windows[rows]
        windows[(first[rows] + number)[kept], step - place[kept]] = cols[kept]
        shared = (place == 0) & (number > 0)
        windows[(first[rows] + number)[shared] - 1, 0] = cols[shared]
        return windows

    def _ordered(self):
        """Return the rows and items of what is liked, in order, and how many follow."""
        _, indices, data = compressed_parts(self.matrix)
        liked = data > 0
        rows, cols, when = _rows(self.matrix)[liked], indices[liked], self.when[liked]
        order = np.lexsort((when, rows))
        rows, cols = rows[order], cols[order]
        ends = np.cumsum(np.bincount(rows, minlength=self.matrix.shape[0]))
        return rows, cols, ends[rows] - 1 - np.arange(len(rows))

    def _with(self, pairs, when):
        return OrderedHistory(
            pairs.users, pairs.items, pairs.matrix, pairs.weights, when
        )


def _rows(matrix):
    counts = np.diff(matrix.indptr)
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)
