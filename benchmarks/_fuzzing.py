"""Tables of every kind and shape, and what may happen to an estimator that gets one."""

import re
import warnings
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import has_fit_parameter

from sklearn_metarec import EASE, BiasRegressor, PopularityRecommender
from sklearn_metarec.preprocessing import IdEncoder
from sklearn_metarec.utils import all_estimators

# What may be raised; docs/guide.md says when. All the errors of this package are among
# them, and scikit-learn's NotFittedError is a ValueError.
DOCUMENTED = (ValueError, TypeError)
# But not those of Python's own, which say that nobody thought of the case.
_PYTHONS_OWN = re.compile(
    r"positional argument|keyword argument|unsupported operand|object is not|NoneType"
    r"|object cannot be|must be real number|has no len|ufunc"
)

# So small that a case takes milliseconds.
SMALL = {
    "BPR": {"n_factors": 2, "max_iter": 2},
    "Blend": {"estimators": [("ease", EASE()), ("popular", PopularityRecommender())]},
    "FMRanker": {"n_factors": 2, "max_iter": 2},
    "FMRegressor": {"n_factors": 2, "max_iter": 4, "burn_in": 1},
    "Fallback": {},
    "IALS": {"n_factors": 2, "max_iter": 2},
    "MFRegressor": {"n_factors": 2, "max_iter": 2},
    "MetaRegressor": {"embedding_dim": 2, "epochs": 1},
    "MetaRidgeRegressor": {"n_factors": 2, "max_iter": 2},
    "MetaSelector": {
        "candidates": [("ease", EASE(), {}), ("popular", PopularityRecommender(), {})],
        "budget": 2,
    },
    "MultVAE": {"embedding_dim": 2, "hidden_dim": 2, "batch_size": 8, "epochs": 1},
    "NeuralRegressor": {"embedding_dim": 2, "hidden_dim": 2, "epochs": 1},
    "PureSVD": {"n_factors": 2},
    "RecommenderPipeline": {"steps": [("ids", IdEncoder()), ("ease", EASE())]},
    "SASRec": {"embedding_dim": 2, "max_length": 4, "batch_size": 8, "epochs": 1},
    "SVDppRegressor": {"n_factors": 2, "max_iter": 2},
    "StackedRegressor": {"estimators": [("bias", BiasRegressor())]},
    "TwoStageRecommender": {
        "ranker": HistGradientBoostingClassifier(max_iter=2), "n_folds": 2,
    },
    "TwoTower": {"embedding_dim": 2, "hidden_dim": 2, "batch_size": 8, "epochs": 1},
    "WARP": {"n_factors": 2, "max_iter": 2},
}  # fmt: skip
# These import TensorFlow, or hold many fits: a case of them takes longer.
SLOW = {
    "MetaRegressor", "MetaSelector", "MultVAE", "NeuralRegressor", "SASRec",
    "TwoStageRecommender", "TwoTower",
}  # fmt: skip


def estimators():
    """Return every estimator of the package by name, with small settings."""
    found = {name: cls(**SMALL.get(name, {})) for name, cls in all_estimators()}
    for estimator in found.values():
        if "random_state" in estimator.get_params(deep=False):
            estimator.set_params(random_state=0)
    return found


# -------------------------------------------------------------------------- the tables

