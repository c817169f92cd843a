"""Rank a test table's users with any recommender, and measure the lists."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.validation import check_consistent_length

from sklearn_metarec._unwrap import (
    decode_side,
    encode_side,
    recommend,
    seen_pairs,
    unwrap,
)
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.interactions import Interactions, encode_interactions
from sklearn_metarec.metrics import parse_metric, ranking_scores
from sklearn_metarec.utils._sklearn import check_random_state, column_or_1d


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
        A user's weight is the sum of their rows' weights.
    metrics : sequence of str, default=("ndcg@10",)
        Names with a cut-off.
    min_relevance : float, default=0
        What y must exceed.
    gain : {"binary", "linear", "exponential"}, default="binary"
        What a relevant row is worth to nDCG.
    exclude_seen : bool, default=True
        Whether the pairs of the fit are neither recommended nor relevant.
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
    """
    table = encode_interactions(X)
    y, sample_weight = _check_rows(table, y, sample_weight)
    keep = np.ones(len(table), dtype=bool)
    if exclude_seen:
        users, items = table.users.ids[table.rows], table.items.ids[table.cols]
        keep &= ~seen_pairs(estimator, users, items)
    relevant = keep if y is None else keep & (y > min_relevance)
    asked = np.flatnonzero(np.bincount(table.rows[relevant], minlength=1))
    if not relevant.any():
        warnings.warn(
            "No user has a relevant test row that was not in the fit: the ranking "
            "metrics are not defined. (Scores on the training rows themselves are "
            "such a case.)",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return {name: np.empty(0) if per_user else np.nan for name in metrics}
    users = table.users.ids[asked]
    _warn_if_unknown(estimator, users)
    options = {"exclude_seen": exclude_seen}
    if n_negatives is not None:
        rng = check_random_state(random_state)
        options["items"] = _sampled_pairs(
            estimator, table[relevant], asked, n_negatives, rng
        )
    k = max(parse_metric(name)[1] for name in metrics)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ColdUsersWarning)  # said above, with advice
        items, scores = recommend(estimator, users, k, **options)
    return ranking_scores(
        table[keep], users, items, scores=scores,
        y_true=None if y is None else y[keep],
        sample_weight=None if sample_weight is None else sample_weight[keep],
        metrics=metrics, min_relevance=min_relevance, gain=gain, per_user=per_user,
        **_catalogue(estimator),
    )  # fmt: skip


def _check_rows(table, y, sample_weight):
    check_consistent_length(table, y, sample_weight)
    if y is not None:
        y = column_or_1d(y, dtype=np.float64)
    if sample_weight is not None:
        sample_weight = column_or_1d(sample_weight, dtype=np.float64)
    return y, sample_weight


def _warn_if_unknown(estimator, users):
    transformers, final = unwrap(estimator)
    if not hasattr(final, "users_"):
        return
    vocabulary = encode_ids(final.users_)[0]
    codes = vocabulary.lookup(encode_side(transformers, "user", users))
    unknown = float(np.mean(codes < 0))
    if unknown > 0.5:
        warnings.warn(
            f"{unknown:.0%} of the test users are unknown to the model and get its "
            "fallback. A split that holds out whole users measures that fallback: use "
            "a splitter of sklearn_metarec.model_selection, such as "
            "PerUserShuffleSplit, WarmKFold or TemporalSplit.",
            ColdUsersWarning,
            stacklevel=3,
        )


def _catalogue(estimator):
    """Return what some metrics need to know of the fit: its pairs and its size."""
    transformers, final = unwrap(estimator)
    if not hasattr(final, "history_"):
        return {}
    entries = final.history_.tocoo()
    users = decode_side(transformers, "user", final.users_)
    items = decode_side(transformers, "item", final.items_)
    users, user_codes = encode_ids(users)
    items, item_codes = encode_ids(items)
    rows, cols = user_codes[entries.row], item_codes[entries.col]
    return {
        "n_items": len(items),
        "X_train": Interactions(users, items, rows, cols),
    }


def _sampled_pairs(estimator, relevant, asked, n_negatives, rng):
    """Return (user, item) pairs: the relevant ones, and sampled others a user."""
    transformers, final = unwrap(estimator)
    catalogue = decode_side(transformers, "item", final.items_)
    user_ids, item_ids = [], []
    order = np.argsort(relevant.rows, kind="stable")
    starts = np.searchsorted(relevant.rows[order], [*asked, asked[-1] + 1])
    for user, start, stop in zip(asked, starts, starts[1:], strict=True):
        user_id = relevant.users.ids[user]
        own = relevant.items.ids[relevant.cols[order[start:stop]]]
        draw = rng.permutation(catalogue)[: n_negatives + _n_known(final, user_id, own)]
        others = np.full(len(draw), user_id, dtype=relevant.users.ids.dtype)
        fresh = ~seen_pairs(estimator, others, draw) & ~np.isin(draw, own)
        chosen = [*own.tolist(), *draw[fresh][:n_negatives].tolist()]
        item_ids += chosen
        user_ids += [user_id] * len(chosen)
    return list(zip(user_ids, item_ids, strict=True))
