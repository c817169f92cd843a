"""Samples, survivors, and what a number of evaluations can pay for."""

import numpy as np
import pytest

from sklearn_metarec.meta import _race


@pytest.mark.parametrize(
    ("n_rows", "plan"),
    [
        (10, [1]),
        (80_000, [1]),
        (90_000, [1 / 3, 1]),
        (1_000_000, [1 / 27, 1 / 9, 1 / 3, 1]),
    ],
)
def test_shares_grow_to_all_users(n_rows, plan):
    np.testing.assert_allclose(_race.shares(n_rows), plan)


def test_survivors_are_the_better_half_without_the_surely_worse():
    rng = np.random.default_rng(0)
    base = rng.random(500)
    values = {
        "best": base,
        "close": base - 0.01 + rng.normal(0, 0.3, 500),
        "behind": base - 0.1 + rng.normal(0, 0.1, 500),
        "last": base - 0.5,
        "worst": base - 0.6,
    }
    scores = {name: v.mean() for name, v in values.items()}
    order = {name: place for place, name in enumerate(values)}
    assert _race.survivors(scores, values, order) == ["best", "close"]


def test_without_values_a_user_the_better_half_survives():
    scores = {"a": 0.1, "b": 0.3, "c": 0.2}
    nothing = dict.fromkeys(scores)
    order = {"a": 0, "b": 1, "c": 2}
    assert _race.survivors(scores, nothing, order) == ["b", "c"]


def test_ties_go_to_the_earlier_place():
    scores = {"late": 0.5, "early": 0.5}
    order = {"late": 1, "early": 0}
    assert _race.survivors(scores, dict.fromkeys(scores), order) == ["early"]


@pytest.mark.parametrize(
    ("n_configs", "n_folds", "plan", "evaluations", "expected"),
    [
        (10, 1, [0.3, 1.0], None, (10, 1, [0.3, 1.0])),
        # 4 on the sample and 2 of them on all users: 6. Five would need 5 + 3 = 8.
        (10, 1, [0.3, 1.0], 7, (4, 1, [0.3, 1.0])),
        (10, 2, [0.3, 1.0], 7, (2, 2, [0.3, 1.0])),
        (10, 3, [0.3, 1.0], 4, (1, 3, [1.0])),
        (10, 3, [0.3, 1.0], 1, (1, 1, [1.0])),
    ],
)
def test_affordable(n_configs, n_folds, plan, evaluations, expected):
    assert _race.affordable(n_configs, n_folds, plan, evaluations) == expected
