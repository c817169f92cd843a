"""How long ids take to become codes, against pandas.

Ours is `encode_interactions` of a table of users and items, which also checks the ids
and numbers them in their sorted order; pandas factorizes the same two columns, in the
order of appearance or sorted (which is what we do), and checks nothing. Integer ids
come as one array, strings as a frame. Peak memory is what a run adds, its result
included.

    python benchmarks/encoding.py --size 1m 20m
"""

import argparse
from functools import partial

import numpy as np
import pandas as pd
from _data import SIZES
from _machine import (
    describe,
    in_turn,
    megabytes,
    print_header,
    print_row,
    seconds,
    with_peak,
)

from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.interactions import encode_interactions


def dense(codes, n_ids, rng):
    """Return integers as a database numbers its rows: a range, with some gaps."""
    return (1_000_000 + np.sort(rng.choice(2 * n_ids, n_ids, replace=False)))[codes]


def wide(codes, n_ids, rng):
    """Return integers anywhere in 62 bits, as hashes are."""
    return rng.integers(0, 1 << 62, n_ids)[codes]


def text(codes, n_ids, rng, dtype):
    """Return strings of 9 characters, in pandas' string type or as Python objects.

    The objects are shared between rows, as those that a CSV reader makes are.
    """
    names = np.array([f"id{number:07d}" for number in rng.permutation(n_ids)], object)
    return pd.Series(names, dtype=dtype).take(codes).reset_index(drop=True)


KINDS = {
    "int64, dense": dense,
    "int64, 62 bits": wide,
    "strings, pandas str": partial(text, dtype="str"),
    "strings, objects": partial(text, dtype=object),
}


def make(size, kind):
    """Return the table of a size with ids of a kind."""
    codes, _ = make_interactions(*SIZES[size], random_state=0)
    rng = np.random.default_rng(0)
    names = ["user_id", "item_id"]
    columns = {
        name: KINDS[kind](codes[:, place], SIZES[size][place], rng)
        for place, name in enumerate(names)
    }
    if kind.startswith("int"):
        return np.column_stack(list(columns.values()))
    return pd.DataFrame(columns)


def factorize(table, sort):
    """Factorize the two columns with pandas."""
    if isinstance(table, np.ndarray):
        return [pd.factorize(column, sort=sort) for column in table.T]
    return [table[name].factorize(sort=sort) for name in table]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", nargs="+", choices=SIZES, default=["1m", "20m"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_header(
        "rows", "ids", "", "median s", "min to max s", "time / ours", "peak MB"
    )
    for size in options.size:
        for kind in options.kinds:
            table = make(size, kind)
            functions = {
                "sklearn_metarec": partial(encode_interactions, table),
                "pandas, as they appear": partial(factorize, table, sort=False),
                "pandas, sorted": partial(factorize, table, sort=True),
            }
            timings = in_turn(functions, options.rounds, keep=False)
            own = timings["sklearn_metarec"].median
            for name, timing in timings.items():
                _, peak = with_peak(functions[name])
                print_row(
                    size, kind, name, seconds(timing.median), timing.spread,
                    f"{timing.median / own:.2f}", megabytes(peak),
                )  # fmt: skip
    print(f"\n{options.rounds} rounds. {describe('pandas', 'pyarrow')}")


if __name__ == "__main__":
    main()
