"""`make bench-marketo`: a whole engine with a Marketo of 20,000 people and a CRM in memory, judged by counts.

Marketo's limits are on and its clock is simulated, so that waiting costs nothing and shows: simulated seconds are what
the rate budget asks for. Calls are held against 1.05 × (ceil(read / 300) + ceil(written / 300)) + 5 a run; the pages of
a feed count as pages, and holes in the ids as rows of a first load. Ends with 1 when a bound is broken.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import smarksync_marketo
from smarksync_marketo.simulator import MarketoSimulator, Quirks

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import SYSTEMS, Clock, MemoryPlugin, MemoryStream, MemorySystem, text_fields

PAGE = 300
CONFIG = """
version: 1
workspace: bench
ledger: sqlite:///bench.db
connections:
  marketing:
    connector: marketo
    settings:
      base_url: ${{MARKETO_URL}}
      client_id: ${{MARKETO_CLIENT_ID}}
      client_secret: ${{MARKETO_CLIENT_SECRET}}
      bulk: {bulk}
      rate_limit: 100/20s
  sales: {{connector: memory, settings: {{system: crm}}}}
mappings:
  marketing: preset
  sales:
    people:
      entity: lead
      fields: {{email: email, first_name: first, last_name: last, phone: phone, company: company, score: score,
                email_opt_out: opted_out}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{marketing: always, sales: always}}
    fields:
      "*": {{direction: both, merge: newest}}
"""


class Bench:
    """One Marketo, one CRM, one ledger."""

    def __init__(self, root: Path, people: int, bulk: str) -> None:
        self.clock, self.root = Clock(), root
        self.sim = MarketoSimulator(people=people, now=self.clock, quirks=Quirks(own_fields=True)).start()
        os.environ.update(self.sim.environment)
        infos = (
            *text_fields("email", "first", "last", "phone", "company"),
            FieldInfo("score", FieldType.INT),
            FieldInfo("opted_out", FieldType.BOOL),
        )
        self.crm = MemorySystem("crm", [MemoryStream("people", fields=infos, max_batch=200, page_size=200)], self.clock)
        SYSTEMS["crm"] = self.crm
        self.path = root / "bench.yaml"
        self.path.write_text(CONFIG.format(bulk=bulk))
        self.broken = 0

    def run(self, name: str, *, feed: int = 0, read: int | None = None) -> None:
        """One run; ``feed``: activities that it may have to page through."""
        self.clock.advance(3600)
        began, cpu, simulated = len(self.sim.calls), time.process_time(), self.clock()
        registry = Registry([MemoryPlugin(), smarksync_marketo])
        result = execute(
            load(self.path), Options(allow=frozenset({"first_run", "creates", "share"})), registry=registry,
            make_session=self._session, now=self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        side = result.report["jobs"][0]["sides"]["marketing"]["leads"]
        calls = len(self.sim.calls) - began
        rows = side["read"] if read is None else read
        bound = 1.05 * (math.ceil(rows / PAGE) + math.ceil(feed / PAGE) + math.ceil(side["written"] / PAGE)) + 5
        counted = result.report["calls"]["marketing"]
        paid = counted["read"] + counted["write"] + counted["reread"]
        over = paid > bound or counted["throttled"] > 0 or bool(self.sim.problems) or result.exit_code != 0
        self.broken += over
        waited = (self.clock() - simulated).total_seconds()
        print(
            f"{name:28} read {side['read']:6} written {side['written']:6} calls {calls:4} "
            f"(read {counted['read']}, write {counted['write']}, schema {counted['schema']}, auth {counted['auth']}) "
            f"bound {bound:6.1f} throttled {counted['throttled']} simulated {waited:6.0f} s "
            f"CPU {time.process_time() - cpu:5.1f} s{'  OVER' if over else ''}"
        )

    def _session(self, name: str, settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.root), clock=self.clock)


def main() -> int:
    """The figures; 1 when a bound was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    people = parser.parse_args().people
    broken = 0
    for bulk in ("never", "always"):
        print(f"\nfirst load by {'bulk extract' if bulk == 'always' else 'id'}, {people} people drawn on")
        with tempfile.TemporaryDirectory(prefix="smarksync-bench-") as folder:
            bench = Bench(Path(folder), people, bulk)
            known = len(bench.sim.world.leads)
            # by id, holes in the ids cost their part of a page; a bulk job is made, enqueued, looked at up to four
            # times, fetched: eight calls a window of a month at most
            span = max(bench.sim.world.leads) - min(bench.sim.world.leads) + 1
            bench.run("first run", read=known + 30 * 8 * PAGE if bulk == "always" else span)
            bench.run("second run (our own stamps)", feed=known * 2)
            bench.clock.advance(3600)
            bench.run("idle")
            for number in list(bench.sim.world.leads)[:: max(1, known // (known // 100))]:
                bench.sim.world.edit(number, lastName="Changed")
            bench.run("one in a hundred changed", feed=known // 100)
            bench.clock.advance(3600)
            bench.run("idle")
            bench.sim.stop()
            broken += bench.broken
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
