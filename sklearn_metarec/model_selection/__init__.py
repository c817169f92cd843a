"""Splitters of interaction tables, and scorers of recommended lists."""

from sklearn_metarec.model_selection._cold import ColdItemSplit, ColdUserSplit
from sklearn_metarec.model_selection._off_policy import make_off_policy_scorer
from sklearn_metarec.model_selection._scorer import make_ranking_scorer
from sklearn_metarec.model_selection._time import LeaveLastOut, TemporalSplit
from sklearn_metarec.model_selection._warm import PerUserShuffleSplit, WarmKFold

__all__ = [
    "ColdItemSplit",
    "ColdUserSplit",
    "LeaveLastOut",
    "PerUserShuffleSplit",
    "TemporalSplit",
    "WarmKFold",
    "make_off_policy_scorer",
    "make_ranking_scorer",
]
