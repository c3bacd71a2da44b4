"""Bad connectors that keep trouble to themselves: an empty answer, or a good one, where a call failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from bad_connectors import Bad, Pages, Reads

from smarksync.kit.resolve import Kind, Verdict
from smarksync.plugin import (
    AuthFailed,
    CheckReport,
    Cursor,
    GonePages,
    Op,
    Page,
    Receipt,
    Record,
    SystemFailure,
    Transient,
    Write,
    WriteResult,
)


class ReadsNothingWhenItFails(Reads):
    breaks = "pages_end"
    also = frozenset({"resume_has_no_gap", "one_refresh_then_auth_error"})
    says_so = "A read that is answered 500 ends as if nothing were wrong"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        try:
            yield from pages
        except SystemFailure:
            yield Page([], cursor or {"v": 1}, False)


class TakesWhatIsNotThereForNothing(Bad):
    """A wrong path, or an object that it may not see: as if nobody were there."""

    breaks = "pages_end"
    says_so = "A read that is answered 404 ends as if nothing were wrong"

    def ask(self, kind: str) -> None:
        def own(response: Any) -> Verdict | None:
            return Verdict(Kind.OK) if response.status == 404 else None

        found = self.http.request("GET", f"/{kind}/0", resolve=own)
        assert found.status == 404 or "done" in found.json


class TakesNoListForAnEmptyOne(Bad):
    """``answer.get("rows", [])``: an answer that says nothing says that nobody is there."""

    breaks = "pages_end"
    says_so = "A read that is answered 200 ends as if nothing were wrong"

    def ask(self, kind: str) -> None:
        self.http.request("GET", f"/{kind}/0")


class StopsWhereItFails(Reads):
    """Only behind the first page: what was read so far passes for all."""

    breaks = "resume_has_no_gap"
    says_so = "breaks off behind its first page"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        first = next(pages)
        yield first
        try:
            yield from pages
        except SystemFailure:
            yield first._replace(records=[], more=False)


class FindsNobodyWhenItFails(Bad):
    """Then everybody is created a second time."""

    breaks = "all_matches"
    also = frozenset({"one_refresh_then_auth_error"})
    says_so = "Find that is answered 500 ends as if nothing were wrong"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        with suppress(SystemFailure):
            yield from super().find(stream, key, values, fields=fields)


class FetchesNothingWhenItFails(Bad):
    breaks = "all_matches"
    also = frozenset({"one_refresh_then_auth_error"})
    says_so = "Fetch that is answered 500"

    def fetch(self, stream: str, ids: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        with suppress(SystemFailure):
            yield from super().fetch(stream, ids, fields=fields)


class TellsNobodyGoneWhenItFails(Bad):
    breaks = "merges_and_conversions_mapped"
    also = frozenset({"one_refresh_then_auth_error"})
    says_so = "Gone that is answered 500"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        with suppress(SystemFailure):
            yield from super().gone(stream, cursor=cursor, until=until)


class SaysAllIsWell(Bad):
    breaks = "one_refresh_then_auth_error"
    says_so = "check says that all is well"

    def check(self) -> CheckReport:
        with suppress(SystemFailure):
            return super().check()
        return CheckReport(ok=True)


class TakesARefusalForNothingToDo(Bad):
    """A refused update is called unchanged: the value is agreed that the system does not have."""

    breaks = "rejected_says_why"
    says_so = "is answered unchanged, and the row shows"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            refused = receipt.result is WriteResult.REJECTED and batch[0].op is Op.UPDATE
            yield Receipt(receipt.ref, WriteResult.UNCHANGED, receipt.id) if refused else receipt


class TakesTroubleForARefusal(Bad):
    """The line broke while it updated, and a person is asked what to do about the row."""

    breaks = "lost_answer_is_unknown"
    says_so = "nobody refused it"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            lost = receipt.result in (WriteResult.UNKNOWN, WriteResult.RETRY) and batch[0].op is Op.UPDATE
            yield receipt._replace(result=WriteResult.REJECTED) if lost else receipt


class RepeatsTheRefusedRow(Bad):
    breaks = "nothing_private_leaks"
    says_so = "the message of a receipt"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        rows = {write.ref: write.fields for write in batch}
        for receipt in super().write(stream, batch):
            refused = receipt.result is WriteResult.REJECTED
            yield receipt._replace(message=f"{rows[receipt.ref].get('email')} is refused") if refused else receipt


class NamesWhomItLookedFor(Bad):
    breaks = "nothing_private_leaks"
    says_so = "the error of find"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        try:
            yield from super().find(stream, key, values, fields=fields)
        except AuthFailed:
            raise
        except SystemFailure as problem:
            raise Transient(f"{problem} while looking for {list(values)}") from problem


class NamesItsKey(Bad):
    breaks = "nothing_private_leaks"
    says_so = "A secret stands in the error of a check that is answered 400: the setting `refresh_token`"

    def check(self) -> CheckReport:
        try:
            return super().check()
        except SystemFailure as problem:
            secret: Any = self.settings.refresh_token.get_secret_value()
            raise type(problem)(f"refused: {secret}") from problem
