"""How the site is built: `sphinx-build docs docs/_build/html`."""

import sys
from pathlib import Path

import sklearn_metarec

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "sklearn_metarec"
author = "sklearn_metarec developers"
copyright = author
version = release = sklearn_metarec.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "made_pages",
]
exclude_patterns = ["_build", "changelog.d", "examples"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autosummary_generate = False
# `EASE` is a link where there is such a name, and code elsewhere.
default_role = "py:obj"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/examples",
    "doc_module": "sklearn_metarec",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "within_subsection_order": "FileNameSortKey",
    # A picture is drawn at the width of a page, sharp on a good screen.
    "image_srcset": ["2x"],
}

toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_metarec"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
# These pages are a whole by themselves.
_ALONE = [
    "index",
    "guide",
    "which_recommender",
    "glossary",
    "architecture",
    "changelog",
]
html_sidebars = {page: [] for page in _ALONE}
