"""What ships with the package, the portfolio made of it, and a store of one's own."""

import numpy as np
import pytest

from sklearn_metarec import EASE, IALS, MetaSelector
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.meta import MetaStore
from sklearn_metarec.meta._knowledge import (
    _FILE,
    Configuration,
    Experience,
    experiences,
    portfolio,
    portfolio_for,
    predict_seconds,
)
from sklearn_metarec.meta._portfolio import default_candidates

A, B, C, D = (Configuration(name) for name in "ABCD")


def known(name, family=None, sizes=(100, 10, 10), seconds=None, **scores):
    features = dict(zip(("n_interactions", "n_users", "n_items"), sizes, strict=True))
    scores = {Configuration(model): score for model, score in scores.items()}
    seconds = seconds or dict.fromkeys(scores, 1.0)
    return Experience(name, family or name, features, scores, seconds)


def test_each_next_one_is_what_the_others_lack():
    # A is best on two sets, C on the third, where B, the runner-up, is as bad as A.
    sets = [
        known("x", A=1.0, B=0.99, C=0.2),
        known("y", A=1.0, B=0.99, C=0.2),
        known("z", A=0.1, B=0.1, C=1.0),
    ]
    assert portfolio(sets) == [A, C, B]
    assert portfolio(sets, 1) == [A]


def test_a_family_counts_as_one():
    alike = [known(f"m{i}", "m", A=1.0, B=0.5) for i in range(3)]
    others = [known("x", A=0.4, B=1.0), known("y", A=0.6, B=1.0)]
    assert portfolio(alike + others)[0] == B
    assert portfolio([known(e.name, A=1.0, B=0.5) for e in alike] + others)[0] == A


def test_of_equal_ones_the_cheapest():
    slow = {A: 5.0, B: 1.0}
    assert portfolio([known("x", seconds=slow, A=0.5, B=0.5)]) == [B, A]


def test_one_of_a_model():
    first, second = (Configuration("A", (("x", x),)) for x in (1, 2))
    scores = {first: 1.0, second: 0.9, B: 0.1}
    sets = [Experience("s", "s", {}, scores, dict.fromkeys(scores, 1.0))]
    assert portfolio(sets) == [first, second, B]
    assert portfolio(sets, per_model=1) == [first, B]


def test_what_was_not_measured_does_not_help():
    assert portfolio([known("x", A=0.5), known("y", A=0.5, B=0.6)])[0] == A


def test_costs_grow_as_those_known():
    # Seconds in proportion to rows: ten times the rows, ten times as long.
    sets = [
        known(f"x{n}", sizes=(n, 100, 100), seconds={A: n / 1e4}, A=1.0)
        for n in (1e4, 3e4, 1e5, 3e5, 1e6, 3e6)
    ]
    sizes = {"n_interactions": 1e7, "n_users": 100, "n_items": 100}
    assert predict_seconds(sets, A, sizes) == pytest.approx(1000, rel=0.3)
    assert predict_seconds(sets, B, sizes) is None
    assert predict_seconds(sets[:4], A, sizes) is None


def test_what_ships_is_small_and_can_be_made():
    assert _FILE.stat().st_size < 300_000
    ranking = experiences("ranking")
    assert len({e.family for e in ranking}) >= 5
    configurations = {c for e in ranking for c in e.scores}
    assert len(configurations) >= 40
    assert len({c.model for c in configurations}) >= 10
    for configuration in configurations:
        assert type(configuration.make()).__name__ == configuration.model


def test_default_candidates_follow_the_portfolio():
    found = default_candidates("ranking")
    order = portfolio(experiences("ranking"), 6, per_model=1)
    assert [type(model).__name__ for _, model, _ in found[:6]] == [
        configuration.model for configuration in order
    ]
    assert "popularity" in [name for name, _, _ in found]
    for _, model, params in found:
        assert params.items() <= model.get_params().items()


def test_rating_models_follow_a_portfolio_of_their_own():
    known = experiences("rating")
    assert len({e.family for e in known}) >= 4
    order = portfolio(known, 6, per_model=1)
    found = default_candidates("rating")
    assert [type(model).__name__ for _, model, _ in found[:6]] == [
        configuration.model for configuration in order
    ]
    assert "bias" in [name for name, _, _ in found]
    # What is first is good everywhere.
    assert all(e.relative(order[:1])[0] > 0.9 for e in known)


