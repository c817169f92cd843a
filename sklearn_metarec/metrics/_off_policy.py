"""What a policy would earn, estimated from the feedback that another one logged.

All four estimators are a ratio of two sums over the rows of the log, so they share
their interval: that of a ratio, linearised, by rows or by groups of rows, and corrected
for skewness (P. Hall, 1992, On the removal of skewness by transformation, JRSS B 54).
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy import stats
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_consistent_length

from sklearn_metarec.utils._sklearn import column_or_1d

# Below this, the formula is 0 / 0 and changes nothing.
_NO_SKEWNESS = 1e-6


class PolicyValue(NamedTuple):
    """The estimated mean reward of a policy, and how sure it is.

    Attributes
    ----------
    value : float
        The mean reward a row.
    low, high : float
        The bounds of its confidence interval.
    n_effective : float
        How many rows (or groups, where there are some) of the policy's own would say
        as much as the log: the squared sum of the weights over the sum of their
        squares. Under 50, do not trust the interval.
    """

    value: float
    low: float
    high: float
    n_effective: float


def replay_value(reward, chosen, *, groups=None, confidence=0.95):
    """Estimate a policy's mean reward from the rows in which it would do the same.

    The mean reward of the rows whose item the policy would have shown. It is unbiased
    if the log showed items uniformly at random; else use :func:`snips_value`.

    Parameters
    ----------
    reward : array-like of shape (n,)
        What came of each row of the log: a click, a time, a price.
    chosen : array-like of shape (n,)
        Whether the policy would have shown the item of the row: True or False, or the
        probability with which it would.
    groups : array-like of shape (n,), default=None
        What rows that depend on each other have in common, such as the user: the
        interval is then that of a mean over groups. By default each row is its own.
    confidence : float, default=0.95
        The share of such intervals that hold the true value.

    Returns
    -------
    estimate : PolicyValue
        `value`, `low`, `high` and `n_effective`; NaN, with a warning, if the policy
        would never have shown what was shown.

    Raises
    ------
    ValueError
        If a reward or probability is missing or out of range, or the lengths differ.

    See Also
    --------
    snips_value : For logs that preferred some items.

    References
    ----------
    L. Li, W. Chu, J. Langford and X. Wang (2011). Unbiased offline evaluation of
    contextual-bandit-based news article recommendation algorithms. WSDM.

    Examples
    --------
    >>> from sklearn_metarec.metrics import replay_value
    >>> replay_value([1, 0, 0, 1], [True, True, False, True]).value
    0.666...
    """
    reward = _finite(reward, "reward")
    chosen = _policy(chosen, "chosen", len(reward))
    return _ratio(chosen * reward, chosen, chosen, groups, confidence)


def ips_value(reward, propensity, policy, *, groups=None, confidence=0.95):
    """Estimate a policy's mean reward by inverse propensity scores.

    The mean over all rows of reward * policy / propensity. Unbiased wherever the log
    could show whatever the policy shows; its spread grows with the largest weight.

    Parameters
    ----------
    reward : array-like of shape (n,)
        What came of each row of the log.
    propensity : array-like of shape (n,)
        With what probability the log showed the item of the row, in (0, 1].
    policy : array-like of shape (n,)
        With what probability the policy would have shown it, in [0, 1].
    groups : array-like of shape (n,), default=None
        What rows that depend on each other have in common, such as the user.
    confidence : float, default=0.95
        The share of such intervals that hold the true value.

    Returns
    -------
    estimate : PolicyValue
        `value`, `low`, `high` and `n_effective`.

    Raises
    ------
    ValueError
        If a reward or probability is missing or out of range, or the lengths differ.

    See Also
    --------
    snips_value : Often closer, and never outside the range of the rewards.
    dr_value : Closer still, given a model of the reward.

    References
    ----------
    D. G. Horvitz and D. J. Thompson (1952). A generalization of sampling without
    replacement from a finite universe. JASA 47.

    Examples
    --------
    >>> from sklearn_metarec.metrics import ips_value
    >>> ips_value([1, 0, 0, 1], [0.5, 0.25, 0.5, 0.5], [1, 1, 0, 0]).value
    0.5
    """
    reward, weight = _weights(reward, propensity, policy)
    return _ratio(weight * reward, np.ones(len(reward)), weight, groups, confidence)


def snips_value(reward, propensity, policy, *, groups=None, confidence=0.95):
    """Estimate a policy's mean reward by self-normalised inverse propensity scores.

    The weighted mean of the rewards, with weights policy / propensity: a little biased
    in small logs, and less spread than :func:`ips_value`, since weights that happen to
    be large appear on either side of the fraction.

    Parameters
    ----------
    reward : array-like of shape (n,)
        What came of each row of the log.
    propensity : array-like of shape (n,)
        With what probability the log showed the item of the row, in (0, 1].
    policy : array-like of shape (n,)
        With what probability the policy would have shown it, in [0, 1].
    groups : array-like of shape (n,), default=None
        What rows that depend on each other have in common, such as the user.
    confidence : float, default=0.95
        The share of such intervals that hold the true value.

    Returns
    -------
    estimate : PolicyValue
        `value`, `low`, `high` and `n_effective`; NaN, with a warning, if the policy
        would never have shown what was shown.

    Raises
    ------
    ValueError
        If a reward or probability is missing or out of range, or the lengths differ.

    See Also
    --------
    ips_value : Without bias.

    References
    ----------
    A. Swaminathan and T. Joachims (2015). The self-normalized estimator for
    counterfactual learning. NIPS.

    Examples
    --------
    >>> from sklearn_metarec.metrics import snips_value
    >>> snips_value([1, 0, 0, 1], [0.5, 0.25, 0.5, 0.5], [1, 1, 0, 0]).value
    0.333...
    """
    reward, weight = _weights(reward, propensity, policy)
    return _ratio(weight * reward, weight, weight, groups, confidence)


def dr_value(
    reward, propensity, policy, predicted, predicted_policy, *, groups=None,
    confidence=0.95,
):  # fmt: skip
    """Estimate a policy's mean reward by a model that propensities correct.

    The mean over all rows of predicted_policy + policy / propensity * (reward -
    predicted): doubly robust, that is without bias if either the propensities or the
    predictions are right, and with less spread the better the latter are. The model
    must not have been fitted on the rows of the log.

    Parameters
    ----------
    reward : array-like of shape (n,)
        What came of each row of the log.
    propensity : array-like of shape (n,)
        With what probability the log showed the item of the row, in (0, 1].
    policy : array-like of shape (n,)
        With what probability the policy would have shown it, in [0, 1].
    predicted : array-like of shape (n,)
        What reward a model expects of the item of the row.
    predicted_policy : array-like of shape (n,)
        What reward it expects of the policy in the row's place: the mean over the
        items that the policy would show.
    groups : array-like of shape (n,), default=None
        What rows that depend on each other have in common, such as the user.
    confidence : float, default=0.95
        The share of such intervals that hold the true value.

    Returns
    -------
    estimate : PolicyValue
        `value`, `low`, `high` and `n_effective`.

    Raises
    ------
    ValueError
        If a number is missing or out of range, or the lengths differ.

    See Also
    --------
    ips_value : Without a model.

    References
    ----------
    M. Dudik, J. Langford and L. Li (2011). Doubly robust policy evaluation and
    learning. ICML.

    Examples
    --------
    >>> from sklearn_metarec.metrics import dr_value
    >>> dr_value([1, 0], [0.5, 0.5], [1, 0], [0.75, 0.25], [0.75, 0.5]).value
    0.875
    """
    reward, weight = _weights(reward, propensity, policy)
    predicted = _finite(predicted, "predicted")
    predicted_policy = _finite(predicted_policy, "predicted_policy")
    check_consistent_length(reward, predicted, predicted_policy)
    terms = predicted_policy + weight * (reward - predicted)
    return _ratio(terms, np.ones(len(reward)), weight, groups, confidence)


def _finite(values, name):
    values = column_or_1d(values, dtype=np.float64)
    wrong = ~np.isfinite(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{name} contains NaN or inf: {values[row]} at row {row}.")
    return values


def _policy(values, name, n_rows):
    values = _finite(values, name)
    if len(values) != n_rows:
        raise ValueError(f"{name} has {len(values)} rows, but reward has {n_rows}.")
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{name} is a probability, from 0 to 1, but is {values[row]} at row {row}."
        )
    return values


def _weights(reward, propensity, policy):
    """Return the rewards and the importance weights of the rows, checked."""
    reward = _finite(reward, "reward")
    policy = _policy(policy, "policy", len(reward))
    propensity = _policy(propensity, "propensity", len(reward))
    if not propensity.all():
        row = int(np.argmin(propensity))
        raise ValueError(
            f"propensity is 0 at row {row}: a log cannot show what it shows with "
            "probability 0. Log the probability with which each item was drawn, above "
            "0 and up to 1."
        )
    return reward, policy / propensity


def _ratio(numerator, denominator, weight, groups, confidence):
    """Return the ratio of two means over rows, with its interval.

    To first order the ratio V of the means of a and b is off by the mean of
    (a - V b) / mean(b), whose standard error is that of a mean over independent rows,
    or of a sum over independent groups.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} must be between 0 and 1.")
    total = denominator.sum()
    if not total:
        warnings.warn(
            "The policy would have shown none of the items that were shown, so that "
            "the log tells nothing of it: the value is NaN.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return PolicyValue(np.nan, np.nan, np.nan, 0.0)
    value = numerator.sum() / total
    errors = (numerator - value * denominator) / total
    if groups is None:
        # Rows that say nothing are no degrees of freedom of a mean over the others.
        errors = errors[denominator > 0]
    else:
        groups = column_or_1d(groups)
        check_consistent_length(errors, groups)
        codes = np.unique(groups, return_inverse=True)[1]
        errors, weight = np.bincount(codes, errors), np.bincount(codes, weight)
    squares = weight @ weight
    n_effective = float(weight.sum() ** 2 / squares) if squares else 0.0
    n = len(errors)
    if n < 2:
        return PolicyValue(float(value), -np.inf, np.inf, n_effective)
    deviation = np.sqrt(errors @ errors * n / (n - 1))
    # As few degrees of freedom as the few rows give on which most of the weight is.
    freedom = min(n, max(n_effective, 2)) - 1 if n_effective else n - 1
    quantile = stats.t.ppf((1 + confidence) / 2, freedom)
    skewness = (errors**3).sum() / deviation**3 if deviation else 0.0
    low, high = (
        float(value - deviation * _unskewed(sign * quantile, skewness))
        for sign in (1, -1)
    )
    return PolicyValue(float(value), low, high, n_effective)


def _unskewed(quantile, skewness):
    """Return the quantile of a studentized mean whose terms are skewed.

    Hall's transformation makes that nearly normal: T becomes
    ((1 + skewness T / 3)^3 - 1) / skewness + skewness / 6, with the skewness of the
    mean. Few rows with large weights and rare rewards are skewed to the right, so that
    the truth is above a symmetric interval far more often than below it.
    """
    if abs(skewness) < _NO_SKEWNESS:
        return quantile
    cube = 1 + skewness * (quantile - skewness / 6)
    return 3 * (np.cbrt(cube) - 1) / skewness
