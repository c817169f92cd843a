import numpy as np
import pytest
from scipy import stats

from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.meta import meta_features
from sklearn_metarec.meta._meta_features import describe

# ann rates three things, bob one, eve one.
X = [["ann", 1], ["ann", 2], ["ann", 3], ["bob", 1], ["eve", 1]]
Y = [5.0, 4.0, 3.0, 1.0, 3.0]


def test_hand_values_of_sizes():
    features = meta_features(X, Y)
    assert features["n_users"] == 3
    assert features["n_items"] == 3
    assert features["n_interactions"] == 5
    assert features["density"] == pytest.approx(5 / 9)
    assert features["users_per_item"] == 1
    assert features["items_per_user"] == 1
    assert features["head_share"] == 1  # all three items are among the ten


def test_hand_values_of_distributions():
    features = meta_features(X, Y)
    assert features["rating_mean"] == pytest.approx(16 / 5)
    assert features["rating_median"] == 3
    assert features["rating_mode"] == 3
    assert features["rating_min"] == 1
    assert features["rating_max"] == 5
    assert features["user_count_mean"] == pytest.approx(5 / 3)
    assert features["user_count_mode"] == 1
    assert features["user_sum_max"] == 12
    assert features["user_mean_min"] == 1
    assert features["item_mean_max"] == 4
    assert features["item_count_max"] == 3
    # Counts 1, 1, 3: two values, of two thirds and one third.
    expected = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert features["user_count_entropy"] == pytest.approx(expected)
    # ((2 - 4) * 1 + (4 - 4) * 1 + (6 - 4) * 3) / (3 * 5)
    assert features["user_count_gini"] == pytest.approx(4 / 15)


def test_statistics_are_those_of_scipy():
    values = np.random.default_rng(0).poisson(3.0, 500).astype(float) ** 2
    found = describe(values)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["std"] == pytest.approx(values.std())
    assert found["median"] == np.median(values)
    assert found["mode"] == stats.mode(values).mode
    assert found["skew"] == pytest.approx(stats.skew(values))
    assert found["kurtosis"] == pytest.approx(stats.kurtosis(values))
    counts = np.unique(values, return_counts=True)[1]
    assert found["entropy"] == pytest.approx(stats.entropy(counts))
    differences = np.abs(values[:, None] - values[None, :]).mean()
    assert found["gini"] == pytest.approx(differences / (2 * values.mean()))


@pytest.mark.parametrize("values", [[7.0], [0.1 + 0.2, 0.3, 0.3], [0.0, 0.0]])
def test_equal_values_have_no_shape(values):
    found = describe(np.array(values))
    assert found["skew"] == found["kurtosis"] == 0
    assert found["gini"] == pytest.approx(0, abs=1e-12)


def test_gini_of_negative_values_is_that_of_the_shifted():
    assert (
        describe(np.array([-1.0, 1.0]))["gini"]
        == describe(np.array([0.0, 2.0]))["gini"]
    )


def test_without_ratings_sums_are_counts():
    features = meta_features(X)
    assert features["rating_std"] == 0
    assert features["user_sum_gini"] == features["user_count_gini"]


def test_a_coded_table_gives_the_same():
    assert meta_features(encode_interactions(X), Y) == meta_features(X, Y)


def test_landmarks_know_structure_from_noise():
    options = {"n_users": 400, "n_items": 150, "n_interactions": 12_000}
    taste, _ = make_interactions(**options, n_factors=2, random_state=0)
    noise, _ = make_interactions(**options, taste_strength=0, random_state=0)
    found = meta_features(taste, landmarks=True, random_state=0)
    assert found["landmark_item_knn_5"] > 1.3 * found["landmark_popularity"]
    found = meta_features(noise, landmarks=True, random_state=0)
    assert found["landmark_item_knn_5"] < 1.1 * found["landmark_popularity"]
    assert all(isinstance(value, float) for value in found.values())


def test_landmarks_of_a_large_table_are_those_of_a_sample():
    X, _ = make_interactions(3000, 200, 60_000, random_state=0)
    first, again, other = (
        meta_features(X, landmarks=True, random_state=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first["landmark_popularity"] != other["landmark_popularity"]


def test_landmarks_are_nan_where_nothing_can_be_held_out():
    found = meta_features([["a", 1], ["b", 2]], landmarks=True)
    assert np.isnan(found["landmark_popularity"])


def test_bad_input():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        meta_features(X, [1.0])
    with pytest.raises(ValueError, match="0 sample"):
        meta_features(np.empty((0, 2)))
