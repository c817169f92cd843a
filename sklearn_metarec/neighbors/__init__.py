"""Models that look at similar items or similar users."""

from sklearn_metarec.neighbors._item_knn import ItemKNN
from sklearn_metarec.neighbors._user_knn import UserKNN

__all__ = ["ItemKNN", "UserKNN"]
