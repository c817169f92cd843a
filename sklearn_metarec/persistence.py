"""Save a model to a file, and load it without running code from the file."""

import json
import os
import warnings
import zipfile
from importlib import import_module
from importlib.metadata import version
from inspect import isclass, isfunction
from pathlib import Path
from uuid import uuid4

import numpy as np
import scipy
import sklearn
import sklearn.metrics
from scipy import sparse

from sklearn_metarec import __version__
from sklearn_metarec._small import SmallRows
from sklearn_metarec._stored_frames import storing_frames
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.exceptions import InvalidModelFileError, ModelVersionWarning

__all__ = ["load", "save"]

_FORMAT = 1
_PACKAGE = "sklearn_metarec"
# What the file says of itself, beside the members that skops writes: it can be read
# before anything else of the file is trusted.
_HEADER = f"{_PACKAGE}.json"
# What skops trusts already is data, and scikit-learn's estimators. In addition, what
# models and searches hold, each only by the loader that skops writes for it: as a data
# type, as an object that is made without its constructor, and as a function.
_DATA_TYPES = {
    "scipy.sparse._csr.csr_array": "SparseMatrixNode",
    "numpy.dtype": "DTypeNode",
    "sklearn.utils._bunch.Bunch": "DictNode",
}
_CLASSES_OF = (
    _PACKAGE, "sklearn.model_selection", "sklearn.metrics._scorer",
    "sklearn.ensemble._hist_gradient_boosting",
)  # fmt: skip
_FUNCTIONS_OF = ("sklearn.metrics",)


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

    Raises
    ------
    TypeError
        If a side table has a column of a type that a file cannot hold, such as periods
        or objects of one's own; or the model holds a function that cannot be imported,
        such as a lambda.

    See Also
    --------
    load : The way back.

    Notes
    -----
    Side tables that are frames of pandas or polars are stored as arrays, and come back
    as frames.

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
    header = {"format": _FORMAT, "versions": _versions()}
    partial = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        with storing_frames():
            skops.io.dump(model, partial)
        _check_functions(partial)
        with zipfile.ZipFile(partial, "a") as archive:
            archive.writestr(_HEADER, json.dumps(header, indent=2))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def load(path, *, trusted=()):
    """Load an estimator.

    Only types of this package, of scikit-learn and plain data are made, without
    calling their constructors; a file that holds others is refused before anything
    of it is built, so that no code of an unknown file's author runs.

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
        If it cannot be opened.

    Warns
    -----
    ModelVersionWarning
        If it was written by another version of this package or of scikit-learn.

    Notes
    -----
    What is checked is the types and the stored pairs, not whether all numbers of a
    model fit together. A file that was made to do harm cannot run code, but it may
    recommend nonsense or end the process when the model is used.
    """
    import skops.io

    path = Path(path)
    trusted = {trusted} if isinstance(trusted, str) else set(trusted)
    # One open file: what is checked is what is loaded.
    with path.open("rb") as file:
        try:
            header = _read_header(file)
        except Exception as error:
            raise InvalidModelFileError(_damaged(path, error)) from error
        _check_header(path, header)
        try:
            types = skops.io.get_untrusted_types(file=file)
            unknown = sorted(_unknown_types(file, types) - trusted)
        except Exception as error:
            # Whatever a truncated or altered file makes the reader stumble over.
            raise InvalidModelFileError(_damaged(path, error)) from error
        if unknown:
            raise InvalidModelFileError(
                f"{path} holds types that are not trusted: {', '.join(unknown)}. If "
                f"they are yours, pass trusted={unknown}."
            )
        try:
            model = skops.io.load(file, trusted=types)
            _check_pairs(model)
        except Exception as error:
            raise InvalidModelFileError(_damaged(path, error)) from error
    return model


def _versions():
    return {
        _PACKAGE: __version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "skops": version("skops"),
    }


def _check_functions(path):
    """Raise a TypeError if a file names a function that no import would find."""
    with zipfile.ZipFile(path) as archive:
        loaders = _loaders(json.loads(archive.read("schema.json")))
    for name, kinds in loaders.items():
        module, _, attribute = name.rpartition(".")
        if "FunctionNode" in kinds and not hasattr(import_module(module), attribute):
            raise TypeError(
                f"The model holds the function {name}, of which a file can hold only "
                "the name, and which cannot be imported by it. Define it at the top "
                "level of a module."
            )


