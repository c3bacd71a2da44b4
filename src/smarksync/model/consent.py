"""Consent, as a lattice: how the claims that systems make become one standing record per lead and channel.

Order: opted_in < opted_out < suppressed. *No claim* stands outside and changes nothing.

(a) A move up is taken at once, on any evidence, from any side.
(b) A move down needs evidence of at least 2 (the person's own act), later than the standing act, and never
    leaves ``suppressed``.
(c) Any other move down is refused: put back and reported.
(d) Silence is never consent: no claim never becomes opted_in.
(e) An opt-out reaches every record that has the address (:func:`spread`).

:func:`join` looks at the standing record and all claims as one set, so that pages, connections and runs may
come in any order (I12): of the opt-outs the latest stands; an own act of opting in stands against them only
when it is later than every one of them. Times decide which act came last, so ``Claim.at`` is the time of the
act where the system tells it, else the time when that side was *first seen* to show it, and not of each
later look: otherwise a side that merely has not been told yet would take a fresh opt-in back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Status(StrEnum):
    """Where a channel stands. The words sort in the order of the lattice, so ``<`` and ``max`` mean it."""

    NO_CLAIM = "no_claim"
    OPTED_IN = "opted_in"
    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"

    @property
    def rank(self) -> int:
        """0 no claim, 1 opted_in, 2 opted_out, 3 suppressed."""
        return _RANK[self.value]


_RANK = {"no_claim": 0, "opted_in": 1, "opted_out": 2, "suppressed": 3}

#: What a claim rests on.
BARE_FLAG, HISTORY, OWN_ACT, DOUBLE_OPT_IN = 0, 1, 2, 3


class Claim(NamedTuple):
    """One statement about consent. ``at`` is an instant in wire form, or None when unknown.

    ``source`` says who claims it (a connection, a form), ``basis`` is one of lead.CONSENT_BASES,
    ``evidence`` 0 bare flag, 1 flag with actor and time from history, 2 the person's own act, 3 double opt-in.
    """

    status: Status
    at: str | None = None
    source: str | None = None
    basis: str | None = None
    evidence: int = BARE_FLAG


class Refusal(StrEnum):
    """Why a move down was not taken."""

    SUPPRESSED = "suppressed"  # nothing leaves suppression
    EVIDENCE = "evidence"  # no act of the person's own stands behind it
    EARLIER = "earlier"  # the act is not later than the opt-out that stands, or its time is unknown


class Outcome(NamedTuple):
    """The standing record after a join (None: no claim yet), the claims put back, and where it moved.

    ``move`` is ``"up"``, ``"down"`` or None; a first record counts as a move up.
    """

    standing: Claim | None
    refused: tuple[tuple[Claim, Refusal], ...] = ()
    move: str | None = None


def join(standing: Claim | None, claims: Sequence[Claim]) -> Outcome:
    """The standing record joined with what the sides show. The order of ``claims`` makes no difference."""
    said = [claim for claim in claims if claim.status != "no_claim"]
    if standing is None or standing.status == "no_claim":
        everyone = said
    elif not said:
        return Outcome(standing)
    else:
        everyone = [standing, *said]
    if not everyone:
        return Outcome(None)
    ups = [claim for claim in everyone if claim.status != "opted_in"]
    # a bare flag that says "not opted out" is silence, not consent (d); it was put back if it stood against an opt-out
    ins = [claim for claim in everyone if claim.status == "opted_in" and (claim.evidence > 0 or claim is standing)]
    suppressions = [claim for claim in ups if claim.status == "suppressed"]
    result: Claim | None
    if suppressions:
        result = max(suppressions, key=_late)
    else:
        acts = [claim for claim in ins if claim.evidence >= OWN_ACT and claim.at is not None]
        latest_act = max(acts, key=_strong) if acts else None
        latest_out = max(ups, key=_late) if ups else None
        if latest_out is None:
            result = max(ins, key=_strong) if ins else None
        elif latest_act is not None and _later(latest_act, latest_out):
            result = latest_act
        else:
            result = latest_out
    return Outcome(result, _refused(result, claims), _direction(standing, result))


def view(status: Status | str | None) -> bool | None:
    """``email_opt_out``: true = must not be mailed, false = opted in, None = no claim."""
    if status is None or status == "no_claim":
        return None
    return status != "opted_in"


def flag(status: Status | str | None) -> bool:
    """What a system with a bare flag is sent: true only for an opt-out; false for opted_in and for no claim."""
    return view(status) is True


def from_flag(value: bool | None, *, at: str | None, source: str | None) -> Claim:
    """What a bare flag claims: true is an opt-out, false and null are silence. ``at``: when it was first seen."""
    if value is True:
        return Claim(Status.OPTED_OUT, at, source, None, BARE_FLAG)
    return Claim(Status.NO_CLAIM, at, source, None, BARE_FLAG)


def may_subscribe(status: Status | str | None, policy: str = "opted_in") -> bool:
    """May a create leave a system's default subscription on? (d); ``policy`` is the job's ``subscribe`` key.

    ``opted_in``: only with consent. ``not_opted_out``: unless opted out or suppressed.
    """
    if policy == "opted_in":
        return status == "opted_in"
    if policy == "not_opted_out":
        return view(status) is not True
    raise ValueError("`subscribe` is opted_in or not_opted_out")


def spread(records: Mapping[str, Claim | None], addresses: Mapping[str, Iterable[str]]) -> dict[str, Claim | None]:
    """(e): carries opt-outs and suppressions to every record that has one of the addresses.

    ``records`` are standing records and ``addresses`` the canonical addresses, both by entity id. An opt-in
    stays with its own record. Records that share addresses through a third one are reached, too.
    """
    leader: dict[str, str] = {}

    def find(node: str) -> str:
        while leader.setdefault(node, node) != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for eid in records:
        for address in addresses.get(eid, ()):
            leader[find("@" + address)] = find(":" + eid)
    outs: dict[str, list[Claim]] = {}
    for eid, claim in records.items():
        if claim is not None and view(claim.status):
            outs.setdefault(find(":" + eid), []).append(claim)
    return {eid: join(claim, outs.get(find(":" + eid), ())).standing for eid, claim in records.items()}


def as_wire(claim: Claim) -> dict[str, Any]:
    """A claim as JSON."""
    return {**claim._asdict(), "status": str(claim.status)}


def from_wire(state: Mapping[str, Any]) -> Claim:
    """The claim that :func:`as_wire` wrote."""
    return Claim(Status(state["status"]), state["at"], state["source"], state["basis"], state["evidence"])


def _late(claim: Claim) -> tuple[bool, str, int, str, str]:
    """Unknown times last: against a claim without a time nothing can be proved later."""
    return claim.at is None, claim.at or "", claim.evidence, claim.source or "", claim.basis or ""


def _strong(claim: Claim) -> tuple[bool, str, int, str, str]:
    """The latest own act; weaker statements only where there is none."""
    strong = claim.evidence >= OWN_ACT and claim.at is not None
    return strong, claim.at or "", claim.evidence, claim.source or "", claim.basis or ""


def _later(act: Claim, than: Claim) -> bool:
    return act.at is not None and than.at is not None and act.at > than.at


def _refused(result: Claim | None, claims: Sequence[Claim]) -> tuple[tuple[Claim, Refusal], ...]:
    if result is None or result.status == "opted_in":
        return ()
    refused = []
    for claim in sorted({claim for claim in claims if claim.status == "opted_in"}, key=_strong):
        if result.status == "suppressed":
            reason = Refusal.SUPPRESSED
        elif claim.evidence < OWN_ACT:
            reason = Refusal.EVIDENCE
        else:
            reason = Refusal.EARLIER
        refused.append((claim, reason))
    return tuple(refused)


def _direction(before: Claim | None, after: Claim | None) -> str | None:
    old = 0 if before is None else before.status.rank
    new = 0 if after is None else after.status.rank
    return None if old == new else ("up" if new > old else "down")
