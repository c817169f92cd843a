"""CalibratedReranker: lists in the proportions of what a user has had."""

from numbers import Integral, Real

import numpy as np

from sklearn_metarec._kernels import rerank
from sklearn_metarec._weighting import drop_zeros
from sklearn_metarec.interactions import compressed_parts, make_csr
from sklearn_metarec.reranking._reranker import CONSTRAINTS, BaseReranker, Choices
from sklearn_metarec.utils._sklearn import Interval

# How much of a user's own shares is mixed into those of a list, so that no share is
# zero (Steck 2018, equation 7).
_SMOOTHING = 0.01


class CalibratedReranker(BaseReranker):
    """Lists of another ranker, calibrated to the proportions of a user's history.

    A user whose history is two thirds niche and one third hits gets lists of that
    kind. Items belong to groups, by popularity or by features such as genres. With
    p the shares of the groups in the history, and q those in a list L, mixed with
    1% of p, the list of length n is to have the largest ::

        (1 - calibration) * sum of r_i over L - calibration * KL(p, q),

    where r is the estimator's score, scaled to 0 and 1 over the `n_candidates` best
    items that the user has not had. One item after the other is chosen, the one that
    adds most, where a list that is not full yet has the shares of what it has out of
    n. As that sum of p log q is submodular, the list comes within 1 - 1/e of the best
    one. What it adds is an item's score. All other items follow below, in the
    estimator's order.

    The choice is made among all items that the user has not had. A filter of
    `recommend` takes items out of the order that results, and does not choose anew;
    beyond `list_length` the order is the estimator's. Users of whom the estimator
    cannot tell anything get what is popular. `partial_fit` is the estimator's, and
    exists where it has one; `history=` is folded into it, and counts for the shares.
    `explain` names the user's items that made the estimator's score, and what the item
    added.

    Parameters
    ----------
    estimator : ranker, default=None
        Names the candidates; a ranker of this package. `EASE()` by default.
    calibration : float, default=0.25
        The weight of the proportions, from 0, the estimator's lists, to 1. On training
        parts of two data sets the default cost at most 3% of nDCG@10.
    list_length : int, default=10
        How many places are chosen: the n above.
    n_candidates : int, default=100
        Among how many items.
    n_groups : int, default=5
        Into how many groups the items are divided by popularity, each with the same
        part of all interactions. Not used with `item_features`.
    item_features : dataframe, dict, array-like or list of columns, default=None
        What the items are: a side table, or names of columns of X. Each encoded column,
        such as a genre, is a group; an item of several belongs to each in part.
    feature_encoder : transformer, default=None
        Makes numbers of features, none of them negative; by default a
        `FeatureEncoder`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    item_groups_ : csr_array of shape (n_items, n_groups)
        How much of an item belongs to each group; the sum of a row is 1, or 0 where
        nothing is known of the item.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, those of the side table included.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    Raises
    ------
    ValueError
        In `fit`, if an encoded feature is negative.
    TypeError
        In `fit`, if `estimator` is not a ranker of this package.

    See Also
    --------
    MMRReranker : Lists of items that differ from each other.

    References
    ----------
    H. Steck (2018). Calibrated recommendations. RecSys. Equations 6 to 8; `calibration`
    is lambda.

    H. Abdollahpouri, M. Mansoury, R. Burke, B. Mobasher and E. Malthouse (2021).
    User-centered evaluation of popularity bias in recommender systems. UMAP. The
    groups by popularity.

    Examples
    --------
    >>> from sklearn_metarec import CalibratedReranker, PopularityRecommender
    >>> kinds = {"item_id": ["ale", "cocoa", "gin", "milk", "rum", "tea"],
    ...          "kind": ["strong", "hot", "strong", "hot", "strong", "hot"]}
    >>> X = [["ann", "rum"], ["ann", "gin"], ["bob", "rum"], ["bob", "gin"],
    ...      ["eva", "rum"], ["kim", "tea"], ["joe", "milk"], ["joe", "cocoa"]]
    >>> model = CalibratedReranker(
    ...     PopularityRecommender(), list_length=2, item_features=kinds
    ... ).fit(X)
    >>> model.recommend(["joe"], k=2)[0].tolist()
    [['tea', 'rum']]
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "calibration": [Interval(Real, 0, 1, closed="both")],
        "n_groups": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self, estimator=None, *, calibration=0.25, list_length=10, n_candidates=100,
        n_groups=5, item_features=None, feature_encoder=None,
    ):  # fmt: skip
        self.estimator = estimator
        self.calibration = calibration
        self.list_length = list_length
        self.n_candidates = n_candidates
        self.n_groups = n_groups
        self.item_features = item_features
        self.feature_encoder = feature_encoder

    def _prepare(self):
        features = self._feature_rows("item")
        if features is None:
            features = _by_popularity(self.history_, self.n_groups)
        elif len(features.data) and features.data.min() < 0:
            raise ValueError(
                "Groups are shares, but an encoded item feature is negative, as scaled "
                "numbers are. Pass categories in item_features, or a feature_encoder "
                "that makes categories of numbers."
            )
        features = drop_zeros(features)
        indptr, indices, data = compressed_parts(features)
        sums = np.asarray(features.sum(axis=1, dtype=np.float64)).ravel()
        shares = data / np.repeat(np.where(sums > 0, sums, 1), np.diff(indptr))
        self.item_groups_ = make_csr(indptr, indices, shares, features.shape)

    def _taste(self, profiles):
        """Return the share of each group in each user's history."""
        liked = drop_zeros(profiles.matrix)
        indptr, indices, _ = compressed_parts(liked)
        ones = np.ones(len(indices))
        taste = make_csr(indptr, indices, ones, liked.shape) @ self.item_groups_
        taste = taste.toarray()
        sums = taste.sum(axis=1, keepdims=True)
        return taste / np.where(sums > 0, sums, 1)

    def _chooser(self, profiles):
        taste = self._taste(profiles)
        groups = compressed_parts(self.item_groups_)

        def choose(found, first, starts, relevance):
            shape = len(starts) - 1, self.list_length
            entries = np.empty(shape, dtype=np.int32)
            worth = np.empty(shape, dtype=np.float32)
            gains = np.empty(len(found.cols), dtype=np.float32)
            rerank.choose_calibrated(
                0, len(entries), starts, found.cols, relevance, *groups,
                taste[first : first + len(entries)], _SMOOTHING,
                np.float64(self.list_length), np.float32(self.calibration), entries,
                worth, gains,
            )  # fmt: skip

            def reasons(entry):
                return f"which adds {gains[entry]:.3g} to the calibration", -1

            return Choices(entries, worth, reasons)

        return choose


def _by_popularity(history, n_groups):
    """Return the group of each item, the most popular first.

    Equally popular items are in one group, whatever their order.
    """
    liked = drop_zeros(history)
    counts = np.bincount(liked.indices, minlength=history.shape[1])
    distinct, place, times = np.unique(counts, return_inverse=True, return_counts=True)
    mass = distinct * times
    # What is more popular, and half of what is equally so.
    above = mass[::-1].cumsum()[::-1] - mass / 2
    group = (n_groups * above[place] / max(mass.sum(), 1)).astype(np.int32)
    group = np.minimum(group, n_groups - 1)
    n_items = len(counts)
    indptr = np.arange(n_items + 1, dtype=np.int32)
    return make_csr(
        indptr, group, np.ones(n_items, dtype=np.float32), (n_items, n_groups)
    )
