"""Further settings around the leaders of a race, proposed by a surrogate."""

import numpy as np
from scipy import stats
from scipy.stats import loguniform, uniform
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from sklearn_metarec.meta._knowledge import Configuration, family_weights

# What is worth trying of each model: wider than what was ever best on a data set.
SPACES = {
    "EASE": {"regularization": loguniform(5, 5000)},
    "SLIM": {
        "regularization": loguniform(5, 2000),
        "l1_regularization": loguniform(0.05, 20),
    },
    "IALS": {
        "regularization": loguniform(0.5, 60),
        "alpha": loguniform(1, 100),
        "n_factors": loguniform(16, 160),
    },
    "PureSVD": {"n_factors": loguniform(4, 256)},
    "BPR": {
        "regularization": loguniform(0.003, 0.2),
        "n_negatives": loguniform(1, 12),
    },
    "WARP": {
        "learning_rate": loguniform(0.01, 0.1),
        "n_negatives": loguniform(5, 100),
    },
    "ItemKNN": {
        "n_neighbors": loguniform(10, 500),
        "shrinkage": loguniform(1, 200),
        "asymmetry": uniform(0, 1),
    },
    "UserKNN": {
        "n_neighbors": loguniform(20, 1000),
        "shrinkage": loguniform(1, 100),
        "asymmetry": uniform(0, 1),
    },
    "RP3beta": {
        "n_neighbors": loguniform(20, 500),
        "exponent": uniform(0.2, 1.0),
        "beta": uniform(0, 0.8),
    },
    "FMRegressor": {"n_factors": loguniform(4, 32)},
    "SVDppRegressor": {
        "n_factors": loguniform(4, 64),
        "regularization": loguniform(0.4, 6),
        "implicit_regularization": loguniform(20, 500),
    },
    "MFRegressor": {
        "n_factors": loguniform(4, 64),
        "regularization": loguniform(0.4, 6),
    },
    "ItemKNNRegressor": {
        "n_neighbors": loguniform(20, 500),
        "shrinkage": loguniform(3, 300),
    },
    "UserKNNRegressor": {
        "n_neighbors": loguniform(20, 500),
        "shrinkage": loguniform(3, 300),
    },
    "BiasRegressor": {
        "user_regularization": loguniform(0.5, 50),
        "item_regularization": loguniform(0.5, 50),
    },
}
# Points at random, and near the best, at which the surrogate is asked.
_RANDOM, _NEAR = 256, 64
_NEARNESS = 0.1
# The surrogate's standard deviation, as a share of the best score, and how far, in the
# unit cube, one setting tells of another.
_SPREAD, _LENGTH = 0.05, 0.4
# The noise of a score measured here, and the least of one carried over from other data
# sets, as shares of the best score.
_NOISE, _CARRIED_NOISE = 0.003, 0.02


def coordinates(space, params):
    """Return where settings lie in the unit cube.

    Parameters
    ----------
    space : dict of str to scipy.stats distribution
        What may be set.
    params : dict
        All parameters of an estimator.

    Returns
    -------
    point : ndarray of shape (n_parameters,)
        Each by its distribution function.
    """
    return np.array([float(law.cdf(params[name])) for name, law in space.items()])


def settings(space, point, params):
    """Return the settings of a point of the unit cube; integers stay such.

    Parameters
    ----------
    space : dict of str to scipy.stats distribution
        What may be set.
    point : ndarray of shape (n_parameters,)
        In the unit cube.
    params : dict
        All parameters of an estimator, for their types.

    Returns
    -------
    chosen : dict
        The parameters of the space, floats with three digits.
    """
    chosen = {}
    for (name, law), place in zip(space.items(), point, strict=True):
        value = float(law.ppf(place))
        whole = isinstance(params[name], int | np.integer)
        chosen[name] = round(value) if whole else float(f"{value:.3g}")
    return chosen


def propose(leader, tried, known, n, rng):
    """Propose settings of a model that may be better than those tried.

    The surrogate is a Gaussian process on the unit cube of the settings. What is known
    from other data sets enters as further, noisy observations: the relative scores of
    the model's settings there, carried over by the ratio to one that was tried here.

    Parameters
    ----------
    leader : Record
        The best of its model so far, with a space.
    tried : list of Record
        All that were measured of the model.
    known : sequence of Experience
        Of other data sets.
    n : int
        How many to propose.
    rng : RandomState
        Draws the points that are looked at.

    Returns
    -------
    proposals : list of dict
        Settings, the most promising first.
    """
    space, params = leader.space, leader.estimator.get_params()
    scale = max(abs(leader.score), 1e-12)
    points = [coordinates(space, r.estimator.get_params()) for r in tried]
    scores = [r.score / scale for r in tried]
    noise = [_NOISE] * len(tried)
    for point, score, error in _carried(leader, tried, known):
        points.append(point)
        scores.append(score)
        noise.append(error)
    proposals: list[dict] = []
    for _ in range(n):
        model = _surrogate(np.array(points), np.array(scores), np.array(noise))
        best = np.array(points)[np.argmax(scores)]
        asked = np.concatenate(
            [
                rng.uniform(size=(_RANDOM, len(best))),
                best + _NEARNESS * rng.normal(size=(_NEAR, len(best))),
            ]
        ).clip(0.001, 0.999)
        mean, spread = model.predict(asked, return_std=True)
        gain = _expected_gain(mean + min(scores), spread, max(scores))
        chosen = asked[np.argmax(gain)]
        proposals.append(settings(space, chosen, params))
        # The next one takes this one's prediction for its result.
        points.append(chosen)
        scores.append(float(model.predict(chosen[None])[0]) + min(scores))
        noise.append(_NOISE)
    return proposals


def _expected_gain(mean, spread, best):
    spread = np.maximum(spread, 1e-9)
    z = (mean - best) / spread
    return (mean - best) * stats.norm.cdf(z) + spread * stats.norm.pdf(z)


def _surrogate(points, scores, noise):
    # Nothing is fitted to so few points. Far from all of them the level is that of the
    # worst: leaders are tuned, not explored.
    kernel = ConstantKernel(_SPREAD**2) * Matern(_LENGTH, nu=2.5)
    model = GaussianProcessRegressor(kernel, alpha=noise**2, optimizer=None)
    model.fit(points, scores - scores.min())
    return model


def _carried(leader, tried, known):
    """Yield (point, relative score, its noise) of settings on other data sets."""
    model = type(leader.estimator).__name__
    there = list(dict.fromkeys(c for e in known for c in e.scores if c.model == model))
    here = {Configuration.of(r.estimator, r.params): r for r in tried}
    anchor = next((c for c in there if c in here), None)
    if anchor is None or not np.isfinite(leader.score) or leader.score == 0:
        return
    with_anchor = [e for e in known if e.scores.get(anchor, 0) > 0]
    weights = family_weights(with_anchor)
    ratios = np.array(
        [[e.scores.get(c, 0) / e.scores[anchor] for c in there] for e in with_anchor]
    )
    means = weights @ ratios
    errors = np.sqrt(weights @ (ratios - means) ** 2) + _CARRIED_NOISE
    reached = here[anchor].score / abs(leader.score)
    for configuration, mean, error in zip(there, means, errors, strict=True):
        if configuration in here or not set(dict(configuration.params)) <= set(
            leader.space
        ):
            continue
        params = type(leader.estimator)(**dict(configuration.params)).get_params()
        # Scores below zero are errors: what is better by a ratio is nearer to zero.
        score = reached * mean if reached > 0 else reached / mean
        yield coordinates(leader.space, params), score, error
