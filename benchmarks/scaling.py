"""How time and memory grow with the table, from 100k to 20m rows.

Each size runs in a process of its own. Seconds are those of one sweep of IALS with 64
factors (a fit of four sweeps less one of one, by three), of ItemKNN.fit, of
IALS.recommend to all users, and of encoding. Memory is what the work adds to what was
resident before, result included, in multiples of the table of user and item ids.

    python benchmarks/scaling.py --output docs/benchmarks/scaling.png
    python benchmarks/scaling.py --size 1k 10k --output "" --rounds 1
"""

import argparse

import numpy as np
from _data import SIZES
from _machine import (
    Timing,
    describe,
    in_fresh_process,
    in_turn,
    print_header,
    print_row,
    seconds,
    with_peak,
)

WORKS = ("encode", "IALS.fit, a sweep", "ItemKNN.fit", "IALS.recommend to all")


def measure(size, rounds):
    """Return the seconds of each work, the peaks in bytes, and those of the table."""
    from sklearn_metarec import IALS, ItemKNN
    from sklearn_metarec.datasets import make_interactions
    from sklearn_metarec.interactions import encode_interactions

    def fit(n_sweeps):
        return IALS(64, max_iter=n_sweeps, random_state=0).fit(X)

    X, _ = make_interactions(*SIZES["1k"], random_state=0)
    fit(2).recommend()  # compiles, or reads the cache
    ItemKNN().fit(X)
    X, _ = make_interactions(*SIZES[size], random_state=0)
    model, peak_of_fit = with_peak(lambda: fit(1))
    works = {
        "encode": lambda: encode_interactions(X),
        "ItemKNN.fit": lambda: ItemKNN().fit(X),
        "IALS.recommend to all": model.recommend,
    }
    peaks = {name: with_peak(work)[1] for name, work in works.items()}
    peaks["IALS.fit, a sweep"] = peak_of_fit
    fits = {"one": lambda: fit(1), "four": lambda: fit(4)}
    timings = in_turn(works | fits, rounds, warm_up=0, keep=False)
    pairs = zip(timings.pop("one").seconds, timings.pop("four").seconds, strict=True)
    timings["IALS.fit, a sweep"] = Timing([(four - one) / 3 for one, four in pairs])
    return timings, peaks, X.nbytes


def draw(sizes, results, path):
    """Plot seconds against rows, with a line that is linear."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = np.array([SIZES[size][2] for size in sizes])
    figure, axes = plt.subplots(figsize=(7, 4.5), dpi=120)
    for work in WORKS:
        medians = [timings[work].median for timings, _, _ in results]
        axes.loglog(rows, medians, marker="o", label=work)
        axes.loglog(rows, medians[0] * rows / rows[0], color="0.8", zorder=0)
    axes.set_xlabel("rows of the table")
    axes.set_ylabel("seconds; grey: linear growth")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def main():
    """Print the table and draw the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = ["100k", "1m", "10m", "20m"]
    parser.add_argument("--size", nargs="+", choices=SIZES, default=sizes)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="scaling.png", help="'' for no plot")
    options = parser.parse_args()
    print_header("work", "rows", "users x items", "median s", "min to max s",
                 "microseconds a row", "peak MB", "peak / table")  # fmt: skip
    results = []
    for size in options.size:
        n_users, n_items, n_rows = SIZES[size]
        results.append(in_fresh_process(measure, size, options.rounds))
        timings, peaks, table = results[-1]
        for work in WORKS:
            timing, peak = timings[work], peaks[work]
            memory = (np.nan,) * 2 if peak is None else (peak / 1e6, peak / table)
            print_row(
                work, size, f"{n_users:,} x {n_items:,}", seconds(timing.median),
                timing.spread, f"{1e6 * timing.median / n_rows:.3f}",
                f"{memory[0]:.0f}", f"{memory[1]:.1f}",
            )  # fmt: skip
    if options.output:
        draw(options.size, results, options.output)
    print(f"\n{options.rounds} rounds. {describe('scipy')}")


if __name__ == "__main__":
    main()
