"""What a REF names: an e-mail address, ``connection:object:id``, or an entity id."""

from __future__ import annotations

from typing import NamedTuple

from smarksync.errors import UsageError
from smarksync.ledger import entities, keys, links
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
    text = ref.strip()
    if "@" in text:
        found = _by_email(ledger, text)
    elif text.count(":") >= 2:
        found = _by_record(ledger, text)
    else:
        eid = entities.by_refs(ledger, [text]).get(text)
        found = [] if eid is None else [Found(eid, "entity id")]
    if not found:
        raise UsageError(_unknown(ledger, text), hint=_HINT)
    return found


def one(ledger: Ledger, ref: str) -> int:
    """The one entity that the REF names. Raises UsageError when it names none, or several."""
    found = [f.eid for f in find(ledger, ref) if f.eid is not None]
    if not found:
        raise UsageError(f"{ref} is a record that belongs to nobody yet: it is outside `where`.")
    if len(found) > 1:
        names = ", ".join(sorted(r for r, _, _ in entities.load(ledger, found).values()))
        raise UsageError(f"{ref} names {len(found)} people: {names}.", hint="Name one by its entity id.")
    return found[0]


_HINT = "A REF is an e-mail address, connection:object:id, or an entity id as `show` and `quarantine list` print it."


def _unknown(ledger: Ledger, text: str) -> str:
    if "@" in text:
        return "Nobody here has or had that e-mail address."
    if text.count(":") >= 2:
        connection, obj, _ = text.split(":", 2)
        known = [f"{c}:{o}" for c, o in ledger.rows("SELECT connection, object FROM streams ORDER BY 1, 2")]
        if f"{connection}:{obj}" not in known:
            return f"There is no {connection}:{obj} in the ledger; it knows {', '.join(known) or 'none yet'}."
        return f"No record {text} was ever read or written."
    return f"{text!r} names nothing here."


def _by_email(ledger: Ledger, text: str) -> list[Found]:
    try:
        address = str(canonical(_EMAIL, text) or text).casefold()
    except ValueProblem:
        address = text.casefold()
    found: dict[int, Found] = {}
    for eid, weak in keys.holders(ledger, [("email", address)]).get(("email", address), []):
        found.setdefault(eid, Found(eid, "a former or secondary e-mail address" if weak else "e-mail"))
    # a role address is a key only together with the last name
    sql = "SELECT eid FROM keys WHERE kind = 'email|last_name' AND value >= ? AND value < ? ORDER BY eid"
    for (eid,) in ledger.rows(sql, (f"{address}\x1f", f"{address}\x20")):
        found.setdefault(eid, Found(eid, "e-mail and last name"))
    if not found:  # jobs that do not match by e-mail keep no index of it
        sql = "SELECT eid FROM entities WHERE state = 'live' AND json_extract(CAST(agreed AS TEXT), '$.email') = ? LIMIT 20"
        found = {eid: Found(eid, "e-mail") for (eid,) in ledger.rows(sql, (address,))}
    strong = [f for f in found.values() if not f.how.startswith("a former")]
    return strong or list(found.values())


def _by_record(ledger: Ledger, text: str) -> list[Found]:
    connection, obj, rid = text.split(":", 2)
    row = ledger.one("SELECT sid FROM streams WHERE connection = ? AND object = ?", (connection, obj))
    if row is None:
        return []
    link = links.of_records(ledger, row[0], [rid]).get(rid)
    if link is not None:
        return [Found(link.eid, "record", row[0], rid)]
    waiting = ledger.one("SELECT 1 FROM inbox WHERE sid = ? AND rid = ? LIMIT 1", (row[0], rid))
    return [Found(None, "inbox", row[0], rid)] if waiting else []


def name_of(ledger: Ledger, sid: int, rid: str | None) -> str:
    """``connection:object:id`` of a record; without an id, a new one."""
    row = ledger.one("SELECT connection, object FROM streams WHERE sid = ?", (sid,))
    place = f"{row[0]}:{row[1]}" if row else "?"
    return f"{place}:{rid}" if rid is not None else f"{place} (new)"


__all__ = ["Found", "find", "name_of", "one"]
