"""Fetchers: small archives of the original forms, served by this machine."""

import gzip
import hashlib
import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_metarec import EASE
from sklearn_metarec.datasets import (
    _archive,
    _cache,
    _lastfm,
    _movielens,
    _msweb,
    _online_retail,
    fetch_lastfm,
    fetch_movielens,
    fetch_msweb,
    fetch_online_retail,
)
from sklearn_metarec.datasets._xlsx import read_rows
from sklearn_metarec.exceptions import DatasetError


def zipped(files, folder=""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return file.getvalue()


# ------------------------------------------------------------------ what is published

ML_100K = {
    "u.data": "196\t242\t3\t881250949\n186\t1\t5\t891717742\n196\t1\t4\t881250950\n",
    "u.genre": "unknown|0\nAction|1\nChildren's|2\n\n",
    "u.item": (
        "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|1\n"
        '242|"Misérables, Les" (1995) (V)|01-Jan-1996||http://x|0|1|1\n'
        "267|unknown||||1|0|0\n"
    ).encode("latin-1"),
    "u.user": "186|39|F|executive|00000\n196|49|M|writer|55105\n",
}
ML_1M = {
    "ratings.dat": "1::1193::5::978300760\n2::1::3::978300761\n2::1193::2::978300762\n",
    "movies.dat": (
        "1::Toy Story (1995)::Animation|Children's\n"
        "2::Never Rated (1900) (1996)::Drama\n"
        "1193::Café au Lait (1975)::Drama\n"
    ).encode("latin-1"),
    "users.dat": "1::F::1::10::48067\n2::M::56::16::02138\n",
}
ML_LATEST = {
    "ratings.csv": (
        "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n2,3,0.5,964981247\n"
    ),
    "movies.csv": (
        'movieId,title,genres\n1,"American President, The (1995)",Comedy\n'
        "3,Babylon 5,(no genres listed)\n"
    ),
    "tags.csv": "userId,movieId,tag,timestamp\n",
}
LASTFM = {
    "user_artists.dat": "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t1\n7\t51\t20\n",
    "artists.dat": (
        "id\tname\turl\tpictureURL\n51\tNone\thttp://x\thttp://y\n"
        '52\tThe "Crüxshadows\thttp://x\n'
    ),
    "tags.dat": "tagID\ttagValue\n1\tchillout\n2\tdüsseldorf\n3\tNA\n".encode(
        "latin-1"
    ),
    "user_taggedartists.dat": (
        "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t51\t3\t1\t4\t2009\n"
        "2\t51\t1\t1\t4\t2009\n7\t51\t1\t1\t4\t2009\n9\t51\t2\t1\t4\t2009\n"
    ),
}
MSWEB = (
    'I,4,"www.microsoft.com","created by getlog.pl"\n'
    'A,1287,1,"International AutoRoute","/autoroute"\n'
    'A,1000,1,"regwiz","/regwiz"\n'
    'A,1001,1,"NA","/na"\n'
    'C,"10001",10001\nV,1000,1\nV,1287,1\nC,"10002",10002\nV,1000,1\n'
)


def workbook(rows):
    """The parts of a spreadsheet that matter, as Excel writes them."""
    shared = sorted({cell for row in rows for cell in row if isinstance(cell, str)})
    lines = []
    for r, row in enumerate(rows, start=1):
        cells = []
        for column, cell in zip("ABCDEFGH", row, strict=True):
            if isinstance(cell, str):
                cells.append(
                    f'<c r="{column}{r}" t="s"><v>{shared.index(cell)}</v></c>'
                )
            elif cell is not None:
                cells.append(f'<c r="{column}{r}" s="1"><v>{cell!r}</v></c>')
        lines.append(f'<row r="{r}">{"".join(cells)}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = f"<sheetData>{''.join(lines)}</sheetData>"
    texts = "".join(f"<si><t>{text}</t></si>" for text in shared)
    return zipped(
        {
            "xl/worksheets/sheet1.xml": f"<worksheet {space}>{sheet}</worksheet>",
            "xl/sharedStrings.xml": f"<sst {space}>{texts}</sst>",
        }
    )


RETAIL = [
    ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
     "CustomerID", "Country"],
    [536365, "85123A", "HEART HOLDER ", 6, 40513.351388888892, 2.5499999999999998,
     17850, "United Kingdom"],
    [536366, 71053, "LANTERN", 2, 40513.352777777778, 3.39, 17850, "United Kingdom"],
    [536367, 71053, "WHITE LANTERN", 1, 40513.353, 4.0, 12680, "France"],
    [536368, 71053, "WHITE LANTERN", 3, 40513.354, 3.0, 12680, "France"],
    ["C536379", 71053, "LANTERN", -1, 40513.36, 3.39, 12680, "France"],
    [536370, "22138", None, 7, 40513.37, 0.0, None, "France"],
]  # fmt: skip


SOURCES = {
    "100k": (
        _movielens._VARIANTS["100k"], zipped(ML_100K, "ml-100k/"),
        {"rows": 3, "users": 2, "items": 2},
    ),
    "1m": (
        _movielens._VARIANTS["1m"], zipped(ML_1M, "ml-1m/"),
        {"rows": 3, "users": 2, "items": 2},
    ),
    "latest-small": (
        _movielens._VARIANTS["latest-small"], zipped(ML_LATEST, "ml-latest-small/"),
        {"rows": 2, "users": 2, "items": 2},
    ),
    "retail": (
        _online_retail._ONLINE_RETAIL, zipped({"Online Retail.xlsx": workbook(RETAIL)}),
        {"rows": 4, "users": 2, "items": 2},
    ),
    "lastfm": (_lastfm._LASTFM, zipped(LASTFM), {"rows": 3, "users": 2, "items": 2}),
    "msweb": (_msweb._MSWEB, gzip.compress(MSWEB.encode()), {"users": 2}),
}  # fmt: skip
FETCHERS = {
    "retail": fetch_online_retail,
    "lastfm": fetch_lastfm,
    "msweb": fetch_msweb,
}
every_source = pytest.mark.parametrize("source", SOURCES)


@pytest.fixture
def published(site, monkeypatch):
    """The data sets as `site` has them: small, with their own checksums and counts."""
    for source, (dataset, content, counts) in SOURCES.items():
        name = dataset.archive.url.rpartition("/")[2]
        site.files[name] = content
        known = hashlib.sha256(content).hexdigest() if dataset.archive.sha256 else None
        archive = _archive.Archive(site.url(name), known)
        local = replace(dataset, archive=archive, counts=counts)
        if source in _movielens._VARIANTS:
            monkeypatch.setitem(_movielens._VARIANTS, source, local)
        else:
            module = {"retail": _online_retail, "lastfm": _lastfm, "msweb": _msweb}
            constant = {"retail": "_ONLINE_RETAIL"}.get(source, f"_{source.upper()}")
            monkeypatch.setattr(module[source], constant, local)
    return site


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def fetch(source, home, **options):
    options = {"data_home": home, "delay": 0.0} | options
    if source in _movielens._VARIANTS:
        return fetch_movielens(source, **options)
    return FETCHERS[source](**options)


def archive_name(source):
    return SOURCES[source][0].archive.url.rpartition("/")[2]


def files_of(home):
    return sorted(path.name for path in home.iterdir())


# ------------------------------------------------------------------------ what is read


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


# ----------------------------------------------------------------- where it goes wrong


def assert_nothing_left(home):
    assert files_of(home) == []


@every_source
def test_not_to_be_downloaded(source, home):
    with pytest.raises(OSError, match=r"Data not found and `download_if_missing` is F"):
        fetch(source, home, download_if_missing=False)
    assert_nothing_left(home)


def test_no_network(published, home, monkeypatch):
    # Nothing listens there.
    archive = _archive.Archive("http://127.0.0.1:9/ml-100k.zip", "0" * 64)
    monkeypatch.setitem(
        _movielens._VARIANTS, "100k",
        replace(_movielens._VARIANTS["100k"], archive=archive),
    )  # fmt: skip
    with pytest.raises(DatasetError) as caught:
        fetch("100k", home, n_retries=1)
    message = str(caught.value)
    for part in (
        f"{home} has no movielens_100k.csv.gz",
        "could not be downloaded from http://127.0.0.1:9/ml-100k.zip: URLError",
        "where there is no network, put there movielens_100k.csv.gz (columns user_id, "
        "item_id, rating), movielens_100k.items.csv.gz (columns item_id, title, year, "
        "genres) and movielens_100k.users.csv.gz",
        "pass the folder that has them as data_home",
    ):
        assert part in message
    assert_nothing_left(home)


def test_an_address_that_is_gone_is_asked_once(published, home):
    del published.files["ml-1m.zip"]
    with pytest.raises(DatasetError, match="HTTP Error 404"):
        fetch("1m", home)
    assert published.asked["ml-1m.zip"] == 1
    assert_nothing_left(home)


def unavailable(handler):
    handler.send_error(503)


def broken_off(handler):
    content = SOURCES["100k"][1]
    handler.answer(content[: len(content) // 2], size=len(content))


@pytest.mark.parametrize("fault", [unavailable, broken_off])
def test_a_failure_that_passes(fault, published, home):
    published.faults["ml-100k.zip"] = [fault, fault]
    with pytest.warns(UserWarning, match="Retrying to download http"):
        assert len(fetch("100k", home).data) == 3
    assert published.asked["ml-100k.zip"] == 3


@pytest.mark.parametrize(
    ("fault", "message"),
    [(unavailable, "HTTP Error 503"), (broken_off, r"ended after \d+ of \d+ bytes")],
)
def test_a_failure_that_stays(fault, message, published, home):
    published.faults["ml-100k.zip"] = [fault] * 9
    with (
        pytest.warns(UserWarning, match="Retrying"),
        pytest.raises(DatasetError, match=message),
    ):
        fetch("100k", home, n_retries=2)
    assert published.asked["ml-100k.zip"] == 2
    assert_nothing_left(home)


def test_between_attempts_there_is_a_delay(published, home, monkeypatch):
    slept = []
    monkeypatch.setattr(_archive.time, "sleep", slept.append)
    published.faults["ml-100k.zip"] = [unavailable, unavailable]
    with pytest.warns(UserWarning, match="Retrying"):
        fetch("100k", home, delay=2.5)
    assert slept == [2.5, 2.5]


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "msweb"])
def test_another_archive(source, published, home):
    name = archive_name(source)
    published.files[name] += b"\0"
    with pytest.raises(DatasetError, match=r"checksum [0-9a-f]{64} instead of"):
        fetch(source, home)
    assert published.asked[name] == 1
    assert_nothing_left(home)


@every_source
@pytest.mark.parametrize("damage", ["truncated", "noise", "empty", "another zip"])
def test_an_archive_that_cannot_be_read(source, damage, published, home, monkeypatch):
    # Without a checksum, which would find it first.
    monkeypatch.setattr(_cache, "download", _without_checksum)
    name = archive_name(source)
    published.files[name] = {
        "truncated": published.files[name][:-30],
        "noise": np.random.default_rng(0).bytes(2000),
        "empty": b"",
        "another zip": zipped({"readme.txt": "nothing", "a.xlsx": "nothing"}),
    }[damage]
    with pytest.raises(DatasetError, match="the archive"):
        fetch(source, home)
    assert_nothing_left(home)


def _without_checksum(archive, path, **options):
    return _archive.download(replace(archive, sha256=None), path, **options)


@every_source
def test_an_archive_with_other_counts(source, published, home, monkeypatch):
    dataset = replace(SOURCES[source][0], counts={"users": 3})
    tables = {"": pd.DataFrame({"user_id": [1, 2], "item_id": [1, 1]})}
    with pytest.raises(OSError, match="has 2 users, where its publisher says 3"):
        _cache._check_counts(dataset, tables)


def test_an_interrupted_download(published, home, monkeypatch):
    def interrupted(archive, path, **options):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(_cache, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("msweb", home)
    assert_nothing_left(home)


def test_a_file_that_changed_after_the_download(published, home):
    fetch("msweb", home)
    path = home / "msweb.items.csv.gz"
    path.write_bytes(gzip.compress(b"item_id,labels\n1,other\n"))
    with pytest.raises(DatasetError, match=r"is not the file that was downloaded"):
        fetch("msweb", home)
    for left in home.iterdir():
        left.unlink()
    assert len(fetch("msweb", home).data) == 3


def test_an_archive_that_changed_since_the_first_download(published, home):
    fetch("msweb", home)
    (home / "msweb.csv.gz").unlink()
    fetch("msweb", home)  # the same archive again
    (home / "msweb.csv.gz").unlink()
    published.files[archive_name("msweb")] = gzip.compress(
        MSWEB.encode() + b"V,1001,1\n"
    )
    with pytest.raises(DatasetError, match=r"at the first download it was .*Delete"):
        fetch("msweb", home)
    (home / "msweb.sha256").unlink()
    assert len(fetch("msweb", home).data) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"user_id,item_id,rating\n1,2,1\n",
        gzip.compress(b"user_id,item_id,rating\n1,2,1\n")[:-9],
        gzip.compress(b""),
        gzip.compress(b"\xff\xfe,item_id,rating\n1,2,1\n"),
        gzip.compress(b"user_id,item_id\n1,2\n"),
        gzip.compress(b"user_id,item_id,rating\n1,2,1\n1,2,3,4,5\n"),
    ],
    ids=["empty", "plain", "truncated", "no text", "bytes", "columns", "ragged"],
)
def test_a_table_that_cannot_be_read(content, home):
    home.mkdir()
    (home / "msweb.csv.gz").write_bytes(content)
    path = re.escape(str(home / "msweb.csv.gz"))
    with pytest.raises(DatasetError, match=rf"{path} is (damaged|another table)"):
        fetch("msweb", home, download_if_missing=False)


@every_source
@pytest.mark.parametrize(
    "options",
    [
        {"n_retries": 0}, {"delay": -1.0}, {"data_home": 3}, {"as_frame": "yes"},
        {"return_X_y": None}, {"download_if_missing": "no"},
    ],
)  # fmt: skip
def test_parameters(source, options, home):
    with pytest.raises(ValueError, match="parameter of fetch_"):
        fetch(source, home, **options)


def test_an_unknown_variant(home):
    with pytest.raises(ValueError, match="'variant' parameter of fetch_movielens"):
        fetch_movielens("32m", data_home=home)
