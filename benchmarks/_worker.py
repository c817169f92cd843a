"""Run a contestant for another process, which says when.

Started by `_contestant.Remote` with the Python of a peer's own environment. Reads a
JSON list a line, answers with a JSON object a line.
"""

import json
import sys
import time

import _peer_models
import numpy as np
from _data import Table
from _machine import with_peak


def main():
    """Answer until the input ends."""
    path, factory, options = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # some libraries print
    contestant = getattr(_peer_models, factory)(Table.load(path), **json.loads(options))

    def answer(**content):
        print(json.dumps(content), file=answers, flush=True)

    answer(ready=True)
    result = None
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "run":
            start = time.perf_counter()
            result = contestant()
            answer(seconds=time.perf_counter() - start)
        elif command == "peak":
            result, peak = with_peak(contestant)
            answer(bytes=peak)
        else:
            np.savez(arguments[0], **contestant.outcome(result))
            answer(written=True)


if __name__ == "__main__":
    main()
