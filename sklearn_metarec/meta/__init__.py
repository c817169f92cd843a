"""Choosing and combining recommenders, and learning what new users have in common."""

from sklearn_metarec.meta._meta_regressor import MetaRegressor
from sklearn_metarec.meta._meta_ridge import MetaRidgeRegressor
from sklearn_metarec.meta._selector import MetaSelector

__all__ = ["MetaRegressor", "MetaRidgeRegressor", "MetaSelector"]
