from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from sklearn_metarec.datasets import make_interactions

CAP = 2.0  # standard deviations of affinity


def gini(counts):
    counts = np.sort(counts)
    n = len(counts)
    return 1 + 1 / n - 2 * np.sum(np.cumsum(counts)) / (n * counts.sum())


def excess_chi2(observed, expected):
    """How many standard deviations the chi-square statistic lies above its mean."""
    df = len(expected) - 1
    return (np.sum((observed - expected) ** 2 / expected) - df) / np.sqrt(2 * df)


def ndcg_at_10(scores, train, test):
    """Mean nDCG@10 of users with something in test; what is in train is left out."""
    scores = np.where(train > 0, -np.inf, scores)
    top = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    gains = np.take_along_axis(test, top, axis=1)
    discounts = 1 / np.log2(np.arange(2, 12))
    n_relevant = test.sum(axis=1)
    ideal = np.cumsum(discounts)[np.minimum(n_relevant, 10) - 1]
    return np.mean((gains @ discounts / ideal)[n_relevant > 0])


def ease_and_popularity(X, shape, is_test, regularization=50.0):
    """NDCG@10 of EASE (Steck 2019) and of popularity on held-out rows."""
    train = np.zeros(shape)
    train[*X[~is_test].T] = 1
    test = np.zeros(shape, dtype=int)
    test[*X[is_test].T] = 1
    gram = train.T @ train
    inverse = np.linalg.inv(gram + regularization * np.eye(shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    popularity = np.broadcast_to(np.diag(gram), shape)
    return [ndcg_at_10(scores, train, test) for scores in (train @ weights, popularity)]


def sequences(X):
    """The items of each user, in the order of the rows."""
    order = np.argsort(X[:, 0], kind="stable")
    return np.split(X[order, 1], np.flatnonzero(np.diff(X[order, 0])) + 1)


class TestTable:
    def test_default(self):
        X, y = make_interactions(random_state=0)
        assert X.shape == (20_000, 2)
        assert X.dtype == np.int64
        assert y.dtype == np.float64
        assert np.all(y == 1)
        assert len(y) == 20_000
        assert set(X[:, 0]) == set(range(1000))
        assert X[:, 1].min() >= 0
        assert X[:, 1].max() < 500
        assert len(np.unique(X, axis=0)) == 20_000

    def test_timestamps_are_in_order_and_fill_a_year(self):
        X, _ = make_interactions(timestamps=True, random_state=0)
        seconds = X[:, 2]
        assert np.all(np.diff(seconds) >= 0)
        begin, end = pd.to_datetime(seconds[[0, -1]], unit="s")
        assert begin.strftime("%Y-%m-%d") == "2024-01-01"
        assert end.strftime("%Y-%m-%d") == "2024-12-31"
        # Spread evenly: each quarter of the span has a quarter of the rows.
        quarters = (seconds - seconds[0]) * 4 // (seconds[-1] + 1 - seconds[0])
        shares = np.bincount(quarters) / len(quarters)
        np.testing.assert_allclose(shares, 1 / 4, atol=0.02)

    @pytest.mark.parametrize("timestamps", [False, True])
    def test_frame(self, timestamps):
        options = {"timestamps": timestamps, "feedback": "explicit", "random_state": 0}
        X, y = make_interactions(**options)
        frame, series = make_interactions(**options, as_frame=True)
        names = ["user_id", "item_id", "timestamp"][: 2 + timestamps]
        assert list(frame.columns) == names
        assert isinstance(series, pd.Series)
        assert series.name == "rating"
        np.testing.assert_array_equal(frame, X)
        np.testing.assert_array_equal(series, y)
        assert make_interactions(as_frame=True)[1].name == "strength"

    def test_bunch(self):
        options = {"n_users": 30, "n_items": 20, "n_interactions": 90}
        data = make_interactions(**options, return_X_y=False, random_state=1)
        X, y = make_interactions(**options, random_state=1)
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.y, y)
        assert data.feature_names == ["user_id", "item_id"]
        assert data.item_features is None
        assert data.user_features is None
        assert data.item_factors.shape == (20, 8)
        np.testing.assert_allclose(np.linalg.norm(data.user_factors, axis=1), 1, 1e-5)
        np.testing.assert_array_equal(data.user_factors, data.user_factors_end)
        assert data.item_popularity.sum() == pytest.approx(1)
        assert data.parameters["n_users"] == 30
        assert data.parameters["noise"] == 0.5
        assert make_interactions.__doc__ == data.DESCR

    @pytest.mark.parametrize(
        ("n_users", "n_items", "n_interactions"),
        [(1, 1, 1), (5, 1, 5), (1, 7, 7), (40, 3, 10), (30, 20, 600), (200, 30, 5900)],
    )
    def test_tiny_and_full(self, n_users, n_items, n_interactions):
        for drift in (0, 0.7):
            X, _ = make_interactions(
                n_users, n_items, n_interactions, drift=drift, random_state=0
            )
            assert len(np.unique(X, axis=0)) == len(X) == n_interactions
            if n_interactions >= n_users:
                assert len(np.unique(X[:, 0])) == n_users
            assert X.min() >= 0
            assert X[:, 1].max() < n_items

    def test_repeats(self):
        X, _ = make_interactions(
            10, 5, 2000, repeats=True, activity_skew=0, taste_strength=0, random_state=0
        )
        assert X.shape == (2000, 2)
        assert len(np.unique(X, axis=0)) == 50


class TestSeed:
    def test_same_seed_same_table(self):
        options = {"timestamps": True, "feedback": "explicit", "drift": 0.3}
        X, y = make_interactions(**options, random_state=3)
        for seed in (3, np.random.RandomState(3)):
            X_again, y_again = make_interactions(**options, random_state=seed)
            np.testing.assert_array_equal(X_again, X)
            np.testing.assert_array_equal(y_again, y)
        assert not np.array_equal(make_interactions(**options, random_state=4)[0], X)

    @pytest.mark.parametrize("repeats", [False, True])
    def test_threads_change_nothing(self, repeats):
        options = {"feedback": "explicit", "drift": 0.5, "repeats": repeats}
        # So few items that both ways to draw are used.
        one, two, three = (
            make_interactions(
                2000, 60, 40_000, **options, n_jobs=n_jobs, random_state=0
            )
            for n_jobs in (1, 2, 3)
        )
        for other in (two, three):
            np.testing.assert_array_equal(other[0], one[0])
            np.testing.assert_array_equal(other[1], one[1])

    @pytest.mark.parametrize(
        "options",
        [
            {"feedback": "explicit"},
            {"feedback": "explicit", "noise": 2.0},
            {"n_item_features": 3, "return_X_y": False},
            {"n_user_features": 2, "return_X_y": False},
            {"timestamps": True},
        ],
    )
    def test_additions_leave_the_pairs_alone(self, options):
        X, _ = make_interactions(random_state=5)
        data = make_interactions(**options, random_state=5)
        other = data[0] if isinstance(data, tuple) else data.X
        np.testing.assert_array_equal(other[:, :2], X)

    def test_features_do_not_depend_on_each_other(self):
        both, items, users = (
            make_interactions(**options, return_X_y=False, random_state=5)
            for options in (
                {"n_item_features": 3, "n_user_features": 2},
                {"n_item_features": 3},
                {"n_user_features": 2},
            )
        )
        np.testing.assert_array_equal(both.item_features, items.item_features)
        np.testing.assert_array_equal(both.user_features, users.user_features)


class TestSkew:
    def test_popularity(self):
        ginis = []
        for skew in (0.0, 0.5, 1.0, 1.5):
            X, _ = make_interactions(
                popularity_skew=skew, taste_strength=0, random_state=0
            )
            ginis.append(gini(np.bincount(X[:, 1], minlength=500)))
        assert ginis[0] < 0.1
        assert np.all(np.diff(ginis) > 0.1)

    def test_popularity_follows_zipf(self):
        data = make_interactions(
            100, 50, 200_000, popularity_skew=0.8, taste_strength=0,
            repeats=True, return_X_y=False, random_state=0,
        )  # fmt: skip
        zipf = np.arange(1, 51) ** -0.8
        np.testing.assert_allclose(
            np.sort(data.item_popularity)[::-1], zipf / zipf.sum()
        )
        observed = np.bincount(data.X[:, 1], minlength=50)
        assert abs(excess_chi2(observed, 200_000 * data.item_popularity)) < 4

    @pytest.mark.parametrize("skew", [0.0, 0.5, 1.0])
    def test_activity_is_lognormal(self, skew):
        X, _ = make_interactions(
            2000, 5000, 200_000, activity_skew=skew, random_state=0
        )
        counts = np.bincount(X[:, 0])
        assert counts.sum() == 200_000
        assert np.std(np.log(counts)) == pytest.approx(skew, abs=0.03)
        if skew == 0:
            assert np.all(counts == 100)

    def test_ids_say_nothing(self):
        X, _ = make_interactions(random_state=0)
        for ids in X.T:
            counts = np.bincount(ids)
            correlation = np.corrcoef(rankdata(counts), np.arange(len(counts)))[0, 1]
            assert abs(correlation) < 4 / np.sqrt(len(counts))


class TestLaw:
    """Draws follow popularity * exp(affinity), whichever way they were drawn."""

    @staticmethod
    def law(data):
        """The probabilities of (user, item)."""
        strength = data.parameters["taste_strength"]
        affinity = strength * data.user_factors @ data.item_factors.T
        weights = data.item_popularity * np.exp(np.minimum(affinity, CAP * strength))
        return weights / weights.sum(axis=1, keepdims=True)

    @staticmethod
    def by_affinity(data, observed, expected):
        """The chi-square excess over 20 classes of affinity, as large as each other."""
        affinity = data.user_factors @ data.item_factors.T
        edges = np.quantile(affinity, np.arange(1, 20) / 20)
        classes = np.digitize(affinity, edges).ravel()
        sums = [np.bincount(classes, v.ravel()) for v in (observed, expected)]
        return excess_chi2(*sums)

    @pytest.mark.parametrize(
        ("n_users", "n_per_user"),
        # Few rows a user are drawn by rejection alone, many by bisection mostly.
        [(20_000, 10), (50, 4000)],
    )
    def test_with_replacement(self, n_users, n_per_user):
        data = make_interactions(
            n_users, 40, n_users * n_per_user, repeats=True, activity_skew=0,
            taste_strength=1.5, return_X_y=False, random_state=0,
        )  # fmt: skip
        expected = n_per_user * self.law(data)
        observed = np.zeros_like(expected)
        np.add.at(observed, tuple(data.X.T), 1)
        # Cells are joined by item, and by what the user thinks of it.
        assert abs(excess_chi2(observed.sum(axis=0), expected.sum(axis=0))) < 4
        assert abs(self.by_affinity(data, observed, expected)) < 4

    @pytest.mark.parametrize(
        ("strength", "drift"), [(0.0, 0.0), (2.0, 0.0), (6.0, 0.0), (2.0, 1e-9)]
    )
    def test_without_replacement(self, strength, drift):
        # All orders of three out of five items, against the law of drawing and
        # removing. A strong taste sends most draws to the exponential variables, and
        # a drift of almost nothing divides each user's draws among 16 periods.
        n_users = 30_000
        data = make_interactions(
            n_users, 5, 3 * n_users, activity_skew=0, taste_strength=strength,
            drift=drift, n_factors=2, return_X_y=False, random_state=0,
        )  # fmt: skip
        p = self.law(data)
        observed, expected = [], []
        drawn = np.array(sequences(data.X))
        for first, second, third in permutations(range(5), 3):
            rest = 1 - p[:, first]
            probability = p[:, first] * p[:, second] / rest
            probability *= p[:, third] / (rest - p[:, second])
            expected.append(probability.sum())
            observed.append(np.sum(np.all(drawn == (first, second, third), axis=1)))
        assert sum(observed) == n_users
        assert abs(excess_chi2(np.array(observed), np.array(expected))) < 4
        first = np.zeros_like(p)
        first[np.arange(n_users), drawn[:, 0]] = 1
        assert abs(self.by_affinity(data, first, p)) < 4

    def test_extreme_taste(self):
        X, _ = make_interactions(50, 40, 1500, taste_strength=1e4, random_state=0)
        assert len(np.unique(X, axis=0)) == 1500


class TestTaste:
    @pytest.mark.parametrize("seed", range(3))
    def test_there_is_something_to_learn(self, seed):
        X, _ = make_interactions(random_state=seed)
        is_test = np.random.default_rng(seed).random(len(X)) < 0.2
        ease, popularity = ease_and_popularity(X, (1000, 500), is_test)
        assert ease > 1.4 * popularity

    def test_without_taste_there_is_not(self):
        X, _ = make_interactions(taste_strength=0, random_state=0)
        is_test = np.random.default_rng(0).random(len(X)) < 0.2
        ease, popularity = ease_and_popularity(X, (1000, 500), is_test)
        assert ease < popularity

    def test_low_rank(self):
        # What popularity leaves unexplained has as many large singular values as
        # there are factors.
        X, _ = make_interactions(
            2000, 300, 60_000, n_factors=3, popularity_skew=0, activity_skew=0,
            taste_strength=1, random_state=0,
        )  # fmt: skip
        matrix = np.zeros((2000, 300))
        matrix[*X.T] = 1
        values = np.linalg.svd(matrix - matrix.mean(axis=0), compute_uv=False)
        assert values[2] / values[3] > 1.5
        assert values[3] / values[4] < 1.1


class TestDrift:
    @staticmethod
    def early_and_late(drift):
        # With repeats: without, users take their favourites first, drift or not.
        data = make_interactions(
            2000, 500, 100_000, drift=drift, repeats=True, return_X_y=False,
            random_state=0,
        )  # fmt: skip
        return data, data.X[:10_000], data.X[-10_000:]

    @pytest.mark.parametrize("drift", [0.0, 0.5, 1.0])
    def test_tastes_turn_by_the_stated_angle(self, drift):
        data, early, late = self.early_and_late(drift)
        cosines = np.sum(data.user_factors * data.user_factors_end, axis=1)
        np.testing.assert_allclose(cosines, np.cos(drift * np.pi / 2), atol=1e-5)
        lengths = np.linalg.norm(data.user_factors_end, axis=1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-5)

        def affinity(X, user_factors):
            return np.mean(
                np.sum(user_factors[X[:, 0]] * data.item_factors[X[:, 1]], 1)
            )

        # Rows are chosen by the taste of their time.
        fit = affinity(early, data.user_factors)
        assert fit > 1
        assert affinity(late, data.user_factors_end) == pytest.approx(fit, rel=0.1)
        expected = fit * np.cos(drift * np.pi / 2)
        assert affinity(late, data.user_factors) == pytest.approx(expected, abs=0.25)

    def test_popularity_moves(self):
        correlations = []
        for drift in (0.0, 0.5, 1.0):
            data, early, late = self.early_and_late(drift)
            counts = [
                rankdata(np.bincount(X[:, 1], minlength=500)) for X in (early, late)
            ]
            correlations.append(np.corrcoef(*counts)[0, 1])
            same = np.array_equal(data.item_popularity, data.item_popularity_end)
            assert same is (drift == 0)
            np.testing.assert_allclose(
                np.sort(data.item_popularity), np.sort(data.item_popularity_end)
            )
        assert correlations[0] > 0.8
        assert np.all(np.diff(correlations) < -0.1)

    def test_the_past_tells_less_of_the_future(self):
        scores = []
        for drift in (0.0, 0.5, 1.0):
            X, _ = make_interactions(2000, 1000, 60_000, drift=drift, random_state=0)
            is_test = np.arange(60_000) >= 48_000
            scores.append(ease_and_popularity(X, (2000, 1000), is_test)[0])
        assert scores[0] > 1.15 * scores[1] > 1.15**2 * scores[2]

    def test_single_factor(self):
        data = make_interactions(
            n_factors=1, drift=1.0, return_X_y=False, random_state=0
        )
        assert np.all(np.abs(data.user_factors) == 1)
        np.testing.assert_allclose(data.user_factors_end, 0, atol=1e-6)


class TestFeatures:
    @staticmethod
    def explained(target, source):
        """Share of the variance of each target column that is linear in source."""
        source = np.column_stack([np.ones(len(source)), source])
        fit = source @ np.linalg.lstsq(source, target, rcond=None)[0]
        return 1 - np.var(target - fit, axis=0) / np.var(target, axis=0)

    @pytest.mark.parametrize("role", ["item", "user"])
    def test_features_tell_of_taste(self, role):
        data = make_interactions(
            2000, 2000, 20_000, n_factors=4, n_item_features=12, n_user_features=12,
            return_X_y=False, random_state=0,
        )  # fmt: skip
        features, factors = data[f"{role}_features"], data[f"{role}_factors"]
        assert features.shape == (2000, 12)
        np.testing.assert_allclose(self.explained(features, factors), 0.8, atol=0.04)
        np.testing.assert_allclose(np.var(features, axis=0), 1, atol=0.15)
        # The other way round, which is what a cold start needs.
        assert np.all(self.explained(factors, features) > 0.7)

    def test_features_predict_what_new_items_are_taken_by(self):
        data = make_interactions(n_item_features=12, return_X_y=False, random_state=0)
        matrix = np.zeros((1000, 500))
        matrix[*data.X.T] = 1
        old = np.arange(500) < 400
        # Users' mean features of their old items against the features of new ones.
        profiles = matrix[:, old] @ data.item_features[old]
        scores = profiles @ data.item_features[~old].T
        taken = matrix[:, ~old] > 0
        assert scores[taken].mean() > scores.mean() + 0.5 * scores.std()

    def test_frames_are_keyed(self):
        data = make_interactions(
            30, 20, 90, n_item_features=2, n_user_features=1, as_frame=True,
            return_X_y=False, random_state=0,
        )  # fmt: skip
        names = ["item_id", "item_feature_0", "item_feature_1"]
        assert list(data.item_features.columns) == names
        assert list(data.user_features.columns) == ["user_id", "user_feature_0"]
        assert list(data.item_features["item_id"]) == list(range(20))
        assert list(data.user_features["user_id"]) == list(range(30))


class TestRatings:
    def test_range(self):
        _, y = make_interactions(feedback="explicit", random_state=0)
        assert sorted(set(y)) == [1, 2, 3, 4, 5]
        assert 3.2 < y.mean() < 4.2  # users rate what they chose
        assert 0.6 < y.std() < 1.2

    def test_taste_and_noise(self):
        def unexplained(noise):
            data = make_interactions(
                200, 100, 6000, feedback="explicit", noise=noise, return_X_y=False,
                random_state=0,
            )  # fmt: skip
            users, items = data.X.T
            affinity = np.sum(data.user_factors[users] * data.item_factors[items], 1)
            levels = np.zeros((len(users), 300))
            levels[np.arange(len(users)), users] = 1
            levels[np.arange(len(users)), 200 + items] = 1
            design = np.column_stack([affinity, levels])
            gram = design.T @ design + 1e-6 * np.eye(301)
            coefficients = np.linalg.solve(gram, design.T @ data.y)
            return coefficients[0], np.std(data.y - design @ coefficients)

        slopes, residuals = zip(*map(unexplained, (0.0, 0.5, 1.0)), strict=True)
        # Half a star for a standard deviation of affinity, less what clipping takes.
        np.testing.assert_allclose(slopes, 0.5, atol=0.12)
        assert residuals[0] < 0.4  # rounding to whole stars: sqrt(1 / 12) = 0.29
        assert residuals[0] + 0.15 < residuals[1] < residuals[2] - 0.15


class TestErrors:
    def test_too_many_rows(self):
        with pytest.raises(ValueError, match="n_interactions=7 exceeds the 6 distinct"):
            make_interactions(3, 2, 7)
        assert len(make_interactions(3, 2, 7, repeats=True)[0]) == 7

    @pytest.mark.parametrize("name", ["n_item_features", "n_user_features"])
    def test_features_need_a_bunch(self, name):
        with pytest.raises(ValueError, match="Pass return_X_y=False"):
            make_interactions(**{name: 1})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_users", 0),
            ("n_interactions", 1.5),
            ("drift", 1.1),
            ("feedback", "both"),
            ("noise", -0.1),
            ("taste_strength", np.inf),
            ("activity_skew", 11),
        ],
    )
    def test_parameters_are_checked(self, name, value):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            make_interactions(**{name: value})
