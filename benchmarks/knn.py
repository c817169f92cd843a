"""Choose the defaults of the neighbourhood models over several data sets.

For each data set, a setting is fitted on one part of the training part of the reference
split and its nDCG@10 measured on the other (PerUserShuffleSplit, twice): the test part
stays unseen. What counts is a setting's share of the best nDCG@10 of the data set, in
the mean over data sets. Every row is positive, as in the reference split.

The real data sets are read from $SKLEARN_METAREC_DATA.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import ParameterGrid

import sklearn_metarec
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.neighbors import ItemKNN, RP3beta, UserKNN

DATA = [
    "movielens_100k", "movielens_latest_small", "movietweetings_100k",
    "lastfm_hetrec2011", "online_retail", "ifdb_played", "msweb",
]  # fmt: skip
# For each model: the grid that led to its defaults, and settings that others use.
GRIDS = {
    "ItemKNN": (
        ItemKNN,
        [
            {
                "weighting": ["binary", "tfidf"],
                "n_neighbors": [20, 50, 100, 200],
                "shrinkage": [0, 5, 10, 20, 50],
                "asymmetry": [0.0, 0.25, 0.5, 0.75],
            },
            {"weighting": ["bm25"], "n_neighbors": [50, 100], "shrinkage": [0, 10]},
            {"similarity": ["jaccard"], "n_neighbors": [20, 50, 100],
             "shrinkage": [0, 10, 50]},
        ],
    ),
    "UserKNN": (
        UserKNN,
        [
            {
                "weighting": ["binary", "tfidf", "bm25"],
                "n_neighbors": [20, 50, 100, 200, 400],
                "shrinkage": [0, 2, 5, 10],
                "asymmetry": [0.0, 0.25, 0.5, 0.75],
            },
            {"similarity": ["jaccard"], "n_neighbors": [50, 100, 200],
             "shrinkage": [0, 5, 20]},
        ],
    ),
    "RP3beta": (
        RP3beta,
        [
            {"n_neighbors": [50, 100, 200], "exponent": [0.4, 0.5, 0.6, 0.7, 0.8],
             "beta": [0.2, 0.3, 0.4]},
            {"exponent": [1.0], "beta": [0.0, 0.3, 0.6]},
        ],
    ),
}  # fmt: skip
COLUMNS = [
    "n_neighbors", "similarity", "weighting", "shrinkage", "asymmetry", "exponent",
    "beta",
]  # fmt: skip


def read(folder, name):
    """Return a data set as encoded interactions."""
    columns = ["user_id", "item_id"]
    table = pd.read_csv(folder / f"{name}.csv.gz", usecols=columns, dtype="str")
    return encode_interactions(table[columns])


def parts(table, seed):
    """Return the fitted and the validation part of the reference training part."""
    split = PerUserShuffleSplit(random_state=seed)
    train, _ = next(split.split(table))
    table = table[train].compact()
    fitted, validation = next(split.split(table))
    return table[fitted].compact(), table[validation].compact()


def measure(model, grid, tables, n_seeds):
    """Return a frame of nDCG@10: a row a setting, a column a data set."""
    settings = [model(**given).get_params() for given in ParameterGrid(grid)]
    columns = columns_of(model)
    scores = {}
    for name, table in tables.items():
        values = np.zeros((n_seeds, len(settings)))
        for seed in range(n_seeds):
            fitted, validation = parts(table, seed)
            for place, setting in enumerate(settings):
                values[seed, place] = model(**setting).fit(fitted).score(validation)
        scores[name] = values.mean(axis=0)
    index = pd.MultiIndex.from_frame(pd.DataFrame(settings)[columns])
    return pd.DataFrame(scores, index=index)


def columns_of(model):
    """Return the parameters that a table shows."""
    return [column for column in COLUMNS if column in model().get_params()]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--data", nargs="+", default=DATA, help="names of data sets")
    parser.add_argument("--seeds", type=int, default=2, help="splits a data set")
    parser.add_argument("--rows", type=int, default=12, help="how many to print")
    options = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    tables = {name: read(Path(folder), name) for name in options.data}
    for name in options.models:
        model, grid = GRIDS[name]
        scores = measure(model, grid, tables, options.seeds)
        share = scores / scores.max()
        scores["mean share"] = share.mean(axis="columns")
        scores["least share"] = share.min(axis="columns")
        scores["rank"] = scores["mean share"].rank(ascending=False).astype(int)
        scores = scores.sort_values("mean share", ascending=False)
        # The best settings, the defaults, and the best of each kind.
        columns = columns_of(model)
        default = tuple(model().get_params()[column] for column in columns)
        kinds = [column for column in ("similarity", "weighting") if column in columns]
        kinds = scores.groupby(level=kinds, dropna=False)
        shown = scores.index.isin([*scores.index[: options.rows], default])
        shown |= scores.index.isin(kinds.head(1).index)
        print(f"\n{name}: validation nDCG@10, {options.seeds} splits a data set, "
              f"{len(scores)} settings; the default is {default}\n")  # fmt: skip
        print("|" + "|".join([*columns, *scores.columns]) + "|")
        print("|" + "---|" * (len(columns) + len(scores.columns)))
        for setting, row in scores[shown].iterrows():
            cells = [f"{value:.4f}" for value in row.iloc[:-1]]
            print(
                "|" + "|".join([*map(str, setting), *cells, f"{row['rank']:.0f}"]) + "|"
            )
    print(f"\nsklearn_metarec {sklearn_metarec.__version__}, numpy {np.__version__}")


if __name__ == "__main__":
    main()
