"""Every script of benchmarks/ runs, at its tiny size, so that none can rot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"
# What makes each script small. The others take their time at any size, and are asked
# for help only.
ARGUMENTS = {
    "defaults.py": ["--data", "1k", "--models", "EASE", "BiasRegressor"],
    "cold.py": [
        "--data",
        "movietweetings_100k",
        "--users",
        "300",
        "--epochs",
        "1",
        "--parts",
        "items",
        "history",
    ],
    "encoding.py": ["--size", "10k", "--rounds", "1"],
    "first_use.py": ["--models", "PopularityRecommender"],
    "generator.py": ["--size", "1k", "--rounds", "1"],
    "import_time.py": ["--rounds", "1"],
    "metrics.py": ["--size", "1k", "--rounds", "1"],
    "off_policy.py": ["--runs", "5", "--rows", "200"],
    "peers.py": ["--check"],
    "reranking.py": ["--speed", "--size", "60", "40", "600"],
    "privacy.py": ["--data", "1k", "--epsilons", "4", "--seeds", "1"],
    "scaling.py": ["--size", "1k", "10k", "--rounds", "1", "--output", "scaling.png"],
    "serving.py": ["--size", "1k", "--requests", "20"],
    "speed.py": ["--size", "1k", "--rounds", "1"],
    "updates.py": ["--size", "1k", "--rounds", "1", "--models", "EASE"],
}
SCRIPTS = sorted(path.name for path in BENCHMARKS.glob("[!_]*.py"))


def test_what_makes_a_script_small_is_of_one_that_is_there():
    assert ARGUMENTS.keys() <= set(SCRIPTS)


def run(script, arguments, folder):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *arguments], cwd=folder,
        env=os.environ | {"PYTHONPATH": path.strip(os.pathsep)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def table_rows(text):
    """The cells of the rows below the head of the last markdown table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head = max(i for i, line in enumerate(lines) if line.startswith("|---"))
    return [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines[head + 1 :]
    ]


def check_plot(rows, folder):
    assert len(rows) == 8  # four works, two sizes
    assert (folder / "scaling.png").read_bytes().startswith(b"\x89PNG")


def check_race(rows):
    """The same model in three libraries, judged alike."""
    ours, skrecsys, plain = (row for row in rows if row[0] == "EASE.fit")
    assert ours[2] == "sklearn_metarec"
    assert ours[5] == "1.00"
    assert plain[2] == "numpy.linalg.inv, float32"
    assert float(plain[3]) > 0
    assert ours[6] == plain[6]
    assert ours[6].startswith("nDCG@10 0.")
    # It is reported where it is not installed.
    assert skrecsys[2] == "skrecsys EASE"
    assert skrecsys[3] == "not installed" or skrecsys[6] == ours[6]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(script, tmp_path):
    arguments = ARGUMENTS.get(script, ["--help"])
    output = run(script, arguments, tmp_path)
    if arguments == ["--help"]:
        assert output.startswith(f"usage: {script}")
        return
    rows = table_rows(output)
    assert rows
    # Versions and processor stand below each table.
    assert "sklearn_metarec" in output.splitlines()[-1]
    assert "cores" in output.splitlines()[-1]
    if script == "scaling.py":
        check_plot(rows, tmp_path)
    elif script == "speed.py":
        check_race(rows)
