"""What the dashboard's pages show, read from the ledger: small questions that an index answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from smarksync.alignment.judge import TALKED
from smarksync.engine import explain, refs, status
from smarksync.engine.offline import Desk
from smarksync.engine.queues import label
from smarksync.errors import UsageError
from smarksync.ledger import activities, cases, entities, plans, reading, states, streams
from smarksync.ledger.db import Ledger
from smarksync.model.moments import micros, wire

from .clocks import Clocks

PAGE = 50
#: activities and moves of one lead that a page shows; the newest
MOST = 200
#: states of open cases in which a first attempt may still be waited for
_UNTRIED = tuple(state for state in cases.OPEN if state not in TALKED)


def badges(ledger: Ledger) -> dict[str, int]:
    """What waits for people, for the navigation."""
    return {
        name: int(ledger.value(f"SELECT count(*) FROM {name} WHERE state = 'open'"))
        for name in ("conflicts", "quarantine")
    }


def handoffs(
    clocks: Clocks, ledger: Ledger, now: datetime, *, state: str = "", owner: str = "", page: int = 1
) -> dict[str, Any]:
    """Open hand-offs with their clocks: first those whose first attempt can still be in time, the next to be due first."""
    where, params = ["closed_at IS NULL"], []
    if state in cases.OPEN:
        where.append("state = ?")
        params.append(state)
    owners = reading.names(ledger, "owner")
    if owner:
        where.append("owner = ?")
        params.append(owner)
    # all that is asked of every open case stands in that index: no case is read but those that the page shows
    condition = f"FROM cases INDEXED BY cases_board WHERE {' AND '.join(where)}"
    total = int(ledger.value(f"SELECT count(*) {condition}", params))
    page = max(1, min(page, -(-total // PAGE) or 1))
    # then what is overdue, the latest first: the oldest of it is lost, and would stand before what can be saved
    order = (
        "ORDER BY (state NOT IN ('qualified', 'offered')), due_at IS NULL, due_at < ?1, "
        f"CASE WHEN due_at < ?1 THEN -due_at ELSE due_at END, opened_at LIMIT {PAGE} OFFSET {PAGE * (page - 1)}"
    ).replace("?1", str(micros(now)))
    ids = [row[0] for row in ledger.rows(f"SELECT cid {condition} {order}", params)]
    counts: Counter[str] = Counter()
    whose = set()
    for word, ref, count in ledger.rows(
        "SELECT state, owner, count(*) FROM cases INDEXED BY cases_board WHERE closed_at IS NULL GROUP BY state, owner"
    ):
        counts[word] += count
        whose.add(ref)
    return {
        "rows": _told(ledger, _cases(ledger, ids), owners, clocks.of(ledger, now, ids)), "total": total, "page": page,
        "pages": -(-total // PAGE) or 1, "states": {name: counts[name] for name in cases.OPEN if name in counts},
        "owners": sorted(((ref, owners.get(ref, ref)) for ref in whose - {None}), key=lambda pair: pair[1]),
        "state": state, "owner": owner,
    }  # fmt: skip


def _cases(ledger: Ledger, ids: list[int]) -> list[cases.Case]:
    """The cases of these numbers, in this order."""
    found = {case.cid: case for case in cases.load(ledger, ids)}
    return [found[cid] for cid in ids if cid in found]


def _told(
    ledger: Ledger, found: list[cases.Case], owners: Mapping[str, str], clocks: Mapping[int, list[Any]]
) -> list[dict[str, Any]]:
    people = entities.load(ledger, {case.eid for case in found})
    return [_case(case, *people.get(case.eid, ("?", "", {}))[::2], owners, clocks.get(case.cid, ())) for case in found]


def _case(
    case: cases.Case, ref: str, agreed: Mapping[str, Any], owners: Mapping[str, str], clocks: Iterable[Any]
) -> dict[str, Any]:
    return {
        "cid": case.cid, "ref": ref, "who": _name(agreed) or agreed.get("email"), "company": agreed.get("company"),
        "product": case.product, "cycle": case.cycle, "state": case.state, "definition": case.definition,
        "owner": owners.get(case.owner or "", case.owner), "opened_at": wire(case.opened_at),
        "due_at": None if case.due_at is None else wire(case.due_at),
        "clocks": [
            {"promise": v.promise, "status": v.status, "why": v.why, "due_at": None if v.due is None else wire(v.due),
             "left_seconds": None if v.left is None else v.left / 1e6, "used": v.used}
            for v in clocks
        ],
    }  # fmt: skip


def _name(agreed: Mapping[str, Any]) -> str:
    return " ".join(str(agreed[n]) for n in ("first_name", "last_name") if agreed.get(n))


def search(ledger: Ledger, text: str) -> list[dict[str, Any]]:
    """Whom the text names: an address, a record, an entity id."""
    if not text.strip():
        return []
    try:
        found = refs.find(ledger, text)
    except UsageError:
        return []
    people = entities.load(ledger, [one.eid for one in found if one.eid is not None])
    return [
        {
            "ref": ref,
            "who": _name(agreed) or label(ledger, eid, agreed),
            "company": agreed.get("company"),
            "state": state,
        }
        for eid, (ref, state, agreed) in people.items()
    ]


def latest(ledger: Ledger, limit: int = 25) -> list[dict[str, Any]]:
    """The leads handed over last."""
    rows = ledger.rows("SELECT eid, state, opened_at FROM cases ORDER BY opened_at DESC LIMIT ?", (limit,))
    people = entities.load(ledger, [row[0] for row in rows])
    return [
        {"ref": people[eid][0], "who": _name(people[eid][2]) or label(ledger, eid, people[eid][2]),
         "company": people[eid][2].get("company"), "state": state, "at": wire(at)}
        for eid, state, at in rows if eid in people
    ]  # fmt: skip


def lead(clocks: Clocks, desk: Desk, ref: str, now: datetime) -> dict[str, Any]:
    """Everything about one lead: what each system shows, its cases with their clocks, and what happened. Raises UsageError."""
    ledger = desk.ledger
    eid = refs.one(ledger, ref)
    person = next(one for one in explain.explain(desk, entities.refs(ledger, [eid])[eid])["people"])
    owners = reading.names(ledger, "owner")
    mine = cases.of_entities(ledger, [eid]).get(eid, [])
    agreed = entities.load(ledger, [eid])[eid][2]
    for field in person["fields"]:
        if field["field"] == "owner":  # people know colleagues by name
            field["agreed"] = owners.get(str(field["agreed"]), field["agreed"])
            for side in field["sides"]:
                side["shows"] = owners.get(str(side["shows"]), side["shows"])
    return {
        "person": person, "name": _name(agreed) or person["who"],
        "cases": _told(ledger, mine[::-1], owners, clocks.of(ledger, now, [case.cid for case in mine])),
        "events": _events(ledger, eid, mine, owners, person["timeline"]),
    }  # fmt: skip


def _events(
    ledger: Ledger, eid: int, mine: list[cases.Case], owners: Mapping[str, str], audit: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One list of what both teams did and what SmarkSync did, newest first."""
    campaigns = reading.names(ledger, "campaign")
    found = []
    for act in activities.of(ledger, [eid]).get(eid, [])[:MOST]:
        body = act.body
        about = body.get("subject") or body.get("asset") or campaigns.get(body.get("campaign", ""))
        parts = [
            str(part).replace("_", " ") if part is body.get("result") else str(part)
            for part in (about, owners.get(body.get("owner", "")), body.get("result"))
            if part and part != "none"
        ]
        found.append(
            {"at": wire(act.at), "kind": act.actor, "what": act.type.replace("_", " "), "detail": ", ".join(parts)}
        )
    products = {case.cid: case.product for case in mine}
    for cid, moves in cases.moves_of(ledger, products).items():
        for move in moves:
            detail = ", ".join(
                part for part in (products[cid], move.reason, "skipped" if move.skipped else None) if part
            )
            found.append({"at": wire(move.at), "kind": "hand-off", "what": move.state, "detail": detail})
    for entry in audit:
        found.append({"at": entry["at"], "kind": "sync", "what": entry["what"], "detail": f"run {entry['run']}"})
    return sorted(found, key=lambda one: one["at"], reverse=True)[: 2 * MOST]


