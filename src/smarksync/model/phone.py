"""Phone numbers: E.164 where they parse, otherwise the text as given.

An international number counts as parsed when its length is possible for its country: not merely dialable digits, and
not a check against today's numbering plan, which changes more often than people's records. A number without a country
code must be one of the country that is assumed for it: else the country is wrong, and so would be the number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .values import wrong_type

_PLUS_DIGITS = re.compile(r"\+[1-9][0-9]{6,16}").fullmatch
_CANONICAL = re.compile(r"(\+[1-9][0-9]{3,16})(?:;ext=([0-9]+))?").fullmatch

#: What the first three digits of a number say: (where the national number starts, prefix matcher, lengths);
#: None when they start with no calling code. Filled from the library as codes turn up.
_Plan = tuple[int, Callable[[str], "re.Match[str] | None"] | None, frozenset[int]]
_PLANS: dict[str, _Plan | None] = {}


def parse_phone(value: Any, country: str | None = None) -> str | None:
    """E.164 (``;ext=`` kept) when it parses with ``country`` (ISO alpha-2), else the text; None for null, blank.

    Raises ValueProblem SMK-VALUE-TYPE for what is neither text nor a whole number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise wrong_type("a phone number is text")
    text = value if isinstance(value, str) else str(value)
    return text if is_e164(text) else slow_phone(text, country)


def phone_parsed(wire: str | None) -> bool:
    """True when a canonical phone is E.164, false when it is text that nobody could read as a number."""
    if not wire or not _CANONICAL(wire):
        return False
    return is_e164(wire) or _library(wire, None) == wire


def phone_key(wire: str) -> tuple[str, str]:
    """What makes two phones the same: digits of number and extension; text without digits counts as it is."""
    match = _CANONICAL(wire)
    if match:
        return match[1][1:], match[2] or ""
    digits = "".join(char for char in wire if char.isdigit())
    return (digits, "") if digits else (wire, "text")


def same_phone(a: str, b: str) -> bool:
    """Same E.164, else same digits."""
    if a == b:
        return True
    if a[:1] == b[:1] == "+" and a[1:].isdigit() and b[1:].isdigit():
        return False  # nothing but digits, and others
    return phone_key(a) == phone_key(b)


def is_e164(text: str) -> bool:
    """True when ``text`` is E.164 already, by rules that make the library give the same text back.

    The library changes such a number only by stripping a national prefix, and refuses it only for its length
    (tests/unit/model/test_phone.py compares the two for every calling code).
    """
    if not _PLUS_DIGITS(text):
        return False
    start = text[1:4]
    plan = _PLANS[start] if start in _PLANS else _plan(start)
    if plan is None:
        return False
    skip, prefix, lengths = plan
    national = text[skip:]
    if len(national) not in lengths:
        return False
    if prefix is None:
        return True
    match = prefix(national)
    return match is None or (match.end() == 0 and match.lastindex is None)


def _plan(start: str) -> _Plan | None:
    import phonenumbers

    plan: _Plan | None = None
    for size in (1, 2, 3):
        code = int(start[:size])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
            found = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            assert found is not None and found.general_desc is not None  # the library has it for every code it lists
            general = found.general_desc
            prefix = found.national_prefix_for_parsing
            lengths = frozenset(general.possible_length) - frozenset(general.possible_length_local_only)
            plan = (size + 1, re.compile(prefix).match if prefix else None, lengths)
            break
    _PLANS[start] = plan
    return plan


@lru_cache(maxsize=1 << 14)
def slow_phone(text: str, country: str | None = None) -> str | None:
    """The same by phonenumbers; None for blank."""
    text = text.strip()
    return (_library(text, country) or text) if text else None


def _library(text: str, country: str | None) -> str | None:
    """E.164 as the library reads it, or None."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    assumed = number.country_code_source == phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
    if assumed and not phonenumbers.is_valid_number(number):
        return None
    # The library looks for *a* number in the text: it drops what follows ("030 123456 / x 0171") and dials letters
    # ("0171 1234567 Ada"). A value is one number or it is text: its last digits must be the number's.
    tail = (phonenumbers.national_significant_number(number) + (number.extension or ""))[-4:]
    if not phonenumbers.normalize_digits_only(text).endswith(tail):
        return None
    result: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not is_e164(result):
        again = phonenumbers.parse(result, None)
        if phonenumbers.format_number(again, phonenumbers.PhoneNumberFormat.E164) != result:
            return None  # a number that is not its own canonical form would change at every reading
    return f"{result};ext={number.extension}" if number.extension else result
