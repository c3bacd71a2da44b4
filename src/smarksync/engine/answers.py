"""People's decisions on what waits. They are written to the ledger; the next run carries them out.

Every decision is in the audit, wakes the entity for its jobs, and is refused before anything changes when it
makes no sense for the entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from smarksync.errors import UsageError
from smarksync.ledger import audit, conflicts, entities, keys, links, quarantine, states
from smarksync.ledger.conflicts import Conflict
from smarksync.ledger.db import Ledger
from smarksync.ledger.quarantine import Held
from smarksync.ledger.refs import of_kind
from smarksync.model import Field, ValueProblem, normalise

from . import parking, refs
from .lookup import unite
from .offline import BY_HAND, Desk
from .queues import MATCHING, conflict_commands, held_commands, the_conflict, the_held


def take(desk: Desk, conflict_id: int, connection: str) -> dict[str, Any]:
    """The value of one connection stands."""
    one = _conflict(desk, conflict_id, ("field",))
    values = one.body.get("values", {})
    if connection not in values:
        raise UsageError(
            f"{connection} has no value in conflict {one.id}.",
            hint=f"It is between {' and '.join(values) or 'nobody'}.",
        )
    return _answer(desk, one, values[connection].get("value"), f"took the value of {connection}")


def value(desk: Desk, conflict_id: int, text: str) -> dict[str, Any]:
    """A value of the person's own stands. Raises UsageError when the field cannot hold it."""
    one = _conflict(desk, conflict_id, ("field", "name"))
    if one.kind == "name":
        return _answer(desk, one, _two_names(one, text), "told the full name apart")
    kind = desk.ledger.value("SELECT kind FROM entities WHERE eid = ?", (one.eid,))
    field = desk.config.schema_[kind].fields.get(one.field)
    if field is None:
        raise UsageError(f"The field {one.field} is no longer in the schema of {kind}.")
    try:
        wire = (
            _pointed(desk, field, text)
            if field.ref
            else normalise(
                field, _typed(field, text), country=desk.config.defaults.country, currency=desk.config.currency
            )
        )
    except ValueProblem as problem:
        words = f" Its words: {', '.join(field.values)}." if field.values else ""
        raise UsageError(f"{one.field} ({field.type_text}) cannot be that: {problem.message}.{words}") from None
    return _answer(desk, one, wire, "gave a value")


def _two_names(one: Conflict, text: str) -> list[str | None]:
    first, bar, last = (part.strip() for part in text.partition("|"))
    if not bar:
        raise UsageError(
            f"Conflict {one.id} asks how a full name is told apart.", hint='Write both parts: --value "FIRST|LAST".'
        )
    return [first or None, last or None]


def _typed(field: Field, text: str) -> Any:
    """What is typed on a command line, as the field's type takes it; nothing typed is no value."""
    if text.strip() == "":
        return None
    if field.type == "set":
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.type == "money":
        return text.split()
    return text


def _pointed(desk: Desk, field: Field, text: str) -> Any:
    """The entity ids of whom or what is meant in a field that points at others. Raises UsageError for what is not known."""
    found: list[str] = []
    words = _typed(field, text)
    for one in words if isinstance(words, list) else [text.strip()] if words is not None else []:
        known = of_kind(desk.ledger, str(field.ref), one)
        if len(known) != 1:
            many = "no" if not known else "more than one"
            raise UsageError(
                f"There is {many} {field.ref} that is known as {one!r}.",
                hint="Name it by its e-mail address, connection:object:id, or its entity id.",
            )
        found += known
    if field.type == "set":
        return sorted(set(found)) if words is not None else None
    return found[0] if found else None


def _answer(desk: Desk, one: Conflict, wire: Any, how: str) -> dict[str, Any]:
    ledger = desk.ledger
    with ledger.tx():
        conflicts.answer(ledger, one.id, wire)
        _wake(ledger, [one.eid])
        _note(desk, one.eid, {"op": "answered", "job": one.job, "reason": f"conflict {one.id}: a person {how}",
                              "fields": {one.field: {"after": wire, "from": "person"}}})  # fmt: skip
    told = _not_taken(desk, one, wire) if one.kind == "field" else []
    return {
        "id": one.id, "field": one.field, "done": "answered", "value": wire, "next": f"smarksync run {one.job}",
        **({"not_taken": told} if told else {}),
    }  # fmt: skip


