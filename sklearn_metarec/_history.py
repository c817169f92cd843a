"""The pairs a model was fitted on, and the profiles of the users of one call."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_metarec._kernels import csr
from sklearn_metarec._packing import pack_array, pack_pairs, unpack_array, unpack_pairs
from sklearn_metarec._vocabulary import Vocabulary
from sklearn_metarec.interactions import (
    Interactions,
    compressed_parts,
    keep_entries,
    make_csr,
    pair_matrix,
)

# Once the rows that updates changed hold such a share of the pairs, all are copied
# into one matrix: so seldom that it costs next to nothing an update.
_MOST_CHANGED = 1 / 16


@dataclass(frozen=True)
class Rows:
    """The rows of a fit, checked: none without weight, no id without a row.

    Attributes
    ----------
    table : Interactions
        Users, items, time and context.
    y, sample_weight : ndarray of shape (n,), dtype=float64, or None
        None stands for ones.
    kept : ndarray of shape (n,) or None
        Which of the caller's rows these are; None for all.
    """

    table: Interactions
    y: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    kept: np.ndarray | None = None


@dataclass(frozen=True)
class Context:
    """What is known of each request beside its user: one row a request.

    Attributes
    ----------
    time : ndarray of shape (n,) or None
        Int64 or float64 time.
    columns : dataframe or ndarray of shape (n, n_other), or None
        The columns that are neither user, item nor time.
    """

    time: np.ndarray | None = None
    columns: Any = None


@dataclass(frozen=True)
class History:
    """The pairs of some users, each with its strength or its rating.

    Attributes
    ----------
    users, items : Vocabulary
        The ids of rows and columns; no `users` where the rows are those of a call.
    matrix : csr_array of shape (n_users, n_items)
        Strengths (float32) or mean ratings (float64).
    weights : ndarray of shape (n_pairs,), dtype=float64, or None
        The weight of each rating, in the order of `matrix.data`; None for strengths,
        whose weights are multiplied into them.
    packed : bool
        Whether a file holds the pairs in few bytes.
    """

    users: Any  # a Vocabulary, or None
    items: Vocabulary
    matrix: sparse.csr_array
    weights: np.ndarray | None = None
    packed: bool = field(default=False, kw_only=True)

    @classmethod
    def from_rows(cls, source, *, rating):
        """Collect rows: sum of strengths, or weighted mean of ratings."""
        table, y, sample_weight = source.table, source.y, source.sample_weight
        rows, cols = table.rows, table.cols
        users, items = table.users, table.items
        shape = (len(users), len(items))
        if rating:
            weight = np.ones(len(rows)) if sample_weight is None else sample_weight
            totals = pair_matrix(rows, cols, y * weight, shape)
            if sample_weight is None and totals.nnz == len(rows):  # no pair twice
                return cls(users, items, totals, weight)
            weights = pair_matrix(rows, cols, weight, shape).data
            return cls(users, items, _means(totals, weights), weights)
        strength = np.ones(len(rows), dtype=np.float32)
        for factor in (y, sample_weight):
            if factor is not None:
                strength = (strength * factor).astype(np.float32)
        return cls(users, items, pair_matrix(rows, cols, strength, shape))

    @property
    def pairs(self):
        """The pattern of the pairs: a matrix of ones, where strengths may be zero."""
        indptr, indices = self.matrix.indptr, self.matrix.indices
        ones = np.ones(len(indices), dtype=np.float32)
        return make_csr(indptr, indices, ones, self.matrix.shape)

    def pair_keys(self):
        """Return one number for each pair, ascending: row * n_items + column."""
        n_users, n_items = self.matrix.shape
        rows = np.arange(n_users, dtype=np.int64)
        rows = np.repeat(rows, np.diff(self.matrix.indptr))
        return rows * n_items + self.matrix.indices

    def take(self, codes):
        """Return the rows of the given user codes; -1 gives an empty row."""
        n_users = self.matrix.shape[0]
        if len(codes) == n_users and np.array_equal(codes, np.arange(n_users)):
            return self
        if len(codes) == 1 and codes[0] >= 0:
            return self._row(codes[0])
        return _gather([(self, codes)])

    def _row(self, code):
        """Return one user's row; a call for one user would notice `_gather`."""
        stored = self.matrix
        there = slice(stored.indptr[code], stored.indptr[code + 1])
        cols, data = stored.indices[there].copy(), stored.data[there].copy()
        matrix = make_csr(np.array([0, len(cols)]), cols, data, (1, stored.shape[1]))
        weights = None if self.weights is None else self.weights[there].copy()
        return History(None, self.items, matrix, weights)

    def subset(self, keep):
        """Return the pairs of a mask, in the same codes."""
        matrix = keep_entries(self.matrix, keep)
        weights = None if self.weights is None else self.weights[keep]
        return History(self.users, self.items, matrix, weights)

    def add(self, other):
        """Return the union of two histories over the same users and items."""
        parts = [self.matrix.tocoo(), other.matrix.tocoo()]
        rows = np.concatenate([part.row for part in parts]).astype(np.int32)
        cols = np.concatenate([part.col for part in parts]).astype(np.int32)
        values = np.concatenate([part.data for part in parts])
        shape = self.matrix.shape
        if self.weights is None:
            return History(
                self.users, self.items, pair_matrix(rows, cols, values, shape)
            )
        weight = np.concatenate([self.weights, other.weights])
        totals = pair_matrix(rows, cols, values * weight, shape)
        weights = pair_matrix(rows, cols, weight, shape).data
        return History(self.users, self.items, _means(totals, weights), weights)

    def merge(self, other):
        """Return the union of two histories with vocabularies of their own.

        Where the other one has no new items, no more is read of this one than the
        rows of the other's users: see :class:`GrownHistory`.
        """
        users = self.users.union(other.users)
        items = self.items.union(other.items)
        with_pairs = np.flatnonzero(np.diff(other.matrix.indptr))
        ids = other.users.ids[with_pairs]
        changed = users.lookup(ids)
        new = other.recode(None, items).take(with_pairs)
        known = self if items is self.items else self.recode(None, items)
        own = known.take(self.users.lookup(ids)).add(new)
        place = None
        if users is not self.users:
            place = users.lookup(self.users.ids)
        stored, earlier = (_moved(part, place, len(users)) for part in known.parts())
        fresh = np.union1d(changed, np.flatnonzero(earlier[1] >= 0))
        row_of = np.full(len(users), -1)
        row_of[changed] = np.arange(len(changed))
        stored[1][changed] = earlier[1][changed] = -1
        both = _gather([(earlier[0], earlier[1][fresh]), (own, row_of[fresh])])
        row_of[fresh] = np.arange(len(fresh))
        return GrownHistory(users, items, stored, (both, row_of)).settled()

    def parts(self):
        """Return two pairs of (history, the row of it that a user has, or -1)."""
        n_users, n_items = self.matrix.shape
        no_pairs = make_csr(
            np.zeros(1, dtype=np.int32), self.matrix.indices[:0], self.matrix.data[:0],
            (0, n_items),
        )  # fmt: skip
        weights = None if self.weights is None else self.weights[:0]
        nothing = History(None, self.items, no_pairs, weights)
        return (self, np.arange(n_users)), (nothing, np.full(n_users, -1))

    def stored(self):
        """Return what a model keeps of it."""
        return self

    def settled(self):
        """Return the history in one matrix, if it is so already or worth while."""
        return self

    def pack(self):
        """Return the same history, of which a file holds the pairs in few bytes."""
        return replace(self, packed=True)

    def state(self):
        """Return what a model's file holds of it, beside the vocabularies."""
        matrix, weights = self.matrix, self.weights
        if self.packed:
            matrix, weights = pack_pairs(matrix), pack_array(weights)
        return {"history_": matrix, "_pair_weights": weights}

    @classmethod
    def from_state(cls, users, items, state):
        """Return what :meth:`state` told, and take it out of a model's state."""
        matrix, weights = state.pop("history_"), state.pop("_pair_weights")
        packed = isinstance(matrix, dict)
        if packed:
            matrix = unpack_pairs(matrix)
            weights = unpack_array(weights, matrix.nnz)
        return cls(users, items, matrix, weights, packed=packed)

    @property
    def n_pairs(self):
        """How many pairs there are."""
        return self.matrix.nnz

    def recode(self, users, items):
        """Return the same pairs in the codes of larger vocabularies.

        With `users=None` the rows stay as they are.
        """
        indptr, cols, data = compressed_parts(self.matrix)
        if users is not None and self.users is not None and users is not self.users:
            counts = np.zeros(len(users) + 1, dtype=np.int64)
            counts[1 + users.lookup(self.users.ids)] = np.diff(indptr)
            indptr = np.cumsum(counts)
        # Both vocabularies are sorted the same way, so the order of pairs stays.
        if items is not self.items:
            cols = items.lookup(self.items.ids)[cols]
        matrix = make_csr(indptr, cols, data, (len(indptr) - 1, len(items)))
        return History(users, items, matrix, self.weights)

    def restrict(self, items):
        """Return the pairs of strengths whose items another vocabulary has."""
        entries = self.matrix.tocoo()
        cols = items.lookup(self.items.ids)[entries.col]
        there = cols >= 0
        rows = entries.row[there].astype(np.int32)
        shape = (self.matrix.shape[0], len(items))
        matrix = pair_matrix(rows, cols[there], entries.data[there], shape)
        return History(self.users, items, matrix)


