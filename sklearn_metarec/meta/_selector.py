"""MetaSelector: choose the recommender for the data at hand."""

import sys
import time
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.metrics import get_scorer
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
)

from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec._vocabulary import Vocabulary
from sklearn_metarec.base import BaseRecommender, unchanged_on_failure
from sklearn_metarec.interactions import (
    Interactions,
    check_is_table,
    encode_interactions,
    has_named_columns,
)
from sklearn_metarec.meta import _race
from sklearn_metarec.meta._budget import Clock, parse_budget
from sklearn_metarec.meta._chosen import ChosenRecommender
from sklearn_metarec.meta._evaluation import (
    Data,
    Measure,
    fit_weighted,
    seeded,
    take,
)
from sklearn_metarec.meta._knowledge import Configuration, experiences
from sklearn_metarec.meta._meta_features import meta_features
from sklearn_metarec.meta._portfolio import default_candidates, expand, spaces
from sklearn_metarec.meta._progress import Progress
from sklearn_metarec.meta._results import (
    leaderboard,
    leaderboard_html,
    search_results,
)
from sklearn_metarec.meta._selection import Record, Selection
from sklearn_metarec.meta._store import MetaStore
from sklearn_metarec.meta._tuning import SPACES
from sklearn_metarec.metrics import parse_metric
from sklearn_metarec.model_selection import (
    PerUserShuffleSplit,
    TemporalSplit,
    WarmKFold,
)
from sklearn_metarec.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    VisualBlock,
    check_random_state,
    check_sample_weight,
    column_or_1d,
    fit_context,
    validate_data,
)

_TEST_SIZE = 0.2
# Of a table with fewer rows than that one random part says too little: several are
# held out in turn.
_ROWS_ENOUGH = 20_000
_MAX_REPEATS = 5


