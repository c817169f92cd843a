"""What docs/_ext makes of the documents."""

import importlib
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def made_pages(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_ext")
    yield importlib.import_module("made_pages")
    sys.modules.pop("made_pages")


def test_names_of_the_reference_are_links(made_pages):
    text = "## Models\n\n| `sklearn_metarec` | |\n|---|---|\n| `EASE` | linear |\n"
    made = made_pages.complete_reference(text)
    assert "| [`EASE`](generated/sklearn_metarec.EASE) | linear |" in made
    assert ":caption: Models" in made
    assert "\nEASE <generated/sklearn_metarec.EASE>\n" in made


def test_a_page_has_the_methods_of_its_class(made_pages):
    page = made_pages.page("sklearn_metarec.EASE")
    assert page.startswith("EASE\n====\n")
    assert "EASE.recommend" in page
    assert "EASE.get_params" in page
    assert "get_metadata_routing" not in page


def test_attributes_in_types_are_quoted(made_pages):
    lines = ["names_ : ndarray of shape (n_features_in_,)", "    A text_ : of y_."]
    made_pages.quote_attributes(None, "class", "EASE", None, None, lines)
    assert lines[0] == "names_ : ndarray of shape (`n_features_in_`,)"


def test_the_changelog_has_what_is_not_released(made_pages):
    text = (DOCS / "changelog.md").read_text(encoding="utf-8")
    made = made_pages.complete_changelog(text)
    fragments = list((DOCS / "changelog.d").glob("*.md"))
    assert "## Not released yet\n" in made
    assert made.count("\n- ") >= len(fragments) > 0
