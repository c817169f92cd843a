import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec.preprocessing import MultiHotEncoder

GENRES = ["Comedy|Action", " Drama | Action|", None, "", "Action"]
MATRIX = [[1, 1, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]]


@parametrize_with_checks([MultiHotEncoder(), MultiHotEncoder(sparse_output=False)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def movies():
    return pd.DataFrame({"genres": GENRES})


def test_texts(movies):
    encoder = MultiHotEncoder().fit(movies)
    out = encoder.transform(movies)
    assert out.format == "csr"
    assert out.dtype == np.float64
    assert_array_equal(out.toarray(), MATRIX)
    assert encoder.get_feature_names_out().tolist() == [
        "genres_Action", "genres_Comedy", "genres_Drama",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda cells: pd.DataFrame({"genres": cells}),
        lambda cells: pl.DataFrame({"genres": [[*c] if c else None for c in cells]}),
        lambda cells: np.array([[c] for c in cells] + [[None]], object)[:-1],
        lambda cells: [[c] for c in cells],
    ],
)
def test_lists_in_any_container(make):
    cells = [["Comedy", "Action"], ["Drama", "Action", "Drama"], None, [], ["Action"]]
    encoder = MultiHotEncoder(sparse_output=False)
    assert_array_equal(encoder.fit_transform(make(cells)), MATRIX)


def test_sets_tuples_arrays_and_texts_may_be_mixed():
    cells = [{"b", "a"}, ("c",), np.array(["a", None], object), "a|c", np.nan, "b"]
    out = MultiHotEncoder(sparse_output=False).fit_transform([[c] for c in cells])
    assert_array_equal(
        out, [[1, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0]]
    )


def test_one_category_a_cell_is_one_hot():
    X = np.array([[3.0, 1.0], [1.0, 1.0], [3.0, np.nan]])
    ours = MultiHotEncoder().fit(X)
    names = ["x0_1.0", "x0_3.0", "x1_1.0"]
    assert ours.get_feature_names_out().tolist() == names
    assert_array_equal(ours.transform(X).toarray(), [[0, 1, 1], [1, 0, 1], [0, 1, 0]])
    expected = OneHotEncoder().fit_transform(X[:2]).toarray()
    assert_array_equal(MultiHotEncoder().fit_transform(X[:2]).toarray(), expected)


def test_several_columns_and_the_way_back():
    X = pd.DataFrame({"genres": ["b|a", None], "tags": [["y"], ["x", "y"]]})
    encoder = MultiHotEncoder().fit(X)
    names = ["genres_a", "genres_b", "tags_x", "tags_y"]
    assert encoder.get_feature_names_out().tolist() == names
    back = [["a|b", "y"], [None, "x|y"]]
    out = encoder.transform(X)
    assert encoder.inverse_transform(out).tolist() == back
    assert encoder.inverse_transform(out.toarray()).tolist() == back
    lists = MultiHotEncoder(sep=None).fit(X)
    assert lists.inverse_transform(lists.transform(X)).tolist() == [
        [["b|a"], ["y"]], [None, ["x", "y"]],
    ]  # fmt: skip


def test_another_separator():
    encoder = MultiHotEncoder(", ").fit([["a, b|c"]])
    assert encoder.categories_[0].tolist() == ["a", "b|c"]
    with pytest.raises(ValueError, match="sep must not be empty"):
        MultiHotEncoder("").fit([["a"]])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"min_frequency": 2}, ["Action", "Comedy"]),
        ({"min_frequency": 0.5}, ["Action"]),
        ({"max_categories": 1}, ["Action"]),
        ({"max_categories": 3}, ["Action", "Comedy", "Drama"]),
        ({"min_frequency": 2, "max_categories": 3}, ["Action", "Comedy"]),
    ],
)
def test_rare_categories_are_left_out(options, kept):
    # Action is in 3 of 5 rows, Comedy in 2, Drama and War in 1 each.
    rows = ["Action|Comedy", "Comedy|Action|Comedy", "Drama", "War|Action", None]
    X = [[row] for row in rows]
    encoder = MultiHotEncoder(handle_unknown="error", **options).fit(X)
    assert encoder.categories_[0].tolist() == kept
    left_out = {"Action", "Comedy", "Drama", "War"} - set(kept)
    assert set(encoder.infrequent_categories_[0]) == left_out
    every = MultiHotEncoder().fit(X)
    columns = np.isin(every.categories_[0], kept)
    assert_array_equal(
        encoder.transform(X).toarray(), every.transform(X).toarray()[:, columns]
    )


def test_unknown_categories():
    X = [["a|b"]]
    encoder = MultiHotEncoder(sparse_output=False).fit(X)
    assert encoder.transform([["c|b"], ["c"]]).tolist() == [[0, 1], [0, 0]]
    strict = MultiHotEncoder(handle_unknown="error").fit(X)
    with pytest.raises(ValueError, match="unknown category 'c' in column 0"):
        strict.transform([["c|b"]])


def test_output_types(movies):
    encoder = MultiHotEncoder(dtype=np.float32).fit(movies)
    assert encoder.transform(movies).dtype == np.float32
    assert isinstance(encoder.transform(movies), sparse.csr_matrix)
    with config_context(sparse_interface="sparray"):
        assert isinstance(encoder.transform(movies), sparse.csr_array)
    dense = MultiHotEncoder(sparse_output=False).set_output(transform="pandas")
    frame = dense.fit_transform(movies)
    assert frame.columns.tolist() == encoder.get_feature_names_out().tolist()
    assert_array_equal(frame.to_numpy(), MATRIX)
    with pytest.raises(ValueError, match="Pandas output does not support sparse data"):
        MultiHotEncoder().set_output(transform="pandas").fit_transform(movies)


def test_no_categories_at_all():
    encoder = MultiHotEncoder().fit([[None], [""]])
    assert encoder.transform([["a"]]).shape == (1, 0)
    assert encoder.get_feature_names_out().tolist() == []
    assert encoder.inverse_transform(np.empty((1, 0))).tolist() == [[None]]


def test_inverse_transform_wants_its_own_columns(movies):
    encoder = MultiHotEncoder().fit(movies)
    with pytest.raises(ValueError, match="2 columns, but there are 3 categories"):
        encoder.inverse_transform([[0, 1]])


def test_it_clones_and_pickles(movies):
    encoder = MultiHotEncoder(min_frequency=2)
    assert clone(encoder).get_params() == encoder.get_params()
    again = pickle.loads(pickle.dumps(encoder.fit(movies)))
    assert_array_equal(
        again.transform(movies).toarray(), encoder.transform(movies).toarray()
    )


def test_in_a_column_transformer(movies):
    movies = movies.assign(year=[1, 2, 3, 4, 5])
    transformer = make_column_transformer(
        (MultiHotEncoder(), ["genres"]), remainder="passthrough", sparse_threshold=0
    )
    out = transformer.fit_transform(movies)
    assert_array_equal(out, np.column_stack([MATRIX, movies["year"]]))
