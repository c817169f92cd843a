"""Lists from an index of item vectors: recall, speed and building, beside all scores.

The vectors are those of a model fitted on a world of `make_interactions` (32 factors
of taste, popularity by Zipf's law with exponent 0.8), kept in a file; `--flat` leaves
out the item biases of BPR, in which the demand is. Or, as the hardest case, normal
ones, among which no item is in demand and no direction rare. Asked are users of the
world.
`exact` and `hnsw` are the two settings of a model's `index`; the times are those of the
ranking, without the filters of what was seen.

With `--libraries`, graphs of several libraries are made of the vectors that the index
would make one of, with equal numbers of edges and equal widths: `ip` by inner products,
`l2` by the distances of vectors of one length (one more dimension brings them to it).

    python benchmarks/ann.py IALS --items 1000000 --users 500000 --rows 20000000
    python benchmarks/ann.py BPR --flat --libraries faiss:ip faiss:l2 hnswlib:ip
"""

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _machine import describe, print_header, print_row, seconds

from sklearn_metarec import BPR, IALS, _index
from sklearn_metarec._scoring import FactorScorer, Filters, rank
from sklearn_metarec.datasets import make_interactions

K = 10
ASKED = 500
WIDTHS = (16, 32, 64, 128, 256, 512, 1024)
ENOUGH = 0.998


def learned(options):
    """Return (users, items) of a fitted model, biases as one more dimension."""
    X, _ = make_interactions(
        options.users, options.items, options.rows, n_factors=32, random_state=0
    )
    classes = {"IALS": IALS, "BPR": BPR}
    start = time.perf_counter()
    model = classes[options.model](64, max_iter=options.sweeps, random_state=0).fit(X)
    print(f"{model} was fitted in {seconds(time.perf_counter() - start)} s.")
    users, items = model.user_factors_, model.item_factors_
    users = users[np.random.default_rng(1).permutation(len(users))[:ASKED]]
    if hasattr(model, "item_biases_") and not options.flat:
        users = np.hstack([users, np.ones((len(users), 1), dtype=np.float32)])
        items = np.hstack([items, model.item_biases_[:, None]])
    return users, items


def normal(n_items, n_factors=64):
    """Return (users, items) without any structure."""
    rng = np.random.default_rng(0)
    items = rng.standard_normal((n_items, n_factors), dtype=np.float32)
    return rng.standard_normal((ASKED, n_factors), dtype=np.float32), items


def read_or_make(options):
    """Return (users, items), from the file if there is one."""
    if options.model == "normal":
        return normal(options.items)
    flat = "_flat" if options.flat else ""
    path = Path(options.vectors or f"{options.model}_{options.items}{flat}.npz")
    if not path.exists():
        users, items = learned(options)
        np.savez(path, users=users, items=items)
    with np.load(path) as file:
        users, items = file["users"][:ASKED], file["items"]
    if options.copies == 1:
        return users, items
    # Each copy of an item lies half its length away from it.
    items = np.repeat(items, options.copies, axis=0)
    moves = normal(len(items), items.shape[1])[1]
    lengths = np.linalg.norm(items, axis=1) / np.linalg.norm(moves, axis=1)
    moves *= 0.5 * lengths[:, None]
    return users, items + moves


