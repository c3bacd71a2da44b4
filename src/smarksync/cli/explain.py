"""``smarksync explain REF``: one person across all systems, told from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from . import conflicts, handoffs, quarantine
from .globals import Globals
from .options import Json
from .output import Output
from .status import when

app = typer.Typer(add_completion=False, rich_markup_mode=None)
HISTORY = 15


@app.command()
def explain(
    ctx: typer.Context,
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="An e-mail address, connection:object:id, or an entity id.")
    ],
    json: Json = False,
) -> int:
    """Explain one person across all systems: links, values, rules, what is owed, what waits, and the history."""
    from smarksync.engine.explain import explain as ask
    from smarksync.engine.offline import Desk

    settings: Globals = ctx.obj
    settings.json = json
    ledger = settings.ledger()
    try:
        found = ask(Desk(settings.load(), settings.plugins(), ledger), ref)
    finally:
        ledger.close()
    out = settings.out
    if json:
        out.object(found)
        return 0
    if len(found["people"]) > 1:
        out.line(f"{ref} names {len(found['people'])}; each follows.")
    for person in found["people"]:
        _person(out, person)
    for record in found["records"]:
        out.line(f"{out.style('head', record['record'])} belongs to nobody here.")
        for text in record["why"]:
            out.line(f"  {text}")
    for note in found["notes"]:
        out.line(note)
    return 0


def _person(out: Output, one: Mapping[str, Any]) -> None:
    state = {"live": "", "provisional": ", undecided", "forgotten": ", erased"}.get(one["state"], f", {one['state']}")
    out.line(
        f"{out.style('head', one['who'] or one['entity'])}  ({one['kind']}, entity {one['entity']}{state}; found by {one['found_by']})"
    )
    if one["aliases"]:
        out.line(f"  became one with {', '.join(one['aliases'])}")
    _title(out, "Records")
    out.table(
        ("record", "state", "rank", "last change read"),
        [(x["record"], x["means"], x["rank"], when(x["seen_at"])) for x in one["links"]],
        indent=2,
    )
    _title(out, "Why it is (not) in each system")
    for said in one["why"]:
        place = said["connection"] or said["job"]
        out.line(f"  {f'{place}: ' if place else ''}{said['say']}")
        for clause in said["clauses"]:
            out.line(f"      {clause}")
    _fields(out, one)
    _waiting(out, one)
    _consent(out, one)
    if one.get("agreement"):
        handoffs.section(out, one["agreement"])
    _history(out, one)
    out.line()


def _fields(out: Output, one: Mapping[str, Any]) -> None:
    if not one["fields"]:
        return
    _title(out, "Values")
    records = list(dict.fromkeys(s["record"] for f in one["fields"] for s in f["sides"]))
    rows = []
    for field in one["fields"]:
        shown = {s["record"]: s for s in field["sides"]}
        rows.append((
            ("≠ " if not field["agree"] else "  ") + field["field"], _value(field["agreed"], field["names"]),
            *(_side(shown.get(record), field["names"]) for record in records), field["rule"] or "", _source(field["provenance"], field["names"]),
        ))  # fmt: skip
    out.table(("  field", "agreed", *records, "rule", "from"), rows, indent=2)
    for field in one["fields"]:
        for text in field["because"]:
            out.line(f"  ≠ {field['field']}: {text}")
        for side in field["sides"]:
            if side["problem"]:
                out.line(f"  ≠ {field['field']}: {side['record']} shows {_value(side['raw'])}, {side['problem']}")


def _side(side: Mapping[str, Any] | None, names: Mapping[str, str]) -> str:
    if side is None:
        return ""
    if side["unread"]:
        return "not read"
    if side["problem"]:
        return f"{_value(side['raw'])} (!)"
    mark = " (edited)" if side["changed"] else (" (new)" if side["never_settled"] else "")
    return _value(side["shows"], names) + mark


def _source(told: Mapping[str, Any] | None, names: Mapping[str, str]) -> str:
    if not told:
        return ""
    parts = [told.get("from"), told.get("how"), f"run {told['run']}"]
    beaten = told.get("beaten")
    if beaten:
        parts.append("beat " + ", ".join(f"{_value(v, names)} of {c}" for c, v in beaten.items()))
    return ", ".join(str(part) for part in parts if part)


def _waiting(out: Output, one: Mapping[str, Any]) -> None:
    if one["owed"]:
        _title(out, "Owed")
    for row in one["owed"]:
        out.line(f"  {row['op']} {row['to']} ({row['status']}: {row['means']}; {row['reason']})")
        for name, change in row["fields"].items():
            out.line(f"      {name}: {_value(change['before'])} → {_value(change['after'])}")
    if one["conflicts"]:
        _title(out, "Conflicts")
    for entry in one["conflicts"]:
        conflicts.brief(out, entry)
    if one["quarantine"]:
        _title(out, "Quarantine")
    for entry in one["quarantine"]:
        quarantine.brief(out, entry)


def _consent(out: Output, one: Mapping[str, Any]) -> None:
    if not one["consent"]:
        return
    _title(out, "Consent")
    for told in one["consent"]:
        parts = [told["evidence"], f"by {told['source']}" if told["source"] else "", f"on {when(told['at'])}" if told["at"] else "",
                 f"basis {told['basis']}" if told["basis"] else ""]  # fmt: skip
        why = ", ".join(part for part in parts if part)
        out.line(f"  {told['channel']}: {told['status'].replace('_', ' ')}" + (f" ({why})" if why else ""))
        for record, raw in told["shown"].items():
            out.line(f"      {record} shows {_value(raw)}")


def _history(out: Output, one: Mapping[str, Any]) -> None:
    if not one["timeline"]:
        return
    _title(out, "History, newest first")
    for entry in one["timeline"][:HISTORY]:
        out.line(f"  {when(entry['at'])}  {entry['what']}  {out.style('dim', entry['run'])}")
    if len(one["timeline"]) > HISTORY:
        out.line(f"  … {len(one['timeline']) - HISTORY} more with --json")


def _title(out: Output, text: str) -> None:
    out.line()
    out.line(out.style("bold", text))


def _value(what: Any, names: Mapping[str, str] | None = None) -> str:
    """A value in a table: as it is, null as a dash, an entity that it points at by its name."""
    from smarksync.engine.timeline import shown

    if names and isinstance(what, str):
        what = names.get(what, what)
    return "–" if what is None else shown(what).strip("'")
