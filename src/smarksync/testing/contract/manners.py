"""Clauses 27 to 31: credentials, limits, modesty, and letting go."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from smarksync.errors import AuthFailed, SystemFailure, Throttled
from smarksync.kit.http import httpx
from smarksync.plugin import Can, CheckReport, Op, StreamSpec, Write, WriteResult

from .clause import Failed, NotTested, clause, few
from .stage import Stage
from .tap import Answer
from .trouble import looks, must_fail

_WAIT = 7
#: odd rows that are tried, until so many with an address in them were refused
_TRIED, _ENOUGH = 8, 2


def _ask(stage: Stage, stream: StreamSpec) -> None:
    """An ordinary call: the first page."""
    next(iter(stage.connector.read(stream.name, cursor=None, until=None, fields=stage.asked(stream.name))), None)


def _warm(stage: Stage, stream: StreamSpec) -> None:
    stage.asked(stream.name)
    _ask(stage, stream)
    if not stage.tap.since(0, token=False):
        raise NotTested("trait", "reading sends no request through the session's client")


@clause(27, "manners", "one refresh on 401, then an auth error", http=True, each=False)
def one_refresh_then_auth_error(stage: Stage, stream: StreamSpec) -> None:
    """A token that ran out is renewed once; credentials that are refused again are a person's business."""
    _warm(stage, stream)
    renews = bool(stage.tap.since(0, token=True))
    mark = stage.tap.mark()
    stage.tap.plan("answer", answer=stage.expired)
    failure = stage.failure(lambda: _ask(stage, stream))
    stage.tap.calm()
    fetched = len(stage.tap.since(mark, token=True))
    if renews and failure:
        raise Failed(f"A token that was refused once is not renewed: {type(failure).__name__}.")
    if failure and not isinstance(failure, AuthFailed):
        raise Failed(f"Refused credentials end in {type(failure).__name__}, not in AuthFailed: {failure}")
    if fetched > 1:
        raise Failed(f"A token that was refused once is fetched {fetched} times.")
    mark = stage.tap.mark()
    stage.tap.plan("answer", answer=stage.expired, times=None)
    failure = stage.failure(lambda: _ask(stage, stream))
    stage.tap.calm()
    if not isinstance(failure, AuthFailed):
        told = type(failure).__name__ if failure else "success"
        raise Failed(f"Credentials that are refused again and again end in {told}, not in AuthFailed.")
    asked, fetched = len(stage.tap.since(mark, token=False)), len(stage.tap.since(mark, token=True))
    if asked > 2 or fetched > 1:
        raise Failed(f"Credentials that are refused for good were tried {asked} times, with {fetched} new tokens.")
    _all_say_so(stage, stream)


def _all_say_so(stage: Stage, stream: StreamSpec) -> None:
    """Refused credentials are said by every call, and by `check` before any."""
    report = stage.connector.check()
    if not report.ok or stream.name in report.unreadable:
        faults = (*report.problems, *report.unreadable.values())
        raise Failed(f"check finds fault with a system that is as it should be: {few(faults)}.")
    stage.tap.plan("answer", answer=stage.expired, times=None)
    reports: list[CheckReport] = []
    mark = stage.tap.mark()
    failure = stage.failure(lambda: reports.append(stage.connector.check()))
    stage.tap.calm()
    if stage.tap.since(mark, token=False) and failure is None and reports[0].ok:
        raise Failed("Credentials are refused, and check says that all is well.")
    with contextlib.suppress(NotTested):
        for what, call in looks(stage, stream, stage.seeded(stream.name, 1)[0]):
            must_fail(stage, what, call, stage.expired, AuthFailed)


