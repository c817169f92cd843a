"""Checks of the lists of `recommend`: order, filters, padding, forms."""

import numpy as np

from sklearn_metarec.testing._assertions import (
    RTOL,
    require,
    require_close,
    require_raises,
)
from sklearn_metarec.testing._tables import Capabilities, fitted, make_rows, some_users


def checks(can):
    """Yield the checks that apply."""
    yield check_list_shapes
    yield check_best_first
    yield check_padding
    yield check_exclude_seen
    if can.takes("items"):
        yield check_items_filter
    if can.takes("exclude"):
        yield check_exclude_filter
    if can.takes("items") and can.takes("exclude"):
        yield check_filters_together
    if can.takes("as_frame"):
        yield check_long_form


def check_list_shapes(name, estimator):
    """Check that there is a list for each user asked: all, repeated ones, or none."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    items, scores = model.recommend(k=3)
    for part, array in (("items", items), ("scores", scores)):
        require(
            array.shape == (len(model.users_), 3),
            f"{name}.recommend(k=3): {part} has shape {array.shape} for "
            f"{len(model.users_)} users.",
        )
    require(scores.dtype.kind == "f", f"{name}.recommend: scores are {scores.dtype}.")
    order = [4, 1, 4, 0]
    asked = model.users_[order]
    for users in (asked, asked.tolist()):
        some_items, some_scores = model.recommend(users, k=3)
        require(
            np.array_equal(some_items, items[order]),
            f"{name}.recommend(users, k=3) is not the rows of recommend(k=3).",
        )
        require_close(some_scores, scores[order], f"{name}.recommend, scores", 1e-6)
    for users in ([], model.users_[:0]):
        none_items, none_scores = model.recommend(users, k=3)
        require(
            none_items.shape == none_scores.shape == (0, 3),
            f"{name}.recommend([], k=3) has shape {none_items.shape}.",
        )
    for wrong in (0, -1, 2.5):
        require_raises(
            (ValueError, TypeError), lambda k=wrong: model.recommend(k=k),
            f"{name}.recommend(k={wrong})",
        )  # fmt: skip


def check_best_first(name, estimator):
    """Check that lists hold the best items, best first, equal ones in their order."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    full = _all_scores(model, model.users_)
    everything = np.ones(full.shape, dtype=bool)
    for k in (1, 5, len(model.items_)):
        found = model.recommend(model.users_, k=k, exclude_seen=False)
        _require_best(f"{name}.recommend(k={k})", model, found, full, everything)


def check_padding(name, estimator):
    """Check that a list longer than what there is ends in scores of -inf."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users, n_items = some_users(rows), len(model.items_)
    items, scores = model.recommend(users, k=n_items + 3, exclude_seen=False)
    require(
        items.shape == scores.shape == (len(users), n_items + 3),
        f"{name}.recommend(k={n_items + 3}) has shape {items.shape}.",
    )
    require(
        np.isneginf(scores[:, n_items:]).all()
        and np.isfinite(scores[:, :n_items]).all(),
        f"{name}.recommend(k={n_items + 3}) of {n_items} items is not padded with "
        "-inf at its end.",
    )


def check_exclude_seen(name, estimator):
    """Check that what a user had is left out, with y=0 too, but on request."""
    rows, can = make_rows(estimator), Capabilities(estimator)
    y = rows.y if can.rating else np.where(rows.y > 2, 0.0, rows.y)
    model = fitted(estimator, rows.X, y)
    users = some_users(rows)
    full, seen = _all_scores(model, users), _mask(model, users, rows.X)
    few = model.items_[::2]
    forms = {"nothing": ({}, ~seen), "exclude_seen": ({"exclude_seen": True}, ~seen)}
    if can.takes("items"):
        forms["items"] = ({"items": few}, ~seen & _mask(model, users, few))
    if can.takes("exclude"):
        forms["exclude"] = ({"exclude": few}, ~seen & ~_mask(model, users, few))
    for what, (options, allowed) in forms.items():
        found = model.recommend(users, k=6, **options)
        _require_best(f"{name}.recommend({what}=)", model, found, full, allowed)
    if can.takes("history"):
        # Rows of the call count as seen too, beside those of the fit.
        added = np.array([[user, item] for user in users for item in few[::2]])
        history = (added, np.full(len(added), 2.0))
        full = _all_scores(model, users, history=history)
        found = model.recommend(users, k=6, history=history)
        allowed = ~seen & ~_mask(model, users, added)
        _require_best(f"{name}.recommend(history=)", model, found, full, allowed)


def check_items_filter(name, estimator):
    """Check that `items` allows, by a list or pairs; unknown ids mean nothing."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users = some_users(rows)
    full = _all_scores(model, users)
    few = model.items_[[5, 1, 8]]
    pairs = np.array([[user, item] for user in users[1:] for item in few[: user % 4]])
    forms = {
        "a list": (few.tolist(), few),
        "an array": (few, few),
        "a list with unknown ids": ([*few.tolist(), -5, "nothing"], few),
        "unknown ids": (["nothing", "void"], few[:0]),
        "no ids": ([], few[:0]),
        "pairs": (pairs, pairs),
        "pairs as a list": (pairs.tolist(), pairs),
        "pairs with unknown ids": (
            [*pairs.tolist(), ["nobody", few[0]], [users[0], "nothing"]], pairs
        ),
    }  # fmt: skip
    for what, (items, meant) in forms.items():
        found = model.recommend(users, k=5, exclude_seen=False, items=items)
        allowed = _mask(model, users, meant)
        _require_best(f"{name}.recommend(items={what})", model, found, full, allowed)