@dataclass(frozen=True)
class RowHistory(History):
    """Pairs with the rows they were made of, from which other models learn.

    Attributes
    ----------
    rows : Rows
        As they came.
    """

    rows: Rows = field(kw_only=True)

    @classmethod
    def of(cls, history, rows):
        """Return a history that remembers its rows."""
        return cls(
            history.users, history.items, history.matrix, history.weights, rows=rows
        )

    def stored(self):
        """Return the pairs without the rows."""
        return History(self.users, self.items, self.matrix, self.weights)

    def recode(self, users, items):
        """Return the same pairs in the codes of larger vocabularies."""
        return RowHistory.of(super().recode(users, items), self.rows)

    def pair_of_row(self):
        """Return the stored pair of each row."""
        table, n_items = self.rows.table, len(self.items)
        codes = [table.rows, table.cols]
        for side, (own, theirs) in enumerate(
            [(self.users, table.users), (self.items, table.items)]
        ):
            # A side table knows other ids too.
            if own is not None and theirs is not own:
                codes[side] = own.lookup(theirs.ids)[codes[side]]
        return np.searchsorted(
            self.pair_keys(), codes[0].astype(np.int64) * n_items + codes[1]
        )


def _means(totals, weights):
    indptr, indices = totals.indptr, totals.indices
    return make_csr(indptr, indices, totals.data / weights, totals.shape)


