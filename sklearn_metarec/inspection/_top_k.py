"""TopKCurveDisplay: quality against the length of the list."""

import numpy as np

from sklearn_metarec.inspection._axes import new_axes
from sklearn_metarec.inspection._measures import as_named, curve, quality_at
from sklearn_metarec.metrics import ranking_scores

_CUT_OFFS = (1, 2, 3, 5, 10, 20, 50)


class TopKCurveDisplay:
    """A ranking metric against k, of one or several models, with intervals.

    Make it with `from_estimator` or `from_predictions`.

    Parameters
    ----------
    k : ndarray of shape (n_cut_offs,)
        The lengths of the lists.
    curves : dict of str to (means, lows, highs)
        Arrays of shape (n_cut_offs,) for each model: means over users and 95%
        intervals.
    metric : str
        What is measured.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        One a model.

    See Also
    --------
    PopularityBiasDisplay : What the lists are made of.

    Examples
    --------
    >>> from sklearn_metarec import EASE, PopularityRecommender
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.inspection import TopKCurveDisplay
    >>> from sklearn_metarec.model_selection import PerUserShuffleSplit
    >>> X, _ = make_interactions(200, 50, 3000, random_state=0)
    >>> train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    >>> models = [EASE().fit(X[train]), PopularityRecommender().fit(X[train])]
    >>> display = TopKCurveDisplay.from_estimator(models, X[test], k=[1, 5, 10])
    >>> len(display.lines_)
    2
    """

    def __init__(self, k, curves, metric):
        self.k = k
        self.curves = curves
        self.metric = metric

    @classmethod
    def from_estimator(
        cls, estimator, X, y=None, *, metric="ndcg", k=_CUT_OFFS, min_relevance=0,
        ax=None,
    ):  # fmt: skip
        """Measure fitted recommenders on a test table, and draw the curves.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted.
        X : array-like or dataframe of shape (n, >= 2)
            Test rows.
        y : array-like of shape (n,), default=None
            Rows above `min_relevance` are relevant; all by default.
        metric : str, default="ndcg"
            A metric that has a value for each user, without its cut-off.
        k : array-like of int, default=(1, 2, 3, 5, 10, 20, 50)
            The cut-offs.
        min_relevance : float, default=0
            What y must exceed.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : TopKCurveDisplay
            Drawn.
        """
        k = np.unique(k)
        curves = {
            name: quality_at(model, X, y, metric, k.tolist(), min_relevance)
            for name, model in as_named(estimator).items()
        }
        return cls(k, curves, metric).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, X, users, items, *, y_true=None, metric="ndcg", k=_CUT_OFFS, name="lists",
        ax=None,
    ):  # fmt: skip
        """Measure lists, and draw the curve.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            Test rows.
        users : array-like of shape (n_users,)
            Whose lists these are.
        items : array-like of shape (n_users, n_items)
            Item ids, best first.
        y_true : array-like of shape (n,), default=None
            Rows above 0 are relevant; all by default.
        metric : str, default="ndcg"
            A metric that has a value for each user, without its cut-off.
        k : array-like of int, default=(1, 2, 3, 5, 10, 20, 50)
            The cut-offs; those that the lists are too short for are left out.
        name : str, default="lists"
            What the legend calls them.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : TopKCurveDisplay
            Drawn.
        """
        k = np.unique(k)
        k = k[k <= np.shape(items)[1]]
        names = [f"{metric}@{cut}" for cut in k]
        values = ranking_scores(
            X, users, items, y_true=y_true, metrics=names, per_user=True
        )
        return cls(k, {name: curve(values, names)}, metric).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : TopKCurveDisplay
            Itself.
        """
        self.ax_ = ax = new_axes(ax, (7, 4.5))
        self.figure_ = ax.figure
        self.lines_ = []
        for name, (means, lows, highs) in self.curves.items():
            self.lines_ += ax.plot(self.k, means, "o-", markersize=4, label=name)
            color = self.lines_[-1].get_color()
            ax.fill_between(self.k, lows, highs, color=color, alpha=0.15, linewidth=0)
        ax.set_xscale("log")
        ax.set_xticks(self.k, [str(k) for k in self.k])
        ax.minorticks_off()
        ax.set_ylim(bottom=0)
        ax.set_xlabel("k, the length of the list")
        ax.set_ylabel(f"{self.metric}@k")
        ax.legend(fontsize=9)
        return self
