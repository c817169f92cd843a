"""Statements about fitted recommenders that several checks make.

Two models count as the same if their users and items are, if all scores agree to a
relative 1e-4 (of the largest score), and if their lists do: a model may keep float32
numbers and iterate, so two items whose scores agree that far may change places.
"""

import warnings

import joblib
import numpy as np

RTOL = 1e-4


def require(condition, message):
    """Raise AssertionError unless the condition holds, also under `python -O`."""
    if not condition:
        raise AssertionError(message)


def require_close(actual, expected, message, rtol=RTOL):
    """Compare numbers, relative to the largest; infinities have to match."""
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    require(
        actual.shape == expected.shape,
        f"{message}: shape {actual.shape}, expected {expected.shape}.",
    )
    finite = np.isfinite(expected)
    scale = np.abs(expected[finite]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        off = ~np.isclose(actual, expected, rtol=rtol, atol=rtol * scale)
    if off.any():
        where = tuple(int(place[0]) for place in np.nonzero(off))
        raise AssertionError(
            f"{message}: {int(off.sum())} of {off.size} values differ, the first at "
            f"{where}: {actual[where]}, expected {expected[where]}."
        )


def require_raises(error, call, message, *, match=""):
    """Require that a call raises an error whose text holds `match`."""
    try:
        call()
    except error as caught:
        require(
            match in str(caught),
            f"{message}: the error does not say {match!r}: {caught}",
        )
        return
    raise AssertionError(f"{message}: no {error.__name__} was raised.")


def pairs_of(users, items):
    """Return all pairs of two columns of ids as rows of a list."""
    return [[user, item] for user in _plain(users) for item in _plain(items)]


def score_table(model, users=None, items=None):
    """Return what `predict` says of all users and items."""
    users = model.users_ if users is None else users
    items = model.items_ if items is None else items
    with warnings.catch_warnings():
        # A model fitted to a frame says that a list has no column names.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        scores = np.asarray(model.predict(pairs_of(users, items)))
    return scores.reshape(len(users), len(items))


def require_same_model(one, two, message, *, rename=list, k=5):
    """Require two models to be the same, `rename` giving the ids of the second."""
    for side in ("users_", "items_"):
        expected = rename(_plain(getattr(one, side)))
        require(
            _plain(getattr(two, side)) == expected,
            f"{message}: {side} is {_plain(getattr(two, side))[:5]}..., expected "
            f"{expected[:5]}...",
        )
    scores = score_table(one)
    require_close(score_table(two), scores, f"{message}: predict")
    require_same_lists(
        one.recommend(k=k),
        two.recommend(k=k),
        f"{message}: recommend",
        rename=rename,
    )


def require_same_lists(one, two, message, *, rename=list):
    """Require the same lists, but for the order of scores that are as good as equal."""
    (items, scores), (other_items, other_scores) = one, two
    require_close(other_scores, scores, f"{message}, scores")
    tolerance = 2 * RTOL * np.abs(scores[np.isfinite(scores)]).max(initial=0.0)
    for row in range(len(scores)):
        there = np.isfinite(scores[row])
        ids = rename(_plain(items[row][there]))
        other = _plain(other_items[row][there])
        if ids == other or not len(ids):
            continue
        values = np.asarray(scores[row][there], float)
        # An item that is in one list only ties with the last of them.
        known = dict(zip(ids, values, strict=True))
        off = [
            abs(known.get(id_, values[-1]) - value) > tolerance
            for id_, value in zip(other, values, strict=True)
        ]
        require(not any(off), f"{message}: list {row} is {other}, expected {ids}.")


def snapshot(estimator):
    """Return a hash of each attribute, deep."""
    return {name: joblib.hash(value) for name, value in vars(estimator).items()}


def require_unchanged(estimator, before, message):
    """Require an estimator to be as at its snapshot."""
    after = snapshot(estimator)
    names = before.keys() | after.keys()
    changed = sorted(name for name in names if before.get(name) != after.get(name))
    require(not changed, f"{message} changed the attributes {changed}.")


def _plain(ids):
    """Return ids as a list of Python numbers and strings."""
    return ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
