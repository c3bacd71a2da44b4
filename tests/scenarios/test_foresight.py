"""The next round is planned while the last one is sent: the same writes, sooner, and so near to the last look that it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import smarksync_hubspot
import smarksync_salesforce

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.ledger import entities, foreseen, plans, states
from smarksync.ledger.db import Ledger
from smarksync.plan.rows import Row

from .accounts import ALLOW
from .ran import conserved
from .test_side_by_side import PEOPLE, Pair, pair

__all__ = ["pair"]
#: seconds that planning for one person takes in these runs: for all of them more than `freshness`, which is two minutes
A_PERSON = 0.4


def first_load(
    one: Pair, at_once: int, exit_code: int = 0, meanwhile: Callable[[ManualClock, str], None] | None = None
) -> tuple[Result, list[int]]:
    """A first load, and how many people each round planned for when it began. ``at_once``: as many are planned for ahead;
    ``meanwhile``: what happens after each batch that was written, by its stream."""
    clock = ManualClock(datetime.now(UTC))
    rounds: list[int] = []
    pushed = [True]

    def progress(stage: str, lane: str, done: int, _total: int | None) -> None:
        if stage == "push":
            pushed.append(True)
            if meanwhile is not None:
                meanwhile(clock, lane)
        if stage == "plan" and lane == "people":
            if pushed:
                rounds.append(0)
                pushed.clear()
            if len(rounds) > 1:
                clock.move((done - rounds[-1]) * A_PERSON)
            rounds[-1] = done

    result = execute(
        load(one.root / "smarksync.yaml", environ=dict(os.environ)),
        Options(allow=ALLOW, threads=False, plan_at_once=at_once),
        registry=Registry([smarksync_hubspot, smarksync_salesforce]), now=clock.now, progress=progress,
        make_session=lambda name, _settings: OpenSession(name, root=str(one.root), clock=clock),
    )  # fmt: skip
    result.run.ledger.close()
    assert result.exit_code == exit_code, result.sentences
    return result, rounds


@pytest.mark.parametrize(("at_once", "left", "looks"), [(10, PEOPLE // 4, 0), (10 * PEOPLE, PEOPLE, 5)])
def test_what_was_learned_is_carried_on_before_the_last_look_is_old(
    pair: Pair, at_once: int, left: int, looks: int
) -> None:
    """Our id is written to HubSpot, and then what Salesforce chose. With planning between the two everybody is stale."""
    result, rounds = first_load(pair, at_once)
    assert rounds[0] == PEOPLE and 0 < rounds[1] <= left
    assert result.report["calls"]["marketing"].get("reread", 0) == looks
    sides = result.report["jobs"][0]["sides"]
    contacts = sides["marketing"]["contacts"]
    assert contacts["planned"] == contacts["written"] == 2 * PEOPLE
    pair.everybody_is_there_once()
    pair.forget()
    pair.run_later()
    assert pair.writes() == []


def test_an_edit_between_the_reading_and_our_stamp_is_not_written_over(pair: Pair) -> None:
    """The answer to our stamp shows our id and nothing else of the record: it is no look at what a colleague did before."""
    rows = pair.hub.store.rows["contacts"]
    last = max(rows, key=int)
    stamped: list[bool] = []

    def meanwhile(clock: ManualClock, lane: str) -> None:
        if lane == "marketing:contacts" and not stamped:
            stamped.append(rows[last].properties.get("smarksync_id") is not None)
            for sim in (pair.hub, pair.crm):
                sim.elapse(60)
            clock.move(60)  # not yet long enough since the reading, and long enough with the rest below
            pair.hub.edit("contacts", last, hs_lead_status="IN_PROGRESS", jobtitle="Head of Patience")
            for sim in (pair.hub, pair.crm):
                sim.elapse(70)
            clock.move(70)

    result, _ = first_load(pair, 10, exit_code=3, meanwhile=meanwhile)  # whose word counts is a question: see below
    assert stamped == [False]
    assert rows[last].properties["smarksync_id"] is not None
    assert rows[last].properties["hs_lead_status"] == "IN_PROGRESS"
    assert result.report["calls"]["marketing"]["reread"] == -(-PEOPLE // 100)
    (lead,) = [row for row in pair.crm.rows("Lead") if row["Email"] == rows[last].properties["email"]]
    assert (lead["Status"], lead["Title"]) == ("Open - Not Contacted", "Head of Patience")
    asked = {side: of["conflicts"] for one in result.report["jobs"][0]["sides"].values() for side, of in one.items()}
    assert asked["contacts"] == 1, "Salesforce chose a status for its new lead, and a colleague another one"
    pair.run_later()
    pair.forget()
    pair.run_later()
    assert pair.writes() == []


def test_a_round_that_does_not_come_leaves_nothing_planned(pair: Pair) -> None:
    """HubSpot stops answering when most of them are planned for: that plan goes, and the next run makes it again."""
    pair.hub.faults.answer(
        401, {"category": "INVALID_AUTHENTICATION"}, path="*/contacts/batch/update", skip=4, times=50
    )
    result, rounds = first_load(pair, 10, exit_code=5)
    assert rounds == [PEOPLE]
    conserved(result.report)
    contacts = result.report["jobs"][0]["sides"]["marketing"]["contacts"]
    assert contacts["planned"] == PEOPLE
    pair.hub.faults.clear()
    pair.run_later()
    pair.run_later()
    pair.everybody_is_there_once()
    pair.forget()
    pair.run_later()
    assert pair.writes() == []


def test_whom_something_happened_to_since_is_planned_for_anew(tmp_path: Path) -> None:
    """Of four who were planned for one was changed again, one is owed another look, and one is nobody any more."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    eids = [10, 11, 12, 13, 14]
    entities.add(ledger, [(eid, f"ref{eid}", "lead", "live", "{}", "run") for eid in eids])
    states.changed(ledger, [(eid, None, None, "run") for eid in eids])
    foreseen.begin(ledger)
    foreseen.wait_for(ledger, 0, states.top(ledger), "lead")
    assert foreseen.take(ledger, 14, 5) == [], "too few yet"
    assert foreseen.take(ledger, 14, 4) == [10, 11, 12, 13]
    foreseen.add(ledger, [10, 11, 12, 13], states.top(ledger))
    plans.add(
        ledger, "run", "people", [(eid, Row("update", 1, str(eid), {"x": 1}, marks=[("blanks", "x")])) for eid in eids]
    )
    states.changed(ledger, [(11, None, None, "run")])
    states.set_due(ledger, "people", [(12, "owed")], "2026-11-22T09:00:00Z")
    entities.set_state(ledger, 13, "merged")
    states.gather(ledger, "people", 0, states.top(ledger), "lead")
    foreseen.doubt(ledger, "people", all_of_them=False)
    assert foreseen.take_back(ledger, "people") == [(1, 3)]
    foreseen.leave_out(ledger)
    assert states.gathered(ledger, 0, 9) == [11, 12, 13, 14]
    kept = {row.eid for row in plans.load(ledger, "status = 'planned'")}
    assert kept == {10, 14}
    assert ledger.value("SELECT count(*) FROM plan_bodies") == ledger.value("SELECT count(*) FROM plan_marks") == 2
    ledger.close()
