"""Puts a worked history (:mod:`.history`) into a ledger, as if the two systems had told it: for demo, tests and bench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from smarksync.alignment import handoff
from smarksync.ledger import activities, cases, entities, links, memberships, runs, stages, streams
from smarksync.ledger.db import Ledger, dumps
from smarksync.ledger.links import Link
from smarksync.model.activity import is_attempt
from smarksync.model.moments import wire

from .history import CAMPAIGNS, REPS, Case, Life, Team, lives, office

BATCH = 2_000
JOB = "handoff"
DEFINITION = "mql@1"
#: the first attempt is promised within so many office hours
PROMISED_HOURS = 5


class _Filling:
    """Numbers of what is being written, and the places that it came from."""

    def __init__(self, ledger: Ledger, team: Team) -> None:
        self.ledger, self.team = ledger, team
        self.run = f"history-{team.year}-{team.seed}"
        self.eid = int(ledger.value("SELECT COALESCE(max(eid), 0) FROM entities"))
        self.cid = cases.next_cid(ledger)
        self.sids = {
            name: streams.get(ledger, connection, obj, kind).sid
            for name, connection, obj, kind in (
                ("contacts", "marketing", "contacts", "lead"), ("leads", "sales", "leads", "lead"),
                ("users", "sales", "users", "owner"), ("campaigns", "marketing", "campaigns", "campaign"),
                ("opportunities", "sales", "opportunities", "opportunity"), ("events", "marketing", "events", "activity"),
                ("tasks", "sales", "tasks", "activity"), ("members", "marketing", "members", "membership"),
            )
        }  # fmt: skip

    def entity(self, kind: str, place: str, rid: str, agreed: dict[str, Any]) -> tuple[int, str, Any, Link]:
        self.eid += 1
        ref = entities.make_ref("history", kind, place, rid)
        values = {name: value for name, value in agreed.items() if value is not None}
        row = (self.eid, ref, kind, entities.LIVE, dumps(values).decode(), self.run)
        link = Link(
            self.sids[place], rid, self.eid, 0, "live", b"history", None, wire(self.team.end_at), None, None, None
        )
        return self.eid, ref, row, link


def fill(ledger: Ledger, team: Team, leads: int) -> None:
    """Writes the owners, the campaigns, and ``leads`` lives with their cases, deals and activities."""
    filling = _Filling(ledger, team)
    with ledger.tx():
        runs.begin(ledger, filling.run, wire(team.start_at), ["history"], False)
        owners = _store(filling, "owner", "users", (
            {"email": rep.email, "name": rep.name, "kind": "user", "active": rep.until_month == 12, "team": "inside sales"}
            for rep in REPS
        ))  # fmt: skip
        campaigns = _store(filling, "campaign", "campaigns", (
            {"name": one.name, "type": one.type, "status": "done", "budget": [str(one.budget), "EUR"]} for one in CAMPAIGNS
        ))  # fmt: skip
        runs.end(ledger, filling.run, wire(team.end_at), 0, {})
    stream = lives(team, leads)
    while batch := list(islice(stream, BATCH)):
        with ledger.tx():
            _lives(filling, batch, owners, campaigns)


def _store(filling: _Filling, kind: str, place: str, values: Iterable[dict[str, Any]]) -> list[tuple[int, str]]:
    made = [filling.entity(kind, place, str(number), agreed) for number, agreed in enumerate(values)]
    entities.add(filling.ledger, [row for _, _, row, _ in made])
    links.put(filling.ledger, [link for *_, link in made])
    return [(eid, ref) for eid, ref, _, _ in made]


def _lives(
    filling: _Filling, batch: list[Life], owners: list[tuple[int, str]], campaigns: list[tuple[int, str]]
) -> None:
    rows: list[Any] = []
    found: list[Link] = []
    rungs: list[stages.Stage] = []
    acts: list[activities.Activity] = []
    members: list[memberships.Membership] = []
    made: list[cases.Case] = []
    moves: list[cases.Move] = []
    for one in batch:
        rep = one.cases[-1].rep if one.cases else None
        owner = None if rep is None else owners[rep][1]
        rid = str(one.person.number)
        eid, ref, row, link = filling.entity("lead", "contacts", rid, {**one.lead, "owner": owner})
        rows.append(row)
        found.append(link)
        if one.cases:
            found.append(link._replace(sid=filling.sids["leads"], rid=f"L{rid}"))
        rungs += [stages.Stage(eid, stage, at, who) for stage, at, who in one.stages]
        acts += _activities(filling, one, eid, owners, campaigns)
        members.append(memberships.Membership(
            0, filling.sids["members"], rid, campaigns[one.campaign.number][0], eid, filling.sids["contacts"], rid,
            "responded" if one.campaign.quality > 0.5 else "member", one.born, {},
        ))  # fmt: skip
        for case in one.cases:
            told = list(_moves(filling, case, eid, owners))
            moves += told
            made.append(handoff.replay(told))
        if one.deal is not None:
            deal = one.deal
            _, _, sale, where = filling.entity("opportunity", "opportunities", f"O{rid}", {
                "name": f"{one.person.company}: {one.lead['product']}", "leads": [ref], "primary_lead": ref,
                "stage": deal.stage, "stage_kind": deal.kind, "amount": [str(deal.amount), deal.currency],
                "owner": owners[deal.rep][1], "loss_reason": deal.loss_reason,
                "closed_at": None if deal.closed_at is None else wire(deal.closed_at),
                "close_date": None if deal.closed_at is None else wire(deal.closed_at)[:10],
            })  # fmt: skip
            rows.append(sale)
            found.append(where)
    entities.add(filling.ledger, rows)
    links.put(filling.ledger, found)
    stages.put(filling.ledger, rungs)
    activities.put(filling.ledger, acts)
    memberships.put(filling.ledger, members)
    cases.add_moves(filling.ledger, moves)
    cases.put(filling.ledger, made)


def _activities(
    filling: _Filling, one: Life, eid: int, owners: list[tuple[int, str]], campaigns: list[tuple[int, str]]
) -> Iterator[activities.Activity]:
    rid = str(one.person.number)
    for nth, act in enumerate(one.activities):
        sold = act["actor"] == "sales"
        body = {
            "result": act["result"], "automated": act["automated"], "subject": act["subject"], "asset": act["asset"],
            "campaign": None if act["campaign"] is None else campaigns[act["campaign"]][1],
            "owner": None if act["rep"] is None else owners[act["rep"]][1],
        }  # fmt: skip
        told = {name: value for name, value in body.items() if value is not None}
        yield activities.Activity(
            0, filling.sids["tasks" if sold else "events"], f"{rid}-{nth}", eid, filling.sids["contacts"], rid,
            act["type"], act["at"], act["actor"], is_attempt({**told, "type": act["type"], "actor": act["actor"]}), told,
        )  # fmt: skip


def _moves(filling: _Filling, case: Case, eid: int, owners: list[tuple[int, str]]) -> Iterator[cases.Move]:
    cid, filling.cid = filling.cid, filling.cid + 1
    owner = owners[case.rep][1]
    for nth, move in enumerate(case.moves):
        if nth == 0:
            yield handoff.opened(
                cid=cid, job=JOB, eid=eid, product=case.product, cycle=case.cycle, definition=DEFINITION, at=move.at,
                run=filling.run, body={"owner": owner},
            )  # fmt: skip
        else:
            body = {"due_at": office(move.at, PROMISED_HOURS)} if move.state == "offered" else {}
            yield cases.Move(
                0, cid, move.state, move.at, move.at, move.actor, "history", filling.run, move.reason, False, body
            )
