"""Measure rating models by the cold-start protocol of MeLU on MovieLens-1M.

The published states say which users and items are new; all other ratings are warm, and
the models are fitted on them alone. A user with 13 to 100 ratings in a state has 10 of
them drawn at random as queries; the rest is their support, and comes to the model as
`history=` of the call that ranks the queries: no new item is known by the ratings of
others. In the first state, known users and items, the 10 are taken out of the warm
ratings of such users, and the model is fitted without them.

Scores are means over the draws of the queries: MAE of the predictions, clipped to 1 to
5, and of the level next to each; nDCG of the 10 with linear gain, as published, and
with exponential gain. `--support 5 10 20 40` cuts the support to so many ratings.

`--choose` leaves the published states alone: of the warm ratings, those of a fifth of
the users, drawn at random, and of the films of 1996 and 1997 are held out as if both
were new, and the states are made of them. Settings are to be compared by it.

    python benchmarks/melu.py
    python benchmarks/melu.py --choose --states user_cold item_cold user_and_item_cold
    python benchmarks/melu.py --models MetaRidgeRegressor --support 5 10 20 40
"""

import argparse
import os
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec import (
    BiasRegressor,
    ContentRegressor,
    MetaRegressor,
    MetaRidgeRegressor,
    MFRegressor,
    StackedRegressor,
)
from sklearn_metarec.exceptions import ColdUsersWarning

STATES = ("warm", "user_cold", "item_cold", "user_and_item_cold")
N_QUERIES = 10
FEWEST, MOST = 13, 100
CUTS = (1, 3)
# What `--choose` holds out.
SHARE_OF_USERS = 0.2
YEARS = (1996, 1997)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = contestants(None, None)
    parser.add_argument("--models", nargs="*", default=list(models), choices=models)
    parser.add_argument("--states", nargs="*", default=STATES, choices=STATES)
    parser.add_argument("--support", nargs="*", type=int, help="cut the support to it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--choose", action="store_true", help="use warm ratings only")
    options = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    data = Data(Path(folder))
    if options.choose:
        data.hold_out()
    gains = [f"{gain} nDCG@{k}" for gain in ("linear", "exp.") for k in CUTS]
    print_header(
        "model", "state", "support", "users", "MAE", "MAE, nearest level", *gains,
        "fit s", "adapt ms a user",
    )  # fmt: skip
    for name in options.models:
        measure(name, data, options)
    print(f"\n{describe('scikit-learn', 'tensorflow')}")


def contestants(items, users):
    """Return what makes each model, by name."""
    both = {"item_features": items, "user_features": users}

    def learner(inner, **settings):
        return lambda: MetaRegressor(inner, random_state=0, **both, **settings)

    return {
        "BiasRegressor": BiasRegressor,
        "MFRegressor": lambda: MFRegressor(16, random_state=0),
        "ContentRegressor": lambda: ContentRegressor(items),
        "MetaRidgeRegressor, no features": lambda: MetaRidgeRegressor(random_state=0),
        "MetaRidgeRegressor": lambda: MetaRidgeRegressor(random_state=0, **both),
        "MetaRegressor, ridge": learner("ridge"),
        "MetaRegressor, ridge, sigmoid": learner("ridge", encoder="sigmoid"),
        "MetaRegressor, anil": learner("anil"),
        "MetaRegressor, maml": learner("maml"),
        "MetaRegressor, maml, first order": learner("maml", second_order=False),
        "MetaRegressor, reptile": learner("reptile"),
        "StackedRegressor": lambda: StackedRegressor(
            [
                ("ridge", MetaRidgeRegressor(random_state=0, **both)),
                ("learner", learner("ridge")()),
                ("sigmoid", learner("ridge", encoder="sigmoid")()),
            ],
            random_state=0,
        ),
    }


# What knows no item without ratings.
NO_NEW_ITEMS = ("BiasRegressor", "MFRegressor", "MetaRidgeRegressor, no features")