_HUGE = [2**31, -(2**31), 2**53 + 1, 2**62, 2**63 - 1, -(2**63)]
_WHOLE = st.integers(0, 5)
_NAN, _INF = float("nan"), float("inf")
# Pools of ids by the name of their kind. Those that are no ids come more seldom.
_IDS = {
    "numbers": _WHOLE,
    "text": st.sampled_from(["a", "b", "c", "", "ß茶", "1", "a\0", " "]),
    "signed": st.integers(-3, 3),
    "huge": st.sampled_from([*_HUGE, 0, 1]),
    "beyond": st.sampled_from([2**64, 2**70, -(2**70), 1]),
    "fractions": st.sampled_from([0.0, -0.0, 1.0, 2.5, 1e300, 5e-324]),
    "switches": st.booleans(),
    "mixed": st.sampled_from([1, "1", 1.0, True, "a", (1, 2), b"a", 2.5, date.max]),
    "times": st.sampled_from([datetime(2020, 1, d) for d in (1, 2, 3)]),
    "NaN": st.sampled_from([1.0, 2.0, _NAN]),
    "inf": st.sampled_from([1.0, _INF, -_INF]),
    "None": st.sampled_from(["a", "b", None]),
    "no ids": st.sampled_from([[1], {}, "a", 1, 1j, Decimal(1), np.float32(2)]),
}
_GOOD_IDS = ["numbers", "text", "signed", "huge", "fractions", "switches"]
_TIMES = {
    "seconds": st.integers(0, 9),
    "large": st.sampled_from([0, 2**62, -(2**62)]),
    "fractions": st.sampled_from([0.5, 1e300, -1e300, 0.25]),
    "dates": st.sampled_from([datetime(2020, 1, 1), datetime(1700, 5, 5)]),
    "ISO": st.sampled_from(["2020-01-01", "2020-01-01T10:00:00"]),
    "text": st.sampled_from(["noon", ""]),
    "NaN": st.sampled_from([1.0, _NAN, _INF]),
    "None": st.sampled_from([1, None]),
}
_FEATURES = {
    "numbers": st.sampled_from([0.0, 1.5, -2.0, 1e30, -1e300, 1e-300]),
    "gaps": st.sampled_from([1.0, _NAN, None]),
    "inf": st.sampled_from([1.0, _INF]),
    "text": st.sampled_from(["x", "y", "x|y", ""]),
    "gaps of text": st.sampled_from(["x", None]),
    "mixed": st.sampled_from(["x", 1, None, 2.5]),
    "switches": st.booleans(),
    "objects": st.sampled_from([[1], {}, object]),
}
_TARGETS = {
    "stars": st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]),
    "whole": st.integers(1, 5),
    "nothing": st.just(0.0),
    "switches": st.booleans(),
    "large": st.sampled_from([1e15, 1.0, 3e10]),
    "huge": st.sampled_from([1e300, 1.0, 1e38, 1e20]),
    "tiny": st.sampled_from([1e-300, 1e-40, 5e-324, 1.0, 0.0]),
    "signed": st.sampled_from([-1.0, 0.0, 2.0, -5.5]),
    "NaN": st.sampled_from([_NAN, 1.0]),
    "inf": st.sampled_from([_INF, 1.0, -_INF]),
    "None": st.sampled_from([None, 1.0]),
    "text": st.sampled_from(["1", "good"]),
    "objects": st.sampled_from([[1], {}]),
}
_CONTAINERS = [
    "frame", "frame", "polars", "rows", "columns", "strided", "read-only", "Fortran",
    "objects", "categories", "other names", "index",
]  # fmt: skip
_ODD_CONTAINERS = ["twice", "one column", "sparse", "rating", "flat", "cube", "ragged"]


@st.composite
def _pool(draw, kinds, good):
    """Draw the values of a column: mostly of a kind that is all right."""
    names = draw(st.sampled_from([good, good, good, list(kinds)]))
    return kinds[draw(st.sampled_from(names))]


@st.composite
def tables(draw, pools):
    """Draw a table of interactions, or what somebody may take for one."""
    n = draw(st.sampled_from([8, 12, 5, 3, 2, 1, 30, 8, 12, 5, 0]))
    columns = {
        name: draw(st.lists(pools[name], min_size=n, max_size=n)) for name in pools
    }
    odd = draw(st.integers(0, 19)) == 19
    return _contained(draw(st.sampled_from(_ODD_CONTAINERS if odd else _CONTAINERS)),
                      columns)  # fmt: skip


