"""The BottleCRM connector against a real server, with other people at work and answers that get lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from peers import Peer
from proxy import Proxy

from smarksync.errors import AuthFailed, Transient
from smarksync.kit.auth import HeaderToken
from smarksync.kit.session import OpenSession
from smarksync.model import Field
from smarksync.plugin import GoneKind, Op, Receipt, Write, WriteResult

bottle = pytest.importorskip("smarksync_bottlecrm")
_numbers = itertools.count()


class Crm:
    """An opened connector and people who use the same server."""

    def __init__(self, url: str, token: str) -> None:
        self.session = OpenSession("crm")
        settings = bottle.BottleCRMSettings(base_url=url, token=token)
        self.connector: Any = bottle.SPEC.open(settings, self.session)
        self._http = self.session.client(url, auth=HeaderToken(token))

    def people(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._http.request(method, path, json=body, accept=(400, 404)).json

    def write(self, stream: str, op: Op, rid: str | None = None, **fields: Any) -> Receipt:
        (receipt,) = self.connector.write(stream, [Write("r1", op, fields, rid)])
        assert isinstance(receipt, Receipt)
        return receipt

    def read(self, stream: str, *fields: str) -> dict[str, Mapping[str, Any]]:
        pages = self.connector.read(stream, cursor=None, until=None, fields=fields)
        return {row.id: row.fields for page in pages for row in page.records}


@pytest.fixture
def opened(bottlecrm: Peer) -> Iterator[Callable[..., Crm]]:
    made: list[Crm] = []

    def one(url: str = bottlecrm.url, token: str = bottlecrm.token) -> Crm:
        made.append(Crm(url, token))
        return made[-1]

    yield one
    for each in made:
        each.session.close()


@pytest.fixture
def crm(opened: Callable[..., Crm]) -> Crm:
    return opened()


def address() -> str:
    """One that no other test uses."""
    return f"person{next(_numbers)}@example.com"


def test_fields_of_a_config_of_its_own_are_made_written_and_read(crm: Crm) -> None:
    fields = {
        f"custom_fields.smarksync_{one.name}": one
        for one in (
            Field("product", "enum", values=("scanner", "printer")),
            Field("waiting_for", "text", length=80),
            Field("seats", "int"),
            Field("renewal", "date"),
        )
    }
    said = crm.connector.define_fields("leads", fields)
    assert all(" was made (" in text or text.endswith("is there already.") for text in said), said
    known = {info.name: info for info in crm.connector.describe("leads")}
    product = known["custom_fields.smarksync_product"]
    assert product.choices is not None and [one.value for one in product.choices] == ["scanner", "printer"]
    shown = {
        "custom_fields.smarksync_product": "printer", "custom_fields.smarksync_waiting_for": "budget",
        "custom_fields.smarksync_seats": 12, "custom_fields.smarksync_renewal": "2027-01-31",
    }  # fmt: skip
    made = crm.write("leads", Op.CREATE, email=address(), last_name="Lovelace", **shown)
    assert made.result is WriteResult.CREATED and made.id
    assert crm.read("leads", *shown)[made.id] == shown
    refused = crm.write("leads", Op.UPDATE, made.id, **{"custom_fields.smarksync_product": "toaster"})
    assert (refused.result, refused.field) == (WriteResult.REJECTED, "custom_fields.smarksync_product")


def test_create_update_find_delete(crm: Crm) -> None:
    email = address()
    made = crm.write("leads", Op.CREATE, first_name="Ada", last_name="Lovelace", email=email, country="GB")
    assert made.result is WriteResult.CREATED and made.id
    assert crm.read("leads", "title", "country")[made.id] == {"title": "Ada Lovelace", "country": "GB"}
    changed = crm.write("leads", Op.UPDATE, made.id, last_name="King", country=None)
    assert changed.stored == {"last_name": "King", "country": None}
    (found,) = crm.connector.find("leads", "email", [email.upper()], fields=["last_name"])
    assert (found.id, found.fields) == (made.id, {"last_name": "King"})
    assert crm.write("leads", Op.DELETE, made.id).result is WriteResult.UPDATED
    ((gone,),) = [page for page, _ in crm.connector.whereabouts("leads", [made.id])]
    assert (gone.id, gone.kind) == (made.id, GoneKind.DELETED)


def test_wrong_token(opened: Callable[..., Crm]) -> None:
    with pytest.raises(AuthFailed):
        opened(token="bcrm_pat_of_nobody").connector.check()


def test_custom_fields_are_made_written_and_found(crm: Crm) -> None:
    names = ["custom_fields.email_opt_out", "custom_fields.smarksync_id"]
    assert len(crm.connector.create_fields("leads", names)) == 2
    ours = {info.name for info in crm.connector.describe("leads") if info.custom}
    assert ours >= set(names)
    key = f"E{next(_numbers)}"
    fields = {"email": address(), "custom_fields.email_opt_out": True, "custom_fields.smarksync_id": key}
    (made,) = crm.connector.write("leads", [Write("r1", Op.CREATE, fields)])
    assert made.stored == fields
    (found,) = crm.connector.find("leads", "custom_fields.smarksync_id", [key], fields=names)
    assert found.id == made.id


def test_conversion_is_followed(crm: Crm) -> None:
    lead = crm.write("leads", Op.CREATE, first_name="Con", last_name="Verted", email=address()).id
    made = crm.people("PATCH", f"/api/leads/{lead}/", {"status": "converted"})
    ((gone,),) = [page for page, _ in crm.connector.whereabouts("leads", [lead])]
    assert (gone.kind, gone.into, gone.into_stream) == (GoneKind.CONVERTED, made["contact_id"], "contacts")
    assert gone.also == {"accounts": made["account_id"], "opportunities": made["opportunity_id"]}
    assert crm.write("leads", Op.UPDATE, lead, city="Bath").code == "SMK-CONVERTED"


def test_scan_while_others_insert_and_delete(
    crm: Crm, opened: Callable[..., Crm], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smarksync_bottlecrm import scan

    monkeypatch.setattr(scan, "PAGE", 5)
    monkeypatch.setattr(scan.scan, "__kwdefaults__", {"page": 5, "overlap": 2})
    stay = {
        str(crm.write("leads", Op.CREATE, email=address(), status=("assigned", "closed")[n % 2]).id) for n in range(30)
    }
    leave = [str(crm.write("leads", Op.CREATE, email=address()).id) for _ in range(15)]
    others = opened()
    done = threading.Event()

    def busy() -> None:
        for rid in leave:
            others.people("POST", "/api/leads/", {"title": "new", "email": address()})
            others.people("DELETE", f"/api/leads/{rid}/")
        done.set()

    thread = threading.Thread(target=busy)
    thread.start()
    scans = 0
    while True:
        last = done.is_set()
        shown = [
            row.id
            for page in crm.connector.read("leads", cursor=None, until=None, fields=["email"])
            for row in page.records
        ]
        assert stay <= set(shown)
        assert len(set(shown)) == len(shown)
        scans += 1
        if last:
            break
    thread.join()
    assert scans > 1
    assert not set(leave) & set(shown)


def test_create_whose_answer_is_lost_was_made_once_and_is_found(
    bottlecrm: Peer, opened: Callable[..., Crm], proxied: Callable[[str], Proxy]
) -> None:
    proxy = proxied(bottlecrm.url)
    crm = opened(url=proxy.url)
    email = address()
    proxy.drop_answer("POST", "/api/leads/")
    assert crm.write("leads", Op.CREATE, email=email).result is WriteResult.UNKNOWN
    assert [(call.method, call.status) for call in proxy.writes] == [("POST", 200)]
    (found,) = crm.connector.find("leads", "email", [email], fields=["email"])
    again = crm.write("leads", Op.CREATE, email=email)
    assert (again.code, again.duplicate_of) == ("SMK-DUPLICATE", (found.id,))


def test_update_whose_answer_is_lost_is_made(
    bottlecrm: Peer, opened: Callable[..., Crm], proxied: Callable[[str], Proxy]
) -> None:
    proxy = proxied(bottlecrm.url)
    crm = opened(url=proxy.url)
    rid = crm.write("leads", Op.CREATE, email=address()).id
    proxy.forget()
    proxy.drop_answer("PATCH")
    receipt = crm.write("leads", Op.UPDATE, rid, city="Bath")
    assert (receipt.result, receipt.stored) == (WriteResult.UPDATED, {"city": "Bath"})
    assert [call.method for call in proxy.writes] == ["PATCH", "PATCH"]


def test_server_that_is_down_is_transient_and_its_data_is_there_afterwards(bottlecrm: Peer, crm: Crm) -> None:
    rid = crm.write("leads", Op.CREATE, email=address()).id
    bottlecrm.stop()
    with pytest.raises(Transient):
        crm.read("leads", "email")
    bottlecrm.restart()
    assert rid in crm.read("leads", "email")


def test_edit_by_people_between_our_look_and_our_write_stays(
    bottlecrm: Peer, opened: Callable[..., Crm], proxied: Callable[[str], Proxy]
) -> None:
    """Only the fields that changed are sent, so an edit of another field stands, and is not taken for our echo."""
    proxy = proxied(bottlecrm.url)
    crm, people = opened(url=proxy.url), opened()
    rid = crm.write("leads", Op.CREATE, first_name="Ada", email=address(), city="London").id
    held = proxy.hold_request("PATCH")
    receipts: list[Receipt] = []
    writer = threading.Thread(target=lambda: receipts.append(crm.write("leads", Op.UPDATE, rid, first_name="Augusta")))
    writer.start()
    assert held.arrived.wait(30)
    people.people("PATCH", f"/api/leads/{rid}/", {"city": "Bath"})
    held.release()
    writer.join()
    assert receipts[0].stored == {"first_name": "Augusta"}
    assert crm.read("leads", "first_name", "city")[str(rid)] == {"first_name": "Augusta", "city": "Bath"}
