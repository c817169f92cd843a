"""What scikit-learn's callbacks see of a fit, and that they end when it fails."""

import numpy as np
import pytest
from sklearn.callback import ScoringMonitor  # noqa: TID251  (as a user has it)
from sklearn.metrics import r2_score

from sklearn_metarec import IALS, FMRanker, FMRegressor, MFRegressor


@pytest.fixture
def table():
    """Ratings of 25 users and 15 items, some pairs repeated."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, [25, 15], (220, 2))
    return X, rng.integers(1, 6, 220).astype(float)


class Recorder:
    """Note what happens; fail, or not, at the end of an epoch."""

    def __init__(self, error=None):
        self.error = error
        self.events = []
        self.shown = None

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        self.events.append(f"end {context.task_name}")
        self.shown = X, y, metadata
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("model", [FMRanker, FMRegressor, IALS, MFRegressor])
def test_the_order_of_events(table, model):
    recorder = Recorder()
    model(2, max_iter=2).set_callbacks(recorder).fit(*table)
    epoch = ["begin epoch", "end epoch"]
    expected = ["setup", "begin fit", *epoch, *epoch, "end fit", "teardown"]
    assert recorder.events == expected


@pytest.mark.parametrize("model", [FMRanker, FMRegressor, IALS, MFRegressor])
def test_callbacks_end_when_a_fit_fails(table, model):
    X, y = table
    recorder = Recorder()
    estimator = model(2, max_iter=2, random_state=0).fit(X, y)
    before = estimator.predict(X)
    estimator.set_callbacks(recorder)
    recorder.error = OSError("disk full")
    for learn in (estimator.fit, estimator.partial_fit):
        recorder.events.clear()
        with pytest.raises(OSError, match="disk full"):
            learn(X[:50], y[:50])
        expected = ["setup", "begin fit", "begin epoch", "end epoch", "teardown"]
        assert recorder.events == expected
        # The model is what it was, and has nothing of the fit left over.
        np.testing.assert_array_equal(estimator.predict(X), before)
        assert not hasattr(estimator, "_callback_fit_ctx")


def test_they_see_the_distinct_pairs_with_their_weights(table):
    X, y = table
    recorder = Recorder()
    model = MFRegressor(2, max_iter=1).set_callbacks(recorder).fit(X, y)
    pairs, ratings, metadata = recorder.shown
    rows, cols = model.users_[pairs.rows], model.items_[pairs.cols]
    distinct, first, times = np.unique(X, axis=0, return_index=True, return_counts=True)
    np.testing.assert_array_equal(np.column_stack([rows, cols]), distinct)
    np.testing.assert_array_equal(metadata["sample_weight"], times)
    np.testing.assert_allclose(ratings[times == 1], y[first][times == 1])


def test_a_scoring_monitor_follows_the_fit(table):
    _, first = np.unique(table[0], axis=0, return_index=True)
    X, y = (column[first] for column in table)  # no pair twice: scores of the rows
    monitor = ScoringMonitor(scoring="r2")
    settings = {"regularization": 0.1, "random_state": 0}
    model = MFRegressor(3, max_iter=4, **settings).set_callbacks(monitor).fit(X, y)
    logged = [row["r2"] for row in monitor.get_logs().data if row["task_id_path"][1:]]
    expected = [
        r2_score(y, MFRegressor(3, max_iter=n, **settings).fit(X, y).predict(X))
        for n in (1, 2, 3, 4)
    ]
    np.testing.assert_allclose(logged, expected, rtol=1e-6)
    assert logged[-1] == pytest.approx(model.score(X, y))
