"""Time `import sklearn_metarec` over the import of the libraries it stands on.

Each line is imported by fresh interpreters, in turn, so that a busy spell of the
machine hits all of them. The cost of a line is its median less that of the first.

    python benchmarks/import_time.py
"""

import argparse
import subprocess
import sys
from functools import partial

from _machine import describe, in_turn, print_header, print_row, seconds

BASE = "import sklearn, scipy.sparse, numba"
LINES = [
    BASE,
    f"{BASE}, sklearn_metarec",
    f"{BASE}; from sklearn_metarec import EASE",
    f"{BASE}; from sklearn_metarec import MetaSelector",
]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    # The warm-up fills the caches of files and bytecode.
    runs = {
        line: partial(subprocess.run, [sys.executable, "-c", line], check=True)
        for line in LINES
    }
    timings = in_turn(runs, rounds)
    print_header("line", "median s", "min to max s", "cost s")
    base = timings[BASE].median
    for line, timing in timings.items():
        cost = f"{timing.median - base:.3f}"
        print_row(f"`{line}`", seconds(timing.median), timing.spread, cost)
    print(f"\n{rounds} rounds. {describe('scikit-learn', 'scipy')}")


if __name__ == "__main__":
    main()