@clause(28, "manners", "rotated token saved first", http=True, each=False)
def rotated_token_saved_first(stage: Stage, stream: StreamSpec) -> None:
    """The old refresh token is dead: whoever uses the new access token before the new one is kept may lose the account."""
    _warm(stage, stream)
    stage.tap.plan("answer", answer=stage.expired)
    stage.failure(lambda: _ask(stage, stream))
    stage.tap.calm()
    rotated = 0
    known: set[str] = set()
    for place, event in enumerate(stage.tap.events):
        if event.what != "token":
            continue
        token = _rotated(event.text)
        if token is None or token in known:
            continue
        known.add(token)
        rotated += 1
        for later in stage.tap.events[place + 1 :]:
            if later.what == "saved" and token in later.text:
                break
            if later.what == "request" and later.kind != "token":
                raise Failed(f"A new refresh token arrived, and {later.path} was asked before it was saved.")
        else:
            raise Failed("A new refresh token arrived and was never saved.")
    if not rotated:
        raise NotTested("trait", "its refresh tokens do not rotate, or it has none")


def _rotated(text: str) -> str | None:
    with contextlib.suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict) and isinstance(answer.get("refresh_token"), str):
            return str(answer["refresh_token"])
    return None


@clause(29, "manners", "limit waits as told", http=True, each=False)
def limit_waits_as_told(stage: Stage, stream: StreamSpec) -> None:
    """A vendor that names a wait is believed: sooner is a storm, and may cost the account its access."""
    _warm(stage, stream)
    wait = 1 if stage.live else _WAIT
    mark = stage.tap.mark()
    stage.tap.plan("answer", answer=stage.limit(wait))
    failure = stage.failure(lambda: _ask(stage, stream))
    stage.tap.calm()
    refused = next((e for e in stage.tap.events[mark:] if e.what == "answer"), None)
    if refused is None:
        raise NotTested("trait", "reading sends no request through the session's client")
    later = [
        e
        for e in stage.tap.since(mark)
        if e.at > refused.at or stage.tap.events.index(e) > stage.tap.events.index(refused)
    ]
    early = [e for e in later if e.at < refused.at + wait - 0.01]
    if early:
        raise Failed(f"Told to wait {wait} s, it asked again after {early[0].at - refused.at:.1f} s.")
    if failure is None:
        return
    if not isinstance(failure, Throttled):
        raise Failed(f"The vendor's limit ends in {type(failure).__name__}, not in a wait or in Throttled: {failure}")
    if (failure.retry_after or 0) < wait:
        raise Failed(f"Told to wait {wait} s, it says retry_after={failure.retry_after}.")


@clause(30, "manners", "no secret or personal data in logs, errors, cassettes", each=False)
def nothing_private_leaks(stage: Stage, stream: StreamSpec) -> None:
    """Logs and errors are sent to others; a row is named by its id."""
    first, second = stage.texts(stream.name)[:2]
    row = {**stage.rows(stream.name, 1)[0], first: "Plantedfirst", second: "Plantedsecond"}
    planted = {"plantedfirst", "plantedsecond"}
    planted |= _addresses(row)
    said: list[tuple[str, str]] = []
    with _overheard() as heard:
        _live_through(stage, stream, row, said, planted)
    said += [("a log line", line) for line in (*stage.log.lines, *heard)]
    secrets = {secret: name for secret, name in _secrets(stage).items() if len(secret) >= 6}
    for where, text in said:
        low = text.lower()
        if found := next((word for word in planted if word in low), None):
            raise Failed(f"Personal data ({found!r}) stands in {where}: {text[:160]}")
        if found := next((secret for secret in secrets if secret in text), None):
            raise Failed(f"A secret stands in {where}: {secrets[found]}.")
    for file in sorted(Path(stage.cassettes).rglob("*.yaml")) if stage.cassettes else ():
        text = file.read_text("utf-8").lower()
        if "authorization:" in text:
            raise Failed(f"The cassette {file.name} holds a header Authorization.")
        if found := next((secret for secret in secrets if secret.lower() in text), None):
            raise Failed(f"A secret stands in the cassette {file.name}: {secrets[found]}.")


