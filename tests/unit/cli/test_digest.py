"""The digest: what a meeting reads aloud, and what a chat channel receives."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from smarksync.cli.main import invoke
from smarksync.config import load
from smarksync.ledger.db import Ledger
from smarksync.testing.history import Team
from smarksync.testing.history_ledger import fill

CONFIG = """
version: 1
workspace: acme
currency: EUR
time_zone: Europe/Berlin
agreement:
  calendars: {office: {hours: {mon-fri: "09:00-17:00"}, time_zone: Europe/Berlin}}
  sales: [{promise: first_attempt, id: speed, within: 5 business hours, calendar: office}]
connections:
  marketing: {connector: files, settings: {path: .}}
  sales: {connector: files, settings: {path: .}}
notify:
  meeting: {url: "URL"}
"""


class Chat(BaseHTTPRequestHandler):
    """A chat system's webhook."""

    def do_POST(self):
        self.server.heard.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        self.send_response(self.server.answer)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nothing on stderr."""


@pytest.fixture
def chat():
    server = HTTPServer(("127.0.0.1", 0), Chat)
    server.heard, server.answer = [], 200
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def place(tmp_path, monkeypatch, chat):
    (tmp_path / "smarksync.yaml").write_text(
        CONFIG.replace("URL", f"http://127.0.0.1:{chat.server_port}/hook/secret-part?x=1")
    )
    config = load(tmp_path / "smarksync.yaml")
    ledger = Ledger(config.ledger_url, root=str(tmp_path))
    fill(ledger, Team(year=2026, seed=2), 400)
    ledger.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_compares_with_the_period_before_and_names_nobody(place, capsys):
    assert invoke(["digest", "--period", "2026-06"]) == 0
    text = capsys.readouterr().out
    assert "acme: marketing and sales, 2026-06-01 to 2026-06-30" in text
    assert "Compared with 2026-05-01 to 2026-05-31" in text
    for heading in ("## What changed", "## Promises", "## Why leads came back", "## What waits for a decision"):
        assert heading in text
    assert "@" not in text


def test_the_figures_are_those_of_the_report(place, capsys):
    invoke(["report", "--period", "2026-06", "--json"])
    counts = json.loads(capsys.readouterr().out)["funnel"]["whole"]["counts"]
    invoke(["digest", "--period", "2026-06"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| New leads")]
    assert rows and f"| {counts['lead']:,} |" in rows[0]


def test_it_is_sent_to_a_channel_as_one_message(place, chat, capsys):
    assert invoke(["digest", "--period", "2026-06", "--send", "meeting"]) == 0
    ((path, body),) = chat.heard
    assert path == "/hook/secret-part?x=1" and body["event"] == "digest" and "## What changed" in body["text"]
    assert "Sent to meeting." in capsys.readouterr().out


def test_a_channel_that_refuses_is_named_and_its_address_is_not(place, chat, capsys):
    chat.answer = 403
    assert invoke(["digest", "--period", "2026-06", "--send", "meeting"]) != 0
    said = "".join(capsys.readouterr())
    assert "meeting" in said and "secret-part" not in said


def test_a_channel_that_is_down_names_its_own_key_and_line(place, chat, capsys, monkeypatch):
    monkeypatch.setattr("smarksync.kit.clock.SystemClock.sleep", lambda _self, _seconds: None)
    chat.shutdown()  # first: a thread that only now begins to serve a closed socket ends in an error of its own
    chat.server_close()
    assert invoke(["digest", "--period", "2026-06", "--send", "meeting"]) == 5
    said = capsys.readouterr().err
    line = CONFIG[: CONFIG.index("url:")].count("\n") + 1
    assert f"Check `url` of the channel meeting (smarksync.yaml:{line})" in said and "base_url" not in said


def test_an_unknown_channel_is_said_before_anything_is_counted(place, chat, capsys):
    assert invoke(["digest", "--send", "nobody"]) == 2
    assert "meeting" in capsys.readouterr().err and chat.heard == []


def test_a_report_as_text_goes_to_the_file_as_the_terminal_shows_it(place, capsys):
    invoke(["report", "--period", "2026-06"])
    shown = capsys.readouterr().out
    assert invoke(["report", "--period", "2026-06", "--format", "text", "--out", "report.txt"]) == 0
    assert (place / "report.txt").read_text() == shown


def test_html_goes_to_the_file(place, capsys):
    assert invoke(["digest", "--period", "2026", "--out", "digest.html"]) == 0
    assert (place / "digest.html").read_text().startswith("<!doctype html>")
