"""Wrong and extreme input: the error that names it, or the fallback."""

import re
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone, is_regressor
from sklearn.exceptions import DataConversionWarning, NotFittedError

from sklearn_metarec import BiasRegressor, Blend, PopularityRecommender
from sklearn_metarec.exceptions import ColdUsersWarning, ColumnsWarning
from sklearn_metarec.utils import all_estimators

NAN, INF = np.nan, np.inf

# What takes long with its defaults.
QUICK = {"StackedRegressor": {"estimators": [("bias", BiasRegressor())]}}
RECOMMENDERS = [
    cls(**QUICK.get(name, {})) for name, cls in all_estimators(["ranker", "rating"])
]
every_recommender = pytest.mark.parametrize(
    "estimator", RECOMMENDERS, ids=lambda estimator: type(estimator).__name__
)

X = [[1, 10], [1, 20], [2, 10], [2, 30], [3, 20]]
Y = [4.0, 2.0, 5.0, 1.0, 3.0]


def frame(**columns):
    return pd.DataFrame(columns)


def rows(params):
    """One test a row; the first entry is what it is called."""
    return [pytest.param(*row[1:], id=row[0]) for row in params]


# ----------------------------------------------------------- tables that cannot be read

CLEAN = "clean_interactions"  # what the message sends to

BAD_TABLES = [
    ("an empty list", [], ValueError, "array=[]"),
    ("an empty array", np.empty((0, 2)), ValueError, "0 sample(s)"),
    ("an empty frame", frame(user_id=[], item_id=[]), ValueError, "0 sample(s)"),
    (
        "an empty frame without names",
        frame().reindex(columns=[0, 1]),
        ValueError,
        "0 sample(s)",
    ),
    (
        "an empty polars frame",
        pl.DataFrame({"user_id": [], "item_id": []}),
        ValueError,
        "0 sample(s)",
    ),
    ("a text", "abc", ValueError, "got scalar array"),
    ("a list of ids", [1, 2], ValueError, "got 1D array"),
    ("a 1-d array", np.arange(3), ValueError, "got 1D array"),
    ("a series", pd.Series([1, 2]), ValueError, "X is one column"),
    ("a 3-d array", np.ones((2, 2, 2)), ValueError, "array with dim 3"),
    ("one column", np.ones((3, 1)), ValueError, "1 feature(s)"),
    ("one column of a list", [[1], [2]], ValueError, "1 feature(s)"),
    ("one column of a frame", frame(user_id=[1]), ValueError, "a user and an item"),
    ("rows of two lengths", [[1, 2], [3]], ValueError, "inhomogeneous"),
    (
        "no item column",
        frame(user_id=[1], time=[2]),
        ValueError,
        "no item column; its columns are ['user_id', 'time']. Name one item_id",
    ),
    (
        "two columns of a name",
        pd.DataFrame([[1, 2, 3]], columns=["user_id", "user_id", "item_id"]),
        ValueError,
        "'user_id' 2 times",
    ),
    (
        "a sparse matrix",
        sparse.csr_array(np.eye(3)),
        TypeError,
        "X, y = interactions_from_matrix(matrix)",
    ),
    (
        "ratings among the columns",
        frame(user_id=[1], item_id=[2], Rating=[3.0]),
        ValueError,
        "'Rating'. Ratings are the target: drop the column from X and pass it as y",
    ),
    ("NaN as a user", [[1.0, 2.0], [NAN, 3.0]], ValueError, "nan at row 1"),
    ("inf as an item", np.array([[1, 2], [3, INF]]), ValueError, "inf at row 1"),
    ("-inf as an item", np.array([[1, -INF], [3, 4]]), ValueError, "-inf at row 0"),
    ("None as a user", [["a", "b"], [None, "c"]], ValueError, "None) at row 1"),
    ("NaN among strings", [["a", "b"], ["c", NAN]], ValueError, "item_id contains NaN"),
    (
        "NA in a nullable column",
        frame(user_id=pd.array([1, None], dtype="Int64"), item_id=[1, 2]),
        ValueError,
        "user_id contains NaN",
    ),
    (
        "null in a polars column",
        pl.DataFrame({"user_id": ["a", None], "item_id": [1, 2]}),
        ValueError,
        "None) at row 1",
    ),
    (
        "NaT as a user",
        frame(user_id=pd.to_datetime(["2020-01-01", None]), item_id=[1, 2]),
        ValueError,
        "NaT",
    ),
    ("a list as an id", [[[1], 2], [[3], 4]], TypeError, "got [1] of type list"),
    ("a dict as an id", [[{"a": 1}, 2], [3, 4]], TypeError, "of type dict"),
    (
        "ids without an order",
        [[(1,), 2], [("a",), 4]],
        TypeError,
        "Use integers, strings, or a mix of the two",
    ),
    ("complex ids", np.array([[1j, 2], [3, 4]]), ValueError, "Complex data"),
    (
        "a missing time",
        frame(user_id=[1, 2], item_id=[1, 2], timestamp=[1.0, NAN]),
        ValueError,
        "timestamp is missing at row 1",
    ),
    (
        "a missing date",
        frame(user_id=[1, 2], item_id=[1, 2], time=pd.to_datetime(["2020", None])),
        ValueError,
        "timestamp is missing at row 1",
    ),
    (
        "a time that is none",
        frame(user_id=[1, 2], item_id=[1, 2], time=["2020-01-01", "soon"]),
        ValueError,
        "Use numbers, datetime64 or ISO 8601 text",
    ),
]


