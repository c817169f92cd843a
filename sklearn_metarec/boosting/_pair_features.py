"""What the second stage is told of a user and an item, learned from one training part.

All of it is relative: ranks, standardized scores, counts divided by their mean. So what
was learned where a share of the pairs is held out still holds where none is.
"""

from collections.abc import Callable

import numpy as np

from sklearn_metarec._weighting import drop_zeros
from sklearn_metarec.interactions import compressed_parts, make_csr

# Half the width of the window in which an item's latest popularity is counted, as
# a share of the whole time.
_WINDOW = 0.03


class PairFeatures:
    """Features of pairs, by the pairs that some sources were fitted on.

    Parameters
    ----------
    matrix : csr_array of shape (n_users, n_items)
        The strengths of those pairs.
    times : ndarray of shape (n_pairs,) or None
        The last time of each stored pair.
    item_vectors, user_vectors : ndarray of shape (n_ids, n_components) or None
        What is known of items and users beside the pairs.
    """

    def __init__(self, matrix, times=None, item_vectors=None, user_vectors=None):
        liked = matrix.data > 0
        counts = np.bincount(matrix.indices[liked], minlength=matrix.shape[1])
        self._popularity = np.log((counts + 1.0) / (counts.mean() + 1.0))
        self._mean_length = counts.sum() / max(matrix.shape[0], 1)
        self._clock = None if times is None else _Clock(matrix, times, liked)
        self._item_vectors = item_vectors
        self._user_vectors = user_vectors

    def names(self, sources):
        """Return the name of each feature.

        Parameters
        ----------
        sources : list of str
            The names of the sources.

        Returns
        -------
        names : list of str
            In the order of the columns.
        """
        names = [f"{what}_{name}" for what in ("score", "rank") for name in sources]
        names += ["popularity", "history_length", "taste_for_popularity"]
        names += ["more_popular_than_taste"]
        if self._clock is not None:
            names += ["item_idle", "item_age", "user_later_than_item", "item_trend"]
        if self._item_vectors is not None:
            names += [f"item_{k}" for k in range(self._item_vectors.shape[1])]
            names += ["affinity"]
        if self._user_vectors is not None:
            names += [f"user_{k}" for k in range(self._user_vectors.shape[1])]
        return names

    def of_users(self, profiles):
        """Return a function from candidates of these users to their features."""
        strengths = drop_zeros(profiles.matrix)
        indptr, indices, _ = compressed_parts(strengths)
        lengths = np.diff(indptr)
        ones = np.ones(len(indices)) / np.repeat(np.maximum(lengths, 1), lengths)
        means = make_csr(indptr, indices, ones, strengths.shape)
        length = np.log((lengths + 1.0) / (self._mean_length + 1.0))
        taste = means @ self._popularity
        parts: list[Callable] = [
            _Standing(),
            _Popularity(self._popularity, length, taste),
        ]
        if self._clock is not None:
            parts.append(self._clock.of_users(profiles))
        if self._item_vectors is not None:
            parts.append(_Affinity(self._item_vectors, means @ self._item_vectors))
        if self._user_vectors is not None:
            parts.append(_OfUsers(profiles.known_rows(self._user_vectors)))

        def features(candidates):
            columns = [part(candidates) for part in parts]
            return np.concatenate(columns, axis=1, dtype=np.float64)

        return features


