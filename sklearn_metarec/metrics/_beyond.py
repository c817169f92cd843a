"""Metrics beyond accuracy: which items the lists show, and to how many."""

from sklearn_metarec.metrics._at_k import one_metric


def average_popularity_at_k(items, k=10, *, X_train, scores=None, per_user=False):
    """Compute the average recommendation popularity (ARP).

    The mean number of training users of a list's items [1]_. High values show a bias
    towards what is popular already.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2)
        The training table.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    per_user : bool, default=False
        Whether to return a value a list instead of the mean.

    Returns
    -------
    popularity : float or ndarray of shape (n,)
        In users. The mean over the lists that hold an item; with `per_user`, a value
        each, NaN for an empty list.

    References
    ----------
    .. [1] H. Abdollahpouri, R. Burke and B. Mobasher. Managing popularity bias in
       recommender systems with personalized re-ranking. FLAIRS 2019.

    Examples
    --------
    >>> from sklearn_metarec.metrics import average_popularity_at_k
    >>> X_train = [[1, 10], [2, 10], [3, 10], [3, 20]]
    >>> average_popularity_at_k([[10, 20]], k=2, X_train=X_train)
    2.0
    """
    return one_metric(
        "average_popularity", None, None, items, k, X_train=X_train, scores=scores,
        per_user=per_user,
    )  # fmt: skip


def coverage_at_k(items, k=10, *, n_items=None, X_train=None, scores=None):
    """Compute the share of the catalogue that any list shows.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    n_items : int, default=None
        The size of the catalogue; by default the distinct items of `X_train`.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2), default=None
        The training table: needed without `n_items`.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.

    Returns
    -------
    coverage : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the lists hold more distinct items than the catalogue.

    See Also
    --------
    user_coverage_at_k : The share of users that get a recommendation.

    References
    ----------
    .. [1] M. Ge, C. Delgado-Battenfeld and D. Jannach. Beyond accuracy: evaluating
       recommender systems by coverage and serendipity. RecSys 2010.

    Examples
    --------
    >>> from sklearn_metarec.metrics import coverage_at_k
    >>> coverage_at_k([[10, 20], [10, 30]], k=2, n_items=4)
    0.75
    """
    return one_metric(
        "coverage", None, None, items, k, n_items=n_items, X_train=X_train,
        scores=scores,
    )  # fmt: skip


def diversity_at_k(
    items, k=10, *, item_vectors=None, X_train=None, scores=None, per_user=False
):
    """Compute the intra-list diversity.

    One minus the mean cosine of all pairs of a list's items [1]_.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    item_vectors : tuple of (array-like of shape (n_ids,), matrix of shape (n_ids, d))\
, default=None
        Item ids and their vectors, dense or sparse: features, or factors as in
        `(model.items_, model.item_factors_)`. An item that has none is at right
        angles to all others. By default an item's vector is the set of its users in
        `X_train`.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2), default=None
        The training table: needed without `item_vectors`.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    per_user : bool, default=False
        Whether to return a value a list instead of the mean.

    Returns
    -------
    diversity : float or ndarray of shape (n,)
        0 for equal items, 1 for unrelated ones. The mean over the lists of two items
        or more; with `per_user`, a value each, NaN for shorter lists.

    References
    ----------
    .. [1] C.-N. Ziegler, S. M. McNee, J. A. Konstan and G. Lausen. Improving
       recommendation lists through topic diversification. WWW 2005.

    Examples
    --------
    >>> from sklearn_metarec.metrics import diversity_at_k
    >>> item_vectors = ([10, 20, 30], [[1, 0], [2, 0], [0, 1]])
    >>> diversity_at_k([[10, 20], [10, 30]], k=2, item_vectors=item_vectors)
    0.5
    """
    return one_metric(
        "diversity", None, None, items, k, item_vectors=item_vectors, X_train=X_train,
        scores=scores, per_user=per_user,
    )  # fmt: skip


def gini_at_k(items, k=10, *, n_items=None, X_train=None, scores=None):
    """Compute the Gini index of the items' exposure.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    n_items : int, default=None
        The size of the catalogue; by default the distinct items of `X_train`.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2), default=None
        The training table: needed without `n_items`.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.

    Returns
    -------
    gini : float
        0 if all items of the catalogue are shown equally often, 1 if one item alone
        is shown.

    References
    ----------
    .. [1] G. Shani and A. Gunawardana. Evaluating recommendation systems. In
       Recommender Systems Handbook, 2011, section 8.3.3.

    Examples
    --------
    >>> from sklearn_metarec.metrics import gini_at_k
    >>> gini_at_k([[10], [10], [20]], k=1, n_items=2)
    0.333...
    """
    return one_metric(
        "gini", None, None, items, k, n_items=n_items, X_train=X_train, scores=scores
    )


