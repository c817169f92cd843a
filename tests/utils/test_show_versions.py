import subprocess
import sys
from importlib.metadata import version

import numpy as np

import sklearn_metarec
from sklearn_metarec._kernels import encode
from sklearn_metarec.utils import _show_versions
from sklearn_metarec.utils._parallel import effective_threads
from sklearn_metarec.utils._show_versions import show_versions


def entries(text):
    """The `name: value` lines of what was printed."""
    lines = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value for name, _, value in lines if value}


def test_what_it_prints(capsys):
    show_versions()
    text = capsys.readouterr().out
    for title in ("System:", "Packages:", "Threads and kernels:"):
        assert title in text
    found = entries(text)
    assert found["executable"] == sys.executable
    assert found["numpy"] == np.__version__
    assert found["scikit-learn"] == version("scikit-learn")
    assert found["sklearn_metarec"] == sklearn_metarec.__version__
    assert found["threads by default"] == str(effective_threads())
    assert any(name.startswith("openblas") for name in found)


def test_a_missing_package_is_said_to_be(capsys, monkeypatch):
    monkeypatch.setattr(_show_versions, "_PACKAGES", ["no-such-package"])
    show_versions()
    assert entries(capsys.readouterr().out)["no-such-package"] == "not installed"


def test_the_kernel_cache_is_that_of_the_kernels(capsys):
    show_versions()
    expected = encode.min_max.stats.cache_path
    found = entries(capsys.readouterr().out)["kernel cache"]
    assert found == (expected or "none: every process compiles for itself")


def test_it_imports_nothing_slow():
    code = (
        "import sys\n"
        "from sklearn_metarec.utils._show_versions import show_versions\n"
        "show_versions()\n"
        "slow = {'tensorflow', 'keras', 'matplotlib', 'polars'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
