"""Every type: normalising settles at once, equality is an equivalence, and the five empties stay five things."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.model import (
    ABSENT,
    ENTITIES,
    ValueProblem,
    blank,
    converter,
    equal,
    make_field,
    normalise,
    python_value,
)
from smarksync.model.scalars import parse_decimal, parse_instant, slow_decimal, slow_instant

LEAD, ACCOUNT = ENTITIES["lead"].fields, ENTITIES["account"].fields
FIELDS = {
    "text": make_field("t", "text(80)"),
    "email": make_field("e", "email"),
    "phone": make_field("p", "phone"),
    "url": make_field("u", "url"),
    "country": make_field("c", "country"),
    "bool": make_field("b", "bool"),
    "int": make_field("i", "int"),
    "decimal": make_field("d", "decimal(2)"),
    "money": make_field("m", "money"),
    "date": make_field("day", "date"),
    "instant": make_field("at", "instant"),
    "enum": make_field("k", "enum(new, working, won)"),
    "open enum": make_field("o", "open enum(new, working)"),
    "set": make_field("s", "set(text)"),
    "set(email)": make_field("se", "set(email)"),
    "set(ref)": make_field("sr", "set(ref(lead))"),
    "set(enum)": make_field("sw", "set(enum)", ("gold", "silver")),
    "set(open enum)": make_field("so", "set(open enum)", ("gold",)),
    "int 0–100": make_field("ib", "int", bounds=(0, 100)),
    "ref": make_field("r", "ref(lead)"),
    "domain": ACCOUNT["domain"],
}
raw = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.decimals(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30))])),
    st.lists(st.text("ab ;é", max_size=3), max_size=3),
    st.tuples(st.decimals(allow_nan=False), st.sampled_from(["EUR", "usd", None, "x"])),
    st.sampled_from(
        ["new", "a;b", "HTTP://Acme.com/", "Acme.com/X", "2026-11-22", "2026-11-22T00:07:44+01:00", "1e3", "1,000",
         "-0", "true", "No", "Germany", "+49 30 123456", "Ada@Acme.com", "\u0041\u030a", " x ", "\ud800", "\x00",
         "www.acme.co.uk"]
    ),
)  # fmt: skip


@pytest.mark.parametrize("kind", FIELDS)
@given(value=raw)
def test_normalising_settles_at_once_and_gives_json(kind, value):
    try:
        wire = normalise(FIELDS[kind], value, country="DE", currency="EUR")
    except ValueProblem as problem:
        if problem.code not in ("SMK-VALUE-TYPE", "SMK-VALUE-UNKNOWN"):
            raise
        return
    assert normalise(FIELDS[kind], wire, country="DE", currency="EUR") == wire
    assert json.loads(json.dumps(wire)) == wire
    assert equal(FIELDS[kind], wire, wire)
    python_value(FIELDS[kind], wire)


@given(
    st.one_of(
        st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        st.from_regex(
            r"[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,7})?(Z|\+0000)",
            fullmatch=True,
        ),
    )
)
def test_times_the_fast_way_are_times(text):
    def outcome(parse):
        try:
            return parse(text)
        except ValueProblem as problem:
            return problem.code

    assert outcome(parse_instant) == outcome(slow_instant)


@given(st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{0,4})?", fullmatch=True))
def test_decimals_the_fast_way_are_decimals(text):
    assert parse_decimal(text) == slow_decimal(text)


few = {
    "phone": st.sampled_from(["+4930123456", "4930123456", "49 30 123456", "+4930123456;ext=1", "49301234561", "x"]),
    "instant": st.sampled_from([f"2026-11-22T00:00:0{a}.{b}Z" for a in "01" for b in ("000000", "000001", "999999")]),
    "set": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
    "money": st.sampled_from([["10", "EUR"], ["10", None], ["10", "USD"], ["1", "EUR"]]),
    "text": st.sampled_from(["", "a", "A"]),
    "int": st.sampled_from([0, 1]),
    "bool": st.booleans(),
}  # fmt: skip


@pytest.mark.parametrize("kind", few)
@given(
    data=st.data(),
    resolution=st.sampled_from([None, timedelta(seconds=1), timedelta(milliseconds=1), timedelta(seconds=60)]),
)
def test_equality_is_an_equivalence(kind, data, resolution):
    a, b, c = (data.draw(st.one_of(st.none(), few[kind])) for _ in range(3))
    field = FIELDS[kind]

    def same(x, y):
        return equal(field, x, y, resolution=resolution)

    assert same(a, a)
    assert same(a, b) == same(b, a)
    if same(a, b) and same(b, c):
        assert same(a, c)
    assert same(a, None) == (a is None)


EMPTIES = {"absent": ABSENT, "null": None, "text": "", "zero": 0, "false": False, "set": []}


def test_the_empties_are_all_different():
    as_json = {name: json.dumps(value) for name, value in EMPTIES.items() if value is not ABSENT}
    assert len(set(as_json.values())) == len(as_json)
    assert {name for name, value in EMPTIES.items() if value is not ABSENT and blank(value)} == {"null", "text", "set"}
    assert not blank(ABSENT)
    for kind, empty in (("text", ""), ("int", 0), ("bool", False), ("set", [])):
        assert normalise(FIELDS[kind], empty) == empty and normalise(FIELDS[kind], empty) is not None
        assert normalise(FIELDS[kind], None) is None
        assert not equal(FIELDS[kind], empty, None)


def test_absent_is_not_a_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(ABSENT)
    with pytest.raises(TypeError, match="not compared"):
        equal(FIELDS["text"], ABSENT, None)
    with pytest.raises(ValueProblem):
        normalise(FIELDS["text"], ABSENT)
    assert copy.deepcopy(ABSENT) is ABSENT and pickle.loads(pickle.dumps(ABSENT)) is ABSENT
    assert repr(ABSENT) == "ABSENT"


@pytest.mark.parametrize(
    ("kind", "given", "wire"),
    [
        ("text", "  A\u030a  ", "Å"),
        ("text", 10115, "10115"),
        ("text", 1.50, "1.5"),
        ("bool", "Yes", True),
        ("bool", "0", False),
        ("bool", 1, True),
        ("bool", "", None),
        ("int", "41.0", 41),
        ("int", 41.0, 41),
        ("decimal", "10.00", "10"),
        ("decimal", Decimal("1E+3"), "1000"),
        ("decimal", "-0.0", "0"),
        ("decimal", 0.1, "0.1"),
        ("money", "1000.50", ["1000.5", None]),
        ("money", (5, "usd"), ["5", "USD"]),
        ("money", {"amount": "5", "currency": None}, ["5", None]),
        ("money", (None, "EUR"), None),
        ("date", datetime(2026, 11, 22, 23, 59, tzinfo=UTC), "2026-11-22"),
        ("date", "2026-11-22T00:00:00Z", "2026-11-22"),
        ("date", date(2026, 11, 22), "2026-11-22"),
        ("instant", "2026-11-22T00:07:44+0100", "2026-11-21T23:07:44.000000Z"),
        ("instant", "2026-11-22T00:07:44.1234567Z", "2026-11-22T00:07:44.123456Z"),
        ("instant", "2026-11-22 00:07 UTC", "2026-11-22T00:07:00.000000Z"),
        ("instant", datetime(2026, 11, 22, 1, tzinfo=timezone(timedelta(hours=1))), "2026-11-22T00:00:00.000000Z"),
        ("instant", datetime(99, 1, 1, tzinfo=UTC), "0099-01-01T00:00:00.000000Z"),
        ("url", "HTTPS://Acme.COM/", "https://acme.com"),
        ("url", "https://ACME.com/Path/", "https://acme.com/Path/"),
        ("url", "Acme.COM", "acme.com"),
        ("url", "n/a", "n/a"),
        ("set", "b;a; b;", ["a", "b"]),
        ("set", "", []),
        ("set", ("b", None, "a", " a"), ["a", "b"]),
        ("set(email)", ["B@x.com", "a@x.com"], ["a@x.com", "b@x.com"]),
        ("set(enum)", "silver; gold;silver", ["gold", "silver"]),
        ("set(open enum)", ["tin", "gold"], ["gold", "tin"]),
        ("int 0–100", "100", 100),
        ("int 0–100", 0.0, 0),
        ("open enum", " anything ", "anything"),
        ("enum", "", None),
        ("domain", "https://www.Acme.co.uk/en", "acme.co.uk"),
        ("domain", "gmail.com", None),
        ("domain", "Bücher.de", "xn--bcher-kva.de"),
    ],
)
def test_wire_form(kind, given, wire):
    result = normalise(FIELDS[kind], given)
    assert result == wire and type(result) is type(wire)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("text", {"a": 1}), ("text", True), ("text", "\ud800"), ("bool", "maybe"), ("bool", 2), ("int", "4.5"),
        ("int", True), ("int", "four"), ("decimal", "1,000"), ("decimal", float("nan")), ("decimal", "1e999999999"),
        ("money", (1, 2, 3)), ("money", (1, "EURO")), ("money", {"value": 1}), ("date", "22.11.2026"),
        ("date", "2026-02-30"), ("instant", "2026-11-22T00:07:44"), ("instant", "2026-11-22"), ("instant", 1763769600),
        ("instant", datetime(2026, 1, 1)), ("instant", "2026-13-22T00:07:44Z"), ("instant", "2026-02-30T00:07:44Z"),
        ("set", 5), ("url", 5), ("int 0–100", 101), ("int 0–100", "-1"), ("int 0–100", 4.5), ("int 0–100", 2**63),
        ("country", 49), ("domain", "co.uk"), ("domain", "localhost"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_type_is_a_problem(kind, wrong):
    with pytest.raises(ValueProblem) as caught:
        normalise(FIELDS[kind], wrong)
    assert caught.value.code == "SMK-VALUE-TYPE"


def test_an_unknown_word_is_never_dropped_and_names_the_known_ones():
    with pytest.raises(ValueProblem) as caught:
        normalise(LEAD["lifecycle"], "MQL")
    assert caught.value.code == "SMK-VALUE-UNKNOWN"
    assert "`MQL` is not one of subscriber, lead, mql" in caught.value.message
    with pytest.raises(ValueProblem, match="`tin` is not one of gold, silver"):
        normalise(FIELDS["set(enum)"], ["gold", "tin"])
    with pytest.raises(ValueProblem) as caught:
        normalise(LEAD["lifecycle"], "ada@acme.com")
    assert "ada" not in caught.value.message


def test_python_values():
    assert python_value(FIELDS["money"], ["10.5", "EUR"]) == (Decimal("10.5"), "EUR")
    assert python_value(FIELDS["instant"], "2026-11-22T00:00:00.000000Z") == datetime(2026, 11, 22, tzinfo=UTC)
    assert python_value(FIELDS["date"], "2026-11-22") == date(2026, 11, 22)
    assert python_value(FIELDS["decimal"], "0.5") == Decimal("0.5")
    assert python_value(FIELDS["set"], ["a"]) == frozenset({"a"})
    assert python_value(FIELDS["text"], None) is None
    assert python_value(FIELDS["int"], 0) == 0


def test_times_are_compared_at_the_coarser_grain():
    field, second = FIELDS["instant"], timedelta(seconds=1)
    assert equal(field, "2026-11-22T00:07:44.113017Z", "2026-11-22T00:07:44.000000Z", resolution=second)
    assert not equal(field, "2026-11-22T00:07:44.999999Z", "2026-11-22T00:07:45.000000Z", resolution=second)
    assert not equal(field, "2026-11-22T00:07:44.113017Z", "2026-11-22T00:07:44.000000Z")


def test_a_converter_is_made_once():
    assert converter(FIELDS["enum"]) is converter(FIELDS["enum"])
    assert converter(LEAD["phone"], country="DE")("030 123456") == "+4930123456"
    assert converter(ACCOUNT["annual_revenue"], currency="EUR")("5") == ["5", "EUR"]
