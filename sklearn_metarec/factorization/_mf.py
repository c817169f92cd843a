"""Factors and biases of ratings by alternating least squares."""

from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization._ratings import CONSTRAINTS, RatingFactorMixin


class MFRegressor(RatingFactorMixin, BaseRatingRecommender):
    """Predict a rating as mean plus biases plus an inner product of factors.

    Minimizes the weighted sum over the ratings r of ::

        (r - mu - b_u - b_i - p_u . q_i)^2

    plus `bias_regularization` times the sum of all b^2 plus the sum over users and
    items of ``l (|p_u|^2 + |q_i|^2)``, where mu is the weighted mean rating, and
    l = s `regularization` (n + 10) ^ `scale_regularization` for a user or item with n
    ratings; s, the standard deviation of the ratings, makes the penalty independent
    of their unit. Bias and factors of a user, then of an item, are solved for
    together, exactly.

    A sweep solves for all items, then for all users. The items are solved for not where
    the users are, but where they are heading: four fifths of their last step ahead.
    Alternations creep, and seven sweeps of this do what ten do without it.

    The user factors are the exact solution given the items'. So new users are folded
    in exactly, with `history=` a known user is treated like a new one, and `explain`
    divides a rating exactly among the user's items. An unknown user is predicted as
    mu + b_i, an unknown item as mu + b_u.

    `partial_fit` is warm, not exact: it starts from the factors so far and does three
    sweeps over the stored and the new ratings, about half of what a fit costs.

    Parameters
    ----------
    n_factors : int, default=10
        The length of the vectors; the time of a fit grows faster than in proportion,
        and accuracy hardly.
    regularization : float, default=1.2
        The penalty of the factors, see above.
    scale_regularization : float, default=0.5
        How the penalty grows with the number of ratings: 0 for the same penalty for
        all, 1 in proportion (ALS-WR). Half-way is best on all data sets tried.
    bias_regularization : float, default=2.0
        In ratings: a user with that many is drawn half-way to the mean.
    max_iter : int, default=7
        Sweeps over items and users.
    random_state : int, RandomState or None, default=None
        Draws the first factors.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    global_mean_ : float
        The weighted mean rating mu.
    user_biases_ : ndarray of shape (n_users,)
        The users' biases b_u.
    item_biases_ : ndarray of shape (n_items,)
        The items' biases b_i.
    user_factors_ : ndarray of shape (n_users, n_factors)
        The users' vectors p.
    item_factors_ : ndarray of shape (n_items, n_factors)
        The items' vectors q.
    n_iter_ : int
        Sweeps done: `max_iter`, unless a callback stopped them.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids.
    history_ : csr_array of shape (n_users, n_items)
        The mean ratings of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    BiasRegressor : The biases alone.
    IALS : Factors of implicit feedback.

    References
    ----------
    Y. Koren, R. Bell and C. Volinsky (2009). Matrix factorization techniques for
    recommender systems. IEEE Computer 42(8). Equation 5 is the objective, but for the
    scaling.

    Y. Zhou, D. Wilkinson, R. Schreiber and R. Pan (2008). Large-scale parallel
    collaborative filtering for the Netflix prize. AAIM. Section 3 has the penalty in
    proportion to the ratings.

    Examples
    --------
    >>> from sklearn_metarec import MFRegressor
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "tea"], ["bob", "rum"],
    ...      ["eva", "tea"]]
    >>> model = MFRegressor(1, regularization=0.01, max_iter=30, random_state=0)
    >>> model.fit(X, [5, 1, 1, 5, 5]).predict([["eva", "rum"]]).round(1).tolist()
    [1.7]
    """

    _parameter_constraints = CONSTRAINTS

    def __init__(
        self, n_factors=10, *, regularization=1.2, scale_regularization=0.5,
        bias_regularization=2.0, max_iter=7, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.scale_regularization = scale_regularization
        self.bias_regularization = bias_regularization
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs
