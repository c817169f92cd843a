"""Scorers of recommended lists for scikit-learn's searches and cross-validation."""

from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED

from sklearn_metarec._evaluate import evaluate_ranking, is_table_of_fit
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.metrics import parse_metric
from sklearn_metarec.utils._sklearn import Interval, StrOptions, validate_params


@validate_params(
    {
        "metrics": [str, list, tuple],
        "exclude_seen": ["boolean"],
        "min_relevance": [Interval(Real, None, None, closed="neither")],
        "gain": [StrOptions({"binary", "linear", "exponential"})],
        "n_negatives": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_ranking_scorer(
    metrics,
    *,
    exclude_seen=True,
    min_relevance=0,
    gain="binary",
    n_negatives=None,
    random_state=None,
):
    """Make a scorer that ranks the test users' items and measures the lists.

    For `scoring=` of :func:`~sklearn.model_selection.cross_validate`,
    :class:`~sklearn.model_selection.GridSearchCV` and the like, with anything that
    recommends: a recommender, a pipeline, a search, or any fitted estimator whose
    `recommend(users, k)` returns `(items, scores)`.

    Parameters
    ----------
    metrics : str or list of str
        A metric of :func:`~sklearn_metarec.metrics.ranking_scores` with its cut-off; or
        several, which come from one ranking. A search then needs `refit=` with one
        of the names.
    exclude_seen : bool, default=True
        Whether the pairs of the fit are left out: of the lists, and of the test rows.
    min_relevance : float, default=0
        Test rows with a y above it are relevant; without y, all are.
    gain : {"binary", "linear", "exponential"}, default="binary"
        What a relevant item is worth to nDCG: 1, y, or 2^y - 1.
    n_negatives : int, default=None
        Rank each user's relevant items among that many others, drawn at random from
        those that the user has neither in the fit nor in the test rows, as some papers
        do. By default among the whole catalogue, which is what a user meets: sampled
        figures are higher, and may order models differently [1]_.
    random_state : int, RandomState or None, default=None
        Draws them. Give an int, so that all candidates of a search are measured on the
        same draw.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y=None, *, sample_weight=None)` returns a float, or for
        a list of metrics a dict. Where metadata routing is enabled,
        `scorer.set_score_request(sample_weight=True)` makes a search pass the weights
        on: a user weighs the sum of theirs.

    Raises
    ------
    ValueError
        If a metric is unknown.

    See Also
    --------
    PerUserShuffleSplit : A split of which the scorer can make sense.

    Notes
    -----
    Users count who have a relevant row that is no pair of the fit. If there are none,
    the score is NaN, and an UndefinedMetricWarning says so.

    Training scores (`return_train_score=True`, which is the default of
    :class:`~sklearn.model_selection.HalvingGridSearchCV`) would be such a case. So a
    table that holds exactly the pairs of the fit is ranked with them, as by
    `exclude_seen=False`: the score tells how closely a model reproduces what it was
    fitted on. Compare it between candidates; it is not on the scale of the test scores.

    When most of the test users are unknown to the model, a ColdUsersWarning says so:
    a plain `cv=5` on a table that is sorted by user does that.

    The metrics of all lists together (coverage, gini) and those that need the training
    table (novelty, diversity) take what they need from the fitted model.

    References
    ----------
    .. [1] W. Krichene and S. Rendle. On sampled metrics for item recommendation. KDD
       2020.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_metarec import EASE
    >>> from sklearn_metarec.model_selection import WarmKFold, make_ranking_scorer
    >>> X = [[user, item] for user in range(6) for item in range(5) if user != item]
    >>> scorer = make_ranking_scorer(["recall@1", "ndcg@2"])
    >>> scores = cross_validate(EASE(1.0), X, scoring=scorer, cv=WarmKFold(3))
    >>> sorted(scores)
    ['fit_time', 'score_time', 'test_ndcg@2', 'test_recall@1']
    """
    names = [metrics] if isinstance(metrics, str) else metrics
    if not names:
        raise ValueError("metrics is empty: name at least one, such as 'ndcg@10'.")
    for name in names:
        parse_metric(name)
    return RankingScorer(
        metrics,
        exclude_seen=exclude_seen,
        min_relevance=min_relevance,
        gain=gain,
        n_negatives=n_negatives,
        random_state=random_state,
    )


class RankingScorer(BaseEstimator):
    """What :func:`make_ranking_scorer` returns; see there.

    It is a BaseEstimator for what scikit-learn gives those: parameters, a repr, and
    with the method `score` also `set_score_request`.
    """

    # The estimator is an argument of a scorer, not metadata to be routed to it.
    __metadata_request__score = {"estimator": UNUSED}

    def __init__(
        self,
        metrics,
        *,
        exclude_seen=True,
        min_relevance=0,
        gain="binary",
        n_negatives=None,
        random_state=None,
    ):
        self.metrics = metrics
        self.exclude_seen = exclude_seen
        self.min_relevance = min_relevance
        self.gain = gain
        self.n_negatives = n_negatives
        self.random_state = random_state

    def score(self, estimator, X, y=None, *, sample_weight=None):
        """Measure the lists that a fitted estimator gives to the users of `X`.

        Parameters
        ----------
        estimator : estimator
            What recommends.
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            Test rows.
        y : array-like of shape (n,), default=None
            Ratings or strengths.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        score : float or dict
            The mean of the metric over the users, or of each metric.
        """
        single = isinstance(self.metrics, str)
        names = [self.metrics] if single else self.metrics
        table = encode_interactions(X)
        exclude_seen = self.exclude_seen and not is_table_of_fit(estimator, table)
        scores = evaluate_ranking(
            estimator, table, y, sample_weight, metrics=names,
            exclude_seen=exclude_seen, min_relevance=self.min_relevance,
            gain=self.gain, n_negatives=self.n_negatives,
            random_state=self.random_state,
        )  # fmt: skip
        return scores[names[0]] if single else scores

    __call__ = score
