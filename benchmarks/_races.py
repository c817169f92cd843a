"""Which work is timed against which peer, on what, and what is aimed for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import _our_models
import _quality
import numpy as np
from _contestant import Together
from _data import REAL, SIZES, as_table, make_table

N_CALLS = 200
# implicit's objective, at a penalty and weight that suit the made tables.
ALPHA, REGULARIZATION = 10.0, 50.0
# EASE inverts a matrix of items x items: beyond, it is a benchmark of memory.
_MAX_ITEMS = 12_000


@dataclass
class Peer:
    """A peer's part in a race.

    Attributes
    ----------
    package : str
        What is to be installed.
    factory : str
        The function of `_peer_models`.
    options : dict
        Its keyword arguments.
    goal : str
        "at least, aim": peer time / ours.
    """

    package: str
    factory: str
    options: dict
    goal: str = ""


@dataclass
class Race:
    """One line of the plan: ours, its peers, and how to judge them.

    Attributes
    ----------
    work : str
        What is done.
    tables : list of Table
        On what; several for folds.
    ours, options : callable, dict
        The function of `_our_models`, and its keyword arguments.
    peers : dict of str to Peer
    quality : dict of str to callable
        Each called with (table, outcome).
    calls : int
        How many calls one run makes; the time is that of one call.
    """

    work: str
    tables: list
    ours: Callable
    options: dict
    peers: dict
    quality: dict
    calls: int = 1
    shown: str = field(init=False)

    def __post_init__(self):
        n_users, n_items = self.tables[0].shape
        self.shown = f"{len(self.tables[0].X):,} rows, {n_users:,} x {n_items:,}"

    def own(self):
        """Prepare our contestant."""
        parts = [self.ours(table, **self.options) for table in self.tables]
        return parts[0] if len(parts) == 1 else Together(parts)


def als_fit(size):
    """Race IALS.fit with 64 and with 128 factors."""
    table = make_table(size)
    for n_factors, goal in ((64, "2.5, 3.2"), (128, "1.7, 1.9")):
        options = {
            "n_factors": n_factors, "max_iter": 15, "alpha": ALPHA,
            "regularization": REGULARIZATION,
        }  # fmt: skip
        loss = partial(_quality.loss, alpha=ALPHA, regularization=REGULARIZATION)
        peers = {
            "implicit ALS, CG": Peer("implicit", "implicit_als_fit", options, goal),
        }
        yield Race(
            f"IALS.fit, {n_factors} factors, 15 sweeps", [table], _our_models.als_fit,
            options, peers, {"loss": loss, "nDCG@10": _quality.ndcg},
        )  # fmt: skip


def _quick_als():
    """Return options of a model whose ranking alone is timed."""
    return {
        "n_factors": 64, "max_iter": 3, "alpha": ALPHA, "regularization": REGULARIZATION
    }  # fmt: skip


def als_recommend(size):
    """Race top 10 for all users by 64 factors."""
    options = _quick_als()
    peers = {
        "implicit ALS": Peer("implicit", "implicit_als_recommend", options, "3.5, 6"),
        "skrecsys ALS": Peer(
            "skrecsys", "skrecsys_als_recommend", {"n_factors": 64}, "2.5, 3.5"
        ),
    }
    yield Race(
        "IALS.recommend to all users, 64 factors", [make_table(size)],
        _our_models.als_recommend, options, peers, {"exact lists": _quality.exact},
    )  # fmt: skip


def als_latency(size):
    """Race top 10 for one user of a model of 27,000 items."""
    shape = SIZES["1k"] if size == "1k" else (20_000, 27_000, 1_000_000)
    table = make_table(size="1m", shape=shape)
    options = _quick_als()
    rng = np.random.default_rng(0)
    asked = rng.integers(0, table.shape[0], N_CALLS).tolist()
    peers = {
        "implicit ALS": Peer(
            "implicit", "implicit_als_one", options | {"asked": asked}, "1.2, 1.8"
        ),
        "skrecsys ALS": Peer(
            "skrecsys", "skrecsys_als_one", {"asked": asked, "n_factors": 64}, "10, 20"
        ),
    }
    yield Race(
        f"IALS.recommend to one user, 64 factors, mean of {N_CALLS} calls", [table],
        _our_models.als_one, options | {"asked": asked}, peers, {}, N_CALLS,
    )  # fmt: skip


def _knn_race(work, table, kind, goal):
    options = {"n_neighbors": 20}
    peers = {
        f"{package} ItemKNN": Peer(package, f"{package}_knn_{kind}", options, goal)
        for package in ("implicit", "skrecsys")
    }
    ours = getattr(_our_models, f"knn_{kind}")
    quality = {"nDCG@10": _quality.ndcg}
    return Race(work, [table], ours, options, peers, quality)


def knn_fit(size):
    """Race the cosines of items."""
    yield _knn_race("ItemKNN.fit, 20 neighbours", make_table(size), "fit", "3, 4.3")


def knn_recommend(size):
    """Race top 10 for all users by 20 neighbours."""
    goal = "1.5, 4" if size == "ml-1m" else "2.5, 4"
    work = "ItemKNN.recommend to all users, 20 neighbours"
    yield _knn_race(work, make_table(size), "recommend", goal)


def ease_fit(size):
    """Race EASE."""
    table = make_table(size)
    if table.shape[1] > _MAX_ITEMS:
        print(f"\nEASE: {table.shape[1]:,} items are too many for this comparison.\n")
        return
    options = {"regularization": 200.0}
    peers = {
        "skrecsys EASE": Peer("skrecsys", "skrecsys_ease_fit", options, "3, 4.4"),
        "numpy.linalg.inv, float32": Peer("numpy", "numpy_ease_fit", options, "3, 4.4"),
    }
    yield Race(
        "EASE.fit", [table], _our_models.ease_fit, options, peers,
        {"nDCG@10": _quality.ndcg},
    )  # fmt: skip


def slim_fit(size):
    """Race SLIM, with the default penalties of skrecsys and with those that do best."""
    table = make_table(size)
    if table.shape[1] > _MAX_ITEMS:
        print(f"\nSLIM: {table.shape[1]:,} items are too many for this comparison.\n")
        return
    n_users = table.shape[0]
    for work, regularization, l1 in (
        ("skrecsys' default penalties", 0.9 * n_users, 0.1 * n_users),
        ("penalties 200 and 2", 200.0, 2.0),
    ):
        options = {"regularization": regularization, "l1_regularization": l1}
        objective = partial(_quality.elastic_net, **options)
        yield Race(
            f"SLIM.fit, {work}", [table], _our_models.slim_fit, options,
            {"skrecsys SLIM": Peer("skrecsys", "skrecsys_slim_fit", options, "4, 6")},
            {"objective": objective, "nDCG@10": _quality.ndcg},
        )  # fmt: skip


def bpr_fit(size):
    """Race BPR with the same loss, sampling, rate and penalty, few epochs and many."""
    table = make_table(size)
    for n_epochs in (10, 50):
        options = {
            "n_factors": 64, "learning_rate": 0.1, "regularization": 0.05,
            "max_iter": n_epochs,
        }  # fmt: skip
        plain = {
            "sampling": "uniform", "optimizer": "sgd", "bias_regularization": 0.05,
        }  # fmt: skip
        peers = {
            "implicit BPR": Peer("implicit", "implicit_bpr_fit", options, "2, 2.7"),
            "skrecsys BPR": Peer("skrecsys", "skrecsys_bpr_fit", options, "4, 6"),
        }
        yield Race(
            f"BPR.fit, 64 factors, {n_epochs} epochs, one thread", [table],
            _our_models.bpr_fit, options | plain, peers, {"nDCG@10": _quality.ndcg},
        )  # fmt: skip


def mf_fit(size):
    """Race factors of ratings, on five random folds."""
    from sklearn.model_selection import KFold

    whole = make_table(size, ratings=True)
    X = np.concatenate([whole.X, whole.X_test])
    y = np.concatenate([whole.y, whole.y_test])
    folds = KFold(5, shuffle=True, random_state=0).split(X)
    tables = [as_table(X[a], y[a], X[b], y[b]) for a, b in folds]
    longer = {"max_iter": 40, "lambda_reg": 0.05}
    # The fewest epochs by which it has the RMSE that is asked for, .9183; they are 29
    # with a penalty of .05.
    enough = {"max_iter": 23}
    peers = {
        "cornac MF": Peer("cornac", "cornac_mf_fit", {}, "1, 3"),
        "cornac MF, 23 epochs": Peer("cornac", "cornac_mf_fit", enough, "1, 3"),
        "cornac MF, 40 epochs, .05": Peer("cornac", "cornac_mf_fit", longer, "1, 3"),
        "cmfrec CMF": Peer("cmfrec", "cmfrec_cmf_fit", {}),
        "Surprise SVD": Peer("scikit-surprise", "surprise_svd_fit", {}),
    }
    yield Race(
        "MFRegressor.fit, a fold of five", tables, _our_models.mf_fit, {}, peers,
        {"RMSE": _quality.rmse}, calls=len(tables),
    )  # fmt: skip


RACES = {
    "IALS": {"fit": als_fit, "recommend": als_recommend, "latency": als_latency},
    "ItemKNN": {"fit": knn_fit, "recommend": knn_recommend},
    "BPR": {"fit": bpr_fit},
    "EASE": {"fit": ease_fit},
    "SLIM": {"fit": slim_fit},
    "MFRegressor": {"fit": mf_fit},
}
ALL_SIZES = ["1k", "100k", "1m", "10m", "20m", *REAL]
