"""Find the recommender inside pipelines and searches, and speak its ids."""

import numpy as np

from sklearn_metarec._vocabulary import encode_ids, padded
from sklearn_metarec.interactions import read_table

_INNER = ("best_estimator_", "regressor_", "estimator_")


def unwrap(estimator):
    """Return (the fitted transformers in front, the final estimator).

    Looks through pipelines, searches and single-estimator wrappers.
    """
    transformers = []
    while True:
        if hasattr(estimator, "steps"):
            transformers += [
                step
                for _, step in estimator.steps[:-1]
                if step is not None and step != "passthrough"
            ]
            estimator = estimator.steps[-1][1]
            continue
        inner = next(
            (name for name in _INNER if getattr(estimator, name, None) is not None),
            None,
        )
        if inner is None or hasattr(estimator, "history_"):
            return transformers, estimator
        estimator = getattr(estimator, inner)


def id_encoders(transformers, side):
    """Return the fitted transformers that recode the ids of one side, in order.

    A step recodes ids if it has `encode_ids` and `decode_ids`; a ColumnTransformer is
    searched for such a step.
    """
    found = []
    for transformer in transformers:
        inner = getattr(transformer, "named_transformers_", None)
        candidates = [transformer] if inner is None else list(inner.values())
        found += [
            step
            for step in candidates
            if hasattr(step, "decode_ids") and step.recodes(side)
        ]
    return found


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
    as_frame = options.pop("as_frame", False)
    if users is None:
        users = _all_users(transformers, final, options.get("history"))
    asked = encode_side(transformers, "user", users)
    items, scores = final.recommend(
        asked, k, **encode_options(transformers, options)
    )
    items = decode_found(transformers, "item", items, scores)
    return long_form(np.asarray(users), items, scores) if as_frame else (items, scores)


def _all_users(transformers, final, history):
    if history is None:
        return decode_side(transformers, "user", final.users_)
    table = read_table(history[0] if isinstance(history, tuple) else history)
    return encode_ids(table.user)[0].ids


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
    if history is not None:
        table, *target = history if isinstance(history, tuple) else (history,)
        for transformer in transformers:
            table = transformer.transform(table)
        encoded["history"] = (table, *target) if target else table
    for name in ("items", "exclude"):
        ids = options.get(name)
        if ids is None:
            continue
        if np.ndim(ids) == 1:
            encoded[name] = encode_side(transformers, "item", ids)
        elif id_encoders(transformers, "user") or id_encoders(transformers, "item"):
            table = read_table(ids, warn=False)
            columns = [
                encode_side(transformers, side, column)
                for side, column in (("user", table.user), ("item", table.item))
            ]
            encoded[name] = list(zip(*columns, strict=True))
    return encoded


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
