"""What the recommenders share that are made of others."""

from abc import ABC, abstractmethod

import numpy as np
from sklearn.base import RegressorMixin, clone

from sklearn_metarec._explanation import ranked, scores_of, steps_of
from sklearn_metarec._history import RowHistory
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.ensemble._recoded import scorer_of
from sklearn_metarec.utils._sklearn import BaseComposition, available_if

# Users whose scores for all items are held at a time for single scores.
_USERS_AT_A_TIME = 64


def _members_have(method):
    def check(self):
        return all(hasattr(member, method) for _, member in self._named_members())

    return available_if(check)


class ComposedRecommender(BaseRecommender):
    """Base class of rankers that are made of others, fitted on the same encoded rows.

    Each member is a ranker of this package, or derived from its base. A subclass
    supplies `_named_members()`, the (name, ranker) pairs, and
    `_combine(profiles, scorers)`, the scorer that is made of the members' ones.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members.
    """

    @abstractmethod
    def _named_members(self):
        """Return (name, ranker) pairs."""

    @abstractmethod
    def _combine(self, profiles, scorers):
        """Return the scorer of the whole."""

    # What a member cannot promise, the whole cannot.
    @property
    def _reads_context(self):  # type: ignore[override]
        return any(member._reads_context for _, member in self._named_members())

    @property
    def _reads_time(self):
        return self._any("_reads_time", False)

    @property
    def _partial_fit_exact(self):
        return not self._any("_partial_fit_exact", True, inverse=True)

    @property
    def _history_exact(self):
        return not self._any("_history_exact", True, inverse=True)

    def _any(self, flag, default, *, inverse=False):
        flags = (getattr(member, flag, default) for _, member in self._named_members())
        return any(value != inverse for value in flags)

    def _make_history(self, rows, *, reset):
        return RowHistory.of(super()._make_history(rows, reset=reset), rows)

    def _fit(self, history):
        _check_rankers(self._named_members())
        source = history.rows
        self.estimators_ = [
            clone(member).fit(source.table, source.y, source.sample_weight)
            for _, member in self._named_members()
        ]
        self._align(history)

    @_members_have("partial_fit")
    def _update(self, history, old, new):
        source = new.rows
        self.estimators_ = [
            member.partial_fit(source.table, source.y, source.sample_weight)
            for member in self.estimators_
        ]
        self._align(history)

    def _align(self, history):
        """Know the ids that a member has from a side table."""
        users, items = (
            _with_ids_of(own, [getattr(member, side) for member in self.estimators_])
            for own, side in ((history.users, "_users"), (history.items, "_items"))
        )
        if users is not history.users or items is not history.items:
            self._set_history(history.recode(users, items))

    def _member_profiles(self, profiles):
        """Return the users of a call as each member knows them."""
        return [profiles.as_known_to(member._history()) for member in self.estimators_]

    def _make_scorer(self, profiles):
        return self._combine(profiles, self._member_scorers(profiles))

    def _member_scorers(self, profiles):
        return [scorer_of(member, profiles, self._items) for member in self.estimators_]

    def _known_items(self):
        """Return which items each member knows."""
        return np.array(
            [member._items.lookup(self.items_) >= 0 for member in self.estimators_]
        )

    def _priors(self):
        """Return the hint of popularity in each member's scores, where it has one."""
        priors = np.zeros((len(self.estimators_), len(self.items_)), dtype=np.float32)
        for row, member in zip(priors, self.estimators_, strict=True):
            prior = getattr(member, "_prior", None)
            if prior is not None:
                row[self._items.lookup(member.items_)] = prior
        return priors

    def _trace(self, profiles, col):
        if col < 0:
            return super()._trace(profiles, col)
        steps = [
            step
            for (name, _), member in zip(
                self._named_members(), self.estimators_, strict=True
            )
            for step in self._member_steps(name, member, profiles, col)
        ]
        return [*steps, ranked(self, profiles, col, self._verdict(profiles, col))]

    def _member_steps(self, name, member, profiles, col):
        return steps_of(member, name, profiles, self.items_[col : col + 1])

    def _verdict(self, profiles, col):
        """Return what the whole did with an item that the user has not had."""
        return "ranked it"

    def _member_contributions(self, place, profiles, col):
        """Return what made the score of one member, in the codes of the whole."""
        member, own = self.estimators_[place], self._member_profiles(profiles)[place]
        own_col = int(member._items.lookup(self.items_[col : col + 1])[0])
        cold = member._cannot_tell(own)[0]
        if own_col < 0 or cold:
            return None
        baseline, cols, values, exact = member._contributions(own, own_col)
        return baseline, self._items.lookup(member._items.ids[cols]), values, exact

    def _contributions_of(self, place, profiles, col):
        """Return what made a score by one member; nothing, where that cannot tell."""
        parts = self._member_contributions(place, profiles, col)
        if parts is not None:
            return parts
        score = float(scores_of(self._make_scorer(profiles), 1, col)[0])
        return score, np.empty(0, dtype=np.int32), np.empty(0), False

    def _cannot_tell(self, profiles):
        return np.logical_and.reduce(
            [
                member._cannot_tell(own)
                for member, own in zip(
                    self.estimators_, self._member_profiles(profiles), strict=True
                )
            ]
        )


