"""RandomizedResponse: the flips, and the counts that are corrected for them."""

import numpy as np
import polars as pl
import pytest
from scipy import sparse, stats

from sklearn_metarec.privacy import RandomizedResponse, randomize_interactions


@pytest.fixture
def matrix():
    rng = np.random.default_rng(0)
    return (rng.random((4000, 25)) < np.linspace(0.01, 0.9, 25)).astype(float)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_entries_flip_with_their_probability(matrix, epsilon):
    out = RandomizedResponse(epsilon, random_state=0).fit_transform(matrix)
    flip = 1 / (1 + np.exp(epsilon))
    for value in (0, 1):
        of_these = matrix == value
        flips = int((out[of_these] != value).sum())
        assert stats.binomtest(flips, int(of_these.sum()), flip).pvalue > 1e-3


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_answers_are_as_likely_but_for_epsilon(epsilon):
    flip = RandomizedResponse(epsilon).fit(np.zeros((1, 2))).flip_probability_
    for ratio in ((1 - flip) / flip, flip / (1 - flip)):
        assert abs(np.log(ratio)) <= epsilon * (1 + 1e-12)


def test_counts_are_corrected(matrix):
    truth = matrix.sum(axis=0)
    response = RandomizedResponse(1.0).fit(matrix)
    errors = []
    for seed in range(40):
        response.set_params(random_state=seed)
        counts, error = response.estimate_counts(response.transform(matrix))
        errors.append((counts - truth) / error)
    errors = np.array(errors)
    assert abs(errors.mean()) < 0.1  # 1,000 numbers of mean 0 and deviation 1
    assert errors.std() == pytest.approx(1.0, abs=0.07)


def test_sparse_rows_get_the_same_answers(matrix):
    dense = RandomizedResponse(random_state=1).fit_transform(matrix)
    for container in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array):
        out = RandomizedResponse(random_state=1).fit_transform(container(matrix))
        assert sparse.issparse(out)
        np.testing.assert_array_equal(out.toarray(), dense)
    response = RandomizedResponse().fit(matrix)
    np.testing.assert_allclose(
        response.estimate_counts(sparse.csr_array(dense))[0],
        response.estimate_counts(dense)[0],
    )


def test_each_call_answers_anew_without_a_seed(matrix):
    response = RandomizedResponse(1.0).fit(matrix)
    assert (response.transform(matrix) != response.transform(matrix)).any()


def test_a_table_loses_and_gains_rows():
    X = [[user, item] for user in range(500) for item in ("tea", "milk")]
    catalogue = ["tea", "milk", "rum", "cup"]
    out = randomize_interactions(X, catalogue, epsilon=1.0, random_state=0)
    assert out.columns.tolist() == ["user_id", "item_id"]
    assert not out.duplicated().any()
    flip = 1 / (1 + np.e)
    counts = out["item_id"].value_counts()
    for item in catalogue:
        expected = 1 - flip if item in ("tea", "milk") else flip
        assert stats.binomtest(int(counts[item]), 500, expected).pvalue > 1e-3


def test_items_outside_the_catalogue_are_left_out():
    X = [["ann", "tea"], ["ann", "secret"], ["bob", "secret"]]
    out = randomize_interactions(X, ["tea"], epsilon=50.0)
    assert out.to_numpy().tolist() == [["ann", "tea"]]


def test_what_numpy_has_no_type_for_is_no_matrix():
    frame = pl.DataFrame({"a": [2**70, 1], "b": [0, 1]})
    with pytest.raises(ValueError, match="no matrix of numbers"):
        RandomizedResponse().fit(frame)
    fitted = RandomizedResponse().fit(np.eye(2))
    with pytest.raises(ValueError, match="no matrix of numbers"):
        fitted.transform(frame)
