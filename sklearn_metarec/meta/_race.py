"""A race over growing samples of users: who is behind for sure runs no further."""

import numpy as np

# A sample below this many rows says little of how models compare on all of them.
_MIN_ROWS = 30_000
# Each sample is this many times the one before: the last is most of the cost.
_GROWTH = 3
# Standard errors by which a candidate must be behind to be so for sure (p < 0.01).
_BEHIND = 2.58
# And the share of the leader's score: what is best on a sample may be second on all.
_MARGIN = 0.05


def shares(n_rows):
    """Return the growing shares of users of a race; the last is 1.

    It depends on the data alone, so that a budget cuts a race short but does not turn
    it into another one.
    """
    plan = [1.0]
    while n_rows * plan[0] / _GROWTH >= _MIN_ROWS:
        plan.insert(0, plan[0] / _GROWTH)
    return plan


def survivors(scores, values, order, n_folds=1):
    """Return the candidates that run on, best first.

    Parameters
    ----------
    scores : dict
        From candidate to mean score; failed ones are absent.
    values : dict
        From candidate to its values a user, or None.
    order : dict
        From candidate to its place in the portfolio, which decides ties.
    n_folds : int, default=1
        How many folds the values are of. These may have their users in common, so
        that all values of a user count as one.

    Returns
    -------
    leaders : list
        At most the better half, without those that are behind the best for sure.
    """
    ranked = sorted(scores, key=lambda c: (-scores[c], order[c]))
    half = ranked[: -(-len(ranked) // 2)]
    return [c for c in half if not _is_behind(values[half[0]], values[c], n_folds)]


def _is_behind(best, other, n_folds):
    if best is None or other is None or len(best) != len(other):
        return False
    difference = best - other
    if len(difference) < 2:
        return False
    error = difference.std(ddof=1) / np.sqrt(len(difference) / n_folds)
    return difference.mean() > _BEHIND * error + _MARGIN * abs(best.mean())


def affordable(n_configs, n_folds, plan, evaluations):
    """Return (configurations, folds, shares) that a number of evaluations allows.

    Parameters
    ----------
    n_configs, n_folds : int
        What there is.
    plan : list of float
        The shares of users.
    evaluations : int or None
        The budget; None for no limit.

    Returns
    -------
    n_configs, n_folds : int
        What can be run to the end, in the worst case.
    plan : list of float
        The shares, or the last alone if there is not enough for one configuration.
    """
    if evaluations is None:
        return n_configs, n_folds, plan
    if evaluations < len(plan) * n_folds:
        plan = plan[-1:]
        n_folds = min(n_folds, evaluations)
    while n_configs > 1 and _worst_case(n_configs, plan) * n_folds > evaluations:
        n_configs -= 1
    return n_configs, n_folds, plan


def _worst_case(n_configs, plan):
    total = 0
    for _ in plan:
        total += n_configs
        n_configs = -(-n_configs // 2)
    return total
