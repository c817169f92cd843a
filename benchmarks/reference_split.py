"""Measure the rankers on the reference split: quality of the defaults, with spread.

PerUserShuffleSplit(test_size=0.2) with seeds 0 to 4, every row positive, pairs of the
fit excluded, all items ranked; items that training does not know count as misses.
`default` are the package's defaults, chosen on training parts of several data sets;
`tuned` settings were found on training parts of the data set itself. The real data sets
are read from $SKLEARN_METAREC_DATA.

    python benchmarks/reference_split.py --data movielens_100k movielens_1m
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe

from sklearn_metarec import (
    BPR,
    EASE,
    IALS,
    SLIM,
    WARP,
    ItemKNN,
    PopularityRecommender,
    PureSVD,
    RP3beta,
    UserKNN,
)
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer

DATA = [
    "movielens_100k", "movielens_1m", "movielens_latest_small", "movietweetings_100k",
    "lastfm_hetrec2011", "online_retail", "ifdb_played", "msweb",
]  # fmt: skip
MODELS = {
    "EASE(500)": EASE(500.0),
    "EASE, default": EASE(),
    "SLIM, default": SLIM(),
    "IALS, default": IALS(random_state=0),
    "PureSVD, default": PureSVD(random_state=0),
    "BPR, default": BPR(random_state=0),
    "WARP, default": WARP(random_state=0),
    "ItemKNN, default": ItemKNN(),
    "UserKNN, default": UserKNN(),
    "RP3beta, default": RP3beta(),
    "Popularity": PopularityRecommender(),
}
# Found on a validation part of the training part of seed 0, PureSVD also of seed 1.
TUNED = {
    "movielens_100k": [
        SLIM(200.0, l1_regularization=2.0),
        PureSVD(12, weighting="binary", random_state=0),
        IALS(regularization=4.0, alpha=5.0, random_state=0),
    ],
    "movielens_1m": [
        SLIM(500.0, l1_regularization=5.0, positive=False),
        IALS(128, regularization=5.0, alpha=5.0, random_state=0),
        PureSVD(32, random_state=0),
    ],
}
METRICS = ["ndcg@10", "recall@10"]


def main():
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--models", nargs="+", help="classes beside EASE; all")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    print(describe("scikit-learn"), end="\n\n")
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    for name in options.data:
        columns = ["user_id", "item_id"]
        frame = pd.read_csv(folder / f"{name}.csv.gz", usecols=columns, dtype=str)
        measure(name, encode_interactions(frame[columns]), options)


def measure(name, table, options):
    """Print the models' quality and times on one data set."""
    n_seeds, only = options.seeds, options.models
    print(f"**{name}**: {len(table):,} rows, seeds 0 to {n_seeds - 1}\n")
    print("| model | nDCG@10 | sd | / EASE(500) | recall@10 | fit s | rank s |")
    print("|---|---|---|---|---|---|---|")
    base = None
    models = MODELS | {f"tuned: {model}": model for model in TUNED.get(name, [])}
    if only:
        names = {"EASE", *only}
        models = {k: v for k, v in models.items() if type(v).__name__ in names}
    for label, model in models.items():
        scores, fits, ranks = [], [], []
        for seed in range(n_seeds):
            train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
            started = time.perf_counter()
            model.fit(table[train])
            fitted = time.perf_counter()
            scores.append(make_ranking_scorer(METRICS)(model, table[test]))
            fits.append(fitted - started)
            ranks.append(time.perf_counter() - fitted)
        ndcg, recall = (np.array([s[metric] for s in scores]) for metric in METRICS)
        base = base or ndcg.mean()
        print(
            f"| {label} | {ndcg.mean():.4f} | {ndcg.std(ddof=1):.4f} "
            f"| {ndcg.mean() / base:.3f} | {recall.mean():.4f} "
            f"| {np.median(fits):.2f} | {np.median(ranks):.2f} |",
            flush=True,
        )
    print()


if __name__ == "__main__":
    main()
