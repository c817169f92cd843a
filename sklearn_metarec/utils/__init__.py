"""What serves all of the package, and finds its estimators."""

from sklearn_metarec.utils._discovery import all_estimators

__all__ = ["all_estimators"]
