import multiprocessing
import os
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec.utils._parallel import (
    effective_threads,
    map_ranges,
    single_threaded_blas,
)


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    """The limits of the machine that runs the tests are not what is tested."""
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@jit
def add_row_numbers(lo, hi, out):
    for i in range(lo, hi):
        out[i] += i


def calls_of(n, **options):
    """The chunks that a kernel gets, and the threads they ran in."""
    calls = []
    map_ranges(
        lambda lo, hi: calls.append((lo, hi, threading.get_ident())), n, **options
    )
    return sorted(call[:2] for call in calls), {call[2] for call in calls}


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 5, -1])
@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 205])
def test_every_row_is_visited_once(n, n_jobs):
    out = np.zeros(n)
    map_ranges(add_row_numbers, n, out, n_jobs=n_jobs, chunk=10)
    np.testing.assert_array_equal(out, np.arange(n))


def test_the_chunks_are_the_same_for_any_number_of_threads():
    expected = [(0, 4), (4, 8), (8, 10)]
    for n_jobs in (1, 2, 3, None):
        assert calls_of(10, chunk=4, n_jobs=n_jobs)[0] == expected


def test_a_short_range_runs_in_the_calling_thread():
    assert calls_of(512, n_jobs=4) == ([(0, 512)], {threading.get_ident()})
    assert calls_of(99, chunk=10, n_jobs=1)[1] == {threading.get_ident()}


def test_an_empty_range_calls_nothing():
    assert calls_of(0, n_jobs=2) == ([], set())


def test_chunks_run_at_the_same_time():
    both = threading.Barrier(2)
    # Each of the two chunks waits until the other one is there.
    map_ranges(lambda lo, hi: both.wait(timeout=60), 2, chunk=1, n_jobs=2)
    assert not both.broken


def test_each_thread_has_a_state_of_its_own():
    made, seen = [], {}

    def states():
        made.append((np.zeros(3),))
        return made[-1]

    def kernel(lo, hi, scratch, out):
        # Both threads hold their state at once, so one has not finished for both.
        if lo < 2:
            both.wait(timeout=60)
        seen.setdefault(threading.get_ident(), set()).add(id(scratch))
        out[lo:hi] = 1

    both = threading.Barrier(2)
    out = np.zeros(20)
    map_ranges(kernel, 20, out, chunk=1, n_jobs=2, states=states)
    assert out.all()
    assert len(made) == 2
    assert len(seen) == 2
    assert all(len(states_of_thread) == 1 for states_of_thread in seen.values())


def test_threads_share_the_context_of_the_caller():
    modes = {}

    def kernel(lo, hi):
        both.wait(timeout=60)
        modes[threading.get_ident()] = np.geterr()["over"]

    both = threading.Barrier(2)
    with np.errstate(over="raise"):
        map_ranges(kernel, 2, chunk=1, n_jobs=2)
    assert list(modes.values()) == ["raise", "raise"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_is_raised_and_stops_the_other_chunks(n_jobs):
    calls = []

    def kernel(lo, hi):
        calls.append(lo)
        if lo == 3:
            raise ZeroDivisionError("row 3")
        time.sleep(0.001)

    with pytest.raises(ZeroDivisionError, match="row 3"):
        map_ranges(kernel, 5000, chunk=1, n_jobs=n_jobs)
    assert len(calls) < 500


def test_of_several_errors_that_of_the_lowest_rows_is_raised():
    def kernel(lo, hi):
        both.wait(timeout=60)
        if lo == 0:
            time.sleep(0.05)  # so that the error of row 1 is the first in time
        raise ValueError(f"row {lo}")

    both = threading.Barrier(2)
    with pytest.raises(ValueError, match="row 0"):
        map_ranges(kernel, 2, chunk=1, n_jobs=2)


def test_an_interrupt_comes_before_other_errors():
    def kernel(lo, hi):
        both.wait(timeout=60)
        raise ValueError("row 0") if lo == 0 else KeyboardInterrupt

    both = threading.Barrier(2)
    with pytest.raises(KeyboardInterrupt):
        map_ranges(kernel, 2, chunk=1, n_jobs=2)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_in_states_is_raised(n_jobs):
    def states():
        raise MemoryError("no room for the scratch")

    with pytest.raises(MemoryError, match="no room"):
        map_ranges(lambda lo, hi: None, 10, chunk=1, n_jobs=n_jobs, states=states)


def test_no_thread_outlives_the_call():
    before = threading.active_count()
    calls_of(100, chunk=1, n_jobs=4)
    assert threading.active_count() == before


def test_fan_outs_nest():
    out = np.zeros((6, 100))

    def outer(lo, hi):
        for row in range(lo, hi):
            map_ranges(add_row_numbers, 100, out[row], chunk=10, n_jobs=3)

    map_ranges(outer, 6, chunk=1, n_jobs=3)
    np.testing.assert_array_equal(out, np.tile(np.arange(100.0), (6, 1)))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork.")
def test_a_forked_process_can_fan_out():
    out = np.zeros(100)
    map_ranges(add_row_numbers, 100, out, chunk=10, n_jobs=2)

    def child():
        again = np.zeros(100)
        map_ranges(add_row_numbers, 100, again, chunk=10, n_jobs=2)
        with single_threaded_blas():
            again @ again
        sys.exit(0 if (again == out).all() else 1)

    with single_threaded_blas():  # a holder that does not exist in the child
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(timeout=60)
    assert process.exitcode == 0


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_inside_joblib(backend):
    def task(n):
        def add(lo, hi, out):
            out[lo:hi] += np.arange(lo, hi)

        out = np.zeros(n)
        map_ranges(add, n, out, chunk=10, n_jobs=2)
        return out

    results = joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(task)(n) for n in (50, 95)
    )
    for n, out in zip((50, 95), results, strict=True):
        np.testing.assert_array_equal(out, np.arange(n))


