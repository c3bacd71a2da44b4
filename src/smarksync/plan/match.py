"""Which rows are one person? By groups, so that neither page nor connection order matters.

Rows that are not linked yet are tried against the alternatives of ``match`` in order. In one round all
rows that share a key value stand together with the entities that hold it. A group with at most one row
of each stream and at most one entity (without a link there) is one person. Anything else is for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from smarksync.model.roles import is_role_address

Row = tuple[int, str]  # sid, rid
#: an address that links nobody (a role's, or `match` does not name e-mail): opt-outs still belong to it
ADDRESS = "address"
#: colleagues meet by their address, in an index of their own: a colleague may be somebody's lead, too
OWNER = "owner.email"


@dataclass(slots=True)
class Newcomer:
    """An unlinked row with its canonical values and its place in the vendor's world."""

    row: Row
    values: Mapping[str, Any]
    eid: int | None = None  # the provisional entity of a row that was quarantined earlier
    pointer: int | None = None  # the entity that the vendor's copy of our id names


@dataclass(slots=True)
class Match:
    """What became of the newcomers: ``groups`` of rows that are one person, with the entity if known."""

    groups: list[tuple[int | None, list[Newcomer]]] = field(default_factory=list)
    #: kind (ambiguous, duplicate), the rows, the candidate entities, the key's name
    doubts: list[tuple[str, list[Newcomer], list[int], str]] = field(default_factory=list)


def key_values(alternative: str | Sequence[str], values: Mapping[str, Any]) -> str | None:
    """The key of a row for one alternative, or None when a part is missing or too weak to match by."""
    if alternative == OWNER:
        email = values.get("email")  # who has left keeps no place for who came after
        return str(email).casefold() if email and values.get("active") is not False else None
    if alternative == "email" and (email := values.get("email")).__class__ is str:  # most keys by far
        # info@ is nobody's: only together with the last name (see role_key)
        return email.casefold() if email and not is_role_address(email) else None
    parts = parts_of(alternative)
    found = [values.get(p) for p in parts]
    if any(v is None or v == "" or isinstance(v, (list, bool)) for v in found):
        return None
    return "\x1f".join(str(v).casefold() for v in found)


def role_key(values: Mapping[str, Any]) -> str | None:
    """Role addresses match together with the last name."""
    email, last = values.get("email"), values.get("last_name")
    if email and last and is_role_address(str(email)):
        return f"{str(email).casefold()}\x1f{str(last).casefold()}"
    return None


def parts_of(alternative: str | Sequence[str]) -> list[str]:
    """The fields that an alternative is made of."""
    if alternative == OWNER:
        return ["email", "active"]
    return [alternative] if isinstance(alternative, str) else list(alternative)


def kind_of(alternative: str | Sequence[str]) -> str:
    """The name under which an alternative is kept in the key index."""
    return alternative if isinstance(alternative, str) else "|".join(alternative)


