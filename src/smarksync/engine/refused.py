"""What a system refused: each row, field or fact (a copied activity, a task, a membership) is remembered by itself.

The same is not sent twice: only once something else is wanted, or what the refusal rests on has changed. What is wanted
no more is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from smarksync.ledger import conflicts, quarantine
from smarksync.ledger.quarantine import Held
from smarksync.plan.build import own_values
from smarksync.plan.job import Person
from smarksync.plan.reasons import wanted_hash
from smarksync.plan.rows import Outcome, Row
from smarksync.plan.side import PER_SIDE

from .context import JobRun, Run
from .shared import wanted_of


def refused_values(run: Run, job: JobRun, person: Person, held: Sequence[Held]) -> dict[tuple[int, str], str]:
    """Single values that a system did not take under these very rules: {(stream, vendor field): hash}."""
    if not held:
        return {}
    rules, found = job.rules_hash[:8], {}
    for one in held:
        if one.kind == "refused" and one.of_field and one.job == job.name and one.wanted.endswith(rules):
            rests_on = one.facts.get("rests_on")
            if rests_on is None or rests_on == owner_rests_on(run, person, one.sid):
                found[(one.sid, one.field)] = one.wanted.removesuffix(rules)
    return found


def owner_rests_on(run: Run, person: Person | None, sid: int) -> str:
    """What the refusal of an owner rests on, as a hash: everybody who is listed there, and what the record shows.

    Whoever lets that user own the record changes one of them; the value that we send stays the same.
    """
    sides = person.sides if person is not None else ()
    side = next((one for one in sides if one.sid == sid and one.rank == 0), None)
    shown: dict[str, Any] = own_values(side, person.agreed) if side is not None and person is not None else {}
    record = {name: value for name, value in shown.items() if name not in PER_SIDE}
    return wanted_hash({"users": run.owners.version(run.connection_of[sid]), "record": record})


def put_problems(run: Run, job: JobRun, person: Person, outcome: Outcome, held: Sequence[Held]) -> None:
    """What cannot go on is kept with a hash of what was wanted; a refusal is not repeated while that is the same."""
    current = {(p.sid, p.kind, p.field) for p in outcome.problems}
    for problem in outcome.problems:
        quarantine.put(run.ledger, job=job.name, eid=person.eid, sid=problem.sid, kind=problem.kind, field=problem.field,
                       code=problem.code, message=problem.message, wanted=problem.wanted, facts=problem.facts,
                       run=run.run_id, now=run.stamp())  # fmt: skip
    solved = [
        h.id
        for h in held
        if h.job == job.name and h.kind in ("value", "required", "name") and (h.sid, h.kind, h.field) not in current
    ]
    quarantine.remove(run.ledger, solved)
    _values_over(run, job, person, outcome, held)
    kept = _without_refused(run, job, outcome, [h for h in held if h.kind == "refused"])
    if outcome.problems or outcome.refused or len(kept) < len(outcome.rows):
        job.fates[person.eid] = "quarantined"
    outcome.rows = kept


def _without_refused(run: Run, job: JobRun, outcome: Outcome, held: Sequence[Held]) -> list[Row]:
    """The rows but for those that were refused as they are. Consent is tried again whenever somebody looks at the person;
    facts are looked at where they are planned."""
    records = {h.sid: h for h in held if not h.field}
    kept: list[Row] = []
    wanted: set[tuple[int, str]] = set()  # streams and fields of the entries of which something is still wanted
    for row in outcome.rows:
        if row.consent:
            wanted.add((row.sid, f"{quarantine.CONSENT}{row.rid}"))
        elif (before := records.get(row.sid)) is not None:
            wanted.add((row.sid, ""))
            if before.wanted == wanted_of(run.mappings[row.sid], row.after) + job.rules_hash[:8]:
                continue
        kept.append(row)
    told = (h for h in held if not h.field or h.field.startswith(quarantine.CONSENT))
    quarantine.remove(run.ledger, [h.id for h in told if (h.sid, h.field) not in wanted])
    return kept


def _values_over(run: Run, job: JobRun, person: Person, outcome: Outcome, held: Sequence[Held]) -> None:
    """A refused value that is wanted no more, or is another now: the entry goes, and with it who is who."""
    for one in held:
        if (
            one.kind == "refused"
            and one.of_field
            and one.job == job.name
            and (one.sid, one.field) not in outcome.refused
        ):
            quarantine.remove(run.ledger, [one.id])
            conflicts.close_identity(run.ledger, job.name, person.eid, one.facts.get("canonical", ""))


class RefusedFacts:
    """What one job was refused so far. The same values are not sent twice; what is wanted no more is over."""

    def __init__(self, run: Run, job: JobRun) -> None:
        self._run, self._job = run, job
        self._known = quarantine.refused_facts(run.ledger, job.name)
        self._wanted: set[tuple[int, int, str]] = set()

    def may_go(self, eid: int, row: Row) -> bool:
        """Whether the row is sent: it was not refused, or says something else by now."""
        if not self._known or row.task is None:
            return True
        key = (eid, row.sid, str(row.task.get("key")))
        self._wanted.add(key)
        if (
            self._known.get(key)
            != wanted_of(self._run.mappings[row.sid], row.after, fact=True) + self._job.rules_hash[:8]
        ):
            return True
        self._job.fates[eid] = "quarantined"
        return False

    def besides(self, chunks: Iterable[list[int]]) -> Iterator[list[int]]:
        """Those chunks of people, and after them whoever was refused something and is in none of them."""
        rest = {eid for eid, _, _ in self._known}
        for eids in chunks:
            rest.difference_update(eids)
            yield eids
        if rest:
            yield sorted(rest)

    def over(self, eids: Iterable[int] | None = None) -> None:
        """Forgets what is wanted no more; of these people, or of everybody (within the caller's transaction)."""
        among = None if eids is None else set(eids)
        done = [key for key in self._known if key not in self._wanted and (among is None or key[0] in among)]
        if done:
            quarantine.facts_taken(self._run.ledger, self._job.name, done)


__all__ = ["RefusedFacts", "owner_rests_on", "put_problems", "refused_values"]
