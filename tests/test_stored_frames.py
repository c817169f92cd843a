"""Models with side tables that are frames, saved and loaded."""

import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    ContentRanker,
    ContentRegressor,
    FMRanker,
    FMRegressor,
    PopularityRecommender,
    TwoTower,
    load,
    make_recommender_pipeline,
    save,
)
from sklearn_metarec._stored_frames import StoredFrame
from sklearn_metarec.boosting import TwoStageRecommender
from sklearn_metarec.ensemble import Blend, Fallback
from sklearn_metarec.meta import (
    MetaRegressor,
    MetaRidgeRegressor,
    MetaSelector,
    StackedRegressor,
)
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.preprocessing import FeatureJoiner

N_USERS, N_ITEMS = 12, 9
ITEMS = pd.DataFrame(
    {
        "item_id": range(N_ITEMS + 1),
        "genres": [["a|b", "b", "", "c"][i % 4] for i in range(N_ITEMS + 1)],
        "year": [np.nan, *np.linspace(1990, 2020, N_ITEMS)],
        "kind": pd.Categorical(["x", "y"] * ((N_ITEMS + 1) // 2)),
    }
)
USERS = pd.DataFrame({"user_id": range(N_USERS), "age": np.arange(N_USERS) * 3.0 + 15})
BOTH = {"item_features": ITEMS, "user_features": USERS}


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "user_id": rng.integers(N_USERS, size=120),
            "item_id": rng.integers(N_ITEMS, size=120),
        }
    ).drop_duplicates()
    return X, rng.integers(1, 6, len(X)).astype(float)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def content():
    return ContentRanker(item_features=ITEMS)


MODELS = {
    "ContentRanker": content(),
    "ContentRegressor": ContentRegressor(item_features=ITEMS),
    "FMRanker": FMRanker(2, max_iter=2, random_state=0, **BOTH),
    "FMRegressor": FMRegressor(2, max_iter=6, burn_in=2, random_state=0, **BOTH),
    "TwoTower": TwoTower(2, epochs=1, random_state=0, **BOTH),
    "MetaRegressor": MetaRegressor(embedding_dim=2, epochs=1, random_state=0, **BOTH),
    "MetaRidgeRegressor": MetaRidgeRegressor(2, max_iter=2, random_state=0, **BOTH),
    "TwoStageRecommender": TwoStageRecommender(
        [("content", content()), ("popular", PopularityRecommender())],
        random_state=0, **BOTH,
    ),
    "Blend": Blend([("content", content()), ("ease", EASE(5.0))]),
    "Fallback": Fallback([("content", content()), ("ease", EASE(5.0))]),
    "StackedRegressor": StackedRegressor(
        [("content", ContentRegressor(item_features=ITEMS)), ("bias", BiasRegressor())],
        random_state=0,
    ),
    "MetaSelector": MetaSelector(
        [("content", content(), {}), ("ease", EASE(5.0), {})], budget=3, random_state=0,
    ),
    "pipeline": make_recommender_pipeline(FeatureJoiner(ITEMS), content()),
    "search": GridSearchCV(
        content(), {"alpha": [0.1]} if "alpha" in content().get_params() else {},
        cv=PerUserShuffleSplit(random_state=0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_models_with_side_tables(name, table, path):
    X, y = table
    model = clone(MODELS[name]).fit(X, y)
    copy = load(save(model, path))
    assert_array_equal(copy.predict(X), model.predict(X))
    if name not in ("pipeline", "search"):
        for ours, theirs in zip(copy.recommend(k=4), model.recommend(k=4), strict=True):
            assert_array_equal(ours, theirs)
    # The parameters came back as well, so that it can be fitted again.
    if name == "search":
        return
    again = clone(copy).fit(X, y)
    assert_array_equal(again.predict(X), clone(model).fit(X, y).predict(X))


@pytest.mark.parametrize(
    "cold", [content(), FMRegressor(2, max_iter=6, burn_in=2, **BOTH)]
)
def test_what_only_the_side_table_knows(cold, table, path):
    model = clone(cold).fit(*table)
    copy = load(save(model, path))
    newest = [[0, N_ITEMS]]
    assert_array_equal(copy.predict(newest), model.predict(newest))
    assert copy.items_.tolist() == list(range(N_ITEMS + 1))


COLUMNS = {
    "integers": [1, -2, 3],
    "small": np.array([1, 2, 3], dtype=np.uint8),
    "fractions": [0.5, np.nan, np.inf],
    "switches": [True, False, True],
    "text": ["ß", "", "a\0"],
    "missing text": ["a", None, "b"],
    "old text": pd.Series(["a", None, np.nan], dtype=object),
    "mixed": pd.Series([1, "a", 2.5], dtype=object),
    "beyond 64 bits": pd.Series([2**80, True, None], dtype=object),
    "text with NA": pd.Series(["a", pd.NA, "b"], dtype="string"),
    "nullable": pd.Series([1, None, 3], dtype="Int64"),
    "nullable fractions": pd.Series([0.5, None, 3], dtype="Float32"),
    "nullable switches": pd.Series([True, None, False], dtype="boolean"),
    "dates": pd.to_datetime(["2020-01-01", None, "2021-05-05"]),
    "zoned": pd.to_datetime(["2020-01-01", None, "2021-05-05"]).tz_localize(
        "Europe/Rome"
    ),
    "spans": pd.to_timedelta([1, 2, 3], unit="h"),
    "categories": pd.Categorical(["b", None, "a"]),
    "ordered": pd.Categorical([2, 1, 2], categories=[2, 1, 0], ordered=True),
}


def back_from_file(frame, path):
    model = ContentRanker(item_features=frame)
    return load(save(model, path)).item_features


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name, path):
    frame = pd.DataFrame({"item_id": [1, 2, 3], name: COLUMNS[name]})
    pd.testing.assert_frame_equal(back_from_file(frame, path), frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"item_id": []}),
        pd.DataFrame({"kind": ["a", "b"]}, index=pd.Index([7, 9], name="item_id")),
        pd.DataFrame({"kind": ["a", "b"]}, index=pd.Index(["x", "y"], name="item_id")),
        pd.DataFrame([[1, 2, 3]], columns=["item_id", "same", "same"]),
        pd.DataFrame([[1, 2, 3]]),
        pd.DataFrame({"item_id": [3, 1]}, index=[5, 5]),
        pd.DataFrame(index=[1, 2]),
    ],
)
def test_shapes(frame, path):
    found = back_from_file(frame, path)
    pd.testing.assert_frame_equal(
        found, frame, check_index_type="equiv", check_column_type="equiv"
    )


