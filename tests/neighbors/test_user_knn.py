"""UserKNN: the closed form, baskets folded in, and what each item added."""

import numpy as np
import pytest

from sklearn_metarec import ItemKNN, PopularityRecommender, UserKNN
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.model_selection import PerUserShuffleSplit

WEIGHTINGS = ["binary", "log", "tfidf", "bm25", None]


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
    X, y = table
    y = y + np.random.default_rng(0).random(len(y))  # few ties
    model = UserKNN(
        n_neighbors, similarity=similarity, weighting=weighting, shrinkage=shrinkage,
        asymmetry=asymmetry,
    ).fit(X, y)  # fmt: skip
    rows = reference.weighted(model.history_.toarray().astype(float), weighting)
    likeness = reference.similarities(rows, similarity, shrinkage, asymmetry)
    found = np.zeros_like(likeness)
    for row, user in enumerate(model.users_):
        users, values = model.similar_users([user], k=len(model.users_))
        there = np.isfinite(values[0])
        found[row, np.searchsorted(model.users_, users[0][there])] = values[0][there]
    # Ties at the last place are equally right, and equal up to rounding.
    np.testing.assert_allclose(
        -np.sort(-found), -np.sort(-reference.strongest(likeness, n_neighbors)),
        rtol=1e-5,
    )  # fmt: skip
    np.testing.assert_allclose(found[found > 0], likeness[found > 0], rtol=1e-5)
    scores = found @ rows + 1e-6 * (rows > 0).mean(axis=0)
    np.testing.assert_allclose(all_scores(model), scores, rtol=1e-5)


def test_the_answers_of_the_checkerboard(checkerboard):
    model = UserKNN(shrinkage=1).fit(checkerboard.X)
    items, scores = model.recommend(k=1)
    np.testing.assert_array_equal(items[:, 0], checkerboard.answers)
    assert (scores > 0).all()


def test_nobody_is_their_own_neighbour():
    X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["eva", "rum"]]
    model = UserKNN(1, shrinkage=0, asymmetry=0, weighting="binary").fit(X)
    # Bob's only neighbour is Ann, Eva has none, and nobody else has Eva's rum.
    scores = all_scores(model)
    np.testing.assert_allclose(
        scores, np.sqrt(0.5) * np.array([[0, 0, 1], [1, 0, 1], [0, 0, 0]]), atol=1e-6
    )
    # Ann with one more item is Ann: the stored row of hers is no neighbour.
    items, _ = model.similar_users(["ann"], k=2)
    assert items.tolist() == [["bob", None]]
    more = all_scores(model, ["ann"], history=[["ann", "rum"]])
    np.testing.assert_allclose(more, [[0, 0, 1 / np.sqrt(3)]], atol=1e-6)


def test_ties_go_to_the_first_users():
    X = [["a", 1], ["b", 1], ["c", 1], ["d", 1], ["b", 2], ["c", 3], ["d", 4]]
    model = UserKNN(2, weighting="binary").fit(X)
    assert model.similar_users(["a"], k=3)[0].tolist() == [["b", "c", None]]
    assert (model.predict([["a", 2], ["a", 3]]) > 0.1).all()
    assert model.predict([["a", 4]]) < 1e-6


@pytest.mark.parametrize("weighting", ["binary", "log", None])
@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_history_equals_a_fit_with_those_rows(table, similarity, weighting):
    X, y = table
    model = UserKNN(6, similarity=similarity, weighting=weighting, shrinkage=0)
    own = X[:, 0] == 17
    others = model.fit(X[~own], y[~own])
    assert set(X[own, 1]) <= set(others.items_)
    folded_in = all_scores(others, [17], history=(X[own], y[own]))
    fitted = all_scores(UserKNN(**model.get_params()).fit(X, y), [17])
    # But for the popularity in it, which one user more has changed.
    np.testing.assert_allclose(folded_in, fitted, rtol=1e-6, atol=1e-7)


def test_further_rows_of_a_known_user_count_beside_those_of_the_fit(table):
    X, y = table
    rest = (X[:, 0] != 17) | (X[:, 1] % 3 > 0)
    settings = {"weighting": "binary", "shrinkage": 1.0}
    model = UserKNN(6, **settings).fit(X[rest], y[rest])
    found = all_scores(model, [17], history=(X[~rest], y[~rest]))
    expected = all_scores(UserKNN(6, **settings).fit(X, y), [17])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_what_the_items_of_a_user_added(table, similarity, weighting):
    X, y = table
    model = UserKNN(6, similarity=similarity, weighting=weighting).fit(X, y)
    for user in (3, 11):
        for item in (0, 5, 20):
            reason = model.explain(user, item)
            assert reason.exact
            share = (model.history_[:, [item]] > 0).sum() / len(model.users_)
            np.testing.assert_allclose(reason.baseline, 1e-6 * share, rtol=1e-6)
            assert set(reason.items) == set(X[X[:, 0] == user, 1])
            assert (reason.contributions >= 0).all()
            np.testing.assert_allclose(
                reason.baseline + reason.contributions.sum(), reason.score, rtol=1e-5
            )
            np.testing.assert_array_equal(reason.score, model.predict([[user, item]]))