def check_exclude_filter(name, estimator):
    """Check that `exclude` denies, as `items` allows."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users = some_users(rows)
    full = _all_scores(model, users)
    few = model.items_[[9, 0, 3, 4]]
    pairs = np.array([[user, item] for user in users[1:] for item in few])
    forms = {
        "a list": (few.tolist(), few),
        "a list with unknown ids": ([*few.tolist(), -5, "nothing"], few),
        "unknown ids": (["nothing"], few[:0]),
        "pairs": (pairs, pairs),
        "pairs with unknown ids": (
            [*pairs.tolist(), ["nobody", few[0]], [users[0], "nothing"]], pairs
        ),
        "everything": (model.items_, model.items_),
    }  # fmt: skip
    for what, (exclude, meant) in forms.items():
        found = model.recommend(users, k=5, exclude_seen=False, exclude=exclude)
        allowed = ~_mask(model, users, meant)
        _require_best(f"{name}.recommend(exclude={what})", model, found, full, allowed)


def check_filters_together(name, estimator):
    """Check that an item has to pass every filter, for users asked for twice too."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users = some_users(rows)[[2, 0, 2, 1]]
    full = _all_scores(model, users)
    pairs = np.array([[user, item] for user in users for item in model.items_[::2]])
    denied = np.array([[user, item] for user in users[:2] for item in model.items_[:6]])
    few, many = model.items_[:3], model.items_[2:]
    forms = {
        "pairs without a list": (pairs, few),
        "pairs without pairs": (pairs, denied),
        "a list without a list": (many, few),
        "a list without pairs": (many, denied),
    }
    for what, (items, exclude) in forms.items():
        found = model.recommend(
            users, k=5, exclude_seen=False, items=items, exclude=exclude
        )
        allowed = _mask(model, users, items) & ~_mask(model, users, exclude)
        _require_best(f"{name}.recommend({what})", model, found, full, allowed)


def check_long_form(name, estimator):
    """Check that the long form holds the lists without padding, ranks from 1."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    users, k = some_users(rows)[[1, 0, 1]], len(model.items_)
    items, scores = model.recommend(users, k=k)
    frame = model.recommend(users, k=k, as_frame=True)
    columns = ["user_id", "item_id", "rank", "score"]
    require(
        list(frame.columns) == columns,
        f"{name}.recommend(as_frame=True) has columns {list(frame.columns)}.",
    )
    there = np.isfinite(scores)
    user_of, rank_of = np.nonzero(there)
    expected = (users[user_of], items[there], rank_of + 1, scores[there])
    for column, values in zip(columns, expected, strict=True):
        require(
            np.array_equal(frame[column].to_numpy(), values),
            f"{name}.recommend(as_frame=True): {column} is not that of the lists.",
        )


def _positions(model, items):
    position = {item: col for col, item in enumerate(model.items_.tolist())}
    return np.array([position[item] for item in items.tolist()], dtype=int)


def _mask(model, users, meant):
    """Return which items a list of items, or of pairs, means for each user."""
    if meant.ndim == 1:
        mask = np.zeros(len(model.items_), dtype=bool)
        mask[_positions(model, meant)] = True
        return np.tile(mask, (len(users), 1))
    pairs = set(map(tuple, meant.tolist()))
    return np.array(
        [[(u, i) in pairs for i in model.items_.tolist()] for u in users.tolist()]
    )


def _all_scores(model, users, **options):
    """Return the scores of all items, in the order of `items_`."""
    n_items = len(model.items_)
    items, scores = model.recommend(users, k=n_items, exclude_seen=False, **options)
    out = np.full(scores.shape, np.nan, dtype=scores.dtype)
    for row in range(len(users)):
        out[row, _positions(model, items[row])] = scores[row]
    require(
        np.isfinite(out).all(),
        "recommend(k=n_items, exclude_seen=False) does not list every item once.",
    )
    return out


def _require_best(message, model, found, full, allowed):
    """Require lists to be the best of the allowed items, by scores known before."""
    items, scores = found
    k = items.shape[1]
    for row in range(len(full)):
        there = np.isfinite(scores[row])
        n_there = min(k, int(allowed[row].sum()))
        require(
            bool(there[:n_there].all()) and not there[n_there:].any(),
            f"{message}: list {row} has {int(there.sum())} items, expected {n_there}.",
        )
        cols = _positions(model, items[row][there])
        require(
            len(set(cols.tolist())) == n_there,
            f"{message}: list {row} repeats an item.",
        )
        require(
            bool(allowed[row][cols].all()),
            f"{message}: list {row} holds items that are not allowed: "
            f"{model.items_[cols[~allowed[row][cols]]].tolist()}.",
        )
        candidates = np.flatnonzero(allowed[row])
        order = np.lexsort((candidates, -full[row][candidates]))
        best = candidates[order][:n_there]
        require_close(
            scores[row][there], full[row][best], f"{message}: scores of list {row}"
        )
        if np.array_equal(scores[row][there], full[row][cols]):
            # The same numbers to the bit, so ties are known for certain.
            same = np.array_equal(cols, best)
        else:
            scale = np.abs(full[row]).max()
            off = np.abs(full[row][cols] - full[row][best])
            same = bool((off <= RTOL * scale).all())
        require(
            same,
            f"{message}: list {row} is {model.items_[cols].tolist()}, expected "
            f"{model.items_[best].tolist()}: best first, ties in the order of items_.",
        )
