"""Ordered levels as intervals of a latent normal variable (Albert and Chib 1993).

Level k is observed when the latent variable, normal around a prediction f with
variance 1, lies between the cut points k - 1 and k, of which the first is minus and the
last plus infinity. `cuts` holds them all.
"""

import math

import numpy as np

from sklearn_metarec._kernels._jit import jit

# What lies this many standard deviations away does not happen: the probabilities of
# intervals further out are those at the limit, and so never zero.
_FAR = 30.0
_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)
# Rational approximations of the normal quantile, to 16 digits (Wichura 1988, AS 241).
_CENTRE = (
    (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427,
     13731.693765509461125, 45921.953931549871457, 67265.770927008700853,
     33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
     21213.794301586595867, 39307.895800092710610, 28729.085735721942674,
     5226.4952788528545610),
)  # fmt: skip
_MIDDLE = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
     3.64784832476320460504, 1.27045825245236838258, 0.241780725177450611770,
     0.0227238449892691845833, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
     0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_TAIL = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
     0.296560571828504891230, 0.0265321895265761230930, 0.00124266094738807843860,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


@jit
def _ratio(coefficients, x):
    upper, lower = coefficients
    above = below = 0.0
    for k in range(7, -1, -1):
        above = above * x + upper[k]
        below = below * x + lower[k]
    return above / below


@jit
def _quantile(p):
    """Return the x of which the normal distribution function is p, up to 1/2."""
    q = 0.5 - p
    if q <= 0.425:
        return -q * _ratio(_CENTRE, 0.180625 - q * q)
    r = math.sqrt(-math.log(p))
    if r <= 5:
        return -_ratio(_MIDDLE, r - 1.6)
    return -_ratio(_TAIL, r - 5)


@jit
def _density(x):
    return math.exp(-0.5 * x * x) / _ROOT_TWO_PI


@jit
def _below(x):
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@jit
def _interval(low, high):
    """Return (low, high, turned, share): the interval, on the side of negative numbers.

    There its probability `share` is a difference of small numbers, so without
    cancellation; turned tells whether the signs of low and high were changed.
    """
    turned = low + high > 0
    if turned:
        low, high = -high, -low
    # Both ends together, so that an interval far out keeps its width.
    if high < -_FAR:
        low, high = low - high - _FAR, -_FAR
    low = max(low, -_FAR - 8)
    return low, high, turned, max(_below(high) - _below(low), 1e-300)


@jit
def draw_latent(lo, hi, predicted, level, weights, cuts, uniform, out):
    """Draw the latent variables of the rows lo to hi, given their levels.

    A row of weight w stands for the mean of w of them: its deviation from their
    expectation is smaller by the root of w.
    """
    for t in range(lo, hi):
        k, f = level[t], predicted[t]
        low, high, turned, share = _interval(cuts[k] - f, cuts[k + 1] - f)
        centre = (_density(low) - _density(high)) / share
        start = _below(low)
        p = start + uniform[t] * (_below(high) - start)
        x = high if p <= 0 else (_quantile(p) if p <= 0.5 else -_quantile(1 - p))
        x = centre + (x - centre) / math.sqrt(weights[t])
        out[t] = f - x if turned else f + x


@jit
def expect_latent(lo, hi, predicted, level, cuts, out):
    """Write the expected latent variables of the rows lo to hi, given their levels."""
    for t in range(lo, hi):
        k, f = level[t], predicted[t]
        low, high, turned, share = _interval(cuts[k] - f, cuts[k + 1] - f)
        x = min((_density(low) - _density(high)) / share, high)
        out[t] = f - x if turned else f + x


@jit
def log_likelihood(lo, hi, chunk, predicted, level, weights, cuts, totals, slopes,
                   curvatures):  # fmt: skip
    """Write what the rows lo to hi, one chunk, add to the log-likelihood of the cuts.

    `slopes` gets its first derivatives, `curvatures` minus the second ones: those of a
    cut with itself, and with the next.
    """
    c = lo // chunk
    total = 0.0
    slope, curvature = slopes[c], curvatures[c]
    for t in range(lo, hi):
        k, f, w = level[t], predicted[t], weights[t]
        low, high = cuts[k] - f, cuts[k + 1] - f
        share = _interval(low, high)[3]
        low, high = max(low, -_FAR), min(high, _FAR)
        of_low, of_high = _density(low) / share, _density(high) / share
        total += w * math.log(share)
        slope[k] -= w * of_low
        slope[k + 1] += w * of_high
        curvature[0, k] += w * of_low * (of_low - low)
        curvature[0, k + 1] += w * of_high * (of_high + high)
        curvature[1, k] -= w * of_low * of_high
    totals[c] = total


@jit
def expected_levels(
    lo, hi, users, cols, user_offsets, user_factors, item_offsets, item_factors,
    grid, tables, out,
):  # fmt: skip
    """Write the mean over draws of the expected level of the pairs lo to hi.

    `grid` is (start, steps in a unit) of the draws' `tables` of expected levels. A
    column of -1 is an item without offset and factors.
    """
    n_draws, n_points = tables.shape
    n_factors = user_factors.shape[1] // n_draws
    start, resolution = grid
    top = np.float32(n_points - 2)
    for t in range(lo, hi):
        user, col = users[t], cols[t]
        total = 0.0
        for s in range(n_draws):
            f = user_offsets[user, s]
            if col >= 0:
                f += item_offsets[col, s]
                for k in range(s * n_factors, (s + 1) * n_factors):
                    f += user_factors[user, k] * item_factors[col, k]
            x = min(max((f - start) * resolution, np.float32(0)), top)
            point = int(x)
            value = tables[s, point]
            total += value + (x - point) * (tables[s, point + 1] - value)
        out[t] = total / n_draws
