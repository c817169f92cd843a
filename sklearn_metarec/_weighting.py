"""How strengths become the entries of a model's matrix."""

import numpy as np

from sklearn_metarec.interactions import keep_entries, make_csr

# The usual constants of BM25 (Robertson and Zaragoza 2009, section 3.5): how fast a
# repeated pair saturates, and how strongly long histories are discounted.
_BM25_K1 = 1.2
_BM25_B = 0.75

WEIGHTINGS = ("binary", "log", "tfidf", "bm25")


class Weighting:
    """A weighting learned from the strengths of a fit, for later rows too.

    Parameters
    ----------
    kind : {"binary", "log", "tfidf", "bm25"} or None
        `binary`: 1. `log`: log(1 + s). `tfidf`: sqrt(s) times the item's inverse
        document frequency, users being the documents. `bm25`: the same with BM25's
        saturation and length discount. None: the strength s itself.

    Attributes
    ----------
    idf : ndarray of shape (n_items,)
        log((1 + n_users) / (1 + users of the item)) + 1; empty where it is not used.
    mean_length : float
        The mean sum of a user's strengths.
    """

    def __init__(self, kind):
        self.kind = kind
        self.idf = np.empty(0, dtype=np.float32)
        self.mean_length = 1.0

    def fit(self, strengths):
        """Learn what the weighting needs from a users x items matrix."""
        if self.kind in ("tfidf", "bm25"):
            n_users, n_items = strengths.shape
            liked = strengths.indices[strengths.data > 0]
            frequency = np.bincount(liked, minlength=n_items)
            # Smoothed as in scikit-learn's TfidfTransformer: never zero or infinite.
            self.idf = (np.log((1 + n_users) / (1 + frequency)) + 1).astype(np.float32)
            total = float(strengths.data.sum(dtype=np.float64))
            self.mean_length = total / max(n_users, 1) or 1.0
        return self

    def transform(self, strengths):
        """Return the weighted matrix; pairs of strength zero are not in it."""
        strengths = drop_zeros(strengths)
        data = strengths.data
        if self.kind == "binary":
            data = np.ones_like(data)
        elif self.kind == "log":
            data = np.log1p(data)
        elif self.kind == "tfidf":
            data = np.sqrt(data) * self.idf[strengths.indices]
        elif self.kind == "bm25":
            per_row = np.diff(strengths.indptr)
            length = np.asarray(strengths.sum(axis=1)).ravel()
            relative = 1 - _BM25_B + _BM25_B * length / self.mean_length
            saturation = _BM25_K1 * np.repeat(relative.astype(np.float32), per_row)
            data = data * (_BM25_K1 + 1) / (data + saturation)
            data = data * self.idf[strengths.indices]
        indptr, indices = strengths.indptr, strengths.indices
        return make_csr(indptr, indices, data.astype(np.float32), strengths.shape)


def drop_zeros(matrix):
    """Return compressed rows without the stored entries that are zero."""
    keep = matrix.data != 0
    if keep.all():
        return matrix
    return keep_entries(matrix, keep)
