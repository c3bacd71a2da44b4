"""What must be true, written a second time from engine.md: per record and field, with plain dictionaries.

Imports nothing from ``plan/`` or ``engine/``. Before a run the oracle looks at the systems as the run's own
reads would show them and says what must be written where, what must be asked and which consent must stand;
afterwards the rows, the vendor calls and the open questions are compared with that, field by field.

A run with faults may stop anywhere. What people edited around it is *smudged*: several outcomes are right,
and :meth:`Oracle.reconcile` accepts exactly those. Everything else stays exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smarksync.plugin import OWN_USER
from smarksync.testing import MemorySystem

Key = tuple[str, str, str]  # system, stream, id
ROLES = ("info", "sales", "office")
UNSETTLED = object()
CONSENT = "email_opt_out"


@dataclass(slots=True)
class Law:
    """One field's rule, as a config says it."""

    merge: str = "newest"
    source: str | None = None
    owner: str | None = None
    leave: bool = False
    tie: str | None = None
    clear: bool = False
    prefer: str | None = None


@dataclass(slots=True)
class Seat:
    """One record of a person: what it last showed, and what it showed when each field was last settled."""

    key: Key
    base: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    edited: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    at: datetime | None = None  # the record's own time, as last noticed
    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # field: (sent, stored in its place)
    silent: dict[str, Any] = field(default_factory=dict)  # sent, and no echo came: a folding of it is no edit
    primary: bool = True

    @property
    def system(self) -> str:
        return self.key[0]


@dataclass(slots=True)
class Human:
    """One person. ``places``: connections where a record is or was, so that none is created there."""

    number: int
    agreed: dict[str, Any] = field(default_factory=dict)
    seats: dict[Key, Seat] = field(default_factory=dict)
    keys: dict[str, bool] = field(default_factory=dict)  # key: strong?
    places: set[str] = field(default_factory=set)
    out: str | None = None  # standing consent: None, "in", "out"
    out_at: datetime | None = None


@dataclass(slots=True)
class Job:
    name: str
    between: tuple[str, ...]
    laws: Mapping[str, Law]
    deletes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Foreseen:
    """What a run must do. ``writes``: {record: {field: canonical}}; ``creates``: [(human, system, {field: value})]."""

    writes: dict[Key, dict[str, Any]] = field(default_factory=dict)
    creates: list[tuple[Human, str, dict[str, Any]]] = field(default_factory=list)
    asked: set[tuple[int, str]] = field(default_factory=set)
    beaten: list[tuple[int, str, str, Any]] = field(default_factory=list)
    removed: set[Key] = field(default_factory=set)


class Wrong(AssertionError):
    """The engine did something else than engine.md says."""


def blank(value: Any) -> bool:
    return value is None or value == "" or value == []


def canonical(name: str, raw: Any) -> Any:
    """A vendor value in canonical terms (schema.md), for the few types that the machine uses."""
    if raw is None:
        return None
    if name == "tags":
        return sorted(set(raw))
    if name == CONSENT:
        return True if raw else None  # a bare flag that says false says nothing
    if name == "email":
        return raw.strip().lower() or None
    return (raw.strip() or None) if isinstance(raw, str) else raw


def _folded(sent: Any, shown: Any) -> bool:
    """White space and case are declared foldings; whoever wants to tell them from an edit must echo."""
    return (
        isinstance(sent, str)
        and isinstance(shown, str)
        and sent.split()
        and sent.casefold().split() == shown.casefold().split()
    )


def key_of(values: Mapping[str, Any]) -> str | None:
    """The match key: the address; a role address only together with the last name."""
    email = values.get("email")
    if not email:
        return None
    if email.split("@")[0] in ROLES:
        last = values.get("last_name")
        return f"{email}/{last.casefold()}" if last else None
    return str(email)


