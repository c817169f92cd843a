"""The pairs a model was fitted on, and the profiles of the users of one call."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_metarec._vocabulary import Vocabulary, encode_ids
from sklearn_metarec.interactions import (
    Interactions,
    compressed_parts,
    make_csr,
    pair_matrix,
    take_csr,
)


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
    """

    users: Vocabulary | None
    items: Vocabulary
    matrix: sparse.csr_array
    weights: np.ndarray | None = None

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

    def take(self, codes):
        """Return the rows of the given user codes; -1 gives an empty row."""
        n_users = self.matrix.shape[0]
        if len(codes) == n_users and np.array_equal(codes, np.arange(n_users)):
            return self
        matrix, source = take_csr(self.matrix, codes)
        weights = None if self.weights is None else self.weights[source]
        return History(None, self.items, matrix, weights)

    def subset(self, keep):
        """Return the pairs of a mask, in the same codes."""
        indptr, indices, data = compressed_parts(self.matrix)
        kept = np.concatenate(([0], np.cumsum(keep)))[indptr]
        matrix = make_csr(kept, indices[keep], data[keep], self.matrix.shape)
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
        """Return the union of two histories with vocabularies of their own."""
        users = union(self.users, other.users)
        items = union(self.items, other.items)
        return self.recode(users, items).add(other.recode(users, items))

    def recode(self, users, items):
        """Return the same pairs in the codes of larger vocabularies.

        With `users=None` the rows stay as they are.
        """
        entries = self.matrix.tocoo()
        rows, n_users = entries.row.astype(np.int32), self.matrix.shape[0]
        if users is not None and self.users is not None:
            rows, n_users = users.lookup(self.users.ids)[rows], len(users)
        cols = items.lookup(self.items.ids)[entries.col]
        # Both vocabularies are sorted the same way, so the order of pairs stays.
        shape = (n_users, len(items))
        matrix = pair_matrix(rows, cols, entries.data, shape)
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


def _means(totals, weights):
    indptr, indices = totals.indptr, totals.indices
    return make_csr(indptr, indices, totals.data / weights, totals.shape)


def union(first, second):
    """Return the vocabulary of the ids of two."""
    return encode_ids(np.concatenate([first.ids, second.ids]))[0]


def carry_over(old, new, known, start):
    """Write what is known of the ids of one vocabulary over the starts of another."""
    start[new.lookup(old.ids)] = known
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
