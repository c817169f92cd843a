"""Ranking metrics of recommended lists, all in one pass."""

from functools import partial

import numpy as np

from sklearn_metarec.metrics._codes import Lists, Request, evaluate
from sklearn_metarec.metrics._encoding import (
    ItemCodes,
    encode_lists,
    encode_relevant,
    encode_training,
    encode_vectors,
    training_facts,
)

GAINS = ("binary", "linear", "exponential")
_MAX_EXPONENT = 1000  # 2.0**1024 is infinite


def ranking_scores(
    X_true,
    users,
    items,
    *,
    scores=None,
    y_true=None,
    sample_weight=None,
    metrics=("ndcg@10",),
    min_relevance=0,
    gain="binary",
    n_items=None,
    X_train=None,
    item_vectors=None,
    per_user=False,
):
    """Compute ranking metrics of recommended lists.

    All metrics and cut-offs come from one encoding of the ids and one pass over the
    lists.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2), or None
        The test table: user and item of each interaction, in any order. A pair that
        is repeated counts once, with its largest gain. None will do for metrics that
        know no relevance (coverage, user_coverage, novelty, diversity, gini,
        average_popularity, tail_share).
    users : array-like of shape (n,) or None
        The users whose lists these are. None only without `X_true`.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first. An item that a list repeats is
        no second hit.
    scores : array-like of shape (n, width), default=None
        The scores of these items, as `recommend` returns them; -inf marks a slot that
        holds no recommendation. By default every slot holds one.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths of the test rows; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the test rows; a user weighs the sum of theirs, and rows of weight
        zero count as absent. By default each user weighs 1.
    metrics : str or sequence of str, default=("ndcg@10",)
        Names with cut-offs (10 where there is none): accuracy, auc, f1, hit_rate, map,
        mrr, ndcg, precision, recall; average_popularity, coverage, diversity, gini,
        novelty, serendipity, tail_share, user_coverage. See Notes.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    gain : {"binary", "linear", "exponential"}, default="binary"
        The gain of a relevant item in nDCG: 1, y, or 2^y - 1.
    n_items : int, default=None
        The size of the catalogue, for accuracy, auc, coverage and gini; by default the
        number of distinct items of `X_train`, where that is given.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2), default=None
        The training table, for novelty, serendipity, average_popularity, tail_share,
        and for diversity without `item_vectors`.
    item_vectors : tuple of (array-like of shape (n_ids,), matrix of shape (n_ids, d))\
, default=None
        Item ids and their vectors, dense or sparse, for diversity, such as
        `(model.items_, model.item_factors_)`. By default an item's vector is the set
        of its users in `X_train`.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    values : dict of str to float or ndarray of shape (n,)
        The value of each name: the mean over the users for whom the metric is
        defined, which for the accuracy metrics and serendipity are those with at least
        one relevant item; with `per_user`, an array with NaN for the others.

    Raises
    ------
    ValueError
        If a name is unknown, the shapes do not fit, or a metric lacks what it needs
        (`n_items`, `X_train`); with `per_user` also for coverage and gini, which
        exist for all lists together only.

    Warns
    -----
    UndefinedMetricWarning
        If a metric is defined for no user at all; its value is NaN.

    See Also
    --------
    ranking_scores_from_codes : The same for ids that are coded already.
    paired_test : Compares the values of two models user by user.

    Notes
    -----
    With h hits among the first k slots, and r relevant items of the user:

    - precision is h / k (also of shorter lists), recall h / r, f1 their harmonic mean
      2h / (k + r), hit_rate 1 if h > 0;
    - ndcg discounts the gains by log2(1 + rank), relative to the best order of the
      user's relevant items cut at k [1]_;
    - map sums the precisions at the hits, over min(k, r);
    - mrr is 1 / rank of the first hit, or 0;
    - accuracy is the share of the catalogue that is on the right side: listed and
      relevant, or neither;
    - auc is the share of (relevant, other) pairs of items in the right order; items
      that are not listed tie. It is exact when the list holds the whole catalogue.

    The metrics beyond accuracy are documented with their functions, such as
    :func:`novelty_at_k`.

    References
    ----------
    .. [1] K. Jarvelin and J. Kekalainen. Cumulated gain-based evaluation of IR
       techniques. ACM TOIS 20(4), 2002.

    Examples
    --------
    User 1 likes 10 and 30, and gets 10, 20, 30; user 2 likes 20, and gets 10, 30, 20:

    >>> from sklearn_metarec.metrics import ranking_scores
    >>> X_true = [[1, 10], [1, 30], [2, 20]]
    >>> items = [[10, 20, 30], [10, 30, 20]]
    >>> ranking_scores(X_true, [1, 2], items, metrics=["recall@2", "mrr@3"])
    {'recall@2': 0.25, 'mrr@3': 0.666...}
    """
    request = Request(metrics)
    items, padding = _check_lists(items, scores, request.depth)
    codes = ItemCodes()
    facts = {"n_items": _check_n_items(n_items)}
    pairs = None
    # Training first: its items are the catalogue, and get the first codes.
    if X_train is not None and (request.beyond_accuracy or request.needs("n_items")):
        pairs = encode_training(X_train, codes)
    if X_true is not None:
        facts["relevant"] = encode_relevant(
            X_true,
            _check_users(users, len(items)),
            codes,
            y=_check_column(y_true, "y_true"),
            weight=_check_weight(sample_weight),
            relevance=partial(_relevance, min_relevance=min_relevance, gain=gain),
        )
    facts["ranked"] = encode_lists(
        items, padding, codes, keep_unknown=request.beyond_accuracy
    )
    if pairs is not None:
        facts = training_facts(pairs, codes.size) | {
            key: value for key, value in facts.items() if value is not None
        }
    if item_vectors is not None:
        facts["vectors"] = encode_vectors(item_vectors, codes)
    return evaluate(request, Lists(**facts), per_user)


