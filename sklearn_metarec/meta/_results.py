"""A selection's results, in the form of scikit-learn's searches and as a frame."""

import numpy as np

from sklearn_metarec.utils._html import escape, table

_N_SHOWN = 10
_STYLE = (
    "<style>.metarec-board{color-scheme:light dark;font-size:.875em;"
    "margin:.5em 0;overflow-x:auto}.metarec-board table{border-collapse:collapse}"
    ".metarec-board caption{text-align:left;font-weight:bold;padding:.3em 0}"
    ".metarec-board th,.metarec-board td{padding:.2em .8em .2em 0;text-align:left;"
    "font-weight:normal}.metarec-board .n{text-align:right}"
    ".metarec-board .best{font-weight:bold}</style>"
)

# Standard errors in a half of a 95% interval.
_Z = 1.96


def search_results(records, n_splits, error_score, measure):
    """Return `cv_results_`.

    Parameters
    ----------
    records : list of Record
        All configurations.
    n_splits : int
        The folds.
    error_score : float
        The score of what failed.
    measure : Measure
        What was measured.

    Returns
    -------
    results : dict of arrays
        One entry a configuration.
    """
    names = sorted({name for record in records for name in record.params})
    results = {
        "candidate": np.array([r.name for r in records], dtype=object),
        "params": [r.params for r in records],
        "share": np.array([r.share for r in records]),
        "status": np.array([r.status for r in records], dtype=object),
        "error": np.array([r.error or "" for r in records], dtype=object),
        "mean_fit_time": np.array([r.mean_time("fit_time") for r in records]),
        "mean_score_time": np.array([r.mean_time("score_time") for r in records]),
    }
    for name in names:
        values = np.ma.masked_all(len(records), dtype=object)
        for record in records:
            if name in record.params:
                values[record.place] = record.params[name]
        results[f"param_{name}"] = values
    scores = np.full((len(records), n_splits), np.nan)
    for record in records:
        if record.status == "failed":
            scores[record.place] = error_score
        for fold, outcome in record.outcomes.items():
            scores[record.place, fold] = outcome.score
    for fold in range(n_splits):
        results[f"split{fold}_test_score"] = scores[:, fold]
    results["mean_test_score"] = scores.mean(axis=1) if n_splits else scores.sum(axis=1)
    results["std_test_score"] = scores.std(axis=1) if n_splits else scores.sum(axis=1)
    results["rank_test_score"] = _ranks(results)
    intervals = np.array([_interval(record, measure) for record in records])
    results["interval_low"], results["interval_high"] = intervals.T
    return results


def _interval(record, measure):
    """Return the 95% interval of a score over users; NaN where there are no values."""
    values = record.values
    if values is None or len(values) < 2:
        return np.nan, np.nan
    # The folds may have their users in common, but no row: all of a user counts as one.
    n_values = len(values) / (1 if measure.metric == "rmse" else len(record.outcomes))
    error = _Z * values.std(ddof=1) / np.sqrt(n_values)
    bounds = (values.mean() - error, values.mean() + error)
    if measure.metric == "rmse":  # of negated squares
        return tuple(-np.sqrt(max(-bound, 0.0)) for bound in bounds)
    return bounds


def _ranks(results):
    """Rank by the share measured on, then by score; what has no score comes last."""
    score = np.nan_to_num(results["mean_test_score"], nan=-np.inf)
    order = np.lexsort((-score, -results["share"]))
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def leaderboard(results):
    """Return `cv_results_` as a DataFrame, best first."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "rank": results["rank_test_score"],
            "candidate": results["candidate"],
            "params": results["params"],
            "score": results["mean_test_score"],
            "low": results["interval_low"],
            "high": results["interval_high"],
            "share": results["share"],
            "fit_time": results["mean_fit_time"],
            "score_time": results["mean_score_time"],
            "status": results["status"],
            "error": results["error"],
        }
    )
    return frame.sort_values("rank", ignore_index=True)


def leaderboard_html(board, best):
    """Return a leaderboard for a notebook: the first configurations, the chosen bold.

    Parameters
    ----------
    board : DataFrame
        As of :func:`leaderboard`.
    best : int
        The rank of the chosen one.

    Returns
    -------
    html : str
        With its own style.
    """
    shown = board[board["share"] > 0].head(_N_SHOWN)
    rows = []
    for row in shown.itertuples():
        name = escape(row.candidate)
        if row.rank == best:
            name = f'<span class="best">{name} (chosen)</span>'
        params = ", ".join(f"{key}={value!r}" for key, value in row.params.items())
        interval = f"{row.low:.4f} to {row.high:.4f}" if row.low == row.low else ""
        rows.append(
            [
                name, escape(params), f"{row.score:.4f}", interval, f"{row.share:.0%}",
                f"{row.fit_time:.2f} s",
            ]
        )  # fmt: skip
    listed = table(
        f"Leaderboard: {len(shown)} of {len(board)} configurations",
        ["Candidate", "Settings", "Score", "95% interval", "Users", "Fit"],
        rows, numeric=2,
    )  # fmt: skip
    return f'{_STYLE}<div class="metarec-board">{listed}</div>'
