"""What the first use of a model costs: on a fresh machine, and in the next process.

Numba compiles at the first call and keeps the result on disk. For each model that is
not neural, a process with an empty cache imports it, fits it on a small table and
recommends to all users; a second process does the same from the cache the first left.
"Over the imports" is what fit and recommend take there, so with all that they import
and load.

    python benchmarks/first_use.py
    python benchmarks/first_use.py --models EASE IALS
"""

import argparse
import json
import sys
import tempfile
import time

from _machine import describe, print_header, print_row, run_python, seconds


def child(name):
    """Import, fit and recommend; print the seconds of each."""
    start = time.perf_counter()
    import numpy as np

    import sklearn_metarec

    model = getattr(sklearn_metarec, name)()
    imported = time.perf_counter()
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 200, 5_000), rng.integers(0, 100, 5_000)])
    y = rng.integers(1, 6, 5_000).astype(float)
    begin = time.perf_counter()
    model.fit(X, y)
    fitted = time.perf_counter()
    model.recommend(k=10)
    recommended = time.perf_counter()
    parts = (imported - start, fitted - begin, recommended - fitted)
    print(json.dumps(dict(zip(("import", "fit", "recommend"), parts, strict=True))))


def models():
    """Return the names of all recommenders that are not neural."""
    from sklearn_metarec.utils import all_estimators

    return [
        name
        for name, cls in all_estimators(["ranker", "rating"])
        if ".neural" not in cls.__module__
    ]


def main():
    """Print the table, or be a child."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    print_header(
        "model", "process", "import s", "fit s", "recommend s", "total s",
        "over the imports s",
    )  # fmt: skip
    for name in options.models or models():
        with tempfile.TemporaryDirectory() as cache:
            for process in ("first", "second"):
                parts = run_python(__file__, "--child", name, NUMBA_CACHE_DIR=cache)
                over = parts["fit"] + parts["recommend"]
                times = [*parts.values(), sum(parts.values()), over]
                print_row(name, process, *map(seconds, times))
    print(f"\n{describe('scikit-learn', 'pandas')}")


if __name__ == "__main__":
    sys.exit(main())
