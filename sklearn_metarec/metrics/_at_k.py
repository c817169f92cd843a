"""One accuracy metric a function: what `ranking_scores` says under one name."""

from sklearn_metarec.metrics._ranking import ranking_scores


def one_metric(metric, X_true, users, items, k, **options):
    """Return the only value of a request for one metric."""
    name = f"{metric}@{k}"
    return ranking_scores(X_true, users, items, metrics=name, **options)[name]


def accuracy_at_k(
    X_true, users, items, k=10, *, n_items, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the share of the catalogue that the list puts on the right side.

    An item is right if it is listed and relevant, or neither. Nearly all items are
    neither, so values are near 1 whatever the list: prefer another metric.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    n_items : int
        The size of the catalogue.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    accuracy : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    Examples
    --------
    >>> from sklearn_metarec.metrics import accuracy_at_k
    >>> accuracy_at_k([[1, 10], [1, 30]], [1], [[10, 20]], k=2, n_items=10)
    0.8
    """
    return one_metric(
        "accuracy", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance, n_items=n_items,
        per_user=per_user,
    )  # fmt: skip


def auc_at_k(
    X_true, users, items, k=10, *, n_items, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the share of pairs of a relevant and another item in the right order.

    Items that are not among the first k tie with each other, and come after those that
    are: exact when the list holds the whole catalogue, close to the truth when it is
    long.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    n_items : int
        The size of the catalogue, without the items that were never to be listed.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    auc : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    References
    ----------
    .. [1] S. Rendle, C. Freudenthaler, Z. Gantner and L. Schmidt-Thieme. BPR: Bayesian
       personalized ranking from implicit feedback. UAI 2009.

    Examples
    --------
    >>> from sklearn_metarec.metrics import auc_at_k
    >>> auc_at_k([[1, 10], [1, 30]], [1], [[10, 20, 30, 40]], k=4, n_items=4)
    0.75
    """
    return one_metric(
        "auc", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance, n_items=n_items,
        per_user=per_user,
    )  # fmt: skip


def f1_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the harmonic mean of precision and recall.

    2h / (k + r), with h hits and r relevant items.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    f1 : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    Examples
    --------
    >>> from sklearn_metarec.metrics import f1_at_k
    >>> f1_at_k([[1, 10], [1, 30]], [1], [[10, 20]], k=2)
    0.5
    """
    return one_metric(
        "f1", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip


def hit_rate_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the share of users with a relevant item among the first k.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    hit_rate : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    Examples
    --------
    >>> from sklearn_metarec.metrics import hit_rate_at_k
    >>> hit_rate_at_k([[1, 10], [1, 30]], [1], [[20, 30]], k=2)
    1.0
    """
    return one_metric(
        "hit_rate", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip


def map_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the mean average precision.

    A user's average precision is the sum of the precisions at the ranks of the hits,
    over min(k, number of relevant items): 1 is reached by every user.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    average_precision : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    Examples
    --------
    >>> from sklearn_metarec.metrics import map_at_k
    >>> map_at_k([[1, 10], [1, 30]], [1], [[10, 20, 30]], k=3)
    0.833...
    """
    return one_metric(
        "map", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip


def mrr_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the mean reciprocal rank of the first hit.

    0 for a user without a hit.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    reciprocal_rank : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    References
    ----------
    .. [1] E. M. Voorhees. The TREC-8 question answering track report. TREC 1999.

    Examples
    --------
    >>> from sklearn_metarec.metrics import mrr_at_k
    >>> mrr_at_k([[1, 10], [1, 30]], [1], [[20, 30]], k=2)
    0.5
    """
    return one_metric(
        "mrr", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip


def ndcg_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, gain="binary", per_user=False,
):  # fmt: skip
    """Compute the normalized discounted cumulative gain.

    Gains are discounted by log2(1 + rank), and the sum is divided by that of the best
    order of the user's relevant items, cut at k [1]_.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    gain : {"binary", "linear", "exponential"}, default="binary"
        The gain of a relevant item: 1, y, or 2^y - 1.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    ndcg : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    References
    ----------
    .. [1] K. Jarvelin and J. Kekalainen. Cumulated gain-based evaluation of IR
       techniques. ACM TOIS 20(4), 2002.

    Examples
    --------
    >>> from sklearn_metarec.metrics import ndcg_at_k
    >>> ndcg_at_k([[1, 10], [1, 30]], [1], [[10, 20, 30]], k=3)
    0.919...
    """
    return one_metric(
        "ndcg", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance, gain=gain,
        per_user=per_user,
    )  # fmt: skip


def precision_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the share of the k slots that hold a relevant item.

    Divided by k also where the list is shorter: an empty slot is no hit.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    precision : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    Examples
    --------
    >>> from sklearn_metarec.metrics import precision_at_k
    >>> precision_at_k([[1, 10], [1, 30]], [1], [[10, 20]], k=2)
    0.5
    """
    return one_metric(
        "precision", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip


def recall_at_k(
    X_true, users, items, k=10, *, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the share of the relevant items that are among the first k.

    Divided by all relevant items, also where they are more than k.

    Parameters
    ----------
    X_true : array-like, dataframe or Interactions of shape (n_rows, >= 2)
        The test table: user and item of each interaction.
    users : array-like of shape (n,)
        The users whose lists these are.
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    y_true : array-like of shape (n_rows,), default=None
        Ratings or strengths; by default every row is relevant.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows; a user weighs the sum of theirs. By default 1 a user.
    min_relevance : float, default=0
        Rows of a y above it are relevant.
    per_user : bool, default=False
        Whether to return a value a user instead of the mean.

    Returns
    -------
    recall : float or ndarray of shape (n,)
        The mean over the users with a relevant item; with `per_user`, a value each,
        NaN for the others.

    See Also
    --------
    ranking_scores : Computes several metrics in one pass.

    Examples
    --------
    >>> from sklearn_metarec.metrics import recall_at_k
    >>> recall_at_k([[1, 10], [1, 30], [1, 40]], [1], [[10, 20]], k=2)
    0.333...
    """
    return one_metric(
        "recall", X_true, users, items, k, scores=scores, y_true=y_true,
        sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip
