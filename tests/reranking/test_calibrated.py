"""CalibratedReranker: the greedy choice, the groups, and nearly the best list."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_metarec import EASE, CalibratedReranker, ItemKNN, PopularityRecommender
from sklearn_metarec.datasets import make_interactions

GOLDEN = Path(__file__).parent.parent / "golden" / "calibrated.json"


@pytest.fixture(scope="module")
def table():
    return make_interactions(150, 60, 1500, random_state=0)[0]


def objective(items, relevance, groups, taste, weight, length):
    """Relevance, and the sum of p log q but for what no item changes."""
    listed = groups[list(items)].sum(axis=0)
    smooth = 0.99 * listed / length + 0.01 * taste
    there = taste > 0
    fit = (taste[there] * np.log(smooth[there] / (0.01 * taste[there]))).sum()
    return (1 - weight) * relevance[list(items)].sum() + weight * fit


def of_user(model, row, weight):
    """Return what the objective takes, of all items that a user has not had."""
    items, scores = model.estimator_.recommend([model.users_[row]], k=60)
    there = np.isfinite(scores[0])
    codes, scores = model._items.lookup(items[0][there]), scores[0][there]
    relevance = np.full(60, np.nan)
    relevance[codes] = (scores - scores.min()) / (scores.max() - scores.min())
    groups = model.item_groups_.toarray()
    taste = (model.history_[[row]] > 0).toarray()[0] @ groups
    return codes, (relevance, groups, taste / taste.sum(), weight, model.list_length)


@pytest.mark.parametrize("weight", [0.2, 0.8, 1.0])
def test_choices_are_greedy(table, weight):
    model = CalibratedReranker(EASE(), calibration=weight, n_candidates=60).fit(table)
    items, scores = model.recommend(k=10)
    full = np.flatnonzero(np.bincount(table[:, 0], minlength=150) <= 30)
    for row in full[::11]:
        codes, parts = of_user(model, row, weight)
        chosen, before = [], 0.0
        for place in range(10):
            left = [int(code) for code in np.sort(codes) if code not in chosen]
            values = [objective([*chosen, code], *parts) for code in left]
            best = left[int(np.argmax(values))]
            gain, before = max(values) - before, max(values)
            assert scores[row, place] == pytest.approx(gain, rel=1e-4, abs=1e-5)
            # Items of a group may be as good as each other, but for rounding.
            found = int(model._items.lookup(items[row, place : place + 1])[0])
            assert values[left.index(found)] == pytest.approx(max(values), abs=1e-5)
            chosen.append(found if found in left else best)


def test_a_list_is_nearly_the_best_one(table):
    model = CalibratedReranker(
        EASE(), calibration=0.7, n_candidates=12, list_length=4
    ).fit(table)
    full = np.flatnonzero(np.bincount(table[:, 0], minlength=150) <= 30)
    for row in full[::30]:
        codes, parts = of_user(model, row, 0.7)
        # Relevance is scaled over the candidates.
        relevance = parts[0]
        codes = codes[:12]
        low, high = relevance[codes].min(), relevance[codes].max()
        parts = ((relevance - low) / (high - low), *parts[1:])
        best = max(objective(some, *parts) for some in combinations(codes, 4))
        items = model.recommend([model.users_[row]], k=4)[0][0]
        found = objective(model._items.lookup(items), *parts)
        assert (1 - 1 / np.e) * best <= found <= best + 1e-6


def test_groups_by_popularity():
    # 6, 3, 3, 2, 1, 1 users: of 16 pairs in two groups, the first two items' nine
    # lie above and below the half; equally popular ones stay together.
    counts = [6, 3, 3, 2, 1, 1]
    X = [[u, i] for i, n in enumerate(counts) for u in range(n)]
    model = CalibratedReranker(PopularityRecommender(), n_groups=2).fit(X)
    groups = model.item_groups_.toarray().argmax(axis=1)
    # Middles of the masses: 3, 9, 9, 13, 15, 15 of 16.
    assert groups.tolist() == [0, 1, 1, 1, 1, 1]


def test_groups_by_features_are_shares():
    items = pd.DataFrame({"item_id": [1, 2, 3], "genres": ["a|b", "b", "c"]})
    X = [[u, i] for u in range(4) for i in (1, 2, 3, 4) if (u + i) % 2]
    model = CalibratedReranker(ItemKNN(), item_features=items).fit(X)
    assert_allclose(
        model.item_groups_.toarray(),
        [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]],
    )
    numbers = items.assign(genres=[-1.0, 0.5, 2.0])
    with pytest.raises(ValueError, match="negative"):
        CalibratedReranker(ItemKNN(), item_features=numbers).fit(X)


def test_a_taste_for_the_rare_is_served(table):
    plain = EASE().fit(table)
    model = CalibratedReranker(EASE(), calibration=0.9, n_groups=3).fit(table)
    groups = model.item_groups_.toarray()

    def divergence(lists):
        wanted = (model.history_ > 0).astype(float) @ groups
        wanted = wanted / wanted.sum(axis=1, keepdims=True)
        q = 0.99 * groups[lists].mean(axis=1) + 0.01 * wanted
        ratio = np.where(wanted > 0, wanted / np.where(wanted > 0, q, 1), 1)
        return (wanted * np.log(ratio)).sum(axis=1).mean()

    assert divergence(model.recommend(k=10)[0]) < 0.5 * divergence(
        plain.recommend(k=10)[0]
    )


def test_without_weight_the_lists_are_the_estimators(table):
    model = CalibratedReranker(EASE(), calibration=0.0).fit(table)
    expected = EASE().fit(table).recommend(k=40)[0]
    assert_array_equal(model.recommend(k=40)[0], expected)


def test_a_trace_says_what_was_added(table):
    model = CalibratedReranker(EASE(), n_candidates=20).fit(table)
    user = model.users_[5]
    item = model.recommend([user], k=1)[0][0, 0]
    last = model.explain(user, item).trace[-1]
    assert last.what.startswith("chose it, which adds ")
    assert last.rank == 1


def test_rows_of_a_call_count_for_the_shares(table):
    model = CalibratedReranker(EASE(), calibration=1.0, n_groups=2).fit(table)
    groups = model.item_groups_.toarray().argmax(axis=1)
    for group in (0, 1):
        basket = [["new", item] for item in model.items_[groups == group][:4]]
        items = model.recommend(history=basket, k=5)[0][0]
        assert (groups[model._items.lookup(items)] == group).all()


def test_golden():
    """Lists and scores of a small seeded fit, written once by these lines."""
    X, _ = make_interactions(40, 30, 500, random_state=1)
    model = CalibratedReranker(EASE(10.0), list_length=5, calibration=0.5).fit(X)
    items, scores = model.recommend([0, 1, 2], k=5)
    golden = json.loads(GOLDEN.read_text())
    assert items.tolist() == golden["items"]
    assert_allclose(scores, golden["scores"], rtol=1e-3, atol=1e-4)
