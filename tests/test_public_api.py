import importlib
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import get_validation_checks, validate

import sklearn_metarec

ROOT = Path(__file__).parent.parent


def public_modules(package="sklearn_metarec"):
    """The modules that a user may import: no part of the name is private."""
    names = [package]
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name.startswith("_"):
            continue
        name = f"{package}.{info.name}"
        names += public_modules(name) if info.ispkg else [name]
    return names


def public_objects():
    """Every public class and function once, by the shortest name it has."""
    found = {}
    for name in public_modules():
        module = importlib.import_module(name)
        for attribute in getattr(module, "__all__", ()):
            obj = getattr(module, attribute, None)
            if inspect.isclass(obj) or inspect.isroutine(obj):
                found.setdefault(obj, f"{name}.{attribute}")
    return sorted(found.values())


def documented_names():
    """The public objects and the methods that this package gives them, once each."""
    names = {}
    for name in public_objects():
        module, attribute = name.rsplit(".", 1)
        obj = getattr(importlib.import_module(module), attribute)
        names[obj] = name
        if not inspect.isclass(obj):
            continue
        for member, value in inspect.getmembers(obj):
            if member.startswith("_"):
                continue
            function = value.fget if isinstance(value, property) else value
            if getattr(function, "__module__", "").startswith("sklearn_metarec."):
                key = (function.__module__, function.__qualname__)
                names.setdefault(key, f"{name}.{member}")
    return sorted(names.values())


def in_order(names):
    """Sorted, or sorted as the linter does: constants, classes, functions."""
    by_kind = sorted(
        names, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    return list(names) in (sorted(names), by_kind)


@pytest.mark.parametrize("name", public_modules())
def test_all_is_sorted_and_resolves(name):
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert in_order(module.__all__)
    missing = [attr for attr in module.__all__ if not hasattr(module, attr)]
    assert missing == []


@pytest.mark.parametrize("name", public_modules())
def test_a_module_says_what_it_is_for(name):
    assert importlib.import_module(name).__doc__.strip()


@pytest.mark.parametrize("name", documented_names())
def test_docstrings_are_complete(name):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    checks = get_validation_checks(set(settings["numpydoc_validation"]["checks"]))
    # Without its exceptions for helpers, and with GL08: there is a docstring at all.
    errors = [
        f"{code} {message}"
        for code, message in validate(name)["errors"]
        if code in checks | {"GL08"}
    ]
    assert errors == []


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sklearn_metarec.__version__ == project["version"]


def test_the_reference_names_everything_public():
    reference = (ROOT / "docs" / "reference.md").read_text()
    words = set(re.findall(r"\w+", reference))
    missing = [name for name in public_objects() if name.split(".")[-1] not in words]
    assert missing == []
