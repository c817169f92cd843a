"""TwoStageRecommender: no leakage, features by hand, both stages in one list."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression

from sklearn_metarec import (
    EASE,
    IALS,
    BiasRegressor,
    ContentRanker,
    ItemKNN,
    PopularityRecommender,
    TwoStageRecommender,
)
from sklearn_metarec._history import History, Profiles
from sklearn_metarec._scoring import TableScorer
from sklearn_metarec._vocabulary import Vocabulary
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.boosting._holdout import draw_folds, last_pairs
from sklearn_metarec.boosting._pair_features import PairFeatures
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.ensemble._candidates import Candidates
from sklearn_metarec.model_selection import PerUserShuffleSplit

GOLDEN = Path(__file__).parent.parent / "golden" / "two_stage.json"


@pytest.fixture(scope="module")
def table():
    return make_interactions(80, 40, 1200, random_state=0)[0]


class Known(BaseRecommender):
    """Scores are what an array says of integer ids, and `seen` for pairs of the fit."""

    _parameter_constraints: dict = {"scores": [np.ndarray, None], "seen": [float, None]}

    def __init__(self, scores=None, seen=None):
        self.scores = scores
        self.seen = seen

    def _fit(self, history):
        self.n_pairs_ = history.matrix.nnz

    def _make_scorer(self, profiles):
        shape = len(profiles), len(self.items_)
        scores = np.zeros(shape, dtype=np.float32)
        if self.scores is not None:
            users = np.append(self.users_, 0)[profiles.codes]
            scores += self.scores[np.ix_(users, self.items_)]
        if self.seen is not None:
            scores[profiles.matrix.toarray() > 0] = self.seen
        return TableScorer(scores)


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps what it is trained on, and tells nothing."""

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


# ---------------------------------------------------------------------- no leakage


def test_a_source_that_memorises_gets_no_credit(table):
    sources = [("memory", Known(seen=1.0)), ("popular", PopularityRecommender())]
    model = TwoStageRecommender(
        sources, ranker=Spy(), n_candidates=40, n_folds=4, random_state=0
    ).fit(table)
    X, y = model.ranker_.X_, model.ranker_.y_
    # It scores pairs of its fit 1 and others 0: of the candidates, it knew none.
    assert_array_equal(X[:, model.feature_names_.index("score_memory")], 0)
    # Each pair is a label once, unless its item left the fold with it.
    assert 0.9 * model.history_.nnz < y.sum() <= model.history_.nnz
    assert model.n_positives_ == y.sum()
    assert model.n_samples_ == len(y)
    # The sources that serve have seen everything.
    assert model.sources_[0].n_pairs_ == model.history_.nnz


def test_every_liked_pair_is_held_out_once_and_no_user_is_emptied():
    rng = np.random.default_rng(0)
    matrix = sparse.random_array((30, 20), density=0.3, format="csr", rng=rng)
    matrix.data[::7] = 0
    matrix.sum_duplicates()
    folds = draw_folds(matrix, 3, np.random.RandomState(0))
    rows = np.repeat(np.arange(30), np.diff(matrix.indptr))
    liked = matrix.data > 0
    count = np.bincount(rows[liked], minlength=30)
    assert_array_equal(folds >= 0, liked & (count[rows] > 1))
    for user in np.flatnonzero(count > 1):
        sizes = np.bincount(folds[(rows == user) & liked], minlength=3)
        assert sizes.max() - sizes.min() <= 1
        assert sizes.max() < count[user]


def test_the_last_pairs_by_hand():
    matrix = sparse.csr_array(
        np.array([[1, 1, 1, 1, 1.0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]])
    )
    times = np.array([5, 1, 2, 4, 3, 7, 7, 0])
    # Two of five; of equal times the later item; a single pair stays.
    assert_array_equal(last_pairs(matrix, 2, times), [0, -1, -1, 0, -1, -1, 0, -1])


