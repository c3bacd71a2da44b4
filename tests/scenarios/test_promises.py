"""Promises while the two teams work: a clock runs, somebody hears of it once, a late entry puts things right."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from smarksync.config import load
from smarksync.engine import scorecard
from smarksync.errors import Transient
from smarksync.ledger import agreements, pauses
from smarksync.model.moments import micros

from .office import Office

AGREEMENT = {
    "calendars": {"office": {"hours": {"mon-fri": "09:00-17:00"}, "time_zone": "Europe/Berlin"}},
    "marketing": [{"promise": "volume", "id": "mqls", "count": 75, "of": "mql", "per": ["month"]}],
    "sales": [
        {"promise": "first_attempt", "id": "speed", "within": "5 business hours", "calendar": "office"},
        {"promise": "attempts", "id": "persistence", "at_least": 2, "at_most": 4, "within": "16 days"},
    ],
    "pause": {"on_leave": 'lead.job_title == "on leave"'},
    "notify": {"at_risk": "handoffs", "breached": "handoffs"},
}


class Channel:
    """A webhook on this machine that keeps what it is told; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        channel = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if channel.status == 200:
                    channel.heard.append(json.loads(body))
                self.send_response(channel.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/T0/secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def events(self) -> list[str]:
        """What was heard since the last time it was asked."""
        found = [one["event"] for one in self.heard]
        self.heard.clear()
        return found


@pytest.fixture
def channel() -> Iterator[Channel]:
    one = Channel()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def office(office: Callable[..., Office], channel: Channel) -> Callable[..., Office]:
    """The two teams with the agreement, and a channel that hears of ``on``."""
    return lambda *on, **top: office(
        agreement=AGREEMENT, notify={"handoffs": {"url": channel.url, "on": list(on)}}, **top
    )


def speed(o: Office) -> dict[str, Any]:
    """The line of that promise as things stand."""
    found = scorecard.check(load(o.root / "smarksync.yaml"), o.reading, o.clock())
    return next(line for line in found["promises"] if line["promise"] == "speed")


def test_at_risk_then_broken_then_kept_after_all(office: Any, channel: Channel) -> None:
    o = office()
    ada = o.ready()
    o.run()  # Monday 10:05 in Berlin: due at 15:05
    assert str(o.person(ada)["handoff_due_at"])[:16].replace("T", " ") == "2026-01-12 14:05" and channel.events() == []
    (case,) = o.cases()
    assert (case.due_at - case.offered_at) == 5 * 3_600_000_000
    assert case.body["segments"] == {} and speed(o)["status"] == "on_track"
    o.later(hours=3, minutes=50)
    o.run()
    (told,) = channel.heard
    assert told["event"] == "at_risk" and told["workspace"] == "office" and f"case {case.cid}" in told["text"]
    assert "speed" in told["text"] and "no attempt yet" in told["text"] and "2026-01-12 15:05 CET" in told["text"]
    assert "Lovelace" not in told["text"] and "@" not in told["text"]
    channel.events()
    o.run()
    assert channel.events() == []
    early = o.clock()
    o.later(hours=2)
    o.run()
    assert channel.events() == ["breached"]
    o.later(hours=17)
    o.tried(o.sales_rows()[0]["id"], at=early)  # entered the next morning, dated when it was made
    o.run()
    assert channel.events() == []
    assert speed(o)["status"] == "met"
    assert [one.version for one in agreements.every(o.reading)] == [None]


def test_a_clock_stands_still_while_its_expression_is_true(office: Any, channel: Channel) -> None:
    o = office()
    ada = o.ready()
    o.run()
    o.later(minutes=55)
    o.systems["marketing"].edit("people", ada, job_title="on leave")
    o.run()
    o.later(days=2)
    o.run()
    assert speed(o)["status"] == "on_track"
    o.systems["marketing"].edit("people", ada, job_title="back")
    o.run()
    (case,) = o.cases()
    ((start, end),) = pauses.of(o.reading, [case.cid])[case.cid]
    assert end is not None and end - start > 2 * 86_400_000_000
    assert channel.events() == []
    assert case.offered_at is not None
    left = 5 * 3_600_000_000 - (start - case.offered_at)
    assert case.due_at == end + left, "the call is due when what was left of the five hours is used up"
    o.run()
    for row in (o.person(ada), o.sales_rows()[0]):
        assert micros(row["handoff_due_at"]) == case.due_at, "and both systems say so"
    o.quiet()
    o.later(hours=5)
    o.run()
    assert channel.events() == ["breached"]


@pytest.mark.parametrize("channels", [{"breached": "handoffs"}, {"reassigned": "handoffs"}])
def test_a_lead_that_goes_to_somebody_else_is_told_once_and_names_nobody(
    office: Any, channel: Channel, channels: dict[str, str]
) -> None:
    o = office(routing=[{"when": "True", "round_robin": ["anna@acme.example", "ben@acme.example"]}])
    speed = {**AGREEMENT["sales"][0], "reassign": {"at_most": 2}}
    o.config["agreement"] = {**AGREEMENT, "sales": [speed], "notify": channels}
    o.ready()
    o.run()
    o.run(wait=5 * 3600 + 60)
    assert [one["event"] for one in channel.heard] == ["breached", "reassigned"][-len(channel.heard) :] != []
    told = channel.heard[-1]
    (case,) = o.cases()
    assert (
        told["text"].startswith("1 lead reassigned\n")
        and f"case {case.cid}" in told["text"]
        and "rule 1" in told["text"]
    )
    assert "Lovelace" not in told["text"] and "@" not in told["text"]
    channel.heard.clear()
    o.run()
    assert channel.events() == []


def test_a_channel_that_is_down_loses_neither_the_run_nor_the_notice(office: Any, channel: Channel) -> None:
    o = office()
    o.ready()
    o.run()
    o.later(hours=4)
    channel.status = 410
    ran = o.run()
    assert ran.exit_code == 0
    assert any("handoffs could not be told of at_risk" in text for text in ran.sentences)
    assert not any("secret" in text for text in ran.sentences)
    channel.status = 200
    o.run()
    assert channel.events() == ["at_risk"]
    o.run()
    assert channel.events() == []


def test_a_plan_tells_nobody(office: Any, channel: Channel) -> None:
    o = office("failed")
    o.ready()
    o.run()
    o.later(hours=6)
    o.plan()
    assert channel.events() == []
    o.run()
    assert channel.events() == ["breached"]


def test_a_year_of_history_is_no_news(office: Any, channel: Channel) -> None:
    o = office()
    o.ready()
    told = o.config.pop("agreement")
    o.run()
    o.later(days=30)
    o.config["agreement"] = told
    o.run()
    assert "breached" not in channel.events()
    assert speed_of_all(o) == ["breached"]


def speed_of_all(o: Office) -> list[str]:
    found = scorecard.backtest(load(o.root / "smarksync.yaml"), o.reading, o.clock())
    return [line["status"] for line in found["promises"] if line["promise"] == "speed" and line["base"]]


def test_failed_is_told_once_and_so_is_recovered(office: Any, channel: Channel) -> None:
    o = office("failed", "recovered")
    o.run()
    assert channel.events() == []
    o.faults.fail(lambda: Transient("no"), system="sales", times=None)
    assert o.run().exit_code == 5
    assert channel.events() == ["failed"]
    o.run()
    assert channel.events() == []
    o.faults.clear()
    o.run()
    assert channel.events() == ["recovered"]
    o.run()
    assert channel.events() == []


def test_a_run_that_comes_late(office: Any, channel: Channel) -> None:
    o = office("late")
    for _ in range(6):
        o.run(wait=900)
    assert channel.events() == []
    o.later(hours=3)
    o.run()
    assert channel.events() == ["late"]
    o.run(wait=900)
    assert channel.events() == []


def test_records_that_wait_are_told_when_there_are_more(office: Any, channel: Channel) -> None:
    o = office("quarantine")
    o.lead("Ada Lovelace")
    o.run()
    assert channel.events() == []
    o.systems["sales"].insert("leads", {"email": "ada@lovelace.example", "last_name": "Lovelace"})
    o.systems["sales"].insert("leads", {"email": "ada@lovelace.example", "last_name": "Lovelace"})
    assert o.run().exit_code == 3
    assert channel.events() == ["quarantine"]
    o.run()
    assert channel.events() == []
    o.lead("Bob Noyce")
    o.lead("Bob Noyce")
    o.run()
    assert channel.events() == ["quarantine"]


def test_a_guard_is_told_once_until_the_job_runs_again(office: Any, channel: Channel) -> None:
    o = office("guard", "failed", guards={"first_run": {"count": 1}})
    for n in range(3):
        o.systems["sales"].insert("leads", {"email": f"n{n}@acme.example", "last_name": f"N{n}"})
    assert o.run().stopped_by == "first_run"
    (told,) = channel.heard
    assert told["event"] == "guard" and "`first_run` stopped people" in told["text"]
    channel.events()
    o.run()
    assert channel.events() == []
    o.run(allow="first_run")
    assert channel.events() == []
