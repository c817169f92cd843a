"""Recommenders made of recommenders."""

from sklearn_metarec.ensemble._blend import Blend
from sklearn_metarec.ensemble._fallback import Fallback
from sklearn_metarec.ensemble._slots import Slots

__all__ = ["Blend", "Fallback", "Slots"]
