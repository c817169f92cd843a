import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import (
    BPR,
    EASE,
    IALS,
    SLIM,
    BiasRegressor,
    Blend,
    CalibratedReranker,
    ItemKNN,
    MMRReranker,
    PopularityRecommender,
    PrivateEASE,
    PrivateItemKNN,
    PureSVD,
    RecommenderPipeline,
    RP3beta,
    Slots,
    TwoStageRecommender,
    UserKNN,
    compress,
    load,
    recommend,
    save,
)
from sklearn_metarec._kernels.small import dot_pairs, dot_rows, dot_tiles
from sklearn_metarec._packing import pack_array, pack_pairs, unpack_array, unpack_pairs
from sklearn_metarec._scoring import RowSumScorer
from sklearn_metarec._small import IntegerItems, SmallMatrix, shrink
from sklearn_metarec._unwrap import unwrap
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.model_selection import make_ranking_scorer
from sklearn_metarec.preprocessing import IdEncoder
from tests.test_common import ids, instances, seeded

MODELS = [
    EASE(20.0), EASE(20.0, n_neighbors=20), SLIM(20.0), ItemKNN(), RP3beta(),
    UserKNN(), PureSVD(8, random_state=0), IALS(16, random_state=0),
    BPR(8, max_iter=5, random_state=0), PopularityRecommender(),
    Blend([("ease", EASE(20.0)), ("knn", ItemKNN())]),
]  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return make_interactions(300, 250, 6000, activity_skew=0.5, random_state=0)[0]


@pytest.fixture(scope="module", params=MODELS, ids=str)
def model(request, table):
    return request.param.fit(table)


def overlap(a, b):
    pairs = zip(a, b, strict=True)
    return np.mean([len(np.intersect1d(x, y)) for x, y in pairs]) / a.shape[1]


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_a_compressed_model_ranks_almost_alike_and_agrees_with_itself(model, dtype):
    small = compress(model, dtype)
    items, scores = small.recommend(k=10)
    assert overlap(model.recommend(k=10)[0], items) > 0.9
    pairs = np.column_stack([np.repeat(small.users_, 10), items.ravel()])
    assert_allclose(small.predict(pairs), scores.ravel(), rtol=1e-5, atol=1e-6)
    _, one_scores = small.recommend(small.users_[:1], k=10)
    assert_allclose(one_scores, scores[:1], rtol=1e-5, atol=1e-6)
    reasons = small.explain(small.users_[0], items[0, 0])
    assert_allclose(reasons.score, scores[0, 0], rtol=1e-5)
    if hasattr(small, "similar_items"):
        assert small.similar_items(small.items_[:3])[0].shape == (3, 10)


ALL = [each for each in instances() if hasattr(each, "recommend")]


@pytest.mark.parametrize("estimator", ALL, ids=repr)
def test_any_recommender(estimator, tmp_path):
    X, y = ids()
    model = seeded(estimator).fit(X, y)
    users, pairs = X["user_id"][:4].unique(), X[:40]
    of_model = model.predict(pairs), *model.recommend(users, k=4)
    for dtype, top in (("float16", None), ("int8", None), ("int8", 6)):
        small = compress(model, dtype, top)
        assert type(small) is type(model)
        scores = small.predict(pairs)
        if top is None and not by_ranks(unwrap(model)[1]):
            spread = np.ptp(of_model[0])
            assert np.abs(scores - of_model[0]).max() <= 0.05 * spread
        check_verbs(small, users, X, y)
        files = pickle.loads(pickle.dumps(small)), load(save(small, tmp_path / "m"))
        for again in files:
            assert_array_equal(again.predict(pairs), scores)
        if hasattr(small, "partial_fit"):
            small.partial_fit(X[:6], y[:6])
            assert np.isfinite(small.recommend(users, k=4)[1]).all()
    compress(model).fit(X[::2], y[::2])
    found = model.predict(pairs), *model.recommend(users, k=4)
    for wanted, there in zip(of_model, found, strict=True):
        assert_array_equal(there, wanted)


def by_ranks(model):
    """Tell whether scores jump where two items of a list change places."""
    rerank = CalibratedReranker, MMRReranker, Slots, TwoStageRecommender
    return isinstance(model, rerank) or getattr(model, "method", None) == "rank"


