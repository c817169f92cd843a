"""A fit that fails, or is interrupted, leaves the estimator as it was."""

import gc
import os
import signal
import sys
import threading
from pathlib import Path

import cloudpickle  # what joblib sends tasks with
import numpy as np
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import sklearn_metarec
from sklearn_metarec import (
    BPR,
    EASE,
    IALS,
    BiasRegressor,
    FMRegressor,
    ItemKNN,
    MetaRegressor,
    MetaSelector,
    MFRegressor,
    NeuralRegressor,
    PopularityRecommender,
    SASRec,
    TwoStageRecommender,
    TwoTower,
)
from sklearn_metarec._scoring import FixedScorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.meta import StackedRegressor
from sklearn_metarec.neural import MultVAE
from sklearn_metarec.utils import all_estimators
from tests.callbacks import SilentCallback

# Workers cannot import this module: send its classes along.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

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
# These start TensorFlow, or hold many fits: fewer interruptions of each.
SLOW = [
    MetaRegressor(embedding_dim=2, epochs=2),
    MultVAE(2, hidden_dim=2, epochs=2),
    NeuralRegressor(embedding_dim=2, hidden_dim=2, epochs=2),
    SASRec(embedding_dim=2, max_length=4, epochs=2),
    TwoStageRecommender(n_folds=2),
    TwoTower(embedding_dim=2, hidden_dim=2, epochs=2),
]
EVERY = {
    name: cls(**QUICK.get(name, {}))
    for name, cls in all_estimators(["ranker", "rating"])
} | {type(model).__name__: model for model in SLOW}


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
    n_times = 3 if model in SLOW else 8
    for at in np.unique(np.linspace(1, 0.8 * whole.calls, n_times, dtype=int)):
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


@pytest.mark.parametrize(
    "model",
    [
        IALS(2, max_iter=4), MFRegressor(2, max_iter=4), FMRegressor(2, max_iter=4),
        TwoTower(embedding_dim=2, hidden_dim=2, epochs=4),
        MetaRegressor(embedding_dim=2, epochs=4),
    ],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_a_callback_that_is_interrupted(model):
    model = clone(model).set_callbacks(Stops())
    before = set(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, np.array(Y) + 1.0)
    assert set(vars(model)) == before
    with pytest.raises(NotFittedError):
        model.predict(X)


# A fit that would take days: what ends it is the signal that Ctrl-C sends, while
# compiled code or TensorFlow runs.
ENDLESS = [
    BPR(2, max_iter=10**8, n_jobs=2),
    IALS(2, max_iter=10**8, n_jobs=2),
    MetaRegressor(embedding_dim=2, epochs=10**8),
    MultVAE(2, hidden_dim=2, epochs=10**8),
    NeuralRegressor(embedding_dim=2, hidden_dim=2, epochs=10**8),
    SASRec(embedding_dim=2, max_length=4, epochs=10**8),
    TwoTower(embedding_dim=2, hidden_dim=2, epochs=10**8),
]


@pytest.fixture
def _ctrl_c_interrupts():
    """Also where the tests run in the background, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_interrupts")
@pytest.mark.parametrize("model", ENDLESS, ids=lambda model: type(model).__name__)
def test_ctrl_c_in_the_middle_of_an_epoch(model):
    rng = np.random.default_rng(0)
    table, y = rng.integers(0, [1500, 300], (20_000, 2)), rng.integers(1, 6, 20_000)
    sweeps = "epochs" if hasattr(model, "epochs") else "max_iter"
    fitted = clone(model).set_params(**{sweeps: 1}, random_state=0).fit(X, np.add(Y, 1))
    before = {name: id(value) for name, value in vars(fitted).items()}
    expected = fitted.predict(X)
    # The first fit has compiled what is to be compiled: this one is in its epochs.
    vars(fitted)[sweeps] = 10**8
    before[sweeps] = id(vars(fitted)[sweeps])
    press = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    press.start()
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(table, y)
    assert {name: id(value) for name, value in vars(fitted).items()} == before
    assert_array_equal(fitted.predict(X), expected)
    # And whatever it has left in the process does no harm to the next fit.
    again = clone(fitted).set_params(**{sweeps: 1}).fit(X, np.add(Y, 1))
    assert_allclose(again.predict(X), expected, rtol=1e-4)


# ------------------------------------------------------------------- a worker is killed


class Deadly(BiasRegressor):
    """Kills the process that fits it, as the kernel does where memory is short.

    Unless it is the one at `home`, or the file `mark` is there, which it leaves.
    """

    def __init__(self, home=None, mark=None):
        super().__init__()
        self.home = home
        self.mark = mark

    def _fit(self, history):
        if os.getpid() != self.home and not (self.mark and Path(self.mark).exists()):
            if self.mark:
                Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super()._fit(history)


def many_rows():
    rng = np.random.default_rng(0)
    return rng.integers(0, [40, 20], (800, 2)), rng.integers(1, 6, 800).astype(float)


def test_a_killed_worker_of_a_stack():
    table, y = many_rows()
    members = [("bias", BiasRegressor()), ("deadly", Deadly(os.getpid()))]
    stack = StackedRegressor(members, cv=2, n_jobs=1, random_state=0).fit(table, y)
    stack.n_jobs = 2
    before = {name: id(value) for name, value in vars(stack).items()}
    expected = stack.predict(table)
    with pytest.raises(TerminatedWorkerError):
        stack.fit(table, y)
    assert {name: id(value) for name, value in vars(stack).items()} == before
    assert_array_equal(stack.predict(table), expected)
    new = clone(stack)
    with pytest.raises(TerminatedWorkerError):
        new.fit(table, y)
    with pytest.raises(NotFittedError):
        new.predict(table)
    # There are new workers for what comes next.
    new.set_params(deadly="drop").fit(table, y).predict(table)


def test_a_selection_whose_workers_are_all_killed():
    table, y = many_rows()
    deadly = Deadly(os.getpid())
    selector = MetaSelector(
        [("one", deadly, {}), ("other", deadly, {})], task="rating", n_jobs=2
    )
    before = set(vars(selector))
    with pytest.raises(ValueError, match="All 2 candidates failed"):
        selector.fit(table, y)
    assert set(vars(selector)) == before
    with pytest.raises(NotFittedError):
        selector.predict(table)


def test_what_ran_in_a_killed_worker_is_tried_once_more(tmp_path):
    table, y = many_rows()
    once = Deadly(os.getpid(), str(tmp_path / "mark"))
    candidates = [("once", once, {}), ("bias", BiasRegressor(1000.0), {})]
    selector = MetaSelector(
        candidates, task="rating", combine=None, n_tuned=0, n_jobs=2, random_state=0
    ).fit(table, y)
    assert (tmp_path / "mark").exists()
    assert selector.leaderboard_["status"].tolist() == ["ran", "ran"]


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
