"""The short ways of planning, for a chunk of entities: who was edited on one side, or is new on one side, and plain.

Most of what a run plans is of that kind. Such an entity needs no more of the ledger than its agreed values, where its
links lie and what one of them remembers; plan/edited.py or plan/first.py decide as plan/build.py would. Everybody else
is handed back, for the way that asks everything.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from smarksync.ledger import consent, entities, links
from smarksync.ledger.db import loads
from smarksync.ledger.links import LIVE, Place
from smarksync.plan.consent import CONSENT_FIELDS, at_rest
from smarksync.plan.edited import edited
from smarksync.plan.first import first
from smarksync.plan.job import Person
from smarksync.plan.match import parts_of
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.side import Side

from .consents import as_claim, told_beside
from .context import JobRun, Run
from .notes import planned


def special_fields(run: Run) -> frozenset[str]:
    """Fields that settling has more to do for: match keys follow them, names may be one text, consent has its rules."""
    parts = {part for match in run.match.values() for one in match for part in parts_of(one)}
    return frozenset({*parts, "email", "first_name", "last_name", *CONSENT_FIELDS})


@dataclass(slots=True)
class Taken:
    """``rows`` by entity; ``settled``: who agrees in some fields without a write; ``others``: not decided here."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    settled: list[tuple[Person, Outcome]] = field(default_factory=list)
    others: list[int] = field(default_factory=list)


def take(run: Run, job: JobRun, eids: Sequence[int], barred: Container[int], *, consents_too: bool) -> Taken:
    """Decides whom a short way can decide. ``barred``: of whom more has to be asked.

    ``consents_too``: consent has a place somewhere, so that it is looked whether anybody said anything.
    """
    standing = consent.of_entities(run.ledger, eids) if consents_too else {}
    found = entities.stored(run.ledger, eids)
    places = links.places(run.ledger, eids)
    special, told = special_fields(run), told_beside(run)
    taken = Taken()
    for eid in eids:
        known, group = found.get(eid), places.get(eid)
        person = None
        if known is not None and group is not None and known[1] == entities.LIVE and eid not in barred:
            person = _person(run, eid, known[0], known[2], group)
        if person is not None and consents_too:
            claims = {channel: as_claim(row) for channel, row in standing[eid].items()} if eid in standing else {}
            person = person if at_rest(person.sides, person.agreed, claims, told) else None
        outcome = None if person is None else first(person, job.rules) or edited(person, job.rules)
        if person is None or outcome is None:
            taken.others.append(eid)
            continue
        if outcome.rows:
            tell_ahead(run, job, outcome.rows, special)
            taken.rows += [(eid, row) for row in outcome.rows]
        for sid, name, reason in outcome.left:
            job.left[(run.connection_of.get(sid, "?"), name, reason)] += 1
        if outcome.local_fields:
            taken.settled.append((person, outcome))
    return taken


def tell_ahead(run: Run, job: JobRun, rows: Sequence[Row], special: frozenset[str]) -> None:
    """What the audit will say of a plain edit, so that it need not be read again when it is settled."""
    several = len(rows) > 1 and sum(not row.stamp for row in rows) > 1
    for row in rows:
        if row.alone is None:
            continue
        if several and not row.stamp:
            row.alone = None  # what one of them settles is what the other finds
        elif row.op == "update":
            if special.isdisjoint(row.fields):
                row.note = planned(run.lanes[row.sid], job.name, row)
            else:
                row.alone = None


def _person(run: Run, eid: int, ref: str, agreed: str, group: list[Place]) -> Person | None:
    """The entity, when its records take part and one has something to say; None when that is not seen at once."""
    mappings = run.mappings
    sides: list[Side] = []
    told = False
    for _, lid, sid, rid, rank, state, fp, memo in group:
        mapping = mappings.get(sid)
        if state != LIVE or rank or mapping is None:
            return None
        told = told or memo is not None
        sides.append(Side(sid, rid, eid, mapping, loads(memo) if memo else None, fp, lid))
    if not told:
        return None
    values: dict[str, Any] = loads(agreed)
    values["external_id"] = ref
    return Person(eid, ref, values, sides, frozenset([side.connection for side in sides]))
