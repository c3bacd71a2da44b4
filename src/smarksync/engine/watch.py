"""After the jobs of a run: clocks that stand still are noted, and promises at risk or broken become notices.

A notice is entered in the ledger in the same moment in which it is decided to tell it, so nobody hears it twice; what
is old news when it is first seen (a year of history on the first run) is entered and not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from smarksync.alignment import qualify, reassign
from smarksync.alignment.document import version_of
from smarksync.alignment.judge import Facts, Verdict, judge, next_look
from smarksync.alignment.qualify import LeadScope
from smarksync.alignment.sla import Line, Scorecard
from smarksync.alignment.terms import PER_CASE, Term, Terms
from smarksync.config import Config, Expression
from smarksync.ledger import cases, clocks, entities, meta, notices, pauses, states
from smarksync.ledger.cases import NOTE, Case, Move
from smarksync.ledger.db import Ledger
from smarksync.ledger.notices import Notice
from smarksync.model.moments import DAY, SECOND, micros, moment

from . import casebook, signing
from .context import Run
from .lookup import load_people
from .promises import facts, measure
from .scopes import Scopes

#: what was settled longer ago than this is no news
FRESH = 3 * DAY
#: a lead that nobody else could take is offered to the others again after so long
RETRY = 15 * 60 * SECOND
_LOOKED = "promises:looked"
#: cases looked at together
CHUNK = 2_000


class Told(NamedTuple):
    """A notice with its words, which name nobody."""

    notice: Notice
    text: str


def promises(run: Run, config: Config) -> list[Told]:
    """Everything about promises that is new in this run. Writes nothing in a dry run."""
    if config.agreement is None or run.options.dry_run:
        return []
    terms = Terms.of(config)
    assert terms is not None
    signing.remember(config, run.ledger, run.now())
    stand_still(run, config, terms)
    return [*_of_cases(run, config, terms), *_of_periods(run, config, terms)]


# -- pauses ---------------------------------------------------------------------------------------------------------


def stand_still(run: Run, config: Config, terms: Terms) -> None:
    """Notes for every open case which pauses are true now, and ends those that are not: its call is due later then."""
    ledger, now = run.ledger, micros(run.now())
    wanted = config.agreement.pause if config.agreement else {}
    if not wanted:
        pauses.end_of_closed(ledger)
        return
    # what its lead, its account or its case made of it; and once a day all of them, where time alone can do so
    needs = qualify.reach(config, wanted.values())
    daily = _day(run.now(), terms) if "now" in needs or Scopes(run, config, needs).scoring.fades else ""
    seq = states.top(ledger)
    still = pauses.to_look_at(ledger, f"{config.digest} {daily}")
    for i in range(0, len(still), CHUNK):
        found = cases.load(ledger, still[i : i + CHUNK])
        scopes = _scopes(run, config, found, wanted.values())
        running = pauses.running(ledger, [case.cid for case in found])
        begun: list[tuple[int, str, int]] = []
        over: list[tuple[int, str, int]] = []
        for case in found:
            scope = scopes.get(case.eid)
            if scope is None:  # the lead is nobody's now: erased, or being joined with another
                continue
            true = {reason for reason, expression in wanted.items() if expression.passes(scope)}
            have = running.get(case.cid, set())
            begun += [(case.cid, reason, now) for reason in sorted(true - have)]
            over += [(case.cid, reason, now) for reason in sorted(have - true)]
        with ledger.tx():
            pauses.end(ledger, over)
            pauses.begin(ledger, begun)
            goes_on = {cid for cid, _, _ in over}
            _due_later(run, terms, [case for case in found if case.cid in goes_on], now)
    pauses.looked(ledger, f"{config.digest} {daily}", seq)
    pauses.end_of_closed(ledger)


def _due_later(run: Run, terms: Terms, found: Sequence[Case], now: int) -> None:
    """The first attempt of cases whose clock stood still is due that much later; both systems are told by the next run."""
    stood = pauses.of(run.ledger, [case.cid for case in found])
    for case in found:
        over = [(start, end) for start, end in stood.get(case.cid, ()) if end is not None]
        if len(over) < len(stood.get(case.cid, ())):
            continue  # it stands still for another reason yet
        due = terms.due(case.body.get("at", {}), over)
        if case.offered_at is None or due is None or case.due_at is None or due == case.due_at:
            continue
        said = Move(
            0,
            case.cid,
            NOTE,
            now,
            now,
            "rule",
            "agreement",
            run.run_id,
            "the clock stood still",
            False,
            {"due_at": due},
        )
        casebook.enter(run, cases.moves(run.ledger, case.cid), [said])
        states.changed(run.ledger, [(case.eid, None, None, run.run_id)])


def _scopes(run: Run, config: Config, found: Sequence[Case], wanted: Iterable[Expression]) -> dict[int, LeadScope]:
    """What a pause sees, by lead."""
    maker = Scopes(run, config, qualify.reach(config, wanted))
    scopes: dict[int, LeadScope] = {}
    for job in sorted({case.job for case in found}):
        eids = sorted({case.eid for case in found if case.job == job})
        scopes |= maker.of(load_people(run, eids, job))
    return scopes


# -- notices ----------------------------------------------------------------------------------------------------------


def _of_cases(run: Run, config: Config, terms: Terms) -> list[Told]:
    ledger, now = run.ledger, micros(run.now())
    mine = [term for term in terms.promises if term.promise.promise in PER_CASE]
    moving = reassign.terms_of(terms)
    said, seq = f"{version_of(config)[1]} {config.time_zone}", states.top(ledger)
    wanted: list[tuple[Notice, int, str]] = []  # with the lead and the words
    again: list[tuple[int, int | None]] = []
    zone = ZoneInfo(terms.time_zone)
    for chunk in facts(config, ledger, terms, now, clocks.due(ledger, said, now - FRESH, now)):
        handed = _handed_on(ledger, moving, chunk, now)
        for one in chunk:
            verdicts = [(term, judge(term, one, now, terms.agreement.at_risk)) for term in mine]
            wanted += [
                (Notice(v.cid, v.promise, v.status, now), one.eid if v.at is None or v.at >= now - FRESH else 0, _words(v, zone))
                for _, v in verdicts if v is not None and v.status in ("at_risk", "breached")
            ]  # fmt: skip
            soon = [next_look(term, one, v, now, terms.agreement.at_risk) for term, v in verdicts]
            told, until = handed.get(one.cid, ((), None))
            wanted += [(notice, one.eid, words) for notice, words in told]
            again.append((one.cid, min((at for at in (*soon, until) if at is not None), default=None)))
    with ledger.tx():
        fresh = set(notices.new(ledger, (notice for notice, _, _ in wanted)))
        clocks.looked(ledger, said, now, seq, again)
    refs = entities.refs(run.ledger, {eid for _, eid, _ in wanted})
    return [
        Told(notice, f"{notice.promise}: case {notice.cid}, lead {refs.get(eid, '?')}: {words}")
        for notice, eid, words in wanted
        if eid and notice in fresh
    ]


def _handed_on(
    ledger: Ledger, moving: Sequence[Term], chunk: Sequence[Facts], now: int
) -> dict[int, tuple[list[tuple[Notice, str]], int | None]]:
    """{case: (what is to be told of its going to somebody else, when its present owner's time is up)}."""
    if not moving:
        return {}
    moves = cases.moves_of(ledger, [one.cid for one in chunk])
    known = {case.cid: case for case in cases.load(ledger, [one.cid for one in chunk])}
    found: dict[int, tuple[list[tuple[Notice, str]], int | None]] = {}
    for one in chunk:
        case, mine = known[one.cid], moves.get(one.cid, [])
        told = []
        for move in mine:
            for promise, number in move.body.get(reassign.KEY, {}).items():
                if (move.reason or "").startswith(f"{promise} ") and move.entered_at >= now - FRESH:
                    rule = str(move.body.get("route", "")).partition(":")[0]
                    told.append(
                        (
                            Notice(one.cid, promise, f"reassigned {number}", now),
                            f"nobody answered in time: given to somebody else ({rule})",
                        )
                    )
        ends = (reassign.deadline(term, case, mine, one.attempts, one.pauses, now) for term in moving)
        until = min((at + 1 if at >= now else now + RETRY for at in ends if at is not None), default=None)
        found[one.cid] = told, until
    return found


def _words(verdict: Verdict, zone: ZoneInfo) -> str:
    due = "" if verdict.due is None else f", due {moment(verdict.due).astimezone(zone):%Y-%m-%d %H:%M %Z}"
    left = "" if verdict.left is None else f", {verdict.left // (60 * SECOND)} working minutes left"
    charged = f", charged to {verdict.charged}" if verdict.charged else ""
    return f"{verdict.why}{due}{left}{charged}"


def _of_periods(run: Run, config: Config, terms: Terms) -> list[Told]:
    """Volumes and shares, looked at once a day: they change slowly, and all cases of the period are counted."""
    rest = [term for term in terms.promises if term.promise.promise not in PER_CASE]
    now = micros(run.now())
    today = _day(run.now(), terms)
    if not rest or meta.get(run.ledger, _LOOKED) == today:
        return []
    card = Scorecard(terms, now)
    since = min(card.periods.of(now - FRESH, term.period).start for term in rest)
    for _ in measure(config, run.ledger, terms, card, since=since, all_leads=False):
        pass
    lines = [line for line in card.lines() if line.kind not in PER_CASE and line.status in ("at_risk", "breached")]
    lines = [line for line in lines if line.period.end > now - FRESH]
    by_key = {_key(line): line for line in lines}
    fresh = notices.new(run.ledger, (Notice(0, key, line.status, now) for key, line in by_key.items()))
    meta.put(run.ledger, _LOOKED, today)
    return [Told(one, f"{one.promise}: {by_key[one.promise].why}") for one in fresh]


def _key(line: Line) -> str:
    cut = ", ".join(line.segments.values())
    return f"{line.promise}{f' ({cut})' if cut else ''} in {line.period.name}"


def _day(now: datetime, terms: Terms) -> str:
    return str(now.astimezone(ZoneInfo(terms.time_zone)).date())


def by_status(told: Iterable[Told]) -> Iterator[tuple[str, list[Told]]]:
    """What is at risk first, then what is broken, then what went to somebody else."""
    found = list(told)
    for status in ("at_risk", "breached", "reassigned"):
        mine = [one for one in found if one.notice.status.split(" ")[0] == status]
        if mine:
            yield status, mine


__all__ = ["FRESH", "Told", "by_status", "promises", "stand_still"]
