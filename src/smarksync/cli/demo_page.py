"""The demo's page: self-contained HTML, readable without a mouse, a network or colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from smarksync.plan.render import shown

MOST = 30


def page(chapters: Iterable[Mapping[str, Any]]) -> str:
    """The whole page."""
    parts = [_HEAD]
    for number, chapter in enumerate(chapters, start=1):
        parts.append(
            f'<section aria-labelledby="c{number}"><h2 id="c{number}">{number}. {escape(chapter["title"])}</h2>'
        )
        parts.append(f"<p>{escape(chapter['text'])}</p>")
        if "table" in chapter:
            head, rows = chapter["table"]
            parts.append(_table(f"{chapter['title']}: records by side", head, rows))
        if "verdict" in chapter:
            parts.append(f'<p class="verdict">{escape(chapter["verdict"])}</p>')
        if chapter.get("items"):
            parts.append("<ul>" + "".join(f"<li>{escape(text)}</li>" for text in chapter["items"]) + "</ul>")
        if chapter.get("changes"):
            parts.append(_changes(chapter["changes"]))
        parts.append("</section>")
    parts.append("</main></body></html>\n")
    return "\n".join(parts)


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    cells = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>'
        + "".join(f'<td{_number(v)}>{escape(f"{v:,}" if isinstance(v, int) else str(v))}</td>' for v in row[1:]) + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _number(value: Any) -> str:
    return ' class="n"' if isinstance(value, int) else ""


def _changes(changes: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for change in changes[:MOST]:
        where = f"{change['connection']}:{change['object']}:{change['id'] or '(new)'}"
        fields = "; ".join(
            f"{vendor}: " + ("" if change["op"] == "create" else f"{shown(f['before'])} → ") + shown(f["after"])
            for vendor, f in change["fields"].items()
        )
        rows.append((where, change["op"], fields or "–", change["reason"]))
    more = f" (the first {MOST} of {len(changes)})" if len(changes) > MOST else ""
    table = _table(f"The plan, record by record{more}", ("record", "what", "fields: before → after", "why"), rows)
    return f"<details><summary>Every planned change{escape(more)}</summary>{table}</details>"


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>SmarkSync demo</title><style>
:root { color-scheme: light dark; }
body { font: 17px/1.55 system-ui, sans-serif; margin: 0; } main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; margin: .6rem 0; } caption { text-align: left; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .7rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } .verdict { font-weight: 600; }
section { border-top: 1px solid #8886; margin-top: 1.2rem; }
</style></head><body><main><h1>SmarkSync demo</h1>
<p>Two systems brought into agreement, both ways. The people are invented.</p>"""
