"""The configurations that a selection tries, best first."""

import re

from sklearn.model_selection import ParameterGrid

from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.factorization import FMRegressor, MFRegressor, SVDppRegressor
from sklearn_metarec.linear_model import BiasRegressor
from sklearn_metarec.meta._knowledge import (
    experiences,
    portfolio,
    portfolio_for,
    predict_seconds,
)
from sklearn_metarec.neighbors import ItemKNNRegressor, UserKNNRegressor

# How many configurations come first, each of another model
# (benchmarks/learn_portfolio.py).
_LENGTH = 6
# The seconds of one core that further ones are thought to take at most: on small
# tables a comparison of everything costs next to nothing.
_SECONDS = 10.0
# And what share of the seconds there are.
_SHARE = 0.25


def default_candidates(task, known=None, features=None, seconds=None):
    """Return what is tried by default as (name, estimator, parameters).

    They are ordered by what is known of other data sets: each next one adds most to
    those before it. Other settings of the same models follow, as many as the table
    makes cheap. Popularity, or of rating models the biases, are always there: they
    cost nothing, and may be best for users of whom little is known.

    Parameters
    ----------
    task : {"ranking", "rating"}
        What is to be predicted.
    known : sequence of Experience, default=None
        What other data sets taught; by default what ships with the package.
    features : dict of str to float, default=None
        Meta-features of the table: what is known of its like counts more, where that
        has been shown to help.
    seconds : float, default=None
        What the selection may take.

    Returns
    -------
    candidates : list of tuples
        Fresh estimators, with the parameters set.
    """
    known = experiences(task) if known is None else known
    if features is None:
        order = portfolio(known, _LENGTH, per_model=1)
    else:
        order = portfolio_for(features, known, _LENGTH, per_model=1)
        order += _cheap(order, known, features, seconds)
    made = [(c.make(), dict(c.params)) for c in order]
    floor = PopularityRecommender() if task == "ranking" else BiasRegressor()
    if not any(type(model) is type(floor) for model, _ in made):
        made.append((floor, {}))
    return [(_name(model), model, params) for model, params in made]


def _cheap(order, known, features, seconds):
    """Return what may be tried beside the first ones for a few seconds more."""
    left = _SECONDS if seconds is None else min(_SECONDS, _SHARE * seconds)
    further = []
    for configuration in portfolio(known):
        cost = predict_seconds(known, configuration, features)
        if configuration not in order and cost is not None and cost <= left:
            further.append(configuration)
            left -= cost
    return further


def _name(model):
    """Return a short name of a model: "item_knn" of an `ItemKNN`."""
    name = re.sub("(Recommender|Regressor)$", "", type(model).__name__)
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def default_members():
    """Return the members of a stack as (name, estimator): models of different kinds."""
    return [
        ("fm", FMRegressor()),
        ("svdpp", SVDppRegressor()),
        ("mf", MFRegressor()),
        ("item_knn", ItemKNNRegressor()),
        ("user_knn", UserKNNRegressor()),
    ]


def expand(candidates):
    """Return all configurations: (name, estimator, params), in order of promise.

    The first of every candidate come before the second of any, so that a small budget
    meets them all. Distributions are left to tuning.
    """
    grids = [
        [
            (name, estimator, params)
            for params in ParameterGrid(_divided(space or {})[0])
        ]
        for name, estimator, space in candidates
    ]
    longest = max(len(grid) for grid in grids)
    return [grid[i] for i in range(longest) for grid in grids if i < len(grid)]


def spaces(candidates):
    """Return the distributions of each candidate's parameters, by its name."""
    return {name: _divided(space or {})[1] for name, _, space in candidates}


def _divided(space):
    """Return (the parameters with lists of values, those with distributions)."""
    if not isinstance(space, dict):
        return space, {}
    laws = {name: law for name, law in space.items() if hasattr(law, "ppf")}
    return {name: v for name, v in space.items() if name not in laws}, laws
