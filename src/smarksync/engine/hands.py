"""Calls side by side, or at once in this thread: the run itself stays one thread, and the ledger with it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any


class Hands:
    """Makes calls. With ``threads`` they run beside each other, else one is over before the next begins."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="push") if threads else None

    @property
    def aside(self) -> bool:
        """Whether calls go on while this thread works."""
        return self._pool is not None

    def begin(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """The call, under way or over."""
        if self._pool is not None:
            return self._pool.submit(call, *args)
        future: Future[Any] = Future()
        future.set_result(call(*args))
        return future

    def any_of(self, calls: Collection[Future[Any]], patience: float) -> None:
        """Waits until one of the calls is over, at most so many seconds."""
        if self._pool is not None:
            wait(calls, timeout=patience, return_when=FIRST_COMPLETED)

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
