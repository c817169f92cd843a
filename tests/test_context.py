"""Recommenders whose scores depend on when and how they are asked."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from sklearn_metarec import MetaSelector
from sklearn_metarec._scoring import FactorScorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import encode_interactions


class OfTheHour(BaseRecommender):
    """An item scores by its code times the hour, plus what time it is."""

    _parameter_constraints: dict = {}
    _reads_context = True

    def _fit(self, history):
        pass

    def _make_scorer(self, profiles):
        hour, now = np.zeros(len(profiles)), np.zeros(len(profiles))
        if profiles.context is not None:
            hour = np.asarray(profiles.context.columns["hour"], dtype=float)
            if profiles.context.time is not None:
                now = profiles.context.time.astype(float)
        items = np.arange(len(self.items_), dtype=np.float32)[:, None]
        return FactorScorer(hour[:, None].astype(np.float32), items, now)


ROWS = {
    "user_id": ["ann", "ann", "bob", "eva"],
    "item_id": [5, 6, 6, 7],
    "hour": [1.0, -2.0, 3.0, 4.0],
    "timestamp": [10, 20, 30, 40],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_each_row_is_a_request(make):
    table = make(ROWS)
    model = OfTheHour().fit(table)
    # The same user at two hours: code x hour + time.
    expected = [10, -2 + 20, 3 + 30, 2 * 4 + 40]
    assert_allclose(model.predict(table), expected)
    assert_allclose(model.predict(encode_interactions(table)), expected)
    without_time = make({k: v for k, v in ROWS.items() if k != "timestamp"})
    assert_allclose(OfTheHour().fit(without_time).predict(without_time), [0, -2, 3, 8])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_each_asked_user_has_a_context(make):
    model = OfTheHour().fit(make(ROWS))
    context = make({"time": [100, 200], "hour": [1.0, -1.0]})
    items, scores = model.recommend(
        ["eva", "ann"], k=2, context=context, exclude_seen=False
    )
    assert items.tolist() == [[7, 6], [5, 6]]
    assert_allclose(scores, [[102, 101], [200, 199]])
    plain, _ = model.recommend(["eva"], k=3, exclude_seen=False)
    assert plain.tolist() == [[5, 6, 7]]  # no hour, all alike


def test_a_context_is_a_dataframe():
    model = OfTheHour().fit(pd.DataFrame(ROWS))
    with pytest.raises(TypeError, match="context must be a dataframe"):
        model.recommend(["ann"], context=[[1.0]])


def test_a_selector_hands_the_columns_on():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 9, (80, 2)), columns=["user_id", "item_id"])
    table["hour"] = rng.normal(size=80)
    selector = MetaSelector([("hour", OfTheHour(), {})], budget=1, random_state=0)
    assert selector.fit(table).cv_results_["status"].tolist() == ["ran"]
    # Without the column it could not have been fitted.
    assert "hour" in selector.best_estimator_.feature_names_in_
