"""Pictures of recommenders and of the choice among them (extra `plot`); the report."""

from sklearn_metarec.inspection._explanation import ExplanationDisplay
from sklearn_metarec.inspection._leaderboard import LeaderboardDisplay
from sklearn_metarec.inspection._popularity import PopularityBiasDisplay
from sklearn_metarec.inspection._race import SelectionDisplay
from sklearn_metarec.inspection._report import report
from sklearn_metarec.inspection._top_k import TopKCurveDisplay

__all__ = [
    "ExplanationDisplay",
    "LeaderboardDisplay",
    "PopularityBiasDisplay",
    "SelectionDisplay",
    "TopKCurveDisplay",
    "report",
]
