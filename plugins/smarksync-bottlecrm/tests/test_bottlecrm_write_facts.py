"""What a real BottleCRM 1.35.0 does with writes, look-ups and its schema. Played from cassettes."""

from __future__ import annotations

from bottlecrm_recorded import Crm

from smarksync.plugin import FieldType, Op, WriteResult

# --- writing ----------------------------------------------------------------------------------------------


def test_create_answers_no_row_so_it_is_read_back_and_people_get_a_title(crm: Crm) -> None:
    sent = {"first_name": " Ada ", "last_name": "Lovelace", "email": "ada@example.com", "city": None}
    receipt = crm.write("leads", Op.CREATE, **sent)
    assert receipt.result is WriteResult.CREATED
    assert receipt.stored == {**sent, "first_name": "Ada"}
    assert receipt.changed_at is not None
    assert receipt.id is not None
    assert crm.read("leads", "title")[receipt.id].fields == {"title": "Ada Lovelace"}
    crm.write("leads", Op.UPDATE, receipt.id, last_name="King")
    assert crm.read("leads", "title")[receipt.id].fields == {"title": "Ada Lovelace"}


def test_update_shows_what_is_stored_for_the_fields_sent_and_no_others(crm: Crm) -> None:
    rid = crm.create("contacts", first_name="Ada", last_name="L", email="ada@example.com", city="London")
    before = crm.read("contacts", "city")[rid]
    crm.people("PATCH", f"/api/contacts/{rid}/", {"city": "Bath"})
    receipt = crm.write("contacts", Op.UPDATE, rid, title="  Countess ")
    assert receipt.result is WriteResult.UPDATED
    assert receipt.stored == {"title": "Countess"}  # "Bath" is somebody's edit, not our echo
    assert receipt.changed_at is not None and before.changed_at is not None and receipt.changed_at > before.changed_at


def test_taken_address_is_a_duplicate_and_says_whose(crm: Crm) -> None:
    lead = crm.create("leads", first_name="A", email="ab@example.com")
    contact = crm.create("contacts", first_name="A", last_name="B", email="ab@example.com")
    account = crm.create("accounts", name="Acme")
    for stream, fields, held in (
        ("leads", {"email": "AB@example.com"}, lead),
        ("contacts", {"first_name": "X", "last_name": "Y", "email": "AB@Example.com"}, contact),
        ("accounts", {"name": "ACME"}, account),
    ):
        receipt = crm.write(stream, Op.CREATE, **fields)
        assert (receipt.result, receipt.code) == (WriteResult.REJECTED, "SMK-DUPLICATE")
        assert receipt.field in fields
        assert receipt.duplicate_of == (held,)


def test_refusals_name_the_field_and_repeat_no_value(crm: Crm) -> None:
    crm.make_fields()
    for fields, field in (
        ({"email": "not-an-email"}, "email"),
        ({"first_name": "x" * 300}, "first_name"),
        ({"status": "bogus", "email": "ok@example.com"}, "status"),
        ({"phone": "+12025550123;ext=4"}, "phone"),
        ({"country": "United Kingdom"}, "country"),
        ({"source": "word of mouth"}, "source"),
        ({"custom_fields.email_opt_out": "perhaps"}, "custom_fields.email_opt_out"),
    ):
        receipt = crm.write("leads", Op.CREATE, **fields)
        assert (receipt.result, receipt.code, receipt.field) == (WriteResult.REJECTED, "SMK-REFUSED", field)
        assert receipt.message
        assert not any(str(value) in receipt.message for value in fields.values())
    assert crm.write("contacts", Op.CREATE, email="noname@example.com").field in ("first_name", "last_name")
    assert crm.read("leads", "email") == {}


def test_clearing_sends_what_each_field_takes_for_nothing(crm: Crm) -> None:
    crm.make_fields()
    texts = {"city": "Bath", "source": "web form", "source_detail": "ad", "description": "x", "country": "GB"}
    lead = crm.create("leads", first_name="A", email="ab@example.com", custom_fields__email_opt_out=True, **texts)
    contact = crm.create("contacts", first_name="A", last_name="B", email="ab@example.com", do_not_call=True, **texts)
    for stream, rid, more in (
        ("leads", lead, {"first_name": None, "email": None, "custom_fields__email_opt_out": None}),
        ("contacts", contact, {"do_not_call": None, "account": None, "phone": None}),
    ):
        receipt = crm.write(stream, Op.UPDATE, rid, **dict.fromkeys(texts), **more)
        assert receipt.result is WriteResult.UPDATED, receipt
        assert not any(dict(receipt.stored or {"": 1}).values())


def test_custom_fields_not_sent_stay(crm: Crm) -> None:
    crm.make_fields()
    rid = crm.create(
        "leads", email="ab@example.com", custom_fields__email_opt_out=True, custom_fields__smarksync_id="E1"
    )  # fmt: skip
    receipt = crm.write("leads", Op.UPDATE, rid, custom_fields__email_opt_out=False)
    assert receipt.stored == {"custom_fields.email_opt_out": False}
    both = crm.read("leads", "custom_fields.email_opt_out", "custom_fields.smarksync_id")[rid]
    assert both.fields == {"custom_fields.email_opt_out": False, "custom_fields.smarksync_id": "E1"}


