"""Suites on tape: the clauses play what a real server answered once, and are recorded anew when one is at hand.

Cassettes hold no credentials (of a request's headers none are kept) and no port. vcrpy does the work; it comes with the
extra ``record``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from smarksync.kit.clock import Clock, ManualClock

from .contract import ConnectorContract

#: the address in cassettes, wherever they were recorded
ADDRESS = "http://127.0.0.1:8701"
_KEPT = ("content-type", "date", "retry-after", "content-version")


class OnTape(ConnectorContract):
    """A suite whose clauses each have a cassette in ``cassettes``, named after them.

    ``recording``: a real server is there now; ``start`` then empties it and gives its settings. ``scrub`` are patterns
    and what stands for them in answers.
    """

    recording: ClassVar[bool] = False
    scrub: ClassVar[tuple[tuple[bytes, bytes], ...]] = ()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """With the tape running."""
        if not self.clause:
            with super().opened():
                yield
            return
        file = Path(str(self.cassettes), f"{self.clause}.yaml")
        if self.recording:
            file.unlink(missing_ok=True)
        with super().opened(), _tape(self.recording, self.kept).use_cassette(str(file)):
            yield

    def kept(self, body: bytes) -> bytes:
        """What a cassette keeps of an answer's body."""
        for pattern, instead in ((rb"http://127\.0\.0\.1:\d+", ADDRESS.encode()), *self.scrub):
            body = re.sub(pattern, instead, body)
        return body

    def make_clock(self) -> Clock:
        """One that stands still, at the server's time while recording: tokens are signed by it."""
        return ManualClock(datetime.now(UTC).replace(microsecond=0)) if self.recording else ManualClock()

    def pass_time(self, seconds: float) -> None:
        """While recording, the server's clock is real."""
        if self.recording:
            time.sleep(2.1)
        super().pass_time(2)


def _tape(recording: bool, kept: Callable[[bytes], bytes]) -> Any:
    import vcr  # type: ignore[import-untyped]  # it has no types

    return vcr.VCR(
        record_mode=vcr.mode.ALL if recording else vcr.mode.NONE,
        match_on=("method", "path", "query", "body"),
        before_record_request=_asked,
        before_record_response=_answered(kept),
        decode_compressed_response=True,
    )


def _asked(request: Any) -> Any:
    parts = urlsplit(request.uri)
    request.uri = ADDRESS + parts.path + (f"?{parts.query}" if parts.query else "")
    request.headers = {name: value for name, value in request.headers.items() if name.lower() == "content-type"}
    return request


def _answered(kept: Callable[[bytes], bytes]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def keep(response: dict[str, Any]) -> dict[str, Any]:
        headers = response["headers"].items()
        return {
            **response,
            "headers": {name: value for name, value in headers if name.lower() in _KEPT},
            "body": {"string": kept(response["body"]["string"])},
        }

    return keep
