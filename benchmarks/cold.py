"""Rank what is new: items that nobody has had, and users with few rows or none.

Cold items (ColdItemSplit) are ranked among the cold items alone, for users whom
training knows. Cold users (ColdUserSplit) are known by their features, or by the first
1, 3 or 5 of their rows, given as `history=`; the list is then compared with what comes
after the fifth. Modalities: one group of features each, and all together.

Settings are those with the best nDCG@10 on a validation part, split off the training
part as the test part was; the test part is used once. Intervals (95%) are of the paired
difference over users. The real data sets are read from $SKLEARN_METAREC_DATA, but for
movietweetings_100k, which the package has.

`defaults` shows what those of FMRanker rest on.

    python benchmarks/cold.py --parts items history
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row

from sklearn_metarec import (
    EASE,
    IALS,
    Blend,
    ContentRanker,
    FMRanker,
    ItemKNN,
    PopularityRecommender,
    TwoTower,
)
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.metrics import paired_test, ranking_scores
from sklearn_metarec.model_selection import (
    ColdItemSplit,
    ColdUserSplit,
    PerUserShuffleSplit,
)
from sklearn_metarec.preprocessing import FeatureEncoder

# The columns of the side tables that are features.
FEATURES = {
    "movielens_1m": ["year", "genres"],
    "movietweetings_100k": ["year", "genres"],
    "ifdb_played": ["author", "genre", "system", "tags", "year"],
    "online_retail": ["description", "median_price"],
    "movielens_100k": ["year", "genres"],
}
# Sets in which nothing but the rows of new users is read.
MORE_HISTORIES = [
    "movielens_latest_small", "msweb", "lastfm_hetrec2011", "amazon_beauty_5core",
    "complete_journey_sample", "gowalla_ngcf",
]  # fmt: skip
# Beyond this, EASE keeps some neighbours of an item only: it has no room for all.
MAX_DENSE, N_NEIGHBORS = 20_000, 100
MODALITIES = {
    "ifdb_played": {
        "genres": ["genre"],
        "tags": ["tags"],
        "text": ["title", "author"],
    },
    "movietweetings_100k": {"genres": ["genres"], "year": ["year"], "text": ["title"]},
}
NAMES = ["title", "author"]
PARTS = {
    "items": "Cold items, ranked among the cold items",
    "users": "Cold users, known by gender, age and occupation",
    "history": "New users, known by their first rows",
    "modalities": "Cold items by groups of features, and by all together",
    "defaults": "FMRanker on a validation part: cold items, and all of known users",
}
# What ranks cold items.
OF_FEATURES = ["ContentRanker", "FMRanker, bpr", "FMRanker, warp", "TwoTower"]
PENALTIES = [10.0, 30.0, 100.0, 300.0, 1000.0]
# For groups of features; and the weights of the weaker groups beside the strongest one.
LIGHT_PENALTIES = [3.0, 10.0, 30.0]
WEIGHTS = [1.0, 0.5, 0.25]
# The weights of ContentRanker where it is blended with FMRanker.
SHARES = [0.1, 0.2]
N_HISTORY = [1, 3, 5]
FOLDING = ["EASE", "IALS", "ItemKNN", "FMRanker, warp"]
CHANGES = [
    {"loss": "bpr"},
    {"loss": "bpr", "item_ids": False},
    {"loss": "bpr", "regularization": 0.01},
    {"loss": "bpr", "regularization": 0.1},
    {"loss": "bpr", "learning_rate": 0.05},
    {"loss": "warp"},
    {"loss": "warp", "item_ids": False},
    {"loss": "warp", "regularization": 0.1},
]
# The first users of a validation part, of whom `defaults` takes the mean.
N_VALIDATED = 1500
# Random lists of each user, whose mean is taken.
N_DRAWS = 10


def main():
    """Print a table a part."""
    names = [*FEATURES, *MORE_HISTORIES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--data", nargs="+", default=names, choices=names)
    parser.add_argument("--users", type=int, help="keep so many users, drawn; all")
    parser.add_argument("--epochs", type=int, default=50, help="of FMRanker")
    parser.add_argument("--splits", type=int, default=5, help="of modalities")
    parser.add_argument(
        "--models", nargs="+", default=OF_FEATURES, choices=OF_FEATURES,
        help="of cold items, with ContentRanker first",
    )  # fmt: skip
    options = parser.parse_args()
    works = {"items": items, "users": users, "history": history,
             "modalities": modalities, "defaults": defaults}  # fmt: skip
    for part in options.parts:
        read_by = {
            "modalities": MODALITIES, "users": ["movielens_1m"], "history": names,
        }  # fmt: skip
        chosen_names = [n for n in read_by.get(part, FEATURES) if n in options.data]
        print(f"**{PARTS[part]}**\n")
        works[part](chosen_names, options)
        print()
    print(describe("scikit-learn"))


# -------------------------------------------------------------------------- the tables


def read(name, n_users=None):
    """Return the distinct pairs and the side table of the items, if there is one."""
    if name == "movietweetings_100k":
        movies = load_movietweetings(as_frame=True)
        X, side = movies.data, movies.item_features
    else:
        folder = folder_of_data()
        X = pd.read_csv(
            folder / f"{name}.csv.gz", dtype={"user_id": str, "item_id": str}
        )
        path = folder / f"{name}.items.csv.gz"
        if path.exists():
            side = pd.read_csv(path, dtype={"item_id": str})
        else:
            side = pd.DataFrame({"item_id": X["item_id"].unique()})
    X = X[["user_id", "item_id"]].drop_duplicates()
    if n_users is not None:
        ids = np.sort(X["user_id"].unique())
        chosen = np.random.default_rng(0).permutation(ids)[:n_users]
        X = X[X["user_id"].isin(chosen)]
    return X.reset_index(drop=True), side[side["item_id"].isin(X["item_id"])]


def folder_of_data():
    """Return the folder of the real data sets."""
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    return Path(folder)


def parts_of(X, splitter):
    """Return training and test part of one split."""
    train, test = next(splitter.split(X))
    return X.iloc[train], X.iloc[test]


def chosen(models, measure, split):
    """Return the model that does best on a split of the training part."""
    if len(models) == 1:
        return models[0]
    scores = [measure(model, *split).mean() for model in models]
    return models[int(np.argmax(scores))]


# ---------------------------------------------------------------------------- the parts


def items(names, options):
    """Compare the models of features on items that nobody has had."""
    print_header(
        "data", "model", "setting", "nDCG@10", "above random", "above the weakest",
        "above ContentRanker",
    )  # fmt: skip
    for name in names:
        X, side = read(name, options.users)
        candidates = of_features(side[["item_id", *FEATURES[name]]], options)
        train, test = parts_of(X, ColdItemSplit(random_state=0))
        inner = parts_of(train, ColdItemSplit(random_state=1))
        found, settings = {}, {}
        for label, models in candidates.items():
            model = chosen(models, of_cold_items, inner)
            found[label] = of_cold_items(model, train, test)
            settings[label] = setting_of(model)
        weakest = min(found, key=lambda label: found[label].mean())
        found["popularity"] = np.mean(list(fixed_lists(train, test, 1)), axis=0)
        found["random"] = np.mean(list(fixed_lists(train, test, N_DRAWS)), axis=0)
        content = found["ContentRanker"]
        for label, values in found.items():
            print_row(
                name, label, settings.get(label, ""), f"{values.mean():.4f}",
                "" if label == "random" else above(values, found["random"]),
                "" if label == weakest else above(values, found[weakest]),
                "" if label == "ContentRanker" else above(values, content),
            )  # fmt: skip


def of_features(side, options):
    """Return what to choose each model from."""
    common = {"item_features": side, "max_iter": options.epochs, "random_state": 0}
    candidates = {
        "ContentRanker": [ContentRanker(side, regularization=r) for r in PENALTIES],
        "FMRanker, bpr": [FMRanker(loss="bpr", **common)],
        "FMRanker, warp": [FMRanker(loss="warp", **common)],
        "TwoTower": [TwoTower(item_features=side, random_state=0)],
    }
    return {label: candidates[label] for label in options.models}


def of_cold_items(model, train, test, most=None):
    """Return the nDCG@10 of some users for the items that only the test part has."""
    cold, test, asked = cold_items(train, test)
    asked = asked[:most]
    test = test[test["user_id"].isin(asked)]
    return per_user(test, asked, model.fit(train).recommend(asked, items=cold)[0])


def cold_items(train, test):
    """Return the new items, the test rows of known users, and these users."""
    test = test[test["user_id"].isin(train["user_id"])]
    cold = np.setdiff1d(test["item_id"], train["item_id"])
    return cold, test, test["user_id"].unique()


def fixed_lists(train, test, n_draws):
    """Yield nDCG@10 of cold items in their order, or in random ones."""
    cold, test, asked = cold_items(train, test)
    if n_draws == 1:  # to popularity all are alike: nobody has had them
        yield per_user(test, asked, np.tile(cold[:10], (len(asked), 1)))
        return
    rng = np.random.default_rng(0)
    for _ in range(n_draws):
        drawn = rng.random((len(asked), len(cold))).argpartition(10, axis=1)[:, :10]
        yield per_user(test, asked, cold[drawn])


def setting_of(model):
    """Name what was chosen."""
    if isinstance(model, Blend):
        return f"Blend, {model.weights[0]}: {setting_of(model.estimators[0][1])}"
    found = [type(model).__name__]
    if isinstance(model, ContentRanker):
        found.append(f"regularization={model.regularization:g}")
    if weights := getattr(model.feature_encoder, "weights", None):
        found.append(f"weights={weights}")
    return ", ".join(found)


def users(names, options):
    """Compare the model of user features with popularity."""
    print_header("data", "model", "setting", "nDCG@10", "above popularity")
    for name in names:
        X, _ = read(name, options.users)
        side = pd.read_csv(folder_of_data() / f"{name}.users.csv.gz", dtype=str)
        side = side[["user_id", "gender", "age", "occupation"]]
        train, test = parts_of(X, ColdUserSplit(random_state=0))
        inner = parts_of(train, ColdUserSplit(random_state=1))
        popular = of_users(PopularityRecommender(), train, test)
        print_row(name, "popularity", "", f"{popular.mean():.4f}", "")
        for loss in ("bpr", "warp"):
            models = [
                FMRanker(
                    user_features=side, user_ids=ids, loss=loss, random_state=0,
                    max_iter=options.epochs,
                )
                for ids in (True, False)
            ]  # fmt: skip
            model = chosen(models, of_users, inner)
            values = of_users(model, train, test)
            print_row(
                name, f"FMRanker, {loss}", f"user_ids={model.user_ids}",
                f"{values.mean():.4f}", above(values, popular),
            )  # fmt: skip


def of_users(model, train, test):
    """Return each test user's nDCG@10."""
    asked = test["user_id"].unique()
    model.fit(train)
    with warnings.catch_warnings():  # that popularity knows none of them
        warnings.simplefilter("ignore", ColdUsersWarning)
        return per_user(test, asked, model.recommend(asked)[0])


