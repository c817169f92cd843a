"""Race `MetaSelector` against what tunes for others, in equal time on the wall.

- `ranking`: test nDCG@10 on the reference split, seed 0, of up to 2,000 users, of our
  selection, and of skrecsys' AutoTune(EASE), which takes a number of trials in place of
  seconds: as many as a trial timed before (not counted) says that fit. In turn on
  every data set.
- `rating`: RMSE of our selection, clipped to the range of the ratings, on folds of
  KFold(5, shuffle=True, random_state=0) of MovieLens-100k, from the ids alone.

Our portfolios are learned without the data set's family, and our kernels are compiled
before. Data sets are read from $SKLEARN_METAREC_DATA.

    python benchmarks/selection_races.py ranking --seconds 60
    python benchmarks/selection_races.py rating --seconds 60 --folds 0 1 2
"""

import argparse
import os
import time
from importlib.util import find_spec
from pathlib import Path

import _quality
import numpy as np
import pandas as pd
from _data import as_table
from _machine import describe, print_header, print_row
from run_grid import read
from selection import without_family
from sklearn.model_selection import KFold

from sklearn_metarec import MetaSelector
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit

DATA = [
    "movielens_100k", "movielens_latest_small", "movietweetings_100k",
    "lastfm_hetrec2011",
]  # fmt: skip
K = 10


def main():
    """Print a table for each task."""
    tasks = {"ranking": ranking, "rating": rating}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="+", choices=tasks)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--jobs", type=int, help="of our selection")
    options = parser.parse_args()
    for task in options.tasks:
        warm_up(task)
        tasks[task](options)
    print(f"\n{describe('scikit-learn', 'skrecsys')}")


def warm_up(task):
    """Have kernels compiled: these are on disk after the first selection ever."""
    X, y = make_interactions(60, 40, 900, feedback="explicit", random_state=0)
    MetaSelector(task=task, n_tuned=0, random_state=0).fit(X, y)


# --------------------------------------------------------------------------- ranking


def ranking(options):
    """Print the quality of the lists, and the time, on each data set."""
    print_header("data", "contestant", "nDCG@10", "s", "chosen")
    for name in options.data:
        coded = read(name)
        X = np.column_stack([coded.rows, coded.cols]).astype(np.int64)
        y = np.ones(len(X))
        train, test = next(PerUserShuffleSplit(random_state=0).split(X))
        table = as_table(X[train], y[train], X[test], y[test])
        without_family(name)
        for contestant, work in {"MetaSelector": selection, **peers()}.items():
            started = time.perf_counter()
            items, chosen, not_counted = work(table, options)
            seconds = time.perf_counter() - started - not_counted
            quality = _quality.ndcg(
                table, {"cols": np.searchsorted(table.items, items)}
            )
            print_row(name, contestant, f"{quality:.4f}", f"{seconds:.1f}", chosen)


def selection(table, options):
    """Return lists by our selection, what it chose, and no seconds."""
    selector = MetaSelector(
        budget=f"{options.seconds}s", n_jobs=options.jobs, random_state=0
    ).fit(table.X)
    items, _ = selector.recommend(table.users[table.sample()], k=K)
    return items, f"{selector.best_name_} {selector.best_params_}", 0.0


def autotune(table, options):
    """Return lists by a tuned EASE, its settings, and the seconds of a trial before."""
    from skrecsys.recommendation import EASE
    from skrecsys.tune import AutoTune

    started = time.perf_counter()
    AutoTune(EASE(), n_trials=1, random_state=0).fit(table.X)
    tried = time.perf_counter()
    EASE().fit(table.X)
    fitted = time.perf_counter()
    refit = fitted - tried
    trial = max(tried - started - refit, 1e-3)
    n_trials = max(int((options.seconds - refit) / trial), 1)
    tuned = AutoTune(EASE(), n_trials=n_trials, random_state=0).fit(table.X)
    items, _ = tuned.recommend(table.users[table.sample()], n_recommendations=K)
    return items, f"{n_trials} trials: {tuned.best_params_}", fitted - started


def peers():
    """Return the peers that are installed; say which are not."""
    if find_spec("skrecsys"):
        return {"skrecsys AutoTune(EASE)": autotune}
    print("\nskrecsys is not installed.\n")
    return {}


# ---------------------------------------------------------------------------- rating


def rating(options):
    """Print the error on each fold."""
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    frame = pd.read_csv(folder / "movielens_100k.csv.gz")
    X = frame[["user_id", "item_id"]].to_numpy()
    y = frame["rating"].to_numpy(dtype=float)
    folds = list(KFold(5, shuffle=True, random_state=0).split(X))
    without_family("movielens_100k")
    print_header("fold", "RMSE", "s", "chosen", "its validation")
    errors = []
    for place in options.folds:
        train, test = folds[place]
        started = time.perf_counter()
        selector = MetaSelector(
            task="rating", budget=f"{options.seconds}s", n_jobs=options.jobs,
            random_state=0,
        ).fit(X[train], y[train])  # fmt: skip
        predicted = np.clip(selector.predict(X[test]), y.min(), y.max())
        seconds = time.perf_counter() - started
        errors.append(np.sqrt(np.mean((predicted - y[test]) ** 2)))
        print_row(
            str(place), f"{errors[-1]:.4f}", f"{seconds:.1f}", selector.best_name_,
            f"{-selector.best_score_:.4f}",
        )  # fmt: skip
    print_row("mean", f"{np.mean(errors):.4f}", "", "", "")


if __name__ == "__main__":
    main()
