"""Rows that left: deleted, merged into another, or leads that became contacts (vendors/crm.md 1.6, 1.10).

They are asked for together with the rows that changed, and kept until the engine asks for them; a query of their own
is left for when no reading of the same span came before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from smarksync.kit.pages import position
from smarksync.kit.response import Answered
from smarksync.plugin import Cursor, Gone, GoneKind, GonePages

from .client import Api, Row
from .describe import Schema
from .ids import full_id
from .person_accounts import among
from .soql import moment, one_of, select
from .streams import LOOK_BACK
from .worked_out import instant

_VERSION = 1
#: how far a first look goes back
_FIRST_LOOK = timedelta(days=7)
#: what a row in the bin says of consent still
_OPT_OUTS = ("HasOptedOutOfEmail", "DoNotCall")
_CONVERTED = ("IsConverted", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId")


class Seen(NamedTuple):
    """Rows that left with a stamp from ``since`` to ``until``, as a reading came across them that was to end at ``asked``."""

    since: datetime
    until: datetime
    asked: datetime | None
    rows: list[Row]


def gone(
    api: Api, schema: Schema, name: str, cursor: Cursor | None, now: datetime, asked: datetime | None, seen: Seen | None,
    fresh: bool,
) -> GonePages:  # fmt: skip
    """What left since the cursor. Without one nothing is told when the reading is ``fresh``, from the beginning on: nobody
    knows yet what was there. Otherwise a run before may have read rows, and died before it asked."""
    start = position(cursor, _VERSION)
    until = min(asked, now) if asked is not None else now
    if "at" not in start and fresh:
        yield (), {"v": _VERSION, "at": until.isoformat()}
        return
    since = datetime.fromisoformat(start["at"]) - LOOK_BACK if "at" in start else until - _FIRST_LOOK
    if asked is not None and seen is not None and seen.asked == asked and seen.since <= since:
        rows, until = seen.rows, seen.until
    else:
        left = "IsDeleted = true OR IsConverted = true" if name == "Lead" else "IsDeleted = true"
        span = f"SystemModstamp >= {moment(since)} AND SystemModstamp <= {moment(until)}"
        soql = select(columns(schema, name), name, [left, span])
        rows = list(api.rows(soql, everything=True, kind="read"))
    rows = _without_persons(api, schema, rows)
    yield tuple(_gone(name, row) for row in rows), {"v": _VERSION, "at": until.isoformat()}


def whereabouts(api: Api, schema: Schema, name: str, ids: Sequence[str]) -> GonePages:
    """What became of those ids; rows that are still there are not named."""
    wanted = {full_id(one): one for one in ids}
    seen: set[str] = set()
    for condition in one_of("Id", list(wanted)):
        rows = list(api.rows(select(columns(schema, name), name, [condition]), everything=True))
        seen |= {str(row["Id"]) for row in rows}
        left = [row for row in rows if has_left(row)]
        left = _without_persons(api, schema, left)
        yield tuple(_gone(name, row)._replace(id=wanted[str(row["Id"])]) for row in left), {"v": _VERSION}
    # out of the recycle bin, too: no query shows them any more
    yield tuple(Gone(wanted[one]) for one in wanted if one not in seen), {"v": _VERSION}


def has_left(row: Row) -> bool:
    """Whether the row is no longer what it was; it was asked for with :func:`columns`."""
    return bool(row.get("IsDeleted") or row.get("IsConverted"))


def columns(schema: Schema, name: str) -> Iterator[str]:
    """What tells where a row went."""
    yield from ("Id", "IsDeleted", "SystemModstamp")
    if schema.has(name, "MasterRecordId"):
        yield "MasterRecordId"
    if name == "Lead":
        yield from (one for one in _CONVERTED if schema.has(name, one))
    yield from (one for one in _OPT_OUTS if schema.has(name, one))


def _without_persons(api: Api, schema: Schema, rows: list[Row]) -> list[Row]:
    """Leads that became a Person Account: a person, and no company beside."""
    accounts = [str(row["ConvertedAccountId"]) for row in rows if row.get("ConvertedAccountId")]
    persons = among(api, schema, "Account", accounts) if accounts else set()
    return [{**row, "ConvertedAccountId": None} if row.get("ConvertedAccountId") in persons else row for row in rows]


def _gone(name: str, row: Row) -> Gone:
    row = Answered(row, f"Salesforce's answer of which {name} rows left")
    rid, at = str(row["Id"]), instant(row["SystemModstamp"])
    shows = {one: True for one in _OPT_OUTS if row.get(one) is True} or None
    if row.get("MasterRecordId"):
        return Gone(rid, GoneKind.MERGED, str(row["MasterRecordId"]), name, at, shows=shows)
    if row.get("IsConverted"):
        also: dict[str, Any] = {
            stream: str(row[field])
            for stream, field in (("Account", "ConvertedAccountId"), ("Opportunity", "ConvertedOpportunityId"))
            if row.get(field)
        }
        into = row.get("ConvertedContactId")
        stream = "Contact" if into else None
        return Gone(rid, GoneKind.CONVERTED, str(into) if into else None, stream, at, also or None, shows)
    return Gone(rid, GoneKind.DELETED, at=at, shows=shows)
