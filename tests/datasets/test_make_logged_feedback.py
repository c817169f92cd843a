"""The generated log, against the truth that comes with it."""

import numpy as np
import pytest
from scipy import stats

from sklearn_metarec.datasets import make_logged_feedback


def test_items_are_shown_with_their_propensities():
    log = make_logged_feedback(3, 4, 30_000, greediness=1.0, random_state=0)
    np.testing.assert_allclose(log.propensities.sum(axis=1), 1)
    user, item = log.data["user_id"], log.data["item_id"]
    np.testing.assert_array_equal(log.data["propensity"], log.propensities[user, item])
    for one in range(3):
        counts = np.bincount(item[user == one], minlength=4)
        expected = log.propensities[one] * counts.sum()
        assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_clicks_come_with_their_probabilities():
    log = make_logged_feedback(3, 4, 30_000, random_state=1)
    assert set(log.target) == {0.0, 1.0}
    user, item = log.data["user_id"], log.data["item_id"]
    for one in range(3):
        for other in range(4):
            there = (user == one) & (item == other)
            clicks = int(log.target[there].sum())
            p = log.click_probability[one, other]
            assert stats.binomtest(clicks, int(there.sum()), p).pvalue > 1e-4


def test_greediness_makes_clicks():
    rates = [
        make_logged_feedback(greediness=g, random_state=0).target.mean()
        for g in (-1.0, 0.0, 1.0)
    ]
    assert rates == sorted(rates)
    np.testing.assert_allclose(make_logged_feedback(n_items=4).propensities, 1 / 4)


def test_a_longer_log_is_of_the_same_users_and_items():
    short, long = (make_logged_feedback(n_rows=n, random_state=5) for n in (10, 99))
    np.testing.assert_array_equal(short.click_probability, long.click_probability)
    again = make_logged_feedback(n_rows=99, random_state=5)
    assert again.data.equals(long.data)
    np.testing.assert_array_equal(again.target, long.target)


def test_wrong_parameters_are_named():
    with pytest.raises(ValueError, match="n_items"):
        make_logged_feedback(n_items=0)
