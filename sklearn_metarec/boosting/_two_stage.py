"""TwoStageRecommender: others name candidates, boosted trees rank them."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier

from sklearn_metarec._explanation import ranked, steps_of
from sklearn_metarec._features import FeatureMixin
from sklearn_metarec._history import Profiles, RowHistory
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.boosting._holdout import draw_folds, last_pairs
from sklearn_metarec.boosting._pair_features import PairFeatures
from sklearn_metarec.ensemble._candidates import Sources, put_on_top
from sklearn_metarec.ensemble._members import BlockScorer
from sklearn_metarec.factorization import IALS
from sklearn_metarec.linear_model import EASE
from sklearn_metarec.linear_model._components import leading_components
from sklearn_metarec.utils._parallel import map_ranges, single_threaded_blas
from sklearn_metarec.utils._sklearn import (
    BaseComposition,
    HasMethods,
    Interval,
    StrOptions,
    check_random_state,
)

# Users whose candidates are made at a time: some 10 MB on a catalogue of 10,000.
_USERS_PER_TASK = 64
# As many directions of the encoded features of either side as trees can make use of.
_MOST_COMPONENTS = 16


class TwoStageRecommender(FeatureMixin, BaseComposition):
    """Recommenders name candidates, and a classifier learns how to rank them.

    A share of each user's pairs is held out, the sources are fitted on the rest, and
    what they and the rest say of their candidates is what the ranker has to tell the
    held-out pairs from the others by. That is done once for each of `n_folds` shares,
    so that every pair is held out once and no feature has seen its label. Then the
    sources are fitted on all pairs. A candidate's score is the ranker's log-odds plus
    `source_weight` times the mean of the sources' standardized scores.

    Parameters
    ----------
    sources : list of (str, recommender), default=None
        Names and recommenders. By default `EASE` and `IALS`, which err differently.
        The first one also orders what is no candidate.
    ranker : estimator, default=None
        A classifier of scikit-learn, or a regressor. By default a
        `HistGradientBoostingClassifier` of small trees with large leaves, since what
        is left to learn beside good sources is little.
    n_candidates : int, default=50
        How many items each source names. Lists may be longer: see Notes.
    holdout : {"auto", "random", "last"}, default="auto"
        Which pairs are held out: each of the user's once, at random, or the last of
        them by time, once. `"auto"` is `"last"` where the table has a time column.
    n_folds : int, default=10
        A held-out share is one in so many of the user's pairs.
    source_weight : float, default=0.5
        What the sources' mean counts beside the ranker. 0 is the ranker alone, which
        is trained on candidates far down the lists too.
    max_samples : int, default=400000
        About how many candidates the ranker is trained on: those of users drawn at
        random. It bounds the time of a fit.
    item_features : dataframe, dict, array-like or list of columns, default=None
        What is known of the items beside who has them: a side table, or names of
        columns of X.
    user_features : dataframe, dict, array-like or list of columns, default=None
        The same of the users.
    feature_encoder : transformer, default=None
        Makes numbers of features; by default a `FeatureEncoder`. More than 16 are
        reduced to their leading components.
    random_state : int, RandomState or None, default=None
        Draws the shares, and seeds sources and ranker where they have no seed.
    n_jobs : int, default=None
        Threads, also of sources that do not say how many; the result does not depend
        on it.

    Attributes
    ----------
    sources_ : list of recommenders
        Fitted on all pairs.
    ranker_ : estimator or None
        The fitted ranker; None if there was nothing to learn from, in which case the
        scores are those of the first source.
    feature_names_ : list of str
        What the ranker's columns are.
    n_samples_, n_positives_ : int
        How many candidates it was trained on, and how many of them were held out.
    users_ : ndarray of shape (n_users,)
        Sorted unique user ids.
    items_ : ndarray of shape (n_items,)
        Sorted unique item ids, those of the side table included.
    history_ : csr_array of shape (n_users, n_items)
        The strengths of the fit.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    See Also
    --------
    EASE : The first of the default sources.
    IALS : The second.

    Notes
    -----
    What is no candidate, which includes what the user has already, follows the
    candidates in the order of the first source. `predict` finds all candidates of
    each user it is asked about, so one row costs what a list costs. New users are
    folded in as the sources do it. There is no `partial_fit`: features of new rows
    would have seen their labels.

    References
    ----------
    P. Covington, J. Adams and E. Sargin (2016). Deep neural networks for YouTube
    recommendations. RecSys. (Candidates, then a ranker.)

    X. He et al. (2014). Practical lessons from predicting clicks on ads at Facebook.
    ADKDD. (Boosted trees.)

    Examples
    --------
    >>> from sklearn_metarec import EASE, ItemKNN, TwoStageRecommender
    >>> from sklearn_metarec.datasets import make_interactions
    >>> X, y = make_interactions(100, 40, 1500, random_state=0)
    >>> sources = [("ease", EASE(20.0)), ("knn", ItemKNN())]
    >>> model = TwoStageRecommender(sources, random_state=0).fit(X)
    >>> model.recommend(X[:2, 0], k=3)[0].shape
    (2, 3)
    """

    _parameter_constraints = {
        "sources": [list, None],
        "ranker": [HasMethods(["fit", "predict"]), None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "holdout": [StrOptions({"auto", "random", "last"})],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "source_weight": [Interval(Real, 0, None, closed="left")],
        "max_samples": [Interval(Integral, 1, None, closed="left")],
        "item_features": ["array-like", dict, None],
        "user_features": ["array-like", dict, None],
        "feature_encoder": [HasMethods(["fit_transform", "transform"]), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    # Two scores that are equal but for rounding may change ranks, and so a leaf.
    _history_exact = False

    def __init__(
        self, sources=None, *, ranker=None, n_candidates=50, holdout="auto", n_folds=10,
        source_weight=0.5, max_samples=400_000, item_features=None, user_features=None,
        feature_encoder=None, random_state=None, n_jobs=None,
    ):  # fmt: skip
        self.sources = sources
        self.ranker = ranker
        self.n_candidates = n_candidates
        self.holdout = holdout
        self.n_folds = n_folds
        self.source_weight = source_weight
        self.max_samples = max_samples
        self.item_features = item_features
        self.user_features = user_features
        self.feature_encoder = feature_encoder
        self.random_state = random_state
        self.n_jobs = n_jobs

    def get_params(self, deep=True):
        """Return the parameters, those of the sources by their names.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the sources, and their parameters.

        Returns
        -------
        params : dict
            From names to values.
        """
        return self._get_params("sources", deep=deep)

    def set_params(self, **params):
        """Set parameters, replace sources by their names, or set theirs.

        Parameters
        ----------
        **params : dict
            Such as `n_candidates=100`, `ease=SLIM()` or `ease__regularization=100`.

        Returns
        -------
        self : object
            The estimator.
        """
        self._set_params("sources", **params)
        return self

    # ------------------------------------------------------------------ learning

    def _make_history(self, rows, *, reset):
        return RowHistory.of(super()._make_history(rows, reset=reset), rows)

    def _fit(self, history):
        rng = check_random_state(self.random_state)
        names, sources = self._unfitted_sources(rng)
        ranker = _seeded(_default_ranker() if self.ranker is None else self.ranker, rng)
        rows = history.rows
        pair_of_row = history.pair_of_row()
        times = _pair_times(rows.table.time, pair_of_row, history.matrix.nnz)
        folds = self._draw_folds(history.matrix, times, rng)
        vectors = [self._vectors(side, rng) for side in ("item", "user")]
        samples = [
            self._samples(fold, sources, history, times, folds, vectors, rng)
            for fold in np.unique(folds[folds >= 0]).tolist()
        ]
        self._features = PairFeatures(history.matrix, times, *vectors)
        self.feature_names_ = self._features.names(names)
        self._train(ranker, samples)
        self.sources_ = [_fit_on(source, rows, slice(None)) for source in sources]

    def _unfitted_sources(self, rng):
        """Return the names and clones of the sources, with seeds and threads."""
        given = self._default_sources() if self.sources is None else self.sources
        _check_sources(given)
        self._validate_names([name for name, _ in given])
        clones = [_seeded(source, rng) for _, source in given]
        for source in clones:
            if source.get_params(deep=False).get("n_jobs", 0) is None:
                source.set_params(n_jobs=self.n_jobs)
        return [name for name, _ in given], clones

    def _default_sources(self):
        return [("ease", EASE()), ("ials", IALS())]

    def _draw_folds(self, matrix, times, rng):
        if self.holdout == "last" and times is None:
            raise ValueError(
                "holdout='last' needs times, but X has no timestamp column. Use "
                "holdout='random'."
            )
        if times is None or self.holdout == "random":
            return draw_folds(matrix, self.n_folds, rng)
        return last_pairs(matrix, self.n_folds, times)

    def _vectors(self, side, rng):
        """Return a few numbers for each id's encoded features, or None."""
        features = self._feature_rows(side)
        if features is None or not features.shape[1]:
            return None
        if features.shape[1] <= _MOST_COMPONENTS:
            return features.toarray().astype(np.float64)
        seed = rng.randint(2**31 - 1)
        u, s = leading_components(features, _MOST_COMPONENTS, seed)
        return u * s

    def _samples(self, fold, sources, history, times, folds, vectors, rng):
        """Return the features and labels of candidates, one fold being held out."""
        kept = folds != fold
        row_kept = kept[history.pair_of_row()]
        rows = history.rows
        fitted = [_fit_on(source, rows, np.flatnonzero(row_kept)) for source in sources]
        rest, held_out = history.subset(kept), history.subset(~kept)
        features = PairFeatures(
            rest.matrix, None if times is None else times[kept], *vectors
        )
        users = np.flatnonzero(np.diff(held_out.matrix.indptr)).astype(np.int32)
        n_folds = len(np.unique(folds[folds >= 0]))
        share = self.max_samples / (n_folds * len(sources) * self.n_candidates)
        n_users = max(int(share), 1)
        if n_users < len(users):
            users = np.sort(rng.choice(users, n_users, replace=False))
        profiles = Profiles(rest, users)
        stage = Sources(fitted, profiles, self._items, self.n_candidates)
        columns = features.of_users(profiles)
        n_items = len(self._items)
        positives = held_out.pair_keys()
        parts = {}

        def work(lo, hi):
            found = stage.find(lo, hi)
            pairs = users[found.users].astype(np.int64) * n_items + found.cols
            parts[lo] = columns(found), np.isin(pairs, positives)

        with single_threaded_blas():
            map_ranges(work, len(users), chunk=_USERS_PER_TASK, n_jobs=self.n_jobs)
        return [parts[lo] for lo in sorted(parts)]

    def _train(self, ranker, samples):
        parts = [part for fold in samples for part in fold]
        labels = np.concatenate([np.empty(0, bool), *(part[1] for part in parts)])
        self.n_samples_, self.n_positives_ = len(labels), int(labels.sum())
        self.ranker_ = None
        if 0 < self.n_positives_ < self.n_samples_:
            features = np.concatenate([part[0] for part in parts])
            labels = labels if is_classifier(ranker) else labels.astype(np.float64)
            self.ranker_ = ranker.fit(features, labels)

    # ------------------------------------------------------------------- scoring

    def _make_scorer(self, profiles):
        stage = Sources(self.sources_, profiles, self._items, self.n_candidates)
        if self.ranker_ is None:
            return stage.scorers[0]
        return _TwoStageScorer(
            stage, self._features.of_users(profiles), self._rank_scores,
            len(profiles), len(self._items),
        )  # fmt: skip

    def _trace(self, profiles, col):
        if col < 0:
            return super()._trace(profiles, col)
        item, steps, found = self.items_[col : col + 1], [], False
        names = [name for name, _ in self.sources or self._default_sources()]
        for name, source in zip(names, self.sources_, strict=True):
            *inner, last = steps_of(source, name, profiles, item)
            if last.rank is not None:
                names_it = last.rank <= self.n_candidates
                found = found or names_it
                what = "found it" if names_it else f"names {self.n_candidates} others"
                last = replace(last, what=what)
            steps += [*inner, last]
        what = "ranked it among the candidates"
        if self.ranker_ is None:
            what = "had nothing to learn a ranker from"
        elif not found:
            what = "dropped it: no candidate, below all of them"
        return [*steps, ranked(self, profiles, col, what)]

    def _rank_scores(self, features):
        """Return the score of each candidate."""
        mean = features[:, : len(self.sources_)].mean(axis=1)
        return _output(self.ranker_, features) + self.source_weight * mean


