"""FMRegressor: side features, time and the other columns of X."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import OneHotEncoder

from sklearn_metarec import FMRegressor, load, save
from sklearn_metarec.factorization._fm_data import distinct_rows
from sklearn_metarec.interactions import make_csr

DAY = 86_400
LIKELIHOODS = ["gaussian", "ordered_probit"]


def model_of(n_factors=2, max_iter=60, **settings):
    return FMRegressor(n_factors, max_iter=max_iter, random_state=0, **settings)


def rmse(found, expected):
    return np.sqrt(np.mean((found - expected) ** 2))


@pytest.fixture(scope="module")
def tastes():
    """Half of the users like one kind of items, half the other.

    Returns all pairs, their ratings, and the side tables of items and users.
    """
    rng = np.random.default_rng(0)
    user, item = (part.ravel() for part in np.indices((40, 30)))
    y = np.where(user % 2 == item % 2, 4.5, 1.5) + rng.normal(0, 0.2, len(user))
    X = pd.DataFrame({"user_id": user, "item_id": item})
    kinds = np.array(["comedy", "drama"])
    items = pd.DataFrame({"item_id": range(30), "kind": kinds[np.arange(30) % 2]})
    users = pd.DataFrame({"user_id": range(42), "likes": kinds[np.arange(42) % 2]})
    return X, y, items, users


@pytest.fixture(scope="module")
def rows():
    """Ratings with a time, a category and a number; some of them twice."""
    rng = np.random.default_rng(3)
    n = 300
    X = pd.DataFrame(rng.integers(0, [20, 12], (n, 2)), columns=["user_id", "item_id"])
    X["timestamp"] = rng.integers(0, 5, n) * DAY + rng.integers(0, DAY, n)
    X["device"] = rng.choice(["phone", "tv"], n)
    X["load"] = rng.integers(0, 3, n).astype(float)
    X = pd.concat([X, X[:60]], ignore_index=True)
    y = rng.integers(1, 6, len(X)).astype(float)
    return X, y, rng.integers(1, 4, len(X)).astype(float)


EVERYTHING = {
    "item_features": {
        "item_id": list(range(14)), "kind": list("abcabcabcabcab"),
        "size": list(range(14)),
    },
    "user_features": {"user_id": list(range(22)), "age": list(range(20, 42))},
    "time_step": "day",
}  # fmt: skip


# ------------------------------------------------------------------------ features


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_new_item_is_predicted_by_its_features(tastes, likelihood):
    X, y, items, _ = tastes
    y = np.round(y)
    new = X["item_id"] >= 24
    model = model_of(item_features=items, likelihood=likelihood).fit(X[~new], y[~new])
    error = rmse(model.predict(X[new]), y[new])
    assert error < 0.6 <= 0.4 * rmse(y[~new].mean(), y[new])
    # Of items without ratings nothing but the features is known.
    of_new = model.predict(pd.DataFrame({"user_id": 3, "item_id": range(24, 30)}))
    assert_array_equal(of_new[0::2], of_new[0])
    listed, scores = model.recommend([3], k=30, exclude_seen=False)
    assert set(listed[0, :15]) == set(range(1, 30, 2))
    assert_allclose(model.predict([[3, item] for item in listed[0]]), scores[0], 1e-6)


def test_a_new_user_is_predicted_by_features(tastes):
    X, y, items, users = tastes
    new = X["user_id"] >= 34
    model = model_of(user_features=users, implicit="item").fit(X[~new], y[~new])
    assert rmse(model.predict(X[new]), y[new]) < 0.5
    assert 36 in model.users_
    both = model_of(user_features=users, item_features=items, implicit=None)
    cold = new | (X["item_id"] >= 24)
    both.fit(X[~cold], y[~cold])
    assert rmse(both.predict(X[cold]), y[cold]) < 0.5


def test_columns_of_x_are_a_side_table(tastes):
    X, y, items, _ = tastes
    joined = X.assign(kind=items["kind"].to_numpy()[X["item_id"]])
    by_table = model_of(item_features=items, max_iter=10).fit(X, y)
    by_column = model_of(item_features=["kind"], max_iter=10).fit(joined, y)
    # The column is a feature of the item, so not one of the context.
    assert_array_equal(by_column.predict(X), by_table.predict(X))


def test_any_transformer_makes_the_features(tastes):
    X, y, items, _ = tastes
    model = model_of(item_features=items, feature_encoder=OneHotEncoder())
    new = X["item_id"] >= 24
    model.fit(X[~new], y[~new])
    assert rmse(model.predict(X[new]), y[new]) < 0.6


def test_an_unknown_item_is_the_mean_one(tastes):
    X, y, items, users = tastes
    model = model_of(item_features=items, user_features=users).fit(X, y)
    assert_allclose(model.predict([[3, -1], [4, -1]]), 3.0, atol=0.2)
    of_nobody = model.predict([[-1, 3], [-1, 4], [-1, -1]])
    assert_allclose(of_nobody, 3.0, atol=0.2)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_history_joins_features_and_sets(tastes, likelihood):
    """A user whose rows are folded in is much like one with the same rows."""
    X, y, _, users = tastes
    y = np.round(y)
    some = (X["item_id"] < 20).to_numpy()
    X = X.assign(timestamp=np.random.default_rng(4).integers(0, 4 * DAY, len(X)))
    model = model_of(user_features=users, time_step="day", likelihood=likelihood)
    model.fit(X[some], y[some])
    own = some & (X["user_id"] == 7).to_numpy()
    ids = X[["user_id", "item_id"]][own]
    listed, known = model.recommend([7], k=20, exclude_seen=False)
    # User 41 likes what user 7 likes, says the side table, and has no rows yet.
    for kept in (own.sum(), 3):
        history = (ids[:kept].assign(user_id=41), y[own][:kept])
        folded = model.recommend(
            [41], k=20, history=history, items=listed[0], exclude_seen=False
        )[1]
        assert_allclose(folded, known, atol=0.5)
    of_41 = model.recommend([41], k=20, items=listed[0], exclude_seen=False)[1]
    assert_allclose(of_41, known, atol=0.5)


# ---------------------------------------------------------------------------- time


@pytest.fixture(scope="module")
def drift():
    """Ratings that all rise by two over forty days."""
    rng = np.random.default_rng(1)
    n = 4000
    X = pd.DataFrame(rng.integers(0, 40, (n, 2)), columns=["user_id", "item_id"])
    X["timestamp"] = 18_500 * DAY + rng.integers(0, 40 * DAY, n)
    days = (X["timestamp"] - 18_500 * DAY) / DAY
    biases = rng.normal(0, 0.5, 40)[X["item_id"]]
    y = 2 + days / 20 + biases + rng.normal(0, 0.3, n)
    return X, y.to_numpy()


@pytest.mark.parametrize("time_step", ["day", "week", 3 * DAY])
def test_a_drift_is_learned(drift, time_step):
    X, y = drift
    seen = np.arange(len(X)) < 3000
    plain = model_of().fit(X[seen], y[seen])
    timed = model_of(time_step=time_step).fit(X[seen], y[seen])
    assert rmse(timed.predict(X[~seen]), y[~seen]) < 0.37
    assert rmse(plain.predict(X[~seen]), y[~seen]) > 0.55


def test_the_nearest_period_stands_for_others(drift):
    X, y = drift
    start = 18_500 * DAY
    days = (X["timestamp"] - start) // DAY
    gap = days.between(10, 19)
    model = model_of(time_step="day").fit(X[~gap], y[~gap])

    def at(day):
        time = int(start + day * DAY)
        return model.predict(pd.DataFrame([[3, 4, time]], columns=X.columns))[0]

    assert at(1000) == at(39.5)
    assert at(-1000) == at(0)
    assert at(12) == at(9)
    assert at(17) == at(20)
    assert at(39.5) > at(0) + 1.5
    # Without a time, it is the mean period.
    assert model.predict([[3, 4]])[0] == pytest.approx((at(0) + at(39.5)) / 2, abs=0.3)


def test_the_unit_of_the_time_is_seen(drift):
    X, y = drift
    seconds = X["timestamp"]
    forms = [
        seconds,
        seconds * 1000,
        seconds * 1_000_000,
        pd.to_datetime(seconds, unit="s"),
        pd.to_datetime(seconds, unit="s").astype(str),
    ]
    found = []
    for form in forms:
        table = X.assign(timestamp=form)
        model = model_of(time_step="day", max_iter=5).fit(table[:500], y[:500])
        found.append(model.predict(table[500:600]))
    for other in found[1:]:
        assert_array_equal(other, found[0])


def test_a_list_is_made_for_a_time(drift):
    X, y = drift
    model = model_of(time_step="day").fit(X, y)
    when = X["timestamp"].to_numpy()[[5, 9]]
    context = pd.DataFrame({"timestamp": when})
    items, scores = model.recommend([3, 4], k=6, context=context, exclude_seen=False)
    for user, time, row, expected in zip([3, 4], when, items, scores, strict=True):
        table = pd.DataFrame({"user_id": user, "item_id": row, "timestamp": time})
        assert_allclose(model.predict(table), expected, rtol=1e-5)


def test_time_must_be_there(drift):
    X, y = drift
    ids = X[["user_id", "item_id"]]
    with pytest.raises(ValueError, match="time_step='day' needs timestamps"):
        model_of(time_step="day").fit(ids, y)
    model = model_of(time_step="day", max_iter=3).fit(X, y)
    with pytest.raises(ValueError, match="The rows of the fit had timestamps"):
        model.partial_fit([[1, 2]], [3.0])
    with pytest.raises(ValueError, match="time_step"):
        model_of(time_step="month").fit(X, y)
    # Not asked for, it says nothing.
    plain, without = (model_of(max_iter=3).fit(part, y) for part in (X, ids))
    assert_array_equal(plain.predict(X), without.predict(ids))


# ------------------------------------------------------------------------- context


@pytest.fixture(scope="module")
def devices():
    """On a phone the even items please, on a tv the odd ones; the more, the louder."""
    rng = np.random.default_rng(2)
    n = 3000
    X = pd.DataFrame(rng.integers(0, 30, (n, 2)), columns=["user_id", "item_id"])
    X["device"] = rng.choice(["phone", "tv"], n)
    X["volume"] = rng.normal(10, 3, n)
    fits = (X["item_id"] % 2 == 0) == (X["device"] == "phone")
    y = 2 + 2 * fits + 0.1 * X["volume"] + rng.normal(0, 0.2, n)
    return X, y.to_numpy()


def test_other_columns_are_the_context(devices):
    X, y = devices
    seen = np.arange(len(X)) < 2000
    model = model_of().fit(X[seen], y[seen])
    assert rmse(model.predict(X[~seen]), y[~seen]) < 0.3
    plain = model_of().fit(X[seen].iloc[:, :2], y[seen])
    assert rmse(plain.predict(X[~seen].iloc[:, :2]), y[~seen]) > 0.9
    # Without it: numbers at their mean, and no category.
    mean = model.predict(X[["user_id", "item_id"]])
    assert rmse(mean, plain.predict(X.iloc[:, :2])) < 0.5
    assert_array_equal(model.predict(X[["user_id", "item_id"]].to_numpy()), mean)
    strange = X.assign(device="radio", volume=X["volume"][seen].mean())
    assert_allclose(model.predict(strange), mean, atol=1e-4)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_list_is_made_for_a_context(devices, make):
    X, y = devices
    model = model_of().fit(make(X.to_dict("list")), y)
    context = make({"device": ["phone", "tv"], "volume": [10.0, 10.0]})
    items, scores = model.recommend([3, 3], k=10, context=context, exclude_seen=False)
    assert not (items[0] % 2).any()
    assert (items[1] % 2).all()
    table = {"user_id": [3] * 10, "item_id": items[1], "device": ["tv"] * 10}
    found = model.predict(make(table | {"volume": [10.0] * 10}))
    assert_allclose(found, scores[1], rtol=1e-5)


def test_arrays_have_a_context_too(devices):
    X, y = devices
    numbers = X.assign(device=(X["device"] == "tv").astype(float)).to_numpy(float)
    model = model_of().fit(numbers[:2000], y[:2000])
    assert rmse(model.predict(numbers[2000:]), y[2000:]) < 0.3


# ---------------------------------------------------------------------- all of it


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_weights_are_repetitions(rows, likelihood):
    X, y, weight = rows
    times = weight.astype(int)
    index = np.random.default_rng(0).permutation(np.repeat(np.arange(len(X)), times))
    model = model_of(max_iter=12, likelihood=likelihood, **EVERYTHING)
    weighted = model.fit(X, y, weight).predict(X)
    repeated = model.fit(X.iloc[index], y[index]).predict(X)
    assert_allclose(weighted, repeated, rtol=1e-4)
    assert not np.allclose(model.fit(X, y).predict(X), weighted, rtol=1e-3)


def test_predictions_are_the_mean_over_the_draws(rows):
    """Of a chain with the same seed, whose last eight states are averaged by hand."""
    X, y, _ = rows
    model = model_of(max_iter=12, burn_in=4, **EVERYTHING).fit(X, y)
    chain = model._chain(model._history())
    total = 0.0
    for step in range(12):
        chain.step()
        if step >= 4:
            total += chain.predictions() + chain.likelihood.constant
    expected = chain.likelihood.location + chain.likelihood.scale * total / 8
    distinct = X.assign(day=X["timestamp"] // DAY)
    keys = ["user_id", "item_id", "day", "device", "load"]
    there = distinct.drop_duplicates(keys)
    assert len(expected) == len(there) < len(X)
    found = model.predict(there.drop(columns="day"))
    assert_allclose(np.sort(found), np.sort(expected), rtol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_an_update_knows_new_users_items_and_periods(likelihood):
    rng = np.random.default_rng(5)
    n = 3000
    X = pd.DataFrame(rng.integers(0, 40, (n, 2)), columns=["user_id", "item_id"])
    X["timestamp"] = np.sort(rng.integers(0, 20 * DAY, n))
    X["device"] = rng.choice(["phone", "tv"], n)
    level = 2.0 + (X["timestamp"] > 10 * DAY) + (X["device"] == "tv")
    y = np.round(level + rng.normal(0, 0.5, 40)[X["item_id"]]).clip(1, 5).to_numpy()
    late = (X["timestamp"] > 15 * DAY) | (X["user_id"] > 35) | (X["item_id"] > 35)
    model = model_of(time_step="day", likelihood=likelihood, max_iter=90)
    model.fit(X[~late], y[~late]).partial_fit(X[late], y[late])
    whole = model_of(time_step="day", likelihood=likelihood, max_iter=90).fit(X, y)
    assert_array_equal(model.users_, whole.users_)
    assert model._ratings.rows.shape == whole._ratings.rows.shape
    for name in ("rows", "cols", "values", "weights", "periods"):
        assert_allclose(getattr(model._ratings, name), getattr(whole._ratings, name))
    assert rmse(model.predict(X[late]), whole.predict(X[late])) < 0.2
    assert rmse(model.predict(X[late]), y[late]) < 0.6


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_it_survives_being_saved(rows, likelihood, tmp_path):
    X, y, _ = rows
    model = model_of(max_iter=5, likelihood=likelihood, **EVERYTHING).fit(X, y)
    expected = model.predict(X)
    for again in (
        pickle.loads(pickle.dumps(model)),
        load(save(model, tmp_path / "model.skops")),
    ):
        assert_array_equal(again.predict(X), expected)
        again.partial_fit(X[:5], y[:5])
    assert_array_equal(model.predict(X), expected)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_threads_and_order_change_nothing(rows, likelihood):
    X, y, _ = rows
    settings = {"max_iter": 6, "likelihood": likelihood, **EVERYTHING}
    one = model_of(n_jobs=1, **settings).fit(X, y).predict(X)
    two = model_of(n_jobs=2, **settings).fit(X, y)
    assert_array_equal(two.predict(X), one)
    assert_array_equal(two.predict(X[::-1])[::-1], one)
    shuffled = np.random.default_rng(0).permutation(len(X))
    found = two.fit(X.iloc[shuffled], y[shuffled]).predict(X)
    assert_allclose(found, one, rtol=1e-5)


def test_equal_rows_of_a_context_are_found():
    rng = np.random.default_rng(0)
    dense = rng.integers(0, 2, (200, 4)) * rng.choice([0.5, 2.0], (200, 4))
    rows, cols = np.nonzero(dense)
    indptr = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=200))))
    matrix = make_csr(indptr, cols.astype(np.int32), dense[rows, cols], dense.shape)
    first, codes = distinct_rows(matrix)
    assert len(first) == len(np.unique(dense, axis=0))
    assert_array_equal(dense[first][codes], dense)
