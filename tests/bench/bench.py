"""`make bench`: figures of the engine on this machine, printed; never a timed test.

Each figure is the process time of a whole run less the time spent inside the simulated systems, divided by
the records. Ratios to a bare SQLite upsert of the same rows, measured in the same run, travel between machines.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import SETTINGS

sys.path.insert(0, str(Path(__file__).parent))
from systems import FIELDS, SYSTEMS, BenchPlugin, BenchSystem, lead

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
        self.source, self.target = BenchSystem(size), BenchSystem(0)
        SYSTEMS.update(source=self.source, target=self.target)
        self.size = size

    def run(self, name: str, records: int | None = None) -> dict[str, Any]:
        """One run of the job; its figures."""
        for system in (self.source, self.target):
            system.spent, system.calls = 0.0, 0
        config = load(self.folder / "smarksync.yaml")
        wall, cpu = time.perf_counter(), time.process_time()
        result = execute(
            config, Options(allow=ALLOW, threads=False), registry=Registry([BenchPlugin()]),
            make_session=lambda name, settings: OpenSession(name, root=str(self.folder)),
        )  # fmt: skip
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        result.run.ledger.close()
        spent = self.source.spent + self.target.spent
        records = records if records is not None else self.size
        ledger = sum(p.stat().st_size for p in self.folder.glob("bench.db*"))
        return {
            "step": name, "records": records, "exit": result.exit_code, "seconds": round(wall, 2),
            "us_per_record": round((cpu - spent) / records * 1e6, 1) if records else None,
            "records_per_s": round(records / wall) if records else None, "peak_mb": peak(),
            "calls": self.source.calls + self.target.calls, "ledger_bytes_per_record": round(ledger / self.size),
        }  # fmt: skip


def bare(size: int) -> float:
    """µs for one bare upsert of the same row: what the ratios are against."""
    with tempfile.TemporaryDirectory() as folder:
        con = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        for key, value in SETTINGS.items():
            con.execute(f"PRAGMA {key} = {value}")
        con.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        rows = [(n, json.dumps(lead(n, 0)).encode()) for n in range(size)]
        begin = time.process_time()
        for first in range(0, size, 1000):
            con.execute("BEGIN IMMEDIATE")
            con.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", rows[first : first + 1000])
            con.execute("COMMIT")
        spent = time.process_time() - begin
        con.close()
    return spent / size * 1e6


def main() -> None:
    """Prints one line a figure, and one JSON object at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument(
        "--million", action="store_true", help="the first load of 1,000,000 leads and an idle run on it"
    )
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    size = 1_000_000 if args.million else args.size
    bench = Bench(size)
    print("ledger:", ", ".join(f"{k}={v}" for k, v in SETTINGS.items()))
    floor = bare(min(size, 50_000))
    print(f"bare upsert of the same row: {floor:.1f} µs")
    profile = None
    if args.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
    steps = [bench.run("first load, create")]
    bench.source.everything = False
    steps.append(bench.run("idle", 0))
    if not args.million:
        bench.source.everything = True
        steps.append(bench.run("unchanged"))
        bench.source.edition = 1
        steps.append(bench.run("changed, 3 of 25 fields"))
    if profile is not None:
        import pstats

        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    for step in steps:
        ratio = f"{step['us_per_record'] / floor:5.1f} × bare" if step["us_per_record"] else ""
        print(
            f"{step['step']:26} {step['us_per_record'] or '':>8} µs/record {ratio:14} {step['seconds']:8} s  peak {step['peak_mb']} MB  calls {step['calls']}"
        )
    print(json.dumps({"floor_us": round(floor, 2), "steps": steps}))
    subprocess.run(["rm", "-rf", str(bench.folder)], check=True)


if __name__ == "__main__":
    main()