@every_recommender
@pytest.mark.parametrize(("table", "error", "message"), rows(BAD_TABLES))
def test_a_table_that_cannot_be_read(estimator, table, error, message):
    n_rows = table.shape[0] if hasattr(table, "shape") else len(table)
    with pytest.raises(error, match=re.escape(message)):
        clone(estimator).fit(table, np.ones(n_rows))


@pytest.mark.parametrize(
    "table",
    [[[NAN, 1.0]], [["a", None]], frame(user_id=["a"], item_id=[None])],
)
def test_missing_ids_are_sent_to_the_cleaning(table):
    with pytest.raises(ValueError, match=CLEAN):
        PopularityRecommender().fit(table)


# ------------------------------------------------------------------ targets and weights

BAD_TARGETS = [
    ("too short", Y[:3], ValueError, "inconsistent numbers of samples: [5, 3]"),
    ("two columns", np.ones((5, 2)), ValueError, "(5, 2)"),
    ("a column", np.ones((5, 1)), DataConversionWarning, "ravel()"),
    ("text", list("abcde"), ValueError, "could not convert string to float: 'a'"),
    ("NaN", [1, 2, NAN, 3, 4], ValueError, "y contains NaN or inf: nan at row 2"),
    ("inf", [1, 2, 3, INF, 4], ValueError, "y contains NaN or inf: inf at row 3"),
    ("None", [1, None, 2, 3, 4], ValueError, "y contains NaN"),
]

BAD_WEIGHTS = [
    ("too short", [1, 1], ValueError, "expected (5,)"),
    ("negative", [1, 1, -1, 1, 1], ValueError, "Negative values"),
    ("NaN", [1, 1, NAN, 1, 1], ValueError, "sample_weight contains NaN"),
    ("inf", [1, 1, INF, 1, 1], ValueError, "sample_weight contains infinity"),
    ("all zero", [0] * 5, ValueError, "at least one non-zero"),
    ("two columns", np.ones((5, 2)), ValueError, "1D array or scalar, got 2D array"),
    ("text", list("abcde"), ValueError, "could not convert string to float"),
]


@every_recommender
@pytest.mark.parametrize(("y", "error", "message"), rows(BAD_TARGETS))
def test_a_bad_target(estimator, y, error, message):
    with pytest.raises(error, match=re.escape(message)):
        clone(estimator).fit(X, y)


@every_recommender
@pytest.mark.parametrize(("weight", "error", "message"), rows(BAD_WEIGHTS))
def test_bad_weights(estimator, weight, error, message):
    with pytest.raises(error, match=re.escape(message)):
        clone(estimator).fit(X, Y, sample_weight=weight)


@every_recommender
def test_the_sign_and_the_presence_of_the_target(estimator):
    model = clone(estimator)
    if is_regressor(model):
        with pytest.raises(ValueError, match="pass the ratings as y"):
            model.fit(X)
        assert np.isfinite(model.fit(X, [-4, -2, -5, -1, -3]).predict(X)).all()
        return
    with pytest.raises(ValueError, match=r"negative: -1.0 at row 2.*y=\(rating >="):
        model.fit(X, [1, 2, -1, 3, 4])
    assert np.isfinite(model.fit(X).predict(X)).all()


