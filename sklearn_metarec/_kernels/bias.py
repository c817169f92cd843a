"""Regularized user and item biases of ratings, by alternating exact solutions."""

import numpy as np

from sklearn_metarec._kernels._jit import jit


@jit
def solve_user_biases(indptr, cols, ratings, weights, mean, item_bias, reg, user_bias):
    """Write each user's bias given the items'; return the largest change."""
    change = 0.0
    for user in range(len(indptr) - 1):
        total = 0.0
        norm = reg
        for t in range(indptr[user], indptr[user + 1]):
            total += weights[t] * (ratings[t] - mean - item_bias[np.uint32(cols[t])])
            norm += weights[t]
        bias = total / norm if norm > 0 else 0.0
        change = max(change, abs(bias - user_bias[user]))
        user_bias[user] = bias
    return change


@jit
def solve_item_biases(indptr, cols, ratings, weights, mean, user_bias, reg, item_bias):
    """Write each item's bias given the users'; return the largest change."""
    total = np.zeros(len(item_bias))
    norm = np.full(len(item_bias), reg)
    for user in range(len(indptr) - 1):
        base = mean + user_bias[user]
        for t in range(indptr[user], indptr[user + 1]):
            col = np.uint32(cols[t])
            total[col] += weights[t] * (ratings[t] - base)
            norm[col] += weights[t]
    change = 0.0
    for item in range(len(item_bias)):
        bias = total[item] / norm[item] if norm[item] > 0 else 0.0
        change = max(change, abs(bias - item_bias[item]))
        item_bias[item] = bias
    return change
