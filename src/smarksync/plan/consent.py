"""Consent stands above every rule: what the sides claim, what then stands, and who must be told.

A standing opt-out is owed to every record that has a place for it, secondary ones included. Nothing here
asks the rules of a job, and no guard sees these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smarksync.model import ABSENT, ValueProblem
from smarksync.model.consent import OWN_ACT, Claim, Status, join, view

from .reasons import hash_of
from .rows import Problem, Row
from .side import Side
from .staying import of_new_records

CHANNELS = {"email": "email_opt_out", "phone": "phone_opt_out"}
EVIDENCE_FIELDS = {"consent_at": "at", "consent_source": "source", "consent_basis": "basis"}
CONSENT_FIELDS = (*CHANNELS.values(), *EVIDENCE_FIELDS)
#: how strong the stated basis of an opt-in is (engine.md: 2 the person's own act, 3 double opt-in)
BASIS_EVIDENCE = {"own_act": 2, "checkbox": 2, "double_opt_in": 3}


@dataclass(slots=True)
class ConsentOutcome:
    """The standing claims after this look, what changed, and the writes that are owed."""

    standing: dict[str, Claim]
    changed: list[str] = field(default_factory=list)  # channels whose standing moved
    raised: list[str] = field(default_factory=list)  # channels that moved up to an opt-out
    refused: list[tuple[str, str, str]] = field(default_factory=list)  # connection, channel, reason
    left: list[tuple[str, str, str]] = field(default_factory=list)  # connection, field, reason
    rows: list[Row] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)  # views that become agreed at once
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)


def settle_consent(
    sides: Iterable[Side], agreed: Mapping[str, Any], standing: Mapping[str, Claim], inherited: Mapping[str, list[Claim]],
    reachable: frozenset[str], now: str, told: frozenset[str] = frozenset(),
) -> ConsentOutcome | None:  # fmt: skip
    """Joins the claims of all sides, or None when no side has a place for consent.

    ``inherited`` are opt-outs of other entities with the same address. ``reachable`` names the connections
    that can be written now; what is owed to the others stays owed. ``told``: evidence fields that a system has a place
    for where this person may get a record.
    """
    sides = [s for s in sides if s.state in ("live", "filtered")]
    outcome = ConsentOutcome(dict(standing))
    concerned = False
    for channel, name in CHANNELS.items():
        placed = [s for s in sides if s.codec(name) is not None]
        if not placed and not inherited.get(channel):
            continue
        concerned = True
        claims = [c for s in placed if (c := claim_of(s, name, agreed, now, outcome.standing.get(channel))) is not None]
        before = outcome.standing.get(channel)
        joined = join(before, [*claims, *inherited.get(channel, ())])
        if joined.standing is not None and joined.standing != before:
            outcome.standing[channel] = joined.standing
            outcome.changed.append(channel)
            if view(joined.standing.status) and (before is None or not view(before.status)):
                outcome.raised.append(channel)
        outcome.refused += [(str(c.source), channel, str(reason)) for c, reason in joined.refused]
        _views(placed, name, agreed, outcome, reachable, outcome.standing.get(channel))
    _evidence_fields(sides, agreed, outcome, now, told)
    return outcome if concerned else None


def unreadable(sides: list[Side], agreed: Mapping[str, Any]) -> list[Problem]:
    """Flags in words that nobody has explained: they may be opt-outs, so they are told, and nothing is made of them."""
    found: list[Problem] = []
    for side in sides:
        shown = side.memo.get("s") or {}
        for name in CHANNELS.values() if shown and side.state == "live" else ():
            codec = side.codec(name)
            if codec is None or not codec.read or codec.vendor not in shown:
                continue
            try:
                side.observed(name, agreed)
            except ValueProblem as problem:
                where = f"{side.connection}:{side.stream}:{side.rid}, field {codec.vendor}: {problem.message}"
                wanted = hash_of(side.shown(codec, agreed))
                found.append(Problem(side.sid, "value", problem.code, where, codec.vendor, wanted, {"direction": "in"}))
    return found


def at_rest(
    sides: list[Side], agreed: Mapping[str, Any], standing: Mapping[str, Claim], told: frozenset[str] = frozenset()
) -> bool:
    """Whether :func:`settle_consent` would find nothing to do, seen without asking every side: nobody shows anything
    new that could be a claim, and what is agreed is what stands."""
    for channel, name in CHANNELS.items():
        claim = standing.get(channel)
        if agreed.get(name) != (view(claim.status) if claim is not None else None):
            return False
    claim = standing.get("email")
    for name, part in EVIDENCE_FIELDS.items():
        known, stands = agreed.get(name), getattr(claim, part) if claim is not None else None
        if known != stands and (known is not None or name in told or any(s.codec(name) is not None for s in sides)):
            return False  # where no system has a place for it, it is not among what is agreed
    for side in sides:
        memo = side.memo
        if not memo:
            continue
        if ("n" in memo and standing) or not _NEWS.issuperset(memo):
            return False
        shown, fields = memo.get("s") or {}, side.mapping.fields
        for name in CONSENT_FIELDS:
            codec = fields.get(name)
            if codec is not None and codec.vendor in shown and (standing or not _blank_claim(codec, shown)):
                return False  # beside a claim that stands even a blank one is something to put right
    return True


#: what a memo may hold and still say nothing of consent but by the values that it shows
_NEWS = frozenset(("n", "s", "e", "x"))


def _blank_claim(codec: Any, shown: Mapping[str, Any]) -> bool:
    try:
        return codec.inward(codec.raw(shown)) is None
    except ValueProblem:
        return False


def claim_of(side: Side, name: str, agreed: Mapping[str, Any], now: str, standing: Claim | None) -> Claim | None:
    """What a side says anew. What it has said before and we have taken is no news."""
    codec = side.codec(name)
    if codec is None or not codec.read:
        return None
    try:
        observed, base = side.observed(name, agreed), side.base(name, agreed)
    except ValueProblem:
        return None
    if observed is ABSENT or (observed is True and base is True):
        return None
    if observed is True:
        # taken at once on any evidence: dated when it was seen, so that no earlier act can outweigh it
        return Claim(Status.OPTED_OUT, now, side.connection, None, _history(side, codec.vendor))
    basis, at = _own(side, "consent_basis", agreed), _act_time(side, agreed, now)
    evidence = BASIS_EVIDENCE.get(str(basis), 0) if name == "email_opt_out" else 0
    # a flag that says "no opt-out" is silence; with an act of the person's own beside it, it is that act's word
    act = evidence >= OWN_ACT and at is not None and (standing is None or standing.at is None or at > standing.at)
    if observed != base and (observed is False or base is True):
        return Claim(Status.OPTED_IN, at, side.connection, basis, evidence)
    return Claim(Status.OPTED_IN, at, side.connection, basis, evidence) if act else None


def _act_time(side: Side, agreed: Mapping[str, Any], now: str) -> str | None:
    """When the person acted, as the side says. No act lies ahead: one that is dated there happened when it was first
    seen, and serves no more after that; otherwise it would be later than every opt-out to come."""
    at = _own(side, "consent_at", agreed)
    if at is None or at <= now:
        return None if at is None else str(at)
    return now if side.base("consent_at", agreed) != at else None


def _history(side: Side, vendor: str) -> int:
    found = (side.memo.get("e") or {}).get(vendor)
    return 1 if found is not None and len(found) > 2 and found[2] else 0


def _own(side: Side, name: str, agreed: Mapping[str, Any]) -> Any:
    if side.codec(name) is None:
        return None
    try:
        value = side.observed(name, agreed)
    except ValueProblem:
        return None
    return None if value is ABSENT else value


def _views(
    sides: list[Side], name: str, agreed: Mapping[str, Any], outcome: ConsentOutcome, reachable: frozenset[str],
    claim: Claim | None,
) -> None:  # fmt: skip
    """The agreed view, the bases that move with it, and the rows owed to sides that show another."""
    value = view(claim.status) if claim is not None else None
    if agreed.get(name) != value:
        outcome.values[name] = value
    for side in sides:
        codec = side.codec(name)
        assert codec is not None
        try:
            observed, base = side.observed(name, agreed), side.base(name, agreed)
            raw = codec.outward(value)
        except ValueProblem:
            continue
        agrees = observed == value or (observed is not ABSENT and codec.agrees(side.shown(codec, agreed), value))
        if agrees:
            silence = value is None and base is ABSENT  # of a newcomer: nothing is said, and nothing is settled by it
            if (base != value and not silence) or agreed.get(name) != value:
                outcome.taken.setdefault(side.key, {})[name] = value
            continue
        # silence is left as it is; an opt-out is owed everywhere, and an own act of opting in where it stood
        owed = value is True or (value is False and observed is True)
        if not owed or not codec.write or side.state != "live" or side.connection not in reachable:
            continue
        if codec.create_only:
            outcome.left.append((side.connection, name, of_new_records(side.connection, codec)))
            continue
        row = Row("update", side.sid, side.rid, {codec.vendor: raw}, consent=True)
        before = side.shown(codec, agreed)
        row.before[codec.vendor] = None if before is ABSENT else before
        row.fields, row.values = [name], {name: value}
        refused = observed is not ABSENT and base is not ABSENT and observed != base
        row.why = {
            name: {
                "from": claim.source if claim else None,
                "how": "put back: no act of the person's own" if refused else "consent",
            }
        }
        row.reason = "the person opted in"
        if value:
            row.reason = row.why[name]["how"] if refused else "an opt-out reaches every record"
        outcome.rows.append(row)


def _evidence_fields(
    sides: list[Side], agreed: Mapping[str, Any], outcome: ConsentOutcome, now: str, told: frozenset[str]
) -> None:
    """The evidence of the standing e-mail consent goes where a mapping has a place for it."""
    claim = outcome.standing.get("email")
    if claim is None:
        return
    for name, part in EVIDENCE_FIELDS.items():
        value = getattr(claim, part)
        if agreed.get(name) != value and (name in told or any(s.codec(name) is not None for s in sides)):
            outcome.values[name] = value
        for side in sides:
            codec = side.codec(name)
            if codec is None:
                continue
            try:
                observed = side.observed(name, agreed)
                raw = codec.outward(value)
            except ValueProblem:
                continue
            if observed == value:
                if side.base(name, agreed) != value or agreed.get(name) != value:
                    outcome.taken.setdefault(side.key, {})[name] = value
                continue
            if name == "consent_at" and isinstance(observed, str) and observed > now:
                outcome.taken.setdefault(side.key, {})[name] = observed  # it has served (_act_time)
            row = next((r for r in outcome.rows if r.rid == side.rid and r.sid == side.sid), None)
            if row is not None and side.can_write(name) and value is not None:
                row.after[codec.vendor] = raw
                row.fields.append(name)
                row.values[name] = value
