"""Checks of `partial_fit`: of updates against refits."""

import numpy as np
from sklearn.base import is_regressor

from sklearn_metarec.testing._assertions import (
    require,
    require_raises,
    require_same_model,
    require_unchanged,
    score_table,
    snapshot,
)
from sklearn_metarec.testing._tables import fitted, make_rows, seeded


def checks(can):
    """Yield the checks that apply."""
    if not can.has("partial_fit"):
        return
    yield check_partial_fit_of_nothing_fitted
    yield check_failed_partial_fit
    if can.partial_fit_exact:
        yield check_partial_fit_equals_fit
    else:
        yield check_partial_fit_keeps_quality


def check_partial_fit_of_nothing_fitted(name, estimator):
    """Check that on an unfitted estimator, `partial_fit` is `fit`."""
    rows = make_rows(estimator)
    model = seeded(estimator)
    require(
        model.partial_fit(*rows) is model,
        f"{name}.partial_fit does not return the estimator.",
    )
    require_same_model(
        fitted(estimator, *rows), model, f"{name}: partial_fit first is not fit"
    )


def check_failed_partial_fit(name, estimator):
    """Check that an update that fails leaves the model as it was."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    before = snapshot(model)
    broken = rows.X.astype(float)
    broken[2, 0] = np.nan
    require_raises(
        ValueError, lambda: model.partial_fit(broken, rows.y),
        f"{name}.partial_fit of a missing id",
    )  # fmt: skip
    require_unchanged(model, before, f"{name}: a partial_fit that failed")


def check_partial_fit_equals_fit(name, estimator):
    """Check that updates, one after the other, give the model of a fit on all rows."""
    rows = make_rows(estimator)
    part = _parts(rows)
    model = fitted(estimator, *rows.take(part == 0))
    for number in (1, 2):
        model.partial_fit(*rows.take(part == number))
        require_same_model(
            fitted(estimator, *rows.take(part <= number)), model,
            f"{name}: partial_fit differs from a fit on all rows",
        )  # fmt: skip


def check_partial_fit_keeps_quality(name, estimator):
    """Check that an update knows all users and items, and fits about as well."""
    rows = make_rows(estimator)
    part = _parts(rows)
    model = fitted(estimator, *rows.take(part == 0))
    for number in (1, 2):
        model.partial_fit(*rows.take(part == number))
    refit = fitted(estimator, *rows)
    for side in ("users_", "items_"):
        require(
            np.array_equal(getattr(model, side), getattr(refit, side)),
            f"{name}.partial_fit: {side} is not that of a fit on all rows.",
        )
    require(
        bool(np.isfinite(score_table(model)).all()),
        f"{name}.predict after partial_fit is not always finite.",
    )
    updated, expected = (_fit_quality(m, rows) for m in (model, refit))
    require(
        updated >= expected - 0.1,
        f"{name}: after partial_fit the model fits its rows with {updated:.3f}, after "
        f"a fit with {expected:.3f}.",
    )


def _parts(rows):
    """Return 0 to 2 a row: later ones bring new users, items, pairs, and repeats."""
    users, items = (np.unique(column) for column in rows.X.T)
    late = np.isin(rows.X[:, 0], users[[2, 9]]) | np.isin(rows.X[:, 1], items[[0, 7]])
    last = np.isin(rows.X[:, 0], users[-2:])
    number = np.arange(len(rows.X)) % 4
    part = np.where(last | (number == 3), 2, np.where(late | (number == 2), 1, 0))
    part[0] = 0  # so that all parts taken together begin as the first
    return part


def _fit_quality(model, rows):
    """Return the share of pairs in the right order: liked above not seen, or R²."""
    if is_regressor(model):
        return model.score(*rows)
    scores = score_table(model)
    liked = np.zeros(scores.shape, dtype=bool)
    liked[
        np.searchsorted(model.users_, rows.X[:, 0]),
        np.searchsorted(model.items_, rows.X[:, 1]),
    ] = True
    above = [
        (row[mask][:, None] > row[~mask]).mean()
        for row, mask in zip(scores, liked, strict=True)
        if 0 < mask.sum() < len(mask)
    ]
    return float(np.mean(above))
