"""The page of a report, as text; test_report_in_browser.py looks at it."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_metarec import (
    BPR,
    EASE,
    BiasRegressor,
    ItemKNN,
    MetaSelector,
    MFRegressor,
    PopularityRecommender,
    make_recommender_pipeline,
)
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.inspection import report
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.preprocessing import IdEncoder

SECTIONS = ["summary", "leaderboard", "metrics", "curves", "users"]


@pytest.fixture(scope="module")
def parts():
    X, y = make_interactions(120, 40, 2400, feedback="explicit", random_state=0)
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    return X[train], y[train], X[test], y[test]


class Page(HTMLParser):
    """Elements with their attributes, and the text."""

    VOID = {"meta", "br", "line", "circle", "polyline", "polygon"}

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag  # well-formed

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(*args, tmp_path, **options):
    path = report(*args, tmp_path / "page.html", **options)
    return Page(path.read_text(encoding="utf-8"))


def test_a_selection_and_another_model(parts, tmp_path):
    X, _, X_test, _ = parts
    candidates = [
        ("ease", EASE(), {"regularization": [5.0, 50.0]}),
        ("knn", ItemKNN(), {}),
    ]
    selector = MetaSelector(candidates, combine=None, n_tuned=0, random_state=0).fit(X)
    models = {"chosen": selector, "BPR": BPR(4, random_state=0).fit(X)}
    page = page_of(models, X_test, users=2, tmp_path=tmp_path)
    assert [s["id"] for s in page.all("section") if "id" in s] == SECTIONS
    assert "regularization=5" in page.text
    assert len(page.all("h1")) == 1
    score = selector.score(X_test)
    assert f"{score:.4f}" in page.text
    popularity = PopularityRecommender().fit(X).score(X_test)
    assert f"{popularity:.4f}" in page.text
    assert len(page.all("h3")) == 2


def test_it_loads_and_runs_nothing(parts, tmp_path):
    page = page_of(EASE().fit(parts[0]), parts[2], tmp_path=tmp_path)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "base", "form"}
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "src"]
        assert attrs.get("href", "#").startswith("#")
    policy = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in (
        page.all("meta")
    )


def test_readers_of_text_have_everything(parts, tmp_path):
    page = page_of(EASE().fit(parts[0]), parts[2], tmp_path=tmp_path)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    charts = page.all("svg")
    assert len(charts) == len(page.all("figcaption")) == len(page.all("desc")) == 3
    for attrs in [*charts, *(s for s in page.all("section") if "id" in s)]:
        assert set(attrs["aria-labelledby"].split()) <= set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}
    assert page.all("html") == [{"lang": "en"}]
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert max(np.diff(headings)) <= 1


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_colours_are_told_apart(parts, tmp_path):
    """WCAG 2: text 4.5 to 1, lines of charts 3 to 1, on a light and a dark page."""
    path = report(EASE().fit(parts[0]), parts[2], tmp_path / "page.html")
    blocks = re.findall(r":root\{(.*?)\}", path.read_text("utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        colors = dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})\b", block))
        colors = {
            name: c if len(c) == 7 else "#" + "".join(2 * d for d in c[1:])
            for name, c in colors.items()
        }
        for ground in ("bg", "card"):
            for name in ("text", "soft", "c0", *[f"c{i}" for i in range(1, 6)], "ref"):
                pair = sorted([luminance(colors[ground]), luminance(colors[name])])
                ratio = (pair[1] + 0.05) / (pair[0] + 0.05)
                assert ratio >= (4.5 if name in ("text", "soft", "c0") else 3), name


EVIL = '<script>document.title="pwned"</script><img src=x onerror=alert(1)>"\'&'


def test_ids_and_titles_are_text(tmp_path):
    users = [f"{EVIL}{i % 9}" for i in range(90)]
    items = [f"i{i * i % 13}{EVIL}" for i in range(90)]
    X = pd.DataFrame({"user_id": users, "item_id": items})
    train, test = next(PerUserShuffleSplit(random_state=0).split(X))
    model = ItemKNN().fit(X.iloc[train])
    names = {item: f"{item} </td></table><svg/onload=alert(2)>" for item in items}
    page = page_of(
        {EVIL: model}, X.iloc[test], item_names=names, title=EVIL, tmp_path=tmp_path
    )
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.text.count(EVIL) > 10
    assert "</td></table><svg/onload" in page.text


def test_the_same_input_gives_the_same_page(parts, tmp_path):
    model = EASE().fit(parts[0])
    texts = [
        report(model, parts[2], tmp_path / name).read_text("utf-8")
        for name in ("a.html", "b.html")
    ]
    assert texts[0] == texts[1]


def test_rating_models(parts, tmp_path):
    X, y, X_test, y_test = parts
    models = [MFRegressor(4, random_state=0).fit(X, y), BiasRegressor().fit(X, y)]
    page = page_of(models, X_test, y_test=y_test, users=1, tmp_path=tmp_path)
    assert [s["id"] for s in page.all("section") if "id" in s] == SECTIONS
    rmse = np.sqrt(np.mean((models[1].predict(X_test) - y_test) ** 2))
    assert f"{rmse:.4f}" in page.text
    assert "BiasRegressor" in page.text
    with pytest.raises(ValueError, match="needs y_test"):
        report(models, X_test, tmp_path / "no.html")


def test_titles_reasons_and_named_users(parts, tmp_path):
    X, _, X_test, _ = parts
    model = make_recommender_pipeline(IdEncoder(), EASE()).fit(X)
    names = pd.DataFrame(
        {"item_id": np.arange(40), "title": [f"Film {i}" for i in range(40)]}
    )
    user = X[0, 0]
    page = page_of(model, X_test, users=[user], item_names=names, tmp_path=tmp_path)
    best = model.recommend([user], k=1)[0][0, 0]
    reason = EASE().fit(X).explain(user, best).items[0]
    listed = page.text[page.text.index("Recommendations", 2000) :]
    assert f"1. Film {best}" in listed
    assert f"Film {reason}" in listed
    alone = page_of(model, X_test, users=0, tmp_path=tmp_path)
    assert "No users" in alone.text


def test_what_cannot_be_reported_is_said(parts, tmp_path):
    X, y, X_test, _ = parts
    path = tmp_path / "page.html"
    with pytest.raises(NotFittedError):
        report(EASE(), X_test, path)
    model = EASE().fit(X)
    with pytest.raises(ValueError, match="k must be"):
        report(model, X_test, path, k=0)
    with pytest.raises(ValueError, match="users must be"):
        report(model, X_test, path, users="ann")
    with pytest.raises(ValueError, match="rating models are measured"):
        report([model, BiasRegressor().fit(X, y)], X_test, path)
    with pytest.raises(ValueError, match="title or name"):
        report(
            model,
            X_test,
            path,
            item_names=pd.DataFrame({"item_id": [1], "a": 1, "b": 2}),
        )
    with pytest.raises(ValueError, match="empty"):
        report([], X_test, path)
    assert not path.exists()
