"""Charts as SVG text, drawn on this side: no script, no network. Each is decoration of a table that says the same.

Colours are CSS classes (``s1`` … ``s6``), so that a page is readable in the dark and on paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10
from typing import NamedTuple

from markupsafe import Markup

WIDTH = 720


class Bar(NamedTuple):
    """One bar: what it is called, how long it is, what is written at its end."""

    label: str
    value: float
    text: str


def bars(title: str, rows: Sequence[Bar], *, label_width: int = 190) -> Markup:
    """Horizontal bars from a common zero."""
    most = max((row.value for row in rows), default=0)
    if not most:
        return Markup("")  # there is nothing to compare; the table says so
    room, step = WIDTH - label_width - 130, 28
    parts = []
    for i, row in enumerate(rows):
        y, length = i * step + 4, max(1.5, room * row.value / most)
        parts.append(
            f'<text x="{label_width - 8}" y="{y + 15}" class="r">{escape(_cut(row.label, label_width))}</text>'
            f'<rect x="{label_width}" y="{y}" width="{length:.1f}" height="20" rx="2" class="s1"/>'
            f'<text x="{label_width + length + 7:.1f}" y="{y + 15}">{escape(row.text)}</text>'
        )
    return _svg(title, len(rows) * step + 6, "".join(parts))


class Span(NamedTuple):
    """A figure with its interval; ``clear`` when the interval leaves the line out."""

    label: str
    low: float
    value: float
    high: float
    text: str
    clear: bool = True


def spans(title: str, rows: Sequence[Span], *, line: float = 1.0, label_width: int = 230) -> Markup:
    """Figures with their intervals beside a line that means "no difference"."""
    if not rows:
        return Markup("")
    most = max(max(row.high for row in rows), line * 1.5)
    most = min(most, max(row.value for row in rows) * 2.5 + line)
    room, step = WIDTH - label_width - 110, 26

    def x(value: float) -> float:
        return label_width + room * min(max(value, 0), most) / most

    height = len(rows) * step + 10
    parts = [f'<line x1="{x(line):.1f}" x2="{x(line):.1f}" y1="0" y2="{height - 4}" class="rule"/>']
    for i, row in enumerate(rows):
        y = i * step + 15
        kind = "s2" if row.clear else "s0"
        parts.append(
            f'<text x="{label_width - 10}" y="{y + 4}" class="r">{escape(_cut(row.label, label_width))}</text>'
            f'<line x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="{y}" y2="{y}" class="{kind}"/>'
            f'<circle cx="{x(row.value):.1f}" cy="{y}" r="4.5" class="{kind}"/>'
            f'<text x="{WIDTH - 100}" y="{y + 4}">{escape(row.text)}</text>'
        )
    return _svg(title, height, "".join(parts))


def lines(title: str, labels: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """Values over time, a line for each series, with its name at its end."""
    if not labels or not any(value for _, values in series for value in values):
        return Markup("")
    left, right, top, height = 52, 110, 12, 240
    most = _round_up(max((value for _, values in series for value in values), default=0))
    room = WIDTH - left - right

    def point(i: int, value: float) -> tuple[float, float]:
        x = left + (room * i / (len(labels) - 1) if len(labels) > 1 else room / 2)
        return x, top + (height - 50) * (1 - value / most)

    parts = []
    for part in range(5):
        y = top + (height - 50) * part / 4
        parts.append(f'<line x1="{left}" x2="{WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" class="r">{most * (4 - part) / 4:,.4g}</text>')
    every = -(-len(labels) // 8)
    parts += [
        f'<text x="{point(i, 0)[0]:.1f}" y="{height - 16}" class="m">{escape(label)}</text>'
        for i, label in enumerate(labels) if i % every == 0
    ]  # fmt: skip
    for nth, (_, values) in enumerate(series, start=1):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (point(i, v) for i, v in enumerate(values)))
        parts.append(f'<polyline points="{path}" class="l{nth}"/>')
    last = float("inf")  # names stand at the ends of their lines, from the lowest up, never on each other
    for nth, (name, values) in sorted(enumerate(series, start=1), key=lambda one: one[1][1][-1]):
        x, y = point(len(values) - 1, values[-1])
        last = min(y, last - 14)
        parts.append(f'<text x="{x + 8:.1f}" y="{last + 4:.1f}" class="t{nth}">{escape(name)}</text>')
    return _svg(title, height, "".join(parts))


def _svg(title: str, height: float, inner: str) -> Markup:
    # the name is for those who do not see it; the table after it has the figures. All texts were escaped above
    # on a narrow screen it is scrolled sideways, as tables are: made smaller, its words could not be read
    return Markup(
        f'<div class="scroll" tabindex="0" role="region" aria-label="Chart: {escape(title)}">'
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">{inner}</svg></div>'
    )


def _cut(text: str, width: int) -> str:
    most = max(6, width // 8)
    return text if len(text) <= most else text[: most - 1] + "…"


def _round_up(value: float) -> float:
    if value <= 0:
        return 4
    unit: float = 10 ** floor(log10(value))
    return next(unit * step for step in (1, 2, 4, 5, 8, 10) if unit * step >= value)