def check_verbs(model, users, X, y):
    items, scores = model.recommend(users, k=4)
    pairs = pd.DataFrame({"user_id": np.repeat(users, 4), "item_id": items.ravel()})
    assert_allclose(model.predict(pairs), scores.ravel(), rtol=1e-4, atol=1e-5)
    reasons = model.explain(users[0], items[0, 0])
    assert_allclose(reasons.score, scores[0, 0], rtol=1e-4, atol=1e-5)
    basket = X[:5].assign(user_id=-1), y[:5]
    assert np.isfinite(model.recommend([-1], k=3, history=basket)[1]).all()
    if hasattr(model, "similar_items"):
        assert model.similar_items(items[0])[0].shape == (4, 10)
    if hasattr(model, "similar_users"):
        assert model.similar_users(users)[0].shape == (len(users), 10)


@pytest.mark.parametrize("private", [PrivateEASE, PrivateItemKNN])
def test_a_private_model_is_released_compressed(private, table):
    small = compress(private(1000.0, threshold=0.0).fit(table), top=20)
    basket = [["me", item] for item in small.items_[:5]]
    wanted = small.recommend(["me"], k=9, history=basket)
    for released in (small.release(), compress(small.release())):
        found = released.recommend(["me"], k=9, history=basket)
        assert_array_equal(found[0], wanted[0])


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_a_fit_and_an_update_are_in_full_precision(model, dtype, table):
    small = compress(model, dtype)
    assert_array_equal(
        pickle.loads(pickle.dumps(small)).history_.toarray(), model.history_.toarray()
    )
    before = model.recommend(k=5)[0]
    if hasattr(small, "partial_fit"):
        assert len(pickle.dumps(small.partial_fit(table[:10]))) > len(
            pickle.dumps(compress(model, dtype))
        )
    assert_array_equal(small.fit(table).recommend(k=5)[0], before)


def test_pipelines_and_searches(table):
    X = pd.DataFrame(table, columns=["user_id", "item_id"])
    pipeline = RecommenderPipeline([("ids", IdEncoder()), ("model", EASE(20.0))])
    search = GridSearchCV(
        clone(pipeline), {"model__regularization": [20.0]}, cv=2,
        scoring=make_ranking_scorer("ndcg@10"),
    ).fit(X)  # fmt: skip
    for fitted in (pipeline.fit(X), search):
        full = recommend(fitted, k=5)
        small = compress(fitted)
        assert len(pickle.dumps(small)) < 0.4 * len(pickle.dumps(fitted))
        assert overlap(full[0], recommend(small, k=5)[0]) > 0.9
        # In place, as pipelines do; not in the steps of the first one.
        small.fit(X[X["item_id"] != full[0][0, 0]])
        for wanted, found in zip(full, recommend(fitted, k=5), strict=True):
            assert_array_equal(found, wanted)


@pytest.mark.parametrize("cls", [EASE, SLIM, ItemKNN, RP3beta])
def test_top_keeps_the_largest_of_each_item(cls, table):
    model = cls().fit(table)
    small = compress(model, "int8", top=4)
    name = "item_weights_" if hasattr(model, "item_weights_") else "_influence"
    full, kept = getattr(model, name), getattr(small, name).tocsr().toarray()
    full = full if isinstance(full, np.ndarray) else full.toarray()
    counts = np.bincount(getattr(small, name).columns, minlength=len(model.items_))
    assert counts.max() == 4
    largest = np.sort(np.abs(full), axis=0)[-4:].sum(axis=0)
    # A row's step is a 127th of its largest number; half of it is rounded away.
    steps = np.abs(kept).max(axis=1).max() / 127
    assert_allclose(np.abs(kept).sum(axis=0), largest, atol=4 * steps)
    assert np.isfinite(small.recommend(k=3)[1]).all()


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_a_small_matrix_is_indexed_as_an_array(dtype):
    small = shrink(np.random.default_rng(0).normal(size=(6, 4)), dtype)
    full = np.asarray(small)
    rows, cols = np.array([5, 0, 0]), np.array([3, 1, 1])
    mask = np.arange(6) % 2 == 0
    for key in (
        2, rows, mask, slice(1, 4), (2, 3), (rows, 1), (rows, cols), np.ix_(rows, cols),
        (slice(None), cols), (slice(1, 3), 2), (2, slice(None)),
    ):  # fmt: skip
        assert_array_equal(small[key], full[key])
    assert_array_equal(small @ full.T, full @ full.T)
    assert_array_equal(full.T @ small, full.T @ full)
    assert_array_equal(sparse.eye_array(6, format="csr") @ small, full)
    assert small.astype(np.float32) is small


