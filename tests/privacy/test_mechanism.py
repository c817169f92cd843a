"""The accounting, against formulas worked out another way, and the noise."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from scipy import integrate, stats

from sklearn_metarec.privacy import gaussian_delta, gaussian_sigma
from sklearn_metarec.privacy._mechanism import (
    gaussian_noise,
    gram_sensitivity,
    uniform_source,
)

GRID = [
    (epsilon, delta)
    for epsilon in (0.01, 0.1, 0.5, 1.0, 4.0, 16.0, 100.0)
    for delta in (0.1, 1e-3, 1e-6, 1e-12)
]


def precise_delta(sigma, epsilon):
    """Phi(1 / 2s - es) - exp(e) Phi(-1 / 2s - es) in 60 digits."""
    getcontext().prec = 60
    sigma, epsilon = Decimal(sigma), Decimal(epsilon)
    shift, slope = 1 / (2 * sigma), epsilon * sigma
    return _upper_tail(slope - shift) - epsilon.exp() * _upper_tail(slope + shift)


def _upper_tail(x):
    """1 - Phi(x) by the series of Phi around 0, which converges for all x."""
    term = total = x
    n = 1
    while abs(term) > Decimal("1e-70"):
        term *= x * x / (2 * n + 1)
        total += term
        n += 1
    pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
    return Decimal("0.5") - total * (-x * x / 2).exp() / (2 * pi).sqrt()


@pytest.mark.parametrize(("epsilon", "delta"), GRID[:24])
def test_delta_is_that_of_sixty_digits(epsilon, delta):
    sigma = gaussian_sigma(epsilon, delta)
    np.testing.assert_allclose(
        gaussian_delta(sigma, epsilon), float(precise_delta(sigma, epsilon)), rtol=1e-7
    )


@pytest.mark.parametrize(("epsilon", "delta"), GRID)
def test_sigma_is_the_least(epsilon, delta):
    sigma = gaussian_sigma(epsilon, delta)
    reached = gaussian_delta(sigma, epsilon)
    assert reached <= delta
    np.testing.assert_allclose(reached, delta, rtol=1e-5)
    assert gaussian_delta(sigma * (1 - 1e-5), epsilon) > delta


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 3.0])
def test_delta_is_the_largest_difference_of_two_densities(epsilon):
    """By its definition: the integral of the positive part of p - exp(epsilon) q."""
    sigma = 1.7
    with_user, without = stats.norm(1.0, sigma).pdf, stats.norm(0.0, sigma).pdf

    def excess(x):
        return max(with_user(x) - np.exp(epsilon) * without(x), 0.0)

    start = epsilon * sigma**2 + 0.5  # from where on it is above 0
    integral, _ = integrate.quad(excess, start, start + 12 * sigma, epsabs=1e-14)
    np.testing.assert_allclose(gaussian_delta(sigma, epsilon), integral, rtol=1e-8)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("delta", [1e-3, 1e-6])
def test_less_noise_than_the_classical_formula(epsilon, delta):
    classical = np.sqrt(2 * np.log(1.25 / delta)) / epsilon
    sigma = gaussian_sigma(epsilon, delta)
    assert 0.3 * classical < sigma < 0.95 * classical
    assert gaussian_delta(classical, epsilon) < delta


def test_the_classical_formula_does_not_hold_far_above_one():
    epsilon, delta = 30.0, 1e-6
    classical = np.sqrt(2 * np.log(1.25 / delta)) / epsilon
    assert gaussian_delta(classical, epsilon) > delta
    assert gaussian_sigma(epsilon, delta) > classical


def test_noise_grows_with_the_sensitivity():
    assert gaussian_sigma(1.0, 1e-6, sensitivity=3.0) == pytest.approx(
        3 * gaussian_sigma(1.0, 1e-6), rel=1e-12
    )
    assert gaussian_delta(6.0, 1.0, sensitivity=3.0) == pytest.approx(
        gaussian_delta(2.0, 1.0), rel=1e-12
    )


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0, 1e-6), (-1, 1e-6), (1, 0), (1, 1), ("1", 1e-6)]
)
def test_wrong_parameters_are_named(epsilon, delta):
    with pytest.raises(ValueError, match=r"epsilon|delta"):
        gaussian_sigma(epsilon, delta)


def test_the_sensitivity_is_that_of_the_upper_triangle():
    for n in range(1, 9):
        row = np.ones(n)
        changed = np.triu(np.outer(row, row))
        assert gram_sensitivity(n) == pytest.approx(np.linalg.norm(changed))


def test_noise_is_gaussian():
    noise = gaussian_noise(uniform_source(0), (200, 500), 3.0)
    assert stats.kstest(noise.ravel() / 3.0, "norm").pvalue > 0.01
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.02


def test_noise_without_a_seed_comes_from_the_system(monkeypatch):
    asked = []

    def zeros(n_bytes):
        asked.append(n_bytes)
        return bytes(n_bytes)

    monkeypatch.setattr("os.urandom", zeros)
    draw = uniform_source(None)
    np.testing.assert_array_equal(draw((2, 3)), np.full((2, 3), 2.0**-54))
    assert asked == [48]  # all of the bits, not a seed


def test_a_seed_repeats_and_the_system_does_not():
    one, two = (uniform_source(7)((50,)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    one, two = (uniform_source(None)((50,)) for _ in range(2))
    assert (one != two).all()
    assert ((one > 0) & (one < 1)).all()