def _not_taken(desk: Desk, one: Conflict, wire: Any) -> list[str]:
    """Which records cannot take the answer, and why: a pick list that has no such word, to begin with."""
    told = []
    lanes = desk.open().lanes
    for link in links.of_entities(desk.ledger, [one.eid]).get(one.eid, []):
        lane = lanes.get(link.sid)
        codec = lane.mapping.fields.get(one.field) if lane is not None else None
        if lane is None or codec is None or not codec.write or link.state != links.LIVE or wire is None:
            continue
        if codec.create_only:
            shown = one.body.get("values", {}).get(lane.stream.connection, {"value": None})
            if shown["value"] != wire:
                told.append(f"{lane.name} takes it with a new record only, and stays as it is")
            continue
        try:
            codec.outward(wire)
        except ValueProblem as problem:
            told.append(f"{lane.name} cannot take it and stays as it is: {problem.message}")
    return told


def resume(desk: Desk, conflict_id: int) -> dict[str, Any]:
    """A parked field takes part again; the restorations are counted from nought."""
    one = _conflict(desk, conflict_id, ("flip",))
    ledger = desk.ledger
    with ledger.tx():
        parking.end(ledger, one, BY_HAND)
        _note(desk, one.eid, {"op": "resumed", "job": one.job, "reason": f"{one.field} takes part again", "fields": {}})
    return {"id": one.id, "field": one.field, "done": "resumed", "next": f"smarksync run {one.job}"}


def same(desk: Desk, conflict_id: int) -> dict[str, Any]:
    """The records of an identity question are one person. Raises LeaseHeld while a run is under way."""
    one = _conflict(desk, conflict_id, ("identity",))
    with desk.alone():
        others = _others(desk.ledger, one)
        if not others:
            raise UsageError(
                f"The other record of conflict {one.id} is not known here yet, so there is nothing to join.",
                hint="Run `smarksync run` once, which reads it; or merge the two in the system itself.",
            )
        run = desk.open()
        with desk.ledger.tx():
            for other in others:
                unite(run, other, one.eid)
            conflicts.remove(desk.ledger, one.id)
            _joined(desk, one.eid, others)
    return {"id": one.id, "done": "joined", "entity": _ref(desk.ledger, one.eid), "next": f"smarksync run {one.job}"}


def apart(desk: Desk, conflict_id: int) -> dict[str, Any]:
    """The records of an identity question are two people, for ever."""
    one = _conflict(desk, conflict_id, ("identity",))
    ledger = desk.ledger
    with ledger.tx():
        others = _others(ledger, one)
        _apart(desk, one.eid, others)
        conflicts.remove(ledger, one.id)
    return {"id": one.id, "done": "apart", "entity": _ref(ledger, one.eid), "next": f"smarksync run {one.job}"}


def _others(ledger: Ledger, one: Conflict) -> list[int]:
    """The entities that an identity question is about, besides its own."""
    found = set(entities.by_refs(ledger, one.body.get("entities", [])).values())
    for name in one.body.get("records", []):
        if name.count(":") >= 2:
            try:
                found |= {f.eid for f in refs.find(ledger, name) if f.eid is not None}
            except UsageError:
                continue  # never read: nothing is known about it
    return sorted(found - {one.eid})


