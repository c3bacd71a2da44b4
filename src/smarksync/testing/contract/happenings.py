"""What happens on a system beside the connector's own doing, as far as the suite or its simulator can let it happen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from smarksync.kit.clock import Clock, ManualClock
from smarksync.plugin import ConnectorSpec

from .clause import NotTested


class Happenings:
    """Hooks that have no default: without one, the clauses that need it are left out, with that reason."""

    spec: ClassVar[ConnectorSpec]
    clock: Clock
    simulator: Any = None

    def merge(self, stream: str, winner: str, loser: str) -> str:
        """Somebody merges two rows; the id of the one that stays. NotImplementedError: rows of that stream cannot be."""
        if hook := self._of_simulator("merge"):
            with suppress(NotImplementedError):
                return hook(stream, winner, loser) or winner
        raise self.lacks("merge")

    def convert(self, stream: str, id: str) -> tuple[str, str]:
        """Somebody converts a row to one of another stream: that stream and the new id. NotImplementedError: there is
        no such thing for that stream."""
        if hook := self._of_simulator("convert"):
            with suppress(NotImplementedError):
                found: tuple[str, str] = hook(stream, id)
                return found
        raise self.lacks("convert")

    def empty_pages(self, stream: str) -> None:
        """From now on reads contain a page without rows, and more behind it."""
        if hook := self._of_simulator("empty_pages"):
            hook(stream)
            return
        raise self.lacks("empty_pages")

    def late(self, stream: str, row: Mapping[str, Any]) -> str:
        """A row that was changed before the last read began, and that reads show only from now on; its id."""
        if hook := self._of_simulator("late"):
            return str(hook(stream, row))
        raise self.lacks("late")

    def pass_time(self, seconds: float) -> None:
        """Time goes by, for both sides."""
        if isinstance(self.clock, ManualClock):
            self.clock.move(seconds)
        else:
            self.clock.sleep(min(seconds, 2.0))

    def lacks(self, hook: str, why: str = "") -> NotTested:
        """What to raise where a hook has no default."""
        return NotTested("hook", f"no hook `{hook}`" + (f" ({why})" if why else ""))

    def _of_simulator(self, name: str) -> Any:
        return getattr(self.simulator, f"contract_{name}", None)
