"""The report of a cleaning."""

from dataclasses import dataclass, field

import numpy as np

# In the order in which they are looked for: a row is counted under the first.
REASONS = (
    "missing_user",
    "missing_item",
    "infinite_user",
    "infinite_item",
    "missing_y",
    "broken_y",
    "y_out_of_range",
    "missing_time",
    "unreadable_time",
    "time_out_of_range",
    "broken_weight",
    "zero_weight",
    "duplicate",
    "rare_user",
    "rare_item",
)


@dataclass(frozen=True, eq=False)
class CleaningReport:
    """What a cleaning dropped, and why.

    Its text is a short summary.

    Parameters
    ----------
    n_rows_in, n_rows_out : int
        Rows before and after.
    n_users_in, n_users_out : int
        Distinct users before and after.
    n_items_in, n_items_out : int
        Distinct items before and after.
    rows : ndarray of shape (n_dropped,), dtype=int64
        The positions of the rows that were dropped, ascending.
    codes : ndarray of shape (n_dropped,), dtype=int8
        The reason of each, as a position among the categories of `dropped`.

    See Also
    --------
    clean_interactions : Makes it.

    Examples
    --------
    >>> from sklearn_metarec.preprocessing import clean_interactions
    >>> X = [["ann", "tea"], ["ann", "tea"], ["bob", None], ["bob", "cup"]]
    >>> print(clean_interactions(X).report)
    4 rows in, 2 out (50.0%)
    2 users in, 2 out
    2 items in, 2 out
    dropped as
      missing item    1
      duplicate       1
    """

    n_rows_in: int
    n_rows_out: int
    n_users_in: int
    n_users_out: int
    n_items_in: int
    n_items_out: int
    rows: np.ndarray = field(repr=False)
    codes: np.ndarray = field(repr=False)

    @property
    def counts(self):
        """How many rows were dropped for each reason: a dict without zeros."""
        counts = np.bincount(self.codes, minlength=len(REASONS)).tolist()
        return {reason: n for reason, n in zip(REASONS, counts, strict=True) if n}

    @property
    def dropped(self):
        """The reason of each dropped row: a Series indexed by the row's position."""
        import pandas as pd

        reasons = pd.Categorical.from_codes(self.codes, categories=list(REASONS))
        index = pd.Index(self.rows, name="row")
        return pd.Series(reasons, index=index, name="reason")

    def to_frame(self):
        """Return the counts as a table.

        Returns
        -------
        frame : DataFrame
            One row a reason that occurred, with the number of `rows` and their
            `share` of the rows before.
        """
        import pandas as pd

        index = pd.Index(list(self.counts), name="reason", dtype="str")
        rows = np.array(list(self.counts.values()), dtype=np.int64)
        return pd.DataFrame({"rows": rows, "share": rows / self.n_rows_in}, index=index)

    def __str__(self):
        share = self.n_rows_out / self.n_rows_in
        lines = [
            f"{self.n_rows_in} rows in, {self.n_rows_out} out ({share:.1%})",
            f"{self.n_users_in} users in, {self.n_users_out} out",
            f"{self.n_items_in} items in, {self.n_items_out} out",
        ]
        counts = self.counts
        if not counts:
            return "\n".join([*lines, "nothing dropped"])
        width = max(map(len, counts))
        digits = max(len(str(n)) for n in counts.values())
        lines.append("dropped as")
        for reason, n in counts.items():
            lines.append(f"  {reason.replace('_', ' '):{width}}  {n:>{digits}}")
        return "\n".join(lines)
