"""Learn the portfolio of `MetaSelector` from the results of `run_grid.py`.

Writes the knowledge that ships with the package: for each data set its meta-features,
and score and cost of each configuration (no row of the data themselves), of rankers and
of rating models, whose score is the inverse of the error. Prints how well the first
configurations of an ordered portfolio do on a family of data sets that it was not
learned from: the fixed order, and one re-ordered by the most similar sets.

    python benchmarks/run_grid.py && python benchmarks/learn_portfolio.py
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import print_header, print_row
from run_grid import COSTS, TASKS

import sklearn_metarec
from sklearn_metarec.meta import _knowledge, meta_features
from sklearn_metarec.meta._knowledge import Configuration, Experience, portfolio

FAMILIES = {
    "movielens_100k": "movielens", "movielens_1m": "movielens",
    "movielens_latest_small": "movielens", "movielens_1m_sample": "movielens",
}  # fmt: skip
SIZES = [1, 2, 4, 6, 8, 12]


def main():
    """Print the comparison, and write the knowledge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, help="of rankers")
    parser.add_argument("--write", action="store_true", help="into the package")
    parser.add_argument("--least", type=float, default=1.0,
                        help="share of the grid that a set must have")  # fmt: skip
    options = parser.parse_args()
    learned = {}
    for name, task in TASKS.items():
        path = options.results if name == "ranking" else None
        known = experiences(task, path or task.results, options.least)
        print(f"\n{name}")
        compare(known)
        # Made worlds teach what is good in made worlds: see the comparison.
        learned[name] = real_of(known)
    if options.write:
        write(learned)


def experiences(task, path, least):
    """Return what the file of results tells, a mean over seeds each."""
    grid = [
        Configuration(e["model"], tuple(sorted(e["params"].items())))
        for e in json.loads(task.grid.read_text())
    ]
    frame = pd.read_csv(path)
    frame["seconds"] = frame[COSTS].sum(axis=1)
    metric = task.metrics[0]
    # Of errors the inverse: ratios of scores mean something, greater is better.
    frame["score"] = 1 / frame[metric] if metric == "rmse" else frame[metric]
    found = []
    for name, rows in frame.groupby("data", sort=False):
        means = rows.groupby("configuration")[["score", "seconds"]].mean()
        if len(means) < least * len(grid):
            print(f"{name}: {len(means)} of {len(grid)} configurations, left out")
            continue
        made = name.startswith("world_")
        family = "made" if made else FAMILIES.get(name, name)
        table, y = task.read(name)
        features = meta_features(table, y, landmarks=y is None, random_state=0)
        scores = {grid[place]: row["score"] for place, row in means.iterrows()}
        seconds = {grid[place]: row["seconds"] for place, row in means.iterrows()}
        found.append(Experience(name, family, features, scores, seconds))
    return found


def compare(known):
    """Print regrets of portfolios on families that they were not learned from."""
    print("\nRegret in percent: mean over the real sets (worst), family left out.\n")
    print_header("order", *(f"first {n}" for n in SIZES))
    real = real_of(known)
    for label, order in {
        "one of a model": lambda rest, e: portfolio(real_of(rest), per_model=1),
        "one of a model, by made worlds too": lambda rest, e: portfolio(
            rest, per_model=1
        ),
        "any": lambda rest, e: portfolio(real_of(rest)),
        "one of a model, similar sets first": lambda rest, e: portfolio(
            real_of(rest), per_model=1, like=e.features
        ),
        "any, similar sets first": lambda rest, e: portfolio(
            real_of(rest), like=e.features
        ),
    }.items():
        regrets = np.array([
            regret(order([o for o in known if o.family != e.family], e), e)
            for e in real
        ])  # fmt: skip
        print_row(label, *(
            f"{100 * column.mean():.2f} ({100 * column.max():.2f})"
            for column in regrets.T
        ))  # fmt: skip
    print("\nThe portfolio of all real sets:\n")
    for place, configuration in enumerate(portfolio(real, per_model=1), 1):
        print(f"{place}. {configuration.model} {dict(configuration.params)}")


def regret(order, experience):
    """Return what the best of the first few is behind the best of the grid."""
    relative = experience.relative(order)
    return [1 - relative[:n].max() for n in SIZES]


def real_of(known):
    """Return the experiences of data that nobody made."""
    return [e for e in known if e.family != "made"]


def write(learned):
    """Write what ships with the package, of each task."""
    content = {
        "provenance": (
            "Written by benchmarks/learn_portfolio.py from benchmarks/run_grid.py. "
            "Rankers: nDCG@10 on the reference split, all rows positive. Rating "
            "models: 1 / RMSE on a random fifth of the rows. Means over seeds; "
            f"seconds of one core. sklearn_metarec {sklearn_metarec.__version__}."
        ),
        "experiences": {
            task: [_knowledge.write_experience(e) for e in known]
            for task, known in learned.items()
        },
    }
    path = Path(_knowledge.__file__).with_name("_knowledge.json")
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(f"\n{path.stat().st_size / 1e3:.0f} kB written.")


if __name__ == "__main__":
    main()
