"""make_off_policy_scorer: what a recommender's policy is, and what it is worth."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_validate

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    MFRegressor,
    PopularityRecommender,
    make_recommender_pipeline,
)
from sklearn_metarec.datasets import make_logged_feedback
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.metrics import dr_value, ips_value, replay_value, snips_value
from sklearn_metarec.model_selection import make_off_policy_scorer
from sklearn_metarec.preprocessing import IdEncoder

N_ITEMS = 8


class Scores:
    """A recommender of given scores: users and items are 0, 1, 2, ..."""

    def __init__(self, table):
        self.table = np.asarray(table, dtype=float)
        self.items_ = np.arange(self.table.shape[1])

    def recommend(self, users=None, k=10, *, items=None, exclude_seen=True):
        scores = self.table[np.asarray(users)].copy()
        if items is not None:
            scores[:, ~np.isin(self.items_, items)] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return order, np.take_along_axis(scores, order, axis=1)


@pytest.fixture(scope="module")
def log():
    return make_logged_feedback(50, N_ITEMS, 4000, greediness=0.5, random_state=0)


@pytest.fixture(scope="module")
def model(log):
    rng = np.random.default_rng(1)
    return Scores(np.log(log.click_probability) + rng.normal(0, 0.3, (50, N_ITEMS)))


def policies(table):
    """The policies of some scores, worked out apart."""
    ranks = np.argsort(np.argsort(-table, axis=1), axis=1)
    raised = np.exp(table / 0.5)
    return {
        "best": ({}, (ranks < 1).astype(float)),
        "three": ({"k": 3}, (ranks < 3) / 3),
        "softmax": (
            {"policy": "softmax", "temperature": 0.5},
            raised / raised.sum(axis=1, keepdims=True),
        ),
    }


@pytest.mark.parametrize("name", ["best", "three", "softmax"])
def test_a_policy_is_what_it_says(log, model, name):
    options, chosen = policies(model.table)[name]
    user, item = log.data["user_id"], log.data["item_id"]
    args = log.target, log.data["propensity"], chosen[user, item]
    for method, expected in (
        ("ips", ips_value(*args)),
        ("snips", snips_value(*args)),
        ("replay", replay_value(args[0], args[2])),
    ):
        scorer = make_off_policy_scorer(method, interval=True, **options)
        found = scorer(model, log.data, log.target)
        assert list(found) == [method, "low", "high"]
        assert list(found.values()) == pytest.approx(list(expected[:3]))
        value = make_off_policy_scorer(method, **options)(model, log.data, log.target)
        assert value == pytest.approx(expected.value)


@pytest.mark.parametrize("name", ["best", "three", "softmax"])
def test_the_doubly_robust_one_asks_its_model(log, model, name):
    options, chosen = policies(model.table)[name]
    earlier = make_logged_feedback(50, N_ITEMS, 2000, random_state=0)
    rewards = BiasRegressor().fit(earlier.data[["user_id", "item_id"]], earlier.target)
    user, item = log.data["user_id"], log.data["item_id"]
    pairs = np.stack(np.indices((50, N_ITEMS)), axis=-1).reshape(-1, 2)
    predicted = rewards.predict(pairs).reshape(50, N_ITEMS)
    expected = dr_value(
        log.target, log.data["propensity"], chosen[user, item], predicted[user, item],
        (chosen * predicted).sum(axis=1)[user],
    )  # fmt: skip
    scorer = make_off_policy_scorer("dr", reward_model=rewards, **options)
    assert scorer(model, log.data, log.target) == pytest.approx(expected.value)


def test_the_value_is_near_the_truth(log, model):
    _, chosen = policies(model.table)["best"]
    truth = (chosen * log.click_probability).sum(axis=1).mean()
    found = make_off_policy_scorer(interval=True)(model, log.data, log.target)
    assert found["low"] < truth < found["high"]
    assert abs(found["snips"] - truth) < 0.05


def test_rows_of_a_user_can_count_as_one(log, model):
    by_user = make_off_policy_scorer(interval=True, by_user=True)
    user, item = log.data["user_id"], log.data["item_id"]
    chosen = policies(model.table)["best"][1][user, item]
    expected = snips_value(log.target, log.data["propensity"], chosen, groups=user)
    found = by_user(model, log.data, log.target)
    assert list(found.values()) == pytest.approx(list(expected[:3]))


def test_only_some_items_can_be_shown(log, model):
    few = [1, 4, 6]
    scorer = make_off_policy_scorer("ips", items=few, policy="softmax")
    table = np.where(np.isin(np.arange(N_ITEMS), few), model.table, -np.inf)
    chosen = np.exp(table) / np.exp(table).sum(axis=1, keepdims=True)
    user, item = log.data["user_id"], log.data["item_id"]
    expected = ips_value(log.target, log.data["propensity"], chosen[user, item])
    assert scorer(model, log.data, log.target) == pytest.approx(expected.value)


def test_the_propensity_is_a_column_of_any_table(log, model):
    expected = make_off_policy_scorer("ips")(model, log.data, log.target)
    renamed = log.data.rename(columns={"propensity": "p"})
    tables = [
        (log.data[["propensity", "item_id", "user_id"]], "propensity"),
        (log.data[["propensity", "item_id", "user_id"]], 0),
        (renamed, "p"),
        (encode_interactions(log.data), "propensity"),
        (log.data.to_numpy(), 2),
        (log.data.to_numpy().tolist(), 2),
    ]
    for table, column in tables:
        scorer = make_off_policy_scorer("ips", propensity=column)
        # Ids are floats in the array: the recommender here wants integers.
        known = Scores(model.table)
        known.recommend = lambda users, k, **options: model.recommend(
            np.asarray(users).astype(int), k, **options
        )
        assert scorer(known, table, log.target) == pytest.approx(expected)


def test_one_propensity_for_all_rows(model):
    log = make_logged_feedback(50, N_ITEMS, 1000, random_state=0)
    ids = log.data[["user_id", "item_id"]]
    constant = make_off_policy_scorer("ips", propensity=1 / N_ITEMS)
    assert constant(model, ids, log.target) == pytest.approx(
        make_off_policy_scorer("ips")(model, log.data, log.target)
    )


def test_in_cross_validation_and_search(log):
    """With recommenders and pipelines; the reward is the strength of a pair."""
    folds = KFold(3, shuffle=True, random_state=0)
    scores = cross_validate(
        make_recommender_pipeline(IdEncoder(), EASE(10.0)), log.data, log.target,
        cv=folds, scoring=make_off_policy_scorer(interval=True), error_score="raise",
    )  # fmt: skip
    assert (scores["test_low"] < scores["test_snips"]).all()
    search = GridSearchCV(
        EASE(), {"regularization": [1.0, 1e6]}, cv=folds, error_score="raise",
        scoring=make_off_policy_scorer("ips", policy="softmax", temperature=0.1),
    ).fit(log.data, log.target)  # fmt: skip
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_rating_model_of_rewards_is_worth_more_than_the_log():
    log = make_logged_feedback(100, N_ITEMS, 20_000, random_state=3)
    ids = log.data[["user_id", "item_id"]]
    half = slice(None, 10_000), slice(10_000, None)
    model = MFRegressor(8, random_state=0).fit(ids[half[0]], log.target[half[0]])
    popular = PopularityRecommender(weighted=True)
    popular.fit(ids[half[0]], log.target[half[0]])
    scorer = make_off_policy_scorer("snips", interval=True)
    tastes, popularity = (
        scorer(one, log.data[half[1]], log.target[half[1]]) for one in (model, popular)
    )
    assert log.target.mean() < popularity["low"] < popularity["high"] < tastes["low"]


def test_seen_items_are_shown_again_unless_excluded(log):
    model = EASE(10.0).fit(log.data[:200], log.target[:200])
    again, new = (
        make_off_policy_scorer("ips", exclude_seen=seen)(model, log.data, log.target)
        for seen in (False, True)
    )
    assert again != new


def test_what_is_wrong_is_named(log, model):
    broken = log.data.assign(propensity=0.0)
    with pytest.raises(ValueError, match="propensity is 0 at row 0"):
        make_off_policy_scorer()(model, broken, log.target)
    ids = log.data[["user_id", "item_id"]]
    with pytest.raises(ValueError, match=r"no column 'propensity' .* but \[\]"):
        make_off_policy_scorer()(model, ids, log.target)
    with pytest.raises(ValueError, match="has no column 5"):
        make_off_policy_scorer(propensity=5)(model, ids.to_numpy(), log.target)
    with pytest.raises(ValueError, match="y is what came of each row"):
        make_off_policy_scorer()(model, log.data, None)
    with pytest.raises(ValueError, match="reward contains NaN or inf"):
        make_off_policy_scorer()(model, log.data, np.full(len(log.data), np.nan))
    with pytest.raises(ValueError, match="go together"):
        make_off_policy_scorer("dr")
    with pytest.raises(ValueError, match="go together"):
        make_off_policy_scorer("ips", reward_model=BiasRegressor())
    with pytest.raises(ValueError, match="propensity"):
        make_off_policy_scorer(propensity=1.5)


def test_it_clones_and_prints():
    scorer = make_off_policy_scorer("ips", k=2)
    assert clone(scorer).get_params()["k"] == 2
    assert "OffPolicyScorer" in repr(scorer)


def test_missing_propensities_are_named(log, model):
    data = log.data.copy()
    data.loc[3, "propensity"] = np.nan
    with pytest.raises(
        ValueError, match="propensity contains NaN or inf: nan at row 3"
    ):
        make_off_policy_scorer()(model, pd.DataFrame(data), log.target)
