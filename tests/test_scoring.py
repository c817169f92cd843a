import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_metarec._scoring import (
    FactorScorer,
    Filters,
    FixedScorer,
    RandomScorer,
    RowSumScorer,
    TableScorer,
    WithFallback,
    by_length,
    rank,
)

N_USERS, N_ITEMS = 150, 70


def scorers():
    """One of each kind, for 150 users and 70 items, and the scores of its own."""
    rng = np.random.default_rng(0)

    def numbers(*shape):
        return rng.normal(size=shape).astype(np.float32)

    P, Q, b_user, b_item = (
        numbers(N_USERS, 5), numbers(N_ITEMS, 5), numbers(N_USERS), numbers(N_ITEMS),
    )  # fmt: skip
    some = rng.random((N_USERS, 30)) < 0.3
    some[3] = False
    weights = sparse.csr_array(np.where(some, numbers(N_USERS, 30), 0))
    rows = numbers(30, N_ITEMS)
    sparse_rows = np.where(rng.random((30, N_ITEMS)) < 0.2, rows, 0)
    table, fixed = numbers(N_USERS, N_ITEMS), numbers(N_ITEMS)
    cold = rng.random(N_USERS) < 0.3
    return {
        "factors": (FactorScorer(P, Q), P @ Q.T),
        "factors, item bias": (FactorScorer(P, Q, None, b_item), P @ Q.T + b_item),
        "factors, user bias": (
            FactorScorer(P, Q, b_user), P @ Q.T + b_user[:, None],
        ),
        "factors, wide biases": (
            FactorScorer(P, Q, b_user.astype("f8"), b_item.astype("f8")),
            P @ Q.T + b_item + b_user[:, None],
        ),
        "sums of dense rows": (RowSumScorer(weights, rows), weights @ rows),
        "sums of sparse rows": (
            RowSumScorer(weights, sparse.csr_array(sparse_rows)), weights @ sparse_rows,
        ),
        "fixed": (FixedScorer(fixed), np.tile(fixed, (N_USERS, 1))),
        "table": (TableScorer(table), table),
        "random": (RandomScorer(np.arange(-1, N_USERS - 1), N_ITEMS, 7), None),
        "with a fallback": (
            WithFallback(FactorScorer(P, Q), FixedScorer(fixed), cold),
            np.where(cold[:, None], fixed, P @ Q.T),
        ),
    }  # fmt: skip


SCORERS = scorers()
each = pytest.mark.parametrize(
    ("scorer", "expected"), SCORERS.values(), ids=SCORERS.keys()
)


def whole_block(scorer):
    out = np.full((N_USERS, N_ITEMS), np.nan, dtype=np.float32)
    scorer.block(0, N_USERS, out)
    return out


@each
def test_a_block_holds_the_scores(scorer, expected):
    block = whole_block(scorer)
    assert np.isfinite(block).all()
    if expected is not None:
        assert_allclose(block, expected, rtol=1e-4, atol=1e-5)


@each
@pytest.mark.parametrize(("lo", "hi"), [(0, 1), (3, 4), (7, 71), (149, 150), (5, 5)])
def test_a_part_of_a_block_is_written_from_the_top(scorer, expected, lo, hi):
    out = np.full((64, N_ITEMS), np.nan, dtype=np.float32)
    scorer.block(lo, hi, out)
    assert_allclose(out[: hi - lo], whole_block(scorer)[lo:hi], rtol=1e-6, atol=1e-6)
    assert np.isnan(out[hi - lo :]).all()


@each
def test_pairs_are_those_of_the_block(scorer, expected):
    users, cols = (codes.ravel() for codes in np.indices((N_USERS, N_ITEMS)))
    pairs = scorer.pairs(users, cols.astype(np.int32))
    assert_allclose(pairs, whole_block(scorer).ravel(), rtol=1e-4, atol=1e-5)
    # To the bit, whatever else is asked.
    some = np.random.default_rng(1).permutation(len(users))[:500]
    assert_array_equal(scorer.pairs(users[some], cols[some].astype("i4")), pairs[some])
    assert scorer.pairs(users[:0], cols[:0].astype(np.int32)).shape == (0,)


@each
def test_items_that_nobody_knows_score_what_the_user_brings(scorer, expected):
    users = np.arange(N_USERS)
    unknown = np.full(N_USERS, -1, dtype=np.int32)
    scores = scorer.pairs(users, unknown)
    if isinstance(scorer, RandomScorer):
        assert ((scores >= 0) & (scores < 1)).all()
    elif getattr(scorer, "user_bias", None) is not None:
        assert_allclose(scores, scorer.user_bias)
    else:
        assert_array_equal(scores, 0)


