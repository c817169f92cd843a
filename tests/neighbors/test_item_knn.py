"""ItemKNN: the closed form, what each item added, new rows, and how good it is."""

import tracemalloc

import numpy as np
import pytest

from sklearn_metarec import EASE, ItemKNN
from sklearn_metarec.model_selection import PerUserShuffleSplit

WEIGHTINGS = ["binary", "log", "tfidf", "bm25", None]


def history_weights(strengths, weighting):
    """What each of a user's items counts, for a dense matrix of strengths."""
    if weighting == "binary":
        return (strengths > 0).astype(float)
    return strengths if weighting is None else np.log1p(strengths)


def all_scores(model, users=None, **options):
    """The scores of all items, in the order of `items_`."""
    n_items = len(model.items_)
    users = model.users_ if users is None else users
    items, scores = model.recommend(users, k=n_items, exclude_seen=False, **options)
    return np.take_along_axis(scores, np.argsort(items, axis=1), axis=1)


@pytest.mark.parametrize("n_neighbors", [4, 100])
@pytest.mark.parametrize(("shrinkage", "asymmetry"), [(0, 0), (3.0, 0.5), (0, 1)])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_equals_the_closed_form(
    table, reference, similarity, weighting, shrinkage, asymmetry, n_neighbors
):
    model = ItemKNN(
        n_neighbors, similarity=similarity, weighting=weighting, shrinkage=shrinkage,
        asymmetry=asymmetry,
    ).fit(*table)  # fmt: skip
    strengths = model.history_.toarray().astype(float)
    columns = reference.weighted(strengths.T, weighting)
    expected = reference.similarities(columns, similarity, shrinkage, asymmetry)
    found = model.item_similarity_.toarray()
    # Ties at the last place are equally right, and equal up to rounding.
    np.testing.assert_allclose(
        -np.sort(-found), -np.sort(-reference.strongest(expected, n_neighbors)),
        rtol=1e-5,
    )  # fmt: skip
    np.testing.assert_allclose(found[found > 0], expected[found > 0], rtol=1e-5)
    scores = history_weights(strengths, weighting) @ found.T
    scores += 1e-6 * (strengths > 0).mean(axis=0)
    np.testing.assert_allclose(all_scores(model), scores, rtol=1e-5)


def test_row_j_holds_the_neighbours_of_j_in_order():
    # 1 and 2 have the same users, and so are equally similar to any other item; a
    # single neighbour is then the lower of them. 3 is the neighbour of none.
    baskets = {0: "ab", 1: "abcd", 2: "abcd", 3: "d"}
    X = [[user, item] for item, users in baskets.items() for user in users]
    similarity = ItemKNN(1, shrinkage=0, asymmetry=0).fit(X).item_similarity_
    np.testing.assert_array_equal(similarity.indices, [1, 2, 1, 1])
    np.testing.assert_allclose(similarity.data, [2 / np.sqrt(8), 1, 1, 0.5])
    assert similarity.has_sorted_indices


def test_asymmetry_of_one_is_a_share_of_users():
    X = [
        ["ann", "tea"],
        ["ann", "milk"],
        ["bob", "tea"],
        ["eva", "tea"],
        ["eva", "milk"],
    ]
    similarity = ItemKNN(asymmetry=1, shrinkage=0).fit(X).item_similarity_.toarray()
    # Two of three who have tea have milk; both who have milk have tea.
    np.testing.assert_allclose(similarity, [[0, 2 / 3], [1, 0]], rtol=1e-6)


def test_the_answers_of_the_checkerboard(checkerboard):
    model = ItemKNN(shrinkage=1).fit(checkerboard.X)
    items, scores = model.recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)
    assert (scores > 0).all()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_partial_fit_equals_a_fit_on_all_rows(table, weighting):
    X, y = table
    old, new = slice(0, 300), slice(300, None)
    model = ItemKNN(5, weighting=weighting, shrinkage=2)
    model.fit(X[old], y[old]).partial_fit(X[new], y[new])
    whole = ItemKNN(5, weighting=weighting, shrinkage=2).fit(X, y)
    assert (model.item_similarity_ != whole.item_similarity_).nnz == 0
    np.testing.assert_array_equal(all_scores(model), all_scores(whole))


