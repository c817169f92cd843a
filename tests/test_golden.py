"""Numbers of small fits that a change may not alter.

Those of the other models are in the tests of their own, with what is special to them.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from sklearn_metarec import (
    EASE,
    IALS,
    BiasRegressor,
    ItemKNN,
    MFRegressor,
    PopularityRecommender,
    UserKNN,
)
from sklearn_metarec.datasets import make_interactions

FOLDER = Path(__file__).parent / "golden"
RANKERS = {
    "ease": [EASE(20.0), EASE(20.0, n_neighbors=8, weighting="bm25")],
    "ials": [IALS(8, random_state=0), IALS(8, alpha=5.0, scale_regularization=1.0,
                                           random_state=0)],
    "item_knn": [ItemKNN(), ItemKNN(10, similarity="jaccard", shrinkage=5.0)],
    "popularity": [PopularityRecommender(), PopularityRecommender(weighted=True)],
    "user_knn": [UserKNN(), UserKNN(10, similarity="jaccard")],
}  # fmt: skip
RATING_MODELS = {
    "bias": [BiasRegressor(), BiasRegressor(user_regularization=0.5)],
    "mf": [
        MFRegressor(8, random_state=0),
        MFRegressor(4, scale_regularization=0.0, random_state=0),
    ],
}


def of_ranker(model):
    """Return the first lists of some users, and their scores."""
    X, _ = make_interactions(200, 60, 3000, random_state=0)
    model.fit(X)
    items, scores = model.recommend(model.users_[[0, 17, 99]], k=4)
    return {"items": items.tolist(), "numbers": scores.astype(float).tolist()}


def of_rating_model(model):
    """Return some predictions."""
    X, y = make_interactions(200, 60, 3000, feedback="explicit", random_state=0)
    return {"numbers": model.fit(X, y).predict(X[::300]).astype(float).tolist()}


def golden(name):
    """Return what golden/NAME.json holds; to write it: `make_golden(name)`."""
    if name in RANKERS:
        return [of_ranker(model) for model in RANKERS[name]]
    return [of_rating_model(model) for model in RATING_MODELS[name]]


def make_golden(name):
    text = json.dumps(golden(name), indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", [*RANKERS, *RATING_MODELS])
def test_golden(name):
    stored = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for found, expected in zip(golden(name), stored, strict=True):
        assert found.get("items") == expected.get("items")
        np.testing.assert_allclose(
            found["numbers"], expected["numbers"], rtol=1e-3, atol=1e-4
        )
