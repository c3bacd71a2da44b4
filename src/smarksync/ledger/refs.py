"""From what people type to an entity: an e-mail address, ``connection:object:id``, or an entity id."""

from __future__ import annotations

from .db import Ledger
from .entities import by_refs


def find(ledger: Ledger, text: str) -> list[int]:
    """The entities (eid) that ``text`` names; several only when an e-mail address belongs to several people."""
    text = text.strip()
    known = by_refs(ledger, [text])
    if text in known:
        return [known[text]]
    if "@" in text and text.count(":") < 2:
        return _by_email(ledger, text.casefold())
    connection, _, rest = text.partition(":")
    name, _, rid = rest.partition(":")
    if not rid:
        return []
    sql = (
        "SELECT COALESCE(e.into_eid, e.eid) FROM streams s JOIN links l ON l.sid = s.sid AND l.rid = ? "
        "JOIN entities e ON e.eid = l.eid WHERE s.connection = ? AND s.object = ?"
    )
    return [row[0] for row in ledger.rows(sql, (rid, connection, name))]


def of_kind(ledger: Ledger, kind: str, text: str) -> list[str]:
    """The entity ids of one kind that ``text`` names, in the same three ways; a colleague may have a lead's address."""
    text = text.strip()
    if "@" in text and text.count(":") < 2:
        where, value = "json_extract(CAST(agreed AS TEXT), '$.email') = ? AND state = 'live'", text.casefold()
        rows = ledger.rows(f"SELECT ref FROM entities WHERE kind = ? AND {where} ORDER BY eid", (kind, value))
    else:
        chosen = ",".join(str(eid) for eid in find(ledger, text))
        rows = ledger.rows(f"SELECT ref FROM entities WHERE kind = ? AND eid IN ({chosen}) ORDER BY eid", (kind,))
    return [ref for (ref,) in rows]


def _by_email(ledger: Ledger, address: str) -> list[int]:
    """Through the key index; where people are matched by something else, through what is agreed about them."""
    sql = (
        "SELECT DISTINCT k.eid, k.weak FROM keys k JOIN entities e ON e.eid = k.eid "
        "WHERE k.kind = 'email' AND k.value = ? AND e.state IN ('live', 'provisional') ORDER BY k.weak, k.eid"
    )
    found = ledger.rows(sql, (address,))
    if found:
        strong = [eid for eid, weak in found if not weak]
        return strong or [eid for eid, _ in found]
    sql = "SELECT eid FROM entities WHERE state = 'live' AND json_extract(CAST(agreed AS TEXT), '$.email') = ? ORDER BY eid"
    return [row[0] for row in ledger.rows(sql, (address,))]
