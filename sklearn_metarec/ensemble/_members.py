"""What the recommenders share that are made of others."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from sklearn.base import RegressorMixin, clone

from sklearn_metarec._history import History, Rows
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.ensemble._recoded import scorer_of
from sklearn_metarec.utils._sklearn import BaseComposition, available_if

# Users whose scores for all items are held at a time for single scores.
_USERS_AT_A_TIME = 64


def _members_have(method):
    def check(self):
        return all(hasattr(member, method) for _, member in self._named_members())

    return available_if(check)


class EnsembleRecommender(BaseComposition, BaseRecommender):
    """Base class of rankers with a parameter `estimators`: (name, ranker) pairs.

    Each member is a ranker of this package, or derived from its base, and is fitted
    on the same encoded rows. A subclass supplies `_default_members()`, the pairs that
    None stands for, and `_combine(profiles, scorers)`, the scorer that is made of the
    members' ones.

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
        history = super()._make_history(rows, reset=reset)
        return _HistoryOfRows(
            history.users, history.items, history.matrix, history.weights, rows
        )

    def _fit(self, history):
        self._check_members()
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

    def _check_members(self):
        members = self._named_members()
        if not members:
            raise ValueError("estimators is empty: pass at least one (name, ranker).")
        self._validate_names([name for name, _ in members])
        for name, member in members:
            ranker = isinstance(member, BaseRecommender)
            if not ranker or isinstance(member, RegressorMixin):
                raise TypeError(
                    f"The member {name!r} must be a ranker of this package (or one "
                    f"derived from its base), got {member!r}."
                )

    def _align(self, history):
        """Know the ids that a member has from a side table."""
        users, items = (
            _union(own, [getattr(member, side) for member in self.estimators_])
            for own, side in ((history.users, "_users"), (history.items, "_items"))
        )
        if users is not history.users or items is not history.items:
            self._set_history(history.recode(users, items))

    def _member_profiles(self, profiles):
        """Return the users of a call as each member knows them."""
        return [profiles.as_known_to(member._history()) for member in self.estimators_]

    def _make_scorer(self, profiles):
        scorers = [
            scorer_of(member, profiles, self._items) for member in self.estimators_
        ]
        return self._combine(profiles, scorers)

    def _cannot_tell(self, profiles):
        return np.logical_and.reduce(
            [
                member._cannot_tell(own)
                for member, own in zip(
                    self.estimators_, self._member_profiles(profiles), strict=True
                )
            ]
        )


@dataclass(frozen=True)
class _HistoryOfRows(History):
    """A history with the rows it was made of, from which the members learn.

    Attributes
    ----------
    rows : Rows
        As they came.
    """

    rows: Rows | None = None

    def stored(self):
        """Return the pairs without the rows."""
        return History(self.users, self.items, self.matrix, self.weights)


def _union(own, others):
    more = [other.ids for other in others if (own.lookup(other.ids) < 0).any()]
    return encode_ids(np.concatenate([own.ids, *more]))[0] if more else own


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
