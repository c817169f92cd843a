"""Every code block of README.md and docs/ is run, and every link leads somewhere."""

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Those of the other languages show something and are not to be run.
LANGUAGES = {"python", "bash", "text", "toml", "json", "csv"}
# A command that hangs is a failure; none is promised to take less time than it does.
PATIENCE = 600


@dataclass(frozen=True)
class Block:
    """What stands between two fences; `line` is that of the opening one, from 1."""

    language: str
    line: int
    source: str


def blocks(page, language=None):
    found = []
    opening, lines = None, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif opening is None:
            opening, lines = (line[3:].strip(), number), []
        else:
            found.append(Block(*opening, "\n".join(lines)))
            opening = None
    assert opening is None, f"{page}:{opening[1]}: this block does not end."
    return [block for block in found if language in (None, block.language)]


def commands(page):
    """The lines of the bash blocks."""
    return [
        line
        for block in blocks(page, "bash")
        for line in block.source.splitlines()
        if line.strip() and not line.startswith("#")
    ]


def pages_with(language, among=PAGES):
    found = [page for page in among if blocks(page, language)]
    names = [str(page.relative_to(ROOT)) for page in found]
    return pytest.mark.parametrize("page", found, ids=names)


def text_of(page):
    """A page without its code blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


# ------------------------------------------------------------------------------ Python


FETCHING = [page for page in PAGES if "fetch_" in page.read_text(encoding="utf-8")]


@pages_with("python", [page for page in PAGES if page not in FETCHING])
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python(page)


@pages_with("python", FETCHING)
def test_the_python_of_a_page_about_real_data_runs(
    page, data_dir, tmp_path, monkeypatch
):
    # Where fetch_... looks first: what is there is not downloaded.
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(data_dir))
    monkeypatch.chdir(tmp_path)
    run_python(page)


def run_python(page):
    """Run the blocks from top to bottom in one namespace, as a reader would."""
    namespace = {"__name__": "__main__"}
    for block, after in pairwise([*blocks(page), None]):
        if block.language != "python":
            continue
        # Blank lines in front, so that an error names its line in the page.
        source = "\n" * block.line + block.source
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, str(page), "exec"), namespace)
        if after is not None and after.language == "text":
            assert same_output(printed.getvalue(), after.source), (
                f"{page}:{after.line}: the block above prints\n{printed.getvalue()}"
            )


def same_output(printed, shown):
    """Compare word by word, numbers with what other machines may round otherwise."""
    printed, shown = printed.split(), shown.split()
    return len(printed) == len(shown) and all(map(same_word, printed, shown))


def same_word(printed, shown):
    pattern = r"-?\d+\.\d+"
    if re.sub(pattern, "", printed) != re.sub(pattern, "", shown):
        return False
    numbers = [list(map(float, re.findall(pattern, word))) for word in (printed, shown)]
    return numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.011)


def test_output_is_compared():
    assert same_output("EASE  0.51 (0.40)", "EASE 0.52 (0.41)")
    assert not same_output("EASE 0.51", "EASE 0.61")
    assert not same_output("EASE 0.51", "SLIM 0.51")
    assert not same_output("EASE", "EASE SLIM")


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_block_says_its_language(page):
    languages = {block.language for block in blocks(page)}
    assert languages <= LANGUAGES, f"What is to be done about these? {page}"


# ---------------------------------------------------------------------- command lines


def ci_commands():
    """What .ci/run installs and tests with."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    return [
        re.search(rf"^{name}='(.*)'$", script, flags=re.MULTILINE)[1]
        for name in ("install", "test")
    ]


@pages_with("bash")
def test_somebody_runs_each_command(page):
    """The tests below and .ci/run run all that a page says."""
    run_by_ci = " && ".join(ci_commands())
    first = commands(ROOT / "README.md")[0]
    for line in commands(page):
        if "pip install" in line:
            assert line in (first, run_by_ci)
        elif line.startswith("sphinx-build"):
            script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
            assert line in script
        elif line.startswith("python benchmarks/"):
            # Too long to run here; that there is such a script is shown.
            assert (ROOT / line.split()[1]).is_file(), line
        else:
            assert line.startswith("python -m sklearn_metarec"), line
            assert "&&" not in line, line


