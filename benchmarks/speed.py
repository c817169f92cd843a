"""How fast the models are, against the peers, on the same work.

Ours starts from raw ids and checks them; a peer gets what it asks for, ready made. Both
run in turn, at least five times after a warm-up, on the same table, split and cores.
A peer that is not installed here runs in its own environment, where
`benchmarks/peers.py` made one, in a process that times itself; else it is reported as
missing. Peak memory is what one more run adds to what was resident, its result
included. "Goal" is the ratio of times to reach at least, and the one aimed for.

    python benchmarks/speed.py --models IALS ItemKNN --size 1m
    python benchmarks/speed.py --models MFRegressor --size ml-100k
"""

import argparse
import gc
import importlib.util

import _machine
import _peer_models
from _contestant import Remote, Together
from _races import ALL_SIZES, RACES
from peers import MODULES, python_for, version_elsewhere

PACKAGES = (
    "scipy", "scikit-learn", "implicit", "skrecsys", "cmfrec", "cornac",
    "scikit-surprise",
)  # fmt: skip


def prepare(race, peer):
    """Return the contestant of a peer here or elsewhere, or None if it is missing."""
    module = MODULES.get(peer.package, peer.package)
    if importlib.util.find_spec(module):
        factory = getattr(_peer_models, peer.factory)
        parts = [factory(table, **peer.options) for table in race.tables]
    elif python := python_for(peer.package):
        parts = [
            Remote(python, table, peer.factory, peer.options) for table in race.tables
        ]
    else:
        return None
    return parts[0] if len(parts) == 1 else Together(parts)


def run(race, rounds):
    """Run a race and print its rows."""
    contestants = {"sklearn_metarec": race.own()}
    for name, peer in race.peers.items():
        contestants[name] = prepare(race, peer)
    there = {name: one for name, one in contestants.items() if one is not None}
    timings = _machine.in_turn(there, rounds, keep=False)
    own = timings["sklearn_metarec"].median
    for name in contestants:
        goal = race.peers[name].goal if name in race.peers else ""
        if name not in there:
            _machine.print_row(race.work, race.shown, name, "not installed",
                               "", "", "", "", goal)  # fmt: skip
            continue
        timing = timings[name]
        timing.seconds = [value / race.calls for value in timing.seconds]
        gc.collect()
        result, peak = _machine.with_peak(there[name])
        outcome = there[name].outcome(result)
        del result
        _machine.print_row(
            race.work, race.shown, name, _machine.seconds(timing.median), timing.spread,
            f"{timing.median * race.calls / own:.2f}", judged(race, outcome),
            _machine.megabytes(peak), goal,
        )  # fmt: skip
        close(there[name])


def judged(race, outcome):
    """Return the qualities of an outcome, to print."""
    whole = race.tables[0]
    return ", ".join(
        f"{name} {quality(whole, outcome):.4f}"
        for name, quality in race.quality.items()
    )


def elsewhere():
    """Return the versions of the peers in environments of their own, to print."""
    versions = {peer: version_elsewhere(peer) for peer in PACKAGES}
    found = [f"{peer} {version}" for peer, version in versions.items() if version]
    return f" In environments of their own: {', '.join(found)}." if found else ""


def close(contestant):
    """End the processes of a contestant that has some."""
    for part in getattr(contestant, "parts", [contestant]):
        if isinstance(part, Remote):
            part.close()


def main():
    """Run the races asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=RACES, default=list(RACES))
    parser.add_argument("--work", nargs="+", choices=["fit", "recommend", "latency"])
    parser.add_argument("--size", choices=ALL_SIZES, default="1m")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    _machine.print_header(
        "work", "training part", "", "median s", "min to max s", "time / ours",
        "quality", "peak MB", "goal",
    )  # fmt: skip
    for model in options.models:
        for work, races in RACES[model].items():
            if options.work and work not in options.work:
                continue
            for race in races(options.size):
                run(race, options.rounds)
    print(f"\n{options.rounds} rounds. {_machine.describe(*PACKAGES)}{elsewhere()}")


if __name__ == "__main__":
    main()
