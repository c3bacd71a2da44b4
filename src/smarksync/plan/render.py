"""A plan as people, spreadsheets and reviewers read it. Pure: from rows and their facts to text.

A *change* is the dict of interface.md: op, connection, object, id, entity, fields {vendor field: {before, after,
from, rule}}, reason; besides it names its job and the records that its entity is linked to. Plans show values, because
somebody asked to see them; nothing here is ever logged.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from .consent import CONSENT_FIELDS
from .side import NAME_PARTS

Change = Mapping[str, Any]
#: rows that an HTML page or a table shows one by one; the groups count all of them
MOST_HTML, MOST_TEXT = 2000, 200
CSV_HEAD = ("op", "connection", "object", "id", "entity", "field", "before", "after", "from", "rule", "reason")


def change_of(
    op: str, connection: str, obj: str, rid: str | None, entity: str, body: Mapping[str, Any],
    canonical: Mapping[str, str], *, job: str, records: Sequence[str], rules: Mapping[str, str], consent: bool,
) -> dict[str, Any]:  # fmt: skip
    """The change that a planned row is. ``canonical`` names the canonical field of each vendor field."""
    after, before, why = body.get("after", {}), body.get("before", {}), body.get("why", {})
    origin = {name.split(":")[0] for name in records}
    fields = {}
    for vendor, value in sorted(after.items()):  # in the same order whatever planned it
        name = canonical.get(vendor, vendor)
        part = name if name != "full_name" else next((p for p in NAME_PARTS if p in why), name)
        source = why.get(part, {}).get("from")
        if source is None and op == "create" and len(origin) == 1 and name != "external_id":
            source = next(iter(origin))
        own = consent or name == "external_id" or name in CONSENT_FIELDS  # these stand outside "*"
        fields[vendor] = {
            "before": before.get(vendor), "after": value, "from": source,
            "rule": rules.get(part, f"{job}.{name}" if own else f"{job}.*"),
        }  # fmt: skip
    return {
        "op": op, "connection": connection, "object": obj, "id": rid, "entity": entity, "fields": fields,
        "reason": body.get("reason", ""), "job": job, "records": list(records),
        **({"consent": True} if consent else {}),
    }  # fmt: skip


def target(change: Change) -> tuple[Any, ...]:
    """What a change would be done to: the record, or for a create the entity on that object."""
    place = (change["connection"], change["object"])
    whom = change["entity"] if change["id"] is None else change["id"]
    return (*place, change["op"], whom, bool(change.get("consent")))  # an opt-out is a row of its own


def differences(reviewed: Change, fresh: Change) -> dict[str, dict[str, Any]]:
    """{vendor field or fact: {"reviewed": …, "now": …}} in which a row is no longer what was reviewed; empty = the same."""
    found: dict[str, dict[str, Any]] = {}
    mine, theirs = reviewed["fields"], fresh["fields"]
    for vendor in sorted({*mine, *theirs}):
        a, b = (_values(side.get(vendor)) for side in (mine, theirs))
        if a != b:
            found[vendor] = {"reviewed": a, "now": b}
    for fact in ("op", "records"):
        if reviewed.get(fact) is not None and reviewed.get(fact) != fresh.get(fact):
            found[fact] = {"reviewed": reviewed.get(fact), "now": fresh.get(fact)}
    rules = {v: (mine[v].get("rule"), theirs[v].get("rule")) for v in mine if v in theirs}
    for vendor, (a, b) in rules.items():
        if a != b and vendor not in found:
            found[vendor] = {"reviewed": {"rule": a}, "now": {"rule": b}}
    return found


def _values(field: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if field is None else {"before": field.get("before"), "after": field.get("after")}


def group_of(change: Change) -> tuple[str, str]:
    """(object, op): how changes are counted."""
    return f"{change['connection']}:{change['object']}", str(change["op"])


def text(changes: Iterable[Change], most: int = MOST_TEXT) -> Iterator[str]:
    """Lines for a terminal: each record with its fields, then how many were not shown."""
    hidden = 0
    for number, change in enumerate(changes):
        if number >= most:
            hidden += 1
            continue
        where = ":".join(str(part) for part in (change["connection"], change["object"], change["id"] or "(new)"))
        yield f"{change['op']:<8} {where}  — {change['reason'] or 'no reason given'}"
        width = max((len(name) for name in change["fields"]), default=0)
        for vendor, field in change["fields"].items():
            was = "" if change["op"] == "create" else f"{shown(field['before'])} → "
            origin = f"  (from {field['from']}, {field['rule']})" if field["from"] else f"  ({field['rule']})"
            yield f"           {vendor:<{width}}  {was}{shown(field['after'])}{origin}"
    if hidden:
        yield f"… and {hidden:,} more: `--format csv`, `html` or `json` shows all of them."


def shown(value: Any, most: int = 60) -> str:
    """A value on one line."""
    if value is None or value == "":
        return "∅"
    if isinstance(value, bool):
        return "yes" if value else "no"
    plain = " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def csv_lines(changes: Iterable[Change]) -> Iterator[str]:
    """One line a field, for spreadsheets; text that a spreadsheet would run as a formula is quoted by an apostrophe."""
    yield _csv(CSV_HEAD)
    for change in changes:
        head = [
            change[name] if change[name] is not None else "" for name in ("op", "connection", "object", "id", "entity")
        ]
        for vendor, field in change["fields"].items() or [("", {})]:
            cells = [field.get(name) for name in ("before", "after", "from", "rule")]
            yield _csv([*head, vendor, *(_cell(c) for c in cells), change["reason"]])


def _csv(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([_harmless(str(cell)) for cell in cells])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _harmless(cell: str) -> str:
    if cell[:1] in ("=", "@", "\t", "\r"):
        return "'" + cell
    if cell[:1] in ("+", "-") and not cell[1:].replace(" ", "").replace(".", "").isdigit():
        return "'" + cell
    return cell


def html_page(title: str, facts: Iterable[tuple[str, str]], changes: Iterable[Change]) -> Iterator[str]:
    """A self-contained page: facts, groups, and the first 2,000 rows. No script, nothing loaded from anywhere."""
    yield _PAGE_HEAD.format(title=escape(title))
    yield "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts) + "</dl>\n"
    groups: Counter[tuple[str, str]] = Counter()
    rows: list[str] = []
    for number, change in enumerate(changes):
        groups[group_of(change)] += 1
        if number < MOST_HTML:
            rows.append(_html_row(change))
    yield '<h2>Groups</h2>\n<table><caption>How many records each side would see changed</caption><thead><tr><th scope="col">Object</th>'
    yield '<th scope="col">What</th><th scope="col">Records</th></tr></thead><tbody>\n'
    for (name, op), count in sorted(groups.items()):
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(op)}</td><td class="n">{count:,}</td></tr>\n'
    yield "</tbody></table>\n"
    total = sum(groups.values())
    more = f" (the first {MOST_HTML:,} of {total:,}; `--format csv` or `json` has all)" if total > MOST_HTML else ""
    yield f"<h2>Changes{escape(more)}</h2>\n"
    if not rows:
        yield "<p>Nothing would be written: the systems agree.</p>\n"
    else:
        yield '<table><caption>Each record with its fields</caption><thead><tr><th scope="col">What</th><th scope="col">Record</th>'
        yield '<th scope="col">Fields: before → after</th><th scope="col">Why</th></tr></thead><tbody>\n'
        yield from rows
        yield "</tbody></table>\n"
    yield "</main></body></html>\n"


def _html_row(change: Change) -> str:
    where = ":".join(str(part) for part in (change["connection"], change["object"], change["id"] or "(new)"))
    parts = []
    for vendor, field in change["fields"].items():
        was = "" if change["op"] == "create" else f"<del>{escape(shown(field['before']))}</del> → "
        origin = f"from {field['from']}, {field['rule']}" if field["from"] else field["rule"]
        parts.append(
            f"<li><b>{escape(vendor)}</b>: {was}<ins>{escape(shown(field['after']))}</ins> <small>{escape(origin)}</small></li>"
        )
    fields = f"<ul>{''.join(parts)}</ul>" if parts else "–"
    return (
        f'<tr><td>{escape(change["op"])}</td><th scope="row">{escape(where)}</th><td>{fields}</td>'
        f"<td>{escape(change['reason'])}</td></tr>\n"
    )


_PAGE_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0; }} main {{ max-width: 75rem; margin: 0 auto; padding: 1rem; }}
table {{ border-collapse: collapse; width: 100%; }} caption {{ text-align: left; padding: .3rem 0; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums; }} ul {{ margin: 0; padding-left: 1.1rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }} dt {{ font-weight: 600; }} dd {{ margin: 0; }}
del {{ text-decoration: line-through; }} ins {{ text-decoration: none; font-weight: 600; }}
</style></head><body><main><h1>{title}</h1>
"""
