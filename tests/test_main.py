"""The command line, called as a function and as a process."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_metarec import ItemKNN, __version__, load, save
from sklearn_metarec.__main__ import main
from sklearn_metarec.datasets import make_interactions


@pytest.fixture
def table(tmp_path):
    """A CSV file whose user ids have leading zeros and whose names say nothing."""
    X, y = make_interactions(
        60, 300, 900, feedback="explicit", timestamps=True, random_state=0
    )
    frame = pd.DataFrame(X[:, :2], columns=["who", "what"])
    frame["who"] = frame["who"].map("{:05d}".format)
    frame["stars"] = y
    frame["when"] = np.arange(len(frame))
    frame.to_csv(tmp_path / "table.csv.gz", index=False)
    return frame


@pytest.fixture
def named(table, tmp_path):
    """The same with the usual names, as plain CSV."""
    names = {"who": "userId", "what": "itemId", "stars": "rating", "when": "timestamp"}
    frame = table.rename(columns=names)
    frame.to_csv(tmp_path / "named.csv", index=False)
    return frame


COLUMNS = ["--user", "who", "--item", "what", "--rating", "stars", "--time", "when"]


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    written = capsys.readouterr()
    assert status == 0, written.err
    return written.out


def test_select_writes_recommendations_and_a_model(table, tmp_path, capsys):
    recs, model = tmp_path / "recs.csv", tmp_path / "model.skops"
    out = run(
        capsys, "select", tmp_path / "table.csv.gz", *COLUMNS,
        "--budget", "4", "-k", 5, "-o", recs, "--model", model,
    )  # fmt: skip
    assert "Every row counts as liked, whatever its rating" in out
    assert "Leaderboard" in out
    assert "ndcg@10" in out
    assert "popularity" in out
    lists = pd.read_csv(recs, dtype={"user_id": str})
    assert list(lists.columns) == ["user_id", "item_id", "rank", "score"]
    assert set(lists["user_id"]) == set(table["who"])  # leading zeros are kept
    assert lists["rank"].max() == 5
    seen = set(zip(table["who"], table["what"], strict=True))
    assert not seen & set(zip(lists["user_id"], lists["item_id"], strict=True))
    fitted = load(model)
    items, _ = fitted.recommend(lists["user_id"][:1], k=5)
    assert items[0].tolist() == lists["item_id"][:5].tolist()


@pytest.mark.parametrize("name", ["recs.parquet", "recs.csv.gz"])
def test_batches_of_users_make_one_file(named, tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr("sklearn_metarec.__main__._USERS_PER_BATCH", 7)
    run(capsys, "select", tmp_path / "named.csv", "--budget", 1, "-o", tmp_path / name)
    read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    lists = read(tmp_path / name)
    assert lists["user_id"].nunique() == named["userId"].nunique()


def test_min_rating_makes_low_ratings_seen_but_not_liked(named, tmp_path, capsys):
    model = tmp_path / "model.skops"
    out = run(
        capsys, "select", tmp_path / "named.csv", "--min-rating", 4,
        "--budget", 2, "--model", model,
    )  # fmt: skip
    assert "whatever its rating" not in out
    history = load(model).history_
    assert history.nnz == len(named)
    assert history.data.sum() == (named["rating"] >= 4).sum()


def test_rating_task(named, tmp_path, capsys):
    model = tmp_path / "model.skops"
    out = run(
        capsys, "select", tmp_path / "named.csv", "--task", "rating",
        "--budget", 2, "--model", model,
    )  # fmt: skip
    assert "RMSE" in out
    out = run(capsys, "evaluate", model, tmp_path / "named.csv")
    assert "RMSE" in out


def test_recommend_and_evaluate_with_a_saved_model(named, tmp_path, capsys):
    model = tmp_path / "model.skops"
    named[:600].to_csv(tmp_path / "old.csv", index=False)
    named[600:].to_csv(tmp_path / "new.csv", index=False)
    run(capsys, "select", tmp_path / "old.csv", "--budget", 2, "--model", model)
    users = named["userId"].unique()[:2]
    out = run(capsys, "recommend", model, "--users", *users, "-k", 3)
    lines = out.strip().splitlines()
    assert lines[0] == "user_id,item_id,rank,score"
    assert len(lines) == 7
    assert lines[1].split(",")[0] == users[0]
    basket = tmp_path / "basket.csv"
    pd.DataFrame({"user_id": ["new"] * 2, "item_id": named["itemId"][:2]}).to_csv(
        basket, index=False
    )
    out = run(capsys, "recommend", model, "--history", basket, "-k", 3)
    assert [line.split(",")[0] for line in out.strip().splitlines()[1:]] == ["new"] * 3
    out = run(capsys, "evaluate", model, tmp_path / "new.csv")
    assert "ndcg@10" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["select", "table.csv.gz"], "no user and no item column found"),
        (["select", "table.csv.gz", "--user", "nobody"], "no column 'nobody' (--user)"),
        (["select", "table.csv.gz", "--user", "who"], "no item column found"),
        (["select", "missing.csv"], "missing.csv"),
        (["select", "table.xlsx"], "cannot tell its format"),
        (["select", "named.csv", "--budget", "soon"], "neither a time such as"),
        (["recommend", "table.csv.gz", "--users", "a"], "not a complete model file"),
        (["recommend", "model.skops"], "needs --users, --history FILE, or both"),
        (
            ["select", "table.csv.gz", "--user", "who", "--item", "what",
             "--task", "rating"],
            "has no rating column",
        ),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(
    table, named, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    if "column found" in message:
        assert "['who', 'what', 'stars', 'when']" in error


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_runs_as_a_module(named, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sklearn_metarec", "select", "named.csv", "--budget=1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Chosen:" in done.stdout


def test_report_writes_a_page(table, tmp_path, capsys):
    model, page = tmp_path / "model.skops", tmp_path / "page.html"
    save(ItemKNN().fit(table[["who", "what"]].to_numpy()[:700]), model)
    titles = pd.DataFrame({"what": table["what"].unique()})
    titles["title"] = "Film <" + titles["what"].astype(str) + ">"
    titles.to_csv(tmp_path / "titles.csv", index=False)
    out = run(
        capsys, "report", model, tmp_path / "table.csv.gz", *COLUMNS, "-k", 5,
        "--titles", tmp_path / "titles.csv", "--users", table["who"][0], "-o", page,
    )  # fmt: skip
    assert f"report: {page}" in out
    text = page.read_text(encoding="utf-8")
    assert "1. Film &lt;" in text
    assert f"<h3>{table['who'][0]}</h3>" in text
