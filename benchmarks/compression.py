"""Measure what `compress` saves and what it costs: size, speed and nDCG@10.

On the reference split: each model with its defaults, and the same model compressed in
several ways. `quality` fits the models, keeps those of seed 0 in a folder, and prints
sizes and nDCG: `learned` are the bytes of factors, similarities and network weights
alone, `file` is the pickle of the whole model, with ids and pairs. `speed` prints, of
the models in the folder, the time of `recommend` for all users: in milliseconds for the
full model, relative to that for the others, in turn, medians.

    python benchmarks/compression.py quality --data movielens_100k --seeds 3
    python benchmarks/compression.py speed --data movielens_100k --rounds 7
"""

import argparse
import os
import pickle
import tempfile
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
_FOLDER = Path(tempfile.gettempdir()) / "compressed_models"
_LEARNED = (
    "item_weights_", "_regressions", "item_similarity_", "_influence",
    "user_factors_", "item_factors_", "weights_", "_gram",
)  # fmt: skip


def main():
    """Print one table a data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["quality", "speed"])
    parser.add_argument("--data", nargs="+", default=["movielens_100k"])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    print(describe("scikit-learn"), end="\n\n")
    for data in options.data:
        if options.part == "quality":
            print_quality(data, options)
        else:
            print_speed(data, options)


def print_quality(data, options):
    """Print nDCG and sizes of the models of one data set."""
    columns = ["user_id", "item_id"]
    path = Path(os.environ["SKLEARN_METAREC_DATA"]) / f"{data}.csv.gz"
    table = encode_interactions(pd.read_csv(path, usecols=columns, dtype=str)[columns])
    print(f"\n**{data}**, seeds 0 to {options.seeds - 1}\n")
    print_header("model", "stored", "nDCG@10", "kept", "learned", "file")
    for label in options.models:
        scores, sizes = {}, {}
        for seed in reversed(range(options.seeds)):
            train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
            model = MODELS[label][0].fit(table[train])
            for way, version in versions(label, model).items():
                scores.setdefault(way, []).append(version.score(table[test]))
                sizes[way] = learned(version), len(pickle.dumps(version))
        with open(_place(options, data, label), "wb") as file:
            pickle.dump(model, file)
        full, (own, whole) = np.mean(scores["float32"]), sizes["float32"]
        for way, found in scores.items():
            print_row(
                label, way, f"{np.mean(found):.4f}", f"{np.mean(found) / full:.1%}",
                f"{sizes[way][0] / 1e6:.2f} MB ({sizes[way][0] / own:.0%})",
                f"{sizes[way][1] / 1e6:.2f} MB ({sizes[way][1] / whole:.0%})",
            )  # fmt: skip


def print_speed(data, options):
    """Print the times of the models that `print_quality` kept."""
    print(f"\n**{data}**, medians of {options.rounds}\n")
    print_header("model", "float32", "float16", "int8", "int8, pruned")
    for label in options.models:
        place = _place(options, data, label)
        if not place.exists():
            continue
        model = pickle.loads(place.read_bytes())
        calls = {way: one.recommend for way, one in versions(label, model).items()}
        timings = in_turn(calls, rounds=options.rounds, keep=False).values()
        full, *others = (timing.median for timing in timings)
        print_row(label, f"{full * 1e3:.0f} ms", *(f"{t / full:.2f}" for t in others))


def versions(label, model):
    """Return the model by how it is stored."""
    top = MODELS[label][1]
    found = {"float32": model}
    found |= {dtype: compress(model, dtype) for dtype in ("float16", "int8")}
    if top is not None:
        found[f"int8, top {top}"] = compress(model, "int8", top)
    return found


def learned(model):
    """Return the bytes of what was learned, views of stored numbers not counted."""
    return sum(_bytes(vars(model).get(name)) for name in _LEARNED)


def _bytes(part):
    if isinstance(part, dict):
        return sum(map(_bytes, part.values()))
    if sparse.issparse(part):
        return part.data.nbytes + part.indices.nbytes + part.indptr.nbytes
    return getattr(part, "nbytes", 0)


def _place(options, data, label):
    return options.folder / f"{data}.{label}.pickle"


if __name__ == "__main__":
    main()