class _TwoStageScorer(BlockScorer):
    """The second stage's scores of candidates, all else below them.

    Parameters
    ----------
    stage : Sources
        Finds the candidates.
    features, rank : callable
        From candidates to features, and from these to scores.
    n_users, n_items : int
        Whose scores, and of how many items.
    """

    def __init__(self, stage, features, rank, n_users, n_items):
        super().__init__(n_users, n_items)
        self.stage = stage
        self.features = features
        self.rank = rank

    def block(self, lo, hi, out):
        """Write all items' scores of users lo to hi into `out`."""
        out = out[: hi - lo]
        self.stage.scorers[0].block(lo, hi, out)
        found = self.stage.find(lo, hi)
        if not len(found.users):
            return
        scores = self.rank(self.features(found)).astype(np.float32)
        put_on_top(out, found.users - lo, found.cols, scores)


def _check_sources(sources):
    if not sources:
        raise ValueError("sources is empty: pass at least one (name, recommender).")
    for entry in sources:
        if not isinstance(entry, tuple) or len(entry) != 2:
            raise ValueError(f"sources takes (name, recommender) pairs, got {entry!r}.")
        name, source = entry
        if not isinstance(source, BaseRecommender):
            raise TypeError(
                f"The source {name!r} is no recommender of sklearn_metarec, but "
                f"{source!r}: pass an instance of a subclass of BaseRecommender."
            )


