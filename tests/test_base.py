import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_metarec import EASE, BiasRegressor, PopularityRecommender
from sklearn_metarec._scoring import FixedScorer, RowSumScorer, TableScorer
from sklearn_metarec.base import BaseRatingRecommender, BaseRecommender, Explanation
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.interactions import encode_interactions

# ------------------------------------------------------------------ small recommenders


class Neighbourly(BaseRecommender):
    """Item i adds 1 / (1 + |i - j|) to the score of item j: all of it by hand."""

    _parameter_constraints: dict = {}

    def _fit(self, history):
        place = np.arange(len(history.items))
        self.near_ = (1 / (1 + np.abs(np.subtract.outer(place, place)))).astype("f4")

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        return RowSumScorer(profiles.matrix, self.near_)

    def _contributions(self, profiles, col):
        matrix = profiles.matrix
        parts = matrix.data * self.near_[matrix.indices, col]
        return 0.0, matrix.indices, parts, True

    def _item_scorer(self, cols):
        return TableScorer(self.near_[cols])


class Fixed(BaseRecommender):
    """The same scores for all, given by the caller, in the order of the items."""

    _parameter_constraints: dict = {"scores": [list]}

    def __init__(self, scores):
        self.scores = scores

    def _fit(self, history):
        assert len(self.scores) == len(history.items)

    def _make_scorer(self, profiles):
        return FixedScorer(np.array(self.scores, dtype=np.float32))


class MeanRating(BaseRatingRecommender):
    """The mean rating of a user, 3 for those who have none."""

    _parameter_constraints: dict = {}

    def _fit(self, history):
        pass

    def _make_scorer(self, profiles):
        matrix = profiles.matrix
        counts = np.diff(matrix.indptr)
        means = np.where(counts, matrix.sum(axis=1) / np.maximum(counts, 1), 3.0)
        n_items = len(self.items_)
        return TableScorer(np.repeat(means[:, None], n_items, 1).astype(np.float32))


# Users a to d and items 10 to 50; a has 10, 20; b has 20 twice; c has 40; d's row is
# one of strength zero.
X = [["a", 10], ["a", 20], ["b", 20], ["b", 20], ["c", 40], ["d", 50], ["c", 30]]
Y = [1, 1, 1, 1, 1, 0, 2]


@pytest.fixture
def model():
    return Neighbourly().fit(X, Y)


def lists(result):
    """Item ids, without padding."""
    items, scores = result
    return [
        row[there].tolist()
        for row, there in zip(items, np.isfinite(scores), strict=True)
    ]


# ------------------------------------------------------------------------- partial_fit


def test_partial_fit_is_absent_without_an_update():
    assert not hasattr(Fixed([1]), "partial_fit")
    assert not hasattr(Fixed([1]), "similar_items")
    assert not hasattr(Neighbourly(), "similar_users")
    assert hasattr(Neighbourly(), "partial_fit")


def test_partial_fit_adds_rows():
    model = Neighbourly().partial_fit(X[:3], Y[:3]).partial_fit(X[3:], Y[3:])
    once = Neighbourly().fit(X, Y)
    assert_array_equal(model.users_, once.users_)
    assert_array_equal(model.history_.toarray(), once.history_.toarray())
    assert_array_equal(model.predict(X), once.predict(X))


# ---------------------------------------------------------------------- what is learned


