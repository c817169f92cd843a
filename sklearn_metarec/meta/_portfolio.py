"""The configurations that a selection tries, best first."""

from sklearn.model_selection import ParameterGrid

from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.factorization import (
    IALS,
    FMRegressor,
    MFRegressor,
    SVDppRegressor,
)
from sklearn_metarec.linear_model import EASE, BiasRegressor
from sklearn_metarec.neighbors import (
    ItemKNN,
    ItemKNNRegressor,
    UserKNN,
    UserKNNRegressor,
)

# The default, one for long histories in a small catalogue, and one for short histories.
_IALS_GRID = [
    {"regularization": [5.5], "alpha": [10.0]},
    {"regularization": [4.0], "alpha": [5.0]},
    {"regularization": [16.0], "alpha": [20.0]},
]


def default_candidates(task):
    """Return the candidates of a task as (name, estimator, parameter space).

    Ordered by hand, by how often a configuration wins on public data sets: a small
    budget tries the first ones only.

    Parameters
    ----------
    task : {"ranking", "rating"}
        What is to be predicted.

    Returns
    -------
    candidates : list of tuples
        Fresh estimators.
    """
    if task == "rating":
        return [
            ("mf", MFRegressor(), {}),
            ("bias", BiasRegressor(), {}),
        ]
    return [
        ("ease", EASE(), {"regularization": [200.0, 1000.0, 50.0]}),
        ("item_knn", ItemKNN(), {}),
        ("ials", IALS(), _IALS_GRID),
        ("user_knn", UserKNN(), {}),
        ("popularity", PopularityRecommender(), {}),
    ]


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
    meets them all.
    """
    grids = [
        [(name, estimator, params) for params in ParameterGrid(space or {})]
        for name, estimator, space in candidates
    ]
    longest = max(len(grid) for grid in grids)
    return [grid[i] for i in range(longest) for grid in grids if i < len(grid)]
