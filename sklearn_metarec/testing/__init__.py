"""Checks of the promises of a recommender, for this package's and others'."""

from sklearn_metarec.testing._run import (
    check_recommender,
    parametrize_with_recommender_checks,
)

__all__ = ["check_recommender", "parametrize_with_recommender_checks"]
