"""Rules of the code that no linter states: what kernels may know, how files grow."""

import ast
from pathlib import Path

import pytest

import sklearn_metarec

PACKAGE = Path(sklearn_metarec.__file__).parent
KERNELS = sorted((PACKAGE / "_kernels").glob("*.py"))
MAX_LINES = 600


def imported_modules(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_kernels_import_numpy_and_each_other(path):
    allowed = {"numpy", "numba", "math", "typing", "__future__"}
    if path.stem == "_jit":  # Python, that makes the others kernels
        allowed |= {"collections", "functools"}
    if path.stem == "_prefetch":  # an intrinsic, written in what numba compiles to
        allowed |= {"llvmlite"}
    others = {
        module
        for module in imported_modules(path)
        if module.partition(".")[0] not in allowed
        and not module.startswith("sklearn_metarec._kernels")
    }
    assert others == set()


def test_no_file_is_too_long_to_be_read():
    lengths = {
        path.relative_to(PACKAGE): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}
