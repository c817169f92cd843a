"""Metrics of recommended lists: accuracy and beyond it, and how sure they are.

Rating models are measured by scikit-learn's own metrics, such as
`sklearn.metrics.root_mean_squared_error` and `mean_absolute_error`.
"""

from sklearn_metarec.metrics._codes import ranking_scores_from_codes
from sklearn_metarec.metrics._names import parse_metric
from sklearn_metarec.metrics._ranking import ranking_scores

__all__ = ["parse_metric", "ranking_scores", "ranking_scores_from_codes"]
