"""Who gets a lead: the first rule that gives an active owner with room. Whoever was passed over is told.

Nothing here advances anything: a round robin's position comes in, the turn that was taken goes out, and becomes true
when the hand-off is settled. So a plan and its run choose the same owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.config.agreement import Route
from smarksync.config.values import Owner


class Seat(NamedTuple):
    """An owner as routing sees one. ``ref``: the entity id that a lead's ``owner`` would hold."""

    ref: str
    name: str
    active: bool


class Routed(NamedTuple):
    """The choice. ``owner`` None = no rule gave one. ``turn``: the round robin whose turn was taken, and how far.

    ``passed``: what was skipped and why, for people; ``fallback``: nobody but the fallback would take it.
    """

    owner: str | None
    name: str
    how: str
    turn: tuple[str, int] | None
    passed: tuple[str, ...]
    fallback: bool = False


class Desk:
    """What routing knows of a moment: owners, their open cases, whose turn it is. Turns taken here are remembered here."""

    def __init__(
        self, rules: Sequence[Route], find: Callable[[Owner], Seat | None], by_ref: Callable[[str], Seat | None],
        load: Mapping[str, int], positions: Mapping[str, int],
    ) -> None:  # fmt: skip
        self.rules, self.find, self.by_ref = rules, find, by_ref
        self.load: Counter[str] = Counter(load)
        self.positions: Counter[str] = Counter(positions)

    def route(self, scope: Mapping[str, Any], without: Collection[str] = ()) -> Routed:
        """The owner of one lead; the turn counts at once for the next lead of this desk.

        ``without``: those who had it already, by entity id; they are passed over.
        """
        passed: list[str] = []
        for number, rule in enumerate(self.rules, 1):
            if rule.fallback is not None:
                found = self._fallback(rule.fallback, number, passed, without)
            elif rule.when is None or not rule.when.passes(scope):
                continue
            elif rule.round_robin is not None:
                found = self._in_turn(rule, number, passed, without)
            else:
                assert rule.to is not None
                found = self._to(rule.to, number, scope, passed, without)
            if found is not None:
                assert found.owner is not None
                self.load[found.owner] += 1
                if found.turn is not None:
                    self.positions[found.turn[0]] += found.turn[1]
                return found
        why = "no rule gives an owner" if self.rules else "there are no routing rules"
        return Routed(None, "", why, None, tuple(passed))

    def give(self, to: Owner, without: Collection[str] = ()) -> Routed:
        """The lead goes to one owner whatever the rules say, if that is an active one who has not had it."""
        seat = self.find(to)
        why = (
            f"{to} is not known there" if seat is None
            else f"{to} is not active" if not seat.active
            else f"{to} had it already" if seat.ref in without
            else None
        )  # fmt: skip
        if seat is None or why is not None:
            return Routed(None, "", str(why), None, (str(why),))
        self.load[seat.ref] += 1
        return Routed(seat.ref, seat.name, f"{to}", None, ())

    def keep(self, owner: str | None) -> Routed | None:
        """The lead stays with whom it has, by entity id; None when nobody active there is meant."""
        seat = self.by_ref(owner) if owner else None
        if seat is None or not seat.active:
            return None
        self.load[seat.ref] += 1
        return Routed(seat.ref, seat.name, f"it is with {seat.name} already", None, ())

    def leave(self, owner: str | None) -> None:
        """The owner has one lead less."""
        if owner is not None:
            self.load[owner] -= 1

    def _to(
        self, to: Owner, number: int, scope: Mapping[str, Any], passed: list[str], without: Collection[str]
    ) -> Routed | None:
        if to.kind == "field":
            entity, _, name = to.name.partition(".")
            ref = (scope[entity] or {}).get(name)
            seat = self.by_ref(ref) if ref else None
            said = str(to)
            if not ref:
                passed.append(f"rule {number}: {said} is empty")
                return None
        else:
            seat, said = self.find(to), str(to)
        if seat is None or not seat.active:
            passed.append(
                f"rule {number}: {said} " + ("is not known there" if seat is None else f"({seat.name}) is not active")
            )
            return None
        if seat.ref in without:
            passed.append(f"rule {number}: {said} had it already")
            return None
        return Routed(seat.ref, seat.name, f"rule {number}: {said}", None, tuple(passed))

    def _in_turn(self, rule: Route, number: int, passed: list[str], without: Collection[str]) -> Routed | None:
        assert rule.round_robin is not None
        key = name_of(rule)
        turns = sequence(rule.weights or [1] * len(rule.round_robin))
        start = self.positions[key]
        for step in range(len(turns)):
            to = rule.round_robin[turns[(start + step) % len(turns)]]
            seat = self.find(to)
            why = None
            if seat is None:
                why = f"rule {number}: {to} is not known there"
            elif not seat.active:
                why = f"rule {number}: {to} is not active"
            elif seat.ref in without:
                why = f"rule {number}: {to} had it already"
            elif rule.capacity is not None and self.load[seat.ref] >= rule.capacity:
                why = f"rule {number}: {to} has {self.load[seat.ref]} open cases, and room for {rule.capacity}"
            if seat is not None and why is None:
                return Routed(seat.ref, seat.name, f"rule {number}: {to}, in turn", (key, step + 1), tuple(passed))
            if why and why not in passed:
                passed.append(why)
        return None

    def _fallback(self, to: Owner, number: int, passed: list[str], without: Collection[str]) -> Routed | None:
        seat = self.find(to)
        if seat is not None and seat.ref in without:
            passed.append(f"rule {number}: the fallback {to} had it already")
            return None
        if seat is None or not seat.active:
            passed.append(f"rule {number}: the fallback {to} is not known there or not active")
            return None
        return Routed(seat.ref, seat.name, f"rule {number}: fallback {to}", None, tuple(passed), True)


def name_of(rule: Route) -> str:
    """What a round robin's position is kept under: its owners and weights, so that another list begins anew."""
    owners = ",".join(str(owner) for owner in rule.round_robin or ())
    weights = ",".join(str(weight) for weight in rule.weights or ())
    return f"{owners}|{weights}"


def sequence(weights: Sequence[int]) -> list[int]:
    """The turns of one round, spread evenly: weights 2 and 1 give 0, 1, 0."""
    total, standing, turns = sum(weights), [0] * len(weights), []
    for _ in range(total):
        for index, weight in enumerate(weights):
            standing[index] += weight
        best = max(range(len(weights)), key=lambda index: (standing[index], -index))
        standing[best] -= total
        turns.append(best)
    return turns
