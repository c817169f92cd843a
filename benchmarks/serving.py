"""Measure a service: threads that ask one fitted model of 27,000 items.

Each request is one `recommend` of ten items for one user: a known one, or a new one
with a basket of ten items as `history=`. All threads draw from the same list of
requests. Every answer is compared to that of a single thread, asked alone: they have to
be equal to the bit.

    python benchmarks/serving.py
"""

import argparse
import threading
import time

import numpy as np
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec import EASE, IALS, ItemKNN, MetaRidgeRegressor, UserKNN
from sklearn_metarec.datasets import make_interactions

SIZES = {"1k": (60, 40, 1_000), "27k": (50_000, 27_000, 2_000_000)}
MODELS = {
    "IALS": lambda: IALS(max_iter=2, random_state=0),
    "EASE, 100 neighbours": lambda: EASE(n_neighbors=100),
    "ItemKNN": ItemKNN,
    "UserKNN": UserKNN,
    "MetaRidgeRegressor": lambda: MetaRidgeRegressor(max_iter=2, random_state=0),
}


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=["IALS", "ItemKNN",
                        "MetaRidgeRegressor"], choices=MODELS)  # fmt: skip
    parser.add_argument("--size", default="27k", choices=SIZES)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 8])
    options = parser.parse_args()
    X, y = make_interactions(*SIZES[options.size], feedback="explicit", random_state=0)
    X = np.asarray(X)[:, :2].astype(np.int64)
    print_header(
        "model", "request", "threads", "a second", "p50 ms", "p99 ms", "wrong answers"
    )
    fits = []
    for name in options.models:
        start = time.perf_counter()
        model = MODELS[name]().fit(X, y)
        fit = time.perf_counter() - start
        for kind in ("known user", "new user, history of 10"):
            requests = make_requests(model, X, kind, options.requests)
            expected = [request() for request in requests]
            for n_threads in options.threads:
                row = serve(requests, expected, n_threads)
                print_row(name, kind, n_threads, *row)
        fits.append(f"{name} {seconds(fit)} s")
    n_users, n_items = (len(np.unique(column)) for column in X.T)
    size = f"{n_users:,} users, {n_items:,} items, {len(X):,} rows."
    print(f"\n{size} Fits: {', '.join(fits)}. {describe()}")


def make_requests(model, X, kind, n):
    """Return functions without parameters, one a request."""
    rng = np.random.default_rng(0)
    users = rng.choice(model.users_, n)
    if kind == "known user":
        return [lambda user=user: model.recommend([user], 10) for user in users]
    baskets = rng.choice(X[:, 1], (n, 10))

    def of_basket(user, basket):
        rows = np.column_stack([np.full(10, user), basket])
        history = rows, np.linspace(1, 5, 10)
        return lambda: model.recommend([user], 10, history=history)

    first = int(model.users_.max()) + 1
    return [of_basket(first + k, basket) for k, basket in enumerate(baskets)]


def serve(requests, expected, n_threads):
    """Return what to print of requests that so many threads answer."""
    answers, waits = [None] * len(requests), np.empty(len(requests))
    queue = iter(range(len(requests)))  # `next` of it is one step of the interpreter

    def work():
        for place in queue:
            start = time.perf_counter()
            answers[place] = requests[place]()
            waits[place] = time.perf_counter() - start

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    wrong = sum(
        not all(map(np.array_equal, found, right))
        for found, right in zip(answers, expected, strict=True)
    )
    p50, p99 = 1000 * np.quantile(waits, [0.5, 0.99])
    return f"{len(requests) / elapsed:.0f}", f"{p50:.2f}", f"{p99:.2f}", wrong


if __name__ == "__main__":
    main()
