"""Ridge heads on factors and features, with a prior learned over all users."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._iterating import as_table
from sklearn_metarec._scoring import FactorScorer, cosine_scorer
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization import MFRegressor
from sklearn_metarec.interactions import (
    compressed_parts,
    make_csr,
    take_csr,
    transpose_csr,
)
from sklearn_metarec.meta._feature_vectors import VectorsMixin
from sklearn_metarec.meta._head_prior import (
    HeadPrior,
    Moments,
    learn_prior,
    sample_users,
)
from sklearn_metarec.meta._solve import solve_heads
from sklearn_metarec.utils._sklearn import (
    HasMethods,
    Interval,
    check_random_state,
)

# The share of the variance of ratings that each part of a head has to begin with.
_INITIAL_SHARE = 0.25
# An item's leverage on its own prediction is taken out, but for so much of it.
_MAX_LEVERAGE = 0.8
_TINY = 1e-6
# Once an update leaves so many times the ratings of the last fit, all is learned anew.
_OUTGROWN = 1.25


class MetaRidgeRegressor(VectorsMixin, BaseRatingRecommender):
    """Predict a rating by a head of the user's own, under a prior learned over users.

    A rating is mu + b_i + z_i . h_u + noise. The item's bias b_i and its factors q_i
    are those of `MFRegressor`; z_i is one, q_i, the item's features, and one more where
    nobody has rated the item. The head h_u is normal with a mean that depends linearly
    on the user's features, and a covariance that all users share. Mean, covariance and
    noise are learned from the users by expectation-maximization (empirical Bayes), so
    that there is no penalty to tune: a few rows give a new user the head that is
    likeliest in the light of all others.

    An item that nobody has rated gets its bias and factors from a ridge regression of
    those on the features, over the rated items in proportion to their ratings. How far
    such an item is to be trusted is learned too: while the prior is, some rated items
    are hidden, that is, seen through their features alone.

    The head is a ridge regression in closed form. `partial_fit` solves it for the users
    of the new rows, and leaves all other heads, the prior and the items that had
    ratings as they are; items that have their first ratings now get bias and factors
    from the heads of those who rated them. Once there are a quarter more ratings than
    in the last fit, all is learned anew. `history=` folds in exactly: a new user is
    treated like a known one of the same features. `explain` divides a rating exactly
    among the user's items. An unknown user has the mean head; an unknown item is
    predicted as mu plus the first entry of the head.

    Parameters
    ----------
    n_factors : int, default=16
        The length of the factors.
    item_features : dataframe or list, default=None
        A side table with one row an item and a column `item_id`, or the names of those
        columns of X that are features of the item.
    user_features : dataframe or list, default=None
        The same of users: the mean head depends on them.
    regularization : float, default=1.2
        The penalty of `MFRegressor`.
    feature_regularization : float, default=100.0
        The penalty of the regression of biases and factors on the features, in items.
    hidden_items : float, default=0.2
        The share of the items that is hidden while the prior is learned.
    max_iter : int, default=10
        Sweeps of `MFRegressor`, and steps of expectation-maximization after them.
    feature_encoder : transformer, default=None
        Makes numbers of the features; `FeatureEncoder()` by default.
    random_state : int, RandomState or None, default=None
        Draws the first factors, the hidden items and, where there are more than some
        thousand users, those from whom the prior is learned.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    global_mean_ : float
        The weighted mean rating mu.
    item_biases_ : ndarray of shape (n_items,)
        b_i.
    item_vectors_ : ndarray of shape (n_items, n_head)
        z_i.
    user_heads_ : ndarray of shape (n_users, n_head)
        h_u: the posterior mean.
    prior_coef_ : ndarray of shape (1 + n_user_vector, n_head)
        The prior mean of a head, and what each feature of a user adds to it.
    prior_covariance_ : ndarray of shape (n_head, n_head)
        The prior covariance of heads.
    noise_ : ndarray of shape (2,)
        The variance of ratings around the predictions, of items with ratings and of
        others.
    n_iter_ : int
        `max_iter`.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids, those of the side table included.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, those of the side table included.
    history_ : csr_array of shape (n_users, n_items)
        The mean rating of each pair.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    MFRegressor : The factors, with one penalty for all users.
    ContentRegressor : A ridge regression on features for each user alone.

    References
    ----------
    L. Bertinetto, J. F. Henriques, P. Torr and A. Vedaldi (2019). Meta-learning with
    differentiable closed-form solvers. ICLR. Section 3.2 has ridge heads.

    N. M. Laird and J. H. Ware (1982). Random-effects models for longitudinal data.
    Biometrics 38(4). Section 4 has the steps of expectation-maximization.

    Examples
    --------
    >>> from sklearn_metarec import MetaRidgeRegressor
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "tea"], ["bob", "rum"],
    ...      ["eva", "tea"], ["eva", "rum"], ["joe", "tea"], ["joe", "rum"]]
    >>> model = MetaRidgeRegressor(1, regularization=0.01, random_state=0)
    >>> model = model.fit(X, [5, 1, 1, 5, 4, 1, 1, 4])
    >>> history = [["new", "tea"]], [5]
    >>> model.recommend(["new"], k=2, history=history, exclude_seen=False)[0].tolist()
    [['tea', 'rum']]
    """

    _parameter_constraints = {
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "regularization": [Interval(Real, 0, None, closed="neither")],
        "feature_regularization": [Interval(Real, 0, None, closed="neither")],
        "hidden_items": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }
    # An update leaves the factors and the prior as they are.
    _partial_fit_exact = False
    # Squares in single precision, or sums beside a prior, bear no more.
    _magnitudes = 1e-16, 1e16

    def __init__(
        self, n_factors=16, *, item_features=None, user_features=None,
        regularization=1.2, feature_regularization=100.0, hidden_items=0.2, max_iter=10,
        feature_encoder=None, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.item_features = item_features
        self.user_features = user_features
        self.regularization = regularization
        self.feature_regularization = feature_regularization
        self.hidden_items = hidden_items
        self.max_iter = max_iter
        self.feature_encoder = feature_encoder
        self.random_state = random_state
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------ learning

    def _fit(self, history):
        rng = np.random.default_rng(
            check_random_state(self.random_state).randint(2**31)
        )
        factors = self._factors(history, int(rng.integers(2**31)))
        rated = np.bincount(history.matrix.indices, history.weights, len(self._items))
        self._learn_vectors(rng)
        features = self._vectors["item"]
        through_features = self._regress(factors, features, rated)
        hidden = rng.random(len(rated)) < self.hidden_items
        self._set_items(np.where(hidden[:, None], through_features, factors), features)
        self.item_vectors_[:, -1] = hidden
        self._learn_prior(history, hidden, rng)
        unrated = rated == 0
        factors[unrated] = self._unrated(features[unrated])
        self._set_items(factors, features)
        self.item_vectors_[:, -1] = unrated
        self.user_heads_ = self._heads(
            history, self._means(np.arange(len(self._users)))
        )
        self.n_iter_ = self.max_iter
        self._n_learned = history.matrix.nnz

    def _update(self, history, old, new):
        if history.n_pairs > _OUTGROWN * self._n_learned:
            self._fit(history)
            return
        if "item" in self._update_vectors(old):
            self._know_items(history.items, old.items)
        heads = self.user_heads_.copy()
        if history.users is not old.users:
            heads = self._means(np.arange(len(history.users)))
            heads[history.users.lookup(old.users.ids)] = self.user_heads_
        new = new.recode(history.users, history.items)
        changed = np.flatnonzero(np.diff(new.matrix.indptr)).astype(np.int32)
        own, means = history.take(changed), self._means(changed)
        heads[changed] = self._heads(own, means)
        items = np.unique(new.matrix.indices)
        first = items[self.item_vectors_[items, -1] > 0]
        if len(first):
            self._rate_first(first, new, heads)
            heads[changed] = self._heads(own, means)
        self.user_heads_ = heads

    def _know_items(self, items, known):
        """Extend what there is of items to new ones, and to new features."""
        features = self._vectors["item"]
        factors, unrated = self._unrated(features), np.ones(len(items))
        place, n = items.lookup(known.ids), factors.shape[1]
        factors[place, 0] = self.item_biases_
        factors[place, 1:] = self.item_vectors_[:, 1:n]
        unrated[place] = self.item_vectors_[:, -1]
        self._set_items(factors, features)
        self.item_vectors_[:, -1] = unrated

    def _factors(self, history, seed):
        """Return [bias | factors] of all items, those of unrated ones being zero."""
        model = MFRegressor(
            self.n_factors, regularization=self.regularization, max_iter=self.max_iter,
            random_state=seed, n_jobs=self.n_jobs,
        ).fit(as_table(history), history.matrix.data, history.weights)  # fmt: skip
        self.global_mean_ = model.global_mean_
        factors = np.zeros((len(history.items), 1 + self.n_factors))
        place = history.items.lookup(model.items_)
        factors[place, 0], factors[place, 1:] = model.item_biases_, model.item_factors_
        return factors

    def _regress(self, factors, features, rated):
        """Learn [bias | factors] from features; return them as if each was not rated.

        Items count by their ratings: what is to be predicted is ratings, and items
        with many are better than those with few.
        """
        x = np.column_stack([np.ones(len(features)), features])
        share = rated * (np.count_nonzero(rated) / rated.sum())
        penalty = np.full(x.shape[1], float(self.feature_regularization))
        penalty[0] = _TINY
        weighted = x * share[:, None]
        inverse = np.linalg.inv(weighted.T @ x + np.diag(penalty))
        self._coef = inverse @ (weighted.T @ factors)
        leverage = ((x @ inverse) * weighted).sum(axis=1)
        error = factors - x @ self._coef
        error /= 1 - np.minimum(leverage, _MAX_LEVERAGE)[:, None]
        self._error = (error.T * share) @ error / share.sum()
        self._error += _TINY * (1 + np.trace(self._error)) * np.eye(len(self._error))
        return factors - error

    def _unrated(self, features):
        return self._coef[0] + features @ self._coef[1:]

    def _set_items(self, factors, features):
        self.item_biases_ = factors[:, 0].copy()
        one, last = np.ones((len(factors), 1)), np.zeros((len(factors), 1))
        self.item_vectors_ = np.hstack([one, factors[:, 1:], features, last])

    def _learn_prior(self, history, hidden, rng):
        counts = np.diff(history.matrix.indptr)
        rows = sample_users(counts, self.item_vectors_.shape[1], rng)
        own = history.take(rows.astype(np.int32))
        indptr, cols, ratings = compressed_parts(own.matrix)
        targets = ratings - self.global_mean_ - self.item_biases_[cols]
        moments = []
        for kind in (~hidden, hidden):
            there = kind[cols]
            before = np.concatenate([[0], np.cumsum(there)])[indptr]
            vectors = self.item_vectors_[cols[there]]
            moments.append(
                Moments.of(before, vectors, targets[there], own.weights[there])
            )
        users = self._vectors["user"]
        start = self._first_prior(targets, own.weights, users.shape[1])
        prior = learn_prior(start, moments, users[rows], self.max_iter)
        self.prior_coef_, self.prior_covariance_ = prior.coef, prior.covariance
        self.noise_ = prior.noise

    def _first_prior(self, targets, weights, n_user_features):
        variance = float(weights @ targets**2 / weights.sum()) or 1.0
        n = 1 + self.n_factors
        n_head = self.item_vectors_.shape[1]
        diagonal = np.full(n_head, variance * _INITIAL_SHARE)
        for part in (slice(1, n), slice(n, n_head - 1)):
            squares = np.square(self.item_vectors_[:, part]).sum(axis=1).mean()
            diagonal[part] /= squares if squares > 0 else 1
        coef = np.zeros((1 + n_user_features, n_head))
        return HeadPrior(coef, np.diag(diagonal), np.full(2, variance))

    # --------------------------------------------------------------------- heads

    def _prior(self):
        return HeadPrior(self.prior_coef_, self.prior_covariance_, self.noise_)

    def _means(self, codes):
        """Return the prior mean heads of users, -1 being an unknown one."""
        means = self._prior().means(self._vectors["user"][codes])
        means[codes < 0] = self.prior_coef_[0]
        return means

    def _precisions(self, cols, weights):
        """Return the precision of ratings: one over the noise of their items."""
        return weights / self.noise_[self.item_vectors_[cols, -1].astype(np.int64)]

    def _heads(self, history, means):
        """Return the posterior mean heads of the users of a history."""
        indptr, cols, ratings = compressed_parts(history.matrix)
        precisions = self._precisions(cols, history.weights)
        above = ratings - self.global_mean_ - self.item_biases_[cols]
        return solve_heads(
            indptr, cols, precisions, precisions * above, self.item_vectors_,
            np.linalg.inv(self.prior_covariance_), means, self.n_jobs,
        )  # fmt: skip

    def _rate_first(self, items, history, heads):
        """Give items their bias and factors, by the heads of those who rated them."""
        # In new arrays: should the update fail, the model has the old ones.
        self.item_biases_ = self.item_biases_.copy()
        self.item_vectors_ = self.item_vectors_.copy()
        n = self._coef.shape[1]
        matrix, source = take_csr(transpose_csr(history.matrix), items)
        indptr, users, ratings = compressed_parts(matrix)
        pairs = history.matrix
        by_pair = make_csr(pairs.indptr, pairs.indices, history.weights, pairs.shape)
        weights = transpose_csr(by_pair).data[source] / self.noise_[0]
        rest = self.item_vectors_[np.repeat(items, np.diff(indptr))]
        rest[:, 1:n] = rest[:, -1] = 0
        above = ratings - self.global_mean_ - (rest * heads[users]).sum(axis=1)
        vectors = np.column_stack([np.ones(len(heads)), heads[:, 1:n]])
        means = self._unrated(self._vectors["item"][items])
        found = solve_heads(
            indptr, users, weights, weights * above, vectors,
            np.linalg.inv(self._error), means, self.n_jobs,
        )  # fmt: skip
        self.item_biases_[items] = found[:, 0]
        self.item_vectors_[items, 1:n], self.item_vectors_[items, -1] = found[:, 1:], 0

    # ------------------------------------------------------------------- scoring

    def _make_scorer(self, profiles):
        items = self.item_vectors_[:, 1:].astype(np.float32)
        heads = self.user_heads_[profiles.codes]
        heads[profiles.codes < 0] = self.prior_coef_[0]
        changed = np.flatnonzero(profiles.changed)
        if len(changed):
            means = self._means(profiles.codes[changed])
            heads[changed] = self._heads(profiles.history.take(changed), means)
        return FactorScorer(
            heads[:, 1:].astype(np.float32), items, self.global_mean_ + heads[:, 0],
            self.item_biases_,
        )  # fmt: skip

    def _contributions(self, profiles, col):
        _, cols, ratings = compressed_parts(profiles.matrix)
        vectors, precision = (
            self.item_vectors_[cols],
            np.linalg.inv(self.prior_covariance_),
        )
        weights = self._precisions(cols, profiles.history.weights)
        system = precision + (vectors.T * weights) @ vectors
        effects = np.linalg.solve(system, self.item_vectors_[col])
        baseline = self.global_mean_ + self.item_biases_[col]
        baseline += effects @ precision @ self._means(profiles.codes)[0]
        above = ratings - self.global_mean_ - self.item_biases_[cols]
        return baseline, cols, weights * (vectors @ effects) * above, True

    def _item_scorer(self, cols):
        # By how the tastes for two items go together over users.
        root = np.linalg.cholesky(self.prior_covariance_[1:, 1:])
        return cosine_scorer(self.item_vectors_[:, 1:] @ root, cols)

    def _user_scorer(self, rows):
        return cosine_scorer(self.user_heads_[:, 1:] - self.prior_coef_[0, 1:], rows)