def _moved(part, place, n_users):
    """Return a part whose users have other codes; new users have no row in it."""
    history, rows = part
    if place is None:
        return history, rows.copy()
    moved = np.full(n_users, -1)
    moved[place] = rows
    return history, moved


def _gather(parts):
    """Return rows of several histories; of each, at most one has it, the others -1."""
    first = parts[0][0]
    lengths = np.zeros(len(parts[0][1]) + 1, dtype=np.int64)
    for history, rows in parts:
        there = np.flatnonzero(rows >= 0)
        own, indptr = rows[there], history.matrix.indptr
        lengths[1 + there] = indptr[own + 1] - indptr[own]
    indptr = np.cumsum(lengths)

    def collect(values):
        out = np.empty(indptr[-1], dtype=values[0].dtype)
        for (history, rows), value in zip(parts, values, strict=True):
            csr.copy_rows(
                rows.astype(np.int64), history.matrix.indptr, value, indptr, out
            )
        return out

    indices = collect([history.matrix.indices for history, _ in parts])
    data = collect([history.matrix.data for history, _ in parts])
    weights = None
    if first.weights is not None:
        weights = collect([history.weights for history, _ in parts])
    shape = (len(indptr) - 1, first.matrix.shape[1])
    return History(None, first.items, make_csr(indptr, indices, data, shape), weights)


class GrownHistory(History):
    """A history after updates: the rows that they changed lie beside the others.

    An update of one user thus costs their rows, and not a copy of all. Whoever asks for
    the matrix gets it in one, and from then on it is kept so.

    Parameters
    ----------
    users, items : Vocabulary
        The ids of rows and columns.
    stored, fresh : tuple of (History, ndarray of shape (n_users,))
        The pairs before, and those of the changed rows; and the row of either that each
        user has, -1 where it has none.
    """

    _parts: tuple

    def __init__(self, users, items, stored, fresh):
        # The base class is frozen: that is how its own constructor does it.
        vars(self).update(users=users, items=items, _parts=(stored, fresh))

    def __reduce__(self):
        return History, (self.users, self.items, self.matrix, self.weights)

    @cached_property
    def _whole(self):
        pairs = _gather(self._parts)
        return History(self.users, self.items, pairs.matrix, pairs.weights)

    @property
    def matrix(self):
        """The strengths or ratings, all in one matrix."""
        return self._whole.matrix

    @property
    def weights(self):
        """The weight of each rating, in the order of the matrix."""
        return self._whole.weights

    @cached_property
    def n_pairs(self):
        """How many pairs there are."""
        (before, rows), (fresh, _) = self._parts
        replaced = np.ones(before.matrix.shape[0], dtype=bool)
        replaced[rows[rows >= 0]] = False
        gone = np.diff(before.matrix.indptr)[replaced].sum()
        return int(before.matrix.nnz - gone + fresh.matrix.nnz)

    def pack(self):
        """Return the same history, of which a file holds the pairs in few bytes."""
        return self._whole.pack()

    def settled(self):
        """Return the history in one matrix, if it is so already or worth while."""
        (before, _), (fresh, _) = self._parts
        if "_whole" in vars(self):
            return self._whole
        many = fresh.matrix.nnz > _MOST_CHANGED * before.matrix.nnz
        return self._whole if many else self

    def take(self, codes):
        """Return the rows of the given user codes; -1 gives an empty row."""
        if "_whole" in vars(self) or len(codes) == len(self.users):
            return self._whole.take(codes)
        known = codes >= 0
        return _gather(
            [(part, np.where(known, rows[codes], -1)) for part, rows in self._parts]
        )

    def parts(self):
        """Return two pairs of (history, the row of it that a user has, or -1)."""
        return self._whole.parts() if "_whole" in vars(self) else self._parts


