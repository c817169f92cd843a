"""Recommenders that need no model: the floor that any other must beat."""

import numpy as np

from sklearn_metarec._scoring import FixedScorer, RandomScorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.utils._sklearn import check_random_state

__all__ = ["PopularityRecommender", "RandomRecommender"]


class PopularityRecommender(BaseRecommender):
    """Recommend to everyone what most users like.

    The score of an item is the share of users with a positive strength for it; with
    `weighted=True`, its share of the total strength. `partial_fit` is exact: it adds
    the new rows to the stored pairs and counts again.

    Parameters
    ----------
    weighted : bool, default=False
        Whether a user who came back counts more. By default each user has one vote:
        a few heavy users would otherwise fill everyone's list.

    Attributes
    ----------
    item_scores_ : ndarray of shape (n_items,), dtype=float32
        The score of each item.
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
    RandomRecommender : The floor below.

    References
    ----------
    P. Cremonesi, Y. Koren and R. Turrin (2010). Performance of recommender algorithms
    on top-N recommendation tasks. RecSys. Section 3.1, "top popular".

    Examples
    --------
    >>> from sklearn_metarec import PopularityRecommender
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "milk"],
    ...      ["eva", "tea"]]
    >>> items, scores = PopularityRecommender().fit(X).recommend(["bob", "new"], k=2)
    >>> items.tolist()
    [['milk', None], ['tea', 'milk']]
    """

    _parameter_constraints = {"weighted": ["boolean"]}

    def __init__(self, weighted=False):
        self.weighted = weighted

    def _fit(self, history):
        if self.weighted:
            totals = history.matrix.sum(axis=0, dtype=np.float64)
            share = totals / max(totals.sum(), np.finfo(np.float64).tiny)
            self.item_scores_ = np.asarray(share, dtype=np.float32)
        else:
            self.item_scores_ = self._popularity()

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        return FixedScorer(self.item_scores_)


class RandomRecommender(BaseRecommender):
    """Recommend items at random, the same to a user at every call.

    Scores are uniform in [0, 1) and depend on the seed, the user and the item alone;
    unknown users share one list. `partial_fit` is exact.

    Parameters
    ----------
    random_state : int, RandomState or None, default=None
        Draws the seed of the lists in `fit`.

    Attributes
    ----------
    seed_ : int
        The seed of the lists.
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
    PopularityRecommender : The next floor.

    Examples
    --------
    >>> from sklearn_metarec import RandomRecommender
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "milk"]]
    >>> items, _ = RandomRecommender(random_state=0).fit(X).recommend(["bob"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    # A list does not depend on what its user had.
    _history_exact = False

    _parameter_constraints = {"random_state": ["random_state"]}

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _fit(self, history):
        rng = check_random_state(self.random_state)
        self.seed_ = int(rng.randint(np.iinfo(np.int32).max))

    def _update(self, history, old, new):
        """Keep the seed: the lists of known codes stay."""

    def _complete_scorer(self, profiles):
        # Popularity for new users, as of the other models, would not be random.
        return self._make_scorer(profiles)

    def _make_scorer(self, profiles):
        return RandomScorer(profiles.codes, len(self.items_), self.seed_)
