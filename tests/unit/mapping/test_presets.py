"""Presets and what users lay over them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from smarksync.errors import ConfigError
from smarksync.mapping import Pair, Place, connection_mappings, load_preset, object_mapping

PRESET = """\
streams:
  Lead:
    entity: lead
    fields:
      email: Email
      amount: {field: Amount + CurrencyIsoCode}
      sales_status:
        field: Status
        values:
          new: Open
          working: [Busy, Nurturing]
          qualified: {read: Converted}
        keep: [Imported]
      email_opt_out: {field: Subscribed, transform: [negate]}
  Contact:
    entity: lead
    fields: {email: Email, lifecycle: Stage}
    values:
      lifecycle: {mql: M, no: N}
creates: {lead: Lead}
primary: {lead: [Contact, Lead]}
"""


def place(path: tuple[str, ...]) -> Place:
    return Place("smarksync.yaml", 20 + len(path))


def written(fields: dict[str, Any], **more: Any) -> Any:
    return SimpleNamespace(**{"entity": None, "extends": None, "fields": fields, **more})


def test_a_preset_says_what_means_what_and_where_it_was_written() -> None:
    preset = load_preset(PRESET, "preset.yaml")
    lead = preset.streams["Lead"].fields
    assert lead["email"].vendor == "Email" and lead["email"].place == Place("preset.yaml", 5)
    assert (lead["amount"].vendor, lead["amount"].currency) == ("Amount", "CurrencyIsoCode")
    assert lead["sales_status"].values == (
        Pair("new", "Open", ("Open",)),
        Pair("working", "Busy", ("Busy", "Nurturing")),
        Pair("qualified", None, ("Converted",)),
    )
    assert lead["sales_status"].keep == ("Imported",) and not lead["sales_status"].own
    assert lead["email_opt_out"].transform == ("negate",)
    values = preset.streams["Contact"].fields["lifecycle"].values
    assert [pair.canonical for pair in values] == ["mql", "no"]  # YAML 1.2: no is a word
    assert preset.creates == {"lead": "Lead"} and preset.primary == {"lead": ("Contact", "Lead")}
    assert load_preset(PRESET, "preset.yaml") is preset


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("streams: [", "preset.yaml"),
        ("stream: {}", "preset.yaml:1: stream is not known here"),
        ("streams:\n  L:\n    fields: {}", "preset.yaml:2: the stream does not say which entity"),
        (
            "streams:\n  L:\n    entity: lead\n    fields:\n      email: {fild: E}",
            "fild is not known; did you mean field?",
        ),
        ("streams:\n  L:\n    entity: lead\n    fields:\n      email: {direction: read}", "does not say which field"),
        ("streams:\n  L:\n    entity: lead\n    fields:\n      email: {field: E, direction: up}", "both, read, write"),
        ("streams:\n  L:\n    entity: lead\n    fields: {}\n    values: {x: {a: b}}", "which fields does not map"),
        ("streams: {L: lead}", "a stream wants entity: and fields:"),
        ("creates: {lead: L}", "L is named by creates or primary"),
    ],
)
def test_a_wrong_preset_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_preset(text, "preset.yaml")
    assert told in str(caught.value)


def test_the_preset_alone() -> None:
    lead = load_preset(PRESET, "preset.yaml").streams["Lead"]
    assert object_mapping(None, lead, place) is lead
    with pytest.raises(ConfigError, match="brings no preset"):
        object_mapping(None, None, place)
    with pytest.raises(ConfigError, match="extends: preset, but the connector brings none"):
        object_mapping(written({}, extends="preset"), None, place)


def test_own_lines_replace_the_preset_unless_they_extend_it() -> None:
    lead = load_preset(PRESET, "preset.yaml").streams["Lead"]
    alone = object_mapping(written({"phone": "Phone"}, entity="lead"), lead, place)
    assert list(alone.fields) == ["phone"] and alone.fields["phone"].own
    assert alone.fields["phone"].place == Place("smarksync.yaml", 22)
    own = {
        "phone": "Phone",
        "email": "Email2",
        "amount": None,
        "sales_status": {"field": "Status", "values": {"working": "Hot"}},
    }
    for over in (
        object_mapping(written(own, extends="preset"), lead, place),
        object_mapping(written(own), lead, place, extends=True),
    ):
        assert set(over.fields) == {"email", "sales_status", "email_opt_out", "phone"}
        assert over.fields["email"].vendor == "Email2" and over.entity == "lead"
        status = over.fields["sales_status"]
        assert [(pair.canonical, pair.writes) for pair in status.values] == [
            ("working", "Hot"), ("new", "Open"), ("qualified", None),
        ]  # fmt: skip
        assert status.keep == ("Imported",)
        assert over.fields["email_opt_out"].transform == ("negate",)


def test_what_is_stated_wins_over_the_preset_and_the_rest_is_inherited() -> None:
    text = "streams: {L: {entity: lead, fields: {score: {field: S, direction: read, transform: [percent]}}}}"
    stream = load_preset(text, "p.yaml").streams["L"]
    for own, direction, transform in (
        ({"field": "S", "required": True}, "read", ("percent",)),
        ({"field": "S", "direction": "both"}, "both", ("percent",)),
        ({"field": "S", "transform": []}, "read", ()),
    ):
        score = object_mapping(written({"score": own}, extends="preset"), stream, place).fields["score"]
        assert (score.direction, score.transform) == (direction, transform)


def test_a_field_that_moves_starts_afresh() -> None:
    lead = load_preset(PRESET, "preset.yaml").streams["Lead"]
    over = object_mapping(written({"email_opt_out": "OptedOut"}, extends="preset"), lead, place)
    assert over.fields["email_opt_out"].transform == ()


def test_all_objects_of_a_connection() -> None:
    preset = load_preset(PRESET, "preset.yaml")
    assert connection_mappings(None, preset, place) == preset.streams
    own = SimpleNamespace(extends=None, objects={"Lead": written({"phone": "P"}, entity="lead")})
    assert list(connection_mappings(own, preset, place)) == ["Lead"]
    over = SimpleNamespace(extends=None, objects={"Lead": written({"phone": "P"}, extends="preset")})
    found = connection_mappings(over, preset, place)
    assert list(found) == ["Lead", "Contact"] and {"email", "phone"} <= set(found["Lead"].fields)
    assert found["Lead"].fields["phone"].place == Place("smarksync.yaml", 23)  # Lead, fields, phone
    whole = SimpleNamespace(extends="preset", objects={"Extra": written({"email": "E"}, entity="lead")})
    assert list(connection_mappings(whole, preset, place)) == ["Extra", "Lead", "Contact"]


def test_the_configs_own_classes_fit() -> None:
    schema = pytest.importorskip("smarksync.config.schema")
    mapping = schema.MappingConfig(
        entity="lead",
        fields={"email": "Email", "score": {"field": "S", "transform": ["percent"], "values": {"true": ["a", "b"]}}},
    )
    found = object_mapping(mapping, None, lambda path: SimpleNamespace(file="x.yaml", line=3, column=1))
    assert found.fields["score"].transform == ("percent",)
    assert found.fields["score"].values == (Pair("true", "a", ("a", "b")),)
    assert found.fields["email"].place == Place("x.yaml", 3)


def test_every_problem_of_own_lines_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        object_mapping(written({"email": {"direction": "up"}, "score": 5}, entity="lead"), None, place)
    assert len(caught.value.problems) == 3 and all("smarksync.yaml:22" in line for line in caught.value.problems)
