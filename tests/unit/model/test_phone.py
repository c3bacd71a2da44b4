"""Phones: the fast way says what the library says for every calling code; what does not parse stays as text."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.model import ENTITIES, ValueProblem, equal, normalise, phone_parsed
from smarksync.model.phone import is_e164, parse_phone, slow_phone

FIELD = ENTITIES["lead"].fields["phone"]
codes = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
regions = st.sampled_from([None, "DE", "US", "GB", "AR", "MX", "IT", "BR", "AQ"])
numbers = st.builds(lambda code, national: f"+{code}{national}", codes, st.text("0123456789", min_size=3, max_size=14))
messy = st.text("+0123456789 ()-/.x;ext=abc", max_size=24)


@given(numbers, regions)
def test_fast_is_slow(number, region):
    assert parse_phone(number, region) == slow_phone(number, region)


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
def test_the_fast_way_is_taken_and_right_for_every_calling_code(code):
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
    example = (
        phonenumbers.example_number_for_non_geo_entity(code)
        if region == "001"
        else phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        or phonenumbers.example_number(region)
    )
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert slow_phone(number) == number
    taken = 0
    plan = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    for length in plan.general_desc.possible_length:
        for start in {*"0123456789", "00", "15", plan.national_prefix or "0", (plan.national_prefix or "0") + "15"}:
            one = f"+{code}{(start + '234567890123456')[:length]}"
            if is_e164(one):
                taken += 1
                assert slow_phone(one) == one
    assert taken > 5


@given(st.one_of(numbers, messy), regions, regions)
def test_a_canonical_phone_stays_whatever_the_country(text, region, other):
    result = parse_phone(text, region)
    if result is not None:
        assert parse_phone(result, region) == result
        if phone_parsed(result):
            assert parse_phone(result, other) == result


@pytest.mark.parametrize(
    ("given", "country", "canonical"),
    [
        ("030 123456", "DE", "+4930123456"),
        ("030 123456", None, "030 123456"),
        ("+49 (0)30 123456", None, "+4930123456"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("(415) 555-0100", "US", "+14155550100"),
        ("+44 20 7946 0018 ext. 12", "DE", "+442079460018;ext=12"),
        ("+39 06 1234 5678", None, "+390612345678"),  # Italy keeps its zero
        ("tel:+49-30-123456", None, "+4930123456"),
        ("+1-800-FLOWERS", None, "+1-800-FLOWERS"),
        ("0171 1234567 Ada", "DE", "0171 1234567 Ada"),  # a name is not dialled
        ("020 7946 0999", "CZ", "020 7946 0999"),  # a number of London, whatever the record's country says
        ("(0)30 1234567", "GB", "(0)30 1234567"),
        ("020 7946 0999", "GB", "+442079460999"),
        ("555-0100", "US", "555-0100"),  # only dialable next door: not E.164
        ("030 123456 / x 0171", "DE", "030 123456 / x 0171"),  # two numbers are not one
        ("  ask reception ", "DE", "ask reception"),
        (4930123456, "DE", "+4930123456"),
        ("", "DE", None),
        (None, "DE", None),
    ],
)
def test_canonical_form(given, country, canonical):
    assert normalise(FIELD, given, country=country) == canonical


def test_parsed_is_told_apart():
    assert phone_parsed("+4930123456")
    assert phone_parsed("+442079460018;ext=12")
    assert not phone_parsed("+999123456")  # no such calling code
    assert not phone_parsed("030 123456")
    assert not phone_parsed(None)


def test_same_number_or_same_digits():
    assert equal(FIELD, "+4930123456", "4930123456")
    assert equal(FIELD, "(0) 30 12", "030-12")
    assert not equal(FIELD, "+442079460018;ext=12", "+44207946001812")
    assert not equal(FIELD, "ask reception", "ask Ada")
    assert equal(FIELD, "ask", "ask")


def test_what_is_no_text_is_a_problem():
    for wrong in (True, 4.5, ["030"]):
        with pytest.raises(ValueProblem, match="phone number is text"):
            normalise(FIELD, wrong)