def _seeded(estimator, rng):
    """Return a clone in which no seed is left open."""
    estimator = clone(estimator)
    seeds = {
        name: rng.randint(2**31 - 1)
        for name, value in sorted(estimator.get_params().items())
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    }
    return estimator.set_params(**seeds)


def _fit_on(source, rows, index):
    y, weight = (
        None if values is None else values[index]
        for values in (rows.y, rows.sample_weight)
    )
    return clone(source).fit(rows.table[index], y, weight)


def _default_ranker():
    return HistGradientBoostingClassifier(
        learning_rate=0.08, max_iter=80, max_leaf_nodes=8, min_samples_leaf=500,
        l2_regularization=10.0, early_stopping=False,
    )  # fmt: skip


def _output(ranker, features):
    """Return log-odds of a classifier that knows them, else what it predicts."""
    if hasattr(ranker, "decision_function"):
        return ranker.decision_function(features)
    if hasattr(ranker, "predict_proba"):
        p = np.clip(ranker.predict_proba(features)[:, 1], 1e-6, 1 - 1e-6)
        return np.log(p / (1 - p))
    return ranker.predict(features).astype(np.float64)


def _pair_times(time, pair_of_row, n_pairs):
    """Return the last time of each pair, or None."""
    if time is None:
        return None
    times = np.full(n_pairs, time.min())
    np.maximum.at(times, pair_of_row, time)
    return times