def novelty_at_k(items, k=10, *, X_train, scores=None, per_user=False):
    """Compute the mean self-information of the items.

    With u training users, c of whom have an item, its self-information is
    log2(u / c) [1]_: 0 for an item that everybody has. An item that nobody has would
    be infinitely novel, and is taken as if one user had it.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2)
        The training table.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    per_user : bool, default=False
        Whether to return a value a list instead of the mean.

    Returns
    -------
    novelty : float or ndarray of shape (n,)
        In bits. The mean over the lists that hold an item; with `per_user`, a value
        each, NaN for an empty list.

    References
    ----------
    .. [1] T. Zhou, Z. Kuscsik, J.-G. Liu, M. Medo, J. R. Wakeling and Y.-C. Zhang.
       Solving the apparent diversity-accuracy dilemma of recommender systems. PNAS
       107(10), 2010.

    Examples
    --------
    >>> from sklearn_metarec.metrics import novelty_at_k
    >>> X_train = [[1, 10], [2, 10], [3, 10], [4, 10], [4, 20]]
    >>> novelty_at_k([[10, 20]], k=2, X_train=X_train)
    1.0
    """
    return one_metric(
        "novelty", None, None, items, k, X_train=X_train, scores=scores,
        per_user=per_user,
    )  # fmt: skip


def serendipity_at_k(
    X_true, users, items, k=10, *, X_train, scores=None, y_true=None,
    sample_weight=None, min_relevance=0, per_user=False,
):  # fmt: skip
    """Compute the share of the k slots that hold a relevant and unexpected item.

    What a primitive recommender would show is expected [1]_: here the k most popular
    items of the training table, ties by item order.

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
    X_train : array-like, dataframe or Interactions of shape (m, >= 2)
        The training table.
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
    serendipity : float or ndarray of shape (n,)
        At most the precision. The mean over the users with a relevant item; with
        `per_user`, a value each, NaN for the others.

    References
    ----------
    .. [1] M. Ge, C. Delgado-Battenfeld and D. Jannach. Beyond accuracy: evaluating
       recommender systems by coverage and serendipity. RecSys 2010.

    Examples
    --------
    Both items are relevant, but 10 is the most popular one:

    >>> from sklearn_metarec.metrics import serendipity_at_k
    >>> X_train = [[2, 10], [3, 10], [3, 20], [3, 30]]
    >>> X_true = [[1, 10], [1, 30]]
    >>> serendipity_at_k(X_true, [1], [[10]], k=1, X_train=X_train)
    0.0
    >>> serendipity_at_k(X_true, [1], [[30]], k=1, X_train=X_train)
    1.0
    """
    return one_metric(
        "serendipity", X_true, users, items, k, X_train=X_train, scores=scores,
        y_true=y_true, sample_weight=sample_weight, min_relevance=min_relevance,
        per_user=per_user,
    )  # fmt: skip


def tail_share_at_k(items, k=10, *, X_train, scores=None, per_user=False):
    """Compute the average percentage of long-tail items (APLT), as a share.

    The tail is what is left without the head: the fewest items that together make 80%
    of the training table's distinct pairs [1]_.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    X_train : array-like, dataframe or Interactions of shape (m, >= 2)
        The training table.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    per_user : bool, default=False
        Whether to return a value a list instead of the mean.

    Returns
    -------
    tail_share : float or ndarray of shape (n,)
        Between 0 and 1. The mean over the lists that hold an item; with `per_user`, a
        value each, NaN for an empty list.

    References
    ----------
    .. [1] H. Abdollahpouri, R. Burke and B. Mobasher. Managing popularity bias in
       recommender systems with personalized re-ranking. FLAIRS 2019.

    Examples
    --------
    Item 10 makes 4 of 5 interactions, so 20 is the tail:

    >>> from sklearn_metarec.metrics import tail_share_at_k
    >>> X_train = [[1, 10], [2, 10], [3, 10], [4, 10], [4, 20]]
    >>> tail_share_at_k([[10, 20]], k=2, X_train=X_train)
    0.5
    """
    return one_metric(
        "tail_share", None, None, items, k, X_train=X_train, scores=scores,
        per_user=per_user,
    )  # fmt: skip


def user_coverage_at_k(items, k=10, *, scores=None, per_user=False):
    """Compute the share of users that get a recommendation.

    Parameters
    ----------
    items : array-like of shape (n, width)
        The ids recommended to each user, best first.
    k : int, default=10
        The cut-off.
    scores : array-like of shape (n, width), default=None
        Scores of these items; -inf marks a slot without a recommendation.
    per_user : bool, default=False
        Whether to return 1 or 0 a user instead of the share.

    Returns
    -------
    coverage : float or ndarray of shape (n,)
        Between 0 and 1.

    See Also
    --------
    coverage_at_k : The share of the catalogue that is shown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_metarec.metrics import user_coverage_at_k
    >>> user_coverage_at_k([[10], [0]], k=1, scores=[[0.7], [-np.inf]])
    0.5
    """
    return one_metric(
        "user_coverage", None, None, items, k, scores=scores, per_user=per_user
    )
