"""Fallback: the first recommender that can tell, then the next."""

from numbers import Integral

import numpy as np

from sklearn_metarec._explanation import Step, ranked
from sklearn_metarec._history import Profiles
from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.ensemble._members import (
    BlockScorer,
    EnsembleRecommender,
    named_items,
)
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.utils._sklearn import Interval


class Fallback(EnsembleRecommender):
    """One ranker after the other: the next where a user is new or a list is short.

    The first member serves the users with at least `min_history` pairs of whom it can
    tell something, the next those who are left, and so on; the last serves everyone
    else. A member's list ends where it says no more of an item than of one that it
    does not know (for `ItemKNN` an item that is no neighbour of what the user has): the
    rest follows below, in the next member's order, so that no list is short while any
    member has candidates.

    `partial_fit` is that of the members, and exists where all have one; `history=` is
    folded into each member, and counts.

    Parameters
    ----------
    estimators : list of (str, ranker), default=None
        The members, the one with the highest demands first. By default `EASE`, then
        `PopularityRecommender`.
    min_history : int or list of int, default=1
        How many pairs a user must have for a member, the last excepted: one number
        for all, or one each. By default a member serves everyone of whom something
        is known.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    Raises
    ------
    ValueError
        In `fit`, if there is no member, a name occurs twice, or `min_history` has not
        one number a member but the last.
    TypeError
        In `fit`, if a member is not a ranker of this package.

    See Also
    --------
    Blend : Several recommenders at once.
    Slots : Each recommender has places of its own in a list.

    References
    ----------
    R. Burke (2002). Hybrid recommender systems: Survey and experiments. User Modeling
    and User-Adapted Interaction 12. Section 3.2, "switching".

    Examples
    --------
    >>> from sklearn_metarec import EASE, Fallback, PopularityRecommender
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> model = Fallback(
    ...     [("ease", EASE(1.0)), ("popular", PopularityRecommender())], min_history=2
    ... ).fit(X)
    >>> model.recommend(["joe"], k=1)[0].tolist()
    [['tea']]
    """

    _parameter_constraints = {
        "estimators": [list, None],
        "min_history": [Interval(Integral, 0, None, closed="left"), "array-like"],
    }

    def __init__(self, estimators=None, *, min_history=1):
        self.estimators = estimators
        self.min_history = min_history

    def _fit(self, history):
        self._check_members()
        self._thresholds()
        super()._fit(history)

    def _default_members(self):
        return [("ease", EASE()), ("popularity", PopularityRecommender())]

    def _thresholds(self):
        """Return how many pairs each member asks for."""
        n_first = len(self._named_members()) - 1
        demands = self.min_history
        if isinstance(demands, Integral):
            return [int(demands)] * n_first + [0]
        if len(demands) != n_first or any(
            not isinstance(n, Integral) or n < 0 for n in demands
        ):
            raise ValueError(
                f"min_history must be a number or {n_first} numbers, one for each "
                f"member but the last, got {demands!r}."
            )
        return [*map(int, demands), 0]

    def _combine(self, profiles, scorers):
        return _Chain(
            scorers, self._known_items(), self._priors(), self._serving(profiles)
        )

    def _serving(self, profiles: Profiles):
        """Return which member serves each user."""
        n_pairs = np.diff(profiles.matrix.indptr)
        enough = np.array([n_pairs >= demand for demand in self._thresholds()])
        enough[:-1] &= ~self._strange(profiles)[:-1]
        return np.argmax(enough, axis=0)

    def _strange(self, profiles):
        """Return which members cannot tell which users."""
        own = self._member_profiles(profiles)
        return np.array(
            [
                member._cannot_tell(theirs)
                for member, theirs in zip(self.estimators_, own, strict=True)
            ]
        )

    def _cannot_tell(self, profiles):
        serving = self._serving(profiles)
        return self._strange(profiles)[serving, np.arange(len(profiles))]

    def _server(self, profiles, col):
        """Return which member an item of one user is from."""
        chain = self._combine(profiles, self._member_scorers(profiles))
        return int(chain.scores_of(0)[1][col])

    def _trace(self, profiles, col):
        if col < 0:
            return super()._trace(profiles, col)
        first, last = int(self._serving(profiles)[0]), self._server(profiles, col)
        demands, n_pairs = self._thresholds(), profiles.matrix.nnz
        steps = []
        for place, (name, _) in enumerate(self._named_members()):
            member = self.estimators_[place]
            if place < first:
                few = n_pairs < demands[place]
                why = f"has {n_pairs} pairs of {demands[place]}" if few else "is new"
                steps.append(Step(name, f"passed the user on, who {why} to it"))
            elif place < last:
                steps.append(Step(name, "passed the item on: nothing to say of it"))
            elif place == last:
                steps += self._member_steps(name, member, profiles, col)
        return [*steps, ranked(self, profiles, col, self._verdict(profiles, col))]

    def _verdict(self, profiles, col):
        name = self._named_members()[self._server(profiles, col)][0]
        return f"took it from {name!r}"

    def _contributions(self, profiles, col):
        place = self._server(profiles, col)
        first = place == self._serving(profiles)[0]
        baseline, cols, values, exact = self._contributions_of(place, profiles, col)
        # Below another's items the scores are moved down.
        return baseline, cols, values, exact and first


class _Chain(BlockScorer):
    """Each user's scores by the member that serves them, completed by the next ones."""

    def __init__(self, scorers, known, priors, serving):
        super().__init__(len(serving), known.shape[1])
        self.scorers = scorers
        self.known = known
        self.priors = priors
        self.serving = serving

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        for user in range(lo, hi):
            out[user - lo] = self.scores_of(user)[0]

    def scores_of(self, user):
        """Return a user's scores, and which member each is from."""
        scores = np.zeros(self.n_items, dtype=np.float32)
        servers = np.full(self.n_items, -1, dtype=np.int8)
        row = np.empty((1, self.n_items), dtype=np.float32)
        first, last = int(self.serving[user]), len(self.scorers) - 1
        # The last one orders all it knows; what it does not know, those before.
        for place in [*range(first, last + 1), *range(last)]:
            if (servers >= 0).all():
                break
            scorer, known = self.scorers[place], self.known[place]
            scorer.block(user, user + 1, row)
            if place < last and not (servers == last).any():
                prior = self.priors[place]
                known = named_items(scorer, known, prior, row, user, user + 1)[0]
            _complete(scores, servers, row[0], known, place)
        return scores, servers


def _complete(scores, servers, more, named, place):
    """Put scores where there are none yet, below those that are there."""
    missing = servers < 0
    new = missing & named
    if not new.any():
        return
    shift = 0.0
    if not missing.all():
        shift = scores[~missing].min() - more[new].max() - 1
    scores[new] = more[new] + np.float32(shift)
    servers[new] = place
