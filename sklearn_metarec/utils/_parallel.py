"""Fan a range of rows out over threads, and keep BLAS from doing the same twice.

The kernels are serial and release the GIL; the threads are made here, for one call,
and joined before it returns. A standing pool would save some 0.1 ms a call, which no
caller would notice (short ranges run inline), and would cost three hazards: a pool
whose threads are gone after a fork, a deadlock when a task of the pool fans out
again, and idle threads in every worker process. The calling thread works too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache
from multiprocessing import current_process
from typing import Any

import joblib
from joblib.parallel import get_active_backend
from threadpoolctl import OpenBLASController, get_cached_controller

__all__ = ["effective_threads", "map_ranges", "single_threaded_blas"]


def effective_threads(n_jobs: int | None = None) -> int:
    """Resolve `n_jobs` to a number of threads for this process, here and now.

    Parameters
    ----------
    n_jobs : int or None, default=None
        None takes the `n_jobs` of an enclosing `joblib.parallel_config`, else every
        core that this process may use, or OMP_NUM_THREADS of them. A negative number
        counts back from the cores (-1 all, -2 all but one). A positive one is
        honoured, above the number of cores too.

    Returns
    -------
    n_threads : int
        At least 1, and at most NUMBA_NUM_THREADS, which joblib sets in its worker
        processes (its share of the cores, or `inner_max_num_threads`). In a thread
        of joblib's threading backend it is 1: the outer call has the cores already.

    Raises
    ------
    ValueError
        If `n_jobs` is 0.
    """
    if n_jobs == 0:
        raise ValueError(
            "n_jobs=0 has no meaning: pass None, 1 for no threads, or -1 for all cores."
        )
    backend, configured = get_active_backend()
    if _is_joblib_thread(backend) or current_process().daemon:
        return 1
    limit = _positive_env("NUMBA_NUM_THREADS")
    if n_jobs is None:
        n_jobs = configured
    if n_jobs is None:
        n_jobs = min(_count_cores(), _positive_env("OMP_NUM_THREADS"))
    elif n_jobs < 0:
        n_jobs = max(_count_cores() + 1 + n_jobs, 1)
    return min(n_jobs, limit)


def _is_joblib_thread(backend: Any) -> bool:
    """Whether this thread runs a task of joblib's threading backend."""
    # A loky worker is nested as well, but runs its tasks in its main thread.
    nested = bool(getattr(backend, "nesting_level", 0))
    return nested and threading.current_thread() is not threading.main_thread()


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    # joblib also reads the limits of a container, from files: 0.07 ms, which a short
    # fit would notice. They hold for the process; what may change is the rest.
    affinity = getattr(os, "sched_getaffinity", lambda _: ())(0)
    limit = os.environ.get("LOKY_MAX_CPU_COUNT")
    return _cores_of_process(os.getpid(), limit, frozenset(affinity))


@lru_cache(maxsize=8)
def _cores_of_process(pid: int, limit: str | None, affinity: frozenset[int]) -> int:
    return joblib.cpu_count()


def _positive_env(name: str) -> int:
    """Return the number in the environment variable `name`, or a huge one."""
    value = os.environ.get(name, "")
    # OMP_NUM_THREADS may be a list, one entry a nesting level: the first counts.
    value = value.split(",")[0].strip()
    return int(value) if value.isdecimal() and int(value) > 0 else 2**31 - 1


class _Ranges:
    """The chunks of `range(n)`, handed out in order to whichever thread asks."""

    def __init__(self, n: int, chunk: int) -> None:
        self._starts = iter(range(0, n, chunk))
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """Return the start of the next chunk, or None when there is none."""
        with self._lock:
            return next(self._starts, None)

    def close(self) -> None:
        """Hand out no more chunks."""
        with self._lock:
            self._starts = iter(range(0))


