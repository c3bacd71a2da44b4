"""What a run carries from room to room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol, cast

from smarksync.errors import ConfigError, SystemFailure
from smarksync.ledger import lease
from smarksync.ledger.db import Ledger
from smarksync.ledger.streams import Stream
from smarksync.mapping import CompiledMapping
from smarksync.plan.job import JobRules
from smarksync.plugin import Connector, ConnectorSpec, Fetches, Finds, Record, StreamSpec

from .owners import Owners
from .raw import Fingerprints, plain

#: seconds between two signs of life
BEAT = 10.0


@lru_cache(maxsize=1024)
def instant(moment: datetime) -> str:
    """A time as it is stored and compared: UTC, microseconds, Z."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


@dataclass(slots=True)
class Options:
    """What the caller asked of this run."""

    jobs: tuple[str, ...] = ()
    dry_run: bool = False
    limit: int | None = None
    only: str | None = None
    only_handoffs: bool = False  # hand-off jobs, and the sync jobs that they rest on
    allow: frozenset[str] = frozenset()
    threads: bool = True
    match_at_once: int = 500  # new rows of a page that are matched as they come in, in a first load
    plan_at_once: int = 500  # entities that are planned for at once while the round before is being sent
    rows_ahead: int = 4_000  # rows that were read and wait for the ledger; a page beyond it waits with its reader


@dataclass(slots=True)
class Lane:
    """One stream in this run: its connector, mapping, memory and what was counted of it."""

    stream: Stream
    spec: StreamSpec
    mapping: CompiledMapping
    connector: Connector
    primary_rank: int = 0  # place among the streams of one entity on this connection, best first
    resolution: float = 0.0  # seconds
    failed: Exception | None = None
    adopts: frozenset[str] = frozenset()  # fields whose place is new to us: what they show is adopted, and no edit
    asks: str = ""  # what `where` asks of its records, in every job of the config
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by field: the jobs whose `where` reads it there
    anew: bool = False  # its cursor means nothing any more
    pulled_whole: bool = False  # read from the first row in this run
    told_complete: bool = False  # the connector says itself which campaigns' members it has shown
    until: str = ""  # how far it is read, in the server's clock
    moment: str = ""  # the same moment in ours
    ahead: timedelta = timedelta(0)  # the server's clock against ours
    read: int = 0
    unchanged: int = 0
    shown_now: int | None = None
    emptied: bool = False
    filtered: int = 0
    _fingerprints: Fingerprints | None = None

    @property
    def sid(self) -> int:
        """The stream's number in the ledger."""
        return self.stream.sid

    @property
    def fingerprints(self) -> Fingerprints:
        """Those of its rows, as this mapping reads them."""
        if self._fingerprints is None:
            self._fingerprints = Fingerprints(self.mapping.version.encode())
        return self._fingerprints

    def fetch(self, ids: Sequence[str]) -> Iterator[Record]:
        """The rows of those ids that exist, with the mapped fields; for streams that can fetch."""
        found = cast(Fetches, self.connector).fetch(self.stream.object, ids, fields=self.mapping.vendor_fields)
        return map(plain, found)

    def find(self, key: str, values: Sequence[str]) -> Iterator[Record]:
        """All rows whose ``key`` has one of the values, with the mapped fields; for streams that can find."""
        found = cast(Finds, self.connector).find(self.stream.object, key, values, fields=self.mapping.vendor_fields)
        return map(plain, found)

    def fail(self, error: SystemFailure) -> None:
        """It is not read to its end: its jobs stop after T1, and nothing is inferred from what is missing."""
        error.connection = self.stream.connection
        self.failed = error

    @property
    def name(self) -> str:
        """``connection:object``."""
        return f"{self.stream.connection}:{self.stream.object}"

    def ours(self, moment: datetime | str | None) -> str | None:
        """A time of the server in our own clock, so that times of several servers can be compared."""
        if moment is None:
            return None
        if not self.ahead:
            return moment if moment.__class__ is str else instant(cast(datetime, moment))
        return instant((datetime.fromisoformat(moment) if isinstance(moment, str) else moment) - self.ahead)


@dataclass(slots=True)
class Opened:
    """One opened connection."""

    name: str
    role: str
    spec: ConnectorSpec
    connector: Connector
    session: Any
    failed: Exception | None = None
    reserve: int = 0  # calls of its daily budget that are kept for hand-offs
    kept: Exception | None = None  # what ordinary jobs were refused for their sake

    def fail(self, error: SystemFailure) -> None:
        """It takes no further part in this run."""
        error.connection = self.name
        self.failed = error

    def spend(self, reserve: bool) -> None:
        """From now on calls are made for a hand-off (or an opt-out), which may use the reserve, or for others."""
        counts = getattr(self.session, "counts", None)
        if counts is not None:
            counts.reserve, counts.may_use_reserve = self.reserve, reserve
        if reserve and getattr(self.failed, "kept", False):
            self.kept, self.failed = self.failed, None


