"""Measure the neural models: against EASE on the reference split, and in a search.

MovieLens-100k of $SKLEARN_METAREC_DATA: PerUserShuffleSplit(test_size=0.2), every row
positive, pairs of the fit excluded, all items ranked, as in reference_split.py.
TwoTower reads genres, year, age group, gender and occupation. `--search` compares a
grid search with its fits, on a tenth of MovieLens-100k's users. What comes next is
measured by sequences.py.

    python benchmarks/neural.py --seeds 5
    python benchmarks/neural.py --search
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import (
    EASE,
    KerasBuilderRegressor,
    MetaRegressor,
    MultVAE,
    NeuMF,
    NeuralRegressor,
    SASRec,
    TwoTower,
)
from sklearn_metarec.model_selection import (
    PerUserShuffleSplit,
    make_ranking_scorer,
)

IDS = ["user_id", "item_id"]


def read(name, columns):
    """Read columns of a data set."""
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    return pd.read_csv(Path(folder) / f"{name}.csv.gz", usecols=columns)


def side_tables():
    """Return the features of items and of users, numbers in groups."""
    items = read("movielens_100k.items", ["item_id", "year", "genres"])
    users = read("movielens_100k.users", ["user_id", "age", "gender", "occupation"])
    items["year"] = (items["year"] // 5 * 5).astype(str)
    users["age"] = (users["age"] // 10 * 10).astype(str)
    return items, users


def measure(model, train, test):
    """Return nDCG@10 and the seconds of the fit."""
    began = time.perf_counter()
    model.fit(train)
    took = time.perf_counter() - began
    return model.score(test), took


def reference_split(n_seeds):
    """Print the quality relative to EASE, over seeds."""
    items, users = side_tables()
    X = read("movielens_100k", IDS)
    models = {
        "EASE(500)": EASE(500.0),
        "MultVAE": MultVAE(random_state=0),
        "MultVAE(variational=False)": MultVAE(variational=False, random_state=0),
        "NeuMF": NeuMF(random_state=0),
        "TwoTower with features": TwoTower(
            item_features=items, user_features=users, random_state=0
        ),
        "TwoTower": TwoTower(random_state=0),
    }
    MultVAE(epochs=1).fit(X[:100])  # TensorFlow's start is no part of a fit
    print_header("model", "nDCG@10", "/ EASE", "fit s")
    base = None
    for label, model in models.items():
        found = []
        for seed in range(n_seeds):
            train, test = next(PerUserShuffleSplit(random_state=seed).split(X))
            found.append(measure(model, X.iloc[train], X.iloc[test]))
        scores, took = np.transpose(found)
        base = scores if base is None else base
        print_row(
            label, f"{scores.mean():.4f}", f"{(scores / base).mean():.3f}",
            seconds(np.median(took)),
        )  # fmt: skip


def search():
    """Print what a grid search costs, and what its fits do."""
    frame = read("movielens_100k", [*IDS, "rating"])
    frame = frame[frame["user_id"] % 10 == 0]
    X, y = frame[IDS], frame["rating"]
    models = [
        MultVAE(), NeuMF(), TwoTower(), SASRec(), NeuralRegressor(),
        MetaRegressor(), KerasBuilderRegressor(),
    ]  # fmt: skip
    print_header("model", "search s", "its fits s", "ratio")
    splits = list(PerUserShuffleSplit(random_state=0).split(X))
    scoring = make_ranking_scorer("ndcg@10")
    for model in models:
        model.set_params(random_state=0)
        grid = {"batch_size": [model.batch_size, 2 * model.batch_size]}
        # What is traced once a process is on neither side of the ratio.
        clone(model).set_params(epochs=1).fit(X[:100], y[:100])
        began = time.perf_counter()
        parts = [splits[0][0], splits[0][0], np.arange(len(X))]
        sizes = [*grid["batch_size"], model.batch_size]
        for part, size in zip(parts, sizes, strict=True):
            clone(model).set_params(batch_size=size).fit(X.iloc[part], y.iloc[part])
        alone = time.perf_counter() - began
        began = time.perf_counter()
        GridSearchCV(model, grid, cv=splits, scoring=scoring).fit(X, y)
        took = time.perf_counter() - began
        ratio = f"{took / alone:.2f}"
        print_row(type(model).__name__, seconds(took), seconds(alone), ratio)


def main():
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--search", action="store_true")
    options = parser.parse_args()
    if options.search:
        search()
    else:
        reference_split(options.seeds)
    print(f"\n{describe('scikit-learn', 'tensorflow')}")


if __name__ == "__main__":
    main()
