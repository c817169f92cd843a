"""Ordered levels: the kernels against SciPy, the cut points, the expected level."""

import numpy as np
import pytest
from scipy.special import log_ndtr, ndtr
from scipy.stats import kstest, truncnorm

from sklearn_metarec._kernels import probit
from sklearn_metarec.factorization._probit import LevelScorer, OrderedProbit

CUTS = np.array([-np.inf, -1.2, 0.3, 0.9, np.inf])


@pytest.mark.parametrize("f", [-7.0, -1.0, 0.2, 3.0, 12.0])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_latent_variables_are_truncated_normal(level, f):
    n = 4000
    uniform = np.random.default_rng(0).random(n)
    predicted, levels = np.full(n, f), np.full(n, level, dtype=np.int32)
    drawn, expected = np.empty(n), np.empty(n)
    args = predicted, levels
    probit.draw_latent(0, n, *args, np.ones(n), CUTS, uniform, drawn)
    truth = truncnorm(CUTS[level] - f, CUTS[level + 1] - f, loc=f)
    assert kstest(drawn, truth.cdf).pvalue > 0.001
    probit.expect_latent(0, n, *args, CUTS, expected)
    np.testing.assert_allclose(expected, truth.mean(), rtol=1e-6)
    # The mean of nine of them, each with weight one.
    probit.draw_latent(0, n, *args, np.full(n, 9.0), CUTS, uniform, drawn)
    assert drawn.mean() == pytest.approx(truth.mean(), abs=5 * truth.std() / 3 / 60)
    assert drawn.std() == pytest.approx(truth.std() / 3, rel=0.06)


def test_levels_that_cannot_be_stay_finite():
    f = np.array([-60.0, 60.0, 45.0, -45.0])
    level = np.array([3, 0, 1, 2], dtype=np.int32)
    drawn, expected = np.empty(4), np.empty(4)
    probit.draw_latent(0, 4, f, level, np.ones(4), CUTS, np.full(4, 0.5), drawn)
    probit.expect_latent(0, 4, f, level, CUTS, expected)
    assert np.isfinite(drawn).all()
    assert np.isfinite(expected).all()


@pytest.fixture
def likelihood():
    rng = np.random.default_rng(3)
    y = rng.choice([1.0, 2.0, 4.0, 5.0], 500, p=[0.1, 0.2, 0.3, 0.4])
    return OrderedProbit(y, rng.integers(1, 3, 500).astype(float))


def log_likelihood(likelihood, predicted, inner):
    cuts = np.concatenate(([-np.inf], inner, [np.inf]))
    high = ndtr(cuts[likelihood.level + 1] - predicted)
    low = ndtr(cuts[likelihood.level] - predicted)
    return likelihood.weights @ np.log(high - low)


def test_the_proposal_is_a_newton_step(likelihood):
    predicted = np.random.default_rng(4).normal(0, 0.5, 500)
    inner = np.array([-1.4, -0.5, 0.4])

    def value(x):
        return log_likelihood(likelihood, predicted, x)

    steps = 1e-4 * np.eye(3)
    slope = [(value(inner + s) - value(inner - s)) / 2e-4 for s in steps]
    curved = [
        [
            (value(inner + s + t) - value(inner + s - t) - value(inner - s + t)
             + value(inner - s - t)) / 4e-8
            for s in steps
        ]
        for t in steps
    ]  # fmt: skip
    found, mean, root = likelihood._normal_at(inner, predicted, None)
    assert found == pytest.approx(value(inner))
    np.testing.assert_allclose(root @ root.T, -np.array(curved), rtol=1e-3, atol=0.05)
    np.testing.assert_allclose(mean, inner - np.linalg.solve(curved, slope), rtol=1e-3)


def test_cut_points_have_their_posterior(likelihood):
    """Against self-normalized importance sampling around the mode."""
    rng = np.random.default_rng(5)
    predicted = rng.normal(0, 0.5, 500)
    draws = []
    for _ in range(4000):
        likelihood.draw(predicted, rng, None)
        draws.append(likelihood.cuts[1:-1].copy())
        assert (np.diff(draws[-1]) > 0).all()
    mode = likelihood.cuts[1:-1]
    for _ in range(20):
        _, mode, root = likelihood._normal_at(mode, predicted, None)
    z = rng.standard_normal((4000, 3))
    tries = mode + 1.3 * np.linalg.solve(root.T, z.T).T
    weight = np.array([log_likelihood(likelihood, predicted, c) for c in tries])
    weight = np.exp(weight - weight.max() + (z**2).sum(axis=1) / 2)
    mean = np.average(tries, axis=0, weights=weight)
    std = np.sqrt(np.average((tries - mean) ** 2, axis=0, weights=weight))
    found = np.array(draws[100:])
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.15 * std.max())
    np.testing.assert_allclose(found.std(axis=0), std, rtol=0.1)


def test_one_level_needs_no_cut_point():
    likelihood = OrderedProbit(np.full(5, 3.0), np.ones(5))
    likelihood.draw(np.zeros(5), np.random.default_rng(0), None)
    assert likelihood.cuts.tolist() == [-np.inf, np.inf]
    assert np.isfinite(likelihood.target).all()


def test_the_expected_level():
    rng = np.random.default_rng(6)
    n_draws, n_factors = 7, 2
    offsets = rng.normal(size=(4, n_draws)).astype(np.float32)
    factors = rng.normal(size=(4, n_draws * n_factors)).astype(np.float32)
    levels = np.array([1.0, 2.0, 4.0, 5.0])
    cuts = np.sort(rng.normal(size=(n_draws, 3)), axis=1)
    scorer = LevelScorer(offsets[:3], factors[:3], levels, cuts)
    scorer = scorer.of_users(offsets, factors)
    users, cols = np.array([0, 1, 3, 2]), np.array([2, 0, 1, -1])
    found = scorer.pairs(users.astype(np.int32), cols.astype(np.int32))
    for user, col, score in zip(users, cols, found, strict=True):
        total = 0.0
        for s in range(n_draws):
            f = offsets[user, s]
            if col >= 0:
                part = slice(s * n_factors, (s + 1) * n_factors)
                f = f + offsets[col, s] + factors[user, part] @ factors[col, part]
            above = np.exp(log_ndtr(f - cuts[s]))
            total += 1 + above @ [1.0, 2.0, 1.0]
        assert score == pytest.approx(total / n_draws, abs=2e-4)
    block = np.empty((2, 3), dtype=np.float32)
    scorer.block(1, 3, block)
    rows, columns = np.repeat([1, 2], 3), np.tile([0, 1, 2], 2)
    pairs = scorer.pairs(rows.astype(np.int32), columns.astype(np.int32))
    np.testing.assert_array_equal(block.ravel(), pairs)
