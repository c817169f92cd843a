"""How good the outcome of a contestant is: a faster wrong model is no win.

Each function takes a `Table` and an outcome in the table's codes, and returns one
number. The lists of peers and of ours are judged by the same code.
"""

import numpy as np

from sklearn_metarec.metrics import ranking_scores

_CHUNK = 1 << 20


def loss(table, outcome, *, alpha, regularization):
    """Return the objective of implicit ALS, in double precision, a training pair.

    It is the sum over all pairs of users and items: that over the unobserved ones
    comes from the Gram matrices.
    """
    P = outcome["users"].astype(np.float64)
    Q = outcome["items"].astype(np.float64)
    total = np.sum((P.T @ P) * (Q.T @ Q))
    total += regularization * (np.sum(P * P) + np.sum(Q * Q))
    for lo in range(0, len(table.rows), _CHUNK):
        part = slice(lo, lo + _CHUNK)
        s = np.einsum("ij,ij->i", P[table.rows[part]], Q[table.cols[part]])
        total += np.sum((1 + alpha) * (1 - s) ** 2 - s * s)
    return total / len(table.rows)


def elastic_net(table, outcome, *, regularization, l1_regularization):
    """Return the objective of SLIM, in double precision, a training pair."""
    X, W = table.matrix().astype(np.float64), outcome["weights"].astype(np.float64)
    gram = (X.T @ X).toarray()
    error = gram.trace() - 2 * np.sum(gram * W) + np.sum((gram @ W) * W)
    ridge = regularization * np.sum(W * W)
    return ((error + ridge) / 2 + l1_regularization * np.abs(W).sum()) / X.nnz


def ndcg(table, outcome):
    """Return nDCG@10 of the sampled users' lists on the test part."""
    sample = table.sample()
    if "cols" in outcome:
        lists = outcome["cols"]
    else:
        lists = best(unseen_scores(table, sample, outcome))
    users = table.users[sample]
    relevant = table.X_test[np.isin(table.X_test[:, 0], users)]
    scores = ranking_scores(relevant, users, table.items[lists], metrics=["ndcg@10"])
    return scores["ndcg@10"]


def unseen_scores(table, sample, outcome):
    """Return the sampled users' scores of all items, -inf for those they have."""
    histories = table.matrix()[sample]
    if "weights" in outcome:
        scores = np.asarray(histories @ outcome["weights"])
    else:
        scores = outcome["users"][sample] @ outcome["items"].T
    rows = np.repeat(np.arange(len(sample)), np.diff(histories.indptr))
    scores[rows, histories.indices] = -np.inf
    return scores


def best(scores, k=10):
    """Return the places of the k largest of each row, the largest first."""
    places = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, places, axis=1), axis=1)
    return np.take_along_axis(places, order, axis=1)


def exact(table, outcome):
    """Return the share of sampled users whose list has the ten best scores.

    The scores are compared, not the items: two items may differ by less than the
    rounding of single precision.
    """
    sample = table.sample()
    wanted = unseen_scores(table, sample, outcome)
    wanted = np.take_along_axis(wanted, best(wanted), axis=1)
    found = outcome["scores"][sample]
    return float(np.isclose(wanted, found, rtol=1e-4, atol=1e-5).all(axis=1).mean())


def rmse(table, outcome):
    """Return the root of the mean squared error of the test rows."""
    return float(np.sqrt(np.mean(outcome["errors"] ** 2)))
