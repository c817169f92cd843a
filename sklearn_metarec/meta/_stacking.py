"""Feature-weighted linear stacking of rating models."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupKFold
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._explanation import scores_of
from sklearn_metarec._history import History, Rows
from sklearn_metarec.base import (
    BaseRatingRecommender,
    BaseRecommender,
    unchanged_on_failure,
)
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.meta._evaluation import rows_of, seeded, take
from sklearn_metarec.meta._members import (
    StackScorer,
    combine,
    fit_members,
    member_contributions,
    member_scorer,
    table_for,
)
from sklearn_metarec.meta._portfolio import default_members
from sklearn_metarec.meta._stack_features import NAMES, MetaFeatures
from sklearn_metarec.meta._stack_weights import N_GROUPS, learn_weights
from sklearn_metarec.utils._sklearn import (
    BaseHeterogeneousEnsemble,
    Interval,
    StrOptions,
    check_random_state,
    fit_context,
)

_N_FOLDS = 5


class StackedRegressor(BaseHeterogeneousEnsemble, BaseRatingRecommender):
    """Combine rating models by weights that depend on the user and the item.

    The prediction is the sum over members i and meta-features j of
    v_ij f_i(u, x) g_j(u, x), with 1 among the members and among the meta-features:
    each member's weight, and the intercept, is linear in what is known of the user and
    of the item, so that one member is trusted for users with a long history and
    another for those with a short one. The v are the ridge solution on predictions for
    rows that the members were not fitted on, and the meta-features beside them are
    those of the same training part. What the penalty draws to is the best single
    member; its strength is chosen by cross-validation over the pairs, where the best
    member alone is one of the choices.

    Ids are encoded once. This package's recommenders get codes, any other regressor,
    such as a pipeline, gets the rows of the table as they are. A fit costs those of
    all members, once a fold and once on all rows. `history=` of `recommend` is folded
    in by all members, which have to be of this package for that.

    Parameters
    ----------
    estimators : list of (str, estimator), default=None
        The members and their names; the string "drop" in place of an estimator leaves
        it out. By default the rating models of this package that read ids alone.
    cv : int, splitter or iterable, default=None
        Which rows are predicted by members that were not fitted on them. An int: that
        many folds of the pairs at random, by default 5. More folds cost more and bring
        the training parts nearer to the table.
    meta_features : "all", list of str or None, default="all"
        What the weights depend on: "user_count" (the log of one plus the number of
        ratings), "user_mean" (how far the mean rating is from that of all),
        "user_std", "user_popularity" (the mean log count of the items rated), and the
        same of items, as "item_count". None: nothing.
    regularization : float, default=None
        The penalty of all v, in rows; 0 is the least squares solution. By default
        chosen from a grid, one for the mean weights and one, at least as strong, for
        how they depend on meta-features.
    n_jobs : int, default=None
        Fits at a time, in joblib's workers. The result does not depend on it.
    random_state : int, RandomState or None, default=None
        Draws the folds, and the seeds of members that have none.

    Attributes
    ----------
    estimators_ : list of estimators
        The members, fitted on all rows.
    named_estimators_ : Bunch
        The same by name.
    coef_ : ndarray of shape (n_members + 1, n_meta_features + 1)
        The weights v; the last row is the intercept, the first column the constant.
    meta_feature_names_ : list of str
        The columns of `coef_` after the first.
    regularization_ : tuple of two floats
        The penalties of the first column of `coef_` and of the others, as chosen.
    member_rmse_ : ndarray of shape (n_members,)
        The error of each member on rows that it was not fitted on.
    rmse_ : float
        That of the stack, on pairs that its weights were not learned on either.
    n_splits_ : int
        The folds.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids, those of the members' side tables included.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, the same.
    history_ : csr_array of shape (n_users, n_items)
        The mean ratings of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    MetaSelector : Chooses one model.
    sklearn.ensemble.StackingRegressor : Any final estimator, on predictions alone.

    Notes
    -----
    A table of a single pair cannot be divided: the prediction is then the mean of the
    members'.

    References
    ----------
    J. Sill, G. Takacs, L. Mackey and D. Lin (2009). Feature-weighted linear stacking.
    arXiv:0911.0460. Equation 3 is the prediction, section 4 lists meta-features.

    D. Wolpert (1992). Stacked generalization. Neural Networks 5(2).

    Examples
    --------
    >>> from sklearn_metarec import BiasRegressor, MFRegressor, StackedRegressor
    >>> from sklearn_metarec.datasets import load_movietweetings
    >>> X, y = load_movietweetings(return_X_y=True)
    >>> members = [("bias", BiasRegressor()), ("mf", MFRegressor(10))]
    >>> model = StackedRegressor(members, random_state=0).fit(X, y)
    >>> bool(model.rmse_ < model.member_rmse_.min())
    True
    """

    _parameter_constraints = {
        "estimators": [list, None],
        "cv": ["cv_object"],
        "meta_features": [StrOptions({"all"}), list, None],
        "regularization": [Interval(Real, 0, None, closed="left"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    # The weights saw the user's ratings, and so did the members' parameters.
    _history_exact = False

    def __init__(
        self, estimators=None, *, cv=None, meta_features="all", regularization=None,
        n_jobs=None, random_state=None,
    ):  # fmt: skip
        self.estimators = estimators
        self.cv = cv
        self.meta_features = meta_features
        self.regularization = regularization
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    @property  # a class attribute of the base
    def _reads_context(self):  # type: ignore[override]
        members = getattr(self, "estimators_", None)
        if members is None:
            members = dict(self.estimators or ()).values()
        # What is not ours may read any column.
        return any(getattr(m, "_reads_context", m != "drop") for m in members)

    # Nested parameters are those of several estimators with validators of their own.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the members, and learn their weights.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            One row an interaction.
        y : array-like of shape (n,)
            Ratings.
        sample_weight : array-like of shape (n,), default=None
            Weights, for the members that take them and for what they count in the
            stack; rows of weight 0 count as absent.

        Returns
        -------
        self : object
            The fitted stack; as it was before, if the fit fails.

        Raises
        ------
        ValueError
            If the input is invalid.
        """
        with unchanged_on_failure(self):
            rng = check_random_state(self.random_state)
            names, members = self._seeded_members(rng)
            columns = self._meta_columns()
            rows = self._read_rows(X, y, sample_weight, reset=True)
            X = X if rows.kept is None else rows_of(X, rows.kept)
            data = table_for(members, X, rows.table, rows.y, rows.sample_weight)
            folds = self._folds(rows, rng)
            fitted, predictions = fit_members(members, data, folds, self.n_jobs)
            self.estimators_, self._names = fitted, names
            self._set_weights(rows, folds, predictions, columns)
            self._set_history(
                self._with_side_tables(self._make_history(rows, reset=True))
            )
            self._known = MetaFeatures(self._history())
        return self

    def _seeded_members(self, rng):
        """Return names and members, without those that are dropped."""
        seed = int(rng.randint(np.iinfo(np.int32).max))
        pairs = default_members()
        if self.estimators is not None:
            pairs = zip(*self._validate_estimators(), strict=True)
        pairs = [(name, member) for name, member in pairs if member != "drop"]
        members = [seeded(clone(member), seed) for _, member in pairs]
        return [name for name, _ in pairs], members

    def _meta_columns(self):
        """Return the positions in `NAMES` of what the weights depend on."""
        names = NAMES if self.meta_features == "all" else self.meta_features or ()
        unknown = [name for name in names if name not in NAMES]
        if unknown:
            raise ValueError(f"meta_features has {unknown}; there are {list(NAMES)}.")
        return [NAMES.index(name) for name in names]

    def _folds(self, rows, rng):
        """Return row positions of training and test; a pair's rows stay together."""
        table = rows.table
        pairs = table.rows.astype(np.int64) * len(table.items) + table.cols
        n_pairs = len(np.unique(pairs))
        if n_pairs < 2:
            return []
        seed = int(rng.randint(np.iinfo(np.int32).max))
        splitter: Any = _N_FOLDS if self.cv is None else self.cv
        if isinstance(splitter, Integral):
            n_folds = min(int(splitter), n_pairs)
            splitter = GroupKFold(n_folds, shuffle=True, random_state=seed)
            return list(splitter.split(pairs, groups=pairs))
        if hasattr(splitter, "split"):
            return list(splitter.split(table, rows.y))
        folds = [(np.asarray(train), np.asarray(test)) for train, test in splitter]
        if rows.kept is None:
            return folds
        # The positions are those of the caller's rows, some of which are left out.
        last = max(int(part.max()) for fold in folds for part in fold if len(part))
        new = np.full(max(last, rows.kept[-1]) + 1, -1)
        new[rows.kept] = np.arange(len(rows.kept))
        renumbered = [(new[train], new[test]) for train, test in folds]
        return [(train[train >= 0], test[test >= 0]) for train, test in renumbered]

    def _set_weights(self, rows, folds, predictions, columns):
        self.meta_feature_names_ = [NAMES[column] for column in columns]
        self.n_splits_ = len(folds)
        if not folds:
            n_members = len(self.estimators_)
            self.coef_ = np.zeros((n_members + 1, len(columns) + 1))
            self.coef_[:-1, 0] = 1 / n_members
            self.regularization_ = (np.inf, np.inf)
            self.member_rmse_, self.rmse_ = np.full(n_members, np.nan), np.nan
            return
        table, y = rows.table, rows.y
        weight = np.ones(len(y)) if rows.sample_weight is None else rows.sample_weight
        features = []
        for train, test in folds:
            part = Rows(table[train], y[train], take(rows.sample_weight, train))
            known = MetaFeatures(History.from_rows(part, rating=True))
            found = known.users[table.rows[test]], known.items[table.cols[test]]
            features.append(np.hstack(found)[:, columns])
        test = np.concatenate([test for _, test in folds])
        # Of a pair, not of a row: repeated rows must not meet themselves.
        groups = (table.rows[test] + table.cols[test]) % N_GROUPS
        weights = learn_weights(
            np.vstack(predictions), np.vstack(features), y[test], weight[test], groups,
            self.regularization,
        )  # fmt: skip
        self.coef_, self.regularization_ = weights.coef, weights.penalties
        self.member_rmse_, self.rmse_ = weights.member_rmse, weights.rmse

    def _with_side_tables(self, history):
        """Return a history with the ids that only members have, of side tables."""
        users, items = history.users, history.items
        for member in self.estimators_:
            if isinstance(member, BaseRecommender):
                # A member knows all ids of the rows.
                if len(member._users) > len(history.users):
                    users = users.union(member._users)
                if len(member._items) > len(history.items):
                    items = items.union(member._items)
        if users is history.users and items is history.items:
            return history
        return history.recode(users, items)

    @property
    def named_estimators_(self):
        """The fitted members by name."""
        check_is_fitted(self)
        return Bunch(**dict(zip(self._names, self.estimators_, strict=True)))

    def predict(self, X):
        """Return one rating a row.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            User and item of each row, and what else the members read.

        Returns
        -------
        ratings : ndarray of shape (n,), dtype=float64
            The same as in `recommend`, independent of the other rows.
        """
        check_is_fitted(self)
        self._check_columns(X, reset=False)
        coded = encode_interactions(X, warn=False)
        data = table_for(self.estimators_, X, coded)
        columns = [member.predict(data.form_for(member)) for member in self.estimators_]
        rows, cols, _ = self._codes(coded)
        of_users, of_items = self._weights_of(self._known.users, self._known.items)
        return combine(np.column_stack(columns), of_users[rows], of_items[cols])

    def _make_scorer(self, profiles):
        scorers = [member_scorer(each, self, profiles) for each in self.estimators_]
        users = self._known.of_profiles(profiles)
        return StackScorer(scorers, *self._weights_of(users, self._known.items))

    def _contributions(self, profiles, col):
        # How much a member weighs is a matter of how many items the user has, not of
        # which: given the weights, the stack is a sum of its members.
        scorer = self._make_scorer(profiles)
        score = float(scores_of(scorer, 1, col)[0])
        weights = scorer.of_users[0] + scorer.of_items[col]
        added, exact = np.zeros(len(self.items_)), True
        for member, weight in zip(self.estimators_, weights, strict=False):
            cols, values, exactly = member_contributions(member, self, profiles, col)
            added[cols] += weight * values
            exact = exact and exactly
        cols = profiles.matrix.indices
        return score - added[cols].sum(), cols, added[cols], exact

    def _weights_of(self, users, items):
        """Return what users and items of some features add to the members' weights."""
        coef = np.zeros((len(self.coef_), len(NAMES)))
        coef[:, [NAMES.index(name) for name in self.meta_feature_names_]] = self.coef_[
            :, 1:
        ]
        n_of_users = users.shape[1]
        of_users = self.coef_[:, 0] + users @ coef[:, :n_of_users].T
        return of_users, items @ coef[:, n_of_users:].T
