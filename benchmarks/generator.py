"""How long `make_interactions` takes, and what memory.

Each size runs in a process of its own, after a small call that compiles or loads the
kernels, so that its peak of memory is its own. The peak includes the interpreter and
the libraries, and the table that is returned. CPU seconds are those of all threads: on
a busy machine they say more than the others.

    python benchmarks/generator.py              # 100k to 20m rows
    python benchmarks/generator.py --size 100k 1m --rounds 5
"""

import argparse
import resource
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from metrics import installed, processor  # its neighbour in this folder

from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.utils._parallel import effective_threads

# Users, items and rows as in MovieLens (100k, 1m, 10m, 20m).
SIZES = {
    "100k": (943, 1_682, 100_000),
    "1m": (6_040, 3_706, 1_000_000),
    "10m": (71_567, 10_681, 10_000_000),
    "20m": (138_493, 26_744, 20_000_000),
}
SETTINGS = {
    "implicit": {},
    "ratings, drift and time": {
        "feedback": "explicit",
        "drift": 0.5,
        "timestamps": True,
    },
}


def measure(size, options, rounds):
    """Return each round's seconds, their processor seconds, and the peak in GB."""
    make_interactions(**options, random_state=0)
    wall, processors = [], []
    for seed in range(rounds):
        start, start_processors = time.perf_counter(), time.process_time()
        make_interactions(*size, **options, random_state=seed)
        wall.append(time.perf_counter() - start)
        processors.append(time.process_time() - start_processors)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return wall, processors, peak


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| rows | users x items | | median s | min to max s | CPU s | peak GB |")
    print("|---|---|---|---|---|---|---|")
    for name in options.size:
        users, items, _ = size = SIZES[name]
        for setting, arguments in SETTINGS.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                job = pool.submit(measure, size, arguments, options.rounds)
                wall, processors, peak = job.result()
            cells = (
                name,
                f"{users:,} x {items:,}",
                setting,
                f"{statistics.median(wall):.2f}",
                f"{min(wall):.2f} to {max(wall):.2f}",
                f"{statistics.median(processors):.2f}",
                f"{peak:.2f}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)
    packages = ("sklearn_metarec", "numpy", "numba", "scikit-learn")
    versions = ", ".join(f"{p} {installed(p) or 'not installed'}" for p in packages)
    print(f"\nPython {sys.version.split()[0]}, {versions}; {processor()}, "
          f"{effective_threads()} threads.")  # fmt: skip


if __name__ == "__main__":
    main()
