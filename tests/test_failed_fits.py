"""A fit that fails, or is interrupted, leaves the estimator as it was."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from sklearn_metarec import PopularityRecommender
from sklearn_metarec._scoring import FixedScorer
from sklearn_metarec.base import BaseRecommender

X = [["a", 10], ["a", 20], ["b", 20], ["b", 20], ["c", 40], ["d", 50], ["c", 30]]
Y = [1, 1, 1, 1, 1, 0, 2]


class Fragile(BaseRecommender):
    """Fails where it is told to, after it has changed all there is to change."""

    _parameter_constraints: dict = {"fails_with": [None, type]}

    def __init__(self, fails_with=None):
        self.fails_with = fails_with

    def _fit(self, history):
        self.item_scores_ = np.arange(len(history.items), dtype=np.float32)
        if self.fails_with is not None:
            del self.item_scores_
            self.half_way_ = True
            raise self.fails_with("no further")

    def _update(self, history, old, new):
        self._fit(history)

    def _make_scorer(self, profiles):
        return FixedScorer(self.item_scores_)


@pytest.fixture
def model():
    return PopularityRecommender().fit(X, Y)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
class TestAFailedFitChangesNothing:
    def test_of_a_fitted_model(self, error, verb):
        model = Fragile().fit(X, Y)
        before = {name: id(value) for name, value in vars(model).items()}
        expected = model.recommend(k=3)
        model.fails_with = error
        before["fails_with"] = id(error)
        with pytest.raises(error, match="no further"):
            getattr(model, verb)([["e", 60], ["a", 60]])
        assert {name: id(value) for name, value in vars(model).items()} == before
        for ours, theirs in zip(model.recommend(k=3), expected, strict=True):
            assert_array_equal(ours, theirs)

    def test_of_a_model_that_is_not_fitted(self, error, verb):
        model = Fragile(error)
        with pytest.raises(error, match="no further"):
            getattr(model, verb)(X, Y)
        assert vars(model) == {"fails_with": error}
        with pytest.raises(NotFittedError):
            model.recommend()


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("table", "y", "message"),
    [
        ([["a", None]], None, "missing id"),
        ([["a", 1]], [-1.0], "cannot be negative"),
        ([["a", 1]], [np.nan], "NaN"),
        ([["a", 1, 2]], None, "3 features"),
        ([["a", 1], ["b", 2]], [1.0], "inconsistent numbers of samples"),
    ],
)
def test_wrong_input_changes_nothing(model, verb, table, y, message):
    if verb == "fit" and "features" in message:
        table, message = [["a"]], "1 feature"
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        getattr(model, verb)(table, y)
    assert vars(model) == before
