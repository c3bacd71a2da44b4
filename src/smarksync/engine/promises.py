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
from smarksync.ledger.cases import Case
from smarksync.ledger.db import Ledger
from smarksync.model import blank
from smarksync.model.moments import moment

from .rules import scope_of

#: what a case remembers of its lead since it was opened
_REMEMBERED = {"segments", "filled"}


def facts(
    config: Config, ledger: Ledger, terms: Terms, now: int, cids: Sequence[int], chunk: int = 2_000
) -> Iterator[list[Facts]]:
    """Cases by number, as promises see them, in chunks."""
    wanted = frozenset(name for term in terms.promises for name in term.promise.fields or ())
    for i in range(0, len(cids), chunk):
        part = cids[i : i + chunk]
        found = cases.load(ledger, part)
        eids = {case.eid for case in found}
        tried = activities.attempt_times(ledger, eids, min((case.opened_at for case in found), default=0))
        climbed = stages.first(ledger, eids)
        stood = pauses.of(ledger, part)
        answers = cases.answers(ledger, part)
        # cases remember what their lead was like; those that do not are judged by what it is like today
        known = entities.load(ledger, {case.eid for case in found if not case.body.keys() >= _REMEMBERED})
        yield [
            _facts(terms, case, answers.get(case.cid, ()), known.get(case.eid, ("", "", {}))[2], wanted, moment(now),
                   tried.get(case.eid, ()), stood.get(case.cid, ()), climbed.get(case.eid, case.opened_at))
            for case in found
        ]  # fmt: skip


def _facts(
    terms: Terms, case: Case, answers: Sequence[tuple[str, int, str | None, bool]], lead: Mapping[str, Any],
    wanted: frozenset[str], now: datetime, attempts: Sequence[int], stood: Sequence[tuple[int, int | None]], first: int,
) -> Facts:  # fmt: skip
    body = case.body
    legs: dict[str, int] = {}
    if first < case.opened_at and case.cycle == 1:
        legs["captured"] = first
    # when the CRM had the record with its owner: the receipt of the offer
    receipt = next((entered for state, entered, _, skipped in answers if state == "offered" and not skipped), None)
    if receipt is not None:
        legs["written"] = legs["assigned"] = receipt
    return Facts(
        case.cid, case.eid, case.state, case.opened_at, case.closed_at, body.get("at", {}),
        next((reason for state, _, reason, _ in reversed(answers) if state != "offered" and reason), None), case.owner,
        attempts, stood, segments_of(terms, case, lead, now),
        frozenset(body["filled"]) if "filled" in body else frozenset(n for n in wanted if not blank(lead.get(n))),
        legs,
    )  # fmt: skip


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

    ``all_leads``: also count the leads that no case tells of, for volumes.
    """
    low, high = since or 0, card.now + 1 if until is None else until
    # a case may be offered, and sold, long after it was opened: those that ended before `since` cannot count in it
    for chunk in facts(config, ledger, terms, card.now, cases.alive(ledger, low, high)):
        for one in chunk:
            card.add(one)
            yield one
    words = {str(t.promise.of) for t in terms.promises if t.promise.promise == "volume"}
    if words and all_leads:
        _stages(ledger, terms, card, words, low, high)


def current(config: Config, ledger: Ledger, terms: Terms, card: Scorecard) -> Iterator[Facts]:
    """Judges what the periods of now need, and those that are over and have a clock that still runs.

    Work grows with the open cases and with these periods, not with the years behind them.
    """
    since = min((card.periods.of(card.now, term.period).start for term in terms.promises), default=card.now)
    yield from measure(config, ledger, terms, card, since=since)
    # a line of an old period is shown while nothing has settled it: its other cases are looked at until one does
    after = (0, 0)
    for period in sorted(card.unsettled(), key=lambda one: one.start):
        after = max(after, (period.start, 0))
        while after[0] < since and period in card.unsettled():
            cids, after = cases.ended(ledger, after, since)
            for chunk in facts(config, ledger, terms, card.now, cids):
                for one in chunk:
                    card.add(one)


def _stages(ledger: Ledger, terms: Terms, card: Scorecard, words: set[str], since: int, until: int) -> None:
    """Rungs of leads that no case tells of: words that are no states of a case, and leads that have none."""
    now = moment(card.now)
    for chunk in stages.without_case(ledger, words - OF_CASE.keys(), words & OF_CASE.keys(), since, until):
        known = entities.load(ledger, {one.eid for one in chunk})
        for one in chunk:
            lead = known.get(one.eid, ("", "", {}))[2]
            card.stage(one.stage, one.eid, one.at, terms.segments(scope_of("lead", lead, now)))


__all__ = ["current", "facts", "measure", "segments_of"]
