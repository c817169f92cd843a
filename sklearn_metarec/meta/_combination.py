"""Combining the leaders of a race, where a test says that it is better."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from sklearn_metarec._history import Profiles
from sklearn_metarec._scoring import Filters, rank
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.ensemble import Blend, Fallback
from sklearn_metarec.ensemble._blend import ScoreBlend
from sklearn_metarec.metrics import paired_test, parse_metric, ranking_scores

# Users whose lists are kept of each configuration, and how many items of each.
MAX_USERS = 4000
DEPTH = 100
# How many leaders are blended, each of another candidate, and how often the greedy
# selection adds one: more of either changes little.
_MAX_MEMBERS = 4
_ROUNDS = 8
# The chance of taking a combination that is no better than the best alone.
_P_VALUE = 0.05
# Histories that may count as short, and how many users must have such a one.
_LENGTHS = (2, 3, 5, 8, 12, 20)
_MIN_USERS = 50


def shortlist(model, users):
    """Return the best items of some users, with their standardized scores.

    Parameters
    ----------
    model : BaseRecommender
        A fitted ranker whose ids are codes.
    users : ndarray of shape (n,)
        User codes.

    Returns
    -------
    items : ndarray of shape (n, DEPTH), dtype=int64
        Item codes, best first, without those of the fit; -1 where there is none.
    scores : ndarray of shape (n, DEPTH), dtype=float32
        Scores with mean 0 and variance 1 over all items of a user.
    """
    profiles = Profiles(model._history(), model._users.lookup(users))
    n_users, n_items = len(users), len(model.items_)
    scorer = ScoreBlend([model._complete_scorer(profiles)], [1.0], n_users, n_items)
    filters = Filters(n_users, profiles.matrix)
    cols, scores = rank(scorer, n_users, n_items, DEPTH, filters, n_jobs=model.n_jobs)
    return np.where(cols < 0, -1, model.items_[cols]), scores


def can_be_member(estimator):
    """Tell whether an estimator is a ranker that a blend can have."""
    ranker = isinstance(estimator, BaseRecommender)
    return (
        ranker
        and not isinstance(estimator, RegressorMixin)
        and not estimator._reads_context
    )


@dataclass(frozen=True)
class Combined:
    """A combination that is better than its best member.

    Attributes
    ----------
    name : str
        What it is, and of whom.
    estimator : estimator
        Not fitted.
    params : dict
        What was found.
    members : list of Record
        What it is made of.
    values : list of ndarray
        Its values of the users, one array a fold.
    """

    name: str
    estimator: Any
    params: dict
    members: list
    values: list

    @classmethod
    def of(cls, kind, members, values, **params):
        """Make a `Blend` or a `Fallback` of the members' estimators."""
        names = [record.name.replace("__", "_") for record in members]
        if len(set(names)) < len(names):  # two settings of one candidate
            names = [f"{name}_{place}" for place, name in enumerate(names, 1)]
        pairs = [(n, r.estimator) for n, r in zip(names, members, strict=True)]
        name = f"{kind.__name__}({', '.join(names)})"
        return cls(name, kind(pairs, **params), params, members, values)


# -------------------------------------------------------------------------- a blend


def blend(leaders, folds, metric, rng):
    """Blend leaders of different kinds, if that is better than the best of them.

    The weights are chosen greedily, with replacement (Caruana et al. 2004). Whether
    that is better than the best alone is tested with weights chosen on half of the
    users, for the other half, and the other way round.

    Parameters
    ----------
    leaders : list of Record
        With shortlists of the same users, best first.
    folds : list of Fold
        What the shortlists are of.
    metric : str
        What to improve.
    rng : RandomState
        Divides the users, for the test.

    Returns
    -------
    blend : Combined or None
        None if none is better.
    """
    leaders = leaders[:_MAX_MEMBERS]
    if len(leaders) < 2:
        return None
    pools = [
        _Pool(fold, [leader.outcomes[place].shortlist for leader in leaders], metric)
        for place, fold in enumerate(folds)
    ]

    def values(counts):
        return [pool.values(counts / counts.sum()) for pool in pools]

    alone = np.eye(len(leaders))
    single = np.concatenate(values(alone[0]))
    users = np.concatenate([fold.users for fold in folds])

    def learn(some):
        return _greedy(alone, lambda c: np.concatenate(values(c)), some)

    honest = _cross_fitted(lambda some: learn(some)[1], users, rng)
    counts, _ = learn(np.ones(len(users), dtype=bool))
    if np.count_nonzero(counts) < 2 or not is_better(honest, single, rng, users):
        return None
    everyone = [leaders[0].outcomes[place].values.copy() for place in range(len(folds))]
    for all_values, fold, some in zip(everyone, folds, values(counts), strict=True):
        all_values[fold.places] = some
    members = [leader for leader, count in zip(leaders, counts, strict=True) if count]
    weights = (counts[counts > 0] / counts.sum()).tolist()
    return Combined.of(Blend, members, everyone, weights=weights)


