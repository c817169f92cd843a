"""What all neural models share: one trace, no TensorFlow to predict, early stopping."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import MultVAE, load, save
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer
from sklearn_metarec.neural._tensorflow import load as load_tf
from sklearn_metarec.neural._training import _hold_out, _mean_ndcg
from sklearn_metarec.testing._tables import make_rows

SMALL = {"embedding_dim": 4, "hidden_dim": 8, "random_state": 0}


def table(n_users=40, n_items=20, seed=0):
    rng = np.random.default_rng(seed)
    there = rng.random((n_users, n_items)) < 0.3
    there[:, 0] = True
    return np.argwhere(there)


def traces():
    """The graphs of the process, and how often they were traced."""
    compiled = load_tf("training").compiled_epoch
    return compiled.cache_info().misses


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_search_traces_once():
    MultVAE(3, hidden_dim=5, epochs=1).fit(table())
    before = traces()
    grid = {"hidden_dim": [4, 6], "beta": [0.1, 1.0], "batch_size": [7, 50]}
    GridSearchCV(
        MultVAE(epochs=2, random_state=0), grid, error_score="raise",
        scoring=make_ranking_scorer("ndcg@10"), cv=PerUserShuffleSplit(random_state=0),
    ).fit(table(50, 30))  # fmt: skip
    assert traces() == before
    training = load_tf("training")
    loss = load_tf("mult_vae").loss
    kinds = training._kinds(tuple(MultVAE(2).fit(table()).weights_.values()))
    data = ((1, "int64"), (1, "int32"), (1, "float32"))
    graph = training.compiled_epoch(loss, kinds, data)
    assert traces() == before
    assert graph.experimental_get_tracing_count() == 1


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


def test_a_fitted_model_predicts_without_tensorflow(tmp_path):
    X = table()
    model = MultVAE(epochs=2, **SMALL).fit(X)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    save(model, tmp_path / "model.skops")
    code = f"""
import json, pickle, sys
for name in ("tensorflow", "keras", "scikeras"):
    sys.modules[name] = None
import sklearn_metarec
models = [
    pickle.load(open({str(tmp_path / "model.pickle")!r}, "rb")),
    sklearn_metarec.load({str(tmp_path / "model.skops")!r}),
]
X = {X[:20].tolist()}
print(json.dumps([[m.predict(X).tolist(), m.recommend([1, 2], 3)[0].tolist(),
                   m.recommend(["new"], 3, history=[["new", 4]])[0].tolist()]
                  for m in models]))
"""
    expected = [
        model.predict(X[:20]).tolist(), model.recommend([1, 2], 3)[0].tolist(),
        model.recommend(["new"], 3, history=[["new", 4]])[0].tolist(),
    ]  # fmt: skip
    for scores, lists, folded in json.loads(run(code).stdout):
        assert_allclose(scores, expected[0], rtol=1e-5)
        assert [lists, folded] == expected[1:]
    assert_array_equal(load(tmp_path / "model.skops").predict(X), model.predict(X))


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
    lists = np.array([[3, 1, 0], [2, 0, -1]])
    # User 0 has items 1 and 2, user 1 has item 2.
    found = _mean_ndcg(lists, np.array([0, 0, 1]), np.array([1, 2, 2]), 4)
    first = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert found == pytest.approx((first + 1) / 2)
