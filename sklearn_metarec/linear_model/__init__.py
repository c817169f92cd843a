"""Models that are linear in a user's history or in biases."""

from sklearn_metarec.linear_model._bias import BiasRegressor
from sklearn_metarec.linear_model._content_ranker import ContentRanker
from sklearn_metarec.linear_model._content_regressor import ContentRegressor
from sklearn_metarec.linear_model._ease import EASE
from sklearn_metarec.linear_model._slim import SLIM

__all__ = ["EASE", "SLIM", "BiasRegressor", "ContentRanker", "ContentRegressor"]
