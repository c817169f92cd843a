"""Side tables of items and users, and the columns of a table beside its ids."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_metarec import ContentRanker
from sklearn_metarec._scoring import FixedScorer
from sklearn_metarec._side_tables import SideTable, are_columns
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.exceptions import ColumnsWarning
from sklearn_metarec.interactions import encode_interactions, read_table
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.preprocessing import FeatureEncoder, IdEncoder

X = [["ann", "tea"], ["bob", "rum"], ["ann", "cup"], ["eva", "rum"]]
FEATURES = {"item_id": ["tea", "rum", "mug", "cup"], "kind": ["a", "b", "c", "c"]}


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(FEATURES),
        pl.DataFrame(FEATURES),
        pd.DataFrame(FEATURES)[["kind", "item_id"]].set_index("item_id"),
        pd.DataFrame(FEATURES).rename(columns={"item_id": "itemId"}),
        FEATURES,
    ],
)
def test_a_table_is_read_by_its_ids(table):
    side = SideTable.from_table(table, "item")
    assert side.vocabulary.ids.tolist() == ["cup", "mug", "rum", "tea"]
    assert list(side.features["kind"]) == ["c", "c", "b", "a"]


def test_the_first_column_where_none_is_named():
    rows = [["tea", "a"], ["cup", "c"]]
    with pytest.warns(ColumnsWarning, match="Taking column '0' of item_features"):
        side = SideTable.from_table(rows, "item")
    assert side.vocabulary.ids.tolist() == ["cup", "tea"]


def test_an_id_with_two_rows():
    with pytest.raises(ValueError, match="several rows of user 7"):
        SideTable.from_table({"user_id": [7, 8, 7], "age": [1, 2, 3]}, "user")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_of_the_table(make):
    table = make(
        {
            "user_id": ["ann", "bob", "ann"],
            "price": [1.0, 2.0, 3.0],
            "item_id": ["tea", "rum", "tea"],
            "timestamp": [1, 2, 3],
            "features__kind": ["x", "y", "z"],
        }
    )
    coded = encode_interactions(table)
    assert list(coded.context.columns) == ["price", "features__kind"]
    side = SideTable.from_columns(["kind", "price"], coded, "item")
    assert side.vocabulary.ids.tolist() == ["rum", "tea"]
    assert list(side.features["price"]) == [2, 3]  # of the last row
    assert list(coded[np.array([2, 0])].context["price"]) == [3, 1]
    assert list(coded[np.array([True, False, True])].context["price"]) == [1, 3]
    with pytest.raises(ValueError, match="item_features names the column 'colour'"):
        SideTable.from_columns(["colour"], coded, "item")


def test_columns_of_an_array_by_position():
    table = np.array([[1, 5, 70, 700], [2, 6, 80, 800]])
    side = SideTable.from_columns([3], encode_interactions(table), "user")
    assert_array_equal(side.features, [[700], [800]])
    rows = read_table(table.tolist())
    assert_array_equal(rows.context.tolist(), [[70, 700], [80, 800]])
    with pytest.raises(ValueError, match="X has none"):
        SideTable.from_columns(["x"], encode_interactions(table[:, :2]), "user")


def test_tables_and_lists_of_columns_are_told_apart():
    assert are_columns(["genre"])
    assert are_columns([2, 3])
    assert not are_columns([["tea", 1]])
    assert not are_columns(pd.DataFrame(FEATURES))
    assert not are_columns(None)


def test_the_table_is_catalogue():
    model = ContentRanker(pd.DataFrame(FEATURES)).fit(X)
    assert model.items_.tolist() == ["cup", "mug", "rum", "tea"]
    items, scores = model.recommend(["ann"], k=4)
    assert items[0, 0] == "mug"  # nobody has it, but it is like a cup
    assert_array_equal(np.isfinite(scores[0]), [True, True, False, False])


def test_a_column_is_as_good_as_a_table():
    frame = pd.DataFrame(X, columns=["user_id", "item_id"])
    kinds = dict(zip(FEATURES["item_id"], FEATURES["kind"], strict=True))
    frame["kind"] = frame["item_id"].map(kinds)
    known = pd.DataFrame(FEATURES).query("item_id != 'mug'")
    by_column = ContentRanker(["kind"]).fit(frame)
    by_table = ContentRanker(known).fit(frame)
    assert_allclose(by_column.predict(frame), by_table.predict(frame))
    assert_allclose(
        by_column.fit(encode_interactions(frame)).predict(frame),
        by_table.predict(frame),
    )


def test_an_update_learns_of_new_items():
    first = pd.DataFrame({"user_id": [1, 2], "item_id": [5, 6], "kind": ["a", "b"]})
    later = pd.DataFrame({"user_id": [1, 3], "item_id": [7, 6], "kind": ["b", "a"]})
    model = ContentRanker(["kind"]).fit(first).partial_fit(later)
    assert model.items_.tolist() == [5, 6, 7]
    similar, scores = model.similar_items([5], 2)
    # By its later row, item 6 is an a, as 5 is.
    assert similar[0].tolist() == [6, 7]
    assert_allclose(scores[0], [1, 0], atol=1e-6)


def test_an_update_reads_another_table_and_no_changed_value():
    table = pd.DataFrame(FEATURES)
    model = ContentRanker(table).fit(X)
    other = table.assign(kind=["a", "c", "b", "c"])
    model.set_params(item_features=other).partial_fit([["eva", "cup"]])
    refit = ContentRanker(other).fit([*X, ["eva", "cup"]])
    assert_allclose(model.recommend(k=4)[1], refit.recommend(k=4)[1], rtol=1e-5)
    # As the guide says: what was changed in place is read from a copy.
    other.loc[:, "kind"] = ["c", "a", "b", "b"]
    model.partial_fit([["eva", "tea"]])
    unread = model._feature_rows("item").toarray()
    assert_array_equal(unread, refit._feature_rows("item").toarray())
    model.set_params(item_features=other.copy()).partial_fit([["bob", "tea"]])
    assert not np.array_equal(model._feature_rows("item").toarray(), unread)


def test_any_transformer_encodes():
    table = pd.DataFrame(FEATURES)
    ours = ContentRanker(table, feature_encoder=FeatureEncoder()).fit(X)
    for options in ({}, {"sparse_output": False}):
        encoder = OneHotEncoder(**options)
        theirs = ContentRanker(table, feature_encoder=encoder).fit(X)
        assert_allclose(theirs.predict(X), ours.predict(X), rtol=1e-6)
        assert not hasattr(encoder, "categories_")  # a clone was fitted


def test_items_without_features_and_features_without_columns():
    partial = pd.DataFrame(FEATURES).query("item_id != 'rum'")
    model = ContentRanker(partial).fit(X)
    assert_allclose(model.predict([["ann", "rum"]]), 0)
    only_ids = pd.DataFrame(FEATURES)[["item_id"]]
    items, scores = ContentRanker(only_ids).fit(X).recommend(["ann"], k=1)
    assert items.tolist() == [["rum"]]  # what is popular
    assert_allclose(scores, 2 / 3)


# ------------------------------------------------------------------------------ clones


class WithSideTables(BaseRecommender):
    """Takes side tables and leaves them alone."""

    _parameter_constraints: dict = {
        "item_features": "no_validation", "user_features": "no_validation",
        "settings": [dict, None], "strength": [float],
    }  # fmt: skip

    def __init__(
        self, item_features=None, *, user_features=None, settings=None, strength=1.0
    ):
        self.item_features = item_features
        self.user_features = user_features
        self.settings = settings
        self.strength = strength

    def _fit(self, history):
        pass

    def _make_scorer(self, profiles):
        return FixedScorer(self._popularity())


BUYS = [["a", 10], ["a", 20], ["b", 20], ["c", 40], ["d", 50], ["c", 30]]


class NeverCopied(pd.DataFrame):
    """A frame that says so when it is copied."""

    @property
    def _constructor(self):
        return NeverCopied

    def __deepcopy__(self, memo):
        raise AssertionError("copied")

    __copy__ = copy = __deepcopy__


@pytest.fixture
def side_tables():
    frame = NeverCopied({"item_id": [10, 60], "price": [1.0, 2.0]})
    return {"item_features": frame, "user_features": frame}


def test_clones_share_side_tables(side_tables):
    settings = {"depth": [1, 2]}
    model = WithSideTables(**side_tables, settings=settings, strength=2.0)
    for one in (model, model.fit(BUYS)):
        copy = clone(one)
        assert copy.item_features is side_tables["item_features"]
        assert copy.user_features is side_tables["user_features"]
        assert not copy.__sklearn_is_fitted__()
        # All else is as scikit-learn has it.
        assert copy.settings == settings
        assert copy.settings is not settings
        assert copy.strength == 2.0
        # The original keeps what it has.
        assert model.item_features is side_tables["item_features"]
    assert clone(WithSideTables()).get_params() == WithSideTables().get_params()


def test_side_tables_are_shared_within_pipelines_and_searches(side_tables):
    table = side_tables["item_features"]
    pipeline = make_pipeline(IdEncoder(), WithSideTables(**side_tables))
    assert clone(pipeline)[-1].item_features is table
    search = GridSearchCV(
        pipeline, {"withsidetables__strength": [1.0, 2.0]}, error_score="raise",
        cv=PerUserShuffleSplit(random_state=0),
    )  # fmt: skip
    assert clone(search).estimator[-1].user_features is table
    search.fit(BUYS * 2 + [["a", 30], ["b", 30], ["c", 10]])
    assert search.best_estimator_[-1].item_features is table


def test_side_tables_may_be_set_later(side_tables):
    model = WithSideTables().set_params(**side_tables)
    assert clone(model).item_features is side_tables["item_features"]
