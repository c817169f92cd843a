"""Time `import sklearn_metarec` over the import of the libraries it stands on.

Each line is imported by fresh interpreters, in turn, so that a busy spell of the
machine hits all of them. The cost of a line is its median less that of the first.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time

BASE = "import sklearn, scipy.sparse, numba"
LINES = [
    BASE,
    f"{BASE}, sklearn_metarec",
    f"{BASE}; from sklearn_metarec import EASE",
    f"{BASE}; from sklearn_metarec import MetaSelector",
]


def seconds(line):
    """Time one interpreter that runs `line`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", line], check=True)
    return time.perf_counter() - start


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="at least 5")
    rounds = max(parser.parse_args().rounds, 5)
    for line in LINES:
        seconds(line)  # fills the caches of files and bytecode
    times = {line: [] for line in LINES}
    for _ in range(rounds):
        for line in LINES:
            times[line].append(seconds(line))
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {rounds} rounds"
    )
    print(f"{'median':>8} {'min':>8} {'max':>8} {'cost':>8}   seconds")
    base = statistics.median(times[BASE])
    for line, values in times.items():
        median = statistics.median(values)
        print(
            f"{median:8.3f} {min(values):8.3f} {max(values):8.3f} {median - base:8.3f}"
            f"   {line}"
        )


if __name__ == "__main__":
    main()
