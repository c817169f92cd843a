"""ItemKNNRegressor: users folded in, similar items, further rows."""

import numpy as np
import pytest

from sklearn_metarec import ItemKNNRegressor


@pytest.fixture(scope="module")
def ratings():
    rng = np.random.default_rng(2)
    X = rng.integers(0, [30, 20], (300, 2))
    return X, rng.integers(1, 6, 300).astype(float)


def test_a_new_user_is_predicted_like_a_known_one_with_the_same_rows(ratings):
    X, y = ratings
    model = ItemKNNRegressor(6).fit(X, y)
    own = X[:, 0] == 3
    rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
    _, known = model.recommend([3], k=20, exclude_seen=False)
    _, folded = model.recommend([-1], k=20, exclude_seen=False, history=(rows, y[own]))
    np.testing.assert_allclose(folded, known, rtol=1e-6)


def test_further_rows_of_a_known_user_change_bias_and_mean_only(ratings):
    X, y = ratings
    model = ItemKNNRegressor(6).fit(X, y)
    similarity = model.item_similarity_.copy()
    before = model.predict([[3, 0]])
    item = int(model.items_[np.argmax(model.item_similarity_[[0]].toarray())])
    lower = model.explain(3, 0, history=([[3, item]], [-20.0])).score
    assert lower < before[0] - 0.1
    assert model.predict([[3, 0]]) == before
    np.testing.assert_array_equal(model.item_similarity_.data, similarity.data)


def test_similar_items_are_those_of_the_similarity(ratings):
    model = ItemKNNRegressor(5).fit(*ratings)
    rows = model.item_similarity_.toarray()
    np.testing.assert_array_equal(np.count_nonzero(rows, axis=1), 5)
    items, scores = model.similar_items([0], k=5)
    places = np.searchsorted(model.items_, items[0])
    np.testing.assert_array_equal(rows[0, places], scores[0])
    assert sorted(scores[0].tolist(), reverse=True) == scores[0].tolist()


def test_the_score_is_linear_in_the_ratings_of_a_user(ratings):
    """So that `explain` may divide it among them."""
    X, y = ratings
    model = ItemKNNRegressor(6).fit(X, y)
    rows = [["zoe", item] for item in range(6)]
    low, high = np.arange(6.0), np.array([5, 1, 4, 1, 5, 9.0])
    scores = [
        model.explain("zoe", 11, history=(rows, r.tolist())).score
        for r in (low, high, (low + high) / 2)
    ]
    assert scores[2] == pytest.approx((scores[0] + scores[1]) / 2, rel=1e-5)


def test_partial_fit_equals_a_fit_on_all_rows(ratings):
    X, y = ratings
    model = ItemKNNRegressor(6).fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    whole = ItemKNNRegressor(6).fit(X, y)
    np.testing.assert_allclose(model.predict(X), whole.predict(X), rtol=1e-6)