# ------------------------------------------------- what a fitted model cannot be asked

BAD_TABLES_TO_PREDICT = [
    ("no rows", np.empty((0, 2)), ValueError, "0 sample(s)"),
    ("an empty list", [], ValueError, "array=[]"),
    ("a list of ids", [1, 2], ValueError, "expecting 2 features"),
    ("one column", [[1]], ValueError, "X has 1 features"),
    ("three columns", [[1, 2, 3]], ValueError, "X has 3 features"),
    ("NaN", [[NAN, 1.0]], ValueError, "user_id contains NaN"),
    ("None", [[1, None]], ValueError, "item_id contains NaN"),
    ("a list as an id", [[[1], 2]], TypeError, "got [1] of type list"),
    ("a sparse matrix", sparse.csr_array(np.eye(2)), TypeError, "interactions_from"),
    ("ratings", frame(user_id=[1], item_id=[2], rating=[3]), ValueError, "as y"),
]

BAD_CALLS = [
    ("one user", {"users": 1}, ValueError, "got 1. For a single one pass [id]"),
    ("a name", {"users": "ann"}, ValueError, "For a single one pass [id]"),
    ("users in a column", {"users": [[1], [2]]}, ValueError, "a list or 1-d array"),
    ("a set of users", {"users": {1, 2}}, ValueError, "a list or 1-d array"),
    ("NaN as a user", {"users": [1, NAN]}, ValueError, "users contains NaN"),
    ("None as a user", {"users": [1, None]}, ValueError, "users contains NaN"),
    ("a dict as a user", {"users": [{}]}, TypeError, "of type dict"),
    ("k of 0", {"k": 0}, ValueError, "at least 1, got 0"),
    ("k below 0", {"k": -1}, ValueError, "at least 1, got -1"),
    ("k of 2.5", {"k": 2.5}, ValueError, "an integer of at least 1, got 2.5"),
    ("k as text", {"k": "3"}, ValueError, "an integer of at least 1, got '3'"),
    ("one item", {"items": 10}, ValueError, "got 10. For one item pass [item]"),
    ("an item's name", {"items": "tea"}, ValueError, "For one item pass [item]"),
    ("NaN as an item", {"items": [NAN]}, ValueError, "items contains NaN"),
    ("items in a column", {"items": [[1], [2]]}, ValueError, "1 feature(s)"),
    ("one item to exclude", {"exclude": 10}, ValueError, "For one item pass [item]"),
    (
        "context of another length",
        {"users": [1, 2], "context": frame(hour=[1])},
        ValueError,
        "context has 1 rows for 2 users",
    ),
    (
        "history of one column",
        {"history": ([[1], [2]], [1.0, 1.0])},
        ValueError,
        "1 feature(s)",
    ),
    ("history of ids", {"history": ([10, 20], [1.0, 1.0])}, ValueError, "1D array"),
    (
        "history with NaN",
        {"history": ([[NAN, 10]], [1.0])},
        ValueError,
        "user_id contains NaN",
    ),
    (
        "history with too few strengths",
        {"history": ([[9, 10], [9, 20]], [1.0])},
        ValueError,
        "inconsistent numbers of samples: [2, 1]",
    ),
    (
        "history with a strength of NaN",
        {"history": ([[9, 10]], [NAN])},
        ValueError,
        "y contains NaN",
    ),
    (
        "history as a matrix",
        {"history": (sparse.csr_array(np.eye(2)), [1.0, 1.0])},
        TypeError,
        "interactions_from_matrix",
    ),
]


@every_recommender
@pytest.mark.parametrize(("table", "error", "message"), rows(BAD_TABLES_TO_PREDICT))
def test_a_table_that_cannot_be_predicted(estimator, table, error, message):
    model = clone(estimator).fit(X, Y)
    with pytest.raises(error, match=re.escape(message)):
        model.predict(table)


@every_recommender
@pytest.mark.parametrize(("options", "error", "message"), rows(BAD_CALLS))
def test_a_call_of_recommend_that_makes_no_sense(estimator, options, error, message):
    model = clone(estimator).fit(X, Y)
    with pytest.raises(error, match=re.escape(message)):
        model.recommend(**options)


