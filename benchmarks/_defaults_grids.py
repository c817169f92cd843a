"""What the defaults were compared with: for each model its settings and data sets.

A grid is that of scikit-learn's ParameterGrid, a list of crosses; what a cross does not
name has its default. The default itself is always measured, whether it is named or not.
"""

from typing import NamedTuple

from sklearn_metarec import (
    BPR,
    EASE,
    IALS,
    SLIM,
    WARP,
    BiasRegressor,
    FMRegressor,
    ItemKNN,
    ItemKNNRegressor,
    MFRegressor,
    PureSVD,
    RP3beta,
    SVDppRegressor,
    UserKNN,
    UserKNNRegressor,
)

FEEDBACK = [
    "movielens_100k", "movielens_latest_small", "movietweetings_100k",
    "lastfm_hetrec2011", "online_retail", "ifdb_played", "msweb",
]  # fmt: skip
# Pairwise training takes its time: a larger one, and not those of short histories.
PAIRWISE = [
    "movielens_100k", "movielens_1m", "movielens_latest_small", "movietweetings_100k",
    "lastfm_hetrec2011", "ifdb_played",
]  # fmt: skip
RATINGS = [
    "movielens_100k", "movielens_latest_small", "movietweetings_100k", "movielens_1m",
    "jester_1",
]  # fmt: skip
# Of the large tables of ratings, those of so many users at random are enough.
RATING_USERS = {"movielens_1m": 1000, "jester_1": 1000}


class Search(NamedTuple):
    """A model, its grid, the data sets, and the splits of each."""

    model: type
    grid: list
    data: list
    n_splits: int


_RATING_NEIGHBORS = [
    {
        "n_neighbors": [100, 300],
        "shrinkage": [10.0, 30.0, 100.0],
        "amplification": [1.0, 1.5, 2.0],
        "damping": [0.03, 0.1],
    },
    {"n_neighbors": [600]},
    {"positive_only": [False, True]},
    {"user_regularization": [10.0], "item_regularization": [5.0]},
    {
        "similarity": ["pearson_baseline"],
        "shrinkage": [30.0, 100.0],
        "amplification": [1.5, 2.0],
        "damping": [0.03, 0.1],
    },
]

