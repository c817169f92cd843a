"""Compare what EASE offers for large catalogues: quality, time and memory.

On the reference split: EASE of all items, where these are few enough; of the most
popular ones alone, beyond which nothing is recommended; with each item regressed on its
most similar ones alone (`n_neighbors`); and ItemKNN, with its defaults. The real data
sets are read from $SKLEARN_METAREC_DATA.

    python benchmarks/large_catalogues.py --seeds 1 2
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec import EASE, ItemKNN
from sklearn_metarec.model_selection import PerUserShuffleSplit

DATA = ["online_retail", "gowalla_ngcf"]
# Beyond, the full model takes minutes.
MOST_ITEMS = 8_000


def contestants(regularization):
    """Return (name, model, how many of the most popular items it is fitted on)."""
    yield "ItemKNN()", ItemKNN(), None
    for size in (2_000, MOST_ITEMS):
        yield f"EASE, {size:,} most popular", EASE(regularization), size
    yield "EASE, all items", EASE(regularization), None
    for k in (50, 100, 200):
        model = EASE(regularization, n_neighbors=k)
        yield f"EASE, n_neighbors={k}", model, None


def rows_of_popular(items, size):
    """Return the rows of the `size` items with most rows."""
    ids, codes, counts = np.unique(items, return_inverse=True, return_counts=True)
    popular = np.zeros(len(ids), dtype=bool)
    popular[np.argsort(-counts, kind="stable")[:size]] = True
    return popular[codes]


def megabytes(model):
    """Return the size of what a fitted model keeps of items x items."""
    name = "item_weights_" if isinstance(model, EASE) else "item_similarity_"
    matrix = getattr(model, name)
    if isinstance(matrix, np.ndarray):
        return matrix.nbytes / 1e6
    return (matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes) / 1e6


def run(name, X, seeds, regularization):
    """Print the rows of one data set."""
    n_items = len(np.unique(X[:, 1]))
    for label, model, size in contestants(regularization):
        full = isinstance(model, EASE) and not model.n_neighbors
        if full and min(size or n_items, n_items) > MOST_ITEMS:
            print_row(name, f"{n_items:,}", label, "not run: too many", "", "")
            continue
        if size is not None and size >= n_items:
            continue
        scores, times = [], []
        for seed in seeds:
            split = PerUserShuffleSplit(test_size=0.2, random_state=seed)
            train, test = next(split.split(X))
            rows = X[train]
            rows = rows if size is None else rows[rows_of_popular(rows[:, 1], size)]
            start = time.perf_counter()
            model.fit(rows)
            times.append(time.perf_counter() - start)
            scores.append(model.score(X[test]))
        shown = ", ".join(f"{score:.4f}" for score in scores)
        print_row(name, f"{n_items:,}", label, shown, seconds(np.median(times)),
                  f"{megabytes(model):.0f}")  # fmt: skip


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=DATA)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--regularization", type=float, default=20.0)
    options = parser.parse_args()
    print_header("data", "items", "model", "nDCG@10, a seed each", "fit s",
                 "items x items MB")  # fmt: skip
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    for name in options.data:
        table = pd.read_csv(folder / f"{name}.csv.gz", usecols=["user_id", "item_id"])
        X = table.drop_duplicates()[["user_id", "item_id"]].to_numpy()
        run(name, X, options.seeds, options.regularization)
    seeds = ", ".join(map(str, options.seeds))
    print(f"\nRegularization {options.regularization:g}, seeds {seeds}. {describe()}")


if __name__ == "__main__":
    main()