@every_recommender
def test_other_calls_that_make_no_sense(estimator):
    model = clone(estimator).fit(X, Y)
    with pytest.raises(ValueError, match="users contains NaN"):
        model.explain(NAN, 10)
    with pytest.raises(ValueError, match="item contains NaN"):
        model.explain(1, None)
    with pytest.raises(ValueError, match="contains NaN"):
        model.score([[1, 30]], [NAN])
    with pytest.raises(ValueError, match="inconsistent"):
        model.score(X, Y[:1])
    for similar in ("similar_items", "similar_users"):
        if hasattr(model, similar):
            with pytest.raises(ValueError, match="For a single one pass"):
                getattr(model, similar)(10)
            with pytest.raises(ValueError, match="at least 1, got 0"):
                getattr(model, similar)([10], k=0)
    if hasattr(model, "partial_fit"):
        with pytest.raises(ValueError, match="X has 3 features"):
            model.partial_fit([[1, 2, 3]], [1.0])
        with pytest.raises(ValueError, match="contains NaN"):
            model.partial_fit([[1.0, NAN]], [1.0])
    if is_regressor(model):
        with pytest.raises(ValueError, match=r"pass\s+history=\(X, y\)"):
            model.recommend(history=[[9, 10]])
    else:
        with pytest.raises(ValueError, match="cannot be negative"):
            model.recommend(history=([[9, 10]], [-1.0]))


@every_recommender
@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.predict(X),
        lambda model: model.recommend([1]),
        lambda model: model.explain(1, 10),
        lambda model: model.score(X, Y),
    ],
)
def test_a_model_that_is_not_fitted(estimator, call):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        call(clone(estimator))


# --------------------------------------------------- extreme tables that are all right

EXTREME = [
    ("one row", [[1, 10]], [3.0]),
    ("one user", [[1, 10], [1, 20], [1, 30]], [3.0, 4.0, 2.0]),
    ("one item", [[1, 10], [2, 10], [3, 10]], [3.0, 4.0, 2.0]),
    ("one pair, repeated", [[1, 10]] * 4, [3.0, 1.0, 4.0, 2.0]),
    ("every row a user and item of its own", [[1, 10], [2, 20], [3, 30]], [3, 4, 2]),
    (
        "everybody has everything",
        [[u, i] for u in (1, 2, 3) for i in (4, 5)],
        [3.0] * 6,
    ),
    ("unsorted and duplicated rows", [*X[::-1], *X[:2]], [*Y[::-1], *Y[:2]]),
    ("the same target everywhere", X, [2.0] * 5),
    ("tiny targets", X, np.array(Y) * 1e-20),
    ("huge targets", X, np.array(Y) * 1e15),
    ("ids of mixed type", [[1, "a"], ["x", 2], [1, 2], ["x", "a"]], [3, 4, 2, 1]),
    ("negative ids", [[-1, -10], [-1, 0], [0, -10]], [3.0, 4.0, 2.0]),
    ("ids beyond 64 bits", [[2**70, 1], [1, 2**70], [1, 1]], [3.0, 4.0, 2.0]),
    ("fractions as ids", [[0.5, 1.5], [0.5, 2.5], [1.5, 1.5]], [3.0, 4.0, 2.0]),
    ("switches as ids", [[True, 1], [False, 2], [True, 2]], [3.0, 4.0, 2.0]),
    ("an empty text as an id", [["", "a"], ["b", "a"], ["b", ""]], [3.0, 4.0, 2.0]),
    ("unicode ids", [["ß", "茶"], ["é", "茶"], ["é", "☕"]], [3.0, 4.0, 2.0]),
    (
        "dates as ids",
        [[datetime(2020, 1, day), 10 * day] for day in (1, 2, 3)],
        [3.0, 4.0, 2.0],
    ),
    ("tuples as ids", [[(1, 2), 10], [(1, 3), 10], [(1, 2), 20]], [3.0, 4.0, 2.0]),
]


