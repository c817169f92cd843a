"""Checks of what a fit learns from rows, weights and targets."""

import warnings

import numpy as np
from sklearn import config_context
from sklearn.utils import get_tags

from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.testing._assertions import (
    require,
    require_raises,
    require_same_lists,
    require_same_model,
    require_unchanged,
    score_table,
    snapshot,
)
from sklearn_metarec.testing._tables import fitted, make_rows, seeded


def checks(can):
    """Yield the checks that apply."""
    yield check_fit_finds_the_ids
    yield check_target
    yield check_failed_fit
    yield check_set_output
    if not can.reads_time:
        yield check_row_order
    if can.weighted:
        yield check_weights_equal_repetition
        yield check_zero_weights_equal_absence
    if not can.rating:
        yield check_zero_strength_is_not_liked
    if "n_jobs" in can.params:
        yield check_n_jobs


def check_fit_finds_the_ids(name, estimator):
    """Check that `fit` returns the estimator, and finds the sorted, unique ids."""
    X, y = make_rows(estimator)
    model = seeded(estimator)
    require(model.fit(X, y) is model, f"{name}.fit does not return the estimator.")
    for side, ids in (("users_", X[:, 0]), ("items_", X[:, 1])):
        require(
            np.array_equal(getattr(model, side), np.unique(ids)),
            f"{name}.{side} is not the sorted unique ids of the table.",
        )
    require(model.n_features_in_ == 2, f"{name}.n_features_in_ is not 2.")
    require(
        np.isfinite(score_table(model)).all(), f"{name}.predict is not always finite."
    )


def check_weights_equal_repetition(name, estimator):
    """Check that a weight of 2 is the row twice, beside its pair with another y."""
    X, y = make_rows(estimator)
    again = np.arange(0, len(X), 3)
    X, y = np.vstack([X, X[again]]), np.append(y, 4.0 - (y[again] > 2))
    weight = np.random.default_rng(1).integers(1, 5, len(X))
    weighted = fitted(estimator, X, y, weight.astype(float))
    repeated = fitted(estimator, np.repeat(X, weight, axis=0), np.repeat(y, weight))
    require_same_model(
        repeated, weighted, f"{name}: sample_weight differs from repeated rows"
    )


def check_zero_weights_equal_absence(name, estimator):
    """Check that rows of weight 0 are not there, nor are ids that no other row has."""
    X, y = make_rows(estimator)
    new_user, new_item = X.max(axis=0) + 1
    others = [[new_user, X[0, 1]], [X[0, 0], new_item], [new_user, new_item], *X[:6]]
    with_others = np.vstack([X, others])
    weight = np.repeat([1.0, 0.0], [len(X), len(others)])
    weight[3:7] = 0.0
    keep = weight > 0
    y_all = np.append(y, np.full(len(others), 3.0))
    without = fitted(estimator, with_others[keep], y_all[keep])
    weighted = fitted(estimator, with_others, y_all, weight)
    require_same_model(without, weighted, f"{name}: rows of sample_weight 0 count")


def check_row_order(name, estimator):
    """Check that the order of the rows says nothing to a model that reads no time."""
    X, y = make_rows(estimator)
    model = fitted(estimator, X, y)
    shuffled = np.random.default_rng(2).permutation(len(X))
    for order in (slice(None, None, -1), shuffled):
        other = fitted(estimator, X[order], y[order])
        require_same_model(model, other, f"{name} depends on the order of rows")


def check_zero_strength_is_not_liked(name, estimator):
    """Check that rows with y=0 change nothing in the scores of a ranker."""
    X, y = make_rows(estimator, distinct=True)
    there = np.arange(len(X)) % 5 != 3
    # Pairs with zeros only, of users and items that have other rows.
    without = fitted(estimator, X[there], y[there])
    zeros = fitted(estimator, X, np.where(there, y, 0.0))
    for side in ("users_", "items_"):
        require(
            np.array_equal(getattr(zeros, side), getattr(without, side)),
            f"{name}: the table of this check should leave {side} alike.",
        )
    require_same_lists(
        without.recommend(exclude_seen=False),
        zeros.recommend(exclude_seen=False),
        f"{name} takes rows with y=0 as liked",
    )


def check_target(name, estimator):
    """Check that a wrong or missing target is a ValueError that says what is wrong."""
    X, y = make_rows(estimator)
    tags = get_tags(estimator)
    if tags.target_tags.required:
        require_raises(
            ValueError, lambda: seeded(estimator).fit(X, None),
            f"{name}.fit without ratings", match="requires y to be passed",
        )  # fmt: skip
    elif tags.target_tags.positive_only:
        require_raises(
            ValueError, lambda: seeded(estimator).fit(X, np.where(y > 2, -1.0, y)),
            f"{name}.fit with a negative y", match="egative",
        )  # fmt: skip
    for wrong in (y[:-1], np.where(y > 2, np.nan, y), np.where(y > 2, np.inf, y)):
        require_raises(
            ValueError, lambda wrong=wrong: seeded(estimator).fit(X, wrong),
            f"{name}.fit with a y of {len(wrong)} for {len(X)} rows like {wrong[:3]}",
        )  # fmt: skip


def check_failed_fit(name, estimator):
    """Check that a fit that fails leaves the estimator as it was, fitted or not."""
    X, y = make_rows(estimator)
    broken = X.astype(float)
    broken[3, 1] = np.nan
    for model in (seeded(estimator), fitted(estimator, X, y)):
        before = snapshot(model)
        for wrong_X, wrong_y in ((broken, y), (X[:, :1], y), (X, y[1:])):
            require_raises(
                ValueError, lambda model=model, X=wrong_X, y=wrong_y: model.fit(X, y),
                f"{name}.fit of a wrong table",
            )  # fmt: skip
        require_unchanged(model, before, f"{name}: a fit that failed")


def check_set_output(name, estimator):
    """Check that a global `transform_output` changes nothing."""
    X, y = make_rows(estimator)
    model = fitted(estimator, X, y)
    with config_context(transform_output="pandas"), warnings.catch_warnings():
        # The transformers of a pipeline name columns then, but not as users and items.
        warnings.simplefilter("ignore", ColumnsWarning)
        other = fitted(estimator, X, y)
        items, scores = other.recommend(k=3)
        scores_of_rows = other.predict(X)
    for value in (items, scores, scores_of_rows):
        require(
            isinstance(value, np.ndarray),
            f"{name} returns a {type(value).__name__} under transform_output='pandas'.",
        )
    require_same_model(model, other, f"{name} depends on transform_output")


def check_n_jobs(name, estimator):
    """Check that two jobs give what one gives."""
    # More rows than one thread takes at a time.
    X, y = make_rows(estimator, n_users=600, n_items=130)
    one, two = (fitted(estimator, X, y, n_jobs=n_jobs) for n_jobs in (1, 2))
    users = np.unique(X[:, 0])
    results = [
        (*model.recommend(users, k=20), model.predict(X[:2000])) for model in (one, two)
    ]
    for what, first, second in zip(
        ("items", "scores", "predictions"), *results, strict=True
    ):
        require(np.array_equal(first, second), f"{name}: {what} depend on n_jobs.")
