"""Which entity belongs to which: the leads that an opportunity names (``lead``), its account (``account``);
and since when we know it (``since``) and when we saw it won (``won``), in microseconds."""

from __future__ import annotations

from collections.abc import Iterable

from .db import Ledger, dumps


def put(ledger: Ledger, a: int, wanted: Iterable[tuple[str, int]]) -> None:
    """The (kind, entity) ties of ``a`` as they are now, all of them."""
    ledger.run("DELETE FROM ties WHERE a = ?", (a,))
    ledger.many("INSERT OR IGNORE INTO ties (a, kind, b) VALUES (?, ?, ?)", ((a, kind, b) for kind, b in wanted))


def to(ledger: Ledger, kind: str, entities: Iterable[int]) -> dict[int, list[int]]:
    """{b: those that are tied to it}."""
    sql = "SELECT t.b, t.a FROM json_each(?) j CROSS JOIN ties t WHERE t.b = j.value AND t.kind = ? ORDER BY t.b, t.a"
    found: dict[int, list[int]] = {}
    for b, a in ledger.rows(sql, (dumps(list(entities)).decode(), kind)):
        found.setdefault(b, []).append(a)
    return found


def of(ledger: Ledger, a: int) -> list[tuple[str, int]]:
    """(kind, entity) of one."""
    return [(kind, b) for kind, b in ledger.rows("SELECT kind, b FROM ties WHERE a = ? ORDER BY kind, b", (a,))]


def told(ledger: Ledger, kinds: Iterable[str], entities: Iterable[int]) -> dict[int, dict[str, int]]:
    """{a: {kind: b}} of kinds that each entity has at most once, such as when it was first seen."""
    sql = (
        "SELECT t.a, t.kind, t.b FROM json_each(?) j CROSS JOIN ties t WHERE t.a = j.value "
        "AND t.kind IN (SELECT value FROM json_each(?))"
    )
    found: dict[int, dict[str, int]] = {}
    for a, kind, b in ledger.rows(sql, (dumps(list(entities)).decode(), dumps(list(kinds)).decode())):
        found.setdefault(a, {})[kind] = b
    return found


def give(ledger: Ledger, loser: int, survivor: int) -> None:
    """Two entities are one."""
    for column in ("a", "b"):
        ledger.run(f"UPDATE OR IGNORE ties SET {column} = ? WHERE {column} = ?", (survivor, loser))
        ledger.run(f"DELETE FROM ties WHERE {column} = ?", (loser,))
