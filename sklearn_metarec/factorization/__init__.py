"""Models that give every user and every item a vector."""

from sklearn_metarec.factorization._fm import FMRegressor
from sklearn_metarec.factorization._ials import IALS
from sklearn_metarec.factorization._mf import MFRegressor

__all__ = ["IALS", "FMRegressor", "MFRegressor"]
