"""A session whose network is a function, and whose clock moves only when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession

Answer = httpx.Response | Exception


class Net:
    """Answers in the order given; the last one again and again. ``seen`` holds the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer | Callable[[httpx.Request], httpx.Response]] = []
        self.seen: list[httpx.Request] = []
        self.clock = ManualClock()
        self.log: list[tuple[str, dict[str, Any]]] = []
        self.session = OpenSession("crm", clock=self.clock, log=self, transport=httpx.MockTransport(self._answer))

    def will(self, *answers: Answer | Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers = list(answers)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def info(self, event: str, **facts: Any) -> None:
        self.log.append((event, facts))

    warning = info


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.session.close()