def _greedy(alone, values, chosen):
    """Return (how often each member was added, the values of the sum)."""
    counts = alone[0].copy()
    best = values(counts)
    for _ in range(_ROUNDS):
        tried = [values(counts + one) for one in alone]
        means = [value[chosen].mean() for value in tried]
        place = int(np.argmax(means))
        if means[place] <= best[chosen].mean():
            break
        counts, best = counts + alone[place], tried[place]
    return counts, best


def _cross_fitted(learn, users, rng):
    """Return the values of each user by what was learned from the other half.

    Parameters
    ----------
    learn : callable
        From a mask of users to the values of all users by what they teach.
    n_users : int
        How many users there are.
    rng : RandomState
        Divides them.

    Returns
    -------
    values : ndarray of shape (n_users,)
        Free of the optimism of what was chosen on the same users.
    """
    different, place = np.unique(users, return_inverse=True)
    half = (rng.permutation(len(different)) % 2 == 0)[place]
    return np.where(half, learn(~half), learn(half))


def is_better(values, than, rng, users=None):
    """Tell whether values are larger for sure.

    Parameters
    ----------
    values, than : ndarray of shape (n,)
        Of the same users or rows.
    rng : RandomState
        Draws the resamples of the test.
    users : ndarray of shape (n,), default=None
        Whose values they are: a user of several folds counts as one.

    Returns
    -------
    better : bool
        By a one-sided paired bootstrap; False if there are few.
    """
    if users is not None:
        values, than = _mean_of(users, values), _mean_of(users, than)
    if len(values) < _MIN_USERS:
        return False
    test = paired_test(values, than, random_state=rng)
    # Two-sided p is twice the chance of so large a gain where there is none.
    return test.difference > 0 and test.p_value / 2 < _P_VALUE


def _mean_of(users, values):
    """Return the mean value of each user."""
    _, place = np.unique(users, return_inverse=True)
    return np.bincount(place, weights=values) / np.bincount(place)


