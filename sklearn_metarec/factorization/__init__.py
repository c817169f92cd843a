"""Models that give every user and every item a vector."""

from sklearn_metarec.factorization._bpr import BPR
from sklearn_metarec.factorization._fm import FMRegressor
from sklearn_metarec.factorization._fm_ranker import FMRanker
from sklearn_metarec.factorization._ials import IALS
from sklearn_metarec.factorization._mf import MFRegressor
from sklearn_metarec.factorization._pure_svd import PureSVD
from sklearn_metarec.factorization._svdpp import SVDppRegressor
from sklearn_metarec.factorization._warp import WARP

__all__ = [
    "BPR",
    "IALS",
    "WARP",
    "FMRanker",
    "FMRegressor",
    "MFRegressor",
    "PureSVD",
    "SVDppRegressor",
]
