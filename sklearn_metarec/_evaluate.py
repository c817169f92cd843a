"""Rank a test table's users with any recommender, and measure the lists."""

import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import assert_all_finite, check_consistent_length

from sklearn_metarec._unwrap import (
    decode_side,
    encode_side,
    recommend,
    seen_pairs,
    unwrap,
)
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.interactions import (
    Interactions,
    compressed_parts,
    encode_interactions,
    pair_matrix,
)
from sklearn_metarec.metrics import parse_metric, ranking_scores
from sklearn_metarec.utils._sklearn import check_random_state, column_or_1d

# What a metric has to know of the fit. The catalogue of the first includes the items
# that only the test table has; that of the second is what can be recommended.
_NEED_ALL_ITEMS = {"accuracy", "auc"}
_NEED_N_ITEMS = {"coverage", "gini"}
_NEED_PAIRS = {
    "average_popularity", "diversity", "novelty", "serendipity", "tail_share",
}  # fmt: skip


def evaluate_ranking(
    estimator, X, y=None, sample_weight=None, *, metrics=("ndcg@10",),
    min_relevance=0, gain="binary", exclude_seen=True, n_negatives=None,
    random_state=None, per_user=False,
):  # fmt: skip
    """Measure the lists that a fitted recommender gives to the users of a test table.

    Parameters
    ----------
    estimator : estimator
        A recommender, or a pipeline or search around one.
    X : array-like or dataframe of shape (n, >= 2), or Interactions
        Test rows.
    y : array-like of shape (n,), default=None
        Rows with y > `min_relevance` are relevant; all by default.
    sample_weight : array-like of shape (n,), default=None
        A user's weight is the sum of their rows' weights; rows of weight zero count as
        absent. By default each user weighs 1.
    metrics : sequence of str, default=("ndcg@10",)
        Names with a cut-off.
    min_relevance : float, default=0
        What y must exceed.
    gain : {"binary", "linear", "exponential"}, default="binary"
        What a relevant row is worth to nDCG.
    exclude_seen : bool, default=True
        Whether the pairs of the fit are left out: of the lists, and of the test rows.
    n_negatives : int, default=None
        Rank a user's relevant items among that many sampled others, as in the
        sampled protocols of papers. By default among all.
    random_state : int, RandomState or None, default=None
        Draws the negatives.
    per_user : bool, default=False
        Whether to return one value a user, in the sorted order of the users who have
        a relevant row.

    Returns
    -------
    scores : dict
        From metric name to mean, or to the values of the users.

    Warns
    -----
    UndefinedMetricWarning
        If no user has a relevant row; all scores are NaN.
    ColdUsersWarning
        If the model does not know most of the users.
    """
    depth = max(parse_metric(name)[1] for name in metrics)
    rows = _Rows(encode_interactions(X), y, sample_weight)
    if rows.weight is not None:
        rows = rows[rows.weight != 0]
    if exclude_seen:
        rows = rows[~_seen(estimator, rows.table)]
    relevant = rows.table if rows.y is None else rows.table[rows.y > min_relevance]
    if not len(relevant):
        warnings.warn(
            "No user has a relevant test row that was not in the fit, so the ranking "
            "metrics are NaN. To measure the lists on rows of the fit itself, use "
            "make_ranking_scorer(..., exclude_seen=False).",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return {name: np.empty(0) if per_user else np.nan for name in metrics}
    users = relevant.users.ids[np.flatnonzero(np.bincount(relevant.rows))]
    options = {} if exclude_seen else {"exclude_seen": False}
    if n_negatives is not None:
        rng = check_random_state(random_state)
        negatives = _negatives(estimator, rows.table, users, n_negatives, rng)
        options["items"] = _candidates(relevant, *negatives)
    with _one_warning_of_unknown(estimator, users):
        items, scores = recommend(estimator, users, depth, **options)
    values: dict[str, Any] = {}
    for names, facts in _facts_of_fit(estimator, rows.table, metrics):
        values |= ranking_scores(
            rows.table, users, items, scores=scores, y_true=rows.y,
            sample_weight=rows.weight, metrics=names, min_relevance=min_relevance,
            gain=gain, per_user=per_user, **facts,
        )  # fmt: skip
    return {name: values[name] for name in metrics}


class _Rows:
    """Test rows with their targets and weights."""

    def __init__(self, table, y, weight):
        check_consistent_length(table, y, weight)
        self.table = table
        self.y = None if y is None else _finite(y, "y")
        self.weight = None if weight is None else _finite(weight, "sample_weight")

    def __getitem__(self, mask):
        if mask.all():
            return self
        y, weight = (
            None if values is None else values[mask] for values in (self.y, self.weight)
        )
        return _Rows(self.table[mask], y, weight)


def _finite(values, name):
    values = column_or_1d(values, dtype=np.float64)
    assert_all_finite(values, input_name=name)
    return values


def is_table_of_fit(estimator, table):
    """Tell whether a table holds exactly the pairs that an estimator was fitted on.

    Parameters
    ----------
    estimator : estimator
        A fitted recommender, or a pipeline or search around one.
    table : Interactions
        The table; rows may repeat.

    Returns
    -------
    same : bool
        False also for an estimator that does not tell its pairs.
    """
    history = getattr(unwrap(estimator)[1], "history_", None)
    if history is None or len(table) < history.nnz:
        return False
    ones = np.ones(len(table), dtype=np.float32)
    shape = (len(table.users), len(table.items))
    n_pairs = pair_matrix(table.rows, table.cols, ones, shape).nnz
    return n_pairs == history.nnz and bool(_seen(estimator, table).all())


def _seen(estimator, table):
    users, items = table.users.ids[table.rows], table.items.ids[table.cols]
    return seen_pairs(estimator, users, items)


def _one_warning_of_unknown(estimator, users):
    """Warn if most users are unknown; return a context without `recommend`'s own."""
    transformers, final = unwrap(estimator)
    if not hasattr(final, "users_"):
        return nullcontext()
    known = encode_ids(final.users_)[0]
    codes = known.lookup(encode_side(transformers, "user", users))
    unknown = float(np.mean(codes < 0))
    if unknown > 0.5:
        warnings.warn(
            f"{unknown:.0%} of the test users are unknown to the model and get its "
            "fallback. A split that holds out whole users measures that fallback: use "
            "a splitter of sklearn_metarec.model_selection, such as "
            "PerUserShuffleSplit, WarmKFold or TemporalSplit.",
            ColdUsersWarning,
            stacklevel=4,
        )
    if unknown < 1:
        # The warning filters belong to all threads: they stay as they are where
        # there is nothing to filter.
        return nullcontext()
    return warnings.catch_warnings(action="ignore", category=ColdUsersWarning)


def _facts_of_fit(estimator, table, metrics):
    """Yield metrics, and what they need to know of the fit besides the lists."""
    kinds = {name: parse_metric(name)[0] for name in metrics}
    apart = [name for name in metrics if kinds[name] in _NEED_ALL_ITEMS]
    if apart:
        yield apart, _n_items(estimator, table)
    others = [name for name in metrics if name not in apart]
    if not others:
        return
    facts: dict[str, Any] = {}
    wanted = {kinds[name] for name in others}
    if wanted & _NEED_N_ITEMS:
        facts |= _n_items(estimator)
    if wanted & _NEED_PAIRS:
        facts["X_train"] = fit_pairs(estimator, ", ".join(sorted(wanted & _NEED_PAIRS)))
    yield others, facts


def _n_items(estimator, table=None):
    """Return the number of a fit's items, with those that only a test table has."""
    transformers, final = unwrap(estimator)
    if not hasattr(final, "items_"):
        return {}
    n_items = len(final.items_)
    if table is not None:
        ids = encode_side(transformers, "item", table.items.ids[np.unique(table.cols)])
        n_items += int((encode_ids(final.items_)[0].lookup(ids) < 0).sum())
    return {"n_items": n_items}


def fit_pairs(estimator, purpose):
    """Return the pairs of a fit as a table with the caller's ids."""
    transformers, final = unwrap(estimator)
    if not hasattr(final, "history_"):
        raise ValueError(
            f"{purpose} needs the pairs that a model was fitted on, and "
            f"{type(final).__name__} does not tell: it has no history_."
        )
    entries = final.history_.tocoo()
    users, user_codes = encode_ids(decode_side(transformers, "user", final.users_))
    items, item_codes = encode_ids(decode_side(transformers, "item", final.items_))
    return Interactions(users, items, user_codes[entries.row], item_codes[entries.col])


def _candidates(relevant, users, items):
    """Return the (user, item) pairs to rank: the relevant ones, and others."""
    import pandas as pd

    users = np.concatenate([relevant.users.ids[relevant.rows], users])
    items = np.concatenate([relevant.items.ids[relevant.cols], items])
    return pd.DataFrame({"user_id": users, "item_id": items})


def _negatives(estimator, table, users, n, rng):
    """Return users and items of n sampled pairs a user, new to fit and test table."""
    fit = fit_pairs(estimator, "n_negatives")
    asked = encode_ids(users)[0]
    parts = [_known_pairs(part, asked, fit.items) for part in (fit, table)]
    rows, cols = (np.concatenate(codes) for codes in zip(*parts, strict=True))
    ones = np.ones(len(rows), dtype=np.float32)
    taken = pair_matrix(rows, cols, ones, (len(users), len(fit.items)))
    rows, cols = _sample_others(taken, n, rng)
    return users[rows], fit.items.ids[cols]


def _known_pairs(table, users, items):
    """Return the codes of the rows whose user and item other vocabularies know."""
    rows = users.lookup(table.users.ids)[table.rows]
    cols = items.lookup(table.items.ids)[table.cols]
    known = (rows >= 0) & (cols >= 0)
    return rows[known], cols[known]


def _sample_others(taken, n, rng):
    """Draw n items for each user that are not among the taken ones, without repeats.

    Parameters
    ----------
    taken : csr_array of shape (n_users, n_items)
        The stored entries are taken.
    n : int
        How many. A user who has fewer other items gets them all.
    rng : RandomState
        The source of randomness.

    Returns
    -------
    rows, cols : ndarray of shape (n_drawn,)
        Users, ascending, and items.
    """
    n_users, n_items = taken.shape
    starts, cols, _ = compressed_parts(taken)
    n_taken = np.diff(starts)
    size = np.minimum(n, n_items - n_taken)
    # Floyd's algorithm, for all users at once: of the first m free items draw one; if
    # it is drawn already, take the m-th instead. m grows by one a step.
    drawn = np.full((n_users, size.max()), -1)
    for step in range(drawn.shape[1]):
        last = n_items - n_taken - size + step
        item = (rng.random_sample(n_users) * (last + 1)).astype(np.int64)
        again = (drawn[:, :step] == item[:, None]).any(axis=1)
        drawn[:, step] = np.where(again, last, item)
    there = np.arange(drawn.shape[1]) < size[:, None]
    user, place = np.nonzero(there)[0], drawn[there]
    # The r-th free item of a user is r plus the number of taken ones before it: those
    # with no more than r free items before them.
    rows = np.repeat(np.arange(n_users), n_taken)
    free_before = cols - (np.arange(len(cols)) - starts[rows])
    keys = rows * (n_items + 1) + free_before
    n_before = np.searchsorted(keys, user * (n_items + 1) + place, side="right")
    return user, place + n_before - starts[user]
