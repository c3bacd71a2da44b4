"""A lead goes to somebody who is there and has room, turns are spread by weight, and nobody is passed over in silence."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smarksync.alignment.route import Desk, Seat, name_of, sequence
from smarksync.config import Expression
from smarksync.config.agreement import Route
from smarksync.config.compiler import Scope
from smarksync.config.values import Owner
from smarksync.model import schema

SEATS = {
    "anna@acme.example": Seat("A", "Anna", True),
    "ben@acme.example": Seat("B", "Ben", True),
    "cem@acme.example": Seat("C", "Cem", False),
}
QUEUE = Seat("Q", "inbound", True)


def rule(**keys: Any) -> Route:
    one = Route.model_validate({"when": "true", **keys} if "fallback" not in keys else keys)
    if isinstance(one.when, Expression):
        one.when.compile(Scope(schema=schema()))
    return one


def desk(*rules: Route, load: dict[str, int] | None = None, positions: dict[str, int] | None = None) -> Desk:
    return Desk(rules, lambda owner: QUEUE if owner.kind == "queue" else SEATS.get(owner.name),
                {s.ref: s for s in SEATS.values()}.get, load or {}, positions or {})  # fmt: skip


SCOPE: dict[str, Any] = {
    "lead": {"country": "DE"},
    "account": None,
    "activities": (),
    "definitions": {},
    "persona": None,
}


def test_turns_go_on_where_they_stood() -> None:
    robin = rule(round_robin=["anna@acme.example", "ben@acme.example"], weights=[2, 1])
    first = desk(robin)
    assert [first.route(SCOPE).owner for _ in range(6)] == ["A", "B", "A", "A", "B", "A"]
    later = desk(robin, positions={name_of(robin): 4})
    assert later.route(SCOPE).owner == "B"


def test_whoever_is_away_or_full_is_told() -> None:
    robin = rule(round_robin=["cem@acme.example", "anna@acme.example", "dora@acme.example"], capacity=2)
    found = desk(robin, load={"A": 1}).route(SCOPE)
    assert found.owner == "A" and found.turn == (name_of(robin), 2)
    assert found.passed == ("rule 1: cem@acme.example is not active",)
    full = desk(robin, rule(fallback="queue:inbound"), load={"A": 2}).route(SCOPE)
    assert (full.owner, full.fallback) == ("Q", True)
    assert "rule 1: anna@acme.example has 2 open cases, and room for 2" in full.passed
    assert "rule 1: dora@acme.example is not known there" in full.passed


def test_the_owner_of_the_account_comes_first_when_there_is_one() -> None:
    rules = (rule(to="account.owner"), rule(to="anna@acme.example"))
    assert desk(*rules).route({**SCOPE, "account": {"owner": "B"}}).owner == "B"
    assert desk(*rules).route({**SCOPE, "account": {"owner": "C"}}).passed == (
        "rule 1: account.owner (Cem) is not active",
    )
    assert desk(*rules).route(SCOPE).owner == "A"


def test_without_anybody_nobody_is_invented() -> None:
    found = desk(rule(to="cem@acme.example")).route(SCOPE)
    assert (found.owner, found.how) == (None, "no rule gives an owner")
    assert desk().route(SCOPE).how == "there are no routing rules"


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_a_round_is_fair_and_never_far_from_its_weights(weights: list[int]) -> None:
    turns = sequence(weights)
    total = sum(weights)
    assert [turns.count(n) for n in range(len(weights))] == weights
    for length in range(1, total + 1):
        for n, weight in enumerate(weights):
            assert abs(turns[:length].count(n) - weight * length / total) < 2


def test_who_had_it_is_left_out_whatever_the_rule_and_told() -> None:
    rules = (
        rule(to="ben@acme.example"),
        rule(round_robin=["anna@acme.example", "ben@acme.example"]),
        rule(fallback="queue:inbound"),
    )
    assert desk(*rules).route(SCOPE, {"B"}).owner == "A"
    last = desk(*rules).route(SCOPE, {"A", "B"})
    assert (last.owner, last.fallback) == ("Q", True)
    assert (
        "rule 1: ben@acme.example had it already" in last.passed
        and "rule 2: anna@acme.example had it already" in last.passed
    )
    none = desk(*rules).route(SCOPE, {"A", "B", "Q"})
    assert none.owner is None and "rule 3: the fallback queue:inbound had it already" in none.passed


def test_an_owner_by_name_gets_it_when_active_and_new_to_it() -> None:
    one = desk()
    anna, cem = (Owner("email", f"{name}@acme.example") for name in ("anna", "cem"))
    assert one.give(anna).owner == "A" and one.load["A"] == 1
    one.leave("A")
    assert one.load["A"] == 0 and one.give(anna, {"A"}).owner is None
    assert one.give(cem).passed == ("cem@acme.example is not active",)
