"""Checks of `history=`: rows of a call, folded in for that call only."""

import numpy as np

from sklearn_metarec.testing._assertions import (
    require,
    require_close,
    require_same_lists,
)
from sklearn_metarec.testing._tables import fitted, make_rows, rows_of, some_users


def checks(can):
    """Yield the checks that apply."""
    if not can.takes("history"):
        return
    yield check_history_names_the_users
    yield check_history_of_others
    yield check_history_of_unknown_items
    if can.history_exact:
        yield check_history_is_a_user
        yield check_history_adds_up


def check_history_names_the_users(name, estimator):
    """Check that by default the users are those of the history, new ones too."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    known = int(rows.X[0, 0])
    X = [["zoe", rows.X[0, 1]], [known, rows.X[1, 1]], ["zoe", rows.X[2, 1]]]
    y = [2.0, 3.0, 1.0]
    found = model.recommend(k=4, history=(X, y))
    require(
        found[0].shape == (2, 4),
        f"{name}.recommend(history=...) of two users has shape {found[0].shape}.",
    )
    require(
        bool(np.isfinite(found[1]).all()),
        f"{name}.recommend(history=...) has no full lists: {found[1]}.",
    )
    asked = model.recommend([known, "zoe"], k=4, history=(X, y))
    require_same_lists(asked, found, f"{name}.recommend(users, history=...)")


def check_history_of_others(name, estimator):
    """Check that a user's list does not depend on the histories of others."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users = some_users(rows)[:3]
    X = [["zoe", item] for item in model.items_[:4].tolist()]
    y = np.full(len(X), 2.0)
    expected = model.recommend(users, k=5)
    message = f"{name}.recommend depends on the history of others"
    found = model.recommend(users, k=5, history=(X, y))
    require_same_lists(expected, found, message)
    found = model.recommend([*users, "zoe"], k=5, history=(X, y))
    require_same_lists(expected, tuple(part[:3] for part in found), message)


def check_history_of_unknown_items(name, estimator):
    """Check that unknown items in a history mean nothing, as no history does."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users = some_users(rows)[:3].tolist()
    expected = model.recommend(users, k=5)
    nothing = [[user, "nothing"] for user in users]
    for history in ((nothing, np.full(3, 2.0)), (np.empty((0, 2), int), np.empty(0))):
        found = model.recommend(users, k=5, history=history)
        require_same_lists(
            expected, found, f"{name}: unknown items in history change the lists"
        )


def check_history_is_a_user(name, estimator):
    """Check that a new user with the rows of a known one gets the same scores."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    k = len(model.items_)
    for user in some_users(rows):
        X, y = rows_of(rows, user)
        X = [["zoe", item] for item in X[:, 1].tolist()]
        require_same_lists(
            model.recommend([user], k=k, exclude_seen=False),
            model.recommend(["zoe"], k=k, exclude_seen=False, history=(X, y)),
            f"{name}: a new user with the rows of {user} is another user",
        )
        if hasattr(model, "explain"):
            item = model.items_[0]
            require_close(
                model.explain("zoe", item, history=(X, y)).score,
                model.explain(user, item).score,
                f"{name}.explain(history=...) explains another score",
            )


def check_history_adds_up(name, estimator):
    """Check that the rows of a known user count beside those of the fit."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    k = len(model.items_)
    for user in some_users(rows):
        own = rows_of(rows, user)
        # One pair that the user has, and others.
        new = [own.X[0, 1], *model.items_[:3].tolist()]
        y = np.array([2.0, 1.0, 3.0, 2.0])
        union = [["zoe", item] for item in [*own.X[:, 1].tolist(), *new]]
        require_same_lists(
            model.recommend(
                ["zoe"], k=k, exclude_seen=False, history=(union, [*own.y, *y])
            ),
            model.recommend(
                [user], k=k, exclude_seen=False,
                history=([[user, item] for item in new], y),
            ),
            f"{name}: history of {user} does not add to the rows of the fit",
        )  # fmt: skip
