"""Scores of a model in the codes of another's items."""

import numpy as np


def scorer_of(model, profiles, items):
    """Return a fitted model's scorer of the users of a call, for the items of another.

    Parameters
    ----------
    model : BaseRecommender
        Fitted; its vocabularies may be others.
    profiles : Profiles
        The users.
    items : Vocabulary
        The items that scores are wanted for.

    Returns
    -------
    scorer : scorer
        In the codes of `items`.
    """
    scorer = model._complete_scorer(profiles.as_known_to(model._history()))
    cols = translation(items, model._items)
    return scorer if cols is None else RecodedScorer(scorer, cols, len(model._items))


def translation(vocabulary, other):
    """Return the code in `other` of each id, -1 if unknown; None if all are alike."""
    if vocabulary is other or (
        len(vocabulary) == len(other) and np.array_equal(vocabulary.ids, other.ids)
    ):
        return None
    return other.lookup(vocabulary.ids)


class RecodedScorer:
    """A scorer in the item codes of another vocabulary.

    An item that the model does not know has the score that it gives unknown ones.

    Parameters
    ----------
    scorer : scorer
        Of a model with `n_items` items.
    cols : ndarray of shape (n_codes,), dtype=int32
        The model's code of each item, -1 if it has none.
    n_items : int
        How many items the model has.
    """

    def __init__(self, scorer, cols, n_items):
        self.scorer = scorer
        self.cols = cols
        self.n_items = n_items

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        n_users = hi - lo
        known = np.empty((n_users, self.n_items), dtype=np.float32)
        self.scorer.block(lo, hi, known)
        users = np.arange(lo, hi)
        unknown = self.scorer.pairs(users, np.full(n_users, -1, dtype=np.int32))
        there = self.cols >= 0
        out[:n_users] = unknown[:, None]
        out[:n_users, there] = known[:, self.cols[there]]

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        codes = np.where(cols >= 0, self.cols[cols], np.int32(-1))
        return self.scorer.pairs(users, codes)
