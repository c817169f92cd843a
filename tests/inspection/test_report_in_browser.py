"""A report in a real browser: headless Chromium, without a network."""

import html
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from sklearn_metarec import EASE, ItemKNN, MetaSelector
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.inspection import report
from sklearn_metarec.model_selection import PerUserShuffleSplit

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="There is no chromium here.")
PATIENCE = 120
EVIL = (
    "<script>top.pwned=1</script><img src=http://pwned.invalid/x onerror=top.pwned=1>"
)

# The page stands in a frame as wide as a phone, and this looks at it from outside: in
# it, no script may run.
PROBE = """<!DOCTYPE html><html><body style="margin:0">
<iframe id="page" style="border:0;width:{width}px;height:844px" srcdoc="{page}">
</iframe>
<pre id="found"></pre><script>
document.getElementById("page").onload = event => {{
  const frame = event.target, page = frame.contentDocument, view = frame.contentWindow;
  const wide = [...page.querySelectorAll("body *")].filter(
    e => !e.closest("svg, thead") && e.getBoundingClientRect().right > {width} + 0.5);
  const small = [...page.querySelectorAll("svg text")].filter(
    e => e.getBoundingClientRect().height < 9 && e.getBoundingClientRect().height > 0);
  document.getElementById("found").textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    wide: wide.map(e => e.outerHTML.slice(0, 200)),
    small: small.length,
    sections: [...page.querySelectorAll("section[id]")]
      .filter(e => e.getBoundingClientRect().height > 40).map(e => e.id),
    charts: [...page.querySelectorAll("svg")]
      .map(e => [e.getBoundingClientRect().width, e.getBoundingClientRect().height]),
    text: page.body.innerText,
    loaded: view.performance.getEntriesByType("resource").map(e => e.name),
    scripts: page.scripts.length,
    images: page.images.length,
    pwned: typeof window.pwned,
    colors: [getComputedStyle(page.body).color,
             getComputedStyle(page.body).backgroundColor],
  }});
}};
</script></body></html>"""


def chromium(address, tmp_path, *options):
    done = subprocess.run(
        [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu",
            "--no-first-run",
            "--disable-extensions", "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr", "--v=0",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000",
            *options, address,
        ],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
        env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, said


def look(path, tmp_path, width, *options):
    probe = tmp_path / f"probe{width}.html"
    page = html.escape(path.read_text(encoding="utf-8"))
    probe.write_text(PROBE.format(page=page, width=width), encoding="utf-8")
    size = f"--window-size={width + 200},900"
    dom, said = chromium(probe.as_uri(), tmp_path, "--dump-dom", size, *options)
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, flags=re.DOTALL)[1]
    assert said == []
    return json.loads(html.unescape(found))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    X, _ = make_interactions(150, 60, 3000, random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    candidates = [
        ("ease", EASE(), {"regularization": [5.0, 50.0]}),
        ("knn", ItemKNN(), {}),
    ]
    selector = MetaSelector(candidates, combine=None, n_tuned=0, random_state=0)
    models = {
        "MetaSelector": selector.fit(X[train]),
        "A model with a name that is rather long": ItemKNN().fit(X[train]),
    }
    words = ["", "Unbreakable" * 12, "A title of many words that goes on and on", EVIL]
    return report(
        models, X[test], tmp_path_factory.mktemp("report") / "report.html",
        item_names=lambda item: f"Film {item} {words[item % 4]}",
    )  # fmt: skip


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_a_phone_and_a_desk(page, tmp_path, width):
    found = look(page, tmp_path, width)
    assert found["width"] <= width
    assert found["wide"] == []
    assert found["sections"] == ["summary", "leaderboard", "metrics", "curves", "users"]
    assert len(found["charts"]) == 3
    assert np.min(found["charts"]) > 100
    assert found["small"] == 0  # no label that nobody can read


def test_a_malicious_title_is_shown_and_does_nothing(page, tmp_path):
    found = look(page, tmp_path, 390)
    assert EVIL in found["text"]
    assert (found["scripts"], found["images"]) == (0, 0)
    assert found["pwned"] == "undefined"
    assert found["loaded"] == []


def test_the_file_itself_opens_without_a_complaint(page, tmp_path):
    picture = tmp_path / "page.png"
    dom, said = chromium(page.as_uri(), tmp_path, "--dump-dom")
    assert said == []
    assert '<section id="users"' in dom
    _, said = chromium(
        page.as_uri(), tmp_path, f"--screenshot={picture}", "--window-size=800,600"
    )
    assert said == []
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_it_is_dark_where_the_reader_wants_it(page, tmp_path):
    bright, dark = (
        look(page, tmp_path, 390, f"--blink-settings=preferredColorScheme={scheme}")
        for scheme in (1, 0)
    )
    for found, ground in ((bright, "rgb(251, 251, 250)"), (dark, "rgb(20, 23, 26)")):
        assert found["colors"][1] == ground
