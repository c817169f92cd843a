"""What is known of users and items beside their ids: counts, means, spreads."""

import numpy as np

from sklearn_metarec.interactions import compressed_parts, transpose_csr

# Of a user: how many ratings (the log of 1 + n), how far their mean is from that of
# all, how widely they spread, and the mean log count of the items that they rated. Of
# an item the same, from its side.
KINDS = ("count", "mean", "std", "popularity")
NAMES = tuple(f"{side}_{kind}" for side in ("user", "item") for kind in KINDS)
# Ratings of the whole table that are added to each mean and each variance.
_PRIOR = 5.0


class MetaFeatures:
    """The meta-features of the users and items of a training part.

    Parameters
    ----------
    history : History
        Mean ratings and weights of the training part.

    Attributes
    ----------
    users, items : ndarray of shape (n + 1, 4)
        The features in the order of `KINDS`; the last row, where a code of -1 points
        to, is that of a user or an item without ratings.
    """

    def __init__(self, history):
        matrix, weights = history.matrix, history.weights
        self._mean = float(np.average(matrix.data, weights=weights))
        spread = np.average((matrix.data - self._mean) ** 2, weights=weights)
        self._variance = float(spread)
        # The same numbers in the same order: positions are transposed, then applied.
        positions = matrix.copy()
        positions.data = np.arange(matrix.nnz, dtype=np.float64)
        by_item = transpose_csr(positions)
        order = by_item.data.astype(np.int64)
        of_users = compressed_parts(matrix)[0], matrix.indices
        of_items = compressed_parts(by_item)[0], by_item.indices
        self._item_logs = _log_counts(of_items[0], weights[order])
        user_logs = _log_counts(of_users[0], weights)
        # Of the training part, for the users of a call too: a user's features do not
        # depend on who else is asked about.
        self._usual = np.average(self._item_logs[of_users[1]], weights=weights)
        usual = np.average(user_logs[of_items[1]], weights=weights[order])
        self.users = self._of(
            *of_users, matrix.data, weights, self._item_logs, self._usual
        )
        self.items = self._of(
            *of_items, matrix.data[order], weights[order], user_logs, usual
        )

    def of_profiles(self, profiles):
        """Return the features of the users of a call, added rows included."""
        known = self.users[profiles.codes]
        if not profiles.changed.any():
            return known
        indptr, cols, ratings = compressed_parts(profiles.matrix)
        weights = profiles.history.weights
        found = self._of(indptr, cols, ratings, weights, self._item_logs, self._usual)[
            :-1
        ]
        return np.where(profiles.changed[:, None], found, known)

    def _of(self, indptr, indices, ratings, weights, log_counts, usual):
        """Return the features of some rows, and of an empty one."""
        indptr = np.append(indptr, indptr[-1])
        above = ratings - self._mean
        counts = _row_sums(indptr, weights)
        sums = _row_sums(indptr, weights * above)
        squares = _row_sums(indptr, weights * above**2)
        mean = sums / (counts + _PRIOR)
        # Of the row's ratings and those added, around their common mean.
        second = (squares + _PRIOR * self._variance) / (counts + _PRIOR)
        std = np.sqrt(np.maximum(second - mean**2, 0))
        near = _row_sums(indptr, weights * (log_counts[indices] - usual))
        popularity = usual + near / (counts + _PRIOR)
        return np.column_stack([np.log1p(counts), mean, std, popularity])


def _log_counts(indptr, weights):
    return np.log1p(_row_sums(indptr, weights))


def _row_sums(indptr, values):
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.bincount(rows, weights=values, minlength=len(indptr) - 1)
