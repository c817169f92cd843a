"""What both neighbourhood models of ratings share, against dense NumPy."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold

from sklearn_metarec import BiasRegressor, ItemKNNRegressor, UserKNNRegressor

MODELS = [ItemKNNRegressor, UserKNNRegressor]
GOLDEN = Path(__file__).parent.parent / "golden" / "rating_neighborhood.json"
SETTINGS = [
    {"n_neighbors": 7, "shrinkage": 4.0, "amplification": 1.5, "damping": 0.1},
    {"n_neighbors": 9, "shrinkage": 0.0, "amplification": 1.0, "damping": 0.0},
    # Correlations of one shared rating are 1: which of these come first is rounding, so
    # that all are neighbours here.
    {"similarity": "pearson_baseline", "shrinkage": 2.0, "damping": 0.0},
    {"similarity": "pearson_baseline", "shrinkage": 9.0, "amplification": 2.0},
]


@pytest.fixture(scope="module")
def ratings():
    """Ratings of 40 users and 25 items, some pairs repeated, with weights."""
    rng = np.random.default_rng(5)
    X = rng.integers(0, [40, 25], (420, 2))
    return X, rng.integers(1, 6, 420).astype(float), rng.integers(1, 4, 420) * 1.0


@pytest.fixture(scope="module")
def tastes():
    """A larger table, in which items and users of a kind deviate alike."""
    rng = np.random.default_rng(0)
    X = np.argwhere(rng.random((80, 60)) < 0.4)
    alike = X[:, 0] % 2 == X[:, 1] % 2
    return X, 3 + np.where(alike, 0.8, -0.8) + rng.normal(0, 0.2, len(X))


class Dense:
    """The formulas of the docstrings, from the biases on."""

    def __init__(self, model, X, y, weight):
        shape = len(model.users_), len(model.items_)
        rows = np.searchsorted(model.users_, X[:, 0])
        cols = np.searchsorted(model.items_, X[:, 1])
        self.weights, sums = np.zeros(shape), np.zeros(shape)
        np.add.at(self.weights, (rows, cols), weight)
        np.add.at(sums, (rows, cols), weight * y)
        ratings = sums / np.where(self.weights > 0, self.weights, 1)
        self.baseline = model.global_mean_ + np.add.outer(
            model.user_biases_, model.item_biases_
        )
        self.residuals = np.where(self.weights > 0, ratings - self.baseline, 0)

    def similarities(self, model, side):
        """Return shrunk similarities of items or users, the largest of each kept."""
        e, w = (m.T if side == "item" else m for m in (self.residuals, self.weights))
        x, root = np.sqrt(w) * e, np.sqrt(w)
        support = root @ root.T
        if model.similarity == "cosine":
            norms = np.sqrt((x**2).sum(axis=1))
            below = np.outer(norms, norms)
        else:
            shared = (root * e**2) @ root.T
            below, support = np.sqrt(shared * shared.T), support - 1
        factor = support / np.where(support > 0, support + model.shrinkage, 1)
        factor = np.where(support > 0, factor, 0)
        found = np.divide(x @ x.T, below, out=np.zeros_like(below), where=below > 1e-12)
        found *= factor
        np.fill_diagonal(found, 0)
        if model.positive_only:
            found = np.maximum(found, 0)
        order = np.argsort(-np.abs(found), axis=1, kind="stable")
        kept = np.zeros_like(found)
        places = order[:, : model.n_neighbors]
        values = np.take_along_axis(found, places, axis=1)
        np.put_along_axis(kept, places, values, axis=1)
        return kept

    def predictions(self, model, side):
        """Return all predictions, a row a user."""
        kept = self.similarities(model, side)
        sizes = np.abs(kept) ** model.amplification * (kept != 0)
        values, weighted = np.sign(kept) * sizes, self.weights * self.residuals
        if side == "item":
            above, below = weighted @ values.T, self.weights @ sizes.T
        else:
            above, below = values @ weighted, sizes @ self.weights
        there = below > 0
        below = np.where(there, below + model.damping, 1)
        return self.baseline + np.where(there, above / below, 0)


def side_of(model):
    return "item" if isinstance(model, ItemKNNRegressor) else "user"


def everything(model, users=None, **options):
    """The predictions of all items, in the order of `items_`."""
    users = model.users_ if users is None else users
    n_items = len(model.items_)
    items, scores = model.recommend(users, k=n_items, exclude_seen=False, **options)
    return np.take_along_axis(scores, np.argsort(items, axis=1), axis=1)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("positive_only", [False, True])
@pytest.mark.parametrize("cls", MODELS)
def test_equals_the_closed_form(ratings, cls, positive_only, settings):
    model = cls(positive_only=positive_only, **settings).fit(*ratings)
    dense = Dense(model, *ratings)
    expected = dense.predictions(model, side_of(model))
    np.testing.assert_allclose(everything(model), expected, rtol=1e-5, atol=1e-5)
    assert np.abs(expected - dense.baseline).max() > 0.1
    users, items = np.indices(expected.shape).reshape(2, -1)
    pairs = np.column_stack([model.users_[users], model.items_[items]])
    np.testing.assert_allclose(
        model.predict(pairs), expected.ravel(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("cls", MODELS)
def test_the_biases_are_those_of_the_bias_model(ratings, cls):
    model = cls(user_regularization=3, item_regularization=7).fit(*ratings)
    bias = BiasRegressor(3, item_regularization=7).fit(*ratings)
    np.testing.assert_allclose(model.user_biases_, bias.user_biases_, atol=5e-4)
    np.testing.assert_allclose(model.item_biases_, bias.item_biases_, atol=5e-4)
    # Who is unknown has no neighbours.
    user, item = ratings[0][0]
    unknown = [["new", item], [user, "new"], ["new", "new"]]
    np.testing.assert_allclose(model.predict(unknown), bias.predict(unknown), atol=1e-3)


def test_one_model_is_the_other_on_the_transposed_table(ratings):
    X, y, weight = ratings
    settings = {"positive_only": True, "damping": 0.2, "amplification": 1.0}
    biases = {"user_regularization": 4.0, "item_regularization": 4.0}
    by_item = ItemKNNRegressor(**settings, **biases).fit(X, y, weight)
    by_user = UserKNNRegressor(**settings, **biases).fit(X[:, ::-1], y, weight)
    # Whose biases are solved for last is all that differs.
    np.testing.assert_allclose(
        by_item.predict(X), by_user.predict(X[:, ::-1]), atol=2e-3
    )


@pytest.mark.parametrize("similarity", ["cosine", "pearson_baseline"])
@pytest.mark.parametrize("cls", MODELS)
def test_it_finds_the_tastes(tastes, cls, similarity):
    """Where the right answer is known: the kinds of user and item say it all."""
    X, y = tastes
    model = cls(similarity=similarity).fit(X, y)
    users, items = np.indices((80, 60))
    alike = users % 2 == items % 2
    predicted = everything(model)
    assert predicted[alike].min() > predicted[~alike].max()


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("similarity", ["cosine", "pearson_baseline"])
@pytest.mark.parametrize("cls", MODELS)
def test_the_unit_of_the_ratings_does_not_matter(ratings, cls, similarity, scale):
    X, y, _ = ratings
    one = cls(similarity=similarity).fit(X, y).predict(X)
    other = cls(similarity=similarity).fit(X, scale * y).predict(X)
    np.testing.assert_allclose(other / scale, one, rtol=1e-4)


@pytest.mark.parametrize("cls", MODELS)
def test_tiny_and_huge_weights(ratings, cls):
    X, y, weight = ratings
    for factor in (1e-60, 1e30):
        some = np.where(np.arange(len(y)) % 3 == 0, factor, weight)
        assert np.isfinite(cls().fit(X, y, some).predict(X)).all()


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("cls", MODELS)
def test_reasons_add_up(ratings, cls, settings):
    model = cls(**settings).fit(*ratings)
    for user, item in [*ratings[0][:5], (0, 1), (7, 24)]:
        reasons = model.explain(user, item)
        assert reasons.exact
        column = np.searchsorted(model.items_, item)
        baseline = model.global_mean_ + model.item_biases_[column]
        assert reasons.baseline == pytest.approx(baseline)
        total = reasons.baseline + reasons.contributions.sum()
        assert total == pytest.approx(reasons.score, rel=1e-5)


@pytest.mark.parametrize("cls", MODELS)
def test_results_do_not_depend_on_threads_or_company(ratings, cls):
    X, y, weight = ratings
    one = everything(cls(8, n_jobs=1).fit(X, y, weight))
    model = cls(8, n_jobs=2).fit(X, y, weight)
    np.testing.assert_array_equal(everything(model), one)
    for row in (0, 11):
        alone = everything(model, model.users_[[row]])
        np.testing.assert_array_equal(alone[0], one[row])


@pytest.mark.parametrize("cls", MODELS)
def test_equal_ratings_leave_nothing_to_compare(cls):
    X = np.argwhere(np.ones((4, 3)))
    model = cls().fit(X, np.full(12, 3.0))
    np.testing.assert_allclose(model.predict(X), 3.0)
    assert model.explain(0, 0).score == pytest.approx(3.0)


def golden():
    """Return what a change may not alter: make the file of the printed result."""
    rng = np.random.default_rng(7)
    X = rng.integers(0, [30, 20], (250, 2))
    y = rng.integers(1, 6, 250).astype(float)
    return {
        cls.__name__: cls(6, shrinkage=5, damping=0.05, amplification=1.5)
        .fit(X, y)
        .predict(X[:8])
        .round(6)
        .tolist()
        for cls in MODELS
    }


def test_golden():
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))
    for name, values in golden().items():
        np.testing.assert_allclose(values, stored[name], rtol=1e-4)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("cls", "most"), [(ItemKNNRegressor, 0.914), (UserKNNRegressor, 0.925)]
)
def test_ml100k_floor(load_table, cls, most):
    frame = load_table("movielens_100k")
    X, y = frame[["user_id", "item_id"]].to_numpy(), frame["rating"].to_numpy()
    train, test = next(KFold(5, shuffle=True, random_state=0).split(X))
    predicted = cls().fit(X[train], y[train]).predict(X[test])
    assert np.sqrt(np.mean((np.clip(predicted, 1, 5) - y[test]) ** 2)) < most
