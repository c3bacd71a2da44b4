"""An opt-in that a person records by hand, with its evidence: clause (b) of the consent section of engine.md."""

from __future__ import annotations

from typing import Any

from smarksync.errors import UsageError
from smarksync.ledger import audit, consent, entities, states
from smarksync.model import Field, ValueProblem, normalise
from smarksync.model.consent import OWN_ACT, Claim, Refusal, Status, join
from smarksync.plan.consent import BASIS_EVIDENCE, CHANNELS

from . import refs
from .consents import as_claim, as_standing
from .offline import BY_HAND, Desk
from .queues import label

#: the bases that are an act of the person's own
BASES = tuple(sorted(basis for basis, evidence in BASIS_EVIDENCE.items() if evidence >= OWN_ACT))


def grant(desk: Desk, ref: str, *, basis: str, source: str, at: str, channel: str = "email") -> dict[str, Any]:
    """Stores the opt-in, to be carried everywhere by the next run. Raises UsageError when it may not stand."""
    moment = _moment(desk, at)
    if basis not in BASES:
        raise UsageError(
            f"`--basis {basis}` is no act of the person's own.", hint=f"An opt-in rests on {', '.join(BASES)}."
        )
    if channel not in CHANNELS:
        raise UsageError(f"There is no channel {channel!r}.", hint=f"There are {', '.join(CHANNELS)}.")
    if not source.strip():
        raise UsageError("`--source` says where the evidence is kept.", hint='For example --source "form 12, signed".')
    ledger = desk.ledger
    eid = refs.one(ledger, ref)
    if ledger.value("SELECT kind FROM entities WHERE eid = ?", (eid,)) != "lead":
        raise UsageError(f"{ref} is nobody who could give consent.", hint="Name a person.")
    with desk.alone(), ledger.tx():
        row = consent.of_entities(ledger, [eid]).get(eid, {}).get(channel)
        standing = as_claim(row) if row is not None else None
        claim = Claim(Status.OPTED_IN, moment, source.strip(), basis, BASIS_EVIDENCE[basis])
        joined = join(standing, [claim])
        if joined.standing != claim:
            raise UsageError(*_why_not(ref, standing, joined.refused[0][1] if joined.refused else None))
        consent.save(ledger, [as_standing(eid, channel, claim)])
        told = {"after": str(claim.status), "from": "person", "at": moment, "basis": basis, "source": claim.source,
                "evidence": claim.evidence}  # fmt: skip
        audit.add(ledger, BY_HAND, desk.stamp(), [(eid, {"op": "consent", "fields": {channel: told}})])
        states.changed(ledger, [(eid, None, None, BY_HAND)])
        entity = entities.load(ledger, [eid])[eid][0]
    return {"done": "granted", "entity": entity, "who": label(ledger, eid), "channel": channel, "basis": basis, "source": claim.source,
            "at": moment, "before": str(standing.status) if standing is not None else None, "next": "smarksync run"}  # fmt: skip


def _moment(desk: Desk, at: str) -> str:
    try:
        moment = normalise(Field("at", "instant"), at)
    except ValueProblem as problem:
        raise UsageError(f"`--at {at}`: {problem.message}.", hint="Write it as 2026-11-22T09:30:00Z.") from None
    if not isinstance(moment, str) or moment > desk.stamp():
        raise UsageError(f"`--at {at}` has not happened yet.", hint="Write when the person said yes.")
    return moment


def _why_not(ref: str, standing: Claim | None, reason: Refusal | None) -> tuple[str]:
    if reason is Refusal.SUPPRESSED:
        return (f"{ref} is suppressed: nothing leads out of that.",)
    since = standing.at if standing is not None and standing.at else "an unknown time"
    if standing is not None and standing.status == Status.OPTED_IN:
        return (f"{ref} has opted in already, by an act of {since} that is at least as strong and not earlier.",)
    return (f"{ref} has opted out, as of {since}: an opt-in must be later than that.",)
