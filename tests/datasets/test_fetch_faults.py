"""Fetchers where the network, an archive or a folder is at fault."""

import gzip
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_metarec.datasets import (
    _archive,
    _cache,
    _movielens,
    fetch_movielens,
)
from sklearn_metarec.exceptions import DatasetError
from tests.datasets.archives import (
    MSWEB,
    SOURCES,
    archive_name,
    every_source,
    fetch,
    files_of,
    zipped,
)


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
