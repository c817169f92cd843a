"""A pipeline whose last step recommends."""

from dataclasses import replace

import numpy as np
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec import _unwrap
from sklearn_metarec._explanation import Trace
from sklearn_metarec._vocabulary import encode_ids, to_numpy
from sklearn_metarec.interactions import read_table
from sklearn_metarec.preprocessing._tables import configured_output
from sklearn_metarec.utils._sklearn import available_if, name_estimators

__all__ = ["RecommenderPipeline", "make_recommender_pipeline"]


def _final_has(method):
    def check(self):
        getattr(self._final_estimator, method)  # says what is missing
        return True

    return available_if(check)


class RecommenderPipeline(Pipeline):
    """A scikit-learn pipeline whose last step is a recommender.

    Everything a `Pipeline` does, and the recommender's verbs on top. Given a dataframe,
    its steps pass dataframes of pandas on, unless they are set to another output, so
    that the recommender finds user and item by name behind a ColumnTransformer. Ids
    are the caller's throughout: a step that recodes them, such as `IdEncoder`, is
    undone in what comes back. Behind one that cannot be undone, such as an
    OrdinalEncoder over the ids, `predict` and `score` work, and the verbs that take or
    return ids raise an error.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and steps, the recommender last.
    transform_input : list of str, default=None
        As in `Pipeline`.
    memory : str or object with the joblib.Memory interface, default=None
        As in `Pipeline`.
    verbose : bool, default=False
        As in `Pipeline`.

    Attributes
    ----------
    named_steps : Bunch
        The steps by name.
    users_ : ndarray of shape (n_users,)
        User ids, as the caller knows them.
    items_ : ndarray of shape (n_items,)
        Item ids, as the caller knows them.

    See Also
    --------
    make_recommender_pipeline : Names the steps itself.

    Examples
    --------
    >>> from sklearn_metarec import EASE, RecommenderPipeline
    >>> from sklearn_metarec.preprocessing import IdEncoder
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "milk"]]
    >>> model = RecommenderPipeline([("ids", IdEncoder()), ("ease", EASE(1.0))])
    >>> items, scores = model.fit(X).recommend(["bob"], k=1)
    >>> items.tolist()
    [['milk']]
    """

    def __init__(self, steps, *, transform_input=None, memory=None, verbose=False):
        super().__init__(
            steps, transform_input=transform_input, memory=memory, verbose=verbose
        )

    def fit(self, X, y=None, **params):
        """Fit the steps, then the recommender.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            One row an interaction.
        y : array-like of shape (n,), default=None
            Strengths or ratings.
        **params : dict
            Fit parameters, as in `Pipeline`.

        Returns
        -------
        self : object
            The fitted pipeline.
        """
        self._ids_lost = None
        self._pass_frames_on(hasattr(X, "columns"))
        super().fit(X, y, **params)
        side = self._lost_side(X)
        if side:
            self._ids_lost = (
                f"A step of this pipeline changes the {side} ids in a way that cannot "
                "be undone, so that nobody could be recommended to by name. Leave the "
                "id columns alone (remainder='passthrough'), or use "
                "sklearn_metarec.preprocessing.IdEncoder."
            )
        return self

    def _pass_frames_on(self, frames):
        """Set the steps to pandas output, or take that back for an array."""
        ours = set(getattr(self, "_set_to_pandas", ()))
        for name, step in self.steps[:-1]:
            if not hasattr(step, "set_output"):
                continue
            if frames and configured_output(step) == "default":
                step.set_output(transform="pandas")
                ours.add(name)
            elif not frames and name in ours:
                step.set_output(transform="default")
        self._set_to_pandas = sorted(ours) if frames else []

    @property
    def users_(self):
        """User ids, as the caller knows them."""
        return self._outer_ids("user")

    @property
    def items_(self):
        """Item ids, as the caller knows them."""
        return self._outer_ids("item")

    def _outer_ids(self, side):
        if getattr(self, "_ids_lost", None):
            raise AttributeError(self._ids_lost)
        transformers, final = _unwrap.unwrap(self)
        return _unwrap.decode_side(transformers, side, getattr(final, f"{side}s_"))

    def _lost_side(self, X):
        """Return whose ids a step recoded in a way that cannot be undone."""
        transformers, final = _unwrap.unwrap(self)
        if not transformers or not hasattr(final, "seen_pairs"):
            return None
        try:
            table = _unwrap.raw_table(X)
            users, items = (
                _inner_ids(transformers, side, ids)
                for side, ids in (("user", table.user), ("item", table.item))
            )
        except (ValueError, TypeError):
            return "user and item"  # steps made ids of what is none
        for side, inner, known in (
            ("user", users, final.users_),
            ("item", items, final.items_),
        ):
            if (encode_ids(inner)[0].lookup(known) < 0).any():
                return side
        # Each pair of the fit has to be one of the table, else ids went astray within
        # their own range. (The table may have more: rows of weight zero.)
        seen = final.seen_pairs(users, items)
        rows, cols = encode_ids(users[seen])[1], encode_ids(items[seen])[1]
        n_pairs = len(np.unique(rows.astype(np.int64) * len(final.items_) + cols))
        return None if n_pairs == final.history_.nnz else "user or item"

    def _check_ids(self):
        check_is_fitted(self)
        _unwrap.check_ids_kept(self)

    @_final_has("recommend")
    def recommend(self, users=None, k=10, **options):
        """Return the best items of each user, in the caller's ids.

        Parameters
        ----------
        users : array-like of shape (n_users,), default=None
            User ids; all users of the fit by default.
        k : int, default=10
            How many items each user gets.
        **options : dict
            As of the last step's `recommend`.

        Returns
        -------
        items : ndarray of shape (n_users, k)
            Item ids, best first.
        scores : ndarray of shape (n_users, k)
            Their scores; -inf where there is no item.
        """
        check_is_fitted(self)
        return _unwrap.recommend(self, users, k, **options)

    @_final_has("similar_items")
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
        return self._similar("item", items, k)

    @_final_has("similar_users")
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
        return self._similar("user", users, k)

    def _similar(self, side, ids, k):
        self._check_ids()
        transformers, final = _unwrap.unwrap(self)
        ids = _unwrap.encode_side(transformers, side, ids)
        similar, scores = getattr(final, f"similar_{side}s")(ids, k)
        return _unwrap.decode_found(transformers, side, similar, scores), scores

    @_final_has("explain")
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
            As of the last step's `explain`, in the caller's ids.
        """
        self._check_ids()
        transformers, final = _unwrap.unwrap(self)
        user = _unwrap.encode_side(transformers, "user", [user])[0]
        item = _unwrap.encode_side(transformers, "item", [item])[0]
        options = _unwrap.encode_options(transformers, {"history": history})
        reasons = final.explain(user, item, **options)

        def decode(ids):
            return _unwrap.decode_side(transformers, "item", ids)

        trace = Trace(
            step if step.other is None else replace(step, other=decode([step.other])[0])
            for step in reasons.trace
        )
        return replace(reasons, items=decode(reasons.items), trace=trace)

    @_final_has("partial_fit")
    def partial_fit(self, X, y=None, sample_weight=None):
        """Update the recommender; the fitted steps before it stay as they are.

        An `IdEncoder` among them has codes for the users and items of the fit only:
        the new rows can be of no others. The recommenders of this package take the
        ids as they are; without an encoder, new users and items are welcome.

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
            The updated pipeline.

        Raises
        ------
        ValueError
            If a row has an id for which an `IdEncoder` of the pipeline has no code.
        """
        if not self.__sklearn_is_fitted__():
            if sample_weight is None:
                return self.fit(X, y)
            name = "sample_weight"
            if not get_config()["enable_metadata_routing"]:
                name = f"{self.steps[-1][0]}__{name}"
            return self.fit(X, y, **{name: sample_weight})
        inner = X
        for _, _, step in self._iter(with_final=False):
            inner = step.transform(inner)
        self._check_codes(X, inner, sample_weight)
        self._final_estimator.partial_fit(inner, y, sample_weight)
        return self

    def _check_codes(self, X, inner, sample_weight):
        """Check that each row's ids have a code that can be decoded again."""
        transformers, _ = _unwrap.unwrap(self)
        rows = slice(None) if sample_weight is None else np.asarray(sample_weight) > 0
        for side in ("user", "item"):
            if not _unwrap.id_encoders(transformers, side):
                continue
            codes = to_numpy(getattr(read_table(inner, warn=False), side))[rows]
            ids = _unwrap.decode_side(transformers, side, codes)
            nameless = np.array([id_ is None for id_ in ids.tolist()], dtype=bool)
            if nameless.any():
                raw = to_numpy(getattr(_unwrap.raw_table(X), side)).astype(object)
                new = dict.fromkeys(raw[rows][nameless].tolist())
                raise ValueError(
                    f"The IdEncoder of this pipeline has no code for {len(new)} "
                    f"{side} ids of the new rows, such as {next(iter(new))!r}: they "
                    "could never be named again. Fit the pipeline anew on all rows, or "
                    "leave the ids as they are: the recommenders of this package take "
                    "them raw, and encode new ones on the way."
                )


