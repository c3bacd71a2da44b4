"""Answers that no server likes to be recorded giving: lost, cut, foreign, late. Over a transport in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError
from smarksync_bottlecrm import SPEC, BottleCRMSettings
from smarksync_bottlecrm.connector import BottleCRM

from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.model import Field
from smarksync.plugin import (
    Can,
    Connector,
    Defines,
    Explains,
    Fetches,
    Finds,
    Fixes,
    GoneKind,
    Invalid,
    Malformed,
    Op,
    PermissionDenied,
    TellsTime,
    Throttled,
    Transient,
    Write,
    WriteResult,
    Writes,
)

LEAD = "11111111-1111-4111-8111-111111111111"
PAGE = b"<!DOCTYPE html><html><title>Server Error (500)</title></html>"
Answer = Callable[[httpx.Request], httpx.Response]


class Server:
    """A server made of functions; remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | httpx.Response | Exception] = {}
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.session = OpenSession("crm", transport=httpx.MockTransport(self._answer), clock=ManualClock())
        settings = BottleCRMSettings(base_url="http://127.0.0.1:9", token="bcrm_pat_x")
        connector = SPEC.open(settings, self.session)
        assert isinstance(connector, BottleCRM)
        self.connector = connector

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        self.bodies.append(request.content)
        found = self.answers[request.method]
        if isinstance(found, Exception):
            raise found
        return found(request) if callable(found) else found

    def write(self, op: Op, rid: str | None = None, stream: str = "leads", **fields: Any) -> Any:
        (receipt,) = self.connector.write(stream, [Write("r1", op, fields, rid)])
        return receipt

    def read(self, stream: str = "leads") -> list[Any]:
        return list(self.connector.read(stream, cursor=None, until=None, fields=["email"]))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.session.close()


def lead(**more: Any) -> Mapping[str, Any]:
    return {"lead_obj": {"id": LEAD, "status": "assigned", "updated_at": "2026-11-22T00:00:00Z", **more}}


def ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def test_abilities_and_protocols_agree(server: Server) -> None:
    assert isinstance(server.connector, Connector | TellsTime)
    for protocol in (Connector, TellsTime, Writes, Finds, Fetches, Explains, Fixes, Defines):
        assert isinstance(server.connector, protocol)
    known = {spec.name: spec for spec in SPEC.streams}
    assert known["leads"].entity == known["contacts"].entity == "lead"
    assert known["tasks"].can == {Can.FETCH}
    assert all(spec.full_scan and spec.writes_serially and spec.one_write_per_record for spec in SPEC.streams)
    assert server.asked == []


