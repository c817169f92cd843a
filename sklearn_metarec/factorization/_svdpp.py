"""SVD++: factors of ratings that also know which items a user rated at all."""

from numbers import Real

import numpy as np

from sklearn_metarec._history import carry_over
from sklearn_metarec._kernels import implicit
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization._ratings import CONSTRAINTS, RatingFactorMixin
from sklearn_metarec.utils._parallel import map_ranges
from sklearn_metarec.utils._sklearn import Interval

# Steps of conjugate gradients a sweep. They start from the last sweep's: more of them
# changed no error by more than .0002 on any data set tried.
_STEPS = 2
_ROWS_PER_TASK = 4096
_TINY = np.finfo(np.float64).tiny


class SVDppRegressor(RatingFactorMixin, BaseRatingRecommender):
    """Predict a rating by factors, and by which items the user rated at all (SVD++).

    The prediction is mu + b_u + b_i + q_i . (p_u + s_u), where s_u is the sum of the
    vectors y_j of the items that the user rated, divided by the square root of their
    number: what somebody watches tells of their taste, whatever they thought of it.
    Minimizes the weighted sum over the ratings r of ::

        (r - mu - b_u - b_i - q_i . (p_u + s_u))^2

    plus `bias_regularization` times the sum of all b^2, plus the sum over users and
    items of ``l (|p_u|^2 + |q_i|^2)``, plus s `implicit_regularization` times that of
    all ``|y_j|^2``, where mu is the weighted mean rating, and l = s `regularization`
    (n + 10) ^ `scale_regularization` for a user or item with n ratings; s, the standard
    deviation of the ratings, makes the penalties independent of their unit.

    Not by gradient descent, as in the paper, but by alternating least squares. Given
    the vectors p_u + s_u of all users, the items are those of plain factors; the y are
    a ridge regression of these vectors on who rated what, improved by conjugate
    gradients; and the user factors are drawn to s_u, not to zero.

    In the end the user factors are the exact solution given all else. So new users are
    folded in at once, with `history=` a known user is treated like a new one, and
    `explain` divides a rating exactly among the user's items. What an item adds has two
    parts: that it was rated, and how. An unknown user is predicted as mu + b_i, an
    unknown item as mu + b_u.

    `partial_fit` is warm, not exact: it starts from what was learned so far and does
    three sweeps over the stored and the new ratings, about a third of what a fit costs.

    Parameters
    ----------
    n_factors : int, default=10
        The length of the vectors; the time of a fit grows faster than in proportion,
        and accuracy hardly.
    regularization : float, default=1.2
        The penalty of the factors, see above.
    implicit_regularization : float, default=80.0
        The penalty of the vectors y. The larger, the more this is `MFRegressor`. The
        best was between 60 and 100 where s_u helps, and more where it does not.
    scale_regularization : float, default=0.5
        How the penalty of the factors grows with the number of ratings: 0 for the same
        penalty for all, 1 in proportion.
    bias_regularization : float, default=2.0
        In ratings: a user with that many is drawn half-way to the mean.
    max_iter : int, default=10
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
        The users' vectors p + s, which is all that a prediction needs.
    item_factors_ : ndarray of shape (n_items, n_factors)
        The items' vectors q.
    implicit_factors_ : ndarray of shape (n_items, n_factors)
        The items' vectors y.
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
    MFRegressor : The same without the y: a little faster, mostly less accurate.
    BiasRegressor : The biases alone.

    References
    ----------
    Y. Koren (2008). Factorization meets the neighborhood: a multifaceted collaborative
    filtering model. KDD. Equation 15 is the prediction.

    Y. Hu, Y. Koren and C. Volinsky (2008). Collaborative filtering for implicit
    feedback datasets. ICDM. Equation 7 is how scores are explained, without the y.

    Examples
    --------
    >>> from sklearn_metarec import SVDppRegressor
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "tea"], ["bob", "rum"],
    ...      ["eva", "tea"]]
    >>> model = SVDppRegressor(1, regularization=0.01, max_iter=30, random_state=0)
    >>> model.fit(X, [5, 1, 1, 5, 5]).predict([["eva", "rum"]]).round(1).tolist()
    [1.7]
    """

    _parameter_constraints = CONSTRAINTS | {
        "implicit_regularization": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self, n_factors=10, *, regularization=1.2, implicit_regularization=80.0,
        scale_regularization=0.5, bias_regularization=2.0, max_iter=10,
        random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.regularization = regularization
        self.implicit_regularization = implicit_regularization
        self.scale_regularization = scale_regularization
        self.bias_regularization = bias_regularization
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, history):
        self.implicit_factors_ = np.zeros((len(history.items), self.n_factors))
        super()._fit(history)

    def _update(self, history, old, new):
        start = np.zeros((len(history.items), self.implicit_factors_.shape[1]))
        self.implicit_factors_ = carry_over(
            old.items, history.items, self.implicit_factors_, start
        )
        super()._update(history, old, new)

    def _learn_beside(self, by_user, by_item, users):
        # Given the users' vectors, what depends on y is the ridge regression
        # sum_u l_u |(p_u + s_u) - s_u|^2 + penalty |y|^2, in which s_u is linear.
        share = _share(by_user)
        ridge = self._ridge(by_user.counts)
        everyone = np.ones(len(self.implicit_factors_))
        penalty = self._scale * self.implicit_regularization

        def of_items(vectors):
            return self._sums(by_item, everyone, vectors)

        def system(y):
            seen = self._sums(by_user, ridge * share**2, y)
            return of_items(seen) + penalty * y

        weight = (ridge * share)[:, None]
        target = of_items(weight * users[:, 1:])
        diagonal = of_items(weight * share[:, None]) + penalty
        self.implicit_factors_ = _improve(
            system, target, diagonal, self.implicit_factors_
        )

    def _fitted_beside(self):
        return {"implicit_factors_": self.implicit_factors_}

    def _drawn_to(self, ratings):
        return self._sums(ratings, _share(ratings), self.implicit_factors_)

    def _sums(self, ratings, scale, vectors):
        """Return `scale` times the sum of the vectors of each row's pairs."""
        sums = np.empty((len(scale), vectors.shape[1]))
        map_ranges(
            implicit.sum_vectors, len(sums), ratings.indptr, ratings.cols, scale,
            np.ascontiguousarray(vectors), sums, n_jobs=self.n_jobs,
            chunk=_ROWS_PER_TASK,
        )  # fmt: skip
        return sums

    def _contributions(self, profiles, col):
        baseline, cols, rated, exact = super()._contributions(profiles, col)
        ratings = self._side(profiles.history)
        drawn = self._ridge(ratings.counts) * self._effects(ratings, col)[1:]
        seen = _share(ratings) * (self.implicit_factors_[cols] @ drawn)
        return baseline, cols, rated + seen, exact


def _share(ratings):
    """Return one over the square root of how many items each user rated."""
    return 1 / np.sqrt(np.maximum(np.diff(ratings.indptr), 1))


def _improve(system, target, diagonal, y):
    """Bring all columns of `y` nearer to their solutions by conjugate gradients."""
    residual = target - system(y)
    direction = residual / diagonal
    square = (residual * direction).sum(axis=0)
    for _ in range(_STEPS):
        product = system(direction)
        # A column whose residual is zero has converged, and stays.
        length = square / np.maximum((direction * product).sum(axis=0), _TINY)
        y = y + length * direction
        residual -= length * product
        scaled = residual / diagonal
        after = (residual * scaled).sum(axis=0)
        direction = scaled + after / np.maximum(square, _TINY) * direction
        square = after
    return y
