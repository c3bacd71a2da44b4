"""Cases come to the same state whatever the order in which their signals arrive, and no MQL is lost on the way."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from smarksync.alignment import handoff
from smarksync.alignment.handoff import Signal
from smarksync.ledger.cases import Move

NOW = 1_000_000


def begun(cid: int = 1, *, eid: int = 7, offered: int | None = 100) -> list[Move]:
    """A case that qualified at 10, and was offered."""
    moves = [handoff.opened(cid=cid, job="handoff", eid=eid, product="", cycle=1, definition="mql@1", at=10, run="r", body={"score": 80})]  # fmt: skip
    if offered is not None:
        moves += handoff.advance(
            moves, [Signal("offered", offered, "rule", "r", None, {"owner": "ann"})], entered_at=offered, run="r"
        )
    return moves


def told(moves: list[Move], *signals: Signal, entered_at: int = NOW) -> list[Move]:
    return moves + handoff.advance(moves, signals, entered_at=entered_at, run="r")


def sales(state: str, at: int, reason: str | None = None) -> Signal:
    return Signal(state, at, "sales", "crm:leads:1", reason)


def states(moves: list[Move]) -> list[tuple[str, int, bool]]:
    return [(m.state, m.at, m.skipped) for m in handoff.in_order(moves)]


def test_a_case_is_what_its_moves_say() -> None:
    case = handoff.replay(told(begun(), sales("accepted", 200), sales("working", 300)))
    assert (case.state, case.opened_at, case.offered_at, case.owner, case.revision) == ("working", 10, 100, "ann", 4)
    assert case.body["at"] == {"qualified": 10, "offered": 100, "accepted": 200, "working": 300}
    assert case.open and case.body["score"] == 80


def test_a_jump_fills_the_rungs_with_the_same_time() -> None:
    moves = told(begun(), sales("sql", 500))
    assert states(moves)[2:] == [("accepted", 500, True), ("working", 500, True), ("sql", 500, False)]
    assert handoff.replay(moves).state == "sql"


def test_the_same_signal_twice_is_one_move() -> None:
    moves = told(begun(), sales("accepted", 200))
    assert handoff.advance(moves, [sales("accepted", 200), sales("accepted", 260)], entered_at=NOW, run="r") == []


def test_a_late_signal_is_entered_with_its_own_time() -> None:
    moves = told(begun(), sales("sql", 500))
    late = handoff.advance(moves, [sales("accepted", 250)], entered_at=NOW, run="r2")
    assert [(m.state, m.at, m.entered_at, m.skipped) for m in late] == [("accepted", 250, NOW, False)]
    case = handoff.replay(moves + late)
    assert case.state == "sql" and case.body["at"]["accepted"] == 250


def test_a_signal_from_the_future_is_entered_now_and_one_from_before_the_offer_counts_from_it() -> None:
    assert states(told(begun(), sales("accepted", NOW * 9)))[-1] == ("accepted", NOW, False)
    assert states(told(begun(), sales("accepted", 50)))[-1] == ("accepted", 100, False)


def test_rejecting_closes_and_keeps_the_reason() -> None:
    case = handoff.replay(told(begun(), sales("rejected", 400, "no_budget")))
    assert (case.state, case.closed_at, case.body["reason"]) == ("rejected", 400, "no_budget")
    assert (
        handoff.advance(told(begun(), sales("rejected", 400)), [sales("accepted", 500)], entered_at=NOW, run="r") == []
    )


def test_recycled_without_being_accepted_was_rejected() -> None:
    moves = told(begun(), sales("recycled", 400, "bad_timing"))
    assert states(moves)[2:] == [("rejected", 400, True), ("recycled", 400, False)]
    case = handoff.replay(moves)
    assert case.state == "recycled" and handoff.standing(case) == "rejected"


def test_recycled_after_it_was_accepted_counts_as_accepted() -> None:
    case = handoff.replay(told(begun(), sales("accepted", 200), sales("recycled", 400, "bad_timing")))
    assert (case.state, handoff.standing(case)) == ("recycled", "accepted")


def test_a_lost_sale_that_reopens_takes_its_case_up_again() -> None:
    moves = told(begun(), sales("opportunity", 300), sales("lost", 400, "price"))
    assert handoff.replay(moves).state == "lost"
    moves = told(moves, sales("opportunity", 500))
    case = handoff.replay(moves)
    assert (case.state, case.closed_at) == ("opportunity", None)
    moves = told(moves, sales("won", 600))
    assert handoff.replay(moves).state == "won"
    moves = told(moves, sales("opportunity", 700))
    assert handoff.replay(told(moves, sales("won", 800))).closed_at == 800


def test_of_two_leads_that_are_one_the_earlier_offered_goes_on() -> None:
    early, late = begun(1, eid=7, offered=100), begun(2, eid=8, offered=90)
    a, b = handoff.merged(early, late, eid=7, at=600, run="r")
    case, other = handoff.replay(early + a), handoff.replay(late + b)
    assert (case.state, case.into_cid, other.state, other.offered_at, other.eid) == ("merged", 2, "offered", 90, 7)
    waiting = begun(3, eid=9, offered=None)
    a, b = handoff.merged(waiting, early, eid=7, at=600, run="r")
    assert handoff.replay(waiting + a).state == "merged", "one that was never offered gives way"


SIGNALS = st.lists(
    st.tuples(
        st.sampled_from(["accepted", "working", "sql", "opportunity", "won", "lost", "rejected", "recycled"]),
        st.integers(0, 2_000), st.just("sales"), st.just("crm:leads:1"),
    ).map(lambda parts: Signal(*parts)), max_size=6,
)  # fmt: skip


@given(SIGNALS)
def test_order_of_stored_moves_does_not_matter(signals: list[Signal]) -> None:
    moves = begun()
    for signal in signals:
        moves += handoff.advance(moves, [signal], entered_at=NOW, run="r")
    stored = [move._replace(mid=n) for n, move in enumerate(moves, 1)]
    assert handoff.replay(stored) == handoff.replay(stored[::-1])
    case = handoff.replay(stored)
    assert case.open == (case.state in ("qualified", "offered", "accepted", "working", "sql", "opportunity"))


@given(st.lists(SIGNALS, max_size=5), st.sets(st.integers(1, 5)))
def test_every_offered_lead_is_accounted_for_once(histories: list[list[Signal]], missing: set[int]) -> None:
    found = [handoff.replay(told(begun(n), *history)) for n, history in enumerate(histories, 1)]
    counts = handoff.conserved(found, missing)
    assert counts.pop("offered") == sum(counts.values()) == len(found)


def test_arrival_in_any_order_comes_to_the_same_state() -> None:
    signals = [sales("accepted", 200), sales("working", 300), sales("sql", 400), sales("opportunity", 500)]
    for order in permutations(signals):
        moves = begun()
        for signal in order:
            moves += handoff.advance(moves, [signal], entered_at=NOW, run="r")
        case = handoff.replay(moves)
        assert case.state == "opportunity"
        assert case.body["at"] == {
            "qualified": 10,
            "offered": 100,
            "accepted": 200,
            "working": 300,
            "sql": 400,
            "opportunity": 500,
        }
