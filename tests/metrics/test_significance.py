import numpy as np
import pytest
from scipy import stats

from sklearn_metarec.metrics import mean_interval, paired_test

METHODS = ["bootstrap", "permutation", "wilcoxon", "t"]
A = np.array([0.9, 0.4, 0.7, 0.8, 0.3, 0.6, 0.75, 0.2])
B = np.array([0.5, 0.45, 0.6, 0.5, 0.1, 0.55, 0.4, 0.3])


@pytest.mark.parametrize("method", METHODS)
def test_difference_and_users(method):
    a, b = np.append(A, [np.nan, 1.0]), np.append(B, [0.5, np.nan])
    result = paired_test(a, b, method=method, random_state=0)
    assert result.difference == pytest.approx(np.mean(A - B))
    assert result.n_users == 8
    low, high = result.interval
    assert low < result.difference < high
    assert 0 < result.p_value < 0.2


@pytest.mark.parametrize("method", METHODS)
def test_swapping_the_models_mirrors_the_result(method):
    forth = paired_test(A, B, method=method, random_state=0)
    back = paired_test(B, A, method=method, random_state=0)
    assert back.difference == pytest.approx(-forth.difference)
    assert back.p_value == pytest.approx(forth.p_value)
    assert back.interval == pytest.approx((-forth.interval[1], -forth.interval[0]))


@pytest.mark.parametrize("method", METHODS)
def test_no_difference_at_all(method):
    result = paired_test(A, A, method=method, random_state=0)
    assert result.difference == 0
    assert result.p_value == 1
    assert result.interval == (0, 0)


def test_t_is_scipys():
    result = paired_test(A, B, method="t")
    expected = stats.ttest_rel(A, B)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.interval == pytest.approx(tuple(expected.confidence_interval()))


def test_wilcoxon_is_scipys():
    result = paired_test(A, B, method="wilcoxon")
    assert result.p_value == pytest.approx(stats.wilcoxon(A, B).pvalue)


def test_constant_difference_is_certain():
    # 0.25 is exact in binary, so that the differences are equal to the bit.
    result = paired_test([0.5, 0.75, 1.0], [0.25, 0.5, 0.75], method="t")
    assert result.p_value == 0
    assert result.interval == (0.25, 0.25)


def test_permutation_tries_every_swap_of_few_users():
    # Differences 1, 2, 4 of weight 1/3: 7/3 is reached by the signs +++ and ---.
    result = paired_test([1, 2, 4], [0, 0, 0], method="permutation")
    assert result.p_value == 2 / 8
    # With -1, 2, 4 the sum is 5: also +++, -2-4-1 and -2-4+1 are as far from 0.
    assert paired_test([-1, 2, 4], [0] * 3, method="permutation").p_value == 4 / 8


def test_permutation_by_chance_is_near_the_exact_one():
    exact = paired_test(A, B, method="permutation", n_resamples=2**8).p_value
    drawn = paired_test(
        A, B, method="permutation", n_resamples=2**8 - 1, random_state=0
    ).p_value
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 255))


@pytest.mark.parametrize("method", ["bootstrap", "permutation", "t"])
def test_users_of_weight_zero_are_left_out(method):
    options = {"method": method, "random_state": 0}
    weight = np.append(np.full(8, 0.25), [0, 0])
    a, b = np.append(A, [9, 9]), np.append(B, [0, 0])
    assert paired_test(a, b, sample_weight=weight, **options) == paired_test(
        A, B, **options
    )


@pytest.mark.parametrize("method", ["bootstrap", "permutation", "t"])
def test_weights_enter_the_mean(method):
    weight = np.arange(1, 9)
    result = paired_test(A, B, method=method, sample_weight=weight, random_state=0)
    assert result.difference == pytest.approx(weight @ (A - B) / weight.sum())


def test_same_seed_same_result():
    first, again, other = (
        paired_test(A, B, random_state=seed, n_resamples=99) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.interval != other.interval


@pytest.mark.parametrize("method", ["permutation", "wilcoxon", "t", "bootstrap"])
def test_false_alarms_are_as_many_as_announced(method):
    rng = np.random.default_rng(0)
    n_runs, alarms = 400, 0
    for _ in range(n_runs):
        a = rng.beta(1, 3, 40)  # skewed, as metrics of users are
        b = rng.beta(1, 3, 40)
        seed = int(rng.integers(2**31))
        result = paired_test(a, b, method=method, n_resamples=199, random_state=seed)
        alarms += result.p_value <= 0.1
    # 3 standard errors of a share of 0.1 in 400 runs, and .02 as the bootstrap of 40
    # users is not exact.
    assert abs(alarms / n_runs - 0.1) < 3 * np.sqrt(0.1 * 0.9 / n_runs) + 0.02


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", ["bootstrap", "normal"])
def test_intervals_hold_the_truth_as_often_as_announced(method, weighted):
    rng = np.random.default_rng(0)
    n_runs, held = 400, 0
    for _ in range(n_runs):
        values = rng.beta(1, 3, 60)  # mean 1 / 4
        weight = rng.uniform(0.5, 1.5, 60) if weighted else None
        _, low, high = mean_interval(
            values, 0.9, method, n_resamples=199, sample_weight=weight,
            random_state=int(rng.integers(2**31)),
        )  # fmt: skip
        held += low <= 1 / 4 <= high
    assert abs(held / n_runs - 0.9) < 3 * np.sqrt(0.1 * 0.9 / n_runs) + 0.02


def test_normal_interval():
    values = [0.0, 0.5, 1.0, 0.5, np.nan]
    # Standard deviation sqrt(.5 / 3), of the mean of 4 half of it.
    reach = 1.959964 * np.sqrt(0.5 / 3) / 2
    interval = mean_interval(values, method="normal")
    assert interval == pytest.approx((0.5, 0.5 - reach, 0.5 + reach))
    assert interval.low == interval[1]


@pytest.mark.parametrize("method", ["bootstrap", "normal"])
def test_more_confidence_is_wider(method):
    _, low, high = mean_interval(A, 0.8, method, random_state=0)
    _, lower, higher = mean_interval(A, 0.99, method, random_state=0)
    assert lower < low < high < higher


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_test([1, 2], [1, 2, 3]), "a has 2 users, but b has 3"),
        (lambda: paired_test([1, np.nan], [2, 3]), "At least two users .* got 1 of 2"),
        (
            lambda: paired_test([[1]], [1]),
            r"must be one value a user, got .*\(1, 1\)",
        ),
        (lambda: paired_test(A, B, method="z"), "method='z' must be 'bootstrap'"),
        (lambda: paired_test(A, B, n_resamples=0), "n_resamples=0 must be at least 1"),
        (
            lambda: paired_test(A, B, method="wilcoxon", sample_weight=A),
            "Wilcoxon test has no weights",
        ),
        (lambda: paired_test(A, B, sample_weight=[1]), "sample_weight has 1 entries"),
        (lambda: paired_test(A, B, sample_weight=-A), "finite and not negative"),
        (lambda: mean_interval([1.0]), "At least two users with a value"),
        (lambda: mean_interval(A, method="t"), "method='t' must be 'bootstrap' or"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
