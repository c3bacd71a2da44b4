"""The schema as a whole: every name of the reference page is there, with its type."""

from __future__ import annotations

import pytest

from smarksync.model import ENTITIES, CustomField, SchemaProblem, make_field, parse_type, schema

#: Written from the reference page, independent of the code: entity → fields with types.
PAGE = {
    "lead": """
        email email · other_emails set(email) · salutation text(40) · first_name text(80) · last_name text(80) ·
        full_name text(160) · job_title text(128) · phone phone · mobile_phone phone · company text(255) ·
        account ref(account) · website url · linkedin_url url · industry open enum · street text(255) ·
        city text(80) · state text(80) · postal_code text(20) · country country · language text(10) ·
        time_zone text(40) · description text(32000) · tags set(text) · lead_source open enum ·
        source_detail text(255) · owner ref(owner) · lifecycle enum · journey enum · sales_status enum · score int ·
        fit_score int · engagement_score int · grade text(2) · persona text(40) · email_opt_out bool ·
        phone_opt_out bool · email_status enum · consent_at instant · consent_source text(120) · consent_basis enum ·
        qualified_at instant · qualified_by text(80) · handoff_state enum · handoff_at instant ·
        handoff_due_at instant · handoff_note text(4000) · accepted_at instant · rejected_at instant ·
        rejection_reason open enum · first_attempt_at instant · attempts int · opportunity_stage text(80) ·
        opportunity_kind enum · opportunity_amount money · opportunity_close_date date · loss_reason open enum ·
        external_id text(64) · created_at instant · updated_at instant""",
    "account": """
        name text(255) · domain text(253) · website url · phone phone · industry open enum · employees int ·
        annual_revenue money · street text(255) · city text(80) · state text(80) · postal_code text(20) ·
        country country · type enum · parent ref(account) · owner ref(owner) · tags set(text) ·
        description text(32000) · external_id text(64) · created_at instant · updated_at instant""",
    "opportunity": """
        name text(120) · account ref(account) · leads set(ref(lead)) · primary_lead ref(lead) · pipeline text(80) ·
        stage text(80) · stage_kind enum · amount money · probability int 0–100 · close_date date · closed_at instant ·
        won_reason open enum · loss_reason open enum · type open enum · lead_source open enum ·
        campaign ref(campaign) · owner ref(owner) · description text(32000) · external_id text(64) ·
        created_at instant · updated_at instant""",
    "activity": """
        key text(120) · type enum · at instant · lead ref(lead) · account ref(account) ·
        opportunity ref(opportunity) · campaign ref(campaign) · actor enum · owner ref(owner) · direction enum ·
        automated bool · result enum · subject text(255) · asset text(255) · url url · duration int""",
    "campaign": """
        name text(80) · type open enum · status enum · start_date date · end_date date · budget money · cost money ·
        parent ref(campaign) · external_id text(64)""",
    "membership": """
        campaign ref(campaign) · lead ref(lead) · status enum · vendor_status text(80) · responded bool ·
        responded_at instant""",
    "owner": """
        email email · name text(160) · kind enum · active bool · team text(80) · country country ·
        time_zone text(40)""",
    "persona": """
        id text(40) · name text(160) · when text · pains set(text) · titles set(text) · industries set(text) ·
        company_size text(80)""",
}


@pytest.mark.parametrize("entity", PAGE)
def test_every_field_of_the_page_is_there_in_order_with_its_type(entity):
    wanted = [tuple(item.strip().split(" ", 1)) for item in PAGE[entity].split("·")]
    assert [(field.name, field.type_text) for field in ENTITIES[entity].fields.values()] == wanted


def test_entities_are_those_of_the_page():
    assert list(ENTITIES) == list(PAGE)


def group(name):
    return {field.name for field in ENTITIES["lead"].fields.values() if field.group == name}


def test_keepers_other_than_the_sync_job_have_their_fields():
    assert group("consent") == {"email_opt_out", "phone_opt_out"}
    assert group("consent_evidence") == {"consent_at", "consent_source", "consent_basis"}
    assert group("handoff") == {
        "qualified_at", "qualified_by", "handoff_state", "handoff_at", "handoff_due_at", "handoff_note",
    }  # fmt: skip
    assert group("outcome") == {
        "accepted_at", "rejected_at", "rejection_reason", "first_attempt_at", "attempts", "opportunity_stage",
        "opportunity_kind", "opportunity_amount", "opportunity_close_date", "loss_reason",
    }  # fmt: skip
    assert group("system") == {"external_id", "created_at", "updated_at"}
    assert group("derived") == {"full_name"}
    assert {"lifecycle", "owner", "email_status"} <= group("ordinary")