@pytest.mark.parametrize("n_users", [1, 16, 17])
def test_a_few_users_have_the_factor_scores_of_many(n_users):
    rng = np.random.default_rng(1)
    P, Q = (rng.normal(size=(n, 9)).astype(np.float32) for n in (n_users, N_ITEMS))
    bias = rng.normal(size=N_ITEMS).astype(np.float32)
    scorer = FactorScorer(P, Q, None, bias)
    out = np.empty((n_users, N_ITEMS), dtype=np.float32)
    scorer.block(0, n_users, out)
    assert_allclose(out, P @ Q.T + bias, atol=1e-5)
    scorer.block(n_users - 1, n_users, out)
    assert_allclose(out[0], Q @ P[-1] + bias, atol=1e-5)


def test_biases_in_double_precision_give_single_scores_in_it():
    scorer, _ = SCORERS["factors, wide biases"]
    users, cols = np.array([0, 1]), np.array([2, 3], dtype=np.int32)
    assert scorer.pairs(users, cols).dtype == np.float64
    assert SCORERS["factors"][0].pairs(users, cols).dtype == np.float32


def test_random_scores_are_those_of_user_and_item_alone():
    scorer, _ = SCORERS["random"]
    block = whole_block(scorer)
    assert (block.min() >= 0) & (block.max() < 1)
    assert len(np.unique(block)) > 0.99 * block.size
    assert abs(block.mean() - 0.5) < 0.02
    # User 3 of another call is the same user, and one item more changes nothing.
    other = RandomScorer(np.array([2, -1, -1]), N_ITEMS + 1, 7)
    out = np.empty((3, N_ITEMS + 1), dtype=np.float32)
    other.block(0, 3, out)
    assert_array_equal(out[0, :N_ITEMS], block[3])
    assert_array_equal(out[1], out[2])
    assert not np.array_equal(
        whole_block(RandomScorer(np.arange(-1, N_USERS - 1), N_ITEMS, 8)), block
    )


def test_no_item_at_all():
    scorer = FixedScorer(np.empty(0, dtype=np.float32))
    assert scorer.pairs(np.zeros(2, int), np.full(2, -1)).tolist() == [0, 0]
    cols, scores = rank(scorer, 2, 0, 3, Filters(2))
    assert cols.tolist() == [[-1] * 3] * 2
    assert scores.tolist() == [[-np.inf] * 3] * 2


# ---------------------------------------------------------------------------- ranking


def reference(table, k, deny=None, allow=None, allowed=None):
    """The same by sorting, a user at a time."""
    cols = np.full((len(table), k), -1)
    scores = np.full((len(table), k), -np.inf)
    for user, row in enumerate(table):
        there = np.isfinite(row)
        if deny is not None:
            there &= ~deny[user]
        if allow is not None:
            there &= allow[user]
        if allowed is not None:
            there &= allowed
        items = np.flatnonzero(there)
        best = items[np.argsort(-row[items], kind="stable")][:k]
        cols[user, : len(best)] = best
        scores[user, : len(best)] = row[best]
    return cols, scores


def assert_ranked(table, k, n_jobs=None, **masks):
    filters = {
        name: mask if name == "allowed" else sparse.csr_array(mask)
        for name, mask in masks.items()
    }
    n_users, n_items = table.shape
    found = rank(
        TableScorer(table), n_users, n_items, k, Filters(n_users, **filters),
        n_jobs=n_jobs,
    )  # fmt: skip
    expected = reference(table, k, **masks)
    assert_array_equal(found[0], expected[0])
    assert_array_equal(found[1], expected[1])
    assert found[0].dtype == np.int32
    assert found[1].dtype == np.float32


def tables(rng, n_users, n_items, kind):
    shape = (n_users, n_items)
    if kind == "spread":
        return rng.normal(size=shape).astype(np.float32)
    if kind == "negative":
        return -np.abs(rng.normal(size=shape)).astype(np.float32)
    values = {
        "ties": [-2, -1, -0.0, 0.0, 0.5, 1],
        "zeros": [-0.0, 0.0],
        "gaps": [-np.inf, -1, 0, 1e30, -1e30],
    }[kind]
    return rng.choice(np.array(values, dtype=np.float32), size=shape)