def _damaged(path, error):
    return (
        f"{path} is not a complete model file: {type(error).__name__}: {error}. Save "
        "the model again with sklearn_metarec.save."
    )


def _read_header(file):
    """Return what the file says of itself, None if it is a zip file of others."""
    with zipfile.ZipFile(file) as archive:
        _check_sizes(file, archive)
        if _HEADER not in archive.namelist():
            return None
        header = json.loads(archive.read(_HEADER))
    return {"format": int(header["format"]), "versions": dict(header["versions"])}


def _check_sizes(file, archive):
    """Refuse a file that would fill the memory: `save` does not compress."""
    declared = sum(member.file_size for member in archive.infolist())
    size = os.fstat(file.fileno()).st_size
    if declared > size:
        raise ValueError(
            f"its members are said to have {declared} bytes, it has {size}"
        )


def _check_header(path, header):
    if header is None:
        raise InvalidModelFileError(
            f"{path} was not written by sklearn_metarec.save. If it is a file of "
            "skops, load it with skops.io.load."
        )
    if header["format"] > _FORMAT:
        raise InvalidModelFileError(
            f"{path} was written by version {header['versions'].get(_PACKAGE)} of "
            f"{_PACKAGE}; this is {__version__}, which is too old to read it."
        )
    theirs, ours = header["versions"], _versions()
    differ = [
        f"{name} {theirs.get(name)} (now {ours[name]})"
        for name in (_PACKAGE, "scikit-learn")
        if theirs.get(name) != ours[name]
    ]
    if differ:
        warnings.warn(
            f"{path} was written with {' and '.join(differ)}: check that the model "
            "still says the same, or fit it again.",
            ModelVersionWarning,
            stacklevel=3,
        )


def _unknown_types(file, names):
    """Return those of the types that skops does not trust that we do not either."""
    with zipfile.ZipFile(file) as archive:
        loaders = _loaders(json.loads(archive.read("schema.json")))
    return {name for name in names if not loaders.get(name, {""}) <= _loader_of(name)}


def _loaders(schema):
    """Return the loaders by which each type of a file is made."""
    loaders: dict[str, set[str]] = {}
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if "__loader__" in part:
                name = f"{part.get('__module__')}.{part.get('__class__')}"
                loaders.setdefault(name, set()).add(str(part["__loader__"]))
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return loaders


def _loader_of(name):
    """Return the loaders by which a type may be made: one, or none.

    Any other could call a constructor, or something that is no class at all, with
    what the author of the file chose.
    """
    if name in _DATA_TYPES:
        return {_DATA_TYPES[name]}
    module, _, attribute = name.rpartition(".")
    if not _is_within(module, _CLASSES_OF + _FUNCTIONS_OF):
        return set()
    try:
        value = getattr(import_module(module), attribute, None)
    except ImportError:
        return set()
    if getattr(value, "__module__", None) != module:
        return set()  # imported there from elsewhere
    if isclass(value) and _is_within(module, _CLASSES_OF):
        return {"ObjectNode"}
    if isfunction(value) and _is_within(module, _FUNCTIONS_OF):
        return {"FunctionNode"} if attribute in sklearn.metrics.__all__ else set()
    return set()


def _is_within(module, roots):
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def _check_pairs(model):
    """Check that no stored pair is outside the matrix that compiled code expects."""
    pending, done = [model], set()
    while pending:
        part = pending.pop()
        if id(part) in done or isclass(part):
            continue
        done.add(id(part))
        if isinstance(part, BaseRecommender) and hasattr(part, "history_"):
            _check_history(part)
        if sparse.issparse(part):
            part.check_format(full_check=True)
        elif isinstance(part, SmallRows):
            part.tocsr().check_format(full_check=True)
        elif isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
        else:
            pending += getattr(part, "__dict__", {}).values()


def _check_history(model):
    shape = len(model.users_), len(model.items_)
    matrix = model.history_
    if not sparse.issparse(matrix) or matrix.format != "csr" or matrix.shape != shape:
        raise ValueError(f"history_ is no CSR matrix of {shape[0]} x {shape[1]}.")