class Oracle:
    """The reference model of one workspace."""

    def __init__(self, kinds: Mapping[str, Any], jobs: Iterable[Job], systems: Mapping[str, MemorySystem]) -> None:
        self.kinds = kinds
        self.jobs = list(jobs)
        self.systems = systems
        self.humans: list[Human] = []
        self.heard = 0  # of the audit, up to which row it was looked at
        self.stood: dict[int, str] = {}  # where each entity stood with e-mail at that time
        self.doubts: dict[Key, Human] = {}
        self.looked: dict[tuple[str, str], datetime] = {}
        self.questions: set[tuple[int, str]] = set()
        self.answers: dict[tuple[int, str], Any] = {}
        self.done: Counter[str] = Counter()
        self._number = 0
        self._left = 0

    # -- looking --------------------------------------------------------------------------------------
    def shown(self) -> dict[Key, tuple[dict[str, Any], datetime, str | None, Any]]:
        """Every row as a read shows it now: canonical names with raw values, its time in our clock, who, history."""
        found = {}
        for name, system in self.systems.items():
            kind = self.kinds[name]
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

    def foresee(self, now: datetime, stamps: timedelta = timedelta(0)) -> Foreseen:
        """Takes what the systems show now, and says what the run must do about it."""
        visible = self.shown()
        self._relearn(visible)
        self._departures(visible)
        newcomers = [k for k in visible if self.seat_of(k) is None]
        for human in self.humans:
            for seat in human.seats.values():
                if seat.key in visible:
                    self._look(human, seat, *visible[seat.key])
        self._match(newcomers, visible)
        for key, human in self.doubts.items():
            self._look(human, human.seats[key], *visible[key])
        for name, system in self.systems.items():
            for stream in system.streams:
                self.looked[(name, stream)] = now
        out = Foreseen()
        for job in self.jobs:
            self._consents(job, out, now)
            for human in self.humans:
                self._decide(job, human, out, now)
        self.questions = {q for q in self.questions if any(h.number == q[0] for h in self.humans)}
        out.asked = set(self.questions)
        return out

    def _relearn(self, visible: Mapping[Key, Any]) -> None:
        """Rows are read before departures are heard: what merged rows show is known by then."""
        for key, human in self.doubts.items():
            if key in visible:
                self._look(human, human.seats[key], *visible[key])

    def _look(self, human: Human, seat: Seat, raw: dict[str, Any], at: datetime, by: str | None, history: Any) -> None:
        kind = self.kinds[seat.system]
        moved = [f for f in raw if seat.raw.get(f) != raw[f]]
        after = self.looked.get((seat.system, seat.key[1]))
        for name in moved:
            if name in seat.kept and raw[name] != seat.kept[name][1]:
                del seat.kept[name]
            if name in seat.silent and _folded(seat.silent[name], raw[name]):
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
        if "email" in moved or "last_name" in moved:
            key = key_of({f: canonical(f, raw[f]) for f in raw})
            if key:
                human.keys[key] = True

    def _departures(self, visible: Mapping[Key, Any]) -> None:
        left = sorted(
            (entry.at - system.skew, n, name, stream, entry.gone)
            for name, system in self.systems.items()
            for stream, entries in system.left.items()
            for n, entry in enumerate(entries)
        )
        for _, _, name, stream, gone in left[self._left :]:
            key = (name, stream, gone.id)
            doubtful = self.doubts.pop(key, None)
            found = self.seat_of(key)
            if found is None:
                if doubtful is not None and gone.into is not None:
                    self._doubt_merged(doubtful, key, (name, gone.into_stream or stream, gone.into))
                continue
            human, seat = found
            del human.seats[key]
            self.done["departures"] += 1
            if gone.into is not None:
                self._follow(human, seat, (name, gone.into_stream or stream, gone.into))
            if seat.primary:
                self._promote(human, name)
        self._left = len(left)

    def _promote(self, human: Human, system: str) -> None:
        """Who spoke for the person on a connection has left: the best of the others there does from now on."""
        order = self.kinds[system].streams
        here = [s for s in human.seats.values() if s.system == system]
        if here and not any(s.primary for s in here):
            min(here, key=lambda s: (order.index(s.key[1]), s.key[2])).primary = True

    def _doubt_merged(self, doubtful: Human, key: Key, into: Key) -> None:
        """A doubtful record was merged into another one: its address is a former one of that person's."""
        held = self.seat_of(into)
        if held is None:
            doubtful.seats = {into: Seat(into)}
            self.doubts.setdefault(into, doubtful)
            return
        address = key_of({f: canonical(f, v) for f, v in doubtful.seats[key].raw.items()})
        if address:
            held[0].keys.setdefault(address, False)
        if doubtful.out == "out":
            held[0].out = "out"

    def _follow(self, human: Human, seat: Seat, into: Key) -> None:
        held = self.seat_of(into)
        if held is None:
            doubtful = self.doubts.pop(into, None)
            human.seats[into] = Seat(into, primary=self._first_here(human, into))
            if doubtful is not None:
                human.seats[into].raw = doubtful.seats[into].raw
                human.seats[into].at = doubtful.seats[into].at
                human.out = doubtful.out or human.out
                value = key_of({f: canonical(f, v) for f, v in human.seats[into].raw.items()})
                if value:
                    human.keys[value] = True
        elif held[0] is not human:
            self._unite(human, held[0])

    def _first_here(self, human: Human, key: Key) -> bool:
        """Primary: the best stream of the connection, in the order of the mapping."""
        order = self.kinds[key[0]].streams
        rivals = [s for s in human.seats.values() if s.system == key[0]]
        if any(order.index(s.key[1]) <= order.index(key[1]) for s in rivals):
            return False
        for rival in rivals:
            rival.primary = False
        return True

    def _unite(self, loser: Human, survivor: Human) -> None:
        """One person of two: the survivor's settled values stay, the other's records are adopted anew."""
        self.done["merges"] += 1
        for key, seat in loser.seats.items():
            seat.base.clear()
            seat.kept.clear()
            seat.edited.clear()
            seat.primary = self._first_here(survivor, key)
            survivor.seats[key] = seat
        survivor.places |= loser.places
        shown = {key_of({f: canonical(f, v) for f, v in seat.raw.items()}) for seat in loser.seats.values()}
        survivor.keys.update({k: k in shown or survivor.keys.get(k, False) for k in loser.keys})
        if loser.out == "out":
            survivor.out = "out"
        self.humans.remove(loser)
        self.questions = {q for q in self.questions if q[0] != loser.number}

    # -- who is who -----------------------------------------------------------------------------------
    def _match(self, newcomers: list[Key], visible: Mapping[Key, Any]) -> None:
        groups: dict[str, list[Key]] = {}
        alone: list[Key] = []
        for key in newcomers:
            raw = visible[key][0]
            value = key_of({f: canonical(f, raw[f]) for f in raw})
            (groups.setdefault(value, []) if value else alone).append(key)
        was = dict(self.doubts)
        self.doubts = {}
        for value, rows in groups.items():
            strong = [h for h in self.humans if h.keys.get(value) is True]
            weak = [h for h in self.humans if h.keys.get(value) is False]
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
            seat = Seat(key, raw=dict(raw), at=at, primary=self._first_here(human, key))
            human.seats[key] = seat
            human.places.add(key[0])
            if key in was and was[key].out is not None:
                human.out = was[key].out  # what a doubtful record said of consent goes with it
            value = key_of({f: canonical(f, raw[f]) for f in raw})
            if value:
                human.keys[value] = True

    # -- deciding -------------------------------------------------------------------------------------
    def observed(self, seat: Seat, name: str) -> Any:
        """The canonical value, with what the vendor keeps in place of ours read as ours."""
        if name in seat.kept and seat.raw.get(name) == seat.kept[name][1] and name in seat.base:
            return seat.base[name]
        return canonical(name, seat.raw.get(name))

    def _decide(self, job: Job, human: Human, out: Foreseen, now: datetime) -> None:
        seats = [s for s in human.seats.values() if s.primary and s.system in job.between]
        if not seats:
            self.questions = {q for q in self.questions if q[0] != human.number}
            return
        asked: set[str] = set()
        values: dict[str, Any] = {}
        for name, law in job.laws.items():
            here = [s for s in seats if name not in self.kinds[s.system].lacks]
            found = self._verdict(law, name, human, here)
            if found is None:
                asked.add(name)
                self.questions.add((human.number, name))
                continue
            self.questions.discard((human.number, name))
            value, left = found
            values[name] = value
            self._settle(human, name, here, value, left, out, now)
        for connection in job.between:
            if connection in human.places or self.kinds[connection].create != "always":
                continue
            self._create(job, human, connection, asked, out, now)

    def _settle(
        self, human: Human, name: str, seats: list[Seat], value: Any, left: set[str], out: Foreseen, now: datetime
    ) -> None:
        before = human.agreed.get(name)
        if value != before and not (blank(value) and blank(before)):
            self.done["propagated"] += 1
        human.agreed[name] = value
        for seat in seats:
            if seat.system in left:
                continue
            seen = self.observed(seat, name)
            if seen != value and not (blank(seen) and blank(value)) and not self._looks_like(seat, name, value):
                self._write(seat, name, value, out, now)
                if not blank(seen) and seen != seat.base.get(name, UNSETTLED):
                    out.beaten.append((human.number, name, seat.system, seen))
            seat.base[name] = value
        if name == "email" and before and value != before:
            self._rekey(human, before)

    def _rekey(self, human: Human, before: str) -> None:
        """A former address proposes, and never links."""
        current = {key_of({f: canonical(f, v) for f, v in s.raw.items()}) for s in human.seats.values()}
        for key in list(human.keys):
            if key not in current and key.split("/")[0] == before:
                human.keys[key] = False

    def _looks_like(self, seat: Seat, name: str, value: Any) -> bool:
        """Whether the side shows what it would be sent, in its own terms."""
        raw = seat.raw.get(name)
        return bool(raw == value or (name == CONSENT and bool(raw) == bool(value)))

    def _write(self, seat: Seat, name: str, value: Any, out: Foreseen, now: datetime) -> None:
        out.writes.setdefault(seat.key, {})[name] = value
        stored = self._stored(seat.system, name, value)
        seat.raw[name] = stored
        if self.kinds[seat.system].echo in ("none", "some"):
            seat.silent[name] = value
        seat.edited.pop(name, None)
        seat.kept.pop(name, None)
        if canonical(name, stored) != value and not (blank(value) and blank(stored)):
            seat.kept[name] = (value, stored)

    def _stored(self, system: str, name: str, value: Any) -> Any:
        kind = self.kinds[system]
        decl = self.systems[system].streams[kind.streams[0]]
        return decl.keep(kind.vendor(name), bool(value) if name == CONSENT else value)

    def _create(self, job: Job, human: Human, connection: str, asked: set[str], out: Foreseen, now: datetime) -> None:
        kind = self.kinds[connection]
        values = {}
        for name, law in job.laws.items():
            if name in kind.lacks or name in asked or law.source == connection or blank(human.agreed.get(name)):
                continue
            values[name] = human.agreed[name]
        if CONSENT not in kind.lacks:
            values[CONSENT] = human.out == "out"
        key = (connection, kind.streams[0], f"?{human.number}")
        seat = Seat(key)
        human.seats[key] = seat
        human.places.add(connection)
        for name in job.laws:
            if name in kind.lacks:
                continue
            if name not in asked:
                seat.base[name] = human.agreed.get(name)
            stored = self._stored(connection, name, values.get(name)) if name in values else None
            seat.raw[name] = stored
            if name in values and canonical(name, stored) != values[name]:
                seat.kept[name] = (values[name], stored)
            if name in values and kind.echo in ("none", "some"):
                seat.silent[name] = values[name]
        if CONSENT not in kind.lacks:
            seat.raw[CONSENT] = values[CONSENT]
            seat.base[CONSENT] = True if values[CONSENT] else None
        seat.at = now
        out.creates.append((human, connection, values))
        self.done["creates"] += 1

    def _verdict(self, law: Law, name: str, human: Human, seats: list[Seat]) -> tuple[Any, set[str]] | None:
        """(value, systems left alone), or None for a question."""
        agreed = human.agreed.get(name)
        if (human.number, name) in self.answers:
            return self.answers.pop((human.number, name)), set()
        seen = {s.system: self.observed(s, name) for s in seats}
        new = {s.system for s in seats if name not in s.base}
        edited = {s.system for s in seats if name in s.base and s.base[name] != seen[s.system]}
        by_name = {s.system: s for s in seats}
        if new:
            return self._first_meeting(law, agreed, seen, edited, by_name)
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

    def _one_of(self, law: Law, name: str, voices: Mapping[str, Any], seats: Mapping[str, Seat]) -> Any:
        values = list(voices.values())
        if all(v == values[0] for v in values):
            return values[0]
        picked = self._picked(law, voices)
        if picked is not UNSETTLED:
            return picked
        if law.merge == "newest":
            best = self._latest({s: seats[s].edited.get(name, (None, None)) for s in voices})
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
        self, law: Law, agreed: Any, seen: Mapping[str, Any], edited: set[str], seats: Mapping[str, Seat]
    ) -> tuple[Any, set[str]] | None:
        filled = {s: v for s, v in seen.items() if not blank(v)}
        if law.source is not None:
            if blank(seen.get(law.source)):
                return agreed, {s for s, v in seen.items() if s != law.source and v != agreed}
            return seen[law.source], set()
        if not filled:
            return (None if blank(agreed) else agreed), (set() if law.clear else edited)
        left: set[str] = set()
        if law.owner in filled:
            if law.leave:
                left = {s for s, v in filled.items() if v != filled[law.owner]}
            value = filled[law.owner]
            return value, (left if value == agreed else set())
        values = list(filled.values())
        if all(v == values[0] for v in values):
            return values[0], set()
        if law.prefer in filled:
            return filled[law.prefer], set()
        picked = self._picked(law, filled)
        if picked is not UNSETTLED:
            return picked, set()
        if law.merge == "newest":
            best = self._latest({s: (seats[s].at, seats[s].at) for s in filled})
            if best is not None:
                return filled[best], set()
            if law.tie in filled:
                return filled[law.tie], set()
        return None

    def _latest(self, spans: Mapping[str, tuple[datetime | None, datetime | None]]) -> str | None:
        """The system whose edit is certainly the last: it began after every other one ended, by more than the skew."""
        skew = timedelta(seconds=max([2.0, *(k.resolution for k in self.kinds.values())]))
        if any(until is None for _, until in spans.values()):
            return None
        for system, (after, _) in spans.items():
            if after is not None and all(
                after > until + skew for other, (_, until) in spans.items() if other != system and until is not None
            ):
                return system
        return None

    # -- consent --------------------------------------------------------------------------------------
    def _consents(self, job: Job, out: Foreseen, now: datetime) -> None:
        """Opt-outs go to every record of a person, and to everybody with the address, doubtful records included."""
        everyone = [*self.humans, *self.doubts.values()]
        addresses = {id(h): self._addresses(h) for h in everyone}
        for human in everyone:
            for seat in human.seats.values():
                if (
                    CONSENT not in self.kinds[seat.system].lacks
                    and seat.raw.get(CONSENT)
                    and seat.base.get(CONSENT) is not True
                ):
                    self.done["opted out"] += human.out != "out"
                    human.out, human.out_at = "out", now
        news = True
        while news:
            shut = {a for h in everyone if h.out == "out" for a in addresses[id(h)]}
            heirs = [h for h in everyone if h.out != "out" and addresses[id(h)] & shut]
            for human in heirs:
                human.out, human.out_at = "out", now
                self.done["inherited"] += 1
            news = bool(heirs)
        for human in everyone:
            self._tell(job, human, out, now)

    def _addresses(self, human: Human) -> set[str]:
        shown = {canonical("email", seat.raw.get("email")) for seat in human.seats.values()}
        return {a for a in (*shown, human.agreed.get("email")) if a}

    def _tell(self, job: Job, human: Human, out: Foreseen, now: datetime) -> None:
        for seat in human.seats.values():
            if CONSENT in self.kinds[seat.system].lacks:
                continue
            if human.out == "out" and not seat.raw.get(CONSENT) and seat.system in job.between:
                self._write(seat, CONSENT, True, out, now)
                self.done["consent passed on"] += 1
            if human.out != "out" or seat.raw.get(CONSENT):
                seat.base[CONSENT] = True if human.out == "out" else None

    # -- comparing ------------------------------------------------------------------------------------
    def take_creates(self, foreseen: Foreseen, made: Mapping[str, list[Key]]) -> None:
        """Gives the records that the run made to the people for whom they were foreseen."""
        for human, connection, values in foreseen.creates:
            stub = next(k for k in human.seats if k[0] == connection and k[2].startswith("?"))
            seat = human.seats.pop(stub)
            kind = self.kinds[connection]
            for key in made.get(connection, []):
                row = self.systems[connection].rows(key[1])[key[2]]
                if all(self._stored(connection, f, v) == row.get(kind.vendor(f)) for f, v in values.items()):
                    made[connection].remove(key)
                    seat.key = key
                    human.seats[key] = seat
                    value = key_of({f: canonical(f, v) for f, v in seat.raw.items()})
                    if value:
                        human.keys[value] = True
                    break
            else:
                raise Wrong(f"{connection} should have got a new record {values}; it has {made.get(connection)}")
