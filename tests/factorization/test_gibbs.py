"""The sampler: against dense algebra, against its own definition, and its moments."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec.factorization import _gibbs
from sklearn_metarec.factorization._gibbs import Block, Chain, Gaussian, draw_prior

N_FACTORS = 3
N = 1 + N_FACTORS


class Silent:
    """A generator that draws nothing but zeros: every draw is an expectation."""

    def standard_normal(self, shape):
        return np.zeros(shape)


@pytest.fixture
def chain():
    """Four blocks: groups of features, some multi-hot; the last has nothing else."""
    rng = np.random.default_rng(0)
    sizes, n = (6, 5, 3, 8), 60
    codes = [rng.integers(0, size, n).astype(np.int32) for size in sizes]
    sets = sparse.csc_array(rng.random((6, 4)) * (rng.random((6, 4)) < 0.6))
    side = sparse.csc_array(np.eye(2)[[0, 1, 0, 0, 1, 1]])
    blocks = [
        Block(codes[0], 6, [sets, side]),
        Block(codes[1], 5, [sparse.csc_array(rng.random((5, 2)))]),
        Block(codes[2], 3),
        Block(codes[3], 8, [sparse.csc_array(rng.normal(size=(8, 3)))], own=False),
    ]
    likelihood = Gaussian(rng.normal(3, 2, n), rng.integers(1, 4, n).astype(float))
    likelihood.precision = 2.5
    chain = Chain(blocks, likelihood, N_FACTORS, rng, 1)
    for groups in chain.parameters:
        for theta in groups:
            theta[:] = rng.normal(0, 0.7, theta.shape)
    chain.refresh()
    return chain


@pytest.fixture
def priors(monkeypatch):
    """A fixed prior for every group, in place of drawn ones."""
    mean, precision = np.linspace(-0.5, 0.8, N), np.linspace(0.6, 3, N)
    monkeypatch.setattr(_gibbs, "draw_prior", lambda theta, rng: (mean, precision))
    return mean, precision


def multiplied_out(chain, k):
    """Return the features of block k for every row of the data, dense."""
    block = chain.blocks[k]
    own = [np.eye(block.n_rows)] if block.own else []
    return np.hstack([*own, *(f.toarray() for f in block.features)])[block.codes]


def combined(sides):
    """Return (the scores of vectors (w, v) together, the sums of the v)."""
    total, squares = sum(sides), sum(side[:, 1:] ** 2 for side in sides)
    return total[:, 0] + (total[:, 1:] ** 2 - squares).sum(axis=1) / 2, total[:, 1:]


def dense_predictions(chain):
    """Return what the model says of every row, without blocks or sums."""
    sides = []
    for k, groups in enumerate(chain.parameters):
        sides.append(multiplied_out(chain, k) @ np.vstack(groups))
    return combined(sides)[0]


def dense_posterior(chain, k, prior):
    """Return (mean, covariance) of the block's parameters given all others."""
    others = [
        multiplied_out(chain, other) @ np.vstack(chain.parameters[other])
        for other in range(len(chain.blocks))
        if other != k
    ]
    rest, z = combined(others)
    z = np.column_stack([np.ones(len(z)), z])
    x = multiplied_out(chain, k)
    design = (x[:, :, None] * z[:, None, :]).reshape(len(x), -1)
    weight = chain.likelihood.precision * chain.likelihood.weights
    mean, precision = (np.tile(part, x.shape[1]) for part in prior)
    system = (design.T * weight) @ design + np.diag(precision)
    above = chain.likelihood.target - rest
    right = design.T @ (weight * above) + precision * mean
    covariance = np.linalg.inv(system)
    return (covariance @ right).reshape(-1, N), covariance


def test_predictions_are_those_of_the_multiplied_out_design(chain):
    np.testing.assert_allclose(chain.predictions(), dense_predictions(chain), 1e-10)
    for _ in range(5):
        chain.step()
    expected = dense_predictions(chain)
    np.testing.assert_allclose(chain.predictions(), expected, rtol=1e-9, atol=1e-10)
    codes = chain._codes[::-3]
    np.testing.assert_allclose(chain.predictions(codes), expected[::-3], 1e-9, 1e-10)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_without_noise_a_block_converges_to_bayesian_ridge(chain, priors, k):
    expected, _ = dense_posterior(chain, k, priors)
    chain.rng = Silent()
    for _ in range(3000):
        chain._draw_block(k)
    found = np.vstack(chain.parameters[k])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    assert np.abs(expected).max() > 0.5


