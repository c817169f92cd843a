"""Vectors that rank, with more weight where the ranking is bad (WARP)."""

from numbers import Real

from sklearn_metarec.factorization._pairwise import (
    CONSTRAINTS,
    PairwiseRanker,
    warp_loss,
)
from sklearn_metarec.utils._sklearn import Interval


class WARP(PairwiseRanker):
    """Weighted approximate-rank pairwise loss: draw until the order is wrong.

    For an item i that a user u has, items j that u has not are drawn until one has
    s_uj > s_ui - `margin`, where s_ui = x_u . y_i + b_i. Then a step is taken on ::

        log(rank) (margin + s_uj - s_ui),

    plus penalties on vectors and biases. If it took n draws, the rank of i is about
    the number of items that u has not over n: what is low in the list counts more.

    Epochs of stochastic gradient descent visit the users in random order, and of each
    user all pairs; the rate falls linearly to 0. A pair is visited once an epoch, or
    in proportion to its weighted strength, once on average. The penalties apply to
    what a step touches, so they grow with the number of visits. A fit runs on one
    thread and is the same to the bit for the same `random_state`, whatever `n_jobs`.

    In the end the user vectors are learned anew, from zero by ten epochs, with the
    items as they are; that is better than what the descent left. New users are folded
    in the same way, with the same draws: `history=` is what a fit of that user gives.

    `partial_fit` is warm, not exact: it goes on from the items, users and rates so far
    (small random vectors for what is new) with a third of the epochs over the stored
    and the new pairs, about a third of what a fit costs.

    Parameters
    ----------
    n_factors : int, default=64
        The length of the vectors; the time of a fit grows in proportion.
    regularization : float, default=0.01
        The penalty of the vectors. Between 0.003 and 0.03 it hardly matters.
    bias_regularization : float, default=0.05
        The penalty of the biases. Less of it, and popularity takes over on sparse data.
    learning_rate : float, default=0.03
        The rate of the first epoch.
    optimizer : {"adagrad", "sgd"}, default="adagrad"
        With "adagrad" the rate of a vector, or a bias, is divided by the root of 1 plus
        the sum of its mean squared gradients so far, so that rare items move further.
        With "sgd" all have the same rate.
    margin : float, default=1.0
        By how much the items that a user has should score above the others.
    n_negatives : int, default=30
        How many items are drawn at most; if none is in the wrong place, the pair is
        left as it is. 60 is a little better and takes a fifth longer.
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        How the strength of a pair becomes its number of visits. Binary by default: a
        visit an epoch each. None is in proportion to the strength itself.
    max_iter : int, default=50
        Epochs.
    index : {"exact", "hnsw"}, default="exact"
        How `recommend` finds the best items. "exact" computes all scores. "hnsw" is for
        catalogues of millions: it computes few, and may miss an item in a hundred. It
        needs `pip install sklearn_metarec[ann]`; see :doc:`/howto/large_catalogue`.
    random_state : int, RandomState or None, default=None
        Draws the first vectors, the order of users and the negatives.
    n_jobs : int, default=None
        Threads that fold in and rank; the result does not depend on it.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, n_factors), dtype=float32
        The users' vectors x.
    item_factors_ : ndarray of shape (n_items, n_factors), dtype=float32
        The items' vectors y.
    item_biases_ : ndarray of shape (n_items,), dtype=float32
        The items' biases b.
    n_iter_ : int
        Epochs done: `max_iter`, unless a callback stopped them.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    BPR : Draws a fixed number of items.
    FMRanker : With features of users and items.

    References
    ----------
    J. Weston, S. Bengio and N. Usunier (2011). WSABIE: scaling up to large vocabulary
    image annotation. IJCAI. Algorithm 1; the weight of a rank is its logarithm in place
    of the harmonic sum.

    M. Kula (2015). Metadata embeddings for user and item cold-start recommendations.
    CBRecSys. LightFM, whose loss this is, without features.

    Examples
    --------
    >>> from sklearn_metarec import WARP
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"], ["joe", "gin"]]
    >>> items, scores = WARP(2, random_state=0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "margin": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self, n_factors=64, *, regularization=0.01, bias_regularization=0.05,
        learning_rate=0.03, optimizer="adagrad", margin=1.0, n_negatives=30,
        weighting="binary", max_iter=50, index="exact", random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.margin = margin
        self.n_negatives = n_negatives
        self.weighting = weighting
        self.max_iter = max_iter
        self.index = index
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _loss(self):
        return warp_loss(self.n_negatives, self.margin)
