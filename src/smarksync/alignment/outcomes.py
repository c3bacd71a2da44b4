"""What became of a hand-off: the signals that a CRM shows, and the outcome fields that marketing gets.

Pure: the lead, its case, its attempts and its sale come in. Instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.config import Expression
from smarksync.ledger.cases import Case
from smarksync.model.lifecycle import LADDER, rung
from smarksync.model.moments import micros, wire

from .handoff import Signal

#: reasons after which a lead may come back; the other words of the pick list end it for good
RECYCLES = frozenset(("no_budget", "no_authority", "no_need", "bad_timing", "unreachable", "other"))
#: case state → where the lead stands then
LIFECYCLE: Mapping[str, str] = {
    "qualified": "mql", "offered": "mql", "accepted": "sal", "working": "sal", "sql": "sql",
    "opportunity": "opportunity", "won": "customer", "lost": "lost", "recycled": "recycled", "rejected": "recycled",
}  # fmt: skip
_ON_LADDER = {"sal": "accepted", "sql": "sql", "opportunity": "opportunity", "customer": "won", "lost": "lost"}
_ORDER = ("accepted", "working", "sql", "opportunity", "won", "lost", "rejected", "recycled", "disqualified")


_NONE: Mapping[str, Any] = {}


class Sale(NamedTuple):
    """An opportunity of a lead. ``inferred``: it names no people, and was found through the account."""

    ref: str
    values: Mapping[str, Any]
    source: str
    inferred: bool
    created: int
    changed: int


class Seen(NamedTuple):
    """What sales shows of one lead now. ``changed``: when the CRM record changed last; ``converted``: when, if it did."""

    source: str
    changed: int
    attempts: Sequence[tuple[int, str, str | None]]
    sale: Sale | None = None
    converted: int | None = None


def comes_back(reason: str | None, reasons: Mapping[str, Any]) -> bool:
    """Whether a lead that was turned down for it may come again. ``reasons``: what the config says of some of them."""
    return reasons[reason] is not None if reason is not None and reason in reasons else reason in RECYCLES


def signals(
    case: Case, scope: Mapping[str, Any], seen: Seen, own: Mapping[Any, Expression], reasons: Mapping[str, Any] = _NONE
) -> list[Signal]:
    """Everything that speaks for a move of the case. An expression of the config stands in for the default of its state."""
    lead = scope["lead"]
    found: list[Signal] = []
    for state in _ORDER:
        expression = own.get(state)
        if expression is None:
            found += _default(state, case, lead, seen, reasons)
        elif expression.passes(scope):
            source, at = seen.source, seen.changed
            if seen.sale is not None and "opportunity" in expression.names:
                source, at = seen.sale.source, seen.sale.changed
            found.append(_closing(state, at, source, lead))
    return found


def _default(state: str, case: Case, lead: Mapping[str, Any], seen: Seen, reasons: Mapping[str, Any]) -> list[Signal]:
    status = lead.get("sales_status")
    reached = _reached(case, lead)
    if state == "accepted":
        if status in ("working", "qualified") or "accepted" in reached:
            return [Signal("accepted", seen.changed, "sales", seen.source)]
    elif state == "working":
        tried = [at for at, _, _ in seen.attempts]
        if tried and "accepted" in case.body.get("at", {}):
            return [Signal("working", max(tried[0], case.body["at"]["accepted"]), "sales", seen.source)]
    elif state == "sql":
        if seen.converted is not None:
            return [Signal("sql", seen.converted, "sales", seen.source)]
        if status == "qualified" or "sql" in reached:
            return [Signal("sql", seen.changed, "sales", seen.source)]
    elif state in ("opportunity", "won", "lost"):
        return _of_sale(state, case, seen, reached)
    elif state == "recycled":
        if status == "recycled" or (status == "unqualified" and comes_back(lead.get("rejection_reason"), reasons)):
            return [Signal("recycled", seen.changed, "sales", seen.source, lead.get("rejection_reason"))]
    elif state == "disqualified":
        reason = lead.get("rejection_reason")
        if status == "unqualified" and reason and not comes_back(reason, reasons):
            return [_closing("disqualified", seen.changed, seen.source, lead)]
    elif state == "rejected" and status == "unqualified" and not lead.get("rejection_reason"):
        return [_closing("rejected", seen.changed, seen.source, lead)]
    return []


def _reached(case: Case, lead: Mapping[str, Any]) -> set[str]:
    """States that sales moved the lead to by hand, on the lifecycle itself."""
    word = lead.get("lifecycle")
    if word is None or word == case.body.get("lifecycle"):
        return set()  # where we put it
    if rung(word) >= LADDER.index("sal"):
        return {_ON_LADDER[one] for one in LADDER[LADDER.index("sal") : rung(word) + 1] if one in _ON_LADDER}
    return set()


def _of_sale(state: str, case: Case, seen: Seen, reached: set[str]) -> list[Signal]:
    sale = seen.sale
    if sale is None:
        return [Signal(state, seen.changed, "sales", seen.source)] if state in reached else []
    kind = sale.values.get("stage_kind")
    body: dict[str, Any] = {"opportunity": sale.ref, "inferred": True if sale.inferred else None}
    if state == "opportunity":
        at = min(sale.created, _closed(sale)) if case.open else sale.changed  # one that is open again reopened then
        return [Signal("opportunity", at, "sales", sale.source, None, body)] if kind in ("open", "won", "lost") and (
            case.open or kind == "open") else []  # fmt: skip
    if kind != state:
        return []
    return [
        Signal(
            state,
            _closed(sale),
            "sales",
            sale.source,
            sale.values.get(f"{'loss' if state == 'lost' else 'won'}_reason"),
            body,
        )
    ]


def _closed(sale: Sale) -> int:
    at = sale.values.get("closed_at")
    return micros(at) if at else sale.changed


def _closing(state: str, at: int, source: str, lead: Mapping[str, Any]) -> Signal:
    """``disqualified`` closes a case as rejected, for good."""
    reason = lead.get("rejection_reason") if state in ("rejected", "recycled", "disqualified") else None
    if state == "disqualified":
        return Signal("rejected", at, "sales", source, reason, {"disqualified": True})
    return Signal(state, at, "sales", source, reason)


def lifecycle_of(case: Case) -> str | None:
    """Where the lead stands by its case; None when the case says nothing about it."""
    if case.state == "rejected" and case.body.get("disqualified"):
        return "disqualified"
    return LIFECYCLE.get(case.state)


def values(
    case: Case, attempts: Iterable[tuple[int, str, str | None]], sale: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The outcome fields of a lead, in wire form, of its newest case. ``attempts``: (at, type, owner) since the offer."""
    at = case.body.get("at", {})
    tried = [when for when, _, _ in attempts if case.offered_at is not None and when >= case.offered_at]
    turned_down = at.get("rejected") if "accepted" not in at or case.state in ("rejected", "recycled") else None
    out: dict[str, Any] = {
        "accepted_at": _time(at.get("accepted")),
        "rejected_at": _time(turned_down),
        "rejection_reason": case.body.get("reason") if case.state in ("rejected", "recycled") else None,
        "first_attempt_at": _time(min(tried, default=None)),
        "attempts": len(tried) if case.offered_at is not None else None,
        "loss_reason": case.body.get("reason") if case.state == "lost" else None,
    }
    sale = sale or {}
    out["opportunity_stage"], out["opportunity_kind"] = sale.get("stage"), sale.get("stage_kind")
    out["opportunity_amount"], out["opportunity_close_date"] = sale.get("amount"), sale.get("close_date")
    return out


def _time(at: int | None) -> str | None:
    return None if at is None else wire(at)
