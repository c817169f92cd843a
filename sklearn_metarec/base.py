"""What all recommenders share: the table in, scores and ranked lists out.

A model is a subclass that says what is special about it: how it learns (`_fit`), how
it scores (`_make_scorer`), and where it can, how it is updated (`_update`), what made a
score (`_contributions`), and what is similar (`_item_scorer`, `_user_scorer`).
"""

from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_metarec._evaluate import evaluate_ranking
from sklearn_metarec._explanation import (
    COLD_USER,
    UNKNOWN_ITEM,
    Explanation,
    Step,
    Trace,
    leave_each_out,
    ranked,
    scores_of,
)
from sklearn_metarec._history import Context, History, Profiles, Rows
from sklearn_metarec._index import find_best
from sklearn_metarec._request import (
    Asked,
    check_ids,
    check_k,
    check_magnitudes,
    distinct,
    most_similar,
    read_context,
    read_rows,
    warn_of_strangers,
)
from sklearn_metarec._scoring import FixedScorer, WithFallback
from sklearn_metarec._side_tables import SharesSideTables
from sklearn_metarec._unwrap import long_form, recommend
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.interactions import (
    Interactions,
    check_is_table,
    encode_interactions,
    find_roles,
    has_named_columns,
    read_table,
    time_values,
)
from sklearn_metarec.utils._sklearn import (
    available_if,
    check_sample_weight,
    column_or_1d,
    fit_context,
    validate_data,
)

__all__ = [
    "BaseRatingRecommender", "BaseRecommender", "Explanation", "Step", "Trace",
    "recommend",
]  # fmt: skip


def _has(*hooks):
    return available_if(lambda self: any(hasattr(self, hook) for hook in hooks))


