"""Choosing, and combining, recommenders."""

from sklearn_metarec.meta._selector import MetaSelector

__all__ = ["MetaSelector"]
