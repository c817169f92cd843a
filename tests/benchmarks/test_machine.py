import sys
import time

import numpy as np
import pytest


@pytest.fixture
def machine():
    import _machine

    return _machine


def test_functions_take_turns(machine):
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    timings = machine.in_turn(functions, rounds=3, warm_up=2)
    assert "".join(calls) == "ab" * 5
    assert [len(timings[name].seconds) for name in "ab"] == [3, 3]


def test_the_last_result_is_kept_or_not(machine):
    count = iter(range(10))
    assert machine.in_turn({"a": lambda: next(count)}, 2)["a"].result == 2
    assert machine.in_turn({"a": lambda: 7}, 2, keep=False)["a"].result is None


def test_one_that_times_itself_is_believed(machine):
    class Elsewhere:
        def timed(self):
            return 1234.5, "result"

    timing = machine.in_turn({"a": Elsewhere()}, 2)["a"]
    assert timing.seconds == [1234.5, 1234.5]
    assert timing.median == 1234.5
    assert timing.result == "result"


def test_seconds_are_those_of_the_call(machine):
    elapsed, result = machine.timed(lambda: time.sleep(0.02) or "done")
    assert elapsed >= 0.02
    assert result == "done"


def test_median_and_spread(machine):
    timing = machine.Timing([3.0, 1.0, 2.0])
    assert timing.median == 2.0
    assert timing.spread == "1.00 to 3.00"


@pytest.mark.skipif(sys.platform != "linux", reason="no counter that can be reset")
def test_the_peak_is_what_the_work_adds(machine):
    # 64 MB, of which half is freed before the end.
    result, peak = machine.with_peak(lambda: np.ones(8 << 20)[: 4 << 20].copy())
    assert result.sum() == 4 << 20
    assert 90e6 < peak < 130e6
    _, small = machine.with_peak(lambda: np.ones(1 << 20))
    assert small < 40e6


@pytest.mark.parametrize(
    ("value", "text"),
    [(123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123"),
     (0.01234, "0.0123"), (0.0001234, "0.000123")],
)  # fmt: skip
def test_three_digits_that_count(machine, value, text):
    assert machine.seconds(value) == text


def test_a_table(machine, capsys):
    machine.print_header("a", "b")
    machine.print_row(1, "x")
    assert capsys.readouterr().out == "| a | b |\n|---|---|\n| 1 | x |\n"


def test_the_machine_is_described(machine):
    text = machine.describe("no-such-package")
    for part in (
        "Python 3.",
        "sklearn_metarec ",
        "numpy ",
        " cores",
        "no-such-package not",
    ):
        assert part in text
    assert machine.processor() in text


def test_a_python_of_its_own(machine, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import json, os\nprint('x')\nprint(json.dumps(os.environ['A']))")
    assert machine.run_python(script, A="value") == "value"
    script.write_text("raise ValueError('why it failed')")
    with pytest.raises(RuntimeError, match="why it failed"):
        machine.run_python(script)
