"""Checks of what a recommender says of users and items that it does not know."""

import warnings

import numpy as np

from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.testing._assertions import (
    require,
    require_close,
    require_same_lists,
)
from sklearn_metarec.testing._tables import (
    Capabilities,
    fitted,
    make_rows,
    rows_of,
    some_users,
)

# Of the type of the known ids, and of others.
_STRANGERS = (-3, 10**9, "nobody", 0.5)


def checks(can):
    """Yield the checks that apply."""
    yield check_unknown_in_predict
    yield check_unknown_in_recommend
    yield check_unknown_warns
    if can.has("explain"):
        yield check_unknown_in_explain
    if can.rating:
        yield check_unknown_rating
    if can.falls_back:
        yield check_popularity_for_unknown


def check_unknown_in_predict(name, estimator):
    """Check that rows of unknown ids are scored, all alike, as they are elsewhere."""
    rows, can = make_rows(estimator), Capabilities(estimator)
    model = fitted(estimator, *rows)
    user, item = rows.X[0].tolist()
    for what, pairs in (
        ("users", [[stranger, item] for stranger in _STRANGERS]),
        ("items", [[user, stranger] for stranger in _STRANGERS]),
        ("users and items", [[stranger, stranger] for stranger in _STRANGERS]),
    ):
        scores = model.predict([*pairs, [user, item]])
        require(
            bool(np.isfinite(scores).all()),
            f"{name}.predict of unknown {what} is {scores}.",
        )
        require_close(
            scores[:-1], np.full(len(pairs), scores[0]),
            f"{name}.predict differs between unknown {what}",
        )  # fmt: skip
        require_close(
            scores[-1:], model.predict([[user, item]]),
            f"{name}.predict of a known pair beside unknown {what}",
        )  # fmt: skip
        if can.has("explain"):
            explained = [model.explain(*pair).score for pair in pairs]
            require_close(
                explained, scores[:-1], f"{name}.explain of unknown {what}: score"
            )
    items, scores = model.recommend(["nobody", user], k=4)
    require_close(
        model.predict([["nobody", item] for item in items[0].tolist()]), scores[0],
        f"{name}: predict and recommend of unknown users",
    )  # fmt: skip


def check_unknown_in_recommend(name, estimator):
    """Check that unknown users get full lists, known ones beside them their own."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    known = some_users(rows)[:2].tolist()
    items, scores = model.recommend([known[0], *_STRANGERS, known[1]], k=4)
    require(
        bool(np.isfinite(scores).all()),
        f"{name}.recommend has no full list for an unknown user: {scores}.",
    )
    n = len(_STRANGERS)
    require_same_lists(
        (np.tile(items[1], (n, 1)), np.tile(scores[1], (n, 1))),
        (items[1:-1], scores[1:-1]),
        f"{name}.recommend differs between unknown users",
    )
    require_same_lists(
        model.recommend(known, k=4),
        (items[[0, -1]], scores[[0, -1]]),
        f"{name}.recommend of known users beside unknown ones",
    )


def check_unknown_warns(name, estimator):
    """Check that unknown users are warned of, if nobody asked for is known."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    for users, expected in (
        (["nobody", "noone"], True),
        (["nobody", rows.X[0, 0]], False),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.recommend(users, k=2)
        warned = any(issubclass(warning.category, UserWarning) for warning in caught)
        require(
            warned == expected,
            f"{name}.recommend({users}) {'warns' if warned else 'does not warn'}.",
        )


def check_unknown_in_explain(name, estimator):
    """Check that an explanation of unknown ids names no items of anybody."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    user, item = rows.X[0].tolist()
    for pair in (["nobody", item], [user, "nothing"], ["nobody", "nothing"]):
        explanation = model.explain(*pair)
        own = [] if pair[0] == "nobody" else rows_of(rows, user).X[:, 1].tolist()
        require(
            bool(np.isfinite(explanation.score))
            and set(explanation.items.tolist()) <= set(own),
            f"{name}.explain{tuple(pair)} is {explanation}.",
        )


def check_unknown_rating(name, estimator):
    """Check that a stranger is predicted to rate within the range of the ratings."""
    rows = make_rows(estimator)
    score = fitted(estimator, *rows).predict([["nobody", "nothing"]])[0]
    low, high = rows.y.min(), rows.y.max()
    require(
        low <= score <= high,
        f"{name}.predict of an unknown user and item is {score}, but ratings are "
        f"from {low} to {high}.",
    )


def check_popularity_for_unknown(name, estimator):
    """Check that unknown users get what most like, as the base promises."""
    rows = make_rows(estimator)
    popular = fitted(PopularityRecommender(), *rows)
    asked = {"users": ["nobody", rows.X[0, 0]], "k": 5, "exclude_seen": False}
    found, expected = (
        tuple(part[:1] for part in model.recommend(**asked))
        for model in (fitted(estimator, *rows), popular)
    )
    require_same_lists(expected, found, f"{name}: the fallback is not popularity")
