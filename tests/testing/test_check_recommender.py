import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import EstimatorCheckFailedWarning

from sklearn_metarec import EASE, BiasRegressor, PopularityRecommender
from sklearn_metarec.interactions import encode_interactions, read_table
from sklearn_metarec.testing import (
    check_recommender,
    parametrize_with_recommender_checks,
)


def failures(estimator):
    results = check_recommender(estimator, on_fail=None)
    return {
        result["check_name"]: result["exception"]
        for result in results
        if result["status"] == "failed"
    }


# ----------------------------------------------------------- the five planted defects


class IgnoresWeights(EASE):
    """Knows that a weight of 0 is no row, and forgets all other weights."""

    def fit(self, X, y=None, sample_weight=None):
        if sample_weight is not None:
            sample_weight = np.sign(sample_weight)
        return super().fit(X, y, sample_weight)


class RecommendsTheSeen(PopularityRecommender):
    """Takes `exclude_seen` and does nothing about it."""

    def recommend(self, users=None, k=10, *, exclude_seen=True, **options):
        return super().recommend(users, k, exclude_seen=False, **options)


class RaisesOnUnknownItems(EASE):
    """Predicts for the catalogue only."""

    def predict(self, X):
        items = read_table(X, warn=False).item
        if (self._items.lookup(items) < 0).any():
            raise KeyError("unknown item")
        return super().predict(X)


class FavoursTheFirstRow(PopularityRecommender):
    """Takes the order of the rows for something that matters."""

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y, sample_weight)
        table = encode_interactions(X)
        first = 0 if table.time is None else np.argmin(table.time)
        self._favourite = table.items.ids[table.cols[first]]
        return self

    def _make_scorer(self, profiles):
        scorer = super()._make_scorer(profiles)
        scorer.item_scores = scorer.item_scores + (self.items_ == self._favourite)
        return scorer


class KeepsTheHistory(EASE):
    """Stores in the model what was meant for one call."""

    def recommend(self, users=None, k=10, *, history=None, **options):
        if history is not None:
            self._last_history = history
        return super().recommend(users, k, history=history, **options)


PLANTED = [
    (IgnoresWeights(weighting=None), "check_weights_equal_repetition", "sample_weight"),
    (RecommendsTheSeen(), "check_exclude_seen", "not allowed"),
    (RaisesOnUnknownItems(), "check_unknown_in_predict", "unknown item"),
    (FavoursTheFirstRow(), "check_row_order", "order of rows"),
    (KeepsTheHistory(), "check_calls_change_nothing", "_last_history"),
]


@pytest.mark.parametrize(("estimator", "check", "message"), PLANTED)
def test_a_planted_defect_fails_its_check_and_no_other(estimator, check, message):
    failed = failures(estimator)
    assert list(failed) == [check]
    assert message in str(failed[check])


# ------------------------------------------------------------- other ways to be wrong


class CountsRowsOfWeightZero(PopularityRecommender):
    """Weighs the rows, but takes the ids of all of them into its catalogue."""

    def fit(self, X, y=None, sample_weight=None):
        if sample_weight is not None:
            sample_weight = np.maximum(sample_weight, 1e-30)
        return super().fit(X, y, sample_weight)


class LikesZeros(PopularityRecommender):
    """Takes a strength of 0 for a strength like any other."""

    def fit(self, X, y=None, sample_weight=None):
        return super().fit(X, None if y is None else np.asarray(y) + 1, sample_weight)


class BreaksTiesBackwards(PopularityRecommender):
    """Puts the last of equal items first."""

    def recommend(self, users=None, k=10, **options):
        items, scores = super().recommend(users, len(self.items_) + k, **options)
        for row in range(len(scores)):
            n = np.isfinite(scores[row]).sum()
            order = np.lexsort((-np.arange(n), -scores[row, :n]))
            items[row, :n], scores[row, :n] = items[row, order], scores[row, order]
        return items[:, :k], scores[:, :k]


class PadsTheLongForm(PopularityRecommender):
    """Leaves rows of padding in the frame."""

    def recommend(self, users=None, k=10, *, as_frame=False, **options):
        frame = super().recommend(users, k, as_frame=as_frame, **options)
        return frame.reindex(range(len(frame) + 1)) if as_frame else frame


class ShiftsByTheBatch(BiasRegressor):
    """Centres its predictions on those of the call."""

    def predict(self, X):
        scores = super().predict(X)
        return scores - 0.01 * scores.mean()


class FitsInPlace(EASE):
    """Destroys the old model before it reads the new table."""

    def fit(self, X, y=None, sample_weight=None):
        vars(self).pop("item_weights_", None)
        return super().fit(X, y, sample_weight)


class UpdatesWithNewRowsOnly(EASE):
    """Forgets the old rows."""

    def _update(self, history, old, new):
        super()._update(history, old, new)
        self._fit(new.recode(history.users, history.items))


class MixesHistories(EASE):
    """Gives every user of a call the history of the first."""

    def recommend(self, users=None, k=10, *, history=None, **options):
        items, scores = super().recommend(users, k, history=history, **options)
        if history is not None and len(items):
            items[:], scores[:] = items[-1], scores[-1]
        return items, scores


OTHERS = [
    (CountsRowsOfWeightZero(), {"check_zero_weights_equal_absence"}),
    (LikesZeros(), {"check_zero_strength_is_not_liked", "check_target"}),
    (BreaksTiesBackwards(), {"check_best_first"}),
    (PadsTheLongForm(), {"check_long_form"}),
    (ShiftsByTheBatch(), {"check_predict_is_independent"}),
    (FitsInPlace(), {"check_failed_fit"}),
    (UpdatesWithNewRowsOnly(), {"check_partial_fit_equals_fit"}),
    (MixesHistories(), {"check_history_of_others"}),
]


@pytest.mark.parametrize(("estimator", "checks"), OTHERS)
def test_other_defects_are_caught(estimator, checks):
    assert checks <= failures(estimator).keys()


# --------------------------------------------------------------------- the healthy


class Popular(BaseEstimator):
    """The least that a recommender of somebody else has to be."""

    def fit(self, X, y=None):
        table = read_table(X)
        X = np.column_stack([np.asarray(table.user), np.asarray(table.item)])
        if y is not None and not np.isfinite(np.asarray(y, float)).all():
            raise ValueError("NaN or infinity in y.")
        raise NotImplementedError


def test_the_healthy_pass():
    pass


def test_expected():
    warnings.warn("x", EstimatorCheckFailedWarning, stacklevel=1)
    parametrize_with_recommender_checks([])
