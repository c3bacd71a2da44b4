"""One lead's way through a hand-off in this run: what its case is told, whether a new one opens, what is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smarksync.alignment import handoff, outcomes, qualify
from smarksync.alignment.handoff import Signal
from smarksync.alignment.outcomes import Sale, Seen
from smarksync.alignment.qualify import LeadScope
from smarksync.alignment.route import Routed
from smarksync.alignment.terms import Terms
from smarksync.config import Config, Job
from smarksync.ledger import cases
from smarksync.ledger.cases import NOTE, Case, Move
from smarksync.model import Moves
from smarksync.model.activity import ATTEMPT_TYPES
from smarksync.model.journey import position
from smarksync.model.moments import micros
from smarksync.plan.job import Person
from smarksync.plan.side import Side

from . import casebook
from .context import JobRun, Run


@dataclass(slots=True)
class Passage:
    """A lead with its newest case in this run. ``offer``: how it is to be offered now, None when it is not."""

    person: Person
    scope: LeadScope
    case: Case | None
    moves: list[Move]
    sale: Sale | None = None
    offer: Routed | None = None
    illegal: str | None = None
    said: list[str] = field(default_factory=list)


class Passages:
    """What every lead of one hand-off job is measured by."""

    def __init__(self, run: Run, config: Config, job: Job, lifecycle: Moves) -> None:
        self.run, self.config, self.job, self.lifecycle = run, config, job, lifecycle
        assert job.when is not None
        self.when = job.when
        self.named = min(self.when.definitions) if self.when.definitions else None
        segment = config.agreement.segments.get("product") if config.agreement else None
        self.product = segment.of if segment else None
        self.terms = Terms.of(config)

    def version(self) -> str:
        """What makes an MQL, by its name and version."""
        if self.named is not None:
            return qualify.version_of(self.named, self.config.definitions[self.named])
        return self.when.text[:80]

    def product_of(self, scope: LeadScope) -> str:
        """The value of the agreement's segment ``product``; empty without one."""
        return str((self.product.evaluate(scope) if self.product is not None else None) or "")

    def newest(self, known: Sequence[Case], scope: LeadScope) -> Case | None:
        """The open case of the lead's product, else its last one."""
        product = self.product_of(scope)
        mine = [case for case in known if case.job == self.job.name]
        still = [case for case in mine if case.open and (case.product == product or not product)]
        return still[-1] if still else next((case for case in reversed(mine) if case.product == product), None)

    # -- what the CRM says -----------------------------------------------------------------------
    def listen(self, job: JobRun, one: Passage, attempts: Sequence[tuple[int, str, str | None]]) -> None:
        """Enters what sales did since: an open case moves on, a sale that reopened takes its case up again."""
        case = one.case
        if case is None or (not case.open and case.state not in ("won", "lost")):
            return
        now = micros(self.run.now())
        # sales may know the lead already, and its offer be held by a guard: what they did earlier is no answer to it
        seen = None if case.offered_at is None else self._seen(one, attempts)
        for _ in range(2):  # accepting makes an earlier attempt count
            if case.offered_at is None or seen is None:
                break
            signals = outcomes.signals(case, one.scope, seen, self.job.signals, self.job.reasons)
            new = handoff.advance(one.moves, signals, entered_at=now, run=self.run.run_id)
            self._enter(one, new)
            case = one.case or case
        owner = (one.sale.values.get("owner") if one.sale else None) or one.person.agreed.get("owner")
        if case.open and case.offered_at is not None and owner and owner != case.owner and case.state != "qualified":
            what = "the opportunity changed hands" if one.sale and one.sale.values.get("owner") else "another owner"
            self._note(one, {"owner": owner}, what, "sales")

    def _seen(self, one: Passage, attempts: Sequence[tuple[int, str, str | None]]) -> Seen | None:
        sides = [s for s in one.person.sides if s.connection == self.job.to]
        live = next((s for s in sides if s.state == "live" and s.rank == 0), None)
        if live is None:
            return None if one.sale is None else Seen(one.sale.source, one.sale.changed, attempts, one.sale)
        source = f"{live.connection}:{live.stream}:{live.rid}"
        changed = micros(live.changed_at or self.run.now())
        assert one.case is not None and one.case.offered_at is not None
        offered = one.case.body.get("record", "")
        # merged into another lead it stays a lead; converted, it goes on in another stream
        moved = any(
            s.state == "moved" and s.stream != live.stream and f"{s.connection}:{s.stream}:{s.rid}" == offered
            for s in sides
        )
        return Seen(
            source, changed, [a for a in attempts if a[0] >= one.case.offered_at], one.sale, changed if moved else None
        )

    # -- qualification ---------------------------------------------------------------------------
    def qualify(self, one: Passage) -> None:
        """Opens a case for a lead that qualifies; inside an open one it is a remark."""
        passes = self._passes(one)
        case = one.case
        if case is not None and (case.open or passes is not True):
            self._remark(one, case, passes)
            return
        if passes is not True or not self._may(one) or (case is not None and not self._anew(one, case)):
            return
        now, lead = micros(self.run.now()), one.scope["lead"]
        said = {name: lead.get(name) for name in ("score", "fit_score", "engagement_score", "journey")}
        said["persona"] = one.scope["persona"]
        if self.terms is not None:
            said |= self.terms.at_opening(one.scope)
        cid = cases.next_cid(self.run.ledger)
        first = handoff.opened(
            cid=cid, job=self.job.name, eid=one.person.eid, product=self.product_of(one.scope),
            cycle=case.cycle + 1 if case else 1, definition=self.version(), at=now, run=self.run.run_id,
            body={name: value for name, value in said.items() if value is not None},
        )  # fmt: skip
        one.moves = []
        self._enter(one, [first])

    def _passes(self, one: Passage) -> bool | None:
        where = self.job.where.get(str(self.job.from_))
        if where is not None and not where.passes(one.scope):
            return False
        found = self.when.evaluate(one.scope)
        return found if found is None else bool(found)

    def _remark(self, one: Passage, case: Case, passes: bool | None) -> None:
        """What qualification says about a case that is there already."""
        lapsed = bool(case.body.get("lapsed"))
        if not case.open:
            if passes is False and not lapsed:
                self._note(one, {"lapsed": True}, "no longer qualifies: may qualify anew")
            return
        stop = self._excluded(one)
        if case.state == "qualified" and (passes is False or stop):
            self._enter(one, self._told(one, "withdrawn", stop or "no longer qualifies"))
        elif case.state == "offered" and stop:
            self._enter(one, self._told(one, "withdrawn", stop))
        elif passes is True and (lapsed or self.version() != (case.body.get("requalified") or case.definition)):
            self._note(one, {"lapsed": None, "requalified": self.version()}, "qualified again")
        elif passes is False and not lapsed:
            self._note(one, {"lapsed": True}, "no longer qualifies")

    def _excluded(self, one: Passage) -> str | None:
        return qualify.excluded(self.config.definitions[self.named], one.scope) if self.named else None

    def _may(self, one: Passage) -> bool:
        """A lead comes from marketing, and the lifecycle lets it become an MQL: sales does not have it already."""
        word = one.person.agreed.get("lifecycle")
        if not any(s.connection == self.job.from_ and s.state == "live" for s in one.person.sides):
            return False
        return word == "mql" or self.lifecycle.legal(word, "mql", "rule")

    def _anew(self, one: Passage, last: Case) -> bool:
        """A new cycle needs news: it lapsed meanwhile, marketing put it forward, it rose, or the person did something."""
        assert last.closed_at is not None
        lead = one.scope["lead"]
        rose = (lead.get("score") or 0) > (last.body.get("score") or 0)
        further = (position(lead.get("journey")) or 0) > (position(last.body.get("journey")) or 0)
        put = one.person.agreed.get("lifecycle") == "mql" and last.body.get("lifecycle") != "mql"
        until = handoff.waits_until(last, self.job.reasons)
        if until is not None and micros(self.run.now()) < until:
            return put
        return bool(last.body.get("lapsed")) or rose or further or put or _active(one.scope, last.closed_at)

    # -- entering --------------------------------------------------------------------------------
    def _told(self, one: Passage, state: str, reason: str) -> list[Move]:
        now = micros(self.run.now())
        signal = Signal(state, now, "rule", self.version(), reason)
        return handoff.advance(one.moves, [signal], entered_at=now, run=self.run.run_id)

    def _note(self, one: Passage, body: Mapping[str, Any], reason: str, actor: str = "rule") -> None:
        assert one.case is not None
        now = micros(self.run.now())
        self._enter(
            one,
            [Move(0, one.case.cid, NOTE, now, now, actor, self.version(), self.run.run_id, reason, False, dict(body))],
        )

    def note(self, one: Passage, body: Mapping[str, Any], reason: str) -> None:
        """A remark of our own on the case."""
        self._note(one, body, reason)

    def _enter(self, one: Passage, new: Sequence[Move]) -> None:
        if new:
            one.case = casebook.enter(self.run, one.moves, new)
            one.moves = [*one.moves, *new]

    def enter(self, one: Passage, new: Sequence[Move]) -> None:
        """Moves that need no write."""
        self._enter(one, new)


def _active(scope: LeadScope, since: int) -> bool:
    """Whether the person did something of their own accord since."""
    return any(
        a.get("actor") == "lead" and a.get("type") not in ATTEMPT_TYPES and micros(a["at"]) > since
        for a in scope["activities"] or ()
    )


def primary(person: Person, connection: str | None) -> Side | None:
    """The lead's record there that takes part."""
    return next((s for s in person.sides if s.connection == connection and s.state == "live" and s.rank == 0), None)
