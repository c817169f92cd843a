"""Fallback: the first recommender that can tell, then the next."""

from numbers import Integral

import numpy as np

from sklearn_metarec._history import Profiles
from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.ensemble._members import BlockScorer, EnsembleRecommender
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.utils._sklearn import Interval


class Fallback(EnsembleRecommender):
    """One ranker after the other: the next where a user is new or a list is short.

    The first member serves the users with at least `min_history` pairs, the next those
    with fewer, and so on; the last serves whoever is left. Items that a member does
    not know (others may have them from a side table) follow below all those it
    knows, in the next member's order, so that a list is not short while any member has
    candidates.

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
        known = [
            np.isin(np.arange(len(self.items_)), self._items.lookup(member.items_))
            for member in self.estimators_
        ]
        return _Chain(scorers, known, self._serving(profiles))

    def _serving(self, profiles: Profiles):
        """Return which member serves each user."""
        n_pairs = np.diff(profiles.matrix.indptr)
        enough = np.array([n_pairs >= demand for demand in self._thresholds()])
        return np.argmax(enough, axis=0)

    def _cannot_tell(self, profiles):
        cold = [
            member._cannot_tell(own)
            for member, own in zip(
                self.estimators_, self._member_profiles(profiles), strict=True
            )
        ]
        return np.array(cold)[self._serving(profiles), np.arange(len(profiles))]

    def _contributions(self, profiles, col):
        place = self._serving(profiles)[0]
        member = self.estimators_[place]
        own = self._member_profiles(profiles)[place]
        own_col = member._items.lookup(self.items_[col : col + 1])[0]
        if own_col < 0 or not hasattr(member, "_contributions"):
            score = self._make_scorer(profiles).pairs(np.zeros(1, int), np.array([col]))
            return float(score[0]), np.empty(0, dtype=np.int32), np.empty(0), False
        baseline, cols, values, exact = member._contributions(own, own_col)
        return baseline, self._items.lookup(member._items.ids[cols]), values, exact


class _Chain(BlockScorer):
    """Each user's scores by the member that serves them, completed by the next ones."""

    def __init__(self, scorers, known, serving):
        super().__init__(len(serving), len(known[0]))
        self.scorers = scorers
        self.known = known
        self.serving = serving

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out = out[: hi - lo]
        missing = np.ones(out.shape, dtype=bool)
        row = np.empty((1, self.n_items), dtype=np.float32)
        for place, (scorer, known) in enumerate(
            zip(self.scorers, self.known, strict=True)
        ):
            due = (self.serving[lo:hi] <= place) & missing.any(axis=1)
            for user in np.flatnonzero(due):
                scorer.block(lo + user, lo + user + 1, row)
                _complete(out[user], missing[user], row[0], known)
        out[missing] = 0


def _complete(scores, missing, more, known):
    """Put scores where there are none yet, below those that are there."""
    new = missing & known
    if not new.any():
        return
    shift = 0.0
    if not missing.all():
        shift = scores[~missing].min() - more[new].max() - 1
    scores[new] = more[new] + np.float32(shift)
    missing[new] = False
