import threading
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import EstimatorCheckFailedWarning
from sklearn.utils import check_array, check_consistent_length

from sklearn_metarec import EASE, BiasRegressor, PopularityRecommender
from sklearn_metarec._evaluate import evaluate_ranking
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

    def tie_order(self, items):
        return -np.arange(len(items))

    def recommend(self, users=None, k=10, **options):
        items, scores = super().recommend(users, len(self.items_) + k, **options)
        for row in range(len(scores)):
            n = np.isfinite(scores[row]).sum()
            order = np.lexsort((self.tie_order(items[row, :n]), -scores[row, :n]))
            items[row, :n], scores[row, :n] = items[row, order], scores[row, order]
        return items[:, :k], scores[:, :k]


class SortsIntegersAsText(BreaksTiesBackwards):
    """Puts 100 before 79 where they tie."""

    def tie_order(self, items):
        return items.astype(str)


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


class UpdatesToNoise(EASE):
    """Declares its updates to be warm, and loses what it knew."""

    _partial_fit_exact = False

    def _update(self, history, old, new):
        super()._update(history, old, new)
        rng = np.random.default_rng(0)
        self.item_weights_ = rng.permuted(self.item_weights_, axis=1)


class ForgetsItsWeights(EASE):
    """Does not come back from a file."""

    def __getstate__(self):
        state = super().__getstate__().copy()
        state["item_weights_"] = np.zeros_like(state["item_weights_"])
        return state


class ExplainsHalf(EASE):
    """Leaves out terms and says that they are all."""

    def _contributions(self, profiles, col):
        baseline, cols, terms, exact = super()._contributions(profiles, col)
        return baseline, cols[::2], terms[::2], exact


class IsLikeItself(EASE):
    """Finds an item most similar to itself."""

    def similar_items(self, items, k=10):
        similar, scores = super().similar_items(items, k)
        similar[:, 1:], similar[:, 0] = similar[:, :-1].copy(), items[0]
        return similar, scores


class ThinksOtherwiseInThreads(PopularityRecommender):
    """Keeps something for the thread that made it."""

    def predict(self, X):
        here = threading.current_thread() is threading.main_thread()
        return super().predict(X) + (not here)


class CopiesItsTable(BaseEstimator):
    """Takes a side table and leaves cloning to scikit-learn."""

    def __init__(self, item_features=None):
        self.item_features = item_features

    def fit(self, X, y=None):
        return self

    def recommend(self, users=None, k=10, *, exclude_seen=True):
        return None


OTHERS = [
    (CountsRowsOfWeightZero(), {"check_zero_weights_equal_absence"}),
    (LikesZeros(), {"check_zero_strength_is_not_liked", "check_target"}),
    (BreaksTiesBackwards(), {"check_best_first"}),
    (PadsTheLongForm(), {"check_long_form"}),
    (ShiftsByTheBatch(), {"check_predict_is_independent"}),
    (FitsInPlace(), {"check_failed_fit"}),
    (UpdatesWithNewRowsOnly(), {"check_partial_fit_equals_fit"}),
    (MixesHistories(), {"check_history_of_others"}),
    (UpdatesToNoise(), {"check_partial_fit_keeps_quality"}),
    (SortsIntegersAsText(), {"check_best_first"}),
    (ForgetsItsWeights(), {"check_pickle", "check_skops"}),
    (ExplainsHalf(), {"check_explain"}),
    (IsLikeItself(), {"check_similar_items"}),
    (ThinksOtherwiseInThreads(), {"check_threads"}),
    (CopiesItsTable(), {"check_clone_shares_side_tables"}),
]


@pytest.mark.parametrize(("estimator", "checks"), OTHERS)
def test_other_defects_are_caught(estimator, checks):
    assert checks <= failures(estimator).keys()


# ---------------------------------------------------------------------- the healthy


class MostLiked(BaseEstimator):
    """The least that a recommender of somebody else has to be."""

    def fit(self, X, y=None):
        table = encode_interactions(X)
        y = np.ones(len(table)) if y is None else check_array(y, ensure_2d=False)
        check_consistent_length(table, y)
        self.n_features_in_ = table.n_columns
        self.users_, self.items_ = table.users.ids, table.items.ids
        self.seen_ = np.zeros((len(self.users_), len(self.items_)), dtype=bool)
        self.seen_[table.rows, table.cols] = True
        liked = np.zeros_like(self.seen_)
        liked[table.rows[y > 0], table.cols[y > 0]] = True
        self.likes_ = liked.sum(axis=0).astype(float)
        return self

    def predict(self, X):
        likes = dict(zip(self.items_.tolist(), self.likes_, strict=True))
        table = encode_interactions(X)
        items = table.items.ids[table.cols].tolist()
        return np.array([likes.get(item, 0.0) for item in items])

    def recommend(self, users=None, k=10, *, exclude_seen=True):
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"k={k} is no length of a list.")
        users = list(self.users_ if users is None else users)
        row_of = {user: row for row, user in enumerate(self.users_.tolist())}
        if users and not row_of.keys() & set(users):
            warnings.warn("I know none of them.", UserWarning, stacklevel=2)
        items = np.full((len(users), k), self.items_[0], dtype=self.items_.dtype)
        scores = np.full((len(users), k), -np.inf)
        for n, user in enumerate(users):
            left = np.ones(len(self.items_), dtype=bool)
            if exclude_seen and user in row_of:
                left = ~self.seen_[row_of[user]]
            best = np.flatnonzero(left)[np.argsort(-self.likes_[left], kind="stable")]
            best = best[:k]
            items[n, : len(best)] = self.items_[best]
            scores[n, : len(best)] = self.likes_[best]
        return items, scores

    def score(self, X, y=None, sample_weight=None):
        return evaluate_ranking(self, X, y, sample_weight)["ndcg@10"]


