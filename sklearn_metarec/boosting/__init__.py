"""Models that learn from what other recommenders say."""

from sklearn_metarec.boosting._two_stage import TwoStageRecommender

__all__ = ["TwoStageRecommender"]
