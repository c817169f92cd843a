"""Recommenders made of recommenders."""

from sklearn_metarec.ensemble._blend import Blend
from sklearn_metarec.ensemble._fallback import Fallback

__all__ = ["Blend", "Fallback"]
