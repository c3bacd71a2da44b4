"""The match keys of records that `where` keeps out, in streams that cannot be searched by them."""

from __future__ import annotations

from collections.abc import Iterable

from .db import Ledger, dumps
from .links import FILTERED


def put(ledger: Ledger, sid: int, rid: str, keys: Iterable[tuple[str, str]]) -> None:
    """(kind, value) of what the record shows now, in place of what it showed before."""
    ledger.run("DELETE FROM outside WHERE sid = ? AND rid = ?", (sid, rid))
    ledger.many(
        "INSERT OR IGNORE INTO outside (sid, rid, kind, value) VALUES (?, ?, ?, ?)",
        [(sid, rid, kind, value) for kind, value in keys],
    )


def holders(ledger: Ledger, sid: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """{(kind, value): a record of the stream that shows it, takes no part and is nobody's}."""
    sql = (
        "SELECT o.kind, o.value, min(o.rid) FROM json_each(?) j CROSS JOIN outside o ON o.sid = ? "
        "AND o.kind = json_extract(j.value, '$[0]') AND o.value = json_extract(j.value, '$[1]') "
        "CROSS JOIN links l ON l.sid = o.sid AND l.rid = o.rid AND l.state = ? AND l.eid IS NULL GROUP BY o.kind, o.value"
    )
    found = ledger.rows(sql, (dumps(sorted(set(keys))).decode(), sid, FILTERED))
    return {(kind, value): rid for kind, value, rid in found}
