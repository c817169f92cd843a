"""One selection under way: which configurations ran, on how much, with what result."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_metarec.meta import _combination, _race
from sklearn_metarec.meta._combination import can_be_member
from sklearn_metarec.meta._evaluation import Outcome, run_tasks
from sklearn_metarec.meta._knowledge import Configuration, predict_seconds
from sklearn_metarec.meta._stacking import StackedRegressor
from sklearn_metarec.meta._tuning import propose

# How a fit's time grows with the share of users it sees, where nothing is known: more
# than in proportion, since more users bring more items, too. Where other data sets
# tell, it may grow less: that of some models is a matter of the items.
_COST_EXPONENT = 1.3
_LEAST_COST_EXPONENT = 0.5
# Tuning proposes settings of so many models, so many at a time: that number, not that
# of the workers, so that the choice does not depend on them.
_MODELS_TUNED = 2
_PER_ROUND = 4
# How many rating models are stacked, and on how many folds: each costs a fit of all.
_MODELS_STACKED = 4
_STACK_FOLDS = 3
# What is thought to take so many seconds of one core at most is not raced on samples,
# nor are so few of the others.
_QUICK = 4.0
_FEW = 2
# Nor, after the first sample, all that takes this share of the seconds left together.
_SHARE_FOR_ALL = 0.5
# The share of the seconds that tuning leaves to combining, and without which there is
# no combining.
_SHARE_TO_COMBINE, _LEAST_TO_COMBINE = 0.3, 0.15
_OUT_OF_IT = ("failed", "unmeasured", "skipped")
# A refit sees all rows, a fit of the comparison those of a training part.
_REFIT_FACTOR = 1.5
# What the reserve for a refit may hold of all seconds while it is extrapolated.
_MAX_GUESSED_RESERVE = 0.3


@dataclass
class Record:
    """What became of one configuration.

    Attributes
    ----------
    name : str
        The candidate.
    estimator : estimator
        With its parameters set, not fitted.
    params : dict
        What was set.
    place : int
        Its place in the portfolio.
    status : str
        "not run", "ran", "out" (of the race), "failed", "unmeasured" (its score is
        not a number), "skipped" (no budget left) or "rejected" (a combination that is
        not better for sure).
    error : str or None
        Why it failed or was skipped.
    share : float
        The largest share of users it was measured on, 0 at first.
    outcomes : dict
        Its outcomes on that share, by fold.
    space : dict
        From parameter to the distribution of what tuning may try.
    expected : float or None
        What its evaluation is thought to take in seconds, of what never ran.
    exponent : float
        The power of the share of users with which its seconds grow.
    """

    name: str
    estimator: Any
    params: dict
    place: int
    status: str = "not run"
    error: str | None = None
    share: float = 0.0
    outcomes: dict = field(default_factory=dict)
    space: dict = field(default_factory=dict)
    expected: float | None = None
    exponent: float = _COST_EXPONENT

    @property
    def score(self):
        """The mean over folds; NaN if none ran."""
        scores = [outcome.score for outcome in self.outcomes.values()]
        return float(np.mean(scores)) if scores else np.nan

    @property
    def values(self):
        """The values of all folds' users, or None."""
        parts = [self.outcomes[fold].values for fold in sorted(self.outcomes)]
        if not parts or any(part is None for part in parts):
            return None
        return np.concatenate(parts)

    def mean_time(self, which):
        """Return the mean seconds of `fit_time` or `score_time` over the folds."""
        times = [getattr(outcome, which) for outcome in self.outcomes.values()]
        return float(np.mean(times)) if times else np.nan

    def predicted_cost(self, share):
        """Return (seconds of an evaluation, of its fit) on a share, None if unknown."""
        if not self.outcomes:
            return None, 0.0
        growth = max(share / self.share, 1.0) ** self.exponent
        fit = self.mean_time("fit_time") * growth
        return fit + self.mean_time("score_time") * growth, fit


