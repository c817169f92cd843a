"""Choosing, and combining, recommenders."""

from sklearn_metarec.meta._meta_features import meta_features
from sklearn_metarec.meta._selector import MetaSelector

__all__ = ["MetaSelector", "meta_features"]
