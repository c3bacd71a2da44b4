"""A small world to sync: simulated systems, one config, one ledger file, and runs that may die."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from smarksync.config import Config, load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.errors import LeaseHeld
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger
from smarksync.plugin import Can, Choice, FieldInfo, FieldType
from smarksync.testing import (
    EVERYTHING,
    Call,
    Clock,
    Crash,
    FaultPlan,
    MemoryPlugin,
    MemoryStream,
    MemorySystem,
    registered,
)

#: canonical field → vendor type. Few on purpose: histories must collide to find anything.
FIELDS: Mapping[str, FieldType] = {
    "email": FieldType.EMAIL,
    "first_name": FieldType.TEXT,
    "last_name": FieldType.TEXT,
    "company": FieldType.TEXT,
    "job_title": FieldType.TEXT,
    "score": FieldType.INT,
    "tags": FieldType.CHOICES,
    "email_opt_out": FieldType.BOOL,
}
CONSENT = "email_opt_out"
BASIS = ("consent_at", "consent_basis")
#: a process number that no process has: leases of a killed run belong to the dead
NOBODY = 2**22 + 7


@dataclass(frozen=True, slots=True)
class Kind:
    """How one system behaves. ``streams``: its objects, creates go to the first; ``lacks``: fields that it has not."""

    name: str
    streams: tuple[str, ...] = ("people",)
    resolution: float = 0.0
    late: float = 0.0
    skew: float = 0.0
    full_scan: bool = False
    echo: str = "all"
    lowers: frozenset[str] = frozenset()
    strips: bool = False
    tells_user: bool = True
    tells_history: bool = False
    hard_deletes: bool = False
    restamps: bool = False
    without: frozenset[Can] = frozenset()
    page_size: int = 3
    max_batch: int = 2
    empty_every: int = 0
    unique_email: bool = False
    external_id: bool = False
    acts: bool = False  # maps consent_at and consent_basis, so that an opt-in can be an act of the person's own
    lacks: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()  # fields that the mapping only reads there
    once: frozenset[str] = frozenset()  # fields that only a new record takes
    skips: frozenset[str] = frozenset()  # fields that it has and the mapping leaves out
    words: tuple[tuple[str, str], ...] = ()  # (title, the system's own word for it): a table in the mapping
    titles: tuple[str, ...] = ()  # the only ones that it has a word for: its job title is a pick list
    create: str = "always"
    explains: bool = True  # the connector tells the server's time and where a row went

    def vendor(self, name: str) -> str:
        """The system's own name of a canonical field."""
        return f"{self.name}_{name}"

    def fields(self) -> list[str]:
        """The canonical fields that it maps, our own id left out."""
        return [*(f for f in FIELDS if f not in self.unmapped), *(BASIS if self.acts else ())]

    @property
    def unmapped(self) -> frozenset[str]:
        """The canonical fields that it does not map."""
        return self.lacks | self.skips

    @property
    def fixed(self) -> frozenset[str]:
        """The canonical fields that nobody may write into a record that is there."""
        return self.reads | self.once

    def line(self, name: str) -> str:
        """What the mapping says of one field."""
        more = ", direction: read" if name in self.reads else ""
        if name == "job_title" and self.words:
            more += ", values: {" + ", ".join(f"{title}: {own}" for title, own in self.words) + "}"
        return f"{{field: {self.vendor(name)}{more}}}" if more else self.vendor(name)

    def stream(self, name: str) -> MemoryStream:
        """One object of the system."""
        infos = [
            FieldInfo(self.vendor(f), FIELDS[f], unique=f == "email" and self.unique_email, create_only=f in self.once)
            for f in FIELDS
            if f not in self.lacks and not (f == "job_title" and self.titles)
        ]
        if self.titles:
            choices = tuple(Choice(title) for title in self.titles)
            infos.append(FieldInfo(self.vendor("job_title"), FieldType.CHOICE, choices=choices))
        if self.acts:
            infos += [FieldInfo(self.vendor("consent_at"), FieldType.INSTANT), FieldInfo(self.vendor("consent_basis"))]
        if self.external_id:
            infos.append(FieldInfo(self.vendor("external_id")))
        grain = {"resolution": timedelta(seconds=self.resolution)} if self.resolution else {}
        return MemoryStream(
            name, entity="lead", fields=tuple(infos), can=EVERYTHING - self.without, natural_keys=(self.vendor("email"),),
            email_field=self.vendor("email"), max_batch=self.max_batch, page_size=self.page_size, full_scan=self.full_scan,
            late=timedelta(seconds=self.late), echo=self.echo, lowers=frozenset(self.vendor(f) for f in self.lowers),
            strips=self.strips, tells_user=self.tells_user, tells_history=self.tells_history,
            hard_deletes=self.hard_deletes, restamps=self.restamps, empty_every=self.empty_every,
            external_id=self.vendor("external_id") if self.external_id else None, **grain,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One sync job: its connections and its rules as YAML flow text by field."""

    name: str
    between: tuple[str, ...]
    rules: tuple[tuple[str, str], ...] = (("*", "{direction: both, merge: newest}"),)
    deletes: tuple[tuple[str, str], ...] = ()
    adopt: str = ""
    guards: str = ""
    where: tuple[tuple[str, str], ...] = ()
    match: str = "email"
    create: tuple[tuple[str, str], ...] = ()  # where it is not what the system's kind says


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that a history starts from."""

    kinds: tuple[Kind, ...]
    jobs: tuple[JobPlan, ...]
    absent: frozenset[str] = frozenset()  # systems that the config does not name

    def kind(self, name: str) -> Kind:
        """The system of that name."""
        return next(k for k in self.kinds if k.name == name)

    def yaml(self) -> str:
        """The config file."""
        lines = ["version: 1", "workspace: machine", "ledger: sqlite:///machine.db", "connections:"]
        named = [k for k in self.kinds if k.name not in self.absent]
        lines += [f"  {k.name}: {{connector: memory, settings: {{system: {k.name}}}}}" for k in named]
        lines.append("mappings:")
        for kind in named:
            names = [*kind.fields(), *(["external_id"] if kind.external_id else [])]
            fields = ", ".join(f"{f}: {kind.line(f)}" for f in names)
            lines.append(f"  {kind.name}:")
            lines += [f"    {s}: {{entity: lead, fields: {{{fields}}}}}" for s in kind.streams]
        lines.append("jobs:")
        for job in self.jobs:
            creates = ", ".join(f"{c}: {dict(job.create).get(c, self.kind(c).create)}" for c in job.between)
            lines += [f"  {job.name}:", "    sync: lead", f"    between: [{', '.join(job.between)}]", f"    match: [{job.match}]",
                      f"    create: {{{creates}}}", "    fields:"]  # fmt: skip
            lines += [f'      "{name}": {rule}' for name, rule in job.rules]
            if job.deletes:
                lines.append("    deletes: {" + ", ".join(f"{c}: {p}" for c, p in job.deletes) + "}")
            if job.adopt:
                lines.append(f"    adopt: {{prefer: {job.adopt}}}")
            if job.where:
                lines.append("    where: {" + ", ".join(f"{c}: '{test}'" for c, test in job.where) + "}")
            if job.guards:
                lines.append(f"    guards: {job.guards}")
        return "\n".join(lines) + "\n"


@cache
def _config(text: str, folder: str) -> Config:
    path = Path(folder) / "smarksync.yaml"
    path.write_text(text)
    return load(path)


@cache
def _registry() -> Registry:
    """One for all runs: looking for entry points costs more than a small run."""
    return Registry([MemoryPlugin()])


@cache
def _blank_ledger(folder: str) -> str:
    path = str(Path(folder) / "blank.db")
    ledger = Ledger(f"sqlite:///{path}")
    ledger.run("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    return path


@dataclass(slots=True)
class RunSeen:
    """What a run was seen to do from outside: its answer, the calls that the systems received."""

    exit_code: int | None  # None = killed
    report: dict[str, Any]
    calls: list[Call]
    sentences: list[str] = field(default_factory=list)
    crash: Crash | None = None

    def writes(self) -> list[tuple[str, str, str, str | None, dict[str, Any]]]:
        """(system, stream, op, id, fields) of every row that was sent."""
        return [
            (call.system, call.stream, str(write.op), write.id, dict(write.fields))
            for call in self.calls
            if call.kind == "write"
            for write in call.writes
        ]


def _count_statements(ledger: Ledger, faults: FaultPlan) -> None:
    """A statement outside a transaction is a commit of its own: a process can die before each."""
    for name in ("run", "insert", "many", "add"):
        plain = getattr(ledger, name)

        def counted(*args: Any, plain: Any = plain) -> Any:
            if ledger._depth == 0 and not args[0].lstrip().upper().startswith(("CREATE TEMP", "DELETE FROM SCAN")):
                faults.point("ledger.statement")
            return plain(*args)

        setattr(ledger, name, counted)


class World:
    """Systems, clock, ledger. Everything is deterministic: the same steps give the same world."""

    def __init__(self, profile: Profile, folder: Path, *, name: str = "w", order: int = 0) -> None:
        self.profile = profile
        self.folder = folder
        self.clock = Clock()
        self.faults = FaultPlan(keep_trail=False)
        self.systems = {
            k.name: MemorySystem(k.name, [k.stream(s) for s in k.streams], self.clock, faults=self.faults,
                                 skew=timedelta(seconds=k.skew), explains=k.explains, seed=order)
            for k in profile.kinds
        }  # fmt: skip
        self.config = _config(profile.yaml(), str(folder))
        self.path = str(folder / f"{name}.db")
        for suffix in ("", "-wal", "-shm"):
            Path(self.path + suffix).unlink(missing_ok=True)
        shutil.copyfile(_blank_ledger(str(folder)), self.path)
        self.now: Any = None  # a test may put another clock here
        self.plan_at_once = 1  # people who are planned for at once while the round before is being sent
        self.match_at_once = 1  # new rows of a page that a first load matches without an inbox
        self.between_statements = False  # statements outside transactions become points of death, too

    def reconfigure(self, profile: Profile) -> None:
        """Somebody edits the config between two runs; the systems stay as they are."""
        self.profile = profile
        self.config = _config(profile.yaml(), str(self.folder))

    def run(
        self, *jobs: str, limit: int | None = None, allow: tuple[str, ...] = (), dry: bool = False, ledger: Any = None
    ) -> RunSeen:
        """One process: it ends, or dies at the fault plan's point."""
        marks = {name: len(system.calls) for name, system in self.systems.items()}
        ledger = Ledger(f"sqlite:///{self.path}")
        ledger.io = self.faults.point
        if self.between_statements:
            _count_statements(ledger, self.faults)
        crash = None
        result = None
        with registered(*self.systems.values()):
            try:
                result = execute(
                    self.config,
                    Options(
                        jobs=jobs,
                        limit=limit,
                        allow=frozenset((*allow, "emptied_side")),
                        dry_run=dry,
                        threads=False,
                        match_at_once=self.match_at_once,
                        plan_at_once=self.plan_at_once,
                    ),
                    registry=_registry(),
                    make_session=lambda name, _settings: OpenSession(name, root=str(self.folder)),
                    now=self.now or self.clock,
                    ledger=ledger,
                )
            except Crash as death:
                crash = death
            finally:
                ledger.io = None
                ledger.close()
        self.faults.revive()
        if crash is not None:
            self.sql_write("UPDATE leases SET pid = ?, started = '' WHERE holder IS NOT NULL", (NOBODY,))
        calls = [c for name, system in self.systems.items() for c in system.calls[marks[name] :]]
        if result is None:
            return RunSeen(None, {}, calls, crash=crash)
        return RunSeen(result.exit_code, result.report, calls, result.sentences)

    # What is true out there, and what the ledger says of it

    def true_rows(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """{(system, stream, id): vendor fields} of every row as it truly stands."""
        return {
            (name, stream, rid): fields
            for name, system in self.systems.items()
            for stream in system.streams
            for rid, fields in system.rows(stream).items()
        }

    @contextmanager
    def open_ledger(self) -> Iterator[sqlite3.Connection]:
        """The ledger's file, read with SQL."""
        con = sqlite3.connect(self.path)
        try:
            yield con
        finally:
            con.close()

    def sql(self, text: str, params: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self.open_ledger() as con:
            return con.execute(text, params).fetchall()

    def sql_write(self, text: str, params: tuple[Any, ...] = ()) -> None:
        """One statement."""
        with self.open_ledger() as con:
            con.execute(text, params)
            con.commit()

    def links(self) -> dict[int, set[tuple[str, str, str]]]:
        """{entity: its live records} as the ledger has them."""
        found: dict[int, set[tuple[str, str, str]]] = {}
        sql = "SELECT l.eid, s.connection, s.object, l.rid FROM links l JOIN streams s ON s.sid = l.sid WHERE l.state = 'live'"
        for eid, connection, obj, rid in self.sql(sql):
            found.setdefault(eid, set()).add((connection, obj, rid))
        return found

    def audit(self, after: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """(entity, body) in order, of the rows after that number."""
        sql = "SELECT eid, body FROM audit WHERE id > ? ORDER BY id"
        return [(eid, orjson.loads(body)) for eid, body in self.sql(sql, (after,))]

    def standing(self) -> dict[int, str]:
        """{entity: where it stands with e-mail}."""
        return dict(self.sql("SELECT eid, status FROM consent WHERE channel = 'email'"))

    def survivors(self) -> dict[int, int]:
        """{entity: the one that it was joined into}."""
        return dict(self.sql("SELECT eid, into_eid FROM entities WHERE into_eid IS NOT NULL"))

    def questions(self) -> list[tuple[int, str, str, dict[str, Any]]]:
        """(entity, field, kind, body) of every open conflict."""
        sql = "SELECT eid, field, kind, body FROM conflicts WHERE state = 'open' ORDER BY id"
        return [(eid, name, kind, orjson.loads(body)) for eid, name, kind, body in self.sql(sql)]

    def answer(self, eid: int, name: str, value: Any) -> None:
        """A person answers a conflict, as `conflicts resolve` will."""
        self.sql_write("INSERT INTO changes (eid) VALUES (?)", (eid,))
        self.sql_write(
            "UPDATE conflicts SET state = 'answered', answer = ? WHERE eid = ? AND field = ? AND kind = 'field'",
            (orjson.dumps(value).decode(), eid, name),
        )


__all__ = ["BASIS", "CONSENT", "FIELDS", "JobPlan", "Kind", "LeaseHeld", "Profile", "RunSeen", "World", "datetime"]
