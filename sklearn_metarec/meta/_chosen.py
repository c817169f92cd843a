"""The verbs of a recommender, passed on to the one that a selection chose."""

from dataclasses import replace
from typing import Any

from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._explanation import Step, Trace
from sklearn_metarec.meta._portfolio import default_candidates
from sklearn_metarec.utils._sklearn import available_if, is_fitted


def _best_has(method):
    def check(self):
        if hasattr(self, "best_estimator_"):
            return hasattr(self.best_estimator_, method)
        candidates = self.candidates or default_candidates(self.task)
        return any(hasattr(estimator, method) for _, estimator, _ in candidates)

    return available_if(check)


class ChosenRecommender:
    """What a selector can do that has `best_estimator_`: whatever that one can."""

    refit: bool
    best_estimator_: Any
    fit: Any

    @property
    def users_(self):
        """The chosen recommender's user ids."""
        return self.best_estimator_.users_

    @property
    def items_(self):
        """The chosen recommender's item ids."""
        return self.best_estimator_.items_

    def _best(self):
        check_is_fitted(self)
        if not self.refit:
            raise AttributeError(
                "This MetaSelector was made with refit=False: there is no fitted "
                "recommender. Fit one with best_params_, or set refit=True."
            )
        return self.best_estimator_

    @_best_has("predict")
    def predict(self, X):
        """Return one score a row, by the chosen recommender.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            User and item of each row.

        Returns
        -------
        scores : ndarray of shape (n,)
            Scores or ratings.
        """
        return self._best().predict(X)

    @_best_has("recommend")
    def recommend(self, users=None, k=10, **options):
        """Return the best items of each user, by the chosen recommender.

        Parameters
        ----------
        users : array-like of shape (n_users,), default=None
            User ids; all users of the fit by default.
        k : int, default=10
            How many items each user gets.
        **options : dict
            As of the recommender's own `recommend`.

        Returns
        -------
        items : ndarray of shape (n_users, k)
            Item ids, best first.
        scores : ndarray of shape (n_users, k)
            Their scores; -inf where there is no item.
        """
        return self._best().recommend(users, k, **options)

    @_best_has("similar_items")
    def similar_items(self, items, k=10):
        """Return the items most similar to each of some items.

        Parameters
        ----------
        items : array-like of shape (n,)
            Item ids.
        k : int, default=10
            How many.

        Returns
        -------
        similar : ndarray of shape (n, k)
            Item ids, most similar first.
        scores : ndarray of shape (n, k)
            Similarities; -inf where there is no further item.
        """
        return self._best().similar_items(items, k)

    @_best_has("similar_users")
    def similar_users(self, users, k=10):
        """Return the users most similar to each of some users.

        Parameters
        ----------
        users : array-like of shape (n,)
            User ids.
        k : int, default=10
            How many.

        Returns
        -------
        similar : ndarray of shape (n, k)
            User ids, most similar first.
        scores : ndarray of shape (n, k)
            Similarities; -inf where there is no further user.
        """
        return self._best().similar_users(users, k)

    @_best_has("explain")
    def explain(self, user, item, *, history=None):
        """Return what made the score of an item for a user.

        Parameters
        ----------
        user, item : id
            A user and an item.
        history : table or tuple (table, y), default=None
            Rows of the user for this call only.

        Returns
        -------
        explanation : Explanation
            As of the chosen recommender; the trace begins with the choice.
        """
        best = self._best()
        reasons = best.explain(user, item, history=history)
        chose = Step(type(self).__name__, f"chose {type(best).__name__}")
        return replace(reasons, trace=Trace([chose, *reasons.trace]))

    @_best_has("seen_pairs")
    def seen_pairs(self, users, items):
        """Tell which pairs the chosen recommender was fitted on.

        Parameters
        ----------
        users, items : array-like of shape (n,)
            Ids, known or not.

        Returns
        -------
        seen : ndarray of shape (n,), dtype=bool
            Whether each pair was in the fit.
        """
        return self._best().seen_pairs(users, items)

    @_best_has("partial_fit")
    def partial_fit(self, X, y=None, sample_weight=None):
        """Update the chosen recommender; select first, if not fitted yet.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            The new rows.
        y : array-like of shape (n,), default=None
            Strengths or ratings.
        sample_weight : array-like of shape (n,), default=None
            Weights.

        Returns
        -------
        self : object
            The updated selector; the choice stands.
        """
        if not is_fitted(self):
            return self.fit(X, y, sample_weight)
        self._best().partial_fit(X, y, sample_weight)
        return self
