"""The report: one self-contained page on how good a recommender is, and on what."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils.validation import check_is_fitted

import sklearn_metarec
from sklearn_metarec._evaluate import fit_pairs
from sklearn_metarec._unwrap import layers, recommend, unwrap
from sklearn_metarec.dummy import PopularityRecommender
from sklearn_metarec.inspection import _sections as sections
from sklearn_metarec.inspection._leaderboard import name_of, scoring_of
from sklearn_metarec.inspection._measured import MeasuredRankers, MeasuredRatings
from sklearn_metarec.inspection._measures import (
    as_named,
    distinct_users,
    explain_with,
    history_of,
    item_namer,
)
from sklearn_metarec.utils._html import escape

_N_REASONS = 3
_N_SHOWN = 8  # of a user's items
# Nothing may be loaded and no script may run, whatever a title holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def report(
    model, X_test, path, *, y_test=None, k=10, users=3, item_names=None,
    min_relevance=0, max_users=5000, title=None,
):  # fmt: skip
    """Write a page about fitted recommenders: how good, for whom, and why.

    It shows a leaderboard, metrics with intervals over users, quality, coverage and
    popularity as curves, and the recommendations of some users with their reasons. The
    page is one file: it loads nothing and runs no script, suits a phone, a dark screen
    and a screen reader, and is the same for the same input.

    Parameters
    ----------
    model : estimator, list of estimators or dict of str to estimator
        Fitted recommenders, pipelines or searches: the first is what the page is
        about, the others are compared with it. Of a `MetaSelector` the page shows the
        selection too. All are rankers, or all rating models.
    X_test : array-like or dataframe of shape (n, >= 2)
        Rows that the models were not fitted on.
    path : str or path
        The file to write, replaced if there.
    y_test : array-like of shape (n,), default=None
        Rankers: rows above `min_relevance` are relevant; all by default. Rating models
        need the ratings.
    k : int, default=10
        The length of the lists.
    users : int or array-like, default=3
        Whose recommendations to show: ids, or how many users of the test, with a
        short, a middling and a long history.
    item_names : dict, Series, DataFrame or callable, default=None
        From item id to title. A frame has an item column and one named title or name.
        By default the titles of the model's `item_features`, if it has some.
    min_relevance : float, default=0
        What y must exceed.
    max_users : int or None, default=5000
        Measure on at most that many users of the test, drawn at random; None for all.
    title : str, default=None
        The heading.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If rankers and rating models are mixed, `k` or `users` is no such number, or
        ratings are missing.

    See Also
    --------
    TopKCurveDisplay : The curve of quality as a figure.
    PopularityBiasDisplay : That of popularity.
    ExplanationDisplay : What made one score.

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.inspection import report
    >>> from sklearn_metarec.model_selection import PerUserShuffleSplit
    >>> X, _ = make_interactions(200, 50, 3000, random_state=0)
    >>> train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    >>> report(EASE().fit(X[train]), X[test], "ease.html").name  # doctest: +SKIP
    'ease.html'
    """
    models = as_named(model)
    _check(models, k, users)
    measured = _measure(models, X_test, y_test, k, min_relevance, max_users)
    name, first = next(iter(models.items()))
    namer = item_namer(item_names, first)
    page = sections.page(
        escape(title or f"How well {name} recommends"),
        f"{measured.headline()}",
        [
            ("summary", "Summary", sections.facts(measured.facts(first))),
            ("leaderboard", "Leaderboard", _leaderboard(first, measured)),
            ("metrics", "Metrics", measured.metrics()),
            ("curves", "Coverage and popularity", measured.curves()),
            ("users", "Recommendations", _lists(first, X_test, users, k, namer)),
        ],
        files("sklearn_metarec.inspection").joinpath("_report.css").read_text("utf-8"),
        _POLICY,
        f"sklearn_metarec {sklearn_metarec.__version__}",
    )
    path = Path(path)
    path.write_text(page, encoding="utf-8")
    return path


def _check(models, k, users):
    if not models:
        raise ValueError("model is empty: pass at least one fitted recommender.")
    for model in models.values():
        check_is_fitted(model)
    kinds = {is_regressor(unwrap(model)[1]) for model in models.values()}
    if len(kinds) > 1:
        raise ValueError(
            "Rankers and rating models are measured by different things: write a "
            "report of each."
        )
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be an integer of at least 1, got {k!r}.")
    if isinstance(users, str) or (isinstance(users, int | np.integer) and users < 0):
        raise ValueError(f"users must be a number or a list of ids, got {users!r}.")


def _measure(models, X, y, k, min_relevance, max_users):
    rating = is_regressor(unwrap(next(iter(models.values())))[1])
    if rating:
        return MeasuredRatings(models, X, y, k, max_users)
    reference = None
    first = unwrap(next(iter(models.values())))[1]
    if not isinstance(first, PopularityRecommender) and hasattr(first, "history_"):
        pairs = fit_pairs(next(iter(models.values())), "Popularity")
        reference = PopularityRecommender().fit(pairs, unwrap_strengths(first))
    return MeasuredRankers(models, reference, X, y, k, min_relevance, max_users)


def unwrap_strengths(final):
    """Return the strengths of the pairs that a ranker was fitted on."""
    return final.history_.tocoo().data


def _leaderboard(model, measured):
    selector = next((m for m in layers(model) if hasattr(m, "leaderboard_")), None)
    html = "" if selector is None else _selection(selector)
    return html + measured.leaderboard()


def _selection(selector):
    board = selector.leaderboard_
    board = board[board["share"] > 0].head(15)
    best = selector.cv_results_["rank_test_score"][selector.best_index_]
    rows = []
    for row in board.itertuples():
        configuration = name_of("", row.params).strip()
        chosen = ' <span class="chosen">chosen</span>' if row.rank == best else ""
        rows.append(
            [
                f"{escape(row.candidate)}{chosen}"
                f'<span class="params">{escape(configuration)}</span>',
                sections.interval(row.score, row.low, row.high),
                f"{row.share:.0%}",
                f"{row.fit_time:.2f} s",
            ]
        )
    return sections.table(
        f"The selection: {scoring_of(selector)} on a held-out part of the training "
        "rows, best first; what fell out of the race was measured on fewer users.",
        ["Candidate", "Score", "Users", "Fit"], rows, numeric=1,
    )  # fmt: skip


# ------------------------------------------------------------------ users and reasons


def _lists(model, X, users, k, namer):
    if isinstance(users, int | np.integer):
        users = _some_users(model, distinct_users(X), int(users))
    users = list(users)
    if not users:
        return "<p>No users were asked for.</p>"
    items, scores = recommend(model, users, k)
    parts = []
    for user, own, theirs in zip(users, items, scores, strict=True):
        rows: list[Any] = []
        notes: dict[str, Any] = {}
        for rank, (item, score) in enumerate(zip(own, theirs, strict=True), start=1):
            if not np.isfinite(score):
                break
            reasons, note = _reasons(model, user, item, namer)
            notes[note] = None
            title = f"{rank}. {escape(namer(item))}"
            rows.append([title, reasons, f"{score:.4g}"])
        listed = sections.table(
            f"The best {len(rows)} items for {user}, and why.",
            ["Item", "Because of", "Score"], rows,
        )  # fmt: skip
        note = " ".join(escape(note) for note in notes if note)
        parts.append(
            f'<section class="user"><h3>{escape(user)}</h3>{_has(model, user, namer)}'
            f'{listed}<p class="note">{note}</p></section>'
        )
    return "".join(parts)


def _some_users(model, users, n):
    """Return n users of the test, evenly from short to long histories."""
    pairs = fit_pairs(model, "A user's history")
    counts = np.bincount(pairs.rows, minlength=len(pairs.users))
    codes = pairs.users.lookup(users)
    length = np.where(codes >= 0, counts[codes], 0)
    order = np.argsort(length, kind="stable")
    order = order[length[order] > 0] if (length > 0).any() else order
    n = min(n, len(order))
    return users[order[((np.arange(n) + 0.5) / max(n, 1) * len(order)).astype(int)]]


def _has(model, user, namer):
    items, values = history_of(model, user)
    if not len(items):
        return '<p class="has">Unknown to the model.</p>'
    best = np.argsort(-values, kind="stable")[:_N_SHOWN]
    names = "; ".join(escape(namer(item)) for item in items[best])
    more = "" if len(items) <= _N_SHOWN else f" and {len(items) - _N_SHOWN:,} more"
    return f'<p class="has">Has {names}{more}.</p>'


def _reasons(model, user, item, namer):
    reasons = explain_with(model, user, item)
    if reasons is None:
        return "", ""
    helped = reasons.items[reasons.contributions > 0][:_N_REASONS]
    return "; ".join(escape(namer(reason)) for reason in helped), reasons.note
