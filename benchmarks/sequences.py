"""Predict each user's last item: SASRec beside models that know no order.

Amazon Beauty (5-core) of $SKLEARN_METAREC_DATA, whose rows are in the order of time:
each user's last item is the test part, and all items but the user's own are ranked.

`--choose` compares the settings of a model without the test part: each user's
next-to-last item is the validation part, and what comes before is fitted. Those with
the best nDCG@10 there are written down below, in CHOSEN; without `--choose`, models of
these settings are fitted on all but the last items and tested.

    python benchmarks/sequences.py --choose --models SASRec
    python benchmarks/sequences.py
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec import (
    BPR,
    EASE,
    IALS,
    SLIM,
    WARP,
    ItemKNN,
    MultVAE,
    NeuMF,
    PopularityRecommender,
    PureSVD,
    RP3beta,
    SASRec,
    TwoTower,
    UserKNN,
)
from sklearn_metarec.metrics import paired_test, ranking_scores
from sklearn_metarec.model_selection import LeaveLastOut

IDS = ["user_id", "item_id"]
MODELS = {
    model.__name__: model
    for model in (
        SASRec, ItemKNN, RP3beta, UserKNN, EASE, SLIM, IALS, BPR, WARP, PureSVD,
        TwoTower, NeuMF, MultVAE, PopularityRecommender,
    )
}  # fmt: skip
# What `--choose` compares, beside the defaults.
GRIDS: dict[str, list[dict]] = {
    "SASRec": [
        {"n_negatives": 512, "learning_rate": 0.002},
        {"batch_size": 256},
        {"batch_size": 256, "learning_rate": 0.005, "epochs": 20},
        {"learning_rate": 0.005, "epochs": 20},
    ],
    "ItemKNN": [
        {"n_neighbors": 200, "shrinkage": 5.0},
        {"n_neighbors": 500, "weighting": "tfidf"},
    ],
    "RP3beta": [{"n_neighbors": 500}, {"n_neighbors": 500, "beta": 0.5}],
    "UserKNN": [{"n_neighbors": 500}, {"n_neighbors": 500, "shrinkage": 0.0}],
    "EASE": [{"regularization": r} for r in (20.0, 100.0, 500.0)],
    "SLIM": [{"regularization": 30.0}],
    "IALS": [{"n_factors": 128}, {"n_factors": 256}],
    "BPR": [{"n_factors": 128}],
}
CHOSEN: dict[str, dict] = {
    "ItemKNN": {"n_neighbors": 500, "weighting": "tfidf"},
    "RP3beta": {"n_neighbors": 500},
    "EASE": {"regularization": 100.0},
    "SLIM": {"regularization": 30.0},
    "IALS": {"n_factors": 256},
    "BPR": {"n_factors": 128},
}


def main():
    """Print one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    options = parser.parse_args()
    train, test = last_items(read())
    if options.choose:
        choose(options.models, *last_items(train))
    else:
        compare(options.models, train, test)
    print(f"\n{describe('scikit-learn', 'tensorflow')}")


def read():
    """Return the pairs, each user's in the order of time."""
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    frame = pd.read_csv(Path(folder) / "amazon_beauty_5core.csv.gz")
    return frame.sort_values(["user_id", "position"], kind="stable")[IDS]


def last_items(X):
    """Return all but each user's last item, and these."""
    train, test = next(LeaveLastOut().split(X))
    return X.iloc[train], X.iloc[test]


def choose(names, train, test):
    """Print the quality of settings on the validation part."""
    print_header("model", "setting", "validation nDCG@10", "fit s")
    for name in names:
        for setting in ({}, *GRIDS.get(name, ())):
            values, _, took = measured(name, setting, train, test)
            print_row(
                name, told(setting), f"{values.mean():.4f}", seconds(took)
            )  # fmt: skip


def compare(names, train, test):
    """Print the quality of the chosen settings on the test part."""
    print_header("model", "setting", "nDCG@10", "recall@10", "above the first", "fit s")
    first = None
    for name in names:
        setting = CHOSEN.get(name, {})
        values, recalls, took = measured(name, setting, train, test)
        first = values if first is None else first
        print_row(
            name, told(setting), f"{values.mean():.4f}", f"{recalls.mean():.4f}",
            "" if values is first else interval(values, first), seconds(took),
        )  # fmt: skip


def measured(name, setting, train, test):
    """Return each user's nDCG@10 and recall@10, and the seconds of the fit."""
    model = MODELS[name](**setting)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    began = time.perf_counter()
    model.fit(train)
    took = time.perf_counter() - began
    asked = np.sort(test["user_id"].unique())
    lists, _ = model.recommend(asked)
    scores = ranking_scores(
        test, asked, lists, metrics=("ndcg@10", "recall@10"), per_user=True
    )
    return scores["ndcg@10"], scores["recall@10"], took


def told(setting):
    """Name a setting."""
    return ", ".join(f"{k}={v!r}" for k, v in setting.items()) or "defaults"


def interval(values, others):
    """Return the mean difference and its 95% interval over users."""
    result = paired_test(values, others, random_state=0)
    low, high = result.interval
    return f"{result.difference:+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