def history(names, options):
    """Compare models that fold a history in with popularity."""
    print_header("data", "rows", "popularity", *FOLDING, "users")
    for name in names:
        X, side = read(name, options.users)
        side = side[["item_id", *FEATURES[name]]] if name in FEATURES else None
        train, test = parts_of(X, ColdUserSplit(random_state=0))
        # In random order, as some tables are sorted by item.
        test = test.sample(frac=1, random_state=0)
        place = test.groupby("user_id").cumcount()
        test = test[
            test.groupby("user_id")["item_id"].transform("size") > max(N_HISTORY)
        ]
        place = place[test.index]
        given, rest = test[place < max(N_HISTORY)], test[place >= max(N_HISTORY)]
        asked, n_items = rest["user_id"].unique(), train["item_id"].nunique()
        models = {
            "popularity": PopularityRecommender(),
            "EASE": EASE(n_neighbors=N_NEIGHBORS if n_items > MAX_DENSE else None),
            "IALS": IALS(random_state=0),
            "ItemKNN": ItemKNN(),
            "FMRanker, warp": FMRanker(
                item_features=side, loss="warp", max_iter=options.epochs, random_state=0
            ),
        }
        models = {label: model.fit(train) for label, model in models.items()}
        for n in N_HISTORY:
            rows, found = test[place < n], {}
            for label, model in models.items():
                lists, _ = model.recommend(asked, history=rows, exclude=given)
                found[label] = per_user(rest, asked, lists)
            popular = found.pop("popularity")
            cells = [f"{v.mean():.4f}, {above(v, popular)}" for v in found.values()]
            print_row(name, n, f"{popular.mean():.4f}", *cells, len(asked))


def modalities(names, options):
    """Compare groups of features with all of them, over several splits."""
    print_header("data", "features", "settings", "nDCG@10", "all together above it")
    for name in names:
        X, side = read(name, options.users)
        if name == "ifdb_played":  # genres are a list, as tags are
            side = side.assign(genre=side["genre"].str.replace("/", "|"))
        groups = MODALITIES[name]
        found, settings = {}, {label: [] for label in [*groups, "all"]}
        for seed in range(options.splits):
            split = parts_of(X, ColdItemSplit(random_state=seed))
            models = of_groups(side, groups, split[0], seed, options)
            for label, model in models.items():
                settings[label].append(setting_of(model))
                values = of_cold_items(model, *split)
                asked = cold_items(*split)[2]
                found.setdefault(label, []).append(pd.Series(values, asked))
        # A user counts once, with the mean of the splits.
        means = {
            label: pd.concat(values).groupby(level=0).mean().to_numpy()
            for label, values in found.items()
        }
        for label, values in means.items():
            versus = "" if label == "all" else above(means["all"], values)
            shown = "; ".join(dict.fromkeys(settings[label]))
            print_row(name, label, shown, f"{values.mean():.4f}", versus)


def of_groups(side, groups, train, seed, options):
    """Return the model of each group, and of all, that is best on a validation part."""
    inner = parts_of(train, ColdItemSplit(random_state=seed + 1))
    best, validated = {}, {}
    for label, columns in groups.items():
        models = of_columns(side, columns, [None], options)
        best[label] = chosen(models, of_cold_items, inner)
        validated[label] = of_cold_items(best[label], *inner).mean()
    strongest = groups[max(validated, key=validated.get)]
    together = [column for columns in groups.values() for column in columns]
    weaker = [column for column in together if column not in strongest]
    weights = [dict.fromkeys(weaker, weight) for weight in WEIGHTS]
    models = of_columns(side, together, weights, options)
    return best | {"all": chosen(models, of_cold_items, inner)}


