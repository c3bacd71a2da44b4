"""Facts that a system refused (a copied activity, a task, a membership): each is remembered by itself, and not sent again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smarksync.ledger import quarantine
from smarksync.plan.rows import Row

from .context import JobRun, Run
from .shared import wanted_of


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


__all__ = ["RefusedFacts"]
