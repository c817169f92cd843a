"""Scorers of models that are a sparse items x items matrix."""

import numpy as np

from sklearn_metarec._kernels import neighbors
from sklearn_metarec._kernels.topk import LOW
from sklearn_metarec._scoring import RowSumScorer
from sklearn_metarec.interactions import compressed_parts
from sklearn_metarec.utils._parallel import map_ranges

# How much the share of users who have an item adds to its score: too little to overrule
# a neighbour, enough to put the items that no neighbour has in order.
PRIOR = np.float32(1e-6)
# A row is a hub if it has an entry for one item in so many, at which point adding it
# densely is faster; at most so many hubs, to bound the memory of their dense rows.
_HUB_SHARE = 16
_MOST_HUBS = 64
_USERS_PER_TASK = 1 << 14


class NeighborScorer(RowSumScorer):
    """Weighted sums of rows, plus something for each item.

    A few popular items are neighbours of most others: on a skewed catalogue of 10,000
    items, 25 rows of the transposed neighbour lists cause 94% of all additions. Such
    hubs are added over the whole catalogue instead, which vectorises. They come before
    a user's other rows whether they are added that way or not: so a score is the same
    to the bit in a call for one user, for all, and as a single pair.

    Parameters
    ----------
    weights : csr_array of shape (n, n_rows), dtype=float32
        What each user of this call gives to each row.
    rows : csr_array of shape (n_rows, n_items), dtype=float32, or SmallRows
        What each row adds to the items' scores.
    prior : ndarray of shape (n_items,), dtype=float32
        What each item's sum starts from.
    """

    one_by_one = True

    def __init__(self, weights, rows, prior):
        super().__init__(weights, rows)
        self.prior = prior
        hubs = _find_hubs(rows)
        place = np.full(rows.shape[0], -1, dtype=np.int32)
        place[hubs] = np.arange(len(hubs))
        indptr, indices, data = self.weights
        n_users = len(indptr) - 1
        if len(hubs):
            ordered = np.empty_like(indices), np.empty_like(data)
            map_ranges(
                neighbors.put_hubs_first, n_users, *self.weights, place, *ordered,
                chunk=_USERS_PER_TASK,
            )  # fmt: skip
            self.weights = (indptr, *ordered)
        if len(hubs) >= n_users:
            # To fill a dense row costs about what it saves one user.
            place[:] = -1
            hubs = hubs[:0]
        self._place = place
        self._dense = np.zeros((len(hubs), rows.shape[1]), dtype=self.rows[2].dtype)
        neighbors.fill_rows(hubs, *self.rows, self._dense)

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        neighbors.sum_rows(lo, hi, *self._sums, out)

    def rank_each(self, lo, hi, row, ranking):
        """Rank users lo to hi one by one, with the scores of each in `row[0]`."""
        neighbors.rank_sums(lo, hi, self._sums, row, row.view(np.int32), ranking)

    @property
    def _sums(self):
        return *self.weights, *self.rows, self._place, self._dense, self.prior

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        scores = np.where(cols >= 0, self.prior[cols], np.float32(0))
        return self._add_pairs(users, cols, scores)


def _find_hubs(rows):
    lengths = np.diff(rows.indptr)
    hubs = np.flatnonzero(lengths > rows.shape[1] / _HUB_SHARE)
    return hubs[np.argsort(-lengths[hubs], kind="stable")[:_MOST_HUBS]]


class ListScorer:
    """The entries of compressed rows; what has none cannot be in a list.

    It ranks neighbours, and so has no scores of single pairs.

    Parameters
    ----------
    rows : csr_array of shape (n, n_items), dtype=float32
        The similarities of each item or user asked for.
    """

    def __init__(self, rows):
        self.rows = compressed_parts(rows)

    def block(self, lo, hi, out):
        """Write the entries of rows lo to hi into `out`."""
        indptr, indices, data = self.rows
        out[: hi - lo] = LOW
        for row in range(lo, hi):
            part = slice(indptr[row], indptr[row + 1])
            out[row - lo, indices[part]] = data[part]
