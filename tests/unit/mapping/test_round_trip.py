"""The law of translation: what goes out comes back, and never looks changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smarksync.mapping import CompiledField
from smarksync.model import ValueProblem, equal, normalise
from smarksync.plugin import FieldType

QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
T = FieldType

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
)
DECIMALS = st.decimals(-(10**12), 10**12, allow_nan=False, places=4)
WORDS = ("new", "working", "done", "mql")
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "email": st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True),
    "phone": st.sampled_from(["+493012345678", "+442079460000", "ask at the desk", "12 34"]),
    "url": st.sampled_from(["https://acme.example", "https://acme.example/a?b=C"]),
    "country": st.sampled_from(["DE", "US", "NO", "GB"]),
    "bool": st.booleans(),
    "int": st.integers(-(2**60), 2**60),
    "decimal": DECIMALS,
    "money": st.tuples(DECIMALS, st.just("EUR")).map(list),
    "date": st.dates(datetime(1971, 1, 1).date(), datetime(2100, 1, 1).date()).map(str),
    "instant": INSTANTS,
    "enum": st.sampled_from(WORDS),
    "open enum": TEXTS,
    "set(text)": st.lists(TEXTS.filter(lambda text: ";" not in text), max_size=4),
    "ref(account)": st.from_regex(r"[A-Za-z0-9]{1,18}", fullmatch=True),
}
#: every pair of types that lint.FITS calls lossless
PAIRS = [
    ("text", T.TEXT), ("email", T.EMAIL), ("email", T.TEXT), ("phone", T.PHONE), ("phone", T.TEXT), ("url", T.URL),
    ("url", T.TEXT), ("country", T.TEXT), ("bool", T.BOOL), ("bool", T.TEXT), ("bool", T.INT), ("int", T.INT),
    ("int", T.DECIMAL), ("int", T.TEXT), ("decimal", T.DECIMAL), ("decimal", T.TEXT), ("money", T.DECIMAL),
    ("money", T.TEXT), ("date", T.DATE), ("date", T.INSTANT), ("date", T.TEXT), ("instant", T.INSTANT),
    ("instant", T.TEXT), ("enum", T.TEXT), ("open enum", T.TEXT), ("set(text)", T.CHOICES), ("set(text)", T.JSON),
    ("ref(account)", T.REFERENCE), ("ref(account)", T.TEXT),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "vendor"), PAIRS, ids=lambda value: str(value))
@pytest.mark.parametrize("blank_is_null", [True, False])
@QUICK
@given(data=st.data())
def test_what_goes_out_comes_back(
    one: Callable[..., CompiledField], kind: str, vendor: FieldType, blank_is_null: bool, data: st.DataObject
) -> None:
    words = WORDS if kind == "enum" else ()
    field = one(kind, vendor, words=words, blank_is_null=blank_is_null, currency="EUR")
    given_value = data.draw(st.none() | BY_TYPE[kind])
    wire = normalise(field.field, given_value, currency="EUR")
    raw = field.outward(wire)
    json.dumps(raw)  # plans and ledgers hold it
    back = field.inward(raw)
    if wire == "" and blank_is_null:
        assert back is None
    else:
        assert equal(field.field, back, wire)
    assert field.agrees(raw, wire)
    assert field.same(raw, wire)
    assert field.is_fold(raw, raw)


def _spellings(kind: str, wire: Any) -> list[Any]:
    """How real systems show a value that we sent in another spelling."""
    if wire is None:
        return [None, ""]
    if kind == "bool":
        return [wire, str(wire).lower(), str(wire).upper(), int(wire), "yes" if wire else "No"]
    if kind in ("int", "decimal"):
        return [wire, str(wire), f"{Decimal(wire):f}", f" {wire} "] + ([f"{wire}.0"] if kind == "int" else [])
    if kind == "date":
        return [wire, f"{wire}T00:00:00Z", f"{wire}T00:00:00.000+0000"]
    if kind == "instant":
        moment = datetime.fromisoformat(wire)
        return [wire, moment.isoformat(), wire.replace("Z", "+0000"), wire.replace("Z", "Z+0000"), moment.astimezone(
            __import__("zoneinfo").ZoneInfo("Asia/Kolkata")).isoformat()]  # fmt: skip
    if kind == "set(text)":
        return [wire, list(reversed(wire)), ";".join(wire)]
    return [wire]


@pytest.mark.parametrize(
    ("kind", "vendor"),
    [("bool", T.BOOL), ("int", T.INT), ("decimal", T.DECIMAL), ("date", T.DATE), ("date", T.INSTANT),
     ("instant", T.INSTANT), ("set(text)", T.CHOICES)],
)  # fmt: skip
@QUICK
@given(data=st.data())
def test_another_spelling_is_no_change(
    one: Callable[..., CompiledField], kind: str, vendor: FieldType, data: st.DataObject
) -> None:
    field = one(kind, vendor)
    drawn = st.none() | BY_TYPE[kind]
    if kind == "set(text)":
        drawn = drawn.filter(lambda items: items is None or all(item.strip() for item in items))
    wire = normalise(field.field, data.draw(drawn))
    for raw in _spellings(kind, wire):
        assert field.agrees(raw, wire), raw
        assert (field.inward(raw) or None) == (wire or None) or field.inward(raw) == wire


@pytest.mark.parametrize("seconds", [0.001, 1, 60])
@QUICK
@given(wire=INSTANTS)
def test_a_coarser_clock_folds_instants(one: Callable[..., CompiledField], seconds: float, wire: str) -> None:
    field = one("instant", T.INSTANT, resolution=timedelta(seconds=seconds))
    raw = field.outward(wire)
    assert field.agrees(raw, wire)
    assert equal(field.field, field.inward(raw), wire, resolution=timedelta(seconds=seconds))
    assert field.outward(field.inward(raw)) == raw


@QUICK
@given(wire=st.sampled_from(WORDS))
def test_folded_words_never_look_changed(one: Callable[..., CompiledField], wire: str) -> None:
    values = {"new": "Open", "working": "In Progress", "done": "Closed", "mql": "Open"}
    field = one("enum", T.CHOICE, words=WORDS, values=values, choices=["Open", "In Progress", "Closed"])
    raw = field.outward(wire)
    assert field.agrees(raw, wire)
    assert field.outward(field.inward(raw)) == raw
    assert field.inward(raw) == ("new" if wire == "mql" else wire)


@QUICK
@given(text=st.text("ab ", min_size=0, max_size=30))
def test_text_is_never_cut(one: Callable[..., CompiledField], text: str) -> None:
    field = one("text", max_length=12)
    wire = normalise(field.field, text)
    if len(wire) <= 12:
        assert field.outward(wire) == (wire or None)
        return
    with pytest.raises(ValueProblem) as caught:
        field.outward(wire)
    assert caught.value.code == "SMK-TOO-LONG"
    assert "x has" in caught.value.message and "X takes 12" in caught.value.message
    assert wire not in caught.value.message
    assert field.agrees(wire[:12], wire) is False
    assert field.is_fold(wire, wire[:12])


_LAW = [
    ("strip", "text", T.TEXT, TEXTS, False), ("lower", "text", T.TEXT, TEXTS, True),
    ("upper", "text", T.TEXT, st.text("abcXYZ ", max_size=9), True), ("prefix:ACME-", "text", T.TEXT, TEXTS, False),
    ("suffix: GmbH", "text", T.TEXT, TEXTS, False), ("split:|", "set(text)", T.TEXT, st.lists(st.text("ab c")), False),
    ("join:;", "text", T.CHOICES, st.from_regex(r"[a-c]{1,3}(;[d-f]{1,3})?", fullmatch=True), False),
    ("first", "text", T.CHOICES, st.from_regex(r"[a-z]{1,6}", fullmatch=True), False),
    ("cents", "decimal", T.INT, st.decimals(-(10**9), 10**9, places=2), False),
    ("cents", "money", T.INT, st.decimals(-(10**9), 10**9, places=2).map(lambda amount: [amount, "EUR"]), False),
    ("percent", "int", T.DECIMAL, st.integers(0, 100), False), ("percent", "decimal", T.DECIMAL, DECIMALS, False),
    ("milliseconds", "int", T.INT, st.integers(0, 10**9), False), ("epoch_seconds", "instant", T.INT, INSTANTS, True),
    ("epoch_milliseconds", "instant", T.INT, INSTANTS, True), ("epoch_milliseconds", "instant", T.TEXT, INSTANTS, True),
    ("negate", "bool", T.BOOL, st.booleans(), False), ("yes_no", "bool", T.TEXT, st.booleans(), False),
    ("one_zero", "bool", T.TEXT, st.booleans(), False), ("words:ja/nein", "bool", T.TEXT, st.booleans(), False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "vendor", "drawn", "folds"), _LAW, ids=lambda value: str(value)[:24])
@QUICK
@given(data=st.data())
def test_transforms_keep_the_law(
    one: Callable[..., CompiledField], name: str, kind: str, vendor: FieldType, drawn: Any, folds: bool,
    data: st.DataObject,
) -> None:  # fmt: skip
    field = one(kind, vendor, transform=(name,), currency="EUR")
    wire = normalise(field.field, data.draw(st.none() | drawn), currency="EUR")
    raw = field.outward(wire)
    json.dumps(raw)
    assert field.agrees(raw, wire)
    if folds:
        assert field.outward(field.inward(raw)) == raw
    else:
        assert field.inward(raw) == (wire or None if wire in ("", []) else wire)


def test_every_transform_that_can_be_written_is_under_the_law() -> None:
    from smarksync.mapping.transforms import PARAMETRIC, TRANSFORMS

    under = {name.partition(":")[0] for name, *_ in _LAW}
    two_way = {name for name, transform in TRANSFORMS.items() if transform.outward} | set(PARAMETRIC)
    assert two_way - under == {"set_to"}  # has an argument, and no way back


@QUICK
@given(data=st.data())
@pytest.mark.parametrize("text", [False, True])
def test_words_that_one_side_has_no_place_for_stay_on_both(
    one: Callable[..., CompiledField], text: bool, data: Any
) -> None:
    # the law of a view: put what was read back, and nothing moves; read what was put, and it says what was put
    table = {"new": "New", "working": "In work"}
    told: dict[str, Any] = {"words": WORDS, "values": table, "unknown": "keep"}
    if text:
        field = one("set(enum)", T.TEXT, transform=("split:;",), **told)
    else:
        field = one("set(enum)", T.CHOICES, choices=["New", "In work", "Golf", "Tea"], **told)
    assert field.kept is not None
    ours = st.lists(st.sampled_from(WORDS), unique=True).map(sorted)
    theirs = st.lists(st.sampled_from(["New", "In work", "Golf", "Tea"]), unique=True)
    words, shown = data.draw(ours), data.draw(theirs)
    shown = ";".join(shown) if text else shown
    assert field.kept.same(shown, field.kept.beside(field.inward(shown) or [], shown))
    put = field.kept.beside(words, shown)
    assert (field.inward(put) or []) == field.kept.known(words)
    assert sorted(field.kept.unknown(put)) == sorted(field.kept.unknown(shown))
    assert field.kept.same(field.kept.beside(words, put), put)
