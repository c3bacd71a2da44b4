"""The connector of docs/plugins.md at work: a small server on loopback, a folder of files, and a whole sync."""

from __future__ import annotations

import csv
import importlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.session import OpenSession

KEY = "key-of-the-address-book"
CONFIG = """
version: 1
workspace: rolodex
connections:
  book: {connector: rolodex, settings: {base_url: "%s", api_key: %s}}
  crm: {connector: files, role: sales, settings: {path: crm}}
mappings:
  crm:
    leads:
      entity: lead
      fields: {email: Email, first_name: First, last_name: Last, email_opt_out: NoMail}
jobs:
  people:
    sync: lead
    between: [book, crm]
    match: [email]
    create: {book: always, crm: always}
    fields: {"*": {merge: newest}}
"""


class Book:
    """What the server keeps."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.lose_next = False
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def put(self, rid: str, **fields: Any) -> dict[str, Any]:
        self.now += timedelta(seconds=10)
        blank = {"id": rid, "email": None, "first": None, "last": None, "no_mail": None}
        self.rows[rid] = {**blank, **self.rows.get(rid, {}), **fields, "edited": self.now.isoformat()}
        return self.rows[rid]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    book: Book

    def do_GET(self) -> None:
        asked = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        rows = list(self.book.rows.values())
        if "since" in asked:
            since = datetime.fromisoformat(asked["since"]) - timedelta(seconds=5)
            rows = [row for row in rows if datetime.fromisoformat(row["edited"]) > since]
        if "email" in asked:
            rows = [row for row in rows if (row["email"] or "").lower() == asked["email"].lower()]
        first = int(asked.get("page", 0))
        more = str(first + 2) if first + 2 < len(rows) else None
        self.answer({"people": rows[first : first + 2], "next": more, "now": self.book.now.isoformat()})

    def do_POST(self) -> None:
        fields = self.read()
        held = [row["id"] for row in self.book.rows.values() if row["email"] == fields["email"]]
        if held:
            self.answer({"held_by": held}, 409)
            return
        self.answer(self.book.put(f"p{len(self.book.rows) + 1}", **fields))

    def do_PATCH(self) -> None:
        fields, rid = self.read(), self.path.rsplit("/", 1)[1]
        if rid in self.book.rows:
            self.answer(self.book.put(rid, **fields))
        else:
            self.answer({}, 404)

    def read(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: Any, status: int = 200) -> None:
        self.book.calls.append(self.command)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            body, status = {"message": "who are you?"}, 401
        if self.command == "POST" and self.book.lose_next:
            self.book.lose_next = False
            self.close_connection = True  # done, and never told
            return
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def book() -> Iterator[tuple[Book, str]]:
    own = type("OwnHandler", (Handler,), {"book": Book()})
    with ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield own.book, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def rolodex() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        return importlib.import_module("smarksync_rolodex")


class Place:
    """A folder with a config, and runs there."""

    def __init__(self, root: Path, plugin: ModuleType, url: str, key: str = KEY) -> None:
        self.root, self.plugin = root, plugin
        (root / "smarksync.yaml").write_text(CONFIG % (url, key), "utf-8")
        (root / "crm").mkdir(exist_ok=True)
        self.file = root / "crm" / "leads.csv"
        self.file.write_text("id,Email,First,Last,NoMail,updated_at\n", "utf-8")
        self.clock = datetime(2026, 11, 2, 12, tzinfo=UTC)

    def run(self) -> Result:
        self.clock += timedelta(minutes=15)
        sessions: list[OpenSession] = []

        def session(name: str, settings: Any) -> OpenSession:
            sessions.append(OpenSession(name, root=str(self.root)))
            return sessions[-1]

        result = execute(
            load(self.root / "smarksync.yaml"), Options(), registry=Registry([self.plugin]), make_session=session,
            now=lambda: self.clock,
        )  # fmt: skip
        result.run.ledger.close()
        return result

    def rows(self) -> dict[str, dict[str, str]]:
        with self.file.open(encoding="utf-8", newline="") as file:
            return {row["Email"]: row for row in csv.DictReader(file)}


def counts(result: Result, connection: str, stream: str) -> dict[str, int]:
    (job,) = result.report["jobs"]
    return {name: count for name, count in job["sides"][connection][stream].items() if count}


def test_people_travel_both_ways_and_a_quiet_run_is_one_call(
    tmp_path: Path, book: tuple[Book, str], rolodex: ModuleType
) -> None:
    kept, url = book
    for number in range(5):
        kept.put(f"p{number + 1}", email=f"p{number + 1}@example.com", first="Person", last=f"Number{number + 1}")
    place = Place(tmp_path, rolodex, url)
    place.file.write_text(
        "id,Email,First,Last,NoMail,updated_at\nl1,ada@example.com,Ada,Lovelace,yes,2026-11-01T10:00:00Z\n", "utf-8"
    )
    assert place.run().exit_code == 0
    assert set(place.rows()) == {"ada@example.com", *(f"p{n}@example.com" for n in range(1, 6))}
    (ada,) = (row for row in kept.rows.values() if row["email"] == "ada@example.com")
    assert (ada["first"], ada["no_mail"]) == ("Ada", True)
    place.run()
    kept.calls.clear()
    quiet = place.run()
    assert (quiet.exit_code, kept.calls) == (0, ["GET"])
    assert "written" not in counts(quiet, "book", "people")

    kept.put("p1", last="Newname", no_mail=True)
    assert place.run().exit_code == 0
    assert (place.rows()["p1@example.com"]["Last"], place.rows()["p1@example.com"]["NoMail"]) == ("Newname", "yes")


def test_a_create_whose_answer_was_lost_is_made_once(
    tmp_path: Path, book: tuple[Book, str], rolodex: ModuleType
) -> None:
    kept, url = book
    place = Place(tmp_path, rolodex, url)
    place.file.write_text(
        "id,Email,First,Last,NoMail,updated_at\nl1,ada@example.com,Ada,Lovelace,,2026-11-01T10:00:00Z\n", "utf-8"
    )
    kept.lose_next = True
    place.run()
    for _ in range(2):
        place.run()
    assert [row["email"] for row in kept.rows.values()] == ["ada@example.com"]
    assert kept.calls.count("POST") == 1


def test_a_wrong_key_is_told_in_a_sentence_without_the_key(
    tmp_path: Path, book: tuple[Book, str], rolodex: ModuleType
) -> None:
    result = Place(tmp_path, rolodex, book[1], key="not-the-right-key").run()
    assert result.exit_code == 5
    (said,) = result.sentences
    assert "refused the credentials" in said
    assert "not-the-right-key" not in said
