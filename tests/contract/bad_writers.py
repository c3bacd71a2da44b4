"""Bad connectors for the clauses about writing, finding and manners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from bad import Bad
from bad_readers import Reads
from web_memory import WebSettings

from smarksync.kit.auth import Flow, RefreshToken
from smarksync.kit.resolve import Kind, Verdict
from smarksync.plugin import (
    Cursor,
    Gone,
    GoneKind,
    GonePages,
    Op,
    Page,
    Receipt,
    Record,
    Session,
    SystemFailure,
    Transient,
    Write,
    WriteResult,
)

Pages = Iterator[Page]


class InventsAReceipt(Bad):
    breaks = "one_receipt_per_ref"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        yield from super().write(stream, batch)
        yield Receipt("of-nobody", WriteResult.UPDATED)


class AllOrNothing(Bad):
    """One bad row, and it reports the whole batch as refused."""

    breaks = "mixed_results_stay_mixed"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        receipts = list(super().write(stream, batch))
        bad = next((r for r in receipts if r.result is WriteResult.REJECTED), None)
        for receipt in receipts:
            yield receipt if bad is None else bad._replace(ref=receipt.ref)


class RejectsWithoutAWord(Bad):
    breaks = "rejected_says_why"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            yield receipt._replace(code=None) if receipt.result is WriteResult.REJECTED else receipt


class PutsWholeRows(Bad):
    """An update that names one field empties the last of the others."""

    breaks = "update_leaves_other_fields"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        alone = len(batch) == 1 and batch[0].op is Op.UPDATE and "Changed alone" in batch[0].fields.values()
        return super().write(stream, [w._replace(fields={"city": None, **w.fields}) for w in batch] if alone else batch)


class DropsNulls(Bad):
    """What is None is not sent, so nothing is ever cleared."""

    breaks = "null_clears_absent_leaves"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        kept = [w._replace(fields={k: v for k, v in w.fields.items() if v is not None}) for w in batch]
        return super().write(stream, kept)


class OneTableForTheBatch(Bad):
    """A batch has one set of columns, and rows that lack one send it empty."""

    breaks = "null_clears_absent_leaves"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        names = {name for write in batch for name in write.fields}
        blank = dict.fromkeys(names) if batch[0].op is Op.UPDATE else {}
        return super().write(stream, [w._replace(fields={**blank, **w.fields}) for w in batch])


class ForgetsTheKey(Bad):
    breaks = "idempotent_by_key"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, [w._replace(key=None) for w in batch])


class IgnoresTheVersion(Bad):
    breaks = "conditional_honoured"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, [w._replace(if_version=None) for w in batch])


class CallsALostAnswerARetry(Bad):
    """The engine sends it again, and there are two."""

    breaks = "lost_answer_is_unknown"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            yield receipt._replace(result=WriteResult.RETRY) if receipt.result is WriteResult.UNKNOWN else receipt


class CutsTheBatch(Bad):
    """What does not fit is left out, and nobody is told."""

    breaks = "oversize_batch_split"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        return super().write(stream, batch[: self._decl(stream).max_batch])


class FindsTheFirst(Bad):
    breaks = "all_matches"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        for value in values:
            yield from list(super().find(stream, key, [value], fields=fields))[:1]


class FindsByTheLetter(Bad):
    breaks = "case_and_space_of_keys"

    def find(self, stream: str, key: str, values: Sequence[str], *, fields: Sequence[str]) -> Iterator[Record]:
        for record in super().find(stream, key, values, fields=[*fields, key]):
            if record.fields[key] in values:
                yield record._replace(fields={name: record.fields[name] for name in fields})


class CallsMergesDeletes(Bad):
    breaks = "merges_and_conversions_mapped"

    def gone(self, stream: str, *, cursor: Cursor | None, until: datetime | None) -> GonePages:
        for rows, here in super().gone(stream, cursor=cursor, until=until):
            yield tuple(Gone(g.id, at=g.at) if g.kind is GoneKind.MERGED else g for g in rows), here


class _Stubborn(RefreshToken):
    def auth_flow(self, request: Any) -> Flow:
        response = None
        for _ in range(4):
            token = yield from self._get(self._token if response is not None else None)
            request.headers["Authorization"] = f"Bearer {token.text}"
            response = yield request
            if response.status_code != 401:
                return


class RenewsAgainAndAgain(Bad):
    """Refused credentials are tried until the account is locked."""

    breaks = "one_refresh_then_auth_error"

    def auth(self, settings: WebSettings, session: Session) -> Any:
        first = settings.refresh_token.get_secret_value()
        return _Stubborn(f"{settings.base_url}/token", refresh_token=first, tokens=session.tokens, now=session.now)


class _Hasty(RefreshToken):
    waiting: str | None = None

    def arrived(self, answer: Mapping[str, object]) -> None:
        self.waiting = str(answer["refresh_token"])

    def auth_flow(self, request: Any) -> Flow:
        flow = super().auth_flow(request)
        sent = next(flow)
        while True:
            answer = yield sent
            if self.waiting and not str(sent.url).endswith("/token"):
                self._tokens.set(self._name, self.waiting)
                self.waiting = None
            try:
                sent = flow.send(answer)
            except StopIteration:
                return


class UsesBeforeItSaves(Bad):
    """The new refresh token is kept once the new access token worked: a crash in between loses the account."""

    breaks = "rotated_token_saved_first"

    def auth(self, settings: WebSettings, session: Session) -> Any:
        first = settings.refresh_token.get_secret_value()
        return _Hasty(f"{settings.base_url}/token", refresh_token=first, tokens=session.tokens, now=session.now)


class TakesALimitForTrouble(Bad):
    """A limit looks like any 5xx to it, and is tried again at once."""

    breaks = "limit_waits_as_told"

    def ask(self, kind: str) -> None:
        def own(response: Any) -> Verdict | None:
            return Verdict(Kind.TRANSIENT, "is slow", applied=False) if response.status == 429 else None

        self.http.request("GET", f"/{kind}/0", resolve=own)


class LogsWhomItReads(Reads):
    breaks = "nothing_private_leaks"

    def turned(self, pages: Pages, cursor: Cursor | None) -> Pages:
        for page in pages:
            for record in page.records:
                self.log.info("row", values=list(record.fields.values()))
            yield page


class PutsTheBodyIntoErrors(Bad):
    breaks = "nothing_private_leaks"

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        try:
            yield from self._told(stream, batch)
        except SystemFailure as problem:
            raise Transient(f"{problem} {dict(batch[0].fields)}") from problem

    def _told(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().write(stream, batch):
            if receipt.result is WriteResult.RETRY and receipt.code in ("SMK-AUTH", "SMK-PERMISSION"):
                raise Transient("It was refused.")
            yield receipt


class ClosesOnce(Bad):
    breaks = "close_twice"

    def close(self) -> None:
        http, self.__dict__["http"] = self.http, None
        http.close()
