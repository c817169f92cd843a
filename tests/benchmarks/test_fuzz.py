"""A short run of what `benchmarks/fuzz.py` does for as long as one likes."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
import _fuzzing

sys.path.pop(0)


def of_speed(slow):
    found = _fuzzing.estimators()
    return [name for name in found if (name in _fuzzing.SLOW) == slow]


def on_cases(estimator, n, check):
    # The same cases each time: new ones are for the script to find.
    @settings(
        max_examples=n, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=_fuzzing.cases(estimator))
    def attempt(case):
        check(estimator, case)

    attempt()


def run(name, n):
    on_cases(_fuzzing.estimators()[name], n, _fuzzing.check)


@pytest.mark.parametrize("name", of_speed(slow=False))
def test_no_table_does_more_than_raise_a_documented_error(name):
    run(name, 25)


@pytest.mark.parametrize("name", of_speed(slow=True))
def test_nor_where_a_fit_takes_longer(name):
    run(name, 3)


@pytest.mark.filterwarnings("ignore")  # an odd table is warned of
def test_most_cases_are_learned_from():
    """Otherwise all of the above shows little."""
    learned, n = 0, 200

    def fit(estimator, case):
        nonlocal learned
        try:
            estimator.fit(case["X"], case["y"], case["weight"])
        except _fuzzing.DOCUMENTED:
            return
        learned += 1

    on_cases(_fuzzing.estimators()["EASE"], n, fit)
    assert learned > n / 3