def test_strengths_of_a_pair_add_up(model):
    assert model.users_.tolist() == ["a", "b", "c", "d"]
    assert model.items_.tolist() == [10, 20, 30, 40, 50]
    assert model.history_.toarray().tolist() == [
        [1, 1, 0, 0, 0],
        [0, 2, 0, 0, 0],
        [0, 0, 2, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    assert model.history_.nnz == 6  # d has seen item 50, and did not like it


def test_ratings_of_a_pair_are_averaged():
    table = [["a", 1], ["a", 1], ["a", 2]]
    model = MeanRating().fit(table, [1, 4, 5], sample_weight=[2, 1, 7])
    assert model.history_.toarray().tolist() == [[6 / 3, 5]]
    assert model.predict([["a", 1], ["b", 1], ["a", 9]])[1] == 3.0


def test_weights_multiply_strengths_and_zero_is_no_row():
    weight = [1, 0, 2, 3, 1, 0, 0]
    model = Neighbourly().fit(X, Y, weight)
    assert model.users_.tolist() == ["a", "b", "c"]
    assert model.items_.tolist() == [10, 20, 40]
    assert model.history_.toarray().tolist() == [[1, 0, 0], [0, 5, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="at least one non-zero"):
        Neighbourly().fit(X, Y, [0] * 7)


def test_a_coded_table_is_a_table(model):
    coded = encode_interactions(X)
    same = Neighbourly().fit(coded, Y)
    assert_array_equal(same.predict(coded), model.predict(X))
    assert_array_equal(same.recommend(k=2)[0], model.recommend(k=2)[0])


# --------------------------------------------------------------------------- the lists


def test_best_first_without_what_was_seen():
    model = Fixed([1, 5, 3, 4, 2]).fit(X, Y)
    items, scores = model.recommend(["a", "c"], k=3)
    assert items.tolist() == [[40, 30, 50], [20, 50, 10]]
    assert scores.tolist() == [[4, 3, 2], [5, 2, 1]]
    assert scores.dtype == np.float32


def test_seen_items_on_request():
    model = Fixed([1, 5, 3, 4, 2]).fit(X, Y)
    items, _ = model.recommend(["a", "c"], k=2, exclude_seen=False)
    assert items.tolist() == [[20, 40], [20, 40]]


def test_what_was_seen_and_not_liked_is_seen():
    model = Fixed([1, 2, 3, 4, 5]).fit([*X, ["a", 50]], [*Y, 0])
    assert lists(model.recommend(["a", "d"])) == [[40, 30], [20, 10, 30, 40]]


def test_padding_where_there_are_no_further_items():
    model = Fixed([1, 5, 3, 4, 2]).fit(X, Y)
    items, scores = model.recommend(["a"], k=5)
    assert items.tolist() == [[40, 30, 50, -1, -1]]
    assert scores.tolist() == [[4, 3, 2, -np.inf, -np.inf]]
    text = Fixed([1, 2]).fit([["a", "tea"], ["b", "rum"]])
    assert text.recommend(["a"], k=3)[0].tolist() == [["rum", None, None]]


def test_ties_are_in_the_order_of_the_items():
    model = Fixed([0, 1, 0, 1, 0]).fit(X, Y)
    items, _ = model.recommend(["b", "z"], k=5, exclude_seen=False)
    assert items[0].tolist() == [20, 40, 10, 30, 50]


class TestFilters:
    @pytest.fixture
    def fixed(self):
        return Fixed([1, 5, 3, 4, 2]).fit(X, Y)

    def test_only_some_items(self, fixed):
        for items in ([30, 50, 99], np.array([50, 30]), {50, 30}, pd.Series([30, 50])):
            assert lists(fixed.recommend(["a", "c"], items=items)) == [[30, 50], [50]]

    def test_not_some_items(self, fixed):
        for items in ([40, 99], np.array([40]), {40}):
            found = fixed.recommend(["a", "c"], exclude=items)
            assert lists(found) == [[30, 50], [20, 50, 10]]

    def test_only_some_pairs(self, fixed):
        pairs = [["a", 30], ["a", 20], ["c", 50], ["nobody", 10], ["c", 99]]
        for table in (pairs, pd.DataFrame(pairs, columns=["user_id", "item_id"])):
            assert lists(fixed.recommend(["c", "a", "b"], items=table)) == [
                [50],
                [30],
                [],
            ]

    def test_not_some_pairs(self, fixed):
        pairs = pl.DataFrame({"item_id": [40, 50, 20], "user_id": ["a", "a", "c"]})
        found = fixed.recommend(["c", "a"], exclude=pairs)
        assert lists(found) == [[50, 10], [30]]
        found = fixed.recommend(["c", "a"], exclude=pairs, exclude_seen=False)
        assert lists(found) == [[40, 30, 50, 10], [20, 30, 10]]

    def test_all_of_them(self, fixed):
        found = fixed.recommend(
            ["a", "b"], items=[10, 30, 40, 50], exclude=[["b", 40], ["a", 50]]
        )
        assert lists(found) == [[40, 30], [30, 50, 10]]
        found = fixed.recommend(["a", "b"], items=[["b", 40], ["b", 30]], exclude=[30])
        assert lists(found) == [[], [40]]

    def test_nothing_is_left(self, fixed):
        assert lists(fixed.recommend(["a", "b"], items=[])) == [[], []]
        assert lists(fixed.recommend(["a", "b"], items=[99])) == [[], []]
        assert lists(fixed.recommend(["a"], exclude=fixed.items_)) == [[]]
        frame = fixed.recommend(["a"], items=[], as_frame=True)
        assert frame.columns.tolist() == ["user_id", "item_id", "rank", "score"]
        assert len(frame) == 0

    def test_a_single_id_is_not_a_list(self, fixed):
        for ids in ("tea", 10):
            with pytest.raises(ValueError, match=r"For one item pass \[item\]"):
                fixed.recommend(["a"], items=ids)


@pytest.mark.parametrize("k", [0, -1, 2.0, "3", None])
def test_k_is_a_number_of_items(model, k):
    with pytest.raises(ValueError, match="k must be an integer of at least 1"):
        model.recommend(["a"], k=k)
    with pytest.raises(ValueError, match="k must be an integer of at least 1"):
        model.similar_items([10], k=k)


# --------------------------------------------------------------------------- the users


@pytest.mark.parametrize(
    "users",
    [
        ["b", "a"],
        ("b", "a"),
        np.array(["b", "a"]),
        np.array(["b", "a"], dtype=object),
        pd.Series(["b", "a"], index=[5, 5]),
        pd.Index(["b", "a"]),
        pd.Categorical(["b", "a"]),
        pl.Series(["b", "a"]),
    ],
    ids=lambda users: type(users).__name__,
)
def test_users_come_in_any_container(model, users):
    expected = model.recommend(k=3)
    items, scores = model.recommend(users, k=3)
    assert_array_equal(items, expected[0][[1, 0]])
    assert_array_equal(scores, expected[1][[1, 0]])
    frame = model.recommend(users, k=1, as_frame=True)
    assert frame["user_id"].tolist() == ["b", "a"]


@pytest.mark.parametrize("users", ["a", b"a", 3, [["a"]], np.array("a")])
def test_one_user_is_a_list_too(model, users):
    with pytest.raises(ValueError, match=r"pass \[id\]"):
        model.recommend(users)


def test_no_user(model):
    items, scores = model.recommend([], k=3)
    assert items.shape == scores.shape == (0, 3)
    assert len(model.recommend([], as_frame=True)) == 0
    assert model.recommend([], k=2, history=X)[0].shape == (0, 2)


def test_a_user_may_be_asked_for_twice(model):
    options = {"k": 4, "history": [["a", 50], ["new", 40]], "exclude": [["a", 30]]}
    users = ["a", "new", "a", "b", "a"]
    items, scores = model.recommend(users, **options)
    for row, user in enumerate(users):
        one = model.recommend([user], **options)
        assert_array_equal(items[row], one[0][0])
        assert_array_equal(scores[row], one[1][0])
    frame = model.recommend(users, as_frame=True, **options)
    assert list(dict.fromkeys(frame["user_id"])) == ["a", "new", "b"]


def test_all_users_by_default(model):
    assert_array_equal(model.recommend(k=2)[0], model.recommend(model.users_, k=2)[0])
    basket = [["z", 10], ["b", 40]]
    assert_array_equal(
        model.recommend(history=basket)[0],
        model.recommend(["b", "z"], history=basket)[0],
    )


def test_the_long_form(model):
    items, scores = model.recommend(["c", "z"], k=4)
    frame = model.recommend(["c", "z"], k=4, as_frame=True)
    there = np.isfinite(scores)
    assert frame["user_id"].tolist() == np.repeat(["c", "z"], there.sum(1)).tolist()
    assert frame["item_id"].tolist() == items[there].tolist()
    assert frame["score"].tolist() == scores[there].tolist()
    assert frame["rank"].tolist() == [1, 2, 3, 1, 2, 3, 4]


def test_history_is_for_one_call_only(model):
    before = pickle.dumps(model)
    items, scores = model.recommend(["z"], history=([["z", 10]], [3.0]), k=5)
    # Item 10 gives 3 / 2 to its neighbour, 3 / 3 to the next, and so on.
    assert items.tolist() == [[20, 30, 40, 50, -1]]
    assert_allclose(scores[0, :4], [3 / 2, 3 / 3, 3 / 4, 3 / 5], rtol=1e-6)
    assert pickle.dumps(model) == before


def test_history_adds_to_what_is_known(model):
    added = model.recommend(["a"], history=[["a", 40], ["a", 99], ["b", 50]])
    fitted = Neighbourly().fit([*X, ["a", 40]], [*Y, 1]).recommend(["a"])
    assert_array_equal(added[0], fitted[0])
    assert_array_equal(added[1], fitted[1])


def test_rating_models_need_the_ratings_of_a_history():
    model = MeanRating().fit([["a", 1], ["b", 2]], [2, 4])
    with pytest.raises(ValueError, match=r"pass history=\(X, y\)"):
        model.recommend(history=[["z", 1]])
    _, scores = model.recommend(["z"], history=([["z", 1]], [5]), k=1)
    assert scores.tolist() == [[5]]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_context_has_one_row_a_user(model, n):
    context = pd.DataFrame({"hour": range(n)})
    with pytest.raises(ValueError, match=f"context has {n} rows for 2 users"):
        model.recommend(["a", "b"], context=context)
    assert model.recommend(["a", "b"], context=pd.DataFrame({"hour": [1, 2]}))


# ----------------------------------------------------------------------------- the cold


def test_strangers_get_what_is_popular(model):
    # Of four users, one likes item 10, two like 20, one 30, one 40, and none 50.
    with pytest.warns(ColdUsersWarning, match="None of the 2 users is known"):
        items, scores = model.recommend(["z", "y"], k=5)
    assert items.tolist() == [[20, 10, 30, 40, 50]] * 2
    assert scores.tolist() == [[2 / 4, 1 / 4, 1 / 4, 1 / 4, 0]] * 2


def test_who_likes_nothing_gets_what_is_popular(model):
    assert model.recommend(["d"], k=4)[0].tolist() == [[20, 10, 30, 40]]


def test_a_warning_only_where_all_are_strangers(model):
    model.recommend(["a", "z"])
    model.recommend(["z"], history=[["z", 10]])
    model.recommend([])
    for options in ({}, {"history": [["a", 10]]}, {"history": [["z", 99]]}):
        with pytest.warns(
            ColdUsersWarning, match="same type as in fit, object like 'a'"
        ):
            model.recommend(["z"], **options)


def test_a_wrong_type_of_id_is_a_stranger():
    model = Neighbourly().fit([[1, 10], [2, 20]])
    with pytest.warns(ColdUsersWarning, match="int64 like"):
        model.recommend(["1", "2"])
    assert lists(model.recommend([1.0], k=1)) == [[20]]


@pytest.mark.parametrize(
    "estimator",
    [
        Neighbourly(),
        Fixed([3, 1, 4, 1, 5]),
        EASE(1.0),
        PopularityRecommender(),
        MeanRating(),
        BiasRegressor(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_predict_and_recommend_agree(estimator):
    model = estimator.fit(X, Y)
    users = ["a", "z", "d", "c", "b", "a"]
    items, scores = model.recommend(users, k=5, exclude_seen=False)
    assert np.isfinite(scores).all()
    rows = [
        [user, item] for user, row in zip(users, items, strict=True) for item in row
    ]
    predicted = model.predict(rows)
    assert predicted.dtype == np.float64
    assert_allclose(predicted, scores.ravel(), rtol=1e-6)
    # Each row by itself, too.
    alone = [model.predict([row])[0] for row in rows]
    assert_array_equal(predicted, alone)


def test_predict_never_raises_for_what_it_does_not_know(model):
    scores = model.predict([["z", 10], ["a", 99], ["z", 99]])
    assert scores.tolist() == [1 / 4, 0, 0]
    # Item 10 gives 1 / 2 to item 20, which gives 1 / 1 to itself.
    assert model.predict([["a", 20]]).tolist() == [1.5]


def test_seen_pairs(model):
    users = ["a", "a", "d", "z", "c", 7]
    items = [10, 30, 50, 10, 99, 10]
    assert model.seen_pairs(users, items).tolist() == [
        True, False, True, False, False, False,
    ]  # fmt: skip


# ------------------------------------------------------------------ reasons, neighbours


def test_similar_items(model):
    items, scores = model.similar_items([10, 99, 30], k=2)
    assert items.tolist() == [[20, 30], [-1, -1], [20, 40]]
    assert scores.tolist() == [[1 / 2, np.float32(1 / 3)], [-np.inf] * 2, [1 / 2] * 2]
    assert model.similar_items([], k=3)[0].shape == (0, 3)
    with pytest.raises(ValueError, match=r"pass \[id\]"):
        model.similar_items(10)


def test_reasons_add_up(model):
    reasons = model.explain("c", 50)
    assert isinstance(reasons, Explanation)
    # c has 30 with strength 2, two places away, and 40 next to it.
    assert reasons.items.tolist() == [30, 40]
    assert_allclose(reasons.contributions, [2 / 3, 1 / 2])
    assert (reasons.baseline, reasons.exact) == (0.0, True)
    assert reasons.score == pytest.approx(2 / 3 + 1 / 2)
    assert reasons.score == pytest.approx(model.predict([["c", 50]])[0])


def test_reasons_from_history(model):
    reasons = model.explain("z", 10, history=([["z", 30], ["z", 20]], [9, 2]))
    assert reasons.items.tolist() == [30, 20]
    assert_allclose(reasons.contributions, [9 / 3, 2 / 2])


@pytest.mark.parametrize(("user", "item"), [("z", 20), ("d", 20), ("a", 99)])
def test_no_item_made_the_score(model, user, item):
    reasons = model.explain(user, item)
    assert len(reasons.items) == len(reasons.contributions) == 0
    assert reasons.baseline == reasons.score == model.predict([[user, item]])[0]


def test_a_model_that_cannot_explain_says_the_score():
    reasons = Fixed([1, 5, 3, 4, 2]).fit(X, Y).explain("a", 30)
    assert (reasons.score, reasons.baseline, len(reasons.items)) == (3, 3, 0)


# --------------------------------------------------------------- threads, copies, state


def test_many_threads_may_ask_one_model():
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.integers(60, size=900), rng.integers(40, size=900)])
    basket = [[3, 5], ["new", 7]]

    def answers(model):
        items, scores = model.recommend(k=5)
        more = model.recommend([3, "new"], history=basket, exclude=[1, 2], k=4)
        similar = model.similar_items([1, 2], k=3)
        reasons = model.explain(5, 7).contributions
        return [items, scores, *more, *similar, reasons, model.predict(table)]

    for model in (Neighbourly(), EASE(5.0)):
        expected = answers(clone(model).fit(table))
        model.fit(table)  # a fresh one, that no call has warmed up
        with ThreadPoolExecutor(8) as pool:
            found = [pool.submit(answers, model) for _ in range(24)]
        for future in found:
            for ours, theirs in zip(future.result(), expected, strict=True):
                assert_array_equal(ours, theirs)


def test_a_pickle_holds_the_ids_once(model):
    state = model.__getstate__()
    assert {"users_", "items_"}.isdisjoint(state)
    assert "history_" in state
    copy = pickle.loads(pickle.dumps(model))
    for name in ("users_", "items_"):
        assert_array_equal(getattr(copy, name), getattr(model, name))
        assert getattr(copy, name).dtype == getattr(model, name).dtype
    assert copy.users_ is copy._users.ids
    assert_array_equal(copy.predict(X), model.predict(X))


def test_the_state_of_a_model_that_is_not_fitted():
    model = Fixed([1, 2])
    assert model.__getstate__()["scores"] is model.scores
    copy = pickle.loads(pickle.dumps(model))
    assert vars(copy) == vars(model)


def test_ids_of_text_that_a_block_cannot_hold():
    odd = [["a\0", "é"], ["b", 3], ["a\0", "b" * 300]]
    model = Neighbourly().fit(odd)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.users_.tolist() == model.users_.tolist() == ["a\0", "b"]
    assert copy.items_.tolist() == [3, "b" * 300, "é"]


@pytest.mark.parametrize("call", ["predict", "recommend", "explain", "similar_items"])
def test_nothing_without_a_fit(call):
    arguments = {"predict": [X], "recommend": [], "explain": ["a", 1]}.get(call, [[1]])
    with pytest.raises(NotFittedError):
        getattr(Neighbourly(), call)(*arguments)
    with pytest.raises(NotFittedError):
        Neighbourly().seen_pairs(["a"], [1])
    with pytest.raises(NotFittedError):
        Neighbourly().score(X)


def test_score_is_the_mean_ndcg():
    model = Fixed([1, 5, 3, 4, 2]).fit(X, Y)
    # a: the list is 40, 30, 50, and 30 is relevant; b's is 40, 30, 50, 10, with 40.
    score = model.score([["a", 30], ["b", 40], ["a", 10], ["b", 50]], [1, 1, 1, 0])
    assert score == pytest.approx((1 / np.log2(3) + 1) / 2)
    weighted = model.score([["a", 30], ["b", 40]], sample_weight=[3, 1])
    assert weighted == pytest.approx((3 / np.log2(3) + 1) / 4)


def test_rows_without_names_are_user_and_item_after_any_fit():
    frame = pd.DataFrame(X, columns=["user_id", "item_id"]).assign(timestamp=range(7))
    model = Neighbourly().fit(frame[["timestamp", "item_id", "user_id"]], Y)
    expected = Neighbourly().fit(X, Y)
    for rows in (X, np.array(X, dtype=object), frame[["user_id", "item_id"]]):
        assert_array_equal(model.predict(rows), expected.predict(X))
    model.partial_fit([["a", 60]])
    assert 60 in model.items_
    # What has names has to have the right ones, and an array the columns of its fit.
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"item_id": "article"}))
    with pytest.raises(ValueError, match="3 features, but Neighbourly is expecting 2"):
        expected.predict([[*row, 0] for row in X])
