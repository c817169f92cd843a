import numpy as np
import pytest
from scipy import sparse

from sklearn_metarec.metrics import diversity_at_k
from sklearn_metarec.metrics._diversity import (
    _by_products_of_items,
    _by_sums_of_vectors,
    _unit_rows,
    mean_dissimilarity,
)

IDS = ["a", "b", "c", "e"]
VECTORS = np.array([[1, 0], [1, 1], [0, 3], [0, 0]])
HALF = 1 / np.sqrt(2)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.coo_array])
def test_one_minus_the_mean_cosine(container):
    items = [["a", "b", "c"], ["a", "c", "b"], ["b", "e", "z"], ["a", "b", "c"]]
    scores = [[3, 2, 1], [3, 2, -np.inf], [3, 2, 1], [3, -np.inf, -np.inf]]
    values = diversity_at_k(
        items, item_vectors=(IDS, container(VECTORS)), scores=scores, per_user=True
    )
    # Cosines: a b and b c 1 / sqrt(2), a c 0; e and z have no direction.
    np.testing.assert_allclose(values, [1 - (HALF + HALF + 0) / 3, 1, 1, np.nan])


def test_cooccurrence_in_training():
    # a has users 1 and 2, b has 2 and 3, c has 1.
    X_train = [[1, "a"], [2, "a"], [2, "b"], [3, "b"], [1, "c"], [1, "c"]]
    value = diversity_at_k([["a", "b", "c"]], X_train=X_train)
    a_b, a_c, b_c = 1 / np.sqrt(2 * 2), 1 / np.sqrt(2 * 1), 0
    assert value == pytest.approx(1 - (a_b + a_c + b_c) / 3)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_to_sum_agree_with_loops(seed):
    rng = np.random.default_rng(seed)
    n_items = 600  # more than one block of items
    vectors = sparse.random_array((n_items, 30), density=0.2, rng=rng, format="csr")
    codes = np.array([rng.permutation(n_items)[:5] for _ in range(50)], np.int32)
    codes[rng.random(codes.shape) < 0.2] = -1
    unit = _unit_rows(vectors)
    dense = unit.toarray()
    expected = []
    for row in codes:
        listed = [dense[code] for code in row if code >= 0]
        expected.append(sum(v @ w for i, v in enumerate(listed) for w in listed[:i]))
    np.testing.assert_allclose(_by_sums_of_vectors(codes, unit), expected, atol=1e-12)
    np.testing.assert_allclose(_by_sums_of_vectors(codes, dense), expected, atol=1e-12)
    np.testing.assert_allclose(_by_products_of_items(codes, unit), expected, atol=1e-12)


def test_popular_items_in_many_lists_take_the_products():
    # 3 items that all 40 users have, in 2000 lists: either way is exact.
    codes = np.tile(np.array([0, 1, 2], dtype=np.int32), (2000, 1))
    vectors = sparse.csr_array(np.ones((3, 40)))
    np.testing.assert_allclose(mean_dissimilarity(codes, vectors), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("item_vectors", "message"),
    [
        (VECTORS, r"must be a pair \(item ids, vectors\)"),
        ((IDS, VECTORS[:3]), r"holds 4 ids, but vectors of shape \(3, 2\)"),
        ((["a", "a", "b", "c"], VECTORS), "holds 4 ids, 3 of them distinct"),
    ],
)
def test_errors(item_vectors, message):
    with pytest.raises(ValueError, match=message):
        diversity_at_k([["a", "b"]], item_vectors=item_vectors)
