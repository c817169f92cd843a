import json
import subprocess
import sys

import pytest

from sklearn_metarec._kernels._jit import jit

# Fits and asks every recommender, then tells which kernels had to be compiled.
CODE = """
import importlib, json, pkgutil
from sklearn_metarec import _kernels
from sklearn_metarec.utils import all_estimators

X = [[u, i] for u in range(6) for i in range(7) if (u * i) % 4 < 2]
y = [float(1 + (u + i) % 5) for u, i in X]
for _, Recommender in all_estimators(["ranker", "rating"]):
    Recommender().fit(X, y).recommend([1, 2], k=2)

compiled = []
for info in pkgutil.iter_modules(_kernels.__path__):
    module = importlib.import_module(f"sklearn_metarec._kernels.{info.name}")
    for name, value in vars(module).items():
        if sum(getattr(getattr(value, "stats", None), "cache_misses", {}).values()):
            compiled.append(f"{info.name}.{name}")
print(json.dumps(compiled))
"""


def compiled_kernels():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@jit
def add_one(x):
    return x + 1


def test_a_second_process_compiles_nothing():
    """A kernel that closes over another misses the cache in every process."""
    if add_one.stats.cache_path is None:
        pytest.skip("No folder for numba's cache can be written here.")
    compiled_kernels()
    assert compiled_kernels() == []
