"""Tables of HTML in which nothing a caller passes is taken for HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape as _escape


def escape(value: object) -> str:
    """Return any value as text that may stand in HTML, in quotes too.

    Parameters
    ----------
    value : object
        Its `str` is shown.

    Returns
    -------
    text : str
        Without characters that HTML knows, or that no document may have.
    """
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return _escape(text)


def table(
    caption: str, header: Iterable[str], rows: Iterable[Iterable[str]], numeric: int = 0
) -> str:
    """Return a table that a narrow screen shows as one block a row.

    Parameters
    ----------
    caption : str
        What it shows; escaped here, as is the header.
    header : iterable of str
        The names of the columns.
    rows : iterable of iterables of str
        The cells, as HTML: escape what is not. The first one of a row is its header.
    numeric : int, default=0
        From which column on the cells are numbers; 0 for none.

    Returns
    -------
    html : str
        The table.
    """
    names = [escape(name) for name in header]
    kinds = [
        ' class="n"' if numeric and i >= numeric else "" for i in range(len(names))
    ]
    head = "".join(
        f'<th scope="col"{kind}>{name}</th>'
        for name, kind in zip(names, kinds, strict=True)
    )
    body = []
    for row in rows:
        first, *others = row
        cells = "".join(
            f'<td data-label="{name}"{kind}><span>{cell}</span></td>'
            for name, kind, cell in zip(names[1:], kinds[1:], others, strict=True)
        )
        body.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return (
        f'<table role="table"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )
