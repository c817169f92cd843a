"""The two floors."""

import numpy as np

from sklearn_metarec import PopularityRecommender, RandomRecommender

X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "rum"]]


def test_popularity_is_the_share_of_users():
    model = PopularityRecommender().fit(X, [1, 1, 1, 0])
    assert model.items_.tolist() == ["milk", "rum", "tea"]
    # 3 users: milk has 1 of them, tea 2, rum was seen but not liked.
    np.testing.assert_allclose(model.item_scores_, [1 / 3, 0, 2 / 3])


def test_weighted_popularity_is_the_share_of_strength():
    model = PopularityRecommender(weighted=True).fit(X, [1, 5, 2, 2])
    np.testing.assert_allclose(model.item_scores_, [5 / 10, 2 / 10, 3 / 10])


def test_random_is_uniform_seeded_and_the_same_at_every_call():
    rng = np.random.default_rng(0)
    table = rng.integers(0, 200, (3000, 2))
    model = RandomRecommender(random_state=0).fit(table)
    everything = np.array([(u, i) for u in model.users_ for i in model.items_])
    scores = model.predict(everything)
    assert abs(scores.mean() - 0.5) < 0.01
    assert abs(scores.std() - np.sqrt(1 / 12)) < 0.01
    grid = scores.reshape(len(model.users_), -1)
    correlation = np.corrcoef(grid)
    assert np.abs(correlation[np.triu_indices(len(grid), 1)]).mean() < 0.1
    again = RandomRecommender(random_state=0).fit(table).predict(everything)
    np.testing.assert_array_equal(scores, again)
    other = RandomRecommender(random_state=1).fit(table).predict(everything)
    assert (scores != other).mean() > 0.99


def test_random_new_users_get_random_items_too():
    model = RandomRecommender(random_state=0).fit(X)
    _, scores = model.recommend(["ann"], k=3, exclude_seen=False)
    assert len(set(scores[0])) == 3
