"""Which pairs are held out, so that a second stage has something to learn from."""

import numpy as np


def draw_folds(matrix, n_folds, rng):
    """Return the fold in which each pair is held out.

    Parameters
    ----------
    matrix : csr_array of shape (n_users, n_items)
        The strengths.
    n_folds : int
        At least 2.
    rng : RandomState
        Draws.

    Returns
    -------
    folds : ndarray of shape (n_pairs,), dtype=int
        In the order of the stored pairs; -1 is never: a pair of strength 0, or a
        user's only one. No user loses all pairs in one fold.
    """
    rows, liked, counts = _liked(matrix)
    order = rng.permutation(len(liked))
    order = order[np.argsort(rows[order], kind="stable")]
    shifts = rng.randint(n_folds, size=matrix.shape[0])
    folds = np.full(matrix.nnz, -1)
    folds[liked[order]] = (_places(rows[order], counts) + shifts[rows[order]]) % n_folds
    folds[liked[counts[rows] < 2]] = -1
    return folds


def last_pairs(matrix, n_folds, times):
    """Return 0 for the last pairs of each user, one in `n_folds`, and -1 for others.

    Parameters
    ----------
    matrix : csr_array of shape (n_users, n_items)
        The strengths.
    n_folds : int
        At least 2.
    times : ndarray of shape (n_pairs,)
        Of the stored pairs; equal ones are in the order of the items.

    Returns
    -------
    folds : ndarray of shape (n_pairs,), dtype=int
        In the order of the stored pairs; of two or more, one pair is 0 at least.
    """
    rows, liked, counts = _liked(matrix)
    order = np.lexsort((times[liked], rows))
    from_last = counts[rows[order]] - 1 - _places(rows[order], counts)
    n_last = np.where(counts >= 2, np.maximum(counts // n_folds, 1), 0)
    folds = np.full(matrix.nnz, -1)
    folds[liked[order][from_last < n_last[rows[order]]]] = 0
    return folds


def _liked(matrix):
    """Return (user, place) of the pairs of positive strength, and how many each has."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    liked = np.flatnonzero(matrix.data > 0)
    return rows[liked], liked, np.bincount(rows[liked], minlength=matrix.shape[0])


def _places(rows, counts):
    """Return the place of each entry among its user's, the users being sorted."""
    return np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
