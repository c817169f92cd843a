"""Measure the choices of `MetaSelector`: regret, time, overhead, and a public table.

- `published`: the first few of a portfolio, on the 72 data sets x 46 configurations of
  Wegmeth, Vente and Beel (2024), each left out in turn; validation taken as perfect.
- `regret`: on the reference split, test nDCG@10 against the configuration of the grid
  that is best in the mean over all seeds (from `grid_results.csv`), on the same splits,
  with a portfolio that was learned without the data set's family; beside it EASE,
  tuned by the same selector in the same time. One line a data set and split goes to
  `selection_results.csv`, which a further run continues.
- `overhead`: the time of a selection against that of the fits and rankings that it is
  made of.

Data sets are read from $SKLEARN_METAREC_DATA.

    python benchmarks/selection.py published regret overhead
"""

import argparse
import csv
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from _machine import describe, print_header, print_row
from learn_portfolio import FAMILIES
from run_grid import DATA, GRID, RESULTS, read
from scipy.stats import loguniform

from sklearn_metarec import EASE, IALS, ItemKNN, MetaSelector, UserKNN
from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.meta import _budget, _evaluation, _selector
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
SELECTIONS = Path(__file__).with_name("selection_results.csv")
COLUMNS = [
    "data", "seed", "budget", "ndcg@10", "seconds", "chosen", "ease", "ease_seconds",
    "ahead_low", "ahead_high",
]  # fmt: skip
# What a selection may take: seconds, or if that is more a share of the grid's.
LEAST_BUDGET, GRID_SHARE = 20.0, 0.1


def main():
    """Print a table for each question."""
    questions = {"published": published, "regret": regret, "overhead": overhead}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", nargs="+", choices=questions)
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=float, help=f"s of a selection; "
                        f"{LEAST_BUDGET:.0f}, or a tenth of the grid's")  # fmt: skip
    parser.add_argument("--results", type=Path, default=SELECTIONS)
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall",
                        help="whose seconds count")  # fmt: skip
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
    """Measure the selections that the file has not, and print what all of them lose."""
    grid = pd.read_csv(RESULTS)
    n_grid = len(json.loads(GRID.read_text()))
    now = time.perf_counter
    if options.clock == "processor":
        now = time.process_time
        count_processor_time()
    losses = []
    print_header(
        "data", "seeds", "budget, s", "nDCG@10", "best of the grid", "regret %",
        "EASE, same time", "ahead of it by (95%)", "s", "% of the grid's s", "chosen",
    )  # fmt: skip
    for name in options.data:
        rows = grid[grid["data"] == name]
        if rows["configuration"].nunique() < n_grid:
            print_row(name, "", "", "the grid was not run")
            continue
        budget = options.budget or max(LEAST_BUDGET, GRID_SHARE * grid_seconds(rows))
        seeds = [seed for seed in range(options.seeds) if seed in set(rows["seed"])]
        found = select(name, seeds, budget, options.results, now)
        losses.append(print_regret(name, rows, found))
    print(f"\nMean regret {np.mean(losses):.2f}%, largest {np.max(losses):.2f}%.")


def select(name, seeds, budget, path, now):
    """Return the selections on some splits, after measuring those not in the file."""
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
    done = set(rows.loc[rows["data"] == name, "seed"])
    missing = [seed for seed in seeds if seed not in done]
    if missing:
        table = read(name)
        without_family(name)
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            for seed in missing:
                row = select_once(table, seed, f"{budget:.1f}s", now)
                writer.writerow({"data": name, "seed": seed, "budget": budget} | row)
                file.flush()
        rows = pd.read_csv(path)
    return rows[(rows["data"] == name) & rows["seed"].isin(seeds)]


def select_once(table, seed, budget, now):
    """Return what a selection and EASE alone reach on a split, in the same time."""
    train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
    known, asked = table[train].compact(), table[test]
    ease = [("ease", EASE(), {"regularization": loguniform(5, 5000)})]
    values, seconds, chosen = [], [], []
    for candidates in (None, ease):
        started = now()
        selector = MetaSelector(candidates, budget=budget, random_state=seed)
        try:
            selector.fit(known)
        except ValueError as error:  # of EASE alone, no fit ends in time
            print(f"{error}")
            values.append(np.zeros(len(values[0])))
        else:
            per_user = evaluate_ranking(
                selector.best_estimator_, asked, metrics=("ndcg@10",), per_user=True
            )
            values.append(per_user["ndcg@10"])
            chosen.append(f"{selector.best_name_} {selector.best_params_}")
        seconds.append(now() - started)
    ahead = values[0] - values[1]
    error = 1.96 * ahead.std(ddof=1) / np.sqrt(len(ahead))
    return {
        "ndcg@10": round(values[0].mean(), 5), "seconds": round(seconds[0], 1),
        "chosen": chosen[0], "ease": round(values[1].mean(), 5),
        "ease_seconds": round(seconds[1], 1),
        "ahead_low": round(ahead.mean() - error, 5),
        "ahead_high": round(ahead.mean() + error, 5),
    }  # fmt: skip


def print_regret(name, rows, found):
    """Print the line of a data set; return the regret in percent."""
    best = rows.groupby("configuration")["ndcg@10"].mean().idxmax()
    there = rows[(rows["configuration"] == best) & rows["seed"].isin(found["seed"])]
    reached, best = found["ndcg@10"].mean(), there["ndcg@10"].mean()
    loss = 100 * (1 - reached / best)
    share = found["seconds"].mean() / grid_seconds(rows)
    # Of the splits' intervals the mean: they have their users in common.
    low, high = found["ahead_low"].mean(), found["ahead_high"].mean()
    print_row(
        name, len(found), f"{found['budget'].mean():.0f}", f"{reached:.4f}",
        f"{best:.4f}", f"{loss:.2f}", f"{found['ease'].mean():.4f}",
        f"{low:.4f} to {high:.4f}", f"{found['seconds'].mean():.1f}",
        f"{100 * share:.0f}",
        ", ".join(sorted({chosen.split(" {")[0] for chosen in found["chosen"]})),
    )  # fmt: skip
    return loss


def grid_seconds(rows):
    """Return the seconds of the whole grid on one split."""
    each = rows.groupby("configuration")[["fit_seconds", "rank_seconds"]].mean()
    return each.to_numpy()[np.isfinite(each).all(axis=1)].sum()


def count_processor_time():
    """Have budgets count the processor time of this process.

    For a machine with other work, where seconds of a clock on the wall say more of the
    others than of a selection. Two threads use up two seconds in one.
    """
    now = time.process_time
    clock = SimpleNamespace(monotonic=now, perf_counter=now, sleep=time.sleep)
    _budget.time = _evaluation.time = clock
    _evaluation.signal = SimpleNamespace(
        signal=signal.signal, setitimer=signal.setitimer,
        SIGALRM=signal.SIGPROF, ITIMER_REAL=signal.ITIMER_PROF,
    )  # fmt: skip


def without_family(name):
    """Have selections know nothing of a data set's family."""
    family = FAMILIES.get(name, name)

    def others(task):
        return [e for e in experiences(task) if e.family != family]

    _selector.experiences = others


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