def test_partial_fit_with_new_users_and_items(table):
    X, _ = table
    few = (X < 12).all(axis=1)
    model = ItemKNN(5).fit(X[few]).partial_fit(X[~few])
    whole = ItemKNN(5).fit(X)
    np.testing.assert_array_equal(model.items_, whole.items_)
    assert (model.item_similarity_ != whole.item_similarity_).nnz == 0


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_history_takes_the_place_of_the_rows_of_the_fit(table, weighting):
    X, y = table
    model = ItemKNN(6, weighting=weighting, shrinkage=2).fit(X, y)
    before = model.item_similarity_.copy()
    own = X[:, 0] == 7
    basket = np.column_stack([np.full(own.sum(), 1000), X[own, 1]])
    found = all_scores(model, [1000], history=(basket, y[own]))
    # The model knows the same of the items: only whose basket it is has changed.
    np.testing.assert_array_equal(found, all_scores(model, [7]))
    # More rows of a known user count beside those of the fit.
    more = [[7, model.items_[0]], [7, model.items_[4]]]
    union = np.concatenate([basket, [[1000, item] for _, item in more]])
    np.testing.assert_allclose(
        all_scores(model, [7], history=(more, [2, 3])),
        all_scores(model, [1000], history=(union, [*y[own], 2, 3])),
        rtol=1e-6,
    )
    assert (model.item_similarity_ != before).nnz == 0


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_what_the_items_of_a_user_added(table, weighting):
    X, y = table
    model = ItemKNN(6, weighting=weighting, shrinkage=2).fit(X, y)
    for user in (3, 11):
        for item in (0, 5, 20):
            reason = model.explain(user, item)
            assert reason.exact
            share = (model.history_[:, [item]] > 0).sum() / len(model.users_)
            np.testing.assert_allclose(reason.baseline, 1e-6 * share, rtol=1e-6)
            assert set(reason.items) == set(X[X[:, 0] == user, 1])
            assert (np.diff(reason.contributions) <= 0).all()
            np.testing.assert_allclose(
                reason.baseline + reason.contributions.sum(), reason.score, rtol=1e-5
            )
            np.testing.assert_array_equal(reason.score, model.predict([[user, item]]))


def test_without_an_item_its_contribution_is_gone(table):
    X, _ = table
    model = ItemKNN(6, shrinkage=2).fit(X)
    reason = model.explain("new", 5, history=[["new", 2], ["new", 7], ["new", 9]])
    rest = model.explain("new", 5, history=[["new", 7], ["new", 9]])
    added = dict(zip(reason.items.tolist(), reason.contributions, strict=True))[2]
    np.testing.assert_allclose(reason.score - added, rest.score, rtol=1e-6)


def test_similar_items_are_the_neighbours(table):
    X, _ = table
    model = ItemKNN(4, shrinkage=2).fit(X)
    items, scores = model.similar_items([9, "?", 3], k=6)
    assert (items[1] == -1).all()
    for row, item in ((0, 9), (2, 3)):
        similarity = model.item_similarity_[[item]].toarray()[0]
        order = np.argsort(-similarity, kind="stable")[:4]
        np.testing.assert_array_equal(items[row], [*order, -1, -1])
        np.testing.assert_array_equal(
            scores[row], [*similarity[order], -np.inf, -np.inf]
        )


def test_row_order_and_threads_change_nothing(table):
    X, y = table
    shuffled = np.random.default_rng(1).permutation(len(X))
    models = [
        ItemKNN(5, n_jobs=1).fit(X, y),
        ItemKNN(5, n_jobs=2).fit(X[shuffled], y[shuffled]),
    ]
    first, second = (model.item_similarity_ for model in models)
    assert (first != second).nnz == 0
    np.testing.assert_array_equal(*(all_scores(model) for model in models))


def test_read_only_input(table):
    X, y = (array.copy() for array in table)
    X.flags.writeable = y.flags.writeable = False
    model = ItemKNN(5).fit(X, y)
    np.testing.assert_array_equal(all_scores(model), all_scores(ItemKNN(5).fit(*table)))


@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_one_user_or_one_item(similarity):
    model = ItemKNN(similarity=similarity).fit([["ann", "tea"], ["ann", "milk"]])
    assert model.item_similarity_.nnz == 2
    model = ItemKNN(similarity=similarity).fit([["ann", "tea"], ["bob", "tea"]])
    assert model.item_similarity_.nnz == 0
    items, scores = model.recommend(["ann"], k=2)
    assert items.tolist() == [[None, None]]
    assert (scores == -np.inf).all()
    np.testing.assert_allclose(model.predict([["ann", "tea"]]), 1e-6)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_seen_but_not_liked_is_no_likeness(weighting):
    X = [
        ["ann", "tea"],
        ["ann", "milk"],
        ["bob", "tea"],
        ["bob", "rum"],
        ["eva", "rum"],
    ]
    model = ItemKNN(weighting=weighting).fit(X, [1, 1, 1, 0, 0])
    rum = model.items_.tolist().index("rum")
    assert model.item_similarity_[[rum]].nnz == 0
    # Eva has nothing that she likes: she gets what most like.
    assert model.recommend(["eva"], k=1)[0].tolist() == [["tea"]]


def test_no_square_of_the_catalogue_is_made():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 3000, 30_000), rng.permutation(30_000)])
    ItemKNN(5).fit(X[:100])  # compiles
    tracemalloc.start()
    try:
        ItemKNN(5, n_jobs=2).fit(X).recommend(X[:5, 0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40e6  # a dense square would be 3.6e9 bytes


def test_it_comes_near_ease_on_movielens(load_table):
    table = load_table("movielens_100k")[["user_id", "item_id"]]
    ours, ease = [], []
    for seed in range(5):
        train, test = next(PerUserShuffleSplit(random_state=seed).split(table))
        ours.append(ItemKNN().fit(table.iloc[train]).score(table.iloc[test]))
        ease.append(EASE(500).fit(table.iloc[train]).score(table.iloc[test]))
    assert np.mean(ours) >= 0.85 * np.mean(ease)
