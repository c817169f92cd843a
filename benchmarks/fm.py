"""The rating error of the factorization machine, and what each group of features gives.

MovieLens-100k of $SKLEARN_METAREC_DATA, random folds (KFold, shuffled), predictions
clipped to [1, 5]. Sets of items and of users come from the training part. Side
features: age group, gender, occupation and the first digit of the zip code of users;
genres and year of items; the day is a third block. The blocks are given to the
sampler itself: FMRegressor has those of ids and sets only.

    python benchmarks/fm.py --features sets+side+day --folds 1
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds
from scipy import sparse
from scipy.special import ndtr
from sklearn.model_selection import KFold

from sklearn_metarec.factorization._fm import normalized_sets
from sklearn_metarec.factorization._gibbs import Block, Chain, Gaussian
from sklearn_metarec.factorization._probit import OrderedProbit
from sklearn_metarec.interactions import pair_matrix, transpose_csr
from sklearn_metarec.utils._parallel import single_threaded_blas

SECONDS_PER_DAY = 86_400
FEATURES = ["ids", "sets", "sets+side", "sets+side+day"]
AGES = [0, 18, 25, 35, 45, 50, 56, 200]


class MovieLens:
    """Ratings, days and the side features of users and items in codes."""

    def __init__(self, folder):
        ratings = pd.read_csv(folder / "movielens_100k.csv.gz")
        users = pd.read_csv(folder / "movielens_100k.users.csv.gz")
        items = pd.read_csv(folder / "movielens_100k.items.csv.gz")
        self.y = ratings["rating"].to_numpy(float)
        day = ratings["timestamp"] // SECONDS_PER_DAY
        columns = [ratings["user_id"], ratings["item_id"], day]
        coded = [pd.factorize(column, sort=True) for column in columns]
        self.codes = np.column_stack([codes for codes, _ in coded]).astype(np.int32)
        self.sizes = [len(ids) for _, ids in coded]
        users = users.set_index("user_id").loc[coded[0][1]]
        items = items.set_index("item_id").loc[coded[1][1]]
        ages = pd.cut(users["age"], AGES, right=False)
        zips = users["zip_code"].str[0]
        of_users = [ages, users["gender"], users["occupation"], zips]
        self.users = [one_hot(column) for column in of_users]
        genres = items["genres"].fillna("").str.get_dummies("|")
        self.items = [sparse.csc_array(genres.to_numpy(float)), one_hot(items["year"])]

    def blocks(self, rows, features):
        """Return the blocks of a training part and how many columns of codes count."""
        user, item, day = self.codes[rows].T
        of_users, of_items = [], []
        if "sets" in features:
            ones = np.ones(len(user))
            pairs = pair_matrix(user, item, ones, tuple(self.sizes[:2]))
            of_users.append(normalized_sets(pairs))
            of_items.append(normalized_sets(transpose_csr(pairs)))
        if "side" in features:
            of_users += self.users
            of_items += self.items
        n_users, n_items, n_days = self.sizes
        blocks = [Block(user, n_users, of_users), Block(item, n_items, of_items)]
        if "day" in features:
            blocks.append(Block(day, n_days))
        return blocks


def one_hot(column):
    """Return the one-hot columns of a column, one for missing values too."""
    return sparse.csc_array(pd.get_dummies(column, dummy_na=True).to_numpy(float))


def expected(likelihood, predicted):
    """Return the expected ratings of a draw."""
    if isinstance(likelihood, Gaussian):
        latent = likelihood.constant + predicted
        return likelihood.location + likelihood.scale * latent
    above = ndtr(predicted[:, None] - likelihood.cuts[1:-1])
    return likelihood.levels[0] + above @ np.diff(likelihood.levels)


def error(data, train, test, features, args):
    """Return RMSE and time of one fit."""
    began = time.perf_counter()
    kind = OrderedProbit if args.likelihood == "ordered_probit" else Gaussian
    likelihood = kind(data.y[train], np.ones(len(train)))
    blocks = data.blocks(train, features)
    rng = np.random.default_rng(0)
    chain = Chain(blocks, likelihood, args.factors, rng, args.jobs)
    codes = data.codes[test][:, : len(blocks)] + chain.starts[:-1]
    total, codes = np.zeros(len(test)), codes.astype(np.int32)
    with single_threaded_blas():
        for step in range(args.steps):
            chain.step()
            if step >= args.burn_in:
                total += expected(likelihood, chain.predictions(codes))
    took = time.perf_counter() - began
    mean = np.clip(total / (args.steps - args.burn_in), 1, 5)
    return np.sqrt(np.mean((mean - data.y[test]) ** 2)), took


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    data = MovieLens(Path(folder))
    print_header("features", "RMSE", "by seed", "fit and predict s a fold")
    for features in args.features:
        found = [
            error(data, train, test, features, args)
            for seed in args.seeds
            for train, test in list(
                KFold(5, shuffle=True, random_state=seed).split(data.y)
            )[: args.folds]
        ]
        errors, took = np.transpose(found)
        by_seed = errors.reshape(len(args.seeds), -1).mean(axis=1)
        print_row(
            features, f"{errors.mean():.4f}", ", ".join(f"{e:.4f}" for e in by_seed),
            seconds(np.median(took)),
        )  # fmt: skip
    print(f"\n{args.likelihood}, {args.factors} factors, {args.steps} steps, of which "
          f"{args.burn_in} are not counted\n\n{describe('scikit-learn')}")  # fmt: skip


if __name__ == "__main__":
    main()
