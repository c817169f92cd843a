"""The members of a stack: how they are fitted, and how they score."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from sklearn_metarec._history import Context, History, Profiles
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import (
    Interactions,
    find_roles,
    pair_matrix,
    take_rows,
)
from sklearn_metarec.meta._evaluation import Data, fit_weighted, rows_of, take


def table_for(members, X, coded, y=None, sample_weight=None):
    """Return a table in the forms that the members of a stack take.

    Parameters
    ----------
    members : list of estimators
        Those that will be given it.
    X : array-like, dataframe or Interactions
        The table as it came.
    coded : Interactions
        The same in codes.
    y, sample_weight : ndarray of shape (n,), default=None
        Targets and weights.

    Returns
    -------
    data : Data
        The table.
    """
    others = any(not isinstance(member, BaseRecommender) for member in members)
    if others and isinstance(X, Interactions):
        user, item = X.users.ids[X.rows], X.items.ids[X.cols]
        X = _as_table(user, item, Context(X.time, X.context))
    elif others and not (isinstance(X, list | tuple) or hasattr(X, "shape")):
        X = np.asarray(X)
    return Data(X, coded, y, sample_weight, complete=True)


def fit_members(members, data, folds, n_jobs):
    """Fit each member on all rows, and on each fold's training part.

    Parameters
    ----------
    members : list of estimators
        Not fitted; clones are.
    data : Data
        The table and its targets.
    folds : list of (ndarray, ndarray)
        Row positions of training and test.
    n_jobs : int or None
        Fits at a time; the result does not depend on it.

    Returns
    -------
    fitted : list of estimators
        The members, fitted on all rows.
    predictions : list of ndarrays of shape (n_test, n_members)
        What they say of each fold's test rows when fitted on its training rows.
    """
    tasks = [(member, fold) for fold in [None, *folds] for member in members]
    results = Parallel(n_jobs=n_jobs)(
        delayed(_fit)(clone(member), data.form_for(member), data.y, data.sample_weight,
                      fold)
        for member, fold in tasks
    )  # fmt: skip
    n = len(members)
    starts = range(n, len(results), n)
    return results[:n], [np.column_stack(results[at : at + n]) for at in starts]


def _fit(model, table, y, sample_weight, fold):
    if fold is None:
        return fit_weighted(model, table, y, sample_weight)
    train, test = fold
    fit_weighted(model, rows_of(table, train), y[train], take(sample_weight, train))
    return np.asarray(model.predict(rows_of(table, test)), dtype=np.float64)


class StackScorer:
    """The weighted sum of the scores of several scorers.

    Parameters
    ----------
    scorers : list of scorers
        The members'.
    of_users : ndarray of shape (n, n_members + 1)
        What a user of this call adds to each member's weight, and to the intercept.
    of_items : ndarray of shape (n_items + 1, n_members + 1)
        The same of an item; the last row is that of an unknown one.
    """

    def __init__(self, scorers, of_users, of_items):
        self.scorers = scorers
        self.of_users = of_users
        self.of_items = of_items

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        of_users, of_items = self.of_users[lo:hi], self.of_items[:-1]
        total = np.add.outer(of_users[:, -1], of_items[:, -1])
        scores = np.empty(total.shape, dtype=np.float32)
        for place, scorer in enumerate(self.scorers):
            scorer.block(lo, hi, scores)
            total += np.add.outer(of_users[:, place], of_items[:, place]) * scores
        out[: hi - lo] = total

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        columns = [scorer.pairs(users, cols) for scorer in self.scorers]
        return combine(
            np.column_stack(columns), self.of_users[users], self.of_items[cols]
        )


def combine(predictions, of_users, of_items):
    """Return the stack's predictions for rows from those of its members."""
    weights = of_users + of_items
    return np.sum(weights[:, :-1] * predictions, axis=1) + weights[:, -1]


def member_scorer(member, stack, profiles):
    """Return a member's scorer of a call, in the codes of its stack."""
    if not isinstance(member, BaseRecommender):
        return _PredictingScorer(member, stack, profiles)
    scorer = member._complete_scorer(profiles_of(member, stack, profiles))
    cols = member._items.lookup(stack.items_)
    same = len(cols) == len(member._items) and np.array_equal(
        cols, np.arange(len(cols))
    )
    return scorer if same else _RecodedScorer(scorer, cols, len(member._items))


