"""Checks of single scores, similarities and explanations."""

import numpy as np
from sklearn.base import is_regressor

from sklearn_metarec.testing._assertions import (
    require,
    require_close,
    require_same_lists,
    score_table,
)
from sklearn_metarec.testing._tables import fitted, make_rows, some_users, unseen_rows


def checks(can):
    """Yield the checks that apply."""
    yield check_predict_and_recommend_agree
    yield check_predict_is_independent
    yield check_score
    if can.has("explain"):
        yield check_explain
    for side in ("items", "users"):
        if can.has(f"similar_{side}"):
            yield {"items": check_similar_items, "users": check_similar_users}[side]


def check_predict_and_recommend_agree(name, estimator):
    """Check that the score of an item in a list is the one that `predict` gives."""
    model = fitted(estimator, *make_rows(estimator))
    items, scores = model.recommend(k=4)
    pairs = [
        [user, item]
        for user, row in zip(model.users_.tolist(), items.tolist(), strict=True)
        for item in row
    ]
    there = np.isfinite(scores.ravel())
    found = np.full(scores.size, -np.inf)
    known = [pair for pair, keep in zip(pairs, there, strict=True) if keep]
    found[there] = model.predict(known)
    require_close(
        found.reshape(scores.shape), scores, f"{name}: predict and recommend differ"
    )


def check_predict_is_independent(name, estimator):
    """Check that a row's score is the same alone, in any order, and beside others."""
    model = fitted(estimator, *make_rows(estimator))
    pairs = make_rows(estimator).X[:40]
    scores = model.predict(pairs)
    require(
        scores.shape == (len(pairs),) and scores.dtype == np.float64,
        f"{name}.predict returns {scores.dtype} of shape {scores.shape}.",
    )
    message = f"{name}.predict depends on the other rows"
    require_close(model.predict(pairs[::-1])[::-1], scores, message, 1e-6)
    require_close(model.predict(np.vstack([pairs, pairs]))[40:], scores, message, 1e-6)
    alone = [model.predict(pairs[[row]])[0] for row in range(10)]
    require_close(alone, scores[:10], message, 1e-6)


def check_score(name, estimator):
    """Check that `score` is a float, 0 to 1 for rankers, below for rating models."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    test = unseen_rows(rows)
    y = np.random.default_rng(4).integers(1, 4, len(test)).astype(float)
    for weight in ({}, {"sample_weight": np.arange(len(test)) % 3 + 1.0}):
        score = model.score(test, y, **weight)
        require(isinstance(score, float), f"{name}.score is a {type(score).__name__}.")
        low = -np.inf if is_regressor(estimator) else 0.0
        require(low <= score <= 1.0, f"{name}.score is {score}.")


def check_explain(name, estimator):
    """Check that an explanation names the user's items, and adds up where exact."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    table = score_table(model)
    for user in some_users(rows):
        own = set(rows.X[rows.X[:, 0] == user, 1].tolist())
        for col in (0, 5, len(model.items_) - 1):
            explanation = model.explain(user, model.items_[col])
            what = f"{name}.explain({user}, {model.items_[col]})"
            expected = table[np.searchsorted(model.users_, user), col]
            require_close(explanation.score, expected, f"{what}: score")
            require(
                set(explanation.items.tolist()) <= own,
                f"{what} names items that are not the user's.",
            )
            terms = np.asarray(explanation.contributions, dtype=float)
            require(
                len(terms) == len(explanation.items)
                and bool((np.diff(terms) <= 0).all()),
                f"{what}: contributions are not one an item, largest first.",
            )
            if explanation.exact:
                total = explanation.baseline + terms.sum()
                # Relative to the terms, which may cancel out.
                scale = np.abs([explanation.baseline, *terms]).max()
                require(
                    abs(total - explanation.score) <= 1e-4 * scale + 1e-9,
                    f"{what} is exact, but its terms add up to {total}, not to "
                    f"{explanation.score}.",
                )


def check_similar_items(name, estimator):
    """Check that similar items come best first, and without the item."""
    _check_similar(name, estimator, "items")


def check_similar_users(name, estimator):
    """Check that similar users come best first, and without the user."""
    _check_similar(name, estimator, "users")


def _check_similar(name, estimator, side):
    model = fitted(estimator, *make_rows(estimator))
    ids = getattr(model, f"{side}_")
    similar = getattr(model, f"similar_{side}")
    what = f"{name}.similar_{side}"
    k = len(ids) + 2
    asked = [ids[3], "nothing", ids[0], ids[3]]
    found, scores = similar(asked, k=k)
    require(
        found.shape == scores.shape == (4, k),
        f"{what}(4 ids, k={k}) has shape {found.shape}.",
    )
    require(
        bool(np.isneginf(scores[1]).all()), f"{what} of an unknown id is not padding."
    )
    require(
        np.array_equal(found[0], found[3]), f"{what} of the same id differs in a call."
    )
    for row in (0, 2, 3):
        there = np.isfinite(scores[row])
        listed = found[row][there].tolist()
        require(
            asked[row] not in listed and len(set(listed)) == len(listed),
            f"{what}: an id is similar to itself, or listed twice.",
        )
        require(set(listed) <= set(ids.tolist()), f"{what} lists unknown ids.")
        n_there = int(there.sum())
        require(
            bool(there[:n_there].all()) and n_there < len(ids),
            f"{what}: padding stands before the end.",
        )
        require(
            bool((np.diff(scores[row][:n_there]) <= 0).all()),
            f"{what}: scores are not best first.",
        )
    short, short_scores = similar(asked[:1], k=2)
    require_same_lists(
        (found[:1, :2], scores[:1, :2]), (short, short_scores),
        f"{what} with k=2 is not the start of a longer list",
    )  # fmt: skip
