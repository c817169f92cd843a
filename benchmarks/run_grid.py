"""Run the grid of configurations on every data set: what a portfolio is learned from.

`grid.json` holds the configurations. Each is measured on the reference split
(PerUserShuffleSplit, every row positive) of each data set and of made worlds; one line
a configuration, data set and seed goes to `grid_results.csv`, which a further run
continues. Seconds are of one core (CPU time), so that a busy machine does not matter.
The real data sets are read from $SKLEARN_METAREC_DATA.

    python benchmarks/run_grid.py --seeds 5
"""

import argparse
import csv
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import sklearn_metarec
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer

HERE = Path(__file__).parent
GRID = HERE / "grid.json"
RESULTS = HERE / "grid_results.csv"
# From small to large, so that an early end leaves most of them measured.
DATA = [
    "restaurant_consumer", "movielens_100k", "movietweetings_100k",
    "movielens_latest_small", "msweb", "lastfm_hetrec2011", "ifdb_played",
    "online_retail", "complete_journey_sample", "amazon_beauty_5core", "movielens_1m",
    "jester_1", "gowalla_ngcf",
]  # fmt: skip
# Made worlds: users, items, rows, and what they are like.
WORLDS = {
    "world_plain": (1000, 800, 40_000, {}),
    "world_short": (6000, 1500, 40_000, {"activity_skew": 0.5}),
    "world_wide": (2000, 6000, 60_000, {"popularity_skew": 1.0}),
    "world_flat": (1500, 1000, 40_000, {"popularity_skew": 0.3}),
    "world_popular": (2000, 1000, 40_000, {"taste_strength": 0.5}),
    "world_rich": (800, 600, 80_000, {"n_factors": 30}),
    "world_clear": (2500, 1200, 60_000, {"n_factors": 3, "taste_strength": 3.0}),
}
METRICS = ["ndcg@10", "recall@10"]
COLUMNS = ["data", "seed", "configuration", *METRICS, "fit_seconds", "rank_seconds"]


def main():
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=[*WORLDS, *DATA])
    parser.add_argument("--seeds", type=int, default=5, help="splits a data set")
    parser.add_argument("--limit", type=float, default=300.0, help="s of a last fit")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    grid = json.loads(GRID.read_text())
    done = read_results(options.results)
    tables = {}
    with options.results.open("a", newline="") as file, threadpool_limits(1):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if not done:
            writer.writeheader()
        for seed in range(options.seeds):
            for name in options.data:
                table = tables.setdefault(name, read(name))
                for place, entry in enumerate(grid):
                    slow = done.get((name, 0, place), 0.0) > options.limit
                    if slow or (name, seed, place) in done:
                        continue
                    row = measure(entry, table, seed)
                    done[name, seed, place] = row["fit_seconds"]
                    writer.writerow(
                        {"data": name, "seed": seed, "configuration": place} | row
                    )
                    file.flush()


def read_results(path):
    """Return the seconds of each fit that a file has, by data set, seed and place."""
    if not path.exists():
        return {}
    frame = pd.read_csv(path)
    keys = zip(frame["data"], frame["seed"], frame["configuration"], strict=True)
    return dict(zip(keys, frame["fit_seconds"], strict=True))


def read(name):
    """Return a data set or a made world as encoded interactions."""
    if name in WORLDS:
        n_users, n_items, n_rows, traits = WORLDS[name]
        X, _ = make_interactions(n_users, n_items, n_rows, **traits, random_state=0)
        return encode_interactions(X)
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    columns = ["user_id", "item_id"]
    frame = pd.read_csv(folder / f"{name}.csv.gz", usecols=columns, dtype=str)
    return encode_interactions(frame[columns])


def make(entry):
    """Return the estimator of an entry of the grid, with a seed if it takes one."""
    model = getattr(sklearn_metarec, entry["model"])(**entry["params"])
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model


def measure(entry, table, seed):
    """Return quality and seconds of a configuration; quality 0 where it cannot fit."""
    train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
    started = time.process_time()
    try:
        model = make(entry).fit(table[train])
    except (MemoryError, ValueError) as error:
        print(f"{entry}: {error}", flush=True)
        return dict.fromkeys(METRICS, 0.0) | {
            "fit_seconds": np.inf, "rank_seconds": 0.0,
        }  # fmt: skip
    fitted = time.process_time()
    scores = make_ranking_scorer(METRICS)(model, table[test])
    ranked = time.process_time()
    return {metric: round(scores[metric], 5) for metric in METRICS} | {
        "fit_seconds": round(fitted - started, 3),
        "rank_seconds": round(ranked - fitted, 3),
    }


if __name__ == "__main__":
    main()