def test_the_readme_has_the_two_commands_that_set_up():
    lines = commands(ROOT / "README.md")
    assert lines[0] == "python -m pip install . && python -m sklearn_metarec"
    assert lines[1] == " && ".join(ci_commands())


def run(command, folder):
    """Run `python -m sklearn_metarec ...` and return what it prints."""
    assert command.startswith("python -m sklearn_metarec")
    arguments = [sys.executable, *command.split()[1:]]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        arguments, cwd=folder, env=os.environ | {"PYTHONPATH": path.strip(os.pathsep)},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_first_command_shows_what_it_is(tmp_path):
    first = commands(ROOT / "README.md")[0].split(" && ")[1]
    output = run(first, tmp_path)
    for part in ("MovieTweetings", "Leaderboard", "Chosen: ", "popularity", "because"):
        assert part in output
    assert "ndcg@10" in output
    assert not list(tmp_path.iterdir())


def purchases(seed, *, but=None):
    """A shop's table: two tastes, and customers called ann and bob among others."""
    rng = np.random.default_rng(seed)
    users = np.array(["ann", "bob", *(f"customer {i:02d}" for i in range(38))])
    items = np.array([f"article {i:02d}" for i in range(24)])
    likely = np.add.outer(np.arange(40), np.arange(24)) % 2
    user, item = np.nonzero(rng.random((40, 24)) < 0.1 + 0.4 * likely)
    table = pd.DataFrame(
        {
            "user_id": users[user],
            "item_id": items[item],
            "timestamp": seed * 10_000 + rng.permutation(len(user)),
        }
    )
    if but is None:
        return table
    known = set(zip(but["user_id"], but["item_id"], strict=True))
    pairs = zip(table["user_id"], table["item_id"], strict=True)
    return table[[pair not in known for pair in pairs]]


def test_the_command_lines_of_the_readme(tmp_path):
    table = purchases(1)
    later = purchases(2, but=table)
    table.to_csv(tmp_path / "purchases.csv", index=False)
    later.to_csv(tmp_path / "later_purchases.csv", index=False)
    lines = [
        line for line in commands(ROOT / "README.md") if "sklearn_metarec " in line
    ]
    printed = {line.split()[3]: run(line, tmp_path) for line in lines}
    assert printed.keys() == {"select", "recommend", "evaluate"}

    assert "Leaderboard" in printed["select"]
    recs = pd.read_csv(tmp_path / "recs.csv")
    assert recs.columns.tolist() == ["user_id", "item_id", "rank", "score"]
    assert set(recs["user_id"]) == set(table["user_id"])
    assert len(table.merge(recs, on=["user_id", "item_id"])) == 0  # all are new to them
    asked = pd.read_csv(io.StringIO(printed["recommend"]))
    assert asked["user_id"].drop_duplicates().tolist() == ["ann", "bob"]
    assert "ndcg@10" in printed["evaluate"]


# -------------------------------------------------------------------------------- links


def links(page):
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text_of(page))


def anchors(page):
    """The names that headings get, as on GitHub."""
    headings = re.findall(r"^#+ +(.*)$", text_of(page), flags=re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links_lead_somewhere(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue  # of other sites: no test depends on them
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page}: {link}"
        assert target.resolve().is_relative_to(ROOT.resolve()), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link}"


def listed(page):
    """The pages in a page's toctrees, which the site shows beside it."""
    found = set()
    trees = re.findall(r"^:::\{toctree\}\n(.*?)^:::", text_of(page), re.M | re.S)
    for line in filter(None, "".join(trees).splitlines()):
        name = re.search(r"<(.*)>", line)
        if not line.startswith(":"):
            found |= set(page.parent.glob(f"{name[1] if name else line}.md"))
    return found


def test_every_page_is_linked_from_the_first():
    """A reader of README.md can come to all pages of docs/."""
    found, pending = set(), [ROOT / "README.md"]
    while pending:
        page = pending.pop().resolve()
        if page in found:
            continue
        found.add(page)
        targets = [page.parent / link.partition("#")[0] for link in links(page)]
        pending += [path for path in targets if path.suffix == ".md" and path.exists()]
        pending += listed(page)
    fragments = (ROOT / "docs" / "changelog.d").resolve()
    pages = {page.resolve() for page in PAGES}
    lost = {page for page in pages - found if not page.is_relative_to(fragments)}
    assert lost == set()
