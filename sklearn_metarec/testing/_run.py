"""Run the checks, alone or by pytest."""

import warnings
from functools import partial

from sklearn.exceptions import EstimatorCheckFailedWarning

from sklearn_metarec.testing import (
    _check_containers,
    _check_fit,
    _check_history,
    _check_lists,
    _check_partial_fit,
    _check_scores,
    _check_state,
    _check_unknown,
)
from sklearn_metarec.testing._tables import Capabilities

_FAMILIES = (
    _check_fit,
    _check_containers,
    _check_lists,
    _check_unknown,
    _check_scores,
    _check_history,
    _check_partial_fit,
    _check_state,
)


def check_recommender(estimator, *, expected_failures=None, on_fail="raise"):
    """Check that an estimator keeps the promises of a recommender.

    scikit-learn's `check_estimator` sends tables in which every row is a user of its
    own: a recommender that ignores weights passes it. Here users, items and pairs
    repeat. Run both.

    What is checked follows from what the estimator has. Needed are `fit(X, y)`,
    `predict`, `score`, `recommend(users, k, exclude_seen=)`, and the attributes
    `users_` and `items_`. Further keywords of `recommend` (`history`, `items`,
    `exclude`, `as_frame`), `sample_weight` in `fit`, and the methods `explain`,
    `similar_items`, `similar_users` and `partial_fit` are checked where they exist.
    `random_state` is set to 0 throughout.

    Parameters
    ----------
    estimator : estimator
        An instance, with settings that make a fit quick; it is cloned.
    expected_failures : dict of {str: str}, default=None
        Names of checks that may fail, and why.
    on_fail : {"raise", "warn"} or None, default="raise"
        Whether a failure ends the run with its error, becomes a warning, or is to be
        found in the results alone.

    Returns
    -------
    results : list of dict
        One a check: `estimator`, `check_name`, `exception`, `status` ("passed",
        "failed" or "xfail"), `expected_to_fail` and `expected_to_fail_reason`, as from
        scikit-learn's `check_estimator`.

    Raises
    ------
    Exception
        With `on_fail="raise"`, that of the first failure that was not expected.
    TypeError
        If `estimator` is a class.

    See Also
    --------
    parametrize_with_recommender_checks : The same as tests of pytest.

    Notes
    -----
    A class takes back what it does not promise by class attributes:
    `_partial_fit_exact = False` where an update is not equal to a fit on all rows (it
    then has to fit about as well); `_history_exact = False` where a new user with the
    rows of a known one may get other scores; `_reads_time = True` where the order of
    rows matters when they have no times.

    Two models count as the same if their scores agree to 1e-4 of the largest score and
    their lists do, but for items whose scores agree that far: a model may keep
    float32 numbers and iterate. Ties that are exact have to be in the order of
    `items_`.

    Examples
    --------
    >>> from sklearn_metarec import PopularityRecommender
    >>> from sklearn_metarec.testing import check_recommender
    >>> results = check_recommender(PopularityRecommender())
    >>> {result["status"] for result in results}
    {'passed'}
    """
    if on_fail not in ("raise", "warn", None):
        raise ValueError(f"on_fail must be 'raise', 'warn' or None, got {on_fail!r}.")
    expected_failures = expected_failures or {}
    results = []
    for check in recommender_checks(estimator):
        name = check.func.__name__
        expected = name in expected_failures
        error = _error_of(check, estimator)
        if error is not None and not expected:
            if on_fail == "raise":
                raise error
            if on_fail == "warn":
                warnings.warn(
                    EstimatorCheckFailedWarning(
                        estimator=estimator, check_name=name, exception=error,
                        status="failed", expected_to_fail=False,
                        expected_to_fail_reason="",
                    ),
                    stacklevel=2,
                )  # fmt: skip
        failed = "xfail" if expected else "failed"
        results.append(
            {
                "estimator": estimator,
                "check_name": name,
                "exception": error,
                "status": "passed" if error is None else failed,
                "expected_to_fail": expected,
                "expected_to_fail_reason": expected_failures.get(name),
            }
        )
    return results


def parametrize_with_recommender_checks(estimators, *, expected_failures=None):
    """Make one pytest test of each check of each recommender.

    Parameters
    ----------
    estimators : list of estimators
        Instances, with settings that make a fit quick.
    expected_failures : callable, default=None
        From an estimator to a dict of {check name: reason}; such checks are marked
        xfail.

    Returns
    -------
    decorator : pytest.MarkDecorator
        For a test with the parameters `estimator` and `check`.

    Raises
    ------
    TypeError
        If one of `estimators` is a class.

    See Also
    --------
    check_recommender : The same without pytest.

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> from sklearn_metarec.testing import parametrize_with_recommender_checks
    >>> @parametrize_with_recommender_checks([EASE(), EASE(10.0)])
    ... def test_recommender(estimator, check):
    ...     check(estimator)
    """
    import pytest

    params = []
    for estimator in estimators:
        reasons = {} if expected_failures is None else expected_failures(estimator)
        for check in recommender_checks(estimator):
            name = check.func.__name__
            reason = reasons.get(name)
            marks = () if reason is None else pytest.mark.xfail(reason=reason)
            label = " ".join(repr(estimator).split())
            params.append(
                pytest.param(estimator, check, marks=marks, id=f"{label}-{name}")
            )
    return pytest.mark.parametrize(("estimator", "check"), params)


def recommender_checks(estimator):
    """Yield the checks that apply to an estimator: callables that take it."""
    if isinstance(estimator, type):
        raise TypeError(
            f"Pass an instance, {estimator.__name__}(...), not the class: settings "
            "decide what is checked."
        )
    name = type(estimator).__name__
    can = Capabilities(estimator)
    for family in _FAMILIES:
        for check in family.checks(can):
            yield partial(check, name)


def _error_of(check, estimator):
    try:
        check(estimator)
    except Exception as error:
        return error
    return None
