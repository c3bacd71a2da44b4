"""What the oracle decides: per person and field, from what every side showed when it was last settled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from smarksync.plugin import Can

from .people import BASIS, CONSENT, UNSETTLED, Foreseen, Human, Job, Law, Seat, blank, canonical, key_of
from .sight import Sight


class Verdicts(Sight):
    """The rules per field of engine.md, without a look at how the engine does it."""

    def observed(self, seat: Seat, name: str) -> Any:
        """The canonical value, with what the vendor keeps in place of ours read as ours."""
        if name in seat.kept and seat.raw.get(name) == seat.kept[name][1] and name in seat.base:
            return seat.base[name]
        return self.means(seat.system, name, seat.raw.get(name))

    def _decide(self, job: Job, human: Human, out: Foreseen, now: datetime, held: frozenset[str] | None = None) -> None:
        """One person in one job. ``held``: a guard stopped the job, and these fields wait with their writes."""
        alive = [s for s in human.seats.values() if s.primary and s.system in job.between]
        seats = [s for s in alive if self._takes_part(job, s)]
        if not seats:
            if not alive:
                self.questions = {q for q in self.questions if q[0] != human.number}
            return
        for seat in seats:  # what was changed on both sides of the gap is met anew
            for name in seat.missed & job.laws.keys():
                if seat.base.get(name, UNSETTLED) != self.observed(seat, name):
                    seat.base.pop(name, None)
                    self.done["met anew"] += 1
            seat.missed -= job.laws.keys()
        asked: set[str] = set()
        spoke = False
        named = self._named(human)
        for name, law in job.laws.items():
            here = [s for s in seats if name not in self.kinds[s.system].unmapped]
            moved = {s.system for s in here if s.base.get(name, UNSETTLED) != self.observed(s, name)}
            answer = self.answers.get((human.number, name))
            found = self._verdict(law, name, human, here)
            if found is None:
                asked.add(name)
                self.questions.add((human.number, name))
                self.asked_by[(human.number, name)] = job.name
                continue
            if self.asked_by.get((human.number, name), job.name) == job.name:
                self.questions.discard((human.number, name))
            value, left = found
            left = left - {s.system for s in here if self._owed(s, name, value)}
            spoke = spoke or bool(moved - left)
            if held is not None and name in held:
                if answer is not None:
                    self.answers[(human.number, name)] = answer
                continue
            if held is not None or not self._waits(job, human, name, here, value, left):
                before = human.agreed.get(name)
                self._settle(human, name, here, value, left, out, now)
                if value != before and not (blank(value) and blank(before)):
                    for seat in alive:
                        seat.missed |= {name} if seat not in seats else set()
            elif answer is not None:
                self.answers[(human.number, name)] = answer  # it stands, and nobody asks again, until it can be told
        if self._named(human) != named:
            self._rekey(human)
        self._removals(job, human, alive, spoke or bool(asked), out, held is not None)
        if held is not None:
            return
        for connection in self._lacking(job, human):
            if self._address_taken(human, connection):
                self.cut = True
            self._create(job, human, connection, asked, out, now)

    def _named(self, human: Human) -> list[tuple[Any, Any]]:
        """What match keys are made of, as agreed and as each record shows it."""
        everywhere = [human.agreed, *(seat.raw for seat in human.seats.values())]
        return [(values.get("email"), values.get("last_name")) for values in everywhere]

    def _owed(self, seat: Seat, name: str, value: Any) -> bool:
        """Whether a record that a rule leaves alone misses what was agreed since it was settled, while nobody could write it."""
        base = seat.base.get(name, value)
        return base != value and not (blank(base) and blank(value)) and name not in self.kinds[seat.system].fixed

    def _address_taken(self, human: Human, system: str) -> bool:
        """Whether somebody else's record there shows the address that a new one would get: a question of its own."""
        address = human.agreed.get("email")
        rows = self.shown() if address else {}
        return any(k[0] == system and canonical("email", raw["email"]) == address for k, (raw, *_) in rows.items())

    def _takes_part(self, job: Job, seat: Seat) -> bool:
        test = job.where.get(seat.system)
        return test is None or test({name: self.observed(seat, name) for name in seat.raw})

    def _removals(self, job: Job, human: Human, alive: list[Seat], spoke: bool, out: Foreseen, stopped: bool) -> None:
        """What a deletion elsewhere means for the records that are left. Whoever edited one of them wanted the person, also
        when a guard stops what else is planned."""
        left = {c for c in human.gone if c in job.between} - {s.system for s in alive}
        left = {c for c in left if c not in job.where or job.where[c](human.gone[c])}
        for seat in alive if left else ():
            policy = job.deletes.get(seat.system, "ignore")
            if spoke or policy == "ignore" or not self._takes_part(job, seat):
                continue
            if stopped and policy != "unlink":
                return  # it is still to come
            human.leave(seat, policy != "unlink")
            told = out.writes.pop(seat.key, {})
            if CONSENT in told:
                out.writes[seat.key] = {CONSENT: told[CONSENT]}  # nobody waits for a deletion to hear an opt-out
            if policy == "unlink":
                self.unlinked.add(seat.key)
            else:
                out.removed.add(seat.key)
            self.done[f"deletes {policy}"] += 1
        for connection in left:
            del human.gone[connection]

    def _lacking(self, job: Job, human: Human) -> list[str]:
        """Where they get a new record."""
        there = {*human.places, *job.never}
        return [c for c in job.between if c not in there and self.kinds[c].create == "always"]

    def _has_word(self, system: str, name: str, value: Any) -> bool:
        titles = self.kinds[system].titles
        return name != "job_title" or not titles or blank(value) or self.told(system, name, value) in titles

    def _waits(self, job: Job, human: Human, name: str, seats: list[Seat], value: Any, left: set[str]) -> bool:
        """Whether a field settles nowhere: all who should be told have no word for it, and it waits for another edit. Where
        somebody else is told, it is agreed, and those without a word still show what they showed."""
        mute = {s.system for s in seats if not self._has_word(s.system, name, value)} - left
        owed = {s.system for s in seats if s.system not in left and self._differs(s, name, value)}
        names = {one.name for one in self.jobs}
        for seat in seats:
            case = (human.number, seat.system, name)
            if seat.system in owed & mute:
                self.done["withheld"] += case not in self.withheld
                self.withheld[case] = job.name
            elif case in self.withheld and (self.withheld[case] == job.name or self.withheld[case] not in names):
                self.done["released"] += 1
                del self.withheld[case]  # another job's word for it says nothing
        new = {
            c for c in self._lacking(job, human)
            if name not in self.kinds[c].unmapped and name not in self.kinds[c].reads and self._has_word(c, name, value)
        }  # fmt: skip
        return bool(owed & mute) and not (owed - mute) and (not new or job.laws[name].source in new)

    def _differs(self, seat: Seat, name: str, value: Any) -> bool:
        """Whether a record must be told a value."""
        seen = self.observed(seat, name)
        return (
            name not in self.kinds[seat.system].fixed
            and seen != value
            and not (blank(seen) and blank(value))
            and not self._looks_like(seat, name, value)
        )

    def _settle(
        self, human: Human, name: str, seats: list[Seat], value: Any, left: set[str], out: Foreseen, now: datetime
    ) -> None:
        before = human.agreed.get(name)
        if value != before and not (blank(value) and blank(before)):
            self.done["propagated"] += 1
            for seat in human.seats.values():
                if seat.system in self.absent and name in seat.base:
                    seat.passed.add(name)  # it does not hear of it
        human.agreed[name] = value
        for seat in seats:
            if seat.system in left:
                continue
            seen = self.observed(seat, name)
            if name in self.kinds[seat.system].fixed:
                seat.base[name] = seen  # what it shows was heard, and it cannot be told
                continue
            if self._differs(seat, name, value):
                if not self._has_word(seat.system, name, value):
                    seat.base[name] = seen  # it was heard, and has lost: no later edit, and still owed what is agreed
                    continue
                self._write(seat, name, value, out, now)
                if not blank(seen) and seen != seat.base.get(name, UNSETTLED):
                    out.beaten.append((human.number, name, seat.system, seen))
            seat.base[name] = value

    def _keys_shown(self, human: Human) -> set[str | None]:
        return {self._key(seat.system, seat.raw) for seat in human.seats.values()}

    def _rekey(self, human: Human) -> None:
        """A former address proposes, and never links, be it that people changed it or that we wrote over it. What a
        record shows in a system that nobody reads holds none."""
        read = [seat for seat in human.seats.values() if seat.system not in self.absent]
        current = {self._key(seat.system, seat.raw) for seat in read} | {key_of(human.agreed, self.match)}
        for key in [k for k, strong in human.keys.items() if strong and k not in current]:
            human.keys[key] = False
            if any(key in self._keys_shown(doubtful) for doubtful in self.doubts.values()):
                self.cut = True  # whose rival this was is let go in this run, where it looks again, or in the next

    def evidence(self, human: Human, now: datetime) -> dict[str, Any]:
        """What is told beside a flag where there is a place for it (opting.py)."""
        raise NotImplementedError

    def _looks_like(self, seat: Seat, name: str, value: Any) -> bool:
        """Whether the side shows what it would be sent, in its own terms."""
        raw = seat.raw.get(name)
        return bool(raw == self.told(seat.system, name, value) or (name == CONSENT and bool(raw) == bool(value)))

    def _write(self, seat: Seat, name: str, value: Any, out: Foreseen, now: datetime) -> None:
        out.writes.setdefault(seat.key, {})[name] = self.told(seat.system, name, value)
        stored = self._stored(seat.system, name, value)
        seat.raw[name] = stored
        if self.kinds[seat.system].echo in ("none", "some"):
            seat.silent[name] = value
        seat.edited.pop(name, None)
        seat.kept.pop(name, None)
        if self.means(seat.system, name, stored) != value and not (blank(value) and blank(stored)):
            seat.kept[name] = (value, stored)

    def _stored(self, system: str, name: str, value: Any) -> Any:
        kind = self.kinds[system]
        decl = self.systems[system].streams[kind.streams[0]]
        return decl.keep(kind.vendor(name), bool(value) if name == CONSENT else self.told(system, name, value))

    def _create(self, job: Job, human: Human, connection: str, asked: set[str], out: Foreseen, now: datetime) -> None:
        kind = self.kinds[connection]
        values = {}
        for name, law in job.laws.items():
            if (
                name in kind.unmapped
                or name in kind.reads
                or name in asked
                or law.source == connection
                or blank(human.agreed.get(name))
            ):
                continue
            if not self._has_word(connection, name, human.agreed[name]):
                self.done["withheld"] += 1
                self.withheld[human.number, connection, name] = job.name
                continue
            values[name] = human.agreed[name]
        if CONSENT not in kind.unmapped:
            values[CONSENT] = human.out == "out"
            values.update(self.evidence(human, now) if kind.acts else {})
        key = (connection, kind.streams[0], f"?{human.number}")
        seat = Seat(key)
        human.seats[key] = seat
        human.places.add(connection)
        for name in job.laws:
            if name in kind.unmapped:
                continue
            if name not in asked and (human.number, connection, name) not in self.withheld:
                # what it was not sent it shows nothing in, and that is nobody's edit
                seat.base[name] = values.get(name)
            stored = self._stored(connection, name, values.get(name)) if name in values else None
            seat.raw[name] = stored
            if name in values and self.means(connection, name, stored) != values[name]:
                seat.kept[name] = (values[name], stored)
            if name in values and (kind.echo == "some" or (kind.echo == "none" and Can.FETCH in kind.without)):
                seat.silent[name] = values[name]  # a record of which nothing was told is read back, where that can be
        if CONSENT not in kind.unmapped:
            seat.raw.update({name: values.get(name) for name in (CONSENT, *(BASIS if kind.acts else ()))})
            seat.base[CONSENT] = True if values[CONSENT] else None
        # our writing it down makes nothing that people said newer
        said = [
            s.at for s in human.seats.values() if s is not seat and s.at is not None and s.system not in self.absent
        ]
        skew = self.systems[connection].skew
        seat.at = max(said, default=self.systems[connection].streams[kind.streams[0]].stamp(now + skew) - skew)
        out.creates.append((human, connection, values))
        self.done["creates"] += 1

    def _verdict(self, law: Law, name: str, human: Human, seats: list[Seat]) -> tuple[Any, set[str]] | None:
        """(value, systems left alone), or None for a question."""
        agreed = human.agreed.get(name)
        answered = self.answers.pop((human.number, name), None)
        if answered is not None and not self._overtaken(name, answered, agreed, seats):
            return answered[0], set()
        seen = {s.system: self.observed(s, name) for s in seats}
        new = {s.system for s in seats if name not in s.base}
        edited = {s.system for s in seats if name in s.base and s.base[name] != seen[s.system]}
        by_name = {s.system: s for s in seats}
        if new:
            return self._first_meeting(law, agreed, seen, new, edited, by_name, human.heard_of(name))
        left: set[str] = set()
        voices: dict[str, Any] = {}
        for system in edited:
            if (law.source is not None and system != law.source) or (
                blank(seen[system]) and not blank(by_name[system].base[name]) and not law.clear
            ):
                left.add(system)
            else:
                voices[system] = seen[system]
        if law.owner in seen and not blank(seen[law.owner]) and voices:
            if law.leave:
                left |= {s for s in voices if s != law.owner}
                voices = {s: v for s, v in voices.items() if s == law.owner}
            else:
                voices = {law.owner: seen[law.owner]}
        if not voices:
            return agreed, left
        value = self._one_of(law, name, voices, by_name)
        if value is UNSETTLED:
            return None
        if value != agreed and not (blank(value) and blank(agreed)):
            left = set()  # news flows to every side
        return value, left

    def _overtaken(self, name: str, answered: tuple[Any, dict[str, Any]], agreed: Any, seats: list[Seat]) -> bool:
        """Whether somebody has edited the field since the question: what was answered was another one."""
        value, asked = answered
        return any(
            s.system in asked and (seen := self.observed(s, name)) not in (asked[s.system], value, agreed)
            and not (blank(seen) and any(blank(v) for v in (asked[s.system], value, agreed)))
            for s in seats
        )  # fmt: skip

    def _one_of(self, law: Law, name: str, voices: Mapping[str, Any], seats: Mapping[str, Seat]) -> Any:
        values = list(voices.values())
        if all(v == values[0] for v in values):
            return values[0]
        picked = self._picked(law, voices)
        if picked is not UNSETTLED:
            return picked
        if law.merge == "newest":
            best = self._latest({s: seats[s].edited.get(name, (None, None)) for s in voices}, voices)
            if best is not None:
                return voices[best]
            if law.tie in voices:
                return voices[law.tie]
        return UNSETTLED

    def _picked(self, law: Law, voices: Mapping[str, Any]) -> Any:
        filled = [v for v in voices.values() if not blank(v)]
        if law.merge in ("min", "max") and filled:
            return (min if law.merge == "min" else max)(filled)
        if law.merge == "union":
            return sorted({item for v in filled for item in v})
        return UNSETTLED

    def _first_meeting(
        self, law: Law, agreed: Any, seen: Mapping[str, Any], new: set[str], edited: set[str], seats: Mapping[str, Seat],
        heard: datetime | None,
    ) -> tuple[Any, set[str]] | None:  # fmt: skip
        """``heard``: up to when records that have left had a say in what is agreed."""
        filled = {s: v for s, v in seen.items() if not blank(v)}
        if law.source is not None:
            if blank(seen.get(law.source)):
                fills = {s for s in new if blank(seen[s])}
                return agreed, {s for s, v in seen.items() if v != agreed and (s != law.source or s in edited)} - fills
            return seen[law.source], set()
        if not filled:
            return (None if blank(agreed) else agreed), (set() if law.clear else edited)
        left: set[str] = set()
        if law.owner in filled:
            if law.leave:
                left = {s for s, v in filled.items() if v != filled[law.owner]}
            value = filled[law.owner]
            return value, (left if value == agreed else set())
        if any(s in edited for s in filled):  # what was agreed is no rival of its own successors
            filled = {s: v for s, v in filled.items() if s in edited or (s in new and v != agreed)}
        values = list(filled.values())
        if all(v == values[0] for v in values):
            return values[0], set()
        if law.prefer in filled:
            return filled[law.prefer], set()
        picked = self._picked(law, filled)
        if picked is not UNSETTLED:
            return picked, set()
        if law.merge == "newest":
            times = {s: seats[s].at if s in new | edited else self._later(seats[s].at, heard) for s in filled}
            best = self._latest({s: (at, at) for s, at in times.items()}, filled)
            if best is not None:
                return filled[best], set()
            if law.tie in filled:
                return filled[law.tie], set()
        return None

    def _latest(
        self, spans: Mapping[str, tuple[datetime | None, datetime | None]], values: Mapping[str, Any]
    ) -> str | None:
        """The system whose edit is certainly the last: it began after those of every other value ended, by more than the
        skew. Who says the same is no rival."""
        skew = timedelta(seconds=max([2.0, *(k.resolution for k in self.kinds.values())]))
        for system, (after, until) in spans.items():
            ends = [end for other, (_, end) in spans.items() if values[other] != values[system]]
            if until is not None and after is not None and all(end is not None and after > end + skew for end in ends):
                return system
        return None