class Fold:
    """The users of a fold whose lists are kept, and their test rows.

    Parameters
    ----------
    table : Interactions
        All rows, in codes.
    y : ndarray of shape (n,) or None
        Their targets.
    train, test : ndarray
        Row positions.
    rng : RandomState
        Draws the users, if there are too many.

    Attributes
    ----------
    everyone : ndarray
        Ascending codes of the users with a relevant test row that is not one of
        training.
    users : ndarray
        These, or a sample of them.
    places : ndarray
        Their places among all such users.
    lengths : ndarray
        How many pairs each of all such users has in training.
    """

    def __init__(self, table, y, train, test, rng):
        n_items = len(table.items)
        keys = table.rows.astype(np.int64) * n_items + table.cols
        known = np.unique(keys[train])
        relevant = test if y is None else test[y[test] > 0]
        relevant = relevant[~np.isin(keys[relevant], known)]
        self.everyone = np.unique(table.rows[relevant])
        kept = rng.permutation(len(self.everyone))[:MAX_USERS]
        self.places = np.sort(kept)
        self.users = self.everyone[self.places]
        self.lengths = np.bincount(known // n_items, minlength=len(table.users))
        self.lengths = self.lengths[self.everyone]
        of_users = np.zeros(len(table.users), dtype=bool)
        of_users[self.users] = True
        self.test = table[relevant[of_users[table.rows[relevant]]]]


class _Pool:
    """The candidates of a fold's users with their scores by every member."""

    def __init__(self, fold, shortlists, metric):
        self.fold = fold
        self.metric = metric
        self.k = parse_metric(metric)[1]
        everything = np.concatenate([items for items, _ in shortlists], axis=1)
        self.items = np.sort(everything, axis=1)
        # An item that several have stands here several times: the first counts.
        repeated = np.zeros(self.items.shape, dtype=bool)
        repeated[:, 1:] = self.items[:, 1:] == self.items[:, :-1]
        self.out = repeated | (self.items < 0)
        self.scores = np.stack([_scores_of(self.items, *s) for s in shortlists])

    def values(self, weights):
        """Return the metric of each user, for the weights of the members."""
        scores = np.tensordot(weights.astype(np.float32), self.scores, axes=1)
        scores[self.out] = -np.inf
        # Items stand in ascending order, which decides ties as in `recommend`.
        order = np.argsort(-scores, axis=1, kind="stable")[:, : self.k]
        return ranking_scores(
            self.fold.test, self.fold.users, np.take_along_axis(self.items, order, 1),
            scores=np.take_along_axis(scores, order, 1), metrics=(self.metric,),
            per_user=True,
        )[self.metric]  # fmt: skip


def _scores_of(wanted, items, scores):
    """Return a member's scores of items; of those not in its list, its lowest."""
    width = max(int(wanted.max(initial=0)), int(items.max(initial=0))) + 2
    offsets = np.arange(len(items), dtype=np.int64)[:, None] * width + 1
    order = np.argsort(items, axis=1)
    keys = (np.take_along_axis(items, order, 1) + offsets).ravel()
    place = np.searchsorted(keys, (wanted + offsets).ravel()).clip(max=len(keys) - 1)
    found = keys[place] == (wanted + offsets).ravel()
    there = np.isfinite(scores)
    lowest = np.where(there, scores, np.inf).min(axis=1)
    lowest = np.where(np.isfinite(lowest), lowest, 0).astype(np.float32)
    scores = np.where(there, scores, lowest[:, None])
    by_item = np.take_along_axis(scores, order, 1).ravel()
    return np.where(
        found.reshape(wanted.shape),
        by_item[place].reshape(wanted.shape),
        lowest[:, None],
    )


# --------------------------------------------------------- another for short histories


def for_short_histories(best, others, folds, rng):
    """Find a better model for the users with short histories, if there is one.

    What a short history is, and which model is best for it, is tested as a blend is:
    with what one half of the users says for the other half.

    Parameters
    ----------
    best : Record
        The choice for all users, with values of each.
    others : list of Record
        What else has values of the same users.
    folds : list of Fold
        How many pairs each user has in training.
    rng : RandomState
        Divides the users.

    Returns
    -------
    fallback : Combined or None
        None if the best is best for all.
    """
    lengths = np.concatenate([fold.lengths for fold in folds])
    values = best.values

    def learn(users):
        found = _best_division(best, others, lengths, users)
        if found is None:
            return None, values
        long, short, length = found
        return found, np.where(lengths < length, short.values, long.values)

    found, chosen = learn(np.ones(len(values), dtype=bool))
    if found is None:
        return None
    long, short, length = found
    owners = np.concatenate([fold.everyone for fold in folds])
    honest = _cross_fitted(lambda users: learn(users)[1], owners, rng)
    if not is_better(honest, values, rng, owners):
        return None
    combined = np.split(
        chosen,
        np.cumsum([len(fold.lengths) for fold in folds])[:-1],
    )
    return Combined.of(Fallback, [long, short], combined, min_history=length)


def _best_division(best, others, lengths, users):
    """Return the (long, short, length) that some users gain most by, or None.

    The best for all stays that of the long histories or that of the short ones. Of
    lengths that divide the users alike the largest counts: the histories of the final
    fit are longer than those of the comparison.
    """
    found, gain = None, np.finfo(float).tiny
    for length in _LENGTHS:
        short = lengths < length
        if min((users & short).sum(), (users & ~short).sum()) < _MIN_USERS:
            continue
        for other in others:
            gains = other.values - best.values
            for pair, here in (
                ((best, other), gains[users & short].sum()),
                ((other, best), gains[users & ~short].sum()),
            ):
                if here >= gain:
                    found, gain = (*pair, length), here
    return found