def held_plans(ledger: Ledger, limit: int = 200) -> dict[str, Any]:
    """Planned rows that were not sent, by job and place, and the first of them in full."""
    known = {stream.sid: f"{stream.connection}:{stream.object}" for stream in streams.every(ledger)}
    groups = ledger.rows(
        "SELECT job, sid, op, count(*), min(run) FROM plan WHERE status = 'held' GROUP BY job, sid, op ORDER BY 1, 2, 3"
    )
    since = states.held(ledger)
    rows = plans.load(ledger, "status = 'held'", limit=limit)
    people = entities.load(ledger, [row.eid for row in rows])
    return {
        "groups": [
            {"job": job, "place": known.get(sid, "–"), "op": op, "count": count, "since": since.get(job)}
            for job, sid, op, count, _ in groups
        ],
        "rows": [
            {"job": row.job, "place": known.get(row.sid, "–"), "op": row.op, "id": row.rid,
             "ref": people.get(row.eid, ("?",))[0], "who": label(ledger, row.eid), "reason": row.body.get("reason", ""),
             "fields": [(name, row.body.get("before", {}).get(name), value) for name, value in row.body.get("after", {}).items()]}
            for row in rows
        ],
    }  # fmt: skip


def mapping(desk: Desk) -> list[dict[str, Any]]:
    """Every object's fields as they are mapped, against the schema that was last seen."""
    run = desk.open()
    found = []
    for compiled in sorted(run.mappings.values(), key=lambda m: (m.connection, m.stream)):
        found.append({
            "connection": compiled.connection, "object": compiled.stream, "entity": compiled.entity,
            "fields": [
                {"name": f.name, "vendor": f.vendor + (f" + {f.currency_vendor}" if f.currency_vendor else ""),
                 "type": f.field.type, "way": "both" if f.read and f.write else ("read" if f.read else "write"),
                 "create_only": f.write and f.create_only,
                 "required": f.required, "most": f.max_length}
                for f in compiled.fields.values()
            ],
            "inactive": [{"name": one.name, "vendor": one.vendor, "reason": one.reason} for one in compiled.inactive],
            "warnings": list(compiled.warnings),
        })  # fmt: skip
    return found