def retry(desk: Desk, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The next run looks again, and sends even what was refused with the same values."""
    ledger = desk.ledger
    done = []
    held = the_held(ledger, ids)
    with ledger.tx():
        for one in held:
            if one.kind in MATCHING:
                quarantine.set_state(ledger, one.id, "open")
                done.append({"id": one.id, "done": "open", "next": held_commands(one)[-1],
                             "say": "Matching looks at it again in every run; only a decision releases it."})  # fmt: skip
                continue
            quarantine.remove(ledger, [one.id])
            states.set_due(ledger, one.job, [(one.eid, "retry by hand")], desk.stamp())
            done.append({"id": one.id, "done": "retry", "next": f"smarksync run {one.job}"})
    return done


def ignore(desk: Desk, ids: Sequence[int]) -> list[dict[str, Any]]:
    """No longer counts for exit code 3, until something else is wanted of the record."""
    held = the_held(desk.ledger, ids)
    with desk.ledger.tx():
        for one in held:
            quarantine.set_state(desk.ledger, one.id, "ignored")
    return [{"id": one.id, "done": "ignored", "next": f"smarksync quarantine retry {one.id}"} for one in held]


def as_new(desk: Desk, held_id: int) -> dict[str, Any]:
    """An undecided record is somebody new, and none of those who share its key. Raises LeaseHeld during a run."""
    one = _undecided(desk, held_id)
    ledger = desk.ledger
    with desk.alone(), ledger.tx():
        entities.set_state(ledger, one.eid, entities.LIVE)
        quarantine.clear(ledger, one.eid, MATCHING)
        _apart(desk, one.eid, _alike(ledger, one))
    return {"id": one.id, "done": "new", "entity": _ref(ledger, one.eid), "next": "smarksync run"}


def join(desk: Desk, held_id: int, ref: str) -> dict[str, Any]:
    """An undecided record belongs to the entity of REF. Raises LeaseHeld during a run."""
    one = _undecided(desk, held_id)
    ledger = desk.ledger
    with desk.alone():
        target = refs.one(ledger, ref, besides=one.eid)
        kinds = {ledger.value("SELECT kind FROM entities WHERE eid = ?", (eid,)) for eid in (one.eid, target)}
        if target == one.eid or len(kinds) > 1:
            what = "is that record itself" if target == one.eid else f"is no {' or '.join(sorted(kinds))} like it"
            raise UsageError(f"{ref} {what}: there is nothing to join.")
        run = desk.open()
        with ledger.tx():
            unite(run, one.eid, target)
            entities.set_state(ledger, target, entities.LIVE)
            quarantine.clear(ledger, target, MATCHING)
            _joined(desk, target, [one.eid])
    return {"id": one.id, "done": "joined", "entity": _ref(ledger, target), "next": "smarksync run"}


def _undecided(desk: Desk, held_id: int) -> Held:
    one = the_held(desk.ledger, [held_id])[0]
    if one.kind not in MATCHING:
        raise UsageError(
            f"Quarantine entry {one.id} is no question of who is who ({one.code}).",
            hint=f"Use `{held_commands(one)[0]}`.",
        )
    return one


def _alike(ledger: Ledger, one: Held) -> set[int]:
    """Everybody who could be meant: the candidates told, and whoever holds one of its keys now."""
    found = set(entities.by_refs(ledger, one.facts.get("candidates", [])).values())
    wanted = [(kind, text) for kind, text, weak in keys.of_entity(ledger, one.eid) if not weak]
    for group in keys.holders(ledger, wanted).values():
        found |= {eid for eid, _ in group}
    return found - {one.eid}


def _conflict(desk: Desk, conflict_id: int, kinds: Sequence[str]) -> Conflict:
    one = the_conflict(desk.ledger, conflict_id)
    if one.kind not in kinds:
        raise UsageError(
            f"Conflict {one.id} is of the kind `{one.kind}` and is not answered like that.",
            hint="Use " + " or ".join(f"`{c}`" for c in conflict_commands(one)) + ".",
        )
    return one


def _apart(desk: Desk, eid: int, others: Iterable[int]) -> None:
    others = sorted(others)
    for other in others:
        entities.declare_apart(desk.ledger, eid, other)
    names = ", ".join(_ref(desk.ledger, other) for other in others)
    _note(desk, eid, {"op": "apart", "reason": f"somebody else than {names or 'all others'}", "fields": {}})
    _wake(desk.ledger, [eid, *others])


def _joined(desk: Desk, eid: int, others: Iterable[int]) -> None:
    names = ", ".join(_ref(desk.ledger, other) for other in others)
    _note(desk, eid, {"op": "joined", "reason": f"{names} became part of it", "fields": {}})
    _wake(desk.ledger, [eid])


def _wake(ledger: Ledger, eids: Iterable[int]) -> None:
    """Every job looks at them in its next run."""
    states.changed(ledger, [(eid, None, None, BY_HAND) for eid in eids])


def _note(desk: Desk, eid: int, body: dict[str, Any]) -> None:
    audit.add(desk.ledger, BY_HAND, desk.stamp(), [(eid, body)])


def _ref(ledger: Ledger, eid: int) -> str:
    return entities.load(ledger, [eid])[eid][0]


__all__ = ["apart", "as_new", "ignore", "join", "resume", "retry", "same", "take", "value"]
