"""`make bench BENCH=--agreement`: what the report, the dashboard's pages and qualification cost on an invented year.

make bench BENCH=--agreement              100,000 leads: a report, the scorecard, the dashboard's pages
make bench BENCH='--agreement 1000000'    a million leads and ten million activities: takes a quarter of an hour
make bench BENCH='--agreement 1000000 --keep FOLDER'    the same; the ledger is made once and stays for the next time
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
TOKEN = "a-token-of-the-bench"
#: marketing activities of an average lead, were the year not to end: set so that there are ten activities a lead
TOUCHES = 13
LEAST = 10
CONFIG = """
version: 1
workspace: bench
currency: EUR
time_zone: Europe/Berlin
rates: {USD: {rate: 0.92, date: 2026-12-31}, CHF: {rate: 1.05, date: 2026-12-31}}
entities: {lead: {fields: {product: {type: enum, values: [scanner, printer]}}}}
agreement:
  calendars: {office: {hours: {mon-fri: "09:00-17:00"}, time_zone: Europe/Berlin}}
  segments: {product: {of: lead.product, values: [scanner, printer]}}
  marketing:
    - {promise: volume, id: mqls, count: 75, of: mql, per: [product, month]}
    - {promise: quality, id: acceptance, share: accepted, at_least: 60%, per: [month]}
  sales:
    - {promise: first_attempt, id: speed, within: 5 business hours, calendar: office}
    - {promise: attempts, id: persistence, at_least: 2, at_most: 4, within: 16 days}
connections:
  marketing: {connector: files, settings: {path: .}}
  sales: {connector: files, settings: {path: .}}
"""
#: a part of the bench in a process of its own, so that its peak memory is its own
PART = "import sys; sys.path.insert(0, sys.argv[1]); import agreement; agreement.part(sys.argv[2], sys.argv[3])"


def part(name: str, folder: str) -> None:
    """Runs one part and prints its figures as JSON."""
    from smarksync.config import load
    from smarksync.ledger.db import Ledger

    config = load(Path(folder) / "smarksync.yaml")
    wall, cpu = time.perf_counter(), time.process_time()
    ledger = Ledger(config.ledger_url, root=folder)
    more: dict[str, Any] = {}
    if name == "report":
        from smarksync.engine.figures.collect import collect
        from smarksync.engine.figures.period import parse
        from smarksync.web.report import page

        more["page_bytes"] = len(page(collect(config, ledger, parse("2026", config.time_zone, NOW), NOW)))
    elif name == "sla check":
        from smarksync.engine import scorecard

        more["promises"] = len(scorecard.check(config, ledger, NOW)["promises"])
    elif name == "pages":
        more["slowest"] = pages(config, ledger)
    ledger.close()
    # not ru_maxrss: it starts with what the process that started this one had
    peak = (
        next(
            int(text.split()[1])
            for text in Path("/proc/self/status").read_text().splitlines()
            if text.startswith("VmHWM")
        )
        // 1024
    )
    print(
        json.dumps(
            {
                "part": name,
                "seconds": round(time.perf_counter() - wall, 2),
                "cpu": round(time.process_time() - cpu, 2),
                "peak_mb": peak,
                **more,
            }
        )
    )


def pages(config: Any, ledger: Any) -> list[tuple[str, float]]:
    """The slowest of twenty requests for each page of the dashboard, over HTTP, in milliseconds."""
    import socket
    import threading

    import httpx
    import uvicorn

    from smarksync.engine.registry import Registry
    from smarksync.web.app import create_app

    app, board = create_app(config, Registry(), TOKEN, lambda: NOW)
    board.warm()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    ref = ledger.value("SELECT e.ref FROM entities e JOIN cases c ON c.eid = e.eid WHERE c.state = 'won' LIMIT 1")
    found = []
    with httpx.Client(
        base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", follow_redirects=True, trust_env=False, timeout=60
    ) as client:
        client.get(f"/?token={TOKEN}")
        for path in (
            "/",
            "/handoffs",
            "/handoffs?page=20",
            "/funnel",
            "/report",
            "/leads",
            f"/leads/{ref}",
            "/conflicts",
            "/quarantine",
            "/plans",
            "/runs",
            "/mapping",
        ):
            times = []
            for _ in range(20):
                began = time.perf_counter()
                client.get(path).raise_for_status()
                times.append(1000 * (time.perf_counter() - began))
            found.append((path.split("/leads/")[0] or "/leads/REF", round(max(times), 1)))
    server.should_exit = True
    thread.join(30)
    return sorted(found, key=lambda one: -one[1])


def qualification(rounds: int = 50_000) -> float:
    """Microseconds of process time for one lead through a definition of an expression, three required fields and two exclusions."""
    from smarksync.alignment import qualify
    from smarksync.config import load

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "smarksync.yaml"
        file.write_text(CONFIG + DEFINITION)
        config = load(file)
    definition = config.definitions["mql"]
    lead = {"email": "a@b.example", "last_name": "B", "company": "C", "score": 80, "journey": "decision_early"}
    scope = {"lead": lead, "now": NOW}
    assert qualify.passes(definition, scope) is not False
    began = time.process_time()
    for _ in range(rounds):
        qualify.passes(definition, scope)
    return (time.process_time() - began) / rounds * 1e6


DEFINITION = """
definitions:
  mql:
    when: lead.score >= 60 and lead.journey in ["consideration_late", "decision_early", "decision_late"]
    require: [email, last_name, company]
    never: [lead.email_opt_out, 'domain(lead.email) in ["example.org", "competitor.example"]']
"""


def filled(folder: Path, leads: int) -> None:
    """A ledger with the year in the folder; one that is there already is used again."""
    from smarksync.config import load
    from smarksync.ledger.db import Ledger
    from smarksync.testing.history import Team
    from smarksync.testing.history_ledger import fill

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "smarksync.yaml").write_text(CONFIG)
    config = load(folder / "smarksync.yaml")
    ledger = Ledger(config.ledger_url, root=str(folder))
    if not ledger.value("SELECT 1 FROM cases LIMIT 1"):
        fill(ledger, Team(year=2026, touches=TOUCHES, end=NOW), leads)
    people = int(ledger.value("SELECT count(*) FROM entities WHERE kind = 'lead'"))
    acts, handed = (int(ledger.value(f"SELECT count(*) FROM {name}")) for name in ("activities", "cases"))
    ledger.close()
    assert people == leads, f"{folder} holds {people:,} leads"
    assert acts >= LEAST * leads, f"{acts:,} activities are fewer than {LEAST} a lead"
    print(f"{leads:,} leads, {acts:,} activities, {handed:,} hand-offs", flush=True)


def main(leads: int, keep: Path | None = None) -> None:
    """Fills a ledger with the year, then runs each part in its own process."""
    folder = keep or Path(tempfile.mkdtemp(prefix="smarksync-bench-"))
    try:
        filled(folder, leads)
        for name in ("report", "sla check", *(("pages",) if leads <= 100_000 else ())):
            done = subprocess.run(
                [sys.executable, "-c", PART, str(Path(__file__).parent), name, str(folder)],
                check=True,
                capture_output=True,
                text=True,
            )
            print(done.stdout.strip(), flush=True)
        print(json.dumps({"part": "qualification", "us_a_lead": round(qualification(), 2)}))
    finally:
        if keep is None:
            shutil.rmtree(folder)
