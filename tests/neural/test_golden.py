"""Numbers of small seeded fits: nothing else says that a change changed none."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_metarec import NeuMF, NeuralRegressor, SASRec, TwoTower

GOLDEN = Path(__file__).parents[1] / "golden" / "neural.json"
SMALL = {"embedding_dim": 4, "epochs": 10, "random_state": 0}
MODELS = {
    "NeuMF": NeuMF(hidden_dim=8, **SMALL),
    "NeuralRegressor": NeuralRegressor(hidden_dim=3, regularization=0.5, **SMALL),
    "SASRec": SASRec(max_length=6, **SMALL),
    "TwoTower": TwoTower(hidden_dim=8, **SMALL),
}


def golden(name):
    """What tests/golden/neural.json holds of a model; to write it: `make_golden()`."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((40, 20)) < 0.3)
    model = MODELS[name].fit(X, 1.0 + (X[:, 0] + X[:, 1]) % 3)
    norms = {key: float(np.linalg.norm(part)) for key, part in model.weights_.items()}
    return {"predictions": model.predict(X[:8]).round(5).tolist(), "norms": norms}


def make_golden():
    text = json.dumps({name: golden(name) for name in MODELS}, indent=1)
    GOLDEN.write_text(text + "\n", encoding="utf-8")


# Single precision is summed in another order by another build: some millionths a step.
@pytest.mark.parametrize("name", MODELS)
def test_golden(name):
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    found = golden(name)
    assert_allclose(found["predictions"], expected["predictions"], rtol=3e-3, atol=3e-3)
    assert found["norms"].keys() == expected["norms"].keys()
    for key, norm in expected["norms"].items():
        assert found["norms"][key] == pytest.approx(norm, rel=1e-3, abs=1e-6)
