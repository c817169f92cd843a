"""Choosing, and combining, recommenders."""

from sklearn_metarec.meta._meta_features import meta_features
from sklearn_metarec.meta._selector import MetaSelector
from sklearn_metarec.meta._stacking import StackedRegressor
from sklearn_metarec.meta._store import MetaStore

__all__ = ["MetaSelector", "MetaStore", "StackedRegressor", "meta_features"]
