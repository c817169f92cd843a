"""Measure the neural models: against EASE on the reference split, SASRec on Beauty.

MovieLens-100k of $SKLEARN_METAREC_DATA: PerUserShuffleSplit(test_size=0.2), every row
positive, pairs of the fit excluded, all items ranked, as in reference_split.py.
TwoTower reads genres, year, age group, gender and occupation. Amazon Beauty:
each user's last item, all items ranked.

    python benchmarks/neural.py --seeds 5
    python benchmarks/neural.py --beauty
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec import (
    EASE,
    IALS,
    ItemKNN,
    MultVAE,
    PopularityRecommender,
    RP3beta,
    SASRec,
    TwoTower,
)
from sklearn_metarec.model_selection import LeaveLastOut, PerUserShuffleSplit

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


def beauty():
    """Print the quality of what comes next."""
    frame = read("amazon_beauty_5core", [*IDS, "position"])
    X = frame.sort_values(["user_id", "position"], kind="stable")[IDS]
    train, test = next(LeaveLastOut().split(X))
    models = [
        SASRec(random_state=0), ItemKNN(), RP3beta(), IALS(random_state=0),
        PopularityRecommender(),
    ]  # fmt: skip
    print_header("model", "nDCG@10", "fit s")
    for model in models:
        score, took = measure(model, X.iloc[train], X.iloc[test])
        print_row(type(model).__name__, f"{score:.4f}", seconds(took))


def main():
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--beauty", action="store_true")
    options = parser.parse_args()
    if options.beauty:
        beauty()
    else:
        reference_split(options.seeds)
    print(f"\n{describe('scikit-learn', 'tensorflow')}")


if __name__ == "__main__":
    main()