def test_with_times_the_last_pairs_are_held_out():
    rng = np.random.default_rng(1)
    user, item = np.nonzero(rng.random((40, 30)) < 0.4)
    frame = pd.DataFrame({"user_id": user, "item_id": item})
    frame["timestamp"] = rng.permutation(len(frame))
    sources = [("popular", PopularityRecommender())]
    model = TwoStageRecommender(
        sources, ranker=Spy(), n_candidates=30, n_folds=5, random_state=0
    )
    of_last = frame.groupby("user_id").size().floordiv(5).clip(lower=1).sum()
    assert abs(model.fit(frame).n_positives_ - of_last) <= 2
    names = ["item_idle", "item_age", "user_later_than_item", "item_trend"]
    assert [name for name in model.feature_names_ if name in names] == names
    with pytest.raises(ValueError, match="no timestamp column"):
        model.set_params(holdout="last").fit(frame[["user_id", "item_id"]])


# ------------------------------------------------------------------------ features


def call(matrix, codes, **options):
    users, items = (Vocabulary(np.arange(n)) for n in matrix.shape)
    history = History(users, items, matrix)
    profiles = Profiles(history, np.array(codes, dtype=np.int32))
    return PairFeatures(matrix, **options), profiles


def test_features_by_hand():
    matrix = sparse.csr_array(
        np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0]], dtype=np.float32)
    )
    features, profiles = call(matrix, [2, 1])
    found = Candidates(
        np.array([0, 0, 1, 1, 1]), np.array([1, 3, 1, 2, 3]),
        np.array([[3, 0], [1, 0], [2, 5], [2, 1], [5, 3]], dtype=np.float32),
    )  # fmt: skip
    X = features.of_users(profiles)(found)
    names = features.names(["a", "b"])
    column = dict(zip(names, X.T, strict=True))
    assert X.shape[1] == len(names)
    assert_allclose(
        column["score_a"], [1, -1, -(2**-0.5), -(2**-0.5), 2**0.5], rtol=1e-12
    )
    assert_allclose(column["score_b"], [0, 0, 1.5**0.5, -(1.5**0.5), 0], atol=1e-12)
    assert_array_equal(column["rank_a"], [0, 1, 1, 2, 0])
    assert_array_equal(column["rank_b"], [0, 1, 0, 2, 1])
    # Counts 3, 1, 1, 0, of mean 5/4.
    popularity = np.log(np.array([4, 2, 2, 1]) / 2.25)
    assert_allclose(column["popularity"], popularity[[1, 3, 1, 2, 3]])
    assert_allclose(
        column["history_length"], np.log(np.array([3, 3, 2, 2, 2]) / (5 / 3 + 1))
    )
    taste = np.array([popularity[[0, 2]].mean(), popularity[0]])
    assert_allclose(column["taste_for_popularity"], taste[[0, 0, 1, 1, 1]])
    assert_allclose(
        column["more_popular_than_taste"],
        popularity[[1, 3, 1, 2, 3]] - taste[[0, 0, 1, 1, 1]],
    )


def test_features_of_time_by_hand():
    matrix = sparse.csr_array(np.array([[1, 1], [1, 0]], dtype=np.float32))
    # In units of the whole time: item 0 at 0.2 and 0, item 1 at 1.
    features, profiles = call(matrix, [0, 1, -1], times=np.array([120, 200, 100]))
    found = Candidates(
        np.array([0, 1, 2]), np.array([0, 1, 0]), np.ones((3, 1), np.float32)
    )
    X = features.of_users(profiles)(found)
    column = dict(zip(features.names(["a"]), X.T, strict=True))
    # Users 0 and 1 were last there at 1 and 0; an unknown one is there now.
    assert_allclose(column["item_idle"], [0.8, -1, 0.8])
    assert_allclose(column["item_age"], [1, -1, 1])
    assert_allclose(column["user_later_than_item"], [0.9, -1, 0.9])
    assert_allclose(column["item_trend"], -np.log1p(0.06 * np.array([2, 1, 2])))


