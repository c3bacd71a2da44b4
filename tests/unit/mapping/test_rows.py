"""The bulk operations that the engine uses, and the fields with manners of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from smarksync.mapping import CompiledField, CompiledMapping, FieldMapping
from smarksync.model import ABSENT, ValueProblem
from smarksync.plugin import FieldInfo, FieldType

T = FieldType


def test_differences_shows_only_what_was_read_and_differs(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole(
        {"first_name": "FN", "last_name": "LN", "score": "S", "updated_at": "U", "external_id": "E"},
        [FieldInfo("FN"), FieldInfo("LN"), FieldInfo("S", T.INT), FieldInfo("U", T.INSTANT), FieldInfo("E")],
    )
    agreed = {"first_name": "Anna", "last_name": "Ott", "score": 5}
    assert (
        compiled.differences({"FN": "Anna", "LN": "Ott", "S": "5", "U": "2026-11-22T00:00:00Z", "E": "x"}, agreed) == {}
    )
    assert compiled.differences({"LN": "Ohm"}, agreed) == {"LN": "Ohm"}
    assert compiled.differences({"LN": None, "S": 0}, agreed) == {"LN": None, "S": 0}
    assert compiled.differences({"FN": "", "LN": None, "S": None}, {}) == {}
    assert compiled.differences({"S": 0}, {}) == {"S": 0}
    assert compiled.vendor_fields == ("FN", "LN", "S", "U", "E")


def test_what_was_not_read_does_not_differ(whole: Callable[..., CompiledMapping]) -> None:
    live = [FieldInfo("L"), FieldInfo("A", T.DECIMAL), FieldInfo("U"), FieldInfo("N"), FieldInfo("C")]
    money = FieldMapping("opportunity_amount", "A", currency="U")
    compiled = whole({"lifecycle": "L", "opportunity_amount": money, "full_name": "N", "company": "C"}, live)
    agreed = {"lifecycle": "mql", "opportunity_amount": ["5", "EUR"], "last_name": "Ott", "company": "Acme"}
    assert compiled.differences({}, agreed) == {}
    shown = {"L": "lead", "A": 6, "U": "EUR", "N": "Ohm", "C": "Other"}
    assert compiled.differences(shown, agreed) == shown


def test_five_empties_stay_five(whole: Callable[..., CompiledMapping], one: Callable[..., CompiledField]) -> None:
    compiled = whole({"score": "S"}, [FieldInfo("S", T.INT)])
    assert compiled.inward_row({}) == ({}, [])
    assert compiled.inward_row({"S": None}) == ({"score": None}, [])
    assert compiled.inward_row({"S": "0"}) == ({"score": 0}, [])
    assert one("bool", T.BOOL).inward(False) is False
    assert one("set(text)", T.CHOICES).inward([]) == []
    tells = one("text", blank_is_null=False)
    assert tells.inward("") == "" and tells.outward("") == "" and not tells.agrees("", None)
    cannot = one("text")
    assert cannot.inward("") is None and cannot.outward("") is None and cannot.agrees("", None)
    assert cannot.agrees(None, "")


def test_one_bad_value_does_not_stop_the_row(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole(
        {"score": "S", "email": "E", "company": "C"},
        [FieldInfo("S", T.INT), FieldInfo("E"), FieldInfo("C", max_length=3)],
    )
    values, problems = compiled.inward_row({"S": "a lot", "E": "Anna@Acme.example"})
    assert values == {"email": "anna@acme.example"}
    assert [(problem.field, problem.code) for problem in problems] == [("score", "SMK-VALUE-TYPE")]
    assert "a lot" not in problems[0].message
    row, problems = compiled.outward_row({"company": "Acme", "score": 3, "email": "x@y.example"}, ["company", "score"])
    assert row == {"S": 3}
    assert [(problem.field, problem.code) for problem in problems] == [("company", "SMK-TOO-LONG")]


@pytest.mark.parametrize(
    "values", [
        {"company": "Acme", "city": "Bonn", "state": "NW", "score": 3},
        {"company": "Acme", "city": "", "state": "NW", "score": 3},
        {"company": "Acme", "city": None, "state": "NW", "score": None},
        {"company": "Acme AG", "city": "Bonn", "state": "NW", "score": 3},  # too long for one of them
        {"company": "Acme", "state": "NW"},
    ],
)  # fmt: skip
def test_texts_go_out_together_as_they_go_out_one_by_one(
    whole: Callable[..., CompiledMapping], values: dict[str, object]
) -> None:
    live = [FieldInfo("C", max_length=6), FieldInfo("T", max_length=40), FieldInfo("P"), FieldInfo("S", T.INT)]
    compiled = whole({"company": "C", "city": "T", "state": "P", "score": "S"}, live)
    for _ in range(2):  # the second time it knows these fields
        row, problems = compiled.outward_row(values, ["company", "city", "state", "score"])
        single = [compiled.outward_row(values, [name]) for name in ("company", "city", "state", "score")]
        assert row == {vendor: raw for part, _ in single for vendor, raw in part.items()}
        assert {problem.field for problem in problems} == {one.field for _, some in single for one in some}


def test_a_full_name_is_compared_and_written_and_left_to_the_engine_to_split(
    whole: Callable[..., CompiledMapping],
) -> None:
    compiled = whole({"full_name": "name", "email": "email"}, [FieldInfo("name", max_length=12), FieldInfo("email")])
    agreed = {"first_name": "Anna", "last_name": "Ott"}
    assert compiled.derived == ("full_name",)
    assert compiled.differences({"name": "Anna Ott"}, agreed) == {}
    assert compiled.differences({"name": None}, {}) == {}
    assert compiled.differences({"name": "Anna Ohm"}, agreed) == {"name": "Anna Ohm"}
    assert compiled.inward_row({"name": " Anna Ohm "})[0] == {"full_name": "Anna Ohm"}
    assert compiled.outward_row(agreed, ["last_name"]) == ({"name": "Anna Ott"}, [])
    assert compiled.outward_row(agreed, ["email"]) == ({}, [])
    assert compiled.outward_row({"first_name": None, "last_name": None}, ["first_name"]) == ({"name": None}, [])
    row, problems = compiled.outward_row({"first_name": "Maximiliane", "last_name": "Ott"}, ["first_name"])
    assert row == {} and [(problem.field, problem.code) for problem in problems] == [("full_name", "SMK-TOO-LONG")]


def test_a_system_with_both_names_and_a_full_one_keeps_to_the_parts(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole({"full_name": "name", "last_name": "LN"}, [FieldInfo("name"), FieldInfo("LN")])
    assert compiled.derived == () and compiled.inactive[0].name == "full_name"


@pytest.mark.parametrize("negated", [False, True])
def test_a_bare_opt_out_flag_says_yes_or_nothing(whole: Callable[..., CompiledMapping], negated: bool) -> None:
    mapping = FieldMapping("email_opt_out", "F", transform=("negate",) if negated else ())
    field = whole({"email_opt_out": mapping}, [FieldInfo("F", T.BOOL)]).fields["email_opt_out"]
    yes, no = (False, True) if negated else (True, False)
    assert field.inward(yes) is True and field.inward(no) is None and field.inward(None) is None
    assert field.outward(True) is yes and field.outward(False) is no and field.outward(None) is no
    assert field.agrees(str(yes).lower(), True) and field.agrees(no, None) and field.agrees(no, False)
    assert field.agrees(None, None) and not field.agrees(None, True) and not field.agrees(yes, False)


def test_an_opt_out_with_a_table_tells_opted_in_from_no_claim(whole: Callable[..., CompiledMapping]) -> None:
    from smarksync.mapping import Pair

    values = (Pair("true", "out", ("out",)), Pair("false", "in", ("in",)))
    mapping = FieldMapping("email_opt_out", "F", values=values)
    field = whole({"email_opt_out": mapping}, [FieldInfo("F")]).fields["email_opt_out"]
    assert [field.inward(raw) for raw in ("out", "in", None)] == [True, False, None]
    assert [field.outward(wire) for wire in (True, False, None)] == ["out", "in", None]


def test_money_with_its_currency(whole: Callable[..., CompiledMapping]) -> None:
    live = [FieldInfo("amount", T.DECIMAL), FieldInfo("unit")]
    mapping = FieldMapping("opportunity_amount", "amount", currency="unit")
    compiled = whole({"opportunity_amount": mapping}, live, currency="EUR")
    name = "opportunity_amount"
    assert compiled.inward_row({"amount": "1234.50", "unit": "usd"}) == ({name: ["1234.5", "USD"]}, [])
    assert compiled.inward_row({"amount": 5}) == ({name: ["5", "EUR"]}, [])
    assert compiled.inward_row({"unit": "USD"}) == ({}, [])
    assert compiled.outward_row({name: ["1234.5", "USD"]}, [name]) == ({"amount": 1234.5, "unit": "USD"}, [])
    assert compiled.outward_row({name: None}, [name]) == ({"amount": None}, [])
    assert compiled.differences({"amount": "5.00", "unit": "EUR"}, {name: ["5", "EUR"]}) == {}
    assert compiled.differences({"amount": "5.00", "unit": None}, {name: ["5", "EUR"]}) == {}
    assert compiled.differences({"amount": 5, "unit": "USD"}, {name: ["5", "EUR"]}) == {"amount": 5, "unit": "USD"}
    assert compiled.differences({"amount": None, "unit": "USD"}, {}) == {}
    assert compiled.vendor_fields == ("amount", "unit")
    field = compiled.fields[name]
    assert field.is_fold((1234.567, "EUR"), ("1234.57", "EUR")) and not field.is_fold((5, "EUR"), (5, "USD"))


def test_money_is_never_converted(one: Callable[..., CompiledField]) -> None:
    field = one("money", T.DECIMAL, currency="EUR")
    assert field.outward(["5", "EUR"]) == 5 and field.outward(["5", None]) == 5
    with pytest.raises(ValueProblem) as caught:
        field.outward(["5", "USD"])
    assert caught.value.code == "SMK-CURRENCY"
    assert field.outward(["12345678901234567890.12", "EUR"]) == "12345678901234567890.12"  # no float holds it


def test_phones_are_read_with_the_persons_country(whole: Callable[..., CompiledMapping]) -> None:
    live = [FieldInfo("P", T.PHONE), FieldInfo("C")]
    compiled = whole({"phone": "P", "country": "C"}, live, country="DE")
    assert compiled.inward_row({"P": "030 1234567"})[0] == {"phone": "+49301234567"}
    assert compiled.inward_row({"P": "01 23 45 67 89", "C": "France"})[0]["phone"] == "+33123456789"
    assert compiled.inward_row({"P": "01 23 45 67 89"}, country="FR")[0]["phone"] == "+33123456789"
    phone = compiled.fields["phone"]
    assert not phone.agrees("01 23 45 67 89", "+33123456789")
    assert phone.same("01 23 45 67 89", "+33123456789", country="FR")
    assert phone.same("+33 1 23 45 67 89", "+33123456789")


def test_references_are_the_vendors_ids(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole({"owner": "O", "account": "A"}, [FieldInfo("O", T.REFERENCE), FieldInfo("A", T.REFERENCE)])
    values, _ = compiled.inward_row({"O": [{"id": 7, "name": "Ben"}], "A": {"id": "a1"}})
    assert values == {"owner": "7", "account": "a1"}
    assert {field.name for field in compiled.refs} == {"owner", "account"}
    assert compiled.differences({"O": 7, "A": None}, {"owner": "7"}) == {}


def test_what_a_create_still_lacks(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole(
        {"last_name": "LN", "email": FieldMapping("email", "E", required=True)},
        [FieldInfo("LN", required=True), FieldInfo("E")],
    )
    assert [(p.field, p.code) for p in compiled.missing({"E": "a@b.example"})] == [("last_name", "SMK-REQUIRED")]
    assert compiled.missing({"LN": "Ott", "E": "a@b.example"}) == []


def test_raw_tells_absent_from_null(whole: Callable[..., CompiledMapping]) -> None:
    field = whole({"score": "S"}, [FieldInfo("S", T.INT)]).fields["score"]
    assert field.raw({}) is ABSENT and field.raw({"S": None}) is None


def test_foldings_of_what_was_sent(one: Callable[..., CompiledField]) -> None:
    text = one("text", max_length=10)
    assert text.is_fold("Hello  World", "hello world")
    assert text.is_fold("Hello World again", "Hello Worl")
    assert text.is_fold("ÄÄÄÄÄÄÄÄÄ", "ÄÄÄÄÄ")  # ten bytes
    assert not text.is_fold("Hello World again", "Hello")
    assert one("text").is_fold("a" * 300, "a" * 255)  # an undeclared, usual limit
    assert not one("text").is_fold("a" * 300, "a" * 254)
    number = one("decimal", T.DECIMAL)
    assert number.is_fold("10.129", "10.13") and number.is_fold(10.129, 10.12) and not number.is_fold("10.1", "11")
    moment = one("instant", T.INSTANT)
    assert moment.is_fold("2026-11-22T00:07:44.113017Z", "2026-11-22T00:07:44Z")
    assert not moment.is_fold("2026-11-22T00:07:44Z", "2026-11-22T00:08:44Z")
    assert one("phone", T.PHONE).is_fold("+493012345678", "+49 30 12345678")
    assert one("bool", T.BOOL).is_fold(None, False) and not one("bool", T.BOOL).is_fold(None, True)
    assert not text.is_fold("Anna", None) and not text.is_fold(None, "Anna")


def test_read_only_for_good(one: Callable[..., CompiledField]) -> None:
    field = one("text", transform=("domain",))
    assert field.inward("https://www.acme.co.uk/x") == "acme.co.uk"
    assert not field.write and field.agrees("http://acme.co.uk", "acme.co.uk")
    with pytest.raises(ValueProblem) as caught:
        field.outward("acme.co.uk")
    assert caught.value.code == "SMK-READ-ONLY"


def test_times_are_compared_at_the_systems_grain_and_never_by_their_face(one: Callable[..., CompiledField]) -> None:
    field = one("instant", T.INSTANT, resolution=timedelta(seconds=1))
    assert field.agrees("2026-11-22T00:07:44.900000Z", "2026-11-22T00:07:44.113017Z")
    assert field.agrees("2026-11-22T01:07:44+01:00", "2026-11-22T00:07:44.113017Z")
    assert not field.agrees("2026-11-22T00:07:44+05:30", "2026-11-22T00:07:44.113017Z")
    assert not field.agrees("2026-11-22T00:07:45Z", "2026-11-22T00:07:44.113017Z")
    fine = one("instant", T.INSTANT)
    assert not fine.agrees("2026-11-22T00:07:44Z", "2026-11-22T00:07:44.113017Z")


def test_bare_numbers_are_times_by_their_size(one: Callable[..., CompiledField]) -> None:
    field = one("instant", T.INSTANT)
    assert field.inward("1773300826615") == field.inward(1773300826.615) == "2026-03-12T07:33:46.615000Z"
    assert field.inward(1773300826) == "2026-03-12T07:33:46.000000Z"
    assert one("date", T.DATE).inward("1572480000000") == "2019-10-31"
    with pytest.raises(ValueProblem):
        field.inward("2026-11-22T10:00:00")  # no zone is guessed


def test_one_item_of_a_set_may_be_too_long(one: Callable[..., CompiledField]) -> None:
    field = one("set(text)", T.CHOICES, max_length=5)
    assert field.outward(["abcde", "f"]) == ["abcde", "f"]
    with pytest.raises(ValueProblem, match="one of x has 6 characters, X takes 5"):
        field.outward(["abcdef"])


def test_money_is_written_only_where_both_its_fields_are(whole: Callable[..., CompiledMapping]) -> None:
    mapping = FieldMapping("opportunity_amount", "A", currency="U")
    compiled = whole({"opportunity_amount": mapping}, [FieldInfo("A", T.DECIMAL), FieldInfo("U", writable=False)])
    assert not compiled.fields["opportunity_amount"].write
