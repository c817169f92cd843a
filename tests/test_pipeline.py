import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_metarec import (
    EASE,
    BiasRegressor,
    PopularityRecommender,
    RecommenderPipeline,
    load,
    make_recommender_pipeline,
    recommend,
    save,
)
from sklearn_metarec._scoring import TableScorer
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.exceptions import ColdUsersWarning
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer
from sklearn_metarec.preprocessing import IdEncoder

VERBS = [
    "recommend", "similar_items", "similar_users", "explain", "partial_fit", "predict",
]  # fmt: skip


def ids_of(X):
    return X[["user_id", "item_id"]]


def columns(*id_columns):
    """Scaled prices first, then the ids: reordered and prefixed."""
    return ColumnTransformer(
        [("scaled", StandardScaler(), ["price"]), ("ids", "passthrough", id_columns)]
    )


def encoded(model=None, **settings):
    model = EASE(1.0) if model is None else model
    return make_recommender_pipeline(IdEncoder(**settings), model)


def assert_same_lists(first, second):
    assert_array_equal(first[0], second[0])
    assert_allclose(first[1], second[1], rtol=1e-6)


# --------------------------------------------------------------------- the verbs


@pytest.mark.parametrize(
    "model", [EASE(), PopularityRecommender(), BiasRegressor()], ids=repr
)
def test_a_pipeline_has_the_verbs_of_its_last_step(model):
    pipeline = encoded(model)
    assert [hasattr(pipeline, verb) for verb in VERBS] == [
        hasattr(model, verb) for verb in VERBS
    ]


def test_a_verb_that_is_missing_is_said_to_be():
    with pytest.raises(AttributeError, match="similar_items"):
        encoded(PopularityRecommender()).similar_items(["tea"])


def test_the_last_step_need_not_recommend():
    pipeline = make_recommender_pipeline(StandardScaler(), LinearRegression())
    pipeline.fit([[1.0, 2.0], [3.0, 5.0]], [1.0, 2.0])
    assert not hasattr(pipeline, "recommend")
    assert pipeline.predict([[1.0, 2.0]]) == pytest.approx([1.0])


def test_without_transformers_it_is_the_recommender(purchases):
    bare = EASE(1.0).fit(purchases)
    pipeline = make_recommender_pipeline(EASE(1.0)).fit(purchases)
    assert_same_lists(pipeline.recommend(k=3), bare.recommend(k=3))
    assert_array_equal(pipeline.users_, bare.users_)


def test_steps_are_named_by_their_classes():
    pipeline = make_recommender_pipeline(IdEncoder(), EASE(), EASE(), verbose=True)
    assert list(pipeline.named_steps) == ["idencoder", "ease-1", "ease-2"]
    assert pipeline.verbose


# ------------------------------------------------- behind a ColumnTransformer


def test_a_frame_is_found_by_name_behind_a_column_transformer(purchases):
    bare = EASE(1.0).fit(ids_of(purchases))
    pipeline = make_recommender_pipeline(columns("item_id", "user_id"), EASE(1.0))
    pipeline.fit(purchases)
    inner = pipeline.named_steps["ease"]
    assert list(inner.feature_names_in_) == [
        "scaled__price", "ids__item_id", "ids__user_id",
    ]  # fmt: skip
    assert_same_lists(pipeline.recommend(["bob"], k=2), bare.recommend(["bob"], k=2))
    assert_allclose(pipeline.predict(purchases), bare.predict(ids_of(purchases)))


def test_an_array_has_its_ids_in_the_first_columns(purchases):
    X = purchases[["price", "user_id", "item_id"]].to_numpy(dtype=object)
    selected = ColumnTransformer(
        [("ids", "passthrough", [1, 2]), ("scaled", StandardScaler(), [0])]
    )
    pipeline = make_recommender_pipeline(selected, EASE(1.0))
    # The raw table has a price where the ids are looked for: there is no telling
    # whether the ids of the recommender are those of the caller.
    pipeline.fit(X)
    with pytest.raises(ValueError, match="cannot be undone"):
        pipeline.recommend(["bob"])
    swapped = X[:, [1, 2, 0]]
    unmoved = clone(pipeline).set_params(
        columntransformer__transformers=[
            ("ids", "passthrough", [0, 1]), ("scaled", StandardScaler(), [2]),
        ]
    )  # fmt: skip
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(
        unmoved.fit(swapped).recommend(["bob"], k=2), bare.recommend(["bob"], k=2)
    )


