"""The races are fair: quality is right, and a process of its own gives the same."""

import sys

import numpy as np
import pytest


@pytest.fixture
def table():
    from _data import make_table

    return make_table("1k")


def test_a_table_has_ids_codes_and_a_split(table):
    assert (table.users[table.rows] == table.X[:, 0]).all()
    assert (table.items[table.cols] == table.X[:, 1]).all()
    assert table.matrix().shape == table.shape
    assert set(table.X_test[:, 0]) <= set(table.users)
    pairs = [set(map(tuple, X.tolist())) for X in (table.X, table.X_test)]
    assert not pairs[0] & pairs[1]
    assert len(table.X_test) / len(table.X) == pytest.approx(1 / 4, abs=0.05)


def test_the_loss_is_the_sum_over_all_pairs(table):
    from _quality import loss

    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(table.shape[0], 3)), rng.normal(size=(table.shape[1], 3))
    seen = table.matrix().toarray()
    expected = np.sum((1 + 2 * seen) * (seen - P @ Q.T) ** 2)
    expected += 5 * (np.sum(P**2) + np.sum(Q**2))
    got = loss(table, {"users": P, "items": Q}, alpha=2, regularization=5)
    assert got == pytest.approx(expected / len(table.rows))


def test_lists_are_judged_the_same_from_scores_and_from_items(table):
    import _our_models
    from _quality import exact, ndcg

    contestant = _our_models.als_recommend(table, n_factors=4, max_iter=2)
    outcome = contestant.outcome(contestant())
    assert exact(table, outcome) == 1
    lists = {"cols": outcome["cols"][table.sample()]}
    factors = {name: outcome[name] for name in ("users", "items")}
    assert ndcg(table, lists) == pytest.approx(ndcg(table, factors), abs=1e-3)
    wrong = outcome | {"scores": outcome["scores"] + 1}
    assert exact(table, wrong) == 0


def test_another_process_gives_the_same(table):
    import _peer_models
    from _contestant import Remote

    options = {"regularization": 20.0}
    here = _peer_models.numpy_ease_fit(table, **options)
    there = Remote(sys.executable, table, "numpy_ease_fit", options)
    elapsed, result = there.timed()
    assert elapsed > 0
    assert result is None
    weights = there.outcome(None)["weights"]
    np.testing.assert_array_equal(weights, here.outcome(here())["weights"])
    there.close()
    with pytest.raises((RuntimeError, ValueError)):
        there.timed()


def test_a_process_that_cannot_start_is_an_error(table, capfd):
    from _contestant import Remote

    with pytest.raises(RuntimeError, match="no_such_factory has ended"):
        Remote(sys.executable, table, "no_such_factory", {})
    assert "no_such_factory" in capfd.readouterr().err


def test_folds_are_one_contestant():
    from _contestant import Contestant, Together

    parts = [
        Contestant(lambda n=n: n, lambda result: {"errors": np.full(2, result)})
        for n in (1, 2)
    ]
    elapsed, results = Together(parts).timed()
    assert elapsed > 0
    assert results == [1, 2]
    assert Together(parts).outcome(results)["errors"].tolist() == [1, 1, 2, 2]


def test_a_peer_without_a_python_is_reported(monkeypatch):
    import peers

    monkeypatch.setattr(peers, "interpreters", lambda: iter([((3, 11, 0), "python3")]))
    assert peers.make("lenskit") == "needs Python 3.12.5: none here"


def test_requirements_and_recipes_name_the_same_versions():
    import peers

    lines = (peers.FOLDER.parent / "requirements.txt").read_text().splitlines()
    named = {line.partition("#")[0].strip() for line in lines} - {""}
    recipes = {
        part for recipe in peers.RECIPES.values() for part in recipe.requirements
    }
    assert named <= recipes