@pytest.mark.parametrize(
    "estimator",
    [EASE(20.0), BiasRegressor(1.0), PopularityRecommender(weighted=True), MostLiked()],
)
def test_the_healthy_pass(estimator):
    assert failures(estimator) == {}


def test_what_is_not_there_is_not_checked():
    def names(estimator):
        return {result["check_name"] for result in check_recommender(estimator)}

    ours, foreign = names(PopularityRecommender()), names(MostLiked())
    assert foreign < ours
    assert ours - foreign >= {
        "check_weights_equal_repetition",
        "check_history_of_others",
        "check_items_filter",
        "check_long_form",
        "check_partial_fit_equals_fit",
        "check_unknown_in_explain",
    }


def names_of_checks(estimator):
    return [param.values[1].func.__name__ for param in params_of(estimator)]


def params_of(estimator):
    return parametrize_with_recommender_checks([estimator]).args[1]


@pytest.mark.parametrize(
    ("attribute", "value", "gone", "instead"),
    [
        (
            "_partial_fit_exact",
            False,
            {"check_partial_fit_equals_fit"},
            {"check_partial_fit_keeps_quality"},
        ),
        (
            "_history_exact",
            False,
            {"check_history_is_a_user", "check_history_adds_up"},
            set(),
        ),
        ("_reads_time", True, {"check_row_order"}, set()),
    ],
)
def test_a_class_takes_back_what_it_does_not_promise(attribute, value, gone, instead):
    cls = type("Modest", (EASE,), {attribute: value})
    all_checks, checks = set(names_of_checks(EASE())), set(names_of_checks(cls()))
    assert all_checks - checks >= gone
    assert checks - all_checks == instead


def test_a_class_without_a_place_is_not_sent_through_files():
    class Local(PopularityRecommender):
        """Defined where no other process finds it."""

    left_out = set(names_of_checks(PopularityRecommender())) - set(
        names_of_checks(Local())
    )
    assert left_out == {"check_pickle", "check_memory_mapped_model", "check_skops"}
    assert failures(Local()) == {}


class KnowsItems(PopularityRecommender):
    """Takes a side table, and leaves cloning to the base."""

    def __init__(self, weighted=False, *, item_features=None):
        super().__init__(weighted)
        self.item_features = item_features


def test_side_tables_are_shared_by_what_builds_on_the_base():
    assert "check_clone_shares_side_tables" in names_of_checks(KnowsItems())
    assert failures(KnowsItems()) == {}


# -------------------------------------------------------------------- how it is run


def test_the_first_failure_is_raised():
    with pytest.raises(AssertionError, match="order of rows"):
        check_recommender(FavoursTheFirstRow())


def test_a_failure_can_be_a_warning():
    with pytest.warns(EstimatorCheckFailedWarning, match="check_row_order") as caught:
        results = check_recommender(FavoursTheFirstRow(), on_fail="warn")
    assert len(caught) == 1
    statuses = [result["status"] for result in results]
    assert statuses.count("failed") == 1
    assert statuses.count("passed") == len(results) - 1


def test_a_failure_can_be_expected():
    reason = "It is meant to."
    estimator = FavoursTheFirstRow()
    results = check_recommender(
        estimator, expected_failures={"check_row_order": reason}
    )
    (row_order,) = [r for r in results if r["check_name"] == "check_row_order"]
    assert isinstance(row_order.pop("exception"), AssertionError)
    assert row_order == {
        "estimator": estimator,
        "check_name": "check_row_order",
        "status": "xfail",
        "expected_to_fail": True,
        "expected_to_fail_reason": reason,
    }


def test_an_instance_is_needed():
    with pytest.raises(TypeError, match=r"Pass an instance, EASE\(...\)"):
        check_recommender(EASE)
    with pytest.raises(TypeError, match="Pass an instance"):
        parametrize_with_recommender_checks([EASE])


def test_on_fail_is_checked():
    with pytest.raises(ValueError, match="got 'ignore'"):
        check_recommender(EASE(), on_fail="ignore")


def test_expected_failures_are_marked():
    decorator = parametrize_with_recommender_checks(
        [EASE(7.0), PopularityRecommender()],
        expected_failures=lambda estimator: (
            {"check_score": "A reason."} if isinstance(estimator, EASE) else {}
        ),
    )
    names, params = decorator.args
    assert names == ("estimator", "check")
    marked = {param.id: param.marks for param in params if param.marks}
    assert list(marked) == ["EASE(regularization=7.0)-check_score"]
    (mark,) = marked.popitem()[1]
    assert mark.name == "xfail"
    assert mark.kwargs == {"reason": "A reason."}
    assert "PopularityRecommender()-check_score" in {param.id for param in params}


@parametrize_with_recommender_checks([PopularityRecommender()])
def test_the_decorator_makes_tests(estimator, check):
    check(estimator)


def test_the_estimator_is_left_as_it_is():
    estimator = EASE(3.0)
    check_recommender(estimator)
    assert vars(estimator) == vars(EASE(3.0))
