"""What displays and the report measure of fitted models."""

from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_metarec._evaluate import evaluate_ranking, fit_pairs
from sklearn_metarec._unwrap import (
    decode_side,
    encode_options,
    encode_side,
    recommend,
    unwrap,
)
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.interactions import encode_interactions, find_roles
from sklearn_metarec.metrics import mean_interval

_POINTS = 60


def as_named(models):
    """Return a dict of models: the one, a list of them, or a dict as it is.

    Parameters
    ----------
    models : estimator, list of estimators or dict of str to estimator
        Fitted.

    Returns
    -------
    named : dict of str to estimator
        Named by their classes, with a number where a name repeats.
    """
    if isinstance(models, dict):
        return dict(models)
    if not isinstance(models, list | tuple):
        models = [models]
    named: dict[str, Any] = {}
    for model in models:
        name = name_of_model(model)
        again = sum(other.partition(" #")[0] == name for other in named)
        named[name if not again else f"{name} #{again + 1}"] = model
    return named


def name_of_model(model):
    """Return the class of a model, or of what it chose or ends with."""
    own, inner = type(model).__name__, type(unwrap(model)[1]).__name__
    return own if own == inner else f"{own}({inner})"


def curve(values, names):
    """Return (mean, low, high) of each of some metrics over users.

    Parameters
    ----------
    values : dict of str to ndarray
        One value a user.
    names : list of str
        Which.

    Returns
    -------
    means, lows, highs : ndarray of shape (n,)
        With 95% intervals.
    """
    found = [mean_interval(values[name], random_state=0) for name in names]
    return tuple(np.array(part) for part in zip(*found, strict=True))


def quality_at(model, X, y, metric, ks, min_relevance=0):
    """Return (means, lows, highs) of a ranking metric at some cut-offs."""
    names = [f"{metric}@{k}" for k in ks]
    values = evaluate_ranking(
        model, X, y, metrics=names, min_relevance=min_relevance, per_user=True
    )
    return curve(values, names)


def popularity_curve(counts, popularity):
    """Return how much of something the most popular items have.

    Parameters
    ----------
    counts : ndarray of shape (n_items,)
        How often each item is in the lists, or in the data.
    popularity : ndarray of shape (n_items,)
        How many users of the data have it.

    Returns
    -------
    items, shares : ndarray
        The share of the catalogue, the most popular first, and what it has.
    """
    order = np.argsort(-popularity, kind="stable")
    total = np.cumsum(counts[order]) / max(counts.sum(), 1)
    n = len(counts)
    places = np.unique(np.geomspace(1, n, min(_POINTS, n)).round().astype(int))
    return places / n, total[places - 1]


def exposure(model, users, k):
    """Return (how often each item is recommended, how many users have it).

    Parameters
    ----------
    model : estimator
        Fitted; it tells the pairs of the fit.
    users : array-like or None
        Who is asked for; all users of the fit by default.
    k : int
        The length of the lists.

    Returns
    -------
    shown, popularity : ndarray of shape (n_items,)
        Counts, of the same items.
    """
    pairs = fit_pairs(model, "The popularity of items")
    if users is None:
        users = pairs.users.ids
    items, scores = recommend(model, users, k)
    codes = pairs.items.lookup(items[np.isfinite(scores)])
    n = len(pairs.items)
    shown = np.bincount(codes[codes >= 0], minlength=n)
    return shown, np.bincount(pairs.cols, minlength=n)


def count_items(X, lists):
    """Return (how often each item of a table is in lists, how many users have it)."""
    table = encode_interactions(X)
    pairs = np.unique(np.column_stack([table.rows, table.cols]), axis=0)
    n = len(table.items)
    codes = table.items.lookup(np.asarray(lists).ravel())
    shown = np.bincount(codes[codes >= 0], minlength=n)
    return shown, np.bincount(pairs[:, 1], minlength=n)


def distinct_users(X):
    """Return the sorted ids of a table's users."""
    table = encode_interactions(X)
    return table.users.ids[np.flatnonzero(np.bincount(table.rows))]


def history_of(model, user):
    """Return a user's items of the fit, with the strength or rating of each."""
    pairs, final = fit_pairs(model, "A user's history"), unwrap(model)[1]
    code = encode_ids(pairs.users.ids)[0].lookup([user])[0]
    mine = np.flatnonzero(pairs.rows == code)
    values = final.history_.tocoo().data[mine]
    return pairs.items.ids[pairs.cols[mine]], values


def explain_with(model, user, item, history=None):
    """Explain a score by what holds a recommender, in the caller's ids.

    Parameters
    ----------
    model : estimator
        A recommender, or a pipeline or search around one.
    user, item : id
        As the caller has them.
    history : table or tuple (table, y), default=None
        Rows of the user for this call only.

    Returns
    -------
    explanation : Explanation or None
        None if the recommender has no `explain`.
    """
    transformers, final = unwrap(model)
    if not hasattr(final, "explain"):
        return None
    user = encode_side(transformers, "user", [user])[0]
    item = encode_side(transformers, "item", [item])[0]
    options = encode_options(transformers, {"history": history})
    reasons = final.explain(user, item, **options)
    return replace(reasons, items=decode_side(transformers, "item", reasons.items))


def item_namer(names, model=None):
    """Return what gives an item's name.

    Parameters
    ----------
    names : None, dict, Series, DataFrame or callable
        From item id to name. A frame has an item column (or the ids as its index) and
        a column named title or name, or else one other. By default the model's item
        features, if they have a title or name.
    model : estimator, default=None
        Fitted.

    Returns
    -------
    name : callable
        Takes an id; one without a name is named by itself.
    """
    if names is None:
        table = getattr(unwrap(model)[1], "item_features", None)
        columns = getattr(table, "columns", None)
        titled = columns is not None and _title_column(columns)
        names = table if titled else {}
    if callable(names):
        return lambda item: str(names(item))
    if hasattr(names, "columns"):
        names = _as_mapping(names)
    elif hasattr(names, "to_dict"):
        names = names.to_dict()
    return lambda item: str(names.get(item, item))


def _title_column(columns):
    return next((c for c in columns if str(c).lower() in ("title", "name")), None)


def _as_mapping(frame):
    import narwhals.stable.v2 as nw

    table = nw.from_native(frame, eager_only=True)
    ids = find_roles(table.columns).get("item")
    others = [c for c in table.columns if c != ids]
    title = _title_column(others) or (others[0] if len(others) == 1 else None)
    if title is None:
        raise ValueError(
            "item_names needs a column named title or name; the columns are "
            f"{table.columns}."
        )
    keys = frame.index if ids is None else table[ids].to_list()
    return dict(zip(keys, table[title].to_list(), strict=True))