def _check_lists(items, scores, depth):
    """Return the items down to the deepest cut-off, and which slots are padding."""
    items = _as_matrix(items, "items")
    if scores is None:
        return items[:, :depth], None
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != items.shape:
        raise ValueError(
            f"scores has shape {scores.shape}, but items has {items.shape}: pass both "
            "as recommend returned them."
        )
    scores = scores[:, :depth]
    if np.isnan(scores).any():
        raise ValueError(
            "scores contains NaN: a slot without a recommendation is marked by -inf."
        )
    padding = scores == -np.inf
    return items[:, :depth], padding if padding.any() else None


def _as_matrix(values, name):
    if not isinstance(values, np.ndarray) and hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if not isinstance(values, np.ndarray):
        # np.array would turn the ids [1, "a"] into strings.
        rows = [list(row) for row in values]
        widths = {len(row) for row in rows}
        if len(widths) > 1:
            raise ValueError(
                f"{name} has rows of {min(widths)} to {max(widths)} items. Pad the "
                "short ones, and pass scores with -inf there."
            )
        values = np.empty((len(rows), max(widths, default=0)), dtype=object)
        for position, row in enumerate(rows):
            values[position] = row
    if values.ndim != 2:
        raise ValueError(
            f"{name} must have a row of items for each user, got shape {values.shape}."
        )
    return values


def _check_users(users, n_lists):
    if users is None:
        raise ValueError("users is None: X_true says nothing without the lists' users.")
    if not isinstance(users, np.ndarray) and not hasattr(users, "to_numpy"):
        users = list(users)
    if len(users) != n_lists:
        raise ValueError(f"users has {len(users)} ids, but items has {n_lists} rows.")
    return users


def _check_column(values, name):
    """Return a column of finite numbers, or None."""
    if values is None:
        return None
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"{name} must be one column, got shape {values.shape}.")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{name} contains NaN or inf: {values[row]} at row {row}.")
    return values


def _check_weight(sample_weight):
    weight = _check_column(sample_weight, "sample_weight")
    if weight is not None and (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise ValueError(f"sample_weight is negative: {weight[row]} at row {row}.")
    return weight


def _check_n_items(n_items):
    if n_items is not None and n_items < 1:
        raise ValueError(f"n_items={n_items} must be at least 1, or None.")
    return n_items


def _relevance(y, min_relevance, gain):
    """Return the mask of relevant rows and their gains, None for all and for 1 each."""
    if gain not in GAINS:
        raise ValueError(f"gain={gain!r} must be one of {', '.join(GAINS)}.")
    if y is None:
        return None, None  # each y is 1, and so is its gain, whatever the kind
    relevant = y > min_relevance
    if gain == "binary":
        return relevant, None
    if min_relevance < 0:
        raise ValueError(
            f"gain={gain!r} needs min_relevance >= 0, got {min_relevance}: a relevant "
            "item must have a positive gain."
        )
    y = y[relevant]
    if gain == "linear":
        return relevant, y
    if y.max(initial=0) > _MAX_EXPONENT:
        raise ValueError(
            f"gain='exponential' overflows at y={y.max()}: scale y, or use 'linear'."
        )
    return relevant, np.exp2(y) - 1
