"""`make bench`: figures of the engine on this machine, printed; never a timed test.

A figure of CPU is the process time of a whole run less the time spent inside the simulated systems, divided by the
records; wall time stands beside it. Opening a ledger for the first time (Alembic, the tables) is no record's cost and
comes before. On a machine that others use, CPU time grows too: the first load is made twice and the change three times,
the quickest counts, and all are printed. Each step is set against bare SQLite upserts of the same rows, measured just
before and after it: the ratios travel between machines. The pace of the Python that it all runs on stands above them.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import SETTINGS, Ledger

sys.path.insert(0, str(Path(__file__).parent))
from systems import FIELDS, SPEC, SYSTEMS, BenchSystem, Plugin, lead

CONFIG = """
version: 1
workspace: bench
ledger: sqlite:///bench.db
connections:
  source: {connector: bench, role: marketing, settings: {system: source}}
  target: {connector: bench, role: sales, settings: {system: target}}
mappings:
  source: {leads: {entity: lead, fields: {FIELDS}}}
  target: {leads: {entity: lead, fields: {FIELDS}}}
jobs:
  people:
    sync: lead
    between: [source, target]
    match: [email]
    create: {target: always}
    fields: {"*": {direction: both, merge: newest}}
"""
FIRST, UNCHANGED, CHANGED = "first load, create", "unchanged", "changed, 3 of 25 fields"
BUDGETS = {FIRST: 150, UNCHANGED: 20, CHANGED: 100}  # µs a record on one core, from the page to the settled row
LOADS, CHANGES = 2, 3  # measurements of a step, of which the quickest counts
BARE = 20_000  # rows of a measurement of the bare floor
ALLOW = frozenset({"first_run", "creates", "updates", "share", "adoption"})


def peak() -> int:
    """Peak resident memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


class Bench:
    """One workspace in a temporary folder."""

    def __init__(self, size: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="smarksync-bench-"))
        fields = "{" + ", ".join(f"{name}: {name}" for name in FIELDS) + "}"
        (self.folder / "smarksync.yaml").write_text(CONFIG.replace("{FIELDS}", fields))
        Ledger(f"sqlite:///{self.folder / 'bench.db'}").close()
        self.source, self.target = BenchSystem(size), BenchSystem(0)
        self.size = size

    def run(self, name: str, records: int | None = None) -> dict[str, Any]:
        """One run of the job; its figures."""
        SYSTEMS.update(source=self.source, target=self.target)
        for system in (self.source, self.target):
            system.spent, system.calls = 0.0, 0
        config = load(self.folder / "smarksync.yaml")
        before = bare(BARE) if records != 0 else 0.0
        wall, cpu = time.perf_counter(), time.process_time()
        result = execute(
            config, Options(allow=ALLOW, threads=False), registry=Registry([Plugin(SPEC)]),
            make_session=lambda name, settings: OpenSession(name, root=str(self.folder)),
        )  # fmt: skip
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        result.run.ledger.close()
        floor = (before + bare(BARE)) / 2 if before else None
        spent = self.source.spent + self.target.spent
        records = records if records is not None else self.size
        ledger = sum(p.stat().st_size for p in self.folder.glob("bench.db*"))
        return {
            "step": name, "records": records, "exit": result.exit_code, "seconds": round(wall, 2),
            "us_per_record": round((cpu - spent) / records * 1e6, 1) if records else None,
            "wall_us_per_record": round(wall / records * 1e6, 1) if records else None, "floor_us": floor,
            "records_per_s": round(records / wall) if records else None, "peak_mb": peak(),
            "calls": self.source.calls + self.target.calls, "ledger_bytes_per_record": round(ledger / self.size),
        }  # fmt: skip


def bare(size: int) -> float:
    """µs for one bare upsert of the same row: what the ratios are against."""
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder:
        con = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        for key, value in SETTINGS.items():
            con.execute(f"PRAGMA {key} = {value}")
        con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        for first in range(0, size, 1000):
            rows = [(n, json.dumps(lead(n, 0)).encode()) for n in range(first, min(size, first + 1000))]
            begin = time.process_time()
            con.execute("BEGIN IMMEDIATE")
            con.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", rows)
            con.execute("COMMIT")
            spent += time.process_time() - begin
        con.close()
    return spent / size * 1e6


