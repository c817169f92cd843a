"""What serves all of the package, and finds its estimators."""

from sklearn_metarec.utils._discovery import all_estimators
from sklearn_metarec.utils._show_versions import show_versions

__all__ = ["all_estimators", "show_versions"]
