"""The one way this package compiles: `jit`, which caches on disk where it can."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba


# It returns Any, not the type of `function`: a dispatcher is more than a function, and
# mypy miscounts the arguments of a call with two starred tuples, as kernels get them.
def jit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile `function` without the GIL, from the disk cache where there is one.

    Used bare (`@jit`) or with numba's options (`@jit(fastmath=True)`). Decorate at
    module level only: a kernel that closes over another one made in a factory
    silently misses the disk cache in every process. What begins with an underscore is
    for other kernels and cannot be called from Python.
    """
    if function is None:
        return partial(jit, **options)
    # What nobody calls need not be compiled: an entry for C, and one for Python where
    # other kernels are the only callers, take a fifth of the time of a small kernel.
    private = function.__name__.startswith("_")
    unused = {"no_cfunc_wrapper": True, "no_cpython_wrapper": private}
    options = {"nogil": True, "cache": True, **unused, **options}
    try:
        return numba.njit(**options)(function)
    except RuntimeError as error:
        # Numba looks for a writable folder when it decorates, so an installation
        # where neither the package, NUMBA_CACHE_DIR nor the user's cache folder
        # can be written would fail at import. Each process compiles for itself then.
        if "no locator available" not in str(error):
            raise
        return numba.njit(**(options | {"cache": False}))(function)


# For public names that kernels of other files call, and nobody else.
for_kernels = jit(no_cpython_wrapper=True)
