"""What is compared after a run: rows, calls, questions, consent, figures."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from .oracle import Oracle
from .people import CONSENT, NOW, Foreseen, Human, Key, Wrong, canonical
from .world import RunSeen, World


def eids_of(world: World, oracle: Oracle, *, doubts: bool = False) -> dict[int, Human]:
    """The ledger's entities as the oracle's people, by the records that they share. ``doubts``: those in doubt as well."""
    found = {}
    everybody = (*oracle.humans, *(oracle.doubts.values() if doubts else ()))
    by_row = {key: human for human in everybody for key in human.seats}
    for eid, rows in world.links().items():
        human = next((by_row[r] for r in rows if r in by_row), None)
        if human is not None:
            found[eid] = human
    return found


def after_run(world: World, oracle: Oracle, foreseen: Foreseen, seen: RunSeen, before: set[Key]) -> None:
    """A clean run did exactly what was foreseen, no more and no less."""
    if seen.exit_code is None:
        raise Wrong(f"killed: {seen.crash}")
    made: dict[str, list[Key]] = {}
    for key in sorted(set(world.true_rows()) - before):
        made.setdefault(key[0], []).append(key)
    _creates(world, oracle, foreseen, seen, made)
    _writes(world, foreseen, seen)
    _times(world, oracle, foreseen)
    values(world, oracle)
    _removed(foreseen, seen)
    _stopped(foreseen, seen)
    _questions(world, oracle, seen, bool(foreseen.stopped))
    _history(world, oracle, foreseen)
    figures(seen)


def after_repair(world: World, oracle: Oracle, foreseen: Foreseen, seen: RunSeen, before: set[Key]) -> None:
    """After a run with a fault and the ones that follow: the same records, values and questions, nothing twice."""
    made: dict[str, list[Key]] = {}
    for key in sorted(set(world.true_rows()) - before):
        made.setdefault(key[0], []).append(key)
    oracle.take_creates(foreseen, made)
    if any(made.values()):
        raise Wrong(f"creates: nobody foresaw {made}")
    _times(world, oracle, foreseen)
    values(world, oracle)
    _questions(world, oracle, seen)
    _history(world, oracle, foreseen)
    figures(seen)


def _times(world: World, oracle: Oracle, foreseen: Foreseen) -> None:
    """An opt-out counts from the moment at which the run heard of it: the oracle knows that only roughly, and learns it."""
    if not any(kind.acts for kind in world.profile.kinds):
        return  # with bare flags alone nothing follows from the time
    stands = dict(world.sql("SELECT eid, at FROM consent WHERE channel = 'email'"))
    for eid, human in eids_of(world, oracle, doubts=True).items():
        if human.out is None or human.out_at is None:
            continue
        at = stands.get(eid)
        if human.said_again and at is not None and human.out_at <= datetime.fromisoformat(at) <= world.clock():
            human.out_at, human.said_again = datetime.fromisoformat(at), False
        if at is None or not _about(datetime.fromisoformat(at), human.out_at, foreseen, world):
            raise Wrong(
                f"consent: person {human.number} stands {human.out} since {human.out_at}, and the ledger says {at}"
            )
        human.out_at = datetime.fromisoformat(at)
    rows = world.true_rows()
    for human in (*oracle.humans, *oracle.doubts.values()):
        for key, seat in human.seats.items():
            if seat.raw.get("consent_at") == NOW and key in rows:
                shown = rows[key][world.profile.kind(key[0]).vendor("consent_at")]
                if not isinstance(shown, str) or datetime.fromisoformat(shown) != human.out_at:
                    raise Wrong(f"consent: {':'.join(key)} shows {shown} as its time, and {human.out_at} stands")
                seat.raw["consent_at"] = shown


def _about(at: datetime, meant: datetime, foreseen: Foreseen, world: World) -> bool:
    return at == meant or (meant == foreseen.at and meant <= at <= world.clock())


#: how far a standing is from silence (engine.md, Consent)
_DOWN = {"no_claim": 0, "opted_in": 0, "opted_out": 1, "suppressed": 2}


def _history(world: World, oracle: Oracle, foreseen: Foreseen) -> None:
    """I4: a value that lost is in the audit. I9: consent moves down only by an act that the audit names."""
    news = world.audit(oracle.heard)
    people = eids_of(world, oracle)
    joined = world.survivors()
    for number, name, system, value in foreseen.beaten:
        mine = {eid for eid, human in people.items() if human.number == number}
        mine |= {eid for eid, into in joined.items() if into in mine}
        if not any(eid in mine and _tells(world, body, name, system, value) for eid, body in news):
            raise Wrong(f"audit: {value!r} of {system} lost as {name} of person {number}, and no row says so")
    now = world.standing()
    for eid, before in oracle.stood.items():
        after = now.get(joined.get(eid, eid), "no_claim")
        # whoever became another takes on what was named there, be it long ago
        rows = world.audit(0) if eid in joined else news
        acts = [body["fields"]["email"] for e, body in rows if e in (eid, joined.get(eid)) and body["op"] == "consent"
                and "email" in body["fields"]]  # fmt: skip
        if _DOWN[after] < _DOWN[before] and not any(act.get("evidence", 0) >= 2 and act.get("at") for act in acts):
            raise Wrong(f"consent: entity {eid} went from {before} to {after} by no act that the audit names: {acts}")
    oracle.stood = {eid: status for eid, status in now.items() if eid not in joined}
    oracle.heard = int(world.sql("SELECT coalesce(max(id), 0) FROM audit")[0][0])


def _tells(world: World, body: dict[str, Any], name: str, system: str, value: Any) -> bool:
    """Whether an audit row says that the value was there and lost: as beaten, or as what a write replaced."""
    why = (body.get("fields") or {}).get(name) or {}
    if system in (why.get("beaten") or {}) and canonical(name, why["beaten"][system]) == value:
        return True
    replaced = (body.get("vendor") or {}).get(world.profile.kind(system).vendor(name)) or {}
    table = {own: title for title, own in world.profile.kind(system).words} if name == "job_title" else {}
    before = canonical(name, replaced.get("before"))
    return body.get("connection") == system and "before" in replaced and table.get(before, before) == value


def _creates(world: World, oracle: Oracle, foreseen: Foreseen, seen: RunSeen, made: dict[str, list[Key]]) -> None:
    sent = Counter(w[0] for w in seen.writes() if w[2] == "create")
    wanted = Counter(c for _, c, _ in foreseen.creates)
    if sent != wanted:
        rows = [w for w in seen.writes() if w[2] == "create"]
        raise Wrong(f"creates: sent {rows}, foreseen {[(c, v) for _, c, v in foreseen.creates]}; {seen.sentences}")
    oracle.take_creates(foreseen, made)
    if any(made.values()):
        raise Wrong(f"creates: nobody foresaw {made}")


def _writes(world: World, foreseen: Foreseen, seen: RunSeen) -> None:
    sent: dict[Key, dict[str, Any]] = {}
    for system, stream, op, rid, fields in seen.writes():
        if op in ("create", "archive", "delete"):
            continue
        kind = world.profile.kind(system)
        assert rid is not None
        into = sent.setdefault((system, stream, rid), {})
        for vendor, value in fields.items():
            name = vendor.removeprefix(f"{kind.name}_")
            if name == "external_id":
                continue
            if name in into:
                raise Wrong(f"writes: {system}:{stream}:{rid} got {name} twice in one run")
            into[name] = NOW if (foreseen.writes.get((system, stream, rid)) or {}).get(name) == NOW else value
    sent = {k: v for k, v in sent.items() if v}
    wanted = {
        key: {f: bool(v) if f == CONSENT else v for f, v in fields.items()}
        for key, fields in foreseen.writes.items()
        if fields
    }
    if sent != wanted:
        keys = [k for k in {*sent, *wanted} if sent.get(k) != wanted.get(k)]
        text = "; ".join(f"{':'.join(k)} sent {sent.get(k)}, foreseen {wanted.get(k)}" for k in sorted(keys))
        raise Wrong(f"writes: {text}; exit {seen.exit_code}; {seen.sentences}")


def _removed(foreseen: Foreseen, seen: RunSeen) -> None:
    """I6: what was deleted is what a policy asked for, and nothing else."""
    sent = Counter((w[0], w[1], w[3]) for w in seen.writes() if w[2] in ("archive", "delete"))
    if sent != Counter(foreseen.removed):
        raise Wrong(f"removals: sent {dict(sent)}, foreseen {foreseen.removed}; {seen.sentences}")


def _stopped(foreseen: Foreseen, seen: RunSeen) -> None:
    """The job that a guard should stop is stopped, by one of the guards that trip, and says how to let it pass."""
    stopped = {job["job"]: job["stopped_by"] for job in seen.report["jobs"] if job["stopped_by"]}
    if set(stopped) != set(foreseen.stopped) or any(by not in foreseen.stopped[job] for job, by in stopped.items()):
        raise Wrong(f"guards: stopped {stopped}, foreseen {foreseen.stopped}; {seen.sentences}")
    for job, guards in foreseen.stopped.items():
        if not any(f"run {job}" in text and all(f"--allow {g}" in text for g in guards) for text in seen.sentences):
            raise Wrong(f"guards: nobody is told how to let {guards} of {job} pass: {seen.sentences}")


def values(world: World, oracle: Oracle) -> None:
    """Every record shows, field by field, what the model says it shows."""
    rows = world.true_rows()
    for human in oracle.humans:
        for key, seat in human.seats.items():
            kind = world.profile.kind(key[0])
            if key[0] not in oracle.read():
                continue  # nobody looks
            if key not in rows or world.systems[key[0]].streams[key[1]].late:
                continue
            for name, raw in seat.raw.items():
                now = rows[key].get(kind.vendor(name))
                if now != raw and not (name == CONSENT and bool(now) == bool(raw)):
                    raise Wrong(f"values: {':'.join(key)} shows {name} = {now!r}, foreseen {raw!r}")


def _questions(world: World, oracle: Oracle, seen: RunSeen, stopped: bool = False) -> None:
    people = eids_of(world, oracle)
    asked = {(people[eid].number, f) for eid, f, kind, _ in world.questions() if kind == "field" and eid in people}
    foreseen = oracle.questions - oracle.answers.keys()  # who is answered and was not looked at is not asked again
    if asked != foreseen:
        raise Wrong(f"questions: asked {sorted(asked)}, foreseen {sorted(foreseen)}")
    sql = (
        "SELECT s.connection, s.object, l.rid FROM entities e JOIN links l ON l.eid = e.eid AND l.state = 'live' "
        "JOIN streams s ON s.sid = l.sid WHERE e.state = 'provisional'"
    )
    held = {(c, o, r) for c, o, r in world.sql(sql)}
    if held != set(oracle.doubts):
        raise Wrong(f"doubts: held {sorted(held)}, foreseen {sorted(oracle.doubts)}")
    there = {(human.number, key[0]) for human in oracle.humans for key in human.seats}
    withheld = any(case[:2] in there for case in oracle.withheld)
    code = 4 if stopped else 3 if asked or held or withheld else 0
    if seen.exit_code != code:
        raise Wrong(f"exit code: {seen.exit_code}, foreseen {code}; {seen.sentences}")


def figures(seen: RunSeen) -> None:
    """I8, per connection and object."""
    for job in seen.report["jobs"]:
        for connection, streams in job["sides"].items():
            for name, f in streams.items():
                where = f"figures: {job['job']} {connection}:{name} { ({k: v for k, v in f.items() if v}) }"
                if f["read"] != f["unchanged"] + f["filtered"] + f["settled"] + f["quarantined"] + f["deferred"]:
                    raise Wrong(f"{where}: what was read is not accounted for")
                if f["planned"] != f["written"] + f["rejected"] + f["stale"] + f["unknown"] + f["held"]:
                    raise Wrong(f"{where}: what was planned is not accounted for")
                if f["written"] != f["created"] + f["updated"] + f["archived"] + f["deleted"] + f["associated"]:
                    raise Wrong(f"{where}: what was written is not accounted for")
                if min(f.values()) < 0:
                    raise Wrong(f"{where}: less than nothing")


def settled(world: World, oracle: Oracle) -> None:
    """I1: the model agrees with itself: where a side differs, a rule of the config said so."""
    values(world, oracle)


def quiet(world: World, seen: RunSeen) -> None:
    """I2: nothing was edited, so nothing is written, and next to nothing is asked."""
    if seen.writes():
        raise Wrong(f"quiet: a run without news wrote {seen.writes()}")
    for name, system in world.systems.items():
        for stream, decl in system.streams.items():
            kinds = Counter(c.kind for c in seen.calls if c.system == name and c.stream == stream)
            whole = decl.full_scan or decl.spec.overlap  # rows of the last moments are read again
            pages = -(-len(system.stores[stream].rows) // decl.page_size) if whole else 1
            extra = pages if decl.empty_every else 0
            if sum(v for k, v in kinds.items() if k != "describe") > max(1, pages) + 1 + extra:
                raise Wrong(f"quiet: {name}:{stream} was called {dict(kinds)}")
