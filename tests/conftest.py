"""What tests of several rooms begin with: a dashboard that listens, over a year of two teams' life or over nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

CONFIG = """
version: 1
workspace: acme
currency: EUR
rates: {USD: {rate: 0.92, date: 2026-10-01}, CHF: {rate: 1.05, date: 2026-10-01}}
time_zone: Europe/Berlin
entities: {lead: {fields: {product: {type: enum, values: [scanner, printer]}}}}
agreement:
  calendars: {office: {hours: {mon-fri: "09:00-17:00"}, time_zone: Europe/Berlin}}
  segments: {product: {of: lead.product, values: [scanner, printer]}}
  marketing: [{promise: volume, id: mqls, count: 75, of: mql, per: [product, month]}]
  sales: [{promise: first_attempt, id: speed, within: 5 business hours, calendar: office}]
connections:
  marketing: {connector: files, settings: {path: marketing}}
  sales: {connector: files, settings: {path: sales}}
mappings:
  marketing: {contacts: {entity: lead, fields: {email: email, phone: phone}}}
  sales: {leads: {entity: lead, fields: {email: Email, phone: Phone}}}
jobs:
  people: {sync: lead, between: [marketing, sales], match: [email], create: {sales: always}}
"""


class Site:
    """A workspace with ``leads`` people and what became of them by ``now``, and its dashboard at ``origin``."""

    now = datetime(2026, 10, 14, 10, tzinfo=UTC)

    def __init__(self, folder: Path, leads: int, token: str = "a-token-of-the-tests") -> None:
        import uvicorn

        from smarksync.config import load
        from smarksync.engine.registry import Registry
        from smarksync.ledger.db import Ledger
        from smarksync.testing.history import Team
        from smarksync.testing.history_ledger import fill
        from smarksync.web.app import create_app

        self.token = token
        (folder / "smarksync.yaml").write_text(CONFIG)
        for name, head in (("marketing/contacts", "id,email,phone"), ("sales/leads", "id,Email,Phone")):
            (folder / name).parent.mkdir()
            (folder / f"{name}.csv").write_text(head + "\n")
        self.config = load(folder / "smarksync.yaml")
        self.ledger = Ledger(self.config.ledger_url, root=str(folder))
        if leads:
            fill(self.ledger, Team(year=2026, seed=5, end=self.now), leads)
        app, self.board = create_app(self.config, Registry(), self.token, lambda: self.now)
        self.board.warm()
        listening = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stops listening."""
        self.server.should_exit = True
        self.thread.join(30)
        self.board.close()
        self.ledger.close()


@pytest.fixture(scope="session")
def open_site() -> Callable[..., Site]:
    """Opens a site in an empty folder; whoever opens it closes it."""
    return Site
