"""Recommenders that put another one's lists in a better order."""

from sklearn_metarec.reranking._calibrated import CalibratedReranker
from sklearn_metarec.reranking._mmr import MMRReranker

__all__ = ["CalibratedReranker", "MMRReranker"]
