"""Models that give every user and every item a vector."""

from sklearn_metarec.factorization._ials import IALS
from sklearn_metarec.factorization._mf import MFRegressor
from sklearn_metarec.factorization._pure_svd import PureSVD
from sklearn_metarec.factorization._svdpp import SVDppRegressor

__all__ = ["IALS", "MFRegressor", "PureSVD", "SVDppRegressor"]
