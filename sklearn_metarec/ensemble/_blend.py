"""Blend: a weighted mean of several recommenders' scores or ranks."""

from numbers import Real

import numpy as np

from sklearn_metarec._explanation import scores_of
from sklearn_metarec.ensemble._members import BlockScorer, EnsembleRecommender
from sklearn_metarec.factorization import IALS
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.utils._sklearn import Interval, StrOptions


class Blend(EnsembleRecommender):
    """Weighted sum of what several rankers say of each item.

    The scores of different models are not on one scale. With `method="score"` a
    user's scores are standardized, over all items, for each member, and their weighted
    mean taken; with `method="rank"` an item gets the weighted mean of
    1 / (`rank_constant` + rank): reciprocal rank fusion.

    `partial_fit` is that of the members, and exists where all have one; `history=` is
    folded into each member. With `method="score"`, `explain` adds up the contributions
    of the members that have some.

    Parameters
    ----------
    estimators : list of (str, ranker), default=None
        The members. By default `EASE` and `IALS`: item to item, and factors.
    weights : array-like of shape (n_estimators,), default=None
        What each counts, at least 0; equal by default. Only their ratios matter.
    method : {"score", "rank"}, default="score"
        What is blended. Scores by default: they know by how much.
    rank_constant : float, default=60.0
        How little the first ranks stand out, for `method="rank"`. The value of the
        paper, where little depended on it.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members.
    weights_ : ndarray of shape (n_estimators,)
        The weights, with a sum of 1.
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
        In `fit`, if there is no member, a name occurs twice, or the weights are
        negative, all zero or not one a member.
    TypeError
        In `fit`, if a member is not a ranker of this package.

    See Also
    --------
    Fallback : One recommender after the other, by what is known of a user.
    Slots : Each recommender has places of its own in a list.

    References
    ----------
    G. Cormack, C. Clarke and S. Büttcher (2009). Reciprocal rank fusion outperforms
    Condorcet and individual rank learning methods. SIGIR.

    Examples
    --------
    >>> from sklearn_metarec import Blend, EASE, ItemKNN
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> blend = Blend([("ease", EASE(1.0)), ("knn", ItemKNN())], weights=[2, 1])
    >>> items, scores = blend.fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        "estimators": [list, None],
        "weights": ["array-like", None],
        "method": [StrOptions({"score", "rank"})],
        "rank_constant": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self, estimators=None, *, weights=None, method="score", rank_constant=60.0
    ):
        self.estimators = estimators
        self.weights = weights
        self.method = method
        self.rank_constant = rank_constant

    def _fit(self, history):
        self._check_members()
        self.weights_ = _checked_weights(self.weights, len(self._named_members()))
        super()._fit(history)

    def _default_members(self):
        return [("ease", EASE()), ("ials", IALS(random_state=0))]

    def _combine(self, profiles, scorers):
        size = len(profiles), len(self.items_)
        if self.method == "score":
            return ScoreBlend(scorers, self.weights_, *size)
        return _RankBlend(scorers, self.weights_, *size, self.rank_constant)

    def _verdict(self, profiles, col):
        return "blended their " + ("scores" if self.method == "score" else "ranks")

    def _contributions(self, profiles, col):
        scorer = self._make_scorer(profiles)
        score = float(scores_of(scorer, 1, col)[0])
        added = np.zeros(len(self.items_))
        exact = self.method == "score"
        if not exact:
            return score, np.empty(0, dtype=np.int32), np.empty(0), False
        for place, slope in enumerate(scorer.slopes(0)):
            parts = self._member_contributions(place, profiles, col)
            if parts is None:
                exact = False
                continue
            _, cols, values, exactly = parts
            added[cols] += slope * values
            exact = exact and exactly
        cols = np.flatnonzero(added)
        return score - added.sum(), cols, added[cols], exact


def _checked_weights(weights, n_members):
    if weights is None:
        return np.full(n_members, 1 / n_members)
    weights = np.asarray(weights, dtype=np.float64)
    wrong = weights.shape != (n_members,) or not np.isfinite(weights).all()
    if wrong or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(
            f"weights must be {n_members} numbers, one a member, at least 0 and not "
            f"all 0; got {weights.tolist()}."
        )
    return weights / weights.sum()


class ScoreBlend(BlockScorer):
    """The weighted mean of standardized scores."""

    def __init__(self, scorers, weights, n_users, n_items):
        super().__init__(n_users, n_items)
        self.scorers = scorers
        self.weights = weights

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out = out[: hi - lo]
        out[:] = 0
        for scorer, weight in zip(self.scorers, self.weights, strict=True):
            scores, slope, mean = self._standard(scorer, weight, lo, hi)
            scores -= mean
            scores *= slope
            out += scores

    def slopes(self, user):
        """Return what a member's score is multiplied by, for each member."""
        return [
            float(self._standard(scorer, weight, user, user + 1)[1][0, 0])
            for scorer, weight in zip(self.scorers, self.weights, strict=True)
        ]

    def _standard(self, scorer, weight, lo, hi):
        """Return a member's scores, weight over their deviation, and their mean."""
        scores = np.empty((hi - lo, self.n_items), dtype=np.float32)
        scorer.block(lo, hi, scores)
        mean = scores.mean(axis=1, keepdims=True)
        deviation = scores.std(axis=1, keepdims=True)
        flat = deviation <= np.finfo(np.float32).eps * np.abs(mean)
        slope = np.where(flat, 0, weight / np.where(flat, 1, deviation))
        return scores, slope.astype(np.float32), mean


class _RankBlend(BlockScorer):
    """The weighted mean of reciprocal ranks."""

    def __init__(self, scorers, weights, n_users, n_items, constant):
        super().__init__(n_users, n_items)
        self.scorers = scorers
        self.weights = weights
        # What the rank r = 0, 1, ... is worth.
        self.worth = (1 / (constant + 1 + np.arange(n_items))).astype(np.float32)

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out = out[: hi - lo]
        out[:] = 0
        scores = np.empty_like(out)
        for scorer, weight in zip(self.scorers, self.weights, strict=True):
            scorer.block(lo, hi, scores)
            best_first = np.argsort(-scores, axis=1, kind="stable")
            worth = np.empty_like(scores)
            np.put_along_axis(worth, best_first, self.worth[None, :], axis=1)
            out += np.float32(weight) * worth
