"""Pictures of recommenders and of the choice among them (extra `plot`)."""

from sklearn_metarec.inspection._leaderboard import LeaderboardDisplay
from sklearn_metarec.inspection._race import SelectionDisplay

__all__ = ["LeaderboardDisplay", "SelectionDisplay"]
