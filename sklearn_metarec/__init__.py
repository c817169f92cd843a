"""Recommenders for scikit-learn, and a selector that picks the right one.

A table with one row an interaction goes in, and ranked lists come out:

>>> from sklearn_metarec import EASE
>>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
...      ["eva", "tea"]]
>>> items, scores = EASE(regularization=1.0).fit(X).recommend(["eva"], k=1)
>>> items.tolist()
[['milk']]

On a command line, `python -m sklearn_metarec` shows what it does with bundled data.
Names are loaded on first use, so that importing the package costs little.
"""

from importlib import import_module

__version__ = "0.1.0"

# Every public name and the module that defines it.
_NAMES = {
    "BPR": "factorization",
    "BiasRegressor": "linear_model",
    "Blend": "ensemble",
    "CalibratedReranker": "reranking",
    "ContentRanker": "linear_model",
    "ContentRegressor": "linear_model",
    "EASE": "linear_model",
    "FMRanker": "factorization",
    "FMRegressor": "factorization",
    "Fallback": "ensemble",
    "IALS": "factorization",
    "ItemKNN": "neighbors",
    "ItemKNNRegressor": "neighbors",
    "KerasBuilderRegressor": "neural",
    "MFRegressor": "factorization",
    "MMRReranker": "reranking",
    "MetaRegressor": "meta",
    "MetaRidgeRegressor": "meta",
    "MetaSelector": "meta",
    "MultVAE": "neural",
    "NeuMF": "neural",
    "NeuralRegressor": "neural",
    "PopularityRecommender": "dummy",
    "PrivateEASE": "privacy",
    "PrivateItemKNN": "privacy",
    "PureSVD": "factorization",
    "RP3beta": "neighbors",
    "RandomRecommender": "dummy",
    "RandomizedResponse": "privacy",
    "RecommenderPipeline": "pipeline",
    "SASRec": "neural",
    "SLIM": "linear_model",
    "SVDppRegressor": "factorization",
    "Slots": "ensemble",
    "StackedRegressor": "meta",
    "TwoStageRecommender": "boosting",
    "TwoTower": "neural",
    "UserKNN": "neighbors",
    "UserKNNRegressor": "neighbors",
    "WARP": "factorization",
    "compress": "compression",
    "interactions_from_matrix": "interactions",
    "load": "persistence",
    "make_recommender_pipeline": "pipeline",
    "recommend": "base",
    "save": "persistence",
    "show_versions": "utils",
}

__all__ = ["__version__", *sorted(_NAMES)]


def __getattr__(name):
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_NAMES})
