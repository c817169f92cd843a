"""MetaStore: what a user's own selections found, in a file that they name."""

import json
from pathlib import Path

import numpy as np

from sklearn_metarec.meta._knowledge import (
    Experience,
    read_experience,
    write_experience,
)


class MetaStore:
    """Results of earlier selections, from which the next ones learn.

    One line of JSON a selection: meta-features of the table, and score and seconds of
    each configuration; no row of the table. Lines are added whole, so that several
    processes may share a file.

    Parameters
    ----------
    path : str or path-like
        The file; made when something is added.

    See Also
    --------
    MetaSelector : Takes one as `store`.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_metarec.datasets import make_interactions
    >>> from sklearn_metarec.meta import MetaSelector, MetaStore
    >>> store = MetaStore(os.path.join(tempfile.mkdtemp(), "results.jsonl"))
    >>> X, y = make_interactions(200, 50, 3000, random_state=0)
    >>> selector = MetaSelector(budget=4, store=store, random_state=0).fit(X, y)
    >>> len(store.experiences("ranking"))
    1
    """

    def __init__(self, path):
        self.path = path

    def __repr__(self):
        return f"MetaStore({str(self.path)!r})"

    def experiences(self, task):
        """Return what the file holds.

        Parameters
        ----------
        task : {"ranking", "rating"}
            Of which task.

        Returns
        -------
        found : tuple of Experience
            The oldest first; none where there is no file yet.

        Raises
        ------
        ValueError
            If a line is not one that a store wrote.
        """
        path = Path(self.path)
        if not path.exists():
            return ()
        found = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                entry = json.loads(line)
                if entry["task"] == task:
                    found.append(read_experience(entry))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"Line {number} of {path} was not written by a MetaStore "
                    f"({type(error).__name__}: {error}): name another file."
                ) from error
        return tuple(found)

    def add(self, task, features, results):
        """Add what a selection found.

        Parameters
        ----------
        task : {"ranking", "rating"}
            What was predicted.
        features : dict of str to float
            As of :func:`meta_features`.
        results : dict of Configuration to (float, float)
            Score and seconds of each; errors, which are better the smaller, negated.
        """
        if not results:
            return
        name = f"{Path(self.path).stem}:{len(self.experiences(task))}"
        experience = Experience(
            name, name, features,
            {configuration: _share(score) for configuration, (score, _) in
             results.items()},
            {configuration: seconds for configuration, (_, seconds) in
             results.items()},
        )  # fmt: skip
        line = json.dumps({"task": task} | write_experience(experience))
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _share(score):
    """Return a score as one whose ratios mean something: of errors the inverse."""
    return 1 / max(-score, np.finfo(float).tiny) if score < 0 else score
