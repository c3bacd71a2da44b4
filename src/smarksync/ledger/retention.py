"""What the ledger forgets with time: plans, before-images, and all of the history but the last change of each field.

Every call does a bounded piece of work from where the last one stopped, so that a run never waits for a sweep.
"""

from __future__ import annotations

from typing import Any

from . import meta
from .db import Ledger, dumps, loads

#: audit rows looked at in one call
PIECE = 5000


def drop_plans(ledger: Ledger, before: str) -> int:
    """Plans that were never released, made by runs before a moment (an instant as text). Intents are never dropped."""
    sql = "SELECT p.seq FROM plan p JOIN runs r ON r.run = p.run WHERE p.status = 'held' AND r.started_at < ? LIMIT ?"
    seqs = [row[0] for row in ledger.rows(sql, (before, PIECE))]
    which = (dumps(seqs).decode(),)
    for table in ("plan_bodies", "plan_marks", "plan") if seqs else ():
        ledger.run(f"DELETE FROM {table} WHERE seq IN (SELECT value FROM json_each(?))", which)
    return len(seqs)


def drop_before_images(ledger: Ledger, before: str) -> int:
    """What records showed before we wrote them, in the history before a moment."""
    rows = _old(ledger, "swept:before_images", before)
    changed = []
    for number, _, body in rows:
        told = loads(body)
        for part in (told.get("vendor") or {}, told.get("fields") or {}):
            for one in part.values():
                if isinstance(one, dict):
                    one.pop("before", None)
        if (now := dumps(told)) != dumps(loads(body)):
            changed.append((now, number))
    ledger.many("UPDATE audit SET body = ? WHERE id = ?", changed)
    _mark(ledger, "swept:before_images", rows)
    return len(changed)


def drop_history(ledger: Ledger, before: str) -> int:
    """The history before a moment, but for the last change of each field, and who a record was made for."""
    rows = _old(ledger, "swept:audit", before)
    dropped = 0
    for eid in sorted({eid for _, eid, _ in rows}):
        dropped += _thin_out(ledger, eid, before)
    _mark(ledger, "swept:audit", rows)
    return dropped


def _thin_out(ledger: Ledger, eid: int, before: str) -> int:
    known: set[tuple[str, str]] = set()
    over: list[int] = []
    smaller: list[tuple[bytes, int]] = []
    for number, at, body in ledger.rows("SELECT id, at, body FROM audit WHERE eid = ? ORDER BY id DESC", (eid,)):
        told: dict[str, Any] = loads(body)
        place = "consent" if told.get("op") == "consent" else "field"
        fields = told.get("fields") or {}
        last = {name for name in fields if (place, name) not in known}
        known.update((place, name) for name in fields)
        origin = ("create", str(told.get("connection"))) if told.get("op") == "create" else None
        first = origin is not None and origin not in known
        if origin is not None:
            known.add(origin)
        if at >= before:
            continue
        if not last and not first:
            over.append(number)
        elif len(last) < len(fields):
            told["fields"] = {name: why for name, why in fields.items() if name in last}
            told.pop("vendor", None)
            smaller.append((dumps(told), number))
    ledger.many("UPDATE audit SET body = ? WHERE id = ?", smaller)
    if over:
        ledger.run("DELETE FROM audit WHERE id IN (SELECT value FROM json_each(?))", (dumps(over).decode(),))
    return len(over)


def drop_runs(ledger: Ledger, before: str) -> None:
    """The reports of runs before a moment."""
    ledger.run("DELETE FROM runs WHERE started_at < ? AND run NOT IN (SELECT run FROM plan)", (before,))


def drop_flips(ledger: Ledger, before: str) -> None:
    """What the breaker counted before a moment; it looks back for days, not for months."""
    ledger.run("DELETE FROM flips WHERE at < ?", (before,))


def _old(ledger: Ledger, mark: str, before: str) -> list[tuple[int, int, bytes]]:
    """The next rows of the history that are old enough; they are stored in the order of their times."""
    done = int(meta.get(ledger, mark) or 0)
    found: list[tuple[int, int, bytes]] = []
    for number, eid, at, body in ledger.rows(
        "SELECT id, eid, at, body FROM audit WHERE id > ? ORDER BY id LIMIT ?", (done, PIECE if _any(ledger, done, before) else 0)
    ):  # fmt: skip
        if at >= before:
            break
        found.append((number, eid, body))
    return found


def _any(ledger: Ledger, done: int, before: str) -> bool:
    first = ledger.value("SELECT at FROM audit WHERE id > ? ORDER BY id LIMIT 1", (done,))
    return first is not None and first < before


def _mark(ledger: Ledger, mark: str, rows: list[tuple[int, int, bytes]]) -> None:
    if rows:
        meta.put(ledger, mark, str(rows[-1][0]))
