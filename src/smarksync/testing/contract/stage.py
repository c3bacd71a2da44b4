"""One system, opened for one clause: how to start it, how to make things happen on it, how to ask the connector.

Every hook has a default that works through the connector itself, or says that it has none: the clauses that need it
are then left out, with that reason. A simulator may offer the same hooks as methods named ``contract_seed``,
``contract_edit`` and so on; they are used where the suite has none of its own.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from smarksync.engine.contained import contain
from smarksync.engine.registry import simulator_class
from smarksync.errors import SystemFailure, UsageError
from smarksync.kit.budget import Budgets
from smarksync.kit.clock import Clock, ManualClock, SystemClock
from smarksync.kit.http import httpx
from smarksync.kit.session import MemoryTokens, OpenSession
from smarksync.kit.settings import HttpSettings
from smarksync.plugin import (
    Can,
    Connector,
    ConnectorSpec,
    DescribesMany,
    FieldInfo,
    Op,
    Receipt,
    StreamSpec,
    Write,
)

from .asking import DONE, GONE, Asking
from .clause import Failed, NotTested, SimulatorBroken, few
from .rows import example, plain_fields
from .tap import Answer, Tap


class Lines:
    """A log that keeps its lines, as text."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **facts: Any) -> None:
        """One line."""
        self.lines.append(f"{event} {facts}")

    warning = info