@dataclass(slots=True)
class JobRun:
    """One job in this run: its rules, its lanes, and the figures of interface.md per lane."""

    name: str
    rules: JobRules
    match: list[Any]
    lanes: list[Lane]
    create_policies: dict[str, Any]
    deletes: dict[str, str]
    guards: dict[str, Any]
    rules_hash: str
    counts: dict[int, Counter[str]] = field(default_factory=dict)
    stopped_by: str | None = None
    stop_text: str = ""
    failed: str | None = None
    fates: dict[int, str] = field(default_factory=dict)  # only of entities that were not simply settled
    outside: set[tuple[int, int]] = field(default_factory=set)  # (entity, stream) of records that left `where`
    left: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    facts: bool = False  # it only learns what its lanes show (engine/observed.py)
    kind: str = "sync"
    ahead: Ahead | None = None  # what is planned of the next round while this one is sent
    work: Work | None = None  # how a job of the agreement plans; None = the merge of a sync job
    late: frozenset[int] = frozenset()  # streams that are written after the others: they rest on what was settled there
    waits_for: frozenset[str] = frozenset()  # jobs which, stopped by a guard, hold this one, too (`handoffs: hold`)
    undelivered: set[int] = field(default_factory=set)  # opt-outs whose system failed before they were sent
    swept: str = ""  # the day whose look at everybody this planning was
    observes: tuple[Lane, ...] = ()  # lanes that are read for it, and never written

    def count(self, sid: int, what: str, by: int = 1) -> None:
        """Adds to a figure of a lane."""
        self.counts.setdefault(sid, Counter())[what] += by


class Ahead(Protocol):
    """What is planned of a job's next round while one is sent (:class:`.foresight.Foresight`)."""

    def chunk(self) -> bool:
        """Plans for a chunk of entities, if one can be filled; says whether it did."""
        ...

    def join(self) -> None:
        """The round begins, and its candidates are gathered: without those whose plan still holds."""
        ...

    def drop(self) -> None:
        """There is no such round, or it looks at everybody."""
        ...


class Work(Protocol):
    """What a job of the agreement does in place of merging fields."""

    def plan(self, run: Run, job: JobRun) -> int:
        """Plans everything that changed since the job's mark; the sequence up to which it looked."""
        ...

    def still_wanted(self, run: Run, job: JobRun, lane: Lane, rows: list[Any]) -> list[Any]:
        """Just before rows are sent: those that go, made complete."""
        ...

    def recover(self, run: Run, job: JobRun) -> None:
        """Rows under way that the ordinary recovery cannot judge."""
        ...

    def report(self, run: Run) -> dict[str, Any]:
        """What the run says of the job beside its figures."""
        ...


class Review(Protocol):
    """What `apply` adds to a run: a person has seen a plan, and only what is still so may be written."""

    def begin(self, run: Run) -> None:
        """After opening, before anything is read. Raises when the whole plan is stale."""
        ...

    def look_again(self, run: Run) -> None:
        """After the pull: reads by id what the reviewed rows rest on."""
        ...

    def choose(self, run: Run, job: JobRun) -> bool:
        """After planning: keeps the rows that were reviewed, and holds the others. True when none is held."""
        ...


@dataclass(slots=True)
class Recovered:
    """What was found of runs that did not end: their ids, records read and not planned, and the fate of writes."""

    runs: list[str] = field(default_factory=list)
    records: int = 0
    fates: Counter[str] = field(default_factory=Counter)  # arrived, again, anew


@dataclass(slots=True)
class Run:
    """Everything of one run."""

    run_id: str
    workspace: str
    ledger: Ledger
    now: Callable[[], datetime]
    options: Options
    connections: dict[str, Opened] = field(default_factory=dict)
    lanes: dict[int, Lane] = field(default_factory=dict)
    mappings: dict[int, CompiledMapping] = field(default_factory=dict)  # of every stream, opened or not
    connection_of: dict[int, str] = field(default_factory=dict)  # by sid, of every stream ever used
    jobs: list[JobRun] = field(default_factory=list)
    named: dict[str, frozenset[str]] = field(default_factory=dict)  # every job of the config: its connections
    observed: list[JobRun] = field(default_factory=list)  # entities that are read and never written
    owners: Owners = field(init=False)  # colleagues, by the ids of each system
    refused: dict[str, ConfigError] = field(
        default_factory=dict
    )  # jobs that cannot run, with the reason: the others do
    match: dict[str, list[Any]] = field(default_factory=dict)  # by entity
    email_sids: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()  # streams that the ledger knows and the config no longer names
    shared: frozenset[str] = frozenset()  # entities that several jobs of the config keep in agreement
    handing: tuple[str, ...] = ()  # the hand-off jobs of the config
    start_seq: int = 0  # changes after this one, up to read_seq, are what this run read
    read_seq: int = 0
    freshness: float = 120.0
    wrote: int = 0
    beaten_at: datetime | None = None
    wanted: dict[int, list[str]] = field(
        default_factory=dict
    )  # rows that merges and conversions name and no page has brought
    heirs: set[int] = field(default_factory=set)  # who shares the address of somebody that opted out in this planning
    notes: list[str] = field(default_factory=list)
    recovered: Recovered = field(default_factory=Recovered)  # what a run that did not end had left
    progress: Callable[[str, str, int, int | None], None] | None = None  # stage, lane, done, total
    log: Any = None
    review: Review | None = None  # `apply`: only rows that a person has seen are released

    def __post_init__(self) -> None:
        self.owners = Owners(self.ledger)

    def stamp(self) -> str:
        """Our own clock, as text."""
        return instant(self.now())

    def beat(self, force: bool = False) -> None:
        """Says every few seconds that this run is alive: a lease that is silent for a minute is taken over."""
        now = self.now()
        if force or self.beaten_at is None or (now - self.beaten_at).total_seconds() >= BEAT:
            lease.beat(self.ledger, now)
            self.beaten_at = now

    def tell(self, stage: str, lane: str, done: int, total: int | None = None) -> None:
        """Progress for people, and a sign of life for other runs."""
        self.beat()
        if self.progress is not None:
            self.progress(stage, lane, done, total)
