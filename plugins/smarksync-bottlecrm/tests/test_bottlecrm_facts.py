"""What a real BottleCRM 1.35.0 does, and that the connector lives with it. Played from cassettes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from bottlecrm_recorded import NOBODY, Crm
from smarksync_bottlecrm.client import stream_named
from smarksync_bottlecrm.scan import scan

from smarksync.plugin import AuthFailed, GoneKind, Op, PermissionDenied, Record, WriteResult


def by_email(rows: list[Record] | dict[str, Record]) -> set[str]:
    return {row.fields["email"] for row in (rows.values() if isinstance(rows, dict) else rows)}


# --- credentials ------------------------------------------------------------------------------------------


def test_wrong_token_is_an_auth_failure_although_it_answers_403(crm: Crm) -> None:
    with pytest.raises(AuthFailed) as caught:
        crm.open("bcrm_pat_wrong").check()
    assert "personal access token" in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_missing_scope_is_no_auth_failure_and_names_the_scope(crm: Crm) -> None:
    reader = crm.open(crm.keys["token_leads_read"])
    report = reader.check()
    assert not report.ok
    assert "contacts:read" in report.problems[0]
    assert any("accounts:read" in warning for warning in report.warnings)
    crm.connector = reader
    with pytest.raises(PermissionDenied, match="leads:write"):
        crm.write("leads", Op.CREATE, email="scope@example.com")


# --- reading ----------------------------------------------------------------------------------------------


def test_every_list_has_its_own_shape(crm: Crm) -> None:
    lead = crm.create("leads", first_name="Ada", email="ada@example.com", status="assigned")
    closed = crm.create("leads", first_name="Old", email="old@example.com", status="closed")
    contact = crm.create("contacts", first_name="Grace", last_name="Hopper", email="grace@example.com")
    account = crm.create("accounts", name="Navy")
    inactive = crm.create("accounts", name="Gone Ltd")
    assert crm.write("accounts", Op.ARCHIVE, inactive).result is WriteResult.UPDATED
    deal = crm.create("opportunities", name="Deal", account=account, amount=10.5, contacts=[contact])
    crm.people("POST", "/api/tasks/", {"title": "Call", "status": "New", "priority": "Low", "account": account})
    assert crm.read("leads", "email").keys() == {lead, closed}
    assert crm.read("contacts", "email").keys() == {contact}
    assert crm.read("accounts", "is_active")[inactive].fields == {"is_active": False}
    shown = crm.read("opportunities", "account", "contacts", "amount", "stage_kind")[deal]
    assert shown.fields == {"account": account, "contacts": [contact], "amount": "10.50", "stage_kind": "open"}
    (task,) = crm.read("tasks", "title", "account").values()
    assert task.fields == {"title": "Call", "account": account}
    users = crm.read("users", "email", "name", "is_active")
    assert by_email(users) == {"admin@example.test"}
    assert [user.fields["is_active"] for user in users.values()] == [True]
    assert crm.connector._api.row(stream_named("accounts"), account)


def test_times_are_aware_and_only_asked_fields_are_shown(crm: Crm) -> None:
    rid = crm.create("leads", first_name="Ada", email="ada@example.com")
    row = crm.read("leads", "first_name")[rid]
    assert row.fields == {"first_name": "Ada"}
    assert row.changed_at is not None and row.changed_at.tzinfo is UTC and row.changed_at.microsecond


def _scan_in_steps(crm: Crm, stream: str, page: int, overlap: int, meanwhile: Any) -> list[str]:
    """Ids in the order shown, while ``meanwhile`` happens after the first page."""
    known = stream_named(stream)
    shown: list[str] = []
    for number, chunk in enumerate(
        scan(known, lambda params: crm.connector._api.list(known, params), page=page, overlap=overlap)
    ):
        shown += [row["id"] for row in chunk.rows]
        if number == 0:
            meanwhile(shown)
    return shown


def test_inserts_while_we_read_shift_pages_and_no_row_is_lost_or_doubled(crm: Crm) -> None:
    old = [crm.create("contacts", first_name="C", last_name=str(n), email=f"c{n}@example.com") for n in range(6)]

    def insert(shown: list[str]) -> None:
        for n in range(3):
            crm.create("contacts", first_name="N", last_name=str(n), email=f"new{n}@example.com")

    shown = _scan_in_steps(crm, "contacts", 2, 1, insert)
    assert set(old) <= set(shown)
    assert len(set(shown)) == len(shown)


def test_deletes_while_we_read_pull_rows_forward_and_none_is_skipped(crm: Crm) -> None:
    rows = [crm.create("contacts", first_name="C", last_name=str(n), email=f"c{n}@example.com") for n in range(9)]

    def delete(shown: list[str]) -> None:
        for rid in shown:  # more than the overlap: all that was read so far leaves
            crm.write("contacts", Op.DELETE, rid)

    shown = _scan_in_steps(crm, "contacts", 3, 1, delete)
    assert set(shown) == set(rows)


def test_lead_closed_while_we_read_moves_to_the_other_part_and_is_found_there(crm: Crm) -> None:
    rows = {crm.create("leads", first_name="L", email=f"l{n}@example.com", status="assigned") for n in range(6)}
    known = stream_named("leads")

    def close_one_not_yet_read(shown: list[str]) -> None:
        crm.people("PATCH", f"/api/leads/{max(rows - set(shown))}/", {"status": "closed"})

    shown = _scan_in_steps(crm, "leads", 2, 1, close_one_not_yet_read)
    assert set(shown) == rows
    assert known.parts[1].rows == ("close_leads", "close_leads")


def test_order_of_leads_is_by_random_id_so_new_ones_turn_up_anywhere(crm: Crm) -> None:
    made = [crm.create("leads", email=f"l{n}@example.com") for n in range(8)]
    shown = list(crm.read("leads", "email"))
    assert shown == sorted(made, reverse=True)
    assert shown != made[::-1]


# --- leaving ----------------------------------------------------------------------------------------------


def test_converted_lead_leaves_the_list_and_its_contact_account_and_deal_are_found(crm: Crm) -> None:
    lead = crm.create("leads", first_name="Con", last_name="Verted", email="Con@example.com", company_name="ConCo")
    made = crm.people("PATCH", f"/api/leads/{lead}/", {"status": "converted"})
    # the filter by address finds parts, newest first
    near = crm.create("contacts", first_name="Not", last_name="Him", email="bacon@example.com")
    assert crm.read("leads", "email") == {}
    assert list(crm.connector.fetch("leads", [lead], fields=["email"])) == []
    ((gone,),) = [found for found, _ in crm.connector.whereabouts("leads", [lead])]
    assert (gone.kind, gone.into, gone.into_stream) == (GoneKind.CONVERTED, made["contact_id"], "contacts")
    assert gone.into != near
    assert gone.also == {"accounts": made["account_id"], "opportunities": made["opportunity_id"]}
    assert gone.at is not None


def test_contact_whose_address_changed_since_is_found_by_the_interactions_that_moved(crm: Crm) -> None:
    lead = crm.create("leads", first_name="Con", last_name="Verted", email="con@example.com", company_name="ConCo")
    crm.people("POST", "/api/interactions/", {"lead": lead, "kind": "call", "subject": "Hello"})
    made = crm.people("PATCH", f"/api/leads/{lead}/", {"status": "converted"})
    crm.write("contacts", Op.UPDATE, made["contact_id"], email="moved@example.com")
    ((gone,),) = [found for found, _ in crm.connector.whereabouts("leads", [lead])]
    assert gone.into == made["contact_id"]


def test_converted_lead_is_never_written_although_the_server_would_take_it(crm: Crm) -> None:
    lead = crm.create("leads", first_name="Con", last_name="Verted", email="con@example.com")
    crm.people("PATCH", f"/api/leads/{lead}/", {"status": "converted"})
    assert crm.people("PATCH", f"/api/leads/{lead}/", {"salutation": "Dr"})["error"] is False
    for op, fields in ((Op.UPDATE, {"city": "Bath"}), (Op.DELETE, {})):
        receipt = crm.write("leads", op, lead, **fields)
        assert (receipt.result, receipt.code) == (WriteResult.CONFLICT, "SMK-CONVERTED")
    lead_row = crm.people("GET", f"/api/leads/{lead}/")["lead_obj"]
    assert (lead_row["city"], lead_row["salutation"]) == (None, "Dr")


def test_we_convert_nothing(crm: Crm) -> None:
    lead = crm.create("leads", first_name="A", last_name="B", email="ab@example.com")
    for receipt in (
        crm.write("leads", Op.UPDATE, lead, status="converted"),
        crm.write("leads", Op.CREATE, email="cd@example.com", status="converted"),
    ):
        assert (receipt.result, receipt.code, receipt.field) == (WriteResult.REJECTED, "SMK-REFUSED", "status")
    assert crm.read("contacts", "email") == {}


def test_conversion_takes_no_custom_field_along_and_the_address_stays_taken(crm: Crm) -> None:
    crm.make_fields()
    lead = crm.create(
        "leads", first_name="A", last_name="B", email="ab@example.com", custom_fields__email_opt_out=True
    )  # fmt: skip
    made = crm.people("PATCH", f"/api/leads/{lead}/", {"status": "converted"})
    contact = crm.read("contacts", "custom_fields.email_opt_out")[made["contact_id"]]
    assert contact.fields == {"custom_fields.email_opt_out": None}
    again = crm.write("leads", Op.CREATE, email="AB@example.com")
    assert (again.code, again.duplicate_of) == ("SMK-DUPLICATE", ())
    assert "converted" in (again.message or "")


def test_merged_contact_looks_deleted_and_the_winner_takes_over_our_id(crm: Crm) -> None:
    crm.make_fields()
    loser = crm.create(
        "contacts", first_name="M", last_name="One", email="m1@example.com", custom_fields__smarksync_id="E1"
    )  # fmt: skip
    winner = crm.create("contacts", first_name="M", last_name="Two", email="m2@example.com")
    crm.people("POST", f"/api/contacts/{winner}/merge/", {"merge_id": loser})
    found = [gone for page, _ in crm.connector.whereabouts("contacts", [loser, winner]) for gone in page]
    assert [(gone.id, gone.kind, gone.into) for gone in found] == [(loser, GoneKind.DELETED, None)]
    (mine,) = crm.find("contacts", "custom_fields.smarksync_id", ["E1"], "email")
    assert (mine.id, mine.fields) == (winner, {"email": "m2@example.com"})


def test_deleted_rows_answer_404_and_bad_ids_are_not_asked_for(crm: Crm) -> None:
    rid = crm.create("contacts", first_name="A", last_name="B", email="ab@example.com")
    assert crm.write("contacts", Op.DELETE, rid).result is WriteResult.UPDATED
    assert crm.write("contacts", Op.DELETE, rid).result is WriteResult.UNCHANGED
    receipt = crm.write("contacts", Op.UPDATE, rid, city="Bath")
    assert (receipt.result, receipt.code) == (WriteResult.CONFLICT, "SMK-GONE")
    assert crm.write("leads", Op.UPDATE, NOBODY, city="Bath").code == "SMK-GONE"
    # a web page would come back for this one
    assert list(crm.connector.fetch("contacts", ["no-uuid", rid], fields=["email"])) == []