class BaseRecommender(SharesSideTables, BaseEstimator):
    """Base class of all recommenders; by itself a ranker.

    A subclass sets `_parameter_constraints` and supplies:

    - `_fit(history)`: learn from a :class:`History`, assign fitted attributes;
    - `_make_scorer(profiles)`: a scorer (see `_scoring.py`) for the users of a call;
    - optionally `_update(history, old, new)`: learn from a history that is `old` with
      the rows of `new`; its presence makes `partial_fit` available;
    - optionally `_contributions(profiles, col)`: the terms of one score, where it is
      a sum over the user's items; else the base leaves out each item in turn;
    - optionally `_trace(profiles, col)`: the steps of one item, where there are stages;
    - optionally `_item_scorer(cols)` and `_user_scorer(rows)`: similarities.

    Attributes
    ----------
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The pairs of the fit with their strengths or mean ratings.
    n_features_in_ : int
        Columns of the table of the fit.
    """

    # How many threads, for models that have no such parameter.
    n_jobs = None
    # Whether scores depend on the time or on other columns of a request.
    _reads_context = False
    _history_class = History  # how rows become pairs
    # The least weight, and the largest weight or target, that it can compute with.
    _magnitudes = 1e-60, 1e32

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_stored")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = False
        tags.target_tags.positive_only = True
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_stored" in state:
            del state["users_"], state["items_"]  # the vocabularies hold the ids
            state |= state.pop("_stored").state()
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        own = vars(self)
        if "_users" in own:
            self.users_, self.items_ = self._users.ids, self._items.ids
            self._stored = self._history_class.from_state(self._users, self._items, own)

    @property
    def history_(self):
        """The pairs of the fit with their strengths or mean ratings."""
        return self._stored.matrix

    # ------------------------------------------------------------------ learning

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn from a table of interactions.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            One row an interaction: user, item and what else the model reads. See
            :func:`sklearn_metarec.interactions.read_table`.
        y : array-like of shape (n,), default=None
            The strength of each row, at least 0; 1 by default. Rows of a pair add
            up. A strength of 0 is an item seen, but not liked.
        sample_weight : array-like of shape (n,), default=None
            Multiplied into the strengths. Rows of weight 0 count as absent.

        Returns
        -------
        self : object
            The fitted recommender; as it was before, if the fit fails.

        Raises
        ------
        ValueError
            If `X` or `y` has a wrong shape, a missing id or a negative strength.
        """
        with unchanged_on_failure(self):
            rows = self._read_rows(X, y, sample_weight, reset=True)
            history = self._make_history(rows, reset=True)
            self._set_history(history)
            self._fit(history)
        return self

    @_has("_update")
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn from further rows; on an unfitted recommender, `fit`.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            The new rows; new users and items are welcome.
        y : array-like of shape (n,), default=None
            As in `fit`.
        sample_weight : array-like of shape (n,), default=None
            As in `fit`.

        Returns
        -------
        self : object
            The updated recommender. What it costs, and whether it equals a fit on
            all rows, is said in the class's description.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X, y, sample_weight)
        with unchanged_on_failure(self):
            old = self._history()
            rows = self._read_rows(X, y, sample_weight, reset=False)
            new = self._make_history(rows, reset=False)
            history = old.merge(new)
            self._set_history(history)
            self._update(history, old, new)
            self._stored = self._stored.settled()
        return self

    def _read_rows(self, X, y, sample_weight, *, reset):
        rating = isinstance(self, RegressorMixin)
        if rating and y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None: pass the ratings as y."
            )
        self._check_columns(X, reset=reset)
        interactions, kept = encode_interactions(X), None
        if y is not None:
            check_consistent_length(X, y)
            y = self._check_target(y, rating)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        check_magnitudes(y, sample_weight, self._magnitudes)
        if sample_weight is not None:
            keep = sample_weight > 0
            if not keep.all():
                kept = np.flatnonzero(keep)
                interactions = interactions[kept]
                sample_weight = sample_weight[kept]
                y = None if y is None else y[kept]
        return Rows(interactions.compact(), y, sample_weight, kept)

    def _make_history(self, rows, *, reset):
        """Return what is learned from; `reset` tells a fit from an update."""
        return self._collect(rows)

    def _collect(self, rows):
        """Return the pairs of rows: of a fit, an update or a call's `history`."""
        rating = isinstance(self, RegressorMixin)
        return self._history_class.from_rows(rows, rating=rating)

    def _check_target(self, y, rating):
        y = column_or_1d(y, dtype=np.float64, warn=True)
        finite = np.isfinite(y)
        if not finite.all():
            row = int(np.argmin(finite))
            raise ValueError(f"Input y contains NaN or inf: {y[row]} at row {row}.")
        if not rating and (y < 0).any():
            row = int(np.argmax(y < 0))
            raise ValueError(
                f"y is the strength of an interaction and cannot be negative: {y[row]} "
                f"at row {row}. Negative values in data passed to "
                f"{type(self).__name__}: pass y=(rating >= threshold), or use a rating "
                "model (...Regressor)."
            )
        return y

    def _check_columns(self, X, *, reset):
        """Check the number and names of columns, unless the names say it all."""
        check_is_table(X)
        # Rows without names are user and item, whatever the names of the fit were.
        names = getattr(self, "feature_names_in_", ())
        by_name = {"user", "item"} <= find_roles(names).keys()
        if not reset and by_name and not hasattr(X, "columns"):
            return
        if reset or not has_named_columns(X):
            validate_data(self, X, reset=reset, skip_check_array=True)

    def _set_history(self, history):
        self._users, self._items = history.users, history.items
        self.users_, self.items_ = history.users.ids, history.items.ids
        self._stored = history.stored()

    def _history(self):
        return self._stored

    # ------------------------------------------------------------------- scoring

    def predict(self, X):
        """Return one score a row.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            User and item of each row. Unknown users and items are scored by what is
            known of the other; they never raise.

        Returns
        -------
        scores : ndarray of shape (n,), dtype=float64
            The same as in `recommend`, independent of the other rows.
        """
        check_is_fitted(self)
        rows, cols, context = self._codes(X)
        if self._reads_context:  # each row is a request of its own
            codes, users = rows, np.arange(len(rows))
        else:
            codes, users = distinct(rows, len(self._users))
        profiles = Profiles(self._history(), codes, None, context)
        scorer = self._complete_scorer(profiles)
        return scorer.pairs(users, cols).astype(np.float64)

    def seen_pairs(self, users, items):
        """Tell which pairs the model was fitted on.

        Parameters
        ----------
        users, items : array-like of shape (n,)
            Ids, known or not.

        Returns
        -------
        seen : ndarray of shape (n,), dtype=bool
            Whether each pair was in the fit.
        """
        check_is_fitted(self)
        rows, cols = self._users.lookup(users), self._items.lookup(items)
        used, positions = distinct(rows, len(self._users))
        matrix = self._history().take(used).matrix
        if not matrix.nnz:
            return np.zeros(len(rows), dtype=bool)
        n_items = len(self._items)
        keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * n_items
        keys = keys + matrix.indices  # ascending, as rows and columns are
        wanted = positions.astype(np.int64) * n_items + cols
        position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return (keys[position] == wanted) & (rows >= 0) & (cols >= 0)

    def recommend(
        self, users=None, k=10, *, history=None, exclude_seen=True, items=None,
        exclude=None, context=None, as_frame=False,
    ):  # fmt: skip
        """Return the best items of each user.

        Parameters
        ----------
        users : array-like of shape (n_users,), default=None
            User ids. By default all users of `history`, or else of the fit.
        k : int, default=10
            How many items each user gets.
        history : table or tuple (table, y), default=None
            Rows of these users, known or not (a basket, a session), folded in for
            this call only, with their strengths or ratings. The model is unchanged.
        exclude_seen : bool, default=True
            Whether to leave out what a user has in the fit or in `history`.
        items : array-like of shape (n,) or table of shape (n, 2), default=None
            The only items to recommend: one list, or (user, item) pairs.
        exclude : array-like of shape (n,) or table of shape (n, 2), default=None
            Items not to recommend: one list, or (user, item) pairs.
        context : dataframe of shape (n_users, n_columns), default=None
            The context of each user's request, for the models that read one.
        as_frame : bool, default=False
            Whether to return a dataframe.

        Returns
        -------
        items : ndarray of shape (n_users, k)
            Item ids, best first, ties in the order of `items_`.
        scores : ndarray of shape (n_users, k), dtype=float32
            Their scores; -inf where there are no k items (the id is then a padding).
            With `as_frame`, one DataFrame of user_id, item_id, rank (from 1) and
            score in place of both, without padding.

        Raises
        ------
        ValueError
            If `k` is below 1, or `context` has not one row a user.
        """
        # What scikit-learn looks at first, all tags, a call for one user would notice.
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)
        check_k(k)
        asked, codes, added = self._asked(users, history)
        if context is not None and len(context) != len(codes):
            raise ValueError(
                f"context has {len(context)} rows for {len(codes)} users: pass one a "
                "user."
            )
        context = read_context(context) if self._reads_context else None
        profiles = Profiles(self._history(), codes, added, context, asked.ids)
        warn_of_strangers(profiles, self._users, self._items)
        filters = asked.filters(profiles, self._items, exclude_seen, items, exclude)
        scorer = self._complete_scorer(profiles)
        size = len(codes), len(self._items)
        cols, scores = find_best(scorer, *size, int(k), filters, n_jobs=self.n_jobs)
        ids = self._items.decode(cols)
        return long_form(asked.ids, ids, scores) if as_frame else (ids, scores)

    def _complete_scorer(self, profiles):
        """Return the model's scorer, with popularity for users it cannot tell."""
        scorer = self._make_scorer(profiles)
        if isinstance(self, RegressorMixin):
            return scorer
        cold = self._cannot_tell(profiles)
        if not cold.any():
            return scorer
        return WithFallback(scorer, FixedScorer(self._popularity()), cold)

    def _cannot_tell(self, profiles):
        """Return whose scores a ranker leaves to popularity."""
        return profiles.cold

    def _popularity(self):
        """Return the share of users who like each item."""
        matrix = self.history_
        liked = matrix.indices[matrix.data > 0]
        counts = np.bincount(liked, minlength=matrix.shape[1])
        return (counts / matrix.shape[0]).astype(np.float32)

    # ----------------------------------------------------- the users of one call

    def _codes(self, X):
        """Return the codes of a table's rows, -1 if unknown, and their context."""
        self._check_columns(X, reset=False)
        if isinstance(X, Interactions):
            rows = self._users.lookup(X.users.ids)[X.rows]
            cols = self._items.lookup(X.items.ids)[X.cols]
            return rows, cols, Context(X.time, X.context)
        table = read_table(X, warn=False)
        rows = self._users.lookup(table.user, "user_id")
        cols = self._items.lookup(table.item, "item_id")
        if not self._reads_context:
            return rows, cols, None
        time = None if table.time is None else time_values(table.time)
        return rows, cols, Context(time, table.context)

    def _asked(self, users, history):
        """Return (the users of a call, their codes, what is added to them)."""
        table, target = read_rows(history)
        if users is None and table is None:
            asked = Asked(self._users.ids)
            return asked, np.arange(len(self._users), dtype=np.int32), None
        if users is None:
            asked = Asked(encode_ids(table.user, "user_id")[0].ids)
        else:
            asked = Asked(check_ids(users))
        codes = self._users.lookup(asked.ids, "users")
        if table is None or not len(asked.ids):
            return asked, codes, None
        return asked, codes, self._added(asked, table, target)

    def _added(self, asked, table, target):
        rows = asked.vocabulary.lookup(table.user, "user_id")
        cols = self._items.lookup(table.item, "item_id")
        rating = isinstance(self, RegressorMixin)
        if target is not None:
            check_consistent_length(rows, target)
            target = self._check_target(target, rating)
            check_magnitudes(target, None, self._magnitudes)
        elif rating:
            raise ValueError(
                f"{type(self).__name__} needs the ratings of history: pass "
                "history=(X, y)."
            )
        known = (rows >= 0) & (cols >= 0)
        target = None if target is None else target[known]
        time = None if table.time is None else time_values(table.time)[known]
        rows = Interactions(
            asked.vocabulary, self._items, rows[known], cols[known], time
        )
        added = self._collect(Rows(rows, target))
        # A user may be asked for twice: one row of profile for each time.
        return added.take(asked.codes)

    # -------------------------------------------------- similarity and reasons

    @_has("_item_scorer")
    def similar_items(self, items, k=10):
        """Return the items most similar to each of some items.

        Parameters
        ----------
        items : array-like of shape (n,)
            Item ids; an unknown one gets a row of padding.
        k : int, default=10
            How many.

        Returns
        -------
        similar : ndarray of shape (n, k)
            Item ids, most similar first, without the item itself.
        scores : ndarray of shape (n, k), dtype=float32
            Similarities; -inf where there is no further item.
        """
        check_is_fitted(self)
        return most_similar(self._items, items, k, self._item_scorer)

    @_has("_user_scorer")
    def similar_users(self, users, k=10):
        """Return the users most similar to each of some users.

        Parameters
        ----------
        users : array-like of shape (n,)
            User ids; an unknown one gets a row of padding.
        k : int, default=10
            How many.

        Returns
        -------
        similar : ndarray of shape (n, k)
            User ids, most similar first, without the user.
        scores : ndarray of shape (n, k), dtype=float32
            Similarities; -inf where there is no further user.
        """
        check_is_fitted(self)
        return most_similar(self._users, users, k, self._user_scorer)

    def explain(self, user, item, *, history=None):
        """Return what made the score of an item for a user.

        Parameters
        ----------
        user, item : id
            A user and an item, known or not.
        history : table or tuple (table, y), default=None
            Rows of the user for this call only, as in `recommend`.

        Returns
        -------
        explanation : Explanation
            The score, its parts, and which stage found, dropped or ranked the item.
            The parts are terms of a sum over the user's items, or else, as of networks
            and trees, what the score loses without each: a fold-in an item.
        """
        check_is_fitted(self)
        asked, codes, added = self._asked([user], history)
        profiles = Profiles(self._history(), codes, added, ids=asked.ids)
        col = int(self._items.lookup([item], "item")[0])
        score = float(scores_of(self._complete_scorer(profiles), 1, col)[0])
        trace = Trace(self._trace(profiles, col))
        if col < 0:
            return Explanation.of_nothing(score, self.items_, trace, UNKNOWN_ITEM)
        if self._cannot_tell(profiles)[0] and not isinstance(self, RegressorMixin):
            return Explanation.of_nothing(score, self.items_, trace, COLD_USER)
        parts = self._contributions(profiles, col)
        return Explanation.of(score, self.items_, trace, parts)

    def _contributions(self, profiles, col):
        """Return (baseline, cols, contributions, exact) of one user's score."""
        return leave_each_out(self._make_scorer, profiles, col)

    def _trace(self, profiles, col):
        """Return what each stage did with an item of one profile, the own step last."""
        return [ranked(self, profiles, col)]

    def score(self, X, y=None, sample_weight=None):
        """Return the mean nDCG@10 of a test table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            Test rows.
        y : array-like of shape (n,), default=None
            Rows with y > 0 are relevant; all by default.
        sample_weight : array-like of shape (n,), default=None
            A user's weight is the sum of their rows' weights; equal by default.

        Returns
        -------
        score : float
            Mean over users with a relevant item that is not one of the fit. NaN, with
            a warning, if there is none.
        """
        check_is_fitted(self)
        self._check_columns(X, reset=False)
        return evaluate_ranking(self, X, y, sample_weight)["ndcg@10"]


class BaseRatingRecommender(RegressorMixin, BaseRecommender):
    """Base class of the rating models: `predict` is a rating, `score` is R²."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.positive_only = False
        # Every row a new user and a new item, as in scikit-learn's own tests, leaves
        # nothing to learn from.
        tags.regressor_tags.poor_score = True
        return tags


@contextmanager
def unchanged_on_failure(estimator):
    """Give an estimator its attributes back if the block raises."""
    before = estimator.__dict__.copy()
    try:
        yield
    except BaseException:
        # What ends the callbacks of a failed fit runs later, and needs these.
        running = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")
        kept = {
            name: vars(estimator)[name] for name in running if name in vars(estimator)
        }
        estimator.__dict__.clear()
        estimator.__dict__.update(before | kept)
        raise
