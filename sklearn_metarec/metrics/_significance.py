"""Intervals of a mean over users, and tests of the difference of two."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from sklearn_metarec.utils._sklearn import check_random_state

# Resamples are drawn in blocks of about this many numbers: 32 MB.
_NUMBERS_PER_BLOCK = 1 << 22


class MeanInterval(NamedTuple):
    """A mean and its confidence interval.

    Attributes
    ----------
    mean : float
        The weighted mean.
    low, high : float
        The bounds of the interval.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTestResult:
    """What a paired test says.

    Attributes
    ----------
    difference : float
        The weighted mean of a - b over the users.
    interval : tuple of (float, float)
        The confidence interval of the difference.
    p_value : float
        Two-sided: how likely so large a difference is where there is none.
    n_users : int
        Users with a value on both sides.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    n_users: int


def paired_test(
    a, b, *, method="bootstrap", n_resamples=2000, confidence=0.95,
    random_state=None, sample_weight=None,
):  # fmt: skip
    """Test whether two models differ, user by user.

    Parameters
    ----------
    a, b : array-like of shape (n_users,)
        A metric's value for the same users in the same order, as
        `ranking_scores(..., per_user=True)` gives it. A user with NaN on either side
        is left out.
    method : {"bootstrap", "permutation", "wilcoxon", "t"}, default="bootstrap"
        How to get the p-value:

        - "bootstrap" resamples users, and compares with means that are shifted to 0;
        - "permutation" swaps a and b at random user by user, or in all ways where
          there are no more than `n_resamples` [1]_;
        - "wilcoxon" takes the signed-rank test, which asks for a shift of the median
          rather than the mean and takes no weights;
        - "t" takes Student's paired test, the fastest, and near enough to the others
          for hundreds of users.

    n_resamples : int, default=2000
        Resamples of the bootstrap and the permutation test; p is then known to
        about 0.005 where it is near 0.05.
    confidence : float, default=0.95
        Confidence of the interval, which is the bootstrap's percentiles with
        "bootstrap" and "permutation" and Student's else.
    random_state : int, RandomState instance or None, default=None
        The seed of the resamples.
    sample_weight : array-like of shape (n_users,), default=None
        The weight of each user in the mean.

    Returns
    -------
    result : PairedTestResult
        `difference`, `interval`, `p_value` and `n_users`.

    Raises
    ------
    ValueError
        If fewer than two users have values on both sides, the shapes differ, or
        weights are given to "wilcoxon".

    See Also
    --------
    mean_interval : The interval of one model's mean.

    References
    ----------
    .. [1] M. D. Smucker, J. Allan and B. Carterette. A comparison of statistical
       significance tests for information retrieval evaluation. CIKM 2007.

    Examples
    --------
    >>> from sklearn_metarec.metrics import paired_test
    >>> result = paired_test([0.5, 0.75, 1.0], [0.25, 0.5, 0.5], method="permutation")
    >>> result.difference, result.p_value  # 2 of the 8 swaps are as large
    (0.333..., 0.25)
    """
    a, b = _column(a, "a"), _column(b, "b")
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} users, but b has {len(b)}: they must pair.")
    if method == "wilcoxon" and sample_weight is not None:
        raise ValueError("The Wilcoxon test has no weights: use another method.")
    delta, weight = _defined(a - b, sample_weight)
    rng = check_random_state(random_state)
    difference = float(weight @ delta)
    if method in ("bootstrap", "permutation"):
        _check_resamples(n_resamples)
        means = _bootstrap_means(delta, weight, n_resamples, rng)
        interval = _percentiles(means, confidence)
    else:
        interval = _student(delta, weight, confidence)
    if method == "bootstrap":
        p_value = _share_as_large(means - difference, difference)
    elif method == "permutation":
        p_value = _permutation_p_value(weight * delta, difference, n_resamples, rng)
    elif method == "wilcoxon":
        p_value = float(stats.wilcoxon(delta).pvalue) if delta.any() else 1.0
    elif method == "t":
        p_value = _t_p_value(delta, weight)
    else:
        raise ValueError(
            f"method={method!r} must be 'bootstrap', 'permutation', 'wilcoxon' or 't'."
        )
    return PairedTestResult(difference, interval, p_value, len(delta))


def mean_interval(
    values, confidence=0.95, method="bootstrap", *, n_resamples=2000,
    random_state=None, sample_weight=None,
):  # fmt: skip
    """Compute the confidence interval of a mean over users.

    Parameters
    ----------
    values : array-like of shape (n_users,)
        A metric's value of each user; NaN is left out.
    confidence : float, default=0.95
        The share of such intervals that hold the true mean.
    method : {"bootstrap", "normal"}, default="bootstrap"
        The percentiles of the means of resampled users, which may be asymmetric, or
        the normal approximation, which is quick.
    n_resamples : int, default=2000
        Resamples of the bootstrap.
    random_state : int, RandomState instance or None, default=None
        The seed of the resamples.
    sample_weight : array-like of shape (n_users,), default=None
        The weight of each user in the mean.

    Returns
    -------
    interval : MeanInterval
        `mean`, `low` and `high`.

    Raises
    ------
    ValueError
        If fewer than two users have a value.

    Examples
    --------
    >>> from sklearn_metarec.metrics import mean_interval
    >>> mean, low, high = mean_interval([0.0, 0.5, 1.0, 0.5], method="normal")
    >>> print(f"{mean:.2f}, {low:.2f} to {high:.2f}")
    0.50, 0.10 to 0.90
    """
    values, weight = _defined(_column(values, "values"), sample_weight)
    if method == "bootstrap":
        _check_resamples(n_resamples)
        rng = check_random_state(random_state)
        means = _bootstrap_means(values, weight, n_resamples, rng)
        bounds = _percentiles(means, confidence)
    elif method == "normal":
        reach = stats.norm.ppf((1 + confidence) / 2) * _standard_error(values, weight)
        bounds = _around(float(weight @ values), reach)
    else:
        raise ValueError(f"method={method!r} must be 'bootstrap' or 'normal'.")
    return MeanInterval(float(weight @ values), *bounds)


def _column(values, name):
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"{name} must be one value a user, got shape {values.shape}.")
    return values


def _defined(values, sample_weight):
    """Drop NaN and weights of zero; return the values and weights that sum to 1."""
    if sample_weight is None:
        weight = np.ones(len(values))
    else:
        weight = _column(sample_weight, "sample_weight")
        if len(weight) != len(values):
            raise ValueError(
                f"sample_weight has {len(weight)} entries for {len(values)} users."
            )
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError("sample_weight must be finite and not negative.")
    defined = ~np.isnan(values) & (weight > 0)
    values, weight = values[defined], weight[defined]
    if len(values) < 2:
        raise ValueError(
            f"At least two users with a value are needed, got {len(values)} of "
            f"{len(defined)}."
        )
    return values, weight / weight.sum()


def _check_resamples(n_resamples):
    if n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples} must be at least 1.")


def _blocks(n_resamples, n_users):
    """Yield sizes of blocks of resamples that fit in memory."""
    block = max(_NUMBERS_PER_BLOCK // n_users, 1)
    for start in range(0, n_resamples, block):
        yield min(block, n_resamples - start)


def _bootstrap_means(values, weight, n_resamples, rng):
    """Return the weighted means of users drawn with replacement."""
    weighted = weight * values
    means = [
        weighted[drawn].sum(axis=1) / weight[drawn].sum(axis=1)
        for size in _blocks(n_resamples, len(values))
        for drawn in [rng.randint(len(values), size=(size, len(values)))]
    ]
    return np.concatenate(means)


def _percentiles(means, confidence):
    outside = (1 - confidence) / 2
    low, high = np.quantile(means, [outside, 1 - outside])
    return float(low), float(high)


def _share_as_large(means, difference):
    """Return the p-value of a difference among means under no difference."""
    # The observed one counts among them: no p-value is zero. Rounding must not decide
    # about those that are equal to it.
    as_large = np.abs(means) >= abs(difference) * (1 - 1e-12)
    return float((1 + np.count_nonzero(as_large)) / (1 + len(means)))


def _permutation_p_value(terms, difference, n_resamples, rng):
    n = len(terms)
    if 2**n <= n_resamples:
        # All ways to swap, as the bits of the numbers below 2^n.
        swaps = np.arange(2**n)[:, None] >> np.arange(n) & 1
        sums = (1 - 2 * swaps) @ terms
        as_large = np.abs(sums) >= abs(difference) * (1 - 1e-12)
        return float(as_large.mean())
    sums = [
        (1 - 2 * rng.randint(2, size=(size, n), dtype=np.int8)) @ terms
        for size in _blocks(n_resamples, n)
    ]
    return _share_as_large(np.concatenate(sums), difference)


def _standard_error(values, weight):
    """Return the standard error of a weighted mean."""
    # Linearised: s / sqrt(n) if all weights are equal.
    n = len(values)
    residual = weight * (values - weight @ values)
    return float(np.sqrt(residual @ residual * n / (n - 1)))


def _around(middle, reach):
    return float(middle - reach), float(middle + reach)


def _student(delta, weight, confidence):
    quantile = stats.t.ppf((1 + confidence) / 2, len(delta) - 1)
    reach = quantile * _standard_error(delta, weight)
    return _around(weight @ delta, reach)


def _t_p_value(delta, weight):
    difference, error = abs(weight @ delta), _standard_error(delta, weight)
    if error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.t.sf(difference / error, len(delta) - 1))
