"""Does a second stage rank better than the best of its sources? Paired over users.

The reference split: PerUserShuffleSplit(test_size=0.2), every row positive, pairs of
the fit excluded, all items ranked. A user's value is the mean of their nDCG@10 over the
seeds, and `paired_test` compares the two models user by user. The sources' settings,
and those of the second stage, were found on training parts. `ids` tells the ranker of
users and items only, `time` of when each row was as well,
where the table says; the sources read no time. The
real data sets are read from $SKLEARN_METAREC_DATA.

    python benchmarks/two_stage.py --data movielens_100k movielens_1m
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe

from sklearn_metarec import EASE, IALS, TwoStageRecommender
from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.metrics import paired_test
from sklearn_metarec.model_selection import PerUserShuffleSplit

# As in reference_split.py, found on a validation part of the training part of seed 0.
SOURCES = {
    "movielens_100k": [
        ("EASE", EASE(500.0)),
        ("IALS", IALS(regularization=4.0, alpha=5.0, random_state=0)),
    ],
    "movielens_1m": [
        ("EASE", EASE(500.0)),
        ("IALS", IALS(128, regularization=5.0, alpha=5.0, random_state=0)),
    ],
}
METRIC = "ndcg@10"
COLUMNS = ["user_id", "item_id", "timestamp"]


def main():
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=list(SOURCES), choices=SOURCES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    print(describe("scikit-learn"), end="\n\n")
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    for name in options.data:
        types = dict.fromkeys(COLUMNS[:2], str)
        path = folder / f"{name}.csv.gz"
        frame = pd.read_csv(path, usecols=COLUMNS.__contains__, dtype=types)
        there = [column for column in COLUMNS if column in frame]
        measure(name, encode_interactions(frame[there]), options)


def measure(name, table, options):
    """Print each model's quality, and the second stage's lead on one data set."""
    models = dict(SOURCES[name])
    parts = ["ids", "time"] if table.time is not None else ["ids"]
    for part in parts:
        # A random split leaves random pairs to be found, also where there is time.
        models[f"two-stage, {part}"] = TwoStageRecommender(
            SOURCES[name], holdout="random", random_state=0
        )
    values = {label: [] for label in models}
    fits = {label: [] for label in models}
    for seed in options.seeds:
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        for label, model in models.items():
            rows = table[train] if "time" in label else without_time(table[train])
            started = time.perf_counter()
            model.fit(rows)
            fits[label].append(time.perf_counter() - started)
            values[label].append(of_users(model, table, test))
    print(f"**{name}**: {len(table):,} rows, seeds {options.seeds}\n")
    print("| model | nDCG@10 | sd over seeds | lead over the best source | p | fit s |")
    print("|---|---|---|---|---|---|")
    of_user = {label: np.nanmean(runs, axis=0) for label, runs in values.items()}
    sources = [label for label in models if "two-stage" not in label]
    best = max(sources, key=lambda label: np.nanmean(values[label]))
    for label, runs in values.items():
        means = np.nanmean(runs, axis=1)
        lead = ""
        if label not in sources:
            test = paired_test(of_user[label], of_user[best], random_state=0)
            low, high = test.interval
            lead = f"{test.difference:+.4f} ({low:+.4f} to {high:+.4f})"
            lead += f" | {test.p_value:.4f}"
        spread = means.std(ddof=1) if len(means) > 1 else np.nan
        print(
            f"| {label} | {means.mean():.4f} | {spread:.4f} | {lead or '|'} "
            f"| {np.median(fits[label]):.1f} |",
            flush=True,
        )
    print()


def without_time(table):
    """Return the interactions without their times."""
    return type(table)(table.users, table.items, table.rows, table.cols)


def of_users(model, table, test):
    """Return each user's value, NaN for those who have nothing to be found."""
    rows = without_time(table[test])
    values = np.full(len(table.users), np.nan)
    users = np.unique(rows.rows)
    values[users] = evaluate_ranking(model, rows, metrics=(METRIC,), per_user=True)[
        METRIC
    ]
    return values


if __name__ == "__main__":
    main()
