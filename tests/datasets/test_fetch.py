"""Fetchers: small archives of the original forms, served by this machine."""

import gzip
import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_metarec import EASE
from sklearn_metarec.datasets import (
    _movielens,
    fetch_msweb,
)
from sklearn_metarec.datasets._xlsx import read_rows
from tests.datasets.archives import (
    SOURCES,
    archive_name,
    every_source,
    fetch,
    files_of,
    zipped,
)


def test_movielens_100k(published, home):
    data = fetch("100k", home)
    assert data.data.dtype == np.int64
    assert data.data.tolist() == [
        [196, 242, 881250949], [186, 1, 891717742], [196, 1, 881250950],
    ]  # fmt: skip
    assert data.target.tolist() == [3.0, 5.0, 4.0]
    assert data.feature_names == ["user_id", "item_id", "timestamp"]
    assert data.target_names == ["rating"]
    assert data.frame is None
    assert data.item_feature_names == ["item_id", "title", "year", "genres"]
    assert data.item_features[:2].tolist() == [
        [1, "Toy Story (1995)", 1995, "Children's"],
        [242, '"Misérables, Les" (1995) (V)', 1996, "Action|Children's"],
    ]
    assert data.item_features[2, :2].tolist() == [267, "unknown"]
    assert np.isnan(data.item_features[2, 2])
    assert data.user_feature_names == [
        "user_id", "age", "gender", "occupation", "zip_code",
    ]  # fmt: skip
    assert data.user_features.tolist() == [
        [186, 39, "F", "executive", "00000"], [196, 49, "M", "writer", "55105"],
    ]  # fmt: skip
    assert "GroupLens" in data.DESCR


def test_movielens_1m(published, home):
    data = fetch("1m", home)
    assert data.data.tolist() == [
        [1, 1193, 978300760], [2, 1, 978300761], [2, 1193, 978300762],
    ]  # fmt: skip
    assert data.target.tolist() == [5.0, 3.0, 2.0]
    assert data.item_features.tolist() == [
        [1, "Toy Story (1995)", 1995, "Animation|Children's"],
        [2, "Never Rated (1900) (1996)", 1996, "Drama"],
        [1193, "Café au Lait (1975)", 1975, "Drama"],
    ]
    assert data.user_features.tolist() == [
        [1, "F", 1, "10", "48067"], [2, "M", 56, "16", "02138"],
    ]  # fmt: skip


def test_movielens_latest_small(published, home):
    data = fetch("latest-small", home)
    assert data.data.tolist() == [[1, 1, 964982703], [2, 3, 964981247]]
    assert data.target.tolist() == [4.0, 0.5]
    assert data.item_features[0].tolist() == [
        1, "American President, The (1995)", 1995.0, "Comedy",
    ]  # fmt: skip
    assert data.item_features[1, [1, 3]].tolist() == [
        "Babylon 5", "(no genres listed)",
    ]  # fmt: skip
    assert "user_features" not in data


def test_online_retail(published, home):
    data = fetch("retail", home)
    assert data.feature_names == [
        "user_id", "item_id", "timestamp", "unit_price", "country",
    ]  # fmt: skip
    # 2010-12-01 08:26 and 08:28; neither the cancelled row nor that without a customer.
    assert data.data.tolist()[:2] == [
        [17850, "85123A", 1291191960, 2.55, "United Kingdom"],
        [17850, "71053", 1291192080, 3.39, "United Kingdom"],
    ]
    assert len(data.data) == 4
    assert data.target.tolist() == [6.0, 2.0, 1.0, 3.0]
    assert data.target_names == ["quantity"]
    assert data.item_features.tolist() == [
        ["71053", "WHITE LANTERN", 3.39], ["85123A", "HEART HOLDER ", 2.55],
    ]  # fmt: skip
    items = pd.read_csv(home / "online_retail.csv.gz")
    assert items["rating"].tolist() == [1, 1, 1, 1]


def test_lastfm(published, home):
    data = fetch("lastfm", home)
    assert data.data.tolist() == [[2, 51], [2, 52], [7, 51]]
    assert data.target.tolist() == [13883.0, 1.0, 20.0]
    # Two gave the first tag; the others come in the order in which they were given.
    # An artist is called "None", and a tag "NA".
    assert data.item_features.tolist() == [
        [51, "None", "chillout|NA|düsseldorf"], [52, 'The "Crüxshadows', ""],
    ]  # fmt: skip


def test_msweb(published, home):
    data = fetch("msweb", home)
    assert data.data.tolist() == [[10001, 1000], [10001, 1287], [10002, 1000]]
    assert data.target.tolist() == [1.0, 1.0, 1.0]
    assert data.item_features.tolist() == [
        [1000, "regwiz"], [1001, "NA"], [1287, "International AutoRoute"],
    ]  # fmt: skip


