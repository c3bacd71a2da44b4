"""Intervals: the figures that keep two teams from arguing over luck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.alignment.intervals import lift, share, wilson


def test_the_published_example_of_a_wilson_interval():
    # 81 of 263: Newcombe, "Two-sided confidence intervals for the single proportion" (1998), method 3: 0.2553 to 0.3662
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_nothing_of_a_few_is_not_never():
    # Newcombe (1998): 0 of 20 → 0 to 0.1611; 1 of 29 → 0.0061 to 0.1718
    assert wilson(0, 20) == (0.0, pytest.approx(0.1611, abs=5e-5))
    assert wilson(1, 29) == (pytest.approx(0.0061, abs=5e-5), pytest.approx(0.1718, abs=5e-5))


def test_no_cases_give_no_share():
    assert share(0, 0).value is None and wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_a_share(counted):
    hits, total = counted
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total <= high <= 1


def test_the_interval_shrinks_as_cases_grow():
    widths = [wilson(n * 3 // 10, n) for n in (10, 100, 1000)]
    assert [high - low for low, high in widths] == sorted((high - low for low, high in widths), reverse=True)


def test_a_lift_of_two_that_is_clear_and_one_that_is_luck():
    clear, luck = lift(200, 1000, 100, 1000), lift(2, 10, 1, 10)
    assert clear.value == pytest.approx(2.0) and clear.clear and not clear.small
    assert luck.value == pytest.approx(2.0) and not luck.clear and luck.small


def test_a_lift_without_hits_is_not_a_number():
    assert lift(0, 10, 1, 10).value is None and lift(3, 10, 0, 10).value is None