def test_affinity_by_hand():
    matrix = sparse.csr_array(np.array([[1, 1, 0]], dtype=np.float32))
    vectors = np.array([[1.0, 0], [0, 1], [1, 1]])
    features, profiles = call(
        matrix, [0], item_vectors=vectors, user_vectors=np.array([[7.0]])
    )
    found = Candidates(np.array([0]), np.array([2]), np.ones((1, 1), np.float32))
    X = features.of_users(profiles)(found)
    assert features.names(["a"])[-4:] == ["item_0", "item_1", "affinity", "user_0"]
    assert_allclose(X[0, -4:], [1, 1, 1, 7])


# ----------------------------------------------------------------- what comes of it


def test_two_sources_that_know_half_each_are_better_together():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 150, 80)).astype(np.float32)
    likely = one + two
    user, item = np.nonzero(likely > np.quantile(likely, 0.8, axis=1)[:, None])
    X = np.column_stack([user, item])
    train, test = next(PerUserShuffleSplit(test_size=0.5, random_state=0).split(X))
    sources = [("one", Known(one)), ("two", Known(two))]
    alone = [source.fit(X[train]).score(X[test]) for _, source in sources]
    for ranker in (
        LogisticRegression(), HistGradientBoostingClassifier(min_samples_leaf=100),
        HistGradientBoostingRegressor(min_samples_leaf=100),
    ):  # fmt: skip
        model = TwoStageRecommender(
            sources, ranker=ranker, source_weight=0, random_state=0
        ).fit(X[train])
        assert model.score(X[test]) > 1.3 * max(alone)


def test_what_is_no_candidate_follows_in_the_order_of_the_first_source(table):
    sources = [("knn", ItemKNN()), ("popular", PopularityRecommender())]
    model = TwoStageRecommender(
        sources, ranker=LogisticRegression(), n_candidates=3, random_state=0
    ).fit(table)
    first, second = (source.fit(table) for _, source in sources)
    for user in model.users_[:5]:
        n_items = len(model.items_) - int((model.history_[[user]] > 0).sum())
        items, scores = model.recommend([user], k=n_items)
        assert np.isfinite(scores).all()
        named = {
            item
            for source in (first, second)
            for item in source.recommend([user], k=3)[0][0].tolist()
        }
        assert set(items[0, : len(named)].tolist()) == named
        rest = [i for i in first.recommend([user], k=n_items)[0][0] if i not in named]
        assert_array_equal(items[0, len(named) :], rest)
        pairs = [[user, item] for item in items[0].tolist()]
        assert_array_equal(model.predict(pairs), scores[0])
        assert model.predict([[user, -5]])[0] <= scores.min()


@pytest.mark.parametrize(
    "X", [[["ann", "tea"]], [["ann", "tea"], ["bob", "rum"]], [["a", 1], ["a", 2]]]
)
def test_without_anything_to_learn_the_first_source_decides(X):
    sources = [("ease", EASE()), ("popular", PopularityRecommender())]
    model = TwoStageRecommender(sources, random_state=0).fit(X)
    assert model.ranker_ is None
    expected = EASE().fit(X).recommend(k=2, exclude_seen=False)
    for ours, theirs in zip(
        model.recommend(k=2, exclude_seen=False), expected, strict=True
    ):
        assert_array_equal(ours, theirs)


def test_a_history_is_folded_in(table):
    model = TwoStageRecommender(
        ranker=LogisticRegression(), n_folds=3, random_state=0
    ).fit(table)
    user = int(table[0, 0])
    own = table[table[:, 0] == user, 1].tolist()
    known = model.recommend([user], k=5)
    new = model.recommend(["new"], k=5, history=[["new", item] for item in own])
    assert_array_equal(known[0], new[0])
    assert_allclose(known[1], new[1], rtol=1e-3, atol=1e-3)


