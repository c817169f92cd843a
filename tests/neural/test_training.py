"""What all neural models share: one trace, no TensorFlow to predict, early stopping."""

import inspect
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_regressor
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import (
    KerasBuilderRegressor,
    MultVAE,
    NeuMF,
    NeuralRegressor,
    SASRec,
    TwoTower,
    load,
    save,
)
from sklearn_metarec.metrics import ranking_scores
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer
from sklearn_metarec.neural._tensorflow import load as load_tf
from sklearn_metarec.neural._training import _hold_out, _Validation
from sklearn_metarec.testing._tables import make_rows

SMALL = {"embedding_dim": 4, "hidden_dim": 8, "random_state": 0}
MODELS = [
    MultVAE(epochs=2, **SMALL),
    NeuMF(epochs=2, **SMALL),
    NeuralRegressor(epochs=2, **SMALL),
    SASRec(4, epochs=2, random_state=0),
    TwoTower(epochs=2, **SMALL),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


def table(n_users=40, n_items=20, seed=0):
    rng = np.random.default_rng(seed)
    there = rng.random((n_users, n_items)) < 0.3
    there[:, 0] = True
    return np.argwhere(there)


def fitted(model, X):
    """A copy, fitted; ratings depend on the item."""
    return clone(model).fit(X, 1.0 + X[:, 1] % 3)


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


@each_model
def test_all_fits_of_a_process_share_a_trace(model, monkeypatch):
    training, traced = load_tf("training"), []

    def adam(*args):  # called by Python once a trace
        traced.append(args)
        return original(*args)

    original = training.adam
    monkeypatch.setattr(training, "adam", adam)
    training.compiled_epoch.cache_clear()
    fitted(model, table())
    assert len(traced) == 1
    # Other sizes of all kinds, other settings, a search.
    X = table(50, 30)
    fitted(clone(model).set_params(embedding_dim=6, batch_size=7, random_state=1), X)
    if not is_regressor(model):
        GridSearchCV(
            model, {"learning_rate": [0.01, 0.001], "embedding_dim": [2, 5]},
            scoring=make_ranking_scorer("ndcg@10"), error_score="raise",
            cv=PerUserShuffleSplit(random_state=0),
        ).fit(X)  # fmt: skip
    assert len(traced) == 1
    training.compiled_epoch.cache_clear()  # these graphs count: others need not


def test_adam_takes_the_steps_of_the_paper():
    tf = pytest.importorskip("tensorflow")
    adam = load_tf("training").adam
    rng = np.random.default_rng(0)
    param, gradients = rng.normal(size=(3, 2)), rng.normal(size=(4, 3, 2))
    zeros = tf.zeros((3, 2))
    state = (tf.constant(0.0), (tf.constant(param, tf.float32),), (zeros,), (zeros,))
    m = v = np.zeros((3, 2))
    for t, gradient in enumerate(gradients, 1):
        state = adam(state, (tf.constant(gradient, tf.float32),), tf.constant(0.1))
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        param -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert_allclose(state[1][0], param, rtol=1e-4, atol=1e-6)


def test_tensorflow_waits_for_a_fit_and_says_nothing():
    code = """
import json, sys
import numpy as np
import sklearn_metarec.neural
before = "tensorflow" in sys.modules
model = sklearn_metarec.neural.MultVAE(2, hidden_dim=3, epochs=1)
unfitted = "tensorflow" in sys.modules
model.fit([[1, 2], [1, 3], [2, 3]])
print(json.dumps([before, unfitted, "tensorflow" in sys.modules]))
"""
    done = run(code)
    assert json.loads(done.stdout) == [False, False, True]
    assert done.stderr == ""


def answers(model, X):
    """What a model says of known users and of a stranger, as JSON has it."""
    history = ([["new", 4], ["new", 5]], [1.0, 2.0])
    return [
        model.predict(X[:20]).tolist(), model.recommend([1, 2], 3)[0].tolist(),
        model.recommend(["new"], 3, history=history)[0].tolist(),
    ]  # fmt: skip


def test_fitted_models_predict_without_tensorflow(tmp_path):
    X = table()
    own = KerasBuilderRegressor(epochs=2, random_state=0)
    models = [fitted(model, X) for model in [*MODELS, own]]
    (tmp_path / "models.pickle").write_bytes(pickle.dumps(models))
    for number, model in enumerate(models):
        save(model, tmp_path / f"{number}.skops")
    code = f"""
import json, pickle, sys
import numpy as np
for name in ("tensorflow", "keras", "scikeras"):
    sys.modules[name] = None
import sklearn_metarec
from pathlib import Path
{inspect.getsource(answers)}
folder = Path({str(tmp_path)!r})
models = pickle.loads((folder / "models.pickle").read_bytes())
models += [sklearn_metarec.load(path) for path in sorted(folder.glob("*.skops"))]
X = np.array({X[:20].tolist()})
print(json.dumps([answers(model, X) for model in models]))
"""
    found = json.loads(run(code).stdout)
    assert len(found) == 2 * len(models)
    for model, (scores, *lists) in zip(2 * models, found, strict=True):
        expected = answers(model, X)
        assert_allclose(scores, expected[0], rtol=1e-5)
        assert lists == expected[1:]
    assert_array_equal(load(tmp_path / "0.skops").predict(X), models[0].predict(X))


def test_seeds_are_local():
    X = table()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = MultVAE(epochs=2, **SMALL).fit(X).predict(X)
    assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    tf = pytest.importorskip("tensorflow")
    tf.random.set_seed(1)
    tf.random.normal((3,))
    assert_array_equal(MultVAE(epochs=2, **SMALL).fit(X).predict(X), first)
    other = MultVAE(epochs=2, **SMALL | {"random_state": 1}).fit(X).predict(X)
    assert np.abs(other - first).max() > 1e-3


def test_early_stopping_keeps_the_best_epoch():
    X = table(80, 20)
    options = {
        "early_stopping": True, "validation_fraction": 0.5, "n_iter_no_change": 2,
        "learning_rate": 0.05,
    }  # fmt: skip
    model = MultVAE(epochs=60, **options, **SMALL).fit(X)
    assert 3 <= model.n_iter_ < 60
    # What it kept is what it had two epochs before it stopped.
    seen = []

    class Watched(MultVAE):
        def _fitted(self, weights):
            seen.append(weights)
            return super()._fitted(weights)

    watched = Watched(epochs=60, **options, **SMALL).fit(X)
    assert watched.n_iter_ == model.n_iter_ == len(seen)
    kept = [np.array_equal(w["items"], watched.weights_["items"]) for w in seen]
    assert kept.index(True) == len(seen) - 3


def test_what_is_held_out():
    rows = make_rows(MultVAE())
    matrix = MultVAE(2, hidden_dim=2, epochs=1).fit(rows.X).history_
    held = _hold_out(matrix, 0.5, np.random.default_rng(0))
    counts = np.diff(matrix.indptr)
    per_user = np.add.reduceat(held, matrix.indptr[:-1])
    touched = per_user > 0
    assert 0 < touched.mean() < 1
    expected = np.maximum(1, counts // 5)
    assert_array_equal(per_user[touched], expected[touched])


def test_the_score_of_a_validation_part():
    model = fitted(MODELS[0], table(80, 20)).set_params(validation_fraction=0.5)
    history = model._history()
    validation = _Validation(model, history, np.random.default_rng(0))
    validation.stops({})
    # The same by the public way: lists without what is left to learn from.
    held = history.matrix - validation.training.matrix
    rows, cols = np.nonzero(held.toarray())
    model._set_history(validation.training)
    users = np.unique(model.users_[rows])
    lists, _ = model.recommend(users, k=10)
    pairs = np.column_stack([model.users_[rows], model.items_[cols]])
    expected = ranking_scores(pairs, users, lists)["ndcg@10"]
    assert 0 < len(users) < 80
    assert validation._best_score == pytest.approx(expected)
