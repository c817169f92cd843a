"""What each stage says of an item on its way into a list."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_metarec import (
    EASE,
    Blend,
    Fallback,
    ItemKNN,
    MetaSelector,
    MMRReranker,
    PopularityRecommender,
    RecommenderPipeline,
    TwoStageRecommender,
)
from sklearn_metarec.base import Step, Trace
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.preprocessing import IdEncoder


@pytest.fixture(scope="module")
def table():
    return make_interactions(120, 60, 1800, random_state=0)[0]


def test_a_trace_is_read_as_lines_and_as_a_table():
    trace = Trace(
        [Step("ease", "ranked it", 3, 0.5), Step("MMR", "dropped it, near", other="x")]
    )
    assert (
        str(trace) == "ease: ranked it (rank 3, score 0.5)\nMMR: dropped it, near 'x'"
    )
    frame = trace.as_frame()
    assert frame.columns.tolist() == ["stage", "what", "rank", "score", "other"]
    assert frame["rank"].tolist() == [3, pd.NA]
    assert len(Trace().as_frame()) == 0


@pytest.mark.parametrize("model", [EASE(), PopularityRecommender(), ItemKNN()])
def test_the_rank_is_the_place_in_the_list(table, model):
    model = model.fit(table)
    user = model.users_[4]
    items, scores = model.recommend([user], k=12)
    for place, item in enumerate(items[0].tolist()):
        (step,) = model.explain(user, item).trace
        assert (step.stage, step.rank) == (type(model).__name__, place + 1)
        assert step.score == pytest.approx(scores[0, place])
    had = table[table[:, 0] == user, 1][0]
    (step,) = model.explain(user, had).trace
    assert (step.rank, step.what) == (None, "left it out, as the user has had it")
    (step,) = model.explain(user, "nothing").trace
    assert step.what == "does not know the item"
    (step,) = model.explain("nobody", items[0, 0]).trace
    assert step.rank is not None
    assert "popularity" in step.what


def test_a_blend(table):
    model = Blend([("ease", EASE()), ("knn", ItemKNN())]).fit(table)
    user = model.users_[7]
    item = model.recommend([user], k=3)[0][0, 2]
    ease, knn, own = model.explain(user, item).trace
    assert (ease.stage, knn.stage, own.stage) == ("ease", "knn", "Blend")
    assert own.rank == 3
    listed = EASE().fit(table).recommend([user], k=40)[0][0].tolist()
    assert ease.rank == listed.index(item) + 1


def test_a_fallback():
    X = [["ann", 1], ["ann", 2], ["bob", 1], ["bob", 2], ["bob", 5], ["eva", 2]]
    X += [["eva", 3], ["joe", 4], ["kim", 3], ["kim", 2]]
    model = Fallback(
        [("ease", EASE(1.0)), ("knn", ItemKNN()), ("popular", PopularityRecommender())],
        min_history=[3, 1],
    ).fit(X)
    ease, knn, own = model.explain("ann", 5).trace
    assert ease.what == "passed the user on, who has 2 pairs of 3 to it"
    assert (knn.rank, own.what) == (1, "took it from 'knn'")
    # Nothing is a neighbour of what joe has.
    _, knn, popular, own = model.explain("joe", 2).trace
    assert knn.what == "passed the item on: nothing to say of it"
    assert (popular.stage, popular.rank) == ("popular", 1)
    assert (own.rank, own.what) == (1, "took it from 'popular'")
    assert model.recommend(["joe"], k=4)[0].tolist() == [[2, 1, 3, 5]]


def test_two_stages(table):
    model = TwoStageRecommender(
        [("ease", EASE()), ("knn", ItemKNN())], ranker=LogisticRegression(),
        n_candidates=5, n_folds=2, random_state=0,
    ).fit(table)  # fmt: skip
    user = model.users_[2]
    items = model.recommend([user], k=40)[0][0]
    ease, knn, own = model.explain(user, items[0]).trace
    assert "found it" in (ease.what, knn.what)
    assert (own.rank, own.what) == (1, "ranked it among the candidates")
    ease, knn, own = model.explain(user, items[-1]).trace
    assert ease.what == knn.what == "names 5 others"
    assert own.what == "dropped it: no candidate, below all of them"
    assert own.rank == 40


def test_a_pipeline_speaks_the_ids_of_the_caller(table):
    X = np.column_stack([table[:, 0] + 1000, table[:, 1] + 500])
    kinds = {"item_id": np.arange(60), "kind": [f"k{i % 3}" for i in range(60)]}
    mmr = MMRReranker(EASE(), diversity=0.9, list_length=3, item_features=kinds)
    pipeline = RecommenderPipeline([("ids", IdEncoder()), ("mmr", mmr)]).fit(X)
    user = X[0, 0]
    items = pipeline.recommend([user], k=8)[0][0].tolist()
    last = pipeline.explain(user, items[5]).trace[-1]
    assert last.other in items[:3]


def test_a_selection_says_whom_it_chose(table):
    candidates = [("ease", EASE(), {}), ("popular", PopularityRecommender(), {})]
    selector = MetaSelector(candidates, random_state=0, combine=None).fit(table)
    choice, own = selector.explain(table[0, 0], table[1, 1]).trace
    assert (choice.stage, choice.what) == ("MetaSelector", f"chose {own.stage}")
