"""What waits for people, as plain data: each entry with the one command that would release it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.errors import UsageError
from smarksync.ledger import conflicts, entities, keys, links, quarantine
from smarksync.ledger.conflicts import Conflict
from smarksync.ledger.db import Ledger
from smarksync.ledger.quarantine import Held
from smarksync.model import ABSENT, ENTITIES

from .context import Run
from .lookup import load_people
from .refs import name_of

MATCHING = ("ambiguous", "duplicate")


def label(ledger: Ledger, eid: int, agreed: Mapping[str, Any] | None = None) -> str:
    """Something that people know an entity by: its address, its name, or a key that it was found by."""
    if agreed is None:
        agreed = entities.load(ledger, [eid]).get(eid, ("", "", {}))[2]
    for name in ("email", "name", "domain"):
        if agreed.get(name):
            return str(agreed[name])
    held = [value for _, value, weak in keys.of_entity(ledger, eid) if not weak]
    return held[0].replace("\x1f", " ") if held else ""


def conflict_entries(
    ledger: Ledger, where: str = "1", params: Sequence[Any] = (), limit: int = 500
) -> list[dict[str, Any]]:
    """Conflicts, newest first."""
    return [conflict_entry(ledger, one) for one in conflicts.listed(ledger, where, params, limit)]


def conflict_entry(ledger: Ledger, one: Conflict) -> dict[str, Any]:
    """One conflict: the question, the values by connection, and the commands that answer it."""
    ref, _, agreed = entities.load(ledger, [one.eid]).get(one.eid, ("?", "", {}))
    values = one.body.get("values", {})
    told = [agreed.get(one.field), one.answer, *(value.get("value") for value in values.values())]
    return {
        "id": one.id, "kind": one.kind, "field": one.field, "job": one.job, "state": one.state,
        "entity": ref, "who": label(ledger, one.eid, agreed), "records": _records(ledger, one.eid),
        "question": one.body.get("question", ""), "agreed": agreed.get(one.field),
        "values": values, "named": _named(ledger, one, told), "others": one.body.get("entities") or one.body.get("records") or [],
        "answer": one.answer, "since": one.since, "run": one.run, "release": conflict_commands(one),
    }  # fmt: skip


def _named(ledger: Ledger, conflict: Conflict, values: Sequence[Any]) -> dict[str, str]:
    """{id: whom or what people know by it} of a field that points at colleagues or companies, as far as we know them."""
    kind = str(ledger.value("SELECT kind FROM entities WHERE eid = ?", (conflict.eid,)))
    known = ENTITIES[kind].fields.get(conflict.field) if kind in ENTITIES else None
    if known is None or known.ref is None:
        return {}
    ids = {one for value in values for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)}
    found = {}
    for one in sorted(ids):
        connection, _, record = one.partition(f":{known.ref}:")  # somebody who was not listed when the value was seen
        ref = links.entity_of(ledger, connection, known.ref, record) if record else one
        eid = entities.by_refs(ledger, [ref]).get(ref) if ref else None
        if eid is not None:
            _, _, agreed = entities.load(ledger, [eid]).get(eid, ("", "", {}))
            names = [str(agreed[part]) for part in ("name", "email", "domain") if agreed.get(part)]
            if names:
                found[one] = ", ".join(dict.fromkeys(names))
    return found


def conflict_commands(one: Conflict) -> list[str]:
    """The command lines that settle a conflict, the likeliest first."""
    base = f"smarksync conflicts resolve {one.id}"
    if one.kind == "flip":
        return [f"{base} --resume"]
    if one.kind == "identity":
        return [f"{base} --join", f"{base} --apart"]
    if one.kind == "name":
        return [f'{base} --value "FIRST|LAST"']
    return [*(f"{base} --take {name}" for name in one.body.get("values", {})), f"{base} --value VALUE"]


def the_conflict(ledger: Ledger, conflict_id: int) -> Conflict:
    """The conflict of that number. Raises UsageError naming those that exist."""
    found = conflicts.listed(ledger, "id = ?", (conflict_id,), 1)
    if not found:
        known = [row[0] for row in ledger.rows("SELECT id FROM conflicts ORDER BY id LIMIT 21")]
        raise UsageError(f"There is no conflict {conflict_id}.", hint=_those(known, "conflicts"))
    return found[0]


def held_entries(
    ledger: Ledger, where: str = "1", params: Sequence[Any] = (), limit: int = 500
) -> list[dict[str, Any]]:
    """Quarantine entries, newest first."""
    return [held_entry(ledger, one) for one in quarantine.listed(ledger, where, params, limit)]


def held_entry(ledger: Ledger, one: Held) -> dict[str, Any]:
    """One entry: what is held and why, who could be meant, and the commands that release it."""
    ref, _, agreed = entities.load(ledger, [one.eid]).get(one.eid, ("?", "", {}))
    group = links.of_entities(ledger, [one.eid]).get(one.eid, [])
    there = sorted((link.state != links.LIVE, link.rank, link.rid) for link in group if link.sid == one.sid)
    rid = there[0][2] if there else None
    candidates = [_candidate(ledger, c) for c in one.facts.get("candidates", [])]
    return {
        "id": one.id, "kind": one.kind, "code": one.code, "job": one.job or None, "state": one.state, "entity": ref,
        "who": label(ledger, one.eid, agreed), "record": name_of(ledger, one.sid, rid), "field": one.field if one.of_field else None,
        "new_from": _records(ledger, one.eid) if rid is None else [],
        "message": one.message, "candidates": candidates, "since": one.since, "run": one.run,
        "do": held_advice(one), "release": held_commands(one, candidates),
    }  # fmt: skip


def owners_refused(ledger: Ledger, jobs: Sequence[str]) -> list[dict[str, Any]]:
    """Records that stay with their owner, because their system did not take the next one; newest first."""
    marks = ", ".join("?" * len(jobs))
    where = f"kind = 'refused' AND state = 'open' AND json_extract(facts, '$.canonical') = 'owner' AND job IN ({marks})"
    return [
        {"id": one.id, "job": one.job, "lead": told["entity"], "who": told["who"], "record": told["record"],
         "to": one.facts.get("to", ""), "why": one.facts.get("why", ""), "since": one.since, "next": f"smarksync quarantine show {one.id}"}
        for one in quarantine.listed(ledger, where, tuple(jobs)) for told in (held_entry(ledger, one),)
    ]  # fmt: skip


def values_of(run: Run, one: Held) -> dict[str, Any]:
    """{record: what it shows in the field that is held}, for whoever may see the records themselves; never for a log."""
    mapping = run.mappings.get(one.sid)
    name = (
        next((c.name for c in mapping.fields.values() if c.vendor == one.field), None) if mapping is not None else None
    )
    (person,) = load_people(run, [one.eid], one.job) or (None,)
    if name is None or person is None:
        return {}
    found = {}
    for side in person.sides:
        codec = side.codec(name if name != "full_name" else "last_name")
        shown = side.shown(codec, person.agreed) if codec is not None and side.state == links.LIVE else ABSENT
        if shown is not ABSENT:
            found[f"{side.connection}:{side.stream}:{side.rid}"] = shown
    return found


def _candidate(ledger: Ledger, ref: str) -> dict[str, Any]:
    eid = entities.by_refs(ledger, [ref]).get(ref)
    if eid is None:
        return {"entity": ref, "who": "", "records": []}
    return {"entity": ref, "who": label(ledger, eid), "records": _records(ledger, eid)}


def held_commands(one: Held, candidates: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """The command lines that release an entry, the likeliest first."""
    if one.kind in MATCHING:
        base = f"smarksync quarantine release {one.id}"
        return [*(f"{base} --join {c['entity']}" for c in candidates[:3]), f"{base} --as-new"]
    return [f"smarksync quarantine retry {one.id}"]


def held_advice(one: Held) -> str:
    """What a person has to do about an entry, in a sentence."""
    if one.kind in MATCHING:
        return "Say whose record it is: join it to a candidate, or take it as somebody new."
    if one.kind == "required":
        return f"Give {one.field} a value in any connected system: the next run goes on by itself."
    if one.kind == "value" and one.facts.get("direction") == "in":
        table = ", or add its value to `values:` in the mapping" if one.code == "SMK-PICKLIST-UNKNOWN" else ""
        return f"Correct {one.field} there{table}: the next run goes on by itself."
    if one.kind == "value":
        return f"Change the value at its source, or the mapping of {one.field}: the next run goes on by itself."
    return "Put right what the system complains of, then retry: the same values are not sent twice."


def the_held(ledger: Ledger, ids: Sequence[int]) -> list[Held]:
    """The entries of those numbers. Raises UsageError naming those that exist, before anything is done."""
    found = []
    for one in dict.fromkeys(ids):
        entry = quarantine.listed(ledger, "id = ?", (one,), 1)
        if not entry:
            known = [row[0] for row in ledger.rows("SELECT id FROM quarantine ORDER BY id LIMIT 21")]
            raise UsageError(f"There is no quarantine entry {one}.", hint=_those(known, "quarantine"))
        found += entry
    return found


def _those(known: Sequence[int], command: str) -> str:
    if not known:
        return "There are none."
    if len(known) == 1:
        return f"The only one is {known[0]}; see `smarksync {command} list`."
    more = " …" if len(known) > 20 else ""
    return f"There are {', '.join(map(str, known[:20]))}{more}; see `smarksync {command} list`."


def _records(ledger: Ledger, eid: int) -> list[str]:
    group = links.of_entities(ledger, [eid]).get(eid, [])
    return [name_of(ledger, link.sid, link.rid) for link in group if link.state == links.LIVE]


__all__ = [
    "MATCHING",
    "conflict_entries",
    "conflict_entry",
    "held_entries",
    "held_entry",
    "label",
    "the_conflict",
    "the_held",
]