def profiles_of(member, stack, profiles):
    """Return the users of a call of a stack as one of its members knows them."""
    added, replaced = (
        None if rows is None else _in_items_of(member, rows)
        for rows in (profiles.added, profiles.replaced)
    )
    codes = member._users.lookup(stack.users_)
    return Profiles(
        member._history(), np.where(profiles.codes >= 0, codes[profiles.codes], -1),
        added, profiles.context if member._reads_context else None, profiles.ids,
        replaced,
    )  # fmt: skip


def member_contributions(member, stack, profiles, col):
    """Return (cols, contributions, exact) of a member's score, in a stack's codes."""
    if not isinstance(member, BaseRecommender):
        return np.empty(0, dtype=np.int32), np.empty(0), False
    own_col = int(member._items.lookup(stack.items_[col : col + 1])[0])
    if own_col < 0:  # scored without the user's items
        return np.empty(0, dtype=np.int32), np.empty(0), True
    own = profiles_of(member, stack, profiles)
    _, cols, values, exact = member._contributions(own, own_col)
    return stack._items.lookup(member._items.ids[cols]), values, exact


def _in_items_of(member, added):
    """Return rows of history in a member's items, without those it does not know."""
    entries = added.matrix.tocoo()
    cols = member._items.lookup(added.items.ids)[entries.col]
    known = cols >= 0
    shape = (added.matrix.shape[0], len(member._items))
    rows = entries.row[known].astype(np.int32)
    matrix = pair_matrix(rows, cols[known], entries.data[known], shape)
    return History(None, member._items, matrix, added.weights[known])


class _RecodedScorer:
    """The scores of a scorer that has other items, or has them in another order."""

    def __init__(self, scorer, cols, n_items):
        self.scorer = scorer
        self.cols = cols
        self.n_items = n_items

    def block(self, lo, hi, out):
        scores = np.empty((hi - lo, self.n_items), dtype=np.float32)
        self.scorer.block(lo, hi, scores)
        out[: hi - lo] = scores[:, self.cols]
        unknown = np.flatnonzero(self.cols < 0)
        if len(unknown):
            users = np.arange(lo, hi)
            one = self.scorer.pairs(users, np.full(hi - lo, -1, dtype=np.int32))
            out[: hi - lo, unknown] = one[:, None]

    def pairs(self, users, cols):
        return self.scorer.pairs(users, np.where(cols >= 0, self.cols[cols], -1))


class _PredictingScorer:
    """The scores of any regressor, asked for the rows of a table."""

    def __init__(self, member, stack, profiles):
        if profiles.changed.any():
            raise ValueError(
                f"history= cannot be folded in: {type(member).__name__}, a member of "
                "this stack, is none of this package's recommenders."
            )
        self.member = member
        self.users = profiles.ids
        self.items = stack.items_
        self.context = profiles.context or Context()
        self.columns = getattr(stack, "feature_names_in_", None)
        self.unknown = stack.history_.data.mean()

    def block(self, lo, hi, out):
        n_items = len(self.items)
        users = np.repeat(np.arange(lo, hi), n_items)
        cols = np.tile(np.arange(n_items), hi - lo)
        out[: hi - lo] = self.pairs(users, cols).reshape(hi - lo, n_items)

    def pairs(self, users, cols):
        known = np.flatnonzero(cols >= 0)
        # An item that is not in the stack has no id here to ask the member for.
        scores = np.full(len(cols), self.unknown)
        if len(known):
            of = users[known]
            context = Context(
                take(self.context.time, of), take_rows(self.context.columns, of)
            )
            ids = self.users[of], self.items[cols[known]]
            scores[known] = self.member.predict(_as_table(*ids, context, self.columns))
        return scores


def _as_table(users, items, context, names=None):
    """Return rows as a regressor takes them: a frame if they have names."""
    others = context.columns
    if names is None and not hasattr(others, "columns"):
        parts = [users, items] if others is None else [users, items, *others.T]
        numbers = all(np.asarray(part).dtype.kind in "iuf" for part in parts)
        table = np.empty((len(users), len(parts)), dtype=None if numbers else object)
        for place, part in enumerate(parts):
            table[:, place] = part
        return table
    import pandas as pd

    if names is None:
        names = ["user_id", "item_id", "timestamp", *others.columns]
    roles = find_roles(names)
    free = [name for name in names if name not in roles.values()]
    values = {}
    for side, ids in (("user", users), ("item", items)):
        values[roles[side] if side in roles else free.pop(0)] = ids
    if context.time is not None and "time" in roles:
        values[roles["time"]] = context.time
    if others is not None:
        values |= {name: others[name] for name in others.columns}
    there = {name: np.asarray(values[name]) for name in names if name in values}
    return pd.DataFrame(there)