def test_seeds_and_threads(table):
    ranker = HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=50)
    model = TwoStageRecommender(ranker=ranker, n_folds=3, max_samples=5000)

    def lists(**params):
        return model.set_params(**params).fit(table).recommend(k=10)

    expected = lists(random_state=0, n_jobs=1)
    assert model.n_samples_ <= 5000
    assert model.sources_[1].random_state is not None
    assert model.sources_[1].n_jobs == 1
    for ours, theirs in zip(lists(random_state=0, n_jobs=2), expected, strict=True):
        assert_array_equal(ours, theirs)
    assert not np.array_equal(lists(random_state=1)[1], expected[1])


def test_items_that_only_a_side_table_has(table):
    genres = ["new" if item % 3 else "old" for item in range(60)]
    features = pd.DataFrame({"item_id": np.arange(60), "genre": genres})
    users = pd.DataFrame({"user_id": np.arange(80), "age": np.arange(80) % 50})
    sources = [("content", ContentRanker(features)), ("ease", EASE())]
    model = TwoStageRecommender(
        sources, ranker=LogisticRegression(max_iter=1000), item_features=features,
        user_features=users, n_candidates=60, random_state=0,
    ).fit(table)  # fmt: skip
    assert_array_equal(model.items_, np.arange(60))
    assert {"affinity", "user_0"} <= set(model.feature_names_)
    items, scores = model.recommend([3], k=5, items=np.arange(50, 60))
    assert (items >= 50).all()
    assert np.isfinite(scores).all()


# ----------------------------------------------------------------------- parameters


def test_sources_are_reached_by_their_names():
    model = TwoStageRecommender([("ease", EASE()), ("knn", ItemKNN())])
    assert model.get_params()["ease__regularization"] == EASE().regularization
    model.set_params(ease__regularization=7.0, knn=IALS(4))
    assert model.sources[0][1].regularization == 7.0
    assert isinstance(model.sources[1][1], IALS)


@pytest.mark.parametrize(
    ("sources", "error", "message"),
    [
        ([("a", LogisticRegression())], TypeError, "'a' is no recommender"),
        ([("a", EASE)], TypeError, "'a' is no recommender"),
        ([EASE()], ValueError, "pairs"),
        ([], ValueError, "empty"),
        ([("a", EASE()), ("a", EASE())], ValueError, "not unique"),
        ([("a", BiasRegressor())], ValueError, "requires y"),
    ],
)
def test_wrong_sources(sources, error, message, table):
    with pytest.raises(error, match=message):
        TwoStageRecommender(sources).fit(table)


# ------------------------------------------------------------------------ yardsticks


def golden():
    """What tests/golden/two_stage.json holds; to write it: `make_golden()`."""
    X, y = make_interactions(200, 60, 3000, random_state=0)
    model = TwoStageRecommender(ranker=LogisticRegression(), random_state=0).fit(X, y)
    items, scores = model.recommend(model.users_[:3], k=3)
    return {
        "n_samples": model.n_samples_,
        "n_positives": model.n_positives_,
        "items": items.tolist(),
        "scores": scores.astype(float).tolist(),
    }


def make_golden():
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")


def test_golden():
    expected, found = json.loads(GOLDEN.read_text(encoding="utf-8")), golden()
    assert found["items"] == expected["items"]
    assert found["n_positives"] == expected["n_positives"]
    assert_allclose(found["n_samples"], expected["n_samples"], rtol=1e-3)
    assert_allclose(found["scores"], expected["scores"], rtol=1e-2)


def test_better_than_its_sources_on_movielens(load_table):
    table = load_table("movielens_100k")[["user_id", "item_id", "timestamp"]]
    ease, ials = EASE(500), IALS(regularization=4.0, alpha=5.0, random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(table))
    train, test = table.iloc[train], table.iloc[test]
    model = TwoStageRecommender(
        [("ease", ease), ("ials", ials)], holdout="random", n_folds=5,
        max_samples=200_000, random_state=0,
    ).fit(train)  # fmt: skip
    ids = train[["user_id", "item_id"]]
    best = max(source.fit(ids).score(test) for source in (ease, ials))
    assert model.score(test) > best