def test_an_item_in_common_with_no_neighbour_adds_nothing():
    X = [["ann", "tea"], ["ann", "ale"], ["bob", "tea"], ["bob", "milk"]]
    X += [["bob", "rum"], ["eva", "rum"]]
    reason = (
        UserKNN(weighting="binary", shrinkage=0, asymmetry=0)
        .fit(X)
        .explain("ann", "milk")
    )
    assert reason.items.tolist() == ["tea", "ale"]
    np.testing.assert_allclose(reason.contributions, [1 / np.sqrt(6), 0])
    nobody_has = UserKNN().fit(X).explain("ann", "ale")
    assert nobody_has.score == nobody_has.baseline
    assert (nobody_has.contributions == 0).all()


def test_a_user_without_neighbours():
    model = UserKNN().fit([["ann", "tea"], ["bob", "tea"], ["joe", "rum"]])
    reason = model.explain("joe", "tea")
    assert reason.items.tolist() == ["rum"]
    assert reason.contributions.tolist() == [0.0]
    np.testing.assert_allclose(reason.score, 1e-6 * 2 / 3)


@pytest.mark.parametrize("model", [ItemKNN(), UserKNN()])
def test_where_no_neighbour_has_an_item_it_is_popularity(model):
    X = [["ann", "ale"], ["ann", "gin"], ["bob", "tea"], ["eva", "gin"], ["eva", "tea"]]
    X += [["zoe", "tea"], ["joe", "rum"], ["joe", "ale"]]
    items, scores = model.fit(X).recommend(["joe"], k=4)
    # Ann, who has ale too, has gin. More have tea.
    assert items.tolist() == [["gin", "tea", None, None]]
    assert scores[0, 0] > 1e-3
    np.testing.assert_allclose(scores[0, 1], 1e-6 * 3 / 5)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_partial_fit_equals_a_fit_on_all_rows(table, weighting):
    X, y = table
    old = X[:, 0] < 25
    model = UserKNN(5, weighting=weighting).fit(X[old], y[old])
    model.partial_fit(X[~old], y[~old])
    whole = UserKNN(5, weighting=weighting).fit(X, y)
    np.testing.assert_array_equal(all_scores(model), all_scores(whole))


def test_row_order_threads_and_company_change_nothing(table):
    X, y = table
    shuffled = np.random.default_rng(1).permutation(len(X))
    model = UserKNN(5, n_jobs=1).fit(X, y)
    other = UserKNN(5, n_jobs=2).fit(X[shuffled], y[shuffled])
    together = all_scores(model)
    np.testing.assert_array_equal(all_scores(other), together)
    for row in (0, 13):
        alone = all_scores(model, model.users_[[row]])
        np.testing.assert_array_equal(alone[0], together[row])


def test_read_only_input(table):
    X, y = (array.copy() for array in table)
    X.flags.writeable = y.flags.writeable = False
    model = UserKNN(5).fit(X, y)
    np.testing.assert_array_equal(all_scores(model), all_scores(UserKNN(5).fit(*table)))


@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_one_user_or_one_item(similarity):
    model = UserKNN(similarity=similarity).fit([["ann", "tea"], ["ann", "milk"]])
    np.testing.assert_allclose(model.predict([["ann", "tea"]]), 1e-6)
    model = UserKNN(similarity=similarity).fit([["ann", "tea"], ["bob", "tea"]])
    items, scores = model.recommend(["ann"], k=2)
    assert items.tolist() == [[None, None]]
    assert (scores == -np.inf).all()
    assert model.predict([["ann", "tea"]])[0] > 0.01


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_seen_but_not_liked_is_no_likeness(weighting):
    X = [
        ["ann", "tea"],
        ["ann", "milk"],
        ["bob", "tea"],
        ["bob", "rum"],
        ["eva", "rum"],
    ]
    model = UserKNN(weighting=weighting).fit(X, [1, 1, 1, 0, 0])
    assert (model.predict([["ann", "rum"], ["bob", "rum"]]) < 1e-6).all()
    assert model.similar_users(["eva"], k=1)[0].tolist() == [[None]]
    # Eva has nothing that she likes: she gets what most like.
    assert model.recommend(["eva"], k=1)[0].tolist() == [["tea"]]


def test_it_beats_popularity_on_real_data():
    X, _ = load_movietweetings(return_X_y=True, as_frame=True)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    models = UserKNN(), PopularityRecommender()
    ours, theirs = (m.fit(X.iloc[train]).score(X.iloc[test]) for m in models)
    assert ours > 1.1 * theirs
