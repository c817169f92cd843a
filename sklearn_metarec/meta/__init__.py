"""Choosing, and combining, recommenders."""

from sklearn_metarec.meta._selector import MetaSelector
from sklearn_metarec.meta._stacking import StackedRegressor

__all__ = ["MetaSelector", "StackedRegressor"]
