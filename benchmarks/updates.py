"""Measure what an update costs: new users told to a fitted model, beside a refit.

Each model is fitted on a table of the shape of MovieLens-1M (6,040 users, 3,700 items,
a million rows), or on the real one, then gets `partial_fit` of one new user with 30
rows (the median of several, each another user), of one further row of a known user, and
of 1,000 new users in one call. `lists after` is the time from there to the lists of
those 1,000: nothing is put off until somebody asks.

    python benchmarks/updates.py
    python benchmarks/updates.py --models EASE IALS --data $SKLEARN_METAREC_DATA
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.utils import all_estimators

SIZES = {"1k": (60, 40, 1_000), "1m": (6_040, 3_700, 1_000_000)}
N_ROWS = 30
# Minutes a fit at this size, or nothing without members.
LEFT_OUT = (
    "Blend", "Fallback", "FMRanker", "FMRegressor", "MetaSelector", "MultVAE",
    "NeuralRegressor", "RecommenderPipeline", "SASRec", "StackedRegressor", "TwoTower",
    "UserKNNRegressor",
)  # fmt: skip
SETTINGS = {"MetaRegressor": {"epochs": 1, "batch_size": 256}}


def main():
    """Print a table."""
    classes = {
        name: cls
        for kind in ("ranker", "rating")
        for name, cls in all_estimators(kind)
        if name not in LEFT_OUT and hasattr(cls, "_update")
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=list(classes), choices=classes)
    parser.add_argument("--size", default="1m", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", type=Path, help="folder of movielens_1m.csv.gz")
    options = parser.parse_args()
    X, y = table(options)
    print_header(
        "model", "fit s", "one new user ms", "slowest ms", "one row, known user ms",
        "1,000 new users s", "lists after s",
    )  # fmt: skip
    for name in options.models:
        measure(name, classes[name], X, y, options.rounds)
    print(f"\n{len(y):,} rows. {describe('scikit-learn')}")


def table(options):
    """Return users and items of all rows, and ratings."""
    if options.data is not None:
        import pandas as pd

        frame = pd.read_csv(options.data / "movielens_1m.csv.gz")
        return frame[["user_id", "item_id"]].to_numpy(), frame["rating"].to_numpy(float)
    X, y = make_interactions(*SIZES[options.size], feedback="explicit", random_state=0)
    return np.asarray(X)[:, :2].astype(np.int64), np.asarray(y, dtype=float)


def measure(name, cls, X, y, rounds):
    """Print the row of a model."""
    model = cls(**SETTINGS.get(name, {}))
    params = model.get_params(deep=False)
    if "random_state" in params:
        model.set_params(random_state=0)
    # The first call of a process loads compiled code: a small model has it loaded.
    small = cls(**SETTINGS.get(name, {})).fit(X[:2000], y[:2000])
    rng, items = np.random.default_rng(0), np.unique(X[:, 1])

    def users(first, n):
        n_rows = min(N_ROWS, len(items))
        cols = [rng.choice(items, n_rows, replace=False) for _ in range(n)]
        rows = np.repeat(np.arange(first, first + n), n_rows)
        new = np.column_stack([rows, np.concatenate(cols)])
        return new, rng.integers(1, 6, len(new)).astype(float)

    small.partial_fit(*users(X[:, 0].max() + 1, 1)).partial_fit(X[:1], y[:1])
    fit = timed(lambda: model.fit(X, y))
    start = int(X[:, 0].max()) + 1
    single = [timed(lambda k=k: model.partial_fit(*k)) for k in
              [users(start + k, 1) for k in range(rounds)]]  # fmt: skip
    known = [
        timed(lambda row=row: model.partial_fit(X[row : row + 1], y[row : row + 1]))
        for row in rng.integers(len(X), size=3)
    ]
    many = users(start + rounds, 1000)
    batch = timed(lambda: model.partial_fit(*many))
    after = timed(lambda: model.recommend(np.unique(many[0][:, 0]), 10))
    milliseconds = (f"{1000 * value:.2f}" for value in (
        statistics.median(single), max(single), statistics.median(known)
    ))  # fmt: skip
    print_row(name, seconds(fit), *milliseconds, seconds(batch), seconds(after))


def timed(call):
    """Return the seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
