import json
import pickle
import zipfile
from functools import partial

import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    PopularityRecommender,
    load,
    make_recommender_pipeline,
    recommend,
    save,
)
from sklearn_metarec.exceptions import InvalidModelFileError, ModelVersionWarning
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer
from sklearn_metarec.preprocessing import IdEncoder
from sklearn_metarec.utils import all_estimators
from sklearn_metarec.utils._sklearn import is_fitted

SETTINGS = {
    "MetaSelector": {
        "candidates": [("ease", EASE(), {}), ("popular", PopularityRecommender(), {})],
        "budget": 2,
    },
    "RecommenderPipeline": {"steps": [("ids", IdEncoder()), ("ease", EASE())]},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture
def toy_text(toy):
    """The toy table with text for ids."""
    return toy.assign(
        user_id="user " + toy["user_id"].astype(str),
        item_id="item " + toy["item_id"].astype(str),
    )


# --------------------------------------------------------------------- there and back


def of_kind(*kinds, having="fit"):
    found = [
        cls(**SETTINGS.get(name, {}))
        for name, cls in all_estimators(kinds or None)
        if kinds or name in SETTINGS
    ]
    found = [estimator for estimator in found if hasattr(estimator, having)]
    return pytest.mark.parametrize(
        "estimator", found, ids=[type(model).__name__ for model in found]
    )


def assert_same(model, copy, X):
    assert type(copy) is type(model)
    assert repr(copy) == repr(model)
    assert_array_equal(copy.predict(X), model.predict(X))
    for ours, theirs in zip(copy.recommend(k=4), model.recommend(k=4), strict=True):
        assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert_array_equal(copy.users_, model.users_)


@of_kind("ranker", "rating")
def test_every_recommender(estimator, toy, toy_ratings, path):
    model = estimator.fit(toy, toy_ratings)
    copy = load(save(model, path))
    assert_same(model, copy, toy)
    basket = ([[9, 10], [9, 20]], toy_ratings[:2])
    assert_array_equal(
        copy.recommend(history=basket)[0], model.recommend(history=basket)[0]
    )


@of_kind("ranker", "rating")
def test_every_recommender_of_text(estimator, toy_text, toy_ratings, path):
    model = estimator.fit(toy_text, toy_ratings)
    assert_same(model, load(save(model, path)), toy_text)


@of_kind()
def test_what_wraps_recommenders(estimator, toy_text, path):
    X = pd.concat([toy_text, toy_text.assign(user_id=toy_text["user_id"] + "a")])
    model = estimator.fit(X)
    assert_same(model, load(save(model, path)), X)


@of_kind("ranker", "rating", having="partial_fit")
def test_the_copy_learns_on(estimator, toy, toy_ratings, path):
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    model = estimator.fit(toy, toy_ratings)
    copy = load(save(model, path))
    for one in (model, copy):
        one.partial_fit(toy[:4], toy_ratings[:4])
    # Arrays of a file lie elsewhere in memory, and where they begin decides how
    # vectorised sums are grouped.
    assert_allclose(copy.predict(toy), model.predict(toy), rtol=1e-4)
    assert_array_equal(copy.users_, model.users_)


@of_kind("ranker", "rating", "transformer")
def test_an_estimator_that_is_not_fitted(estimator, path):
    copy = load(save(estimator, path))
    assert type(copy) is type(estimator)
    assert copy.get_params().keys() == estimator.get_params().keys()
    assert not is_fitted(copy)


@of_kind("transformer")
def test_every_transformer(estimator, toy, path):
    X = toy.assign(genre="a|b", price=np.linspace(0, 1, len(toy)))
    if type(estimator).__name__ == "MultiHotEncoder":
        X = X[["genre"]]
    elif type(estimator).__name__ == "ItemScaler":
        X = X[["item_id", "price"]]
    elif type(estimator).__name__ == "RandomizedResponse":
        X = np.eye(4)
        estimator.set_params(random_state=0)
    expected = estimator.fit(X).transform(X)
    found = load(save(estimator, path)).transform(X)
    assert type(found) is type(expected)
    if sparse.issparse(found):
        found, expected = found.toarray(), expected.toarray()
    assert_array_equal(found, expected)


def search(kind, estimator, grid, **settings):
    settings = {"cv": PerUserShuffleSplit(random_state=0)} | settings
    return kind(estimator, grid, error_score="raise", **settings)


@pytest.mark.parametrize(
    "model",
    [
        search(
            GridSearchCV,
            EASE(),
            {"regularization": [1.0, 10.0]},
            scoring=make_ranking_scorer(["ndcg@10", "recall@5"]),
            refit="ndcg@10",
        ),
        search(
            HalvingGridSearchCV,
            make_recommender_pipeline(IdEncoder(), EASE()),
            {"ease__regularization": [1.0, 10.0]},
            scoring=make_ranking_scorer("ndcg@10"),
            min_resources=24,
        ),
        search(
            GridSearchCV,
            BiasRegressor(),
            {"user_regularization": [1.0, 10.0]},
            scoring="neg_root_mean_squared_error",
            cv=KFold(3),
        ),
        search(
            GridSearchCV, BiasRegressor(), {"item_regularization": [1.0]}, cv=KFold(2)
        ),
    ],
    ids=["several metrics", "halving", "scikit-learn's scorer", "own score"],
)
def test_searches(model, toy, toy_ratings, path):
    X, y = pd.concat([toy] * 3), np.tile(toy_ratings, 3)
    model.fit(X, y)
    copy = load(save(model, path))
    assert_array_equal(copy.predict(X), model.predict(X))
    assert_array_equal(recommend(copy, k=3)[0], recommend(model, k=3)[0])
    assert copy.best_params_ == model.best_params_
    assert copy.cv_results_["params"] == model.cv_results_["params"]


def test_pipelines_of_scikit_learn(toy, path):
    columns = ColumnTransformer(
        [
            ("time", StandardScaler(), ["timestamp"]),
            ("log", FunctionTransformer(np.log), ["timestamp"]),
            ("ids", "passthrough", ["user_id", "item_id"]),
        ],
        verbose_feature_names_out=True,
    )
    model = make_recommender_pipeline(columns, EASE()).fit(toy)
    assert_same(model, load(save(model, path)), toy)


@pytest.mark.parametrize(
    "kind", [VotingRegressor, partial(StackingRegressor, final_estimator=Ridge())]
)
def test_ensembles_of_rating_models(kind, toy, toy_ratings, path):
    members = [("first", BiasRegressor()), ("second", BiasRegressor(1.0))]
    X = toy[["user_id", "item_id"]]
    model = kind(members).fit(X, toy_ratings)
    assert_array_equal(load(save(model, path)).predict(X), model.predict(X))


def test_the_path_may_be_text_and_comes_back(toy, path):
    assert save(EASE().fit(toy), str(path)) == path
    assert load(str(path)).recommend(k=2)[0].shape == (5, 2)


# ------------------------------------------------------------------------- the file


def test_text_ids_are_one_block(path):
    n, width = 2000, 9
    ids = np.arange(n)
    text = pd.DataFrame({"user_id": [f"user {i:04d}" for i in ids], "item_id": ids % 9})
    size = {}
    for what, X in (("text", text), ("numbers", text.assign(user_id=ids))):
        model = make_recommender_pipeline(IdEncoder(), PopularityRecommender())
        for name, estimator in (("bare", model[-1]), ("encoded", model)):
            save(estimator.fit(X), path)
            size[what, name] = path.stat().st_size
            with zipfile.ZipFile(path) as archive:
                assert b"user 0007" not in archive.read("schema.json")
    # Four bytes a character, as in any array of text of NumPy.
    for name in ("bare", "encoded"):
        assert size["text", name] - size["numbers", name] < n * 4 * width + 2000


def test_a_file_replaces_another_only_when_it_is_complete(toy, path, monkeypatch):
    save(EASE(1.0).fit(toy), path)
    before = path.read_bytes()

    class NoFileHasThis:
        def __reduce__(self):
            raise TypeError("cannot be saved")

    model = EASE(2.0).fit(toy)
    model.extra_ = NoFileHasThis()
    with pytest.raises(TypeError, match="cannot be saved"):
        save(model, path)

    def interrupted(obj, file):
        file.write_bytes(b"half a mod")
        raise KeyboardInterrupt

    monkeypatch.setattr(skops.io, "dump", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(EASE(2.0).fit(toy), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_replaces_another(toy, path):
    save(EASE(1.0).fit(toy), path)
    save(EASE(2.0), path)
    assert load(path).regularization == 2.0
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_not_there(toy, tmp_path):
    with pytest.raises(FileNotFoundError):
        save(EASE().fit(toy), tmp_path / "nowhere" / "model.skops")


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.skops")
    with pytest.raises(OSError):  # noqa: PT011 (what the system calls it)
        load(tmp_path)


# ------------------------------------------------------------------- no model files


def assert_refused(path, match=None, **options):
    with pytest.raises(InvalidModelFileError, match=match) as caught:
        load(path, **options)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"user_id,item_id\nann,tea\n",
        np.random.default_rng(0).bytes(5000),
        b"PK\x03\x04" + np.random.default_rng(1).bytes(5000),
        pickle.dumps(EASE()),
    ],
    ids=["empty", "text", "noise", "noise with a zip's start", "pickle"],
)
def test_files_of_another_kind(path, content):
    path.write_bytes(content)
    assert_refused(path, "not a complete model file.*Save the model again")


def test_a_pickle_is_not_run(path, tmp_path):
    path.write_bytes(pickle.dumps(Runs(tmp_path / "ran")))
    assert_refused(path)
    assert not (tmp_path / "ran").exists()


class Runs:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_truncated_file(path, toy):
    save(make_recommender_pipeline(IdEncoder(), EASE()).fit(toy), path)
    content = path.read_bytes()
    for end in [*range(0, len(content), len(content) // 200), len(content) - 1]:
        path.write_bytes(content[:end])
        assert_refused(path)


def test_a_damaged_file(path, toy):
    model = EASE().fit(toy)
    expected = model.predict(toy)
    save(model, path)
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = content.copy()
        start = rng.integers(len(content))
        damaged[start : start + rng.integers(1, 64)] = rng.integers(256)
        path.write_bytes(damaged.tobytes())
        try:
            copy = load(path)
        except InvalidModelFileError:
            refused += 1
        else:  # the damage is in what nobody reads, such as a date
            assert_array_equal(copy.predict(toy), expected)
    assert refused > 200


def test_a_file_of_skops_that_is_not_ours(path):
    skops.io.dump(LinearRegression(), path)
    assert_refused(path, "not written by sklearn_metarec.save.*load it with skops")
    skops.io.dump({"format": "csv", "versions": {}, "model": None}, path)
    assert_refused(path, "not written by sklearn_metarec.save")


def test_a_zip_file_of_something(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("table.csv", "user_id,item_id\n")
    assert_refused(path, "not written by sklearn_metarec.save")


def rewrite(path, member, content):
    """Give one member of a zip file another content, or none."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if content is None:
        del members[member]
    else:
        members[member] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value)


def header(**changes):
    return json.dumps(
        {"format": 1, "versions": {"sklearn_metarec": "9.8.7"}} | changes
    ).encode()


def test_a_file_of_a_newer_version(path, toy):
    save(EASE().fit(toy), path)
    rewrite(path, "sklearn_metarec.json", header(format=2))
    # Whatever types the new version has: the reason is its age, not the types.
    schema = {"__module__": "sklearn_metarec.new", "__class__": "Model",
              "__loader__": "NewNode", "protocol": 99}  # fmt: skip
    rewrite(path, "schema.json", json.dumps(schema))
    assert_refused(path, r"written by version 9\.8\.7 .* too old to read it")


@pytest.mark.parametrize("package", ["sklearn_metarec", "scikit-learn"])
def test_a_file_of_another_version(path, toy, package):
    model = EASE().fit(toy)
    save(model, path)
    with zipfile.ZipFile(path) as archive:
        versions = json.loads(archive.read("sklearn_metarec.json"))["versions"]
    assert versions.keys() == {
        "sklearn_metarec", "scikit-learn", "numpy", "scipy", "skops",
    }  # fmt: skip
    rewrite(
        path, "sklearn_metarec.json", header(versions=versions | {package: "0.0.1"})
    )
    with pytest.warns(
        ModelVersionWarning, match=rf"written with {package} 0\.0\.1 \(now"
    ):
        copy = load(path)
    assert_same(model, copy, toy)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", header(format="new"), header(format=None),
     header(versions=3), b"\xff\xfe"],
)  # fmt: skip
def test_a_header_that_says_nothing(path, toy, content):
    save(EASE().fit(toy), path)
    rewrite(path, "sklearn_metarec.json", content)
    assert_refused(path, "not a complete model file")


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        json.dumps({"protocol": 2, "__module__": None, "__class__": None}),
        json.dumps({"protocol": "2"}),
        json.dumps(
            {
                "protocol": 2,
                "__module__": None,
                "__class__": 3,
                "__loader__": "DictNode",
            }
        ),
        json.dumps(
            {"protocol": 2, "__module__": "a", "__class__": "b", "__loader__": "None"}
        ),
    ],
)
def test_a_schema_that_says_nothing(path, toy, content):
    save(EASE().fit(toy), path)
    rewrite(path, "schema.json", content)
    assert_refused(path, "not a complete model file")


def test_members_that_are_missing(path, toy):
    save(EASE().fit(toy), path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert len(names) > 5
    for name in names:
        path.write_bytes(content)
        rewrite(path, name, None)
        assert_refused(path)


# ---------------------------------------------------------------------- own types


@pytest.fixture
def own_step(tmp_path, monkeypatch):
    """A transformer in a module of the caller's."""
    (tmp_path / "own_steps.py").write_text(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "class Same(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None):\n"
        "        self.n_features_in_ = X.shape[1]\n"
        "        return self\n"
        "    def transform(self, X):\n"
        "        return X\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import own_steps

    return own_steps.Same()


def test_own_types_have_to_be_trusted(own_step, toy, path):
    X = toy.to_numpy()
    model = make_recommender_pipeline(own_step, EASE()).fit(X)
    save(model, path)
    assert_refused(path, r"pass trusted=\['own_steps.Same'\]")
    assert_refused(path, "own_steps.Same", trusted=["own_steps.Other"])
    for trusted in (
        ["own_steps.Same"],
        "own_steps.Same",
        ("own_steps.Same", "os.system"),
    ):
        assert_same(model, load(path, trusted=trusted), X)


def test_trust_is_asked_for_all_that_is_needed(own_step, path):
    save([own_step, Runs("x")], path)
    name = f"{Runs.__module__}.Runs"
    assert_refused(path, "own_steps.Same")
    assert_refused(path, name, trusted=["own_steps.Same"])
