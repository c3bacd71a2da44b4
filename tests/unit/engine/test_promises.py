"""Promises read from the ledger: what a case remembers, leads without a case, and the cycles of one lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smarksync.alignment import handoff
from smarksync.alignment.sla import Line, Scorecard
from smarksync.alignment.terms import Terms
from smarksync.config import Config, load
from smarksync.engine.promises import measure
from smarksync.ledger import activities, cases, entities, pauses, stages
from smarksync.ledger.activities import Activity
from smarksync.ledger.cases import Move
from smarksync.ledger.db import Ledger, dumps
from smarksync.ledger.stages import Stage
from smarksync.model.moments import micros

CONFIG = """\
version: 1
workspace: t
entities: {lead: {fields: {product: {type: enum, values: [scanner, printer]}}}}
connections:
  marketing: {connector: files, settings: {path: m}}
agreement:
  segments: {product: {of: lead.product, values: [scanner, printer]}}
  marketing:
    - {promise: volume, id: mqls, count: 2, of: mql, per: [product, month]}
    - {promise: volume, id: subscribers, count: 1, of: subscriber, per: [month]}
    - {promise: complete, id: contactable, fields: [email, phone], at_least: 100%}
  sales:
    - {promise: first_attempt, id: speed, within: 5 hours}
    - {promise: attempts, id: persistence, at_least: 2, within: 16 days}
"""


def at(day: int, hour: int = 9) -> int:
    return micros(f"2026-11-{day:02d}T{hour:02d}:00:00.000000Z")


class Book:
    """A ledger to write cases into by hand."""

    def __init__(self, root: Path) -> None:
        (root / "c.yaml").write_text(CONFIG)
        self.config: Config = load(root / "c.yaml")
        self.ledger = Ledger(self.config.ledger_url, root=str(root))

    def lead(self, eid: int, **agreed: Any) -> int:
        entities.add(self.ledger, [(eid, f"lead{eid}", "lead", "live", dumps(agreed).decode(), "r")])
        return eid

    def case(
        self, eid: int, cycle: int, opened: int, *moves: tuple[str, int, str | None], product: str = "", **body: Any
    ) -> int:
        cid = cases.next_cid(self.ledger)
        made = [
            handoff.opened(
                cid=cid,
                job="h",
                eid=eid,
                product=product,
                cycle=cycle,
                definition="mql@1",
                at=opened,
                run="r",
                body=body,
            )
        ]
        made += [Move(0, cid, state, when, when, "sales", "s", "r", reason) for state, when, reason in moves]
        cases.add_moves(self.ledger, made)
        cases.put(self.ledger, [handoff.replay(made)])
        return cid

    def call(self, eid: int, when: int) -> None:
        number = int(self.ledger.value("SELECT count(*) FROM activities"))
        activities.put(self.ledger, [Activity(0, 1, str(number), eid, None, None, "call", when, "sales", True, {})])

    def lines(self, now: int) -> dict[tuple[str, ...], Line]:
        terms = Terms.of(self.config)
        assert terms is not None
        card = Scorecard(terms, now)
        list(measure(self.config, self.ledger, terms, card))
        return {(line.promise, *line.segments.values()): line for line in card.lines()}


@pytest.fixture
def book(tmp_path: Path) -> Any:
    one = Book(tmp_path)
    yield one
    one.ledger.close()


def test_a_case_is_judged_by_what_it_was_opened_with(book: Book) -> None:
    """The lead's product and phone were changed later; the month's figures stay."""
    book.lead(1, email="a@b.example", product="printer")
    book.case(
        1,
        1,
        at(2),
        ("offered", at(2), None),
        product="scanner",
        segments={"product": "scanner"},
        filled=["email", "phone"],
    )
    found = book.lines(at(20))
    assert (found["mqls", "scanner"].actual, found["mqls", "printer"].actual) == (1, 0)
    assert found["contactable",].actual == 1.0


def test_a_case_that_remembers_nothing_is_judged_by_its_lead(book: Book) -> None:
    book.lead(1, email="a@b.example", product="printer")
    book.case(1, 1, at(2), ("offered", at(2), None))
    found = book.lines(at(20))
    assert (found["mqls", "scanner"].actual, found["mqls", "printer"].actual) == (0, 1)
    assert found["contactable",].actual == 0.0


def test_leads_without_a_case_count_by_their_stages(book: Book) -> None:
    for eid, product in ((1, "scanner"), (2, "scanner"), (3, None)):
        book.lead(eid, product=product)
    book.case(1, 1, at(2), product="scanner", segments={"product": "scanner"})
    stages.put(book.ledger, [Stage(eid, "mql", at(3), "rule") for eid in (1, 2, 3)])
    stages.put(book.ledger, [Stage(1, "subscriber", at(1), "marketing"), Stage(3, "subscriber", at(1), "marketing")])
    found = book.lines(at(20))
    assert found["mqls", "scanner"].actual == 2  # the first by its case alone, the second by its stage
    assert found["subscribers",].actual == 2


def test_a_lead_recycled_twice_is_judged_in_every_cycle(book: Book) -> None:
    lead = book.lead(1, product="scanner")
    book.case(lead, 1, at(2), ("offered", at(2), None), ("recycled", at(4), "unreachable"))
    book.case(lead, 2, at(9), ("offered", at(9), None), ("recycled", at(11), "bad_timing"))
    book.case(lead, 3, at(16), ("offered", at(16), None))
    for when in (at(2, 11), at(9, 20), at(16, 12), at(17)):
        book.call(lead, when)
    found = book.lines(at(20))
    assert found["speed",].counts == {"breached": 1, "at_risk": 0, "on_track": 0, "met": 2, "excused": 0}
    # given up as unreachable after one call; sent back for another reason; still under way
    assert found["persistence",].counts == {"breached": 1, "at_risk": 0, "on_track": 1, "met": 0, "excused": 1}
    assert found["mqls", "scanner"].actual == 1  # one lead, however often it qualified


def test_a_merged_case_is_excused_and_the_other_goes_on_with_its_clock(book: Book) -> None:
    lead = book.lead(1, product="scanner")
    first = book.case(lead, 1, at(2), ("offered", at(2), None), product="scanner")
    book.case(lead, 1, at(2, 10), ("offered", at(2, 10), None), ("merged", at(2, 11), None), product="printer")
    book.call(lead, at(2, 14))
    pauses.begin(book.ledger, [(first, "asked", at(2, 15))])
    found = book.lines(at(20))
    assert found["speed",].counts["met"] == 1 and found["speed",].counts["excused"] == 1
    assert found["mqls", "scanner"].actual == 1


def test_pauses_of_closed_cases_end_with_them(book: Book) -> None:
    lead = book.lead(1)
    cid = book.case(lead, 1, at(2), ("offered", at(2), None), ("rejected", at(5), "no_need"))
    pauses.begin(book.ledger, [(cid, "asked", at(3))])
    pauses.end_of_closed(book.ledger)
    assert pauses.of(book.ledger, [cid]) == {cid: [(at(3), at(5))]}
    assert pauses.running(book.ledger, [cid]) == {}
