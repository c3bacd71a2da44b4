"""The connector: Ghost members read, found and written; newsletters and labels read.

How changes are found (all of it seen on Ghost 6.65.0; see tests/test_ghost_facts.py):

* ``updated_at`` moves only when a column of the member changes. Labels, newsletters and the reader's own
  unsubscribe do **not** move it. So an incremental read asks three logs: members by ``updated_at``, the activity feed
  for subscriptions (with who did it: ``source`` member = the person) and the audit log for edits.
* Bulk edits of staff (labels, unsubscribes) are in no log at all. So all members are read at least every
  ``full_read_hours``, and always while the list is no longer than the logs would be (three pages).
* Deletes are in no log either: the count and the ids tell (``count``, ``ids``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from smarksync.kit.batch import one_by_one, pack
from smarksync.kit.counts import Kind
from smarksync.kit.pages import position
from smarksync.kit.resolve import modest
from smarksync.plugin import (
    AuthFailed,
    CheckReport,
    Cursor,
    FieldInfo,
    Invalid,
    Op,
    Page,
    PermissionDenied,
    Receipt,
    Record,
    Session,
    Write,
    WriteResult,
)

from .changes import by_member, settled, subscribed_mark, with_logs
from .client import PAGE, GhostApi, Refused, Row, Sight, one_of, quoted
from .fields import FIELDS, NotWritable, instant, outgoing, record, shown, value
from .settings import OVERLAP, GhostSettings

#: While all members fit in so many pages, reading them all costs no more than asking the logs.
SMALL = 3
#: The version of our cursors.
_V = 1


class GhostConnector:
    """One site. Does no I/O before the first call."""

    def __init__(self, settings: GhostSettings, session: Session, *, small: int = SMALL) -> None:
        self._small = small * PAGE
        self._api = GhostApi(settings, session)
        self._session = session
        self._full_every = timedelta(hours=settings.full_read_hours)
        self._total: int | None = None
        self._mails: bool | None = None

    def check(self) -> CheckReport:
        """Tries the key; names the site."""
        try:
            self._probe()
            site = self._api.site()
            mails = self._api.mails()
        except (AuthFailed, PermissionDenied) as refusal:
            return CheckReport(ok=False, problems=(str(refusal),))
        account = f"{site.get('title', 'Ghost')} (Ghost {site.get('version', '?')})"
        return CheckReport(ok=True, account=account, warnings=() if mails else (_NO_MAIL,))

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The fields of a stream: Ghost has no custom ones, so nothing is asked."""
        return FIELDS[stream]

    def server_time(self) -> datetime:
        """Ghost's clock, by its ``Date`` header."""
        return self._api.http.server_time() or self._probe()

    def close(self) -> None:
        """Lets go of the connections."""
        self._api.http.close()

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """All rows changed since ``cursor``; newsletters and labels always whole."""
        if stream != "members":
            yield from self._read_list(stream, position(cursor, _V), fields)
            return
        place = position(cursor, _V)
        end = until or self.server_time()
        if self._total is None:
            self._probe()
        if "scan" not in place and "since" in place and not self._all_anyway(place, end):
            logs = self._logs(_time(place["since"]) - OVERLAP)
            if logs is not None:
                yield from self._read_changes(place, end, fields, logs)
                return
        yield from self._read_all(place, end, fields)

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Rows by e-mail (members) or name: exact but for case.

        Ghost's database also ignores accents (café = cafe); such rows are left out, since they are other people.
        """
        wanted = {text.strip().casefold() for text in values}
        for group in pack(sorted(wanted), count=50):
            for rows, _, _ in self._api.by_id(stream, one_of(key, group)):
                yield from self._records(
                    (row for row in rows if str(value(row, key)).strip().casefold() in wanted), fields
                )

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """Rows by id; one that is gone is not yielded."""
        yield from self._records(self._rows(stream, ids, "reread"), fields)

    def count(self, stream: str) -> int | None:
        """How many members there are (cheap: asked once unless we wrote meanwhile); None for the lists."""
        if stream != "members":
            return None
        if self._total is None:
            self._probe()
        return self._total

    def ids(self, stream: str) -> Iterator[str]:
        """Every id, in order."""
        for rows, _, _ in self._api.by_id(stream):
            yield from (row["id"] for row in rows)

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One call a row; the answer shows what Ghost now holds."""
        if stream != "members":
            raise Invalid(f"Ghost's {stream} are read only here.")
        self._total = None
        yield from one_by_one(batch, self._write)

    # --- reading ---------------------------------------------------------------------------------------

    def _probe(self) -> datetime:
        self._total, at = self._api.probe()
        return at or self._session.now()

    def _honest(self, row: Row) -> Row:
        """The row; ``subscribed`` is None (no claim) on a site without an active newsletter.

        There Ghost shows every member as not subscribed, also those who never left: taken as opt-outs, archiving the
        last newsletter would opt everybody out everywhere. Asked once a run, and only when nobody subscribed was seen.
        """
        if self._mails is None and not row["subscribed"]:
            self._mails = self._api.mails()
        return {**row, "subscribed": None} if self._mails is False else row

    def _records(
        self, rows: Iterable[Row], fields: Sequence[str], logs: Mapping[str, Sequence[Sight]] | None = None
    ) -> list[Record]:
        whole = list(rows)
        if self._mails is None and any(row["subscribed"] for row in whole):
            self._mails = True
        if not _CLAIMS.isdisjoint(fields):
            whole = [self._honest(row) for row in whole]
        return [with_logs(row, fields, logs or {}) for row in whole]

    def _all_anyway(self, place: Cursor, end: datetime) -> bool:
        if (self._total or 0) <= self._small:
            return True
        return "full" not in place or end - _time(place["full"]) >= self._full_every

    def _logs(self, since: datetime) -> dict[str, list[Sight]] | None:
        """What the logs say, by member; None when they do not tell all, or reading everything is as cheap."""
        told, whole = self._api.subscriptions(since)
        if not whole:
            return None
        edits, whole = self._api.edits(since, most=(self._total or 0) // PAGE + 1)
        return by_member([*told, *edits]) if whole else None

    def _read_changes(
        self, place: Cursor, end: datetime, fields: Sequence[str], logs: dict[str, list[Sight]]
    ) -> Iterator[Page]:
        """What ``updated_at`` shows, then the members that only the logs name."""
        since = _time(place["since"])
        done = {"v": _V, "since": end.isoformat(), "full": place["full"]}
        behind = {**place, "at": end.isoformat()}
        unread = set(logs)
        at = _time(place["at"]) - OVERLAP if "at" in place else None
        for rows, more in self._api.by_time(since - OVERLAP, end, at=at):
            unread.difference_update(row["id"] for row in rows)
            here: Cursor = {**place, "at": rows[-1]["updated_at"]} if more else behind if unread else done
            yield Page(self._records(rows, fields, logs), here, more or bool(unread))
        groups = list(pack(sorted(unread), count=PAGE))
        for number, group in enumerate(groups, 1):
            found = self._records(self._rows("members", group, "read"), fields, logs)
            last = number == len(groups)
            yield Page(found, done if last else behind, not last)

    def _read_all(self, place: Cursor, end: datetime, fields: Sequence[str]) -> Iterator[Page]:
        """Every member, by id. A row changed after ``end`` waits for the next read, which begins there.

        Who changed a subscription is asked only if one changed: a small list is remembered as a hash of them.
        """
        start = _time(place["start"]) if "scan" in place else end
        pages: Iterable[tuple[list[Row], bool, int]] = self._api.by_id("members", after=place.get("scan"))
        mark = None
        if (self._total or 0) <= self._small and "scan" not in place:
            pages = list(pages)
            mark = subscribed_mark(row for rows, _, _ in pages for row in rows)
        logs: dict[str, list[Sight]] = {}
        if "since" in place and (mark is None or mark != place.get("mark")):
            logs = by_member(self._api.subscriptions(_time(place["since"]) - OVERLAP)[0])
        done: dict[str, Any] = {"v": _V, "since": start.isoformat(), "full": start.isoformat()}
        if mark is not None:
            done["mark"] = mark
        for rows, more, _ in pages:
            here: Cursor = {**place, "v": _V, "start": start.isoformat(), "scan": rows[-1]["id"]} if more else done
            yield Page(self._records((row for row in rows if settled(row, end)), fields, logs), here, more, self._total)

    def _read_list(self, stream: str, place: Cursor, fields: Sequence[str]) -> Iterator[Page]:
        for rows, more, _ in self._api.by_id(stream, after=place.get("scan")):
            here: Cursor = {"v": _V, "scan": rows[-1]["id"]} if more else {"v": _V}
            yield Page([record(row, fields) for row in rows], here, more)

    def _rows(self, stream: str, ids: Iterable[str], kind: Kind) -> Iterator[Row]:
        for group in pack(list(ids), count=PAGE):
            for rows, _, _ in self._api.by_id(stream, one_of("id", group), kind=kind):
                yield from rows

    # --- writing ---------------------------------------------------------------------------------------

    def _write(self, write: Write) -> Receipt:
        if write.op is Op.DELETE:
            answer = self._api.write("DELETE", write.id, None)
            if isinstance(answer, Refused):
                return Receipt(write.ref, WriteResult.UNCHANGED, write.id, code="SMK-GONE", message=_GONE)
            return Receipt(write.ref, WriteResult.UPDATED, write.id)
        if write.op not in (Op.CREATE, Op.UPDATE):
            return _rejected(write, "SMK-INVALID", f"Ghost cannot {write.op} members.")
        new = write.op is Op.CREATE
        try:
            body = outgoing(write.fields, new=new)
        except NotWritable as name:
            said = f"Ghost has no field {name} to write, and would ignore it in silence."
            return _rejected(write, "SMK-INVALID", said, field=str(name))
        if not body:
            return Receipt(write.ref, WriteResult.UNCHANGED, write.id)
        answer = self._api.write("POST" if new else "PUT", write.id, body)
        if isinstance(answer, Refused):
            return self._refused(write, answer, body)
        if answer is None:
            return Receipt(
                write.ref, WriteResult.UNKNOWN, write.id, code="SMK-UNKNOWN", message="Ghost answers nothing."
            )
        return Receipt(
            write.ref,
            WriteResult.CREATED if new else WriteResult.UPDATED,
            answer["id"],
            stored=shown(self._honest(answer) if _CLAIMS & body.keys() else answer, _echoed(body)),
            changed_at=instant(answer.get("updated_at")),
        )

    def _refused(self, write: Write, no: Refused, body: Mapping[str, Any]) -> Receipt:
        if no.status == 404:
            return Receipt(write.ref, WriteResult.CONFLICT, write.id, code="SMK-GONE", message=_GONE)
        if no.property == "email" and "already exists" in no.words and body.get("email"):
            # asked as Ghost compares (case and accents ignored), so that the row in the way is found
            rows = self._api.by_id("members", f"email:{quoted(body['email'])}", kind="reread")
            others = [row["id"] for page, _, _ in rows for row in page if row["id"] != write.id]
            said = "Another member has that address."
            return _rejected(write, "SMK-DUPLICATE", said, field="email", duplicate_of=others)
        code = "SMK-TOO-LONG" if no.too_long else "SMK-INVALID"
        return _rejected(write, code, modest(no.words, body), field=no.property)


#: What rests on the site having a newsletter; ``newsletters`` is how it is written.
_CLAIMS = frozenset({"unsubscribed", "subscribed", "newsletters"})
_NO_MAIL = "The site has no active newsletter: who wants mail cannot be told, so opt-outs are not read from it."
_GONE = "That member is no longer in Ghost."


def _echoed(body: Mapping[str, Any]) -> list[str]:
    """What a receipt repeats of an answer: the subscription only if it was written, since what it means must be asked.

    Never the attribution: lists do not show it, so a value from here would look like an edit of Ghost's."""
    left_out = set() if _CLAIMS & body.keys() else _CLAIMS
    names = [info.name for info in FIELDS["members"]]
    return [name for name in names if name not in left_out and not name.startswith("attribution.")]


def _rejected(
    write: Write, code: str, said: str, *, field: str | None = None, duplicate_of: Sequence[str] = ()
) -> Receipt:
    return Receipt(
        write.ref, WriteResult.REJECTED, write.id, code=code, message=said, field=field, duplicate_of=duplicate_of
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
