"""Find the recommender inside pipelines and searches, and speak its ids."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._request import check_ids
from sklearn_metarec._vocabulary import encode_ids, padded
from sklearn_metarec.interactions import find_roles, read_table

_INNER = ("best_estimator_", "regressor_", "estimator_")


def unwrap(estimator):
    """Return (the fitted transformers in front, the final estimator).

    Looks through pipelines, searches and single-estimator wrappers.
    """
    *outer, final = layers(estimator)
    pipelines = [layer for layer in outer if hasattr(layer, "steps")]
    return [step for layer in pipelines for step in _real_steps(layer)[:-1]], final


def layers(estimator):
    """Yield an estimator and those it is wrapped around, down to the innermost."""
    while estimator is not None:
        yield estimator
        estimator = _inner(estimator)


def _inner(estimator):
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    if hasattr(estimator, "history_"):
        return None
    found = (getattr(estimator, name, None) for name in _INNER)
    return next((inner for inner in found if inner is not None), None)


def _real_steps(pipeline):
    *front, last = (step for _, step in pipeline.steps)
    return [step for step in front if step not in (None, "passthrough")] + [last]


def id_encoders(transformers, side):
    """Return the fitted transformers that recode the ids of one side, in order.

    A step recodes ids if it has `encode_ids` and `decode_ids`; pipelines and
    ColumnTransformers are searched for such steps.
    """
    return [
        step
        for transformer in transformers
        for step in _parts(transformer)
        if hasattr(step, "decode_ids") and step.recodes(side)
    ]


def _parts(transformer):
    """Yield the transformers that a transformer is made of, in order."""
    if hasattr(transformer, "steps"):
        inner = [step for _, step in transformer.steps]
    elif hasattr(transformer, "transformers_"):
        inner = [fitted for _, fitted, _ in transformer.transformers_]
    else:
        yield transformer
        return
    for part in inner:
        yield from _parts(part)


def check_ids_kept(estimator):
    """Raise an error if a pipeline has found out that a step loses the ids."""
    for layer in layers(estimator):
        lost = getattr(layer, "_ids_lost", None)
        if lost:
            raise ValueError(lost)


def encode_side(transformers, side, ids):
    """Return raw ids as the final estimator knows them."""
    for step in id_encoders(transformers, side):
        ids = step.encode_ids(ids, side)
    return ids


def decode_side(transformers, side, ids):
    """Return the final estimator's ids as the caller knows them."""
    ids = np.asarray(ids)
    for step in reversed(id_encoders(transformers, side)):
        ids = step.decode_ids(ids.ravel(), side).reshape(ids.shape)
    return ids


def recommend(estimator, users=None, k=10, **options):
    """Recommend with any fitted estimator that holds a recommender.

    Parameters
    ----------
    estimator : estimator
        A fitted recommender, or a Pipeline, GridSearchCV, MetaSelector or a like
        wrapper around one.
    users : array-like of shape (n_users,), default=None
        User ids; all users of the fit by default.
    k : int, default=10
        How many items each user gets.
    **options : dict
        Passed on, see :meth:`BaseRecommender.recommend`: `history`, `exclude_seen`,
        `items`, `exclude`, `context`, `as_frame`.

    Returns
    -------
    items : ndarray of shape (n_users, k)
        Item ids, best first.
    scores : ndarray of shape (n_users, k)
        Their scores; -inf where there is no item.

    Raises
    ------
    TypeError
        If there is no recommender inside.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_metarec import EASE, recommend
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "milk"]]
    >>> items, scores = recommend(EASE(1.0).fit(X), ["bob"], k=1)
    >>> items.tolist()
    [['milk']]
    """
    transformers, final = unwrap(estimator)
    if not hasattr(final, "recommend"):
        raise TypeError(
            f"{type(final).__name__} has no method recommend. Fit one of this "
            "package's recommenders, or a pipeline or search around one."
        )
    if not transformers:
        return final.recommend(users, k, **options)
    check_ids_kept(estimator)
    encoded = encode_options(transformers, options)
    if not any(id_encoders(transformers, side) for side in ("user", "item")):
        return final.recommend(users, k, **encoded)
    users = _asked(transformers, final, users, options.get("history"))
    as_frame = encoded.pop("as_frame", False)
    items, scores = final.recommend(
        encode_side(transformers, "user", users), k, **encoded
    )
    items = decode_found(transformers, "item", items, scores)
    return long_form(users, items, scores) if as_frame else (items, scores)


