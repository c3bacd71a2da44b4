"""How Marketo is written, and what its answers mean row by row. Each fact has its switch or fault in the simulator."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from smarksync_marketo import SPEC, sending

from smarksync.kit.http import httpx
from smarksync.plugin import Op, Write, WriteResult

from .conftest import Instance

Make = Callable[..., Instance]
OK = (WriteResult.CREATED, WriteResult.UPDATED)


def people(many: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"email": f"w{n}@example.com", "lastName": f"W{n}"} for n in range(start, start + many)]


def posts(m: Instance, path: str = "/rest/v1/leads.json") -> int:
    return sum(1 for call in m.sim.calls if call.method == "POST" and call.path == path)


# --- leads ------------------------------------------------------------------------------------------------


def test_three_hundred_rows_a_call_answered_each_for_itself(marketo: Make) -> None:
    m = marketo()
    rows = people(650)
    rows[400]["doNotCall"] = "perhaps"
    receipts = m.write(Op.CREATE, *rows)
    assert posts(m) == 3
    assert [r.result for r in receipts].count(WriteResult.CREATED) == 649
    assert (receipts[400].result, receipts[400].code, receipts[400].field) == (
        WriteResult.REJECTED, "SMK-INVALID", "doNotCall",
    )  # fmt: skip
    assert receipts[401].id is not None
    shown = m.world.leads[int(receipts[401].id)]
    assert shown["email"] == rows[401]["email"]  # a skipped row in between shifts nothing


def test_words_of_a_refusal_do_not_repeat_what_we_sent(marketo: Make) -> None:
    m = marketo()
    (receipt,) = m.write(Op.CREATE, {"email": "private.person@no ascii", "lastName": "X"})
    assert receipt.result is WriteResult.REJECTED
    assert "private.person" not in (receipt.message or "") and "1003" in (receipt.message or "")


def test_existing_lead_is_not_overwritten_by_a_create_but_named(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="There@Example.com", lastName="Kept")
    (receipt,) = m.write(Op.CREATE, {"email": "there@example.com", "lastName": "New"})
    assert (receipt.result, receipt.code, receipt.duplicate_of) == (
        WriteResult.REJECTED, "SMK-DUPLICATE", (str(number),),
    )  # fmt: skip
    assert m.world.leads[number]["lastName"] == "Kept"


def test_all_leads_with_the_key_come_back_as_candidates(marketo: Make) -> None:
    m = marketo()
    twins = tuple(str(m.world.add(email="twin@example.com")) for _ in range(2))
    other = str(m.world.add(email="other@example.com"))
    receipts = m.write(
        Op.CREATE, {"email": "twin@example.com"}, {"email": "other@example.com"}, {"email": "new@example.com"}
    )
    assert [r.duplicate_of for r in receipts] == [twins, (other,), ()]
    before = m.calls("/rest/v1/leads.json")
    assert before == 2  # one write, and one look-up for both


def test_two_rows_with_one_key_never_travel_together(marketo: Make) -> None:
    m = marketo()
    receipts = m.write(
        Op.CREATE, {"email": "same@example.com"}, {"email": "Same@Example.com"}, {"email": "b@example.com"}
    )
    assert [r.result for r in receipts] == [WriteResult.CREATED, WriteResult.REJECTED, WriteResult.CREATED]
    assert receipts[1].duplicate_of == (receipts[0].id,)
    assert posts(m) == 2


def test_concurrent_upserts_make_duplicates_so_we_never_upsert_and_never_write_at_once(marketo: Make) -> None:
    m = marketo()
    with httpx.Client(base_url=m.sim.url) as caller:
        told = caller.post(
            "/identity/oauth/token",
            data={"grant_type": "client_credentials", **{k: m.sim.settings[k] for k in ("client_id", "client_secret")}},
        ).json()
        header = {"Authorization": f"Bearer {told['access_token']}"}
        body = {"action": "createOrUpdate", "input": [{"email": "race@example.com"}]}
        # the fact itself, by another caller
        with m.sim.lock:  # both arrive before either is answered
            threads = [
                threading.Thread(
                    target=caller.post, args=("/rest/v1/leads.json",), kwargs={"json": body, "headers": header}
                )
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            while m.sim._flying < 2:
                pass
        for thread in threads:
            thread.join()
    assert len(m.world.leads) == 2
    leads = SPEC.stream("leads")
    assert leads is not None and leads.writes_serially and leads.one_write_per_record
    m.write(Op.CREATE, {"email": "calm@example.com"})
    assert m.sim.calls[-1].method == "POST"
    assert [row["email"] for row in m.world.leads.values()].count("calm@example.com") == 1


def test_update_goes_by_id_and_leaves_the_rest(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="u@example.com", firstName="Kept", phone="1")
    (receipt,) = m.write(Op.UPDATE, {"phone": None, "lastName": "New"}, ids=[str(number)])
    assert receipt.result is WriteResult.UPDATED
    row = m.world.leads[number]
    assert (row["firstName"], row["lastName"], row.get("phone")) == ("Kept", "New", None)


def test_update_of_a_lead_that_left_is_told_as_gone(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="u@example.com")
    m.world.remove(number)
    receipts = m.write(Op.UPDATE, {"lastName": "X"}, {"lastName": "Y"}, ids=[str(number), str(number + 1)])
    assert {(r.result, r.code) for r in receipts} == {(WriteResult.CONFLICT, "SMK-GONE")}


def test_cleared_boolean_reads_back_as_false_and_the_receipt_says_so(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="u@example.com")
    m.world.edit(number, doNotCall=True)
    (receipt,) = m.write(Op.UPDATE, {"doNotCall": None, "lastName": None}, ids=[str(number)])
    assert receipt.stored == {"doNotCall": False}
    (row,) = m.connector.fetch("leads", [str(number)], fields=["doNotCall"])
    assert row.fields["doNotCall"] is False


@pytest.mark.parametrize("habit", ["refused", "ignored", "applied"])
def test_company_fields_of_a_known_lead_are_never_sent(marketo: Make, habit: str) -> None:
    """Whatever Marketo would make of them: where it takes them, it changes every lead of that company."""
    m = marketo(company_updates=habit)
    number = m.world.add(email="u@example.com", company="Old Ltd", website="https://old.example")
    other = m.world.add(email="v@example.com", company="Old Ltd")
    theirs, own = m.write(
        Op.UPDATE, {"company": "New Ltd", "lastName": "X"}, {"lastName": "Y"}, ids=[str(number), str(other)]
    )
    assert (theirs.result, theirs.code, theirs.field) == (WriteResult.REJECTED, "SMK-READ-ONLY", "company")
    assert (own.result, m.world.leads[other]["lastName"]) == (WriteResult.UPDATED, "Y")
    assert (m.world.leads[number]["company"], m.world.leads[number].get("lastName")) == ("Old Ltd", None)


def test_company_is_set_when_a_lead_is_created(marketo: Make) -> None:
    m = marketo()
    (receipt,) = m.write(Op.CREATE, {"email": "c@example.com", "company": "First Ltd", "phone": None})
    assert m.world.leads[int(receipt.id or 0)]["company"] == "First Ltd"


def test_lead_without_its_key_is_refused_before_it_is_sent(marketo: Make) -> None:
    m = marketo()
    (receipt,) = m.write(Op.CREATE, {"lastName": "No Address"})
    assert (receipt.result, receipt.field, posts(m)) == (WriteResult.REJECTED, "email", 0)


def test_partition_goes_with_creates_and_a_closed_one_is_a_matter_of_rights(marketo: Make) -> None:
    m = marketo()
    m.again(partition="Europe")
    (receipt,) = m.write(Op.CREATE, {"email": "p@example.com"})
    assert (receipt.result, receipt.code) == (WriteResult.REJECTED, "SMK-PERMISSION")
    number = m.world.add(email="q@example.com")
    (receipt,) = m.write(Op.UPDATE, {"lastName": "X"}, ids=[str(number)])
    assert receipt.result is WriteResult.UPDATED  # partitionName works with creates only


def test_unknown_field_is_named(marketo: Make) -> None:
    m = marketo()
    receipts = m.write(Op.CREATE, {"email": "a@example.com", "noSuchField": "x"}, {"email": "b@example.com"})
    assert (receipts[0].result, receipts[0].field) == (WriteResult.REJECTED, "noSuchField")
    assert receipts[1].result is WriteResult.CREATED


def test_delete_is_done_once_and_a_second_time_harmless(marketo: Make) -> None:
    m = marketo()
    number = m.world.add(email="d@example.com")
    assert [r.result for r in m.write(Op.DELETE, {}, ids=[str(number)])] == [WriteResult.UPDATED]
    assert [r.result for r in m.write(Op.DELETE, {}, ids=[str(number)])] == [WriteResult.UNCHANGED]


# --- whole calls that fail --------------------------------------------------------------------------------


def refuses(
    m: Instance, code: str, when: Callable[[list[dict[str, Any]]], bool], path: str = "/rest/v1/leads.json"
) -> Any:
    body = {"requestId": "1", "success": False, "errors": [{"code": code, "message": "Invalid input"}]}

    def fits(request: Any) -> bool:
        return bool(request.body) and when(json.loads(request.body)["input"])

    return m.sim.faults.answer(200, body, times=None, path=path, method="POST", when=fits)


def test_batch_refused_whole_is_halved_until_the_bad_row_is_alone(marketo: Make) -> None:
    m = marketo()
    refuses(m, "609", lambda rows: any(row["email"] == "w137@example.com" for row in rows))
    receipts = m.write(Op.CREATE, *people(300))
    assert [r.result for r in receipts].count(WriteResult.CREATED) == 299
    assert receipts[137].result is WriteResult.REJECTED
    assert posts(m) <= 2 * 9 + 1


def test_when_every_row_is_refused_we_do_not_ask_for_each(marketo: Make) -> None:
    m = marketo()
    refuses(m, "609", lambda rows: True)
    receipts = m.write(Op.CREATE, *people(300))
    assert {r.result for r in receipts} == {WriteResult.REJECTED}
    assert posts(m) <= 20


def test_refusal_about_the_request_itself_is_not_halved(marketo: Make) -> None:
    m = marketo()
    fault = refuses(m, "1006", lambda rows: True)
    assert {r.result for r in m.write(Op.CREATE, *people(50))} == {WriteResult.REJECTED}
    assert fault.seen == 1


def test_rows_of_a_transient_kind_may_be_sent_again(marketo: Make) -> None:
    m = marketo()
    body = {
        "requestId": "1", "success": True,
        "result": [{"status": "skipped", "reasons": [{"code": "713", "message": "Transient error"}]}, {"id": 7, "status": "created"}],
    }  # fmt: skip
    m.sim.faults.answer(200, body, path="/rest/v1/leads.json", method="POST")
    assert [r.result for r in m.write(Op.CREATE, *people(2))] == [WriteResult.RETRY, WriteResult.CREATED]


@pytest.mark.parametrize(
    ("code", "result", "ours"),
    [
        ("1001", WriteResult.REJECTED, "SMK-INVALID"),
        ("1004", WriteResult.CONFLICT, "SMK-GONE"),
        ("1008", WriteResult.REJECTED, "SMK-PERMISSION"),
        ("1018", WriteResult.REJECTED, "SMK-PERMISSION"),
        ("1021", WriteResult.REJECTED, "SMK-PERMISSION"),
        ("501", WriteResult.REJECTED, "SMK-INVALID"),
    ],
)
def test_reasons_of_rows_have_stable_codes(marketo: Make, code: str, result: WriteResult, ours: str) -> None:
    m = marketo()
    row = {"id": 3525, "reasons": [{"code": code, "message": "as documented"}]}  # some come without a status
    m.sim.faults.answer(
        200, {"requestId": "1", "success": True, "result": [row]}, path="/rest/v1/leads.json", method="POST"
    )
    (receipt,) = m.write(Op.UPDATE, {"lastName": "X"}, ids=["3525"])
    assert (receipt.result, receipt.code) == (result, ours)


def test_answers_that_do_not_match_their_rows_are_believed_in_nothing(marketo: Make) -> None:
    m = marketo()
    one = {"requestId": "1", "success": True, "result": [{"id": 7, "status": "created"}]}
    m.sim.faults.answer(200, one, path="/rest/v1/leads.json", method="POST")
    assert {r.result for r in m.write(Op.CREATE, *people(2))} == {WriteResult.UNKNOWN}
    other = {"requestId": "1", "success": True, "result": [{"id": 8, "status": "updated"}]}
    m.sim.faults.answer(200, other, path="/rest/v1/leads.json", method="POST")
    assert [r.result for r in m.write(Op.UPDATE, {"lastName": "X"}, ids=["7"])] == [WriteResult.UNKNOWN]


def test_lost_answer_is_unknown_for_creates_and_asked_for_again_for_updates(marketo: Make) -> None:
    m = marketo()
    m.sim.faults.drop(after=True, path="/rest/v1/leads.json", method="POST")
    (receipt,) = m.write(Op.CREATE, {"email": "lost@example.com"})
    assert (receipt.result, len(m.world.leads)) == (WriteResult.UNKNOWN, 1)
    number = min(m.world.leads)
    m.sim.faults.drop(after=True, path="/rest/v1/leads.json", method="POST")
    (receipt,) = m.write(Op.UPDATE, {"lastName": "X"}, ids=[str(number)])
    assert receipt.result is WriteResult.UPDATED


def test_create_that_was_lost_and_is_sent_again_makes_no_second_lead(marketo: Make) -> None:
    m = marketo()
    m.sim.faults.drop(after=True, path="/rest/v1/leads.json", method="POST")
    m.write(Op.CREATE, {"email": "lost@example.com"})
    (receipt,) = m.write(Op.CREATE, {"email": "lost@example.com"})
    assert receipt.duplicate_of == (str(min(m.world.leads)),)


def test_bodies_stay_below_a_megabyte(marketo: Make) -> None:
    m = marketo()
    rows = [{**row, "address": "ü" * 8000} for row in people(150)]
    receipts = m.write(Op.CREATE, *rows)
    assert {r.result for r in receipts} == {WriteResult.CREATED}
    assert posts(m) > 1 and m.sim.quirks.largest_body > sending.BODY


# --- companies, membership, activities --------------------------------------------------------------------


def test_companies_are_created_under_our_own_id_once(marketo: Make) -> None:
    m = marketo()
    write = Write("1", Op.CREATE, {"company": "Acme"}, None, "E-1")
    (made,) = m.connector.write("companies", [write])
    (again,) = m.connector.write("companies", [write])
    assert (made.result, made.id) == (WriteResult.CREATED, "E-1")
    assert (again.result, again.id, len(m.world.companies)) == (WriteResult.UPDATED, "E-1", 1)
    (changed,) = m.write(Op.UPDATE, {"company": "Acme AG"}, ids=["E-1"], stream="companies")
    assert (changed.result, m.world.companies["E-1"]["company"]) == (WriteResult.UPDATED, "Acme AG")
    (gone,) = m.write(Op.UPDATE, {"company": "X"}, ids=["E-2"], stream="companies")
    assert (gone.result, gone.code) == (WriteResult.CONFLICT, "SMK-GONE")


def test_native_crm_sync_refuses_companies_as_a_matter_of_rights(marketo: Make) -> None:
    from smarksync.plugin import PermissionDenied

    m = marketo(native_crm="read_only", people=30)
    with pytest.raises(PermissionDenied, match="native CRM"):
        m.write(Op.UPDATE, {"company": "X"}, ids=["C-0"], stream="companies")
    assert m.read(stream="companies", fields=("company",))[0]


def test_activities_are_written_as_the_custom_type_of_the_settings(marketo: Make) -> None:
    m = marketo()
    lead = m.world.add(email="a@example.com")
    m.again(activity_type="Sales Touch", activity_attributes={"subject": "Subject"})
    row = {
        "leadId": str(lead), "activityDate": "2026-11-22T09:00:00Z", "smarksync.subject": "Called", "smarksync.result": "done",
        "smarksync.automated": False,
    }  # fmt: skip
    good, bad, none = m.write(
        Op.CREATE, row, {**row, "leadId": "99999"}, {"smarksync.subject": "x"}, stream="activities"
    )
    assert (good.result, good.id is not None) == (WriteResult.CREATED, True)
    assert (bad.result, bad.code) == (WriteResult.CONFLICT, "SMK-GONE")  # such rows say `errors`, not `reasons`
    assert none.result is WriteResult.REJECTED
    made = m.world.activities[-1]
    assert (made.primary, made.attributes) == ("Called", {"Subject": "Called", "Result": "done"})


def test_written_activities_of_a_lead_are_found_although_they_are_dated_before_every_bookmark(marketo: Make) -> None:
    """The feed goes by the activity's date (docs, rest/paging-tokens): one that is written late is behind it."""
    m = marketo()
    lead, other = m.world.add(email="a@example.com"), m.world.add(email="b@example.com")
    m.again(activity_type="Sales Touch")
    fields = ("leadId", "activityDate", "smarksync.subject")
    _, cursor = m.read(stream="activities", fields=fields)
    rows = [
        {"leadId": str(one), "activityDate": "2026-11-20T09:00:00Z", "smarksync.subject": f"Called {one}"}
        for one in (lead, other)
    ]
    m.write(Op.CREATE, *rows, stream="activities")
    later, _ = m.read(cursor, stream="activities", fields=fields, lead_time=900)
    assert not [one for one in later.values() if "Called" in str(one.fields["smarksync.subject"])]
    (found,) = m.connector.find("activities", "leadId", [str(lead)], fields=fields)
    assert found.fields == {
        "leadId": str(lead),
        "activityDate": "2026-11-20T09:00:00+00:00",
        "smarksync.subject": f"Called {lead}",
    }


def test_without_a_custom_type_nothing_is_written(marketo: Make) -> None:
    m = marketo()
    (receipt,) = m.write(Op.CREATE, {"leadId": "1", "activityDate": "2026-11-22T09:00:00Z"}, stream="activities")
    assert receipt.result is WriteResult.REJECTED and "activity_type" in (receipt.message or "")
