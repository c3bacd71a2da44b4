"""Mappings against a live schema: all problems at once, each with its place and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smarksync.errors import ConfigError
from smarksync.mapping import CompiledField, CompiledMapping, FieldMapping, Place
from smarksync.mapping.lint import FITS, NARROW
from smarksync.model import TYPES, ValueProblem
from smarksync.plugin import Can, Choice, FieldInfo, FieldType, StreamSpec, Transform

T = FieldType
HERE = Place("smarksync.yaml", 7)


def test_all_problems_at_once_with_file_and_line(whole: Callable[..., CompiledMapping]) -> None:
    fields = {
        "emial": "Email",
        "phone": FieldMapping("phone", "Fone", place=Place("smarksync.yaml", 9)),
        "score": FieldMapping("score", "Score", transform=("cent",), place=Place("smarksync.yaml", 11)),
    }
    with pytest.raises(ConfigError) as caught:
        whole(fields, [FieldInfo("Email"), FieldInfo("Phone", T.PHONE), FieldInfo("Score", T.INT)])
    assert (caught.value.file, caught.value.line) == ("smarksync.yaml", 7)
    assert caught.value.problems == (
        "smarksync.yaml:7: sales.Lead: lead has no field emial; did you mean email?",
        "smarksync.yaml:9: sales.Lead: Lead has no field Fone; did you mean Phone?",
        "smarksync.yaml:11: sales.Lead: no transform is called cent; did you mean cents?",
    )
    assert str(caught.value).startswith("smarksync.yaml:7: sales.Lead: lead has no field emial")


def test_a_preset_field_that_is_missing_is_inactive(whole: Callable[..., CompiledMapping]) -> None:
    journey = FieldMapping("journey", "Journey__c", own=False, place=Place("preset.yaml", 3))
    compiled = whole({"email": "Email", "journey": journey}, [FieldInfo("Email", T.EMAIL)])
    assert list(compiled.fields) == ["email"]
    assert compiled.inactive[0][:2] == ("journey", "Journey__c")
    assert compiled.warnings == ("sales.Lead: journey is inactive: Journey__c is missing or invisible in this account",)


def test_two_fields_that_write_one_are_an_error(whole: Callable[..., CompiledMapping]) -> None:
    live = [FieldInfo("Phone", T.PHONE)]
    with pytest.raises(ConfigError, match="mobile_phone and phone both write Phone; let one of them only read"):
        whole({"phone": "Phone", "mobile_phone": "Phone"}, live)
    reading = FieldMapping("mobile_phone", "Phone", direction="read")
    compiled = whole({"phone": "Phone", "mobile_phone": reading}, live)
    assert compiled.vendor_fields == ("Phone",)
    assert not compiled.fields["mobile_phone"].write


def test_read_only_makes_one_way(whole: Callable[..., CompiledMapping]) -> None:
    live = [FieldInfo("Score", T.INT, writable=False), FieldInfo("At", T.INSTANT)]
    compiled = whole({"score": "Score", "created_at": "At"}, live)
    assert [(field.read, field.write) for field in compiled.fields.values()] == [(True, False), (True, False)]
    assert "Score is read only there: score is one-way" in compiled.warnings[0]
    with pytest.raises(ConfigError, match="Score cannot be written there"):
        whole({"score": FieldMapping("score", "Score", direction="write", place=HERE)}, live)
    quiet = StreamSpec("Lead", "lead", can=frozenset({Can.FIND}))
    assert not whole({"score": "S"}, [FieldInfo("S", T.INT)], stream=quiet).fields["score"].write


def test_write_only_is_not_taken_in(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole({"score": FieldMapping("score", "S", direction="write")}, [FieldInfo("S", T.INT)])
    assert compiled.inward_row({"S": 5}) == ({}, [])
    assert compiled.differences({"S": 5}, {"score": 4}) == {"S": 5}  # what it shows decides whether to write
    assert compiled.vendor_fields == ("S",)


def test_required_fields_that_nothing_fills_are_told(whole: Callable[..., CompiledMapping]) -> None:
    live = [
        FieldInfo("Email", T.EMAIL),
        FieldInfo("Company", required=True),
        FieldInfo("Key", required=True, writable=False),
    ]
    compiled = whole({"email": "Email"}, live)
    assert [warning.partition("Lead: ")[2] for warning in compiled.warnings] == [
        "Company is required for new records and nothing fills it: creates there will be refused"
    ]
    assert whole({"email": "Email", "company": "Company"}, live).fields["company"].required


def test_short_fields_are_told(whole: Callable[..., CompiledMapping]) -> None:
    compiled = whole({"city": "City"}, [FieldInfo("City", max_length=40)])
    assert "City takes 40 characters, city may have 80: longer text is refused, never cut" in compiled.warnings[0]
    assert compiled.fields["city"].max_length == 40


def test_the_streams_own_id_field_counts_as_mapped(whole: Callable[..., CompiledMapping]) -> None:
    spec = StreamSpec("Lead", "lead", can=frozenset({Can.CREATE}), external_id="Ours")
    compiled = whole({"email": "E"}, [FieldInfo("E"), FieldInfo("Ours")], stream=spec)
    assert compiled.external_id is not None and compiled.external_id.vendor == "Ours"
    assert whole({"email": "E"}, [FieldInfo("E")], stream=spec).external_id is None


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("vendor", list(FieldType))
def test_the_type_matrix_has_an_answer_for_every_pair(
    one: Callable[..., CompiledField], kind: str, vendor: FieldType
) -> None:
    written = {"enum": "enum", "ref": "ref(account)", "set": "set(text)"}.get(kind, kind)
    words = ("a", "b") if kind == "enum" else ()
    choices = ["true", "false"] if kind == "bool" and vendor is T.CHOICE else None
    fits = vendor in FITS[kind] or (kind, vendor) in NARROW
    if fits:
        field = one(written, vendor, words=words, choices=choices)
        assert field.agrees(None, None)
    else:
        with pytest.raises(ConfigError, match="these do not fit"):
            one(written, vendor, words=words)


@pytest.mark.parametrize(
    ("kind", "vendor", "advice"),
    [
        ("set(text)", T.TEXT, 'transform: ["split:;"]'),
        ("instant", T.INT, "epoch_seconds"),
        ("text", T.CHOICES, "join:;"),
    ],
)
def test_a_misfit_says_what_to_add(
    one: Callable[..., CompiledField], kind: str, vendor: FieldType, advice: str
) -> None:
    with pytest.raises(ConfigError, match="do not fit") as caught:
        one(kind, vendor)
    assert advice in str(caught.value)


def test_the_version_changes_with_the_meaning(whole: Callable[..., CompiledMapping]) -> None:
    choices = tuple(Choice(word) for word in ("planned", "done"))

    def version(info: FieldInfo | None = None, place: int = 7, **more: Any) -> str:
        mapping = FieldMapping("industry", "S", place=Place("smarksync.yaml", place))
        return whole({"industry": mapping}, [info or FieldInfo("S", T.CHOICE, choices=choices)], **more).version

    same = version()
    assert same == version() == version(place=99)
    others = {
        version(FieldInfo("S", T.CHOICE, choices=choices[:1])),
        version(FieldInfo("S", T.TEXT)),
        version(FieldInfo("S", T.TEXT, max_length=9)),
        version(FieldInfo("S", T.CHOICE, choices=choices, writable=False)),
        version(country="DE"),
        version(currency="EUR"),
        version(stream=StreamSpec("Lead", "lead", can=frozenset({Can.CREATE, Can.UPDATE}), blank_is_null=False)),
    }
    assert len(others | {same}) == 8
    flag = {whole({"email_opt_out": "F"}, [FieldInfo("F", kind)]).version for kind in (T.TEXT, T.BOOL)}
    assert len(flag) == 1  # a column of a file turns boolean with its first word for it


def test_plugins_bring_transforms(one: Callable[..., CompiledField]) -> None:
    rot = Transform("backwards", lambda text: text[::-1], lambda text: text[::-1], ("text",), "turned around")
    field = one("text", transform=("backwards", "strip"), plugins=(rot,))
    assert field.inward(" cba") == "abc" and field.outward("abc") == "cba"
    failing = one("text", transform=("int",), plugins=(Transform("int", int),))
    with pytest.raises(ValueProblem, match="transform int cannot take the value"):
        failing.inward("Anna")  # int's own message would repeat it
    with pytest.raises(ValueError, match="two transforms are called strip"):
        one("text", plugins=(Transform("strip", str, str),))


@pytest.mark.parametrize(
    ("name", "told"),
    [("split", "transform split wants an argument, such as split:;"), ("words:ja", "wants two words"),
     ("stripp", "did you mean strip?")],
)  # fmt: skip
def test_a_transform_that_does_not_exist_is_an_error(one: Callable[..., CompiledField], name: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        one("text", transform=(name,))
    assert told in str(caught.value)


def test_a_transform_must_give_the_canonical_type(one: Callable[..., CompiledField]) -> None:
    with pytest.raises(ConfigError, match="transform cents gives decimal or money, x is text"):
        one("text", T.INT, transform=("cents",))


def test_transforms_refuse_what_they_cannot_keep(one: Callable[..., CompiledField]) -> None:
    cents = one("decimal", T.INT, transform=("cents",))
    tags = one("set(text)", transform=("split:;",))
    epoch = one("instant", T.INT, transform=("epoch_seconds",))
    with pytest.raises(ValueProblem, match="finer than a hundredth"):
        cents.outward("0.001")
    with pytest.raises(ValueProblem, match="holds the separator"):
        tags.outward(["a;b"])
    with pytest.raises(ValueProblem, match="a time between"):
        epoch.inward(10**30)


def test_a_default_must_be_a_value_of_the_field(one: Callable[..., CompiledField]) -> None:
    with pytest.raises(ConfigError, match="default: "):
        one("enum", words=("a", "b"), unknown="default", default="c")
