"""Time `import sklearn_metarec` over the import of the libraries it stands on.

Fresh interpreters import those first, then what is timed, in turn, so that a busy
spell of the machine hits every line. The clock runs inside of the interpreter: whole
processes differ among themselves by more than what is to be seen.

    python benchmarks/import_time.py
"""

import argparse
import statistics
import subprocess
import sys

from _machine import describe, print_header, print_row
from _machine import seconds as shown

BASE = "import sklearn, scipy.sparse, numba"
LINES = [
    "import sklearn_metarec",
    "from sklearn_metarec import EASE",
    "from sklearn_metarec import MetaSelector",
]
CODE = """
from time import perf_counter
start = perf_counter()
{base}
middle = perf_counter()
{line}
print(middle - start, perf_counter() - middle)
"""


def timed_import(line):
    """Return the seconds of the libraries, and of `line` after them."""
    code = CODE.format(base=BASE, line=line)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    return tuple(map(float, done.stdout.split()))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    for line in LINES:
        timed_import(line)  # fills the caches of files and bytecode
    times = {line: [] for line in [BASE, *LINES]}
    for _ in range(rounds):
        for line in LINES:
            base, own = timed_import(line)
            times[BASE].append(base)
            times[line].append(own)
    print_header("import", "median s", "min s", "max s")
    for line, values in times.items():
        cells = statistics.median(values), min(values), max(values)
        print_row(f"{'' if line is BASE else 'then '}`{line}`", *map(shown, cells))
    print(f"\n{rounds} rounds. {describe('scikit-learn', 'scipy')}")


if __name__ == "__main__":
    main()