def test_columns_that_an_earlier_step_drops_may_be_there(purchases):
    rated = purchases.assign(rating=3.0)
    pipeline = make_recommender_pipeline(columns("user_id", "item_id"), EASE(1.0))
    pipeline.fit(rated)
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(pipeline.recommend(k=2), bare.recommend(k=2))
    basket = rated.iloc[:2].assign(user_id="new")
    assert_same_lists(
        pipeline.recommend(history=basket, k=2),
        bare.recommend(history=ids_of(basket), k=2),
    )


def test_frames_of_polars(purchases):
    frame = pl.from_pandas(purchases)
    pipeline = make_recommender_pipeline(
        columns("item_id", "user_id"), IdEncoder(), EASE(1.0)
    ).fit(frame)
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(pipeline.recommend(k=2), bare.recommend(k=2))
    assert_allclose(pipeline.predict(frame), bare.predict(ids_of(purchases)))
    basket = frame.head(2).with_columns(user_id=pl.lit("new"))
    assert_same_lists(
        pipeline.recommend(history=basket, k=2),
        bare.recommend(history=basket.select("user_id", "item_id"), k=2),
    )


def test_arrays_after_frames_are_arrays(purchases):
    pipeline = encoded().fit(purchases)
    assert hasattr(pipeline.named_steps["ease"], "feature_names_in_")
    pipeline.fit(ids_of(purchases).to_numpy())  # no ColumnsWarning
    assert not hasattr(pipeline.named_steps["ease"], "feature_names_in_")


def test_the_output_that_a_step_is_set_to_stays(purchases):
    encoder = IdEncoder().set_output(transform="polars")
    pipeline = make_recommender_pipeline(encoder, EASE(1.0)).fit(purchases)
    assert isinstance(encoder.transform(purchases), pl.DataFrame)
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(pipeline.recommend(k=2), bare.recommend(k=2))


# ------------------------------------------------------------ behind an IdEncoder


