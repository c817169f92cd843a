"""Bundled data, data sets that are downloaded, and a generator of interactions."""

from sklearn_metarec.datasets._lastfm import fetch_lastfm
from sklearn_metarec.datasets._make_interactions import make_interactions
from sklearn_metarec.datasets._make_logged_feedback import make_logged_feedback
from sklearn_metarec.datasets._movielens import fetch_movielens
from sklearn_metarec.datasets._movietweetings import load_movietweetings
from sklearn_metarec.datasets._msweb import fetch_msweb
from sklearn_metarec.datasets._online_retail import fetch_online_retail

__all__ = [
    "fetch_lastfm",
    "fetch_movielens",
    "fetch_msweb",
    "fetch_online_retail",
    "load_movietweetings",
    "make_interactions",
    "make_logged_feedback",
]
