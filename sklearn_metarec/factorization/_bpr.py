"""Vectors that rank by pairs of items, one seen and one not (BPR)."""

from sklearn_metarec.factorization._pairwise import (
    CONSTRAINTS,
    PairwiseRanker,
    bpr_loss,
)
from sklearn_metarec.utils._sklearn import StrOptions


class BPR(PairwiseRanker):
    """Bayesian personalized ranking: what a user has scores above what not.

    Minimizes, over users u, items i that they have and items j that they have not, ::

        log(1 + exp(s_uj - s_ui)),    s_ui = x_u . y_i + b_i,

    with penalties on vectors and biases. With `sampling="adaptive"`, j is the one of
    the highest score among `n_negatives` random ones, which puts the weight on the top
    of the lists.

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
    regularization : float, default=0.03
        The penalty of the vectors, and the first to tune: 0.02 to 0.05 did well, the
        more the smaller the data. Twice as much, and little is learned.
    bias_regularization : float, default=0.05
        The penalty of the biases. Less of it, and popularity takes over on sparse data.
    learning_rate : float, default=0.2
        The rate of the first epoch.
    optimizer : {"adagrad", "sgd"}, default="adagrad"
        With "adagrad" the rate of a vector, or a bias, is divided by the root of 1 plus
        the sum of its mean squared gradients so far, so that rare items move further.
        With "sgd" all have the same rate.
    sampling : {"adaptive", "uniform"}, default="adaptive"
        "uniform" is one random item that the user has not, as in the paper: faster, and
        worse on all data sets tried.
    n_negatives : int, default=5
        How many items "adaptive" draws. More can be better on sparse data, and overfits
        on dense.
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
    WARP : Draws until an item is in the wrong place.
    FMRanker : With features of users and items.
    IALS : All pairs at once, by least squares; often as good, and faster.

    References
    ----------
    S. Rendle, C. Freudenthaler, Z. Gantner and L. Schmidt-Thieme (2009). BPR: Bayesian
    personalized ranking from implicit feedback. UAI. Section 4 has the criterion and
    the descent, section 4.3.1 the factors.

    W. Zhang, T. Chen, J. Wang and Y. Yu (2013). Optimizing top-n collaborative
    filtering via dynamic negative item sampling. SIGIR. The adaptive sampling.

    J. Duchi, E. Hazan and Y. Singer (2011). Adaptive subgradient methods for online
    learning and stochastic optimization. JMLR 12. Here with one rate a vector.

    Examples
    --------
    >>> from sklearn_metarec import BPR
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"], ["joe", "gin"]]
    >>> items, scores = BPR(2, random_state=0).fit(X).recommend(["eva"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "sampling": [StrOptions({"uniform", "adaptive"})],
    }

    def __init__(
        self, n_factors=64, *, regularization=0.03, bias_regularization=0.05,
        learning_rate=0.2, optimizer="adagrad", sampling="adaptive",
        n_negatives=5, weighting="binary", max_iter=50, index="exact",
        random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.sampling = sampling
        self.n_negatives = n_negatives
        self.weighting = weighting
        self.max_iter = max_iter
        self.index = index
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _loss(self):
        return bpr_loss(self.n_negatives if self.sampling == "adaptive" else 1)
