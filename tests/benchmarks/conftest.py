from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts_find_each_other(monkeypatch):
    """As for `python benchmarks/speed.py`: their folder is searched first."""
    monkeypatch.syspath_prepend(BENCHMARKS)
