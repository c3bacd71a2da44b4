"""A Ghost on tape: facts tests replay what a real server answered.

To record anew, start a real Ghost and its MariaDB on loopback and name the file that tells about it::

    GHOST_PEER=…/ghost/peer.json pytest plugins/smarksync-ghost/tests/test_ghost_facts.py

``peer.json`` holds ``url`` and ``admin_key``; the MariaDB socket is expected at ``../mariadb/sock`` beside it. All
members of that server are deleted. Cassettes hold no credentials, no port and no unsubscribe keys.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import vcr
from smarksync_ghost import SPEC
from smarksync_ghost.members import GhostConnector

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plugin import Op, Receipt, Write

HERE = Path(__file__).parent / "cassettes"
PEER = os.environ.get("GHOST_PEER")
KEY = "6b02388c56215a431c9fb1ea:" + "ab" * 32

_SCRUB = (
    (re.compile(rb"http://127\.0\.0\.1:\d+"), b"http://127.0.0.1"),
    (re.compile(rb"(unsubscribe/\?uuid=[0-9a-f-]+&key=)[0-9a-f]+"), rb"\1none"),
)


def _ask(request: Any) -> Any:
    request.uri = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", request.uri)
    request.headers = {name: value for name, value in request.headers.items() if name.lower() == "accept-version"}
    return request


def _answer(response: dict[str, Any]) -> dict[str, Any]:
    body = response["body"]["string"]
    for pattern, instead in _SCRUB:
        body = pattern.sub(instead, body)
    response["body"]["string"] = body
    kept = {"content-type", "date", "content-version"}
    response["headers"] = {name: value for name, value in response["headers"].items() if name.lower() in kept}
    return response


tape = vcr.VCR(
    record_mode="all" if PEER else "none",
    match_on=("method", "path", "query", "body"),
    before_record_request=_ask,
    before_record_response=_answer,
    decode_compressed_response=True,
)


class Ghost:
    """The connector under test, and the ways to prepare the real server while recording."""

    def __init__(self) -> None:
        self.peer = json.loads(Path(PEER).read_text()) if PEER else {"url": "http://127.0.0.1", "admin_key": KEY}
        self.clock = ManualClock(
            datetime.now(UTC).replace(microsecond=0) if PEER else datetime(2026, 11, 22, tzinfo=UTC)
        )
        self.session = OpenSession("audience", clock=self.clock)
        self.sessions = [self.session]
        self.connector = self.open()

    def close(self) -> None:
        """Closes every connector."""
        for session in self.sessions:
            session.close()

    def open(self, *, small: int = 3, key: str | None = None, clock: ManualClock | None = None) -> GhostConnector:
        """Another connector to the same site."""
        session = OpenSession("audience", clock=clock or self.clock, counts=self.session.counts)
        self.sessions.append(session)
        settings = SPEC.settings.model_validate(
            {"base_url": self.peer["url"], "admin_key": key or self.peer["admin_key"]}
        )
        return GhostConnector(settings, session, small=small)

    def write(self, op: Op, id: str | None = None, /, **fields: Any) -> Receipt:
        """One write, with the receipt it got."""
        (receipt,) = self.connector.write("members", [Write("ref", op, fields, id)])
        return receipt

    def create(self, email: str, **fields: Any) -> Receipt:
        """One new member."""
        return self.write(Op.CREATE, email=email, **fields)

    def raw(self, path: str, **params: Any) -> Any:
        """What the server itself answers: the fact that the connector copes with."""
        return self.connector._api.http.get(path, params=params, accept=range(400, 500)).json

    def now(self) -> datetime:
        """The server's time, asked anew."""
        self.connector._probe()
        return self.connector.server_time()

    def outside(self, act: Callable[[Ghost], None]) -> None:
        """Done on the real server while recording, unseen by the tape; the next second begins afterwards."""
        if PEER:
            with vcr.VCR(before_record_request=lambda _: None).use_cassette("unused"), closing(Ghost()) as other:
                act(other)
            self.next_second()

    def next_second(self) -> None:
        """While recording, waits for the server's next second."""
        if PEER:
            time.sleep(1.1)

    def pass_overlap(self) -> None:
        """While recording, waits until what was done so far lies behind the overlap of a read that begins now."""
        if PEER:
            time.sleep(7)

    def sql(self, statement: str) -> None:
        """Only for ``outside``: what the API cannot set."""
        socket = Path(PEER or "").resolve().parents[1] / "mariadb" / "sock"
        subprocess.run(["mariadb", "-S", str(socket), "-u", "root", "ghost", "-e", statement], check=True)


@pytest.fixture
def ghost(request: pytest.FixtureRequest) -> Iterator[Ghost]:
    name = HERE / f"{request.node.name}.yaml"
    ghost = Ghost()
    if PEER:
        name.unlink(missing_ok=True)
        with closing(Ghost()) as other:
            other.connector._api.http.request("DELETE", "/members/?all=true", expect="any")
            other.sql("delete from labels")
    with tape.use_cassette(str(name)) as cassette:
        yield ghost
    ghost.close()
    if not PEER:
        assert cassette.all_played, "the connector asked for less than it did when this was recorded"
