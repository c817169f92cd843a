"""SelectionDisplay: what a selection measured, by cost and over its race."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec.inspection._axes import new_axes
from sklearn_metarec.inspection._leaderboard import scoring_of


class SelectionDisplay:
    """Quality against time of a selection's configurations, or their race.

    Make it with `from_selector`.

    Parameters
    ----------
    candidates : list of str
        Of each configuration, the candidate it is a setting of.
    seconds : ndarray of shape (n,)
        Of a fit and the ranking.
    scores : ndarray of shape (n,)
        On the largest share of the users it was measured on; NaN if none.
    race : list of (int, float, float)
        Configuration, share of the users, score: in order.
    best : int
        The chosen one.
    scoring : str
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        One a candidate, or with `kind="race"` one a configuration.

    See Also
    --------
    LeaderboardDisplay : The scores with intervals.

    Examples
    --------
    >>> from sklearn_metarec import MetaSelector
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.inspection import SelectionDisplay
    >>> X, y = make_interactions(200, 50, 3000, random_state=0)
    >>> selector = MetaSelector(budget=3, random_state=0).fit(X, y)
    >>> display = SelectionDisplay.from_selector(selector)
    >>> len(display.lines_)
    3
    """

    def __init__(self, candidates, seconds, scores, race, best, scoring):
        self.candidates = candidates
        self.seconds = seconds
        self.scores = scores
        self.race = race
        self.best = best
        self.scoring = scoring

    @classmethod
    def from_selector(cls, selector, *, kind="time", ax=None):
        """Draw what a fitted `MetaSelector` measured.

        Parameters
        ----------
        selector : MetaSelector
            Fitted.
        kind : {"time", "race"}, default="time"
            Score against seconds, or against the share of the users.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : SelectionDisplay
            Drawn.
        """
        check_is_fitted(selector, "cv_results_")
        results = selector.cv_results_
        display = cls(
            list(results["candidate"]),
            results["mean_fit_time"] + results["mean_score_time"],
            results["mean_test_score"], selector.race_, selector.best_index_,
            scoring_of(selector),
        )  # fmt: skip
        return display.plot(kind=kind, ax=ax)

    def plot(self, *, kind="time", ax=None):
        """Draw the points or the race.

        Parameters
        ----------
        kind : {"time", "race"}, default="time"
            Score against seconds, or against the share of the users.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : SelectionDisplay
            Itself.

        Raises
        ------
        ValueError
            If `kind` is neither.
        """
        draw = {"time": self._plot_time, "race": self._plot_race}.get(kind)
        if draw is None:
            raise ValueError(f"kind must be 'time' or 'race', got {kind!r}.")
        self.ax_ = new_axes(ax, (7, 4.5))
        self.figure_ = self.ax_.figure
        self.ax_.set_ylabel(self.scoring)
        self.lines_ = draw(self.ax_)
        return self

    def _plot_time(self, ax):
        lines = []
        for candidate in dict.fromkeys(self.candidates):
            mine = [name == candidate for name in self.candidates]
            there = np.array(mine) & np.isfinite(self.scores)
            if there.any():
                lines += ax.plot(
                    self.seconds[there], self.scores[there], "o", label=candidate
                )
        ax.plot(
            self.seconds[self.best], self.scores[self.best], "o", markersize=14,
            markerfacecolor="none", markeredgecolor="black",
        )  # fmt: skip
        ax.set_xscale("log")
        ax.set_xlabel("seconds of a fit and the ranking")
        ax.legend(fontsize=8)
        return lines

    def _plot_race(self, ax):
        colors = {
            name: f"C{i}" for i, name in enumerate(dict.fromkeys(self.candidates))
        }
        lines, labelled = [], set()
        for place in dict.fromkeys(place for place, _, _ in self.race):
            runs = [(share, score) for p, share, score in self.race if p == place]
            name = self.candidates[place]
            label = None if name in labelled else name
            labelled.add(name)
            lines += ax.plot(
                *zip(*runs, strict=True), "o-", color=colors[name], label=label,
                linewidth=2.5 if place == self.best else 1,
            )  # fmt: skip
        ax.set_xlabel("share of the users measured on")
        ax.legend(fontsize=8)
        return lines