def carry_over(old, new, known, start):
    """Write what is known of the ids of one vocabulary over the starts of another."""
    start[slice(None) if new is old else new.lookup(old.ids)] = known
    return start


class Profiles:
    """The users of one call: who they are, and what is known of them.

    Parameters
    ----------
    history : History
        What the model was fitted on.
    codes : ndarray of shape (n,), dtype=int32
        The users' codes; -1 for users who were not in the fit.
    added : History, default=None
        Rows of these users for this call only, one row a user, in the model's items.
    context : Context, default=None
        What is known of the requests, for the models that read it.
    ids : ndarray of shape (n,), default=None
        The users' ids, where they were asked for by name.
    replaced : History, default=None
        What these users have, in place of what is stored and added, one row a user.

    Attributes
    ----------
    changed : ndarray of shape (n,), dtype=bool
        Users to whom rows were added: what was learned of them no longer holds.
    """

    def __init__(
        self, history, codes, added=None, context=None, ids=None, replaced=None
    ):
        self.codes = codes
        self.added = added
        self.replaced = replaced
        self.context = context
        self.ids = ids
        self._history = history
        self.changed = np.zeros(len(codes), dtype=bool)
        if added is not None:
            self.changed = np.diff(added.matrix.indptr) > 0
        if replaced is not None:
            self.changed[:] = True

    def __len__(self):
        return len(self.codes)

    @cached_property
    def history(self):
        """The users' pairs, one row each, those added for the call included."""
        if self.replaced is not None:
            return self.replaced
        stored = self._history.take(self.codes)
        return stored if self.added is None else stored.add(self.added)

    @cached_property
    def matrix(self):
        """The strengths or ratings of the users, one row each."""
        return self.history.matrix

    @cached_property
    def cold(self):
        """Which users have no pair of positive strength."""
        indptr, _, data = compressed_parts(self.matrix)
        if len(data) and data.min() <= 0:
            liked = np.concatenate(([0], np.cumsum(data > 0)))
            return liked[indptr[1:]] == liked[indptr[:-1]]
        return np.diff(indptr) == 0

    def as_known_to(self, history):
        """Return the same users as a model with another history knows them.

        Parameters
        ----------
        history : History
            What that model was fitted on, in vocabularies of its own.

        Returns
        -------
        profiles : Profiles
            In its codes; what was added to the users is, but for unknown items.
        """
        users = self._history.users
        same = users is history.users or np.array_equal(users.ids, history.users.ids)
        codes = self.codes
        if not same:
            theirs = np.append(history.users.lookup(users.ids), np.int32(-1))
            codes = theirs[codes]
        added, replaced = (
            None if rows is None else _as_of(rows.restrict(history.items), history)
            for rows in (self.added, self.replaced)
        )
        return Profiles(history, codes, added, self.context, replaced=replaced)

    def each_left_out(self):
        """Return the one user of this call with and without each of their items.

        Returns
        -------
        profiles : Profiles
            First with all that they have, then without each item in turn, in the order
            of the items, then with none.
        """
        n = self.history.matrix.nnz
        rows = self.history.take(np.zeros(n + 2, dtype=np.int32))
        keep = np.ones((n + 2, n), dtype=bool)
        keep[1:-1][np.diag_indices(n)] = False
        keep[-1] = False
        return Profiles(
            self._history, np.repeat(self.codes, n + 2),
            ids=None if self.ids is None else np.repeat(self.ids, n + 2),
            replaced=rows.subset(keep.ravel()),
        )  # fmt: skip

    def known_rows(self, values):
        """Return what was learned of each user, and zeros for those not in the fit."""
        known = values[self.codes]
        known[self.codes < 0] = 0
        return known


def _as_of(rows, history):
    """Return strengths, as ratings of weight 1 where a history has ratings."""
    if history.weights is None:
        return rows
    data = rows.matrix.astype(np.float64)
    return History(None, rows.items, data, np.ones(data.nnz))
