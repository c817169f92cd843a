"""Measure the choices of `MetaSelector`: regret, time, overhead, and a public table.

- `published`: the first few of a portfolio, on the 72 data sets x 46 configurations of
  Wegmeth, Vente and Beel (2024), each left out in turn; validation taken as perfect.
- `regret`: on the reference split, test nDCG@10 against the best of the grid (the mean
  over the same seeds, from `grid_results.csv`), with a portfolio that was learned
  without the data set's family; time as a share of the grid's.
- `overhead`: the time of a selection against that of the fits and rankings that it is
  made of.

Data sets are read from $SKLEARN_METAREC_DATA.

    python benchmarks/selection.py published regret overhead
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row
from learn_portfolio import FAMILIES
from run_grid import DATA, GRID, RESULTS, read

from sklearn_metarec import EASE, IALS, ItemKNN, MetaSelector, UserKNN
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.meta import _selector
from sklearn_metarec.meta._knowledge import (
    Configuration,
    Experience,
    experiences,
    portfolio,
)
from sklearn_metarec.model_selection import PerUserShuffleSplit

# What the published table calls the meta-features that this package has, in order.
PUBLISHED_FEATURES = [
    "n_users", "n_items", "n_interactions", "density", "users_per_item",
    "items_per_user", "user_count_max", "user_count_min", "item_count_max",
    "item_count_min", "user_count_mean", "item_count_mean",
]  # fmt: skip
EVALUATIONS = [1, 2, 4, 6]


def main():
    """Print a table for each question."""
    questions = {"published": published, "regret": regret, "overhead": overhead}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", nargs="+", choices=questions)
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", help="of a selection, as '60s'; none by default")
    parser.add_argument("--rows", type=int, default=200_000, help="for overhead")
    options = parser.parse_args()
    for question in options.questions:
        questions[question](options)
    print(f"\n{describe('scikit-learn')}")


# ------------------------------------------------------------------ the public table


def published(_):
    """Print the share of the oracle that the first few configurations reach."""
    path = Path(os.environ["SKLEARN_METAREC_DATA"], "published", "metaset_NDCG@10.csv")
    known = read_published(path)
    print("Share of the oracle's nDCG@10, in percent, each data set left out.\n")
    print_header("order", *(f"best of {n}" for n in EVALUATIONS))
    for label, by_likeness in {"fixed": False, "similar sets first": True}.items():
        shares = []
        for experience in known:
            others = [e for e in known if e is not experience]
            like = experience.features if by_likeness else None
            order = portfolio(others, max(EVALUATIONS), like=like)
            relative = experience.relative(order)
            shares.append([relative[:n].max() for n in EVALUATIONS])
        print_row(label, *(f"{100 * mean:.2f}" for mean in np.mean(shares, axis=0)))


def read_published(path):
    """Return the public table as experiences; it knows no costs."""
    frame = pd.read_csv(path)
    n_features = len(PUBLISHED_FEATURES)
    configurations = [Configuration(name) for name in frame.columns[n_features:]]
    return [
        Experience(
            str(place), str(place),
            dict(zip(PUBLISHED_FEATURES, row[:n_features], strict=True)),
            dict(zip(configurations, row[n_features:], strict=True)),
            dict.fromkeys(configurations, 1.0),
        )
        for place, row in enumerate(frame.to_numpy(dtype=float))
    ]  # fmt: skip


# ---------------------------------------------------------------------------- regret


def regret(options):
    """Print what selections lose against the best of the grid, and their time."""
    grid = pd.read_csv(RESULTS)
    n_grid = len(json.loads(GRID.read_text()))
    print(f"\nBudget {options.budget or 'none'}; the grid has {n_grid} settings.\n")
    print_header(
        "data", "seeds", "nDCG@10", "best of the grid", "regret %",
        "EASE, tuned on the grid", "s", "% of the grid's s", "chosen",
    )  # fmt: skip
    losses = []
    for name in options.data:
        rows = grid[(grid["data"] == name) & (grid["seed"] < options.seeds)]
        if rows["configuration"].nunique() < n_grid:
            print_row(name, "", "", "the grid was not run")
            continue
        losses.append(regret_on(name, rows))
    print(f"\nMean regret {np.mean(losses):.2f}%, largest {np.max(losses):.2f}%.")


def regret_on(name, rows):
    """Print a row; return the regret in percent."""
    table, seeds = read(name), sorted(rows["seed"].unique())
    best, ease = best_of_grid(rows)
    without_family(name)
    scores, seconds, chosen = [], [], []
    for seed in seeds:
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        started = time.process_time()
        selector = MetaSelector(random_state=int(seed)).fit(table[train].compact())
        seconds.append(time.process_time() - started)
        scores.append(selector.score(table[test]))
        chosen.append(selector.best_name_)
    loss = 100 * (1 - np.mean(scores) / best)
    grid_seconds = rows.groupby("seed")[["fit_seconds", "rank_seconds"]].sum()
    share = np.mean(seconds) / grid_seconds.sum(axis=1).mean()
    print_row(
        name, len(seeds), f"{np.mean(scores):.4f}", f"{best:.4f}", f"{loss:.2f}",
        f"{ease:.4f}", f"{np.mean(seconds):.1f}", f"{100 * share:.0f}",
        ", ".join(sorted(set(chosen))),
    )  # fmt: skip
    return loss


def best_of_grid(rows):
    """Return the best mean over seeds of the grid, and of EASE in it."""
    means = rows.groupby("configuration")["ndcg@10"].mean()
    entries = json.loads(GRID.read_text())
    ease = [place for place, e in enumerate(entries) if e["model"] == "EASE"]
    return means.max(), means[ease].max()


def without_family(name):
    """Have selections know nothing of a data set's family."""
    family = FAMILIES.get(name, name)
    known = [e for e in experiences("ranking") if e.family != family]
    _selector.experiences = lambda task: known if task == "ranking" else []


# -------------------------------------------------------------------------- overhead


def overhead(options):
    """Print the time of a selection over that of its parts, ids of text included."""
    X, _ = make_interactions(
        options.rows // 20, options.rows // 200 + 50, options.rows, random_state=0
    )
    frame = pd.DataFrame(X.astype(str), columns=["user_id", "item_id"])
    models = [EASE(), ItemKNN(), IALS(random_state=0), UserKNN()]
    candidates = [(f"m{place}", model, {}) for place, model in enumerate(models)]
    split = PerUserShuffleSplit(random_state=0)
    train, test = next(split.split(frame))

    def alone():
        for model in models:
            model.fit(frame.iloc[train]).score(frame.iloc[test])

    def together():
        MetaSelector(
            candidates, cv=split, refit=False, combine=None, random_state=0
        ).fit(frame)

    alone()
    together()
    ratios = []
    for _ in range(5):
        started = time.perf_counter()
        alone()
        middle = time.perf_counter()
        together()
        ratios.append((time.perf_counter() - middle) / (middle - started))
    print(
        f"\nOverhead of choosing among {len(models)} on {len(X):,} rows: "
        f"{np.median(ratios):.2f} x the fits and rankings ({min(ratios):.2f} to "
        f"{max(ratios):.2f})."
    )


if __name__ == "__main__":
    main()
