"""Draw the leaderboard of a selection on the bundled data, for the README.

python benchmarks/leaderboard.py --output docs/images/leaderboard.png
"""

import argparse

import matplotlib as mpl

mpl.use("Agg")

from sklearn_metarec import MetaSelector
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.inspection import LeaderboardDisplay
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
    print(selector.leaderboard_.drop(columns="error").to_string(index=False))
    display = LeaderboardDisplay.from_selector(selector)
    display.figure_.savefig(options.output, dpi=120)


if __name__ == "__main__":
    main()
