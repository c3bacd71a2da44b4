"""Conflicts: questions that only a person can answer. Each blocks one field of one entity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .db import Ledger, dumps, loads


class Conflict(NamedTuple):
    """One question. ``kind``: field, name, identity, flip. ``state``: open, answered."""

    id: int
    job: str
    eid: int
    field: str
    kind: str
    body: dict[str, Any]
    run: str
    since: str
    state: str
    answer: Any


_COLUMNS = "id, job, eid, field, kind, body, run, since, state, answer"


def put(ledger: Ledger, *, job: str, eid: int, field: str, kind: str, body: dict[str, Any], run: str, now: str) -> None:
    """Asks, or asks anew when the values are others; an unanswered question stays the same question."""
    ledger.run(
        f"INSERT INTO conflicts ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 'open', NULL) "
        "ON CONFLICT (eid, field, job) DO UPDATE SET body = excluded.body, kind = excluded.kind, "
        "state = CASE WHEN conflicts.body <> excluded.body THEN 'open' ELSE conflicts.state END",
        (job, eid, field, kind, dumps(body).decode(), run, now),
    )


def close(ledger: Ledger, job: str, eid: int, fields: Iterable[str]) -> None:
    """The fields are no longer in question. With a part of the name, an answered question about the full name goes."""
    fields = list(fields)
    if "first_name" in fields or "last_name" in fields:
        ledger.run(
            "DELETE FROM conflicts WHERE job = ? AND eid = ? AND kind = 'name' AND state = 'answered'", (job, eid)
        )
    ledger.run(
        "DELETE FROM conflicts WHERE job = ? AND eid = ? AND kind IN ('field', 'name') "
        "AND field IN (SELECT value FROM json_each(?))",
        (job, eid, dumps(fields).decode()),
    )


def close_identity(ledger: Ledger, job: str, eid: int, field: str) -> None:
    """The value that another record has is no longer wanted, or is tried again: nobody has to say who is who."""
    ledger.run(
        "DELETE FROM conflicts WHERE job = ? AND eid = ? AND kind = 'identity' AND field = ?",
        (job, eid, f"identity:{field}"),
    )


def of_entities(ledger: Ledger, job: str, eids: Iterable[int]) -> dict[int, set[str]]:
    """{eid: fields in question or answered}."""
    sql = "SELECT c.eid, c.field FROM json_each(?) j CROSS JOIN conflicts c WHERE c.eid = j.value AND c.job = ?"
    found: dict[int, set[str]] = {}
    for eid, field in ledger.rows(sql, (dumps(list(eids)).decode(), job)):
        found.setdefault(eid, set()).add(field)
    return found


def answers(ledger: Ledger, job: str, eids: Iterable[int]) -> dict[int, dict[str, tuple[Any, dict[str, Any]]]]:
    """{eid: {field: (the value that a person chose, {connection: the value they were asked about})}}."""
    sql = (
        "SELECT c.eid, c.field, c.answer, c.body FROM json_each(?) j CROSS JOIN conflicts c "
        "WHERE c.eid = j.value AND c.job = ? AND c.state = 'answered'"
    )
    found: dict[int, dict[str, tuple[Any, dict[str, Any]]]] = {}
    for eid, field, answer, body in ledger.rows(sql, (dumps(list(eids)).decode(), job)):
        asked = {connection: told.get("value") for connection, told in loads(body).get("values", {}).items()}
        found.setdefault(eid, {})[field] = (loads(answer), asked)
    return found


def answered_of_others(ledger: Ledger, entity: str, jobs: Iterable[str]) -> list[Conflict]:
    """Questions about entities of a kind that a person has answered, asked by jobs that are none of these."""
    where = (
        "state = 'answered' AND job NOT IN (SELECT value FROM json_each(?)) "
        "AND EXISTS (SELECT 1 FROM entities e WHERE e.eid = conflicts.eid AND e.kind = ?)"
    )
    return listed(ledger, where, (dumps(sorted(jobs)).decode(), entity), limit=-1)


def give(ledger: Ledger, ids: Iterable[int], job: str) -> None:
    """Another job carries out what was answered; a question of its own about the field goes."""
    ledger.many("UPDATE OR REPLACE conflicts SET job = ? WHERE id = ?", ((job, one) for one in ids))


def parked(ledger: Ledger, job: str, eids: Iterable[int]) -> dict[int, frozenset[tuple[str, int]]]:
    """{eid: {(field, sid)}}: fields that rest because two writers never did."""
    sql = (
        "SELECT c.eid, c.field, c.body FROM json_each(?) j CROSS JOIN conflicts c "
        "WHERE c.eid = j.value AND c.job = ? AND c.kind = 'flip' AND c.state = 'open'"
    )
    found: dict[int, set[tuple[str, int]]] = {}
    for eid, field, body in ledger.rows(sql, (dumps(list(eids)).decode(), job)):
        found.setdefault(eid, set()).add((field, int(loads(body)["sid"])))
    return {eid: frozenset(pairs) for eid, pairs in found.items()}


def listed(ledger: Ledger, where: str = "1", params: Sequence[Any] = (), limit: int = 500) -> list[Conflict]:
    """Conflicts by a condition, newest first; ``limit`` -1: all of them."""
    rows = ledger.rows(f"SELECT {_COLUMNS} FROM conflicts WHERE {where} ORDER BY id DESC LIMIT ?", (*params, limit))
    return [Conflict._make((*row[:5], loads(row[5]), *row[6:9], loads(row[9]) if row[9] else None)) for row in rows]


def count_open(ledger: Ledger, jobs: Sequence[str]) -> int:
    """How many wait for an answer."""
    marks = ", ".join("?" * len(jobs))
    return int(ledger.value(f"SELECT count(*) FROM conflicts WHERE state = 'open' AND job IN ({marks})", tuple(jobs)))


def answer(ledger: Ledger, conflict_id: int, value: Any) -> None:
    """A person chose a value; the next run carries it out."""
    ledger.run("UPDATE conflicts SET state = 'answered', answer = ? WHERE id = ?", (dumps(value).decode(), conflict_id))


def remove(ledger: Ledger, conflict_id: int) -> None:
    """Takes a conflict out (an identity question settled, a parked field released)."""
    ledger.run("DELETE FROM conflicts WHERE id = ?", (conflict_id,))
