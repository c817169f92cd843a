"""Pictures of recommenders and of the choice among them (extra `plot`); the report."""

from sklearn_metarec.inspection._leaderboard import LeaderboardDisplay
from sklearn_metarec.inspection._race import SelectionDisplay
from sklearn_metarec.inspection._report import report

__all__ = ["LeaderboardDisplay", "SelectionDisplay", "report"]
