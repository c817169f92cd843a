"""Pages that are made of what is said once elsewhere.

The tables of reference.md name what is public: each name gets a page, made of its
docstring, and becomes a link. The changelog gets what its fragments say.
"""

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Of scikit-learn's own methods those that a reader looks for.
_INHERITED = ("get_params", "set_params")
_NAME = re.compile(r"`([\w.]+)`")


def setup(app):
    """Take part in the build."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", complete)
    # Before numpydoc reads it.
    app.connect("autodoc-process-docstring", quote_attributes, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


# ---------------------------------------------------------------- reference.md


def full_name(name, module, row):
    """Return the name that something is imported by, the shortest, or None."""
    source = re.search(r"\(from `([\w.]+)`\)", row)
    places = ["sklearn_metarec", module, source and source[1]]
    path, _, name = name.rpartition(".")
    if path:
        places = ["sklearn_metarec", f"sklearn_metarec.{path}"]
    for place in filter(None, places):
        if name in import_module(place).__all__:
            return f"{place}.{name}"
    return None


def rows(text):
    """Yield (line, heading, full names) of reference.md's lines, in order."""
    heading, module = None, None
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        first = line.split("|")[1] if line.startswith("|") else ""
        names = _NAME.findall(first)
        if not line.startswith("|"):
            module = None
        elif module is None:  # the head of a table says where its names are
            module = names[0] if names else first.strip() or "sklearn_metarec"
            names = []
        found = {}
        if module != "method":
            found = {name: full_name(name, module, line) for name in names}
        yield line, heading, {name: full for name, full in found.items() if full}


def complete_reference(text):
    """Make the names of the tables links, and list their pages for navigation."""
    sections = {}
    lines = []
    for line, heading, names in rows(text):
        cells = line.split("|")
        for name, full in names.items():
            cells[1] = cells[1].replace(f"`{name}`", f"[`{name}`](generated/{full})")
            sections.setdefault(heading, {})[full] = name.rpartition(".")[2]
        lines.append("|".join(cells))
    listed = set()
    for heading, pages in sections.items():
        entries = [
            f"{name} <generated/{full}>"
            for full, name in pages.items()
            if full not in listed
        ]
        listed |= pages.keys()
        lines += ["", ":::{toctree}", ":hidden:", f":caption: {heading}", ""]
        lines += [*entries, ":::"]
    return "\n".join(lines) + "\n"


def write_pages(app):
    """Write a page for each name of reference.md."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    text = (Path(app.srcdir) / "reference.md").read_text(encoding="utf-8")
    pages = {
        f"{full}.rst": page(full) for *_, names in rows(text) for full in names.values()
    }
    for old in folder.glob("*.rst"):
        if old.name not in pages:
            old.unlink()
    for name, content in pages.items():
        path = folder / name
        # What did not change is not read again.
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")


def page(full):
    """Return the page of a public name."""
    module, _, name = full.rpartition(".")
    obj = getattr(import_module(module), name)
    lines = [name, "=" * len(name), "", f".. currentmodule:: {module}", ""]
    if inspect.isclass(obj):
        members = methods(obj)
        lines += [f".. autoclass:: {name}"]
        lines += [f"   :members: {', '.join(members)}"] if members else []
        lines += ["", f"   .. rubric:: Methods of {name}", ""] if members else []
        lines += ["   .. autosummary::", "      :nosignatures:", ""] if members else []
        lines += [f"      {name}.{member}" for member in members]
    else:
        lines += [f".. autofunction:: {name}"]
    lines += ["", f".. minigallery:: {full}", "   :add-heading: Examples", ""]
    return "\n".join(lines)


def methods(cls):
    """Return the methods of a class that this package describes, by name."""
    found = []
    for name, value in inspect.getmembers(cls):
        function = value.fget if isinstance(value, property) else value
        module = getattr(function, "__module__", None) or ""
        own = module.startswith("sklearn_metarec.") and callable(function)
        if name[0] != "_" and (own or (name in _INHERITED and callable(function))):
            found.append(name)
    return found


def quote_attributes(app, what, name, obj, options, lines):
    """Quote the attributes in `x : array of shape (n_features_in_,)`.

    A name with an underscore at its end would be a link to a target of that name.
    """
    for place, line in enumerate(lines):
        field, colon, kind = line.partition(" : ")
        if colon and re.fullmatch(r" *[\w, *]+", field):
            kind = re.sub(r"(?<![\w`])(\w+_)(?![\w`])", r"`\1`", kind)
            lines[place] = field + colon + kind


# ---------------------------------------------------------------- changelog.md


def complete_changelog(text):
    """Put what is not released yet above the releases."""
    command = ["-m", "towncrier", "build", "--draft", "--version", "Not released yet"]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    notes = done.stdout[done.stdout.index("## Not released yet") :]
    notes = re.sub(r"^(## .*?) \(.*\)$", r"\1", notes, count=1, flags=re.MULTILINE)
    marker = "<!-- towncrier release notes start -->\n"
    return text.replace(marker, marker + "\n" + notes)


def complete(app, docname, source):
    """Complete a page when it is read."""
    if docname == "reference":
        source[0] = complete_reference(source[0])
    elif docname == "changelog":
        source[0] = complete_changelog(source[0])