KINDS = ["spread", "negative", "ties", "zeros", "gaps"]


@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_users=st.integers(1, 40),
    n_items=st.sampled_from([1, 2, 5, 63, 64, 65, 128, 200, 321]),
    k=st.sampled_from([1, 2, 3, 10, 64, 100, 400]),
    kind=st.sampled_from(KINDS),
    masks=st.sets(st.sampled_from(["deny", "allow", "allowed"])),
    share=st.sampled_from([0.0, 0.02, 0.3, 0.9, 1.0]),
)
def test_lists_are_those_of_a_sort(seed, n_users, n_items, k, kind, masks, share):
    rng = np.random.default_rng(seed)
    table = tables(rng, n_users, n_items, kind)
    shapes = dict.fromkeys(["deny", "allow"], (n_users, n_items)) | {"allowed": n_items}
    chosen = {name: rng.random(shapes[name]) < share for name in sorted(masks)}
    assert_ranked(table, k, **chosen)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_blocks_and_threads_do_not_matter(kind, n_jobs):
    rng = np.random.default_rng(0)
    table = tables(rng, 300, 130, kind)
    masks = {
        "deny": rng.random((300, 130)) < 0.3,
        "allow": rng.random((300, 130)) < 0.8,
        "allowed": rng.random(130) < 0.9,
    }
    assert_ranked(table, 7, n_jobs, **masks)
    assert_ranked(table, 7, n_jobs)


@each
@pytest.mark.parametrize("k", [1, 10, N_ITEMS + 2])
def test_one_thread_or_two(scorer, expected, k):
    deny = sparse.csr_array(np.random.default_rng(2).random((N_USERS, N_ITEMS)) < 0.2)
    one, two = (
        rank(scorer, N_USERS, N_ITEMS, k, Filters(N_USERS, deny), n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert_array_equal(one[0], two[0])
    assert_array_equal(one[1], two[1])


def test_a_user_who_may_have_nothing():
    table = np.ones((2, 5), dtype=np.float32)
    allow = np.zeros((2, 5), dtype=bool)
    assert_ranked(table, 3, allow=allow)
    allow[1, 4] = True
    assert_ranked(table, 3, allow=allow)
    assert_ranked(table, 3, allow=allow, deny=allow)
    assert_ranked(table, 3, allowed=np.zeros(5, dtype=bool))


def test_nobody():
    scorer = TableScorer(np.empty((0, 5), dtype=np.float32))
    cols, scores = rank(scorer, 0, 5, 3, Filters(0))
    assert cols.shape == scores.shape == (0, 3)


def test_an_error_in_a_scorer_comes_out():
    class Broken(FixedScorer):
        def block(self, lo, hi, out):
            raise ZeroDivisionError("in a thread")

    for n_jobs in (1, 2):
        with pytest.raises(ZeroDivisionError, match="in a thread"):
            rank(Broken(np.ones(3)), 300, 3, 1, Filters(300), n_jobs=n_jobs)


def test_both_zeros_are_one_score():
    table = np.full((1, 200), -1, dtype=np.float32)
    table[0, [5, 150]] = -0.0, 0.0
    assert_ranked(table, 1)
    table[0, [5, 150]] = 0.0, -0.0
    assert_ranked(table, 2)


@pytest.mark.parametrize("kind", ["spread", "equal lengths", "ties", "zeros"])
def test_a_look_at_the_longest_vectors_finds_the_same_lists(kind):
    rng = np.random.default_rng(0)
    users = rng.normal(size=(9, 6)).astype(np.float32)
    items = rng.normal(size=(500, 6)).astype(np.float32)
    items *= rng.pareto(1.0, (500, 1)).astype(np.float32)
    if kind == "equal lengths":
        items /= np.linalg.norm(items, axis=1, keepdims=True)
    elif kind == "ties":
        items = items[rng.integers(0, 40, 500)]
    elif kind == "zeros":
        users[:] = 0
    denied = sparse.csr_array(rng.random((9, 500)) < 0.2)
    few = np.arange(500) % 50 == 3
    for filters in (Filters(9, denied), Filters(9, denied, allowed=few), Filters(9)):
        plain = FactorScorer(users, items)
        looking = FactorScorer(users, items, by_length=by_length(items))
        assert looking.one_by_one
        for found, expected in zip(
            rank(looking, 9, 500, 20, filters), rank(plain, 9, 500, 20, filters),
            strict=True,
        ):  # fmt: skip
            assert_array_equal(found, expected)