class EnsembleRecommender(BaseComposition, ComposedRecommender):
    """Base class of rankers with a parameter `estimators`: (name, ranker) pairs.

    A subclass supplies `_default_members()`, the pairs that None stands for, and
    `_combine(profiles, scorers)`.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members.
    """

    def _named_members(self):
        """Return `estimators`, or what it stands for by default."""
        if self.estimators is None:
            return self._default_members()
        return self.estimators

    def get_params(self, deep=True):
        """Return the parameters, with `deep` those of the members too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to go into the members.

        Returns
        -------
        params : dict
            By name; a member's as `name__parameter`.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters, of members or whole members too.

        Parameters
        ----------
        **params : dict
            By name; a member's as `name__parameter`.

        Returns
        -------
        self : object
            The recommender.
        """
        self._set_params("estimators", **params)
        return self

    @property
    def named_estimators_(self):
        """The fitted members by name."""
        names = [name for name, _ in self._named_members()]
        return dict(zip(names, self.estimators_, strict=True))

    def _check_members(self):
        members = self._named_members()
        if not members:
            raise ValueError("estimators is empty: pass at least one (name, ranker).")
        self._validate_names([name for name, _ in members])
        _check_rankers(members)


def _check_rankers(members):
    for name, member in members:
        ranker = isinstance(member, BaseRecommender)
        if not ranker or isinstance(member, RegressorMixin):
            raise TypeError(
                f"The member {name!r} must be a ranker of this package (or one "
                f"derived from its base), got {member!r}."
            )


def _with_ids_of(own, others):
    for other in others:
        own = own.union(other)
    return own


def named_items(scorer, known, prior, scores, lo, hi):
    """Return which items a member has something to say of.

    That is not so where it says of an item what it says of one that it does not know:
    no neighbour of what the user has, nobody's choice so far.

    Parameters
    ----------
    scorer : scorer
        The member's.
    known : ndarray of shape (n_items,), dtype=bool
        Which items it knows.
    prior : ndarray of shape (n_items,)
        How far its scores may be from that: the hint of popularity by which some
        models order what they have nothing to say of.
    scores : ndarray of shape (hi - lo, n_items)
        What `scorer.block(lo, hi)` wrote.
    lo, hi : int
        The users.

    Returns
    -------
    named : ndarray of shape (hi - lo, n_items), dtype=bool
        By user and item.
    """
    unknown = np.full(hi - lo, -1, dtype=np.int32)
    level = scorer.pairs(np.arange(lo, hi), unknown).astype(np.float32)
    return known & (np.abs(scores - level[:, None]) > 1.001 * prior)


class BlockScorer(ABC):
    """A scorer whose scores of an item depend on those of the user's other items.

    A subclass supplies `block`; an unknown item scores as low as the lowest.

    Parameters
    ----------
    n_users, n_items : int
        Whose scores, and of how many items.
    """

    def __init__(self, n_users, n_items):
        self.n_users = n_users
        self.n_items = n_items

    @abstractmethod
    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        scores = np.empty(len(cols), dtype=np.float32)
        if not self.n_items:
            scores[:] = 0
            return scores
        order = np.argsort(users, kind="stable")
        size = min(_USERS_AT_A_TIME, self.n_users)
        buffer = np.empty((size, self.n_items), dtype=np.float32)
        starts = np.arange(0, self.n_users + size, size)
        bounds = np.searchsorted(users[order], starts)
        for lo, first, last in zip(starts, bounds[:-1], bounds[1:], strict=False):
            if first == last:
                continue
            hi = min(lo + size, self.n_users)
            self.block(lo, hi, buffer)
            chosen = order[first:last]
            rows, wanted = users[chosen] - lo, cols[chosen]
            lowest = buffer[: hi - lo].min(axis=1)
            scores[chosen] = np.where(
                wanted >= 0, buffer[rows, wanted], lowest[rows]
            )  # fmt: skip
        return scores
