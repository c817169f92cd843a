"""ExplanationDisplay: what made one score."""

import numpy as np

from sklearn_metarec.inspection._axes import new_axes
from sklearn_metarec.inspection._measures import explain_with, item_namer

_UP, _DOWN, _BASE = "#2563eb", "#c2410c", "#94a3b8"


class ExplanationDisplay:
    """What each item of a user adds to the score of an item, as bars.

    Make it with `from_estimator` or `from_explanation`.

    Parameters
    ----------
    explanation : Explanation
        What `explain` returns.
    names : list of str
        The names of its items.
    title : str
        What is explained.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    bars_ : matplotlib BarContainer
        The baseline, the shown items, and what the others add together.

    See Also
    --------
    report : A page with the reasons of several users' recommendations.

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> from sklearn_metarec.inspection import ExplanationDisplay
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"], ["bob", "rum"]]
    >>> model = EASE(1.0).fit(X)
    >>> display = ExplanationDisplay.from_estimator(model, "ann", "rum")
    >>> len(display.bars_)
    3
    """

    def __init__(self, explanation, names, title):
        self.explanation = explanation
        self.names = names
        self.title = title

    @classmethod
    def from_estimator(
        cls, estimator, user, item, *, history=None, item_names=None, max_items=10,
        ax=None,
    ):  # fmt: skip
        """Explain a score of a fitted recommender, and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted recommender, or a pipeline or search around one.
        user, item : id
            Whose score of what.
        history : table or tuple (table, y), default=None
            Rows of the user for this call only.
        item_names : dict, Series, DataFrame or callable, default=None
            From item id to name, as of `report`.
        max_items : int, default=10
            Show at most that many items, those that matter most.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : ExplanationDisplay
            Drawn.
        """
        explanation = explain_with(estimator, user, item, history)
        if explanation is None:
            raise ValueError(f"{type(estimator).__name__} does not explain its scores.")
        namer = item_namer(item_names, estimator)
        return cls.from_explanation(
            explanation, item_names=namer, max_items=max_items, ax=ax,
            title=f"{namer(item)} for {user}",
        )  # fmt: skip

    @classmethod
    def from_explanation(
        cls, explanation, *, item_names=None, title="", max_items=10, ax=None
    ):
        """Draw an explanation.

        Parameters
        ----------
        explanation : Explanation
            What `explain` returns.
        item_names : dict, Series, DataFrame or callable, default=None
            From item id to name.
        title : str, default=""
            What is explained.
        max_items : int, default=10
            Show at most that many items, those that matter most.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : ExplanationDisplay
            Drawn.
        """
        namer = item_namer(item_names)
        names = [namer(item) for item in explanation.items.tolist()]
        return cls(explanation, names, title).plot(max_items=max_items, ax=ax)

    def plot(self, *, max_items=10, ax=None):
        """Draw the bars.

        Parameters
        ----------
        max_items : int, default=10
            Show at most that many items, those that matter most.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : ExplanationDisplay
            Itself.
        """
        added = np.asarray(self.explanation.contributions, dtype=float)
        chosen = np.sort(np.argsort(-np.abs(added), kind="stable")[:max_items])
        labels = ["baseline", *(self.names[i] for i in chosen)]
        values = [self.explanation.baseline, *added[chosen]]
        if len(chosen) < len(added):
            labels.append(f"{len(added) - len(chosen)} others")
            values.append(added.sum() - added[chosen].sum())
        self.ax_ = ax = new_axes(ax, (8, 0.36 * len(labels) + 1.4))
        self.figure_ = ax.figure
        colors = [_BASE, *(_UP if value >= 0 else _DOWN for value in values[1:])]
        self.bars_ = ax.barh(np.arange(len(labels)), values, color=colors)
        ax.bar_label(self.bars_, [f"{v:.3g}" for v in values], padding=4, fontsize=9)
        ax.set_yticks(np.arange(len(labels)), [_plain(label) for label in labels])
        ax.invert_yaxis()
        ax.axvline(0, color="#475569", linewidth=0.8)
        ax.margins(x=0.15)
        what = "adds" if self.explanation.exact else "would take with it, alone"
        ax.set_xlabel(f"what each {what}; score {self.explanation.score:.4g}")
        ax.set_title(_plain(self.title), loc="left")
        return self


def _plain(text):
    """Return a name as it is: a dollar sign begins no formula."""
    return str(text).replace("$", r"\$")