def map_ranges(
    kernel: Callable[..., Any],
    n: int,
    *args: Any,
    n_jobs: int | None = None,
    chunk: int = 512,
    states: Callable[[], tuple[Any, ...]] | None = None,
) -> None:
    """Call `kernel(lo, hi, *state, *args)` on chunks that cover `range(n)`.

    The chunks are the same for every `n_jobs`, so a kernel whose chunks write
    disjoint rows gives the same result to the bit on any number of threads.

    Parameters
    ----------
    kernel : callable
        Writes its result into `args`; what it returns is dropped. It runs in
        several threads at once, so it should release the GIL.

    n : int
        Number of rows. At most `chunk` of them run inline, as one call.

    *args : tuple
        Passed on to every call.

    n_jobs : int or None, default=None
        Number of threads, see :func:`effective_threads`. 1 makes no thread.

    chunk : int, default=512
        Rows a call: large enough to hide the 0.01 ms that a call costs, small
        enough to leave each thread several, since rows differ in cost.

    states : callable or None, default=None
        Makes the scratch arrays of one thread, as a tuple. A kernel must leave its
        scratch as it found it: chunks meet the state in no fixed order.

    Raises
    ------
    BaseException
        What `kernel` raised, once every thread has stopped: of several errors that
        of the lowest rows, as in a serial run, but a KeyboardInterrupt first.
    """
    if chunk < 1:
        raise ValueError(f"chunk={chunk} must be at least 1.")
    n_chunks = -(-n // chunk)
    n_threads = 1 if n_chunks <= 1 else min(effective_threads(n_jobs), n_chunks)
    if n_threads == 1:  # without a lock, which a call for one user would notice
        state = states() if states is not None and n else ()
        for lo in range(0, n, chunk):
            kernel(lo, min(lo + chunk, n), *state, *args)
        return
    ranges = _Ranges(n, chunk)
    errors: list[tuple[int, BaseException]] = []

    def work() -> None:
        lo: int | None = -1
        try:
            lo = ranges.take()
            state = () if lo is None or states is None else states()
            while lo is not None:
                kernel(lo, min(lo + chunk, n), *state, *args)
                lo = ranges.take()
        except BaseException as error:
            ranges.close()
            errors.append((-1 if lo is None else lo, error))

    _run_in_threads(work, n_threads, ranges.close)
    if errors:
        # Chunks are handed out in order, so the lowest that fails has always run.
        raise min(errors, key=lambda e: (isinstance(e[1], Exception), e[0]))[1]


def _run_in_threads(
    work: Callable[[], None], n_threads: int, stop: Callable[[], None]
) -> None:
    """Run `work` in this thread and in `n_threads - 1` others, and wait for all."""
    # Each thread enters a copy of the context: numpy.errstate holds in them too.
    helpers = [
        threading.Thread(target=copy_context().run, args=(work,), daemon=True)
        for _ in range(n_threads - 1)
    ]
    started = []
    try:
        for helper in helpers:
            helper.start()
            started.append(helper)
        work()
    except BaseException:
        stop()
        raise
    finally:
        # Even after Ctrl-C the threads must be out of the caller's arrays. A second
        # Ctrl-C, during this wait, gets out at once.
        for helper in started:
            helper.join()


class _BlasLimit:
    """How many contexts hold BLAS to one thread: the last to leave lifts it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the holders: after a fork they are in the parent."""
        self._lock = threading.Lock()
        self._holders = 0
        self._limiter: Any = None
        self._limiting_thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Limit BLAS unless that is done already."""
        with self._lock:
            if self._holders == 0:
                # A new controller would cost 1 ms: it looks through all libraries.
                limit = get_cached_controller().limit
                self._limiter = limit(limits=1, user_api="blas")
                self._limiting_thread = threading.current_thread()
            self._holders += 1

    def release(self) -> None:
        """Lift the limit if nobody else needs it."""
        with self._lock:
            self._holders -= 1
            if self._holders > 0:
                return
            # Only the thread that set a limit can change it, in threadpoolctl's
            # books, and nobody else can set one until it gives up that control.
            if self._limiting_thread is not threading.current_thread():
                OpenBLASController.clear_controlling_thread(force=True)
            with self._limiter:
                pass  # leaving restores the threads and gives up the control
            self._limiter = self._limiting_thread = None


_blas_limit = _BlasLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_blas_limit.reset)


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold BLAS to one thread inside the `with` block, in the whole process.

    For loops whose threads call BLAS themselves. Nested and concurrent blocks are
    counted: the number of threads comes back when the last one ends.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_metarec.utils._parallel import single_threaded_blas
    >>> with single_threaded_blas():
    ...     np.ones((2, 3)) @ np.ones(3)
    array([3., 3.])
    """
    # Where BLAS runs on OpenMP, each thread has a limit of its own, which no other
    # thread can lift: so each block sets and lifts that of its thread.
    with get_cached_controller().select(threading_layer="openmp").limit(limits=1):
        _blas_limit.acquire()
        try:
            yield
        finally:
            _blas_limit.release()
