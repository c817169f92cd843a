"""Scorers of what a recommender would have earned, from another one's log."""

from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_metarec._unwrap import recommend, unwrap
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.interactions import Interactions, read_table
from sklearn_metarec.metrics import (
    PolicyValue,
    dr_value,
    ips_value,
    replay_value,
    snips_value,
)
from sklearn_metarec.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    column_or_1d,
    validate_params,
)

_VALUES: dict[str, Callable[..., PolicyValue]] = {
    "replay": replay_value,
    "ips": ips_value,
    "snips": snips_value,
    "dr": dr_value,
}


@validate_params(
    {
        "method": [StrOptions(set(_VALUES))],
        "policy": [StrOptions({"best", "softmax"})],
        "k": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "items": ["array-like", None],
        "exclude_seen": ["boolean"],
        "propensity": [str, Integral, Interval(Real, 0, 1, closed="right")],
        "reward_model": [HasMethods("predict"), None],
        "by_user": ["boolean"],
        "interval": ["boolean"],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def make_off_policy_scorer(
    method="snips", *, policy="best", k=1, temperature=1.0, items=None,
    exclude_seen=False, propensity="propensity", reward_model=None, by_user=False,
    interval=False, confidence=0.95,
):  # fmt: skip
    """Make a scorer of the mean reward that a recommender would have earned.

    The test table is a log: in each row a user was shown an item, with a known
    probability, and `y` is what came of it. The scorer asks the recommender what it
    would have shown to each user, and estimates the mean reward a row of that policy.
    Two policies are made of a recommender's scores:

    - "best" shows the best item; with `k` above 1, one of the k best, each as likely,
      which stands for a list of k slots of which the log has one a row;
    - "softmax" shows each item with a probability in proportion to
      exp(score / temperature).

    Parameters
    ----------
    method : {"replay", "ips", "snips", "dr"}, default="snips"
        The estimator, see the functions of `sklearn_metarec.metrics`. "replay" reads no
        propensities, and is for logs that showed items uniformly at random.
    policy : {"best", "softmax"}, default="best"
        What to show, given the scores.
    k : int, default=1
        How many best items are shown in turn. For "best" only.
    temperature : float, default=1.0
        How even the probabilities of "softmax" are, in units of the scores.
    items : array-like of shape (n_items,), default=None
        What can be shown. By default all that the recommender knows.
    exclude_seen : bool, default=False
        Whether a user is not shown again what they have in the fit.
    propensity : str, int or float, default="propensity"
        The column of the log, by its name or position, that says with what probability
        the item was shown. A float is the propensity of all rows.
    reward_model : estimator, default=None
        For "dr": a fitted regressor whose `predict` takes rows of user and item, such
        as a rating model of this package fitted on an earlier log.
    by_user : bool, default=False
        Whether the rows of a user depend on each other, so that the interval is one
        over users. Set it where other users are to be served than those of the log.
    interval : bool, default=False
        Whether to return value, low and high, as a dict. A search then needs `refit=`
        with the name of the method.
    confidence : float, default=0.95
        The share of such intervals that hold the true value.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y)` returns a float, or with `interval=True` a dict of
        the method's name, `low` and `high`.

    Raises
    ------
    ValueError
        If "dr" has no reward model.

    See Also
    --------
    make_ranking_scorer : Where the test rows are what users chose themselves.

    Notes
    -----
    Some models take further columns of the table as features; take the propensities out
    of what those are fitted on. Rows of a recommender that learns from logs should be
    the rewarded ones, or have the reward as `y`.

    An estimate is of the users and items of the log: it knows nothing of what the new
    policy would do to users over time.

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> from sklearn_metarec.datasets import make_logged_feedback
    >>> from sklearn_metarec.model_selection import make_off_policy_scorer
    >>> log = make_logged_feedback(random_state=0)
    >>> model = EASE(10.0).fit(log.data[:5000], log.target[:5000])
    >>> scorer = make_off_policy_scorer("ips")
    >>> value = scorer(model, log.data[5000:], log.target[5000:])
    >>> bool(value > log.target.mean())
    True
    """
    if (method == "dr") != (reward_model is not None):
        raise ValueError(
            "method='dr' and reward_model go together: a fitted regressor that "
            f"predicts rewards. Got method={method!r}, reward_model={reward_model!r}."
        )
    return OffPolicyScorer(
        method, policy=policy, k=k, temperature=temperature, items=items,
        exclude_seen=exclude_seen, propensity=propensity, reward_model=reward_model,
        by_user=by_user, interval=interval, confidence=confidence,
    )  # fmt: skip


class OffPolicyScorer(BaseEstimator):
    """What :func:`make_off_policy_scorer` returns; see there."""

    # The estimator is an argument of a scorer, not metadata to be routed to it.
    __metadata_request__score = {"estimator": UNUSED}

    def __init__(
        self, method, *, policy, k, temperature, items, exclude_seen, propensity,
        reward_model, by_user, interval, confidence,
    ):  # fmt: skip
        self.method = method
        self.policy = policy
        self.k = k
        self.temperature = temperature
        self.items = items
        self.exclude_seen = exclude_seen
        self.propensity = propensity
        self.reward_model = reward_model
        self.by_user = by_user
        self.interval = interval
        self.confidence = confidence

    def score(self, estimator, X, y):
        """Estimate the mean reward of a fitted recommender.

        Parameters
        ----------
        estimator : estimator
            What recommends.
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            The log: user, item shown, propensity.
        y : array-like of shape (n,)
            The rewards.

        Returns
        -------
        score : float or dict
            The estimate.
        """
        if y is None:
            raise ValueError("y is what came of each row, the reward: pass it.")
        table = read_table(X, warn=False)
        check_consistent_length(table.user, y)
        users, rows = encode_ids(table.user, "user_id")
        shown, probability = self._lists(estimator, users.ids)
        items, cols = encode_ids(table.item, "item_id")
        places = items.lookup(shown.ravel(), "items").reshape(shown.shape)
        # How likely the policy shows each of the items of the log to each user.
        matrix = np.zeros((len(users), len(items) + 1))
        np.put_along_axis(matrix, places, probability, axis=1)  # -1: not in the log
        arguments = [matrix[rows, cols]]
        if self.method != "replay":
            arguments.insert(0, self._propensities(X, table))
        if self.method == "dr":
            arguments += self._predictions(table, users, rows, shown, probability)
        groups = rows if self.by_user else None
        value = _VALUES[self.method](
            y, *arguments, groups=groups, confidence=self.confidence
        )
        if not self.interval:
            return value.value
        return {self.method: value.value, "low": value.low, "high": value.high}

    __call__ = score

    def _lists(self, estimator, users):
        """Return what each user may be shown, and with what probabilities."""
        options = {} if self.items is None else {"items": self.items}
        if not self.exclude_seen:
            options["exclude_seen"] = False
        k = self.k
        if self.policy == "softmax":
            k = len(unwrap(estimator)[1].items_ if self.items is None else self.items)
        shown, scores = recommend(estimator, users, k, **options)
        there = np.isfinite(scores)
        weight = there.astype(np.float64)
        if self.policy == "softmax":
            best = scores[:, :1] * there[:, :1]
            with np.errstate(invalid="ignore"):
                gaps = np.where(there, scores.astype(np.float64) - best, -np.inf)
            weight = np.exp(gaps / self.temperature)
        total = weight.sum(axis=1, keepdims=True)
        return shown, weight / np.where(total > 0, total, 1)

    def _propensities(self, X, table):
        if isinstance(self.propensity, float):
            return np.full(len(table), self.propensity)
        return _column(X, table, self.propensity)

    def _predictions(self, table, users, rows, shown, probability):
        """Return the model's reward of each row, and of the policy in its place."""
        model = self.reward_model
        check_is_fitted(model)
        pairs = list(zip(_plain(table.user), _plain(table.item), strict=True))
        predicted = model.predict(pairs)
        user, place = np.nonzero(probability)
        pairs = list(
            zip(_plain(users.ids[user]), _plain(shown[user, place]), strict=True)
        )
        expected = probability[user, place] * model.predict(pairs)
        return [predicted, np.bincount(user, expected, minlength=len(users))[rows]]


def _plain(ids):
    return np.asarray(ids).tolist()


def _column(X, table, column):
    """Return a column of a log that is neither user, item nor time."""
    if isinstance(column, str):
        names = list(getattr(table.context, "columns", ()))
        if column not in names:
            raise ValueError(
                f"The log has no column {column!r} beside user, item and time, but "
                f"{names}. Name it, by propensity=, or pass the propensity itself, a "
                "float, if it is the same in all rows."
            )
        values = table.context[column]
    else:
        n_others = 0 if table.context is None else np.shape(table.context)[1]
        first = table.n_columns - n_others
        if hasattr(X, "iloc"):
            values = X.iloc[:, column]
        elif not isinstance(X, Interactions) and first <= column < table.n_columns:
            values = np.asarray(table.context)[:, column - first]
        else:
            raise ValueError(
                f"The log has no column {column} beside user and item: it has "
                f"{table.n_columns} columns. Give the position of the propensities."
            )
    return column_or_1d(values, dtype=np.float64)
