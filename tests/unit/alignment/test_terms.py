"""When a first attempt is due, by the agreement of the example config."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from smarksync.alignment.terms import Terms
from smarksync.config import load
from smarksync.model.moments import micros, moment

CONFIG = """\
version: 1
workspace: t
connections:
  marketing: {connector: files, settings: {path: m}}
agreement:
  calendars:
    office: {hours: {mon-fri: "09:00-17:00"}, time_zone: Europe/Berlin}
  sales:
    - {promise: first_attempt, id: speed, within: 5 business hours, calendar: office}
    - {promise: first_attempt, id: after_yes, within: 1 hour, from: accepted}
    - {promise: decision, id: answer, within: 1 minute}
"""


def test_the_earliest_of_the_promises_that_run(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG)
    terms = Terms.of(load(file))
    assert terms is not None
    offered = micros(datetime.fromisoformat("2026-11-20T15:30:00+01:00"))
    due = terms.due({"qualified": offered - 5, "offered": offered})
    assert due is not None
    assert str(moment(due)) == "2026-11-23 11:30:00+00:00"
    accepted = micros("2026-11-23T08:00:00.000000Z")
    due = terms.due({"offered": offered, "accepted": accepted})
    assert due is not None
    assert str(moment(due)) == "2026-11-23 09:00:00+00:00"
    assert terms.due({"qualified": offered}) is None


def test_no_agreement_makes_nothing_due(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(CONFIG[: CONFIG.index("agreement:")])
    assert Terms.of(load(file)) is None
