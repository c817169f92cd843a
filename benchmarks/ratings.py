"""Measure the rating models on MovieLens-100k: accuracy of the defaults, and times.

KFold(5, shuffle=True, random_state=s) over the rows, s = 0, 1, 2; predictions are
clipped to the range of the ratings. RMSE and MAE are means over the rows of a seed's
five folds, then over the seeds; sd is the spread of the former between seeds. Times are
medians over folds. The models are all that the suite has, with their defaults; peers
that are installed beside it come after them. The data set is read from
$SKLEARN_METAREC_DATA.

    python benchmarks/ratings.py --models MFRegressor BiasRegressor
    python benchmarks/ratings.py --peers
"""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

import _peer_models
import numpy as np
import pandas as pd
from _contestant import Contestant
from _data import as_table
from _machine import describe, print_header, print_row, seconds, timed
from sklearn.model_selection import KFold

from sklearn_metarec.utils import all_estimators

OURS = dict(all_estimators("rating"))
# The module that must be there, and a function of `_peer_models`.
PEERS = {
    "cmfrec CMF, implicit features": ("cmfrec", _peer_models.cmfrec_cmf_fit),
    "cornac MF": ("cornac", _peer_models.cornac_mf_fit),
    "Surprise SVD": ("surprise", _peer_models.surprise_svd_fit),
    "Surprise KNNBaseline, items": ("surprise", _peer_models.surprise_knn_fit),
}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=list(OURS), choices=OURS)
    parser.add_argument("--peers", action="store_true", help="measure peers too")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    folder = os.environ.get("SKLEARN_METAREC_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_METAREC_DATA to the folder of the data sets.")
    table = pd.read_csv(Path(folder) / "movielens_100k.csv.gz")
    X, y = table[["user_id", "item_id"]].to_numpy(), table["rating"].to_numpy(float)
    print_header("model", "RMSE", "sd", "MAE", "fit s a fold", "predict s a fold")
    for name in options.models:
        measure(name, ours(OURS[name]), X, y, options.seeds)
    for name, (module, factory) in PEERS.items() if options.peers else ():
        if find_spec(module):
            measure(name, factory, X, y, options.seeds)
        else:
            print_row(name, "not installed", "", "", "", "")
    packages = {"cmfrec", "cornac", "scikit-surprise"} if options.peers else set()
    print(f"\n{describe('scikit-learn', *sorted(packages))}")


def ours(cls):
    """Return what makes a contestant of one of our models, for a table."""

    def factory(table):
        seeded = "random_state" in cls().get_params()
        settings = {"random_state": 0} if seeded else {}

        def outcome(model):
            return _peer_models.errors(table, model.predict(table.X_test))

        return Contestant(lambda: cls(**settings).fit(table.X, table.y), outcome)

    return factory


def measure(name, factory, X, y, n_seeds):
    """Print a row."""
    first = next(KFold(5, shuffle=True, random_state=0).split(X))
    run_fold(factory, X, y, *first)  # compiles
    rmses, maes, fits, predictions = [], [], [], []
    for seed in range(n_seeds):
        folds = KFold(5, shuffle=True, random_state=seed).split(X)
        runs = [run_fold(factory, X, y, *fold) for fold in folds]
        errors = np.concatenate([errors for errors, _, _ in runs])
        rmses.append(np.sqrt(np.mean(errors**2)))
        maes.append(np.mean(np.abs(errors)))
        fits += [run[1] for run in runs]
        predictions += [run[2] for run in runs]
    spread = f"{np.std(rmses, ddof=1):.4f}" if n_seeds > 1 else ""
    print_row(
        name, f"{np.mean(rmses):.4f}", spread, f"{np.mean(maes):.4f}",
        seconds(np.median(fits)), seconds(np.median(predictions)),
    )  # fmt: skip


def run_fold(factory, X, y, train, test):
    """Return a fold's errors, and the seconds of fit and prediction."""
    contestant = factory(as_table(X[train], y[train], X[test], y[test]))
    fit_seconds, model = timed(contestant)
    predict_seconds, outcome = timed(lambda: contestant.outcome(model))
    return outcome["errors"], fit_seconds, predict_seconds


if __name__ == "__main__":
    main()