class KeptTokens(MemoryTokens):
    """Tokens that tell the tap when one is saved."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self._tap = tap

    def set(self, name: str, value: str) -> None:
        """Stores the token."""
        super().set(name, value)
        self._tap.saved(value)


class Stage(Asking):
    """What a suite says of its connector, its hooks, and what clauses do with an opened one.

    ``streams``: the objects to ask (default: those that can be created, else the first). ``fields``: two or more plain
    text fields of an object that may be empty (default: from preset and live schema). ``page_rows``: how many rows fill
    more than one page of a read (a simulator may name both, as ``contract_streams`` and ``contract_page_rows``). ``expired``: what the system answers to a token that is no longer good. ``live``: it is
    one system for all clauses, with a clock of its own: rows are told apart by number, removed where that is possible,
    and passing time means waiting.
    """

    spec: ClassVar[ConnectorSpec]
    settings: ClassVar[Mapping[str, Any]] = {}
    streams: ClassVar[Sequence[str]] = ()
    fields: ClassVar[Mapping[str, Sequence[str]]] = {}
    page_rows: int = 0
    live: ClassVar[bool] = False
    numbers: ClassVar[Iterator[int]]
    cassettes: ClassVar[str | None] = None
    expired: ClassVar[Answer] = Answer(401, {"message": "The credentials are no longer good."})

    #: the name of the clause that this system is opened for, and the parts of it that were left out, with reasons
    clause: str = ""
    left_out: list[str]
    #: rows of one system for all clauses that could not be removed again: (object, id)
    left_behind: ClassVar[list[tuple[str, str]]]
    clock: Clock
    tap: Tap
    session: OpenSession
    connector: Any
    simulator: Any = None

    # --- what a suite may replace: the system -----------------------------------------------------------------

    def start(self) -> Mapping[str, Any]:
        """Starts a fresh system and gives the connector's settings for it; ``self.stack`` ends it again.

        By default the plugin's own simulator, without any people in it; else the suite's ``settings``.
        """
        if self.settings:
            return self.settings
        if self.spec.simulator is None:
            raise NotTested("hook", f"{self.spec.name} brings no simulator: give `settings` or `start`")
        kind = simulator_class(self.spec)
        self.simulator = self.stack.enter_context(kind(people=0, now=self.clock.now))
        return dict(self.simulator.settings)

    def transport(self) -> httpx.BaseTransport | None:
        """What stands for the network (a system inside this process); None = the network itself."""
        return None

    def limit(self, seconds: int) -> Answer:
        """What the system answers when its limit is reached."""
        return Answer(429, {"message": "Too many requests."}, {"Retry-After": str(seconds)})

    # --- what a suite may replace: things that happen on the system ---------------------------------------------

    def example(self, stream: str, n: int) -> Mapping[str, Any]:
        """The fields of a row that the system takes, vendor names and values; another one for every ``n``."""
        return example(self.describe(stream), self.texts(stream), self.stream(stream), n, self.label)

    def refused(self, stream: str, n: int) -> Iterator[Mapping[str, Any]]:
        """Rows that the system may refuse; the first that it does is used."""
        if hook := self._of_simulator("refused"):
            yield from hook(stream)
        good = dict(self.example(stream, n))
        infos = {info.name: info for info in self.describe(stream)}
        required = [name for name in good if infos.get(name) and infos[name].required]
        for name in required:
            yield {key: value for key, value in good.items() if key != name}
        for info in infos.values():
            if info.writable and info.choices and not info.custom:
                yield {**good, info.name: "surely-no-choice"}
            if info.writable and info.max_length and info.name in good and isinstance(good[info.name], str):
                yield {**good, info.name: str(good[info.name]) + "x" * info.max_length}
        yield {**good, "surely_no_field": "x"}

    def seed(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Somebody enters rows; their ids, in order."""
        if hook := self._of_simulator("seed"):
            return list(hook(stream, rows))
        return self.create(stream, rows)

    def edit(self, stream: str, id: str, fields: Mapping[str, Any]) -> None:
        """Somebody else changes a row."""
        if hook := self._of_simulator("edit"):
            hook(stream, id, fields)
            return
        self.update(stream, id, fields)

    def delete(self, stream: str, id: str) -> None:
        """Somebody else deletes a row."""
        if hook := self._of_simulator("delete"):
            hook(stream, id)
            return
        self.remove(stream, id)

    def remove(self, stream: str, *ids: str) -> None:
        """Deletes or archives rows through the connector."""
        self.settled([one for one in self.deleting(stream, ids).values() if one.code != GONE])

    def deleting(self, stream: str, ids: Sequence[str]) -> dict[str, Receipt]:
        """What the connector answers to a delete (else an archive) of each row, by id."""
        declared = self.stream(stream)
        op = next((op for op in (Op.DELETE, Op.ARCHIVE) if Can(op.value) in declared.can), None)
        if op is None:
            raise self.lacks("delete", "it cannot delete rows itself")
        told: dict[str, Receipt] = {}
        for start in range(0, len(ids), declared.max_batch):
            batch = {f"d{start + n}": id for n, id in enumerate(ids[start : start + declared.max_batch])}
            receipts = self.write(stream, [Write(ref, op, {}, id) for ref, id in batch.items()])
            told.update((batch[one.ref], one) for one in receipts if one.ref in batch)
        return told

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

    def same_time(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Rows that all carry one time."""
        if hook := self._of_simulator("same_time"):
            return list(hook(stream, rows))
        if self.live:
            raise self.lacks("same_time")
        return self.seed(stream, rows)  # the clock stands still

    def opted_out(self, stream: str, id: str) -> bool | None:
        """What the system itself says of a row: True = must not be mailed, False = subscribed, None = says neither."""
        if hook := self._of_simulator("opted_out"):
            told: bool | None = hook(stream, id)
            return told
        raise self.lacks("opted_out")

    def pass_time(self, seconds: float) -> None:
        """Time goes by, for both sides."""
        if isinstance(self.clock, ManualClock):
            self.clock.move(seconds)
        else:
            self.clock.sleep(min(seconds, 2.0))

    # --- an opened connector --------------------------------------------------------------------------------------

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Starts the system and opens the connector on it; ends both."""
        with ExitStack() as stack:
            self.stack = stack
            self.clock = self.make_clock()
            self.log = Lines()
            self.made: list[tuple[str, str]] = []
            self.answered: list[tuple[str, Receipt]] = []
            self.left_out = []
            self._schema: dict[str, Sequence[FieldInfo]] = {}
            self._count = self._counter()
            self.given = dict(self.start())
            self.page_rows = self.page_rows or getattr(self.simulator, "contract_page_rows", 0)
            self.tap = Tap(self.transport(), self.clock.monotonic)
            stack.callback(self.tap.close)
            self.tokens = KeptTokens(self.tap)
            self.connector = self.contained()
            if self.live:
                stack.callback(self.tidy)
            yield

    def make_clock(self) -> Clock:
        """Our own clock: one that tests move, unless the system has a real one."""
        return SystemClock() if self.live else ManualClock()

    @property
    def root(self) -> Path:
        """A folder of this clause's own."""
        if not hasattr(self, "_root"):
            self._root = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="smarksync-contract-")))
        return self._root

    def open(self, **other: Any) -> Any:
        """Another connector on the same system, with other settings where named."""
        self.session = OpenSession(
            "contract",
            root=str(self.root),
            tokens=self.tokens,
            log=self.log,
            clock=self.clock,
            budgets=Budgets(clock=self.clock),
            transport=self.tap,
        )
        self.stack.callback(self.session.close)
        connector: Connector = self.spec.open(self.spec.settings.model_validate({**self.given, **other}), self.session)
        return connector

    def contained(self) -> Any:
        """Another connector, whose errors are told as runs tell them."""
        return contain(self.open(), self.spec.name)

    @property
    def speaks_http(self) -> bool:
        """Whether the connector takes a client from its session."""
        return issubclass(self.spec.settings, HttpSettings)

    def all_streams(self) -> Sequence[StreamSpec]:
        """The streams that the connector has on this system."""
        if self.spec.discover is None:
            return self.spec.streams
        settings = self.spec.settings.model_validate(self.given)
        try:
            return self.spec.discover(settings, str(self.root))  # type: ignore[call-arg]  # files: paths are relative
        except TypeError:
            return self.spec.discover(settings)

    def asked_streams(self) -> Sequence[StreamSpec]:
        """The streams that clauses are asked of."""
        there = self.all_streams()
        if unknown := set(self.streams) - {one.name for one in there}:
            raise UsageError(
                f"{self.spec.name} has no object {few(unknown)}; it has {few([one.name for one in there], 20)}."
            )
        named = self.streams or getattr(self.simulator, "contract_streams", ())
        if named:
            return [one for one in there if one.name in named]
        return [one for one in there if Can.CREATE in one.can] or list(there[:1])

    def stream(self, name: str) -> StreamSpec:
        """What the connector declares of a stream."""
        return next(one for one in self.all_streams() if one.name == name)

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """The live schema, asked once."""
        if stream not in self._schema:
            self._schema[stream] = tuple(self.connector.describe(stream))
            many = self.connector.describe_many([stream]) if isinstance(self.connector, DescribesMany) else {}
            if tuple(many.get(stream, self._schema[stream])) != self._schema[stream]:
                raise Failed(f"describe_many shows {stream} otherwise than describe does.")
        return self._schema[stream]

    def texts(self, stream: str) -> Sequence[str]:
        """Plain text fields that may be empty: those of the suite, else found in preset and schema."""
        told: Mapping[str, Sequence[str]] = getattr(self.simulator, "contract_fields", {})
        names = (
            self.fields.get(stream)
            or told.get(stream)
            or plain_fields(self.describe(stream), self.stream(stream), self.spec.preset)
        )
        if len(names) < 2:
            raise NotTested("hook", f"{stream} has no two plain text fields that may be empty: name them in `fields`")
        return names

    def together(self, stream: str, name: str) -> Mapping[str, Any]:
        """What a field is written together with, since alone it says nothing (the direction of a task: of a call)."""
        told: Mapping[str, Mapping[str, Mapping[str, Any]]] = getattr(self.simulator, "contract_together", {})
        return told.get(stream, {}).get(name, {})

    def rows(self, stream: str, count: int) -> list[Mapping[str, Any]]:
        """So many new rows."""
        return [self.example(stream, self.number()) for _ in range(count)]

    def number(self) -> int:
        """Another number for a row, new to the system."""
        return next(self._count)

    def _counter(self) -> Iterator[int]:
        if not self.live:
            return itertools.count(1)
        kind = type(self)
        if "numbers" not in vars(kind):
            # by the clock, so that a second go on the same system makes other rows
            kind.numbers = itertools.count(int(self.clock.now().timestamp()) % 10**6 * 1000)
        return kind.numbers

    def tidy(self) -> None:
        """Removes what this clause made, as far as the connector can; the rest is in :attr:`left_behind`."""
        kind = type(self)
        if "left_behind" not in vars(kind):
            kind.left_behind = []
        for stream in dict.fromkeys(stream for stream, _ in self.made):
            ids = list(dict.fromkeys(id for where, id in self.made if where == stream))
            told: dict[str, Receipt] = {}
            with suppress(NotTested, SystemFailure):
                told = self.deleting(stream, ids)
            gone = {id for id, one in told.items() if one.result in DONE or one.code == GONE}
            kind.left_behind += [(stream, id) for id in ids if id not in gone]

    def broken(self) -> None:
        """Raises SimulatorBroken when the simulator met a bug of its own: its answers say nothing of the connector."""
        tracebacks = [str(one) for one in getattr(self.simulator, "problems", ())]
        if tracebacks:
            lines = tracebacks[-1].strip().splitlines()
            places = [line.strip() for line in lines if line.lstrip().startswith("File ")]
            raise SimulatorBroken(
                f"The simulator of {self.spec.name} has a bug: {lines[-1]} ({places[-1] if places else 'place unknown'}).",
                hint=f"It came up in {self.clause}; nothing is said about the connector until it is mended.",
            )

    @contextmanager
    def without(self) -> Iterator[None]:
        """A part of a clause that is left out, and told of, when it cannot be tested."""
        try:
            yield
        except NotTested as lacking:
            self.left_out.append(str(lacking))

    def seeded(self, stream: str, count: int) -> list[str]:
        """Somebody enters so many rows; their ids."""
        return self.seed(stream, self.rows(stream, count))

    def _of_simulator(self, name: str) -> Any:
        return getattr(self.simulator, f"contract_{name}", None)
