"""The schema as a whole: every name is there, and every conversion settles."""

from __future__ import annotations

import pytest
from smarksync.model import ENTITIES, CustomField, SchemaProblem, ValueProblem, normalise, schema

LEAD = ENTITIES["lead"].fields


def test_entities_are_those_of_the_schema():
    assert list(ENTITIES) == [
        "lead", "account", "opportunity", "activity", "campaign", "membership", "owner", "persona",
    ]  # fmt: skip
    assert len(LEAD) == 60


def test_custom_fields_come_from_config():
    whole = schema(
        {"lead": {"product": CustomField("enum", ("scanner", "printer")), "waiting_for": CustomField("text")}}
    )
    assert normalise(whole["lead"].fields["product"], "scanner") == "scanner"
    assert "product" not in LEAD
    with pytest.raises(SchemaProblem, match="already"):
        schema({"lead": {"email": CustomField("text")}})
    with pytest.raises(SchemaProblem, match="did you mean `lead`"):
        schema({"leed": {"a": CustomField("text")}})


def test_an_unknown_word_is_never_dropped():
    with pytest.raises(ValueProblem) as caught:
        normalise(LEAD["lifecycle"], "MQL")
    assert caught.value.code == "SMK-VALUE-UNKNOWN"
    assert "`MQL` is not one of subscriber, lead" in caught.value.message