class Selection:
    """A race of configurations over growing shares of the users.

    Parameters
    ----------
    records : list of Record
        The configurations, best first.
    data : Data
        The table.
    folds : list of (train, test)
        Row positions.
    measure : Measure
        What is measured.
    clock : Clock
        The seconds there are.
    n_jobs : int or None
        As in joblib.
    rng : RandomState
        Draws the users of the samples.
    combining : bool
        Whether the leaders are to be combined in the end.
    known : sequence of Experience
        What other data sets taught of scores and costs.
    report : callable
        Takes a line of progress.
    progress : Progress
        What callbacks see.

    Attributes
    ----------
    exhausted : bool
        Whether the budget cut the race short.
    race : list of (int, float, float)
        What was measured, in order: place of the configuration, share of the users,
        score.
    """

    def __init__(
        self,
        records,
        data,
        folds,
        measure,
        clock,
        n_jobs,
        rng,
        combining,
        known,
        report,
        progress,
    ):
        self.records = records
        self.data = data
        self.folds = folds
        self.measure = measure
        self.clock = clock
        self.n_jobs = n_jobs
        self.report = report
        self.progress = progress
        self.exhausted = False
        self.race = []
        self._evaluations, self._used = np.inf, 0
        self._given_up = {}  # from candidate to the seconds it was given
        self._order = rng.permutation(len(data.coded.users))
        self._rng = rng
        self._known = known
        self._sizes = {
            "n_interactions": len(data.coded), "n_users": len(data.coded.users),
            "n_items": len(data.coded.items),
        }  # fmt: skip
        self.kept = []
        self._stacking = combining and measure.metric == "rmse"
        if combining and measure.per_user:
            self.kept = [
                _combination.Fold(data.coded, data.y, train, test, rng)
                for train, test in folds
            ]

    def run(self, plan, evaluations):
        """Race over the shares of the plan, as far as the budget goes."""
        n_configs, n_folds, plan = _race.affordable(
            len(self.records), len(self.folds), plan, evaluations
        )
        for record in self.records[n_configs:]:
            self._skip(record, "more evaluations than the budget has")
        self.folds, self.kept = self.folds[:n_folds], self.kept[:n_folds]
        self._evaluations = np.inf if evaluations is None else evaluations
        runners = self.records[:n_configs]
        for record in runners:
            record.exponent = self._exponent(record)
        quick, slow = self._divided(runners)
        firsts: dict[str, Record] = {}
        for record in quick:
            firsts.setdefault(record.name, record)
        first = list(firsts.values())
        # Another model before other settings of the same, however long it takes.
        self._run_all(first)
        self._race(slow, plan)
        self._run_all([record for record in quick if record not in first])

    def _run_all(self, records):
        """Measure on all users."""
        if records and not self.progress.stopped:
            self._run_share(records, 1.0)

    def _race(self, runners, plan):
        """Measure on growing samples of the users, the leaders to the end."""
        if self.progress.stopped:
            return
        # A sample is to say which of many to drop, and what they cost.
        if len(runners) <= _FEW and self.clock.seconds is None:
            plan = plan[-1:]
        for share in plan if runners else ():
            self._run_share(runners, share)
            finished = [r for r in runners if r.share == share and r.status == "ran"]
            if share == plan[-1] or not finished:
                return
            if self._time_for_all(finished):
                self._run_share(finished, plan[-1])
                return
            runners = self._leaders(finished)
            for record in finished:
                if record not in runners:
                    record.status = "out"
            decided = len(runners) == 1 and runners[0].score > -np.inf
            if (decided and not runners[0].space) or self.progress.stopped:
                return

    def _time_for_all(self, finished):
        """Tell whether all that ran on a sample may run on all users in good time.

        Who is ahead on a sample need not be so on all users: samples are for what
        takes long, as the first one has shown. Without a limit of seconds, nothing
        depends on how long something took.
        """
        if self.clock.seconds is None:
            return False
        costs = [record.predicted_cost(1.0)[0] for record in finished]
        return len(self.folds) * sum(costs) <= _SHARE_FOR_ALL * self.clock.left

    def _divided(self, runners):
        """Return (what takes no time and is measured at once, the others).

        What is best on a sample of the users need not be so on all: some models gain
        more than others from more rows.
        """
        expected = [self._of_other_sets(record) for record in runners]
        quick = [
            record
            for record, seconds in zip(runners, expected, strict=True)
            if seconds is not None and seconds <= _QUICK
        ]
        return quick, [record for record in runners if record not in quick]

    def tune(self, n):
        """Measure further settings of the leaders, at most n; a record each."""
        while n > 0:
            leaders = [r for r in self._leading() if r.space][:_MODELS_TUNED]
            n_folds = len(self.folds)
            affordable = (self._evaluations - self._used) / n_folds
            size = int(min(n, _PER_ROUND, affordable))
            if not leaders or size < 1 or self.progress.stopped:
                return
            if self.kept and not self._time_for(_SHARE_TO_COMBINE):
                return
            shares = np.diff(np.linspace(0, size, len(leaders) + 1).astype(int))[::-1]
            costs = [n_folds * leader.predicted_cost(1.0)[0] for leader in leaders]
            if self._stacking and self._keeps_from_stacking(shares @ costs):
                return
            new = []
            for leader, share in zip(leaders, shares, strict=True):
                tried = [
                    r
                    for r in self.records
                    if r.name == leader.name and r.share == 1 and np.isfinite(r.score)
                ]
                for params in propose(leader, tried, self._known, share, self._rng):
                    estimator = clone(leader.estimator).set_params(**params)
                    place = len(self.records)
                    new.append(
                        Record(
                            leader.name, estimator, leader.params | params, place,
                            space=leader.space,
                        )
                    )  # fmt: skip
                    self.records.append(new[-1])
            self._run_share(new, 1.0, "tuning")
            n -= size

    def _time_for(self, share):
        """Tell whether that share of the seconds is left, if they are counted."""
        return self.clock.seconds is None or (
            self.clock.left >= share * self.clock.seconds
        )

    def _leading(self):
        """Return the best record of each model, the best first."""
        best: dict[str, Record] = {}
        for record in sorted(self.records, key=lambda r: (-r.score, r.place)):
            if record.share == 1 and np.isfinite(record.score):
                best.setdefault(record.name, record)
        return list(best.values())

    def combine(self):
        """Combine the leaders where that is better for sure; a further record each."""
        ran = [r for r in self.records if r.share == 1 and r.values is not None]
        if not self.kept or not ran or not self._time_for(_LEAST_TO_COMBINE):
            return
        ran.sort(key=lambda r: (-r.score, r.place))
        kinds: dict[str, Record] = {}
        for record in ran:
            if all(outcome.shortlist for outcome in record.outcomes.values()):
                kinds.setdefault(record.name, record)
        found = _combination.blend(
            list(kinds.values()), self.kept, self.measure.metric, self._rng
        )
        if found is not None:
            ran.insert(0, self._add(found))
        members = [r for r in ran if can_be_member(r.estimator)]
        if ran[0] in members:
            found = _combination.for_short_histories(
                ran[0], members[1:], self.kept, self._rng
            )
            if found is not None:
                self._add(found)

    def stack(self, seed):
        """Measure a stack of the leading rating models; keep it if it is better."""
        affordable = (self._evaluations - self._used) / max(len(self.folds), 1)
        leaders = self._leading()[:_MODELS_STACKED]
        if not self._stacking or len(leaders) < 2 or affordable < 1:
            return
        if self.progress.stopped or not self.clock.allows(self._seconds_to_stack()):
            return
        names = [leader.name.replace("__", "_") for leader in leaders]
        members = [(n, r.estimator) for n, r in zip(names, leaders, strict=True)]
        record = Record(
            f"StackedRegressor({', '.join(names)})",
            StackedRegressor(members, cv=_STACK_FOLDS, random_state=seed), {},
            len(self.records), expected=self._seconds_of_stack(),
        )  # fmt: skip
        self.records.append(record)
        self._run_share([record], 1.0, "stacking")
        if record.outcomes and not _combination.is_better(
            record.values, leaders[0].values, self._rng
        ):
            record.status = "rejected"

    def _seconds_of_stack(self):
        """Return what a fit of a stack takes on a training part.

        Its folds leave out one part each: together with the fits on all rows that is
        as many whole fits as there are folds.
        """
        leaders = self._leading()[:_MODELS_STACKED]
        return _STACK_FOLDS * sum(leader.mean_time("fit_time") for leader in leaders)

    def _seconds_to_stack(self):
        """Return what it takes to measure a stack, and to refit it."""
        return (len(self.folds) + _REFIT_FACTOR) * self._seconds_of_stack()

    def _keeps_from_stacking(self, seconds):
        """Tell whether so many seconds of tuning leave too few for a stack.

        A stack gains more; where there is no time for one anyway, tuning goes on.
        """
        needed = self._seconds_to_stack()
        return self.clock.allows(needed) and not self.clock.allows(needed + seconds)

    def _add(self, combined):
        """Add a record of a combination, as if it had been measured like the others."""
        outcomes = {}
        for fold, values in enumerate(combined.values):
            parts = [member.outcomes[fold] for member in combined.members]
            outcomes[fold] = Outcome(
                self.measure.mean(values, None), values,
                fit_time=sum(part.fit_time for part in parts),
                score_time=sum(part.score_time for part in parts),
            )  # fmt: skip
        record = Record(
            combined.name, combined.estimator, combined.params, len(self.records),
            "ran", share=1.0, outcomes=outcomes,
        )  # fmt: skip
        self.records.append(record)
        self.report(f"{record.name} {record.params}: {record.score:.4f}")
        return record

    def best(self):
        """Return the record with the best score on the largest share, or None.

        One that can be refitted in the time left goes before one that cannot.
        """
        ran = [
            r
            for r in self.records
            if r.outcomes and np.isfinite(r.score) and r.status != "rejected"
        ]
        in_time = [r for r in ran if self.clock.allows(self._refit_cost(r))]
        # Where the time is over, what it was kept back for.
        kept = [r for r in ran if self._refit_cost(r) <= self.clock.reserve]
        return max(
            in_time or kept or ran,
            key=lambda r: (r.share, r.score, -r.place),
            default=None,
        )

    def _refit_cost(self, record):
        return _REFIT_FACTOR * record.predicted_cost(1.0)[1]

    def _leaders(self, finished):
        by_place = {record.place: record for record in finished}
        places = _race.survivors(
            {place: record.score for place, record in by_place.items()},
            {place: record.values for place, record in by_place.items()},
            {place: place for place in by_place},
            len(self.folds),
        )
        return [by_place[place] for place in places]

    def _run_share(self, runners, share, task=None):
        name = task or f"race on {share:.0%} of the users"
        with self.progress.round(name, len(runners) * len(self.folds)):
            self._evaluate(runners, share)

    def _evaluate(self, runners, share):
        folds = [self._sample(train, test, share) for train, test in self.folds]
        measures = [self.measure] * len(folds)
        if share == 1 and self.kept:
            measures = [replace(self.measure, users=fold.users) for fold in self.kept]
        by_place = {record.place: record for record in runners}
        self._used += len(runners) * len(folds)
        keys = [(r.place, fold) for r in runners for fold in range(len(folds))]
        gathered: dict[int, dict] = {record.place: {} for record in runners}

        def make_task(key):
            record = by_place[key[0]]
            if record.status in _OUT_OF_IT:
                return None
            cost = self._cost(record, share)
            # Then comes the refit, of this one or of the leader: the dearer of the two.
            refit = max(self.clock.reserve, self._refit_cost(record))
            if not self.clock.allows((cost or 0.0) + refit):
                needed = f"needs some {cost:.1f} s" if cost else "not started"
                self._skip(record, f"{needed}, {max(self.clock.left, 0):.1f} s left")
                return None
            table = self.data.form_for(record.estimator)
            return (
                record.estimator, table, self.data.y, self.data.sample_weight,
                *folds[key[1]], measures[key[1]],
                self.clock.limit(cost, measured=bool(record.outcomes)),
                None if self.clock.seconds is None else self.clock.left,
            )  # fmt: skip

        running = run_tasks(
            keys, make_task, n_jobs=self.n_jobs, seconds=lambda: self.clock.left
        )
        for (place, fold), outcome in running:
            record = by_place[place]
            self.progress.evaluated(record.name)
            if outcome.error is not None or not np.isfinite(outcome.score):
                self._note_failure(record, outcome)
                continue
            gathered[place][fold] = outcome
            if len(gathered[place]) == len(folds):
                record.outcomes, record.share = gathered[place], share
                record.status = "ran"
                self.race.append((place, share, record.score))
                self._note_refit(record)
                self.report(
                    f"{record.name} {record.params or ''} on {share:.0%} of the users: "
                    f"{record.score:.4f} in {record.mean_time('fit_time'):.2f} s"
                )

    def _note_failure(self, record, outcome):
        if outcome.error is None:
            record.status, record.error = "unmeasured", "the score is not a number"
        else:
            record.status, record.error = "failed", outcome.error
        if outcome.given_up:
            self._given_up[record.name] = outcome.fit_time
        self.report(f"{record.name}: {record.error}")

    def _cost(self, record, share):
        """Predict the seconds of an evaluation; None if nothing is known."""
        cost, _ = record.predicted_cost(share)
        if cost is None:
            cost = record.expected
        if cost is not None:
            return cost
        # Other settings of the same candidate tell, if only a lower bound.
        siblings = [r for r in self.records if r.name == record.name and r.outcomes]
        if siblings:
            # Those measured on most tell best.
            most = max(sibling.share for sibling in siblings)
            nearest = [sibling for sibling in siblings if sibling.share == most]
            return max(sibling.predicted_cost(share)[0] for sibling in nearest)
        given = self._given_up.get(record.name)
        return self._guess(record, share) if given is None else 2 * given

    def _guess(self, record, share):
        """Predict seconds from other data sets, and from how fast this machine is."""
        if self.clock.seconds is None:
            return None
        seconds = self._of_other_sets(record)
        if seconds is None:
            return None
        ratios = [
            r.predicted_cost(1.0)[0] / there
            for r in self.records
            if r.outcomes and (there := self._of_other_sets(r))
        ]
        speed = float(np.median(ratios)) if ratios else 1.0
        return seconds * speed * share ** self._exponent(record)

    def _of_other_sets(self, record, share=1.0):
        if not self._known:
            return None
        configuration = Configuration.of(record.estimator, record.params)
        sizes = self._sizes | {
            name: share * self._sizes[name] for name in ("n_interactions", "n_users")
        }
        return predict_seconds(self._known, configuration, sizes)

    def _exponent(self, record):
        """Return the power of the share of users with which its seconds grow."""
        whole = self._of_other_sets(record)
        if whole is None:
            return _COST_EXPONENT
        exponent = np.log(whole / self._of_other_sets(record, 0.1)) / np.log(10)
        return float(np.clip(exponent, _LEAST_COST_EXPONENT, _COST_EXPONENT))

    def _note_refit(self, record):
        """Keep back what a refit of the leader takes."""
        if self.clock.seconds is None or self.best() is not record:
            return
        reserve = self._refit_cost(record)
        if record.share < 1:
            reserve = min(reserve, _MAX_GUESSED_RESERVE * self.clock.seconds)
        self.clock.reserve = reserve

    def _skip(self, record, reason):
        record.status, record.error = "skipped", reason
        self.exhausted = True
        self.report(f"{record.name} {record.params or ''}: skipped, {reason}")

    def _sample(self, train, test, share):
        if share == 1:
            return train, test
        n_users = len(self._order)
        chosen = np.zeros(n_users, dtype=bool)
        chosen[self._order[: max(int(share * n_users), 1)]] = True
        rows = self.data.coded.rows
        return train[chosen[rows[train]]], test[chosen[rows[test]]]
