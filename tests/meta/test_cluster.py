"""A selection on a cluster: joblib's dask backend, two worker processes."""

import os
import sys

import cloudpickle
import pytest
from joblib import parallel_config

from sklearn_metarec import EASE, ItemKNN, MetaSelector, PopularityRecommender
from sklearn_metarec.datasets import make_interactions

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

# Workers cannot import this module: send its classes along.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore")  # of the cluster's own


class Deadly(PopularityRecommender):
    """Takes its worker along."""

    def _fit(self, history):
        os._exit(1)


@pytest.fixture(scope="module")
def client():
    # A task that kills its worker is not tried again by the cluster itself.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def table():
    return make_interactions(300, 80, 6000, random_state=0)


CANDIDATES = [
    ("ease", EASE(), {"regularization": [20.0, 200.0]}),
    ("knn", ItemKNN(), {}),
    ("popular", PopularityRecommender(), {}),
]


def board_of(selector):
    return selector.leaderboard_.drop(columns=["fit_time", "score_time"])


def test_the_same_choice_as_here(client, table):
    here = MetaSelector(CANDIDATES, random_state=0).fit(*table)
    with parallel_config("dask"):
        there = MetaSelector(CANDIDATES, random_state=0).fit(*table)
    assert board_of(there).equals(board_of(here))


def test_a_killed_worker_costs_one_candidate(client, table):
    candidates = [CANDIDATES[0], ("deadly", Deadly(), {}), *CANDIDATES[1:]]
    with parallel_config("dask"):
        selector = MetaSelector(candidates, random_state=0).fit(*table)
    board = selector.leaderboard_.set_index("candidate")
    assert board.loc["deadly", "status"] == "failed"
    assert (board.drop(index="deadly")["status"] == "ran").all()
    expected = MetaSelector(CANDIDATES, random_state=0).fit(*table)
    assert selector.best_score_ == expected.best_score_
