"""Slots: places of a list, given to different recommenders."""

import numpy as np

from sklearn_metarec._kernels import rerank
from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.ensemble._members import (
    BlockScorer,
    EnsembleRecommender,
    named_items,
)
from sklearn_metarec.linear_model import EASE

# An item that is had already is the last that anybody names.
_HAD = 2


class Slots(EnsembleRecommender):
    """Places of a list that belong to different rankers.

    `slots=[("popular", 2), ("personal", 8)]` gives the first two places to one member
    and the next eight to the other, and so on from the start for longer lists. Each
    member fills its places with the best items that are neither placed yet nor had by
    the user; where it has nothing to say of those that are left, the next member in
    turn fills in, so that no list is short. An item's score is 1 / its place.

    The places are dealt among all items that the user has not had. A filter of
    `recommend` takes items out of that order, and does not deal anew. `partial_fit` is
    that of the members, and exists where all have one; `history=` is folded into
    each member. Users whom no member can tell get what is popular. `explain` says whose
    place an item got, and what made the score of that member.

    Parameters
    ----------
    estimators : list of (str, ranker), default=None
        The members. By default `PopularityRecommender` as "popular" and `EASE` as
        "personal".
    slots : list of (str, int), default=None
        The name of a member and how many places in a row it gets, as often as needed.
        By default one each in turn, in the order of `estimators`.

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
        In `fit`, if there is no member, a name occurs twice, or `slots` names no
        member or a number of places below 1.
    TypeError
        In `fit`, if a member is not a ranker of this package.

    See Also
    --------
    Blend : All members have a say at every place.
    Fallback : One recommender after the other, by what is known of a user.

    References
    ----------
    R. Burke (2002). Hybrid recommender systems: Survey and experiments. User Modeling
    and User-Adapted Interaction 12. Section 3.3, "mixed".

    Examples
    --------
    >>> from sklearn_metarec import EASE, PopularityRecommender, Slots
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "milk"], ["joe", "rum"], ["kim", "rum"], ["lea", "rum"]]
    >>> members = [("popular", PopularityRecommender()), ("personal", EASE(1.0))]
    >>> model = Slots(members, slots=[("popular", 1), ("personal", 9)]).fit(X)
    >>> model.recommend(["eva"], k=2)[0].tolist()
    [['rum', 'tea']]
    """

    _parameter_constraints = {
        "estimators": [list, None],
        "slots": [list, None],
    }

    def __init__(self, estimators=None, *, slots=None):
        self.estimators = estimators
        self.slots = slots

    def _fit(self, history):
        self._check_members()
        self._pattern()
        super()._fit(history)

    def _default_members(self):
        return [("popular", PopularityRecommender()), ("personal", EASE())]

    def _pattern(self):
        """Return whose turn it is at each place."""
        names = [name for name, _ in self._named_members()]
        if self.slots is None:
            return np.arange(len(names))
        turns = []
        for entry in self.slots:
            name, n_places = entry if len(entry) == 2 else (None, 0)
            if name not in names or not n_places == int(n_places) >= 1:
                raise ValueError(
                    "slots takes (name, number of places) pairs with the names of "
                    f"estimators, {names}, and numbers of at least 1; got {entry!r}."
                )
            turns += [names.index(name)] * int(n_places)
        if not turns:
            raise ValueError("slots is empty: pass at least one (name, number).")
        return np.array(turns)

    def _combine(self, profiles, scorers):
        return _Dealer(
            scorers, self._known_items(), self._priors(), profiles, self._pattern()
        )

    def _server(self, profiles, col):
        """Return whose place an item of one user got."""
        scorer = self._combine(profiles, self._member_scorers(profiles))
        return int(scorer.deal(0, 1)[1][0, col])

    def _verdict(self, profiles, col):
        name = self._named_members()[self._server(profiles, col)][0]
        return f"gave it a place of {name!r}"

    def _contributions(self, profiles, col):
        parts = self._contributions_of(self._server(profiles, col), profiles, col)
        return *parts[:3], False  # they add up to the member's score, not to ours


class _Dealer(BlockScorer):
    """One over the place that an item is dealt."""

    def __init__(self, scorers, known, priors, profiles, pattern):
        super().__init__(len(profiles), known.shape[1])
        self.scorers = scorers
        self.known = known
        self.priors = priors
        self.pattern = pattern
        liked = profiles.matrix.data > 0
        self.indptr = np.concatenate([[0], np.cumsum(liked)])[profiles.matrix.indptr]
        self.had = profiles.matrix.indices[liked]

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        np.divide(1, self.deal(lo, hi)[0] + 1, out=out[: hi - lo], casting="same_kind")

    def deal(self, lo, hi):
        """Return the place of each item, from 0 on, and the member that named it."""
        shape = len(self.scorers), hi - lo, self.n_items
        orders = np.empty(shape, dtype=np.int32)
        classes = np.empty(shape, dtype=np.int8)
        scores = np.empty(shape[1:], dtype=np.float32)
        lengths = np.diff(self.indptr[lo : hi + 1])
        had = self.had[self.indptr[lo] : self.indptr[hi]]
        users = np.repeat(np.arange(hi - lo), lengths)
        for place, (scorer, known, prior) in enumerate(
            zip(self.scorers, self.known, self.priors, strict=True)
        ):
            scorer.block(lo, hi, scores)
            classes[place] = ~named_items(scorer, known, prior, scores, lo, hi)
            classes[place, users, had] = _HAD
            # Stable: of equal scores the lower code comes first, as in lists.
            orders[place] = np.argsort(-scores, axis=1, kind="stable")
            by_class = np.take_along_axis(classes[place], orders[place], axis=1)
            again = np.argsort(by_class, axis=1, kind="stable")
            orders[place] = np.take_along_axis(orders[place], again, axis=1)
        places = np.empty(shape[1:], dtype=np.int32)
        servers = np.empty(shape[1:], dtype=np.int8)
        rerank.deal(0, hi - lo, orders, classes, self.pattern, places, servers)
        return places, servers
