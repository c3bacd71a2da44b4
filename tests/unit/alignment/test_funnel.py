"""The funnel: counted by hand on small histories, so that a wrong sum cannot hide."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from smarksync.alignment.funnel import RUNGS, Funnel, Journey, filled

DAY = 86_400_000_000


def journey(*days, source="web", won=0):
    """Reached lead, mql, … on those days; None = not reached."""
    reached = [None if day is None else day * DAY for day in days] + [None] * (len(RUNGS) - len(days))
    return Journey((source,), reached, Fraction(won))


def test_counts_conversion_and_velocity_of_three_leads():
    funnel = Funnel(("source",), 0, 30 * DAY)
    for one in (journey(1, 3), journey(2, 6, 7, 8, 10, 20, won=900), journey(5)):
        funnel.add(one)
    row = funnel.whole()
    assert row.counts == {"lead": 3, "mql": 2, "sal": 1, "sql": 1, "opportunity": 1, "customer": 1}
    assert (row.steps[0].conversion.hits, row.steps[0].conversion.total) == (2, 3)
    assert row.steps[0].median_seconds == 3 * 86400  # two and four days
    assert (row.overall.hits, row.overall.total, row.won) == (1, 3, 900)


def test_a_lead_of_the_period_that_buys_later_counts_as_converted_and_its_money_as_not_earned_yet():
    funnel = Funnel(("source",), 0, 10 * DAY)
    funnel.add(journey(1, 2, 3, 4, 5, 40, won=500))
    row = funnel.whole()
    assert row.counts["customer"] == 0 and row.won == 0
    assert row.overall.hits == 1 and row.steps[-1].conversion.hits == 1


def test_a_customer_of_the_period_who_became_a_lead_before_it():
    funnel = Funnel(("source",), 30 * DAY, 60 * DAY)
    funnel.add(journey(1, 2, 3, 4, 5, 40, won=500))
    row = funnel.whole()
    assert row.counts == {"lead": 0, "mql": 0, "sal": 0, "sql": 0, "opportunity": 0, "customer": 1}
    assert row.overall.value is None and row.won == 500


def test_months_count_what_was_reached_in_them():
    funnel = Funnel(("source",), 0, 60 * DAY, [0, 31 * DAY])
    for one in (journey(1, 33), journey(30, 31, 59), journey(31), journey(61)):
        funnel.add(one)
    assert [month[:3] for month in funnel.months] == [[2, 0, 0], [1, 2, 1]]


def test_groups_are_counted_apart_and_those_without_a_value_are_not_lost():
    funnel = Funnel(("source",), 0, 30 * DAY)
    for one in (journey(1, 2), journey(1), journey(1, source=None)):
        funnel.add(one)
    assert {row.value: row.counts["lead"] for row in funnel.rows("source")} == {"web": 2, None: 1}
    assert funnel.rows("source")[0].steps[0].conversion.value == 0.5


def test_rungs_that_were_jumped_over_were_reached_with_the_next_one():
    assert filled([1, None, None, 9, None, None]) == [1, 9, 9, 9, None, None]


def test_signals_out_of_order_never_give_a_negative_time():
    # entered late: the MQL move is older than the opportunity, but was told after it
    assert filled([6, 7, None, None, 5, None]) == [5, 5, 5, 5, 5, None]


@given(st.lists(st.none() | st.integers(0, 100), min_size=len(RUNGS), max_size=len(RUNGS)))
def test_reached_times_never_go_back(told):
    found = filled(told)
    times = [at for at in found if at is not None]
    assert times == sorted(times)
    gap = found.index(None) if None in found else len(found)
    assert all(at is None for at in found[gap:])
