"""The first stage: which items are candidates of a user, and what the sources say."""

from dataclasses import dataclass

import numpy as np

from sklearn_metarec._kernels import topk
from sklearn_metarec._weighting import drop_zeros
from sklearn_metarec.ensemble._recoded import scorer_of
from sklearn_metarec.interactions import compressed_parts


@dataclass(frozen=True)
class Candidates:
    """Pairs of a user of a call and an item that a source found for them.

    Attributes
    ----------
    users, cols : ndarray of shape (n,)
        The user's position in the call and the item's code, ascending.
    scores : ndarray of shape (n, n_sources), dtype=float32
        What each source says of the pair.
    """

    users: np.ndarray
    cols: np.ndarray
    scores: np.ndarray

    def starts(self):
        """Return where each user's pairs begin; only of users who have some."""
        return np.flatnonzero(np.diff(self.users, prepend=-1))


class Sources:
    """The scorers of fitted sources for the users of one call.

    Parameters
    ----------
    models : list of recommenders
        Fitted; their vocabularies may be others.
    profiles : Profiles
        The users.
    items : Vocabulary
        The items whose codes are used here.
    n_candidates : int
        How many items each source may name.
    allowed : ndarray of shape (n_items,), dtype=bool, default=None
        Which items may be named; all by default.
    """

    def __init__(self, models, profiles, items, n_candidates, allowed=None):
        self.scorers = [scorer_of(model, profiles, items) for model in models]
        # What a user has is no candidate; a pair of strength 0 is none of those.
        indptr, self._liked, _ = compressed_parts(drop_zeros(profiles.matrix))
        self._indptr = indptr
        self._n_items = len(items)
        self._k = min(n_candidates, len(items))
        self._allowed = np.empty(0, dtype=bool) if allowed is None else allowed

    def find(self, lo, hi):
        """Return the candidates of users lo to hi: what any source has on top."""
        n_users, n_items, k = hi - lo, self._n_items, self._k
        there = np.zeros((n_users, n_items), dtype=bool)
        buffer = np.empty((n_users, n_items), dtype=np.float32)
        cols = np.empty((n_users, k), dtype=np.int32)
        top = np.empty((n_users, k), dtype=np.float32)
        denied = self._indptr[lo : hi + 1], self._liked
        nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        for scorer in self.scorers:
            scorer.block(lo, hi, buffer)
            topk.rank_block(
                buffer, buffer.view(np.int32), 0, *denied, self._allowed,
                *nothing, np.empty(0, dtype=np.float32), *topk.scratch(n_items, k), k,
                top, cols,
            )  # fmt: skip
            rows, places = np.nonzero(cols >= 0)
            there[rows, cols[rows, places]] = True
        users, items = np.nonzero(there)
        users, items = users + lo, items.astype(np.int32)
        # Single scores do not depend on which users share a block, to the bit; and a
        # ranker of trees may turn the last bit of a score into another list.
        scores = [scorer.pairs(users, items) for scorer in self.scorers]
        return Candidates(users, items, np.column_stack(scores))


def put_on_top(out, users, cols, scores):
    """Write scores of some items; all others follow below them in their order.

    Parameters
    ----------
    out : ndarray of shape (n_users, n_items), dtype=float32
        Scores of all items; changed in place. Users of whom no item is given keep
        theirs.
    users, cols : ndarray of shape (n,)
        Rows, ascending, and columns of `out`.
    scores : ndarray of shape (n,), dtype=float32
        What is written there.
    """
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    lowest = np.minimum.reduceat(scores, starts)
    rows = users[starts]
    # Squeezed between 2 and 1 below the lowest.
    others = out[rows]
    others -= others.max(axis=1, keepdims=True)
    span = -others.min(axis=1, keepdims=True)
    others /= np.where(span > 0, span, 1)
    out[rows] = others + (lowest - 1)[:, None]
    out[users, cols] = scores
