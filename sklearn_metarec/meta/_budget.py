"""What a selection may cost: seconds, or a number of evaluations."""

import re
import time

_UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
# Kept back for the refit until the first fit has been timed.
_REFIT_SHARE = 0.1
# What one evaluation of unknown cost may take of all the seconds there are.
_UNKNOWN_SHARE = 0.25
# How wrong a guess may be before an evaluation is given up.
_GUESS_FACTOR = 2.0


def parse_budget(budget):
    """Return (seconds or None, evaluations or None).

    Parameters
    ----------
    budget : str, int or None
        "60s", "2.5min", "1h"; a number of evaluations; None for no limit.

    Returns
    -------
    seconds : float or None
        The limit in seconds.
    evaluations : int or None
        The limit in evaluations.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if budget is None:
        return None, None
    if isinstance(budget, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", budget.lower())
        if match and match[2] in _UNITS and float(match[1]) > 0:
            return float(match[1]) * _UNITS[match[2]], None
    elif int(budget) == budget and budget >= 1:
        return None, int(budget)
    raise ValueError(
        f"budget={budget!r} is neither a time such as '60s', '5min' or '1h' nor a "
        "number of evaluations of at least 1."
    )


class Clock:
    """The seconds of one selection, from its start.

    Parameters
    ----------
    seconds : float or None, default=None
        How many there are; no limit if None.

    Attributes
    ----------
    reserve : float
        Seconds kept back for the refit.
    """

    def __init__(self, seconds=None):
        self.seconds = seconds
        self.reserve = 0.0 if seconds is None else _REFIT_SHARE * seconds
        self._start = time.monotonic()

    @property
    def elapsed(self):
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self):
        """Seconds until the refit has to start."""
        if self.seconds is None:
            return float("inf")
        return self.seconds - self.reserve - self.elapsed

    def allows(self, cost):
        """Tell whether something that takes `cost` seconds would end in time."""
        return self.seconds is None or self.elapsed + cost <= self.seconds

    def limit(self, cost=None, *, measured=True):
        """Return the seconds after which an evaluation is given up, or None.

        Parameters
        ----------
        cost : float or None, default=None
            What it is thought to take.
        measured : bool, default=True
            Whether that is from runs of the same, rather than a guess.

        Returns
        -------
        seconds : float or None
            None where there is no limit.
        """
        if self.seconds is None:
            return None
        if cost is None or not measured:
            unknown = max(_UNKNOWN_SHARE * self.seconds, _GUESS_FACTOR * (cost or 0.0))
            return min(self.left, unknown)
        return self.left