def _asked(transformers, final, users, history):
    """Return the ids of the users of a call, as the caller knows them."""
    if users is not None:
        return check_ids(users)
    if history is None:
        check_is_fitted(final, "users_")
        return decode_side(transformers, "user", final.users_)
    table = raw_table(history[0] if isinstance(history, tuple) else history)
    return encode_ids(table.user)[0].ids


def raw_table(X):
    """Return the ids of a table that a pipeline takes: its steps may drop ratings."""
    rating = find_roles(X.columns).get("rating") if _is_frame(X) else None
    if rating is not None:
        X = X[[name for name in X.columns if name != rating]]
    return read_table(X, allow_empty=True, warn=False)


def _is_frame(X):
    return hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns)


def long_form(users, items, scores):
    """Return lists as a DataFrame of user_id, item_id, rank and score."""
    import pandas as pd

    there = np.isfinite(scores)
    n_users, k = scores.shape
    user = np.repeat(np.arange(n_users), k)[there.ravel()]
    ranks = np.tile(np.arange(1, k + 1), n_users)[there.ravel()]
    return pd.DataFrame(
        {
            "user_id": users[user], "item_id": items[there], "rank": ranks,
            "score": scores[there],
        }
    )  # fmt: skip


def encode_options(transformers, options):
    """Return the options of a call in the ids of the final estimator."""
    encoded = dict(options)
    history = options.get("history")
    if history is not None and transformers:
        table, *target = history if isinstance(history, tuple) else (history,)
        table = _transformed(transformers, table)
        encoded["history"] = (table, *target) if target else table
    for name in ("items", "exclude"):
        ids = options.get(name)
        if ids is None or isinstance(ids, str | bytes) or not hasattr(ids, "__len__"):
            continue  # the final estimator says what is wrong with it
        pairs = hasattr(ids, "columns") or np.ndim(ids) == 2
        if pairs and (
            id_encoders(transformers, "user") or id_encoders(transformers, "item")
        ):
            encoded[name] = _encoded_pairs(transformers, ids)
        elif not pairs:
            encoded[name] = encode_side(transformers, "item", ids)
    return encoded


def _transformed(transformers, table):
    """Return rows of history as the final estimator takes them."""
    names = getattr(transformers[0], "feature_names_in_", None)
    if names is None:
        width = getattr(transformers[0], "n_features_in_", None)
        complete = width is None or raw_table(table).n_columns == width
    else:
        complete = _is_frame(table) and set(names) <= set(table.columns)
        table = table[list(names)] if complete else table
    if not complete or not len(table):
        # A basket of users and items, without the other columns of the fit.
        return _encoded_pairs(transformers, table)
    for transformer in transformers:
        table = transformer.transform(table)
    return table


def _encoded_pairs(transformers, pairs):
    table = raw_table(pairs)
    columns = [
        encode_side(transformers, side, ids)
        for side, ids in (("user", table.user), ("item", table.item))
    ]
    return list(zip(*columns, strict=True))


def decode_found(transformers, side, ids, scores):
    """Return ranked ids as the caller knows them, padding where a score is -inf."""
    if not id_encoders(transformers, side):
        return ids
    there = np.isfinite(scores)
    decoded = decode_side(transformers, side, ids[there])
    out = padded(ids.shape, decoded.dtype)
    out[there] = decoded
    return out


def seen_pairs(estimator, users, items):
    """Tell which (user, item) pairs an estimator was fitted on."""
    transformers, final = unwrap(estimator)
    if not hasattr(final, "seen_pairs"):
        return np.zeros(len(users), dtype=bool)
    users = encode_side(transformers, "user", users)
    return final.seen_pairs(users, encode_side(transformers, "item", items))
