"""Entities: one person, account or opportunity, with the values that are agreed about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from . import activities, memberships, stages, ties
from .db import Ledger, among, dumps, loads, packed

LIVE, ALIAS, PROVISIONAL, FORGOTTEN = "live", "alias", "provisional", "forgotten"


#: base32 in lower case, ten bits at a time: base64.b32encode takes three times as long, and a first load asks for millions
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _LETTERS for b in _LETTERS]
_SHIFTS = range(70, -1, -10)


def make_ref(workspace: str, connection: str, name: str, rid: str, nth: int = 0) -> str:
    """An entity id from the record that it was first seen as: the same again after a crash or in a plan's copy."""
    seed = f"{workspace}\x1f{connection}\x1f{name}\x1f{rid}\x1f{nth}".encode()
    number = int.from_bytes(hashlib.blake2b(seed, digest_size=10).digest(), "big")
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])


def is_ref(text: str) -> bool:
    """Whether the text has the form of an entity id."""
    return len(text) == 16 and all(letter in _LETTERS for letter in text)


def add(ledger: Ledger, rows: Iterable[tuple[int, str, str, str, str, str]]) -> None:
    """New entities: (eid, ref, kind, state, agreed, run)."""
    ledger.add("INSERT INTO entities (eid, ref, kind, state, agreed, created_run) VALUES (?, ?, ?, ?, ?, ?)", rows)


def begin(ledger: Ledger, kind: str, run: str, rows: Iterable[tuple[int, str, str]]) -> None:
    """New entities of which nothing is agreed yet: (eid, ref, state)."""
    sql = "INSERT INTO entities (kind, created_run, eid, ref, state, agreed) VALUES (?1, ?2, ?, ?, ?, '{}')"
    ledger.add(sql, rows, (kind, run))


def taken(ledger: Ledger, ref: str) -> bool:
    """Whether the entity id is in use."""
    return ledger.one("SELECT 1 FROM entities WHERE ref = ?", (ref,)) is not None


def refs(ledger: Ledger, eids: Iterable[int]) -> dict[int, str]:
    """{eid: ref}."""
    where, params = among("eid", eids)
    return dict(ledger.rows(f"SELECT eid, ref FROM entities WHERE {where}", params))


def load(ledger: Ledger, eids: Iterable[int]) -> dict[int, tuple[str, str, dict[str, Any]]]:
    """{eid: (ref, state, agreed)}."""
    return {eid: (ref, state, loads(agreed)) for eid, (ref, state, agreed) in stored(ledger, eids).items()}


def stored(ledger: Ledger, eids: Iterable[int]) -> dict[int, tuple[str, str, str]]:
    """{eid: (ref, state, agreed as JSON)}: a value is cheapest to take apart just before it is used."""
    where, params = among("eid", eids)
    found = ledger.rows(f"SELECT eid, ref, state, agreed FROM entities WHERE {where}", params)
    return {eid: (ref, state, agreed) for eid, ref, state, agreed in found}


def save_agreed(ledger: Ledger, rows: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Stores (eid, agreed); nulls are left out, a missing name reads as null."""
    ledger.many(
        "UPDATE entities SET agreed = ? WHERE eid = ?",
        (
            (packed({k: v for k, v in agreed.items() if v is not None and k != "external_id"}).decode(), eid)
            for eid, agreed in rows
        ),
    )


def set_state(ledger: Ledger, eid: int, state: str) -> None:
    """live, alias, provisional or forgotten."""
    ledger.run("UPDATE entities SET state = ? WHERE eid = ?", (state, eid))


def by_refs(ledger: Ledger, refs: Sequence[str]) -> dict[str, int]:
    """{entity id: eid}, aliases followed to the survivor."""
    sql = "SELECT e.ref, COALESCE(e.into_eid, e.eid) FROM json_each(?) j CROSS JOIN entities e WHERE e.ref = j.value"
    return dict(ledger.rows(sql, (dumps(list(refs)).decode(),)))


def join(ledger: Ledger, loser: int, survivor: int) -> None:
    """Makes one entity of two: the loser becomes an alias everywhere. (Links, keys and facts move with it.)

    Hand-off cases stay with the alias until the hand-off job joins them: only one of them may go on.
    """
    ledger.run("UPDATE entities SET state = ?, into_eid = ? WHERE eid = ?", (ALIAS, survivor, loser))
    ledger.run("UPDATE entities SET into_eid = ? WHERE into_eid = ?", (survivor, loser))
    ledger.run("UPDATE OR IGNORE keys SET eid = ? WHERE eid = ?", (survivor, loser))
    ledger.run("DELETE FROM keys WHERE eid = ?", (loser,))
    for pair in ledger.rows("SELECT a, b FROM not_same WHERE a = ? OR b = ?", (loser, loser)):
        declare_apart(ledger, survivor, sum(pair) - loser)
    ledger.run("DELETE FROM due WHERE eid = ?", (loser,))
    ledger.run("DELETE FROM quarantine WHERE eid = ?", (loser,))
    ledger.run("DELETE FROM conflicts WHERE eid = ?", (loser,))
    for room in (activities, memberships, stages, ties):
        room.give(ledger, loser, survivor)


def survivor(ledger: Ledger, eid: int) -> int:
    """The entity that it was joined into, or itself."""
    return int(ledger.value("SELECT COALESCE(into_eid, eid) FROM entities WHERE eid = ?", (eid,)) or eid)


def aliases(ledger: Ledger, eid: int) -> list[int]:
    """Entities that were joined into this one."""
    return [row[0] for row in ledger.rows("SELECT eid FROM entities WHERE into_eid = ?", (eid,))]


def declare_apart(ledger: Ledger, a: int, b: int) -> None:
    """Two people, whatever their keys say: matching honours it for ever."""
    ledger.run("INSERT OR IGNORE INTO not_same (a, b) VALUES (?, ?)", (min(a, b), max(a, b)))


def apart(ledger: Ledger, a: int, b: int) -> bool:
    """Whether the two were declared to be different."""
    return ledger.one("SELECT 1 FROM not_same WHERE a = ? AND b = ?", (min(a, b), max(a, b))) is not None
