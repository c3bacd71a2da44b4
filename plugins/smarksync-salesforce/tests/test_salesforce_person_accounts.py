"""Person Accounts (vendors/crm.md 1.10, trap 4; Salesforce's API guide, person account record types)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from salesforce_org import Org
from smarksync_salesforce.simulator import Quirks, SalesforceSimulator

from smarksync.plugin import Op, WriteResult

FIELDS = ("LastName", "Email", "AccountId")


@pytest.fixture
def org() -> Iterator[Org]:
    with Org() as one:
        one.sim.stop()
        one.sim = SalesforceSimulator(people=0, now=one.clock.now, quirks=Quirks(person_accounts=True)).start()
        one.open()
        yield one


def test_a_human_is_read_as_a_person_without_a_company(org: Org) -> None:
    account = org.sim.add("Account", Name="Engines")
    worker = org.contact("Noyce", AccountId=account)
    _, human = org.sim.person_account(FirstName="Ada", LastName="Lovelace", Email="ada@lovelace.example")
    shown = {rid: row.fields for rid, row in org.read("Contact", fields=FIELDS).items()}
    assert shown[worker]["AccountId"] == account
    assert shown[human] == {"LastName": "Lovelace", "Email": "ada@lovelace.example", "AccountId": None}


def test_their_account_is_no_company(org: Org) -> None:
    company = org.sim.add("Account", Name="Ada Lovelace")
    own, _ = org.sim.person_account(FirstName="Ada", LastName="Lovelace")
    assert list(org.read("Account", fields=("Name",))) == [company]
    assert [row.id for row in org.connector.find("Account", "Name", ["Ada Lovelace"], fields=("Name",))] == [company]
    assert [row.id for row in org.connector.fetch("Account", [own, company], fields=("Name",))] == [company]


def test_a_company_for_a_human_is_refused_field_by_field_and_the_rest_is_written(org: Org) -> None:
    company = org.sim.add("Account", Name="Engines")
    own, human = org.sim.person_account(LastName="Lovelace")
    worker = org.contact("Noyce")
    first, second = org.write(
        Op.UPDATE, {"AccountId": company}, {"AccountId": company}, stream="Contact", ids=[human, worker]
    )
    assert (first.result, first.field, first.code) == (WriteResult.REJECTED, "AccountId", "SMK-REFUSED")
    assert "Person Account" in str(first.message) and second.result is WriteResult.UPDATED
    assert org.update(human, "Contact", Title="Countess").result is WriteResult.UPDATED
    row = org.sim.find("Contact", Id=human)
    assert (row["AccountId"], row["Title"]) == (own, "Countess")


def test_a_human_is_never_deleted_by_half(org: Org) -> None:
    _, human = org.sim.person_account(LastName="Lovelace")
    worker = org.contact("Noyce")
    first, second = org.write(Op.DELETE, {}, {}, stream="Contact", ids=[human, worker])
    assert (first.result, second.result) == (WriteResult.REJECTED, WriteResult.UPDATED)
    assert not org.sim.find("Contact", Id=human)["IsDeleted"], "and nobody asked Salesforce to"


def test_a_lead_that_became_a_human_brings_no_company(org: Org) -> None:
    lead = org.lead()
    _, cursor = org.gone("Lead", None)
    contact, account, _ = org.sim.convert(lead)
    for name, rid in (("Contact", contact), ("Account", account)):
        org.sim.store.tables[name][rid]["IsPersonAccount"] = True
    org.clock.move(60)
    (left,), _ = org.gone("Lead", cursor)
    assert (left.into, left.into_stream) == (contact, "Contact") and "Account" not in (left.also or {})


def test_orgs_without_them_are_asked_nothing_about_them() -> None:
    with Org() as org:
        org.contact("Noyce")
        org.read("Contact", fields=FIELDS)
        org.read("Account", fields=("Name",))
        org.update(org.contact(), "Contact", AccountId=org.sim.add("Account", Name="Engines"))
        assert len(org.asked("/query")) == 2 and not [call for call in org.sim.calls if "IsPersonAccount" in str(call)]
