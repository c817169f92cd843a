"""Scores of requests: of a user, at a time, in a context."""

from threading import Lock

import numpy as np

_PAIRS_AT_ONCE = 2048


class RequestScorer:
    """A scorer whose users' vectors are made of parts, only when they are needed.

    Parameters
    ----------
    n : int
        The number of requests.
    compose : callable
        Returns `(offsets, factors)` of the requests of an index array.
    complete : callable
        Returns the scorer of such offsets and factors.
    """

    def __init__(self, n, compose, complete):
        self._n = n
        self._compose = compose
        self._complete = complete
        self._all = None
        self._lock = Lock()

    def block(self, lo, hi, out):
        """Write all items' scores of requests lo to hi into `out`."""
        with self._lock:
            if self._all is None:
                self._all = self._complete(*self._compose(np.arange(self._n)))
        self._all.block(lo, hi, out)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        # A request for each row would be a long vector for each row: some at a time.
        order = np.argsort(users, kind="stable")
        out = np.empty(len(cols))
        for start in range(0, len(order), _PAIRS_AT_ONCE):
            some = order[start : start + _PAIRS_AT_ONCE]
            requests, place = np.unique(users[some], return_inverse=True)
            scorer = self._complete(*self._compose(requests))
            out[some] = scorer.pairs(place.astype(np.int32), cols[some])
        return out


def join(offsets, factors, other_offsets, other_factors):
    """Add a block to requests, draw by draw: its own scores, and those with theirs.

    Parameters
    ----------
    offsets : ndarray of shape (n, n_draws), dtype=float32
        What is added to all scores of a request; changed in place.
    factors : ndarray of shape (n, n_draws * n_factors), dtype=float32
        The requests' vectors, draw after draw; changed in place.
    other_offsets, other_factors : ndarray
        The same of the block's rows that the requests point at.
    """
    shape = (*offsets.shape, -1)
    offsets += other_offsets
    offsets += np.einsum(
        "ndk,ndk->nd", factors.reshape(shape), other_factors.reshape(shape)
    )
    factors += other_factors