class Data:
    """The warm ratings, the states and the features."""

    def __init__(self, folder):
        ratings, items, users, self.cold = (
            pd.read_csv(folder / f"movielens_1m{part}.csv.gz")
            for part in ("", ".items", ".users", ".melu_cold")
        )
        cold = _pairs(self.cold)
        self.warm = ratings[~_pairs(ratings).isin(cold)].reset_index(drop=True)
        self.items = items[["item_id", "year", "genres"]]
        # The ages are codes of groups, as the occupations are.
        self.users = users[["user_id", "gender", "age", "occupation"]].astype(
            {"age": str, "occupation": str}
        )

    def hold_out(self):
        """Make states of warm ratings, as if some users and films were new."""
        ids = np.sort(self.warm["user_id"].unique())
        drawn = np.random.default_rng(0).random(len(ids)) < SHARE_OF_USERS
        new_user = self.warm["user_id"].isin(ids[drawn]).to_numpy()
        films = self.items.loc[self.items["year"].isin(YEARS), "item_id"]
        new_item = self.warm["item_id"].isin(films).to_numpy()
        state = np.array(STATES)[new_user + 2 * new_item]
        self.cold = self.warm[state != "warm"].assign(state=state[state != "warm"])
        self.warm = self.warm[state == "warm"].reset_index(drop=True)

    def draw(self, state, seed, n_support=None):
        """Return the support and the query rows of a state, both sorted by user."""
        table = self.warm
        if state != "warm":
            table = self.cold[self.cold["state"] == state]
        count = table.groupby("user_id")["item_id"].transform("size")
        table = table[(count >= FEWEST) & (count <= MOST)]
        order = np.random.default_rng(seed).permutation(len(table))
        table = table.iloc[order].sort_values("user_id", kind="stable")
        place = table.groupby("user_id").cumcount()
        query = place < N_QUERIES
        support = ~query
        if n_support is not None:
            support &= place < N_QUERIES + n_support
        return table[support], table[query]


def _pairs(table):
    return table["user_id"] * 100_000 + table["item_id"]


def measure(name, data, options):
    """Print the rows of a model."""
    make = contestants(data.items, data.users)[name]
    model = None
    sizes = options.support or [None]
    for state in options.states:
        if name in NO_NEW_ITEMS and "item" in state:
            continue
        for n_support in sizes if state != "warm" else [None]:
            if state != "warm" and model is None:
                model, fit_seconds = fitted(make, data.warm)
            scores, waits = [], []
            for seed in range(options.seeds):
                support, query = data.draw(state, seed, n_support)
                if state == "warm":
                    rest = data.warm.drop(query.index)
                    known, fit_seconds = fitted(make, rest)
                    start = perf_counter()
                    predicted = known.predict(query[["user_id", "item_id"]])
                else:
                    start = perf_counter()
                    predicted = adapt(model, support, query)
                n_users = len(query) // N_QUERIES
                waits.append(1000 * (perf_counter() - start) / n_users)
                rating = query["rating"].to_numpy(float).reshape(n_users, N_QUERIES)
                scores.append(judge(rating, predicted.reshape(rating.shape)))
            print_row(
                name, state, n_support or "rest", n_users,
                *(f"{score:.4f}" for score in np.mean(scores, axis=0)),
                seconds(fit_seconds), f"{np.median(waits):.3f}",
            )  # fmt: skip


def fitted(make, table):
    """Return a fitted model, and the seconds it took."""
    start = perf_counter()
    model = make().fit(table[["user_id", "item_id"]], table["rating"].to_numpy(float))
    return model, perf_counter() - start


def adapt(model, support, query):
    """Return the predictions of the queries, the support being folded in."""
    columns = ["user_id", "item_id"]
    users = query["user_id"].unique()
    history = support[columns], support["rating"].to_numpy(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ColdUsersWarning)
        found = model.recommend(
            users, N_QUERIES, history=history, items=query[columns],
            exclude_seen=False, as_frame=True,
        )  # fmt: skip
    # In the order of the queries.
    return query[columns].merge(found, "left", on=columns)["score"].to_numpy(float)


def judge(rating, predicted):
    """Return the scores of the queries, one row a user."""
    clipped = np.clip(predicted, 1, 5)
    errors = [np.abs(rating - p).mean() for p in (clipped, np.round(clipped))]
    gains = rating, 2**rating - 1
    return errors + [ndcg(gain, predicted, k) for gain in gains for k in CUTS]


def ndcg(gain, predicted, k):
    """Return the mean nDCG at k of rows of gains."""
    discount = 1 / np.log2(np.arange(k) + 2)
    order = np.argsort(-predicted, axis=1, kind="stable")[:, :k]
    reached = np.take_along_axis(gain, order, axis=1) @ discount
    return (reached / (-np.sort(-gain, axis=1)[:, :k] @ discount)).mean()


if __name__ == "__main__":
    main()
