"""Fitted recommenders in a quarter of their size, or less."""

import copy

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._small import (
    SmallMatrix,
    TransposedRows,
    is_sparse,
    shrink,
    widened,
)
from sklearn_metarec._sparse_scoring import PRIOR
from sklearn_metarec._unwrap import INNER, layers
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import make_csr, transpose_csr

__all__ = ["compress"]

_DTYPES = ("float16", "int8")
# Lists of fitted members.
_MEMBERS = ("estimators_", "sources_")
# Row i of the first is what item i adds to the scores of others. The second is its
# transpose, which is then stored no second time.
_SIMILARITIES = {"item_weights_": "_regressions", "_influence": "item_similarity_"}
_FACTORS = (
    "user_factors_", "item_factors_", "implicit_factors_", "user_embeddings_",
    "item_embeddings_",
)  # fmt: skip


def compress(model, dtype="int8", top=None):
    """Return a copy of a fitted recommender that is smaller.

    Factors, item-to-item weights and the weights of neural networks are stored in the
    small type and scored in it: int8 with a scale for each row, by integer products
    where a score is the product of two vectors. A file holds the pairs of the fit in
    fewer bytes, without loss. All else stays as it is: biases, what is computed from
    pairs at each call (`UserKNN`), the neighbours of `ItemKNNRegressor`, the heads of
    users and the draws that `FMRegressor` goes on from, and what is not of this
    package.

    The copy is of the same class, and has the same verbs. The members of an ensemble,
    the recommender at the end of a pipeline and the best one of a search or a
    `MetaSelector` are compressed within it. At eight bits the vectors of users are
    rounded too, call by call: the parts of an explanation by factors add up to the
    score but for that.

    To `fit` the copy, or a clone of it, gives a model in full precision. So does
    `partial_fit`, where there is one: it learns from the pairs, which are exact, and
    where an update goes on from what was learned so far, from the rounded numbers.
    Compress the result again.

    Parameters
    ----------
    model : estimator
        A fitted recommender, or a pipeline or search around one; it is unchanged.
    dtype : {"float16", "int8"}, default="int8"
        The type of the stored numbers.
    top : int, default=None
        How many of the weights or similarities of each item to keep, the largest by
        absolute value; all by default. Models of factors have none.

    Returns
    -------
    compressed : estimator
        The smaller copy; what is not compressed it shares with `model`.

    Raises
    ------
    ValueError
        If `dtype` or `top` has another value.
    TypeError
        If there is no recommender of this package in `model`.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> from sklearn_metarec import EASE, compress
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "milk"],
    ...      ["eva", "tea"], ["joe", "rum"]]
    >>> model = compress(EASE(1.0).fit(X), "int8", top=2)
    >>> model.recommend(["eva"], k=1)[0].tolist()
    [['milk']]
    """
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be one of {_DTYPES}, got {dtype!r}.")
    if top is not None and (not isinstance(top, int | np.integer) or top < 1):
        raise ValueError(f"top must be an integer of at least 1 or None, got {top!r}.")
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    if not _holds_recommender(model):
        raise TypeError(
            "compress takes a fitted recommender of this package, or a pipeline or "
            f"search around one, got {model!r}."
        )
    return _compressed(model, dtype, top)


def _holds_recommender(model):
    return any(isinstance(layer, BaseRecommender) for layer in layers(model))


def _compressed(model, dtype, top):
    """Return a compressed copy; what holds no recommender, such as a tree, itself."""
    if not _holds_recommender(model):
        return model
    smaller = object.__new__(type(model))
    own = vars(smaller)
    own.update(vars(model))
    if "steps" in own:
        # A pipeline fits its steps in place: those in front must not be shared.
        *front, (name, last) = model.steps
        smaller.steps = [*copy.deepcopy(front), (name, _compressed(last, dtype, top))]
    for name in set(INNER) & own.keys():
        own[name] = _compressed(own[name], dtype, top)
    for name in set(_MEMBERS) & own.keys():
        own[name] = [_compressed(member, dtype, top) for member in own[name]]
    if isinstance(model, BaseRecommender):
        _shrink_similarities(smaller, dtype, top)
        _shrink_vectors(smaller, dtype)
        smaller._stored = model._stored.pack()
        if "_gram" in own:
            smaller._gram = None  # the next update adds it up again
        if "_by_length" in own:
            smaller._by_length = None  # the order of the exact vectors
    return smaller


def _shrink_similarities(model, dtype, top):
    for name, transposed in _SIMILARITIES.items():
        rows = vars(model).get(name)
        if not (is_sparse(rows) or _is_dense(rows)):
            continue
        rows = widened(rows)
        if top is not None:
            if not sparse.issparse(rows):
                # What no neighbour decides, popularity does, as in a sparse model.
                model._prior = PRIOR * model._popularity()
            rows = _prune(rows, top)
        small = shrink(rows, dtype)
        setattr(model, name, small)
        if transposed in vars(model):
            setattr(model, transposed, TransposedRows(small))


def _shrink_vectors(model, dtype):
    for name in _FACTORS:
        if _is_dense(vars(model).get(name)):
            setattr(model, name, shrink(widened(getattr(model, name)), dtype))
    weights = vars(model).get("weights_")
    if isinstance(weights, dict):
        model.weights_ = {
            key: shrink(widened(w), dtype) if w.ndim == 2 else w
            for key, w in weights.items()
        }  # fmt: skip


def _is_dense(matrix):
    return isinstance(matrix, np.ndarray | SmallMatrix)


def _prune(rows, top):
    """Return, as compressed rows, the `top` largest entries of each column."""
    by_item = transpose_csr(rows) if sparse.issparse(rows) else rows.T
    n_items = by_item.shape[0]
    kept_cols, kept_data, lengths = [], [], []
    for item in range(n_items):
        if sparse.issparse(by_item):
            part = slice(by_item.indptr[item], by_item.indptr[item + 1])
            cols, data = by_item.indices[part], by_item.data[part]
        else:
            cols = np.flatnonzero(by_item[item]).astype(np.int32)
            data = by_item[item, cols]
        best = np.sort(np.argsort(-np.abs(data), kind="stable")[:top])
        kept_cols.append(cols[best])
        kept_data.append(data[best])
        lengths.append(len(best))
    indptr = np.concatenate(([0], np.cumsum(lengths)))
    pruned = make_csr(
        indptr, np.concatenate(kept_cols), np.concatenate(kept_data), by_item.shape
    )
    return transpose_csr(pruned)