def test_read_only_fields_and_match_keys():
    read_only = {field.name for field in ENTITIES["lead"].fields.values() if field.read_only}
    assert read_only == {"other_emails", "created_at", "updated_at"}
    assert ENTITIES["account"].match == (("external_id",), ("domain",), ("name", "country"))
    assert ENTITIES["lead"].match == (("email",),)
    assert ENTITIES["membership"].key == ("campaign", "lead")
    assert ENTITIES["activity"].append_only


def test_refs_point_at_entities():
    for entity in ENTITIES.values():
        for field in entity.fields.values():
            assert field.ref is None or field.ref in ENTITIES, (entity.name, field.name)
    assert ENTITIES["opportunity"].fields["leads"].ref == "lead"


def test_custom_fields_come_from_config():
    custom = {"lead": {"product": CustomField("enum", ("scanner", "printer")), "seats": CustomField("decimal(2)")}}
    whole = schema(custom)
    assert whole["lead"].fields["product"].values == ("scanner", "printer")
    assert whole["lead"].fields["seats"].length == 2
    assert whole["lead"].fields["product"].group == "ordinary"
    assert list(whole["lead"].fields)[-2:] == ["product", "seats"]
    assert "product" not in ENTITIES["lead"].fields
    assert whole["account"] is ENTITIES["account"]
    assert schema(custom)["lead"].fields == whole["lead"].fields


@pytest.mark.parametrize(
    ("custom", "says"),
    [
        ({"lead": {"email": CustomField("text")}}, "lead has a field `email` already"),
        ({"leed": {"a": CustomField("text")}}, "did you mean `lead`"),
        ({"lead": {"a": CustomField("string")}}, "`string` is no type"),
        ({"lead": {"a": CustomField("enum")}}, "an enum needs its values"),
        ({"lead": {"a": CustomField("enum", ("x", "x"))}}, "must differ"),
        ({"lead": {"a": CustomField("text", ("x",))}}, "only an enum, or a set of them, has values"),
        ({"lead": {"a": CustomField("set(text)", ("x",))}}, "only an enum, or a set of them, has values"),
        ({"lead": {"a": CustomField("set(enum)")}}, "an enum needs its values, as in {type: set(enum)"),
        ({"lead": {"a": CustomField("set(enum)", ("x", "x"))}}, "must differ"),
        ({"lead": {"a": CustomField("set(set(text))")}}, "and no set"),
        ({"lead": {"a": CustomField("ref(person)")}}, "no entity `person`"),
        ({"lead": {"a": CustomField("set(ref(person))")}}, "no entity `person`"),
        ({"lead": {"a": CustomField("ref")}}, "say what it points at"),
        ({"lead": {"a b": CustomField("text")}}, "no field name"),
        ({"lead": {"a": CustomField("int(3)")}}, "only text and decimal take a length"),
        ({"lead": {"a": CustomField("open text")}}, "only an enum can be open"),
        ({"lead": {"a": CustomField("set(money)")}}, "a set holds values of one type, and no money"),
    ],
)
def test_a_custom_field_that_cannot_be_says_why(custom, says):
    with pytest.raises(SchemaProblem) as caught:
        schema(custom)
    assert says in str(caught.value)


def test_types_are_read_as_the_page_writes_them():
    assert parse_type("set(ref(lead))").of == "ref(lead)"
    assert parse_type("open enum(a, b)").values == ("a", "b")
    assert make_field("x", "open enum").type_text == "open enum"
    assert make_field("x", "set(enum)", ("a", "b")) == make_field("x", "set(enum(a, b))")
    assert make_field("x", "set( open enum )").type_text == "set(open enum)"


def test_a_set_of_words_knows_its_words():
    closed, free = make_field("x", "set(enum)", ("a", "b")), make_field("x", "set(open enum)", ("a",))
    assert (closed.closed, free.closed, make_field("x", "set(text)").closed) == (True, False, False)
    assert closed.item == make_field("x", "enum", ("a", "b"))
    assert free.item == make_field("x", "open enum", ("a",))
