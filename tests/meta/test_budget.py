"""What a selection may cost."""

import pytest

from sklearn_metarec.meta._budget import Clock, parse_budget


@pytest.mark.parametrize(
    ("budget", "parsed"),
    [
        (None, (None, None)),
        ("60s", (60.0, None)),
        ("1.5 min", (90.0, None)),
        ("2h", (7200.0, None)),
        (25, (None, 25)),
    ],
)
def test_parse_budget(budget, parsed):
    assert parse_budget(budget) == parsed


@pytest.mark.parametrize("budget", ["60", "0s", "soon", "-3s", 0, -1, 2.5, "5 days"])
def test_other_budgets_are_refused(budget):
    with pytest.raises(ValueError, match="neither a time such as"):
        parse_budget(budget)


def test_clock_without_a_limit_allows_everything():
    clock = Clock()
    assert clock.allows(1e9)
    assert clock.limit() is None


def test_clock_keeps_the_reserve_back():
    clock = Clock(100.0)
    assert clock.allows(99.0)
    assert not clock.allows(101.0)
    clock.reserve = 30.0
    assert 69.0 < clock.left <= 70.0
    # Of unknown cost: a quarter of all seconds at most; of known cost: what is left.
    assert clock.limit() == 25.0
    assert 69.0 < clock.limit(cost=3.0) <= 70.0