@every_source
def test_frames_and_pairs(source, published, home):
    arrays = fetch(source, home)
    frames = fetch(source, home, as_frame=True)
    assert list(frames.data.columns) == frames.feature_names == arrays.feature_names
    assert_array_equal(frames.data.to_numpy(dtype=object), arrays.data.astype(object))
    assert frames.target.name == arrays.target_names[0]
    assert list(frames.frame.columns) == [*arrays.feature_names, *arrays.target_names]
    assert list(frames.item_features.columns) == arrays.item_feature_names
    X, y = fetch(source, home, return_X_y=True)
    assert_array_equal(X, arrays.data)
    assert_array_equal(y, arrays.target)
    X, y = fetch(source, home, return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, frames.data)
    # All of these from one download, and ready for a recommender.
    assert published.asked[archive_name(source)] == 1
    assert EASE().fit(X, y).recommend(k=1)[0].shape == (X["user_id"].nunique(), 1)


def test_a_spreadsheet_with_other_kinds_of_cells():
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = (
        f'<worksheet {space}><sheetData><row><c r="A1" t="inlineStr"><is><t>a</t></is>'
        '</c><c r="C1" t="str"><v>b</v></c><c r="AB1"/></row><row/></sheetData>'
        "</worksheet>"
    )
    file = io.BytesIO(zipped({"xl/worksheets/sheet1.xml": sheet}))
    assert list(read_rows(file)) == [{"A": "a", "C": "b"}, {}]
    rich = f"<sst {space}><si><r><t>a </t></r><r><t>b</t></r></si></sst>"
    sheet = (
        f'<worksheet {space}><sheetData><row><c r="B1" t="s"><v>0</v></c></row>'
        "</sheetData></worksheet>"
    )
    names = {"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": rich}
    assert list(read_rows(io.BytesIO(zipped(names)))) == [{"B": "a b"}]


# -------------------------------------------------------------------------- the folder


@every_source
def test_the_folder(source, published, home):
    fetch(source, home)
    dataset = SOURCES[source][0]
    parts = [f"{dataset.name}{part}.csv.gz" for part in dataset.columns]
    assert files_of(home) == sorted([*parts, f"{dataset.name}.sha256"])
    # The record reads as that of sha256sum does.
    lines = (home / f"{dataset.name}.sha256").read_text().splitlines()
    sums = dict(reversed(line.split("  ")) for line in lines)
    assert sums.keys() == {*parts, archive_name(source)}
    for name in parts:
        assert sums[name] == hashlib.sha256((home / name).read_bytes()).hexdigest()
    for part, columns in dataset.columns.items():
        table = pd.read_csv(home / f"{dataset.name}{part}.csv.gz")
        assert set(columns) <= set(table.columns)


@every_source
def test_tables_put_there_by_hand_need_no_network(source, published, home, tmp_path):
    by_hand = tmp_path / "tables"
    by_hand.mkdir()
    expected = fetch(source, home)
    for path in home.glob("*.csv.gz"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table.to_csv(by_hand / path.name, index=False)
    found = fetch(source, by_hand, download_if_missing=False)
    assert_array_equal(found.data, expected.data)
    pd.testing.assert_frame_equal(
        pd.DataFrame(found.item_features), pd.DataFrame(expected.item_features)
    )
    assert published.asked[archive_name(source)] == 1


def test_tables_without_features_and_times(home):
    home.mkdir()
    (home / "movielens_1m.csv.gz").write_bytes(
        gzip.compress(b"user_id,item_id,rating\n1,1193,5\n")
    )
    data = fetch("1m", home, download_if_missing=False)
    assert data.data.tolist() == [[1, 1193]]
    assert data.item_features is data.user_features is None
    assert data.item_feature_names is None


@every_source
def test_the_real_tables(source, data_dir):
    dataset = SOURCES[source][0]
    if not (data_dir / f"{dataset.name}.csv.gz").exists():
        pytest.skip(f"There is no {dataset.name} in {data_dir}.")
    data = fetch(source, data_dir, download_if_missing=False)
    # One row or four of two tables are missing in the copies that the tests read.
    users = len(np.unique(data.data[:, 0]))
    assert abs(users - dataset.counts["users"]) <= 1
    assert abs(len(data.data) - dataset.counts.get("rows", 98_653)) <= 4
    assert len(data.item_features) >= len(set(data.data[:, 1].tolist()))
    assert data.target.min() > 0


@pytest.mark.parametrize("variant", ["1m", "latest-small"])
def test_the_years_of_real_titles(variant, data_dir):
    name = _movielens._VARIANTS[variant].name
    path = data_dir / f"{name}.items.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} does not exist.")
    movies = pd.read_csv(path)
    found = _movielens._with_years(movies.drop(columns="year"))["year"]
    assert_array_equal(pd.to_numeric(found), movies["year"])


def test_the_default_folder_is_that_of_scikit_learn(published, home, monkeypatch):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(home))
    fetch_msweb()
    assert (home / "msweb.csv.gz").exists()
