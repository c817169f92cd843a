import dataclasses
import importlib
import inspect
import pkgutil
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import get_validation_checks, validate

import sklearn_metarec

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


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
    return {name: obj for obj, name in found.items()}


def public_methods():
    """The methods and properties that this package defines, once, by full name."""
    found = {}
    for class_name, cls in public_objects().items():
        if not inspect.isclass(cls):
            continue
        for name, value in inspect.getmembers(cls):
            function = value.fget if isinstance(value, property) else value
            module = getattr(function, "__module__", None) or ""
            if not name.startswith("_") and module.startswith("sklearn_metarec."):
                found.setdefault(
                    (module, function.__qualname__), f"{class_name}.{name}"
                )
    return list(found.values())


def in_order(names):
    """Sorted, or sorted as the linter does: constants, classes, functions."""
    names = [name for name in names if not name.startswith("__")]
    by_kind = sorted(
        names, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    return names in (sorted(names), by_kind)


def docstring_errors(name, excused=()):
    """What numpydoc finds, also whether there is a docstring with true parameters."""
    configured = PYPROJECT["tool"]["numpydoc_validation"]["checks"]
    checks = get_validation_checks(set(configured)) | {"GL08", "PR02"}
    return [
        f"{code} {message}"
        for code, message in validate(name)["errors"]
        if code in checks - set(excused)
    ]


@pytest.mark.parametrize("name", public_modules())
def test_all_is_sorted_and_resolves(name):
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        own = [
            attribute
            for attribute, value in vars(module).items()
            if getattr(value, "__module__", None) == name and attribute[0] != "_"
        ]
        assert own == [], f"{name} needs an __all__."
        return
    assert len(set(module.__all__)) == len(module.__all__)
    assert in_order(module.__all__)
    missing = [attr for attr in module.__all__ if not hasattr(module, attr)]
    assert missing == []


@pytest.mark.parametrize("name", public_modules())
def test_a_module_says_what_it_is_for(name):
    assert importlib.import_module(name).__doc__.strip()


@pytest.mark.parametrize("name", public_objects())
def test_docstrings_are_complete(name):
    obj = public_objects()[name]
    # Nobody makes a record but this package: its fields stand under Attributes.
    record = dataclasses.is_dataclass(obj) or hasattr(obj, "_fields")
    assert docstring_errors(name, excused=["PR01"] if record else []) == []


@pytest.mark.parametrize("name", public_methods())
def test_docstrings_of_methods_are_complete(name):
    assert docstring_errors(name) == []


def test_the_version_is_that_of_the_project():
    assert sklearn_metarec.__version__ == PYPROJECT["project"]["version"]


def test_the_reference_has_a_page_of_everything_public(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    made_pages = importlib.import_module("made_pages")
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    names = {full for *_, row in made_pages.rows(reference) for full in row.values()}
    assert names == set(public_objects())
