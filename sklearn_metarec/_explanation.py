"""What `explain` returns: the parts of a score, and the way of an item to a list."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.base import is_regressor

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
class Step:
    """What one stage did with an item on its way into a user's list.

    Attributes
    ----------
    stage : str
        The stage: a class, or the name that it has in what it is part of. `a/b` is the
        part b of the part a.
    what : str
        What it did.
    rank : int or None
        Where it put the item among those that the user has not had, from 1 on; None
        if nowhere.
    score : float or None
        The score that it gave.
    other : id or None
        The item that was in the way, where one was.
    """

    stage: str
    what: str
    rank: int | None = None
    score: float | None = None
    other: object = None

    def __str__(self):
        numbers = []
        if self.rank is not None:
            numbers.append(f"rank {self.rank}")
        if self.score is not None:
            numbers.append(f"score {self.score:.4g}")
        other = "" if self.other is None else f" {self.other!r}"
        ending = f" ({', '.join(numbers)})" if numbers else ""
        return f"{self.stage}: {self.what}{other}{ending}"


class Trace(tuple):
    """The steps of an item through the stages of a recommender, the last one last.

    A tuple of :class:`Step`; printed, a line a step.

    Parameters
    ----------
    steps : iterable of Step, default=()
        The steps.
    """

    __slots__ = ()

    def __new__(cls, steps: Iterable[Step] = ()):
        """Make a trace of steps."""
        return super().__new__(cls, steps)

    def __str__(self):
        return "\n".join(map(str, self))

    def as_frame(self):
        """Return the steps as a table.

        Returns
        -------
        frame : DataFrame
            One row a step: stage, what, rank, score, other.
        """
        import pandas as pd

        names = ["stage", "what", "rank", "score", "other"]
        columns = {name: [getattr(step, name) for step in self] for name in names}
        frame = pd.DataFrame(columns, columns=names)
        return frame.astype({"rank": "Int64", "score": "float64"})


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
    trace : Trace
        Which stage found, dropped or ranked the item.
    """

    score: float
    baseline: float
    items: np.ndarray
    contributions: np.ndarray
    exact: bool
    note: str = ""
    trace: Trace = field(default_factory=Trace)

    @classmethod
    def of(cls, score, items, trace, parts):
        """Make one of the contributions of columns, in any order.

        Parameters
        ----------
        score : float
            What `predict` says.
        items : ndarray of shape (n_items,)
            All item ids.
        trace : Trace
            The way of the item.
        parts : tuple
            (baseline, cols, contributions, exact): what no item made, the codes of the
            user's items, what each added, and whether they are terms of a sum.

        Returns
        -------
        explanation : Explanation
            The largest contribution first.
        """
        baseline, cols, contributions, exact = parts
        if not len(cols):
            note = _WITHOUT if exact else _UNTOLD
        else:
            note = _EXACT if exact else _APART
        order = np.argsort(-contributions, kind="stable")
        ids = items[cols[order]]
        return cls(
            score, float(baseline), ids, contributions[order], exact, note, trace
        )

    @classmethod
    def of_nothing(cls, score, items, trace, note):
        """Make one of a score that no item of the user has a part in.

        Parameters
        ----------
        score : float
            What `predict` says.
        items : ndarray of shape (n_items,)
            All item ids.
        trace : Trace
            The way of the item.
        note : str
            Why.

        Returns
        -------
        explanation : Explanation
            Without contributions.
        """
        return cls(score, score, items[:0], np.empty(0), True, note, trace)


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


def ranked(model, profiles, col, what="ranked it"):
    """Return the step of a model as a whole: where its scores put an item.

    Parameters
    ----------
    model : BaseRecommender
        Fitted.
    profiles : Profiles
        One user, as the model knows them.
    col : int
        The item's code, -1 if the model does not know it.
    what : str, default="ranked it"
        What is said of an item that the user has not had.

    Returns
    -------
    step : Step
        With the name of the class as its stage.
    """
    stage = type(model).__name__
    if col < 0:
        return Step(stage, "does not know the item")
    row = np.empty((1, len(model.items_)), dtype=np.float32)
    model._complete_scorer(profiles).block(0, 1, row)
    score = float(row[0, col])
    had = profiles.matrix.indices
    if col in had:
        return Step(stage, "left it out, as the user has had it", None, score)
    better = row[0] > row[0, col]
    better[:col] |= row[0, :col] == row[0, col]
    better[had] = False
    if not is_regressor(model) and model._cannot_tell(profiles)[0]:
        what = "cannot tell the user and ranked it by popularity"
    return Step(stage, what, 1 + int(better.sum()), score)


def steps_of(part, name, profiles, item):
    """Return what a part of a recommender did with an item, under its name there.

    Parameters
    ----------
    part : BaseRecommender
        Fitted; its vocabularies may be others.
    name : str
        What it is called.
    profiles : Profiles
        One user, as the whole knows them.
    item : ndarray of shape (1,)
        The item's id.

    Returns
    -------
    steps : list of Step
        The last one is the part's own.
    """
    own = profiles.as_known_to(part._history())
    *inner, last = part._trace(own, int(part._items.lookup(item)[0]))
    inner = [replace(step, stage=f"{name}/{step.stage}") for step in inner]
    return [*inner, replace(last, stage=name)]
