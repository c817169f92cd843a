import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_metarec.preprocessing import FeatureEncoder

TEXTS = ["a lonely whale at sea", "the whale returns home", "love at first sight"]


@parametrize_with_checks([FeatureEncoder(), FeatureEncoder(normalize=True)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def movies():
    return pd.DataFrame(
        {
            "year": [1990.0, np.nan, 2010.0],
            "studio": ["Toho", "Ufa", None],
            "genres": ["Drama|Sea", "Sea", ""],
            "plot": TEXTS,
            "image": [[1.0, 0.0], [0.5, 0.5], None],
        }
    )


def test_each_column_by_what_it_holds(movies):
    encoder = FeatureEncoder().fit(movies)
    assert encoder.kinds_ == ["number", "category", "list", "text", "vector"]
    out = encoder.transform(movies).toarray()
    names = encoder.get_feature_names_out().tolist()
    assert out.shape == (3, len(names))
    columns = dict(zip(names, out.T, strict=True))
    assert_allclose(columns["year"], [-1, 0, 1])  # a missing year is the mean
    assert_array_equal(columns["studio_Toho"], [1, 0, 0])
    assert_array_equal(columns["studio_Ufa"], [0, 1, 0])
    assert_array_equal(columns["genres_Drama"], [1, 0, 0])
    assert_array_equal(columns["genres_Sea"], [1, 1, 0])
    assert_array_equal(columns["image_0"], [1, 0.5, 0])
    words = TfidfVectorizer(sublinear_tf=True).fit(TEXTS)
    expected = words.transform(TEXTS).toarray()
    there = [f"plot_{word}" for word in words.get_feature_names_out()]
    assert_allclose(np.array([columns[name] for name in there]).T, expected)


def test_numbers_are_finite_however_far_off():
    encoder = FeatureEncoder().fit(pd.DataFrame({"year": [1990.0, 2010.0]}))
    far = encoder.transform(pd.DataFrame({"year": [-1e300, 2000.0, 1e300]})).toarray()
    assert_allclose(far[:, 0], [-1e6, 0, 1e6])


def test_kinds_can_be_given(movies):
    kinds = {"year": "category", "plot": "drop", "image": "drop", "genres": "category"}
    encoder = FeatureEncoder(kinds).fit(movies)
    assert encoder.get_feature_names_out().tolist() == [
        "year_1990.0", "year_2010.0", "studio_Toho", "studio_Ufa", "genres_Drama|Sea",
        "genres_Sea",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3], "number"),
        ([True, False, True], "number"),
        (pd.to_datetime(["2020-01-01", "2021-01-01", None]), "number"),
        (np.array([1, 2.5, None], object), "number"),
        (pd.Categorical([1, 2, 1]), "category"),
        (["red", "green", None], "category"),
        (["red|green", "green", "blue"], "list"),
        ([["red"], ["red", "blue"], None], "list"),
        ([(1.0, 2.0), None, (0.0, 1.0)], "vector"),
        (["one two three", "four five six", "seven"], "category"),
        (TEXTS, "text"),
        ([None, None, None], "category"),
    ],
)
def test_kinds_are_inferred(values, kind):
    frame = pd.DataFrame({"x": values})
    assert FeatureEncoder().fit(frame).kinds_ == [kind]
    assert np.isfinite(FeatureEncoder().fit_transform(frame).toarray()).all()


def test_categories_by_how_many_there_are():
    frame = pd.DataFrame({"x": [f"c{i}" for i in range(10)] + [None]})
    one_hot = FeatureEncoder(max_one_hot=10).fit_transform(frame).toarray()
    assert_array_equal(one_hot, np.eye(11)[:, :10])
    bits = FeatureEncoder(max_one_hot=9, max_binary=10).fit(frame)
    assert bits.get_feature_names_out().tolist() == [f"x_bit{i}" for i in range(4)]
    coded = bits.transform(frame).toarray()
    assert_array_equal(coded @ [1, 2, 4, 8], [*range(1, 11), 0])
    hashed = FeatureEncoder(max_one_hot=9, max_binary=9, n_hashed=64)
    out = hashed.fit_transform(frame).toarray()
    assert out.shape == (11, 64)
    assert_array_equal(np.abs(out).sum(axis=1), [1] * 10 + [0])


@pytest.mark.parametrize("limits", [(10, 10), (0, 10), (0, 0)])
def test_what_was_not_in_the_fit_is_all_zeros(limits):
    encoder = FeatureEncoder(max_one_hot=limits[0], max_binary=limits[1], n_hashed=1024)
    encoder.fit(pd.DataFrame({"x": ["a", "b"], "y": ["u|v", "w"]}))
    out = encoder.transform(pd.DataFrame({"x": [None, "a"], "y": ["z", "u|z"]}))
    assert out.toarray()[0].sum() == 0
    assert out.toarray()[1].any()


def test_unit_length_and_weights(movies):
    encoder = FeatureEncoder(normalize=True, weights={"genres": 3.0, "year": 2.0})
    out = encoder.fit_transform(movies).toarray()
    names = encoder.get_feature_names_out()
    genres = out[:, [name.startswith("genres") for name in names]]
    assert_allclose(np.linalg.norm(genres, axis=1), [3, 3, 0])
    assert_allclose(out[:, list(names).index("year")], [-2, 0, 2])


def test_containers_agree(movies):
    columns = {name: movies[name].tolist() for name in ("genres", "plot")}
    columns["studio"] = ["Toho", "Ufa", None]
    expected = FeatureEncoder().fit_transform(pd.DataFrame(columns)).toarray()
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    for table in (pl.DataFrame(columns), np.array(rows, object), rows):
        assert_array_equal(FeatureEncoder().fit_transform(table).toarray(), expected)


def test_output_as_configured(movies):
    frame = FeatureEncoder().set_output(transform="pandas").fit_transform(movies)
    assert frame["genres_Sea"].tolist() == [1, 1, 0]
    with config_context(sparse_interface="sparray"):
        assert hasattr(FeatureEncoder().fit_transform(movies), "toarray")


def test_pickle(movies):
    encoder = FeatureEncoder(max_one_hot=1, max_binary=1).fit(movies)
    copy = pickle.loads(pickle.dumps(encoder))
    found, expected = copy.transform(movies), encoder.transform(movies)
    assert_array_equal(found.toarray(), expected.toarray())


@pytest.mark.parametrize(
    ("options", "values", "message"),
    [
        ({"kinds": {"x": "picture"}}, [1, 2], "kinds must be among"),
        ({"kinds": {"nope": "text"}}, [1, 2], "no column 'nope'"),
        ({"weights": {"nope": 2.0}}, [1, 2], "no column 'nope'"),
        ({"sep": ""}, ["a", "b"], "sep must not be empty"),
        ({}, [1.0, np.inf], "infinity at row 1"),
        ({}, [[1.0], [1.0, 2.0]], "must have one length"),
        ({}, [[1.0], [np.nan]], "vector with NaN"),
    ],
)
def test_bad_input(options, values, message):
    with pytest.raises(ValueError, match=message):
        FeatureEncoder(**options).fit_transform(pd.DataFrame({"x": values}))


def test_a_vector_of_another_length():
    encoder = FeatureEncoder().fit(pd.DataFrame({"x": [[1.0, 2.0], [0.0, 1.0]]}))
    with pytest.raises(ValueError, match="Row 1 has a vector of length 3"):
        encoder.transform(pd.DataFrame({"x": [[1.0, 2.0], [0.0, 1.0, 2.0]]}))
