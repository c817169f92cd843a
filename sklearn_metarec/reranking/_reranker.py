"""What the recommenders share that choose among another one's candidates."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec.ensemble._candidates import Sources, put_on_top
from sklearn_metarec.ensemble._members import BlockScorer, ComposedRecommender
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.utils._sklearn import HasMethods, Interval

CONSTRAINTS = {
    "estimator": [HasMethods(["fit", "recommend"]), None],
    "list_length": [Interval(Integral, 1, None, closed="left")],
    "n_candidates": [Interval(Integral, 1, None, closed="left")],
    "item_features": ["array-like", dict, None],
    "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
}


@dataclass(frozen=True)
class Choices:
    """What was chosen among the candidates of some users, and why.

    Attributes
    ----------
    entries : ndarray of shape (n_users, list_length), dtype=int32
        Places among the candidates, best first; -1 where there are no more.
    worth : ndarray of shape (n_users, list_length), dtype=float32
        What each was worth when it was chosen: never more than the one before.
    reasons : callable
        From a candidate's place to (text, column of another item or -1).
    """

    entries: np.ndarray
    worth: np.ndarray
    reasons: Callable


class BaseReranker(FeatureMixin, ComposedRecommender):
    """Base class of rankers that choose the head of a list among another's candidates.

    The parameters are `estimator`, `list_length`, `n_candidates`, and those of the
    features of items. A subclass supplies `_prepare()`, which learns what the choice
    needs, and `_chooser(profiles)`: a function from candidates, their users' first
    entries and relevances to `Choices`.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted one.
    """

    @property
    def estimator_(self):
        """The fitted estimator."""
        return self.estimators_[0]

    def _named_members(self):
        estimator = EASE() if self.estimator is None else self.estimator
        return [(type(estimator).__name__, estimator)]

    def _align(self, history):
        super()._align(history)
        self._prepare()

    @abstractmethod
    def _prepare(self):
        """Learn what the choice needs, from the history, features or the estimator."""

    @abstractmethod
    def _chooser(self, profiles):
        """Return a function that chooses for these users."""

    def _stage(self, profiles):
        known = self._known_items()[0]
        return Sources(
            self.estimators_, profiles, self._items,
            max(self.n_candidates, self.list_length), known,
        )  # fmt: skip

    def _make_scorer(self, profiles):
        return self._combine(profiles, None)

    def _combine(self, profiles, scorers):
        size = len(profiles), len(self.items_)
        return _RerankedScorer(self._stage(profiles), self._chooser(profiles), *size)

    def _trace(self, profiles, col):
        *steps, own = super()._trace(profiles, col)
        if own.rank is None or self._cannot_tell(profiles)[0]:
            return [*steps, own]
        found, choices = self._combine(profiles, None).choose(0, 1)
        entry = np.flatnonzero(found.cols == col)
        if not len(entry):
            what = f"dropped it: none of the {len(found.cols)} candidates"
            return [*steps, replace(own, what=what)]
        reason, other = choices.reasons(int(entry[0]))
        verb = "chose" if entry[0] in choices.entries[0] else "dropped"
        other = self.items_[other : other + 1].tolist()[0] if other >= 0 else None
        return [*steps, replace(own, what=f"{verb} it, {reason}", other=other)]

    def _contributions(self, profiles, col):
        parts = self._contributions_of(0, profiles, col)
        return *parts[:3], False  # they add up to the estimator's score


class _RerankedScorer(BlockScorer):
    """What was chosen, by its worth; all else below in the estimator's order.

    Parameters
    ----------
    stage : Sources
        Finds the candidates.
    chooser : callable
        Chooses among them.
    n_users, n_items : int
        Whose scores, and of how many items.
    """

    def __init__(self, stage, chooser, n_users, n_items):
        super().__init__(n_users, n_items)
        self.stage = stage
        self.chooser = chooser

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out = out[: hi - lo]
        self.stage.scorers[0].block(lo, hi, out)
        found, choices = self.choose(lo, hi)
        users, places = np.nonzero(choices.entries >= 0)
        if len(users):
            cols = found.cols[choices.entries[users, places]]
            put_on_top(out, users, cols, choices.worth[users, places])

    def choose(self, lo, hi):
        """Return the candidates of users lo to hi, and what was chosen of them."""
        found = self.stage.find(lo, hi)
        starts = np.searchsorted(found.users, np.arange(lo, hi + 1))
        return found, self.chooser(found, lo, starts, _relevance(found, starts))


def _relevance(found, starts):
    """Return the candidates' scores, moved and scaled to 0 and 1 for each user."""
    scores, sizes = found.scores[:, 0], np.diff(starts)
    there = starts[:-1][sizes > 0]
    if not len(there):
        return np.empty(0, dtype=np.float32)
    sizes = sizes[sizes > 0]
    low, high = (
        np.repeat(bound.reduceat(scores, there), sizes)
        for bound in (np.minimum, np.maximum)
    )
    span = high - low
    return ((scores - low) / np.where(span > 0, span, 1)).astype(np.float32)
