"""Models that look at similar items or similar users."""

from sklearn_metarec.neighbors._item_knn import ItemKNN
from sklearn_metarec.neighbors._item_knn_regressor import ItemKNNRegressor
from sklearn_metarec.neighbors._rp3beta import RP3beta
from sklearn_metarec.neighbors._user_knn import UserKNN
from sklearn_metarec.neighbors._user_knn_regressor import UserKNNRegressor

__all__ = [
    "ItemKNN",
    "ItemKNNRegressor",
    "RP3beta",
    "UserKNN",
    "UserKNNRegressor",
]
