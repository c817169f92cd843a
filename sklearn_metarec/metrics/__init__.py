"""Metrics of recommended lists: accuracy and beyond it, and how sure they are.

Rating models are measured by scikit-learn's own metrics, such as
`sklearn.metrics.root_mean_squared_error` and `mean_absolute_error`.
"""

from sklearn_metarec.metrics._at_k import (
    accuracy_at_k,
    auc_at_k,
    f1_at_k,
    hit_rate_at_k,
    map_at_k,
    mrr_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
)
from sklearn_metarec.metrics._beyond import (
    average_popularity_at_k,
    coverage_at_k,
    diversity_at_k,
    gini_at_k,
    novelty_at_k,
    serendipity_at_k,
    tail_share_at_k,
    user_coverage_at_k,
)
from sklearn_metarec.metrics._codes import ranking_scores_from_codes
from sklearn_metarec.metrics._names import parse_metric
from sklearn_metarec.metrics._off_policy import (
    PolicyValue,
    dr_value,
    ips_value,
    replay_value,
    snips_value,
)
from sklearn_metarec.metrics._ranking import ranking_scores
from sklearn_metarec.metrics._significance import (
    MeanInterval,
    PairedTestResult,
    mean_interval,
    paired_test,
)

__all__ = [
    "MeanInterval",
    "PairedTestResult",
    "PolicyValue",
    "accuracy_at_k",
    "auc_at_k",
    "average_popularity_at_k",
    "coverage_at_k",
    "diversity_at_k",
    "dr_value",
    "f1_at_k",
    "gini_at_k",
    "hit_rate_at_k",
    "ips_value",
    "map_at_k",
    "mean_interval",
    "mrr_at_k",
    "ndcg_at_k",
    "novelty_at_k",
    "paired_test",
    "parse_metric",
    "precision_at_k",
    "ranking_scores",
    "ranking_scores_from_codes",
    "recall_at_k",
    "replay_value",
    "serendipity_at_k",
    "snips_value",
    "tail_share_at_k",
    "user_coverage_at_k",
]