def test_polars(path, table):
    frame = pl.from_pandas(ITEMS)
    assert back_from_file(frame, path).equals(frame)
    model = ContentRanker(item_features=frame).fit(*table)
    assert_array_equal(
        load(save(model, path)).predict(table[0]), model.predict(table[0])
    )


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            {"item_id": [1], "when": pd.period_range("2020", periods=1)},
            "'when' holds Period, which",
        ),
        ({"item_id": [1], "what": [object()]}, "'what' holds object, which cannot"),
        ({("a", "b"): [1]}, "one level of rows and columns"),
    ],
)
def test_what_a_file_cannot_hold(frame, message, path):
    with pytest.raises(TypeError, match=message):
        save(ContentRanker(item_features=pd.DataFrame(frame)), path)
    assert list(path.parent.iterdir()) == []


def test_a_shared_frame_is_stored_and_loaded_once(path):
    model = Blend([("a", content()), ("b", ContentRanker(item_features=ITEMS))])
    arrays = []
    for one in (content(), model):
        with zipfile.ZipFile(save(one, path)) as archive:
            arrays.append([n for n in archive.namelist() if n.endswith(".npy")])
    assert len(arrays[0]) == len(arrays[1]) > 4
    first, second = (member for _, member in load(path).estimators)
    assert first.item_features is second.item_features


def test_elsewhere_a_frame_stays_a_frame(path):
    model = content()
    assert model.__getstate__()["item_features"] is ITEMS
    save(model, path)
    assert model.item_features is ITEMS
    assert model.__getstate__()["item_features"] is ITEMS
    assert clone(model).item_features is ITEMS


def test_a_stored_frame_is_restored_once():
    stored = StoredFrame("pandas", ITEMS)
    assert stored.restore() is stored.restore()


def test_a_learner_outside_of_this_package(table, path):
    X, y = table
    joiner = FeatureJoiner(ITEMS[["item_id", "year"]].fillna(2000.0)).fit(X)
    model = Ridge().fit(joiner.transform(X), y)
    copies = load(save([joiner, model], path))
    assert_array_equal(
        copies[1].predict(copies[0].transform(X)), model.predict(joiner.transform(X))
    )
