"""The only door to the names that scikit-learn keeps private or calls unstable.

All of them exist in scikit-learn 1.9. Where a later version moves one, this is the
file to change. Public names are imported from scikit-learn itself.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.ensemble._base import (
    _BaseHeterogeneousEnsemble as BaseHeterogeneousEnsemble,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import _name_estimators as name_estimators
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_params,
)
from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as get_feature_names
from sklearn.utils.validation import (
    _is_fitted,
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "BaseComposition",
    "BaseHeterogeneousEnsemble",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "HasMethods",
    "Hidden",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "VisualBlock",
    "available_if",
    "check_array",
    "check_feature_names",
    "check_feature_names_in",
    "check_is_fitted",
    "check_n_features",
    "check_random_state",
    "check_sample_weight",
    "column_or_1d",
    "fit_context",
    "get_feature_names",
    "is_fitted",
    "name_estimators",
    "num_samples",
    "validate_data",
    "validate_params",
    "with_callbacks",
]


def is_fitted(estimator: Any, attributes: str | list[str] | None = None) -> bool:
    """Whether `estimator` is fitted, or owns all of `attributes` where given."""
    return _is_fitted(estimator, attributes)
