"""What a REF names: an e-mail address, ``connection:object:id``, or an entity id."""

from __future__ import annotations

from typing import NamedTuple

from smarksync.errors import UsageError
from smarksync.ledger import entities, keys, links
from smarksync.ledger import refs as ledger_refs
from smarksync.ledger.db import Ledger
from smarksync.model import ValueProblem, schema
from smarksync.model import normalise as canonical

_EMAIL = schema()["lead"].fields["email"]


class Found(NamedTuple):
    """An entity that a REF names. ``eid`` None: a record that belongs to nobody (``sid``, ``rid`` say which)."""

    eid: int | None
    how: str
    sid: int | None = None
    rid: str | None = None


def find(ledger: Ledger, ref: str) -> list[Found]:
    """Everything that the REF names, entities once each; aliases are followed. Raises UsageError when it is nothing."""
    text = _address(ref.strip())
    how = "record" if text.count(":") >= 2 else ("e-mail" if "@" in text else "entity id")
    found = [Found(eid, how) for eid in dict.fromkeys(ledger_refs.find(ledger, text))]
    if how == "e-mail":
        found = [
            f._replace(how="a former or secondary e-mail address") if _former(ledger, text, f) else f for f in found
        ]
        found = found or _by_role(ledger, text)
    elif how == "record" and not found:
        found = _of_nobody(ledger, text)
    if not found:
        raise UsageError(_unknown(ledger, text), hint=_HINT)
    return found


def one(ledger: Ledger, ref: str, besides: int | None = None) -> int:
    """The one entity that the REF names, ``besides`` apart. Raises UsageError when it names none, or several."""
    found = [f.eid for f in find(ledger, ref) if f.eid is not None]
    if len(found) > 1:
        found = [eid for eid in found if eid != besides]
    if not found:
        raise UsageError(f"{ref} is a record that belongs to nobody yet: it is outside `where`.")
    if len(found) > 1:
        names = ", ".join(sorted(r for r, _, _ in entities.load(ledger, found).values()))
        raise UsageError(f"{ref} names {len(found)} people: {names}.", hint="Name one by its entity id.")
    return found[0]


_HINT = "A REF is an e-mail address, connection:object:id, or an entity id as `show` and `quarantine list` print it."


def _unknown(ledger: Ledger, text: str) -> str:
    if "@" in text and text.count(":") < 2:
        return f"Nobody here has or had the e-mail address {text}."
    if text.count(":") >= 2:
        connection, obj, _ = text.split(":", 2)
        known = [f"{c}:{o}" for c, o in ledger.rows("SELECT connection, object FROM streams ORDER BY 1, 2")]
        if f"{connection}:{obj}" not in known:
            return f"There is no {connection}:{obj} in the ledger; it knows {', '.join(known) or 'none yet'}."
        return f"No record {text} was ever read or written."
    return f"{text!r} names nothing here."


def _address(text: str) -> str:
    """An e-mail address in canonical form; other REFs as they are."""
    if "@" not in text or text.count(":") >= 2:
        return text
    try:
        return str(canonical(_EMAIL, text) or text).casefold()
    except ValueProblem:
        return text.casefold()


def _former(ledger: Ledger, address: str, found: Found) -> bool:
    return any(
        kind == "email" and value == address and weak for kind, value, weak in keys.of_entity(ledger, found.eid or 0)
    )


def _by_role(ledger: Ledger, address: str) -> list[Found]:
    """A role address (info@, sales@ …) is a key only together with the last name."""
    sql = (
        "SELECT k.eid FROM keys k JOIN entities e ON e.eid = k.eid WHERE k.kind = 'email|last_name' AND k.value >= ? "
        "AND k.value < ? AND e.state IN ('live', 'provisional') ORDER BY k.eid"
    )
    rows = ledger.rows(sql, (f"{address}\x1f", f"{address}\x20"))
    return [Found(eid, "e-mail and last name") for (eid,) in rows]


def _of_nobody(ledger: Ledger, text: str) -> list[Found]:
    """A record that was read and belongs to no entity: outside `where`, or not matched yet."""
    connection, obj, rid = [*text.split(":", 2), "", ""][:3]
    row = ledger.one("SELECT sid FROM streams WHERE connection = ? AND object = ?", (connection, obj))
    if row is None:
        return []
    if rid in links.of_records(ledger, row[0], [rid]):
        return [Found(None, "record", row[0], rid)]
    waiting = ledger.one("SELECT 1 FROM inbox WHERE sid = ? AND rid = ? LIMIT 1", (row[0], rid))
    return [Found(None, "inbox", row[0], rid)] if waiting else []


def name_of(ledger: Ledger, sid: int, rid: str | None) -> str:
    """``connection:object:id`` of a record; without an id, a new one."""
    row = ledger.one("SELECT connection, object FROM streams WHERE sid = ?", (sid,))
    place = f"{row[0]}:{row[1]}" if row else "?"
    return f"{place}:{rid}" if rid is not None else f"{place} (new)"


__all__ = ["Found", "find", "name_of", "one"]
