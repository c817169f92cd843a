"""What a report says of rankers, and of rating models, on a test table."""

import numpy as np
from sklearn.utils.validation import check_consistent_length

from sklearn_metarec._evaluate import evaluate_ranking, fit_pairs
from sklearn_metarec._unwrap import recommend
from sklearn_metarec.inspection import _sections as sections
from sklearn_metarec.inspection._measures import (
    curve,
    exposure,
    popularity_curve,
)
from sklearn_metarec.inspection._svg import Line, chart
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.metrics import mean_interval, paired_test
from sklearn_metarec.utils._html import escape

_PER_USER = ("ndcg", "recall", "precision", "map", "mrr", "hit_rate")
_BEYOND = ("novelty", "tail_share")
_TITLES = {
    "ndcg": "nDCG", "recall": "Recall", "precision": "Precision", "map": "MAP",
    "mrr": "MRR", "hit_rate": "Hit rate", "novelty": "Novelty (bits)",
    "tail_share": "Share of the long tail", "coverage": "Coverage of the catalogue",
}  # fmt: skip
_REFERENCE = "Popularity"
_N_RESAMPLES = 1000


class _Measured:
    """The users of the test, and the models' curves of popularity."""

    def __init__(self, models, X, k, max_users):
        table = encode_interactions(X)
        codes = np.flatnonzero(np.bincount(table.rows))
        if max_users is not None and len(codes) > max_users:
            rng = np.random.default_rng(0)
            codes = np.sort(rng.choice(codes, max_users, replace=False))
        self.rows = np.flatnonzero(np.isin(table.rows, codes))
        self.table = table[self.rows]
        self.users = table.users.ids[codes]
        self.models, self.k = models, k

    def _popularity_chart(self, models, users=None):
        lines = []
        for name, model in models.items():
            shown, popularity = exposure(model, users, self.k)
            lines.append(Line(name, *popularity_curve(shown, popularity)))
        x, y = popularity_curve(popularity, popularity)
        lines.append(Line("The data", x, y, reference=True))
        tenth = [np.interp(0.1, line.x, line.y) for line in lines]
        said = "; ".join(
            f"{line.name} {share:.0%}" for line, share in zip(lines, tenth, strict=True)
        )
        return chart(
            "Who gets the recommendations",
            f"Of recommendations, the most popular tenth of the items has: {said}.",
            lines, x_label="share of the catalogue, the most popular items first",
            y_label="share of the recommendations, or of the rows of the data",
            log=True, percent="xy",
        )  # fmt: skip

    def _coverage_chart(self, models, users):
        ks = _cut_offs(self.k)
        lines, said = [], []
        for name, model in models.items():
            items, scores = recommend(model, users, int(ks[-1]))
            known = fit_pairs(model, "Coverage").items
            there = np.isfinite(scores)  # padding may be no id
            codes = np.full(items.shape, -1, dtype=np.int32)
            codes[there] = known.lookup(items[there])
            share = [len(np.unique(codes[:, :k][codes[:, :k] >= 0])) for k in ks]
            lines.append(Line(name, ks.astype(float), np.array(share) / len(known)))
            said.append(f"{name} {lines[-1].y[ks == self.k][0]:.0%}")
        return chart(
            "How much of the catalogue is shown",
            f"Share of the items that are in any list of {self.k}: {'; '.join(said)}.",
            lines, x_label="length of the lists",
            y_label="share of the items that anyone is shown", log=True,
            percent="y",
        )  # fmt: skip


