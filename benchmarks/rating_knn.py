"""Choose the defaults of the neighbourhood models of ratings over several data sets.

For each data set, settings are fitted on four fifths, at random, of the training part
of the first fold of `ratings.py`, and their RMSE measured on the rest: the test part
stays unseen. What counts is a setting's RMSE relative to the lowest of the data set,
in the mean over data sets. Of the large ones the ratings of a thousand users are used.

The real data sets are read from $SKLEARN_METAREC_DATA.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row
from sklearn.model_selection import KFold, ParameterGrid, train_test_split

from sklearn_metarec import ItemKNNRegressor, UserKNNRegressor

DATA = [
    "movielens_100k", "movielens_latest_small", "movietweetings_100k", "movielens_1m",
    "jester_1",
]  # fmt: skip
LARGE = {"movielens_1m", "jester_1"}
MODELS = {"ItemKNNRegressor": ItemKNNRegressor, "UserKNNRegressor": UserKNNRegressor}
GRID = [
    {
        "n_neighbors": [100, 300],
        "shrinkage": [10, 30, 100],
        "amplification": [1.0, 1.5, 2.0],
        "damping": [0.03, 0.1],
    },
    {"n_neighbors": [600]},
    {"positive_only": [False, True]},
    {"user_regularization": [10], "item_regularization": [5]},
    {
        "similarity": ["pearson_baseline"],
        "shrinkage": [30, 100],
        "amplification": [1.5, 2.0],
        "damping": [0.03, 0.1],
    },
]
COLUMNS = [
    "n_neighbors", "similarity", "positive_only", "shrinkage", "amplification",
    "damping", "user_regularization", "item_regularization",
]  # fmt: skip


def main():
    """Print one table a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--rows", type=int, default=6, help="how many to print")
    options = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    tables = {name: read(Path(folder), name) for name in options.data}
    for name in options.models:
        show(name, measure(MODELS[name], tables), options.rows)
    print(describe("scikit-learn"))


def read(folder, name):
    """Return ids and ratings of the first fold's training part."""
    table = pd.read_csv(folder / f"{name}.csv.gz", dtype={"user_id": "str"})
    if name in LARGE:
        users = table["user_id"].unique()
        kept = np.random.default_rng(0).choice(users, 1000, replace=False)
        table = table[table["user_id"].isin(kept)]
    train, _ = next(KFold(5, shuffle=True, random_state=0).split(table))
    table = table.iloc[train]
    return table[["user_id", "item_id"]], table["rating"].to_numpy(float)


def measure(model, tables):
    """Return a frame of RMSE: a row a setting, a column a data set."""
    settings = {
        tuple(params[column] for column in COLUMNS): params
        for params in (model(**given).get_params() for given in ParameterGrid(GRID))
    }
    errors = {}
    for name, (X, y) in tables.items():
        parts = train_test_split(X, y, test_size=0.2, random_state=0)
        errors[name] = [rmse(model(**params), *parts) for params in settings.values()]
    index = pd.MultiIndex.from_tuples(settings, names=COLUMNS)
    return pd.DataFrame(errors, index=index)


def rmse(model, X, X_test, y, y_test):
    """Return the error of predictions inside the range of the ratings."""
    predicted = model.fit(X, y).predict(X_test)
    return np.sqrt(np.mean((np.clip(predicted, y.min(), y.max()) - y_test) ** 2))


def show(name, errors, n_rows):
    """Print the best settings, the default, and the best of each kind."""
    relative = errors / errors.min()
    errors["mean ratio"] = relative.mean(axis="columns")
    errors["largest ratio"] = relative.max(axis="columns")
    errors = errors.sort_values("mean ratio")
    default = tuple(MODELS[name]().get_params()[column] for column in COLUMNS)
    shown = errors.index.isin([*errors.index[:n_rows], default])
    kinds = errors.groupby(level=["similarity", "positive_only", "user_regularization"])
    shown |= errors.index.isin(kinds.head(1).index)
    print(f"\n{name}: validation RMSE of {len(errors)} settings; default {default}\n")
    print_header(*COLUMNS, *errors.columns)
    for setting, row in errors[shown].iterrows():
        print_row(*setting, *(f"{value:.4f}" for value in row))
    print()


if __name__ == "__main__":
    main()
