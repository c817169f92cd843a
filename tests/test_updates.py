"""Updates in random parts, for every recommender that has `partial_fit`."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_regressor
from sklearn.exceptions import ConvergenceWarning

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    ItemKNN,
    MetaRegressor,
    MetaRidgeRegressor,
    PopularityRecommender,
)
from sklearn_metarec._history import GrownHistory, History
from sklearn_metarec._vocabulary import Vocabulary, encode_ids
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.testing._assertions import require_same_model, score_table
from sklearn_metarec.testing._tables import seeded
from sklearn_metarec.utils import all_estimators

# What makes a class quick, or cannot be left out.
QUICK = {
    "BPR": {"n_factors": 2, "max_iter": 3},
    "Blend": {"estimators": [("ease", EASE()), ("knn", ItemKNN())]},
    "FMRanker": {"n_factors": 2, "max_iter": 2},
    "FMRegressor": {"n_factors": 2, "max_iter": 6, "burn_in": 2},
    "Fallback": {
        "estimators": [("ease", EASE()), ("popular", PopularityRecommender())]
    },
    "IALS": {"n_factors": 2, "max_iter": 3},
    "MFRegressor": {"n_factors": 2, "max_iter": 3},
    "MetaRegressor": {"embedding_dim": 2, "epochs": 1},
    "MetaRidgeRegressor": {"n_factors": 2, "max_iter": 2},
    "MultVAE": {"embedding_dim": 2, "hidden_dim": 4, "epochs": 1},
    "NeuralRegressor": {"embedding_dim": 2, "hidden_dim": 2, "epochs": 1},
    "PureSVD": {"n_factors": 2},
    "SASRec": {"embedding_dim": 2, "max_length": 4, "epochs": 1},
    "SVDppRegressor": {"n_factors": 2, "max_iter": 3},
    "TwoTower": {"embedding_dim": 2, "hidden_dim": 2, "epochs": 1},
    "WARP": {"n_factors": 2, "max_iter": 3},
}
# Updated through what is in them.
WRAPPERS = ("MetaSelector", "RecommenderPipeline", "StackedRegressor")


def updatable(*, exact):
    found = []
    for name, cls in all_estimators(["ranker", "rating"]):
        if name in WRAPPERS:
            continue
        model = cls(**QUICK.get(name, {}))
        if not hasattr(model, "partial_fit"):
            continue
        if getattr(model, "_partial_fit_exact", True) == exact:
            found.append(model)
    return pytest.mark.parametrize(
        "estimator", found, ids=[type(model).__name__ for model in found]
    )


@st.composite
def parts(draw):
    """Up to four batches of rows: (X, y) each, of few users and items."""
    n = draw(st.integers(4, 40))
    seed = draw(st.integers(0, 2**16))
    n_users, n_items = draw(st.integers(2, 9)), draw(st.integers(3, 8))
    rng = np.random.default_rng(seed)
    users, items = rng.integers(n_users, size=n), rng.integers(n_items, size=n)
    X = np.column_stack([7 * users - 20, 3 * items + 5])
    if draw(st.booleans()):
        # Two digits and three: sorted as text they are in another order.
        X = X.astype(str).astype(object)
    y = rng.integers(1, 6, n).astype(float)
    part = rng.integers(draw(st.integers(1, 4)), size=n)
    part[:2] = 0
    return [(X[part == p], y[part == p]) for p in np.unique(part)]


def in_parts(estimator, batches):
    model = seeded(estimator)
    for X, y in batches:
        model.partial_fit(X, y)
    return model


def at_once(estimator, batches):
    X, y = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    return seeded(estimator).fit(X, y)


@pytest.fixture(autouse=True)
def few_iterations():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@updatable(exact=True)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(batches=parts())
def test_exact_updates_equal_a_refit(estimator, batches):
    updated, refit = in_parts(estimator, batches), at_once(estimator, batches)
    assert_same_pairs(updated, refit)
    require_same_model(refit, updated, type(estimator).__name__)
    if not getattr(estimator, "_history_exact", True):
        return
    # A new user with the rows of a known one is that user.
    user = updated.users_[0]
    X, y = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    own = X[:, 0] == user
    basket = [["nobody yet", item] for item in X[own, 1].tolist()]
    k = len(updated.items_)
    _, scores = refit.recommend([user], k, exclude_seen=False)
    _, folded = updated.recommend(
        ["nobody yet"], k, exclude_seen=False, history=(basket, y[own])
    )
    if "Random" not in type(estimator).__name__:
        assert_allclose(folded, scores, rtol=1e-3, atol=1e-4)


@updatable(exact=False)
@settings(max_examples=4, deadline=None, derandomize=True)
@given(batches=parts())
def test_warm_updates_keep_the_promises(estimator, batches):
    updated = in_parts(estimator, batches)
    assert_same_pairs(updated, at_once(quick_one_like(estimator), batches))
    assert np.isfinite(score_table(updated)).all()
    k = len(updated.items_)
    items, scores = updated.recommend(k=k)
    assert items.shape == scores.shape == (len(updated.users_), k)
    for user, ids, row in zip(updated.users_, items, scores, strict=True):
        there = np.isfinite(row)
        assert (np.diff(row[there]) <= 0).all()
        assert not updated.seen_pairs([user] * there.sum(), ids[there]).any()
        assert there.sum() + updated.history_[[code_of(updated, user)]].nnz == k


def code_of(model, user):
    return int(np.flatnonzero(model.users_ == user)[0])


def quick_one_like(estimator):
    """Something quick that knows the same pairs."""
    return BiasRegressor() if is_regressor(estimator) else PopularityRecommender()


def assert_same_pairs(model, other):
    assert_array_equal(model.users_, other.users_)
    assert_array_equal(model.items_, other.items_)
    for part in ("indptr", "indices", "data"):
        assert_allclose(
            getattr(model.history_, part), getattr(other.history_, part), rtol=1e-6
        )


# ------------------------------------------------------------------- the pairs alone


def history_of(X, y, *, rating=True):
    from sklearn_metarec._history import Rows

    return History.from_rows(Rows(encode_interactions(X), y), rating=rating)


def many_rows(rng, n, users, n_items=30):
    X = np.column_stack([rng.choice(users, n), rng.integers(n_items, size=n)])
    return X, rng.integers(1, 6, n).astype(float)


@pytest.mark.parametrize("rating", [True, False])
def test_small_updates_lie_beside_the_others(rating):
    rng = np.random.default_rng(0)
    batches = [many_rows(rng, 4000, np.arange(0, 400, 2))]
    history = history_of(*batches[0], rating=rating)
    for _ in range(4):  # known users and new ones, between the others too
        batches.append(many_rows(rng, 20, [4, 5, 77, 78, 1000]))
        history = history.merge(history_of(*batches[-1], rating=rating))
        assert isinstance(history, GrownHistory)
    X, y = (np.concatenate(columns) for columns in zip(*batches, strict=True))
    expected = history_of(X, y, rating=rating)
    assert history.n_pairs == expected.n_pairs
    assert "_whole" not in vars(history)
    codes = np.array([2, -1, len(expected.users) - 1, 3, 2])
    for found, right in [
        (history.take(codes), expected.take(codes)),
        (pickle.loads(pickle.dumps(history)), expected),
        (history, expected),
    ]:
        assert_array_equal(found.matrix.toarray(), right.matrix.toarray())
        assert_array_equal(found.matrix.indices, right.matrix.indices)
        if rating:
            assert_allclose(found.weights, right.weights)
    assert history.settled() is history._whole
    assert_array_equal(history.users.ids, expected.users.ids)


def test_large_updates_and_new_items_make_one_matrix():
    rng = np.random.default_rng(0)
    first, more = many_rows(rng, 2000, np.arange(50)), many_rows(rng, 500, range(7, 60))
    assert type(history_of(*first).merge(history_of(*more))) is History
    new_item = np.array([[7, -5]]), np.array([3.0])
    history = history_of(*first)
    grown = history.merge(history_of(*new_item))
    X = np.concatenate([first[0], new_item[0]])
    expected = history_of(X, np.append(first[1], 3.0))
    assert_array_equal(grown.matrix.toarray(), expected.matrix.toarray())
    assert len(history.items) == len(grown.items) - 1  # the old one is as it was


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    first=st.lists(st.integers(-50, 50) | st.text(max_size=2)),
    second=st.lists(st.integers(-50, 50) | st.text(max_size=2)),
)
def test_the_union_of_vocabularies_is_that_of_their_ids(first, second):
    one, two = encode_ids(first)[0], encode_ids(second)[0]
    both = one.union(two)
    assert both.ids.tolist() == encode_ids(first + second)[0].ids.tolist()
    assert isinstance(both, Vocabulary)
    assert_array_equal(both.lookup(both.ids), np.arange(len(both)))


def test_the_union_with_nothing_new_is_the_same():
    vocabulary = encode_ids([3, 1, 2])[0]
    assert vocabulary.union(encode_ids([2, 1])[0]) is vocabulary


def test_seen_pairs_of_an_updated_model():
    rng = np.random.default_rng(0)
    X, y = many_rows(rng, 3000, np.arange(300))
    model = PopularityRecommender().fit(X, y)
    model.partial_fit([[1.5, 3], [1.5, 4], [2, 9]], [1, 1, 1])
    assert model.seen_pairs([1.5, 1.5, 2, 99999], [3, 5, 9, 3]).tolist() == [
        True, False, True, False,
    ]  # fmt: skip


# --------------------------------------------------------------- the meta-learners


@pytest.mark.parametrize(
    "model",
    [
        MetaRidgeRegressor(3, max_iter=3, random_state=0),
        MetaRegressor(embedding_dim=3, epochs=2, random_state=0),
        MetaRegressor("maml", embedding_dim=2, epochs=1, random_state=0),
    ],
    ids=["MetaRidge", "ridge", "maml"],
)
def test_a_new_user_of_a_meta_learner(model):
    import pandas as pd

    rng = np.random.default_rng(0)
    X, y = many_rows(rng, 3000, np.arange(0, 200, 2))
    items = pd.DataFrame({"item_id": np.arange(35), "size": rng.normal(size=35)})
    users = pd.DataFrame({"user_id": np.arange(205), "age": rng.normal(size=205)})
    model.set_params(item_features=items, user_features=users.iloc[:200]).fit(X, y)
    known = model.predict(X)
    basket, stars = [[3, 1], [3, 2], [3, 5]], [5.0, 1.0, 4.0]
    others = X[:, 0] != 3
    folded = model.recommend([3], 35, history=(basket, stars), exclude_seen=False)
    model.partial_fit(basket, stars)
    assert isinstance(model._history(), GrownHistory)
    stored = model.recommend([3], 35, exclude_seen=False)
    assert_array_equal(stored[0], folded[0])
    assert_allclose(stored[1], folded[1], rtol=1e-5)
    assert_allclose(model.predict(X)[others], known[others], rtol=1e-6)
    # A table with one more user, whose features count at once.
    model.set_params(user_features=users)
    model.partial_fit([[204, 1]], [3.0])
    assert model.users_[-1] == 204
    assert_allclose(model.predict(X)[others], known[others], rtol=1e-6)
    assert np.isfinite(model.predict([[203, 1], [204, 2]])).all()
    # An item's first rating; the table knew it.
    model.partial_fit([[3, 33], [4, 33], [6, 33]], [5.0, 5.0, 5.0])
    assert np.isfinite(model.predict([[8, 33]])).all()
