"""Attribution: the parts of a sale add up to the sale, and each model shares it as its printed formula says."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.alignment.attribution import MODELS, UNTOUCHED, Sale, Touch, attribute

A, B, C, D, E = (Touch(at, name) for at, name in enumerate("abcde", start=1))


def earned(model, *touches, lead_at=None, opportunity_at=None):
    found = attribute(model, [Sale(Fraction(100), touches, lead_at, opportunity_at)])
    return {name: round(float(credit.amount), 2) for name, credit in found.items()}


@pytest.mark.parametrize(
    ("model", "touches", "wanted"),
    [
        ("first", (A, B, C), {"a": 100}),
        ("last", (A, B, C), {"c": 100}),
        ("linear", (A, B, C, D), {"a": 25, "b": 25, "c": 25, "d": 25}),
        ("u_shaped", (A, B, C, D), {"a": 40, "d": 40, "b": 10, "c": 10}),
        ("u_shaped", (A, B), {"a": 50, "b": 50}),
        ("u_shaped", (A,), {"a": 100}),
    ],
)
def test_models_that_only_look_at_the_order(model, touches, wanted):
    assert earned(model, *touches) == wanted


def test_w_shape_with_every_turning_point():
    assert earned("w_shaped", A, B, C, D, E, lead_at=2, opportunity_at=4) == {"a": 30, "b": 30, "d": 30, "c": 5, "e": 5}


def test_w_shape_with_three_touches_has_no_others_to_share_with():
    assert earned("w_shaped", A, B, C, lead_at=2, opportunity_at=3) == {"a": 33.33, "b": 33.33, "c": 33.33}


def test_w_shape_whose_lead_came_with_the_first_touch():
    # 30 % without a touch of its own: 10 % more for each of the three parts that are there
    assert earned("w_shaped", A, B, C, D, lead_at=1, opportunity_at=3) == {"a": 40, "c": 40, "b": 10, "d": 10}


def test_w_shape_when_nothing_but_the_touches_is_known():
    assert earned("w_shaped", A, B, C) == {"a": 60, "b": 20, "c": 20}


def test_touches_may_come_in_any_order():
    assert earned("first", C, A, B) == {"a": 100}


def test_a_sale_without_touches_is_not_hidden():
    assert earned("linear") == {UNTOUCHED: 100}


@given(
    st.sampled_from(sorted(MODELS)),
    st.lists(st.builds(Touch, st.integers(0, 50), st.sampled_from("abcd")), max_size=8),
    st.none() | st.integers(0, 60),
    st.none() | st.integers(0, 60),
    st.fractions(min_value=0, max_value=10**6),
)
def test_the_parts_add_up_to_the_sale(model, touches, lead_at, opportunity_at, amount):
    found = attribute(model, [Sale(amount, touches, lead_at, opportunity_at)])
    assert sum(credit.amount for credit in found.values()) == amount
    assert sum(credit.sales for credit in found.values()) == 1
    assert all(credit.amount >= 0 for credit in found.values())
