"""Bad connectors that keep what they read and write, and treat the account, its limits and its people badly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bad_connectors import Bad, Pages, Reads
from web_memory import PRESET, WebSettings

from smarksync.kit.auth import Flow, RefreshToken
from smarksync.kit.resolve import Kind, Verdict
from smarksync.plugin import Cursor, Receipt, Session, SystemFailure, Transient, Write, WriteResult


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

        assert "done" in self.http.request("GET", f"/{kind}/0", resolve=own).json


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


class MapsWhatTheSystemHasNot(Bad):
    breaks = "preset_fits"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"preset": PRESET.replace("city: city", "city: town")}


class MapsToAnEntityThatIsNone(Bad):
    breaks = "preset_fits"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"preset": PRESET.replace("entity: lead", "entity: leed")}


class MapsAFieldThatNoLeadHas(Bad):
    breaks = "preset_fits"

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        return {"preset": PRESET.replace("last_name", "surname")}
