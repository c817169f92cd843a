"""UserKNNRegressor: users folded in, similar users, who is whose neighbour."""

import numpy as np
import pytest

from sklearn_metarec import UserKNNRegressor


@pytest.fixture(scope="module")
def ratings():
    rng = np.random.default_rng(2)
    X = rng.integers(0, [30, 20], (300, 2))
    return X, rng.integers(1, 6, 300).astype(float)


def test_nobody_is_their_own_neighbour(ratings):
    X, y = ratings
    model = UserKNNRegressor(10).fit(X, y)
    for user in (0, 7):
        found, _ = model.similar_users([user], k=10)
        assert user not in found[0]
        # Nor with further rows: the score of an item that only this user has rated is
        # left to the biases.
    X = np.vstack([X, [[3, 99]]])
    model = UserKNNRegressor(10).fit(X, np.append(y, 5.0))
    item = np.searchsorted(model.items_, 99)
    baseline = model.global_mean_ + model.item_biases_[item]
    user = np.searchsorted(model.users_, 3)
    predicted = model.predict([[3, 99]])[0]
    assert predicted == pytest.approx(baseline + model.user_biases_[user])


def test_a_new_user_is_predicted_like_one_of_the_fit(ratings):
    """The neighbours are those of the history, up to what the user added to biases."""
    X, y = ratings
    own = X[:, 0] == 3
    model = UserKNNRegressor(6).fit(X[~own], y[~own])
    folded = model.explain(3, 0, history=(X[own], y[own])).score
    baseline = model.global_mean_ + model.item_biases_[0]
    assert abs(folded - baseline) > 0.05
    fitted = UserKNNRegressor(6).fit(X, y).predict([[3, 0]])[0]
    assert folded == pytest.approx(fitted, abs=0.25)
    # The double of a known user has that one as the nearest neighbour.
    rows = np.column_stack([np.full(own.sum(), 99), X[own, 1]])
    double = UserKNNRegressor(1).fit(np.vstack([X, rows]), np.concatenate([y, y[own]]))
    assert double.similar_users([99], k=1)[0].tolist() == [[3]]


def test_partial_fit_equals_a_fit_on_all_rows(ratings):
    X, y = ratings
    model = UserKNNRegressor(6).fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    whole = UserKNNRegressor(6).fit(X, y)
    np.testing.assert_allclose(model.predict(X), whole.predict(X), rtol=1e-6)
