"""Time nDCG, MAP and recall of many lists, from raw ids.

Ours, a vectorised NumPy implementation (with the fastest way known to us to match
pairs, and with np.unique) and ranx, where it is installed, run in turn in one process.
Each starts from the same raw integer ids, so matching the lists with the test table is
part of the time; ranx's conversion to its own types is, too, and shown apart. All must
agree before the table is printed.

    python benchmarks/metrics.py            # 100k users x top-100
    python benchmarks/metrics.py --size 10k
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np
from _machine import describe, in_turn, installed, print_header, print_row, seconds

from sklearn_metarec.metrics import ranking_scores

SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
N_ITEMS, LIST_LENGTH, TEST_ROWS_PER_USER = 27_000, 100, 10
METRICS = ("ndcg", "map", "recall")


def make_lists(n_users, seed=0):
    """Draw a test table in random row order, and a list of distinct items a user."""
    rng = np.random.default_rng(seed)
    # Ids as they come from a database: with an offset, and with gaps.
    user_ids = 1_000_000 + np.sort(rng.choice(3 * n_users, n_users, replace=False))
    item_ids = np.sort(rng.choice(2 * N_ITEMS, N_ITEMS, replace=False))
    popularity = 1 / np.arange(1, N_ITEMS + 1) ** 0.8
    cumulated = np.cumsum(popularity / popularity.sum())
    user = np.repeat(user_ids, TEST_ROWS_PER_USER)
    item = item_ids[np.searchsorted(cumulated, rng.random(len(user)))]
    X_true = np.column_stack([user, item])[rng.permutation(len(user))]
    # A stride that has no factor in common with the catalogue repeats no item; most
    # of the lists' heads are popular items, so that there are hits.
    head = np.searchsorted(cumulated, rng.random(n_users))
    step = rng.integers(1, 50, n_users)
    position = (head[:, None] + step[:, None] * np.arange(LIST_LENGTH)) % N_ITEMS
    return X_true, user_ids, item_ids[position]


def ours(X_true, users, items, k):
    """Compute the three metrics with this package."""
    names = [f"{metric}@{k}" for metric in METRICS]
    return list(ranking_scores(X_true, users, items, metrics=names).values())


def sorted_distinct(values):
    """Return np.unique of integers, many times as fast with NumPy 2.4."""
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])]


def numpy_metrics(X_true, users, items, k, distinct=sorted_distinct):
    """Compute the three metrics with NumPy alone, as fast as we know how to."""
    items = items[:, :k]
    # One integer a pair, so that matching is a search among sorted integers.
    base = max(X_true[:, 1].max(), items.max()) + 1
    true_pairs = distinct(X_true[:, 0] * base + X_true[:, 1])
    listed_pairs = (users[:, None] * base + items).ravel()
    position = np.searchsorted(true_pairs, listed_pairs)
    position[position == len(true_pairs)] = 0
    hit = (true_pairs[position] == listed_pairs).reshape(items.shape)
    bounds = np.searchsorted(true_pairs, np.stack([users, users + 1]) * base)
    n_relevant = bounds[1] - bounds[0]
    n_best = np.minimum(n_relevant, k)
    rank = np.arange(1, k + 1)
    discount = 1 / np.log2(rank + 1)
    ideal = np.append(0, np.cumsum(discount))[n_best]
    hits = np.cumsum(hit, axis=1)
    defined = n_relevant > 0
    ndcg = (hit @ discount)[defined] / ideal[defined]
    average_precision = (hit * hits / rank).sum(axis=1)[defined] / n_best[defined]
    recall = hits[defined, -1] / n_relevant[defined]
    return [float(m.mean()) for m in (ndcg, average_precision, recall)]


def ranx_metrics(X_true, users, items, k):
    """Compute the three metrics with ranx: returns them and the time of its part."""
    from ranx import Qrels, Run, evaluate

    relevant = {}
    for user, item in X_true.tolist():
        relevant.setdefault(str(user), {})[str(item)] = 1
    scores = np.arange(k, 0, -1.0).tolist()
    lists = {
        str(user): dict(zip(map(str, row), scores, strict=True))
        for user, row in zip(users.tolist(), items[:, :k].tolist(), strict=True)
    }
    qrels, run = Qrels(relevant), Run(lists)
    start = time.perf_counter()
    names = [f"{metric}@{k}" for metric in METRICS]
    result = evaluate(qrels, run, names)
    return [float(result[name]) for name in names], time.perf_counter() - start


def main():
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="100k", help="users")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100], help="cut-offs")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = make_lists(SIZES[options.size])
    inner = []  # the time of ranx without its conversion

    def ranx(*arguments):
        result, evaluation = ranx_metrics(*arguments)
        inner.append(evaluation)
        return result

    contestants = {
        "sklearn_metarec": ours,
        "NumPy": numpy_metrics,
        "NumPy with np.unique": partial(numpy_metrics, distinct=np.unique),
    }
    if installed("ranx"):
        contestants["ranx"] = ranx
    print(f"\nnDCG, MAP and recall of {options.size} users x top-{LIST_LENGTH}, "
          f"{len(data[0]):,} test rows, from raw ids\n")  # fmt: skip
    print_header("cut-off", "", "median s", "min to max s", "time / ours")
    for k in options.k:
        functions = {name: partial(f, *data, k) for name, f in contestants.items()}
        timings = in_turn(functions, options.rounds)
        ours_result = timings["sklearn_metarec"].result
        for name, timing in timings.items():
            np.testing.assert_allclose(timing.result, ours_result, err_msg=name)
        own = timings["sklearn_metarec"].median
        for name, timing in timings.items():
            print_row(k, name, seconds(timing.median), timing.spread,
                      f"{timing.median / own:.1f}")  # fmt: skip
        if inner:
            median = statistics.median(inner[1:])
            print_row(k, "ranx, converted before", seconds(median), "",
                      f"{median / own:.1f}")  # fmt: skip
            inner.clear()
        else:
            print_row(k, "ranx", "not installed: `pip install ranx`", "", "")
    print(f"\n{options.rounds} rounds. {describe('ranx')}")


if __name__ == "__main__":
    main()
