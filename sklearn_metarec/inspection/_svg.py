"""Line charts as inline SVG, in the colours of the page they stand in."""

from dataclasses import dataclass

import numpy as np

from sklearn_metarec.utils._html import escape

_WIDTH, _HEIGHT = 600, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 26, 14, 52


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes
    ----------
    name : str
        What the legend calls it.
    x, y : ndarray of shape (n,)
        Its points.
    low, high : ndarray of shape (n,) or None
        The interval of each, if it has one.
    reference : bool
        Whether it is something to compare with: dashed and grey.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    reference: bool = False


def chart(title, description, lines, *, x_label, y_label, log=False, percent=""):
    """Return a figure of HTML with a chart and its legend.

    Parameters
    ----------
    title, description : str
        What it shows, in words that a page has once, and what it says to one who does
        not see it.
    lines : list of Line
        At most six that are no references have a colour of their own.
    x_label, y_label : str
        The axes.
    log : bool, default=False
        Whether x is logarithmic.
    percent : {"", "y", "xy"}, default=""
        Which axes are shares.

    Returns
    -------
    html : str
        One `<figure>`.
    """
    low, high = (f(np.concatenate([line.x for line in lines])) for f in (min, max))
    tops = [line.y if line.high is None else line.high for line in lines]
    ticks = _ticks(float(np.nanmax(np.concatenate(tops))))
    to_x = _scale(low, high, _LEFT, _WIDTH - _RIGHT, log)
    to_y = _scale(0, ticks[-1], _HEIGHT - _BOTTOM, _TOP, False)
    parts = [_grid(to_x, to_y, _x_ticks(lines, low, high, log), ticks, percent)]
    colors = iter(range(6))
    legend = []
    for line in lines:
        kind = "ref" if line.reference else f"c{next(colors, 5)}"
        parts.append(_draw(line, to_x, to_y, kind))
        legend.append(f'<li class="{kind}">{escape(line.name)}</li>')
    name = "-".join(title.lower().split())
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    return (
        f'<figure><figcaption id="{name}">{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="{name} about-{name}">'
        f'<desc id="about-{name}">{escape(description)}</desc>{"".join(parts)}'
        f'<text class="axis" x="{middle}" y="{_HEIGHT - 6}">{escape(x_label)}</text>'
        f'</svg><ul class="legend" aria-hidden="true">{"".join(legend)}</ul>'
        f'<p class="note">Vertical: {escape(y_label)}</p></figure>'
    )


def _scale(low, high, start, end, log):
    f = np.log if log else (lambda x: np.asarray(x, dtype=float))
    span = f(high) - f(low)
    return lambda x: start + (end - start) * (f(x) - f(low)) / (span or 1.0)


def _ticks(top):
    """Return 0 and up to five round numbers above, the last at least `top`."""
    if not top > 0:
        return np.array([0.0, 1.0])
    raw = top / 4
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw * 0.999)
    return np.arange(0, np.ceil(top / step - 1e-9) + 1) * step


def _x_ticks(lines, low, high, log):
    if not log:
        return np.linspace(low, high, 6)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high) + 1)
    found = np.outer(powers, [1, 2, 5]).ravel()
    found = found[(found >= low * 0.999) & (found <= high * 1.001)]
    return found if len(found) <= 7 else powers[(powers >= low) & (powers <= high)]


def _grid(to_x, to_y, x_ticks, y_ticks, percent):
    parts = []
    for value in y_ticks:
        y = to_y(value)
        text = f"{value:.0%}" if "y" in percent else f"{value:.3g}"
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
            f'y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="y" x="{_LEFT - 8}" y="{y + 5:.1f}">{text}</text>'
        )
    for value in x_ticks:
        text = f"{100 * value:.3g}%" if "x" in percent else f"{value:.3g}"
        parts.append(
            f'<text class="x" x="{to_x(value):.1f}" y="{_HEIGHT - _BOTTOM + 20}">'
            f"{text}</text>"
        )
    return "".join(parts)


def _draw(line, to_x, to_y, kind):
    x, y = to_x(line.x), to_y(line.y)
    band = ""
    if line.low is not None:
        lows, highs = to_y(line.low)[::-1], to_y(line.high)
        outline = _points(np.append(x, x[::-1]), np.append(highs, lows))
        band = f'<polygon class="band {kind}" points="{outline}"/>'
    path = f'<polyline class="line {kind}" points="{_points(x, y)}"/>'
    dots = ""
    if len(x) <= 20:
        dots = "".join(
            f'<circle class="dot {kind}" r="3.5" cx="{a:.1f}" cy="{b:.1f}"/>'
            for a, b in zip(x, y, strict=True)
        )
    return band + path + dots


def _points(x, y):
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
