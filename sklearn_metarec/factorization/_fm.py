"""The Bayesian factorization machine, by Gibbs sampling."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._iterating import epochs
from sklearn_metarec._side_tables import are_columns
from sklearn_metarec.base import BaseRatingRecommender
from sklearn_metarec.factorization._draws import Draws
from sklearn_metarec.factorization._fm_data import (
    PERIODS,
    Ratings,
    RequestEncoder,
    carry_parameters,
    group_labels,
    make_blocks,
)
from sklearn_metarec.factorization._fm_scorer import RequestScorer
from sklearn_metarec.factorization._gibbs import Chain, Gaussian
from sklearn_metarec.factorization._probit import OrderedProbit
from sklearn_metarec.factorization._vectors import FactorMixin
from sklearn_metarec.utils._parallel import single_threaded_blas
from sklearn_metarec.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    check_random_state,
)

# The chain of an update starts from where it was: it needs a third of the steps.
_UPDATE_SHARE = 3


class FMRegressor(FeatureMixin, FactorMixin, BaseRatingRecommender):
    """Predict a rating by a Bayesian factorization machine.

    Every feature j of a user or an item has a weight w_j and a vector v_j. With those
    of a user's and an item's features, times their values, summed to (w_u, v_u) and
    (w_i, v_i), a rating is normal around ::

        w + w_u + w_i + v_u . v_i

    The features of a user are the id, the row of a side table, and, with `implicit`,
    the set of the user's items: each of n items has the value 1 / sqrt(n), as in SVD++,
    whatever its rating. Likewise those of an item. Weights and vectors of a group of
    features (ids of users, of items, members of the sets, side features) have a common
    normal prior, a mean and a precision per coordinate, which themselves are unknown,
    as is the precision of the ratings. All are drawn in turn from their distributions
    given the rest (Gibbs sampling), and a prediction is the mean over the draws: there
    is no penalty to tune.

    With `time_step`, the period of a rating has a weight and a vector too; so have the
    other columns of X, those that are neither id, time nor feature of a user or an
    item: they are the context, as of FeatureEncoder. Then w_t + v_t . (v_u + v_i) and
    the like are added, and rows of a pair are apart unless period and context agree. A
    time between or beyond the periods of the fit is in the nearest of them; a request
    without time is in the mean one, and one without context has its numbers at their
    mean and no category.

    Users and items that only a side table has are predicted by their features; of
    what is not known of them, and of ids that are not known at all, a prediction takes
    the mean over the ratings of the fit.

    Features of the same user do not interact with each other, as they would in a
    factorization machine without blocks: what came of it would be a constant of the
    user, which w_u is already. Weight and vector of a feature are drawn together, and
    those of sets and side features with the ids' integrated out, so that fewer steps
    are needed.

    A step costs (n_factors + 1)^2 operations per rating, and as many again per entry
    of a set or a side table: these are never multiplied out to the ratings. The memory
    of a step is 8 (n_factors + 1)^2 bytes per user, item, period and distinct context.

    A user's `history=` is folded in by the mean of the user's own parameters given
    each draw of all others', so not exactly: the items do not learn from it, and its
    rows count as rated in the mean period.

    `partial_fit` is warm, not exact: the chain goes on from its last draw, over the
    stored and the new ratings, for a third of the steps of a fit.

    Parameters
    ----------
    n_factors : int, default=10
        The length of the vectors. More make each step slower, and hardly help.
    item_features, user_features : dataframe or list, default=None
        A side table with one row an item (a user) and a column `item_id` (`user_id`),
        or the names of those columns of X that are features of the item (the user).
    feature_encoder : transformer, default=None
        Makes numbers of side features and context, a clone for each;
        `FeatureEncoder()` by default.
    time_step : {"hour", "day", "week"}, float or None, default=None
        The length of a period. A number is in the unit of the timestamps; a name takes
        dates, or numbers of seconds, milli-, micro- or nanoseconds since 1970, which
        their size tells apart. None leaves time out: periods serve ratings between
        others in time, hardly those that come after all. A table without timestamps
        is an error otherwise.
    implicit : {"user", "item", "both"} or None, default="both"
        Whose sets are features: the user's set of items, the item's of users, both
        or neither.
    likelihood : {"gaussian", "ordered_probit"}, default="gaussian"
        "ordered_probit" takes the distinct ratings for ordered levels, between cut
        points of a latent normal variable; a prediction is the expected rating. It
        suits few levels that are unevenly far apart. Duplicates of a pair are one
        latent variable, and their mean rating is a level.
    max_iter : int, default=300
        Steps of the chain.
    burn_in : int, default=20
        Steps before the first draw that is used.
    n_draws : int, default=200
        At most how many draws are kept, evenly spaced; their vectors side by side are
        what a user or item takes in memory, `n_draws` * `n_factors` float32.
    random_state : int, RandomState or None, default=None
        Draws everything.
    n_jobs : int, default=None
        Threads; the result does not depend on it.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, n_draws * n_factors), dtype=float32
        The users' vectors v_u, draw after draw.
    item_factors_ : ndarray of shape (n_items, n_draws * n_factors), dtype=float32
        The items' vectors v_i, less their mean over the ratings.
    n_iter_ : int
        Steps done: `max_iter`, unless a callback stopped them.
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
    MFRegressor : Faster, less accurate: one solution instead of a mean over draws.

    References
    ----------
    S. Rendle (2012). Factorization machines with libFM. ACM TIST 3(3). Section 3.3 is
    the sampler, one coordinate at a time, and its hyperpriors.

    S. Rendle (2013). Scaling factorization machines to relational data. VLDB 6(5).
    Section 4 is the use of blocks.

    R. Salakhutdinov and A. Mnih (2008). Bayesian probabilistic matrix factorization
    using Markov chain Monte Carlo. ICML. Equation 11 draws a whole vector.

    J. Albert and S. Chib (1993). Bayesian analysis of binary and polychotomous
    response data. JASA 88(422). Section 4 is the ordered probit.

    Examples
    --------
    >>> from sklearn_metarec import FMRegressor
    >>> X = [[user, item] for user in range(20) for item in range(20)]
    >>> y = [5 if user % 2 == item % 2 else 1 for user, item in X]
    >>> model = FMRegressor(2, max_iter=50, random_state=0).fit(X[1:], y[1:])
    >>> bool(model.predict(X[:1]) > 4.5)
    True
    """

    _parameter_constraints = {
        "n_factors": [Interval(Integral, 1, None, closed="left")],
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "time_step": [
            StrOptions(set(PERIODS)), Interval(Real, 0, None, closed="neither"), None,
        ],
        "implicit": [StrOptions({"user", "item", "both"}), None],
        "likelihood": [StrOptions({"gaussian", "ordered_probit"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "burn_in": [Interval(Integral, 0, None, closed="left")],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }  # fmt: skip

    # The chain saw the user's ratings, the parameters of a history did not make it.
    _history_exact = False
    _reads_context = True
    _ratings: Ratings | None

    def __init__(
        self, n_factors=10, *, item_features=None, user_features=None,
        feature_encoder=None, time_step=None, implicit="both", likelihood="gaussian",
        max_iter=300, burn_in=20, n_draws=200, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.n_factors = n_factors
        self.item_features = item_features
        self.user_features = user_features
        self.feature_encoder = feature_encoder
        self.time_step = time_step
        self.implicit = implicit
        self.likelihood = likelihood
        self.max_iter = max_iter
        self.burn_in = burn_in
        self.n_draws = n_draws
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _make_history(self, rows, *, reset):
        history = super()._make_history(rows, reset=reset)
        if reset:
            sides = (self.item_features, self.user_features)
            elsewhere = [name for side in sides if are_columns(side) for name in side]
            encoder = self.feature_encoder
            encoder = self._default_encoder() if encoder is None else encoder
            self._requests = RequestEncoder.fit(
                rows.table, self.time_step, encoder, elsewhere
            )
        # Until `_fit` or `_update` has made the ratings of the model of them.
        self._read = self._requests.ratings(rows, history)
        return history

    def _fit(self, history):
        self._ratings = self.__dict__.pop("_read")
        self._learn(history, self._chain(history), self.max_iter, self.burn_in)

    def _update(self, history, old, new):
        old_labels = group_labels(old, *self._design(old))
        read = self.__dict__.pop("_read")
        if self._ratings is not None and read is not None:
            known = self._ratings.recode(old, history)
            self._ratings = known.add(read.recode(new, history))
        chain = self._chain(history)
        labels = group_labels(history, *self._design(history))
        carry_parameters(self._parameters, old_labels, chain.parameters, labels)
        chain.refresh()
        n_steps = -(-self.max_iter // _UPDATE_SHARE)
        self._learn(history, chain, n_steps, self.burn_in // _UPDATE_SHARE)

    def _chain(self, history):
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        ratings, *others = self._design(history)
        self._period_numbers = None
        if ratings.periods is not None:
            self._period_numbers = np.unique(ratings.periods)
        kind = OrderedProbit if self.likelihood == "ordered_probit" else Gaussian
        likelihood = kind(ratings.values, ratings.weights)
        blocks = make_blocks(history, ratings, *others)
        return Chain(blocks, likelihood, self.n_factors, rng, self.n_jobs)

    def _design(self, history):
        """Return (ratings, whose sets are features, the features by side)."""
        ratings = self._ratings
        ratings = Ratings.of_pairs(history) if ratings is None else ratings
        sides = {side: self._feature_rows(side) for side in ("user", "item")}
        features = {
            side: [] if rows is None else [rows] for side, rows in sides.items()
        }
        return ratings, self.implicit, features

    def _learn(self, history, chain, n_steps, burn_in):
        draws = Draws(chain)
        burn_in = min(burn_in, n_steps - 1)
        wanted = _evenly(burn_in, n_steps, self.n_draws)
        first = min(wanted)
        # A thread of BLAS that waits for more to do would take a core from ours.
        with single_threaded_blas():
            for step in epochs(self, n_steps, history, draws.attributes):
                chain.step()
                if step in wanted or step < first:
                    # Until the first wanted draw, the last one serves the callbacks.
                    draws.take(replace=step <= first)
        self.__dict__.update(draws.attributes())

    def _make_scorer(self, profiles):
        return RequestScorer(self, profiles)


def _evenly(start, stop, n):
    """Return at most n numbers above `start`, evenly spaced, up to `stop`."""
    n = min(n, stop - start)
    return set((start + np.arange(1, n + 1) * (stop - start) // n).tolist())
