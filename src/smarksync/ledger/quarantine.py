"""Records, or single fields of them, that cannot go on until somebody or something changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads

#: what stands before the key of a fact (a copied activity, a task, a membership): each is refused by itself
FACT = "fact:"
#: what stands before the id of a record that was refused what a person allowed: an edit of it may be refused beside that
CONSENT = "consent:"


class Held(NamedTuple):
    """One entry. ``state``: open, ignored. ``wanted`` is the hash of what was wanted."""

    id: int
    job: str
    eid: int
    sid: int
    kind: str
    field: str
    code: str
    message: str
    wanted: str
    facts: dict[str, Any]
    run: str
    since: str
    state: str

    @property
    def of_field(self) -> bool:
        """Whether the entry is about one field of a record: not about the record, its consent, or a fact."""
        return bool(self.field) and not self.field.startswith((FACT, CONSENT))


def put(
    ledger: Ledger, *, job: str, eid: int, sid: int, kind: str, field: str, code: str, message: str, wanted: str,
    facts: dict[str, Any], run: str, now: str,
) -> None:  # fmt: skip
    """Adds or refreshes an entry. One that was ignored stays so until something else is wanted."""
    ledger.run(
        "INSERT INTO quarantine (job, eid, sid, kind, field, code, message, wanted, facts, run, since) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (eid, sid, kind, field, job) DO UPDATE SET "
        "state = CASE WHEN quarantine.wanted <> excluded.wanted THEN 'open' ELSE quarantine.state END, "
        "code = excluded.code, message = excluded.message, wanted = excluded.wanted, facts = excluded.facts",
        (job, eid, sid, kind, field, code, message, wanted, dumps(facts).decode(), run, now),
    )


def clear(ledger: Ledger, eid: int, kinds: Sequence[str], sid: int | None = None, field: str | None = None) -> None:
    """What held the entity is over."""
    where, params = "eid = ?", [eid]
    marks = ", ".join("?" * len(kinds))
    extra: list[Any] = list(kinds)
    if sid is not None:
        where += " AND sid = ?"
        params.append(sid)
    if field is not None:
        where += " AND field = ?"
        extra = [field, *kinds]
    ledger.run(f"DELETE FROM quarantine WHERE {where} AND kind IN ({marks})", (*params, *extra))


def unbar(ledger: Ledger, eid: int, sid: int) -> None:
    """A record of the person's left there: what was refused as a duplicate may go now."""
    ledger.run(
        "DELETE FROM quarantine WHERE eid = ? AND sid = ? AND kind = 'refused' AND code = 'SMK-DUPLICATE' "
        "AND state = 'open'",
        (eid, sid),
    )


def taken(ledger: Ledger, job: str, records: Sequence[tuple[int, int]]) -> None:
    """(eid, sid): the system has taken the record now, so its earlier refusals are over; those of one field are not."""
    if not records or ledger.one("SELECT 1 FROM quarantine WHERE kind = 'refused' LIMIT 1") is None:
        return
    ledger.many(
        "DELETE FROM quarantine WHERE kind = 'refused' AND field = '' AND job = ? AND eid = ? AND sid = ?",
        [(job, eid, sid) for eid, sid in records],
    )


def consent_taken(ledger: Ledger, job: str, records: Sequence[tuple[int, int, str | None]]) -> None:
    """(eid, sid, record): the system has taken what the person allowed now."""
    if records:
        ledger.many(
            "DELETE FROM quarantine WHERE kind = 'refused' AND job = ? AND eid = ? AND sid = ? AND field = ?",
            [(job, eid, sid, f"{CONSENT}{rid}") for eid, sid, rid in records],
        )


def facts_taken(ledger: Ledger, job: str, facts: Iterable[tuple[int, int, str]]) -> None:
    """(eid, sid, key): the system has taken the fact now."""
    ledger.many(
        "DELETE FROM quarantine WHERE kind = 'refused' AND job = ? AND eid = ? AND sid = ? AND field = ?",
        [(job, eid, sid, FACT + key) for eid, sid, key in facts],
    )


def refused_facts(ledger: Ledger, job: str) -> dict[tuple[int, int, str], str]:
    """{(eid, sid, key): the hash of what was refused} of a job; few, and asked for only when there are any."""
    sql = "SELECT eid, sid, field, wanted FROM quarantine WHERE kind = 'refused' AND job = ? AND field LIKE 'fact:%'"
    return {(eid, sid, field.removeprefix(FACT)): wanted for eid, sid, field, wanted in ledger.rows(sql, (job,))}


def of_entities(ledger: Ledger, job: str, eids: Iterable[int]) -> dict[int, list[Held]]:
    """{eid: entries of that job and of matching}."""
    sql = (
        "SELECT q.id, q.job, q.eid, q.sid, q.kind, q.field, q.code, q.message, q.wanted, q.facts, q.run, q.since, q.state "
        "FROM json_each(?) j CROSS JOIN quarantine q WHERE q.eid = j.value AND q.job IN (?, '')"
    )
    found: dict[int, list[Held]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(), job)):
        held = _held(row)
        found.setdefault(held.eid, []).append(held)
    return found


def listed(ledger: Ledger, where: str = "1", params: Sequence[Any] = (), limit: int = 500) -> list[Held]:
    """Entries by a condition, newest first."""
    sql = (
        "SELECT id, job, eid, sid, kind, field, code, message, wanted, facts, run, since, state FROM quarantine "
        f"WHERE {where} ORDER BY id DESC LIMIT ?"
    )
    return [_held(row) for row in ledger.rows(sql, (*params, limit))]


def count_open(ledger: Ledger, jobs: Sequence[str]) -> int:
    """How many wait, for these jobs and for matching."""
    marks = ", ".join("?" * len(jobs))
    return int(
        ledger.value(
            f"SELECT count(*) FROM quarantine WHERE state = 'open' AND (job = '' OR job IN ({marks}))", tuple(jobs)
        )
    )


def remove(ledger: Ledger, ids: Iterable[int]) -> None:
    """Takes entries out."""
    ids = list(ids)
    if not ids:
        return
    ledger.run("DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?))", (dumps(ids).decode(),))


def set_state(ledger: Ledger, held_id: int, state: str) -> None:
    """open or ignored."""
    ledger.run("UPDATE quarantine SET state = ? WHERE id = ?", (state, held_id))


def _held(row: tuple[Any, ...]) -> Held:
    return Held._make((*row[:9], loads(row[9]) if row[9] else {}, *row[10:]))
