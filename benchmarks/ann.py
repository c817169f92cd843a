"""Compare libraries of approximate search on item vectors: recall, speed, building.

The vectors are clustered (500 items a cluster, axes of falling variance, lognormal
norms), or those of a file with arrays `users` and `items`. A library's graph is asked
for the ten largest inner products of 500 users, one after the other in one thread, with
ever wider searches; `ip` graphs are made by inner products, `l2` ones of vectors that
one more dimension brings to the same norm, where the nearest is the largest product.
Only faiss is installed with the extra `ann`; others are skipped where they are missing.

    python benchmarks/ann.py --items 100000 --libraries faiss:ip hnswlib:ip usearch:ip
"""

import argparse
import time
from importlib.util import find_spec

import numpy as np
from _machine import describe, print_header, print_row, seconds

_WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
_ENOUGH = 0.998


def clustered(n_items, n_factors=64, n_users=500, seed=0):
    """Return (user vectors, item vectors)."""
    rng = np.random.default_rng(seed)
    spread = (1 / np.sqrt(1 + np.arange(n_factors))).astype(np.float32)

    def around(labels):
        noise = rng.normal(size=(len(labels), n_factors)).astype(np.float32)
        return centers[labels] + 0.5 * noise * spread

    n_clusters = max(n_items // 500, 50)
    centers = rng.normal(size=(n_clusters, n_factors)).astype(np.float32) * spread
    items = around(rng.integers(n_clusters, size=n_items))
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    items *= rng.lognormal(0, 0.5, size=(n_items, 1)).astype(np.float32)
    return around(rng.integers(n_clusters, size=n_users)), items


def to_one_norm(users, items):
    """Return both with a dimension more, in which all items have the same norm."""
    squares = np.einsum("ij,ij->i", items, items)
    rest = np.sqrt(np.maximum(squares.max() - squares, 0))[:, None]
    zeros = np.zeros((len(users), 1), dtype=np.float32)
    return np.hstack([users, zeros]), np.hstack([items, rest])


def make_faiss(items, space, edges, width):
    """Return a function (queries, width of the search) -> places."""
    import faiss

    metric = faiss.METRIC_INNER_PRODUCT if space == "ip" else faiss.METRIC_L2
    index = faiss.IndexHNSWFlat(items.shape[1], edges, metric)
    index.hnsw.efConstruction = width
    index.add(items)

    def search(queries, width):
        faiss.omp_set_num_threads(1)
        parameters = faiss.SearchParametersHNSW(efSearch=width)
        return index.search(queries, 10, params=parameters)[1]

    return search


def make_hnswlib(items, space, edges, width):
    """Return a function (queries, width of the search) -> places."""
    import hnswlib

    index = hnswlib.Index(space, items.shape[1])
    index.init_index(len(items), M=edges, ef_construction=width)
    index.add_items(items)

    def search(queries, width):
        index.set_ef(width)
        return index.knn_query(queries, 10, num_threads=1)[0]

    return search


def make_usearch(items, space, edges, width):
    """Return a function (queries, width of the search) -> places."""
    from usearch.index import Index

    metric = "ip" if space == "ip" else "l2sq"
    index = Index(
        ndim=items.shape[1], metric=metric, connectivity=edges, expansion_add=width
    )
    index.add(np.arange(len(items)), items)

    def search(queries, width):
        index.expansion_search = width
        return index.search(queries, 10, threads=1).keys

    return search


MAKERS = {"faiss": make_faiss, "hnswlib": make_hnswlib, "usearch": make_usearch}


def main():
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--vectors", help="an .npz file with users and items")
    parser.add_argument("--libraries", nargs="+", default=["faiss:ip", "faiss:l2"])
    parser.add_argument("--edges", type=int, default=32)
    parser.add_argument("--width", type=int, default=100, help="of the building")
    options = parser.parse_args()
    print(describe("faiss-cpu", "hnswlib", "usearch"), end="\n\n")
    if options.vectors:
        with np.load(options.vectors) as file:
            users, items = file["users"], file["items"]
    else:
        users, items = clustered(options.items)
    start = time.perf_counter()
    scores = users @ items.T
    exact = (time.perf_counter() - start) / len(users)
    wanted = np.argpartition(-scores, 10, axis=1)[:, :10]
    start = time.perf_counter()
    for user in users[:20]:
        items @ user
    alone = (time.perf_counter() - start) / 20
    print(f"{len(items):,} items, {items.shape[1]} factors. All scores of a user:")
    print(f"{seconds(exact)} in one product of many users, {seconds(alone)} alone.\n")
    print_header("library", "built", "search width", "recall@10", "a user", "/ alone")
    for name in options.libraries:
        library, space = name.split(":")
        if find_spec(library) is None:
            continue
        measure(name, MAKERS[library], space, users, items, wanted, alone, options)


def measure(name, make, space, users, items, wanted, alone, options):
    """Print the rows of one library."""
    if space == "l2":
        users, items = to_one_norm(users, items)
    start = time.perf_counter()
    search = make(items, space, options.edges, options.width)
    built = time.perf_counter() - start
    for width in _WIDTHS:
        start = time.perf_counter()
        found = search(users, width)
        each = (time.perf_counter() - start) / len(users)
        pairs = zip(wanted, found, strict=True)
        recall = np.mean([len(np.intersect1d(a, b)) for a, b in pairs]) / 10
        print_row(
            name, seconds(built), width, f"{recall:.3f}", seconds(each),
            f"{alone / each:.0f} x",
        )  # fmt: skip
        if recall > _ENOUGH:
            break


if __name__ == "__main__":
    main()
