"""Find the estimators of this package without a list that somebody must keep."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Collection, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin

_PACKAGE = __name__.partition(".")[0]
# Nothing to be found there: a command line, and checks that need what is found here.
_SKIPPED = {"__main__", "testing"}
_KINDS = ("ranker", "rating", "transformer")


def all_estimators(
    kind: str | Collection[str] | None = None,
) -> list[tuple[str, type[Any]]]:
    """List the estimators of this package.

    Parameters
    ----------
    kind : {"ranker", "rating", "transformer"} or list of such str, default=None
        Which kind to list: recommenders that answer "what next" ("ranker"), those
        that predict ratings ("rating"), or transformers. By default all, and so also
        what wraps recommenders and is none of these, such as a selector or a
        pipeline.

    Returns
    -------
    estimators : list of tuples
        (name, class), sorted by name.

    Raises
    ------
    ValueError
        If `kind` is not one of these.

    See Also
    --------
    sklearn.utils.discovery.all_estimators : The same of scikit-learn.

    Examples
    --------
    >>> from sklearn_metarec.utils import all_estimators
    >>> "EASE" in dict(all_estimators("ranker"))
    True
    >>> "BiasRegressor" in dict(all_estimators(["ranker", "transformer"]))
    False
    """
    wanted = None if kind is None else {kind} if isinstance(kind, str) else set(kind)
    if wanted is not None and not wanted <= set(_KINDS):
        raise ValueError(
            f"kind must be one or several of {_KINDS}, or None, got {kind!r}."
        )
    # By name, as the layers below the base may not import it.
    recommender = import_module(f"{_PACKAGE}.base").BaseRecommender
    found = {
        cls.__name__: cls
        for module in _public_modules(_PACKAGE)
        for cls in _estimators_of(module)
        if wanted is None or wanted & _kinds_of(cls, recommender)
    }
    return sorted(found.items())


def _public_modules(package: str) -> Iterator[ModuleType]:
    """Import the public modules below a package, one after the other.

    What the package itself names, one of these defines. `pkgutil.walk_packages` would
    import the private packages too, and those are where TensorFlow is imported.
    """
    for info in pkgutil.iter_modules(import_module(package).__path__):
        if info.name.startswith("_") or info.name in _SKIPPED:
            continue
        name = f"{package}.{info.name}"
        yield import_module(name)
        if info.ispkg:
            yield from _public_modules(name)


def _estimators_of(module: ModuleType) -> Iterator[type[Any]]:
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if (
            inspect.isclass(value)
            and issubclass(value, BaseEstimator)
            and value.__module__.startswith(f"{_PACKAGE}.")
            and not value.__name__.startswith("Base")
            and not inspect.isabstract(value)
        ):
            yield value


def _kinds_of(cls: type[Any], recommender: type[Any]) -> set[str]:
    kinds = {"transformer"} if issubclass(cls, TransformerMixin) else set()
    if issubclass(cls, recommender):
        kinds.add("rating" if issubclass(cls, RegressorMixin) else "ranker")
    return kinds