class TestIdsComeBack:
    @pytest.fixture
    def bare(self, purchases):
        return EASE(1.0).fit(ids_of(purchases))

    @pytest.fixture(params=["first", "in a ColumnTransformer", "in a Pipeline"])
    def pipeline(self, request, purchases):
        encoder = {
            "first": IdEncoder(),
            "in a ColumnTransformer": ColumnTransformer(
                [("codes", IdEncoder(), ["user_id", "item_id"])]
            ),
            "in a Pipeline": make_pipeline(columns("user_id", "item_id"), IdEncoder()),
        }[request.param]
        return make_recommender_pipeline(encoder, EASE(1.0)).fit(purchases)

    def test_the_recommender_knows_codes(self, pipeline):
        assert_array_equal(pipeline.named_steps["ease"].users_, np.arange(5))

    def test_of_the_fit(self, pipeline, bare):
        assert_array_equal(pipeline.users_, bare.users_)
        assert_array_equal(pipeline.items_, bare.items_)

    def test_of_lists(self, pipeline, bare):
        assert_same_lists(pipeline.recommend(k=3), bare.recommend(k=3))
        users = ["kim", "bob", "kim"]
        assert_same_lists(pipeline.recommend(users, k=9), bare.recommend(users, k=9))

    def test_of_frames(self, pipeline, bare):
        users = ["kim", "nobody", "bob"]
        ours = pipeline.recommend(users, k=3, as_frame=True)
        pd.testing.assert_frame_equal(
            ours, bare.recommend(users, k=3, as_frame=True), check_dtype=False
        )
        assert "nobody" in set(ours["user_id"])

    def test_of_users_whom_nobody_knows(self, pipeline):
        with pytest.warns(ColdUsersWarning):
            frame = pipeline.recommend(["new", 7, 7], k=1, as_frame=True)
        assert frame["user_id"].tolist() == ["new", 7, 7]
        assert frame["item_id"].tolist() == ["tea"] * 3

    def test_of_rows_given_as_history(self, pipeline, bare, purchases):
        basket = purchases.iloc[[0, 3, 6]].assign(user_id=["new", "bob", "newer"])
        plain = ids_of(basket)
        assert_same_lists(
            pipeline.recommend(history=basket, k=2), bare.recommend(history=plain, k=2)
        )
        users = ["newer", "ann", "new"]
        assert_same_lists(
            pipeline.recommend(users, history=(basket, [2, 1, 3]), k=2),
            bare.recommend(users, history=(plain, [2, 1, 3]), k=2),
        )
        frame = pipeline.recommend(history=basket, k=1, as_frame=True)
        assert frame["user_id"].tolist() == ["bob", "new", "newer"]

    def test_of_a_basket_without_the_other_columns(self, pipeline, bare):
        basket = [["new", "tea"], ["new", "rum"]]
        for table in (basket, pd.DataFrame(basket, columns=["user_id", "item_id"])):
            assert_same_lists(
                pipeline.recommend(history=table, k=2),
                bare.recommend(history=basket, k=2),
            )

    def test_of_no_history(self, pipeline, bare):
        assert_same_lists(
            pipeline.recommend(["bob"], history=[]), bare.recommend(["bob"])
        )

    @pytest.mark.parametrize("name", ["items", "exclude"])
    @pytest.mark.parametrize(
        "ids",
        [
            ["rum", "nothing", "tea"],
            {"rum"},
            np.array(["milk"], dtype=object),
            [("bob", "rum"), ("bob", "nothing"), ("kim", "rum"), ("nobody", "tea")],
            [],
        ],
        ids=["list", "set", "array", "pairs", "empty"],
    )
    def test_of_allowed_and_denied_items(self, pipeline, bare, name, ids):
        users = ["kim", "bob"]
        options = {"k": 4, "exclude_seen": False, name: ids}
        assert_same_lists(
            pipeline.recommend(users, **options), bare.recommend(users, **options)
        )

    def test_of_pairs_in_a_frame(self, pipeline, bare):
        pairs = pd.DataFrame({"item_id": ["rum", "tea"], "user_id": ["kim", "bob"]})
        for options in ({"items": pairs}, {"exclude": pairs}):
            assert_same_lists(
                pipeline.recommend(k=4, **options), bare.recommend(k=4, **options)
            )

    def test_of_similar_items(self, pipeline, bare):
        items = ["rum", "nothing", "tea"]
        assert_same_lists(
            pipeline.similar_items(items, 3), bare.similar_items(items, 3)
        )

    def test_of_similar_users(self, purchases):
        X = ids_of(purchases)
        pipeline = encoded(OfOneTaste()).fit(X)
        bare = OfOneTaste().fit(X)
        users = ["kim", "nobody"]
        assert_same_lists(
            pipeline.similar_users(users, k=2), bare.similar_users(users, k=2)
        )

    def test_of_reasons(self, pipeline, bare, purchases):
        for user, item in (("kim", "rum"), ("kim", "nothing"), ("nobody", "tea")):
            ours, theirs = pipeline.explain(user, item), bare.explain(user, item)
            assert ours.score == pytest.approx(theirs.score)
            assert_array_equal(ours.items, theirs.items)
            assert_allclose(ours.contributions, theirs.contributions, rtol=1e-6)
        basket = purchases.iloc[[0]].assign(user_id="new")
        reasons = pipeline.explain("new", "milk", history=basket)
        assert reasons.items.tolist() == ["tea"]

    @pytest.mark.parametrize("users", ["bob", 3, [["bob"]]])
    def test_one_user_is_a_list_too(self, pipeline, users):
        with pytest.raises(ValueError, match=r"pass \[id\]"):
            pipeline.recommend(users)

    @pytest.mark.parametrize("name", ["items", "exclude"])
    def test_one_item_is_a_list_too(self, pipeline, name):
        with pytest.raises(ValueError, match=r"pass \[item\]"):
            pipeline.recommend(["bob"], **{name: "tea"})


class OfOneTaste(BaseRecommender):
    """Users are as similar as their numbers of items."""

    _parameter_constraints: dict = {}

    def _fit(self, history):
        self.n_items_ = np.diff(history.matrix.indptr).astype(np.float32)

    def _make_scorer(self, profiles):
        return table_scorer(np.ones((len(profiles), len(self.items_))))

    def _user_scorer(self, rows):
        return table_scorer(
            -np.abs(np.subtract.outer(self.n_items_[rows], self.n_items_))
        )


def table_scorer(scores):
    return TableScorer(scores.astype(np.float32))


