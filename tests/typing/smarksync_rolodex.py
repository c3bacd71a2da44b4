"""Rolodex, a small address book with a JSON API: a whole connector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr

from smarksync.kit.auth import HeaderToken
from smarksync.kit.batch import one_by_one
from smarksync.kit.pages import TokenPages, position
from smarksync.kit.settings import HttpSettings
from smarksync.plugin import (
    Can,
    CheckReport,
    Connector,
    ConnectorSpec,
    Cursor,
    FieldInfo,
    FieldType,
    Op,
    Page,
    Receipt,
    Record,
    Session,
    StreamSpec,
    Write,
    WriteResult,
    hookimpl,
)

FIELDS = (
    FieldInfo("email", FieldType.EMAIL, required=True, unique=True),
    FieldInfo("first", max_length=40),
    FieldInfo("last", max_length=40),
    FieldInfo("no_mail", FieldType.BOOL),
)
PRESET = """
streams:
  people:
    entity: lead
    fields: {email: email, first_name: first, last_name: last, email_opt_out: no_mail}
"""


class RolodexSettings(HttpSettings):
    """`base_url` and its kind come with HttpSettings."""

    api_key: SecretStr = Field(description="Key of the address book.")


class Rolodex:
    """An opened address book. Building it does no I/O."""

    def __init__(self, settings: RolodexSettings, session: Session) -> None:
        self._http = settings.connect(session, auth=HeaderToken(settings.api_key.get_secret_value()))

    def check(self) -> CheckReport:
        """Asks for one row, which a wrong key does not get."""
        self._http.get("/people", params={"limit": 1})
        return CheckReport(ok=True, account=self._http.host)

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The same for every account."""
        return FIELDS

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """Rows changed since the cursor's time; the vendor looks back by `overlap` on our behalf."""
        since = position(cursor, 1).get("since")
        pages = TokenPages("page")
        while pages.more:
            asked = {"since": since, **pages.params} if since else pages.params
            answer = self._http.get("/people", params=asked).json
            pages.turn(answer["next"])
            # the cursor moves only with the last page, since rows come in no order; and never past the server's clock
            end = min(answer["now"], until.astimezone(UTC).isoformat() if until else answer["now"])
            told = {"v": 1, "since": since if pages.more else end}
            rows = (_record(row, fields) for row in answer["people"])
            yield Page([row for row in rows if until is None or _time(row) <= until], told, pages.more)

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        """One question for each value; every match is handed on."""
        for value in values:
            answer = self._http.get("/people", params={key: value}, kind="reread").json
            yield from (_record(row, fields) for row in answer["people"])

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """One call a row. Whatever fails as a whole is told by the kit."""
        return one_by_one(batch, self._send)

    def close(self) -> None:
        """Lets the connections go."""
        self._http.close()

    def _send(self, write: Write) -> Receipt:
        new = write.op is Op.CREATE
        # an update that was applied twice is still one update; a create is not
        answer = self._http.request(
            "POST" if new else "PATCH",
            "/people" if new else f"/people/{write.id}",
            json=dict(write.fields),
            idempotent=not new,
            accept=(404, 409),
        )
        if answer.status == 404:
            return Receipt(write.ref, WriteResult.CONFLICT, write.id, code="SMK-GONE", message="no such person")
        if answer.status == 409:
            others = tuple(answer.json["held_by"])
            return Receipt(
                write.ref, WriteResult.REJECTED, write.id, code="SMK-DUPLICATE", message="the address is taken",
                field="email", duplicate_of=others,
            )  # fmt: skip
        row = answer.json
        stored = {name: row[name] for name in write.fields}
        result = WriteResult.CREATED if new else WriteResult.UPDATED
        return Receipt(write.ref, result, row["id"], stored=stored, changed_at=datetime.fromisoformat(row["edited"]))


def _record(row: Mapping[str, Any], fields: Sequence[str]) -> Record:
    return Record(row["id"], {name: row[name] for name in fields}, datetime.fromisoformat(row["edited"]))


def _time(record: Record) -> datetime:
    assert record.changed_at is not None  # every row of Rolodex has its time
    return record.changed_at


def open_rolodex(settings: RolodexSettings, session: Session) -> Connector:
    """The connector; nothing is sent yet."""
    return Rolodex(settings, session)


SPEC = ConnectorSpec(
    name="rolodex",
    streams=(
        StreamSpec(
            "people",
            "lead",
            can=frozenset({Can.CREATE, Can.UPDATE, Can.FIND}),
            natural_keys=("email",),
            max_batch=20,
            overlap=timedelta(seconds=5),
            email_field="email",
        ),
    ),
    settings=RolodexSettings,
    open=open_rolodex,
    role="marketing",
    preset=PRESET,
)


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """The connectors of this plugin."""
    return [SPEC]
