"""What made a score: the terms of a sum, or what the score loses without an item."""

from dataclasses import dataclass

import numpy as np

UNKNOWN_ITEM = "The item is unknown to the model."
COLD_USER = "The model knows nothing that the user likes: the score is popularity."
_EXACT = "The baseline and what the user's items add make the score."
_APART = (
    "Each number is what the score would lose without this item alone; together they "
    "need not make the score."
)
_WITHOUT = "No item of the user's has a part in the score."
_UNTOLD = "The model does not tell what the items add."


@dataclass(frozen=True)
class Explanation:
    """What made the score of an item for a user.

    Attributes
    ----------
    score : float
        What `predict` says.
    baseline : float
        The part that no item of the user made: a mean, a bias, popularity.
    items : ndarray of shape (n,)
        The user's items, the largest contribution first.
    contributions : ndarray of shape (n,)
        What each of them added.
    exact : bool
        Whether the score is a sum over the items: `baseline` and `contributions` then
        add up to it. Where it is not, a contribution is what the score would lose if
        the user had all items but this one, and the baseline is the score of a user
        who has none.
    note : str
        What this says of the score, in a sentence for people.
    """

    score: float
    baseline: float
    items: np.ndarray
    contributions: np.ndarray
    exact: bool
    note: str = ""

    @classmethod
    def of(cls, score, items, baseline, cols, contributions, exact):
        """Make one of the contributions of columns, in any order.

        Parameters
        ----------
        score : float
            What `predict` says.
        items : ndarray of shape (n_items,)
            All item ids.
        baseline : float
            What no item made.
        cols : ndarray of shape (n,)
            The codes of the user's items.
        contributions : ndarray of shape (n,)
            What each added.
        exact : bool
            Whether they are terms of a sum.

        Returns
        -------
        explanation : Explanation
            The largest contribution first.
        """
        if not len(cols):
            note = _WITHOUT if exact else _UNTOLD
        else:
            note = _EXACT if exact else _APART
        order = np.argsort(-contributions, kind="stable")
        ids = items[cols[order]]
        return cls(score, float(baseline), ids, contributions[order], exact, note)

    @classmethod
    def of_nothing(cls, score, items, note):
        """Make one of a score that no item of the user has a part in.

        Parameters
        ----------
        score : float
            What `predict` says.
        items : ndarray of shape (n_items,)
            All item ids.
        note : str
            Why.

        Returns
        -------
        explanation : Explanation
            Without contributions.
        """
        return cls(score, score, items[:0], np.empty(0), True, note)


def leave_each_out(make_scorer, profiles, col):
    """Return what the score of an item loses without each item of the user.

    Parameters
    ----------
    make_scorer : callable
        Makes a scorer of profiles.
    profiles : Profiles
        One user.
    col : int
        The code of the item that is scored.

    Returns
    -------
    baseline : float
        The score of the user without any item.
    cols : ndarray of shape (n,), dtype=int32
        The codes of the user's items; none if the score does not depend on them.
    losses : ndarray of shape (n,)
        With all items less without this one.
    exact : bool
        False, unless there is nothing to explain.
    """
    without = profiles.each_left_out()
    scores = scores_of(make_scorer(without), len(without), col).astype(np.float64)
    if not np.ptp(scores):
        return scores[0], np.empty(0, dtype=np.int32), np.empty(0), True
    return scores[-1], profiles.matrix.indices, scores[0] - scores[1:-1], False


def scores_of(scorer, n_users, col):
    """Return the score of one item for each user of a call."""
    users = np.arange(n_users, dtype=np.int32)
    return scorer.pairs(users, np.full(n_users, col, dtype=np.int32))
