"""Why is this lead (not) an MQL, who would get it, and how did its hand-offs go? Told from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.alignment import qualify
from smarksync.alignment.handoff import waits_until
from smarksync.alignment.route import Desk as Routing
from smarksync.config import Config
from smarksync.ledger import activities, cases, entities
from smarksync.ledger.activities import Activity
from smarksync.ledger.cases import Case, Move
from smarksync.model.moments import wire
from smarksync.plan.job import Person

from .context import Run
from .handoff import Handoff
from .offering import desk
from .scopes import Scopes

MOST = 50


def of(run: Run, config: Config, person: Person) -> dict[str, Any]:
    """Definitions clause by clause, points, route, cases with their moves, and what happened. Instants as text."""
    work = next((job.work for job in run.jobs if isinstance(job.work, Handoff)), None)
    needs = qualify.reach(config, (e for d in config.definitions.values() for e in (d.when, *d.never))) | {"activities"}
    scopes = Scopes(run, config, needs | (work.needs if work is not None else frozenset()))
    scope = scopes.of([person])[person.eid]
    scores = scopes.explained(scope)
    known = cases.of_entities(run.ledger, [person.eid]).get(person.eid, [])
    moves = cases.moves_of(run.ledger, [case.cid for case in known])
    names = _names(run, known, moves)
    done = activities.of(run.ledger, [person.eid]).get(person.eid, [])
    return {
        "definitions": [_told(qualify.explain(name, one, scope)) for name, one in config.definitions.items()],
        "persona": scope["persona"],
        "scores": None if scores is None else {**scores.values(), "points": [point._asdict() for point in scores.points]},
        "route": None if work is None or not config.routing else _route(desk(run, config, str(work.job.to)), scope),
        "cases": [_case(case, moves.get(case.cid, []), names, config) for case in known],
        "activities": [_activity(one) for one in done[:MOST]], "more_activities": max(0, len(done) - MOST),
    }  # fmt: skip


def _told(one: qualify.Told) -> dict[str, Any]:
    return {"definition": one.definition, "passes": one.passes, "parts": [part._asdict() for part in one.parts]}


def _route(now: Routing, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Who would get it now; nothing is taken by asking."""
    routed = now.route(scope)
    return {"owner": routed.name or None, "how": routed.how, "passed_over": list(routed.passed)}


def _names(run: Run, known: list[Case], moves: Mapping[int, list[Move]]) -> dict[str, str]:
    """{owner's entity id: what people call them}."""
    refs = {case.owner for case in known} | {m.body.get("owner") for group in moves.values() for m in group}
    eids = entities.by_refs(run.ledger, [ref for ref in refs if ref])
    found = entities.load(run.ledger, set(eids.values()))
    return {
        ref: str(found[eid][2].get("name") or found[eid][2].get("email") or ref)
        for ref, eid in eids.items()
        if eid in found
    }


def _case(case: Case, moves: list[Move], names: Mapping[str, str], config: Config) -> dict[str, Any]:
    job = config.jobs.get(case.job)
    return {
        "case": case.cid, "job": case.job, "state": case.state, "cycle": case.cycle, "product": case.product or None,
        "definition": case.definition, "owner": names.get(case.owner or "", case.owner), "opened_at": wire(case.opened_at),
        "offered_at": _time(case.offered_at), "due_at": _time(case.due_at), "closed_at": _time(case.closed_at),
        "record": case.body.get("record"), "task": case.body.get("task"), "route": case.body.get("route"),
        "reason": case.body.get("reason"), "waits_until": _time(waits_until(case, job.reasons) if job else None),
        "inferred": bool(case.body.get("inferred")),
        "moves": [_move(move, names) for move in moves],
    }  # fmt: skip


def _move(move: Move, names: Mapping[str, str]) -> dict[str, Any]:
    owner = move.body.get("owner")
    return {
        "at": wire(move.at), "state": move.state, "by": move.actor, "source": move.source, "reason": move.reason,
        "skipped": move.skipped, "run": move.run, "entered_at": wire(move.entered_at), "owner": names.get(owner, owner) if owner else None,
    }  # fmt: skip


def _activity(one: Activity) -> dict[str, Any]:
    told = {name: one.body.get(name) for name in ("subject", "asset", "result", "direction") if one.body.get(name)}
    return {"at": wire(one.at), "type": one.type, "actor": one.actor, "attempt": one.attempt, **told}


def _time(at: int | None) -> str | None:
    return None if at is None else wire(at)
