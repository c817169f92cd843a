import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt
from sklearn.exceptions import NotFittedError

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    ItemKNN,
    MetaSelector,
    MFRegressor,
    PopularityRecommender,
)
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.inspection import LeaderboardDisplay, SelectionDisplay


@pytest.fixture(scope="module")
def selector():
    X, y = make_interactions(3000, 150, 100_000, random_state=0)
    candidates = [
        ("ease", EASE(), {"regularization": [50.0, 500.0]}),
        ("knn", ItemKNN(), {}),
        ("popular", PopularityRecommender(), {}),
    ]
    return MetaSelector(candidates, combine=None, random_state=0).fit(X, y)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_leaderboard_has_a_bar_a_configuration(selector):
    display = LeaderboardDisplay.from_selector(selector)
    board = selector.leaderboard_
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, board["score"])
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels[0].startswith("ease regularization=")
    assert "50" in labels[0] or "500" in labels[0]
    shown = LeaderboardDisplay.from_selector(selector, max_rows=2)
    assert len(shown.bars_) == 2


def test_intervals_hold_the_score(selector):
    board = selector.leaderboard_
    assert (board["low"] < board["score"]).all()
    assert (board["score"] < board["high"]).all()
    display = LeaderboardDisplay.from_selector(selector)
    np.testing.assert_allclose(display.intervals, board[["low", "high"]])


def test_intervals_of_errors():
    X, y = make_interactions(200, 60, 5000, feedback="explicit", random_state=0)
    candidates = [("mf", MFRegressor(), {}), ("bias", BiasRegressor(), {})]
    selector = MetaSelector(candidates, task="rating", random_state=0).fit(X, y)
    board = selector.leaderboard_
    assert (board["low"] < board["score"]).all()
    assert (board["score"] < board["high"]).all()
    assert (board["high"] < 0).all()
    display = LeaderboardDisplay.from_selector(selector)
    assert "RMSE" in display.ax_.get_xlabel()


def test_points_of_quality_against_time(selector):
    display = SelectionDisplay.from_selector(selector)
    assert [line.get_label() for line in display.lines_] == ["ease", "knn", "popular"]
    assert [len(line.get_xdata()) for line in display.lines_] == [2, 1, 1]
    assert display.figure_ is display.ax_.figure


def test_the_race_shows_who_fell_out(selector):
    display = SelectionDisplay.from_selector(selector, kind="race")
    ends = [line.get_xdata()[-1] for line in display.lines_]
    assert sorted(ends)[-1] == 1
    assert min(ends) < 1
    assert len(display.lines_) == 4
    assert display.ax_.get_ylabel() == "ndcg@10"


def test_draws_where_it_is_told(selector):
    _, ax = plt.subplots()
    assert LeaderboardDisplay.from_selector(selector, ax=ax).ax_ is ax
    assert SelectionDisplay.from_selector(selector, ax=ax).ax_ is ax


def test_bad_input(selector):
    with pytest.raises(ValueError, match="kind must be"):
        SelectionDisplay.from_selector(selector, kind="pie")
    for display in (LeaderboardDisplay, SelectionDisplay):
        with pytest.raises(NotFittedError):
            display.from_selector(MetaSelector())
