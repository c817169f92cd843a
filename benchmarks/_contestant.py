"""A piece of work of one library, here or in another environment's process."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _machine import timed, with_peak

HERE = Path(__file__).parent


@dataclass
class Contestant:
    """What is timed, and what it led to.

    Attributes
    ----------
    run : callable
        The work, without parameters.
    outcome : callable
        Turns what `run` returned into a dict of arrays, from which quality is
        measured: in codes of the table, so that all libraries are judged alike.
    """

    run: Callable[[], Any]
    outcome: Callable[[Any], dict]

    def __call__(self):
        """Do the work."""
        return self.run()


class Remote:
    """A contestant in a process of another environment, timed inside it.

    Parameters
    ----------
    python : path-like
        The environment's interpreter.
    table : Table
        Sent once, as a file.
    factory : str
        The name of a function of `_peer_models`.
    options : dict
        Its keyword arguments.
    """

    def __init__(self, python, table, factory, options):
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "table.npz"
        table.save(path)
        command = [python, HERE / "_worker.py", path, factory, json.dumps(options)]
        self._process = subprocess.Popen(
            [str(part) for part in command], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            self._answer()  # that it is ready
        except RuntimeError:
            self.close()
            raise

    def timed(self):
        """Return the seconds of one run, as measured there, and nothing."""
        return self._ask("run")["seconds"], None

    def with_peak(self):
        """Return nothing, and the peak of one run in bytes."""
        return None, self._ask("peak")["bytes"]

    def outcome(self, result):
        """Return the outcome of the last run."""
        path = Path(self._folder.name) / "outcome.npz"
        self._ask("outcome", str(path))
        with np.load(path) as arrays:
            return dict(arrays)

    def close(self):
        """End the process."""
        self._process.communicate()
        self._folder.cleanup()

    def _ask(self, *words):
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            factory = self._process.args[3]
            raise RuntimeError(f"The process of {factory} has ended: see above.")
        return json.loads(line)


class Together:
    """Contestants for several tables (folds), as one."""

    def __init__(self, parts):
        self.parts = parts

    def timed(self):
        """Return the seconds of all parts together, and their results."""
        times = [timed(part) for part in self.parts]
        return sum(t for t, _ in times), [result for _, result in times]

    def with_peak(self):
        """Return the results, and the highest of the parts' peaks in bytes."""
        runs = [with_peak(part) for part in self.parts]
        peaks = [peak for _, peak in runs if peak is not None]
        return [result for result, _ in runs], max(peaks, default=None)

    def outcome(self, results):
        """Return the arrays of all tables, one after the other."""
        pairs = zip(self.parts, results, strict=True)
        outcomes = [part.outcome(result) for part, result in pairs]
        return {
            name: np.concatenate([outcome[name] for outcome in outcomes])
            for name in outcomes[0]
        }


def python_of(environment):
    """Return the interpreter of a virtual environment."""
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return environment / folder / "python"
