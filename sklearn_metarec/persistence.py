"""Save a model to a file, and load it without running code from the file."""

import zipfile
from importlib import import_module
from importlib.metadata import version
from inspect import isclass
from pathlib import Path

import numpy as np
import scipy
import sklearn

from sklearn_metarec import __version__
from sklearn_metarec.exceptions import InvalidModelFileError

__all__ = ["load", "save"]

_FORMAT = 1
_PACKAGE = "sklearn_metarec"
# Types of other libraries that fitted models hold, and that only hold data.
_DATA_TYPES = {
    "scipy.sparse._csr.csr_array",
    "numpy.dtype",
}


def save(model, path):
    """Save a fitted or unfitted estimator.

    Parameters
    ----------
    model : estimator
        A recommender, transformer, pipeline or search of this package or of
        scikit-learn.
    path : str or path
        The file to write, by custom `*.skops`. It is replaced only once the new one
        is complete.

    Returns
    -------
    path : pathlib.Path
        The file.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_metarec import EASE, load, save
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(EASE(1.0).fit(X), Path(folder) / "model.skops")
    ...     model = load(path)
    >>> model.recommend(["bob"], k=1)[0].tolist()
    [['milk']]
    """
    import skops.io

    path = Path(path)
    content = {
        "format": _FORMAT,
        "versions": {
            _PACKAGE: __version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "skops": version("skops"),
        },
        "model": model,
    }
    partial = path.with_name(path.name + ".part")
    try:
        skops.io.dump(content, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def load(path, *, trusted=()):
    """Load an estimator.

    Only types of this package, of scikit-learn and plain data are made; a file that
    holds others is refused before anything of it is built, so that no code of an
    unknown file's author runs.

    Parameters
    ----------
    path : str or path
        A file written by :func:`save`.
    trusted : sequence of str, default=()
        Full names of further types to trust, such as a transformer of your own.

    Returns
    -------
    model : estimator
        As it was saved.

    Raises
    ------
    InvalidModelFileError
        If the file is not one of `save`, is damaged, comes from a newer version, or
        holds types that are not trusted.
    OSError
        If it cannot be read.
    """
    import skops.io

    path = Path(path)
    try:
        foreign = _foreign_types(skops.io.get_untrusted_types(file=path))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise InvalidModelFileError(_damaged(path, error)) from error
    unknown = sorted(set(foreign) - set(trusted))
    if unknown:
        raise InvalidModelFileError(
            f"{path} holds types that are not trusted: {', '.join(unknown)}. If they "
            f"are yours, pass trusted={unknown}."
        )
    try:
        types = skops.io.get_untrusted_types(file=path)
        content = skops.io.load(path, trusted=types)
    except OSError:
        raise
    except Exception as error:
        # Whatever a truncated or altered file makes the reader stumble over.
        raise InvalidModelFileError(_damaged(path, error)) from error
    if not isinstance(content, dict) or "format" not in content:
        raise InvalidModelFileError(
            f"{path} was not written by sklearn_metarec.save; load it with skops."
        )
    if content["format"] > _FORMAT:
        written_by = content["versions"][_PACKAGE]
        raise InvalidModelFileError(
            f"{path} was written by version {written_by} of {_PACKAGE}; this is "
            f"{__version__}, which is too old to read it."
        )
    return content["model"]


def _damaged(path, error):
    return (
        f"{path} is not a complete model file: {type(error).__name__}: {error}. Save "
        "the model again with sklearn_metarec.save."
    )


def _foreign_types(names):
    """Return the types that are neither plain data nor classes of this package."""
    return [name for name in names if name not in _DATA_TYPES and not _is_ours(name)]


def _is_ours(name):
    """Tell whether a name is that of a class defined in this package."""
    module, _, attribute = name.rpartition(".")
    if module != _PACKAGE and not module.startswith(_PACKAGE + "."):
        return False
    try:
        value = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    # Classes only: a function of the package could be made to run with the file's
    # arguments.
    return isclass(value) and value.__module__ == module
