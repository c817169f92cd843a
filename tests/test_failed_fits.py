"""A fit that fails, or is interrupted, leaves the estimator as it was."""

import gc
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

import sklearn_metarec
from sklearn_metarec import (
    EASE,
    IALS,
    BiasRegressor,
    FMRegressor,
    ItemKNN,
    MFRegressor,
    NeuralRegressor,
    PopularityRecommender,
)
from sklearn_metarec._scoring import FixedScorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.meta import StackedRegressor
from sklearn_metarec.neural import MultVAE
from sklearn_metarec.utils import all_estimators
from tests.callbacks import SilentCallback

X = [["a", 10], ["a", 20], ["b", 20], ["b", 20], ["c", 40], ["d", 50], ["c", 30]]
Y = [1, 1, 1, 1, 1, 0, 2]


class Fragile(BaseRecommender):
    """Fails where it is told to, after it has changed all there is to change."""

    _parameter_constraints: dict = {"fails_with": [None, type]}

    def __init__(self, fails_with=None):
        self.fails_with = fails_with

    def _fit(self, history):
        self.item_scores_ = np.arange(len(history.items), dtype=np.float32)
        if self.fails_with is not None:
            del self.item_scores_
            self.half_way_ = True
            raise self.fails_with("no further")

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        return FixedScorer(self.item_scores_)


@pytest.fixture
def model():
    return PopularityRecommender().fit(X, Y)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
class TestAFailedFitChangesNothing:
    def test_of_a_fitted_model(self, error, verb):
        model = Fragile().fit(X, Y)
        before = {name: id(value) for name, value in vars(model).items()}
        expected = model.recommend(k=3)
        model.fails_with = error
        before["fails_with"] = id(error)
        with pytest.raises(error, match="no further"):
            getattr(model, verb)([["e", 60], ["a", 60]])
        assert {name: id(value) for name, value in vars(model).items()} == before
        for ours, theirs in zip(model.recommend(k=3), expected, strict=True):
            assert_array_equal(ours, theirs)

    def test_of_a_model_that_is_not_fitted(self, error, verb):
        model = Fragile(error)
        with pytest.raises(error, match="no further"):
            getattr(model, verb)(X, Y)
        assert vars(model) == {"fails_with": error}
        with pytest.raises(NotFittedError):
            model.recommend()


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("table", "y", "message"),
    [
        ([["a", None]], None, "missing id"),
        ([["a", 1]], [-1.0], "cannot be negative"),
        ([["a", 1]], [np.nan], "NaN"),
        ([["a", 1, 2]], None, "3 features"),
        ([["a", 1], ["b", 2]], [1.0], "inconsistent numbers of samples"),
    ],
)
def test_wrong_input_changes_nothing(model, verb, table, y, message):
    if verb == "fit" and "features" in message:
        table, message = [["a"]], "1 feature"
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        getattr(model, verb)(table, y)
    assert vars(model) == before


# --------------------------------------------------------- Ctrl-C, anywhere in a fit

PACKAGE = str(Path(sklearn_metarec.__file__).parent)
QUICK = {
    "FMRegressor": {"n_factors": 2, "max_iter": 4, "burn_in": 1},
    "MetaRidgeRegressor": {"n_factors": 2, "max_iter": 2},
    "StackedRegressor": {"estimators": [("bias", BiasRegressor())]},
    "BPR": {"n_factors": 2, "max_iter": 2},
    "WARP": {"n_factors": 2, "max_iter": 2},
    "FMRanker": {"n_factors": 2, "max_iter": 2},
}
SLOW = ("MetaRegressor", "MultVAE", "NeuralRegressor", "SASRec", "TwoStage", "TwoTower")
EVERY = {
    name: cls(**QUICK.get(name, {}))
    for name, cls in all_estimators(["ranker", "rating"])
    if not name.startswith(SLOW)
}


class Interrupted:
    """Within the block, the n-th call of a function of the package is interrupted."""

    def __init__(self, at=None):
        self.at, self.calls = at, 0

    def __enter__(self):
        sys.setprofile(self._count)
        return self

    def __exit__(self, *error):
        sys.setprofile(None)

    def _count(self, frame, event, argument):
        if event != "call" or not frame.f_code.co_filename.startswith(PACKAGE):
            return
        if threading.current_thread() is not threading.main_thread():
            return
        self.calls += 1
        if self.calls == self.at:
            sys.setprofile(None)
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", EVERY)
def test_a_fit_that_is_interrupted_anywhere(name):
    model = EVERY[name]
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    y = np.array(Y) + 1.0
    model.fit(X, y)
    before = {name: id(value) for name, value in vars(model).items()}
    expected = model.predict(X)
    with Interrupted() as whole:
        type(model)(**model.get_params(deep=False)).fit(X, y)
    assert whole.calls > 10
    # Some calls are made by the first fit only.
    for at in np.unique(np.linspace(1, 0.8 * whole.calls, 8, dtype=int)):
        with pytest.raises(KeyboardInterrupt), Interrupted(at):
            model.fit(X, y)
        assert {name: id(value) for name, value in vars(model).items()} == before
        assert_array_equal(model.predict(X), expected)
        new = type(model)(**model.get_params(deep=False))
        with pytest.raises(KeyboardInterrupt), Interrupted(at):
            new.fit(X, y)
        with pytest.raises(NotFittedError):
            new.predict(X)


class Stops(SilentCallback):
    """A callback that is interrupted at the end of the first epoch."""

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [IALS, MFRegressor, FMRegressor])
def test_a_callback_that_is_interrupted(kind):
    model = kind(2, max_iter=4).set_callbacks(Stops())
    before = set(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, np.array(Y) + 1.0)
    assert set(vars(model)) == before
    with pytest.raises(NotFittedError):
        model.predict(X)


# ------------------------------------------------------------------------------ memory


def resident():
    """The megabytes that this process has."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("model", "n_fits", "growth"),
    [
        (EASE(5.0), 1000, 8),
        (ItemKNN(), 1000, 8),
        (IALS(4, max_iter=2), 1000, 8),
        (BiasRegressor(), 1000, 8),
        (MFRegressor(4, max_iter=2), 1000, 8),
        (StackedRegressor([("bias", BiasRegressor())]), 100, 8),
        (NeuralRegressor(embedding_dim=2, hidden_dim=2, epochs=1), 12, 60),
        (MultVAE(2, hidden_dim=2, epochs=1), 12, 60),
    ],
    ids=lambda value: type(value).__name__,
)
def test_memory_does_not_grow_over_refits(model, n_fits, growth):
    # 300 kB of arrays a fit, so that a leak of them would be 300 MB of a thousand.
    rng = np.random.default_rng(0)
    table = rng.integers(0, [150, 120], (1500, 2))
    y = rng.integers(1, 6, 1500).astype(float)
    for _ in range(max(3, n_fits // 20)):
        model.fit(table, y)
    before = resident()
    for _ in range(n_fits):
        model.fit(table, y)
    assert resident() - before < growth