def test_one_side_may_be_recoded_alone(purchases):
    bare = EASE(1.0).fit(ids_of(purchases))
    pipeline = encoded(columns={"item": "item_id"}).fit(purchases)
    assert pipeline.named_steps["ease"].users_.tolist() == bare.users_.tolist()
    assert_same_lists(pipeline.recommend(k=2), bare.recommend(k=2))
    pairs = [("bob", "rum"), ("kim", "tea")]
    assert_same_lists(
        pipeline.recommend(k=2, exclude=pairs), bare.recommend(k=2, exclude=pairs)
    )


def test_two_encoders_one_behind_the_other(purchases):
    bare = EASE(1.0).fit(ids_of(purchases))
    pipeline = make_recommender_pipeline(IdEncoder(), IdEncoder(), EASE(1.0))
    pipeline.fit(ids_of(purchases))
    assert_same_lists(pipeline.recommend(k=2), bare.recommend(k=2))
    basket = [["new", "tea"], ["newer", "rum"]]
    assert_same_lists(
        pipeline.recommend(history=basket), bare.recommend(history=basket)
    )


def test_an_encoder_may_refuse_unknown_ids(purchases):
    pipeline = encoded(handle_unknown="error").fit(purchases)
    with pytest.raises(ValueError, match="Found unknown user ids, such as 'nobody'"):
        pipeline.recommend(["nobody"])


# -------------------------------------------------------------------- partial_fit


def test_partial_fit_updates_the_last_step(purchases):
    X = ids_of(purchases)
    first, second = X.iloc[:9], X.iloc[[0, 4, 7, 8]]
    pipeline = encoded().fit(first).partial_fit(second)
    bare = EASE(1.0).fit(first).partial_fit(second)
    assert_same_lists(pipeline.recommend(k=3), bare.recommend(k=3))


def test_partial_fit_on_an_unfitted_pipeline_is_a_fit(purchases):
    weight = np.arange(1.0, len(purchases) + 1)
    pipeline = encoded().partial_fit(purchases, sample_weight=weight)
    fitted = encoded().fit(purchases, ease__sample_weight=weight)
    assert_same_lists(pipeline.recommend(k=3), fitted.recommend(k=3))
    assert_array_equal(
        pipeline.named_steps["ease"].history_.data,
        fitted.named_steps["ease"].history_.data,
    )


@pytest.mark.parametrize(
    ("row", "what"),
    [(["new", "tea"], "user ids .*'new'"), (["ann", "gin"], "item ids .*'gin'")],
)
@pytest.mark.parametrize("n_encoders", [1, 2])
def test_partial_fit_learns_nobody_without_a_name(purchases, row, what, n_encoders):
    steps = [IdEncoder() for _ in range(n_encoders)]
    X = ids_of(purchases).to_numpy()
    pipeline = make_recommender_pipeline(*steps, EASE(1.0)).fit(X)
    before = pipeline.recommend(k=3)
    with pytest.raises(ValueError, match=f"no code for 1 {what}.*leave the ids"):
        pipeline.partial_fit([["ann", "sugar"], row, row])
    assert_same_lists(pipeline.recommend(k=3), before)
    # A row of weight zero is not there.
    pipeline.partial_fit([["ann", "sugar"], row], sample_weight=[1, 0])
    assert "sugar" not in pipeline.recommend(["ann"], k=3)[0]


def test_partial_fit_takes_new_ids_where_none_are_encoded(purchases):
    pipeline = make_recommender_pipeline(columns("user_id", "item_id"), EASE(1.0))
    pipeline.fit(purchases)
    pipeline.partial_fit(
        purchases.iloc[:2].assign(user_id="new", item_id=["gin", "tea"])
    )
    assert "new" in pipeline.users_
    assert pipeline.recommend(["new"], k=4)[0][0, 0] != "gin"


# ---------------------------------------------------------------- scikit-learn's own


def test_weights_go_to_the_last_step(purchases):
    weight = np.arange(len(purchases)) % 3 + 1.0
    pipeline = encoded().fit(purchases, ease__sample_weight=weight)
    bare = EASE(1.0).fit(ids_of(purchases), sample_weight=weight)
    assert_array_equal(pipeline.named_steps["ease"].history_.data, bare.history_.data)