def test_a_compressed_model_can_be_compressed_further(table):
    model = EASE(20.0).fit(table)
    halves = compress(model, "float16")
    for wanted, found in (
        (compress(model, "int8"), compress(halves, "int8")),
        (compress(model, "int8", 20), compress(halves, "int8", 20)),
    ):
        assert len(pickle.dumps(found)) == len(pickle.dumps(wanted))
        assert overlap(wanted.recommend(k=5)[0], found.recommend(k=5)[0]) > 0.97


@pytest.mark.parametrize("width", [1, 7, 64])
@pytest.mark.parametrize("n_users", [1, 6, 37])
def test_integer_products_are_exact_by_tile_row_and_pair(width, n_users):
    rng = np.random.default_rng(0)
    users = rng.normal(size=(n_users, width)).astype(np.float32)
    matrix = shrink(rng.normal(size=(53, width)).astype(np.float32), "int8")
    n = IntegerItems(users, matrix)
    wanted = n.users[:n_users, :width].astype(int) @ matrix.values.T.astype(int)
    wanted = (wanted.astype(np.float32) * n.user_scales[:, None]) * matrix.scales
    by_row, by_tile = np.empty_like(wanted), np.empty_like(wanted)
    args = n.users, n.user_scales, n.items, n.item_scales
    dot_rows(0, n_users, *args, by_row)
    dot_tiles(0, n_users, *args[:2], n.tiles(), n.item_scales, by_tile)
    pairs = np.indices(wanted.shape).reshape(2, -1).astype(np.int32)
    singles = np.empty(wanted.size, dtype=np.float32)
    dot_pairs(0, wanted.size, *pairs, *args, singles)
    for found in (by_row, by_tile, singles.reshape(wanted.shape)):
        assert_array_equal(found, wanted)
    assert_allclose(by_row, users @ np.asarray(matrix).T, atol=0.04 * width**0.5 + 0.02)


def test_every_finite_half_is_read_exactly(table):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)][:, None]
    n = len(halves)
    scorer = RowSumScorer(
        sparse.eye_array(n, format="csr", dtype=np.float32), SmallMatrix(halves)
    )
    out = np.empty((n, 1), dtype=np.float32)
    scorer.block(0, n, out)
    assert_array_equal(out, halves.astype(np.float32))


@pytest.mark.parametrize("data", [[1, 1, 1], [0, 2, 255], [0.5, 1, 2], [-1, 1, 1]])
def test_pairs_are_packed_without_loss(data):
    matrix = sparse.csr_array(
        (np.array(data, dtype=np.float32), [0, 70_000, 3], [0, 2, 2, 3]),
        shape=(3, 80_000),
    )
    back = unpack_pairs(pack_pairs(matrix))
    assert back.data.dtype == np.float32
    assert back.shape == matrix.shape
    for name in ("indptr", "indices", "data"):
        assert_array_equal(getattr(back, name), getattr(matrix, name))


def test_a_file_is_smaller_and_the_model_unchanged(table):
    model = EASE(20.0).fit(table)
    before = pickle.dumps(model)
    small = compress(model)
    assert len(pickle.dumps(small)) < 0.3 * len(before)
    assert pickle.dumps(model) == before


def test_a_model_of_biases_keeps_its_numbers_in_a_smaller_file(table):
    y = np.random.default_rng(0).integers(1, 6, len(table)).astype(float)
    model = BiasRegressor().fit(table, y)
    small = compress(model)
    assert len(pickle.dumps(small)) < 0.4 * len(pickle.dumps(model))
    copy = pickle.loads(pickle.dumps(small))
    assert_array_equal(copy.predict(table), model.predict(table))
    assert_array_equal(copy.history_.toarray(), model.history_.toarray())


def test_wrong_arguments(table):
    model = EASE().fit(table)
    with pytest.raises(ValueError, match="dtype must be one of"):
        compress(model, "int4")
    with pytest.raises(ValueError, match="top must be"):
        compress(model, top=0)
    for other in (None, [model], Ridge().fit([[1.0]], [1.0])):
        with pytest.raises(TypeError, match="or a pipeline or search around one"):
            compress(other)
    for unfitted in (EASE(), GridSearchCV(EASE(), {})):
        with pytest.raises(NotFittedError):
            compress(unfitted)


@pytest.mark.parametrize("values", [[], [1.0, 1.0], [0.5, 4.0, 5.0], [1.0, 5.0], None])
def test_numbers_are_packed_without_loss(values):
    values = None if values is None else np.array(values)
    n = 0 if values is None else len(values)
    assert_array_equal(unpack_array(pack_array(values), n), values)
