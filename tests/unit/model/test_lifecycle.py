"""Lifecycle: the default table move by move, jumps, and a merge that does not depend on who came first."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.model import Moves, journey
from smarksync.model.lifecycle import LADDER, VALUES, Edit, rung

MOVES = Moves.default()
#: Written from the reference page: (from, to) → who.
TABLE = {
    ("subscriber", "lead"): {"any"},
    **{(frm, "mql"): {"rule", "marketing"} for frm in ("subscriber", "lead", "recycled")},
    ("mql", "sal"): {"sales"},
    **{(frm, "sql"): {"sales"} for frm in ("mql", "sal")},
    ("sql", "opportunity"): {"sales"},
    **{("opportunity", to): {"sales"} for to in ("customer", "lost")},
    ("customer", "evangelist"): {"any"},
    **{(frm, "recycled"): {"sales", "rule"} for frm in ("mql", "sal", "sql")},
    **{(frm, "disqualified"): {"sales", "rule"} for frm in ("mql", "sal", "sql", "recycled", "lead")},
    ("disqualified", "recycled"): {"rule", "person"},
    ("lost", "recycled"): {"sales", "rule", "person"},
}
ROLES = ("marketing", "sales", "rule", "person")
edits = st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(VALUES)), max_size=4)
value = st.one_of(st.none(), st.sampled_from(VALUES))


@pytest.mark.parametrize("who", ["marketing", "rule", "person", "other"])
def test_the_default_table_for_all_but_sales(who):
    for frm, to in itertools.permutations(VALUES, 2):
        allowed = TABLE.get((frm, to), set())
        assert MOVES.legal(frm, to, who) == (who in allowed or "any" in allowed), (frm, to, who)


def test_sales_may_jump_over_rungs_to_where_sales_may_go():
    legal = {(frm, to) for frm, to in itertools.permutations(VALUES, 2) if MOVES.legal(frm, to, "sales")}
    table = {pair for pair, who in TABLE.items() if who & {"sales", "any"}}
    jumps = {
        (frm, to)
        for frm, to in itertools.combinations(LADDER, 2)
        if to in ("sal", "sql", "opportunity", "customer", "evangelist")
    }
    lost = {(frm, "lost") for frm in LADDER[: LADDER.index("opportunity") + 1]}
    assert legal == table | jumps | lost


def test_a_jump_fills_the_rungs_between():
    assert MOVES.skipped("mql", "opportunity") == ("sal", "sql")
    assert MOVES.skipped("sql", "lost") == ("opportunity",)
    assert MOVES.skipped("opportunity", "lost") == ()
    assert MOVES.skipped("mql", "sal") == ()
    assert MOVES.skipped("recycled", "mql") == ()
    assert MOVES.skipped("customer", "recycled") == ()


def test_one_legal_move_stands_and_an_illegal_one_is_reported():
    assert MOVES.merge("lead", [("marketing", "mql")], False)[0] == "mql"
    value, report = MOVES.merge("customer", [("marketing", "lead")], True)
    assert value == "customer"
    assert report.illegal == (Edit("marketing", "lead"),) and report.by is None


def test_sales_stands_once_offered_and_the_higher_rung_before():
    both = [("marketing", "mql"), ("sales", "disqualified")]
    assert MOVES.merge("lead", both, offered=False)[0] == "mql"
    value, report = MOVES.merge("lead", both, offered=True)
    assert value == "disqualified"
    assert report.by == "sales" and report.beaten == (Edit("marketing", "mql"),)


def test_a_first_value_is_filled_in():
    assert MOVES.merge(None, [("marketing", "customer")], False)[0] == "customer"


def test_no_move_at_all():
    value, report = MOVES.merge("mql", [("sales", "mql")], True)
    assert value == "mql" and report == type(report)()


@given(value, edits, st.booleans())
def test_merge_does_not_depend_on_order_and_invents_nothing(agreed, wanted, offered):
    results = {MOVES.merge(agreed, order, offered) for order in itertools.permutations(wanted)}
    ((result, report),) = results
    assert result == agreed or result in {to for _, to in wanted}
    if result != agreed:
        assert MOVES.legal(agreed, result, report.by)
    assert set(report.illegal) == {
        Edit(who, to) for who, to in wanted if to != agreed and not MOVES.legal(agreed, to, who)
    }
    assert MOVES.merge(result, wanted if result == agreed else [], offered)[0] == result


def test_moves_from_config():
    moves = Moves.from_config(
        [
            {"from": ["subscriber", "lead"], "to": "mql", "who": ["marketing"], "back": True},
            {"from": "mql", "to": "customer", "who": "sales"},
            {"from": "any", "to": "recycled"},
        ]
    )
    assert moves.legal("lead", "mql", "marketing")
    assert moves.legal("mql", "lead", "marketing")
    assert not moves.legal("mql", "lead", "sales")
    assert moves.legal("customer", "recycled", "person")
    assert moves.legal("lead", "customer", "sales")  # a jump over mql
    assert not moves.legal("lead", "sql", "sales")


@pytest.mark.parametrize(
    ("move", "says"),
    [
        ({"from": "lead", "to": "mqll", "who": "rule"}, "mqll is not among"),
        ({"from": "lead", "to": "mql", "who": "boss"}, "boss is not among"),
        ({"from": "lead"}, "a lifecycle move is"),
        ({"from": "lead", "to": [], "who": "rule"}, "nothing is not among"),
        ({"from": "lead", "to": "mql", "back": "yes"}, "`back` is true or false"),
    ],
)
def test_a_wrong_move_says_why(move, says):
    with pytest.raises(ValueError, match=says):
        Moves.from_config([move])


def test_rungs_and_journey():
    assert [rung(one) for one in ("subscriber", "evangelist", "lost", None)] == [0, 7, -1, -1]
    assert journey.position("decision_late") == 5 and journey.position(None) is None
    assert journey.phase("consideration_early") == "consideration" and journey.phase(None) is None
    assert [one for one in journey.STAGES if journey.ready_for_sales(one)] == list(journey.STAGES[3:])
    assert not journey.ready_for_sales(None)
