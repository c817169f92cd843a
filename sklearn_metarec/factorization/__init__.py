"""Models that give every user and every item a vector."""

from sklearn_metarec.factorization._ials import IALS

__all__ = ["IALS"]
