"""The page of a report, put together from pieces of HTML."""

import numpy as np

from sklearn_metarec.utils._html import escape, table

__all__ = ["bar", "facts", "interval", "page", "table"]


def page(title, lead, sections, style, policy, made_by):
    """Return a document.

    Parameters
    ----------
    title, lead : str
        The heading and the sentence below, as HTML.
    sections : list of (str, str, str)
        Anchor, heading and HTML of each.
    style : str
        CSS.
    policy : str
        What the page may load and run.
    made_by : str
        Name and version.

    Returns
    -------
    html : str
        The document.
    """
    links = "".join(f'<li><a href="#{a}">{h}</a></li>' for a, h, _ in sections)
    body = "".join(
        f'<section id="{anchor}" aria-labelledby="{anchor}-h">'
        f'<h2 id="{anchor}-h">{heading}</h2>{html}</section>'
        for anchor, heading, html in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head>\n<body>"
        f'<header><h1>{title}</h1><p class="lead">{lead}</p>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n'
        f"<main>{body}</main>\n<footer>Made by {escape(made_by)}. Intervals are of "
        "95%, from a bootstrap over users.</footer></body></html>\n"
    )


def facts(pairs):
    """Return figures with what they are of.

    Parameters
    ----------
    pairs : list of (str, str)
        What, and the figure.

    Returns
    -------
    html : str
        A description list.
    """
    cells = "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(figure)}</dd></div>"
        for what, figure in pairs
    )
    return f'<dl class="facts">{cells}</dl>'


def interval(mean, low, high):
    """Return a mean and its interval; nothing of what has none."""
    if not np.isfinite(mean):
        return "-"
    text = f"{mean:.4f}"
    if np.isfinite(low) and np.isfinite(high):
        text += f' <span class="range">{low:.4f} to {high:.4f}</span>'
    return text


def bar(share):
    """Return a bar of a share of the width; readers of text have the number."""
    width = 100 * min(max(float(share), 0.0), 1.0)
    return (
        f'<span class="bar" aria-hidden="true"><i style="width:{width:.1f}%">'
        "</i></span>"
    )
