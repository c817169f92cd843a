"""What re-rankers gain in diversity and calibration, what they cost, and their time.

The reference split: PerUserShuffleSplit(test_size=0.2), every row positive, pairs of
the fit excluded, all items ranked by EASE, lists of ten chosen among a hundred
candidates. Diversity is one minus the mean cosine of a list's pairs of items, by genres
and by who has had them; calibration the mean over users of KL(p, q) between the shares
of genres, and of popularity groups, in the user's training pairs and in the list
(smoothed by 0.01 as in Steck 2018). The real data sets are read from
$SKLEARN_METAREC_DATA.

    python benchmarks/reranking.py --data movielens_1m movietweetings_100k
    python benchmarks/reranking.py --validation   # splits the training part again
    python benchmarks/reranking.py --speed
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe

from sklearn_metarec import EASE, CalibratedReranker, MMRReranker
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.metrics import coverage_at_k, diversity_at_k, ndcg_at_k
from sklearn_metarec.model_selection import PerUserShuffleSplit

# As in reference_split.py, found on a validation part of the training part of seed 0.
REGULARIZATION = {"movielens_1m": 500.0, "movietweetings_100k": 100.0}
TRADE_OFFS = {
    "MMR": ("diversity", [0.1, 0.2, 0.3, 0.5, 0.7]),
    "calibrated": ("calibration", [0.1, 0.25, 0.5, 0.75, 0.9]),
}
COLUMNS = [
    "nDCG@10", "diversity, genres", "diversity, users", "coverage", "KL, genres",
    "KL, popularity",
]  # fmt: skip


def main():
    """Print one table a data set, or one of times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = list(REGULARIZATION)
    parser.add_argument("--data", nargs="+", default=data, choices=data)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--size", type=int, nargs=3, default=[10_000, 5_000, 500_000])
    options = parser.parse_args()
    if options.speed:
        measure_speed(*options.size)
    else:
        for name in options.data:
            measure(name, options)
    print(describe("scikit-learn"))


def measure(name, options):
    """Print quality over the trade-off on one data set."""
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    types = dict.fromkeys(["user_id", "item_id"], str)
    X = pd.read_csv(folder / f"{name}.csv.gz", usecols=list(types), dtype=types)
    genres = pd.read_csv(
        folder / f"{name}.items.csv.gz", usecols=["item_id", "genres"], dtype=str
    ).fillna("")
    genres = genres[genres["item_id"].isin(X["item_id"])]
    runs = {}
    for seed in options.seeds:
        train, test = next(PerUserShuffleSplit(random_state=seed).split(X))
        train, test = X.iloc[train], X.iloc[test]
        if options.validation:
            parts = next(PerUserShuffleSplit(random_state=seed).split(train))
            train, test = (train.iloc[part] for part in parts)
        for label, values in measure_split(name, train, test, genres):
            runs.setdefault(label, []).append(values)
    part = "validation parts of the training parts" if options.validation else "tests"
    print(f"**{name}**: {len(X):,} rows, seeds {options.seeds}, {part}\n")
    print(f"| lists | {' | '.join(COLUMNS)} |")
    print("|---|" + "---|" * len(COLUMNS))
    for label, values in runs.items():
        means = np.mean(values, axis=0)
        cells = " | ".join(f"{mean:.3f}" for mean in means)
        print(f"| {label} | {cells} |", flush=True)
    print()


def measure_split(name, train, test, genres):
    """Yield the label and the values of each way to make lists."""
    ease = EASE(REGULARIZATION[name])
    popularity = CalibratedReranker(ease).fit(train)
    by_genre = CalibratedReranker(ease, item_features=genres).fit(train)
    judge = Judge(train, test, by_genre, popularity)
    yield "EASE", judge(by_genre.estimator_)
    rerankers = {
        "MMR, genres": MMRReranker(ease, item_features=genres).fit(train),
        "MMR, users": MMRReranker(ease).fit(train),
        "calibrated, genres": by_genre,
        "calibrated, popularity": popularity,
    }
    for label, model in rerankers.items():
        parameter, values = TRADE_OFFS[label.partition(",")[0]]
        for value in values:  # read when lists are made: no need to fit again
            model.set_params(**{parameter: value})
            yield f"{label}, {parameter}={value}", judge(model)


class Judge:
    """Measures the lists of a model by one split.

    Parameters
    ----------
    train, test : DataFrame
        The parts.
    by_genre, by_popularity : CalibratedReranker
        Know which groups the items belong to.
    """

    def __init__(self, train, test, by_genre, by_popularity):
        self.train, self.test = train, test
        self.users = np.unique(test["user_id"].to_numpy(dtype=object))
        self.groups = [by_genre, by_popularity]
        self.genres = by_genre.items_, by_genre.item_groups_

    def __call__(self, model):
        """Return the values of COLUMNS."""
        items, scores = model.recommend(self.users, k=10)
        return [
            ndcg_at_k(self.test, self.users, items, scores=scores),
            diversity_at_k(items, item_vectors=self.genres, scores=scores),
            diversity_at_k(items, X_train=self.train, scores=scores),
            coverage_at_k(items, X_train=self.train, scores=scores),
            *(self._divergence(model, items) for model in self.groups),
        ]

    def _divergence(self, model, items):
        """Return the mean of KL(shares in the history, shares in the list)."""
        groups = model.item_groups_.toarray()
        history = model.history_[model._users.lookup(self.users)] > 0
        wanted = _shares(history.astype(float) @ groups)
        listed = _shares(groups[model._items.lookup(items.ravel())].reshape(
            *items.shape, -1
        ).sum(axis=1))  # fmt: skip
        listed = 0.99 * listed + 0.01 * wanted
        ratio = np.where(wanted > 0, wanted / np.where(wanted > 0, listed, 1), 1)
        return (wanted * np.log(ratio)).sum(axis=1).mean()


def _shares(sums):
    totals = sums.sum(axis=1, keepdims=True)
    return sums / np.where(totals > 0, totals, 1)


def measure_speed(n_users, n_items, n_rows):
    """Print how long lists of ten take, with and without a second look."""
    X, _ = make_interactions(n_users, n_items, n_rows, random_state=0)
    ease = EASE()
    models = {
        "EASE": ease,
        "MMRReranker(EASE), 64 numbers an item": MMRReranker(ease),
        "CalibratedReranker(EASE), 5 groups": CalibratedReranker(ease),
    }
    print(f"{n_users:,} users, {n_items:,} items, {len(X):,} rows\n")
    print("| model | recommend to all, s | ms a user |")
    print("|---|---|---|")
    for label, model in models.items():
        model.fit(X).recommend(X[:100, 0])
        times = []
        for _ in range(3):
            started = time.perf_counter()
            model.recommend()
            times.append(time.perf_counter() - started)
        best = min(times)
        print(f"| {label} | {best:.2f} | {1000 * best / n_users:.3f} |", flush=True)
    print()


if __name__ == "__main__":
    main()