def test_custom_field_that_nobody_made_is_dropped_silently_and_the_receipt_shows_it(crm: Crm) -> None:
    receipt = crm.write("leads", Op.CREATE, email="ab@example.com", custom_fields__email_opt_out=True)
    assert receipt.result is WriteResult.CREATED
    assert receipt.stored == {"email": "ab@example.com", "custom_fields.email_opt_out": None}


def test_tags_go_by_name_and_missing_ones_are_made(crm: Crm) -> None:
    crm.people("POST", "/api/tags/", {"name": "Newsletter"})
    receipt = crm.write("leads", Op.CREATE, email="ab@example.com", tags=["newsletter", "VIP Gold"])
    assert receipt.stored == {"email": "ab@example.com", "tags": ["Newsletter", "VIP Gold"]}
    assert receipt.id
    again = crm.write("leads", Op.UPDATE, receipt.id, tags=["vip-gold"])
    assert again.stored == {"tags": ["VIP Gold"]}
    assert crm.write("leads", Op.UPDATE, receipt.id, tags=None).stored == {"tags": []}
    refused = crm.write("leads", Op.UPDATE, receipt.id, tags=["x" * 51])
    assert (refused.result, refused.field) == (WriteResult.REJECTED, "tags")


def test_owner_is_the_first_of_those_assigned(crm: Crm) -> None:
    (admin,) = crm.read("users", "email")
    rid = crm.create("contacts", first_name="A", last_name="B", email="ab@example.com", assigned_to=admin)
    assert crm.read("contacts", "assigned_to")[rid].fields == {"assigned_to": admin}
    assert crm.write("contacts", Op.UPDATE, rid, assigned_to=None).stored == {"assigned_to": None}


# --- finding and describing -------------------------------------------------------------------------------


def test_find_by_address_is_exact_though_the_filter_is_not(crm: Crm) -> None:
    ada = crm.create("leads", first_name="Ada", email="Ada+x@example.com")
    crm.create("leads", first_name="Not", email="not.ada+x@example.com")
    found = crm.find("leads", "email", [" ada+X@example.com ", "none@example.com"], "email")
    assert [row.id for row in found] == [ada]
    assert crm.find("leads", "email", ["a_a+x@example.com", "%"], "email") == []


def test_find_by_our_id_does_without_the_filter_that_fails(crm: Crm) -> None:
    crm.make_fields()
    rid = crm.create("leads", first_name="Ada", custom_fields__smarksync_id="E1")
    crm.create("leads", first_name="Bob", custom_fields__smarksync_id="E10")
    assert [row.id for row in crm.find("leads", "custom_fields.smarksync_id", ["E1", "E3"], "first_name")] == [rid]


def test_describe_knows_types_lengths_and_live_choices(crm: Crm) -> None:
    crm.make_fields()
    leads = {info.name: info for info in crm.connector.describe("leads")}
    assert leads["email"].type is FieldType.EMAIL and leads["email"].unique
    assert leads["phone"].max_length == 25
    assert leads["custom_fields.email_opt_out"].type is FieldType.BOOL and leads["custom_fields.email_opt_out"].custom
    status = {choice.value: choice.active for choice in leads["status"].choices or ()}
    assert status == {"assigned": True, "in process": True, "recycled": True, "closed": True, "converted": False}
    # the list's own "source" shows seven fixed ones and lacks those that the account may use
    assert "web form" in {choice.value for choice in leads["source"].choices or ()}
    assert ("GB", "United Kingdom") in {(choice.value, choice.label) for choice in leads["country"].choices or ()}
    contacts = {info.name: info for info in crm.connector.describe("contacts")}
    assert contacts["last_name"].required and not leads["last_name"].required
    deals = {info.name: info for info in crm.connector.describe("opportunities")}
    assert "CLOSED_WON" in {choice.value for choice in deals["stage"].choices or ()}
    assert not deals["stage_kind"].writable


def test_our_fields_are_made_once_and_switched_on_again(crm: Crm) -> None:
    names = ["custom_fields.email_opt_out", "custom_fields.shoe_size"]
    made, none_of_ours = crm.connector.create_fields("leads", names)
    assert "made" in made and "by hand" in none_of_ours
    (there,) = crm.connector.create_fields("leads", names[:1])
    assert "already" in there
    (definition,) = crm.people("GET", "/api/custom-fields/?target_model=Lead&include_counts=false")["definitions"]
    crm.people("DELETE", f"/api/custom-fields/{definition['id']}/")
    assert not any(info.custom for info in crm.connector.describe("leads"))
    (again,) = crm.connector.create_fields("leads", names[:1])
    assert "switched on" in again
    assert any(info.custom for info in crm.connector.describe("leads"))


def test_server_tells_its_time(crm: Crm) -> None:
    assert crm.connector.server_time().tzinfo is not None
