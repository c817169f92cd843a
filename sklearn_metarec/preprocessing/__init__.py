"""Transformers and functions that prepare tables of interactions."""

from sklearn_metarec.preprocessing._cleaning import Cleaned, clean_interactions
from sklearn_metarec.preprocessing._feature_encoder import FeatureEncoder
from sklearn_metarec.preprocessing._feature_joiner import FeatureJoiner
from sklearn_metarec.preprocessing._history_encoder import HistoryEncoder
from sklearn_metarec.preprocessing._id_encoder import IdEncoder
from sklearn_metarec.preprocessing._item_scaler import ItemScaler
from sklearn_metarec.preprocessing._multi_hot import MultiHotEncoder
from sklearn_metarec.preprocessing._report import CleaningReport

__all__ = [
    "Cleaned",
    "CleaningReport",
    "FeatureEncoder",
    "FeatureJoiner",
    "HistoryEncoder",
    "IdEncoder",
    "ItemScaler",
    "MultiHotEncoder",
    "clean_interactions",
]
