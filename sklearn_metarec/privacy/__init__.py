"""Recommenders under differential privacy, and noise before data is collected.

See docs/privacy.md for what is protected and what is not.
"""

from sklearn_metarec.privacy._ease import PrivateEASE
from sklearn_metarec.privacy._item_knn import PrivateItemKNN
from sklearn_metarec.privacy._mechanism import gaussian_delta, gaussian_sigma
from sklearn_metarec.privacy._randomized_response import (
    RandomizedResponse,
    randomize_interactions,
)

__all__ = [
    "PrivateEASE",
    "PrivateItemKNN",
    "RandomizedResponse",
    "gaussian_delta",
    "gaussian_sigma",
    "randomize_interactions",
]
