"""Make an environment for each peer that does not install beside this package.

What is in benchmarks/requirements.txt installs beside us, in the environment that runs
the benchmarks; where one of those peers does not (another Python, another NumPy), or
for the others named here, this makes a virtual environment under benchmarks/.venv, with
another Python where the peer wants one that is on the machine. `speed.py` then runs
the peer in a process of that environment. What cannot be installed is reported.

    python benchmarks/peers.py --check                     # what is where
    python benchmarks/peers.py --peers implicit myfm       # make what is missing
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from _contestant import python_of
from _machine import describe, installed, print_header, print_row

FOLDER = Path(__file__).parent / ".venv"
# What is imported of a package whose name is another.
MODULES = {"scikit-surprise": "surprise"}
# Of contestants in another environment.
_NEEDED = ("numpy", "scipy", "threadpoolctl")


@dataclass(frozen=True)
class Recipe:
    """How a peer is installed.

    Attributes
    ----------
    requirements : tuple of str
        For pip.
    python : tuple of int
        The oldest Python that it runs on.
    note : str
        What to know before.
    """

    requirements: tuple
    python: tuple = (3, 11)
    note: str = ""


RECIPES = {
    "cmfrec": Recipe(("cmfrec==3.5.1.post14",), note="builds from source"),
    "cornac": Recipe(("cornac==3.0.1",)),
    "implicit": Recipe(("implicit==0.7.3",)),
    "lenskit": Recipe(("lenskit==2026.4.0",), (3, 12, 5), "brings PyTorch: 6 GB"),
    "myfm": Recipe(("myfm==0.4.0", "setuptools<81"), note="imports pkg_resources"),
    "ranx": Recipe(("ranx==0.3.21",)),
    "scikit-surprise": Recipe(("scikit-surprise==1.1.5",)),
    "skrecsys": Recipe(("skrecsys==0.9.0",)),
}


def python_for(peer):
    """Return the interpreter of the environment made for a peer, or None."""
    return python_of(FOLDER / peer) if version_elsewhere(peer) else None


def version_elsewhere(peer):
    """Return the version of a peer in the environment made for it, or None."""
    made = FOLDER / peer / "made"
    return made.read_text() if made.exists() else None


def interpreters():
    """Yield (version, path) of the Pythons on this machine, this one first."""
    yield sys.version_info[:3], sys.executable
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep)]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"), reverse=True)
    for folder in folders:
        for path in sorted(folder.glob("python3*"), reverse=True):
            if re.fullmatch(r"python3(\.\d+)?", path.name):
                done = subprocess.run(
                    [str(path), "--version"],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if found := re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout):
                    yield tuple(map(int, found.groups())), str(path)


def make(peer):
    """Make the environment of a peer; return what went wrong, or ""."""
    recipe = RECIPES[peer]
    fitting = (path for found, path in interpreters() if found >= recipe.python)
    python = next(fitting, None)
    if python is None:
        return f"needs Python {'.'.join(map(str, recipe.python))}: none here"
    environment = FOLDER / peer
    wanted = [*recipe.requirements, *_NEEDED]
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    check = f"import {MODULES.get(peer, peer)}, importlib.metadata as metadata"
    check += f"; print(metadata.version({peer!r}))"
    for command in (
        [python, "-m", "venv", "--clear", environment],
        [python_of(environment), *pip, *wanted],
        [python_of(environment), "-c", check],
    ):
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            return lines[-1] if lines else f"exit status {done.returncode}"
    # Written last: pip may be interrupted.
    (environment / "made").write_text(done.stdout.strip())
    return ""


def main():
    """Print where each peer is; make what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--check", action="store_true", help="install nothing")
    options = parser.parse_args()
    print_header("peer", "version", "where", "note")
    for peer in options.peers:
        recipe = RECIPES[peer]
        if importlib.util.find_spec(MODULES.get(peer, peer)):
            print_row(peer, installed(peer), "beside us", "")
            continue
        problem = ""
        if not (options.check or python_for(peer)):
            problem = make(peer)
        found = version_elsewhere(peer)
        where = "its own environment" if found else "not installed"
        wanted = ", ".join(recipe.requirements)
        print_row(peer, found or wanted, where, problem or recipe.note)
    print(f"\n{describe()}")


if __name__ == "__main__":
    main()
