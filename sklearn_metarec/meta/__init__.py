"""Choosing and combining recommenders, and learning what new users have in common."""

from sklearn_metarec.meta._meta_features import meta_features
from sklearn_metarec.meta._meta_regressor import MetaRegressor
from sklearn_metarec.meta._meta_ridge import MetaRidgeRegressor
from sklearn_metarec.meta._selector import MetaSelector
from sklearn_metarec.meta._stacking import StackedRegressor
from sklearn_metarec.meta._store import MetaStore

__all__ = [
    "MetaRegressor",
    "MetaRidgeRegressor",
    "MetaSelector",
    "MetaStore",
    "StackedRegressor",
    "meta_features",
]