def keys_of(match: Sequence[str | Sequence[str]], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All (kind, value) keys of a row."""
    found = []
    for alternative in match:
        value = key_values(alternative, values)
        if value is not None:
            found.append((kind_of(alternative), value))
        elif alternative == "email":
            role = role_key(values)
            if role is not None:
                found.append(("email|last_name", role))
    address = values.get("email")
    if address and OWNER not in match and not any(kind == "email" for kind, _ in found):
        found.append((ADDRESS, str(address).casefold()))
    return found


Holders = Callable[[list[tuple[str, str]]], Mapping[tuple[str, str], list[tuple[int, bool]]]]
Occupied = Callable[[Iterable[int]], Mapping[int, set[int]]]
Apart = Callable[[int, int], bool]


def match(
    newcomers: Sequence[Newcomer],
    alternatives: Sequence[str | Sequence[str]],
    holders: Holders,
    occupied: Occupied,
    apart: Apart,
) -> Match:
    """Groups the newcomers.

    ``holders`` gives for keys the entities that hold them (with whether the key is weak there);
    ``occupied`` the streams in which entities have a link already; ``apart`` knows declared strangers.
    """
    result = Match()
    waiting = sorted(newcomers, key=lambda n: n.row)
    waiting = _by_pointer(waiting, occupied, result)
    for alternative in alternatives:
        if alternative == "external_id" or not waiting:
            continue
        key = partial(_key_of, alternative)
        waiting = _round(kind_of(alternative), key, waiting, holders, occupied, apart, result)
        if alternative == "email":
            waiting = _round("email|last_name", lambda n: role_key(n.values), waiting, holders, occupied, apart, result)
    result.groups.extend((n.eid, [n]) for n in waiting)
    return result


def _key_of(alternative: str | Sequence[str], newcomer: Newcomer) -> str | None:
    return key_values(alternative, newcomer.values)


def _by_pointer(waiting: list[Newcomer], occupied: Occupied, result: Match) -> list[Newcomer]:
    """The vendor's own copy of our id names the entity, unless it was cloned with the record."""
    pointed: dict[int, list[Newcomer]] = {}
    rest = []
    for newcomer in waiting:
        if newcomer.pointer is None:
            rest.append(newcomer)
        else:
            pointed.setdefault(newcomer.pointer, []).append(newcomer)
    places = occupied(pointed)
    for eid, group in pointed.items():
        streams = [n.row[0] for n in group]
        if len(set(streams)) < len(streams) or any(s in places.get(eid, ()) for s in streams):
            result.doubts.append(("duplicate", group, [eid], "external_id"))
        else:
            result.groups.append((eid, group))
    return rest


def _round(
    kind: str, key: Callable[[Newcomer], str | None], waiting: list[Newcomer], holders: Holders, occupied: Occupied,
    apart: Apart, result: Match,
) -> list[Newcomer]:  # fmt: skip
    keyed: dict[str, list[Newcomer]] = {}
    rest: list[Newcomer] = []
    for newcomer in waiting:
        value = key(newcomer)
        if value is None:
            rest.append(newcomer)
        else:
            keyed.setdefault(value, []).append(newcomer)
    if not keyed:
        return rest
    held = holders([(kind, value) for value in keyed])
    stored = occupied({eid for found in held.values() for eid, _ in found})
    places = {eid: set(sids) for eid, sids in stored.items()}
    for eid, group in result.groups:  # by other keys, of this round or of one before, too
        if eid is not None:
            places.setdefault(eid, set()).update(n.row[0] for n in group)
    for value, group in keyed.items():
        own = {n.eid for n in group if n.eid is not None}
        found = [(eid, weak) for eid, weak in held.get((kind, value), []) if eid not in own]
        found = [(eid, weak) for eid, weak in found if not any(n.eid is not None and apart(n.eid, eid) for n in group)]
        strong = [eid for eid, weak in found if not weak]
        streams = [n.row[0] for n in group]
        if len(set(streams)) < len(streams):
            result.doubts.append(("duplicate", group, strong, kind))
        elif len(strong) > 1:
            result.doubts.append(("ambiguous", group, strong, kind))
        elif strong and any(s in places.get(strong[0], ()) for s in streams):
            clash = [n for n in group if n.row[0] in places.get(strong[0], ())]
            free = [n for n in group if n not in clash]
            result.doubts.append(("duplicate", clash, strong, kind))
            if free:
                result.groups.append((strong[0], free))
                places[strong[0]].update(n.row[0] for n in free)
        elif strong:
            result.groups.append((strong[0], group))
            places.setdefault(strong[0], set()).update(streams)
        elif found and len(group) == 1:
            # a former or secondary address proposes, and never links
            result.doubts.append(("ambiguous", group, [eid for eid, _ in found], kind))
        elif len(group) > 1:
            result.groups.append((next(iter(own), None), group))
        else:
            rest.extend(group)
    return rest
