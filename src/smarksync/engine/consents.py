"""Consent in a run: what stands is stored at once; what is owed becomes rows that no guard sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smarksync.ledger import consent, keys, states
from smarksync.ledger.consent import Standing
from smarksync.model.consent import Claim, Status, view
from smarksync.plan.consent import CHANNELS, EVIDENCE_FIELDS, ConsentOutcome, settle_consent
from smarksync.plan.job import Person

from .context import JobRun, Run
from .shared import ADDRESSES


def as_claim(row: Standing) -> Claim:
    """A stored standing as a claim."""
    return Claim(Status(row.status), row.at, row.source, row.basis, row.evidence)


def as_standing(eid: int, channel: str, claim: Claim) -> Standing:
    """A claim as it is stored."""
    return Standing(eid, channel, str(claim.status), claim.at, claim.source, claim.basis, claim.evidence)


def mapped(run: Run) -> bool:
    """Whether any stream has a place for consent; without one, and without a claim, nobody has to be asked."""
    return any(name in mapping.fields for mapping in run.mappings.values() for name in CHANNELS.values())


def told_beside(run: Run) -> frozenset[str]:
    """The fields of evidence that some system has a place for: a new record there gets them with its flag."""
    return frozenset(name for name in EVIDENCE_FIELDS if any(name in one.fields for one in run.mappings.values()))


def consent_of(
    run: Run, job: JobRun, person: Person, standing: Mapping[str, Standing], others: Others | None,
    told: frozenset[str] = frozenset(),
) -> ConsentOutcome | None:  # fmt: skip
    """The consent decision about one person; None when no side has a place for it."""
    inherited = others.opt_outs(person.eid) if others is not None else {}
    claims = {channel: as_claim(row) for channel, row in standing.items()} if standing else {}
    return settle_consent(person.sides, person.agreed, claims, inherited, reachable(run, job), run.stamp(), told)


def reachable(run: Run, job: JobRun) -> frozenset[str]:
    """The connections that can be written now."""
    return frozenset(
        lane.stream.connection
        for lane in job.lanes
        if lane.failed is None and run.connections[lane.stream.connection].failed is None
    )


class Others:
    """What stands of everybody else who holds an e-mail address of some people: an opt-out there counts here."""

    def __init__(self, run: Run, people: Sequence[Person]) -> None:
        addresses: dict[int, set[str]] = {person.eid: set() for person in people}
        for person in people:
            if address := person.agreed.get("email"):
                addresses[person.eid].add(str(address).casefold())
        for eid, value in keys.of_entities(run.ledger, addresses, ADDRESSES):
            addresses[eid].add(value)
        values = sorted({value for group in addresses.values() for value in group})
        holders: dict[str, set[int]] = {}
        for (_, value), group in keys.holders(run.ledger, [(kind, v) for kind in ADDRESSES for v in values]).items():
            holders.setdefault(value, set()).update(eid for eid, weak in group if not weak)
        self._of = {
            eid: others
            for eid, group in addresses.items()
            if (others := {other for value in group for other in holders.get(value, ())} - {eid})
        }
        everybody = {other for group in self._of.values() for other in group}
        self._standing = consent.of_entities(run.ledger, everybody) if everybody else {}

    def tell(self, rows: Sequence[Standing]) -> None:
        """What stands of one of them since."""
        for row in rows:
            self._standing.setdefault(row.eid, {})[row.channel] = row

    def opt_outs(self, eid: int) -> dict[str, list[Claim]]:
        """The claims of others that the entity inherits, by channel."""
        found: dict[str, list[Claim]] = {}
        for other in sorted(self._of.get(eid, ())):
            row = self._standing.get(other, {}).get("email")
            if row is not None and view(Status(row.status)):
                found.setdefault("email", []).append(as_claim(row))
        return found


def record(run: Run, person: Person, outcome: ConsentOutcome, others: Others | None) -> None:
    """Stores what stands now, and wakes everybody else with the address when somebody opted out."""
    rows = [as_standing(person.eid, channel, outcome.standing[channel]) for channel in outcome.changed]
    consent.save(run.ledger, rows)
    if others is not None:
        others.tell(rows)
    if "email" in outcome.raised:
        same = set()
        for kind, value, weak in keys.of_entity(run.ledger, person.eid):
            if kind in ADDRESSES and not weak:
                same |= {eid for eid, _ in keys.holders(run.ledger, [(kind, value)]).get((kind, value), [])}
        same.discard(person.eid)
        states.changed(run.ledger, [(eid, None, None, run.run_id) for eid in sorted(same)])
        run.heirs |= same  # some of them may have been planned already


def audit_body(outcome: ConsentOutcome) -> dict[str, Any]:
    """What the history says of a consent that moved."""
    return moved({channel: claim for channel, claim in outcome.standing.items() if channel in outcome.changed})


def moved(claims: Mapping[str, Claim]) -> dict[str, Any]:
    """The same of what stands by channel: the act that it rests on."""
    return {
        "op": "consent",
        "fields": {
            channel: {
                "after": str(claim.status),
                "from": claim.source,
                "at": claim.at,
                "basis": claim.basis,
                "evidence": claim.evidence,
            }
            for channel, claim in claims.items()
        },
    }
