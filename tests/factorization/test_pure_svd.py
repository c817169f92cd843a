"""PureSVD: the projection of NumPy's decomposition, folding in, reasons, real data."""

import json
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_metarec import EASE, PureSVD
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import PerUserShuffleSplit

GOLDEN = Path(__file__).parent.parent / "golden" / "pure_svd.json"
ENTRIES = {"binary": lambda s: s > 0, "log": np.log1p, None: lambda s: s}


@pytest.fixture
def table():
    """Pairs of 40 users and 25 items, some repeated, one in five of strength zero."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, [40, 25], (500, 2))
    return X, rng.integers(0, 5, 500).astype(float)


def scores_of(model, users=None, **options):
    """Return the scores of all items, in the order of `items_`."""
    n_items = len(model.items_)
    items, scores = model.recommend(users, k=n_items, exclude_seen=False, **options)
    return np.take_along_axis(scores, np.argsort(items, axis=1), axis=1)


@pytest.mark.parametrize("weighting", ["binary", "log", None])
@pytest.mark.parametrize("n_factors", [1, 3, 8])
def test_scores_are_those_of_the_truncated_decomposition(table, weighting, n_factors):
    model = PureSVD(n_factors, weighting=weighting, random_state=0).fit(*table)
    strengths = model.history_.toarray().astype(float)
    U, s, Vt = np.linalg.svd(ENTRIES[weighting](strengths).astype(float))
    expected = (U[:, :n_factors] * s[:n_factors]) @ Vt[:n_factors]
    np.testing.assert_allclose(model.singular_values_, s[:n_factors], rtol=1e-3)
    np.testing.assert_allclose(scores_of(model), expected, atol=0.02 * expected.max())
    V = model.item_factors_
    np.testing.assert_allclose(V.T @ V, np.eye(n_factors), atol=1e-5)


def test_with_all_factors_the_matrix_is_reproduced(table):
    X, y = table
    model = PureSVD(100, weighting=None, random_state=0).fit(X, y)
    assert model.item_factors_.shape == (25, 25)
    np.testing.assert_allclose(scores_of(model), model.history_.toarray(), atol=1e-4)
    one_user = PureSVD(weighting="binary", random_state=0).fit(
        [["ann", "tea"], ["ann", "rum"]]
    )
    assert one_user.item_factors_.shape == (2, 1)
    np.testing.assert_allclose(scores_of(one_user), [[1, 1]], rtol=1e-5)


@pytest.mark.parametrize("weighting", ["binary", "log", "tfidf", "bm25", None])
def test_a_new_user_with_the_rows_of_a_known_one(table, weighting):
    X, y = table
    model = PureSVD(4, weighting=weighting, random_state=0).fit(X, y)
    for user in (3, 11):
        own = X[:, 0] == user
        rows = np.column_stack([np.full(own.sum(), -1), X[own, 1]])
        folded = scores_of(model, [-1], history=(rows, y[own]))
        np.testing.assert_allclose(folded, scores_of(model, [user]), rtol=1e-5)


def test_scores_are_linear_in_the_history(table):
    model = PureSVD(4, weighting="binary", random_state=0).fit(*table)
    one, other = (scores_of(model, [-1], history=[[-1, item]]) for item in (2, 9))
    both = scores_of(model, [-1], history=[[-1, 2], [-1, 9]])
    np.testing.assert_allclose(one + other, both, rtol=1e-5, atol=1e-7)
    V = model.item_factors_
    np.testing.assert_allclose(one[0], V @ V[2], rtol=1e-5, atol=1e-7)


def test_reasons_add_up(table):
    X, y = table
    model = PureSVD(4, weighting="log", random_state=0).fit(X, y)
    user, item = X[0, 0], 7
    reasons = model.explain(user, item)
    assert reasons.exact
    assert reasons.baseline == 0
    assert set(reasons.items) == set(X[(X[:, 0] == user) & (y > 0), 1])
    np.testing.assert_allclose(reasons.contributions.sum(), reasons.score, rtol=1e-4)
    assert reasons.score == model.predict([[user, item]])


def test_the_seed_decides_but_little_depends_on_it():
    X, y = make_interactions(300, 120, 6000, random_state=0)
    shuffled = np.random.default_rng(1).permutation(len(X))
    first = PureSVD(8, random_state=0).fit(X, y)
    again = PureSVD(8, random_state=0).fit(X[shuffled], y[shuffled])
    other = PureSVD(8, random_state=1).fit(X, y)
    np.testing.assert_array_equal(first.item_factors_, again.item_factors_)
    np.testing.assert_array_equal(first.user_factors_, again.user_factors_)
    assert not np.array_equal(first.item_factors_, other.item_factors_)
    np.testing.assert_allclose(
        first.singular_values_, other.singular_values_, rtol=1e-2
    )
    with threadpool_limits(1, "blas"):
        alone = PureSVD(8, random_state=0).fit(X, y)
    np.testing.assert_array_equal(first.item_factors_, alone.item_factors_)


@pytest.mark.parametrize("weighting", ["binary", "bm25", None])
def test_partial_fit_equals_a_fit_on_all_rows(table, weighting):
    X, y = table
    model = PureSVD(4, weighting=weighting, random_state=0)
    model.fit(X[:200], y[:200]).partial_fit(X[200:], y[200:])
    whole = PureSVD(4, weighting=weighting, random_state=0).fit(X, y)
    np.testing.assert_allclose(scores_of(model), scores_of(whole), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("ask", "factors"),
    [("similar_items", "item_factors_"), ("similar_users", "user_factors_")],
)
def test_similarities_are_cosines(table, ask, factors):
    model = PureSVD(4, random_state=0).fit(*table)
    vectors = getattr(model, factors).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similar, scores = getattr(model, ask)([5, -1], k=4)
    cosines = vectors @ vectors[5]
    cosines[5] = -np.inf
    np.testing.assert_array_equal(similar[0], np.argsort(-cosines)[:4])
    np.testing.assert_allclose(scores[0], -np.sort(-cosines)[:4], rtol=1e-5)
    assert (scores[1] == -np.inf).all()


def test_the_answers_of_the_checkerboard(checkerboard):
    model = PureSVD(2, weighting="binary", random_state=0).fit(checkerboard.X)
    items, scores = model.recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)
    # A user has 9 of the 10 items of a parity, which are one singular vector.
    np.testing.assert_allclose(scores, 0.9, rtol=1e-4)


def golden():
    """What tests/golden/pure_svd.json holds; to write it: `make_golden()`."""
    X, y = make_interactions(200, 60, 3000, random_state=0)
    model = PureSVD(4, random_state=0).fit(X, y)
    items, scores = model.recommend(model.users_[:3], k=3)
    return {
        "singular_values": model.singular_values_.astype(float).tolist(),
        "items": items.tolist(),
        "scores": scores.astype(float).tolist(),
    }


def make_golden():
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")


def test_golden():
    expected, found = json.loads(GOLDEN.read_text(encoding="utf-8")), golden()
    assert found["items"] == expected["items"]
    for key in ("singular_values", "scores"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-3)


# The rank and the weighting were found on parts of the training parts.
def test_how_far_it_is_behind_ease_on_movielens(load_table):
    table = load_table("movielens_100k")[["user_id", "item_id"]]
    binary = PureSVD(12, weighting="binary", random_state=0)
    models = [EASE(500), binary, PureSVD(random_state=0)]
    scores = []
    for seed in range(3):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        train, test = table.iloc[train], table.iloc[test]
        scores.append([model.fit(train).score(test) for model in models])
    ease, best, default = np.mean(scores, axis=0)
    assert best >= 0.92 * ease
    assert default >= 0.88 * ease
