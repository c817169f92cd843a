"""What the benchmarks share: the machine they run on, timing in turn, tables.

Needs the standard library only (and tells more where NumPy and threadpoolctl are), so
that it also serves in the environments of peers that do not install beside us.
"""

import ctypes
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# Below this, a difference in peak memory is the allocator's, not the work's.
_MEGABYTE = 1e6


# ------------------------------------------------------------------------- the machine


def processor():
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def installed(package):
    """Return the version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def describe(*packages):
    """Return one sentence: Python, the packages, the processor, the load.

    The load is said because another's work on the same cores distorts times, and a
    little less so ratios; the BLAS kernels because they decide dense algebra.
    """
    names = ("sklearn_metarec", "numpy", "numba", *packages)
    versions = ", ".join(f"{p} {installed(p) or _source(p)}" for p in names)
    parts = [f"Python {platform.python_version()}, {versions}", processor()]
    parts.append(f"{cores()} cores")
    if blas := blas_kernels():
        parts.append(f"OpenBLAS kernels {blas}")
    if hasattr(os, "getloadavg"):
        parts.append(f"load of the last minute {os.getloadavg()[0]:.1f}")
    return "; ".join(parts) + "."


def _source(package):
    """Return the version of a package that runs from its source, if it does."""
    module = sys.modules.get(package)
    return getattr(module, "__version__", "not installed")


def cores():
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def blas_kernels():
    """Return what OpenBLAS runs on, as "SkylakeX", or "" where that is not known."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ""
    kernels = {library.get("architecture") for library in threadpool_info()}
    return ", ".join(sorted(kernels - {None}))


# --------------------------------------------------------------------- time and memory


@dataclass
class Timing:
    """Seconds of each round, and what the last round returned."""

    seconds: list = field(default_factory=list)
    result: Any = None

    @property
    def median(self):
        """The median of the rounds."""
        return statistics.median(self.seconds)

    @property
    def spread(self):
        """The fastest and the slowest round, to print."""
        return f"{seconds(min(self.seconds))} to {seconds(max(self.seconds))}"


def in_turn(functions, rounds=5, warm_up=1, *, keep=True):
    """Time functions in turn, so that a busy spell of the machine hits all of them.

    Parameters
    ----------
    functions : dict of str to callable
        Each without parameters. One that has a method `timed`, which returns
        (seconds, result), times itself: it runs in another process.
    rounds, warm_up : int
        Rounds that count, and rounds before them.
    keep : bool
        Whether to keep the results of the last round.

    Returns
    -------
    timings : dict of str to Timing
    """
    timings = {name: Timing() for name in functions}
    for round_ in range(warm_up + rounds):
        for name, function in functions.items():
            timing = timings[name]
            timing.result = None  # its memory should not count against this round
            elapsed, result = timed(function)
            if keep:
                timing.result = result
            del result
            if round_ >= warm_up:
                timing.seconds.append(elapsed)
    return timings


def timed(function):
    """Return the seconds of one call, and its result."""
    if hasattr(function, "timed"):
        return function.timed()
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def with_peak(function):
    """Call `function`; return its result and the bytes by which it raised the peak.

    The peak is that of the resident memory over what was resident before, result
    included: the only measure that sees NumPy, numba and a peer's C++ alike. None where
    the system (any but Linux) has no counter that can be reset.
    """
    if hasattr(function, "with_peak"):
        return function.with_peak()
    gc.collect()
    try:
        # Freed memory that the allocator keeps would be used again, unseen.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
    except OSError:
        return function(), None
    result = function()
    return result, max(_resident("VmHWM") - before, 0)


def _resident(entry):
    """Return an entry of this process's status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(entry):
            return int(line.split()[1]) * 1024
    raise OSError(f"No {entry} in /proc/self/status.")


def process_peak():
    """Return the peak of this process's resident memory in bytes."""
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def in_fresh_process(function, *arguments):
    """Call `function` in a new interpreter, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def run_python(*arguments, **environment):
    """Run this Python; return what the last line of its output says in JSON."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=os.environ | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


# ------------------------------------------------------------------------------ tables


def print_header(*names):
    """Print the head of a markdown table."""
    print_row(*names)
    print("|" + "---|" * len(names), flush=True)


def print_row(*cells):
    """Print a row of a markdown table at once: a long benchmark shows that it lives."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def seconds(value):
    """Return seconds with three digits that count."""
    if value >= 100:
        return f"{value:.0f}"
    digits = 1 if value >= 10 else 2 if value >= 1 else 3 if value >= 0.1 else 4
    return f"{value:.{digits}f}" if value >= 1e-3 else f"{value:.6f}"


def megabytes(value):
    """Return bytes as megabytes, "" for None."""
    return "" if value is None else f"{value / _MEGABYTE:.0f}"