class MeasuredRankers(_Measured):
    """Rankers by their lists.

    Parameters
    ----------
    models : dict of str to estimator
        Fitted; the first is what the report is about.
    reference : estimator or None
        What to compare with.
    X, y : table and array-like or None
        Test rows.
    k : int
        The length of the lists.
    min_relevance : float
        What y must exceed.
    max_users : int or None
        How many users to measure on.
    """

    def __init__(self, models, reference, X, y, k, min_relevance, max_users):
        super().__init__(models, X, k, max_users)
        self.all = dict(models)
        if reference is not None and _REFERENCE not in self.all:
            self.all[_REFERENCE] = reference
        self.reference = _REFERENCE if reference is not None else None
        if y is not None:
            check_consistent_length(X, y)
            y = np.asarray(y)[self.rows]
        self.ks = _cut_offs(k)
        names = [f"{metric}@{k}" for metric in (*_PER_USER, *_BEYOND)]
        names += [f"ndcg@{cut}" for cut in self.ks if cut != k]
        self.values = {
            name: evaluate_ranking(
                model, self.table, y, metrics=names, min_relevance=min_relevance,
                per_user=True,
            )
            for name, model in self.all.items()
        }  # fmt: skip
        self.main = f"ndcg@{k}"
        self.means = {
            name: mean_interval(values[self.main], random_state=0)
            for name, values in self.values.items()
        }
        self.n_users = len(next(iter(self.values.values()))[self.main])

    def headline(self):
        """Return the main result as a sentence of HTML."""
        name = next(iter(self.models))
        mean, low, high = self.means[name]
        text = (
            f"On {self.n_users:,} users of the test, {escape(name)} has an "
            f"nDCG@{self.k} of <strong>{mean:.4f}</strong> ({low:.4f} to {high:.4f})"
        )
        if self.reference is None:
            return f"{text}."
        return f"{text}; popularity alone has {self.means[self.reference].mean:.4f}."

    def facts(self, model):
        """Return what the summary shows."""
        pairs = fit_pairs(model, "A report")
        name = next(iter(self.models))
        found = self.values[name][f"hit_rate@{self.k}"].mean()
        return [
            (f"nDCG@{self.k}", f"{self.means[name].mean:.3f}"),
            (f"users with a hit among {self.k}", f"{found:.0%}"),
            ("users measured", f"{self.n_users:,}"),
            ("items of the fit", f"{len(pairs.items):,}"),
            ("users of the fit", f"{len(pairs.users):,}"),
            ("pairs of the fit", f"{len(pairs):,}"),
        ]

    def leaderboard(self):
        """Return the models on the test, best first."""
        order = sorted(self.means, key=lambda name: -self.means[name].mean)
        top = max(self.means[order[0]].mean, 1e-12)
        best = self.values[order[0]][self.main]
        rows = []
        for name in order:
            mean, low, high = self.means[name]
            behind = "-"
            if name != order[0]:
                found = paired_test(self.values[name][self.main], best, random_state=0)
                behind = (
                    f'{found.difference:+.4f} <span class="range">'
                    f"{found.interval[0]:+.4f} to {found.interval[1]:+.4f}</span>"
                )
            label = f"{escape(name)}{sections.bar(mean / top)}"
            rows.append([label, sections.interval(mean, low, high), behind])
        return sections.table(
            f"The test: nDCG@{self.k} on rows that no model was fitted on, and the "
            "difference to the best, user by user.",
            ["Model", f"nDCG@{self.k}", "Difference to the best"], rows, numeric=1,
        )  # fmt: skip

    def metrics(self):
        """Return all metrics of all models, and quality against k."""
        rows = []
        for metric in (*_PER_USER, *_BEYOND):
            name = f"{metric}@{self.k}"
            cells = [
                sections.interval(*mean_interval(values[name], random_state=0))
                for values in self.values.values()
            ]
            rows.append([f"{_TITLES[metric]}@{self.k}", *cells])
        listed = sections.table(
            "Means over users, each with its interval.",
            ["Metric", *self.values], rows, numeric=1,
        )  # fmt: skip
        lines = []
        for name, values in self.values.items():
            y, low, high = curve(values, [f"ndcg@{k}" for k in self.ks])
            reference = name == self.reference
            lines.append(Line(name, self.ks.astype(float), y, low, high, reference))
        said = "; ".join(
            f"{line.name} from {line.y[0]:.3f} to {line.y[-1]:.3f}" for line in lines
        )
        return listed + '<div class="charts">' + chart(
            "Quality against the length of the list",
            f"nDCG from k = {self.ks[0]} to k = {self.ks[-1]}: {said}.",
            lines, x_label="k, the length of the list", y_label="nDCG, with intervals",
            log=True,
        ) + "</div>"  # fmt: skip

    def curves(self):
        """Return the charts of coverage and of popularity."""
        return (
            '<div class="charts">'
            f"{self._coverage_chart(self.models, self.users)}"
            f"{self._popularity_chart(self.models, self.users)}</div>"
        )