def timed(function):
    """Return (seconds, what it returned)."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def recall(found, wanted):
    """Return the share of what was wanted that was found."""
    pairs = zip(found, wanted, strict=True)
    return np.mean([len(np.intersect1d(a, b)) for a, b in pairs]) / wanted.shape[1]


def compare_settings(users, items, n_jobs):
    """Print what `index` changes, in one call for all users and in a call each."""
    n_items = len(items)

    def ask(some, index):
        scorer = FactorScorer(users[some], items, index=index)
        n = len(some)
        return _index.find_best(scorer, n, n_items, K, Filters(n), n_jobs=n_jobs)[0]

    everyone = np.arange(len(users))
    few = everyone[:100]
    build, _ = timed(lambda: ask(everyone, "hnsw"))
    graph = _index._indexes[id(items)][-1]
    head = graph.head.n_items / n_items
    best = graph.head.best(users, K, Filters(len(users)), n_jobs)[1][:, -1]
    lengths = np.linalg.norm(users, axis=1)
    decided = np.mean(best > lengths * graph.longest_of_rest)
    print(
        f"Built in {seconds(build)} s. The {head:.1%} of the longest vectors alone "
        f"decide {decided:.1%} of the lists.\n"
    )
    print_header("index", "recall@10", "ms a user, all at once", "ms, one at a time")
    wanted, times = None, {}
    for index in ("exact", "hnsw"):
        ask(few, index)
        many, found = timed(lambda index=index: ask(everyone, index))
        one, _ = timed(lambda index=index: [ask(few[i : i + 1], index) for i in few])
        wanted = found if wanted is None else wanted
        times[index] = many / len(users), one / len(few)
        shown = [f"{1000 * value:.3f}" for value in times[index]]
        print_row(index, f"{recall(found, wanted):.4f}", *shown)
    ratios = [a / b for a, b in zip(times["exact"], times["hnsw"], strict=True)]
    print_row("exact / hnsw", "", *[f"{ratio:.0f}" for ratio in ratios])
    print(flush=True)


# ----------------------------------------------------------------------- the libraries


def to_one_length(users, items):
    """Return both with a dimension more, in which all items have the same length."""
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
        return index.search(queries, K, params=parameters)[1]

    return search


def make_hnswlib(items, space, edges, width):
    """Return a function (queries, width of the search) -> places."""
    import hnswlib

    index = hnswlib.Index(space, items.shape[1])
    index.init_index(len(items), M=edges, ef_construction=width)
    index.add_items(items)

    def search(queries, width):
        index.set_ef(width)
        return index.knn_query(queries, K, num_threads=1)[0]

    return search


def make_usearch(items, space, edges, width):
    """Return a function (queries, width of the search) -> places."""
    from usearch.index import Index

    index = Index(
        ndim=items.shape[1], metric="ip" if space == "ip" else "l2sq", dtype="f32",
        connectivity=edges, expansion_add=width,
    )  # fmt: skip
    index.add(np.arange(len(items)), items)

    def search(queries, width):
        index.expansion_search = width
        return index.search(queries, K, threads=1).keys

    return search


MAKERS = {"faiss": make_faiss, "hnswlib": make_hnswlib, "usearch": make_usearch}


def compare_libraries(users, items, options):
    """Print recall and times of graphs of all items, searched ever more widely."""
    lengths = np.linalg.norm(items, axis=1)
    items = items[np.argsort(lengths)[: -int(len(items) * _index._HEAD)]]
    filters = Filters(len(users))
    wanted = rank(FactorScorer(users, items), len(users), len(items), K, filters)[0]
    print_header("library", "built, s", "width", "recall@10", "ms a user, one thread")
    for name in options.libraries:
        library, space = name.split(":")
        if find_spec(library) is None:
            continue
        pair = to_one_length(users, items) if space == "l2" else (users, items)
        make = MAKERS[library]
        built, search = timed(
            lambda m=make, s=space, p=pair: m(p[1], s, options.edges, options.width)
        )
        for width in WIDTHS:
            each, found = timed(lambda f=search, q=pair[0], w=width: f(q, w))
            share = recall(found, wanted)
            each = f"{1000 * each / len(users):.3f}"
            print_row(name, seconds(built), width, f"{share:.4f}", each)
            if share > ENOUGH:
                break


def main():
    """Print one or two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["IALS", "BPR", "normal"])
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--sweeps", type=int, default=5, help="of the fit")
    parser.add_argument("--flat", action="store_true", help="without item biases")
    parser.add_argument("--copies", type=int, default=1, help="of each item")
    parser.add_argument("--vectors", help="the file; MODEL_ITEMS.npz without")
    parser.add_argument("--n-jobs", type=int, default=None)
    parser.add_argument("--libraries", nargs="*", default=[])
    parser.add_argument("--edges", type=int, default=_index._EDGES)
    parser.add_argument("--width", type=int, default=_index._BUILD_WIDTH)
    options = parser.parse_args()
    print(describe("faiss-cpu", "hnswlib", "usearch"), end="\n\n")
    users, items = read_or_make(options)
    shape = f"{len(items):,} items, {items.shape[1]} dimensions"
    print(f"{options.model}: {shape}.", end=" ")
    if options.libraries:
        compare_libraries(users, items, options)
    else:
        compare_settings(users, items, options.n_jobs)


if __name__ == "__main__":
    main()
