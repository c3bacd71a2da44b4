"""Personas in a system's pick list: by the id of the config, or by the name that people read there."""

import pytest

from smarksync.mapping import compile_mapping, with_personas
from smarksync.mapping.spec import FieldMapping, ObjectMapping
from smarksync.model import ValueProblem, schema
from smarksync.plugin import Choice, FieldInfo, FieldType, StreamSpec

NAMES = {"it-admin": "IT administrator", "executive": "Executive sponsor"}
CHOICES = (Choice("persona_1", "IT administrator"), Choice("executive", "Boss"), Choice("persona_9", "Student"))


def compiled(choices=CHOICES, **how):
    live = [FieldInfo("hs_persona", FieldType.CHOICE if choices else FieldType.TEXT, choices=choices)]
    mapping = ObjectMapping("lead", {"persona": FieldMapping("persona", "hs_persona", **how)})
    mapping = with_personas(mapping, NAMES, live)
    return compile_mapping(
        "hub",
        StreamSpec("contacts", "lead"),
        mapping,
        live,
        schema()["lead"],
        country=None,
        currency=None,
        transforms={},
    ).fields["persona"]


def test_a_persona_is_found_by_the_label_that_is_its_name_and_by_a_value_that_is_its_id():
    field = compiled()
    assert field.outward("it-admin") == "persona_1" and field.inward("persona_1") == "it-admin"
    assert field.outward("executive") == "executive" and field.inward("executive") == "executive"


@pytest.mark.parametrize(("unknown", "code"), [("quarantine", "SMK-PICKLIST-UNMAPPED"), ("keep", "SMK-PICKLIST-LEFT")])
def test_a_persona_that_the_system_lacks(unknown, code):
    with pytest.raises(ValueProblem) as told:
        compiled(choices=CHOICES[1:], unknown=unknown).outward("it-admin")
    assert told.value.code == code


def test_a_text_field_holds_the_id():
    assert compiled(choices=None).outward("it-admin") == "it-admin"