class MetaSelector(
    CallbackSupportMixin, ChosenRecommender, MetaEstimatorMixin, BaseEstimator
):
    """Choose among recommenders and their settings by an honest comparison.

    The configurations race on a held-out part of the table: those that are thought to
    take long first on a sample of the users and then on growing ones, and those that
    are behind for sure, by a paired test over the users, run no further. The best is
    fitted on all rows, and the selector then behaves as that recommender.

    Ids are encoded once for all of this package's recommenders; other estimators and
    pipelines get the table as it is.

    Parameters
    ----------
    candidates : list of (str, estimator, dict), default=None
        Name, estimator and parameter grid (as of `GridSearchCV`; `{}` for none), in
        which a distribution stands for values that tuning may try. For
        ranking the estimator needs `recommend`, for rating `predict`. The order is
        that of promise: a small budget tries the first ones. By default a portfolio
        learned from other data sets (see Notes).
    task : {"ranking", "rating"}, default="ranking"
        Whether to say what comes next or how much it will be liked.
    scoring : str or callable, default=None
        A ranking metric ("ndcg@10", the default for ranking), the name of a
        scikit-learn scorer, or a scorer; greater is better. By default rating models
        are compared by root mean squared error.
    cv : int, splitter or iterable, default=None
        An int: that many folds of `WarmKFold`. By default one split: the last fifth
        in time where the table has a time column, else a random fifth of each user's
        pairs, drawn up to five times where the table has fewer than 20,000 rows and
        the budget is not a number of evaluations.
    budget : str or int, default=None
        A ceiling: seconds ("60s", "5min", "1h"), with the start of workers and the
        refit counted, or a number of evaluations (one fit on one fold). Without one,
        the whole plan runs.
    n_tuned : int, default=12
        How many further settings to try of the two leading models, if there is budget
        left: a Gaussian process, which knows other data sets, proposes them. For
        default candidates, and parameters that candidates give as distributions of
        `scipy.stats`.
    combine : {"auto"} or None, default="auto"
        Whether to combine the leaders where that is better for sure, by a paired test
        on users that it was not fitted to: a `Blend` of the best of each candidate,
        and a `Fallback` to another model for users with short histories, for ranking
        by metrics that are a mean over users and rankers of this package; for ratings
        compared by their root mean squared error, a `StackedRegressor`.
    refit : bool, default=True
        Whether to fit the best configuration on all rows.
    store : MetaStore, default=None
        A file of what earlier selections found: the portfolio is learned from it too,
        and what this selection finds is added. For default candidates.
    n_jobs : int, default=None
        Evaluations at a time, in joblib's workers. The choice does not depend on it
        unless seconds run out.
    error_score : "raise" or float, default=nan
        The score of a candidate that fails; "raise" ends the selection.
    random_state : int, RandomState or None, default=None
        Draws the split, the samples, and the seeds of candidates that have none.
    verbose : int, default=0
        Above 0, a line for each step is written to the standard error stream. For
        progress bars: `set_callbacks(sklearn.callback.ProgressBar())`.

    Attributes
    ----------
    best_estimator_ : estimator
        The chosen recommender, fitted on all rows with the caller's ids.
    best_params_ : dict
        Its parameters.
    best_name_ : str
        Its candidate's name.
    best_score_ : float
        Its score in the comparison: the winner's of many, so a little too good.
    best_index_ : int
        Its place in `cv_results_`.
    cv_results_ : dict of arrays
        One entry a configuration, as of `GridSearchCV`; in addition `candidate`,
        `share` (of the users it was measured on), `interval_low` and `interval_high`
        (95%, over users), `status` and `error`.
    leaderboard_ : DataFrame
        The same, best first.
    race_ : list of (int, float, float)
        What was measured, in order: place in `cv_results_`, share of the users, score.
    meta_features_ : dict of str to float
        What the table is like, as :func:`meta_features` tells.
    budget_exhausted_ : bool
        Whether the budget cut the plan short.
    n_splits_ : int
        The folds of the comparison.
    refit_time_ : float
        Seconds of the final fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Searches the settings of one estimator.

    Notes
    -----
    The portfolio is an ordered list of configurations, the first six each of another
    model. On a family of data sets that it was not learned from, the best of these is
    1.9% behind the best of a grid of 43 in the mean (of rating models 0.01% behind the
    best of 26); tuning finds more. Further settings of the same models follow where
    the table is so small that all of them cost a few seconds. What is known of tables
    with similar meta-features counts more only if that is better on the known data
    sets, each left out in turn; on those that ship it is not
    (benchmarks/learn_portfolio.py prints both), on 72 of a public table it is
    (benchmarks/selection.py).

    A table in which no user has two pairs cannot be divided; then the first
    configuration is fitted, with a warning.

    The name is also that of a different method: M. Luo et al. (2020), MetaSelector:
    Meta-learning for recommendation with user-level adaptive model selection, WWW,
    arXiv:2001.10378.

    References
    ----------
    O. Maron and A. Moore (1997). The racing algorithm: Model selection for lazy
    learners. Artificial Intelligence Review 11.

    Examples
    --------
    >>> from sklearn_metarec import MetaSelector
    >>> from sklearn_metarec.datasets import make_interactions
    >>> X, y = make_interactions(200, 50, 3000, random_state=0)
    >>> selector = MetaSelector(budget=5, random_state=0).fit(X, y)
    >>> items, scores = selector.recommend(X[:2, 0], k=3)
    >>> items.shape
    (2, 3)
    """

    _parameter_constraints = {
        "candidates": [list, None],
        "task": [StrOptions({"ranking", "rating"})],
        "scoring": [str, callable, None],
        "cv": ["cv_object"],
        "budget": [str, Integral, None],
        "n_tuned": [Interval(Integral, 0, None, closed="left")],
        "combine": [StrOptions({"auto"}), None],
        "refit": ["boolean"],
        "store": [MetaStore, None],
        "n_jobs": [Integral, None],
        "error_score": [StrOptions({"raise"}), Real],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self, candidates=None, *, task="ranking", scoring=None, cv=None, budget=None,
        n_tuned=12, combine="auto", refit=True, store=None, n_jobs=None,
        error_score=np.nan, random_state=None, verbose=0,
    ):  # fmt: skip
        self.candidates = candidates
        self.task = task
        self.scoring = scoring
        self.cv = cv
        self.budget = budget
        self.n_tuned = n_tuned
        self.combine = combine
        self.refit = refit
        self.store = store
        self.n_jobs = n_jobs
        self.error_score = error_score
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        rating = self.task == "rating"
        model = default_candidates("rating" if rating else "ranking")[0][1]
        tags = model.__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    # Nested parameters are those of several estimators with validators of their own.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Compare the candidates and fit the best.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            One row an interaction.
        y : array-like of shape (n,), default=None
            Strengths or ratings.
        sample_weight : array-like of shape (n,), default=None
            Weights; rows of weight 0 count as absent.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If the input is invalid, or every candidate failed.
        """
        with unchanged_on_failure(self):
            seconds, evaluations = parse_budget(self.budget)
            clock = Clock(seconds)
            rng = check_random_state(self.random_state)
            known = self._known()
            check_is_table(X)
            validate_data(self, X, skip_check_array=True)
            data = self._read(X, y, sample_weight)
            self.meta_features_ = meta_features(data.coded, data.y)
            records = self._records(known, rng, seconds)
            measure = self._measure()
            # Of few evaluations all candidates on one part say more than some on five.
            repeats = _MAX_REPEATS if evaluations is None else 1
            folds = self._folds(data, rng, repeats)
            selection = Selection(
                records, data, folds, measure, clock, self.n_jobs, rng,
                self.combine == "auto", known, self._report, Progress(self, X, y),
            )  # fmt: skip
            if folds:
                plan = _race.shares(len(data.coded))
                selection.run(plan, evaluations)
                self._check_errors(records)
                selection.tune(self.n_tuned)
                if self.combine == "auto":
                    selection.combine()
                    selection.stack(seed=int(rng.randint(np.iinfo(np.int32).max)))
                self._remember(records)
            self._set_results(selection, records)
            if self.refit:
                with selection.progress.refit(records[self.best_index_]) as model:
                    self._refit(model, X, y, sample_weight, clock)
            selection.progress.end()
        return self

    def _known(self):
        own = () if self.store is None else self.store.experiences(self.task)
        return [*experiences(self.task), *own]

    def _records(self, known, rng, seconds):
        if self.candidates is None:
            configurations = default_candidates(
                self.task, known, self.meta_features_, seconds
            )
            laws = {
                name: SPACES.get(type(model).__name__, {})
                for name, model, _ in configurations
            }
        else:
            _check_candidates(self.candidates, self.task)
            configurations = expand(self.candidates)
            laws = spaces(self.candidates)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        records = []
        for place, (name, estimator, params) in enumerate(configurations):
            model = clone(estimator).set_params(**params)
            model = seeded(model, seed)
            space = laws[name] if self.n_tuned else {}
            records.append(Record(name, model, params, place, space=space))
        return records

    def _read(self, X, y, sample_weight):
        coded = encode_interactions(X)
        check_consistent_length(coded, y, sample_weight)
        if y is not None:
            y = column_or_1d(y, dtype=np.float64)
            assert_all_finite(y, input_name="y")
        if self.task == "rating" and y is None:
            raise ValueError(
                "This MetaSelector requires y to be passed, but the target y is None: "
                "task='rating' needs the ratings."
            )
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        # Integers in the order of the ids give the same models, and cost nothing to
        # encode again or to send to a worker.
        users = Vocabulary(np.arange(len(coded.users)))
        items = Vocabulary(np.arange(len(coded.items)))
        plain = Interactions(
            users, items, coded.rows, coded.cols, coded.time, coded.n_columns
        )
        return Data(X, plain, y, sample_weight)

    def _measure(self):
        scoring = self.scoring
        if scoring is None:
            scoring = "ndcg@10" if self.task == "ranking" else "rmse"
        if scoring == "rmse":
            return Measure("rmse")
        if isinstance(scoring, str):
            try:
                parse_metric(scoring)
            except ValueError:
                return Measure(scorer=get_scorer(scoring))
            return Measure(scoring)
        return Measure(scorer=scoring)

    def _folds(self, data, rng, repeats):
        """Return the folds, none where the table cannot be divided.

        A small table is divided at random several times, at most `repeats`.
        """
        present = np.arange(len(data.coded))
        if data.sample_weight is not None:
            present = np.flatnonzero(data.sample_weight > 0)
        table = data.coded[present]
        seed = int(rng.randint(np.iinfo(np.int32).max))
        splitter = self.cv
        if splitter is None and table.time is not None:
            splitter = TemporalSplit(test_size=_TEST_SIZE)
        elif splitter is None:
            n_splits = int(np.clip(_ROWS_ENOUGH // max(len(table), 1), 1, repeats))
            splitter = PerUserShuffleSplit(
                n_splits, test_size=_TEST_SIZE, random_state=seed
            )
        elif isinstance(splitter, Integral):
            splitter = WarmKFold(splitter, shuffle=True, random_state=seed)
        if not hasattr(splitter, "split"):
            return [(np.asarray(a), np.asarray(b)) for a, b in splitter]
        try:
            parts = list(splitter.split(table, take(data.y, present)))
        except ValueError as error:
            if self.cv is not None:
                raise
            warnings.warn(
                f"The table cannot be divided to compare models on it ({error}): "
                "fitting the first candidate without a comparison.",
                UserWarning,
                stacklevel=3,
            )
            return []
        return [(present[train], present[test]) for train, test in parts]

    def _check_errors(self, records):
        failed = [record for record in records if record.status == "failed"]
        if failed and self.error_score == "raise":
            raise ValueError(f"Candidate {failed[0].name} failed: {failed[0].error}")
        if records[0].status == "unmeasured" and not any(r.outcomes for r in records):
            warnings.warn(
                "No candidate's score is a number, as when no test row is relevant: "
                "fitting the first candidate without a comparison.",
                UserWarning,
                stacklevel=4,
            )
        if len(failed) == len(records):
            reasons = "; ".join(f"{r.name}: {r.error}" for r in failed[:5])
            raise ValueError(f"All {len(failed)} candidates failed. {reasons}")

    def _remember(self, records):
        """Add what was found to the store, if there is one."""
        if self.store is None or self.candidates is not None:
            return
        measured = [r for r in records if r.share == 1 and np.isfinite(r.score)]
        results = {
            Configuration.of(r.estimator, r.params): (
                r.score, r.mean_time("fit_time") + r.mean_time("score_time"),
            )
            for r in measured
            if isinstance(r.estimator, BaseRecommender)
        }  # fmt: skip
        self.store.add(self.task, self.meta_features_, results)

    def _set_results(self, selection, records):
        best = selection.best() or next(r for r in records if r.status != "failed")
        error_score = np.nan if self.error_score == "raise" else self.error_score
        self.n_splits_ = len(selection.folds)
        self.budget_exhausted_ = selection.exhausted
        self.cv_results_ = search_results(
            records, self.n_splits_, error_score, selection.measure
        )
        self.race_ = selection.race
        self.best_index_ = best.place
        self.best_name_, self.best_params_ = best.name, best.params
        self.best_score_ = best.score

    def _refit(self, model, X, y, sample_weight, clock):
        self._report(f"fitting {self.best_name_} {self.best_params_ or ''} on all rows")
        started = time.perf_counter()
        self.best_estimator_ = fit_weighted(model, X, y, sample_weight)
        self.refit_time_ = time.perf_counter() - started
        self._report(f"done after {clock.elapsed:.1f} s")

    def _report(self, line):
        if self.verbose:
            sys.stderr.write(f"[MetaSelector] {line}\n")

    @property
    def leaderboard_(self):
        """The configurations, best first, as a DataFrame."""
        check_is_fitted(self, "cv_results_")
        return leaderboard(self.cv_results_)

    def _sk_visual_block_(self):
        if hasattr(self, "best_estimator_"):
            shown = [(f"chosen: {self.best_name_}", self.best_estimator_)]
        else:
            candidates = self.candidates or default_candidates(self.task)
            shown = [(name, estimator) for name, estimator, _ in candidates]
        names, estimators = zip(*shown, strict=True)
        details = [str(estimator) for estimator in estimators]
        return VisualBlock("parallel", estimators, names=names, name_details=details)

    def _html_repr(self):
        diagram = super()._html_repr()
        if not hasattr(self, "cv_results_"):
            return diagram
        best = self.cv_results_["rank_test_score"][self.best_index_]
        return diagram + leaderboard_html(self.leaderboard_, best)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "best_estimator_" if self.refit else "cv_results_")

    def score(self, X, y=None, sample_weight=None):
        """Return the score of the chosen recommender, by the metric of the selection.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            Test rows.
        y : array-like of shape (n,), default=None
            Strengths or ratings.
        sample_weight : array-like of shape (n,), default=None
            Weights.

        Returns
        -------
        score : float
            Greater is better.
        """
        best = self._best()
        if not has_named_columns(X):
            check_is_table(X)
            validate_data(self, X, reset=False, skip_check_array=True)
        measure = self._measure()
        if measure.scorer is None and measure.metric != "rmse":
            return evaluate_ranking(
                best, X, y, sample_weight, metrics=(measure.metric,)
            )[measure.metric]
        return measure.mean(*measure.values(best, X, y, sample_weight))


def _check_candidates(candidates, task):
    verb = "recommend" if task == "ranking" else "predict"
    for candidate in candidates:
        if not isinstance(candidate, tuple | list) or len(candidate) != 3:
            raise ValueError(
                "candidates must be triples (name, estimator, parameter grid), got "
                f"{candidate!r}."
            )
        name, estimator, _ = candidate
        if not hasattr(estimator, verb):
            raise ValueError(
                f"Candidate {name!r} has no method {verb}, which task={task!r} needs: "
                f"{estimator!r}."
            )
    if not candidates:
        raise ValueError("candidates is empty: pass at least one, or None.")
