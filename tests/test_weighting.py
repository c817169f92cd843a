import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from sklearn_metarec._weighting import WEIGHTINGS, Weighting, drop_zeros


def stored(dense, extra=()):
    """Compressed rows of float32 that also store zeros at some places."""
    matrix = sparse.csr_array(np.array(dense, dtype=np.float32)).tolil()
    rows, cols = np.nonzero(np.array(dense))
    data = [dense[row][col] for row, col in zip(rows, cols, strict=True)]
    rows, cols = [*rows, *(r for r, _ in extra)], [*cols, *(c for _, c in extra)]
    data = np.array([*data, *([0.0] * len(extra))], dtype=np.float32)
    return sparse.coo_array((data, (rows, cols)), shape=matrix.shape).tocsr()


# Three users; item 0 is liked by all of them, item 1 by two, item 2 by one. The last
# user has seen item 2 and did not like it.
STRENGTHS = stored([[1, 4, 0], [9, 0, 1], [1, 1, 0]], extra=[(2, 2)])
IDF = [
    math.log((1 + 3) / (1 + 3)) + 1,
    math.log((1 + 3) / (1 + 2)) + 1,
    math.log((1 + 3) / (1 + 1)) + 1,
]
# The users have 5, 10 and 2 in all, so 17 / 3 in the mean.
LENGTH = [
    1 - 0.75 + 0.75 * 5 / (17 / 3),
    1 - 0.75 + 0.75 * 10 / (17 / 3),
    1 - 0.75 + 0.75 * 2 / (17 / 3),
]


def bm25(strength, user, item):
    saturated = strength * (1.2 + 1) / (strength + 1.2 * LENGTH[user])
    return saturated * IDF[item]


BY_HAND = {
    None: [[1, 4, 0], [9, 0, 1], [1, 1, 0]],
    "binary": [[1, 1, 0], [1, 0, 1], [1, 1, 0]],
    "log": [
        [math.log(2), math.log(5), 0],
        [math.log(10), 0, math.log(2)],
        [math.log(2), math.log(2), 0],
    ],
    "tfidf": [
        [1 * IDF[0], 2 * IDF[1], 0],
        [3 * IDF[0], 0, 1 * IDF[2]],
        [1 * IDF[0], 1 * IDF[1], 0],
    ],
    "bm25": [
        [bm25(1, 0, 0), bm25(4, 0, 1), 0],
        [bm25(9, 1, 0), 0, bm25(1, 1, 2)],
        [bm25(1, 2, 0), bm25(1, 2, 1), 0],
    ],
}


def test_there_is_a_hand_for_each():
    assert {None, *WEIGHTINGS} == BY_HAND.keys()


@pytest.mark.parametrize("kind", BY_HAND)
def test_by_hand(kind):
    weighted = Weighting(kind).fit(STRENGTHS).transform(STRENGTHS)
    assert_allclose(weighted.toarray(), BY_HAND[kind], rtol=1e-6)
    assert weighted.dtype == np.float32
    assert weighted.shape == (3, 3)


@pytest.mark.parametrize("kind", BY_HAND)
def test_what_is_not_liked_is_not_in_the_matrix(kind):
    assert STRENGTHS.nnz == 7
    weighted = Weighting(kind).fit(STRENGTHS).transform(STRENGTHS)
    assert weighted.nnz == 6
    assert weighted.has_sorted_indices
    # What came in is as it was.
    assert STRENGTHS.nnz == 7
    assert STRENGTHS.data.max() == 9


@pytest.mark.parametrize("kind", BY_HAND)
def test_later_rows_are_weighted_by_the_fit(kind):
    weighting = Weighting(kind).fit(STRENGTHS)
    one = sparse.csr_array(STRENGTHS[[1]])
    found = weighting.transform(one).toarray()
    assert_allclose(found, [BY_HAND[kind][1]], rtol=1e-6)
    nothing = sparse.csr_array((2, 3), dtype=np.float32)
    assert weighting.transform(nothing).nnz == 0


def test_idf_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    dense = rng.integers(3, size=(30, 20)).astype(np.float32)
    dense[:, 7] = 0  # an item that nobody likes
    matrix = sparse.csr_array(dense)
    theirs = TfidfTransformer(smooth_idf=True).fit(matrix)
    assert_allclose(Weighting("tfidf").fit(matrix).idf, theirs.idf_, rtol=1e-6)
    assert_allclose(Weighting("bm25").fit(matrix).idf, theirs.idf_, rtol=1e-6)
    # Theirs with the square root of the counts, which has the same zeros.
    plain = TfidfTransformer(norm=None).fit(matrix)
    assert_allclose(
        Weighting("tfidf").fit(matrix).transform(matrix).toarray(),
        plain.transform(sparse.csr_array(np.sqrt(dense))).toarray(),
        rtol=1e-6,
    )


def test_a_zero_does_not_make_an_item_common():
    seen = stored([[1, 0], [0, 0]], extra=[(1, 0), (1, 1)])
    liked = stored([[1, 0], [0, 0]])
    for kind in ("tfidf", "bm25"):
        ours, theirs = Weighting(kind).fit(seen), Weighting(kind).fit(liked)
        assert_array_equal(ours.idf, theirs.idf)
        assert ours.mean_length == theirs.mean_length == 1 / 2


def test_bm25_saturates_and_discounts_long_histories():
    once, often, very_often = (
        Weighting("bm25").fit(STRENGTHS).transform(stored([[n, 0, 0]])).toarray()[0, 0]
        for n in (1, 10, 1000)
    )
    # Of the row's own length: more of the same cannot exceed k1 + 1 times the idf.
    assert max(once, often, very_often) < 2.2 * IDF[0]
    alone = stored([[1, 0, 0]])
    among_others = stored([[1, 50, 0]])
    weighting = Weighting("bm25").fit(STRENGTHS)
    assert (
        weighting.transform(alone).toarray()[0, 0]
        > weighting.transform(among_others).toarray()[0, 0]
    )


@pytest.mark.parametrize("kind", BY_HAND)
def test_tables_of_nothing(kind):
    for empty in (
        sparse.csr_array((0, 0), dtype=np.float32),
        sparse.csr_array((0, 3), dtype=np.float32),
        stored([[0, 0]], extra=[(0, 1)]),
    ):
        weighted = Weighting(kind).fit(empty).transform(empty)
        assert weighted.nnz == 0
        assert weighted.shape == empty.shape


def test_zeros_are_dropped():
    dropped = drop_zeros(STRENGTHS)
    assert dropped.nnz == 6
    assert_array_equal(dropped.toarray(), STRENGTHS.toarray())
    assert drop_zeros(dropped) is dropped
    only = stored([[0, 0], [0, 0]], extra=[(0, 1), (1, 0)])
    assert drop_zeros(only).indptr.tolist() == [0, 0, 0]
