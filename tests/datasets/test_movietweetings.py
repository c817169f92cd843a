import subprocess
import sys
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from sklearn_metarec.datasets import load_movietweetings

FEATURES = ["user_id", "item_id", "timestamp"]


@pytest.fixture(scope="module")
def arrays():
    return load_movietweetings()


@pytest.fixture(scope="module")
def frames():
    return load_movietweetings(as_frame=True)


def test_arrays(arrays):
    assert type(arrays.data) is np.ndarray
    assert arrays.data.shape == (100_000, 3)
    assert arrays.data.dtype == object
    assert [{type(v) for v in column} for column in arrays.data.T] == [
        {str},
        {str},
        {int},
    ]
    assert arrays.target.shape == (100_000,)
    assert arrays.target.dtype == np.float64
    assert arrays.frame is None
    assert arrays.feature_names == FEATURES
    assert arrays.target_names == ["rating"]


def test_frames(frames):
    assert list(frames.data.columns) == FEATURES == frames.feature_names
    assert frames.data["timestamp"].dtype == np.int64
    assert isinstance(frames.target, pd.Series)
    assert frames.target.name == "rating"
    assert list(frames.frame.columns) == [*FEATURES, "rating"]
    pd.testing.assert_frame_equal(frames.frame[FEATURES], frames.data)
    pd.testing.assert_series_equal(frames.frame["rating"], frames.target)


def test_frames_hold_what_arrays_hold(arrays, frames):
    np.testing.assert_array_equal(frames.data.to_numpy(dtype=object), arrays.data)
    np.testing.assert_array_equal(frames.target, arrays.target)
    np.testing.assert_array_equal(
        frames.item_features.to_numpy(dtype=object), arrays.item_features
    )
    assert list(frames.item_features.columns) == arrays.item_feature_names


@pytest.mark.parametrize("as_frame", [False, True])
def test_without_the_bunch(arrays, as_frame):
    X, y = load_movietweetings(return_X_y=True, as_frame=as_frame)
    assert isinstance(X, pd.DataFrame) is isinstance(y, pd.Series) is as_frame
    np.testing.assert_array_equal(np.asarray(X, dtype=object), arrays.data)
    np.testing.assert_array_equal(y, arrays.target)


def test_the_data(arrays):
    users, items, seconds = arrays.data.T
    assert len(set(users)) == 16_554
    assert len(set(items)) == 10_506
    assert len(set(zip(users, items, strict=True))) == 100_000
    assert sorted(set(arrays.target)) == list(range(11))
    assert arrays.target.sum() == 732_482
    assert all(np.diff(seconds.astype(np.int64)) >= 0)
    # A row of the original file, zero and all.
    row = np.flatnonzero((users == "2") & (items == "0104257"))
    assert arrays.data[row].tolist() == [["2", "0104257", 1364690142]]
    assert arrays.target[row].tolist() == [8]


def test_the_items(arrays):
    ids, titles, years, genres = arrays.item_features.T
    assert arrays.item_feature_names == ["item_id", "title", "year", "genres"]
    assert list(ids) == sorted(set(arrays.data[:, 1]))
    assert {len(item) for item in ids} == {7}
    assert ids[0].startswith("0")
    assert {type(year) for year in years} == {int}
    assert all(f"({y})" in t for t, y in zip(titles[:100], years[:100], strict=True))
    assert genres[0] == "Crime|Drama"
    assert np.count_nonzero(genres == "") == 66


def test_description(arrays):
    for part in ("MIT", "Simon Dooms", "De Pessemier", "Martens", "RecSys 2013"):
        assert part in arrays.DESCR
    for number in ("100,000", "16,554", "10,506", "7.32", "66 movies"):
        assert number in arrays.DESCR
    assert arrays.DESCR.startswith(".. _movietweetings_dataset:")


def test_files(arrays):
    folder = resources.files(arrays.data_module)
    names = (arrays.data_filename, arrays.item_filename, arrays.license_filename)
    sizes = [len((folder / name).read_bytes()) for name in names]
    assert sum(sizes) < 1.5e6
    licence = (folder / arrays.license_filename).read_text(encoding="utf-8")
    assert licence.startswith("The MIT License (MIT)")
    assert "Copyright (c) 2013 Simon Dooms" in licence


def test_ids_share_their_strings(arrays):
    users = arrays.data[:, 0]
    assert len({id(user) for user in users}) == len(set(users))


def test_arrays_need_no_pandas():
    code = (
        "import sys\n"
        "sys.modules['pandas'] = None\n"  # an import raises
        "from sklearn_metarec.datasets import load_movietweetings\n"
        "assert load_movietweetings().data.shape == (100_000, 3)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["as_frame", "return_X_y"])
def test_parameters_are_checked(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        load_movietweetings(**{name: "yes"})
    with pytest.raises(TypeError, match="positional"):
        load_movietweetings(True)
