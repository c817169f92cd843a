"""PrivateEASE and PrivateItemKNN: what they learn, and what they let go."""

import pickle

import numpy as np
import pytest

from sklearn_metarec import EASE, ItemKNN, PopularityRecommender, load, save
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.privacy import PrivateEASE, PrivateItemKNN, gaussian_sigma
from sklearn_metarec.privacy._ease import _least_eigenvalue

MODELS = [PrivateEASE, PrivateItemKNN]
BASKET = [["me", 3], ["me", 5], ["me", 11]]


@pytest.fixture(scope="module")
def table():
    return make_interactions(3000, 40, 30_000, random_state=0)[0]


def test_ease_with_hardly_any_noise_is_ease(table):
    # Nobody has more than max_items, and the noise is below what float32 sees.
    private = PrivateEASE(
        1e9, max_items=40, threshold=0.0, regularization=50.0, random_state=0
    ).fit(table)
    ridge = 2 * private.noise_scale_ * np.sqrt(40)
    plain = EASE(50.0 + ridge).fit(table)
    assert private.noise_scale_ < 0.02
    np.testing.assert_allclose(private.item_weights_, plain.item_weights_, atol=1e-4)


def test_item_knn_with_hardly_any_noise_is_item_knn(table):
    private = PrivateItemKNN(
        1e9, max_items=40, threshold=0.0, shrinkage=5.0, random_state=0
    ).fit(table)
    plain = ItemKNN(shrinkage=5.0 + 10 * private.noise_scale_).fit(table)
    np.testing.assert_allclose(
        private.item_similarity_.toarray(), plain.item_similarity_.toarray(), atol=1e-4
    )


@pytest.mark.parametrize("model", MODELS)
def test_noise_is_that_of_the_accounting(model, table):
    fitted = model(2.0, delta=1e-5, max_items=3, random_state=0).fit(table)
    sigma = gaussian_sigma(2.0, 1e-5, sensitivity=np.sqrt(6))
    assert fitted.noise_scale_ == pytest.approx(sigma)


@pytest.mark.parametrize("model", MODELS)
def test_the_system_gives_new_noise_each_time_and_a_seed_does_not(model, table):
    def scores(seed):
        fitted = model(1.0, random_state=seed).fit(table)
        return fitted.recommend(history=BASKET, k=40)[1]

    assert not np.array_equal(scores(None), scores(None))
    np.testing.assert_array_equal(scores(3), scores(3))
    assert not np.array_equal(scores(3), scores(4))


@pytest.mark.parametrize("model", MODELS)
def test_what_is_released_serves_by_history_and_knows_nobody(model, table, tmp_path):
    fitted = model(4.0, catalogue=range(45)).fit(table)
    released = fitted.release()
    assert released.items_.tolist() == list(range(45))
    assert len(released.users_) == released.history_.nnz == 0
    for one, two in zip(
        fitted.recommend(history=BASKET, k=6),
        released.recommend(history=BASKET, k=6),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
    # A user of the fit is nobody now, and gets what is popular in noisy counts.
    user = int(table[0, 0])
    unknown = released.recommend([user, "me"], k=5, history=BASKET)[0][0]
    best = np.argsort(-fitted.item_popularity_, kind="stable")[:5]
    np.testing.assert_array_equal(unknown, best)
    copy = load(save(released, tmp_path / "model.skops"))
    np.testing.assert_array_equal(
        copy.recommend(history=BASKET)[1], released.recommend(history=BASKET)[1]
    )


@pytest.mark.parametrize("model", MODELS)
def test_no_byte_of_what_is_released_is_a_user(model):
    table = [[f"customer {n % 50}", f"article {n * 7 % 30}"] for n in range(400)]
    released = model(4.0).fit(table).release()
    user = "customer".encode("utf-32-le")  # as arrays of text keep it
    assert user in pickle.dumps(model(4.0).fit(table))
    assert user not in pickle.dumps(released)
    assert "article".encode("utf-32-le") in pickle.dumps(released)


@pytest.mark.parametrize("model", MODELS)
def test_everything_released_is_made_of_the_noisy_matrix(model, table, monkeypatch):
    """With the same noisy matrix, users make no difference to what is released."""
    noisy = np.random.default_rng(0).normal(0, 9, (40, 40)).astype(np.float32)
    noisy += noisy.T
    monkeypatch.setattr(
        "sklearn_metarec.privacy._private_gram.noisy_gram", lambda *_: noisy.copy()
    )
    half = table[table[:, 0] % 2 == 0]
    one, two = (
        model(catalogue=range(40)).fit(part).release() for part in (table, half)
    )
    for name in vars(one):
        if name not in ("_users", "_items"):
            first, second = getattr(one, name), getattr(two, name)
            assert pickle.dumps(first) == pickle.dumps(second), name
    assert one._items.ids.tolist() == two._items.ids.tolist()


@pytest.mark.parametrize("model", MODELS)
def test_noise_that_can_be_taken_off_is_not_released(model, table):
    fitted = model(random_state=0).fit(table)
    with pytest.raises(ValueError, match="Fit with random_state=None to release"):
        fitted.release()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_in_the_catalogue_is_left_out(model, table):
    public = [item for item in range(50) if item % 3]
    fitted = model(catalogue=public, random_state=0).fit(table)
    assert fitted.items_.tolist() == public
    assert set(fitted.recommend(k=5)[0].ravel().tolist()) <= set(public)


@pytest.mark.parametrize("model", MODELS)
def test_there_is_no_partial_fit(model, table):
    assert not hasattr(model(), "partial_fit")
    assert not hasattr(model(random_state=0).fit(table), "partial_fit")


@pytest.mark.parametrize("model", MODELS)
def test_strengths_make_no_difference(model, table):
    """A user can write any strength: it would have no bound."""
    ones, large = (
        model(random_state=0).fit(table, np.full(len(table), value))
        for value in (1.0, 1e6)
    )
    np.testing.assert_array_equal(
        ones.recommend(history=BASKET)[1], large.recommend(history=BASKET)[1]
    )


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_much_noise_leaves_the_matrix_positive_definite(table, threshold):
    model = PrivateEASE(0.01, threshold=threshold, random_state=0).fit(table)
    assert np.isfinite(model.item_weights_).all()
    # Of what EASE solves, a small matrix has small weights.
    assert np.abs(model.item_weights_).max() < 2


@pytest.mark.parametrize("n", [5, 300])
def test_the_least_eigenvalue(n):
    matrix = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    matrix += matrix.T
    expected = np.linalg.eigvalsh(matrix.astype(float))[0]
    assert _least_eigenvalue(matrix) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("model", MODELS)
def test_checkerboard(model, checkerboard):
    X = np.concatenate([checkerboard.X + np.array([20 * n, 0]) for n in range(100)])
    items, _ = model(8.0, threshold=0.0, random_state=0).fit(X).recommend(range(20), 1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)


@pytest.mark.parametrize(
    ("model", "floor"), [(PrivateEASE, 0.4), (PrivateItemKNN, 0.38)]
)
def test_quality_on_real_data(model, floor, load_table):
    X = load_table("msweb")[["user_id", "item_id"]].to_numpy()
    train, test = next(PerUserShuffleSplit(test_size=0.2, random_state=0).split(X))
    score = model(1.0, random_state=0).fit(X[train]).score(X[test])
    assert score > floor
    assert score > PopularityRecommender().fit(X[train]).score(X[test])