def test_one_draw_of_a_block_without_features_is_exact(chain, priors):
    expected, _ = dense_posterior(chain, 2, priors)
    chain.rng = Silent()
    chain._draw_block(2)
    np.testing.assert_allclose(chain.parameters[2][0], expected, rtol=1e-9)


@pytest.mark.parametrize("k", [0, 2, 3])
def test_draws_have_the_mean_and_covariance_of_the_posterior(chain, priors, k):
    mean, covariance = dense_posterior(chain, k, priors)
    draws = []
    for _ in range(6000):
        chain._draw_block(k)
        draws.append(np.vstack(chain.parameters[k]).ravel())
    draws = np.array(draws[200:])
    std = np.sqrt(np.diag(covariance))
    assert np.abs((draws.mean(axis=0) - mean.ravel()) / std).max() < 0.2
    found = np.cov(draws.T) / np.outer(std, std)
    assert np.abs(found - covariance / np.outer(std, std)).max() < 0.2


def test_hyperparameters_have_their_posterior():
    rng = np.random.default_rng(1)
    theta = rng.normal(2, 0.5, (7, 2))
    draws = [draw_prior(theta, rng) for _ in range(20_000)]
    means, precisions = (np.array(part) for part in zip(*draws, strict=True))
    # Murphy (2007), Conjugate Bayesian analysis of the Gaussian, equations 86 to 90,
    # with mu_0 = 0, kappa_0 = 1, alpha_0 = beta_0 = 1/2.
    average = theta.mean(axis=0)
    spread = ((theta - average) ** 2).sum(axis=0)
    rate = 0.5 + spread / 2 + 7 * average**2 / (2 * 8)
    np.testing.assert_allclose(precisions.mean(axis=0), 4 / rate, rtol=0.03)
    np.testing.assert_allclose(means.mean(axis=0), 7 * average / 8, rtol=0.01)
    np.testing.assert_allclose(means.var(axis=0), rate / (3 * 8), rtol=0.06)


def test_the_constant_and_the_precision_have_their_posterior():
    rng = np.random.default_rng(2)
    weights = rng.integers(1, 4, 40).astype(float)
    y = 7 + rng.normal(0, 3, 40) / np.sqrt(weights)
    likelihood = Gaussian(y, weights)
    constants, precisions = [], []
    for _ in range(20_000):
        likelihood.draw(np.zeros(40), rng, None)
        constants.append(likelihood.constant)
        precisions.append(likelihood.precision)
    standardized = (y - likelihood.location) / likelihood.scale
    rate = (1 + weights @ standardized**2) / 2
    # The constant integrated out, one degree of freedom is gone.
    assert np.mean(precisions) == pytest.approx(20 / rate, rel=0.02)
    assert np.mean(constants) == pytest.approx(0, abs=0.01)


def test_more_features_than_are_drawn_at_once(chain, priors, monkeypatch):
    chain.rng = Silent()
    theta = [group.copy() for group in chain.parameters[0]]
    chain._draw_block(0)
    expected = chain.parameters[0]
    monkeypatch.setattr(_gibbs, "_FEATURES_AT_ONCE", 3)
    chain.parameters[0] = theta
    chain.refresh()
    chain._draw_block(0)
    for found, wanted in zip(chain.parameters[0], expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_more_rows_than_are_gathered_at_once(chain, priors, monkeypatch):
    chain.rng = Silent()
    theta = [group.copy() for group in chain.parameters[0]]
    chain._draw_block(0)
    expected = chain.parameters[0]
    monkeypatch.setattr(_gibbs, "_DATA_ROWS_AT_ONCE", 4)
    chain.parameters[0] = theta
    chain.refresh()
    chain._draw_block(0)
    for found, wanted in zip(chain.parameters[0], expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-8)
