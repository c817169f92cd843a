import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import sklearn_metarec

PACKAGE = Path(sklearn_metarec.__file__).parent
SLOW = ["keras", "matplotlib", "pandas", "polars", "scikeras", "tensorflow"]


def run(code, prefix=(), **options):
    """Run `code` in a fresh interpreter and return what it prints, read as JSON."""
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_import_is_light():
    code = (
        "import json, sys, sklearn_metarec\n"
        f"print(json.dumps([name for name in {SLOW} if name in sys.modules]))"
    )
    assert run(code) == []


def test_looking_around_imports_nothing():
    code = (
        "import json, sys, sklearn_metarec\n"
        "names = dir(sklearn_metarec)\n"
        f"slow = [name for name in {SLOW} if name in sys.modules]\n"
        "print(json.dumps([sorted(set(sklearn_metarec.__all__) - set(names)), slow]))"
    )
    assert run(code) == [[], []]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'EASEL'"):
        sklearn_metarec.EASEL  # noqa: B018  (the access is what is tested)


@pytest.fixture
def read_only_package():
    """A copy of the package in a folder that nobody may write but everybody reads."""
    # pytest's tmp_path is closed to other users.
    top = Path(tempfile.mkdtemp(prefix="sklearn_metarec-"))
    shutil.copytree(
        PACKAGE, top / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__")
    )
    paths = [top, *top.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield top
    for path in paths:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    shutil.rmtree(top)


def unprivileged():
    """The command that binds this process to the permissions of files."""
    if os.geteuid() != 0:
        return []
    # Root may write anywhere, unless it gives up just that.
    if not shutil.which("setpriv"):
        pytest.skip("The tests run as root, without setpriv to give up its powers.")
    return ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override"]


@pytest.mark.skipif(sys.platform == "win32", reason="Permissions are those of POSIX.")
def test_it_works_where_nothing_can_be_written(read_only_package):
    caches = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PYTHONPYCACHEPREFIX")
    environment = {k: v for k, v in os.environ.items() if k not in caches} | {
        "HOME": str(read_only_package),
        "PYTHONPATH": str(read_only_package),
    }
    code = """
import json, os
import sklearn_metarec
from sklearn_metarec import EASE

folder = os.path.dirname(os.path.dirname(sklearn_metarec.__file__))
try:
    open(os.path.join(folder, "probe"), "w").close()
    writable = True
except PermissionError:
    writable = False
pairs = [[1, 10], [1, 20], [2, 10], [2, 20], [2, 30], [3, 10], [3, 30]]
items, scores = EASE(regularization=1.0).fit(pairs).recommend([1], k=1)
print(json.dumps([folder, writable, items.tolist()]))
"""
    folder, writable, items = run(
        code, prefix=unprivileged(), env=environment, cwd=read_only_package
    )
    assert Path(folder) == read_only_package
    assert not writable
    assert items == [[30]]