def line(step: dict[str, Any]) -> str:
    """One step for people."""
    cost = ""
    if step["us_per_record"]:
        floor = step["floor_us"]
        cost = (
            f"CPU {step['us_per_record']:6.1f} µs/record (budget {BUDGETS[step['step']]}) = "
            f"{step['us_per_record'] / floor:5.1f} × bare ({floor:.1f} µs), wall {step['wall_us_per_record']:.1f} µs, "
            f"{step['records_per_s']:,} records/s"
        )
        if len(step.get("all_us_per_record", ())) > 1:
            cost += f", quickest of {', '.join(map(str, step['all_us_per_record']))}"
    return (
        f"{step['step']:24} {step['seconds']:8.2f} s  peak {step['peak_mb']} MB  {step['calls']} calls  "
        f"{step['ledger_bytes_per_record']} bytes/record in the ledger  {cost}"
    )


def quickest(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The least disturbed of several measurements of one step, with the figures of all."""
    best = min(steps, key=lambda one: float(one["us_per_record"]))
    return {**best, "all_us_per_record": [one["us_per_record"] for one in steps]}


def interpreter() -> str:
    """Its version and its pace: builds of one version differ by half, and so does everything that is not SQLite's."""
    row = lead(1, 0)

    def walk() -> float:
        begin = time.process_time()
        for _ in range(2_000):
            found: dict[str, Any] = {}
            for name, value in row.items():
                if value != name:
                    found[name] = value
        return (time.process_time() - begin) / 2_000 * 1e6

    pace = min(walk() for _ in range(20))
    return (
        f"Python {sys.version.split()[0]}, {pace:.2f} µs to copy 25 fields in a loop; SQLite {sqlite3.sqlite_version}"
    )


def flatness(size: int) -> int:
    """Peak MB of a first load of ``size`` leads in a process of its own."""
    args = [sys.executable, __file__, "--size", str(size), "--first"]
    out = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    return int(json.loads(out.splitlines()[-1])["steps"][0]["peak_mb"])


def main() -> None:
    """Prints one line a figure, and one JSON object at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=50_000)
    parser.add_argument("--million", action="store_true", help="a first load of 1,000,000 leads and an idle run on it")
    parser.add_argument("--first", action="store_true", help="only the first load")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument(
        "--agreement", type=int, nargs="?", const=100_000, metavar="LEADS", help="report, dashboard, qualification"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="of --agreement: its ledger stays there, for the next time"
    )
    parser.add_argument(
        "--vendors", type=int, nargs="?", const=20_000, metavar="PEOPLE", help="HubSpot into Salesforce, over HTTP"
    )
    parser.add_argument("--long", type=int, nargs="?", const=10_000, metavar="PEOPLE", help="the long way (long.py)")
    args = parser.parse_args()
    if args.long:
        import long

        long.main(args.long)
        return
    if args.vendors:
        import vendors

        vendors.main(args.vendors)
        return
    if args.agreement:
        import agreement

        agreement.main(args.agreement, args.keep)
        return
    size = 1_000_000 if args.million else args.size
    print(interpreter())
    print("ledger:", ", ".join(f"{k}={v}" for k, v in SETTINGS.items()))
    small = flatness(100_000) if args.million else None
    print(f"{size:,} leads of {len(FIELDS)} fields, {len(json.dumps(lead(1, 0)))} bytes each as JSON", flush=True)
    benches = [Bench(size) for _ in range(1 if args.million or args.first else LOADS)]
    bench = benches[-1]
    steps: list[dict[str, Any]] = []

    def told(step: dict[str, Any]) -> None:
        steps.append(step)
        print(line(step), flush=True)

    def changed(edition: int) -> dict[str, Any]:
        bench.source.edition = edition
        return bench.run(CHANGED)

    with profiled(args.profile):
        told(quickest([one.run(FIRST) for one in benches]))
        if not args.first:
            bench.source.everything = False
            told(bench.run("idle", 0))
        if not args.first and not args.million:
            bench.source.everything = True
            told(bench.run(UNCHANGED))
            told(quickest([changed(edition) for edition in range(1, CHANGES + 1)]))
    if small is not None:
        print(f"peak memory of the first load: {small} MB at 100,000 leads, {steps[0]['peak_mb']} MB at {size:,}")
    print(json.dumps({"peak_mb_at_100000": small, "steps": steps}))
    for one in benches:
        shutil.rmtree(one.folder)


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Prints the functions that cost most, when that is wanted; the figures are inflated then."""
    if not wanted:
        yield
        return
    profile = cProfile.Profile()
    with profile:
        yield
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
