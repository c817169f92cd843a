"""Give every estimator odd tables: nothing but documented errors may be raised.

    python benchmarks/fuzz.py [--minutes 10] [--only EASE,IALS] [--seed 0]

Every estimator in turn gets tables drawn by hypothesis (`_fuzzing.py`) in a process of
its own, until the time is over: what it finds is shrunk and printed; a process that
dies, or a case that takes a minute, is a finding too.
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
    names = options.only.split(",") if options.only else _names()
    end = time.monotonic() + 60 * options.minutes
    # Shorter slices rather than estimators that are left out.
    slice_ = min(_SLICE, max(2.0, 30 * options.minutes / len(names)))
    counts, findings, seed = Counter(), {}, options.seed
    while time.monotonic() < end:
        for name in names:
            left = end - time.monotonic()
            if left < 1:
                break
            result = _in_a_process(name, min(slice_, left), seed)
            counts[name] += result["cases"]
            if result["finding"]:
                findings.setdefault((name, result["what"]), result["finding"])
        seed += 1
    for (name, _), finding in findings.items():
        print(f"\n=== {name}\n{finding}")
    print(f"\n{'estimator':24}{'cases':>8}{'findings':>10}")
    for name in names:
        found = sum(where == name for where, _ in findings)
        print(f"{name:24}{counts[name]:8}{found:10}")
    print(f"{'all':24}{sum(counts.values()):8}{len(findings):10}")
    return len(findings)


def _names():
    from _fuzzing import estimators

    return sorted(estimators())


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
    """Test one estimator for some seconds, and print what happened as JSON."""
    from _fuzzing import cases, check, estimators
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    estimator, count, last = estimators()[name], 0, None
    end = time.monotonic() + seconds

    class Over(BaseException):
        pass

    def attempt(case):
        nonlocal count, last
        if time.monotonic() > end:
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