class _Standing:
    """Each source's standardized scores and ranks, among the user's candidates."""

    def __call__(self, candidates):
        starts, scores = candidates.starts(), candidates.scores.astype(np.float64)
        sizes = np.diff(starts, append=len(scores))
        ranks = np.empty_like(scores)
        for source, column in enumerate(scores.T):
            # Stable: of equal scores the lower code comes first, as in lists.
            order = np.lexsort((-column, candidates.users))
            ranks[order, source] = np.arange(len(order)) - np.repeat(starts, sizes)
        centred = scores - self._spread(np.add.reduceat(scores, starts), sizes)
        squares = self._spread(np.add.reduceat(centred**2, starts), sizes)
        spread = np.sqrt(squares)
        # What is rounding noise beside the scores is no difference between items.
        level = np.abs(scores - centred)
        flat = spread <= 1e-6 * level
        return np.hstack(
            [np.where(flat, 0, centred / np.where(flat, 1, spread)), ranks]
        )

    @staticmethod
    def _spread(sums, sizes):
        return np.repeat(sums / sizes[:, None], sizes, axis=0)


class _Popularity:
    """How popular an item is, how long a history, and how popular what it holds."""

    def __init__(self, popularity, length, taste):
        self.popularity, self.length, self.taste = popularity, length, taste

    def __call__(self, candidates):
        popularity = self.popularity[candidates.cols]
        taste = self.taste[candidates.users]
        length = self.length[candidates.users]
        return np.column_stack([popularity, length, taste, popularity - taste])


class _Affinity:
    """The item's vector, and its cosine with the mean vector of the user's items."""

    def __init__(self, items, tastes):
        self.items, self.tastes = items, tastes

    def __call__(self, candidates):
        items = self.items[candidates.cols]
        tastes = self.tastes[candidates.users]
        norms = np.linalg.norm(items, axis=1) * np.linalg.norm(tastes, axis=1)
        products = np.einsum("nk,nk->n", items, tastes)
        cosines = products / np.where(norms > 0, norms, 1)
        return np.column_stack([items, cosines])


class _OfUsers:
    """The user's vector."""

    def __init__(self, users):
        self.users = users

    def __call__(self, candidates):
        return self.users[candidates.users]


class _Clock:
    """When items and users were active; all times as shares of the whole time.

    Parameters
    ----------
    matrix : csr_array of shape (n_users, n_items)
        The pairs.
    times : ndarray of shape (n_pairs,)
        Their times.
    liked : ndarray of shape (n_pairs,), dtype=bool
        Which of them count.
    """

    def __init__(self, matrix, times, liked):
        n_users, n_items = matrix.shape
        rows = np.repeat(np.arange(n_users), np.diff(matrix.indptr))[liked]
        cols, times = matrix.indices[liked], times[liked].astype(np.float64)
        start = times.min(initial=np.inf)
        span = max(times.max(initial=start) - start, np.finfo(np.float64).tiny)
        times = (times - start) / span if len(times) else times
        self.user_last = np.full(n_users, -1.0)
        np.maximum.at(self.user_last, rows, times)
        self.item_last, self.item_first = np.zeros(n_items), np.ones(n_items)
        np.maximum.at(self.item_last, cols, times)
        np.minimum.at(self.item_first, cols, times)
        self.count = np.bincount(cols, minlength=n_items)
        self.item_mean = np.bincount(cols, times, n_items) / np.maximum(self.count, 1)
        # An item's times lie between 3 times its code and 1 more, so that a window
        # around them meets no other item's.
        self.keys = np.sort(3.0 * cols + times)

    def of_users(self, profiles):
        """Return a function from candidates of these users to their features."""
        last = np.append(self.user_last, -1.0)[profiles.codes]
        # Rows of the call are of now, as are users of whom there is nothing else.
        last[(last < 0) | profiles.changed] = 1.0

        def features(candidates):
            cols, now = candidates.cols, last[candidates.users]
            count = self.count[cols]
            around = self._until(cols, now + _WINDOW) - self._until(cols, now - _WINDOW)
            trend = np.log((around + 1.0) / (2 * _WINDOW * count + 1.0))
            return np.column_stack(
                [
                    now - self.item_last[cols], now - self.item_first[cols],
                    now - self.item_mean[cols], trend,
                ]
            )  # fmt: skip

        return features

    def _until(self, cols, time):
        return np.searchsorted(self.keys, 3.0 * cols + time)
