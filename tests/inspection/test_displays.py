import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    ItemKNN,
    MetaSelector,
    MFRegressor,
    PopularityRecommender,
)
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.inspection import (
    ExplanationDisplay,
    LeaderboardDisplay,
    PopularityBiasDisplay,
    SelectionDisplay,
    TopKCurveDisplay,
)
from sklearn_metarec.meta import _selection
from sklearn_metarec.model_selection import PerUserShuffleSplit


@pytest.fixture(scope="module")
def selector():
    X, y = make_interactions(3000, 150, 100_000, random_state=0)
    candidates = [
        ("ease", EASE(), {"regularization": [50.0, 500.0]}),
        ("knn", ItemKNN(), {}),
        ("popular", PopularityRecommender(), {}),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_selection, "_QUICK", 0.0)  # as if all of them took long
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


# ------------------------------------------------------- curves, popularity, reasons


@pytest.fixture(scope="module")
def split():
    X, _ = make_interactions(150, 60, 3000, random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    return X[train], X[test]


def test_quality_against_k(split):
    train, test = split
    models = [EASE().fit(train), EASE(5.0).fit(train)]
    display = TopKCurveDisplay.from_estimator(models, test, k=[10, 1, 5])
    assert [line.get_label() for line in display.lines_] == ["EASE", "EASE #2"]
    assert display.lines_[0].get_xdata().tolist() == [1, 5, 10]
    assert display.lines_[0].get_ydata()[-1] == pytest.approx(models[0].score(test))
    means, lows, highs = display.curves["EASE"]
    assert (lows < means).all()
    assert (means < highs).all()
    assert len(display.ax_.collections) == 2  # the intervals


def test_quality_of_lists_as_of_their_model(split):
    train, test = split
    model = EASE().fit(train)
    users = np.unique(test[:, 0])
    items, _ = model.recommend(users, k=5)
    ours = TopKCurveDisplay.from_predictions(test, users, items, metric="recall")
    theirs = TopKCurveDisplay.from_estimator(model, test, metric="recall", k=ours.k)
    assert ours.k.max() == 5
    np.testing.assert_allclose(
        ours.lines_[0].get_ydata(), theirs.lines_[0].get_ydata(), rtol=1e-6
    )


def test_popularity_of_what_is_shown(split):
    train, _ = split
    popular = PopularityRecommender().fit(train)
    display = PopularityBiasDisplay.from_estimator({"floor": popular}, k=5)
    floor, data = (line.get_xydata() for line in display.lines_)
    assert display.lines_[0].get_label() == "floor"
    np.testing.assert_allclose(floor[-1], [1, 1])
    np.testing.assert_allclose(data[-1], [1, 1])
    assert (floor[:, 1] >= data[:, 1] - 1e-9).all()
    # The first point is the most popular item, and its share of the rows.
    counts = np.unique(np.unique(train, axis=0)[:, 1], return_counts=True)[1]
    assert data[0] == pytest.approx([1 / len(counts), counts.max() / counts.sum()])
    items, _ = popular.recommend(k=5)
    same = PopularityBiasDisplay.from_predictions(train, items)
    np.testing.assert_allclose(same.lines_[0].get_xydata(), floor)


def test_reasons_as_bars(split):
    train, _ = split
    model = EASE().fit(train)
    user = train[0, 0]
    item = model.recommend([user], k=1)[0][0, 0]
    names = {i: f"$ Film {i}" for i in range(60)}
    display = ExplanationDisplay.from_estimator(
        model, user, item, item_names=names, max_items=3
    )
    widths = [bar.get_width() for bar in display.bars_]
    assert sum(widths) == pytest.approx(model.predict([[user, item]])[0], rel=1e-4)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels[0] == "baseline"
    assert labels[-1].endswith("others")
    assert len(labels) == 5
    display.figure_.canvas.draw()  # a dollar sign is no formula
    assert str(item) in display.ax_.get_title(loc="left")


def test_reasons_of_a_foreigner_are_none(split):
    with pytest.raises(ValueError, match="does not explain"):
        ExplanationDisplay.from_estimator(LinearRegression(), 1, 2)
