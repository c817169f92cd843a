"""LeaderboardDisplay: the configurations of a selection, best first."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec.inspection._axes import new_axes

_ROOM = 1.9
_COLOR, _PALE = "#2563eb", "#bfdbfe"


class LeaderboardDisplay:
    """Scores of a selection's configurations as bars, with intervals over users.

    Make it with `from_selector`; what ran on all users is in full colour.

    Parameters
    ----------
    names : list of str
        What each bar is of, best first.
    scores : ndarray of shape (n,)
        Their length.
    intervals : ndarray of shape (n, 2)
        Lower and upper bounds; NaN where there are none.
    shares : ndarray of shape (n,)
        The share of the users each was measured on.
    seconds : ndarray of shape (n,)
        Of each fit.
    scoring : str
        What the scores are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    bars_ : matplotlib BarContainer
        The bars.

    See Also
    --------
    SelectionDisplay : Quality against time, and the race.

    Examples
    --------
    >>> from sklearn_metarec import MetaSelector
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.inspection import LeaderboardDisplay
    >>> X, y = make_interactions(200, 50, 3000, random_state=0)
    >>> selector = MetaSelector(budget=3, random_state=0).fit(X, y)
    >>> display = LeaderboardDisplay.from_selector(selector)
    >>> len(display.bars_)
    3
    """

    def __init__(self, names, scores, intervals, shares, seconds, scoring):
        self.names = names
        self.scores = scores
        self.intervals = intervals
        self.shares = shares
        self.seconds = seconds
        self.scoring = scoring

    @classmethod
    def from_selector(cls, selector, *, max_rows=20, ax=None):
        """Draw the leaderboard of a fitted `MetaSelector`.

        Parameters
        ----------
        selector : MetaSelector
            Fitted.
        max_rows : int, default=20
            How many configurations to show at most.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : LeaderboardDisplay
            Drawn.
        """
        check_is_fitted(selector, "cv_results_")
        board = selector.leaderboard_
        board = board[board["share"] > 0].head(max_rows)
        display = cls(
            [
                name_of(candidate, params)
                for candidate, params in zip(
                    board["candidate"], board["params"], strict=True
                )
            ],
            board["score"].to_numpy(), board[["low", "high"]].to_numpy(),
            board["share"].to_numpy(), board["fit_time"].to_numpy(),
            scoring_of(selector),
        )  # fmt: skip
        return display.plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : LeaderboardDisplay
            Itself.
        """
        self.ax_ = ax = new_axes(ax, (10, 0.36 * len(self.names) + 1))
        self.figure_ = ax.figure
        places = np.arange(len(self.names))
        colors = [_COLOR if share == 1 else _PALE for share in self.shares]
        errors = np.abs(self.intervals - self.scores[:, None]).T
        self.bars_ = ax.barh(
            places, self.scores, xerr=np.nan_to_num(errors), color=colors,
            error_kw={"ecolor": "#64748b", "elinewidth": 1},
        )  # fmt: skip
        labels = [
            f"{score:.4f}   {seconds:.2f} s"
            + ("" if share == 1 else f"   {share:.0%} of users")
            for score, seconds, share in zip(
                self.scores, self.seconds, self.shares, strict=True
            )
        ]
        ax.bar_label(self.bars_, labels, padding=4, fontsize=9)
        ax.set_yticks(places, self.names)
        ax.invert_yaxis()
        # Room for the labels at the ends of the bars.
        low, high = min(self.scores.min(), 0), max(self.scores.max(), 0)
        ax.set_xlim(low * _ROOM, high * _ROOM or None)
        ax.set_xlabel(f"{self.scoring} on the held-out part, and seconds to fit")
        return self


def name_of(candidate, params):
    """Return a configuration in a few words."""
    parts = [f"{key}={_short(value)}" for key, value in params.items()]
    return " ".join([candidate, *parts])


def _short(value):
    if isinstance(value, list):
        return "/".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def scoring_of(selector):
    """Return what a selector's scores are."""
    if selector.scoring is not None:
        return str(selector.scoring)
    return "ndcg@10" if selector.task == "ranking" else "negated RMSE"