@every_recommender
@pytest.mark.parametrize(("table", "y"), rows(EXTREME))
def test_an_extreme_table(estimator, table, y):
    model = clone(estimator).fit(table, y)
    assert np.isfinite(model.predict(table)).all()
    n_users, n_items = len(model.users_), len(model.items_)
    assert n_users == len({row[0] for row in table})
    assert n_items == len({row[1] for row in table})
    items, scores = model.recommend(k=n_items + 2, exclude_seen=False)
    assert items.shape == scores.shape == (n_users, n_items + 2)
    assert np.isfinite(scores[:, :n_items]).all()
    assert np.isneginf(scores[:, n_items:]).all()
    for row in items[:, :n_items]:
        assert set(row.tolist()) == set(model.items_.tolist())
    with pytest.warns(ColdUsersWarning, match="None of the 1 users is known"):
        _, scores = model.recommend(["somebody new"], k=1)
    assert np.isfinite(scores).all()
    assert np.isfinite(model.predict([["somebody new", "something new"]])).all()


@every_recommender
def test_nothing_is_liked(estimator):
    model = clone(estimator).fit(X, np.zeros(5))
    assert np.isfinite(model.predict(X)).all()
    items, scores = model.recommend([1], k=3)
    # Seen all the same: 30 is left.
    assert items[0, 0] == 30
    assert np.isfinite(scores).tolist() == [[True, False, False]]