def test_weights_are_routed_where_that_is_switched_on(purchases):
    weight = np.arange(len(purchases)) % 3 + 1.0
    bare = EASE(1.0).fit(ids_of(purchases), sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        model = EASE(1.0).set_fit_request(sample_weight=True)
        for pipeline in (
            encoded(model).fit(purchases, sample_weight=weight),
            encoded(clone(model)).partial_fit(purchases, sample_weight=weight),
        ):
            assert_array_equal(pipeline[-1].history_.data, bare.history_.data)


def test_caching_of_the_steps(purchases, tmp_path):
    memory = joblib.Memory(tmp_path, verbose=0)
    pipelines = [
        make_recommender_pipeline(IdEncoder(), EASE(1.0), memory=memory) for _ in "ab"
    ]
    lists = [pipeline.fit(purchases).recommend(k=2) for pipeline in pipelines]
    assert_same_lists(*lists)
    assert_same_lists(lists[0], encoded().fit(purchases).recommend(k=2))
    assert any(tmp_path.rglob("*.pkl"))


@pytest.mark.parametrize("outside", [RecommenderPipeline, Pipeline])
def test_pipelines_within_pipelines(purchases, outside):
    inside = make_recommender_pipeline(IdEncoder(), EASE(1.0))
    pipeline = outside([("columns", columns("user_id", "item_id")), ("rest", inside)])
    pipeline[0].set_output(transform="pandas")
    pipeline.fit(purchases)
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(recommend(pipeline, k=2), bare.recommend(k=2))
    basket = [["new", "tea"]]
    assert_same_lists(
        recommend(pipeline, history=basket, k=2), bare.recommend(history=basket, k=2)
    )


def test_steps_that_are_switched_off(purchases):
    pipeline = RecommenderPipeline(
        [("a", "passthrough"), ("b", None), ("model", EASE(1.0))]
    ).fit(purchases)
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(pipeline.recommend(k=2), bare.recommend(k=2))


def test_clones_share_nothing_and_are_not_fitted(purchases):
    pipeline = encoded().fit(purchases)
    twin = clone(pipeline)
    assert twin.get_params()["ease__regularization"] == 1.0
    assert not twin.__sklearn_is_fitted__()
    assert_same_lists(twin.fit(purchases).recommend(), pipeline.recommend())


def test_pickles_and_files(purchases, tmp_path):
    pipeline = encoded().fit(purchases)
    expected = pipeline.recommend(k=3)
    assert_same_lists(pickle.loads(pickle.dumps(pipeline)).recommend(k=3), expected)
    path = save(pipeline, tmp_path / "model.skops")
    assert_same_lists(load(path).recommend(k=3), expected)


def test_a_page_shows_the_steps(purchases):
    page = encoded().fit(purchases)._repr_html_()
    assert "RecommenderPipeline" in page
    assert "IdEncoder" in page


def search_of(cls, estimator, grid, **settings):
    return cls(
        estimator, grid, scoring=make_ranking_scorer("ndcg@10"), error_score="raise",
        cv=PerUserShuffleSplit(random_state=0), **settings,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [GridSearchCV, HalvingGridSearchCV])
def test_a_search_over_a_pipeline(purchases, kind):
    X = pd.concat([purchases] * 3)
    settings = {"min_resources": 18} if kind is HalvingGridSearchCV else {}
    grid = {"ease__regularization": [1.0, 100.0]}
    search = search_of(kind, encoded(), grid, **settings).fit(X)
    assert not hasattr(search, "recommend")
    best = search.best_estimator_
    assert_same_lists(recommend(search, ["bob"], k=2), best.recommend(["bob"], k=2))
    assert_same_lists(recommend(search, k=2), best.recommend(k=2))


def test_a_search_as_the_last_step(purchases):
    search = search_of(GridSearchCV, EASE(), {"regularization": [1.0]})
    pipeline = make_recommender_pipeline(IdEncoder(), search).fit(purchases)
    bare = EASE(1.0).fit(ids_of(purchases))
    assert_same_lists(recommend(pipeline, k=2), bare.recommend(k=2))


def test_an_update_with_integers_of_128_bits():
    X = pl.DataFrame({"user_id": [2**70, 2**71, 2**70], "item_id": [1, 2, 2]})
    pipeline = RecommenderPipeline([("ids", IdEncoder()), ("model", EASE())]).fit(X)
    pipeline.partial_fit(X)
    assert pipeline.recommend([2**71], k=1)[0].tolist() == [[1]]
    new = pl.DataFrame({"user_id": [2**72], "item_id": [1]})
    with pytest.raises(ValueError, match="no code for 1 user ids"):
        pipeline.partial_fit(new)
