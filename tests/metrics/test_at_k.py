import inspect

import numpy as np
import pytest

from sklearn_metarec import metrics
from sklearn_metarec.metrics import ranking_scores

NAMES = [
    "accuracy", "auc", "f1", "hit_rate", "map", "mrr", "ndcg", "precision", "recall",
]  # fmt: skip
X_TRUE = [[1, 10], [1, 30], [2, 20], [3, 40]]
USERS = [1, 2, 3]
ITEMS = [[10, 20, 30], [10, 30, 20], [20, 10, 30]]
OPTIONS = {
    "scores": [[3, 2, 1], [3, 2, -np.inf], [3, 2, 1]],
    "y_true": [2, 4, 3, 1],
    "sample_weight": [1, 1, 3, 2],
    "min_relevance": 1,
}


@pytest.mark.parametrize("per_user", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_is_what_ranking_scores_says(name, per_user):
    function = getattr(metrics, f"{name}_at_k")
    options = OPTIONS | {"per_user": per_user}
    if "n_items" in inspect.signature(function).parameters:
        options["n_items"] = 5
    if "gain" in inspect.signature(function).parameters:
        options["gain"] = "exponential"
    expected = ranking_scores(X_TRUE, USERS, ITEMS, metrics=f"{name}@2", **options)
    value = function(X_TRUE, USERS, ITEMS, 2, **options)
    np.testing.assert_array_equal(value, expected[f"{name}@2"])


def test_default_cutoff_is_ten():
    assert metrics.precision_at_k(X_TRUE, [1], ITEMS[:1]) == 2 / 10


def test_bad_cutoff():
    with pytest.raises(ValueError, match="cut-off of 'ndcg@0' must be a positive"):
        metrics.ndcg_at_k(X_TRUE, USERS, ITEMS, k=0)


def test_public_names_are_sorted_and_there():
    assert metrics.__all__ == sorted(metrics.__all__)
    assert all(hasattr(metrics, name) for name in metrics.__all__)
