"""PopularityBiasDisplay: who gets the recommendations."""

from sklearn_metarec.inspection._axes import new_axes
from sklearn_metarec.inspection._measures import (
    as_named,
    count_items,
    exposure,
    popularity_curve,
)


class PopularityBiasDisplay:
    """The share of recommendations that popular items get, against that of the data.

    Make it with `from_estimator` or `from_predictions`. A curve above that of the data
    makes the popular more popular.

    Parameters
    ----------
    curves : dict of str to (items, shares)
        For each model the shares of the catalogue, the most popular first, and of the
        recommendations.
    data : tuple of (items, shares)
        The same of the rows of the fit.
    k : int
        The length of the lists.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it is drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        One a model, then that of the data.

    See Also
    --------
    TopKCurveDisplay : How good the lists are.

    Examples
    --------
    >>> from sklearn_metarec import EASE
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.inspection import PopularityBiasDisplay
    >>> X, _ = make_interactions(200, 50, 3000, random_state=0)
    >>> display = PopularityBiasDisplay.from_estimator(EASE().fit(X), k=5)
    >>> [line.get_label() for line in display.lines_]
    ['EASE', 'the data']
    """

    def __init__(self, curves, data, k):
        self.curves = curves
        self.data = data
        self.k = k

    @classmethod
    def from_estimator(cls, estimator, users=None, *, k=10, ax=None):
        """Ask fitted recommenders for lists, and draw who is in them.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted on the same table.
        users : array-like, default=None
            Whose lists; those of all users of the fit by default.
        k : int, default=10
            The length of the lists.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : PopularityBiasDisplay
            Drawn.
        """
        curves, popularity = {}, None
        for name, model in as_named(estimator).items():
            shown, popularity = exposure(model, users, k)
            curves[name] = popularity_curve(shown, popularity)
        return cls(curves, popularity_curve(popularity, popularity), k).plot(ax=ax)

    @classmethod
    def from_predictions(cls, X, items, *, name="lists", ax=None):
        """Draw who is in some lists.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            The rows of the fit; their items are the catalogue.
        items : array-like of shape (n_users, k)
            Item ids; those that `X` does not have, such as padding, are left out.
        name : str, default="lists"
            What the legend calls them.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : PopularityBiasDisplay
            Drawn.
        """
        shown, popularity = count_items(X, items)
        curves = {name: popularity_curve(shown, popularity)}
        data = popularity_curve(popularity, popularity)
        return cls(curves, data, len(items[0]) if len(items) else 0).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        display : PopularityBiasDisplay
            Itself.
        """
        from matplotlib.ticker import PercentFormatter

        self.ax_ = ax = new_axes(ax, (7, 4.5))
        self.figure_ = ax.figure
        self.lines_ = []
        for name, curve in self.curves.items():
            self.lines_ += ax.plot(*curve, linewidth=2, label=name)
        self.lines_ += ax.plot(*self.data, "--", color="#64748b", label="the data")
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_ylim(0, 1.02)
        ax.set_xlabel("share of the catalogue, the most popular items first")
        ax.set_ylabel(f"share of the recommendations (k={self.k})")
        ax.legend(fontsize=9)
        return self
