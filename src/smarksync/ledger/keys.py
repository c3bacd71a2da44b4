"""The match-key index: which entity holds which e-mail address, domain or composite key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .db import Ledger, among, dumps


def add(ledger: Ledger, rows: Iterable[tuple[str, str, int]]) -> None:
    """(kind, value, eid), strong; a former key that returns is strong again."""
    rows = list(rows)
    before = ledger.written
    ledger.add("INSERT OR IGNORE INTO keys (kind, value, eid, weak) VALUES (?, ?, ?, 0)", rows)
    if ledger.written - before < len(rows):  # some were there
        ledger.many("UPDATE keys SET weak = 0 WHERE kind = ? AND value = ? AND eid = ? AND weak <> 0", rows)


def add_weak(ledger: Ledger, rows: Iterable[tuple[str, str, int]]) -> None:
    """Secondary addresses: they propose, and never link."""
    ledger.many("INSERT OR IGNORE INTO keys (kind, value, eid, weak) VALUES (?, ?, ?, 1)", rows)


def weaken(ledger: Ledger, rows: Iterable[tuple[str, str, int]]) -> None:
    """Former keys: the entity had them once."""
    ledger.many("UPDATE keys SET weak = 1 WHERE kind = ? AND value = ? AND eid = ?", rows)


def forget(ledger: Ledger, eid: int) -> None:
    """All keys of an entity, strong and weak."""
    ledger.run("DELETE FROM keys WHERE eid = ?", (eid,))


def forget_strong(ledger: Ledger, eids: Iterable[int]) -> None:
    """The strong keys of entities; former and secondary ones stay."""
    ledger.run(
        "DELETE FROM keys WHERE weak = 0 AND eid IN (SELECT value FROM json_each(?))", (dumps(list(eids)).decode(),)
    )


def holders(ledger: Ledger, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[int, bool]]]:
    """{(kind, value): [(eid, weak)]} of live and provisional entities."""
    found: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    kinds: dict[str, list[str]] = {}
    for kind, value in wanted:
        kinds.setdefault(kind, []).append(value)
    sql = (
        "SELECT k.value, k.eid, k.weak FROM json_each(?) j CROSS JOIN keys k CROSS JOIN entities e "
        "WHERE k.kind = ? AND k.value = j.value AND e.eid = k.eid AND e.state IN ('live', 'provisional') ORDER BY k.eid"
    )
    for kind, values in kinds.items():
        for value, eid, weak in ledger.rows(sql, (dumps(values).decode(), kind)):
            found.setdefault((kind, value), []).append((eid, bool(weak)))
    return found


def sharing_claims(ledger: Ledger, eids: Iterable[int]) -> set[int]:
    """Those of the entities that have, or ever had, an address in common with another one that made a claim."""
    where, params = among("k.eid", eids)
    sql = (
        f"SELECT DISTINCT k.eid FROM keys k CROSS JOIN keys o CROSS JOIN consent c WHERE {where} "
        "AND k.kind IN ('email', 'address') AND o.kind IN ('email', 'address') AND o.value = k.value AND o.eid <> k.eid "
        "AND c.eid = o.eid"
    )
    return {row[0] for row in ledger.rows(sql, params)}


def of_entity(ledger: Ledger, eid: int) -> list[tuple[str, str, bool]]:
    """(kind, value, weak) of one entity."""
    return [
        (k, v, bool(w))
        for k, v, w in ledger.rows("SELECT kind, value, weak FROM keys WHERE eid = ? ORDER BY 1, 2", (eid,))
    ]


def strong(ledger: Ledger, eids: Iterable[int]) -> list[tuple[int, str, str]]:
    """(eid, kind, value) of every strong key of entities."""
    where, params = among("eid", eids)
    return ledger.rows(f"SELECT eid, kind, value FROM keys WHERE {where} AND weak = 0", params)


def of_entities(ledger: Ledger, eids: Iterable[int], kinds: Sequence[str]) -> list[tuple[int, str]]:
    """(eid, value) of the strong keys of these kinds."""
    sql = (
        "SELECT k.eid, k.value FROM json_each(?) j CROSS JOIN keys k "
        "WHERE k.eid = j.value AND k.weak = 0 AND k.kind IN (SELECT value FROM json_each(?))"
    )
    return ledger.rows(sql, (dumps(list(eids)).decode(), dumps(list(kinds)).decode()))
