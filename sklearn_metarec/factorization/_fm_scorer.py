"""Scores of requests by a factorization machine: of a user, at a time, in a context."""

from threading import Lock

import numpy as np
from scipy import sparse

from sklearn_metarec._history import Context
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.factorization._draws import fold_in
from sklearn_metarec.factorization._fm_data import nearest, normalized_sets
from sklearn_metarec.factorization._probit import LevelScorer
from sklearn_metarec.interactions import take_csr
from sklearn_metarec.utils._parallel import single_threaded_blas

_PAIRS_AT_ONCE = 2048


class RequestScorer:
    """A scorer whose users' vectors are those of user, period and context together.

    They are as long as all draws side by side, so they are made when needed.

    Parameters
    ----------
    model : FMRegressor
        A fitted one.
    profiles : Profiles
        The users of the requests, those of a history too, and their context.
    """

    def __init__(self, model, profiles):
        n_requests = len(profiles)
        context = Context() if profiles.context is None else profiles.context
        self._model = model
        self._codes = profiles.codes
        self._periods = _period_codes(model, context.time, n_requests)
        self._context = model._requests.context(context.columns, n_requests)
        self._folded = np.full(n_requests, -1)
        changed = np.flatnonzero(profiles.changed).astype(np.int32)
        if len(changed):
            self._folded[changed] = np.arange(len(changed))
            added = profiles.history.take(changed)
            groups = _user_groups(model, profiles.codes[changed], added)
            with single_threaded_blas():
                self._new = fold_in(model, added, groups)
        self._kinds = self._number_kinds()
        self._complete = completer(model)
        self._all, self._lock = None, Lock()

    def block(self, lo, hi, out):
        """Write all items' scores of requests lo to hi into `out`."""
        with self._lock:
            if self._all is None:
                everyone = np.arange(len(self._codes))
                self._all = self._complete(*self._vectors(everyone))
        self._all.block(lo, hi, out)

    def pairs(self, users, cols):
        """Return the scores of single pairs."""
        # A long vector for each row would not fit: some at a time, alike ones together.
        kinds = self._kinds[users]
        order = np.argsort(kinds, kind="stable")
        out = np.empty(len(cols))
        for start in range(0, len(order), _PAIRS_AT_ONCE):
            some = order[start : start + _PAIRS_AT_ONCE]
            _, first, place = np.unique(
                kinds[some], return_index=True, return_inverse=True
            )
            scorer = self._complete(*self._vectors(users[some[first]]))
            out[some] = scorer.pairs(place.astype(np.int32), cols[some])
        return out

    def _number_kinds(self):
        """Return a number for each request; those with the same one are alike."""
        if self._context is not None or (self._folded >= 0).any():
            return np.arange(len(self._codes))
        kinds = self._codes.astype(np.int64)
        if self._periods is not None:
            kinds = kinds * (int(self._periods.max(initial=0)) + 1) + self._periods
        return kinds

    def _vectors(self, requests):
        """Return the offsets and the factors of some requests, draw by draw."""
        model, rows, folded = self._model, self._codes[requests], self._folded[requests]
        known = (rows >= 0)[:, None]
        offsets, factors = (
            np.where(known, of_users[rows], of_mean)
            for of_users, of_mean in (
                (model._user_offsets, model._mean_user_offsets),
                (model.user_factors_, model._mean_user_factors),
            )
        )
        is_new = folded >= 0
        if is_new.any():
            offsets[is_new], factors[is_new] = (p[folded[is_new]] for p in self._new)
        if self._periods is not None:
            when = self._periods[requests]
            join(offsets, factors, model._period_offsets[when],
                 model._period_factors[when])  # fmt: skip
        if self._context is not None:
            what = self._context[requests]
            join(offsets, factors, what @ model._context_offsets,
                 what @ model._context_factors)  # fmt: skip
        return offsets, factors


def join(offsets, factors, other_offsets, other_factors):
    """Add a block to requests: its own scores, and those together with theirs.

    Parameters
    ----------
    offsets : ndarray of shape (n, n_draws), dtype=float32
        What is added to all scores of a request; changed in place.
    factors : ndarray of shape (n, n_draws * n_factors), dtype=float32
        The requests' vectors, draw after draw; changed in place.
    other_offsets, other_factors : ndarray
        The same of the block's rows that the requests point at.
    """
    shape = (*offsets.shape, -1)
    offsets += other_offsets
    offsets += np.einsum(
        "ndk,ndk->nd", factors.reshape(shape), other_factors.reshape(shape)
    )
    factors += other_factors


def completer(model):
    """Return what makes a scorer of the offsets and factors of requests.

    Parameters
    ----------
    model : FMRegressor
        A fitted one.

    Returns
    -------
    complete : callable
        Takes offsets and factors, as of :func:`join`.
    """
    if model.likelihood == "ordered_probit":
        items = model._item_offsets, np.asarray(model.item_factors_)
        return LevelScorer(*items, model.levels_, model.cuts_).of_users
    # The mean over draws of inner products is one of the vectors side by side.
    each = np.float32(model._scale / model._item_offsets.shape[1])
    item_bias = model._scale * model._item_offsets.mean(axis=1, dtype=np.float64)

    def complete(offsets, factors):
        bias = model._location + model._scale * offsets.mean(axis=1, dtype=np.float64)
        return FactorScorer(factors * each, model.item_factors_, bias, item_bias)

    return complete


def _period_codes(model, time, n_requests):
    """Return the code of each request's period, or of the mean one; None without."""
    numbers = model._period_numbers
    if numbers is None:
        return None
    asked = model._requests.periods(time)
    if asked is None:
        return np.full(n_requests, len(numbers))
    return nearest(numbers, asked)


def _user_groups(model, codes, history):
    """Return the groups of features of users whose history has changed."""
    groups = []
    if model.implicit in ("user", "both"):
        groups.append(normalized_sets(history.matrix))
    features = model._feature_rows("user")
    if features is not None:
        counts = np.diff(model.history_.indptr)
        mean = sparse.csr_array((counts / counts.sum() @ features)[None])
        rows = take_csr(features, codes)[0]
        unknown = np.diff(rows.indptr)[:, None] == 0
        groups.append(rows + sparse.csr_array(unknown.astype(np.float64)) @ mean)
    return groups
