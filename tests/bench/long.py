"""The long way: a system that does not say what it stored, keeps our id, and has two objects for a person.

As HubSpot into Salesforce: contacts on one side, leads and contacts on the other, opt-outs mapped on all of them. The
first load makes records and stamps our id on both sides; the next run reads what was written and finds the echo;
then three fields of everybody are edited. CPU of the engine only, as in bench.py; printed, never a timed test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from systems import FIELDS, START, Lean, Plugin, Settings, lead

from smarksync.plugin import (
    Can,
    ConnectorSpec,
    Cursor,
    FieldInfo,
    FieldType,
    Page,
    Receipt,
    Record,
    StreamSpec,
    Write,
    WriteResult,
)

CONFIG = """
version: 1
workspace: long
ledger: sqlite:///bench.db
connections:
  hub: {connector: long, role: marketing, settings: {system: hub}}
  crm: {connector: long, role: sales, settings: {system: crm}}
mappings:
  hub: {contacts: {entity: lead, fields: {FIELDS}}}
  crm:
    leads: {entity: lead, fields: {FIELDS}}
    contacts: {entity: lead, fields: {FIELDS}}
jobs:
  people:
    sync: lead
    between: [hub, crm]
    match: [email]
    create: {crm: always}
    fields: {"*": {direction: both, merge: newest}}
"""
OURS, OPT_OUT = "smarksync_id", "no_mail"
STREAMS = {"hub": ("contacts",), "crm": ("leads", "contacts")}
SYSTEMS: dict[str, LongSystem] = {}


class LongSystem:
    """Rows by stream and id, with the tick of their last change; ``spent``: the time inside."""

    def __init__(self, name: str) -> None:
        self.streams: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {one: {} for one in STREAMS[name]}
        self.tick = 1
        self.spent, self.calls, self.written = 0.0, 0, 0

    def put(self, stream: str, rid: str, fields: dict[str, Any]) -> None:
        """A row as it is from now on."""
        known = self.streams[stream].get(rid)
        self.streams[stream][rid] = (self.tick, {**(known[1] if known else {}), **fields})

    def fill(self, stream: str, size: int, edition: int) -> None:
        """``size`` people of an edition."""
        self.tick += 1
        for n in range(size):
            self.put(
                stream,
                f"h{n:09d}",
                {OPT_OUT: False, OURS: None, **lead(n, edition)} if edition == 0 else lead(n, edition),
            )


class LongConnector(Lean):
    """Rows as they were put; what is written gets no echo."""

    def __init__(self, system: LongSystem) -> None:
        self.system = system

    def describe(self, stream: str) -> Sequence[FieldInfo]:
        """25 texts, our id and an opt-out."""
        texts = [FieldInfo(name, FieldType.TEXT, max_length=4000) for name in (*FIELDS, OURS)]
        return [*texts, FieldInfo(OPT_OUT, FieldType.BOOL)]

    def read(
        self, stream: str, *, cursor: Cursor | None, until: datetime | None, fields: Sequence[str]
    ) -> Iterator[Page]:
        """What changed since the cursor."""
        system, begin = self.system, time.process_time()
        system.calls += 1
        since = cursor["t"] if cursor else 0
        found = [(rid, tick, row) for rid, (tick, row) in system.streams[stream].items() if tick > since]
        system.tick += 1
        for first in range(0, max(len(found), 1), 1000):
            rows = [
                Record(rid, dict(row), START + timedelta(minutes=tick), str(tick))
                for rid, tick, row in found[first : first + 1000]
            ]
            more = first + 1000 < len(found)
            system.spent += time.process_time() - begin
            yield Page(rows, {"t": since if more else system.tick - 1}, more)
            begin = time.process_time()
        system.spent += time.process_time() - begin

    def write(self, stream: str, batch: Sequence[Write]) -> Iterator[Receipt]:
        """Stores, and says no more than the id."""
        system, begin = self.system, time.process_time()
        system.calls += 1
        receipts = []
        for write in batch:
            system.written += 1
            rid = write.id or f"n{len(system.streams[stream]):09d}"
            system.put(stream, rid, dict.fromkeys((*FIELDS, OURS), None) | {OPT_OUT: False} if write.id is None else {})
            system.put(stream, rid, dict(write.fields))
            receipts.append(Receipt(write.ref, WriteResult.UPDATED if write.id else WriteResult.CREATED, rid))
        system.spent += time.process_time() - begin
        yield from receipts


def _discover(settings: Settings) -> tuple[StreamSpec, ...]:
    can = frozenset({Can.CREATE, Can.UPDATE})
    return tuple(
        StreamSpec(name, "lead", can, max_batch=200, full_scan=False, overlap=timedelta(0), external_id=OURS)
        for name in STREAMS[settings.system]
    )


SPEC = ConnectorSpec("long", (), Settings, lambda s, _: LongConnector(SYSTEMS[s.system]), discover=_discover)


def main(size: int) -> None:
    """Prints a line a step."""
    import shutil
    import tempfile
    from pathlib import Path

    from bench import ALLOW, Ledger, OpenSession, Options, Registry, bare, execute, load

    folder = Path(tempfile.mkdtemp(prefix="smarksync-bench-"))
    fields = "{" + ", ".join([*(f"{name}: {name}" for name in FIELDS), f"email_opt_out: {OPT_OUT}"]) + "}"
    (folder / "smarksync.yaml").write_text(CONFIG.replace("{FIELDS}", fields))
    SYSTEMS.update(hub=LongSystem("hub"), crm=LongSystem("crm"))
    hub, crm = SYSTEMS["hub"], SYSTEMS["crm"]
    Ledger(f"sqlite:///{folder / 'bench.db'}").close()
    floor = bare(20_000)
    print(
        f"{size:,} people, hub:contacts -> crm:leads|contacts, no echo, our id on both, opt-outs; bare {floor:.1f} us"
    )
    for step in ("first load", "what was written is read", "idle", "3 of 25 fields edited", "read again"):
        if step == "first load":
            hub.fill("contacts", size, 0)
        elif step.startswith("3"):
            hub.fill("contacts", size, 1)
        for system in (hub, crm):
            system.spent, system.calls, system.written = 0.0, 0, 0
        config, began = load(folder / "smarksync.yaml"), time.process_time()
        result = execute(config, Options(allow=ALLOW | {"quota"}, threads=False), registry=Registry([Plugin(SPEC)]),
                         make_session=lambda name, _: OpenSession(name, root=str(folder)))  # fmt: skip
        cpu = time.process_time() - began - hub.spent - crm.spent
        result.run.ledger.close()
        print(f"{step:26} exit {result.exit_code}  CPU {cpu / size * 1e6:7.1f} us a person  "
              f"{hub.calls + crm.calls} calls, {hub.written} + {crm.written} rows written", flush=True)  # fmt: skip
    shutil.rmtree(folder)
