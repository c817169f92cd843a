"""How long `make_interactions` takes, and what memory.

Each size runs in a process of its own, after a small call that compiles or loads the
kernels, so that its peak of memory is its own. The peak includes the interpreter and
the libraries, and the table that is returned. CPU seconds are those of all threads: on
a busy machine they say more than the others.

    python benchmarks/generator.py              # 100k to 20m rows
    python benchmarks/generator.py --size 100k 1m --rounds 5
"""

import argparse
import statistics
import time

from _data import SIZES
from _machine import (
    Timing,
    describe,
    in_fresh_process,
    print_header,
    print_row,
    process_peak,
    seconds,
)

from sklearn_metarec.datasets import make_interactions

SETTINGS = {
    "implicit": {},
    "ratings, drift and time": {
        "feedback": "explicit",
        "drift": 0.5,
        "timestamps": True,
    },
}


def measure(size, options, rounds):
    """Return each round's seconds, their processor seconds, and the peak in bytes."""
    make_interactions(**options, random_state=0)
    wall, processors = [], []
    for seed in range(rounds):
        start, start_processors = time.perf_counter(), time.process_time()
        make_interactions(*size, **options, random_state=seed)
        wall.append(time.perf_counter() - start)
        processors.append(time.process_time() - start_processors)
    return wall, processors, process_peak()


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = ["100k", "1m", "10m", "20m"]
    parser.add_argument("--size", choices=SIZES, nargs="+", default=sizes)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print_header(
        "rows", "users x items", "", "median s", "min to max s", "CPU s", "peak GB"
    )
    for name in options.size:
        users, items, _ = size = SIZES[name]
        for setting, arguments in SETTINGS.items():
            wall, processors, peak = in_fresh_process(
                measure, size, arguments, options.rounds
            )
            timing = Timing(wall)
            print_row(
                name, f"{users:,} x {items:,}", setting, seconds(timing.median),
                timing.spread, seconds(statistics.median(processors)),
                f"{peak / 1e9:.2f}",
            )  # fmt: skip
    print(f"\n{describe('scikit-learn')}")


if __name__ == "__main__":
    main()
