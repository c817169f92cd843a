"""Give every estimator odd tables: nothing but documented errors may be raised.

    python benchmarks/fuzz.py [--minutes 10] [--only EASE,IALS] [--seed 0]

Every estimator in turn gets tables drawn by hypothesis (`_fuzzing.py`) in a process of
its own, until the time is over: what it finds is shrunk and printed; a process that
dies, a case that takes a minute, and an estimator that was not reached are findings
too. Estimators whose cases take longer get more of the time.
"""

import argparse
import faulthandler
import json
import subprocess
import sys
import time
import traceback
from collections import Counter
from contextlib import suppress

_HANGS = 60  # seconds of one case
_SLICE = 20.0  # seconds of one estimator at a time
_SLOW_SHARE = 3  # how many times as much those get that are slow


def main():
    """Read the command line, and test all estimators or, in a worker, one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", help="names of estimators, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _run_one(options.one, options.seconds, options.seed)
        return
    sys.exit(min(1, _run_all(options)))


def _run_all(options):
    from _fuzzing import SLOW, estimators

    names = options.only.split(",") if options.only else sorted(estimators())
    shares = {name: _SLOW_SHARE if name in SLOW else 1 for name in names}
    end = time.monotonic() + 60 * options.minutes
    counts, findings, seed, start_up = Counter(), {}, options.seed, 3.0
    while time.monotonic() < end - 1:
        # In a short run all get a part of the one round, rather than the first of two.
        round_end = min(end, time.monotonic() + _SLICE * sum(shares.values()))
        for place, name in enumerate(names):
            begin = time.monotonic()
            rest = sum(shares[other] for other in names[place:])
            seconds = max(1.0, (round_end - begin) * shares[name] / rest - start_up)
            result = _in_a_process(name, seconds, seed)
            start_up = max(0.0, time.monotonic() - begin - seconds)
            counts[name] += result["cases"]
            if result["finding"]:
                findings.setdefault((name, result["what"]), result["finding"])
        seed += 1
    for name in names:
        if not counts[name]:
            findings[name, "not reached"] = "There was no time for a single case."
    for (name, _), finding in findings.items():
        print(f"\n=== {name}\n{finding}")
    print(f"\n{'estimator':24}{'cases':>8}{'findings':>10}")
    for name in names:
        found = sum(where == name for where, _ in findings)
        print(f"{name:24}{counts[name]:8}{found:10}")
    print(f"{'all':24}{sum(counts.values()):8}{len(findings):10}")
    return len(findings)


def _in_a_process(name, seconds, seed):
    command = [
        sys.executable, __file__, "--one", name, "--seconds", str(seconds), "--seed",
        str(seed),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        end = done.stderr[-3000:]
        return {"cases": 0, "what": "died", "finding": f"The process died:\n{end}"}


def _run_one(name, seconds, seed):
    """Test one estimator for some seconds after a first case, and print the result."""
    from _fuzzing import cases, check, estimators
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    estimator, count, last, end = estimators()[name], 0, None, None

    class Over(BaseException):
        pass

    def attempt(case):
        nonlocal count, last, end
        if end is None and count:  # the first case imports and compiles
            end = time.monotonic() + seconds
        if count and time.monotonic() > end:
            raise Over
        count += 1
        faulthandler.dump_traceback_later(_HANGS, exit=True)
        try:
            check(estimator, case)
        except Exception as error:
            last = error, repr(case)
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()

    run = settings(
        max_examples=10**6, deadline=None, database=None, print_blob=False,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )(seeded(seed)(given(case=cases(estimator))(attempt)))  # fmt: skip
    with suppress(Over, Exception):
        run()
    print(json.dumps({"cases": count} | _describe(last)))


def _describe(last):
    """Say what was found last: the smallest case, if there was time to shrink it."""
    if last is None:
        return {"what": None, "finding": None}
    error, case = last
    here = traceback.extract_tb(error.__traceback__)[-1]
    calls = traceback.format_tb(error.__traceback__)
    return {
        "what": f"{type(error).__name__} at {here.filename}:{here.lineno}",
        "finding": "".join([*calls[-4:], f"{type(error).__name__}: {error}\n", case]),
    }


if __name__ == "__main__":
    main()
