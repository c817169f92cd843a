"""Bundled data and a generator of interactions."""

from sklearn_metarec.datasets._make_interactions import make_interactions
from sklearn_metarec.datasets._make_logged_feedback import make_logged_feedback
from sklearn_metarec.datasets._movietweetings import load_movietweetings

__all__ = ["load_movietweetings", "make_interactions", "make_logged_feedback"]
