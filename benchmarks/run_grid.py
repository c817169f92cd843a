"""Run the grid of configurations on every data set: what a portfolio is learned from.

`grid.json` holds the rankers. Each is measured on the reference split
(PerUserShuffleSplit, every row positive) of each data set and of made worlds; one line
a configuration, data set and seed goes to `grid_results.csv`, which a further run
continues. `rating_grid.json` holds the rating models, measured by RMSE on a random
fifth of the rows, for `rating_grid_results.csv`. Seconds are of one core (CPU time), so
that a busy machine does not matter. The real data sets are read from
$SKLEARN_METAREC_DATA.

    python benchmarks/run_grid.py --seeds 5
    python benchmarks/run_grid.py --task rating --seeds 2
"""

import argparse
import csv
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import ShuffleSplit
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
FEW = 50
COSTS = ["fit_seconds", "rank_seconds"]
# Ratings: the data set, the column of the rating and how many users, at random. Of play
# counts the logarithm is rated.
RATINGS = {
    "restaurant_consumer": ("restaurant_consumer", "rating", None),
    "movielens_100k": ("movielens_100k", "rating", None),
    "movietweetings_100k": ("movietweetings_100k", "rating", None),
    "movielens_latest_small": ("movielens_latest_small", "rating", None),
    "lastfm_play_counts": ("lastfm_hetrec2011", "play_count", None),
    "jester_1_sample": ("jester_1", "rating", 2000),
    "movielens_1m_sample": ("movielens_1m", "rating", 1500),
}


@dataclass(frozen=True)
class Task:
    """What is measured of which configurations, and where.

    Attributes
    ----------
    grid, results : Path
        The configurations; the file of what was measured.
    data : list of str
        Names of tables.
    metrics : list of str
        The columns of quality; 0 (or infinite, of an error) where it cannot fit.
    read : callable
        From name to (interactions, targets or None).
    split : callable
        From seed to a splitter.
    quality : callable
        From (model, test table, targets) to a dict of the metrics.
    """

    grid: Path
    results: Path
    data: list
    metrics: list
    read: object
    split: object
    quality: object
    failed: float = 0.0


def main():
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="ranking")
    parser.add_argument("--data", nargs="+", help="all by default")
    parser.add_argument("--seeds", type=int, default=5, help="splits a data set")
    parser.add_argument("--limit", type=float, default=300.0, help="s of a last fit")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    task = TASKS[options.task]
    grid = json.loads(task.grid.read_text())
    path = options.results or task.results
    done = read_results(path)
    tables = {}
    with path.open("a", newline="") as file, threadpool_limits(1):
        columns = ["data", "seed", "configuration", *task.metrics, *COSTS]
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if not done:
            writer.writeheader()
        for seed in range(options.seeds):
            for name in options.data or task.data:
                if name not in tables:
                    tables[name] = task.read(name)
                for place, entry in enumerate(grid):
                    slow = done.get((name, 0, place), 0.0) > options.limit
                    if slow or (name, seed, place) in done:
                        continue
                    row = measure(task, entry, *tables[name], seed)
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


def read_ratings(name):
    """Return the encoded interactions of a data set, and its ratings."""
    stem, column, n_users = RATINGS[name]
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    ids = ["user_id", "item_id"]
    frame = pd.read_csv(
        folder / f"{stem}.csv.gz", usecols=[*ids, column],
        dtype={"user_id": str, "item_id": str},
    )  # fmt: skip
    if n_users is not None:
        rng = np.random.default_rng(0)
        users = np.sort(frame["user_id"].unique())
        frame = frame[frame["user_id"].isin(rng.choice(users, n_users, replace=False))]
    y = frame[column].to_numpy(dtype=float)
    return encode_interactions(frame[ids]), np.log1p(y) if "count" in column else y


def make(entry):
    """Return the estimator of an entry of the grid, with a seed if it takes one."""
    model = getattr(sklearn_metarec, entry["model"])(**entry["params"])
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model


def measure(task, entry, table, y, seed):
    """Return quality and seconds of a configuration."""
    train, test = next(task.split(seed).split(table))
    of = (lambda rows: None) if y is None else (lambda rows: y[rows])
    # So that the seconds are not the compiler's: too few rows for some models.
    with suppress(ValueError):
        few = train[:FEW]
        task.quality(make(entry).fit(table[few], of(few)), table[few], of(few))
    started = time.process_time()
    try:
        model = make(entry).fit(table[train], of(train))
    except (MemoryError, ValueError) as error:
        print(f"{entry}: {error}", flush=True)
        return dict.fromkeys(task.metrics, task.failed) | {
            "fit_seconds": np.inf, "rank_seconds": 0.0,
        }  # fmt: skip
    fitted = time.process_time()
    scores = task.quality(model, table[test], of(test))
    ranked = time.process_time()
    return {metric: round(scores[metric], 5) for metric in task.metrics} | {
        "fit_seconds": round(fitted - started, 3),
        "rank_seconds": round(ranked - fitted, 3),
    }


def _error(model, table, y):
    return {"rmse": float(np.sqrt(np.mean((model.predict(table) - y) ** 2)))}


TASKS = {
    "ranking": Task(
        GRID, RESULTS, [*WORLDS, *DATA], METRICS, lambda name: (read(name), None),
        lambda seed: PerUserShuffleSplit(random_state=seed),
        lambda model, table, y: make_ranking_scorer(METRICS)(model, table),
    ),
    "rating": Task(
        HERE / "rating_grid.json", HERE / "rating_grid_results.csv", list(RATINGS),
        ["rmse"], read_ratings,
        lambda seed: ShuffleSplit(1, test_size=0.2, random_state=seed), _error, np.inf,
    ),
}  # fmt: skip


if __name__ == "__main__":
    main()