def _live_through(
    stage: Stage, stream: StreamSpec, row: dict[str, Any], said: list[tuple[str, str]], planted: set[str]
) -> None:
    """Reads, writes and failures of all kinds; what was said about them goes to ``said``, addresses to ``planted``."""

    def keep(call: Any, where: str) -> None:
        try:
            call()
        except SystemFailure as error:
            said.append((f"the error of {where}", f"{error} {error.facts}"))

    def write(batch: list[Write]) -> None:
        receipts: list[Any] = []
        try:
            receipts += stage.connector.write(stream.name, batch)
        finally:
            stage.note(stream.name, receipts)
            said.extend(("the message of a receipt", r.message or "") for r in receipts)

    def check() -> None:
        report = stage.connector.check()
        said.extend(
            ("a report of check", told)
            for told in (report.account, *report.problems, *report.warnings, *report.unreadable.values())
        )

    keep(lambda: stage.pages(stream.name), "a read")
    keep(check, "a check")
    if Can.CREATE in stream.can:
        keep(lambda: write([Write("p1", Op.CREATE, row, key=stage.key())]), "a create")
        keep(lambda: write([Write("p2", Op.CREATE, row, key=stage.key())]), "a second create")
        names = {name: row[name] for name in stage.texts(stream.name)[:2]}
        with contextlib.suppress(NotTested):
            refused = 0
            for odd in itertools.islice(stage.refused(stream.name, stage.number()), _TRIED):
                planted |= _addresses(odd)
                odd_write = Write("p3", Op.CREATE, {**odd, **names}, key=stage.key())
                keep(partial(write, [odd_write]), "a refused create")
                last = stage.answered[-1][1]
                refused += last.result is WriteResult.REJECTED and bool(_addresses(odd))
                if refused == _ENOUGH:
                    break
    keep(lambda: stage.pages(stream.name), "a read")
    if not stage.speaks_http:
        return
    address = next(iter(_addresses(row)), "nobody@conformance.example.com")
    asking = list(looks(stage, stream, next(iter(stage.ids(stream.name)), "1"), address))
    for status in (400, 401, 403, 500):
        stage.tap.plan("answer", times=None, answer=partial(_echo, status))
        keep(check, f"a check that is answered {status}")
        for what, call in asking:
            keep(call, f"{what} that is answered {status}")
        if Can.CREATE in stream.can:
            keep(lambda: write([Write("p4", Op.CREATE, row, key=stage.key())]), f"a create that is answered {status}")
        stage.tap.calm()


def _addresses(row: Mapping[str, Any]) -> set[str]:
    return {value.lower() for value in row.values() if isinstance(value, str) and "@" in value}


def _echo(status: int, request: httpx.Request) -> Answer:
    """A refusal that repeats what it refuses, as many do."""
    body = request.content.decode("utf-8", "replace")
    return Answer(
        status, {"message": f"Cannot process {body} of {request.headers.get('authorization', '')} at {request.url}"}
    )


def _secrets(stage: Stage) -> dict[str, str]:
    """What nobody may read, and what it is."""
    found = dict.fromkeys(stage.tap.credentials, "what requests carry as their Authorization")
    settings = stage.spec.settings.model_validate(stage.given)
    for name in type(settings).model_fields:
        told = getattr(settings, name)
        if isinstance(told, SecretStr):
            found[told.get_secret_value()] = f"the setting `{name}`"
    return found


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """What is printed or logged past the session."""
    heard: list[str] = []
    printed = io.StringIO()
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield heard
    finally:
        root.removeHandler(handler)
        heard.extend(printed.getvalue().splitlines())


@clause(31, "manners", "close twice", each=False)
def close_twice(stage: Stage, stream: StreamSpec) -> None:
    """Closing lets go of everything, may come twice, and comes too when nothing was asked."""
    fresh = stage.open()
    _ask(stage, stream)
    for connector, what in ((fresh, "that was never used"), (stage.connector, "that was used")):
        for time in ("once", "a second time"):
            try:
                connector.close()
            except Exception as error:
                raise Failed(f"Closing a connector {what} {time} raises {type(error).__name__}: {error}") from error
