"""MMRReranker: relevant items that differ from each other."""

from numbers import Real

import numpy as np

from sklearn_metarec._kernels import rerank
from sklearn_metarec._scoring import cosine_scorer
from sklearn_metarec._weighting import drop_zeros
from sklearn_metarec.interactions import compressed_parts, make_csr
from sklearn_metarec.linear_model._components import leading_components
from sklearn_metarec.reranking._reranker import CONSTRAINTS, BaseReranker, Choices
from sklearn_metarec.utils._sklearn import Interval, StrOptions

# Cosines of more features, or of users, are those of so many leading components.
_MOST_COMPONENTS = 64


class MMRReranker(BaseReranker):
    """Lists of another ranker, diversified by maximal marginal relevance.

    From the `n_candidates` best items that the user has not had, one after the other is
    chosen, `list_length` in all: the one with the largest ::

        (1 - diversity) * r_i - diversity * max over the chosen j of cos(i, j),

    where r is the estimator's score, scaled to 0 and 1 over the candidates of the user,
    and a cosine below 0 counts as 0. This value is an item's score. All other items
    follow below, in the estimator's order.

    The choice is made among all items that the user has not had. A filter of
    `recommend` takes items out of the order that results, and does not choose anew;
    beyond `list_length` the order is the estimator's. Users of whom the estimator
    cannot tell anything get what is popular. `partial_fit` is the estimator's, and
    exists where it has one; `history=` is folded into it. `similar_items` ranks by the
    cosine. `explain` names the user's items that made the estimator's score, and the
    chosen item that was in the way.

    Parameters
    ----------
    estimator : ranker, default=None
        Names the candidates; a ranker of this package. `EASE()` by default.
    diversity : float, default=0.2
        The weight of what is alike, from 0, the estimator's lists, to 1. On training
        parts of two data sets the default cost at most 2% of nDCG@10.
    list_length : int, default=10
        How many places are chosen.
    n_candidates : int, default=100
        Among how many items.
    similarity : {"auto", "features", "estimator", "history"}, default="auto"
        Of which vectors the cosine is: the items' encoded features, the
        `item_factors_` of the estimator, or who has had an item. More than 64 numbers
        are reduced to their leading components. "auto" is the first of these that is
        there.
    item_features : dataframe, dict, array-like or list of columns, default=None
        What is known of the items: a side table, or names of columns of X.
    feature_encoder : transformer, default=None
        Makes numbers of features; by default a `FeatureEncoder`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    item_vectors_ : ndarray of shape (n_items, n_components), dtype=float32
        Of length 1, or 0 where nothing is known of an item.
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
        In `fit`, if `similarity` asks for vectors that are not there.
    TypeError
        In `fit`, if `estimator` is not a ranker of this package.

    See Also
    --------
    CalibratedReranker : Lists in the proportions of the user's history.

    References
    ----------
    J. Carbonell and J. Goldstein (1998). The use of MMR, diversity-based reranking for
    reordering documents and producing summaries. SIGIR. `diversity` is 1 - lambda.

    Examples
    --------
    >>> from sklearn_metarec import MMRReranker, PopularityRecommender
    >>> kinds = {"item_id": ["ale", "gin", "rum", "tea"],
    ...          "kind": ["strong", "strong", "strong", "hot"]}
    >>> X = [["ann", "rum"], ["bob", "rum"], ["eva", "rum"], ["ann", "gin"],
    ...      ["bob", "gin"], ["eva", "tea"], ["joe", "ale"]]
    >>> model = MMRReranker(
    ...     PopularityRecommender(), diversity=0.5, item_features=kinds
    ... ).fit(X)
    >>> model.recommend(["joe"], k=3)[0].tolist()
    [['rum', 'tea', 'gin']]
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "diversity": [Interval(Real, 0, 1, closed="both")],
        "similarity": [StrOptions({"auto", "features", "estimator", "history"})],
    }

    def __init__(
        self, estimator=None, *, diversity=0.2, list_length=10, n_candidates=100,
        similarity="auto", item_features=None, feature_encoder=None,
    ):  # fmt: skip
        self.estimator = estimator
        self.diversity = diversity
        self.list_length = list_length
        self.n_candidates = n_candidates
        self.similarity = similarity
        self.item_features = item_features
        self.feature_encoder = feature_encoder

    def _prepare(self):
        vectors = self._vectors()
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.where(norms > 0, norms, 1)
        self.item_vectors_ = np.ascontiguousarray(vectors, dtype=np.float32)

    def _vectors(self):
        kind, features = self.similarity, self._feature_rows("item")
        factors = getattr(self.estimator_, "item_factors_", None)
        for wanted, there, missing in (
            ("features", features, "item_features is None"),
            ("estimator", factors, "the estimator has no item_factors_"),
        ):
            if kind == wanted and there is None:
                raise ValueError(f"similarity={kind!r}, but {missing}.")
        if features is not None and kind in ("auto", "features"):
            return _reduced(features)
        if factors is not None and kind in ("auto", "estimator"):
            codes = self.estimator_._items.lookup(self.items_)
            return np.where(codes[:, None] >= 0, factors[codes], 0)
        return _reduced(_unit_columns(self.history_))

    def _chooser(self, profiles):
        def choose(found, first, starts, relevance):
            shape = len(starts) - 1, self.list_length
            entries = np.empty(shape, dtype=np.int32)
            worth = np.empty(shape, dtype=np.float32)
            nearest = np.empty(len(found.cols), dtype=np.int32)
            closeness = np.empty(len(found.cols), dtype=np.float32)
            rerank.choose_diverse(
                0, len(entries), starts, found.cols, relevance, self.item_vectors_,
                np.float32(self.diversity), entries, worth, nearest, closeness,
            )  # fmt: skip

            def reasons(entry):
                if nearest[entry] < 0:
                    return "like nothing chosen before it", -1
                text = f"at a cosine of {closeness[entry]:.2f} with"
                return text, int(nearest[entry])

            return Choices(entries, worth, reasons)

        return choose

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_vectors_, cols)


def _unit_columns(matrix):
    """Return who likes each item: rows of length 1."""
    liked = drop_zeros(matrix).T.tocsr()
    indptr, indices, _ = compressed_parts(liked)
    counts = np.diff(indptr)
    data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
    return make_csr(indptr, indices, data, liked.shape)


def _reduced(rows):
    """Return dense rows with about the same cosines."""
    if rows.shape[1] <= _MOST_COMPONENTS:
        return rows.toarray()
    u, s = leading_components(rows, _MOST_COMPONENTS, 0)
    return u * s