@pytest.mark.parametrize(
    "wrong",
    [{"base_url": "http://crm.example.com"}, {"base_url": "https://crm.example.com", "tokn": "x"}],
)
def test_settings_refuse_plain_http_and_unknown_keys(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        BottleCRMSettings.model_validate({"token": "bcrm_pat_secret", **wrong})
    assert "secret" not in str(caught.value)


def test_create_whose_answer_is_lost_is_unknown_and_sent_once(server: Server) -> None:
    server.answers["POST"] = httpx.ReadError("gone")
    receipt = server.write(Op.CREATE, email="ada@example.com")
    assert (receipt.result, receipt.code) == (WriteResult.UNKNOWN, "SMK-UNKNOWN")
    assert "ada@" not in receipt.message
    assert [method for method, _ in server.asked] == ["POST"]


def test_create_answered_by_an_error_page_is_unknown(server: Server) -> None:
    # as contacts do when two creates of one address race (recorded: an IntegrityError shown as a page)
    server.answers["POST"] = httpx.Response(500, content=PAGE, headers={"content-type": "text/html"})
    assert server.write(Op.CREATE, email="ada@example.com").result is WriteResult.UNKNOWN
    assert len(server.asked) == 1


def test_create_answered_without_an_id_is_unknown(server: Server) -> None:
    server.answers["POST"] = ok({"error": False, "message": "Lead Created Successfully"})
    assert server.write(Op.CREATE, email="ada@example.com").result is WriteResult.UNKNOWN


def test_write_that_never_left_raises_as_not_applied(server: Server) -> None:
    server.answers["POST"] = httpx.ConnectError("refused")
    with pytest.raises(Transient):
        server.write(Op.CREATE, email="ada@example.com")


def test_update_whose_answer_is_lost_is_sent_again(server: Server) -> None:
    answers = iter([httpx.ReadError("gone"), ok({"error": False})])

    def patch(request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server.answers = {"PATCH": patch, "GET": ok(lead(city="Bath"))}
    receipt = server.write(Op.UPDATE, LEAD, city="Bath")
    assert (receipt.result, receipt.stored) == (WriteResult.UPDATED, {"city": "Bath"})
    assert [method for method, _ in server.asked] == ["GET", "PATCH", "PATCH", "GET"]


def test_write_counts_although_the_read_back_fails(server: Server) -> None:
    server.answers = {
        "POST": ok({"error": False, "id": LEAD}),
        "GET": httpx.Response(500, content=PAGE, headers={"content-type": "text/html"}),
    }
    receipt = server.write(Op.CREATE, email="ada@example.com")
    assert (receipt.result, receipt.id, receipt.stored) == (WriteResult.CREATED, LEAD, None)


def test_assignees_beside_the_first_stay(server: Server) -> None:
    server.answers = {
        "GET": ok({"contact_obj": {"id": LEAD, "assigned_to": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}}),
        "PATCH": ok({"error": False}),
    }
    server.write(Op.UPDATE, LEAD, "contacts", assigned_to="c")
    assert server.bodies[1] == b'{"assigned_to":["c","b"]}'


def test_row_that_may_not_be_deleted_is_refused_alone(server: Server) -> None:
    refusal = {"error": True, "errors": "you don't have permission to delete this lead"}
    server.answers = {"GET": ok(lead()), "DELETE": httpx.Response(403, json=refusal)}
    receipt = server.write(Op.DELETE, LEAD)
    assert (receipt.result, receipt.code) == (WriteResult.REJECTED, "SMK-PERMISSION")


def test_role_that_is_missing_is_a_missing_right_and_not_an_odd_answer(server: Server) -> None:
    # the users list, to anyone but an administrator
    server.answers["GET"] = httpx.Response(403, json={"error": True, "errors": "Permission Denied"})
    with pytest.raises(PermissionDenied):
        server.read("users")


def test_users_are_looked_for_in_their_list(server: Server) -> None:
    users = {"active_users": {"active_users": [{"id": "u1"}], "active_users_count": 1}}
    rest = {"inactive_users": {"inactive_users": [{"id": "u2"}], "inactive_users_count": 1}}
    server.answers["GET"] = ok({**users, **rest})
    ((page, _),) = server.connector.whereabouts("users", ["u1", "u2", "u3"])
    assert [gone.id for gone in page] == ["u3"]
    assert [path for _, path in server.asked] == ["/api/users/"]


def test_conversion_is_followed_with_the_scopes_that_are_there(server: Server) -> None:
    def get(request: httpx.Request) -> httpx.Response:
        if "/interactions/" in request.url.path or "/opportunities/" in request.url.path:
            return httpx.Response(403, json={"detail": "This token is not scoped for read access."})
        if "/contacts/" in request.url.path:
            found = [{"id": "c1", "email": "ADA@example.com", "account": "a1"}] * ("ada" in str(request.url))
            return ok({"results": found, "count": len(found)})
        address = "ada@example.com" if LEAD in request.url.path else "bob@example.com"
        return ok(lead(status="converted", email=address))

    server.answers["GET"] = get
    other = LEAD.replace("1", "2")
    (ada,), (bob,) = [page for page, _ in server.connector.whereabouts("leads", [LEAD, other])]
    assert (ada.kind, ada.into, ada.also) == (GoneKind.CONVERTED, "c1", {"accounts": "a1"})
    assert (bob.kind, bob.into) == (GoneKind.CONVERTED, None)


def test_list_of_another_shape_is_malformed(server: Server) -> None:
    server.answers["GET"] = ok({"leads": [], "count": 0})
    with pytest.raises(Malformed, match="open_leads"):
        server.read()


def test_web_page_instead_of_a_list_is_malformed(server: Server) -> None:
    server.answers["GET"] = httpx.Response(200, content=PAGE, headers={"content-type": "text/html"})
    with pytest.raises(Malformed):
        server.read()


def test_wrong_address_is_said_as_such(server: Server) -> None:
    server.answers["GET"] = httpx.Response(404, content=PAGE, headers={"content-type": "text/html"})
    with pytest.raises(Invalid, match="base_url"):
        server.read()


def test_limit_is_waited_for_or_told(server: Server) -> None:
    server.answers["GET"] = httpx.Response(
        429, json={"detail": "Request was throttled."}, headers={"retry-after": "900"}
    )
    with pytest.raises(Throttled) as caught:
        server.read()
    assert caught.value.retry_after == 900


def contacts(rows: list[int], count: int) -> httpx.Response:
    return ok({"results": [{"id": str(n), "email": f"c{n}@example.com"} for n in rows], "count": count})


def test_server_that_caps_the_page_is_read_to_its_end(server: Server) -> None:
    def capped(request: httpx.Request) -> httpx.Response:
        start, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        return contacts(list(range(300))[start : start + min(limit, 100)], 300)

    server.answers["GET"] = capped
    pages = server.read("contacts")
    assert [row.id for page in pages for row in page.records] == [str(n) for n in range(300)]
    assert {page.total for page in pages} == {300}


def test_server_that_counts_more_than_it_shows_does_not_hold_us_for_ever(server: Server) -> None:
    server.answers["GET"] = contacts([1, 2, 3], 1000)
    with pytest.raises(Malformed, match="counts more rows than it shows"):
        server.read("contacts")


@pytest.mark.parametrize(("rows", "calls"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2000, 2), (2500, 3)])
def test_quiet_list_costs_one_call_a_thousand_rows(server: Server, rows: int, calls: int) -> None:
    def page(request: httpx.Request) -> httpx.Response:
        start, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        return contacts(list(range(rows))[start : start + limit], rows)

    server.answers["GET"] = page
    assert sum(len(page.records) for page in server.read("contacts")) == rows
    assert len(server.asked) == calls


def test_row_of_unknown_shape_is_malformed(server: Server) -> None:
    server.answers["GET"] = ok({"results": [{"email": "no-id@example.com"}], "count": 1})
    with pytest.raises(Malformed):
        server.read("contacts")


def test_fields_of_a_config_of_its_own_become_custom_fields(server: Server) -> None:
    # the shape of a definition, and of the options of a drop-down field: bottlecrm 1.35.0, common/custom_fields.py
    made: list[Any] = []

    def make(request: httpx.Request) -> httpx.Response:
        made.append(orjson.loads(request.content))
        return httpx.Response(201, json={**made[-1], "id": str(len(made)), "is_active": True, "is_required": False})

    server.answers["GET"] = ok({"definitions": []})
    server.answers["POST"] = make
    fields = {
        f"custom_fields.smarksync_{one.name}": one
        for one in (
            Field("product", "enum", values=("scanner", "printer")), Field("waiting_for", "text", length=80), Field("essay", "text", length=4000),
            Field("seats", "int"), Field("partner", "bool"), Field("renewal", "date"), Field("interests", "set"),
        )
    }  # fmt: skip
    assert isinstance(server.connector, Defines)
    said = server.connector.define_fields("leads", fields)
    assert [(one["key"], one["field_type"], one["label"]) for one in made] == [
        ("smarksync_product", "dropdown", "Product"), ("smarksync_waiting_for", "text", "Waiting for"), ("smarksync_essay", "textarea", "Essay"),
        ("smarksync_seats", "number", "Seats"), ("smarksync_partner", "checkbox", "Partner"), ("smarksync_renewal", "date", "Renewal"),
    ]  # fmt: skip
    assert made[0]["options"] == [{"value": w, "label": w} for w in ("scanner", "printer")] and "options" not in made[1]
    assert {one["target_model"] for one in made} == {"Lead"}
    assert said[0] == "leads: custom_fields.smarksync_product was made (dropdown)."
    assert "smarksync_interests is none of the fields that SmarkSync makes" in said[-1] and "by hand" in said[-1]
