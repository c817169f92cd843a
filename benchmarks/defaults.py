"""Show what the defaults of the models rest on: settings compared over data sets.

Only training parts are used; what the other benchmarks test on stays unseen. A ranker
is fitted on one part of the training part of the reference split (PerUserShuffleSplit,
every row positive), and its nDCG@10 measured on the rest, divided in the same way. A
rating model is fitted on four fifths, at random, of the training part of the first of
five folds, as in `ratings.py`, and its RMSE measured on the fifth.

What counts is a setting's share of the best nDCG@10 of the data set, or its ratio to
the lowest RMSE, in the mean over data sets. Shown are the best settings, the default,
and the best of each kind: of each value of the parameters that are not numbers.

The settings are those of `_defaults_grids.py`. The real data sets are read from
$SKLEARN_METAREC_DATA; `--data 1k` makes a small one.

    python benchmarks/defaults.py --models EASE IALS BiasRegressor MFRegressor
"""

import argparse
import os
import time
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from _data import SIZES, make_table
from _defaults_grids import FEEDBACK, PAIRWISE, RATING_USERS, RATINGS, SEARCHES
from _machine import describe, print_header, print_row, seconds
from sklearn.base import is_regressor
from sklearn.model_selection import KFold, ParameterGrid, train_test_split

from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit

IDS = ["user_id", "item_id"]


def main():
    """Print a table a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument(
        "--data", nargs="+", choices=sorted({*FEEDBACK, *PAIRWISE, *RATINGS, *SIZES}),
        help="those of the model",
    )  # fmt: skip
    parser.add_argument("--splits", type=int, help="a data set; those of the model")
    parser.add_argument("--rows", type=int, default=6, help="best settings to show")
    options = parser.parse_args()
    for name in options.models:
        model, grid, data, n_splits = SEARCHES[name]
        n_splits = options.splits or n_splits
        settings = all_settings(model, grid)
        measured = measure(model, settings, options.data or data, n_splits)
        show(model, settings, measured, n_splits, options.rows)
    print(describe("scikit-learn"))


def all_settings(model, grid):
    """Return the distinct settings as what they change, the default first."""
    default = model().get_params()
    changes = [
        {name: value for name, value in given.items() if value != default[name]}
        for given in ParameterGrid([{}, *grid])
    ]
    return [change for i, change in enumerate(changes) if change not in changes[:i]]


# ---------------------------------------------------------------------------- the data


def rating_parts(name, n_splits):
    """Yield ids and ratings of the fitted and of the validation part."""
    table = read(name)
    X, y = table[IDS], table["rating"].to_numpy(float)
    if name in RATING_USERS:
        users = X["user_id"].unique()
        kept = np.random.default_rng(0).choice(users, RATING_USERS[name], replace=False)
        kept = X["user_id"].isin(kept).to_numpy()
        X, y = X[kept], y[kept]
    for seed in range(n_splits):
        train, _ = next(KFold(5, shuffle=True, random_state=seed).split(X))
        X_fit, X_val, y_fit, y_val = train_test_split(
            X.iloc[train], y[train], test_size=0.2, random_state=seed
        )
        yield (X_fit, y_fit), (X_val, y_val)


def feedback_parts(name, n_splits):
    """Yield the encoded rows of the fitted and of the validation part."""
    table = encode_interactions(read(name)[IDS])
    for seed in range(n_splits):
        split = PerUserShuffleSplit(random_state=seed)
        train, _ = next(split.split(table))
        training = table[train].compact()
        fitted, validation = next(split.split(training))
        yield (training[fitted].compact(),), (training[validation].compact(),)


def read(name):
    """Return a data set as a frame; its ids are text."""
    if name in SIZES:
        table = make_table(name, ratings=True)
        return pd.DataFrame(table.X.astype(str), columns=IDS).assign(rating=table.y)
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    path = Path(folder) / f"{name}.csv.gz"
    return pd.read_csv(path, usecols=[*IDS, "rating"], dtype=dict.fromkeys(IDS, str))


# ---------------------------------------------------------------------- the comparison


def measure(model, settings, data, n_splits):
    """Return nDCG@10 or RMSE, a row a setting, a column a data set, and CPU seconds."""
    rating = is_regressor(model())
    parts, quality = (rating_parts, rmse) if rating else (feedback_parts, ndcg)
    seeded = {"random_state": 0} if "random_state" in model().get_params() else {}
    values = pd.DataFrame(0.0, index=range(len(settings)), columns=data)
    cpu = pd.Series(0.0, index=values.index)
    compiled = False
    for name in data:
        for fitted, validation in parts(name, n_splits):
            for row, setting in enumerate(settings):
                estimator = model(**seeded, **setting)
                if not compiled:
                    quality(estimator.fit(*fitted), fitted, validation)
                    compiled = True
                started = time.process_time()
                value = quality(estimator.fit(*fitted), fitted, validation)
                cpu[row] += time.process_time() - started
                values.loc[row, name] += value / n_splits
    return values, cpu


def ndcg(ranker, fitted, validation):
    """Return the mean nDCG@10 of the validation part's users."""
    return ranker.score(*validation)


def rmse(regressor, fitted, validation):
    """Return the error of predictions inside the range of the ratings."""
    (X, y), y_fit = validation, fitted[1]
    predicted = np.clip(regressor.predict(X), y_fit.min(), y_fit.max())
    return np.sqrt(np.mean((predicted - y) ** 2))


def show(model, settings, measured, n_splits, n_best):
    """Print the best settings, the default, and the best of each kind."""
    values, cpu = measured
    if is_regressor(model()):
        metric, mean, extreme = "RMSE", "mean ratio", "largest ratio"
        relative = values / values.min()
        overall, worst = relative.mean(axis=1), relative.max(axis=1)
    else:
        metric, mean, extreme = "nDCG@10", "mean share", "least share"
        relative = values / values.max()
        overall, worst = relative.mean(axis=1), relative.min(axis=1)
    rank = overall.rank(ascending=metric == "RMSE", method="first").astype(int)
    kinds = pd.Series([kind(setting) for setting in settings])
    shown = (rank <= n_best) | (rank == rank.groupby(kinds).transform("min"))
    shown[0] = True
    print(
        f"**{model.__name__}**: validation {metric}, splits a data set: {n_splits}; "
        f"{len(settings)} settings, of which the default has rank {rank[0]}\n"
    )
    print_header(model.__name__, *values.columns, mean, extreme, "CPU s", "rank")
    for row in rank[shown].sort_values().index:
        print_row(
            label(settings[row]), *(f"{value:.4f}" for value in values.loc[row]),
            f"{overall[row]:.4f}", f"{worst[row]:.4f}", seconds(cpu[row]), rank[row],
        )  # fmt: skip
    print(flush=True)


def kind(setting):
    """Return what a setting changes in parameters that are not numbers."""
    return label({
        name: value for name, value in setting.items()
        if isinstance(value, bool) or not isinstance(value, Real)
    })  # fmt: skip


def label(setting):
    """Return what a setting changes, as in a call."""
    return (
        ", ".join(f"{name}={value!r}" for name, value in setting.items()) or "default"
    )


if __name__ == "__main__":
    main()