class MeasuredRatings(_Measured):
    """Rating models by their errors.

    Parameters
    ----------
    models : dict of str to estimator
        Fitted; the first is what the report is about.
    X, y : table and array-like
        Test rows.
    k : int
        The length of the lists.
    max_users : int or None
        How many users to measure on.
    """

    def __init__(self, models, X, y, k, max_users):
        if y is None:
            raise ValueError("A report on rating models needs y_test, the ratings.")
        check_consistent_length(X, y)
        super().__init__(models, X, k, max_users)
        y = np.asarray(y, dtype=float)[self.rows]
        self.y, groups = y, np.unique(self.table.rows, return_inverse=True)[1]
        self.errors = {}
        for name, model in {**models, "The mean rating": None}.items():
            guess = y.mean() if model is None else model.predict(self.table)
            self.errors[name] = _error_intervals(guess - y, groups)

    def headline(self):
        """Return the main result as a sentence of HTML."""
        name = next(iter(self.models))
        rmse, low, high = self.errors[name]["RMSE"]
        return (
            f"On {len(self.y):,} ratings of {len(self.users):,} users, {escape(name)} "
            f"has an RMSE of <strong>{rmse:.4f}</strong> ({low:.4f} to {high:.4f})."
        )

    def facts(self, model):
        """Return what the summary shows."""
        pairs = fit_pairs(model, "A report")
        found = self.errors[next(iter(self.models))]
        return [
            ("RMSE", f"{found['RMSE'][0]:.3f}"), ("MAE", f"{found['MAE'][0]:.3f}"),
            ("ratings measured", f"{len(self.y):,}"),
            ("items of the fit", f"{len(pairs.items):,}"),
            ("users of the fit", f"{len(pairs.users):,}"),
            ("ratings of the fit", f"{len(pairs):,}"),
        ]  # fmt: skip

    def leaderboard(self):
        """Return the models on the test, best first."""
        order = sorted(self.errors, key=lambda name: self.errors[name]["RMSE"][0])
        rows = [
            [escape(name), sections.interval(*self.errors[name]["RMSE"])]
            for name in order
        ]
        return sections.table(
            "The test: root mean squared error on ratings that no model was fitted on.",
            ["Model", "RMSE"], rows, numeric=1,
        )  # fmt: skip

    def metrics(self):
        """Return all metrics of all models."""
        rows = [
            [metric, *(sections.interval(*e[metric]) for e in self.errors.values())]
            for metric in ("RMSE", "MAE")
        ]
        return sections.table(
            "Errors over all ratings, with intervals over users.",
            ["Metric", *self.errors], rows, numeric=1,
        )  # fmt: skip

    def curves(self):
        """Return the charts of coverage and of popularity."""
        return (
            '<div class="charts">'
            f"{self._coverage_chart(self.models, self.users)}"
            f"{self._popularity_chart(self.models, self.users)}</div>"
        )


def _cut_offs(k):
    """Return lengths of lists around k, ascending."""
    return np.unique([1, 2, 3, 5, 10, 20, int(k)])


def _error_intervals(errors, groups):
    """Return (value, low, high) of RMSE and MAE, resampling users with their rows."""
    counts = np.bincount(groups)
    n = len(counts)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(n, np.full(n, 1 / n), _N_RESAMPLES)
    found = {}
    for metric, values in (("RMSE", errors**2), ("MAE", np.abs(errors))):
        finish = np.sqrt if metric == "RMSE" else (lambda x: x)
        totals = np.bincount(groups, weights=values)
        resampled = finish((weights @ totals) / (weights @ counts))
        low, high = np.percentile(resampled, [2.5, 97.5])
        found[metric] = float(finish(values.mean())), float(low), float(high)
    return found