_RANKERS = {
    IALS: [
        {"alpha": [5.0, 10.0, 20.0], "regularization": [2.0, 4.0, 5.5, 8.0, 12.0]},
        {"n_factors": [16, 32, 128, 256]},
        # The penalty of a row of average length is about the same.
        {"scale_regularization": [0.0], "regularization": [30.0, 60.0, 120.0]},
        {"scale_regularization": [0.25], "regularization": [18.0]},
        {"scale_regularization": [0.75], "regularization": [1.7]},
        {"scale_regularization": [1.0], "regularization": [0.25, 0.5, 1.0]},
        {"weighting": ["log", "tfidf", "bm25", None]},
        {"max_iter": [5, 10, 30]},
    ],
    PureSVD: [
        {
            "weighting": ["binary", "tfidf", "bm25"],
            "n_factors": [6, 8, 10, 12, 16, 24, 32],
        }
    ],
    ItemKNN: [
        {
            "weighting": ["binary", "tfidf"],
            "n_neighbors": [20, 50, 100, 200],
            "shrinkage": [0.0, 5.0, 10.0, 20.0, 50.0],
            "asymmetry": [0.0, 0.25, 0.5, 0.75],
        },
        {"weighting": ["bm25"], "n_neighbors": [50, 100], "shrinkage": [0.0, 10.0]},
        {
            "similarity": ["jaccard"],
            "n_neighbors": [20, 50, 100],
            "shrinkage": [0.0, 10.0, 50.0],
        },
    ],
    UserKNN: [
        {
            "weighting": ["binary", "tfidf", "bm25"],
            "n_neighbors": [20, 50, 100, 200, 400],
            "shrinkage": [0.0, 2.0, 5.0, 10.0],
            "asymmetry": [0.0, 0.25, 0.5, 0.75],
        },
        {
            "similarity": ["jaccard"],
            "n_neighbors": [50, 100, 200],
            "shrinkage": [0.0, 5.0, 20.0],
        },
    ],
    RP3beta: [
        {
            "n_neighbors": [50, 100, 200],
            "exponent": [0.4, 0.5, 0.6, 0.7, 0.8],
            "beta": [0.2, 0.3, 0.4],
        },
        {"exponent": [1.0], "beta": [0.0, 0.3, 0.6]},
    ],
}
_SLOW_RANKERS = {
    EASE: [
        {"regularization": [20.0, 50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0]},
        {"weighting": ["tfidf"], "regularization": [1000.0, 3000.0]},
        {"weighting": ["bm25"], "regularization": [500.0, 1500.0]},
        {"weighting": [None]},
    ],
    SLIM: [
        {"regularization": [25.0, 50.0, 200.0, 400.0]},
        {"l1_regularization": [2.0, 5.0]},
        {"regularization": [200.0], "l1_regularization": [2.0]},
        {
            "positive": [False],
            "regularization": [200.0],
            "l1_regularization": [2.0],
        },
    ],
}
_PAIRWISE = {
    BPR: [
        {"sampling": ["uniform"]},
        {"n_negatives": [3, 8]},
        {"regularization": [0.02, 0.05, 0.08]},
        {"bias_regularization": [0.02, 0.1]},
        {"learning_rate": [0.1]},
        {"optimizer": ["sgd"], "learning_rate": [0.05]},
        {"max_iter": [30]},
    ],
    WARP: [
        {"n_negatives": [15, 60]},
        {"regularization": [0.003, 0.03]},
        {"bias_regularization": [0.02, 0.1]},
        {"learning_rate": [0.05]},
        {"optimizer": ["sgd"], "learning_rate": [0.01]},
        {"margin": [2.0]},
        {"max_iter": [30]},
    ],
}
_RATING_MODELS = {
    BiasRegressor: [
        {
            "user_regularization": [1.0, 2.0, 5.0, 10.0, 20.0],
            "item_regularization": [0.5, 1.0, 2.0, 5.0, 10.0],
        },
    ],
    MFRegressor: [
        {"n_factors": [5, 10, 20], "regularization": [0.8, 1.0, 1.2, 1.5, 2.0]},
        {"n_factors": [40]},
        # The penalty of a row of average length is about the same.
        {"scale_regularization": [0.0], "regularization": [6.0, 12.0, 24.0]},
        {"scale_regularization": [0.25], "regularization": [3.8]},
        {"scale_regularization": [0.75], "regularization": [0.4]},
        {"scale_regularization": [1.0], "regularization": [0.06, 0.12, 0.24]},
        {"bias_regularization": [0.5, 1.0, 4.0, 8.0]},
        {"max_iter": [3, 5, 10, 15]},
    ],
    SVDppRegressor: [
        {"n_factors": [5, 20]},
        {"regularization": [0.8, 1.0, 1.5, 2.0]},
        {"implicit_regularization": [40.0, 60.0, 100.0, 160.0]},
        {"scale_regularization": [0.25], "regularization": [3.8]},
        {"scale_regularization": [0.75], "regularization": [0.4]},
        {"bias_regularization": [1.0, 4.0]},
        {"max_iter": [5, 7, 15]},
    ],
    FMRegressor: [
        {"n_factors": [5, 20]},
        {"implicit": ["user", "item", None]},
        {"max_iter": [100]},
    ],
    ItemKNNRegressor: _RATING_NEIGHBORS,
    UserKNNRegressor: _RATING_NEIGHBORS,
}

SEARCHES = {
    model.__name__: Search(model, grid, data, n_splits)
    for grids, data, n_splits in [
        (_RANKERS, FEEDBACK, 2), (_SLOW_RANKERS, FEEDBACK, 1),
        (_PAIRWISE, PAIRWISE, 1), (_RATING_MODELS, RATINGS, 1),
    ]
    for model, grid in grids.items()
}  # fmt: skip
