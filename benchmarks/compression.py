"""Measure what `compress` saves and what it costs: size, speed and nDCG@10.

On the reference split: each model with its defaults, and the same model compressed in
several ways. `file` is the pickle of the whole model, with ids and pairs; `learned` are
the bytes of factors, similarities and network weights alone. `rank` is the time of
`recommend` for all users relative to the full model, in turn, the median of five.

    python benchmarks/compression.py --data movielens_100k --seeds 3 --models EASE IALS
"""

import argparse
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from _machine import describe, in_turn, print_header, print_row
from scipy import sparse

from sklearn_metarec import EASE, IALS, SLIM, ItemKNN, MultVAE, TwoTower, compress
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit

MODELS = {
    "EASE": (EASE(), 200),
    "SLIM": (SLIM(), 100),
    "ItemKNN": (ItemKNN(), 40),
    "IALS": (IALS(random_state=0), None),
    "TwoTower": (TwoTower(random_state=0), None),
    "MultVAE": (MultVAE(random_state=0), None),
}
_LEARNED = (
    "item_weights_", "_regressions", "item_similarity_", "_influence",
    "user_factors_", "item_factors_", "weights_",
)  # fmt: skip


def learned(model):
    """Return the bytes of what was learned, views of stored numbers not counted."""
    parts = [vars(model)[name] for name in _LEARNED if name in vars(model)]
    if "_gram" in vars(model) and model._gram is not None:
        parts.append(model._gram)
    return sum(map(_bytes, parts))


def _bytes(part):
    if isinstance(part, dict):
        return sum(map(_bytes, part.values()))
    if sparse.issparse(part):
        return part.data.nbytes + part.indices.nbytes + part.indptr.nbytes
    return getattr(part, "nbytes", 0)


def ways(top):
    """Yield (dtype, top) of the compressed models that are compared."""
    yield "float16", None
    yield "int8", None
    if top is not None:
        yield "int8", top


def main():
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=["movielens_100k"])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    print(describe("scikit-learn"), end="\n\n")
    folder = Path(os.environ["SKLEARN_METAREC_DATA"])
    for name in options.data:
        columns = ["user_id", "item_id"]
        frame = pd.read_csv(folder / f"{name}.csv.gz", usecols=columns, dtype=str)
        print(f"\n**{name}**, seeds 0 to {options.seeds - 1}\n")
        print_header("model", "stored", "nDCG@10", "kept", "learned", "file", "rank")
        for label in options.models:
            measure(label, encode_interactions(frame[columns]), options.seeds)


def measure(label, table, n_seeds):
    """Print the rows of one model."""
    model, top = MODELS[label]
    scores = {}
    for seed in range(n_seeds):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        model.fit(table[train])
        versions = {("float32", None): model}
        versions |= {way: compress(model, *way) for way in ways(top)}
        for way, version in versions.items():
            scores.setdefault(way, []).append(version.score(table[test]))
    calls = {way: version.recommend for way, version in versions.items()}
    times = [timing.median for timing in in_turn(calls, keep=False).values()]
    sizes = [(learned(v), len(pickle.dumps(v))) for v in versions.values()]
    full = np.mean(scores["float32", None])
    for (way, found), (own, whole), time in zip(
        scores.items(), sizes, times, strict=True
    ):
        dtype, kept = way
        print_row(
            label, dtype + (f", top {kept}" if kept else ""), f"{np.mean(found):.4f}",
            f"{np.mean(found) / full:.1%}",
            f"{own / 1e6:.2f} MB ({own / sizes[0][0]:.0%})",
            f"{whole / 1e6:.2f} MB ({whole / sizes[0][1]:.0%})",
            f"{time / times[0]:.2f}",
        )  # fmt: skip


if __name__ == "__main__":
    main()