def of_two_kinds(n):
    """Small sets, on which A is best, and large ones, on which B is."""
    return [
        Experience(
            f"{kind}{i}", f"{kind}{i}", {"n_users": size * (1 + i / 10)},
            {A: good_a, B: 1.1 - good_a}, {A: 1.0, B: 1.0},
        )
        for i in range(n)
        for kind, size, good_a in (("small", 100, 1.0), ("large", 1e6, 0.1))
    ]  # fmt: skip


def test_similar_sets_count_more():
    sets = of_two_kinds(6)
    assert portfolio(sets, 1, like={"n_users": 90})[0] == A
    assert portfolio(sets, 1, like={"n_users": 2e6})[0] == B


def test_similarity_is_used_where_it_helps():
    sets = of_two_kinds(6)
    assert portfolio_for({"n_users": 90}, sets, 1) == [A]
    assert portfolio_for({"n_users": 2e6}, sets, 1) == [B]
    # The same results in no order of size: similarity only misleads.
    mixed = [
        Experience(e.name, e.family, {"n_users": 10.0 ** (i % 5)}, e.scores, e.seconds)
        for i, e in enumerate([*sets, known("x", A=1.0, B=0.1)])
    ]
    for size in (1.0, 1e4):
        assert portfolio_for({"n_users": size}, mixed, 1) == portfolio(mixed, 1)


def test_of_a_single_family_the_order_is_its_own():
    assert portfolio_for({}, [known("x", A=0.5, B=0.6)], 1) == [B]


def test_own_results_change_the_order():
    better = Configuration.of(IALS(), {"regularization": 99.0})
    usual = Configuration.of(EASE(), {"regularization": 200.0})
    own = [
        Experience(f"own{i}", f"own{i}", {}, {better: 1.0, usual: 0.1}, {better: 1.0})
        for i in range(40)
    ]
    name, model, params = default_candidates(
        "ranking", [*experiences("ranking"), *own]
    )[0]
    assert (name, params) == ("ials", {"regularization": 99.0})
    assert model.regularization == 99.0


@pytest.fixture
def store(tmp_path):
    return MetaStore(tmp_path / "own.jsonl")


def test_a_selection_adds_what_it_found(store):
    X, y = make_interactions(200, 60, 4000, random_state=0)
    selector = MetaSelector(budget=4, store=store, random_state=0).fit(X, y)
    [found] = store.experiences("ranking")
    assert store.experiences("rating") == ()
    board = selector.leaderboard_
    ran = board[board["status"] == "ran"]
    alone = ran[~ran["candidate"].str.contains("(", regex=False)]
    assert sorted(found.scores.values()) == pytest.approx(
        sorted(alone["score"]), abs=1e-4
    )
    assert found.features["n_interactions"] == 4000
    MetaSelector(budget=4, store=store, random_state=0).fit(X, y)
    assert [e.name for e in store.experiences("ranking")] == ["own:0", "own:1"]


def test_errors_become_shares_of_the_smallest(store):
    store.add("rating", {"n_users": 3.0}, {A: (-0.5, 1.0), B: (-1.0, 2.0)})
    [found] = store.experiences("rating")
    assert found.relative([A, B]).tolist() == [1.0, 0.5]
    assert found.seconds == {A: 1.0, B: 2.0}


def test_own_candidates_teach_nothing(store):
    X, y = make_interactions(100, 30, 1500, random_state=0)
    MetaSelector([("ease", EASE(), {})], store=store, random_state=0).fit(X, y)
    assert store.experiences("ranking") == ()


@pytest.mark.parametrize("line", ["not json", "{}", '{"task": "ranking"}'])
def test_a_foreign_file_is_named(store, line):
    store.path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"Line 1 of .* was not written by a Meta"):
        store.experiences("ranking")


def test_relative_scores_of_a_set_where_all_fail():
    np.testing.assert_array_equal(known("x", A=0.0, B=0.0).relative([A, B]), 1)
