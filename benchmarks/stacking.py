"""Measure a stack of rating models that read side features and sessions.

MovieLens-100k: KFold(5, shuffle=True, random_state=s) over the rows; MovieLens-1M: one
random tenth of the rows is the test. Predictions are clipped to the range of the
ratings. A session is what a user rates without a pause of more than --pause seconds:
the pauses are those between all rows of a user, with their ratings unread. Beside it,
the factorization machine reads the day, the users' age group, gender, occupation and
first digit of the zip code, and the items' genres and year.

The errors of the members are those of the models inside the stack, fitted on the same
training part; the stack's seconds are those of all fits. The data sets are read from
$SKLEARN_METAREC_DATA.

    python benchmarks/stacking.py --seeds 0 --folds 1
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds
from sklearn.base import clone
from sklearn.model_selection import KFold, train_test_split

from sklearn_metarec import (
    FMRegressor,
    ItemKNNRegressor,
    MFRegressor,
    StackedRegressor,
    SVDppRegressor,
    UserKNNRegressor,
)
from sklearn_metarec.preprocessing import FeatureEncoder

AGES = [0, 18, 25, 35, 45, 50, 56, 200]


class MovieLens:
    """The table with its sessions, the ratings and the side tables."""

    def __init__(self, folder, name, pause):
        table = pd.read_csv(folder / f"{name}.csv.gz")
        self.y = table.pop("rating").to_numpy(float)
        self.X = table[["user_id", "item_id", "timestamp"]]
        if pause is not None:
            self.X = self.X.assign(session=sessions(self.X, pause))
        users = pd.read_csv(folder / f"{name}.users.csv.gz", dtype={"zip_code": str})
        ages = pd.cut(users["age"], AGES, right=False).astype(str)
        self.users = users.assign(
            age=ages, zip_code=users["zip_code"].str[0],
            occupation=users["occupation"].astype(str),
        )  # fmt: skip
        items = pd.read_csv(folder / f"{name}.items.csv.gz")
        years = "year " + items["year"].astype(str)
        self.items = items[["item_id", "genres"]].assign(year=years)

    def folds(self, seed):
        """Return row positions of training and test."""
        if len(self.y) > 500_000:
            rows = np.arange(len(self.y))
            return [train_test_split(rows, test_size=0.1, random_state=seed)]
        return list(KFold(5, shuffle=True, random_state=seed).split(self.y))


def sessions(X, pause):
    """Return the session of each row, as a category."""
    ordered = X.sort_values(["user_id", "timestamp"], kind="stable")
    later = ordered["timestamp"].diff() > pause
    begins = later | (ordered["user_id"].diff() != 0)
    return "session " + begins.cumsum().astype(str)


def members(data, args):
    """Return the members of the stack, not fitted."""
    machine = FMRegressor(
        item_features=data.items, user_features=data.users, time_step="day",
        # A session is met too seldom to share a column with others by a hash.
        feature_encoder=FeatureEncoder(max_one_hot=1_000_000),
        likelihood="ordered_probit", max_iter=args.steps, burn_in=args.burn_in,
        n_draws=min(args.steps - args.burn_in, 100),
    )  # fmt: skip
    found = {
        "fm": machine,
        "fm_gaussian": clone(machine).set_params(likelihood="gaussian"),
        "fm_ids": FMRegressor(max_iter=args.steps, burn_in=args.burn_in, implicit=None),
        "svdpp": SVDppRegressor(),
        "mf": MFRegressor(),
        "item_knn": ItemKNNRegressor(),
        "user_knn": UserKNNRegressor(),
    }
    return [(name, found[name]) for name in args.members]


def errors(model, X, y):
    """Return RMSE after clipping to the range of ratings."""
    return np.sqrt(np.mean((np.clip(model.predict(X), 1, 5) - y) ** 2))


def main():
    """Print the table, a line a fold on the way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens_100k")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=5, help="run the first so many")
    parser.add_argument("--skip", type=int, default=0, help="but not the first")
    parser.add_argument("--members", nargs="+", default=[
        "fm", "svdpp", "mf", "item_knn", "user_knn"])  # fmt: skip
    parser.add_argument("--pause", type=int, default=15)
    parser.add_argument("--no-sessions", action="store_true")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--burn-in", type=int, default=20)
    parser.add_argument("--cv", type=int, default=5)
    parser.add_argument("--plain", action="store_true", help="no meta-features")
    parser.add_argument("--jobs", type=int, default=None)
    args = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    pause = None if args.no_sessions else args.pause
    data = MovieLens(Path(folder), args.data, pause)
    names = ["stack", *args.members]
    print_header("seed", "fold", *names, "fit s", "predict s")
    found = []
    for seed in args.seeds:
        for fold, (train, test) in enumerate(data.folds(seed)[: args.folds]):
            if fold < args.skip:
                continue
            model = StackedRegressor(
                members(data, args), cv=args.cv, n_jobs=args.jobs, random_state=0,
                meta_features=None if args.plain else "all",
            )  # fmt: skip
            began = time.perf_counter()
            model.fit(data.X.iloc[train], data.y[train])
            fitted = time.perf_counter()
            X, y = data.X.iloc[test], data.y[test]
            error = errors(model, X, y)
            took = time.perf_counter() - fitted
            each = [errors(member, X, y) for member in model.estimators_]
            found.append([error, *each, fitted - began, took])
            row = [f"{value:.4f}" for value in found[-1][:-2]]
            print_row(str(seed), str(fold), *row, *map(seconds, found[-1][-2:]))
    means = np.mean(found, axis=0)[:-2]
    times = np.median(found, axis=0)[-2:]
    print_row("mean", "", *(f"{m:.4f}" for m in means), *map(seconds, times))
    print(f"\n{vars(args)}\n\n{describe('scikit-learn')}")


if __name__ == "__main__":
    main()
