"""One fitted model, asked by many threads at once: no two answers are mixed up."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import is_regressor

from sklearn_metarec import (
    EASE,
    IALS,
    Blend,
    ItemKNN,
    MetaRidgeRegressor,
    MFRegressor,
    UserKNN,
)
from sklearn_metarec.datasets import make_interactions

MODELS = [
    IALS(8, max_iter=2, random_state=0),
    EASE(),
    EASE(n_neighbors=10),
    ItemKNN(20),
    UserKNN(20),
    MFRegressor(4, max_iter=2, random_state=0),
    MetaRidgeRegressor(4, max_iter=2, random_state=0),
    Blend([("ease", EASE()), ("knn", ItemKNN())]),
]


@pytest.mark.parametrize("updated", [False, True], ids=["fitted", "updated"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_eight_threads_get_the_answers_of_one(model, updated):
    X, y = make_interactions(
        300, 200, 6000, feedback="explicit", random_state=0, as_frame=False
    )
    rng = np.random.default_rng(0)
    model.fit(X, y)
    if updated:  # its pairs are in two places until somebody asks for all
        model.partial_fit([[10_000, X[0, 1]], [5, X[1, 1]]], [4, 2])

    def request(number):
        basket = rng_of(number).choice(X[:, 1], 5, replace=False)
        rows = [["new", item] for item in basket.tolist()]
        history = (rows, [1.0, 5, 4, 2, 3]) if is_regressor(model) else rows
        user = X[37 * number % len(X), 0]
        some = X[7 * number : 7 * number + 9, :2]
        return [
            *model.recommend([user], 10),
            *model.recommend(["new"], 10, history=history),
            *model.recommend([10_000, user], 5, exclude=[basket[0]]),
            model.predict(some), model.seen_pairs(some[:, 0], some[::-1, 1]),
        ]  # fmt: skip

    def rng_of(number):
        return np.random.default_rng(number)

    numbers = rng.permutation(np.repeat(np.arange(12), 2)).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(request, numbers))
    for number, answer in zip(numbers, found, strict=True):
        for ours, expected in zip(answer, request(number), strict=True):
            assert_array_equal(ours, expected)
