"""The rooms of a run without its systems: mappings and rules compiled from what the ledger remembers.

For questions (``explain``, ``status``) and for people's decisions. Nothing here calls a system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from smarksync.config import Config, read_settings
from smarksync.errors import ConfigError, SystemFailure, Transient
from smarksync.ledger import lease, schemas, streams
from smarksync.ledger.db import Ledger
from smarksync.plugin import CheckReport, Cursor, FieldInfo, Page

from .context import Lane, Opened, Options, Run, instant
from .prepare import Workshop, chosen_jobs, open_connections, open_run
from .registry import Registry
from .written import written_mappings

Clock = Callable[[], datetime]
#: what stands for a run's id where a person decided
BY_HAND = "by hand"


def utc_now() -> datetime:
    """Our own clock."""
    return datetime.now(UTC)


class _Nobody:
    """Stands where a connector would: whoever asks it anything has made a mistake."""

    def check(self) -> CheckReport:
        raise Transient("This command does not call any system.")

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        raise Transient("This command does not call any system.")

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        raise Transient("This command does not call any system.")

    def close(self) -> None:
        """Nothing is held."""


class _Memory(Workshop):
    """A workshop that compiles with the schemas that runs have left in the ledger."""

    def open(self, name: str) -> Opened:
        conn = self.config.connections[name]
        spec = self.registry.spec(conn.connector)
        found = spec.streams
        if spec.discover is not None:
            try:
                found = spec.discover(read_settings(self.config, name, spec.settings))
            except (SystemFailure, ConfigError):
                found = ()
        self.specs[name] = {s.name: s for s in found}
        self.written[name], self.presets[name] = written_mappings(self.config, name, spec, ())
        return Opened(name, conn.role or spec.role, spec, _Nobody(), None, Transient("It was not asked."))

    def lane(self, opened: Opened, obj: str) -> Lane | None:
        for stream in streams.every(self.ledger):
            if (stream.connection, stream.object) == (opened.name, obj):
                live = schemas.last(self.ledger, stream.sid)
                return None if live is None else self.lane_of(opened, stream, live)
        return None


def _no_session(_name: str, _settings: Any) -> None:
    return None


def open_offline(config: Config, registry: Registry, ledger: Ledger, now: Clock = utc_now) -> Run:
    """Every sync job with its rules, and the mapping of every stream that was ever read.

    What cannot be compiled is left out, with a sentence in ``notes``.
    """
    run = Run("", config.workspace, ledger, now, Options())
    workshop = _Memory(config, registry, ledger, _no_session, now)
    for job in chosen_jobs(config, ()):
        try:
            open_connections(run, workshop, [job])
            open_run(run, config, workshop, [job])
        except ConfigError as error:
            run.notes.append(str(error))
    run.notes += [str(refusal) for refusal in run.refused.values()]
    run.notes = list(dict.fromkeys(run.notes))
    return run


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people's questions are answered and their decisions taken: the config, the plugins and the ledger."""

    config: Config
    registry: Registry
    ledger: Ledger
    now: Clock = utc_now

    def open(self) -> Run:
        """See :func:`open_offline`."""
        return open_offline(self.config, self.registry, self.ledger, self.now)

    def stamp(self) -> str:
        """Our own clock, as text."""
        return instant(self.now())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds every lease, so that no run is under way. Raises LeaseHeld, naming the run."""
        names = {f"{stream.connection}:{stream.object}" for stream in streams.every(self.ledger)}
        names |= {name for (name,) in self.ledger.rows("SELECT name FROM leases")}
        lease.take(self.ledger, sorted(names), BY_HAND, self.now())
        try:
            yield
        finally:
            lease.give_back(self.ledger)


__all__ = ["BY_HAND", "Clock", "Desk", "open_offline", "utc_now"]
