import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec.preprocessing import HistoryEncoder

X = pd.DataFrame(
    {"user_id": [1, 1, 1, 2, 3], "item_id": ["tea", "rum", "rum", "rum", "gin"]}
)


@parametrize_with_checks([HistoryEncoder(), HistoryEncoder("tfidf", exclude_own=True)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [
        ("binary", [0, 1, 1]),
        (None, [0, 2, 1]),
        ("log", [0, np.log(3), np.log(2)]),
        # sqrt(count) x (log((1 + users) / (1 + users of the item)) + 1)
        ("tfidf", [0, np.sqrt(2) * (np.log(4 / 3) + 1), np.log(4 / 2) + 1]),
        # And 2.2 count / (count + 1.2 (0.25 + 0.75 x 3 rows / the mean of 5/3)).
        (
            "bm25",
            [
                0,
                4.4 / (2 + 1.2 * 1.6) * (np.log(4 / 3) + 1),
                2.2 / (1 + 1.2 * 1.6) * (np.log(4 / 2) + 1),
            ],
        ),
    ],
)
def test_the_history_of_the_user_of_a_row(weighting, expected):
    encoder = HistoryEncoder(weighting).fit(X)
    assert encoder.get_feature_names_out().tolist() == [
        "history_gin", "history_rum", "history_tea",
    ]  # fmt: skip
    rows = pd.DataFrame({"user_id": [1, 7], "item_id": ["tea", "tea"]})
    out = encoder.transform(rows).toarray()
    assert_allclose(out, [expected, [0, 0, 0]], rtol=1e-6)


def test_the_own_item_left_out():
    out = HistoryEncoder(exclude_own=True, sparse_output=False).fit_transform(X)
    assert_array_equal(out[:2], [[0, 1, 0], [0, 0, 1]])
    assert_array_equal(out[3:], [[0, 0, 0], [0, 0, 0]])


def test_who_somebody_is():
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 60, 2000), rng.integers(0, 20, 2000)
    there = item % 2 == user % 2
    table = np.column_stack([user, item])[there | (rng.random(2000) < 0.3)]
    model = make_pipeline(HistoryEncoder("tfidf"), LogisticRegression())
    model.fit(table, table[:, 0] % 2)
    assert model.score(table, table[:, 0] % 2) > 0.95


def test_a_dataframe_needs_a_dense_array():
    encoder = HistoryEncoder().set_output(transform="pandas").fit(X)
    with pytest.raises(ValueError, match="sparse_output=False"):
        encoder.transform(X)
    dense = HistoryEncoder(sparse_output=False).set_output(transform="pandas")
    assert dense.fit_transform(X)["history_tea"].tolist() == [1, 1, 1, 0, 0]