def overview(ledger: Ledger, now: datetime) -> dict[str, Any]:
    """The small figures of the first page."""
    runs = status.history(ledger, 1)
    return {
        "run": runs[0] if runs else None,
        "open": int(ledger.value("SELECT count(*) FROM cases INDEXED BY cases_board WHERE closed_at IS NULL")),
        "overdue": _overdue(ledger, micros(now)),
        "leads": int(ledger.value("SELECT COALESCE(sum(live), 0) FROM streams WHERE entity = 'lead'")),
        **badges(ledger),
    }  # fmt: skip


def _overdue(ledger: Ledger, now: int) -> int:
    """Open hand-offs that wait for a first attempt after it was due.

    One that was called waits no more, whatever state sales left it in; one whose clock stood still before it was due is
    not late; one that has an opportunity was talked to.
    """
    waiting = ",".join("?" * len(_UNTRIED))
    return int(ledger.value(
        f"SELECT count(*) FROM cases c INDEXED BY cases_board WHERE c.closed_at IS NULL AND c.state IN ({waiting}) "
        "AND c.due_at < ? "
        "AND NOT EXISTS (SELECT 1 FROM activities a INDEXED BY activities_attempts "
        "WHERE a.eid = c.eid AND a.attempt = 1 AND a.at BETWEEN c.offered_at AND ?) "
        "AND NOT EXISTS (SELECT 1 FROM pauses p WHERE p.cid = c.cid AND p.to_at IS NULL AND p.from_at <= c.due_at)",
        (*_UNTRIED, now, now),
    ))  # fmt: skip
