"""What goes wrong on demand. A fault waits for requests that it fits, happens ``times`` times, and counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from .http import Answer, Request

#: answer: this instead of the real one, nothing is done · drop: closes the connection before the call is done ·
#: drop_after: does it, then closes · cut: does it, sends half of the body · garble: does it, sends another body
Happening = Literal["answer", "drop", "drop_after", "cut", "garble"]


@dataclass
class Fault:
    """One fault. ``skip`` lets so many fitting requests pass first; ``times`` None = for ever; ``seen`` = happened."""

    what: Happening
    times: int | None = 1
    skip: int = 0
    method: str | None = None
    path: str | None = None
    when: Callable[[Request], bool] | None = None
    reply: Answer | None = None
    #: called when it happened, before anything is sent (to kill whoever asked)
    then: Callable[[], object] | None = None
    seen: int = 0

    def fits(self, request: Request) -> bool:
        """True when this request is one of those that the fault is about."""
        return (
            (self.method is None or self.method == request.method)
            and (self.path is None or fnmatchcase(request.path, self.path))
            and (self.when is None or self.when(request))
        )


@dataclass
class Faults:
    """The faults of one server, in the order in which they were asked for. ``latency``: seconds before each answer."""

    latency: float = 0.0
    pending: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, status: int, body: Any = None, *, headers: Mapping[str, str] | None = None, **how: Any) -> Fault:
        """This answer instead of the real one; nothing is done. ``how``: fields of :class:`Fault`."""
        return self._add(Fault("answer", reply=Answer(status, body, dict(headers or {})), **how))

    def drop(self, *, after: bool, **how: Any) -> Fault:
        """Closes the connection without an answer, ``after`` the call was done or before."""
        return self._add(Fault("drop_after" if after else "drop", **how))

    def cut(self, **how: Any) -> Fault:
        """Does the call and sends the first half of the answer, as a whole one."""
        return self._add(Fault("cut", **how))

    def garble(self, body: Any = "<html><body>Bad gateway</body></html>", *, status: int = 200, **how: Any) -> Fault:
        """Does the call and sends another body (a proxy's web page, nothing, other JSON)."""
        return self._add(Fault("garble", reply=Answer(status, body), **how))

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self.pending.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault that befalls this request, if any; its count moves."""
        with self._lock:
            for fault in self.pending:
                if not fault.fits(request) or (fault.times is not None and fault.seen >= fault.times):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.seen += 1
                return fault
        return None

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self.pending.append(fault)
        return fault