def _inner_ids(transformers, side, ids):
    """Return the ids of rows as the recommender should know them."""
    raw, codes = encode_ids(ids, f"{side}_id")
    return np.asarray(_unwrap.encode_side(transformers, side, raw.ids))[codes]


def make_recommender_pipeline(*steps, memory=None, transform_input=None, verbose=False):
    """Make a :class:`RecommenderPipeline`, naming the steps by their classes.

    Parameters
    ----------
    *steps : list of estimators
        The steps, the recommender last.
    memory : str or object with the joblib.Memory interface, default=None
        As in `Pipeline`.
    transform_input : list of str, default=None
        As in `Pipeline`.
    verbose : bool, default=False
        As in `Pipeline`.

    Returns
    -------
    pipeline : RecommenderPipeline
        The pipeline, not fitted.

    Examples
    --------
    >>> from sklearn_metarec import EASE, make_recommender_pipeline
    >>> from sklearn_metarec.preprocessing import IdEncoder
    >>> make_recommender_pipeline(IdEncoder(), EASE())
    RecommenderPipeline(steps=[('idencoder', IdEncoder()), ('ease', EASE())])
    """
    named = name_estimators(steps)
    return RecommenderPipeline(
        named, memory=memory, transform_input=transform_input, verbose=verbose
    )
