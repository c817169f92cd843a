import numba
import numpy as np
import pytest
from numba.core import caching

from sklearn_metarec._kernels._jit import jit


def total(values):
    """A kernel to compile."""
    result = 0.0
    for i in range(len(values)):
        result += values[i]
    return result


def test_bare_and_with_options():
    bare, fast = jit(total), jit(fastmath=True)(total)
    values = np.arange(5.0)
    assert bare(values) == fast(values) == 10
    assert bare.targetoptions["nogil"]
    assert fast.targetoptions == bare.targetoptions | {"fastmath": True}


def test_what_is_compiled_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    jit(total)(np.arange(5.0))
    assert list(tmp_path.rglob("*.nbc"))
    second = jit(total)
    second(np.arange(5.0))
    assert sum(second.stats.cache_hits.values()) == 1


def test_without_a_cache_folder_it_compiles_anyway(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(total)  # noqa: TID251  (what jit is to catch)
    kernel = jit(total)
    assert kernel(np.arange(5.0)) == 10
    assert kernel.stats.cache_path is None
    assert kernel.targetoptions["nogil"]


def test_other_errors_pass(monkeypatch):
    def njit(**options):
        raise RuntimeError("something else")

    monkeypatch.setattr(numba, "njit", njit)
    with pytest.raises(RuntimeError, match="something else"):
        jit(total)
