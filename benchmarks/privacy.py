"""Show what privacy costs: nDCG@10 of private models against epsilon.

The reference split (PerUserShuffleSplit, a fifth of each user's pairs, every row
positive), seeds 0 to 4 for split and noise; delta is 1e-6. The catalogue is that of
the whole table, which stands for a public list. EASE and ItemKNN without noise are
the ceiling, PopularityRecommender without noise is the floor. RandomizedResponse
randomizes the training part, and its epsilon is one of each single pair of user and
item, not one of users. The real data sets are read from $SKLEARN_METAREC_DATA.

`defaults` compares settings on validation parts of training parts instead, one seed.

    python benchmarks/privacy.py --plot docs/images/privacy.png
"""

import argparse

import numpy as np
from _machine import describe, print_header, print_row
from defaults import IDS, feedback_parts, read

from sklearn_metarec import EASE, ItemKNN, PopularityRecommender
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.privacy import (
    PrivateEASE,
    PrivateItemKNN,
    randomize_interactions,
)

DATA = ["movielens_1m", "msweb"]
EPSILONS = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
PRIVATE = {"PrivateEASE": PrivateEASE, "PrivateItemKNN": PrivateItemKNN}
OPEN = {"EASE": EASE, "ItemKNN": ItemKNN, "popularity": PopularityRecommender}
SETTINGS = [
    {}, {"max_items": 1}, {"max_items": 4}, {"max_items": 16}, {"threshold": 0.0},
    {"threshold": 1.0}, {"threshold": 3.0},
]  # fmt: skip


def main():
    """Print a table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATA)
    parser.add_argument("--epsilons", nargs="+", type=float, default=EPSILONS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", default=["epsilon"])
    parser.add_argument("--plot", help="the picture to write")
    options = parser.parse_args()
    if "epsilon" in options.parts:
        by_epsilon(options)
    if "defaults" in options.parts:
        by_setting(options)
    print()
    print(describe("scikit-learn"))


def by_epsilon(options):
    """Print the mean and spread of each model at each epsilon."""
    print_header("data", "model", *(f"epsilon {e:g}" for e in options.epsilons), "open")
    curves = {}
    for name in options.data:
        table = encode_interactions(read(name)[IDS])
        found = {}
        for seed in range(options.seeds):
            split = PerUserShuffleSplit(test_size=0.2, random_state=seed)
            train, test = (table[part].compact() for part in next(split.split(table)))
            for label, value in one_seed(table, train, test, options.epsilons, seed):
                found.setdefault(label, []).append(value)
        means = {label: np.mean(values) for label, values in found.items()}
        cells = {label: cell(values) for label, values in found.items()}
        for model in (*PRIVATE, "EASE of randomized response"):
            row = [cells.get((model, epsilon), "") for epsilon in options.epsilons]
            without = {"PrivateItemKNN": "ItemKNN"}.get(model, "EASE")
            print_row(name, model, *row, cells[without, None])
        print_row(name, "popularity", *[""] * len(row), cells["popularity", None])
        curves[name] = means
    if options.plot:
        draw(curves, options)


def one_seed(table, train, test, epsilons, seed):
    """Yield ((model, epsilon), nDCG@10)."""
    for label, model in OPEN.items():
        yield (label, None), model().fit(train).score(test)
    for epsilon in epsilons:
        for label, model in PRIVATE.items():
            private = model(epsilon, catalogue=table.items.ids, random_state=seed)
            yield (label, epsilon), private.fit(train).score(test)
        if epsilon >= 4:  # below, the answers are mostly noise, and many
            label = "EASE of randomized response"
            yield (label, epsilon), of_answers(table, train, test, epsilon, seed)


def of_answers(table, train, test, epsilon, seed):
    """Return the nDCG@10 of EASE fitted on answers, for users who know their own rows.

    The answers decide only what is learned; lists are made on the users' side, of what
    they really have.
    """
    answers = randomize_interactions(
        train, table.items.ids, epsilon=epsilon, random_state=seed
    )
    learned = EASE().fit(answers)
    own = EASE().fit(train)
    place = learned._items.lookup(own.items_)
    weights = np.zeros_like(own.item_weights_)
    there = np.flatnonzero(place >= 0)
    at = np.ix_(place[there], place[there])
    weights[np.ix_(there, there)] = learned.item_weights_[at]
    own.item_weights_ = weights
    return own.score(test)


def by_setting(options):
    """Print what settings give on the validation part of the training part."""
    print_header(
        "data", "model", "setting", *(f"epsilon {e:g}" for e in options.epsilons)
    )
    for name in options.data:
        (fitted,), (validation,) = next(feedback_parts(name, 1))
        for label, model in PRIVATE.items():
            for setting in SETTINGS:
                values = [
                    model(epsilon, random_state=0, **setting)
                    .fit(fitted)
                    .score(validation)
                    for epsilon in options.epsilons
                ]
                text = ", ".join(f"{key}={value:g}" for key, value in setting.items())
                print_row(name, label, text or "default", *(f"{v:.4f}" for v in values))


def cell(values):
    """Return mean and standard deviation."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def draw(curves, options):
    """Draw nDCG@10 against epsilon, a panel a data set."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 3.2))
    styles = {
        "EASE": ("C0", "--"),
        "ItemKNN": ("C1", "--"),
        "popularity": ("grey", ":"),
    }
    for ax, (name, means) in zip(np.atleast_1d(axes), curves.items(), strict=True):
        for color, model in zip(("C0", "C1"), PRIVATE, strict=True):
            values = [means[model, epsilon] for epsilon in options.epsilons]
            ax.plot(options.epsilons, values, marker="o", color=color, label=model)
        for model, (color, style) in styles.items():
            ax.axhline(means[model, None], color=color, ls=style, lw=1, label=model)
        ax.set_xscale("log", base=2)
        ax.set_xticks(options.epsilons, [f"{e:g}" for e in options.epsilons])
        ax.set(title=name, xlabel="epsilon", ylabel="nDCG@10", ylim=(0, None))
    axes = np.atleast_1d(axes)
    axes[0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(options.plot, dpi=110)


if __name__ == "__main__":
    main()
