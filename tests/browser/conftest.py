"""A real Chromium, Debian's, driven by Playwright. Without one the tests are skipped and say what to install."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from datetime import UTC, datetime

import pytest

NOW = datetime(2026, 10, 14, 10, tzinfo=UTC)
TOKEN = "a-token-of-the-tests"
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


def pytest_collection_modifyitems(config, items):
    why = None
    if not os.environ.get("SMARKSYNC_BROWSER"):
        why = "a real browser is asked for by `make browser`"
    for item in items:
        if "tests/browser" in item.nodeid and why:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def chromium():
    program = os.environ.get("SMARKSYNC_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no Chromium: `apt install chromium libatomic1`, or name one with SMARKSYNC_CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: `make browser` does")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


class Site:
    """A dashboard that listens, over a year of two teams' life or over nothing."""

    def __init__(self, folder, leads):
        import uvicorn

        from smarksync.config import load
        from smarksync.engine.registry import Registry
        from smarksync.ledger.db import Ledger
        from smarksync.testing.history import Team
        from smarksync.testing.history_ledger import fill
        from smarksync.web.app import create_app

        (folder / "smarksync.yaml").write_text(CONFIG)
        for name, head in (("marketing/contacts", "id,email,phone"), ("sales/leads", "id,Email,Phone")):
            (folder / name).parent.mkdir()
            (folder / f"{name}.csv").write_text(head + "\n")
        config = load(folder / "smarksync.yaml")
        self.ledger = Ledger(config.ledger_url, root=str(folder))
        if leads:
            fill(self.ledger, Team(year=2026, seed=5, end=NOW), leads)
        app, board = create_app(config, Registry(), TOKEN, lambda: NOW)
        board.warm()
        listening = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.should_exit = True
        self.thread.join(30)
        self.ledger.close()


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("full"), 2_000)
    yield site
    site.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("empty"), 0)
    yield site
    site.close()


class Visit:
    """A person in front of the site; what the browser complains of is collected."""

    def __init__(self, browser, site, **how):
        self.site = site
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints = []
        self.page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"{request.url} failed"))
        self.asked = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{site.origin}/?token={TOKEN}")

    def go(self, path):
        self.page.goto(self.site.origin + path)
        return self.page


@pytest.fixture
def visit(chromium):
    made = []

    def make(site, **how):
        made.append(Visit(chromium, site, **how))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