def test_a_chunk_has_a_row():
    with pytest.raises(ValueError, match="chunk=0 must be at least 1"):
        map_ranges(add_row_numbers, 5, np.zeros(5), chunk=0)


def test_threads_by_n_jobs():
    cores = joblib.cpu_count()
    assert effective_threads() == cores
    assert effective_threads(-1) == cores
    assert effective_threads(-cores - 5) == 1
    assert effective_threads(1) == 1
    assert effective_threads(cores + 3) == cores + 3
    with pytest.raises(ValueError, match="n_jobs=0 has no meaning"):
        effective_threads(0)


def test_the_cores_are_those_of_now(monkeypatch):
    cores = effective_threads()
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert effective_threads() == effective_threads(-1) == 1
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT")
    assert effective_threads() == cores


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="Only Linux binds threads to cores."
)
def test_a_thread_bound_to_a_core_makes_no_others():
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert effective_threads() == 1
    finally:
        os.sched_setaffinity(0, cores)
    assert effective_threads() == joblib.cpu_count()


def test_threads_by_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1,4")
    assert effective_threads() == 1
    assert effective_threads(3) == 3  # asked for by name
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    assert effective_threads(3) == 2
    monkeypatch.setenv("NUMBA_NUM_THREADS", "many")
    assert effective_threads(3) == 3


def test_threads_by_the_configuration_of_joblib():
    with joblib.parallel_config(n_jobs=3):
        assert effective_threads() == 3
        assert effective_threads(2) == 2


def test_tasks_of_the_threading_backend_make_no_threads():
    threads = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(effective_threads)(n_jobs) for n_jobs in (None, 2, -1)
    )
    assert threads == [1, 1, 1]


def test_a_sequential_joblib_call_leaves_the_cores_to_its_tasks():
    threads = joblib.Parallel(n_jobs=1)(
        joblib.delayed(effective_threads)(n_jobs) for n_jobs in (None, 3)
    )
    assert threads == [joblib.cpu_count(), 3]


@pytest.mark.parametrize("inner", [None, 1, 3])
def test_worker_processes_keep_to_their_share(inner):
    share = inner or max(joblib.cpu_count() // 2, 1)
    with joblib.parallel_config("loky", inner_max_num_threads=inner):
        threads = joblib.Parallel(n_jobs=2)(
            joblib.delayed(effective_threads)(n_jobs) for n_jobs in (1, 9)
        )
    assert threads == [1, share]


def blas_threads(*, shared=False):
    """Threads of each BLAS; `shared`: of those whose limit is that of all threads."""
    return [
        lib["num_threads"]
        for lib in threadpool_info()
        if lib["user_api"] == "blas"
        and not (shared and lib.get("threading_layer") == "openmp")
    ]


def test_blas_is_held_to_one_thread():
    before = blas_threads()
    assert before
    with single_threaded_blas():
        assert set(blas_threads()) == {1}
        with single_threaded_blas():
            pass
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_blas_threads_come_back_after_an_error():
    before = blas_threads()
    with pytest.raises(KeyError), single_threaded_blas():
        raise KeyError
    assert blas_threads() == before


def test_blas_stays_limited_until_the_last_block_ends():
    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded_blas():
            entered.set()
            leave.wait(timeout=60)

    holder = threading.Thread(target=hold)
    with single_threaded_blas():
        holder.start()
        assert entered.wait(timeout=60)
        assert set(blas_threads()) == {1}
    assert set(blas_threads(shared=True)) == {1}
    leave.set()
    holder.join()
    assert blas_threads() == before


def test_every_thread_can_limit_blas_afterwards():
    def limited():
        with single_threaded_blas():
            return blas_threads()

    limited()
    seen = []
    thread = threading.Thread(target=lambda: seen.append(limited()))
    thread.start()
    thread.join()
    assert set(seen[0]) == {1}
