r"""The rating error of the factorization machine, by groups of features.

MovieLens of $SKLEARN_METAREC_DATA. For movielens_100k: KFold(5, shuffle=True,
random_state=s) over the rows, s = 0, 1, 2; for movielens_1m, which has no times here:
a tenth of the rows at random. Predictions are clipped to [1, 5]; RMSE is the mean over
folds, then seeds. Sets of items and of users come from the training part. Side
features: age group, gender, occupation and the first digit of the zip code of users;
genres and year of items. `--peers` runs myFM on the same features in turn, where it is
installed beside us: `--factors` and `--steps` are those of both.

    python benchmarks/fm.py --features sets+side+day --folds 1
    python benchmarks/fm.py --peers
    python benchmarks/fm.py --data movielens_1m --features sets+side --seeds 0 \
        --likelihood ordered_probit --factors 24 --steps 200
"""

import argparse
import os
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds
from scipy import sparse
from sklearn.model_selection import KFold, ShuffleSplit

from sklearn_metarec import FMRegressor
from sklearn_metarec.preprocessing import FeatureEncoder

FEATURES = ["ids", "sets", "sets+side", "sets+side+day"]
SECONDS_PER_DAY = 86_400
AGES = [0, 18, 25, 35, 45, 50, 56, 200]


class MovieLens:
    """Ratings and side tables.

    Attributes
    ----------
    X : DataFrame
        Users, items, and times where there are some.
    y : ndarray of shape (n,)
        Ratings.
    users, items : DataFrame
        Their side tables; all columns are categories or lists of them.
    """

    def __init__(self, folder, name):
        ratings = pd.read_csv(folder / f"{name}.csv.gz")
        users = pd.read_csv(folder / f"{name}.users.csv.gz", dtype={"zip": str})
        items = pd.read_csv(folder / f"{name}.items.csv.gz")
        self.y = ratings.pop("rating").to_numpy(float)
        self.X = ratings
        ages = pd.cut(users["age"], AGES, right=False).astype(str)
        zips = users.filter(like="zip").iloc[:, 0].str[0]
        self.users = users[["user_id", "gender"]].assign(
            age=ages, occupation=users["occupation"].astype(str), zip=zips
        )
        years = items["year"].astype(str)
        self.items = items[["item_id", "genres"]].assign(year=years)

    def folds(self, seed, count):
        """Return the first parts of a seed: pairs of row numbers."""
        split = KFold(5, shuffle=True, random_state=seed)
        if len(self.y) > 500_000:
            split = ShuffleSplit(1, test_size=0.1, random_state=seed)
        return list(split.split(self.y))[:count]


def ours(data, train, test, features, args):
    """Return the predictions of our model."""
    side = "side" in features
    model = FMRegressor(
        args.factors, likelihood=args.likelihood,
        implicit="both" if "sets" in features else None,
        user_features=data.users if side else None,
        item_features=data.items if side else None,
        time_step="day" if "day" in features else None,
        max_iter=args.steps, burn_in=args.burn_in, random_state=0, n_jobs=args.jobs,
    )  # fmt: skip
    return model.fit(data.X.iloc[train], data.y[train]).predict(data.X.iloc[test])


def myfm(data, train, test, features, args):
    """Return the predictions of myFM, with a block of users and one of items."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    from myfm import MyFMOrderedProbit, MyFMRegressor, RelationBlock

    ids = [np.unique(data.X[name]) for name in ("user_id", "item_id")]
    names = zip(ids, ("user_id", "item_id"), strict=True)
    codes = np.column_stack([np.searchsorted(i, data.X[name]) for i, name in names])
    shape = [len(i) for i in ids]
    ones = np.ones(len(train))
    pairs = sparse.csr_matrix((ones, codes[train].T), shape=shape)
    groups, blocks = [], []
    main = [None, None]
    if "day" in features:
        days = data.X["timestamp"].to_numpy() // SECONDS_PER_DAY
        known, place = np.unique(days[train], return_inverse=True)
        nearest = np.searchsorted(known, days[test]).clip(0, len(known) - 1)
        eye = sparse.identity(len(known), format="csr")
        main = [eye[place], eye[nearest]]
        groups.append(len(known))
    sides = (data.users, "user_id", pairs), (data.items, "item_id", pairs.T)
    for (table, key, sets), own in zip(sides, ids, strict=True):
        parts = [sparse.identity(len(own))]
        if "sets" in features:
            counts = np.asarray(sets.sum(axis=1)).ravel()
            parts.append(sparse.diags(1 / np.sqrt(np.maximum(counts, 1))) @ sets)
        if "side" in features:
            table = table.set_index(key).loc[own]
            columns = [FeatureEncoder().fit_transform(table[[c]]) for c in table]
            parts += [sparse.csr_matrix(column) for column in columns]
        groups += [part.shape[1] for part in parts]
        blocks.append(sparse.hstack(parts, format="csr"))
    relations = [
        [RelationBlock(codes[rows, k], block) for k, block in enumerate(blocks)]
        for rows in (train, test)
    ]
    settings = {"n_iter": args.steps, "n_kept_samples": args.steps - args.burn_in}
    if args.likelihood == "ordered_probit":
        model = MyFMOrderedProbit(args.factors, random_seed=0)
        levels = (data.y[train] - 1).astype(int)
        model.fit(main[0], levels, relations[0], group_shapes=groups, **settings)
        return 1 + model.predict_proba(main[1], relations[1]) @ np.arange(5)
    model = MyFMRegressor(args.factors, random_seed=0)
    model.fit(main[0], data.y[train], relations[0], group_shapes=groups, **settings)
    return model.predict(main[1], relations[1])


def error(predict, data, train, test, features, args):
    """Return RMSE and seconds of a fold."""
    began = time.perf_counter()
    predicted = predict(data, train, test, features, args)
    took = time.perf_counter() - began
    return np.sqrt(np.mean((np.clip(predicted, 1, 5) - data.y[test]) ** 2)), took


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["movielens_100k", "movielens_1m"]
    parser.add_argument("--data", default=names[0], choices=names)
    parser.add_argument("--peers", action="store_true", help="measure myFM too")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, default=5, help="run the first so many")
    parser.add_argument("--features", nargs="+", default=FEATURES, choices=FEATURES)
    parser.add_argument("--likelihood", default="gaussian")
    parser.add_argument("--factors", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--burn-in", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=None)
    args = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    contestants = {"FMRegressor": ours}
    if args.peers and find_spec("myfm"):
        contestants["myFM"] = myfm
    data = MovieLens(Path(folder), args.data)
    ours(data, np.arange(500), np.arange(9), args.features[0], args)  # compiles
    print_header("features", "model", "RMSE", "by seed", "fit and predict s a fold")
    for features in args.features:
        folds = [fold for seed in args.seeds for fold in data.folds(seed, args.folds)]
        found = [
            [error(predict, data, *fold, features, args) for fold in folds]
            for predict in contestants.values()
        ]
        for name, runs in zip(contestants, found, strict=True):
            errors, took = np.transpose(runs)
            by_seed = errors.reshape(len(args.seeds), -1).mean(axis=1)
            print_row(
                features, name, f"{errors.mean():.4f}",
                ", ".join(f"{e:.4f}" for e in by_seed), seconds(np.median(took)),
            )  # fmt: skip
    print(f"\n{args.data}, {args.likelihood}, {args.factors} factors, {args.steps} "
          f"steps, of which {args.burn_in} are not counted\n\n"
          f"{describe('scikit-learn', *(['myfm'] if args.peers else []))}")  # fmt: skip


if __name__ == "__main__":
    main()
