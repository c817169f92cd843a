"""What to say about the machine in a report of a problem."""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import joblib
from threadpoolctl import threadpool_info

from sklearn_metarec.utils._parallel import effective_threads

# Those that are imported by name, and those that a table may come from.
_PACKAGES = [
    "sklearn_metarec", "pip", "numpy", "scipy", "scikit-learn", "joblib",
    "threadpoolctl", "narwhals", "numba", "llvmlite", "pandas", "polars", "pyarrow",
    "tensorflow", "keras", "scikeras", "skops", "matplotlib",
]  # fmt: skip


def show_versions() -> None:
    """Print what matters for a report: versions, threads, and where kernels are kept.

    No package is imported for it: not TensorFlow, above all.

    See Also
    --------
    sklearn.show_versions : The same of scikit-learn.

    Examples
    --------
    >>> import sklearn_metarec
    >>> sklearn_metarec.show_versions()
    <BLANKLINE>
    System:
    ...
    """
    sections = {
        "System": _system(),
        "Packages": {package: _version(package) for package in _PACKAGES},
        "Threads and kernels": _threads(),
    }
    for title, entries in sections.items():
        width = max(map(len, entries))
        lines = [f"{name.rjust(width)}: {value}" for name, value in entries.items()]
        print("\n".join(["", f"{title}:", *lines]))  # noqa: T201, it is what it is for


def _system() -> dict[str, str]:
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "processor": platform.processor() or platform.machine(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        # It may run from its source, as this one in a clone.
        module = sys.modules.get(package)
        return getattr(module, "__version__", "not installed")


def _threads() -> dict[str, str]:
    """Return how many threads there are, of whom, and whether kernels are kept."""
    entries = {
        "cores": str(joblib.cpu_count()),
        "threads by default": str(effective_threads()),
        "kernel cache": _kernel_cache(),
    }
    for library in threadpool_info():
        name = library.get("internal_api", library["user_api"])
        facts = [f"{library['num_threads']} threads", library.get("version") or "?"]
        facts += [library[key] for key in ("architecture",) if library.get(key)]
        entries[f"{name} ({library['prefix']})"] = ", ".join(facts)
    return entries


def _kernel_cache() -> str:
    """Return the folder of the compiled kernels, or that there is none."""
    # By name, since a kernel is no part of the layer that this stands in.
    kernel = importlib.import_module("sklearn_metarec._kernels.encode").min_max
    stats = getattr(kernel, "stats", None)
    path = getattr(stats, "cache_path", None)
    return str(path) if path else "none: every process compiles for itself"
