"""Promises measured on the ledger: cases, attempts and pauses are read in chunks and judged one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.alignment.judge import Facts
from smarksync.alignment.sla import OF_CASE, Scorecard
from smarksync.alignment.terms import Terms
from smarksync.config import Config
from smarksync.ledger import activities, cases, entities, pauses, stages
from smarksync.ledger.cases import Case, Move
from smarksync.ledger.db import Ledger
from smarksync.ledger.stages import Stage
from smarksync.model import blank
from smarksync.model.moments import moment

from .rules import scope_of

#: reasons of these moves say why a case was refused
_REFUSED = ("rejected", "recycled", "disqualified")


def facts(
    config: Config, ledger: Ledger, terms: Terms, now: int, where: str = "1", params: Sequence[Any] = ()
) -> Iterator[list[Facts]]:
    """Cases that meet a condition on the table ``cases``, as promises see them, in chunks."""
    wanted = frozenset(name for term in terms.promises for name in term.promise.fields or ())
    for chunk in cases.every(ledger, where, params):
        eids = {case.eid for case, _ in chunk}
        tried = activities.attempts(ledger, eids, min(case.opened_at for case, _ in chunk))
        climbed = stages.of(ledger, eids)
        stood = pauses.of(ledger, [case.cid for case, _ in chunk])
        known = entities.load(ledger, eids)
        yield [
            _facts(terms, case, moves, known.get(case.eid, ("", "", {}))[2], wanted, moment(now),
                   [at for at, *_ in tried.get(case.eid, ())], stood.get(case.cid, ()), climbed.get(case.eid, ()))
            for case, moves in chunk
        ]  # fmt: skip


def _facts(
    terms: Terms, case: Case, moves: Sequence[Move], lead: Mapping[str, Any], wanted: frozenset[str], now: datetime,
    attempts: Sequence[int], stood: Sequence[tuple[int, int | None]], rungs: Sequence[Stage],
) -> Facts:  # fmt: skip
    body = case.body
    reason = next((m.reason for m in reversed(moves) if m.state in _REFUSED and m.reason), None)
    return Facts(
        case.cid, case.eid, case.state, case.opened_at, case.closed_at, body.get("at", {}), reason, case.owner,
        attempts, stood, segments_of(terms, case, lead, now),
        frozenset(body["filled"]) if "filled" in body else frozenset(n for n in wanted if not blank(lead.get(n))),
        _legs(case, moves, rungs),
    )  # fmt: skip


def _legs(case: Case, moves: Sequence[Move], rungs: Sequence[Stage]) -> dict[str, int]:
    """When the lead was first known, and when the CRM had the record with its owner: the receipt of the offer."""
    legs: dict[str, int] = {}
    first = min((rung.at for rung in rungs), default=case.opened_at)
    if first < case.opened_at and case.cycle == 1:
        legs["captured"] = first
    receipt = next((m.entered_at for m in moves if m.state == "offered" and not m.skipped), None)
    if receipt is not None:
        legs["written"] = legs["assigned"] = receipt
    return legs


def segments_of(terms: Terms, case: Case, lead: Mapping[str, Any], now: datetime) -> dict[str, str | None]:
    """The segments that a case is in: those that it was opened in, else what the lead's values say today."""
    told = case.body.get("segments")
    if told is not None:
        return dict(told)
    found = terms.segments(scope_of("lead", lead, now))
    return {**found, "product": case.product} if case.product and "product" in found else found


def measure(
    config: Config, ledger: Ledger, terms: Terms, card: Scorecard, *, since: int | None = None, until: int | None = None,
    all_leads: bool = True,
) -> Iterator[Facts]:  # fmt: skip
    """Judges all cases whose clocks may have started between ``since`` and ``until``; yields each of them.

    ``all_leads``: also count the leads that no case tells of, for volumes: a pass over all leads.
    """
    # a case may be offered, and sold, long after it was opened: those that ended before `since` cannot count in it
    where, params = "opened_at < ? AND (closed_at IS NULL OR closed_at >= ?)", (until or card.now + 1, since or 0)
    for chunk in facts(config, ledger, terms, card.now, where, params):
        for one in chunk:
            card.add(one)
            yield one
    words = {str(t.promise.of) for t in terms.promises if t.promise.promise == "volume"}
    if words and all_leads:
        _stages(ledger, terms, card, words, card.now)


def _stages(ledger: Ledger, terms: Terms, card: Scorecard, words: set[str], now: int) -> None:
    """Rungs of leads that no case tells of: words that are no states of a case, and leads that have none."""
    for chunk in stages.without_case(ledger, words - OF_CASE.keys(), words & OF_CASE.keys()):
        known = entities.load(ledger, {one.eid for one in chunk})
        for one in chunk:
            lead = known.get(one.eid, ("", "", {}))[2]
            card.stage(one.stage, one.eid, one.at, terms.segments(scope_of("lead", lead, moment(now))))


__all__ = ["facts", "measure", "segments_of"]
