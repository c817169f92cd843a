"""How a selection shows itself: in a notebook, and while it runs."""

import io
import re
from contextlib import redirect_stdout

import numpy as np
import pytest
from sklearn.callback import ProgressBar  # noqa: TID251  (as a user has it)

from sklearn_metarec import EASE, IALS, ItemKNN, MetaSelector, PopularityRecommender
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.meta import _selection


@pytest.fixture(scope="module")
def table():
    return make_interactions(200, 40, 3000, random_state=0)[0]


def selector(**options):
    candidates = [
        ("ials <b>", IALS(4, max_iter=3), {"alpha": [1.0, 5.0]}),
        ("popular", PopularityRecommender(), {}),
    ]
    return MetaSelector(candidates, combine=None, random_state=0, **options)


class Recorder:
    """Note what happens; stop, or not, after so many rounds."""

    max_propagation_depth = 1

    def __init__(self, stop=None):
        self.events, self.stop = [], stop

    def setup(self, estimator, context):
        self.events.append(("setup", type(estimator).__name__))

    def teardown(self, estimator, context):
        self.events.append(("teardown", type(estimator).__name__))

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", context.task_name))
        return context.task_name == self.stop


def test_the_diagram_shows_the_candidates_then_the_chosen_one(table):
    model = selector()
    before = model._repr_html_()
    assert "ials &lt;b&gt;" in before
    assert "popular" in before
    assert "Leaderboard" not in before
    after = model.fit(table)._repr_html_()
    assert f"chosen: {model.best_name_}".replace("<b>", "&lt;b&gt;") in after
    assert "<b>" not in re.sub(r"<b>In a Jupyter.*?</b>", "", after, flags=re.DOTALL)
    board = after[after.index("metarec-board") :]
    assert board.count("<tr>") == 1 + len(model.leaderboard_)
    assert board.count("(chosen)") == 1
    assert f"{model.best_score_:.4f}" in board
    assert MetaSelector()._repr_html_()


def test_tasks_are_nested(table):
    recorder = Recorder()
    model = selector().set_callbacks(recorder).fit(table)
    events = recorder.events
    assert events[0] == ("setup", "MetaSelector")
    assert events[-1] == ("teardown", "MetaSelector")
    assert (events[1], events[-2]) == (("begin", "fit"), ("end", "fit"))
    rounds = [name for kind, name in events if kind == "begin" and "race" in name]
    assert rounds[-1] == "race on 100% of the users"
    evaluations = [e for e in events if e in (("end", "ials <b>"), ("end", "popular"))]
    assert len(evaluations) == len(model.race_) * model.n_splits_
    assert f"refit of {model.best_name_}" in dict(map(reversed, events))
    # The choice is the same with them as without.
    alone = selector().fit(table)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], model.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_progress_bars(table, n_jobs):
    out = io.StringIO()
    candidates = [("ials", IALS(4, max_iter=3), {"alpha": [1.0, 5.0]})]
    model = MetaSelector(candidates, combine=None, random_state=0, n_jobs=n_jobs)
    with redirect_stdout(out):
        model.set_callbacks(ProgressBar()).fit(table)
    lines = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", out.getvalue())
    for part in ("MetaSelector - fit", "race on 100% of the users", "refit of ials"):
        assert part in lines
    assert "IALS - fit" in lines  # its epochs, below the refit
    assert model.best_estimator_.n_iter_ == 3


def test_a_callback_may_stop_the_race(monkeypatch):
    # As if all of them took long.
    monkeypatch.setattr(_selection, "_QUICK", 0.0)
    X = make_interactions(3000, 60, 100_000, random_state=0)[0]
    candidates = [("knn", ItemKNN(), {"n_neighbors": [5, 50]}), ("ease", EASE(), {})]
    model = MetaSelector(candidates, combine=None, random_state=0)
    rounds = [share for _, share, _ in model.fit(X).race_]
    first = min(rounds)
    assert first < 1
    recorder = Recorder(stop=f"race on {first:.0%} of the users")
    stopped = model.set_callbacks(recorder).fit(X)
    assert {share for _, share, _ in stopped.race_} == {first}
    assert stopped.recommend([X[0, 0]], k=2)[0].shape == (1, 2)


def test_callbacks_end_when_a_selection_fails(table):
    recorder = Recorder()
    failing = [("bad", PopularityRecommender(weighted="no"), {})]
    model = MetaSelector(failing, combine=None).set_callbacks(recorder)
    with pytest.raises(ValueError, match="failed"):
        model.fit(table)
    assert recorder.events[-1] == ("teardown", "MetaSelector")
    assert not hasattr(model, "_callback_fit_ctx")
