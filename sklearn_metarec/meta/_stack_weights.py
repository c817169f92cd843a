"""The weights of a stack: ridge regression on out-of-fold predictions."""

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import linalg

# Strengths that are tried, in ratings: of a weight's mean over the rows, and of how it
# depends on the meta-features. Infinity is a stack that is its best member.
_GRID = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, np.inf)
# Parts of the pairs by which the strengths are chosen.
N_GROUPS = 5
_ROWS_AT_A_TIME = 1 << 14


@dataclass(frozen=True)
class Weights:
    """What was learned of the members.

    Attributes
    ----------
    coef : ndarray of shape (n_members + 1, n_meta_features + 1)
        The weight of each member, and the intercept, is linear in the meta-features,
        the first of which is 1.
    best : int
        The best single member.
    penalties : tuple of two floats
        Of the mean weights and of the dependence on meta-features.
    member_rmse : ndarray of shape (n_members,)
        Each member's error.
    rmse : float
        The error of the stack on groups of rows that its weights were not learned on.
    """

    coef: np.ndarray
    best: int
    penalties: tuple
    member_rmse: np.ndarray
    rmse: float


def learn_weights(predictions, features, y, sample_weight, groups, penalty=None):
    """Learn the weights of members from predictions for rows they were not fitted on.

    Minimizes the weighted sum of squared errors plus a penalty on the squared
    difference from the best single member: of the others' weights, of what its own
    lacks to 1, and of the intercept in units of the target's spread.

    Parameters
    ----------
    predictions : ndarray of shape (n, n_members)
        What each member predicts.
    features : ndarray of shape (n, n_meta_features)
        Meta-features without the constant.
    y, sample_weight : ndarray of shape (n,)
        Targets and weights.
    groups : ndarray of shape (n,), dtype=int
        Rows of a group stay together when the penalties are chosen.
    penalty : float, default=None
        In rows; by default chosen by cross-validation over the groups.

    Returns
    -------
    weights : Weights
        The weights.
    """
    total = sample_weight.sum()
    mean = float(np.average(y, weights=sample_weight))
    spread = float(np.average((y - mean) ** 2, weights=sample_weight)) or 1.0
    errors = sample_weight @ (predictions - y[:, None]) ** 2 / total
    best = int(np.argmin(errors))
    center = np.average(features, axis=0, weights=sample_weight)
    scale = np.sqrt(np.average((features - center) ** 2, axis=0, weights=sample_weight))
    scale[scale <= 1e-9 * (1 + np.abs(center))] = np.inf  # a constant says nothing
    own = 1 / scale
    unit = np.sqrt(spread)

    def design(rows):
        F, G = predictions[rows], (features[rows] - center) * own
        G = np.column_stack([np.ones(len(F)), G])
        D = F - F[:, [best]]
        D[:, best] = F[:, best] - mean
        D = np.column_stack([D, np.full(len(F), unit)])
        Z = (D[:, :, None] * G[:, None, :]).reshape(len(F), D.shape[1] * G.shape[1])
        return Z, y[rows] - F[:, best]

    parts = [
        _moments(design, np.flatnonzero(groups == group), sample_weight)
        for group in range(N_GROUPS)
    ]
    gram, moment, _ = (sum(part) for part in zip(*parts, strict=True))
    n_meta = features.shape[1] + 1
    varies = np.tile(np.arange(n_meta) > 0, predictions.shape[1] + 1)
    grid = combinations_with_replacement(_GRID, 2)
    penalties = list(grid) if penalty is None else [(float(penalty),) * 2]
    held_out = [
        sum(_held_out(gram, moment, part, _diagonal(pair, spread, varies))
            for part in parts) / total
        for pair in penalties
    ]  # fmt: skip
    # Of equals the stronger penalty, which comes last.
    place = len(penalties) - 1 - int(np.argmin(held_out[::-1]))
    V = _solve(gram, moment, _diagonal(penalties[place], spread, varies))
    coef = _by_member(V.reshape(-1, n_meta), best, mean, unit)
    coef[:, 1:] *= own
    coef[:, 0] -= coef[:, 1:] @ center
    return Weights(
        coef, best, penalties[place], np.sqrt(errors),
        float(np.sqrt(max(held_out[place], 0))),
    )  # fmt: skip


def _moments(design, rows, sample_weight):
    """Return the Gram matrix, the moments and the squares of some rows."""
    n_columns = design(rows[:0])[0].shape[1]
    gram, moment, square = np.zeros((n_columns, n_columns)), np.zeros(n_columns), 0.0
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        part = rows[start : start + _ROWS_AT_A_TIME]
        Z, target = design(part)
        weighted = Z * sample_weight[part][:, None]
        gram += weighted.T @ Z
        moment += weighted.T @ target
        square += sample_weight[part] @ target**2
    return gram, moment, square


def _diagonal(penalties, spread, varies):
    return np.where(varies, penalties[1], penalties[0]) * spread


def _held_out(gram, moment, part, diagonal):
    """Return the squared error on a part, of weights learned on the others."""
    own_gram, own_moment, square = part
    V = _solve(gram - own_gram, moment - own_moment, diagonal)
    return square - 2 * V @ own_moment + V @ own_gram @ V


def _solve(gram, moment, diagonal):
    V = np.zeros(len(moment))
    free = np.flatnonzero(np.isfinite(diagonal))
    if len(free):
        system = gram[np.ix_(free, free)] + np.diag(diagonal[free])
        V[free] = linalg.lstsq(system, moment[free])[0]
    return V


def _by_member(V, best, mean, unit):
    """Return coefficients of predictions from those of differences between them."""
    coef = V.copy()
    others = np.delete(V[:-1], best, axis=0).sum(axis=0)
    coef[best] = V[best] - others
    coef[best, 0] += 1
    coef[-1] = unit * V[-1] - mean * V[best]
    return coef