@every_recommender
@pytest.mark.parametrize(
    ("y", "weight", "message"),
    [
        ([*Y[:4], 1e33], None, "y is 1e+33 at row 4; what can be computed with is up"),
        (Y, [1, 1, 1e300, 1, 1], "sample_weight is 1e+300 at row 2"),
        (Y, [1, 1e-300, 1, 1, 0], "sample_weight is 1e-300 at row 1; what can be com"),
        (Y, [0, 0, 0, 0, 0], "at least one non-zero"),
    ],
)
def test_numbers_that_cannot_be_computed_with(estimator, y, weight, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        clone(estimator).fit(X, y, weight)


@every_recommender
def test_nor_can_a_history_of_such(estimator):
    model = clone(estimator).fit(X, Y)
    with pytest.raises(ValueError, match=re.escape("y is 1e+300 at row 1; what can")):
        model.recommend([9], history=([[9, 10], [9, 20]], [1.0, 1e300]))


@every_recommender
def test_a_history_of_no_rows(estimator):
    model = clone(estimator).fit(X, Y)
    table = frame(user_id=[], item_id=[])
    for empty in (table, table.astype("str"), table.astype(object)):
        assert model.recommend(history=(empty, []), k=2)[0].shape == (0, 2)


@every_recommender
def test_integers_of_128_bits_in_polars(estimator):
    table = pl.DataFrame({"user_id": [1, 1, 2], "item_id": [2**70, 2**71, 2**70]})
    model = clone(estimator).fit(table, [1.0, 2.0, 3.0])
    assert model.items_.tolist() == [2**70, 2**71]
    assert np.isfinite(model.predict(table)).all()


@every_recommender
def test_columns_taken_by_position_are_said(estimator):
    table = frame(a=[1, 2], b=[10, 20])
    with pytest.warns(ColumnsWarning, match="Taking column 'a' as the user and 'b'"):
        model = clone(estimator).fit(table, [3.0, 4.0])
    assert model.items_.tolist() == [10, 20]


# ----------------------------------------------------------- what lists look like then

# Of X, item 10 and 20 are with two users, 30 with one.
A, B, C = 2 / 3, 2 / 3, 1 / 3
NONE = -INF

LISTS = [
    ("no users", {"users": []}, [], []),
    ("no users in an array", {"users": np.array([], dtype=int)}, [], []),
    ("k above the catalogue", {"users": [1], "k": 5}, [[30, -1, -1, -1, -1]],
     [[C, NONE, NONE, NONE, NONE]]),
    ("all seen are asked for", {"users": [1], "items": [10, 20]}, [[-1, -1]],
     [[NONE, NONE]]),
    ("a list of unknown items", {"users": [1], "items": ["x", 7]}, [[-1, -1]],
     [[NONE, NONE]]),
    ("an empty list of items", {"users": [1], "items": []}, [[-1, -1]],
     [[NONE, NONE]]),
    ("pairs of others", {"users": [1], "items": [[2, 30]]}, [[-1, -1]],
     [[NONE, NONE]]),
    ("no pairs", {"users": [1], "items": np.empty((0, 2), dtype=int)}, [[-1, -1]],
     [[NONE, NONE]]),
    ("everything excluded", {"users": [1], "exclude": [10, 20, 30]}, [[-1, -1]],
     [[NONE, NONE]]),
    ("unknown items excluded", {"users": [1], "exclude": ["x"]}, [[30, -1]],
     [[C, NONE]]),
    ("a user of another type", {"users": ["1", 1]}, [[10, 20], [30, -1]],
     [[A, B], [C, NONE]]),
    ("an id as a float", {"users": [1.0]}, [[30, -1]], [[C, NONE]]),
    ("a user twice", {"users": [3, 1, 3]}, [[10, 30], [30, -1], [10, 30]],
     [[A, C], [C, NONE], [A, C]]),
    ("a range", {"users": range(1, 2)}, [[30, -1]], [[C, NONE]]),
    ("a series", {"users": pd.Series([1], index=[9])}, [[30, -1]], [[C, NONE]]),
    ("an empty history", {"users": [1], "history": []}, [[30, -1]], [[C, NONE]]),
    ("history of unknown items", {"users": [1], "history": [[1, "x"]]}, [[30, -1]],
     [[C, NONE]]),
    ("history of all that is left", {"users": [1], "history": [[1, 30]]}, [[-1, -1]],
     [[NONE, NONE]]),
    ("history with a strength of 0", {"users": [1], "history": ([[1, 30]], [0])},
     [[-1, -1]], [[NONE, NONE]]),
    ("history without users", {"history": [["new", 10]]}, [[20, 30]], [[B, C]]),
]  # fmt: skip


@pytest.mark.parametrize(("options", "items", "scores"), rows(LISTS))
def test_the_lists_of_an_extreme_call(options, items, scores):
    model = PopularityRecommender().fit(X)
    found, found_scores = model.recommend(**{"k": 2, **options})
    shape = (len(items), options.get("k", 2))
    assert found.shape == found_scores.shape == shape
    assert found.tolist() == items
    assert_allclose(found_scores, np.reshape(scores, shape), rtol=1e-6)


def test_all_users_unknown_is_a_warning_and_a_list():
    model = PopularityRecommender().fit(X)
    with pytest.warns(ColdUsersWarning, match="int64 like 1"):
        items, _ = model.recommend(["1", "2"], k=2)
    assert items.tolist() == [[10, 20], [10, 20]]


def test_what_is_no_table_is_said():
    table = pd.DataFrame({"user_id": ["ann"], "item_id": ["tea"]})
    model = PopularityRecommender()
    with pytest.raises(ValueError, match="X is one column: pass a table"):
        model.fit(table["user_id"], table["item_id"])
    with pytest.raises(TypeError, match="X is a dict: make a table of it"):
        model.fit(table.to_dict())
    with pytest.raises(TypeError, match=r"pairs \(name, ranker\), got PopularityReco"):
        Blend([model]).fit(table)


def test_users_who_are_items_were_swapped():
    swapped = PopularityRecommender().fit([["tea", "ann"], ["milk", "bob"]])
    with pytest.warns(ColdUsersWarning, match=r"users and items swapped in X\?"):
        swapped.recommend(["ann", "bob"], k=1)
    with pytest.warns(ColdUsersWarning, match="Check that the ids are of the same"):
        swapped.recommend(["ann", "eva"], k=1)
    with pytest.warns(ColdUsersWarning, match="Check that the ids are of the same"):
        PopularityRecommender().fit([[1, 10], [2, 20]]).recommend([10], k=1)


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, list])
def test_a_matrix_in_place_of_a_table_is_warned_of(make):
    matrix = make(np.eye(4, 30))
    with pytest.warns(ColumnsWarning, match="30 columns without names.*_from_matrix"):
        PopularityRecommender().fit(matrix)


def test_what_a_rating_model_says_of_strangers():
    model = BiasRegressor(0, item_regularization=0, tol=0).fit(
        [[1, 10], [1, 20], [2, 10], [2, 20]], [5, 3, 4, 2]
    )
    # 3.5 plus the known bias: users 0.5 and -0.5, items 1 and -1.
    strangers = [[1, "x"], ["y", 20], ["y", "x"]]
    assert_allclose(model.predict(strangers), [4.0, 2.5, 3.5])
