"""What models that learn from the items' Gram matrix alone have in common."""

import os
import warnings

import numpy as np

from sklearn_metarec._kernels.gram import add_gram_rows, mirror_rows
from sklearn_metarec._scoring import RowSumScorer
from sklearn_metarec._weighting import Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import compressed_parts, make_csr, transpose_csr
from sklearn_metarec.utils._parallel import map_ranges

# These weight a row without regard to the others, so that the Gram matrix can be
# brought up to date from the changed rows alone.
_ROWWISE = ("binary", "log", None)
# A matrix larger than this share of the memory would end the process, not the fit.
_MEMORY_SHARE = 0.8
# From here on the cube of the items is minutes to hours.
_MANY_ITEMS = 20_000
_ROWS_PER_TASK = 64
# To mirror fewer entries takes no longer than to start a thread.
_MIRRORED_PER_TASK = 1 << 18


class GramRecommender(BaseRecommender):
    """Item weights learned from X'X; a user's scores are their row of X times them.

    A subclass has the parameters `weighting` and `n_jobs`, and supplies
    `_solve(make_gram)`, which assigns `item_weights_`. What `make_gram` returns may be
    overwritten, and is zero below the diagonal: see `mirror`.
    """

    # What to do where the matrix is too large, to end a sentence.
    _on_large_catalogues = (
        "use EASE(n_neighbors=100), ItemKNN or IALS, whose memory grows as the items do"
    )

    def _fit(self, history):
        X = self._start(history)
        self._solve(lambda: self._add_gram(X))

    def _start(self, history):
        """Forget an earlier fit, and return the matrix to learn from."""
        self._gram = None
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        return self._weighting.transform(history.matrix)

    def _update(self, history, old, new):
        known = self._gram
        self._weighting = Weighting(self.weighting).fit(history.matrix)
        if known is None or self.weighting not in _ROWWISE:
            gram = self._add_gram(self._weighting.transform(history.matrix))
        else:
            gram = self._updated_gram(known, history, old, new)
        self._gram = gram
        self._solve(gram.copy)

    def _updated_gram(self, known, history, old, new):
        gram = np.zeros((len(history.items),) * 2, dtype=np.float32)
        place = history.items.lookup(old.items.ids)
        gram[np.ix_(place, place)] = known
        touched = history.users.lookup(new.users.ids)
        before = old.take(old.users.lookup(new.users.ids))
        before = before.recode(None, history.items).matrix
        self._add_gram(self._weighting.transform(before), gram, -1.0)
        after = history.take(touched).matrix
        return self._add_gram(self._weighting.transform(after), gram)

    def _add_gram(self, X, gram=None, sign=1.0):
        n_items = X.shape[1]
        if gram is None:
            self._check_size(n_items)
            gram = np.zeros((n_items, n_items), dtype=np.float32)
        places = np.arange(X.nnz, dtype=np.int64)
        by_item = transpose_csr(make_csr(X.indptr, X.indices, places, X.shape))
        map_ranges(
            add_gram_rows, n_items, *compressed_parts(by_item),
            *compressed_parts(X), np.float32(sign), gram,
            chunk=_ROWS_PER_TASK, n_jobs=self.n_jobs,
        )  # fmt: skip
        return gram

    def _make_scorer(self, profiles):
        weights = self._weighting.transform(profiles.matrix)
        return RowSumScorer(weights, self.item_weights_)

    def _check_size(self, n_items):
        """Say what a large matrix costs, and what to do instead, before it is made."""
        name, needed = type(self).__name__, 4 * n_items**2
        there = _physical_memory()
        what = f"{name} on {n_items:,} items needs a matrix of {needed / 1e9:.0f} GB"
        if needed > _MEMORY_SHARE * there:
            raise MemoryError(
                f"{what}, and this machine has {there / 1e9:.0f} GB. Keep the items "
                f"with most users (clean_interactions(min_item=...)), or "
                f"{self._on_large_catalogues}."
            )
        if n_items > _MANY_ITEMS:
            warnings.warn(
                f"{what}, and a time that grows as the cube of the items. To save "
                f"both, {self._on_large_catalogues}.",
                UserWarning,
                stacklevel=2,
            )


def mirror(matrix, n_jobs):
    """Copy the upper triangle of a square matrix to the lower one, in place."""
    chunk = max(_ROWS_PER_TASK, _MIRRORED_PER_TASK // max(len(matrix), 1))
    map_ranges(mirror_rows, len(matrix), matrix, chunk=chunk, n_jobs=n_jobs)
    return matrix


def _physical_memory():
    if not hasattr(os, "sysconf"):  # Windows
        return np.inf
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
