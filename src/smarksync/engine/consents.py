"""Consent in a run: what stands is stored at once; what is owed becomes rows that no guard sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.ledger import consent, keys, states
from smarksync.ledger.consent import Standing
from smarksync.model.consent import Claim, Status, view
from smarksync.plan.consent import CHANNELS, ConsentOutcome, settle_consent
from smarksync.plan.job import Person

from .context import JobRun, Run
from .observe import ADDRESSES


def as_claim(row: Standing) -> Claim:
    """A stored standing as a claim."""
    return Claim(Status(row.status), row.at, row.source, row.basis, row.evidence)


def as_standing(eid: int, channel: str, claim: Claim) -> Standing:
    """A claim as it is stored."""
    return Standing(eid, channel, str(claim.status), claim.at, claim.source, claim.basis, claim.evidence)


def mapped(run: Run) -> bool:
    """Whether any stream has a place for consent; without one, and without a claim, nobody has to be asked."""
    return any(name in mapping.fields for mapping in run.mappings.values() for name in CHANNELS.values())


def consent_of(
    run: Run, job: JobRun, person: Person, standing: Mapping[str, Standing], inherit: bool
) -> ConsentOutcome | None:
    """The consent decision about one person; None when no side has a place for it."""
    reachable = frozenset(
        lane.stream.connection
        for lane in job.lanes
        if lane.failed is None and run.connections[lane.stream.connection].failed is None
    )
    inherited = _from_others(run, person) if inherit else {}
    claims = {channel: as_claim(row) for channel, row in standing.items()}
    return settle_consent(person.sides, person.agreed, claims, inherited, reachable, run.stamp())


def _from_others(run: Run, person: Person) -> dict[str, list[Claim]]:
    """Opt-outs of other entities that hold the same e-mail address."""
    address = person.agreed.get("email")
    addresses = {str(address).casefold()} if address else set()
    addresses |= {v for k, v, weak in keys.of_entity(run.ledger, person.eid) if k in ADDRESSES and not weak}
    found = keys.holders(run.ledger, [(kind, a) for kind in ADDRESSES for a in sorted(addresses)])
    others = {eid for group in found.values() for eid, weak in group if eid != person.eid and not weak}
    out: dict[str, list[Claim]] = {}
    for channels in consent.of_entities(run.ledger, others).values():
        row = channels.get("email")
        if row is not None and view(Status(row.status)):
            out.setdefault("email", []).append(as_claim(row))
    return out


def record(run: Run, person: Person, outcome: ConsentOutcome) -> None:
    """Stores what stands now, and wakes everybody else with the address when somebody opted out."""
    consent.save(
        run.ledger, [as_standing(person.eid, channel, outcome.standing[channel]) for channel in outcome.changed]
    )
    if "email" in outcome.raised:
        others = set()
        for kind, value, weak in keys.of_entity(run.ledger, person.eid):
            if kind in ADDRESSES and not weak:
                others |= {eid for eid, _ in keys.holders(run.ledger, [(kind, value)]).get((kind, value), [])}
        others.discard(person.eid)
        states.changed(run.ledger, [(eid, None, None, run.run_id) for eid in sorted(others)])
        run.heirs |= others  # some of them may have been planned already


def audit_body(outcome: ConsentOutcome) -> dict[str, Any]:
    """What the history says of a consent that moved: the act that it rests on."""
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
            for channel, claim in outcome.standing.items()
            if channel in outcome.changed
        },
    }