def of_columns(side, columns, weights, options):
    """Return the models of some columns to choose from, as many for each weights.

    A name, as that of a film, is taken for a text however short it is.
    """
    features = side[["item_id", *columns]]
    kinds = {column: "text" for column in columns if column in NAMES}
    models = []
    for each in weights:
        encoder = FeatureEncoder(kinds, weights=each, normalize=True)
        contents = [
            ContentRanker(features, regularization=penalty, feature_encoder=encoder)
            for penalty in LIGHT_PENALTIES
        ]
        factors = FMRanker(
            item_features=features, feature_encoder=encoder, loss="warp",
            max_iter=options.epochs, random_state=0,
        )  # fmt: skip
        members = [("content", contents[1]), ("fm", factors)]
        models += [*contents, factors]
        models += [Blend(members, weights=[share, 1 - share]) for share in SHARES]
    return models


def defaults(names, options):
    """Compare settings of FMRanker on a split of the training part."""
    print_header("data", "setting", "nDCG@10 of cold items", "nDCG@10 of all items")
    for name in names:
        X, side = read(name, options.users)
        side = side[["item_id", *FEATURES[name]]]
        train, _ = parts_of(X, ColdItemSplit(random_state=0))
        cold = parts_of(train, ColdItemSplit(random_state=1))
        known = parts_of(train, PerUserShuffleSplit(random_state=1))
        for settings in CHANGES:
            model = FMRanker(
                item_features=side, max_iter=options.epochs, random_state=0, **settings
            )
            of_cold = of_cold_items(model, *cold, most=N_VALIDATED).mean()
            of_known = model.fit(known[0]).score(known[1])
            label = ", ".join(f"{key}={value!r}" for key, value in settings.items())
            print_row(name, label, f"{of_cold:.4f}", f"{of_known:.4f}")


def per_user(test, asked, lists):
    """Return nDCG@10 of each user's list."""
    return ranking_scores(test, asked, lists, per_user=True)["ndcg@10"]


def above(values, base):
    """Return a mean paired difference and its interval, to print."""
    result = paired_test(values, base, random_state=0)
    low, high = result.interval
    return f"{result.difference:+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
