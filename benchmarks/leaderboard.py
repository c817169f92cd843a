"""Draw the leaderboard of a selection on the bundled data, for the README.

python benchmarks/leaderboard.py --output docs/images/leaderboard.png
"""

import argparse

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from sklearn_metarec import MetaSelector
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.preprocessing import clean_interactions


def main():
    """Select, print the leaderboard, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="leaderboard.png")
    parser.add_argument("--budget", default="60s")
    options = parser.parse_args()
    data = load_movietweetings(as_frame=True)
    X = clean_interactions(data.data, data.target).X
    selector = MetaSelector(budget=options.budget, random_state=0).fit(X)
    board = selector.leaderboard_
    print(board.drop(columns="error").to_string(index=False))
    draw(board[board["share"] > 0], options.output)


def draw(board, path):
    """Draw scores as bars, the configurations that ran to the end in full colour."""
    names = [
        " ".join([name, *(f"{key}={value:g}" for key, value in params.items())])
        for name, params in zip(board["candidate"], board["params"], strict=True)
    ]
    last = board["share"] == board["share"].max()
    colors = ["#2563eb" if in_final else "#bfdbfe" for in_final in last]
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(board) + 1.1), dpi=120)
    bars = axes.barh(range(len(board)), board["score"], color=colors)
    labels = [
        f"{score:.4f}   {seconds:.2f} s"
        + ("" if share == 1 else f"   {share:.0%} of users")
        for score, seconds, share in zip(
            board["score"], board["fit_time"], board["share"], strict=True
        )
    ]  # fmt: skip
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.set_yticks(range(len(board)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, board["score"].max() * 1.35)
    axes.set_xlabel("nDCG@10 on the held-out last fifth, and seconds to fit")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    main()
