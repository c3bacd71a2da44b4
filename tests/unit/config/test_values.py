"""Durations, shares, owners and hours: what they take, and what they say of the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from smarksync.config import values
from smarksync.config.problems import near, suggest


@pytest.mark.parametrize(
    ("parse", "text", "result"),
    [
        (values.parse_duration, "5 minutes", values.Duration(5, "minutes")),
        (values.parse_duration, "1 day", values.Duration(1, "days")),
        (values.parse_duration, "90s", values.Duration(90, "seconds")),
        (values.parse_duration, "5 business hours", values.Duration(5, "hours", True)),
        (values.parse_share, "60%", 0.6),
        (values.parse_share, "12.5 %", 0.125),
        (values.parse_share, 1, 1.0),
        (values.parse_owner, "Anna@Acme.example", values.Owner("email", "anna@acme.example")),
        (values.parse_owner, "queue:inbound", values.Owner("queue", "inbound")),
        (values.parse_owner_or_field, "account.owner", values.Owner("field", "account.owner")),
        (values.parse_days, "fri-mon", (4, 5, 6, 0)),
        (values.parse_days, "sat, sun", (5, 6)),
        (values.parse_hours, "13:00-17:00, 09:00-12:00", ((540, 720), (780, 1020))),
        (values.parse_hours, ["00:00-24:00"], ((0, 1440),)),
        (values.parse_holidays, "DE-BE", "DE-BE"),
        (values.parse_version, 3, "3"),
    ],
)
def test_taken(parse: Callable[[Any], Any], text: Any, result: Any) -> None:
    assert parse(text) == result


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (values.parse_duration, "five minutes"),
        (values.parse_duration, "-5 minutes"),
        (values.parse_duration, "5 business weeks"),
        (values.parse_duration, "999999 weeks"),
        (values.parse_duration, True),
        (values.parse_share, "160%"),
        (values.parse_share, -0.1),
        (values.parse_share, True),
        (values.parse_owner, "queue:"),
        (values.parse_owner, ["a@b.example"]),
        (values.parse_hours, "17:00-09:00"),
        (values.parse_hours, "09:00-12:00, 11:00-13:00"),
        (values.parse_hours, 9),
        (values.parse_days, "mon-wed, tue"),
        (values.parse_week, {"mon-fri": "09:00-17:00", "fri": "09:00-12:00"}),
        (values.parse_date, "2026-02-30"),
        (values.parse_time_zone, "../../etc/passwd"),
        (values.parse_time_zone, "a\0b"),
        (values.parse_holidays, "Germany"),
    ],
)
def test_refused(parse: Callable[[Any], Any], text: Any) -> None:
    with pytest.raises(PydanticCustomError):
        parse(text)


@given(st.integers(1, 999), st.sampled_from(["seconds", "minutes", "hours", "days", "weeks"]), st.booleans())
def test_a_duration_reads_back_what_it_prints(amount: int, unit: str, business: bool) -> None:
    one = values.Duration(amount, unit, business and unit in ("minutes", "hours", "days"))
    assert values.parse_duration(str(one)) == one


def test_business_time_has_no_plain_length() -> None:
    assert values.parse_duration("2 weeks").timedelta == timedelta(days=14)
    with pytest.raises(ValueError, match="only on a calendar"):
        _ = values.parse_duration("2 business days").timedelta


def test_the_nearest_name_is_found_across_case_and_dashes() -> None:
    assert near("Email-Opt-Out", ["email", "email_opt_out"]) == "email_opt_out"
    assert near("xyz", ["email"]) is None
    assert suggest("xyz", ["email", "phone"]) == "Known: `email`, `phone`."
    assert suggest("xyz", []) == "There are none."
