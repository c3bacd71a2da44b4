"""What the oracle sees: what each record shows, which of them left, and who is who."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from smarksync.plugin import OWN_USER
from smarksync.testing import MemorySystem

from .people import CONSENT, Human, Job, Key, Seat, blank, canonical, folded, key_of


class Sight:
    """The records of one workspace as the last reads showed them, and the people they belong to."""

    def __init__(self, kinds: Mapping[str, Any], jobs: Iterable[Job], systems: Mapping[str, MemorySystem]) -> None:
        self.kinds = dict(kinds)
        self.match = self._matched = "email"
        self.absent: set[str] = set()  # systems that the config does not name
        self.mapped: dict[str, set[str]] = {}  # what was read of each system when it was last looked at
        self.silent: dict[str, frozenset[str]] = {}  # and what was not
        self.worded: dict[str, tuple[tuple[str, str], ...]] = {}  # with which table of titles
        self.jobs = list(jobs)
        self.systems = systems
        self.humans: list[Human] = []
        self.heard = 0  # of the audit, up to which row it was looked at
        self.stood: dict[int, str] = {}  # where each entity stood with e-mail at that time
        self.doubts: dict[Key, Human] = {}
        self.looked: dict[tuple[str, str], datetime] = {}
        self.questions: set[tuple[int, str]] = set()
        self.asked_by: dict[tuple[int, str], str] = {}  # the job that asks; another one's verdict is no answer
        self.answers: dict[tuple[int, str], tuple[Any, dict[str, Any]]] = {}  # the answer, and the values asked about
        # (person, system, field): it has no word for what it should be told by that job
        self.withheld: dict[tuple[int, str, str], str] = {}
        self.unlinked: set[Key] = set()  # left alone for good, as a `deletes` policy says
        self.cut = False  # something came up that this model does not tell the outcome of
        self.done: Counter[str] = Counter()
        self._number = 0
        self._told: set[tuple[str, str, int]] = set()

    def reconfigure(self, kinds: Mapping[str, Any], jobs: Iterable[Job], absent: Iterable[str], match: str) -> None:
        """Somebody has edited the config. What was asked by a job that goes by another name now is asked anew; what was
        answered is not."""
        known = {job.name: job for job in self.jobs}
        self.kinds, self.jobs, self.absent = dict(kinds), list(jobs), set(absent)
        for job in self.jobs:
            job.settled = job.name in known and known[job.name].settled
        ruled = {name for job in self.jobs for name in job.laws}
        self.questions = {q for q in self.questions if q[1] in ruled}
        self.asked_by = {q: name for q, name in self.asked_by.items() if any(job.name == name for job in self.jobs)}
        self.match = match

    def read(self) -> set[str]:
        """The systems that a run reads."""
        return {c for job in self.jobs for c in job.between}

    def means(self, system: str, name: str, raw: Any) -> Any:
        """A system's value in canonical terms."""
        value = canonical(name, raw)
        words = self.kinds[system].words if name == "job_title" else ()
        return next((title for title, own in words if own.casefold() == str(value).casefold()), value)

    def told(self, system: str, name: str, value: Any) -> Any:
        """A canonical value in the system's own words; a line of the table is meant in capitals or without."""
        words = self.kinds[system].words if name == "job_title" else ()
        return next((own for title, own in words if title.casefold() == str(value).casefold()), value)

    def _key(self, system: str, raw: Mapping[str, Any]) -> str | None:
        return key_of({f: self.means(system, f, raw[f]) for f in raw}, self.match)

    def _renew_keys(self) -> None:
        """Another `match`: everybody's keys, by what is agreed and by what each record shows. Former ones stay former."""
        for human in [*self.humans, *self.doubts.values()]:
            found = {self._key(s.system, s.raw) for s in human.seats.values() if s.system not in self.absent}
            found.add(key_of(human.agreed, self.match))
            human.keys = {k: False for k, strong in human.keys.items() if not strong} | {k: True for k in found if k}

    def shown(self) -> dict[Key, tuple[dict[str, Any], datetime, str | None, Any]]:
        """Every row as a read shows it now: canonical names with raw values, its time in our clock, who, history."""
        found = {}
        read = self.read()
        for name, system in self.systems.items():
            kind = self.kinds[name]
            if name not in read:
                continue
            for stream, store in system.stores.items():
                for rid, row in store.rows.items():
                    ready = [v for v in row.versions if v.ready <= system.server_time()]
                    if not ready:
                        continue
                    version = ready[-1]
                    raw = {f: version.fields.get(kind.vendor(f)) for f in kind.fields()}
                    found[(name, stream, rid)] = (raw, version.at - system.skew, version.by, row.history)
        return found

    def seat_of(self, key: Key) -> tuple[Human, Seat] | None:
        for human in self.humans:
            if key in human.seats:
                return human, human.seats[key]
        return None

    def _relearn(self, visible: Mapping[Key, Any]) -> None:
        """Rows are read before departures are heard: what merged rows show is known by then."""
        for key, human in self.doubts.items():
            if key in visible:
                self._look(human, human.seats[key], *visible[key])

    def _look(self, human: Human, seat: Seat, raw: dict[str, Any], at: datetime, by: str | None, history: Any) -> None:
        kind = self.kinds[seat.system]
        added = {f for f in raw if f not in self.mapped.get(seat.system, raw)} - {CONSENT}
        if CONSENT in self.silent.get(seat.system, ()) and raw.get(CONSENT) and human.out == "out":
            seat.base[CONSENT] = True  # nobody knows since when it says what stands already
        moved = [f for f in raw if seat.raw.get(f) != raw[f] and f not in added]
        if not (seat.raw.get(CONSENT) or raw.get(CONSENT)):
            moved = [f for f in moved if f != CONSENT]  # of a bare flag, nothing and no are one thing
        for name in added:  # what it shows there was never settled, unless it is what is agreed anyway
            seat.kept.pop(name, None)
            agreed = human.agreed.get(name)
            if (shows := self.means(seat.system, name, raw[name])) == agreed or (blank(shows) and blank(agreed)):
                seat.base[name] = agreed
            else:
                seat.base.pop(name, None)
                moved.append(name)
        if self.worded.get(seat.system, kind.words) != kind.words and "job_title" in raw and "job_title" not in moved:
            moved += (
                ["job_title"] if str(raw["job_title"]).upper() in ("CEO", "CTO") else []
            )  # the same word says another thing now
        after = self.looked.get((seat.system, seat.key[1]))
        for name in moved:
            if name in seat.kept and raw[name] != seat.kept[name][1]:
                del seat.kept[name]
            if name in seat.silent and folded(seat.silent[name], raw[name]):
                seat.kept[name] = (seat.silent[name], raw[name])
            until: datetime | None = at
            if after is not None and at <= after:
                until = None
            if by == OWN_USER and kind.tells_user:
                until = None
            seat.edited[name] = (after, until)
            past = (history or {}).get(kind.vendor(name)) if kind.tells_history else None
            if past:
                moment = past[0].at - self.systems[seat.system].skew
                seat.edited[name] = (moment, moment)
        if moved and (by != OWN_USER or seat.at is None):
            seat.at = at  # our own write makes no record newer than another
        seat.silent.clear()
        seat.raw = dict(raw)
        for name in seat.passed & set(raw):  # what moved on both sides of the gap is met anew
            value = seat.kept[name][0] if name in seat.kept else self.means(seat.system, name, raw[name])
            if name in seat.base and value != seat.base[name] and not (blank(value) and blank(seat.base[name])):
                del seat.base[name]
        seat.passed.clear()
        if "email" in moved or "last_name" in moved:
            key = self._key(seat.system, raw)
            if key:
                human.keys[key] = True

    def _departures(self, visible: Mapping[Key, Any]) -> None:
        left = sorted(
            (entry.at - system.skew, n, name, stream, entry.gone)
            for name, system in self.systems.items()
            for stream, entries in system.left.items()
            for n, entry in enumerate(entries)
            if name in self.read() and (name, stream, n) not in self._told
        )
        self._told |= {(name, stream, n) for _, n, name, stream, _ in left}
        for _, _, name, stream, gone in left:
            key = (name, stream, gone.id)
            if gone.into is None and key in visible:
                continue  # somebody took it out of the bin before anybody heard that it left
            doubtful = self.doubts.pop(key, None)
            found = self.seat_of(key)
            if found is None and gone.into is not None:
                into = (name, gone.into_stream or stream, gone.into)
                if doubtful is not None:
                    self._doubt_merged(doubtful, key, into)
                elif (
                    human := self._of(key)
                ) is not None:  # it was taken out of the bin and merged before anybody looked
                    human.gone.pop(name, None)
                    self._follow(human, human.bin.pop(key), into)
            if found is None:
                continue
            human, seat = found
            human.leave(seat, gone.into is None)
            self.done["departures"] += 1
            if gone.into is not None:
                self._follow(human, seat, (name, gone.into_stream or stream, gone.into))
            else:
                human.gone[name] = {f: self.means(name, f, v) for f, v in seat.raw.items()}
            if seat.primary:
                self._promote(human, name, gone.into and (name, gone.into_stream or stream, gone.into))
            holder = (
                human
                if any(one is human for one in self.humans)
                else self._of((name, gone.into_stream or stream, str(gone.into)))
            )
            if holder is not None:
                self._fade(holder)

    def _fade(self, human: Human) -> None:
        """A record left: what no other one shows and is not agreed was its key alone, and is a former one now."""
        if any(seat.system in self.absent for seat in human.seats.values()):
            return
        shown = {self._key(seat.system, seat.raw) for seat in human.seats.values()}
        shown.add(key_of(human.agreed, self.match))
        human.keys = {key: strong and key in shown for key, strong in human.keys.items()}

    def _restored(self, visible: Mapping[Key, Any]) -> None:
        """Who takes a record out of the bin means the same person. It speaks again where no better one does by then. That
        is heard with the rows, and so before what was merged."""
        for human in self.humans:
            for key in [k for k in human.bin if k in visible]:
                seat = human.seats[key] = human.bin.pop(key)
                human.heard.pop(key, None)
                seat.primary = False
                seat.primary = self._first_here(human, key)
                human.gone.pop(key[0], None)
                if value := self._key(key[0], seat.raw):
                    human.keys[value] = True
                self.done["restored"] += 1

    @staticmethod
    def _later(one: datetime | None, other: datetime | None) -> datetime | None:
        return max((at for at in (one, other) if at is not None), default=None)

    def _promote(self, human: Human, system: str, heir: Key | None) -> None:
        """Who spoke for the person on a connection has left: the best of the others there does from now on, of those of
        one stream the record that it became."""
        order = self.kinds[system].streams
        here = [s for s in human.seats.values() if s.system == system]
        if here and not any(s.primary for s in here):
            min(here, key=lambda s: (order.index(s.key[1]), s.key != heir, s.key[2])).primary = True

    def _doubt_merged(self, doubtful: Human, key: Key, into: Key) -> None:
        """A doubtful record was merged into another one: its address is a former one of that person's."""
        held = self.seat_of(into)
        target = held[0] if held is not None else self.doubts.get(into)
        address = self._key(key[0], doubtful.seats[key].raw)
        former = {*doubtful.former(), *([address] if address else [])}
        if target is None:
            doubtful.seats = {into: Seat(into)}
            doubtful.keys = dict.fromkeys(former, False)
            self.doubts[into] = doubtful
            return
        for value in former:  # one that a waiting record shows itself is looked at anew when it is matched
            target.keys[value] = held is not None and target.keys.get(value, False)
        target.say(doubtful.out, doubtful.out_at, doubtful.basis)

    def _follow(self, human: Human, seat: Seat, into: Key) -> None:
        survivor = self._of(into)
        if survivor is None:
            doubtful = self.doubts.pop(into, None)
            human.seats[into] = Seat(into, primary=self._first_here(human, into))
            if doubtful is not None:
                human.seats[into].raw = doubtful.seats[into].raw
                human.seats[into].base = _heard_of_consent(doubtful.seats[into])
                human.seats[into].at = doubtful.seats[into].at
                human.say(doubtful.out, doubtful.out_at, doubtful.basis)
                value = self._key(into[0], human.seats[into].raw)
                if value:
                    human.keys[value] = True
        elif survivor is not human:
            self._unite(human, survivor)

    def _of(self, key: Key) -> Human | None:
        """Whose record it is, also when it was in the bin when people were looked at last, and was taken out since."""
        return next((human for human in self.humans if key in human.seats or key in human.bin), None)

    def _first_here(self, human: Human, key: Key) -> bool:
        """Primary: the best stream of the connection, in the order of the mapping."""
        order = self.kinds[key[0]].streams
        rivals = [s for s in human.seats.values() if s.system == key[0] and s.key != key]
        if any(order.index(s.key[1]) <= order.index(key[1]) for s in rivals):
            return False
        for rival in rivals:
            rival.primary = False
        return True

    def _unite(self, loser: Human, survivor: Human) -> None:
        """One person of two: the survivor's settled values stay, the other's records are adopted anew."""
        self.done["merges"] += 1
        for key, seat in loser.seats.items():
            seat.base = _heard_of_consent(seat)
            seat.kept.clear()
            seat.edited.clear()
            seat.primary = self._first_here(survivor, key)
            survivor.seats[key] = seat
        for key, seat in loser.bin.items():
            seat.base = _heard_of_consent(seat)
            seat.kept.clear()
            seat.edited.clear()
            survivor.bin[key] = seat
        survivor.places |= loser.places
        survivor.gone |= loser.gone
        shown = {self._key(seat.system, seat.raw) for seat in loser.seats.values()}
        survivor.keys.update({k: k in shown or survivor.keys.get(k, False) for k in loser.keys})
        survivor.say(loser.out, loser.out_at, loser.basis)
        loser.seats = {}  # they are the survivor's, who has somebody to speak for it on each connection
        self.humans.remove(loser)
        self.questions = {q for q in self.questions if q[0] != loser.number}

    def _match(self, newcomers: list[Key], visible: Mapping[Key, Any]) -> None:
        groups: dict[str, list[Key]] = {}
        alone: list[Key] = []
        for key in newcomers:
            raw = visible[key][0]
            value = self._key(key[0], raw)
            (groups.setdefault(value, []) if value else alone).append(key)
        was = dict(self.doubts)
        self.doubts = {}
        for value, rows in groups.items():
            strong = [h for h in self.humans if h.keys.get(value) is True]
            waiting = {id(h): h for k, h in was.items() if k not in rows}.values()
            weak = [h for h in (*self.humans, *waiting) if h.keys.get(value) is False]
            streams = [r[:2] for r in rows]
            if len(set(streams)) < len(streams) or len(strong) > 1:
                self._doubt(rows, was)
            elif strong:
                taken = {s[:2] for s in strong[0].seats}
                self._doubt([r for r in rows if r[:2] in taken], was)
                self._join(strong[0], [r for r in rows if r[:2] not in taken], visible, was)
            elif weak and len(rows) == 1:
                self._doubt(rows, was)
            else:
                self._join(None, rows, visible, was)
        for key in alone:
            self._join(None, [key], visible, was)
        self.done["doubts"] += len(set(self.doubts) - set(was))

    def _doubt(self, rows: list[Key], was: Mapping[Key, Human]) -> None:
        for key in rows:
            self.doubts[key] = was.get(key) or Human(0, seats={key: Seat(key)})

    def _join(self, human: Human | None, rows: list[Key], visible: Mapping[Key, Any], was: Mapping[Key, Human]) -> None:
        if not rows:
            return
        if human is None:
            self._number += 1
            human = Human(self._number)
            self.humans.append(human)
        else:
            self.done["adopted"] += len(rows)
        order = {s: i for k in self.kinds.values() for i, s in enumerate(k.streams)}
        for key in sorted(rows, key=lambda k: order[k[1]]):
            raw, at, _, _ = visible[key]
            if key in was and was[key].seats[key].at is not None:
                at = was[key].seats[key].at  # a touch that changed nothing is no edit, of a doubtful record neither
            seat = Seat(key, raw=dict(raw), at=at, primary=self._first_here(human, key))
            human.seats[key] = seat
            human.places.add(key[0])
            if key in was:  # what a doubtful record said of consent goes with it, and is no news
                seat.base = _heard_of_consent(was[key].seats[key])
                human.said_again = human.said_again or (len(rows) > 1 and was[key].out == "out")
                human.say(was[key].out, was[key].out_at, was[key].basis)
            for value in was[key].former() if key in was else ():
                human.keys.setdefault(value, False)
            value = self._key(key[0], raw)
            if value:
                human.keys[value] = True


def _heard_of_consent(seat: Seat) -> dict[str, Any]:
    """All that stays settled of a record that is met anew, once it is known whose it is."""
    return {CONSENT: seat.base[CONSENT]} if CONSENT in seat.base else {}
