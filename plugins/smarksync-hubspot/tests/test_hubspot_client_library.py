"""HubSpot's own client library against the simulated account: an independent caller, with the vendor's own models.

What its generated models cannot read, and what its paths and query names differ in, would be a misunderstanding that
the connector and the simulator share.
"""

from __future__ import annotations

from typing import Any

import pytest
from hubspot import HubSpot as Library
from hubspot.crm.associations.v4 import BatchInputPublicAssociationMultiPost, PublicAssociationMultiPost
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.properties import PropertyCreate, PropertyGroupCreate
from hubspot_account import Account
from smarksync_hubspot.properties import definition


@pytest.fixture
def library(hub: Account) -> Library:
    return Library(access_token=hub.sim.access_token, host=hub.sim.url)


def test_contacts_are_listed_page_by_page(hub: Account, library: Library) -> None:
    page = library.crm.contacts.basic_api.get_page(
        limit=10, properties=["email", "lifecyclestage"], associations=["companies"]
    )
    assert len(page.results) == 10 and page.paging.next.after
    everybody = library.crm.contacts.get_all(properties=["email"])
    assert {one.id for one in everybody} == set(hub.sim.rows())
    assert everybody[0].properties["email"] and everybody[0].updated_at.tzinfo is not None


def test_one_contact_is_made_read_changed_and_archived(hub: Account, library: Library) -> None:
    api = library.crm.contacts.basic_api
    made = api.create(SimplePublicObjectInputForCreate(properties={"email": "Lib@acme.example"}, associations=[]))
    assert made.properties["email"] == "lib@acme.example"
    assert api.get_by_id("lib@acme.example", id_property="email").id == made.id
    changed = api.update(made.id, SimplePublicObjectInput(properties={"jobtitle": "CFO"}))
    assert changed.properties["jobtitle"] == "CFO"
    api.archive(made.id)
    with pytest.raises(ApiException) as gone:
        api.get_by_id(made.id)
    assert gone.value.status == 404
    assert api.get_by_id(made.id, archived=True).archived


def test_a_duplicate_is_a_conflict(hub: Account, library: Library) -> None:
    held = next(iter(hub.sim.rows().values()))
    with pytest.raises(ApiException) as conflict:
        library.crm.contacts.basic_api.create(
            SimplePublicObjectInputForCreate(properties={"email": str(held.properties["email"])}, associations=[])
        )
    assert conflict.value.status == 409 and f"Existing ID: {held.id}" in conflict.value.body


def test_batches_come_back_whole_or_in_parts(hub: Account, library: Library) -> None:
    api = library.crm.contacts.batch_api
    inputs: list[dict[str, Any]] = [
        {"properties": {"email": email}, "associations": [], "objectWriteTraceId": str(place)}
        for place, email in enumerate(("a@acme.example", "no address", "b@acme.example"))
    ]
    mixed = api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert len(mixed.results) == 2 and mixed.num_errors == 1
    assert mixed.errors[0].context["objectWriteTraceId"] == ["1"] and mixed.errors[0].category == "VALIDATION_ERROR"
    one = mixed.results[0].id
    read = api.read(
        BatchReadInputSimplePublicObjectId(
            properties=["email"], properties_with_history=["email"], inputs=[{"id": one}, {"id": "1"}]
        )
    )
    assert [result.id for result in read.results] == [one] and read.errors[0].category == "OBJECT_NOT_FOUND"
    assert read.results[0].properties_with_history["email"][0].source_type == "INTEGRATION"
    upserted = api.upsert(
        BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[{"id": "e1", "idProperty": "smarksync_id", "properties": {"email": "c@acme.example"}}]
        )
    )
    assert upserted.results[0].new is True
    updated = api.update(
        BatchInputSimplePublicObjectBatchInput(inputs=[{"id": one, "properties": {"jobtitle": "CFO"}}])
    )
    assert updated.results[0].properties["jobtitle"] == "CFO"
    api.archive(BatchInputSimplePublicObjectId(inputs=[{"id": one}]))
    assert one not in hub.sim.rows()


def test_search_filters_sorts_and_pages(hub: Account, library: Library) -> None:
    request = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"}]}],
        sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
        properties=["email"],
        limit=5,
        after="0",
    )
    found = library.crm.contacts.search_api.do_search(public_object_search_request=request)
    assert found.total == len(hub.sim.rows()) and len(found.results) == 5 and found.paging.next.after == "5"
    assert [one.updated_at for one in found.results] == sorted(one.updated_at for one in found.results)


def test_a_merge_answers_with_who_remains(hub: Account, library: Library) -> None:
    one, two = sorted(hub.sim.rows())[:2]
    remains = library.crm.contacts.basic_api.merge(PublicMergeInput(primary_object_id=one, object_id_to_merge=two))
    assert remains.id in hub.sim.rows() and library.crm.contacts.basic_api.get_by_id(two).id == remains.id


def test_properties_are_described_and_made(hub: Account, library: Library) -> None:
    api = library.crm.properties
    known = {one.name: one for one in api.core_api.get_all("contacts").results}
    assert known["email"].type == "string" and known["hs_email_optout"].modification_metadata.read_only_value
    assert known["smarksync_id"].has_unique_value
    api.groups_api.create("deals", PropertyGroupCreate(name="smarksync_more", label="More"))
    # the definitions that `check --fix` sends pass the library's own checks
    made = definition("contacts", "smarksync_handoff_state")
    assert made is not None
    assert PropertyCreate(
        name=made["name"], label=made["label"], type=made["type"], field_type=made["fieldType"],
        group_name=made["groupName"], has_unique_value=made["hasUniqueValue"], options=made["options"],
    ).type == "enumeration"  # fmt: skip


def test_pipelines_owners_and_associations(hub: Account, library: Library) -> None:
    stages = library.crm.pipelines.pipelines_api.get_all("deals").results[0].stages
    assert {one.id for one in stages if one.metadata["isClosed"] == "true"} == {"closedwon", "closedlost"}
    owners = library.crm.owners.get_all()
    assert {one.id for one in owners} == hub.sim.owner_ids() and owners[0].teams
    contact, company = sorted(hub.sim.rows())[0], sorted(hub.sim.rows("companies"))[0]
    made = library.crm.associations.v4.batch_api.create(
        "contacts",
        "companies",
        BatchInputPublicAssociationMultiPost(
            inputs=[
                PublicAssociationMultiPost(
                    types=[{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}],
                    _from={"id": contact},
                    to={"id": company},
                )
            ]
        ),
    )
    assert str(made.results[0].to_object_id) == company
    read = library.crm.associations.v4.basic_api.get_page("contacts", contact, "companies")
    types = {str(one.to_object_id): {kind.type_id for kind in one.association_types} for one in read.results}
    assert types.pop(company) == {1, 279} and all(others == {279} for others in types.values())
    assert hub.sim.rows()[contact].properties["associatedcompanyid"] == company


def test_a_refused_token_and_a_limit_have_the_libraries_statuses(hub: Account) -> None:
    with pytest.raises(ApiException) as refused:
        Library(access_token="wrong", host=hub.sim.url).crm.contacts.basic_api.get_page()
    assert refused.value.status == 401
    hub.sim.daily_left = 0
    with pytest.raises(ApiException) as limited:
        Library(access_token=hub.sim.access_token, host=hub.sim.url).crm.contacts.basic_api.get_page()
    assert limited.value.status == 429