def _frame(columns):
    # Of mixed values pandas may make anything: what it cannot, stays objects.
    series = {}
    for name, values in columns.items():
        try:
            series[name] = pd.Series(values)
        except Exception:
            series[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(series)


def _array(columns):
    """Return an array of numbers if they are numbers, otherwise of objects."""
    n = len(next(iter(columns.values())))
    objects = np.empty((n, len(columns)), dtype=object)
    for j, values in enumerate(columns.values()):
        for i, value in enumerate(values):
            objects[i, j] = value
    kinds = {type(value) for value in objects.ravel()}
    if kinds <= {int, float, bool} and kinds:
        try:
            return np.array(objects.tolist()).reshape(objects.shape)
        except (OverflowError, ValueError):
            return objects
    return objects


def _contained(container, columns):
    if container == "polars":
        try:
            return pl.DataFrame(columns, strict=False)
        except Exception:  # it has no such types
            return _frame(columns)
    if container in ("frame", "rating", "twice", "categories", "other names", "index"):
        return _special_frame(container, _frame(columns))
    array = _array(columns)
    if container == "rows":
        return [list(row) for row in zip(*columns.values(), strict=True)]
    if container == "columns":
        return np.array(list(columns.values()), dtype=object).T
    if container == "strided":
        return np.repeat(np.repeat(array, 2, axis=0), 2, axis=1)[::2, ::2]
    if container == "read-only":
        array.flags.writeable = False
        return array
    if container == "Fortran":
        return np.asfortranarray(array)
    if container == "sparse":
        return sparse.csr_array(np.eye(3))
    if container == "one column":
        return array[:, :1]
    if container == "flat":
        return array.ravel()
    if container == "cube":
        return array[:, :, None]
    if container == "ragged":
        return [*([1, 2] for _ in range(len(array))), [3]]
    return array.astype(object)


def _special_frame(container, frame):
    if container == "rating":
        return frame.assign(rating=1.0)
    if container == "twice":
        return pd.concat([frame, frame[["user_id"]]], axis=1)
    if container == "categories":
        try:
            return frame.astype("category")
        except TypeError:  # of what cannot be hashed
            return frame
    if container == "other names":
        return frame.set_axis(list(range(frame.shape[1])), axis=1)
    if container == "index":
        return frame.set_axis(np.zeros(len(frame), dtype=int), axis=0)
    return frame


@st.composite
def targets(draw, n):
    """Draw a target of about `n` values."""
    kind = draw(_pool(_TARGETS, ["stars", "whole", "nothing", "switches", "large"]))
    values = draw(st.lists(kind, min_size=n, max_size=n))
    odd = draw(st.integers(0, 19))
    if odd == 19:
        return values[1:]
    if odd == 18:
        return [[value] for value in values]
    if odd == 17:
        return None
    return draw(st.sampled_from([list, _series, _values]))(values)


def _series(values):
    return pd.Series(values, index=range(7, 7 + len(values)))


def _values(values):
    return np.array([*values, None], dtype=object)[:-1]


@st.composite
def weights(draw, n):
    """Draw sample weights, mostly none."""
    kinds = [
        st.just(1.0), st.sampled_from([0.0, 1.0, 2.5]), st.just(0.0),
        st.sampled_from([1e-300, 1e300, 1.0]), st.sampled_from([1e-30, 1e10, 1.0]),
        st.sampled_from([-1.0, 1.0]), st.sampled_from([_NAN, _INF, 1.0]),
    ]  # fmt: skip
    if draw(st.integers(0, 2)):
        return None
    return draw(st.lists(draw(st.sampled_from(kinds)), min_size=n, max_size=n))


@st.composite
def side_tables(draw, ids, side):
    """Draw a table of features, keyed by ids that the interactions may have."""
    keys = draw(st.lists(ids, min_size=1, max_size=6, unique_by=repr))
    columns = {f"{side}_id": keys}
    for name in draw(st.sampled_from([["a"], ["a", "b"], []])):
        pool = draw(_pool(_FEATURES, ["numbers", "text", "switches", "gaps"]))
        columns[name] = draw(st.lists(pool, min_size=len(keys), max_size=len(keys)))
    return _contained(draw(st.sampled_from(["frame", "frame", "polars"])), columns)


@st.composite
def cases(draw, estimator):
    """Draw all that one round needs: a table, another one, targets and questions."""
    pools = {
        "user_id": draw(_pool(_IDS, _GOOD_IDS)),
        "item_id": draw(_pool(_IDS, _GOOD_IDS)),
    }
    if draw(st.booleans()):
        pools["timestamp"] = draw(_pool(_TIMES, ["seconds", "dates", "ISO"]))
    if draw(st.integers(0, 2)) == 0:
        pools["extra"] = draw(_pool(_FEATURES, ["numbers", "text", "switches"]))
    X, other = draw(tables(pools)), draw(tables(pools))
    case = {
        "X": X, "y": draw(targets(_length(X))), "weight": draw(weights(_length(X))),
        "other": other, "other_y": draw(targets(_length(other))),
        "user": draw(pools["user_id"]), "item": draw(pools["item_id"]),
        "k": draw(st.sampled_from([3, 1, 20])),
    }  # fmt: skip
    for side in ("item", "user"):
        if f"{side}_features" in estimator.get_params(deep=False) and draw(
            st.booleans()
        ):
            case[f"{side}_features"] = draw(side_tables(pools[f"{side}_id"], side))
    return case


def _length(X):
    return X.shape[0] if hasattr(X, "shape") else len(X)


# ---------------------------------------------------------------------- what may happen


def check(estimator, case):
    """Put an estimator through a case: whatever goes wrong is documented.

    Parameters
    ----------
    estimator : estimator
        It is cloned.
    case : dict
        As of :func:`cases`.

    Raises
    ------
    AssertionError
        If numbers are no numbers, a shape is wrong, or a failed fit leaves traces.
    Exception
        Whatever is raised that is not documented.
    """
    sides = {name: table for name, table in case.items() if name.endswith("_features")}
    model = clone(estimator).set_params(**sides)
    before = vars(model).copy()
    with warnings.catch_warnings():
        # A warning is an answer. What it costs is another test's business.
        warnings.simplefilter("ignore")
        try:
            model.fit(case["X"], *_fit_args(model, case))
        except DOCUMENTED as error:
            _check_documented(error)
            # As scikit-learn's, a pipeline fits its steps in place, and may have some.
            if not hasattr(model, "steps"):
                assert vars(model).keys() == before.keys(), "A failed fit left traces."
            return
        if hasattr(model, "transform") and not hasattr(model, "recommend"):
            _check_transformer(model, case)
        else:
            _check_recommender(model, case)


def _check_documented(error):
    if isinstance(error, TypeError) and _PYTHONS_OWN.search(str(error)):
        raise AssertionError(f"A TypeError of Python's own: {error}") from error


def _fit_args(model, case):
    if has_fit_parameter(model, "sample_weight"):
        return case["y"], case["weight"]
    return (case["y"],)


def _check_transformer(model, case):
    for X in (case["X"], case["other"]):
        try:
            found = model.transform(X)
        except DOCUMENTED as error:
            _check_documented(error)
            continue
        assert found.shape[0] <= _length(X)


def _check_recommender(model, case):
    _check_answers(model, case, case["X"])
    if hasattr(model, "partial_fit"):
        try:
            model.partial_fit(case["other"], case["other_y"])
        except DOCUMENTED as error:
            _check_documented(error)
        _check_answers(model, case, case["other"])


def _check_answers(model, case, X):
    k = case["k"]
    try:
        scores = model.predict(X)
    except DOCUMENTED as error:
        _check_documented(error)
        scores = None
    if scores is not None:
        assert scores.shape == (_length(X),)
        assert np.isfinite(scores).all(), f"Scores of {scores}."
    _check_lists(model, {"k": k})
    _check_lists(model, {"users": [case["user"]], "k": k, "exclude_seen": False})
    _check_lists(model, {"k": k, "history": (case["other"], case["other_y"])})
    _check_lists(model, {"users": [case["user"]], "items": [case["item"]]})
    for call in (
        lambda: model.explain(case["user"], case["item"]),
        lambda: model.similar_items([case["item"]], k=k),
        lambda: model.similar_users([case["user"]], k=k),
        lambda: model.score(case["other"], case["other_y"]),
    ):
        try:
            found = call()
        except AttributeError as error:
            if "has no attribute 'similar" not in str(error):
                raise
            continue
        except DOCUMENTED as error:
            _check_documented(error)
            continue
        if isinstance(found, tuple):
            assert found[0].shape == found[1].shape == (1, k)
            assert not np.isnan(found[1]).any(), f"Similarities of {found[1]}."
        elif not isinstance(found, float):
            assert np.isfinite(found.score), f"A score of {found.score}."
            assert np.isfinite(found.contributions).all(), f"{found.contributions}"


def _check_lists(model, options):
    try:
        items, scores = model.recommend(**options)
    except DOCUMENTED as error:
        _check_documented(error)
        return
    assert items.shape == scores.shape
    assert items.shape[1] == options.get("k", 10)
    assert not np.isnan(scores).any(), f"Scores of {scores}."
    assert not np.isposinf(scores).any(), f"Scores of {scores}."
    assert (np.diff(scores, axis=1)[np.isfinite(scores[:, 1:])] <= 0).all()
