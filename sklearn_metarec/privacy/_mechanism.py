"""The Gaussian mechanism, accounted for exactly, and where its noise comes from."""

import os
from numbers import Real

import numpy as np
from scipy import optimize, special

from sklearn_metarec.utils._sklearn import (
    Interval,
    check_random_state,
    validate_params,
)

_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_SHARE = [Interval(Real, 0, 1, closed="neither")]


@validate_params(
    {"sigma": _POSITIVE, "epsilon": _POSITIVE, "sensitivity": _POSITIVE},
    prefer_skip_nested_validation=True,
)
def gaussian_delta(sigma, epsilon, *, sensitivity=1.0):
    """Compute the exact delta of Gaussian noise at some epsilon.

    The smallest delta for which noise of standard deviation `sigma` is
    (epsilon, delta)-differentially private:
    delta = Phi(s / 2 sigma - epsilon sigma / s)
    - exp(epsilon) Phi(-s / 2 sigma - epsilon sigma / s), with the sensitivity s.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise on each number.
    epsilon : float
        The privacy loss that is exceeded with probability delta at most.
    sensitivity : float, default=1.0
        How far, in Euclidean distance, one user moves the numbers at most.

    Returns
    -------
    delta : float
        Between 0 and 1.

    See Also
    --------
    gaussian_sigma : The way back.

    References
    ----------
    B. Balle and Y.-X. Wang (2018). Improving the Gaussian mechanism for differential
    privacy: analytical calibration and optimal denoising. ICML. Theorem 8.

    Examples
    --------
    >>> from sklearn_metarec.privacy import gaussian_delta
    >>> print(f"{gaussian_delta(4.0, 1.0):.2e}")
    2.92e-06
    """
    shift, slope = sensitivity / (2 * sigma), epsilon * sigma / sensitivity
    # The difference of two nearly equal numbers: the second as a share of the first,
    # in logarithms, since exp(epsilon) alone overflows.
    first = special.log_ndtr(shift - slope)
    second = epsilon + special.log_ndtr(-shift - slope)
    return float(-np.exp(first) * np.expm1(min(second - first, 0.0)))


@validate_params(
    {"epsilon": _POSITIVE, "delta": _SHARE, "sensitivity": _POSITIVE},
    prefer_skip_nested_validation=True,
)
def gaussian_sigma(epsilon, delta, *, sensitivity=1.0):
    """Compute the least noise that is (epsilon, delta)-differentially private.

    The analytic calibration: the root of :func:`gaussian_delta` in sigma. The
    classical formula, sensitivity * sqrt(2 log(1.25 / delta)) / epsilon, gives more
    noise where it holds, and holds for epsilon below 1 only.

    Parameters
    ----------
    epsilon : float
        The privacy loss that is exceeded with probability delta at most.
    delta : float
        Well below one over the number of users: 1 / n would allow to publish a user
        drawn at random.
    sensitivity : float, default=1.0
        How far, in Euclidean distance, one user moves the numbers at most.

    Returns
    -------
    sigma : float
        Standard deviation of the noise on each number.

    See Also
    --------
    gaussian_delta : The way back.

    References
    ----------
    B. Balle and Y.-X. Wang (2018). Improving the Gaussian mechanism for differential
    privacy: analytical calibration and optimal denoising. ICML. Algorithm 1.

    Examples
    --------
    >>> from sklearn_metarec.privacy import gaussian_sigma
    >>> print(f"{gaussian_sigma(1.0, 1e-6):.3f}")
    4.225
    """

    def excess(log_sigma):
        reached = gaussian_delta(float(np.exp(log_sigma)), epsilon)
        # In logarithms too, where delta is far below what a difference can show.
        return np.log(max(reached, np.finfo(float).tiny)) - np.log(delta)

    low = high = 0.0
    while excess(low) < 0:
        low -= 1.0
    while excess(high) > 0:
        high += 1.0
    root = optimize.brentq(excess, low, high, xtol=1e-12) if low < high else low
    # On the safe side of rounding.
    return float(np.exp(root) * (1 + 1e-9) * sensitivity)


def gram_sensitivity(max_items):
    """Return how far one user moves what is released of a Gram matrix at most.

    The numbers released are those on and above the diagonal. A user with m items adds 1
    to m (m + 1) / 2 of them, so moves them by sqrt(m (m + 1) / 2).
    """
    return np.sqrt(max_items * (max_items + 1) / 2)


def uniform_source(random_state):
    """Return a function from a shape to uniform random numbers in (0, 1).

    Without a `random_state`, each bit comes from the operating system's generator,
    which is made for cryptography: there is no seed that could be guessed or kept.
    """
    if random_state is not None:
        return _open_uniform(check_random_state(random_state).bytes)
    return _open_uniform(os.urandom)


def _open_uniform(random_bytes):
    def draw(shape):
        bits = np.frombuffer(random_bytes(8 * int(np.prod(shape))), dtype="<u8")
        # The middles of 2^53 intervals: symmetric, never 0 or 1.
        return (((bits >> np.uint64(11)) + 0.5) * 2.0**-53).reshape(shape)

    return draw


def gaussian_noise(draw, shape, sigma):
    """Return Gaussian noise by the inverse of its distribution function."""
    return special.ndtri(draw(shape)) * sigma
