"""What the defaults of BPR and WARP rest on: the defaults, and one change at a time.

As in benchmarks/knn.py, a setting is fitted on one part of the training part of the
reference split and its nDCG@10 measured on the other: the test part stays unseen. The
share is that of the best nDCG@10 of the data set among the settings shown.

The real data sets are read from $SKLEARN_METAREC_DATA.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row
from knn import parts, read

from sklearn_metarec import BPR, WARP

DATA = [
    "movielens_100k", "movielens_1m", "movielens_latest_small", "movietweetings_100k",
    "lastfm_hetrec2011", "ifdb_played",
]  # fmt: skip
CHANGES = {
    "BPR": (
        BPR,
        [
            {},
            {"sampling": "uniform"},
            {"n_negatives": 3},
            {"n_negatives": 8},
            {"regularization": 0.02},
            {"regularization": 0.05},
            {"regularization": 0.08},
            {"bias_regularization": 0.02},
            {"bias_regularization": 0.1},
            {"learning_rate": 0.1},
            {"optimizer": "sgd", "learning_rate": 0.05},
            {"max_iter": 30},
        ],
    ),
    "WARP": (
        WARP,
        [
            {},
            {"n_negatives": 15},
            {"n_negatives": 60},
            {"regularization": 0.003},
            {"regularization": 0.03},
            {"bias_regularization": 0.02},
            {"bias_regularization": 0.1},
            {"learning_rate": 0.05},
            {"optimizer": "sgd", "learning_rate": 0.01},
            {"margin": 2.0},
            {"max_iter": 30},
        ],
    ),
}


def main():
    """Print a table a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--data", nargs="+", default=DATA, help="names of data sets")
    parser.add_argument("--seeds", type=int, default=1, help="splits a data set")
    options = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    tables = {name: read(Path(folder), name) for name in options.data}
    for model in options.models:
        measure(*CHANGES[model], tables, options.seeds)
    print(f"\n{describe('scikit-learn')}")


def measure(model, changes, tables, n_seeds):
    """Print the validation nDCG@10 of each change on each data set."""
    rows, seconds = [], []
    for change in changes:
        started = time.process_time()
        rows.append([score(model(random_state=0, **change), table, n_seeds)
                     for table in tables.values()])  # fmt: skip
        seconds.append(time.process_time() - started)
    scores = pd.DataFrame(rows, columns=list(tables))
    shares = scores / scores.max()
    print_header(model.__name__, *tables, "mean share", "least share", "CPU s")
    for place, change in enumerate(changes):
        setting = ", ".join(f"{name}={value!r}" for name, value in change.items())
        print_row(
            setting or "defaults", *(f"{value:.4f}" for value in scores.loc[place]),
            f"{shares.loc[place].mean():.4f}", f"{shares.loc[place].min():.4f}",
            f"{seconds[place]:.1f}",
        )  # fmt: skip
    print(flush=True)


def score(model, table, n_seeds):
    """Return the mean nDCG@10 on the validation parts."""
    values = []
    for seed in range(n_seeds):
        fitted, validation = parts(table, seed)
        values.append(model.fit(fitted).score(validation))
    return float(np.mean(values))


if __name__ == "__main__":
    main()
