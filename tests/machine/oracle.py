"""What must be true, written a second time from engine.md: per record and field, with plain dictionaries.

Imports nothing from ``plan/`` or ``engine/``. Before a run the oracle looks at the systems as the run's own
reads would show them and says what must be written where, what must be asked and which consent must stand;
afterwards the rows, the vendor calls and the open questions are compared with that, field by field.

A run with faults may stop anywhere; with the runs that follow it must have done what one clean run does. Where a
guard stops a job, its writes wait and nothing of them is settled; what needs no write is, and opt-outs flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from .opting import Opting
from .people import CONSENT, NOW, Foreseen, Job, Key, Wrong, canonical

#: after so many runs without an edit the next one has nothing to do
ENOUGH_RUNS = 3


class Oracle(Opting):
    """The reference model of one workspace."""

    def foresee(self, now: datetime, allowed: Collection[str] = ()) -> Foreseen:
        """Takes what the systems show now, and says what the run must do about it."""
        visible = self.shown()
        if self.match != self._matched:
            self._renew_keys()
            self._matched = self.match
        self._relearn(visible)
        self._restored(visible)
        self._departures(visible)
        newcomers = [
            k for k in visible
            if self.seat_of(k) is None and k not in self.unlinked and (k in self.doubts or self._wanted(k, visible[k][0]))
        ]  # fmt: skip
        for human in self.humans:
            for seat in human.seats.values():
                if seat.key in visible:
                    self._look(human, seat, *visible[seat.key])
        self._match(newcomers, visible)
        for key, human in self.doubts.items():
            self._look(human, human.seats[key], *visible[key])
        for name in self.read():
            self.mapped[name], self.worded[name] = set(self.kinds[name].fields()), self.kinds[name].words
            self.silent[name] = self.kinds[name].unmapped
        self.look_at(now)
        out = Foreseen(at=now)
        self._work(out, now, allowed)
        return out

    def look_at(self, now: datetime) -> None:
        """Every stream was read at that time: what is edited from now on is edited later."""
        self.looked.update({(name, stream): now for name in self.read() for stream in self.systems[name].streams})

    def next_runs(self, out: Foreseen, now: datetime, allowed: Collection[str]) -> None:
        """What more runs do when nobody edits anything: what one job agreed reaches the systems of another, and a write
        that took a record out of `where` ends what was in question with it."""
        for _ in range(ENOUGH_RUNS):
            before = deepcopy((out.writes, len(out.creates), out.removed, self.questions))
            self._work(out, now, allowed)
            if before == (out.writes, len(out.creates), out.removed, self.questions):
                return

    def _work(self, out: Foreseen, now: datetime, allowed: Collection[str]) -> None:
        """Every job, by what the records show now."""
        for job in self.jobs:
            self._consents(job, out, now)
            self._job(job, out, now, allowed)
        self.questions = {q for q in self.questions if any(h.number == q[0] for h in self.humans)}
        out.asked = set(self.questions)

    def _wanted(self, key: Key, raw: Mapping[str, Any]) -> bool:
        """Whether some job takes a record that nobody knows yet."""
        tests = [job.where.get(key[0]) for job in self.jobs if key[0] in job.between]
        values = {name: canonical(name, value) for name, value in raw.items()}
        return any(test is None or test(values) for test in tests)

    def guards(self) -> set[str]:
        """Every guard that some job has."""
        return {guard for job in self.jobs for guard in job.guards}

    def _job(self, job: Job, out: Foreseen, now: datetime, allowed: Collection[str]) -> None:
        """Everybody in one job; under guards on trial first, since a plan that trips one is not carried out."""
        if job.guards:
            real = (self.humans, self.doubts, self.questions, self.answers, self.unlinked, self.done)
            self.humans, self.doubts, self.questions, self.answers, self.unlinked, self.done = deepcopy(real)
            trial = Foreseen()
            for human in self.humans:
                self._decide(job, human, trial, now)
            waits = {(h.number, f) for h in self.humans for k in h.seats for f in trial.writes.get(k, ())}
            waits |= {(h.number, f) for h, _, _ in trial.creates for f in job.laws}
            trips = self._trips(job, trial) - set(allowed)
            self.humans, self.doubts, self.questions, self.answers, self.unlinked, self.done = real
            if trips:
                out.stopped[job.name] = trips
                self.done["stopped"] += 1
                for human in self.humans:
                    held = frozenset(f for n, f in waits if n == human.number)
                    self._decide(job, human, Foreseen(), now, held)
                return
        for human in self.humans:
            self._decide(job, human, out, now)
        job.settled = True

    def _trips(self, job: Job, plan: Foreseen) -> set[str]:
        """The guards whose count is passed on some object; shares are nought in these configs, and consent never counts."""
        counts: Counter[tuple[str, str, str]] = Counter()
        new, changed = ("creates", "updates") if job.settled else ("first_run", "")
        counts.update((new, c, self.kinds[c].streams[0]) for _, c, _ in plan.creates)
        counts.update((changed, key[0], key[1]) for key, fields in plan.writes.items() if set(fields) - {CONSENT})
        counts.update(("deletes", key[0], key[1]) for key in plan.removed)
        return {guard for (guard, _, _), count in counts.items() if guard in job.guards and count > job.guards[guard]}

    def take_creates(self, foreseen: Foreseen, made: Mapping[str, list[Key]]) -> None:
        """Gives the records that the run made to the people for whom they were foreseen."""
        # of two behind one desk, who has most to show first: what the other one shows may be a part of it
        for human, connection, values in sorted(foreseen.creates, key=lambda one: -len(one[2])):
            stub = next(k for k in human.seats if k[0] == connection and k[2].startswith("?"))
            seat = human.seats.pop(stub)
            kind = self.kinds[connection]
            for key in made.get(connection, []):
                row = self.systems[connection].rows(key[1])[key[2]]
                sent = {f: v for f, v in values.items() if v != NOW}
                if all(self._stored(connection, f, v) == row.get(kind.vendor(f)) for f, v in sent.items()):
                    made[connection].remove(key)
                    seat.key = key
                    if stub in foreseen.writes:  # another job had more for the new record
                        foreseen.writes[key] = foreseen.writes.pop(stub)
                    human.seats[key] = seat
                    value = self._key(connection, seat.raw)
                    if value:
                        human.keys[value] = True
                    break
            else:
                raise Wrong(f"{connection} should have got a new record {values}; it has {made.get(connection)}")
