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
    silently misses the disk cache in every process.
    """
    if function is None:
        return partial(jit, **options)
    options = {"nogil": True, "cache": True, **options}
    try:
        return numba.njit(**options)(function)
    except RuntimeError as error:
        # Numba looks for a writable folder when it decorates, so an installation
        # where neither the package, NUMBA_CACHE_DIR nor the user's cache folder
        # can be written would fail at import. Each process compiles for itself then.
        if "no locator available" not in str(error):
            raise
        return numba.njit(**(options | {"cache": False}))(function)
